package reports

import (
	"fmt"
	"strings"

	"whorl/eval/result"
)

// maxSlices bounds the rows of a slice table; the rest is counted below it.
const maxSlices = 120

// sliceKey addresses the slices of a protocol.
type sliceKey struct{ dataset, protocol string }

// sliceNames collects, in one pass, the slices that a result has beyond those
// of every dataset, each once and in order, bare tags after the others.
func sliceNames(r *result.Result) map[sliceKey][]string {
	seen := map[sliceKey]map[string]bool{}
	for i := range r.Figures {
		f := &r.Figures[i]
		switch f.Slice {
		case result.SliceAll, result.SliceProjectsMean, result.SliceDistinct:
			continue
		}
		k := sliceKey{f.Dataset, f.Protocol}
		if seen[k] == nil {
			seen[k] = map[string]bool{}
		}
		seen[k][f.Slice] = true
	}
	out := make(map[sliceKey][]string, len(seen))
	for k, names := range seen {
		for _, tags := range []bool{false, true} {
			for _, slice := range sortedKeys(names) {
				if strings.Contains(slice, ":") != tags {
					out[k] = append(out[k], slice)
				}
			}
		}
	}
	return out
}

// sliceTable has a row for each slice of the protocol, grouped by the part of
// its name before the colon: n, and for each metric the model's figure beside
// the best baseline's. A slice that is too small shows n and no figure.
func sliceTable(s *source, d *result.Dataset, protocol, title, unit string, metrics []*metric) table {
	t := table{
		Title:   title,
		Caption: fmt.Sprintf("%s on %s %s: the model, below it the best baseline of the slice; ↑ higher is better, ↓ lower is better", title, name(d.Name), name(d.Version)),
		Corner:  "Slice",
		Columns: []heading{{Label: "n", Note: unit}},
	}
	for _, m := range metrics {
		t.Columns = append(t.Columns, heading{Label: m.headed()})
	}
	slices := s.slices[sliceKey{d.Name, protocol}]
	if len(slices) > maxSlices {
		t.Notes = append(t.Notes, fmt.Sprintf("%s more are in the result and not shown.", counted(len(slices)-maxSlices, "slice")))
		slices = slices[:maxSlices]
	}
	for _, slice := range slices {
		key, value, tagged := strings.Cut(slice, ":")
		if !tagged {
			key, value = "", slice
		}
		r := row{Head: name(value)}
		n, any := 0, false
		for _, m := range metrics {
			c := column{protocol, slice, m}
			for _, sc := range s.scorers {
				if f, ok := s.figure(d, sc.Name, c); ok {
					n, any = max(n, f.N), true
				}
			}
			r.Cells = append(r.Cells, s.sliceCell(d, c))
		}
		if !any {
			continue
		}
		r.Cells = append([]cell{whole(n)}, r.Cells...)
		label := name(key)
		if !tagged {
			label = "tags"
		}
		if last := len(t.Groups) - 1; last < 0 || t.Groups[last].Label != label {
			t.Groups = append(t.Groups, group{Label: label})
		}
		last := &t.Groups[len(t.Groups)-1]
		last.Rows = append(last.Rows, r)
	}
	if !t.Empty() {
		t.Notes = append(t.Notes, "“Too few” marks a slice with too little data for a figure (fewer than 30 pairs of either label, or fewer than 20 queries).")
	}
	return t
}

// sliceCell shows the model's figure and how the best baseline does.
func (s *source) sliceCell(d *result.Dataset, c column) cell {
	f, ok := s.figure(d, result.ScorerModel, c)
	if ok && f.Value == nil {
		return cell{Value: "too few", Muted: true}
	}
	out := figureCell(f, ok, c.metric.unit)
	sc, other, found := s.bestBaseline(d, c)
	if !ok || !found {
		return out
	}
	out.Against = name(sc.Name) + " " + c.metric.unit.value(*other.Value)
	if diff, m, ok := s.compared(d, sc.Name, c); ok {
		out.compare(diff, m, c.metric)
	}
	return out
}
