package model

import (
	"fmt"
	"math"
)

const (
	maxTrees     = 4096
	maxNodes     = 1 << 20
	maxDepth     = 32
	maxNodeValue = 100  // log-odds; beyond it a probability is 0 or 1 to any use
	maxSplit     = 1e18 // magnitude of a split's threshold
)

// Forest is a gradient-boosted forest of binary regression trees as a trainer
// hands it over: one entry a node in every slice but Roots, children given by
// their index. Nodes may come in any order; every node belongs to exactly one
// tree.
//
// At an internal node a vector goes to Left when its value of the node's
// feature is at most Threshold, to Right when it is greater, and where
// DefaultLeft says when it is NaN. Its margin is Base plus the Value of the
// leaf that it reaches in each tree.
type Forest struct {
	Base      float64   // log-odds before any tree, magnitude at most 100
	Roots     []int32   // index of each tree's root; 1 to 4096 trees
	Feature   []int32   // index in the comparison vector; -1 for a leaf
	Threshold []float32 // magnitude at most 1e18; ignored for a leaf
	Left      []int32   // ignored for a leaf, as Right and DefaultLeft
	Right     []int32
	// DefaultLeft says that NaN, a feature that does not apply, goes left.
	DefaultLeft []bool
	// Value is what the tree adds to the margin, log-odds, magnitude at most
	// 100. An internal node holds the expected value over the training rows
	// that reached it, which Explain needs.
	Value []float32
}

// layout is a forest as the file stores it. Trees lie one after another, the
// nodes of each in breadth-first order, so that siblings are neighbours and
// there is one way to write a tree.
type layout struct {
	base      float64
	roots     []int32   // [trees]
	feature   []int32   // [nodes], -1 for a leaf
	left      []int32   // [nodes], the right child is left+1; -1 for a leaf
	missing   []int32   // [nodes], the child for NaN; -1 for a leaf
	threshold []float32 // [nodes], +0 for a leaf
	value     []float32 // [nodes]
}

