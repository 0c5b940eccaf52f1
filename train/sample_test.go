package train

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
)

// doubting is a model that gives pairs all sorts of probabilities.
func doubting(t *testing.T) *model.Model {
	t.Helper()
	y := fleet
	y.organisations, y.projects, y.groups, y.events = 3, 1, 5, 5
	p := quick
	p.Boost.Trees, p.Bags = 8, 1
	return served(t, fit(t, y.corpus(), p))
}

// anySampled draws projects of several platforms of which some records have a
// group, and some pairs a label.
func anySampled(t *rapid.T) []Project {
	var out []Project
	for _, platform := range []string{"python", "java", "ruby"} {
		y := toy{
			seed: rapid.Uint64Range(1, 50).Draw(t, "seed"), organisations: rapid.IntRange(1, 3).Draw(t, "organisations"), projects: 1, platform: platform,
			groups: rapid.IntRange(1, 4).Draw(t, "groups"), events: rapid.IntRange(1, 6).Draw(t, "events"),
		}
		out = append(out, y.corpus().Projects...)
	}
	labelled := rapid.SampledFrom([]int{0, 3, 9}).Draw(t, "labelled of ten")
	for k := range out {
		p := &out[k]
		for i := range p.Groups {
			if rapid.IntRange(0, 9).Draw(t, "label") >= labelled {
				p.Groups[i] = NoGroup
			}
		}
		n := len(p.Records)
		for range min(n-1, 3) {
			a := int32(rapid.IntRange(0, n-2).Draw(t, "a"))
			p.Pairs = append(p.Pairs, ExplicitPair{A: a, B: int32(rapid.IntRange(int(a)+1, n-1).Draw(t, "b"))})
		}
		if at := rapid.IntRange(0, n-1).Draw(t, "mixed"); rapid.Bool().Draw(t, "is mixed") {
			r := *p.Records[at]
			r.Platform = features.Java
			p.Records[at] = &r
		}
	}
	return out
}

