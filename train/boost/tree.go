package boost

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
	Gain        float64 // loss reduction of the split, doubled, the penalty's change included
	bin         uint8
}

// Predict returns the margin of one row: a value for each column, of
// magnitude at most 1e18 or NaN.
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

// AddRows adds the steps of the given rows of a matrix with the columns of the
// fit to margins, one entry a row: Predict without unbinning. Only trees that
// [Fit] returned know the bins.
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
