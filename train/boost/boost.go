// Package boost fits gradient-boosted regression trees on histograms with the
// logistic loss: the trainer behind the scorer.
//
//  1. Values are binned once on a fixed grid ([Matrix]).
//  2. Each round computes gradients and curvatures of the loss (Friedman 2001;
//     second order as in Chen and Guestrin, "XGBoost", KDD 2016) and draws the
//     rows and columns of its tree (Friedman 2002, "Stochastic gradient
//     boosting").
//  3. A tree grows best leaf first; a split is found on histograms of the
//     leaf's rows, the larger child's being the parent's less the smaller's
//     (Ke et al., "LightGBM", NIPS 2017). Missing values go where they gain
//     more, with the majority where a leaf met none. Monotone columns bound the
//     values below a split by the middle of its two sides; a split of missing
//     values from all others is free of that.
//  4. The leaves' shrunken steps are added to the margins of all rows.
//
// The result is the same to the bit for any number of workers: sums are split
// over the workers by feature, each feature's running over rows in order, and
// what is split by rows sums nothing.
//
// Left out of the papers: quantile sketches (the grid is given), bundling of
// exclusive features, gradient-based sampling, the penalty on the number of
// leaves (MinGain does the same) and categorical splits.
package boost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Errors of a fit.
var (
	ErrNoRows    = errors.New("boost: no rows of positive weight")
	ErrOneClass  = errors.New("boost: all labels are equal")
	ErrBadWeight = errors.New("boost: a weight is negative or not finite")
	ErrBadLabel  = errors.New("boost: a label is outside [0,1]")
)

// Fit boosts trees on the given rows of m, each at most once; nil means all.
// labels are 0 or 1 (a fraction is a soft label), weights are finite and at
// least 0; both have one entry for every row of m, and nil weights are all 1.
// A row of weight 0 counts as absent. The order of rows may change the last
// bits of a result.
func Fit(ctx context.Context, m *Matrix, rows []int32, labels, weights []float32, p Params) (*Ensemble, error) {
	p = p.withDefaults()
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(labels) != m.rows || weights != nil && len(weights) != m.rows || p.MinSources > 1 && len(p.Sources) != m.rows {
		panic("boost: labels, weights or sources differ in length from the matrix")
	}
	rows, bias, err := present(rows, labels, weights)
	if err != nil {
		return nil, err
	}
	e := &Ensemble{Bias: bias}
	margins := make([]float64, m.rows)
	for _, r := range rows {
		margins[r] = e.Bias
	}
	g := newGrower(m, p)
	var drawn, rest []int32
	for round := range p.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g.ranges(len(rows), func(from, to int) {
			for _, r := range rows[from:to] {
				w := 1.0
				if weights != nil {
					w = float64(weights[r])
				}
				g.pulls[r] = logistic(margins[r], float64(labels[r]), w)
			}
		})
		rng := rand.New(rand.NewPCG(p.Seed, uint64(round)))
		drawn, rest = sampleRows(rng, drawn[:0], rest[:0], rows, p.RowSample)
		tree, leaves := g.grow(drawn, sampleColumns(rng, len(m.columns), p.ColumnSample))
		for _, l := range leaves {
			step := tree.Nodes[l.node].Value
			for _, r := range l.rows {
				margins[r] += step
			}
		}
		g.ranges(len(rest), func(from, to int) {
			for _, r := range rest[from:to] {
				margins[r] += tree.predictBinned(m, r)
			}
		})
		e.Trees = append(e.Trees, tree)
		if p.Progress != nil {
			p.Progress(round+1, p.Trees)
		}
	}
	return e, nil
}

// present returns the rows of positive weight and the log-odds of their labels.
func present(rows []int32, labels, weights []float32) ([]int32, float64, error) {
	if rows == nil {
		rows = make([]int32, len(labels))
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	kept := make([]int32, 0, len(rows))
	seen := make([]bool, len(labels))
	var pos, all float64
	for _, r := range rows {
		if seen[r] {
			panic("boost: a row is given twice")
		}
		seen[r] = true
		w, y := 1.0, float64(labels[r])
		if weights != nil {
			w = float64(weights[r])
		}
		switch {
		case !(w >= 0) || math.IsInf(w, 0):
			return nil, 0, fmt.Errorf("%w: row %d has %g", ErrBadWeight, r, w)
		case !(y >= 0 && y <= 1):
			return nil, 0, fmt.Errorf("%w: row %d has %g", ErrBadLabel, r, y)
		case w == 0:
			continue
		}
		pos += w * y
		all += w
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		return nil, 0, ErrNoRows
	}
	if !(pos > 0 && pos < all) {
		return nil, 0, ErrOneClass
	}
	return kept, math.Log(pos / (all - pos)), nil
}

// pull is what one row, or one bin of rows, wants of a step: the loss there is
// about grad*step + hess*step*step/2.
type pull struct{ grad, hess float64 }

// logistic returns the first two derivatives, by the margin, of the weighted
// log loss -weight * (label*ln(q) + (1-label)*ln(1-q)), q = 1/(1+exp(-margin)).
func logistic(margin, label, weight float64) pull {
	q := 1 / (1 + math.Exp(-margin))
	return pull{weight * (q - label), weight * q * (1 - q)}
}

// sampleRows draws the rows behind a tree, at least one, and appends them to
// drawn and the others to rest, both in the order given.
func sampleRows(rng *rand.Rand, drawn, rest, from []int32, share float64) (_, _ []int32) {
	if share >= 1 {
		return append(drawn, from...), rest
	}
	for _, r := range from {
		if rng.Float64() < share {
			drawn = append(drawn, r)
		} else {
			rest = append(rest, r)
		}
	}
	if len(drawn) == 0 {
		k := rng.IntN(len(from))
		drawn = append(drawn, from[k])
		rest = slices.Delete(rest, k, k+1)
	}
	return drawn, rest
}

// sampleColumns draws the columns that a tree may use, in ascending order.
func sampleColumns(rng *rand.Rand, n int, share float64) []int {
	k := max(1, int(math.Round(share*float64(n))))
	chosen := make([]bool, n)
	for _, c := range rng.Perm(n)[:k] {
		chosen[c] = true
	}
	columns := make([]int, 0, k)
	for c, ok := range chosen {
		if ok {
			columns = append(columns, c)
		}
	}
	return columns
}
