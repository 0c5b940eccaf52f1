package boost

import (
	"math"
	"sync"
)

// cell sums the gradients and curvatures of one bin.
type cell struct {
	grad, hess float64
	rows       int32
}

// histogram holds the cells of all columns, one after another.
type histogram []cell

// grower grows one tree at a time and keeps the memory between trees.
type grower struct {
	m          *Matrix
	p          Params
	grad, hess []float64
	offset     []int // first cell of each column
	cells      int
	free       []histogram
	scratch    []int32
	nodeGrad   []float64
	nodeHess   []float64
}

func newGrower(m *Matrix, p Params) *grower {
	g := &grower{m: m, p: p, grad: make([]float64, m.rows), hess: make([]float64, m.rows),
		scratch: make([]int32, m.rows), nodeGrad: make([]float64, m.rows), nodeHess: make([]float64, m.rows)}
	for _, c := range m.columns {
		g.offset = append(g.offset, g.cells)
		g.cells += c.Bins + 1
	}
	return g
}

// leaf is a node that may still be split.
type leaf struct {
	node       int
	rows       []int32 // a part of the tree's row list
	hist       histogram
	grad, hess float64
	low, high  float64 // bounds of the value, from monotone splits above
	depth      int
	best       split
}

// split is the best way found to divide a leaf.
type split struct {
	gain                 float64
	column               int
	bin                  int
	missingLeft          bool
	leftGrad, leftHess   float64
	rightGrad, rightHess float64
	leftValue, rightVal  float64
}

// grow returns the tree that fits the current gradients of the given rows.
func (g *grower) grow(rows []int32, columns []int) Tree {
	root := leaf{rows: rows, low: math.Inf(-1), high: math.Inf(1)}
	for _, r := range rows {
		root.grad += g.grad[r]
		root.hess += g.hess[r]
	}
	t := Tree{Nodes: []Node{{Feature: -1, Value: g.step(g.value(root.grad, root.hess, root.low, root.high))}}}
	root.hist = g.take()
	g.fill(root.hist, root.rows, columns)
	root.best = g.bestSplit(&root, columns)
	open := []leaf{root}
	for leaves := 1; leaves < g.p.Leaves; leaves++ {
		pick := -1
		for i := range open { // the first of the best: a fixed order
			if open[i].best.gain > g.p.MinGain && (pick < 0 || open[i].best.gain > open[pick].best.gain) {
				pick = i
			}
		}
		if pick < 0 {
			break
		}
		l := open[pick]
		left, right := g.divide(&t, &l)
		// The smaller child's histogram is counted, the larger one's is the rest.
		small, large := &left, &right
		if len(small.rows) > len(large.rows) {
			small, large = large, small
		}
		small.hist, large.hist = g.take(), l.hist
		g.fill(small.hist, small.rows, columns)
		for _, c := range columns {
			from, to := g.offset[c], g.offset[c]+g.m.columns[c].Bins+1
			for k := from; k < to; k++ {
				large.hist[k].grad -= small.hist[k].grad
				large.hist[k].hess -= small.hist[k].hess
				large.hist[k].rows -= small.hist[k].rows
			}
		}
		left.best = g.bestSplit(&left, columns)
		right.best = g.bestSplit(&right, columns)
		open[pick] = left
		open = append(open, right)
	}
	for i := range open {
		g.free = append(g.free, open[i].hist)
	}
	return t
}

// divide turns leaf l into an inner node with two leaves.
func (g *grower) divide(t *Tree, l *leaf) (left, right leaf) {
	b := &l.best
	column, missing := g.m.bins[b.column], uint8(g.m.columns[b.column].Bins)
	// A stable partition keeps the rows in order, which keeps sums reproducible.
	n, spill := 0, g.scratch[:0]
	for _, r := range l.rows {
		bin := column[r]
		goesLeft := bin <= uint8(b.bin)
		if bin == missing {
			goesLeft = b.missingLeft
		}
		if goesLeft {
			l.rows[n] = r
			n++
		} else {
			spill = append(spill, r)
		}
	}
	copy(l.rows[n:], spill)

	at := len(t.Nodes)
	node := &t.Nodes[l.node]
	node.Feature, node.bin, node.MissingLeft = b.column, uint8(b.bin), b.missingLeft
	node.Threshold = g.m.columns[b.column].edge(b.bin)
	if b.bin == g.m.columns[b.column].Bins-1 { // every value goes left, whatever the range says
		node.Threshold = openEnd
	}
	node.Left, node.Right, node.Gain = at, at+1, b.gain
	t.Nodes = append(t.Nodes,
		Node{Feature: -1, Value: g.step(b.leftValue)},
		Node{Feature: -1, Value: g.step(b.rightVal)})

	left = leaf{node: at, rows: l.rows[:n], grad: b.leftGrad, hess: b.leftHess, low: l.low, high: l.high, depth: l.depth + 1}
	right = leaf{node: at + 1, rows: l.rows[n:], grad: b.rightGrad, hess: b.rightHess, low: l.low, high: l.high, depth: l.depth + 1}
	middle := (b.leftValue + b.rightVal) / 2
	switch g.m.columns[b.column].Monotone {
	case 1:
		left.high, right.low = middle, middle
	case -1:
		left.low, right.high = middle, middle
	}
	return left, right
}

