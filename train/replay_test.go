package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/model"
	"whorl/train/boost"
)

// TestReplayIsTheGrouper: clustering a replay at a threshold is what
// production does with a model of that threshold, copies included.
func TestReplayIsTheGrouper(t *testing.T) {
	c := fleet.corpus()
	for i := range c.Projects { // copies, some of them in another group
		p := &c.Projects[i]
		for k := 5; k < len(p.Records); k += 7 {
			p.Records[k] = p.Records[k-3]
		}
	}
	f, err := newFitting(context.Background(), c, quick.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	b := f.params.Boost
	b.Trees = 6 // few leaves, so that probabilities are often equal
	e, err := boost.Fit(context.Background(), f.mined, nil, f.labels, f.weights, b)
	if err != nil {
		t.Fatal(err)
	}
	parts := model.Parts{PrecisionTarget: 0.9, Forest: f.forest(e), Fallback: model.Calibration{Kind: model.Sigmoid, A: 2, B: 1}}
	sizes := map[int]bool{}
	groups := model.Forest{Roots: []int32{0, 3, 6}, DefaultLeft: []bool{false, false, false, true, false, false, true, false, false}}
	for k, name := range []string{"best", "size", "second"} { // of the values that say most, and one that may be NaN
		for i, v := range model.GroupSchema {
			if v.Name == name {
				groups.Feature = append(groups.Feature, int32(i), -1, -1)
			}
		}
		at := int32(3 * k)
		groups.Threshold = append(groups.Threshold, []float32{0.3, 1.2, -0.5}[k], 0, 0)
		groups.Left, groups.Right = append(groups.Left, at+1, 0, 0), append(groups.Right, at+2, 0, 0)
		groups.Value = append(groups.Value, 0, -0.8, 0.9)
	}
	for round := range 12 {
		threshold := []float64{0.05, 0.2, 0.4, 0.6, 0.8, 0.999}[round%6]
		parts.FallbackThreshold, parts.Groups = threshold, nil
		if round >= 6 { // clusters judged by all their members
			parts.Groups = &model.GroupParts{Forest: groups, Fallback: model.Calibration{Kind: model.Sigmoid, A: 1}, FallbackThreshold: threshold}
		}
		m := served(t, &Outcome{Parts: parts})
		for i := range f.projects {
			fold := f.folds[i][c.Projects[i].Groups[0]]
			replay := f.replay(m, i, fold)
			if m.JudgesGroups() {
				replay.judge, replay.unmeasured = m.GroupProbability, map[features.Platform]bool{}
				for _, p := range features.Platforms() {
					replay.unmeasured[p] = !m.Measured(p)
				}
			}
			g := model.NewGrouper(m)
			var want []int
			for k, r := range c.Projects[i].Records {
				want = append(want, g.Group(r).Cluster)
				if counted := f.folds[i][c.Projects[i].Groups[k]] == fold; replay.counted[k] != counted {
					t.Errorf("project %d, event %d: counted %v", i, k, replay.counted[k])
				}
			}
			if got := replay.cluster(threshold); !slices.Equal(got, want) {
				t.Errorf("project %d at %g: clusters %v, the grouper says %v", i, threshold, got, want)
			}
			sizes[g.Clusters()] = true
		}
	}
	if len(sizes) < 5 {
		t.Errorf("only %d different numbers of clusters: the thresholds do not matter", len(sizes))
	}
}

// TestReplayWeight: a project's events count less from 500 on.
func TestReplayWeight(t *testing.T) {
	for n, want := range map[int]float64{1: 1, 500: 1, 1000: 0.5} {
		p := Project{Records: make([]*features.Record, n), Groups: make([]int32, n)}
		for i := range p.Records {
			p.Records[i] = &features.Record{Content: 1, Platform: features.Go}
		}
		f := &fitting{replayed: []*Project{&p}, folds: []map[int32]int{{0: 0}}}
		leaf := model.Forest{Roots: []int32{0}, Feature: []int32{-1}, Threshold: []float32{0}, Left: []int32{0}, Right: []int32{0}, DefaultLeft: []bool{false}, Value: []float32{1}}
		m := served(t, &Outcome{Parts: model.Parts{PrecisionTarget: 0.9, Forest: leaf, Fallback: model.Calibration{Kind: model.Sigmoid, A: 1}, FallbackThreshold: 0.5}})
		if got := f.replay(m, 0, 0).weight; got != want {
			t.Errorf("an event of %d weighs %g, want %g", n, got, want)
		}
	}
}

// TestMeasure compares with B-cubed precision by its definition: for each
// event, the share of its cluster that is of its group.
func TestMeasure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "events")
		p := &Project{}
		r := &replayed{project: p, weight: rapid.SampledFrom([]float64{1, 0.25}).Draw(t, "weight")}
		for i := range n {
			p.Records = append(p.Records, &features.Record{Content: uint64(i), Platform: rapid.SampledFrom([]features.Platform{features.Go, features.PHP}).Draw(t, "platform")})
			p.Groups = append(p.Groups, int32(rapid.IntRange(0, 3).Draw(t, "group")))
			r.counted = append(r.counted, rapid.Bool().Draw(t, "counted"))
			var found []candidate
			if i > 0 {
				found = append(found, candidate{int32(rapid.IntRange(0, i-1).Draw(t, "best")), rapid.Float64Range(0, 1).Draw(t, "p")})
			}
			r.queries = append(r.queries, model.Query{})
			r.candidates = append(r.candidates, found)
		}
		got := measure([]*replayed{r}, 0.5)
		clusters := r.cluster(0.5)
		want := map[features.Platform]float64{}
		count := map[features.Platform]float64{}
		for i := range n {
			if !r.counted[i] {
				continue
			}
			same, all := 0.0, 0.0
			for j := range n {
				if clusters[i] == clusters[j] {
					all++
					if p.Groups[i] == p.Groups[j] {
						same++
					}
				}
			}
			want[p.Records[i].Platform] += r.weight * same / all
			count[p.Records[i].Platform] += r.weight
		}
		var pure, all float64
		for _, platform := range features.Platforms() {
			tally := got.platforms[platform]
			if math.Abs(tally.pure-want[platform]) > 1e-9 || math.Abs(tally.all-count[platform]) > 1e-9 {
				t.Fatalf("%s: %+v, want %g of %g", platform, tally, want[platform], count[platform])
			}
			pure, all = pure+want[platform], all+count[platform]
		}
		if math.Abs(got.all.pure-pure) > 1e-9 || math.Abs(got.all.all-all) > 1e-9 {
			t.Fatalf("all: %+v, want %g of %g", got.all, pure, all)
		}
	})
}

// TestPossibleJoins counts by hand.
func TestPossibleJoins(t *testing.T) {
	p := &Project{
		//                  first  first  joins  copy  joins  not counted
		Records: numbered(10, 20, 11, 10, 21, 12),
		Groups:  []int32{1, 2, 1, 1, 2, 1},
	}
	r := &replayed{project: p, counted: []bool{true, true, true, true, true, false}}
	if got := possibleJoins([]*replayed{r}, features.Python); got != 2 {
		t.Errorf("%d possible joins, want 2", got)
	}
	if got := possibleJoins([]*replayed{r}, features.Java); got != 0 {
		t.Errorf("%d possible joins of another platform, want none", got)
	}
}
