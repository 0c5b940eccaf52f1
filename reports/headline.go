package reports

import (
	"fmt"
	"math"

	"whorl/eval/result"
)

// figure looks c up for a scorer.
func (s *source) figure(d *result.Dataset, scorer string, c column) (result.Figure, bool) {
	return s.index.Figure(d.Name, c.protocol, scorer, c.slice, c.metric.id)
}

// defined returns the figure's value; false where it is absent or undefined.
func (s *source) defined(d *result.Dataset, scorer string, c column) (result.Figure, bool) {
	f, ok := s.figure(d, scorer, c)
	return f, ok && f.Value != nil
}

// compared looks the model's difference from a baseline up.
func (s *source) compared(d *result.Dataset, baseline string, c column) (result.Difference, mark, bool) {
	diff, ok := s.index.Difference(d.Name, c.protocol, baseline, c.slice, c.metric.id)
	if !ok {
		return diff, unmarked, false
	}
	return diff, markOf(diff, c.metric), true
}

// markOf tells what a difference shows about the model.
func markOf(d result.Difference, m *metric) mark {
	switch {
	case !d.Significant:
		return same
	case m.better == 0:
		return differs
	case (d.Low > 0) == (m.better > 0):
		return better
	}
	return worse
}

// figureCell shows a figure; ok tells whether the result has it at all.
func figureCell(f result.Figure, ok bool, u unit) cell {
	if !ok {
		return cell{Value: missing, Muted: true}
	}
	if f.Value == nil {
		return cell{Value: "undefined", Range: "(n = " + integer(f.N) + ")", Muted: true}
	}
	return cell{Value: u.value(*f.Value), Range: u.span(f)}
}

// compare adds the model's difference from a baseline to a cell.
func (c *cell) compare(d result.Difference, m mark, of *metric) {
	c.Delta, c.Apart, c.Mark, c.Verdict = of.unit.points(d.Value), of.unit.deltaSpan(d), m, m.words()
}

// baselineCell adds the model's difference from the baseline.
func (s *source) baselineCell(d *result.Dataset, baseline string, c column) cell {
	f, ok := s.figure(d, baseline, c)
	out := figureCell(f, ok, c.metric.unit)
	if diff, m, ok := s.compared(d, baseline, c); ok {
		out.compare(diff, m, c.metric)
	}
	return out
}

// headlineTable has a row for each scorer and a column for each metric that
// any scorer has a figure for.
func headlineTable(s *source, d *result.Dataset, p panel) table {
	t := table{
		Title:   p.title,
		Caption: fmt.Sprintf("%s Figures on %s %s with 95 %% intervals; under each baseline, how the model differs from it. ↑ higher is better, ↓ lower is better.", p.question, name(d.Name), name(d.Version)),
		Corner:  "Scorer",
	}
	var columns []column
	for _, c := range p.columns {
		least, most := math.MaxInt, -1
		for _, sc := range s.scorers {
			if f, ok := s.figure(d, sc.Name, c); ok {
				least, most = min(least, f.N), max(most, f.N)
			}
		}
		if most < 0 {
			continue
		}
		h := heading{Label: c.metric.headed(), Note: c.over(), Count: "n = " + integer(most)}
		if least != most {
			h.Count = "n = " + integer(least) + " to " + integer(most)
		}
		columns = append(columns, c)
		t.Columns = append(t.Columns, h)
	}
	if len(columns) == 0 {
		return table{}
	}
	var rows []row
	for _, sc := range s.scorers {
		r := row{Head: name(sc.Name), Note: scorerNote(sc), Model: sc.Name == result.ScorerModel}
		for _, c := range columns {
			var out cell
			if r.Model {
				f, ok := s.figure(d, sc.Name, c)
				out = figureCell(f, ok, c.metric.unit)
			} else {
				out = s.baselineCell(d, sc.Name, c)
			}
			out.Best = s.best(d, sc.Name, c)
			if c.metric.id == "clusters" && !out.Muted {
				out.Value += s.ofGroups(d, sc.Name)
			}
			r.Cells = append(r.Cells, out)
		}
		rows = append(rows, r)
	}
	t.Groups = []group{{Rows: rows}}
	return t
}

// ofGroups is the number of true groups, beside a number of clusters.
func (s *source) ofGroups(d *result.Dataset, scorer string) string {
	f, ok := s.index.Figure(d.Name, result.ProtocolReplay, scorer, result.SliceAll, "groups")
	if !ok || f.Value == nil {
		return " for " + counted(d.Groups, "group")
	}
	return " for " + count.value(*f.Value) + " groups"
}

func scorerNote(sc result.Scorer) string {
	switch {
	case sc.Name == result.ScorerModel:
		return ""
	case sc.Kind == "rule":
		return "rule"
	case sc.Tuned:
		return "tuned"
	}
	return "not tuned"
}

