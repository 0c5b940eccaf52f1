package model

import (
	"math"

	"whorl/features"
)

// This file holds the part of scoring that takes the time: walking trees. A
// walk waits for the memory of each step and for each comparison that the
// processor guessed wrong, so there are no branches on data in it, one integer
// comparison a step, and always four independent walks in flight.

// keys is a comparison vector for walking. Feature i has two keys that order
// as its value does: keys[2*i] for nodes that send NaN left, where NaN is below
// everything, and keys[2*i+1] for those that send it right, where NaN is
// above everything. The node knows which of the two to ask.
type keys [2 * features.NumFeatures]int32

// fill sets the keys of a vector's values.
func (k *keys) fill(v []float32) {
	for i, x := range v {
		if x != x {
			k[2*i], k[2*i+1] = math.MinInt32, math.MaxInt32
			continue
		}
		s := sortable(x)
		k[2*i], k[2*i+1] = s, s
	}
}

// sortable maps a number, not NaN, to an integer so that integers compare as
// the numbers do. No number reaches the largest or the smallest integer.
func sortable(x float32) int32 {
	if x == 0 {
		return 0 // -0 as well
	}
	bits := int32(math.Float32bits(x))
	if bits < 0 {
		bits ^= math.MaxInt32 // negative numbers grow with falling magnitude
	}
	return bits
}

// step returns the child of n that the keys lead to.
func (n *node) step(k *keys) int32 {
	right := int32(0)
	if k[n.key] > n.threshold {
		right = 1
	}
	return n.left + right
}

// margin returns the log-odds of a vector that has every feature that the
// forest was compiled for. Leaves are added in the order of the trees.
func (f *forest) margin(v []float32) float64 {
	var k keys
	k.fill(v)
	sum, nodes, trees := f.base, f.nodes, f.trees
	for len(trees) >= 4 {
		a, b, c, d := trees[0].root, trees[1].root, trees[2].root, trees[3].root
		for range max(trees[0].depth, trees[1].depth, trees[2].depth, trees[3].depth) {
			a = nodes[a].step(&k)
			b = nodes[b].step(&k)
			c = nodes[c].step(&k)
			d = nodes[d].step(&k)
		}
		sum += float64(nodes[a].value)
		sum += float64(nodes[b].value)
		sum += float64(nodes[c].value)
		sum += float64(nodes[d].value)
		trees = trees[4:]
	}
	for _, t := range trees {
		sum += float64(nodes[f.leaf(t, &k)].value)
	}
	return sum
}

// leaf returns the index of the leaf that the keys lead to.
func (f *forest) leaf(t tree, k *keys) int32 {
	at := t.root
	for range t.depth {
		at = f.nodes[at].step(k)
	}
	return at
}

// batch is how many vectors go down a tree before the next tree's turn: few
// enough that they and the tree stay in the nearest cache.
const batch = 32

// margins is margin for many vectors, tree by tree. The sums have the same
// order as in margin, hence the same bits.
func (f *forest) margins(vs []features.Vector, out []float64) {
	var ks [batch]keys
	for len(vs) > 0 {
		n := min(batch, len(vs))
		for i := range n {
			ks[i].fill(vs[i][:])
			out[i] = f.base
		}
		for _, t := range f.trees {
			f.addTree(t, ks[:n], out[:n])
		}
		vs, out = vs[n:], out[n:]
	}
}

// addTree adds to out the leaves of a tree that vectors reach.
func (f *forest) addTree(t tree, ks []keys, out []float64) {
	nodes := f.nodes
	for len(ks) >= 4 && len(out) >= 4 {
		a, b, c, d := t.root, t.root, t.root, t.root
		for range t.depth {
			a = nodes[a].step(&ks[0])
			b = nodes[b].step(&ks[1])
			c = nodes[c].step(&ks[2])
			d = nodes[d].step(&ks[3])
		}
		out[0] += float64(nodes[a].value)
		out[1] += float64(nodes[b].value)
		out[2] += float64(nodes[c].value)
		out[3] += float64(nodes[d].value)
		ks, out = ks[4:], out[4:]
	}
	for i := range ks {
		out[i] += float64(nodes[f.leaf(t, &ks[i])].value)
	}
}
