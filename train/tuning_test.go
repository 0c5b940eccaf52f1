package train

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDrawTuning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prepare(anyProject(t))
		folds := assignFolds([]*prepared{p}, 3)[0]
		limit := rapid.IntRange(2, 60).Draw(t, "limit")
		drawn := drawTuning(2, p, folds, limit, 5)
		if len(drawn) > limit {
			t.Fatalf("%d pairs drawn, more than %d", len(drawn), limit)
		}
		explicit := explicitOf(p)
		var population, weight [2]float64
		var taken [2]int
		for j := range p.records {
			for i := range j {
				e, judged := explicit[[2]int32{int32(i), int32(j)}]
				known := judged && !e.Asked || p.groups[i] != NoGroup && p.groups[j] != NoGroup
				if known && folds[p.homes[i]] == folds[p.homes[j]] && p.records[i].Content != p.records[j].Content {
					same := p.groups[i] == p.groups[j]
					if judged {
						same = e.Same
					}
					population[index(same)]++
				}
			}
		}
		seen := map[[2]int32]bool{}
		for _, d := range drawn {
			same := p.groups[d.a] == p.groups[d.b]
			e, judged := explicit[[2]int32{d.a, d.b}]
			if judged {
				same = e.Same
			}
			if (!judged || e.Asked) && (p.groups[d.a] == NoGroup || p.groups[d.b] == NoGroup) {
				t.Fatalf("pair %+v has a record without a group and no label that may tune", d)
			}
			if d.project != 2 || d.a >= d.b || seen[[2]int32{d.a, d.b}] || d.same != same ||
				folds[p.homes[d.a]] != folds[p.homes[d.b]] || p.records[d.a].Content == p.records[d.b].Content {
				t.Fatalf("pair %+v", d)
			}
			seen[[2]int32{d.a, d.b}] = true
			weight[index(same)] += d.weight
			taken[index(same)]++
		}
		room := [2]int{limit - limit/2, limit / 2}
		for k := range population {
			if want := min(int(population[k]), room[k]); taken[k] != want {
				t.Fatalf("class %d: %d drawn of %g, want %d", k, taken[k], population[k], want)
			}
			if taken[k] > 0 && math.Abs(weight[k]-population[k]) > 1e-6 {
				t.Fatalf("class %d: weights sum to %g, the project has %g pairs", k, weight[k], population[k])
			}
		}
	})
}

func index(same bool) int {
	if same {
		return 1
	}
	return 0
}

// TestDrawTuningIsUnbiased draws with many seeds: every pair must come up as
// often as any other of its class.
func TestDrawTuningIsUnbiased(t *testing.T) {
	c := toy{seed: 3, organisations: 1, projects: 1, groups: 3, events: 6, platform: "python"}.corpus()
	p := prepare(&c.Projects[0])
	folds := map[int32]int{}
	const draws, limit = 4000, 20
	count := map[[2]int32]int{}
	for seed := range uint64(draws) {
		for _, d := range drawTuning(0, p, folds, limit, seed) {
			count[[2]int32{d.a, d.b}]++
		}
	}
	var population [2]float64
	for j := range p.groups {
		for i := range j {
			population[index(p.groups[i] == p.groups[j])]++
		}
	}
	for j := range p.groups {
		for i := range j {
			share := limit / 2 / population[index(p.groups[i] == p.groups[j])]
			want, deviation := draws*share, math.Sqrt(draws*share*(1-share))
			if n := count[[2]int32{int32(i), int32(j)}]; math.Abs(float64(n)-want) > 5*deviation {
				t.Errorf("pair %d, %d came up %d times, want %.0f +- %.0f", i, j, n, want, deviation)
			}
		}
	}
}

func TestDrawTuningSeed(t *testing.T) {
	c := toy{seed: 3, organisations: 1, projects: 1, groups: 4, events: 8, platform: "python"}.corpus()
	p := prepare(&c.Projects[0])
	one := drawTuning(0, p, map[int32]int{}, 30, 1)
	if !slices.Equal(one, drawTuning(0, p, map[int32]int{}, 30, 1)) {
		t.Error("one seed draws twice differently")
	}
	if slices.Equal(one, drawTuning(0, p, map[int32]int{}, 30, 2)) {
		t.Error("the seed does not matter")
	}
}
