package datasets

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the verification for people. Names that come from the data
// are quoted where they could carry control characters.
func (v *Verification) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	what := "export"
	if v.Golden {
		what = "golden dataset"
	}
	if v.Dataset != "" {
		row(what, printable(v.Dataset+map[bool]string{true: " " + v.Version}[v.Golden]))
	}
	if v.LedgerHead != "" {
		row("ledger", fmt.Sprintf("%s, %d entries, head %s", printable(v.LedgerID), v.LedgerEntries, v.LedgerHead))
	}
	for _, f := range v.Files {
		text := fmt.Sprintf("%d %s rows, %d bytes", f.Rows, f.Role, f.Bytes)
		if f.Lists != "" {
			text += ", " + f.Lists + " lists"
		}
		if len(f.Absent) > 0 {
			text += fmt.Sprintf(", without %d optional columns", len(f.Absent))
		}
		row("file "+f.Path, text)
	}
	row("read", fmt.Sprintf("%d events, %d labels, %d pairs", v.Rows, v.Labels, v.Pairs))
	if v.Purpose != "" {
		row("allowed for "+string(v.Purpose), v.Allowed)
		for _, reason := range reasons {
			if n := v.Denied[reason]; n > 0 {
				row("denied "+string(reason), n)
			}
		}
	}
	for _, o := range v.Overlaps {
		row("golden "+printable(o.Dataset+" "+o.Version), fmt.Sprintf("%d equal ids, %d equal projects, %d events of equal content under other ids",
			len(o.EventIDs), len(o.Projects), o.EqualContent))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, k := range kinds {
		n := v.Counts[k.kind]
		if n == 0 {
			continue
		}
		word := "warning"
		if k.isErr {
			word = "error"
		}
		told := 0
		for _, f := range v.Findings {
			if f.Kind != k.kind {
				continue
			}
			told++
			at := ""
			switch {
			case f.Row > 0:
				at = fmt.Sprintf("%s, row %d: ", f.File, f.Row)
			case f.File != "":
				at = f.File + ": "
			}
			if _, err := fmt.Fprintf(w, "%s  %s  %s%s\n", word, k.kind, at, oneLine(f.Text)); err != nil {
				return err
			}
		}
		if more := n - int64(told); more > 0 && k.kind != EventWithoutLabel && k.kind != EqualContent {
			fmt.Fprintf(w, "%s  %s  and %d more\n", word, k.kind, more)
		}
	}
	_, err := fmt.Fprintf(w, "%d errors, %d warnings\n", v.Errors, v.Warnings)
	return err
}

// oneLine replaces what could forge further lines or move the cursor.
func oneLine(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			out[i] = ' '
		}
	}
	return string(out)
}
