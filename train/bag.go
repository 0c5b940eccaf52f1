package train

import (
	"context"

	"whorl/train/boost"
)

// fitBag fits ensembles that differ in their seeds alone, that is in the rows
// and columns behind each tree, and averages them: tree r of every member
// stands before tree r+1 of any, so that a prefix of r*Bags trees is the
// average of r rounds. Two fits on the same data differ by several points of
// recall at high precision; their average does not depend on luck as much.
func (f *fitting) fitBag(ctx context.Context, rows []int32, p boost.Params, stage string) (*boost.Ensemble, error) {
	bags := f.params.Bags
	out := &boost.Ensemble{Trees: make([]boost.Tree, bags*p.Trees)}
	seed := p.Seed
	for b := range bags {
		p.Seed = seed ^ uint64(b)<<32
		p.Progress = func(done, _ int) { f.params.Progress(stage, b*p.Trees+done, bags*p.Trees) }
		e, err := boost.Fit(ctx, f.mined, rows, f.labels, f.weights, p)
		if err != nil {
			return nil, err
		}
		out.Bias += e.Bias / float64(bags)
		for r, t := range e.Trees {
			for i := range t.Nodes { // rounded to what a model file holds
				t.Nodes[i].Value = float64(float32(t.Nodes[i].Value / float64(bags)))
			}
			out.Trees[r*bags+b] = t
		}
	}
	return out, nil
}

// truncated returns the first rounds of a bag.
func (f *fitting) truncated(e *boost.Ensemble, rounds int) *boost.Ensemble {
	return &boost.Ensemble{Bias: e.Bias, Trees: e.Trees[:rounds*f.params.Bags]}
}

// addRound adds one round's average steps to the margins of drawn pairs.
func (f *fitting) addRound(margins []float64, e *boost.Ensemble, round int, rows []int32) {
	for b := range f.params.Bags {
		e.Trees[round*f.params.Bags+b].AddRows(margins, f.drawn, rows)
	}
}
