package boost

import "sync"

// cell sums the gradients and curvatures of one bin.
type cell struct {
	grad, hess float64
	rows       int32
}

// span is how many cells a column's part of a histogram can be indexed by: one
// for every value of a byte, so that no index needs a check.
const span = 256

// histogram holds the cells of all columns, one after another, and room for a
// span behind the last one.
type histogram []cell

// of returns the cells of column c.
func (g *grower) of(h histogram, c int) []cell {
	return h[g.offset[c] : g.offset[c]+g.m.columns[c].Bins+1]
}

func (g *grower) take() histogram {
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		return h
	}
	return make(histogram, g.cells+span)
}

// gather copies the pulls of rows next to each other, for fill.
func (g *grower) gather(rows []int32) {
	near := g.near[:len(rows)]
	for i, r := range rows {
		near[i] = g.pulls[r]
	}
}

// fill counts the gathered rows into the cells of some columns, four columns
// at a time: that reads rows and pulls a quarter as often and lets the sums of
// one column wait in the shadow of the others'. Each cell's sums run over the
// rows in order.
func (g *grower) fill(h histogram, rows []int32, columns []int) {
	for _, c := range columns {
		clear(g.of(h, c))
	}
	near := g.near[:len(rows)]
	for ; len(columns) >= 4; columns = columns[4:] {
		c0, c1, c2, c3 := columns[0], columns[1], columns[2], columns[3]
		b0 := g.m.bins[c0]
		b1, b2, b3 := g.m.bins[c1][:len(b0)], g.m.bins[c2][:len(b0)], g.m.bins[c3][:len(b0)]
		h0, h1 := (*[span]cell)(h[g.offset[c0]:]), (*[span]cell)(h[g.offset[c1]:])
		h2, h3 := (*[span]cell)(h[g.offset[c2]:]), (*[span]cell)(h[g.offset[c3]:])
		for i, r := range rows {
			p := near[i]
			h0[b0[r]].add(p)
			h1[b1[r]].add(p)
			h2[b2[r]].add(p)
			h3[b3[r]].add(p)
		}
	}
	for _, c := range columns {
		bins, cells := g.m.bins[c], (*[span]cell)(h[g.offset[c]:])
		for i, r := range rows {
			cells[bins[r]].add(near[i])
		}
	}
}

func (c *cell) add(p pull) {
	c.grad += p.grad
	c.hess += p.hess
	c.rows++
}

// subtract takes the cells of a part from those of the whole.
func subtract(whole, part []cell) {
	part = part[:len(whole)]
	for k := range whole {
		whole[k].grad -= part[k].grad
		whole[k].hess -= part[k].hess
		whole[k].rows -= part[k].rows
	}
}

// Work on fewer rows than this is not worth another goroutine.
const leastShared = 2000

// blocks runs f for runs of at most four columns, spread over the workers when
// there are rows enough. The outcome of f must depend on its columns alone.
func (g *grower) blocks(columns []int, rows int, f func(columns []int)) {
	const block = 4
	n := (len(columns) + block - 1) / block
	workers := min(g.p.Workers, n)
	if workers <= 1 || rows < leastShared {
		f(columns)
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for k := w; k < n; k += workers {
				f(columns[k*block : min(len(columns), (k+1)*block)])
			}
		})
	}
	wait.Wait()
}

// ranges runs f for parts of [0, n), spread over the workers when there is
// enough to do. The outcome of f for one place must not depend on the others.
func (g *grower) ranges(n int, f func(from, to int)) {
	workers := min(g.p.Workers, n/leastShared)
	if workers <= 1 {
		f(0, n)
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { f(w*n/workers, (w+1)*n/workers) })
	}
	wait.Wait()
}
