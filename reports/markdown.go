package reports

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineBreak separates the lines of a table cell; GitHub renders it, and data
// cannot hold it because escapeMarkdown writes < as an entity.
const lineBreak = "<br>"

func writeMarkdown(p page) ([]byte, error) {
	var b bytes.Buffer
	m := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	e := escapeMarkdown

	m("# %s\n", e(p.Title))
	for _, v := range p.Models {
		m("\n- **%s**: model %s (sha256 %s), feature schema %s, judged by %s. %s.\n", e(v.Label), e(v.Version), e(v.Digest), e(v.Schema), e(v.Tool), e(v.Settings))
		markdownWarnings(&b, v.Warnings)
	}
	m("\n## %s\n", e(p.Glance.Title))
	if p.Glance.Empty() {
		m("\nThe result holds no golden dataset.\n")
	}
	markdownTable(&b, p.Glance)
	if c := p.Comparison; c != nil {
		m("\n## Comparison\n\n%s\n", e(c.Lead))
		markdownNotes(&b, c.Notes)
		for _, t := range c.Tables {
			m("\n### %s\n", e(t.Title))
			markdownTable(&b, t)
		}
	}
	for _, d := range p.Datasets {
		m("\n## %s %s", e(d.Name), e(d.Version))
		if d.Model != "" {
			m(" (%s)", e(d.Model))
		}
		m("\n\n**%s.**\n\n%s\n", e(d.Verdict.Badge), e(d.Facts))
		markdownWarnings(&b, d.Warnings)
		for _, s := range d.Verdict.Sentences {
			m("\n%s\n", e(s))
		}
		for _, t := range d.Headline {
			m("\n### %s\n", e(t.Title))
			markdownTable(&b, t)
		}
		markdownNotes(&b, d.Absent)
		if !d.Points.Empty() {
			m("\n### %s\n", e(d.Points.Title))
			markdownTable(&b, d.Points)
		}
		for _, t := range d.Slices {
			m("\n### %s\n", e(t.Title))
			markdownTable(&b, t)
		}
	}
	m("\n## Training\n")
	for _, t := range p.Training {
		if t.Model != "" {
			m("\n### %s\n", e(t.Model))
		}
		if t.Nothing {
			m("\nThe result holds no training summary: it comes from an evaluation alone.\n")
			continue
		}
		m("\n%s\n", e(t.Lead))
		for _, table := range t.Tables {
			markdownTable(&b, table)
		}
	}
	m("\n## How to read the figures\n\n%s\n\n", e("Square brackets hold the 95 % interval from a bootstrap that resamples whole projects (or groups, where a dataset has fewer than five projects). Below a baseline's figure stands the model's difference from it, on the same resamples: ▲ the model is better, ▼ it is worse, ~ the interval holds 0, so the data do not show which is better, ≠ they differ in a figure without a direction. Percentages differ in points (pp). A figure is bold only where it is best by a real difference. "+missing+" means that the result holds no such figure."))
	for _, g := range p.Glossary {
		m("- **%s** (`%s`, %s): %s\n", e(g.Term), g.ID, g.Direction, e(g.Meaning))
	}
	m("\n## Provenance\n")
	for _, t := range p.Provenance {
		m("\n### %s\n", e(t.Title))
		markdownTable(&b, t)
	}
	return b.Bytes(), nil
}

func markdownWarnings(b *bytes.Buffer, warnings []warning) {
	for _, w := range warnings {
		fmt.Fprintf(b, "\n> **Warning** (%s): %s\n", escapeMarkdown(w.Code), escapeMarkdown(w.Text))
	}
}

func markdownNotes(b *bytes.Buffer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(n))
	}
}

