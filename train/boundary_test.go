package train

import (
	"errors"
	"math"
	"slices"
	"testing"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
)

// TestNearBoundary holds the mining near the boundary against a search that
// takes the nearest candidate of each record again and again, in each context on
// its own.
func TestNearBoundary(t *testing.T) {
	p := quick.withDefaults()
	p.Mine.Rounds, p.Mine.Hard, p.Mine.Random, p.Mine.PerGroup, p.Mine.Near, p.Folds = 1, 1, 1, 2, 3, 3
	f, err := newFitting(t.Context(), fleet.corpus(), p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.pairs { // as after an earlier round: some fit in places alone
		if i%3 == 0 {
			f.pairs[i].fits = contexts(i/3) % 16
		}
	}
	models, err := f.boundaryModels(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	mined := 0
	for i, project := range f.projects {
		fits := map[[2]int32]contexts{}
		for _, q := range f.pairs {
			if int(q.Project) == i {
				fits[[2]int32{q.A, q.B}] = q.fits
			}
		}
		had := func(a, b int32) contexts { return fits[[2]int32{a, b}] }
		views, frequencies := project.views(), project.frequencies()
		var index blocking.Index
		for _, r := range project.records {
			index.Add(r)
		}
		want := map[[2]int32]contexts{}
		for context := range p.Folds + 1 {
			taken := map[[2]int32]bool{}
			for r := range project.records {
				fold := f.folds[i][project.groups[r]]
				if fold == context {
					continue
				}
				distance := func(a, b int) float64 {
					var v features.Vector
					features.Compare(&views[a], &views[b], &v)
					row := make([]float32, len(f.use))
					for c, place := range f.use {
						row[c] = v[place]
					}
					return math.Abs(models[context][fold].Predict(row))
				}
				candidates := index.Candidates(nil, project.records[r], frequencies, 0, model.MaxCandidates)
				slices.Sort(candidates)
				for range p.Mine.Near {
					best, least := -1, math.Inf(1)
					for _, c := range candidates {
						key := [2]int32{int32(min(r, c)), int32(max(r, c))}
						if c == r || taken[key] || fits[key].has(context) || f.folds[i][project.groups[c]] == context || project.records[c].Content == project.records[r].Content {
							continue
						}
						if d := distance(c, r); d < least {
							best, least = c, d
						}
					}
					if best < 0 {
						break
					}
					key := [2]int32{int32(min(r, best)), int32(max(r, best))}
					taken[key] = true
					want[key] |= 1 << context
				}
			}
		}
		got := f.nearBoundary(i, models, had, math.MaxInt)
		for _, q := range got {
			if q.fits != want[[2]int32{q.A, q.B}] || q.Same != (project.groups[q.A] == project.groups[q.B]) || q.Weight != 1 || int(q.Project) != i {
				t.Fatalf("project %d: %+v, the slow search has it in %b", i, q, want[[2]int32{q.A, q.B}])
			}
		}
		if len(got) != len(want) || !slices.IsSortedFunc(got, comparePairs) {
			t.Fatalf("project %d: %d pairs, the slow search finds %d", i, len(got), len(want))
		}
		mined += len(got)
		few := make([]int, p.Folds+1)
		for _, q := range f.nearBoundary(i, models, had, 5) {
			for c := range few {
				if q.fits.has(c) {
					few[c]++
				}
			}
		}
		for c, n := range few {
			want := 5
			if c < p.Folds && f.inFold(i, c) {
				want = 0 // the toy's projects lie in one fold each
			}
			if n != want {
				t.Errorf("project %d, context %d: %d pairs under a limit of 5, want %d", i, c, n, want)
			}
		}
	}
	if mined < 100 {
		t.Errorf("only %d pairs were compared", mined)
	}
}

// TestLeftOutLabelsChooseNothing: other labels in a fold change nothing of what
// is learned where it is left out, however many rounds mine.
func TestLeftOutLabelsChooseNothing(t *testing.T) {
	for _, c := range []struct{ folds, rounds int }{{4, 3}, {2, 2}, {3, 4}} {
		p := quick.withDefaults()
		p.Folds, p.Mine.Rounds, p.Mine.Hard, p.Mine.Random, p.Mine.Near = c.folds, c.rounds, 1, 1, 2
		learned := func(corpus *Corpus, fold int) (out []Pair, folds []map[int32]int) {
			f, err := newFitting(t.Context(), corpus, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.without(fold) {
				q := f.pairs[i]
				q.fits = 0
				out = append(out, q)
			}
			return out, f.folds
		}
		for fold := range c.folds {
			want, folds := learned(fleet.corpus(), fold)
			other := fleet.corpus()
			changed := 0
			for k := range other.Projects {
				groups := other.Projects[k].Groups
				for i := 0; i+1 < len(groups); i += 2 { // events change places: all groups keep their size
					if folds[k][groups[i]] == fold && folds[k][groups[i+1]] == fold && groups[i] != groups[i+1] {
						groups[i], groups[i+1] = groups[i+1], groups[i]
						changed++
					}
				}
			}
			if changed < 10 {
				t.Fatalf("%+v, fold %d: only %d labels changed", c, fold, changed)
			}
			got, again := learned(other, fold)
			for k := range folds {
				for g, in := range folds[k] {
					if again[k][g] != in {
						t.Fatalf("%+v: the labels moved a group to another fold: the test shows nothing", c)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v: labels of fold %d change what is learned without it: %d pairs, %d with others", c, fold, len(want), len(got))
			}
		}
	}
}

// TestTooFewToMine: where leaving two folds out leaves nothing, no model stands
// in for one that saw nothing.
func TestTooFewToMine(t *testing.T) {
	p := quick.withDefaults()
	p.Folds = 2
	f, err := newFitting(t.Context(), fleet.corpus(), p)
	if err != nil {
		t.Fatal(err)
	}
	models, err := f.boundaryModels(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for c := range models {
		for fold, e := range models[c] {
			if (e != nil) != (c == f.nothing()) {
				t.Errorf("context %d without fold %d of two: a model %v", c, fold, e != nil)
			}
		}
	}
	if rows := f.without(0, 1); rows == nil || len(rows) != 0 {
		t.Errorf("%v: nil would mean all pairs", rows)
	}
}

// TestJudgedPairsKeepTheirLabel: what people said of a pair is never learned the
// other way round, whatever the limits.
func TestJudgedPairsKeepTheirLabel(t *testing.T) {
	c := fleet.corpus()
	said := map[[2]int32]bool{}
	for a := range int32(12) {
		for b := a + 1; b < 20; b++ { // the opposite of what the groups say
			same := c.Projects[0].Groups[a] != c.Projects[0].Groups[b]
			c.Projects[0].Pairs = append(c.Projects[0].Pairs, ExplicitPair{A: a, B: b, Same: same, Confidence: 1})
			said[[2]int32{a, b}] = same
		}
	}
	for _, limit := range []int{60, 160, 60000} {
		for rounds := 1; rounds <= 3; rounds++ {
			p := quick.withDefaults()
			p.Mine.Rounds, p.Mine.PerProject = rounds, limit
			f, err := newFitting(t.Context(), c, p)
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for _, q := range f.pairs {
				if q.Project != 0 {
					continue
				}
				if same, ok := said[[2]int32{q.A, q.B}]; ok {
					kept++
					if q.Same != same {
						t.Fatalf("limit %d, %d rounds: %+v, though somebody said %v", limit, rounds, q, same)
					}
				}
			}
			if want := min(limit, len(said)); kept != want {
				t.Errorf("limit %d, %d rounds: %d judged pairs, want %d", limit, rounds, kept, want)
			}
		}
	}
}

// TestReportCountsWhatIsLearned: pairs that only help to leave folds out are not
// in the report, nor in the balance of platforms.
func TestReportCountsWhatIsLearned(t *testing.T) {
	p := quick.withDefaults()
	p.Mine.Rounds, p.Mine.Hard, p.Mine.Random = 3, 1, 1
	c := fleet.corpus()
	few := fleet
	few.seed, few.organisations, few.platform = 2, 2, "java" // cut by time, not by organisation
	for _, project := range few.corpus().Projects {
		project.Organisation += fleet.organisations
		c.Projects = append(c.Projects, project)
	}
	f, err := newFitting(t.Context(), c, p)
	if err != nil {
		t.Fatal(err)
	}
	rows := f.without(f.nothing())
	n := 0
	for _, l := range f.describe().Platforms {
		n += l.Positives + l.Negatives
	}
	if n != len(rows) || n == len(f.pairs) {
		t.Errorf("%d pairs are reported, %d are learned from, of %d", n, len(rows), len(f.pairs))
	}
	count, weight, all := map[features.Platform]float64{}, map[features.Platform]float64{}, 0.0
	for _, i := range rows {
		platform := f.projects[f.pairs[i].Project].platform
		count[platform]++
		weight[platform] += float64(f.weights[i])
		all += float64(f.weights[i])
	}
	share := func(p features.Platform) float64 { return math.Pow(count[p], platformPower) }
	want := share(features.Python) / (share(features.Python) + share(features.Java))
	if got := weight[features.Python] / all; math.Abs(got-want) > 1e-5 {
		t.Errorf("Python has a share of %g, want %g", got, want)
	}
}

// TestRoundsOfMining: each round adds pairs to those of the one before, none
// twice.
func TestRoundsOfMining(t *testing.T) {
	var before []Pair
	for rounds := 1; rounds <= 3; rounds++ {
		p := quick.withDefaults()
		p.Mine.Rounds, p.Mine.Random, p.Mine.Hard, p.Mine.Near = rounds, 1, 1, 2
		f, err := newFitting(t.Context(), fleet.corpus(), p)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(f.pairs, comparePairs) || len(slices.CompactFunc(slices.Clone(f.pairs), func(a, b Pair) bool { return comparePairs(a, b) == 0 })) != len(f.pairs) {
			t.Fatalf("%d rounds: pairs are out of order, or there twice", rounds)
		}
		for _, q := range before {
			if _, ok := slices.BinarySearchFunc(f.pairs, q, comparePairs); !ok {
				t.Fatalf("%d rounds lost %+v", rounds, q)
			}
		}
		if len(f.pairs) <= len(before) || f.mined.Rows() != len(f.pairs) || len(f.labels) != len(f.pairs) {
			t.Errorf("%d rounds: %d pairs, %d rows, %d labels, %d pairs before", rounds, len(f.pairs), f.mined.Rows(), len(f.labels), len(before))
		}
		before = slices.Clone(f.pairs)
	}
}

// TestRoundsKeepTheLimit: however many rounds, a project gives no more pairs
// than it may, and all together no more than they may.
func TestRoundsKeepTheLimit(t *testing.T) {
	for _, limits := range []struct{ project, all int }{{120, 1_000_000}, {60000, 500}, {1, 1_000_000}, {2, 1_000_000}} {
		for rounds := 1; rounds <= 4; rounds++ {
			p := quick.withDefaults()
			p.Mine.Rounds, p.Mine.PerProject, p.MostPairs = rounds, limits.project, limits.all
			f, err := newFitting(t.Context(), fleet.corpus(), p)
			if errors.Is(err, ErrNoPositive) || errors.Is(err, ErrNoNegative) {
				continue // a pair a project may be too little
			} else if err != nil {
				t.Fatal(err)
			}
			for context := range p.Folds + 1 {
				own, all := map[int32]int{}, 0
				for _, q := range f.pairs {
					if q.fits.has(context) {
						own[q.Project]++
						all++
					}
				}
				for project, n := range own {
					if n > limits.project {
						t.Errorf("%d rounds: project %d gives %d pairs of %d", rounds, project, n, limits.project)
					}
				}
				if all > limits.all {
					t.Errorf("%d rounds: %d pairs of %d", rounds, all, limits.all)
				}
				if full := min(limits.all, limits.project*len(f.projects)); context == f.nothing() && limits.project > 2 && all < full*9/10 {
					t.Errorf("%d rounds: %d pairs, though %d are allowed and there", rounds, all, full)
				}
			}
		}
	}
}
