package result

import (
	"cmp"
	"fmt"
	"strings"
)

// key identifies a figure, a difference or a curve: all of its fields but the
// numbers. The order of the fields is the order of the file.
type key struct {
	dataset, version, protocol, slice string
	what                              string // the metric, or a curve's kind
	scorer, baseline                  string
}

func (f *Figure) key() key {
	return key{f.Dataset, f.DatasetVersion, f.Protocol, f.Slice, f.Metric, f.Scorer, ""}
}

func (d *Difference) key() key {
	return key{d.Dataset, d.DatasetVersion, d.Protocol, d.Slice, d.Metric, d.Scorer, d.Baseline}
}

func (c *Curve) key() key {
	return key{c.Dataset, c.DatasetVersion, c.Protocol, c.Slice, c.Kind, c.Scorer, ""}
}

func (k key) compare(o key) int {
	return cmp.Or(
		strings.Compare(k.dataset, o.dataset),
		strings.Compare(k.version, o.version),
		strings.Compare(k.protocol, o.protocol),
		strings.Compare(k.slice, o.slice),
		strings.Compare(k.what, o.what),
		strings.Compare(k.scorer, o.scorer),
		strings.Compare(k.baseline, o.baseline),
	)
}

func (k key) String() string {
	s := fmt.Sprintf("%.80q %.40q, %.40q, slice %.80q, %.80q, scorer %.80q", k.dataset, k.version, k.protocol, k.slice, k.what, k.scorer)
	if k.baseline != "" {
		s += fmt.Sprintf(" against %.80q", k.baseline)
	}
	return s
}

// Index finds figures and differences of one result in constant time. It is a
// view of the result as it was when [NewIndex] ran, safe for concurrent use.
type Index struct {
	result      *Result
	figures     map[address]int
	differences map[address]int
}

// address is a key without the dataset's version: a result holds one version
// of a dataset.
type address struct{ dataset, protocol, scorer, slice, metric string }

// NewIndex builds the index of r, which must have passed [Result.Check].
func NewIndex(r *Result) *Index {
	ix := &Index{
		result:      r,
		figures:     make(map[address]int, len(r.Figures)),
		differences: make(map[address]int, len(r.Differences)),
	}
	for i := range r.Figures {
		f := &r.Figures[i]
		ix.figures[address{f.Dataset, f.Protocol, f.Scorer, f.Slice, f.Metric}] = i
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		if d.Scorer == ScorerModel {
			ix.differences[address{d.Dataset, d.Protocol, d.Baseline, d.Slice, d.Metric}] = i
		}
	}
	return ix
}

// Figure returns the figure at the address; false when the result has none.
// A figure that is there may still be undefined (nil Value).
func (ix *Index) Figure(dataset, protocol, scorer, slice, metric string) (Figure, bool) {
	i, ok := ix.figures[address{dataset, protocol, scorer, slice, metric}]
	if !ok {
		return Figure{}, false
	}
	return ix.result.Figures[i], true
}

// Difference returns the model's difference from the baseline; false when the
// result has none.
func (ix *Index) Difference(dataset, protocol, baseline, slice, metric string) (Difference, bool) {
	i, ok := ix.differences[address{dataset, protocol, baseline, slice, metric}]
	if !ok {
		return Difference{}, false
	}
	return ix.result.Differences[i], true
}

// Figure looks one figure up by a scan of the list, like [Index.Figure]; build
// an [Index] for more than a few.
func (r *Result) Figure(dataset, protocol, scorer, slice, metric string) (Figure, bool) {
	want := address{dataset, protocol, scorer, slice, metric}
	for i := range r.Figures {
		f := &r.Figures[i]
		if want == (address{f.Dataset, f.Protocol, f.Scorer, f.Slice, f.Metric}) {
			return *f, true
		}
	}
	return Figure{}, false
}