// markdownTable writes a table with its caption before and its notes after it;
// nothing at all for an empty one.
func markdownTable(b *bytes.Buffer, t table) {
	if t.Empty() {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n| %s |", escapeMarkdown(t.Caption), escapeMarkdown(t.Corner))
	for _, c := range t.Columns {
		b.WriteString(" " + joinLines(escapeMarkdown(c.Label), escapeMarkdown(c.Note), escapeMarkdown(c.Count)) + " |")
	}
	b.WriteString("\n| --- |")
	for _, c := range t.Columns {
		if c.Words {
			b.WriteString(" --- |")
		} else {
			b.WriteString(" ---: |")
		}
	}
	b.WriteString("\n")
	for _, g := range t.Groups {
		if g.Label != "" {
			b.WriteString("| **" + escapeMarkdown(g.Label) + "** |" + strings.Repeat(" |", len(t.Columns)) + "\n")
		}
		for _, r := range g.Rows {
			head := escapeMarkdown(r.Head)
			if r.Model {
				head = "**" + head + "**"
			}
			b.WriteString("| " + joinLines(head, escapeMarkdown(r.Note)) + " |")
			for _, c := range r.Cells {
				b.WriteString(" " + markdownCell(c) + " |")
			}
			b.WriteString("\n")
		}
	}
	markdownNotes(b, t.Notes)
}

func markdownCell(c cell) string {
	value := escapeMarkdown(c.Value)
	if c.Best {
		value = "**" + value + "**"
	}
	if c.Range != "" {
		value += " " + escapeMarkdown(c.Range)
	}
	delta := ""
	if c.Delta != "" {
		delta = escapeMarkdown(strings.Join(strings.Fields(c.Mark.Symbol()+" "+c.Verdict+" "+c.Delta+" "+c.Apart), " "))
	}
	return joinLines(value, escapeMarkdown(c.Against), delta)
}

// joinLines joins what is not empty as the lines of a cell.
func joinLines(parts ...string) string {
	var lines []string
	for _, p := range parts {
		if p != "" {
			lines = append(lines, p)
		}
	}
	return strings.Join(lines, lineBreak)
}

var (
	markdownSpecial = strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "|", `\|`, "~", `\~`, "$", `\$`, "#", `\#`, "!", `\!`,
		"&", "&amp;", "<", "&lt;", ">", "&gt;",
		"://", `\://`, // GitHub makes links of bare addresses
		// A bracket means something only in a link, a definition or a footnote, and
		// intervals are easier to read in the source without escapes.
		"](", `\](`, "][", `\][`, "]:", `\]:`, "[^", `\[^`,
	)
	markdownWWW    = regexp.MustCompile(`(?i)\bwww\.`)
	markdownMarker = regexp.MustCompile(`^([-+=]|\d+[.)](\s|$))`)
	markdownUnder  = regexp.MustCompile(`_+`)
)

// escapeMarkdown makes s plain text in GitHub-flavoured Markdown, in a
// paragraph, a heading and a table cell alike. s holds no line break.
func escapeMarkdown(s string) string {
	s = markdownSpecial.Replace(s)
	s = markdownWWW.ReplaceAllStringFunc(s, func(w string) string { return w[:3] + `\.` })
	s = escapeUnderscores(s)
	return markdownMarker.ReplaceAllStringFunc(s, func(marker string) string {
		if i := strings.IndexAny(marker, ".)"); i >= 0 {
			return marker[:i] + `\` + marker[i:]
		}
		return `\` + marker
	})
}

// escapeUnderscores leaves underscores inside a word as they are: they are
// plain in this dialect, and names of metrics and reasons stay legible.
func escapeUnderscores(s string) string {
	var b strings.Builder
	end := 0
	for _, run := range markdownUnder.FindAllStringIndex(s, -1) {
		b.WriteString(s[end:run[0]])
		before, _ := utf8.DecodeLastRuneInString(s[:run[0]])
		after, _ := utf8.DecodeRuneInString(s[run[1]:])
		if wordRune(before) && wordRune(after) {
			b.WriteString(s[run[0]:run[1]])
		} else {
			b.WriteString(strings.Repeat(`\_`, run[1]-run[0]))
		}
		end = run[1]
	}
	return b.String() + s[end:]
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
