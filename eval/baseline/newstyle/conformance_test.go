package newstyle

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whorl/features"
	"whorl/features/rules"
)

// Counts reached so far; they may only grow.
const (
	leastInputs    = 112
	leastFunctions = 23
)

// payload is the part of a tracker's event that the tests convert.
type payload struct {
	Platform   string          `json:"platform"`
	Exception  json.RawMessage `json:"exception"`
	Stacktrace *payloadTrace   `json:"stacktrace"`
	Threads    json.RawMessage `json:"threads"`
	Template   json.RawMessage `json:"template"`
	CSP        json.RawMessage `json:"csp"`
	Logentry   *payloadMessage `json:"logentry"`
	Message    json.RawMessage `json:"message"`
	Prints     []string        `json:"fingerprint"`
	Grouping   struct {
		Enhancements string `json:"enhancements"`
	} `json:"_grouping"`
}

type payloadMessage struct {
	Message   string `json:"message"`
	Formatted string `json:"formatted"`
}

type payloadTrace struct {
	Frames []payloadFrame `json:"frames"`
}

type payloadFrame struct {
	Function string         `json:"function"`
	Raw      string         `json:"raw_function"`
	Module   string         `json:"module"`
	Package  string         `json:"package"`
	Filename string         `json:"filename"`
	AbsPath  string         `json:"abs_path"`
	Context  string         `json:"context_line"`
	Platform string         `json:"platform"`
	Line     int32          `json:"lineno"`
	Column   int32          `json:"colno"`
	InApp    *bool          `json:"in_app"`
	Data     map[string]any `json:"data"`
}

type payloadException struct {
	Type       string          `json:"type"`
	Value      json.RawMessage `json:"value"`
	Stacktrace *payloadTrace   `json:"stacktrace"`
	Mechanism  *struct {
		Type      string `json:"type"`
		Synthetic bool   `json:"synthetic"`
		Meta      struct {
			NSError json.RawMessage `json:"ns_error"`
		} `json:"meta"`
	} `json:"mechanism"`
}

// convert turns a payload into an Event and says what it had to leave out that
// the published rules would have looked at.
func convert(t *testing.T, data []byte) (*features.Event, string, []string) {
	t.Helper()
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	lost := map[string]bool{}
	e := &features.Event{Platform: cmp.Or(p.Platform, "other")}
	if p.Logentry != nil {
		e.Message = cmp.Or(p.Logentry.Message, p.Logentry.Formatted)
	}
	var list struct {
		Values []payloadException `json:"values"`
	}
	switch {
	case len(p.Exception) == 0:
	case p.Exception[0] == '[':
		if err := json.Unmarshal(p.Exception, &list.Values); err != nil {
			t.Fatal(err)
		}
	default:
		if err := json.Unmarshal(p.Exception, &list); err != nil {
			t.Fatal(err)
		}
		if list.Values == nil {
			var one payloadException
			if err := json.Unmarshal(p.Exception, &one); err != nil {
				t.Fatal(err)
			}
			list.Values = []payloadException{one}
		}
	}
	if p.Stacktrace != nil {
		if len(list.Values) == 0 {
			list.Values = []payloadException{{}}
		}
		if list.Values[0].Stacktrace == nil {
			list.Values[0].Stacktrace = p.Stacktrace
		}
	}
	if len(list.Values) == 0 && len(p.Threads) > 0 {
		// The stack of the one thread that stands for the event, as importers
		// take it.
		var threads struct {
			Values []struct {
				Crashed    bool          `json:"crashed"`
				Stacktrace *payloadTrace `json:"stacktrace"`
			} `json:"values"`
		}
		if err := json.Unmarshal(p.Threads, &threads); err == nil {
			for _, th := range threads.Values {
				if (th.Crashed || len(threads.Values) == 1) && th.Stacktrace != nil {
					list.Values = []payloadException{{Stacktrace: th.Stacktrace}}
				}
			}
		}
	}
	for _, x := range list.Values {
		out := features.Exception{Type: x.Type}
		if err := json.Unmarshal(x.Value, &out.Value); err != nil {
			out.Value = ""
		}
		if m := x.Mechanism; m != nil {
			out.Mechanism = m.Type
			if m.Synthetic && !syntheticMechanisms[m.Type] {
				lost["synthetic mark"] = true
			}
			if len(m.Meta.NSError) > 0 {
				lost["NSError"] = true
			}
		}
		if x.Stacktrace != nil {
			for _, f := range x.Stacktrace.Frames {
				function := f.Function
				if f.Raw != "" && e.Platform == "csharp" {
					function = f.Raw
				}
				frame := features.Frame{
					Function: function, Module: f.Module, Filename: f.Filename, AbsPath: f.AbsPath,
					ContextLine: f.Context, Line: f.Line, Column: f.Column, Package: f.Package,
				}
				if f.InApp != nil {
					frame.InApp = features.No
					if *f.InApp {
						frame.InApp = features.Yes
					}
				}
				if f.Platform != "" && f.Platform != e.Platform {
					lost["frame platform"] = true
				}
				if f.Data["sourcemap"] != nil {
					lost["source map mark"] = true
				}
				out.Frames = append(out.Frames, frame)
			}
		}
		e.Exceptions = append(e.Exceptions, out)
	}
	for name, part := range map[string]json.RawMessage{"threads": p.Threads, "template": p.Template, "security report": p.CSP} {
		if len(part) > 0 && len(list.Values) == 0 {
			lost[name] = true
		}
	}
	for _, print := range p.Prints {
		if strings.Trim(print, "{} ") != "default" {
			lost["custom fingerprint"] = true
		}
	}
	return e, p.Grouping.Enhancements, slices.Sorted(maps.Keys(lost))
}

