package boost

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// problem is a small data set with the values before binning.
type problem struct {
	columns []Column
	values  [][]float32
	labels  []float32
	weights []float32
}

func (p *problem) matrix(t interface{ Fatal(...any) }) *Matrix {
	m, err := NewMatrix(p.columns, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range p.values {
		m.Append(row)
	}
	return m
}

// drawProblem draws a data set of few distinct values, so that bins are shared,
// edges are met exactly and values fall out of range or are missing.
func drawProblem(t *rapid.T) *problem {
	p := new(problem)
	for range rapid.IntRange(1, 5).Draw(t, "columns") {
		low := rapid.SampledFrom([]float32{0, -1, 0.1}).Draw(t, "low")
		p.columns = append(p.columns, Column{
			Low: low, High: low + rapid.SampledFrom([]float32{1, 0.3, 7}).Draw(t, "width"),
			Bins:     rapid.IntRange(1, 9).Draw(t, "bins"),
			Monotone: int8(rapid.IntRange(-1, 1).Draw(t, "monotone")),
		})
	}
	value := rapid.OneOf(rapid.Float32Range(-1.5, 8), rapid.SampledFrom([]float32{
		float32(math.NaN()), float32(math.NaN()), 0, 0.5, 1, -1, 1e18, -1e18,
	}))
	for range rapid.IntRange(2, 60).Draw(t, "rows") {
		row := make([]float32, len(p.columns))
		for c, column := range p.columns {
			row[c] = value.Draw(t, "value")
			if rapid.Bool().Draw(t, "on an edge") {
				row[c] = column.edge(rapid.IntRange(0, column.Bins-1).Draw(t, "edge"))
			}
		}
		p.values = append(p.values, row)
		p.labels = append(p.labels, rapid.SampledFrom([]float32{0, 1, 1, 0.25}).Draw(t, "label"))
		p.weights = append(p.weights, rapid.SampledFrom([]float32{0, 1, 1, 2, 0.3}).Draw(t, "weight"))
	}
	return p
}

// reference is a leaf of the slow tree: rows by their raw values.
type reference struct {
	depth     int
	rows      []int
	low, high float64
}

// slow recomputes everything from the rows themselves.
type slow struct {
	*problem
	p       Params
	margins []float64
}

// sums returns gradient and curvature of the weighted log loss over rows.
func (s *slow) sums(rows []int) (grad, hess float64) {
	for _, r := range rows {
		q := 1 / (1 + math.Exp(-s.margins[r]))
		grad += float64(s.weights[r]) * (q - float64(s.labels[r]))
		hess += float64(s.weights[r]) * q * (1 - q)
	}
	return grad, hess
}

// best returns the value in [low, high] (and under the bound of a leaf) that
// minimises G*v + (H+L2)*v*v/2, and that minimum.
func (s *slow) best(rows []int, low, high float64) (value, loss float64) {
	grad, hess := s.sums(rows)
	h := hess + s.p.L2
	value = math.Min(math.Max(-grad/h, -s.p.MaxLeafValue), s.p.MaxLeafValue)
	value = math.Min(math.Max(value, low), high)
	return value, grad*value + h*value*value/2
}

// divide tries one split and returns its doubled gain, or ok = false where a
// limit forbids it.
func (s *slow) divide(l *reference, column, bin int, missingLeft bool) (left, right reference, gain, leftValue, rightValue float64, ok bool) {
	c := s.columns[column]
	left, right = reference{depth: l.depth + 1, low: l.low, high: l.high}, reference{depth: l.depth + 1, low: l.low, high: l.high}
	for _, r := range l.rows {
		v := s.values[r][column]
		goesLeft := v <= c.edge(bin) || bin == c.Bins-1
		if v != v {
			goesLeft = missingLeft
		}
		if goesLeft {
			left.rows = append(left.rows, r)
		} else {
			right.rows = append(right.rows, r)
		}
	}
	_, leftHess := s.sums(left.rows)
	_, rightHess := s.sums(right.rows)
	const slack = 1e-12 // sums in another order may fall on the other side of a limit
	if len(left.rows) < s.p.MinRows || len(right.rows) < s.p.MinRows || leftHess < s.p.MinWeight-slack || rightHess < s.p.MinWeight-slack {
		return left, right, 0, 0, 0, false
	}
	_, before := s.best(l.rows, l.low, l.high)
	leftValue, leftLoss := s.best(left.rows, l.low, l.high)
	rightValue, rightLoss := s.best(right.rows, l.low, l.high)
	gain = 2 * (before - leftLoss - rightLoss)
	if bin < c.Bins-1 { // the last split tells missing values from all others: no order there
		middle := (leftValue + rightValue) / 2
		switch c.Monotone {
		case 1:
			ok = leftValue <= rightValue+slack
			left.high, right.low = middle, middle
		case -1:
			ok = leftValue >= rightValue-slack
			left.low, right.high = middle, middle
		default:
			ok = true
		}
		return left, right, gain, leftValue, rightValue, ok
	}
	return left, right, gain, leftValue, rightValue, true
}

// most returns the greatest gain of any split of a leaf that is safely within
// the limits.
func (s *slow) most(l *reference) float64 {
	most := math.Inf(-1)
	if l.depth >= s.p.Depth {
		return most
	}
	for c, column := range s.columns {
		for bin := range column.Bins {
			for _, missingLeft := range []bool{false, true} {
				left, right, gain, leftValue, rightValue, ok := s.divide(l, c, bin, missingLeft)
				_, leftHess := s.sums(left.rows)
				_, rightHess := s.sums(right.rows)
				near := math.Abs(leftHess-s.p.MinWeight) < 1e-9 || math.Abs(rightHess-s.p.MinWeight) < 1e-9 ||
					column.Monotone != 0 && math.Abs(leftValue-rightValue) < 1e-9
				if ok && !near && gain > most {
					most = gain
				}
			}
		}
	}
	return most
}

// TestFitMatchesSlowReference follows every fit split by split: each must be
// the best of all splits of all open leaves, found by trying them on the rows'
// raw values without histograms, and growth must stop only where nothing gains.
// Equal gains leave the choice open; a smaller gain does not.
func TestFitMatchesSlowReference(t *testing.T) {
	splits := 0
	rapid.Check(t, func(t *rapid.T) {
		d := drawProblem(t)
		p := Params{
			Trees:        2,
			Leaves:       rapid.IntRange(1, 6).Draw(t, "leaves"),
			Depth:        rapid.IntRange(1, 4).Draw(t, "depth"),
			LearningRate: rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "rate"),
			L2:           rapid.SampledFrom([]float64{1e-3, 1, 10}).Draw(t, "l2"),
			MinGain:      rapid.SampledFrom([]float64{1e-7, 0.05}).Draw(t, "gain"), // 0 would split on rounding
			MinWeight:    rapid.SampledFrom([]float64{1e-6, 0.4, 1}).Draw(t, "weight"),
			MinRows:      rapid.IntRange(1, 5).Draw(t, "min rows"),
			MaxLeafValue: rapid.SampledFrom([]float64{0.3, 4}).Draw(t, "bound"),
			RowSample:    1, ColumnSample: 1,
		}
		e, err := Fit(context.Background(), d.matrix(t), nil, d.labels, d.weights, p)
		if err != nil {
			return // all labels equal: TestFitErrors
		}
		if len(e.Trees) != p.Trees {
			t.Fatalf("%d trees, want %d", len(e.Trees), p.Trees)
		}
		s := &slow{problem: d, p: p, margins: make([]float64, len(d.values))}
		var present []int
		for r := range d.values {
			s.margins[r] = e.Bias
			if d.weights[r] > 0 {
				present = append(present, r)
			}
		}
		for k := range e.Trees {
			splits += s.follow(t, &e.Trees[k], present)
			for r, row := range d.values {
				s.margins[r] += e.Trees[k].Predict(row)
			}
		}
	})
	if splits < 30 { // chance alone varies between 80 and 300
		t.Fatalf("only %d splits were checked: the drawn problems are too easy", splits)
	}
}

