package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"whorl/train"
)

// report writes tuning.md: what was chosen, why, and by how much.
func (t *tuning) report(w io.Writer) error {
	shown := []*evaluation{&t.tried[0]}
	names := []string{"start"}
	if t.chosen.rival > 0 {
		e := &t.tried[t.chosen.rival]
		shown, names = append(shown, e), append(names, fmt.Sprintf("setting %d", e.Number))
	}
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	table := func(heads ...string) {
		b.WriteString("\n")
		row(heads...)
		row(slices.Repeat([]string{"---"}, len(heads))...)
	}
	each := func(of func(e *evaluation) string) (cells []string) {
		for _, e := range shown {
			cells = append(cells, of(e))
		}
		return cells
	}

	fmt.Fprintf(&b, "# Tuning\n\n%s\n", t.sentence())
	table(append([]string{"key"}, names...)...)
	for i := range searchSpace {
		key := searchSpace[i].key
		row(append([]string{key}, each(func(e *evaluation) string { return number(e.Settings[key]) })...)...)
	}
	row(append([]string{"rounds kept"}, each(func(e *evaluation) string { return fmt.Sprint(e.Rounds) })...)...)

	b.WriteString("\nLoss of the first try on pairs that the fit did not see, of each platform and of those that count, each alike:\n")
	heads := []string{"platform"}
	for _, measure := range []string{"log loss", "uncertainty left"} {
		for _, name := range names {
			heads = append(heads, measure+", "+name)
		}
	}
	table(append(heads, "counts")...)
	for i, p := range shown[0].Platforms {
		counts := "yes"
		if !p.Counted {
			counts = "no: too few pairs"
		}
		cells := append([]string{p.Platform}, each(func(e *evaluation) string { return figure(e.Platforms[i].LogLoss) })...)
		cells = append(cells, each(func(e *evaluation) string { return figure(e.Platforms[i].Left) })...)
		row(append(cells, counts)...)
	}
	mean := append([]string{"mean"}, make([]string, len(shown))...)
	row(append(append(mean, each(func(e *evaluation) string { return figure(e.Loss) })...), "")...)
	b.WriteString(`
"Uncertainty left" is the calibrated log loss over that of who knows only how common positives are: 0 is perfect, 1 no
use. What the best of several gains at first is flattered by the choice. The scorer of pairs alone was judged, on
training data: only "whorl train" under each of the two settings, on golden datasets, tells what the choice is worth.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// sentence says which setting was chosen, by how much and by which rule.
func (t *tuning) sentence() string {
	others, v := len(t.tried)-1, t.chosen
	switch {
	case others == 0:
		return "Nothing but the start was tried, and config.yaml holds it: give --evaluations 2 or more to search."
	case v.rival == 0:
		return fmt.Sprintf("The start was kept: none of %d other settings can be compared with it, as they mine too little.", others)
	}
	e := &t.tried[v.rival]
	first := changes(e.gain())
	rule := fmt.Sprintf("To win, a setting has to be ahead by %.2f standard errors: by one, raised for the luck of the best of %d and for how few organisations there are; and by %g at least.", v.bar, others, leastGain)
	switch {
	case v.wins:
		return fmt.Sprintf("Setting %d was chosen: tried again under %d other seeds, as the start was, it %s; at first it %s. %s", e.Number, redraws, changes(v.again), first, rule)
	case v.ahead:
		return fmt.Sprintf("The start was kept: setting %d was ahead beyond noise at first, but tried again under %d other seeds, as the start was, it %s; at first it %s. %s", e.Number, redraws, changes(v.again), first, rule)
	case e.Gain > 0:
		return fmt.Sprintf("The start was kept: setting %d, the best of %d others, %s, which is not enough. %s", e.Number, others, first, rule)
	}
	return fmt.Sprintf("The start was kept: setting %d, the best of %d others, %s. %s", e.Number, others, first, rule)
}

// changes says what a gain does to the loss.
func changes(g train.Gain) string {
	verb, by := "lowers", g.Mean
	if by < 0 {
		verb, by = "raises", -by
	}
	text := fmt.Sprintf("%s the loss by %.5f ± %.5f", verb, by, g.Error)
	if g.Error > 0 {
		text += fmt.Sprintf(" (%.2f standard errors)", by/g.Error)
	}
	return text
}

func figure(v float64) string { return fmt.Sprintf("%.5f", v) }

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
