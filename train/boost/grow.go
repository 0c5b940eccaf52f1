package boost

import "math"

// grower grows one tree at a time and keeps the memory between trees.
type grower struct {
	m       *Matrix
	p       Params
	pulls   []pull // by row of the matrix
	offset  []int  // first cell of each column
	cells   int
	free    []histogram
	spill   []int32    // of divide
	near    []pull     // of gather
	columns [2][]split // of search: best split of each column, for two leaves
	sources [2][]int32 // of sourced
}

func newGrower(m *Matrix, p Params) *grower {
	g := &grower{m: m, p: p, pulls: make([]pull, m.rows), spill: make([]int32, m.rows), near: make([]pull, m.rows)}
	for _, c := range m.columns {
		g.offset = append(g.offset, g.cells)
		g.cells += c.Bins + 1
	}
	for k := range g.columns {
		g.columns[k] = make([]split, len(m.columns))
		g.sources[k] = make([]int32, 0, p.MinSources)
	}
	return g
}

// leaf is a node that may still be split.
type leaf struct {
	node       int
	rows       []int32   // a part of the tree's row list
	hist       histogram // nil where no split is looked for
	grad, hess float64
	low, high  float64 // bounds of the value, from monotone splits above
	depth      int
	best       split
}

// grow returns the tree that fits the current pulls of the given rows, and its
// leaves with the rows in each. It reorders rows.
func (g *grower) grow(rows []int32, columns []int) (Tree, []leaf) {
	root := leaf{rows: rows, low: math.Inf(-1), high: math.Inf(1), best: noSplit}
	for _, r := range rows {
		root.grad += g.pulls[r].grad
		root.hess += g.pulls[r].hess
	}
	t := Tree{Nodes: []Node{{Feature: -1, Value: g.step(g.value(root.grad, root.hess, root.low, root.high))}}}
	if g.p.Leaves > 1 && g.divisible(&root) {
		g.searchRoot(&root, columns)
	}
	open := []leaf{root}
	for len(open) < g.p.Leaves {
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
		if len(open)+1 < g.p.Leaves { // or else the tree is complete
			g.search(&l, &left, &right, columns)
		} else {
			g.free = append(g.free, l.hist)
		}
		open[pick] = left
		open = append(open, right)
	}
	for i := range open {
		if open[i].hist != nil {
			g.free = append(g.free, open[i].hist)
			open[i].hist = nil
		}
	}
	return t, open
}

// divisible reports whether limits allow a leaf to be split at all.
func (g *grower) divisible(l *leaf) bool {
	return l.depth < g.p.Depth && len(l.rows) >= 2*g.p.MinRows && l.hess >= 2*g.p.MinWeight
}

// divide turns leaf l into an inner node with two leaves.
func (g *grower) divide(t *Tree, l *leaf) (left, right leaf) {
	b := &l.best
	column := g.m.columns[b.column]
	var side [span]uint8 // of each bin: 1 left, 0 right
	for bin := range b.bin + 1 {
		side[bin] = 1
	}
	if b.missingLeft {
		side[column.Bins] = 1
	}
	// A stable partition keeps the rows in order, which keeps sums reproducible.
	// It writes every row to both sides and moves on in one of them: no branch
	// to guess.
	bins, spill := g.m.bins[b.column], g.spill[:len(l.rows)]
	n, spilled := 0, 0
	for _, r := range l.rows {
		goes := int(side[bins[r]])
		l.rows[n], spill[spilled] = r, r
		n += goes
		spilled += 1 - goes
	}
	copy(l.rows[n:], spill[:spilled])

	at := len(t.Nodes)
	node := &t.Nodes[l.node]
	node.Feature, node.bin, node.MissingLeft = b.column, uint8(b.bin), b.missingLeft
	node.Threshold = column.edge(b.bin)
	if b.bin == column.Bins-1 { // every value goes left, whatever the range says
		node.Threshold = openEnd
	}
	node.Left, node.Right, node.Gain = at, at+1, b.gain
	t.Nodes = append(t.Nodes,
		Node{Feature: -1, Value: g.step(b.leftValue)},
		Node{Feature: -1, Value: g.step(b.rightValue)})

	left = leaf{node: at, rows: l.rows[:n], grad: b.leftGrad, hess: b.leftHess, low: l.low, high: l.high, depth: l.depth + 1, best: noSplit}
	right = leaf{node: at + 1, rows: l.rows[n:], grad: b.rightGrad, hess: b.rightHess, low: l.low, high: l.high, depth: l.depth + 1, best: noSplit}
	if b.bin == column.Bins-1 {
		return left, right // an order of values says nothing about missing ones
	}
	middle := (b.leftValue + b.rightValue) / 2
	switch column.Monotone {
	case 1:
		left.high, right.low = middle, middle
	case -1:
		left.low, right.high = middle, middle
	}
	return left, right
}

// step shrinks a leaf's value and rounds it to what a model file holds, so
// that the margins of the fit are those of the file.
func (g *grower) step(value float64) float64 {
	return float64(float32(g.p.LearningRate * value))
}
