package reports

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

func writeText(p page) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", p.Title)
	for _, m := range p.Models {
		fmt.Fprintf(&b, "%s: sha256 %s, judged by %s\n", m.Label, m.Digest, m.Tool)
		textWarnings(&b, m.Warnings)
	}
	compared := false
	for _, d := range p.Datasets {
		fmt.Fprintf(&b, "\n%s %s", d.Name, d.Version)
		if d.Model != "" {
			fmt.Fprintf(&b, " (%s)", d.Model)
		}
		fmt.Fprintf(&b, ": %s\n  %s\n", d.Verdict.Badge, d.Facts)
		lines := [][]string{{""}}
		for _, h := range d.Headers {
			lines[0] = append(lines[0], h.Label)
		}
		for _, r := range d.Summary {
			lines = append(lines, append([]string{r.Scorer}, r.Cells[:]...))
			compared = true
		}
		textColumns(&b, lines)
		textWarnings(&b, d.Warnings)
	}
	if c := p.Comparison; c != nil {
		for _, n := range c.Notes {
			fmt.Fprintf(&b, "\nnote: %s\n", n)
		}
	}
	if compared {
		b.WriteString("\nAfter a baseline's figure: + the model is better, - it is worse, ~ the interval of the difference holds 0.\n")
	}
	return b.Bytes(), nil
}

func textWarnings(b *bytes.Buffer, warnings []warning) {
	for _, w := range warnings {
		fmt.Fprintf(b, "  warning: %s (%s)\n", w.Text, w.Code)
	}
}

// textColumns writes lines of cells, each column as wide as its widest cell.
// A character counts as one place.
func textColumns(b *bytes.Buffer, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, c := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range lines {
		var row strings.Builder
		for i, c := range line {
			row.WriteString("  " + c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)))
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
}
