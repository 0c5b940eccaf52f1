package model

import (
	"cmp"
	"math"
	"slices"

	"whorl/features"
)

// Explanation splits a margin into parts: Margin is Bias plus the sum of
// Contributions, up to rounding.
//
// A walk down a tree moves the expected value of the tree from the root's to
// the leaf's; each step's change is credited to the feature that was asked
// there (Saabas 2014, "Interpreting random forests"). The parts are exact for
// the path taken, yet not Shapley values: of two features that say the same,
// the one asked nearer the leaf tends to be credited more.
type Explanation struct {
	Margin        float64                       // log-odds, as [Model.Margin]
	Bias          float64                       // log-odds over the training rows: base and roots
	Contributions [features.NumFeatures]float64 // log-odds, by index of the feature; 0 where it was not asked
	Platform      features.Platform
	Probability   float64 // as [Model.Probability]
	Threshold     float64 // as [Model.Threshold]
}

// Contribution is one feature's part of a margin.
type Contribution struct {
	Feature int     // index in the comparison vector
	LogOdds float64 // above 0 speaks for one problem
}

// Explain returns the parts of a vector's margin.
func (m *Model) Explain(v *features.Vector, p features.Platform) Explanation {
	e := Explanation{Margin: m.Margin(v), Platform: p, Threshold: m.Threshold(p)}
	e.Probability = m.ProbabilityAt(e.Margin, p)
	e.Bias = m.pairs.forest.explain(v[:], e.Contributions[:])
	return e
}

// explain adds each feature's part of the margin to parts and returns the
// rest.
func (f *forest) explain(v []float32, parts []float64) (bias float64) {
	var k keys
	k.fill(v)
	bias = f.base
	for _, t := range f.trees {
		at := t.root
		bias += float64(f.nodes[at].value)
		for range t.depth {
			n := &f.nodes[at]
			next := n.step(&k)
			// A leaf steps to itself: the change is 0.
			parts[n.key/2] += float64(f.nodes[next].value) - float64(n.value)
			at = next
		}
	}
	return bias
}

// Top returns the at most n contributions that are not 0, largest magnitude
// first, ties by index.
func (e *Explanation) Top(n int) []Contribution {
	var list []Contribution
	for i, part := range e.Contributions {
		if part != 0 {
			list = append(list, Contribution{Feature: i, LogOdds: part})
		}
	}
	slices.SortStableFunc(list, func(a, b Contribution) int {
		return cmp.Compare(math.Abs(b.LogOdds), math.Abs(a.LogOdds))
	})
	return list[:min(max(n, 0), len(list))]
}
