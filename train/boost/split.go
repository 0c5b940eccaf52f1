package boost

import (
	"math"
	"slices"
)

// split is the best way found to divide a leaf.
type split struct {
	gain                  float64
	column                int
	bin                   int // the last one that goes left
	missingLeft           bool
	leftGrad, leftHess    float64
	rightGrad, rightHess  float64
	leftValue, rightValue float64
}

// noSplit is worse than any split.
var noSplit = split{gain: math.Inf(-1)}

// searchRoot finds the best split of a tree's root.
func (g *grower) searchRoot(root *leaf, columns []int) {
	root.hist = g.take()
	g.gather(root.rows)
	g.blocks(columns, len(root.rows), func(columns []int) {
		g.fill(root.hist, root.rows, columns)
		g.bestOfColumns(0, root, columns)
	})
	root.best = g.bestOf(0, root, columns)
}

// search finds the best splits of the two parts of a leaf, whose histogram it
// uses up: the smaller part is counted, the larger one is the rest.
func (g *grower) search(parent, left, right *leaf, columns []int) {
	small, large := left, right
	if len(small.rows) > len(large.rows) {
		small, large = large, small
	}
	inSmall, inLarge := g.divisible(small), g.divisible(large)
	if !inSmall && !inLarge {
		g.free = append(g.free, parent.hist)
		return
	}
	small.hist, large.hist = g.take(), parent.hist
	g.gather(small.rows)
	g.blocks(columns, len(parent.rows), func(columns []int) {
		g.fill(small.hist, small.rows, columns)
		if inSmall {
			g.bestOfColumns(0, small, columns)
		}
		if inLarge {
			for _, c := range columns {
				subtract(g.of(large.hist, c), g.of(small.hist, c))
			}
			g.bestOfColumns(1, large, columns)
		}
	})
	if inSmall {
		small.best = g.bestOf(0, small, columns)
	}
	if inLarge {
		large.best = g.bestOf(1, large, columns)
	}
}

// bestOfColumns sets the best split of a leaf by each of some columns.
func (g *grower) bestOfColumns(slot int, l *leaf, columns []int) {
	parent := g.score(l.grad, l.hess, g.value(l.grad, l.hess, l.low, l.high))
	for _, c := range columns {
		g.columns[slot][c] = g.bestOfColumn(l, c, parent)
	}
}

// bestOf returns the split of greatest gain whose two sides have sources
// enough; equal gains go to the lower column, then the lower bin, then to
// missing values on the right. Where a column's best split leaves a side with
// too few sources, the column's other splits are not looked at.
func (g *grower) bestOf(slot int, l *leaf, columns []int) split {
	for {
		best := noSplit
		for _, c := range columns {
			if g.columns[slot][c].gain > best.gain {
				best = g.columns[slot][c]
			}
		}
		if g.p.MinSources <= 1 || best.gain <= g.p.MinGain || g.sourced(l, &best) {
			return best
		}
		g.columns[slot][best.column] = noSplit
	}
}

// sourced reports whether rows of enough sources go to either side of a split.
// It stops as soon as it knows.
func (g *grower) sourced(l *leaf, b *split) bool {
	var sides [2][]int32
	for k := range sides {
		sides[k] = g.sources[k][:0]
	}
	bins, missing := g.m.bins[b.column], uint8(g.m.columns[b.column].Bins)
	for _, r := range l.rows {
		side := 1
		if bin := bins[r]; bin == missing && b.missingLeft || bin != missing && int(bin) <= b.bin {
			side = 0
		}
		if len(sides[side]) == g.p.MinSources || slices.Contains(sides[side], g.p.Sources[r]) {
			continue
		}
		sides[side] = append(sides[side], g.p.Sources[r])
		if len(sides[0]) == g.p.MinSources && len(sides[1]) == g.p.MinSources {
			return true
		}
	}
	return false
}

func (g *grower) bestOfColumn(l *leaf, c int, parent float64) split {
	best := noSplit
	column := g.m.columns[c]
	cells := g.of(l.hist, c)
	missing := cells[column.Bins]
	minRows, total := int32(g.p.MinRows), int32(len(l.rows))
	try := func(bin int, grad, hess float64, rows int32, missingLeft bool) {
		restGrad, restHess, restRows := l.grad-grad, l.hess-hess, total-rows
		if rows < minRows || restRows < minRows || hess < g.p.MinWeight || restHess < g.p.MinWeight {
			return
		}
		left, right := g.value(grad, hess, l.low, l.high), g.value(restGrad, restHess, l.low, l.high)
		if present := bin < column.Bins-1; present && (column.Monotone > 0 && left > right || column.Monotone < 0 && left < right) {
			return
		}
		gain := g.score(grad, hess, left) + g.score(restGrad, restHess, right) - parent
		if gain > best.gain {
			best = split{gain, c, bin, missingLeft, grad, hess, restGrad, restHess, left, right}
		}
	}
	var grad, hess float64
	var rows int32
	for b := range column.Bins { // the last bin separates missing values from all others
		cell := &cells[b]
		if cell.rows == 0 && b < column.Bins-1 {
			continue // the same division as the bin before
		}
		grad, hess, rows = grad+cell.grad, hess+cell.hess, rows+cell.rows
		try(b, grad, hess, rows, missing.rows == 0 && 2*rows > total)
		if missing.rows > 0 && b < column.Bins-1 {
			try(b, grad+missing.grad, hess+missing.hess, rows+missing.rows, true)
		}
	}
	return best
}

// value is the Newton step of a leaf, inside its bounds.
func (g *grower) value(grad, hess, low, high float64) float64 {
	v := -grad / (hess + g.p.L2)
	v = max(-g.p.MaxLeafValue, min(g.p.MaxLeafValue, v))
	return max(low, min(high, v))
}

// score is the loss reduction of a leaf with the given value, doubled.
func (g *grower) score(grad, hess, value float64) float64 {
	return -(2*grad*value + (hess+g.p.L2)*value*value)
}