// obvious is SamplePairs as its comment says, one pair at a time and with all
// pairs looked at again for each.
func obvious(projects []Project, m *model.Model, params SampleParams) (pairs []SampledPair, counts map[features.Platform][3]int) {
	counts = map[features.Platform][3]int{}
	all := map[features.Platform][][]SampledPair{}
	for _, platform := range features.Platforms() {
		all[platform] = make([][]SampledPair, len(projects))
	}
	for k := range projects {
		p := &projects[k]
		visible := func(i int) bool { return params.Hidden == nil || !params.Hidden[k][i] }
		// representative returns the first visible record with a group of those
		// alike, else the first visible one, else the first.
		representative := func(i int) int {
			alike := func(also func(j int) bool) int {
				return slices.IndexFunc(p.Records, func(r *features.Record) bool {
					return r.Document() == p.Records[i].Document() && also(slices.Index(p.Records, r))
				})
			}
			if j := alike(func(j int) bool { return visible(j) && p.Groups[j] != NoGroup }); j >= 0 {
				return j
			}
			if j := alike(visible); j >= 0 {
				return j
			}
			return alike(func(int) bool { return true })
		}
		decided := func(i int) bool {
			for j, r := range p.Records {
				if r.Document() == p.Records[i].Document() && p.Groups[j] != NoGroup {
					return true
				}
			}
			return false
		}
		var frequencies features.Frequencies
		var index blocking.Index
		var representatives []int
		for i, r := range p.Records {
			frequencies.Add(r)
			if representative(i) == i {
				representatives = append(representatives, i)
				index.Add(r)
			}
		}
		finds := func(i, j int) bool {
			for _, at := range index.Candidates(nil, p.Records[i], &frequencies, 0, model.MaxCandidates) {
				if representatives[at] == j {
					return true
				}
			}
			return false
		}
		for _, b := range representatives {
			for _, a := range representatives {
				if a >= b || !visible(a) || !visible(b) || decided(a) && decided(b) || !finds(a, b) && !finds(b, a) {
					continue
				}
				if slices.ContainsFunc(p.Pairs, func(e ExplicitPair) bool {
					x, y := representative(int(e.A)), representative(int(e.B))
					return x == a && y == b || x == b && y == a
				}) {
					continue
				}
				var views [2]features.View
				views[0].Weigh(p.Records[a], &frequencies)
				views[1].Weigh(p.Records[b], &frequencies)
				var v features.Vector
				features.Compare(&views[0], &views[1], &v)
				both := model.PairPlatform(p.Records[a].Platform, p.Records[b].Platform)
				s := SampledPair{Project: k, A: int32(a), B: int32(b), Platform: p.Records[b].Platform, Probability: m.Probability(&v, both)}
				c, _ := m.Calibration(both)
				s.Distance = math.Abs(c.A*m.Margin(&v) + c.B - model.Logit(min(m.Threshold(both), surest)))
				s.tie = tieOf(params.Seed, p.Records[a].Document(), p.Records[b].Document())
				all[s.Platform][k] = append(all[s.Platform][k], s)
				n := counts[s.Platform]
				n[0]++
				if s.Distance <= params.Near {
					n[1]++
				}
				counts[s.Platform] = n
			}
		}
	}
	used := map[eventOf]int{}
	before := func(x, y *SampledPair) bool {
		if math.Abs(x.Distance-y.Distance) > 1e-12 {
			return x.Distance < y.Distance
		}
		return x.tie < y.tie
	}
	// nearest returns the place of a project's nearest pair that may be taken.
	nearest := func(list []SampledPair, free bool) int {
		best := -1
		for i := range list {
			s := &list[i]
			if free && (used[eventOf{s.Project, s.A}] >= params.PerEvent || used[eventOf{s.Project, s.B}] >= params.PerEvent) {
				continue
			}
			if best < 0 || before(s, &list[best]) {
				best = i
			}
		}
		return best
	}
	type state struct {
		order []int // projects, that with the nearest pair first
		turn  int
		far   bool
	}
	states := map[features.Platform]*state{}
	for platform, lists := range all {
		s := new(state)
		for k := range lists {
			if len(lists[k]) > 0 {
				s.order = append(s.order, k)
			}
		}
		slices.SortFunc(s.order, func(x, y int) int {
			if before(&lists[x][nearest(lists[x], false)], &lists[y][nearest(lists[y], false)]) {
				return -1
			}
			return 1
		})
		states[platform] = s
	}
	for took := true; took; {
		took = false
		for _, platform := range features.Platforms() {
			s := states[platform]
			for tries := 0; len(pairs) < params.Pairs && len(s.order) > 0; tries++ {
				if tries == len(s.order) {
					if s.far {
						break
					}
					s.far, s.turn, tries = true, 0, 0
				}
				list := all[platform][s.order[s.turn]]
				s.turn = (s.turn + 1) % len(s.order)
				at := nearest(list, true)
				if at < 0 || !s.far && list[at].Distance > params.Near {
					continue
				}
				used[eventOf{list[at].Project, list[at].A}]++
				used[eventOf{list[at].Project, list[at].B}]++
				pairs = append(pairs, list[at])
				all[platform][list[at].Project] = slices.Delete(slices.Clone(list), at, at+1)
				n := counts[platform]
				n[2]++
				counts[platform] = n
				took = true
				break
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y SampledPair) int { return x.Project - y.Project })
	return pairs, counts
}

func TestSamplePairsMatchesReference(t *testing.T) {
	m := doubting(t)
	chosen := 0
	rapid.Check(t, func(t *rapid.T) {
		projects := anySampled(t)
		params := SampleParams{
			Seed: rapid.Uint64().Draw(t, "order"), Pairs: rapid.SampledFrom([]int{1, 4, 17, 500}).Draw(t, "pairs"),
			PerEvent: rapid.IntRange(1, 3).Draw(t, "per event"), Near: rapid.SampledFrom([]float64{0.3, 1, 5}).Draw(t, "near"),
		}
		if rapid.Bool().Draw(t, "some are hidden") {
			for k := range projects {
				marks := make([]bool, len(projects[k].Records))
				for i := range marks {
					marks[i] = rapid.IntRange(0, 3).Draw(t, "hidden") == 0
				}
				params.Hidden = append(params.Hidden, marks)
			}
		}
		want, counts := obvious(projects, m, params)
		params.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
		got, err := SamplePairs(context.Background(), projects, m, params)
		if err != nil {
			t.Fatal(err)
		}
		chosen += len(got.Pairs)
		for i, s := range got.Pairs {
			if i >= len(want) || s.Project != want[i].Project || s.A != want[i].A || s.B != want[i].B || s.Platform != want[i].Platform || s.Probability != want[i].Probability {
				t.Fatalf("pair %d of %d is %+v, want %+v", i, len(got.Pairs), s, want[min(i, len(want)-1):])
			}
		}
		if len(got.Pairs) != len(want) || len(got.Pairs) > params.Pairs {
			t.Fatalf("%d pairs, want %d", len(got.Pairs), len(want))
		}
		for _, p := range got.Platforms {
			if n := counts[p.Platform]; n != [3]int{p.Candidates, p.Near, p.Chosen} || p.Threshold != m.Threshold(p.Platform) {
				t.Fatalf("platform %+v, want %v", p, n)
			}
			delete(counts, p.Platform)
		}
		if len(counts) > 0 {
			t.Fatalf("platforms without a count: %v", counts)
		}
	})
	if chosen == 0 {
		t.Error("nothing was ever chosen")
	}
}

// TestSamplePairsIgnoresNumbers: neither workers nor numbers of groups matter,
// and the seed does where pairs are equally near.
func TestSamplePairsIgnoresNumbers(t *testing.T) {
	m := doubting(t)
	y := toy{seed: 4, organisations: 3, projects: 2, groups: 6, events: 9, platform: "python"}
	sample := func(seed uint64, workers int, number func(g int32) int32) *Sample {
		c := y.corpus()
		for k := range c.Projects {
			for i, g := range c.Projects[k].Groups {
				c.Projects[k].Groups[i] = number(g)
				if i%3 == 0 {
					c.Projects[k].Groups[i] = NoGroup
				}
			}
		}
		s, err := SamplePairs(context.Background(), c.Projects, m, SampleParams{Pairs: 40, Seed: seed, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	same := func(g int32) int32 { return g }
	want := sample(1, 1, same)
	if len(want.Pairs) != 40 {
		t.Fatalf("%d pairs, want 40", len(want.Pairs))
	}
	if !reflect.DeepEqual(want, sample(1, 4, same)) {
		t.Error("the number of workers matters")
	}
	if !reflect.DeepEqual(want, sample(1, 2, func(g int32) int32 { return 500 - g })) {
		t.Error("the numbers of groups matter")
	}
	if reflect.DeepEqual(want.Pairs, sample(2, 2, same).Pairs) {
		t.Error("the seed does not matter, though trees make many pairs equally near")
	}
	perProject := map[int]int{}
	perEvent := map[eventOf]int{}
	for _, s := range want.Pairs {
		perProject[s.Project]++
		perEvent[eventOf{s.Project, s.A}]++
		perEvent[eventOf{s.Project, s.B}]++
	}
	for k := range 6 {
		if n := perProject[k]; n < 4 {
			t.Errorf("project %d gives %d of 40 pairs: %v", k, n, perProject)
		}
	}
	for e, n := range perEvent {
		if n > 2 {
			t.Errorf("event %v stands in %d pairs", e, n)
		}
	}
}

// TestHiddenLabelsDecide: what nobody may be asked about still tells what is
// decided.
func TestHiddenLabelsDecide(t *testing.T) {
	y := toy{seed: 4, organisations: 1, projects: 1, groups: 4, events: 6, platform: "python"}
	c := y.corpus()
	p := &c.Projects[0]
	for i := range p.Records { // of each event a copy without a label, which may be shown
		p.Records, p.Groups, p.Confidence = append(p.Records, p.Records[i]), append(p.Groups, NoGroup), append(p.Confidence, 1)
	}
	hidden := make([]bool, len(p.Records))
	for i := range len(hidden) / 2 {
		hidden[i] = true
	}
	s, err := SamplePairs(t.Context(), c.Projects, doubting(t), SampleParams{Hidden: [][]bool{hidden}})
	if err != nil || len(s.Pairs) > 0 {
		t.Errorf("asked about %d decided pairs, %v", len(s.Pairs), err)
	}
	for i := range p.Groups {
		p.Groups[i] = NoGroup
	}
	if s, err = SamplePairs(t.Context(), c.Projects, doubting(t), SampleParams{Hidden: [][]bool{hidden}}); err != nil || len(s.Pairs) == 0 {
		t.Fatalf("%d pairs, %v", len(s.Pairs), err)
	}
	for _, pair := range s.Pairs {
		if hidden[pair.A] || hidden[pair.B] {
			t.Errorf("a hidden event stands in %+v", pair)
		}
	}
	for _, wrong := range [][][]bool{{}, {hidden[1:]}, {hidden, hidden}} {
		if _, err := SamplePairs(t.Context(), c.Projects, doubting(t), SampleParams{Hidden: wrong}); err == nil {
			t.Errorf("hidden events of %d projects: no error", len(wrong))
		}
	}
}

// TestSamplePairsInterrupted ends with the context.
func TestSamplePairsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := SamplePairs(ctx, make([]Project, 3), doubting(t), SampleParams{}); err == nil {
		t.Error("no error")
	}
}

// TestDistance: log-odds do not drown where probabilities do, and a threshold
// out of reach leaves an order.
func TestDistance(t *testing.T) {
	leaf := model.Forest{Roots: []int32{0}, Feature: []int32{-1}, Threshold: []float32{0}, Left: []int32{0}, Right: []int32{0}, DefaultLeft: []bool{false}, Value: []float32{1}}
	m := served(t, &Outcome{Parts: model.Parts{PrecisionTarget: 0.9, Forest: leaf,
		Fallback: model.Calibration{Kind: model.Sigmoid, A: 2, B: -1}, FallbackThreshold: 0.75,
		Calibrations: map[features.Platform]model.Calibration{
			features.Go:  {Kind: model.Sigmoid, A: 1},
			features.PHP: {Kind: model.Piecewise, X: []float64{-1, 1}, Y: []float64{0, 1}},
		},
		Thresholds: map[features.Platform]float64{features.Go: 1, features.PHP: 0.5},
	}})
	l := newLogOdds(m)
	for _, c := range []struct {
		margin   float64
		platform features.Platform
		want     float64
	}{
		{2, model.MixedPlatforms, 3 - math.Log(3)},
		{-30, features.Python, 61 + math.Log(3)},
		{40, features.Python, 79 - math.Log(3)},
		{3, features.Go, model.Logit(surest) - 3},
		{0, features.PHP, 0},
		{0.5, features.PHP, math.Log(3)},
		{7, features.PHP, model.Logit(surest)},
	} {
		if got := l.distance(c.margin, c.platform); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("margin %g of %v lies %g from the boundary, want %g", c.margin, c.platform, got, c.want)
		}
	}
}