// layout returns the forest in the order of the file. It checks that the
// nodes are trees; check does the rest.
func (f *Forest) layout() (*layout, error) {
	nodes := len(f.Feature)
	for _, n := range []int{len(f.Threshold), len(f.Left), len(f.Right), len(f.DefaultLeft), len(f.Value)} {
		if n != nodes {
			return nil, fmt.Errorf("%w: its slices have %d and %d nodes", ErrForest, nodes, n)
		}
	}
	if nodes > maxNodes {
		return nil, fmt.Errorf("%w: %d nodes, at most %d", ErrForest, nodes, maxNodes)
	}
	l := &layout{base: f.Base}
	taken := make([]bool, nodes)
	order := make([]int32, 0, nodes) // order[i] is the old index of new node i
	take := func(i int32, parent string, at int) error {
		if i < 0 || int(i) >= nodes {
			return fmt.Errorf("%w: %s %d names node %d of %d", ErrForest, parent, at, i, nodes)
		}
		if taken[i] {
			return fmt.Errorf("%w: %s %d names node %d, which already has a parent", ErrForest, parent, at, i)
		}
		taken[i] = true
		order = append(order, i)
		return nil
	}
	for t, root := range f.Roots {
		next := len(order)
		l.roots = append(l.roots, int32(next))
		if err := take(root, "tree", t); err != nil {
			return nil, err
		}
		for ; next < len(order); next++ {
			old := order[next]
			l.feature = append(l.feature, f.Feature[old])
			l.value = append(l.value, f.Value[old])
			if f.Feature[old] < 0 {
				l.left = append(l.left, -1)
				l.missing = append(l.missing, -1)
				l.threshold = append(l.threshold, 0)
				continue
			}
			left := int32(len(order))
			missing := left + 1
			if f.DefaultLeft[old] {
				missing = left
			}
			l.left = append(l.left, left)
			l.missing = append(l.missing, missing)
			l.threshold = append(l.threshold, f.Threshold[old])
			for _, child := range []int32{f.Left[old], f.Right[old]} {
				if err := take(child, "node", int(old)); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(order) < nodes {
		return nil, fmt.Errorf("%w: %d of its %d nodes belong to no tree", ErrForest, nodes-len(order), nodes)
	}
	return l, nil
}

// node is one step of a walk: 16 bytes, and siblings are neighbours. A leaf
// is its own left child under a threshold that nothing exceeds, so that a walk
// of the tree's depth, or longer, ends on the leaf without asking for it.
type node struct {
	threshold int32 // as sortable makes it
	left      int32 // the right child is left+1
	value     float32
	key       uint16 // index in keys
}

// leafThreshold is at least every key.
const leafThreshold = math.MaxInt32

type tree struct{ root, depth int32 }

// forest is a checked layout, compiled for walking.
type forest struct {
	base  float64
	trees []tree
	nodes []node
}

// compile checks everything about a forest of trees over width features.
//
// The walk over the nodes is the proof of their shape. In breadth-first order
// the children of the first internal node must be the first two nodes that no
// node before them claimed, and so on: then every child comes after its
// parent, every node has one, and no tree reaches into another.
func (l *layout) compile(width int) (*forest, error) {
	if n := len(l.roots); n == 0 || n > maxTrees {
		return nil, fmt.Errorf("%w: %d trees, allowed are 1 to %d", ErrForest, n, maxTrees)
	}
	nodes := len(l.feature)
	if nodes > maxNodes {
		return nil, fmt.Errorf("%w: %d nodes, at most %d", ErrForest, nodes, maxNodes)
	}
	if err := bounded("base margin", l.base, maxNodeValue); err != nil {
		return nil, err
	}
	f := &forest{base: l.base, trees: make([]tree, len(l.roots)), nodes: make([]node, nodes)}
	depth := make([]uint8, nodes) // of each node below its root
	next := 0                     // the first node that nothing claimed
	for t := range l.roots {
		if int(l.roots[t]) != next || next >= nodes {
			return nil, fmt.Errorf("%w: root of tree %d is node %d, want %d of %d", ErrForest, t, l.roots[t], next, nodes)
		}
		f.trees[t].root = l.roots[t]
		i := next
		for next++; i < next; i++ {
			if err := l.compileNode(f, i, next, width); err != nil {
				return nil, err
			}
			f.trees[t].depth = int32(depth[i]) // never falls in breadth-first order
			if l.feature[i] < 0 {
				continue
			}
			if depth[i] == maxDepth {
				return nil, fmt.Errorf("%w: tree %d is deeper than %d", ErrForest, t, maxDepth)
			}
			depth[next], depth[next+1] = depth[i]+1, depth[i]+1
			next += 2
		}
	}
	if next != nodes {
		return nil, fmt.Errorf("%w: %d of its %d nodes belong to no tree", ErrForest, nodes-next, nodes)
	}
	return f, nil
}

// compileNode checks node i, whose children, if it has any, must be the nodes
// next and next+1.
func (l *layout) compileNode(f *forest, i, next, width int) error {
	value, threshold := float64(l.value[i]), float64(l.threshold[i])
	// Written so that NaN fails, and no text is made for the nodes that pass.
	if !(math.Abs(value) <= maxNodeValue && math.Abs(threshold) <= maxSplit) {
		if err := bounded(fmt.Sprintf("value of node %d", i), value, maxNodeValue); err != nil {
			return err
		}
		return bounded(fmt.Sprintf("threshold of node %d", i), threshold, maxSplit)
	}
	switch feature := l.feature[i]; {
	case feature == -1:
		if l.left[i] != -1 || l.missing[i] != -1 || math.Float32bits(l.threshold[i]) != 0 {
			return fmt.Errorf("%w: leaf %d has a child or a threshold", ErrForest, i)
		}
		f.nodes[i] = node{threshold: leafThreshold, left: int32(i), value: l.value[i]}
		return nil
	case feature < 0 || int(feature) >= width:
		return fmt.Errorf("%w: node %d splits on feature %d of %d", ErrForest, i, feature, width)
	case int(l.left[i]) != next || next+1 >= len(f.nodes):
		return fmt.Errorf("%w: children of node %d start at %d, want %d of %d", ErrForest, i, l.left[i], next, len(f.nodes))
	case int(l.missing[i]) != next && int(l.missing[i]) != next+1:
		return fmt.Errorf("%w: node %d sends NaN to %d, which is not its child", ErrForest, i, l.missing[i])
	}
	f.nodes[i] = node{
		threshold: sortable(l.threshold[i]),
		left:      l.left[i],
		value:     l.value[i],
		key:       uint16(2*l.feature[i] + l.missing[i] - l.left[i]),
	}
	return nil
}

// bounded returns an error unless x is finite and its magnitude at most limit.
func bounded(what string, x, limit float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%w: %s is %v", ErrNotFinite, what, x)
	}
	if math.Abs(x) > limit {
		return fmt.Errorf("%w: %s is %v, magnitude at most %v", ErrForest, what, x, limit)
	}
	return nil
}

// depth returns the depth of the deepest tree; a single leaf has depth 0.
func (f *forest) depth() int {
	deepest := int32(0)
	for _, t := range f.trees {
		deepest = max(deepest, t.depth)
	}
	return int(deepest)
}