func (g *grower) take() histogram {
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		return h
	}
	return make(histogram, g.cells)
}

// fill counts the rows into the histogram, column by column.
func (g *grower) fill(h histogram, rows []int32, columns []int) {
	grad, hess := g.nodeGrad[:len(rows)], g.nodeHess[:len(rows)]
	for i, r := range rows {
		grad[i], hess[i] = g.grad[r], g.hess[r]
	}
	g.each(columns, len(rows), func(c int) {
		cells := h[g.offset[c] : g.offset[c]+g.m.columns[c].Bins+1]
		clear(cells)
		bins := g.m.bins[c]
		for i, r := range rows {
			cell := &cells[bins[r]]
			cell.grad += grad[i]
			cell.hess += hess[i]
			cell.rows++
		}
	})
}

// each runs f for every column, spread over the workers when there is enough
// to do. The outcome of f must depend on its column alone.
func (g *grower) each(columns []int, rows int, f func(column int)) {
	workers := min(g.p.Workers, len(columns))
	if workers <= 1 || rows < 2000 {
		for _, c := range columns {
			f(c)
		}
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(columns); i += workers {
				f(columns[i])
			}
		})
	}
	wait.Wait()
}

// bestSplit finds the split of greatest gain; equal gains go to the lower
// column, then the lower bin.
func (g *grower) bestSplit(l *leaf, columns []int) split {
	best := split{gain: math.Inf(-1)}
	if l.depth >= g.p.Depth || len(l.rows) < 2*g.p.MinRows {
		return best
	}
	parent := g.score(l.grad, l.hess, g.value(l.grad, l.hess, l.low, l.high))
	found := make([]split, len(g.m.columns))
	g.each(columns, len(l.rows), func(c int) { found[c] = g.bestOfColumn(l, c, parent) })
	for _, c := range columns {
		if found[c].gain > best.gain {
			best = found[c]
		}
	}
	return best
}

func (g *grower) bestOfColumn(l *leaf, c int, parent float64) split {
	best := split{gain: math.Inf(-1), column: c}
	column := g.m.columns[c]
	cells := l.hist[g.offset[c] : g.offset[c]+column.Bins+1]
	missing := cells[column.Bins]
	total := int32(len(l.rows))
	try := func(bin int, grad, hess float64, rows int32, missingLeft bool) {
		if missingLeft {
			grad, hess, rows = grad+missing.grad, hess+missing.hess, rows+missing.rows
		}
		restGrad, restHess, restRows := l.grad-grad, l.hess-hess, total-rows
		if rows < int32(g.p.MinRows) || restRows < int32(g.p.MinRows) || hess < g.p.MinWeight || restHess < g.p.MinWeight {
			return
		}
		left, right := g.value(grad, hess, l.low, l.high), g.value(restGrad, restHess, l.low, l.high)
		if column.Monotone > 0 && left > right || column.Monotone < 0 && left < right {
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
		try(b, grad, hess, rows, false)
		if missing.rows > 0 && b < column.Bins-1 {
			try(b, grad, hess, rows, true)
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

// step shrinks a leaf's value and rounds it to what a model file holds, so
// that the margins of the fit are those of the file.
func (g *grower) step(value float64) float64 {
	return float64(float32(g.p.LearningRate * value))
}

// score is the loss reduction of a leaf with the given value, doubled.
func (g *grower) score(grad, hess, value float64) float64 {
	return -(2*grad*value + (hess+g.p.L2)*value*value)
}
