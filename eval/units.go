package eval

// units are what the bootstrap draws: whole projects, or groups within their
// project where a dataset has fewer than five projects. An event without a
// group that explicit GROUP pairs tie to others is in their unit, otherwise
// alone.
type units struct {
	byProject bool
	of        [][]int32  // unit of each item, by project; -1: the item is never judged
	strata    [][2]int32 // units [from,to) that are drawn from one another
	n         int
}

// newUnits numbers the units by project and first item.
func newUnits(c *corpus) *units {
	u := &units{of: make([][]int32, len(c.projects))}
	judged := 0
	for k, p := range c.projects {
		u.of[k] = p.components(c.Pairs)
		for _, x := range u.of[k] {
			if x >= 0 {
				judged++
				break
			}
		}
	}
	u.byProject = judged >= minProjects
	for k := range c.projects {
		from, top := int32(u.n), int32(-1)
		for i, x := range u.of[k] {
			if x < 0 {
				continue
			}
			if u.byProject {
				x = 0
			}
			u.of[k][i] = from + x
			top = max(top, x)
		}
		u.n += int(top + 1)
		if top >= 0 && !u.byProject {
			u.strata = append(u.strata, [2]int32{from, from + top + 1})
		}
	}
	if u.byProject {
		u.strata = [][2]int32{{0, int32(u.n)}}
	}
	return u
}

// components numbers the connected components of the project's judged items
// from 0 by first item; -1 stands for items that have no group and no pair.
func (p *project) components(pairs []ExplicitPair) []int32 {
	parent := make([]int, len(p.Items))
	judged := make([]bool, len(p.Items))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := make(map[int]int)
	for _, i := range p.labelled {
		judged[i] = true
		if at, ok := first[p.group(i)]; ok {
			parent[root(i)] = root(at)
		} else {
			first[p.group(i)] = i
		}
	}
	for _, e := range pairs {
		if e.Project != p.index {
			continue
		}
		judged[e.A], judged[e.B] = true, true
		// Two known groups stay two units, whatever a pair says against them.
		if e.Group && (p.group(e.A) < 0 || p.group(e.B) < 0) {
			parent[root(e.A)] = root(e.B)
		}
	}
	of := make([]int32, len(p.Items))
	number := make(map[int]int32)
	for i := range of {
		if !judged[i] {
			of[i] = -1
			continue
		}
		x, ok := number[root(i)]
		if !ok {
			x = int32(len(number))
			number[root(i)] = x
		}
		of[i] = x
	}
	return of
}

// name returns the unit's name for [result.Dataset].
func (u *units) name() string {
	if u.byProject {
		return "projects"
	}
	return "groups"
}

// resamplable reports whether any unit has another to be exchanged with.
func (u *units) resamplable() bool {
	for _, s := range u.strata {
		if s[1]-s[0] >= 2 {
			return true
		}
	}
	return false
}

// ones is the multiplicity of the full data. The last element belongs to no
// unit and is always 1: the partner of a unit that a pair names only once.
func (u *units) ones() []float64 {
	m := make([]float64, u.n+1)
	for i := range m {
		m[i] = 1
	}
	return m
}

// draw sets m, of length n+1, to the multiplicities of resample r: as many
// units as a stratum has, drawn from it with replacement (Efron and
// Tibshirani, An Introduction to the Bootstrap, 1993, chapter 8).
func (u *units) draw(m []float64, seed uint64, dataset string, r int) {
	clear(m)
	m[u.n] = 1
	rng := generator(seed, "bootstrap", dataset, r)
	for _, s := range u.strata {
		n := s[1] - s[0]
		for range n {
			m[s[0]+rng.Int32N(n)]++
		}
	}
}
