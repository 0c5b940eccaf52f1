package boost

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// Params are the settings of a fit. Zero values mean the defaults.
type Params struct {
	Trees        int     // rounds; default 200
	Leaves       int     // most leaves of a tree; default 31
	Depth        int     // deepest leaf, the root being at 0; default 7
	LearningRate float64 // shrinkage of each step; default 0.1
	L2           float64 // penalty on squared leaf values, in units of curvature; default 1
	MinGain      float64 // a split must gain more than this, in units of the loss, doubled; default 0
	MinWeight    float64 // least sum of curvatures in a leaf; default 5
	MinRows      int     // least rows in a leaf; default 20
	MinSources   int     // least sources behind a leaf, see Sources; default 1
	RowSample    float64 // chance of each row to be behind a tree, in (0,1]; default 0.7
	ColumnSample float64 // share of columns that each tree may use, in (0,1]; at least one column; default 0.7
	MaxLeafValue float64 // bound of a leaf's absolute value before shrinkage; default 4
	Sources      []int32 // of each row of the matrix: whose it is; may be nil where MinSources is 1
	Workers      int     // goroutines; default 1
	Seed         uint64
	Progress     func(done, total int) // called after each tree; may be nil
}

// ErrBadParams is wrapped by the error of a fit with a setting outside its range.
var ErrBadParams = errors.New("boost: a setting is outside its range")

func (p Params) withDefaults() Params {
	p.Trees = cmp.Or(p.Trees, 200)
	p.Leaves = cmp.Or(p.Leaves, 31)
	p.Depth = cmp.Or(p.Depth, 7)
	p.MinRows = cmp.Or(p.MinRows, 20)
	p.MinSources = cmp.Or(p.MinSources, 1)
	p.Workers = cmp.Or(p.Workers, 1)
	p.LearningRate = cmp.Or(p.LearningRate, 0.1)
	p.L2 = cmp.Or(p.L2, 1)
	p.MinWeight = cmp.Or(p.MinWeight, 5)
	p.RowSample = cmp.Or(p.RowSample, 0.7)
	p.ColumnSample = cmp.Or(p.ColumnSample, 0.7)
	p.MaxLeafValue = cmp.Or(p.MaxLeafValue, 4)
	return p
}

// check refuses settings outside their ranges; the defaults are filled in.
func (p *Params) check() error {
	const least = math.SmallestNonzeroFloat64
	for _, x := range []struct {
		name           string
		value, low, up float64
	}{
		{"Trees", float64(p.Trees), 1, math.MaxInt32},
		{"Leaves", float64(p.Leaves), 1, math.MaxInt32},
		{"Depth", float64(p.Depth), 1, math.MaxInt32},
		{"LearningRate", p.LearningRate, least, math.MaxFloat32},
		{"L2", p.L2, least, math.MaxFloat64},
		{"MinGain", p.MinGain, 0, math.MaxFloat64},
		{"MinWeight", p.MinWeight, least, math.MaxFloat64},
		{"MinRows", float64(p.MinRows), 1, math.MaxInt32},
		{"MinSources", float64(p.MinSources), 1, 1000},
		{"RowSample", p.RowSample, least, 1},
		{"ColumnSample", p.ColumnSample, least, 1},
		{"MaxLeafValue", p.MaxLeafValue, least, math.MaxFloat32},
		{"Workers", float64(p.Workers), 1, math.MaxInt32},
	} {
		if !(x.value >= x.low && x.value <= x.up) { // so that NaN is refused too
			return fmt.Errorf("%w: %s is %g, want %g to %g", ErrBadParams, x.name, x.value, x.low, x.up)
		}
	}
	return nil
}