func conformance(t *testing.T) string {
	dir := os.Getenv("WHORL_CONFORMANCE")
	if dir == "" {
		t.Skip("WHORL_CONFORMANCE is not set: the published grouping cases were not checked")
	}
	return dir
}

// TestPublishedHashes compares hashes with those of the tracker's own tests.
func TestPublishedHashes(t *testing.T) {
	dir := conformance(t)
	want := map[string][]string{} // contributing hashes by input
	table, err := os.ReadFile(filepath.Join(dir, "hash_variants.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if cells[0] != "newstyle@2023_01_11" {
			continue
		}
		input := cells[1]
		if want[input] == nil {
			want[input] = []string{} // every variant may be one that does not contribute
		}
		if cells[4] == "1" && cells[3] != "fallback" {
			want[input] = append(want[input], cells[5])
		}
	}
	preimages := readPreimages(t, filepath.Join(dir, "hash_preimages.jsonl"))

	reached, byReason := 0, map[string][]string{}
	for _, input := range slices.Sorted(maps.Keys(want)) {
		data, err := os.ReadFile(filepath.Join(dir, "grouping_inputs", input+".json"))
		if err != nil {
			t.Fatal(err)
		}
		e, rules, lost := convert(t, data)
		config := DefaultConfig()
		if rules != "" {
			if config, err = config.With(rules); err != nil {
				t.Errorf("%s: %v", input, err)
				continue
			}
		}
		var got []string
		variants := config.Variants(e)
		for i := range variants {
			got = append(got, variants[i].MD5())
		}
		slices.Sort(got)
		slices.Sort(want[input])
		if slices.Equal(got, want[input]) {
			reached++
			continue
		}
		reason := "not in the export schema: " + strings.Join(lost, ", ")
		if len(lost) == 0 {
			reason = "rules that were left out"
		}
		byReason[reason] = append(byReason[reason], input)
		if testing.Verbose() {
			for _, v := range variants {
				t.Logf("%s %s: %s", input, v.Name, firstDifference(v.Leaves, preimages[input+"/"+v.Name]))
			}
			if len(variants) == 0 {
				t.Logf("%s: no variant, want %d", input, len(want[input]))
			}
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		t.Logf("%d inputs differ, %s: %s", len(byReason[reason]), reason, strings.Join(byReason[reason], " "))
	}
	t.Logf("%d of %d inputs have the published hashes", reached, len(want))
	if reached < leastInputs {
		t.Errorf("%d inputs have the published hashes, %d had before", reached, leastInputs)
	}
}

func readPreimages(t *testing.T, name string) map[string][]Leaf {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]Leaf{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var p struct {
			Input, Variant string
			Values         [][2]any
		}
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		for _, v := range p.Values {
			all[p.Input+"/"+p.Variant] = append(all[p.Input+"/"+p.Variant], Leaf{fmt.Sprint(v[0]), fmt.Sprint(v[1])})
		}
	}
	return all
}

func firstDifference(got, want []Leaf) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("leaf %d of %d is missing: %q", i, len(want), want[i])
		case i >= len(want):
			return fmt.Sprintf("leaf %d is not among the %d: %q", i, len(want), got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("leaf %d of %d is %q, want %q", i, len(want), got[i], want[i])
		}
	}
	return "equal"
}

// TestPublishedFunctions compares trimmed names with the tracker's own tests.
func TestPublishedFunctions(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(conformance(t), "function_trim_cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	reached, all := 0, -1 // the first line is the header
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if all++; all == 0 {
			continue
		}
		if got := rules.TrimFunction(cells[0], cells[1]); got == cells[2] {
			reached++
		} else {
			t.Logf("%s %q is %q, want %q", cells[0], cells[1], got, cells[2])
		}
	}
	t.Logf("%d of %d functions are trimmed as published", reached, all)
	if reached < leastFunctions {
		t.Errorf("%d functions are trimmed as published, %d were before", reached, leastFunctions)
	}
}

// TestPublishedInApp compares the in-app marks of the built-in rules with the
// tracker's own tests. Rows of rules that came later than this rule set are
// passed over.
func TestPublishedInApp(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(conformance(t), "in_app_cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	reached, passed := 0, 0
	for i, row := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		cells := strings.Split(row, "\t")
		if i == 0 {
			continue
		}
		var f payloadFrame
		if err := json.Unmarshal([]byte(cells[1]), &f); err != nil {
			t.Fatalf("row %d: %v", i+1, err)
		}
		if strings.HasSuffix(cells[3], "-newer") {
			passed++
			continue
		}
		frame := features.Frame{Function: f.Function, Module: f.Module, Filename: f.Filename, AbsPath: f.AbsPath}
		if f.InApp != nil {
			if frame.InApp = features.No; *f.InApp {
				frame.InApp = features.Yes
			}
		}
		tr := newTrace(cells[0], newException(&features.Exception{Frames: []features.Frame{frame}}))
		DefaultConfig().settle(tr)
		if got := fmt.Sprint(tr.ruled.Frames[0].InApp); got != cells[2] { // what no rule marks is not the application's
			t.Errorf("row %d: %s is %s, want %s", i+1, cells[1], got, cells[2])
			continue
		}
		reached++
	}
	if reached == 0 {
		t.Error("no row was checked")
	}
	t.Logf("%d rows as published, %d passed over", reached, passed)
}
