// Package boost fits gradient-boosted regression trees on histograms with the
// logistic loss: the trainer behind the scorer.
//
//  1. Values are binned once on a fixed grid ([Matrix]).
//  2. Each round computes gradients and curvatures of the loss (Friedman 2001;
//     second order as in Chen and Guestrin, "XGBoost", KDD 2016).
//  3. A tree grows best leaf first; a split is found on histograms of the
//     leaf's rows, the larger child's being the parent's less the smaller's
//     (Ke et al., "LightGBM", NIPS 2017). Missing values go where they gain more.
//  4. The leaves' shrunken steps are added to the margins.
//
// The result is the same to the bit for any number of workers: work is split
// by feature, and each feature's sums run over rows in order.
package boost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Params are the settings of a fit. Zero values mean the defaults.
type Params struct {
	Trees        int     // rounds; default 200
	Leaves       int     // most leaves of a tree; default 31
	Depth        int     // deepest leaf; default 7
	LearningRate float64 // shrinkage of each step; default 0.1
	L2           float64 // penalty on squared leaf values, in units of curvature; default 1
	MinGain      float64 // least gain of a split; default 0
	MinWeight    float64 // least sum of curvatures in a leaf; default 5
	MinRows      int     // least rows in a leaf; default 20
	RowSample    float64 // share of rows behind each tree, in (0,1]; default 0.7
	ColumnSample float64 // share of columns that each tree may use, in (0,1]; default 0.7
	MaxLeafValue float64 // bound of a leaf's absolute value; default 4
	Workers      int     // goroutines; default 1
	Seed         uint64
	Progress     func(done, total int) // called after each tree; may be nil
}

func (p Params) withDefaults() Params {
	set := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	whole := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	whole(&p.Trees, 200)
	whole(&p.Leaves, 31)
	whole(&p.Depth, 7)
	whole(&p.MinRows, 20)
	whole(&p.Workers, 1)
	set(&p.LearningRate, 0.1)
	set(&p.L2, 1)
	set(&p.MinWeight, 5)
	set(&p.RowSample, 0.7)
	set(&p.ColumnSample, 0.7)
	set(&p.MaxLeafValue, 4)
	return p
}

// Errors of a fit.
var (
	ErrNoRows    = errors.New("boost: no rows")
	ErrOneClass  = errors.New("boost: all labels are equal")
	ErrBadWeight = errors.New("boost: a weight is negative or not finite")
)

// Ensemble is a fitted model: margin = Bias + sum of one leaf per tree.
type Ensemble struct {
	Bias  float64 // log-odds of the weighted labels
	Trees []Tree
}

// Tree is a regression tree as flat nodes; node 0 is the root and children
// come after their parents.
type Tree struct {
	Nodes []Node
}

// Node is an inner node or, where Feature is -1, a leaf.
type Node struct {
	Feature     int     // column tested; -1 for a leaf
	Threshold   float32 // values up to and including it go left
	MissingLeft bool    // where NaN goes
	Left, Right int
	Value       float64 // shrunken step of a leaf; expected step of an inner node's rows
	Gain        float64 // loss reduction of the split
	bin         uint8
}

// Predict returns the margin of one row.
func (e *Ensemble) Predict(row []float32) float64 {
	sum := e.Bias
	for i := range e.Trees {
		sum += e.Trees[i].Predict(row)
	}
	return sum
}

// Predict returns the step of the leaf that the row falls into.
func (t *Tree) Predict(row []float32) float64 {
	n := &t.Nodes[0]
	for n.Feature >= 0 {
		v := row[n.Feature]
		left := v <= n.Threshold
		if v != v {
			left = n.MissingLeft
		}
		if left {
			n = &t.Nodes[n.Left]
		} else {
			n = &t.Nodes[n.Right]
		}
	}
	return n.Value
}

// Fit boosts trees on the given rows of m; nil means all. labels are 0 or 1 (a
// fraction is a soft label), weights are at least 0; both have one entry for
// every row of m, and nil weights are all 1.
func Fit(ctx context.Context, m *Matrix, rows []int32, labels, weights []float32, p Params) (*Ensemble, error) {
	p = p.withDefaults()
	if rows == nil {
		rows = make([]int32, m.rows)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	if len(rows) == 0 {
		return nil, ErrNoRows
	}
	if len(labels) != m.rows || weights != nil && len(weights) != m.rows {
		panic("boost: labels or weights differ in length from the matrix")
	}
	if weights == nil {
		weights = make([]float32, m.rows)
		for i := range weights {
			weights[i] = 1
		}
	}
	var pos, all float64
	for _, r := range rows {
		w := weights[r]
		if !(w >= 0) || math.IsInf(float64(w), 0) {
			return nil, fmt.Errorf("%w: row %d", ErrBadWeight, r)
		}
		pos += float64(w) * float64(labels[r])
		all += float64(w)
	}
	if !(pos > 0 && pos < all) {
		return nil, ErrOneClass
	}
	e := &Ensemble{Bias: math.Log(pos / (all - pos))}
	margins := make([]float64, m.rows)
	for i := range margins {
		margins[i] = e.Bias
	}
	g := newGrower(m, p)
	for round := range p.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, r := range rows {
			prob := 1 / (1 + math.Exp(-margins[r]))
			w := float64(weights[r])
			g.grad[r] = w * (prob - float64(labels[r]))
			g.hess[r] = w * prob * (1 - prob)
		}
		rng := rand.New(rand.NewPCG(p.Seed, uint64(round)))
		tree := g.grow(sampleRows(rng, rows, p.RowSample), sampleColumns(rng, len(m.columns), p.ColumnSample))
		for _, r := range rows {
			margins[r] += tree.predictBinned(m, r)
		}
		e.Trees = append(e.Trees, tree)
		if p.Progress != nil {
			p.Progress(round+1, p.Trees)
		}
	}
	return e, nil
}

func sampleRows(rng *rand.Rand, from []int32, share float64) []int32 {
	rows := make([]int32, 0, len(from))
	for _, r := range from {
		if share >= 1 || rng.Float64() < share {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		rows = append(rows, from[rng.IntN(len(from))])
	}
	return rows
}

func sampleColumns(rng *rand.Rand, n int, share float64) []int {
	k := max(1, int(math.Round(share*float64(n))))
	columns := rng.Perm(n)[:k]
	ordered := make([]bool, n)
	for _, c := range columns {
		ordered[c] = true
	}
	columns = columns[:0]
	for c, ok := range ordered {
		if ok {
			columns = append(columns, c)
		}
	}
	return columns
}

// AddRows adds the steps of the given rows of a matrix with the columns of the
// fit to margins, one entry a row: Predict without unbinning.
func (t *Tree) AddRows(margins []float64, m *Matrix, rows []int32) {
	for k, r := range rows {
		margins[k] += t.predictBinned(m, r)
	}
}

// predictBinned is Predict on a binned row.
func (t *Tree) predictBinned(m *Matrix, row int32) float64 {
	n := &t.Nodes[0]
	for n.Feature >= 0 {
		b := m.bins[n.Feature][row]
		left := b <= n.bin
		if int(b) == m.columns[n.Feature].Bins {
			left = n.MissingLeft
		}
		if left {
			n = &t.Nodes[n.Left]
		} else {
			n = &t.Nodes[n.Right]
		}
	}
	return n.Value
}
