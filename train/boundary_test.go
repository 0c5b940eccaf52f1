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
						if c == r || taken[key] || fits[key].has(context) || project.records[c].Content == project.records[r].Content {
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

// TestBoundaryNeverSeesTheFold: no model that helps to choose what is learned
// from where a fold is left out has a pair of that fold, nor one that a model
// with that fold chose.
func TestBoundaryNeverSeesTheFold(t *testing.T) {
	p := quick.withDefaults()
	p.Mine.Rounds, p.Mine.Hard, p.Mine.Random, p.Mine.Near = 3, 1, 1, 2
	f, err := newFitting(t.Context(), fleet.corpus(), p)
	if err != nil {
		t.Fatal(err)
	}
	partly := 0
	for context := range p.Folds + 1 {
		for fold := range p.Folds {
			for _, i := range f.without(context, fold) {
				q := f.pairs[i]
				for _, r := range []int32{q.A, q.B} {
					if in := f.folds[q.Project][f.projects[q.Project].groups[r]]; in == fold || in == context {
						t.Fatalf("%+v is without folds %d and %d, yet in %d", q, context, fold, in)
					}
				}
				if !q.fits.has(context) || !q.fits.has(fold) {
					t.Fatalf("%+v does not fit without %d and %d", q, context, fold)
				}
			}
		}
	}
	for _, q := range f.pairs {
		if q.fits != everywhere {
			partly++
			// Chosen for a record of fold k: by models that left k out.
			k, l := f.folds[q.Project][f.projects[q.Project].groups[q.A]], f.folds[q.Project][f.projects[q.Project].groups[q.B]]
			if k == l && q.fits.has(k) {
				t.Fatalf("%+v fits where its own fold %d is left out", q, k)
			}
		}
	}
	if partly == 0 {
		t.Error("no pair was chosen near a boundary")
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
