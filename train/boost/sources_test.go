package boost

import (
	"math/rand/v2"
	"testing"
)

// TestSources: every leaf holds rows of as many sources as asked for, although
// the labels follow the sources, and without the bound some leaf does not.
func TestSources(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const rows, owners = 3000, 12
	sources := make([]int32, rows)
	p := &problem{columns: unit(4)}
	for i := range rows {
		sources[i] = int32(rng.IntN(owners))
		row := []float32{float32(sources[i])/owners + 0.01*rng.Float32(), rng.Float32(), rng.Float32(), nan}
		if rng.IntN(4) == 0 {
			row[0] = nan
		}
		label := float32(0)
		if rng.Float64() < probability(float64(sources[i]%3)*3-3+float64(row[1])) {
			label = 1
		}
		p.values, p.labels = append(p.values, row), append(p.labels, label)
	}
	least := func(asked int) int {
		params := Params{Trees: 12, RowSample: 1, ColumnSample: 1, MinRows: 5, MinWeight: 0.1, MinSources: asked, Sources: sources}
		e, m := p.fit(t, params), p.matrix(t)
		fewest := owners
		for _, tree := range e.Trees {
			behind := map[int]map[int32]bool{}
			for r := range rows {
				at := 0
				for tree.Nodes[at].Feature >= 0 {
					n := &tree.Nodes[at]
					bin := m.bins[n.Feature][r]
					left := bin <= n.bin
					if int(bin) == m.columns[n.Feature].Bins {
						left = n.MissingLeft
					}
					if at = n.Right; left {
						at = n.Left
					}
				}
				if behind[at] == nil {
					behind[at] = map[int32]bool{}
				}
				behind[at][sources[r]] = true
			}
			if len(behind) < 2 {
				t.Errorf("asked for %d sources: a tree has %d leaves", asked, len(behind))
			}
			for _, of := range behind {
				fewest = min(fewest, len(of))
			}
		}
		return fewest
	}
	if got := least(1); got != 1 {
		t.Errorf("without a bound a leaf holds %d sources at least: the data do not test it", got)
	}
	for _, asked := range []int{2, 5} {
		if got := least(asked); got < asked {
			t.Errorf("a leaf holds rows of %d sources, want %d at least", got, asked)
		}
	}
}