// follow checks one tree and returns its number of splits.
func (s *slow) follow(t *rapid.T, tree *Tree, rows []int) int {
	open := map[int]reference{0: {rows: rows, low: math.Inf(-1), high: math.Inf(1)}}
	step := func(node int, value float64) {
		t.Helper()
		if got, want := tree.Nodes[node].Value, s.p.LearningRate*value; math.Abs(got-want) > 1e-9+6e-8*math.Abs(want) {
			t.Fatalf("node %d steps by %g, want %g", node, got, want)
		}
	}
	value, _ := s.best(rows, math.Inf(-1), math.Inf(1))
	step(0, value)
	for next := 1; ; next += 2 {
		most := math.Inf(-1)
		for _, l := range open {
			most = math.Max(most, s.most(&l))
		}
		if next == len(tree.Nodes) {
			if len(open) < s.p.Leaves && most > s.p.MinGain+1e-9 {
				t.Fatalf("growth stopped at %d leaves, but a split gains %g", len(open), most)
			}
			return next / 2
		}
		at := -1
		for node := range open {
			if tree.Nodes[node].Feature >= 0 && tree.Nodes[node].Left == next {
				at = node
			}
		}
		if at < 0 || tree.Nodes[at].Right != next+1 {
			t.Fatalf("no open leaf became the parent of nodes %d and %d", next, next+1)
		}
		l, n := open[at], &tree.Nodes[at]
		c := s.columns[n.Feature]
		if want := c.edge(int(n.bin)); n.Threshold != want && int(n.bin) != c.Bins-1 {
			t.Fatalf("node %d: threshold %g, the edge of its bin is %g", at, n.Threshold, want)
		}
		left, right, gain, leftValue, rightValue, ok := s.divide(&l, n.Feature, int(n.bin), n.MissingLeft)
		if !ok || l.depth >= s.p.Depth || len(open) >= s.p.Leaves || gain <= s.p.MinGain-1e-9 {
			t.Fatalf("node %d: a split that the limits forbid", at)
		}
		if math.Abs(gain-n.Gain) > 1e-9*(1+math.Abs(gain)) {
			t.Fatalf("node %d: gain %g, want %g", at, n.Gain, gain)
		}
		if gain < most-1e-9*(1+math.Abs(most)) {
			t.Fatalf("node %d: split gains %g, another one %g", at, gain, most)
		}
		step(next, leftValue)
		step(next+1, rightValue)
		delete(open, at)
		open[next], open[next+1] = left, right
	}
}