// best tells whether the scorer's figure deserves emphasis: it is the best of
// its column, and no paired difference leaves open that it is not. For the
// model that takes a real difference from every baseline; for a baseline, which
// is paired with the model alone, one from the model.
func (s *source) best(d *result.Dataset, scorer string, c column) bool {
	if c.metric.better == 0 {
		return false
	}
	own, ok := s.defined(d, scorer, c)
	if !ok {
		return false
	}
	others := 0
	for _, sc := range s.scorers {
		if sc.Name == scorer {
			continue
		}
		other, ok := s.defined(d, sc.Name, c)
		if !ok {
			continue
		}
		others++
		if beats(*other.Value, *own.Value, c.metric) {
			return false
		}
		if scorer == result.ScorerModel {
			if _, m, _ := s.compared(d, sc.Name, c); m != better {
				return false
			}
		}
	}
	if scorer != result.ScorerModel {
		if _, m, _ := s.compared(d, scorer, c); m != worse {
			return false
		}
	}
	return others > 0
}

// beats tells whether a is better than b.
func beats(a, b float64, m *metric) bool {
	if m.better < 0 {
		return a < b
	}
	return a > b
}

// bestBaseline returns the baseline with the best figure; the first of equals.
func (s *source) bestBaseline(d *result.Dataset, c column) (result.Scorer, result.Figure, bool) {
	var scorer result.Scorer
	var figure result.Figure
	found := false
	for _, sc := range s.scorers {
		if sc.Name == result.ScorerModel {
			continue
		}
		f, ok := s.defined(d, sc.Name, c)
		if ok && (!found || beats(*f.Value, *figure.Value, c.metric)) {
			scorer, figure, found = sc, f, true
		}
	}
	return scorer, figure, found
}

// glanceOf is the table at the top: the headline figures of every dataset.
func glanceOf(sources []*source) table {
	t := table{
		Title:   "At a glance",
		Caption: "Headline figures of the model and of the best baseline on each golden dataset",
		Corner:  "Dataset",
		Notes: []string{
			"Differences are the model minus the baseline, paired on the same bootstrap resamples. ▲ the model is better, ▼ it is worse, ~ the 95 % interval of the difference holds 0: the data do not show which is better.",
		},
	}
	columns := []column{headlinePairs, headlineReplay}
	for _, c := range columns {
		t.Columns = append(t.Columns,
			heading{Label: c.metric.label, Note: "model, " + c.over()},
			heading{Label: c.metric.label, Note: "best baseline"})
	}
	t.Columns = append(t.Columns, heading{Label: "Verdict", Words: true})
	for _, s := range sources {
		var g group
		if len(sources) > 1 {
			g.Label = s.label
		}
		for i := range s.Datasets {
			d := &s.Datasets[i]
			r := row{Head: name(d.Name), Note: "version " + name(d.Version)}
			for _, c := range columns {
				f, ok := s.figure(d, result.ScorerModel, c)
				own := figureCell(f, ok, c.metric.unit)
				own.Best = s.best(d, result.ScorerModel, c)
				other := cell{Value: missing, Muted: true}
				if sc, _, ok := s.bestBaseline(d, c); ok {
					other = s.baselineCell(d, sc.Name, c)
					other.Against = name(sc.Name)
				}
				r.Cells = append(r.Cells, own, other)
			}
			v := verdictOf(s, d)
			badge := words(v.Badge)
			badge.Mark = v.Tone
			r.Cells = append(r.Cells, badge)
			g.Rows = append(g.Rows, r)
		}
		if len(g.Rows) > 0 {
			t.Groups = append(t.Groups, g)
		}
	}
	return t
}

// summaryOf is the terminal's table: the figures a person looks for first.
func summaryOf(s *source, d *result.Dataset) (headers [3]summaryColumn, rows []summaryRow) {
	columns := [3]column{headlinePairs, headlineReplay, {result.ProtocolReplay, result.SliceAll, metricByID["over_merge_rate"]}}
	for i, c := range columns {
		headers[i] = summaryColumn{c.metric.label}
	}
	for _, sc := range s.scorers {
		r := summaryRow{Scorer: name(sc.Name)}
		for i, c := range columns {
			f, ok := s.figure(d, sc.Name, c)
			shown := figureCell(f, ok, c.metric.unit)
			r.Cells[i] = shown.Value
			if shown.Range != "" {
				r.Cells[i] += " " + shown.Range
			}
			if _, m, ok := s.compared(d, sc.Name, c); ok {
				r.Cells[i] += " " + [...]string{unmarked: "", better: "+", worse: "-", same: "~", differs: "="}[m]
			}
		}
		rows = append(rows, r)
	}
	return headers, rows
}
