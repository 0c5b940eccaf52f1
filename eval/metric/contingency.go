package metric

import "fmt"

// Contingency counts the items of one project by cluster and group.
type Contingency struct {
	cells    []cell
	starts   []int // cluster c owns cells[starts[c]:starts[c+1]]
	cellOf   []int // by item
	sizes    []int // items by group
	clusters []int // clusters that hold items of a group, by group
}

type cell struct {
	group, items int
}

// NewContingency sets clusters against groups, both by item and numbered from
// 0 without gaps; items stand in the order of time. It panics on slices of
// different length and on a gap.
func NewContingency(groups, clusters []int) *Contingency {
	if len(groups) != len(clusters) {
		panic(fmt.Sprintf("metric: %d items have a group and %d a cluster", len(groups), len(clusters)))
	}
	c := &Contingency{cellOf: make([]int, len(groups)), sizes: make([]int, extent("group", groups))}
	c.clusters = make([]int, len(c.sizes))
	members := make([][]cell, extent("cluster", clusters)) // cells of a cluster by first appearance
	local := make(map[[2]int]int)
	for i, g := range groups {
		c.sizes[g]++
		at, ok := local[[2]int{clusters[i], g}]
		if !ok {
			at = len(members[clusters[i]])
			local[[2]int{clusters[i], g}] = at
			members[clusters[i]] = append(members[clusters[i]], cell{group: g})
			c.clusters[g]++
		}
		members[clusters[i]][at].items++
		c.cellOf[i] = at
	}
	for _, cells := range members {
		c.starts = append(c.starts, len(c.cells))
		c.cells = append(c.cells, cells...)
	}
	c.starts = append(c.starts, len(c.cells))
	for i, k := range clusters {
		c.cellOf[i] += c.starts[k]
	}
	return c
}

// extent returns how many numbers from 0 are in use and panics on a gap.
func extent(what string, numbers []int) int {
	top := -1
	for _, k := range numbers {
		if k < 0 || k >= len(numbers) {
			panic(fmt.Sprintf("metric: %s number %d of %d items", what, k, len(numbers)))
		}
		top = max(top, k)
	}
	used := make([]bool, top+1)
	for _, k := range numbers {
		used[k] = true
	}
	for k, u := range used {
		if !u {
			panic(fmt.Sprintf("metric: no item in %s %d", what, k))
		}
	}
	return top + 1
}

// Clusters returns how many clusters there are.
func (c *Contingency) Clusters() int { return len(c.starts) - 1 }

// Groups returns how many groups there are.
func (c *Contingency) Groups() int { return len(c.sizes) }

// Cells returns how many combinations of cluster and group occur.
func (c *Contingency) Cells() int { return len(c.cells) }

// CellOf returns the number of item i's combination of cluster and group, in
// [0, Cells).
func (c *Contingency) CellOf(i int) int { return c.cellOf[i] }

// Multiplicity says how often a bootstrap resample holds each group. An item
// of group g counts Own[g] times, and meets the items of another group h
// Other[h] times: a pair within g weighs Own[g], a pair of g and h weighs
// Own[g]*Other[h], which must be symmetric. Copies of one group never meet
// each other. Nil slices are all ones.
//
// Where groups are resampled, both are the multiplicity of the group. Where
// whole projects are, Own is the project's multiplicity and Other is 1.
type Multiplicity struct {
	Own, Other []float64
}

func (m Multiplicity) own(g int) float64 {
	if m.Own == nil {
		return 1
	}
	return m.Own[g]
}

func (m Multiplicity) other(g int) float64 {
	if m.Other == nil {
		return 1
	}
	return m.Other[g]
}

// Agreement returns the sums from which all figures follow. With counts, which
// says how many items of each cell are in a slice, the item sums (B-cubed and
// over-merge) run over these items only, while their clusters and groups stay
// whole. The majority group of a cluster is the one with the most items, the
// earliest in the cluster among equals.
func (c *Contingency) Agreement(m Multiplicity, counts []int) Agreement {
	if counts != nil && len(counts) != len(c.cells) {
		panic(fmt.Sprintf("metric: counts of %d cells, there are %d", len(counts), len(c.cells)))
	}
	var a Agreement
	for k := range c.Clusters() {
		cells := c.cells[c.starts[k]:c.starts[k+1]]
		a.Clusters += m.own(cells[0].group)
		var own, other, same, seen float64
		majority := -1
		for j, cl := range cells {
			n, o, h := float64(cl.items), m.own(cl.group), m.other(cl.group)
			own += o * n
			other += h * n
			same += o * h * n * n
			a.both += o * n * (n - 1) / 2
			// A group that the resample lacks has no item to be the majority.
			if o > 0 && h*n > seen {
				majority, seen = j, h*n
			}
		}
		a.sameCluster += (own*other - same) / 2
		for j, cl := range cells {
			n, items := float64(cl.items), float64(cl.items)
			if counts != nil {
				items = float64(counts[c.starts[k]+j])
			}
			mass := m.own(cl.group) * items
			if mass == 0 {
				continue
			}
			a.Mass += mass
			a.precision += mass * n / (n + other - m.other(cl.group)*n)
			a.recall += mass * n / float64(c.sizes[cl.group])
			if j != majority {
				a.misplaced += mass
			}
		}
	}
	a.sameCluster += a.both
	var own, other, same float64
	for g, size := range c.sizes {
		n, o, h := float64(size), m.own(g), m.other(g)
		own += o * n
		other += h * n
		same += o * h * n * n
		a.Groups += o
		a.sameGroup += o * n * (n - 1) / 2
		if size >= 2 {
			a.splitGroups += o
			a.splitClusters += o * float64(c.clusters[g])
		}
	}
	a.pairs = a.sameGroup + (own*other-same)/2
	return a
}

// LargeGroups returns how many groups have two or more items.
func (c *Contingency) LargeGroups() (n int) {
	for _, size := range c.sizes {
		if size >= 2 {
			n++
		}
	}
	return n
}
