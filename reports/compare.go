package reports

import (
	"fmt"

	"whorl/eval/result"
)

// comparisonOf puts the models of several results side by side on the datasets
// that they share. Results are not resampled together, so there is no paired
// difference; a mark needs intervals that do not overlap, which asks for more.
func comparisonOf(sources []*source) *comparisonView {
	v := &comparisonView{
		Lead: fmt.Sprintf("The model of each result, held against the first (%s). The results were not resampled together: ▲ and ▼ need 95 %% intervals that do not overlap, which asks for more than a paired difference; where they overlap (~) the data may still tell the models apart, and one evaluation of both would.", sources[0].label),
	}
	v.Notes = settingNotes(sources)
	seen := map[string]bool{}
	for _, s := range sources {
		for i := range s.Datasets {
			d := &s.Datasets[i]
			if seen[d.Name] {
				continue
			}
			seen[d.Name] = true
			if t := comparisonTable(sources, d); !t.Empty() {
				v.Tables = append(v.Tables, t)
			} else {
				v.Notes = append(v.Notes, fmt.Sprintf("%s %s stands in one result alone: nothing to compare.", name(d.Name), name(d.Version)))
			}
		}
	}
	return v
}

// settingNotes names what was not done alike in the results.
func settingNotes(sources []*source) []string {
	var notes []string
	first := &sources[0].Provenance
	for _, s := range sources[1:] {
		p := &s.Provenance
		for _, setting := range []struct {
			name   string
			differ bool
			effect string
		}{
			{"seed", p.Seed != first.Seed, "capped pairs and resamples are other draws"},
			{"cap of pairs", p.PairCap != first.PairCap, "figures of pairs rest on other samples"},
			{"window", p.WindowDays != first.WindowDays, "retrieval and replay looked back differently"},
			{"tool", p.Tool != first.Tool, "the evaluation itself may have changed"},
		} {
			if setting.differ {
				notes = append(notes, fmt.Sprintf("%s and %s were judged with a different %s: %s.", sources[0].label, s.label, setting.name, setting.effect))
			}
		}
	}
	return notes
}

func comparisonTable(sources []*source, d *result.Dataset) table {
	t := table{
		Title:   name(d.Name),
		Caption: fmt.Sprintf("Models compared on %s %s", name(d.Name), name(d.Version)),
		Corner:  "Figure",
	}
	var with []*source
	for _, s := range sources {
		for i := range s.Datasets {
			if s.Datasets[i].Name == d.Name {
				with = append(with, s)
				t.Columns = append(t.Columns, heading{Label: s.label})
			}
		}
	}
	if len(with) < 2 {
		return table{}
	}
	for _, p := range panels {
		g := group{Label: p.title}
		for _, c := range p.columns {
			r := row{Head: c.metric.headed(), Note: c.over()}
			reference, known := with[0].defined(d, result.ScorerModel, c)
			any := false
			for i, s := range with {
				f, ok := s.figure(d, result.ScorerModel, c)
				any = any || ok
				out := figureCell(f, ok, c.metric.unit)
				if i > 0 && known && ok && f.Value != nil {
					out.Delta = c.metric.unit.points(*f.Value - *reference.Value)
					out.Mark, out.Apart = apart(reference, f, c.metric)
					out.Verdict = out.Mark.words()
				}
				r.Cells = append(r.Cells, out)
			}
			if any {
				g.Rows = append(g.Rows, r)
			}
		}
		if len(g.Rows) > 0 {
			t.Groups = append(t.Groups, g)
		}
	}
	return t
}

// apart marks a figure against a reference by whether their intervals overlap,
// and says so.
func apart(reference, f result.Figure, m *metric) (mark, string) {
	if reference.Low == nil || f.Low == nil {
		return unmarked, "no interval"
	}
	switch {
	case *f.Low <= *reference.High && *f.High >= *reference.Low:
		return same, "intervals overlap"
	case m.better == 0:
		return differs, "intervals apart"
	case (*f.Low > *reference.High) == (m.better > 0):
		return better, "intervals apart"
	}
	return worse, "intervals apart"
}
