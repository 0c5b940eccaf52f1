package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
	"whorl/train/boost"
)

// TestNearBoundary holds the mining near the boundary against a search that
// takes the nearest candidate of each record again and again.
func TestNearBoundary(t *testing.T) {
	p := quick.withDefaults()
	p.Mine.Rounds, p.Mine.Hard, p.Mine.Random, p.Mine.PerGroup, p.Mine.Near = 1, 1, 1, 2, 3
	f, err := newFitting(context.Background(), fleet.corpus(), p)
	if err != nil {
		t.Fatal(err)
	}
	models := make([]*boost.Ensemble, p.Folds)
	for fold := range models {
		rows := f.without(fold)
		for _, i := range rows {
			pair := f.pairs[i]
			for _, r := range []int32{pair.A, pair.B} {
				if f.folds[pair.Project][f.projects[pair.Project].groups[r]] == fold {
					t.Fatalf("pair %+v is without fold %d, yet in it", pair, fold)
				}
			}
		}
		if models[fold], err = boost.Fit(context.Background(), f.mined, rows, f.labels, f.weights, f.params.Boost); err != nil {
			t.Fatal(err)
		}
	}
	mined := 0
	for i, project := range f.projects {
		chosen := map[[2]int32]bool{}
		for _, q := range f.pairs {
			if int(q.Project) == i {
				chosen[[2]int32{q.A, q.B}] = true
			}
		}
		views, frequencies := project.views(), project.frequencies()
		distance := func(a, b int) float64 {
			var v features.Vector
			features.Compare(&views[a], &views[b], &v)
			row := make([]float32, len(f.use))
			for c, place := range f.use {
				row[c] = v[place]
			}
			return math.Abs(models[f.folds[i][project.groups[b]]].Predict(row))
		}
		var index blocking.Index
		for _, r := range project.records {
			index.Add(r)
		}
		taken := map[[2]int32]bool{}
		for k := range chosen {
			taken[k] = true
		}
		var want []Pair
		for r := range project.records {
			candidates := index.Candidates(nil, project.records[r], frequencies, 0, model.MaxCandidates)
			slices.Sort(candidates)
			for range p.Mine.Near {
				best, least := -1, math.Inf(1)
				for _, c := range candidates {
					key := [2]int32{int32(min(r, c)), int32(max(r, c))}
					if c == r || taken[key] || project.records[c].Content == project.records[r].Content {
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
				want = append(want, Pair{int32(i), key[0], key[1], project.groups[best] == project.groups[r], project.confidence[best] * project.confidence[r]})
			}
		}
		got := f.nearBoundary(i, models, chosen, math.MaxInt)
		sortPairs(got)
		sortPairs(want)
		if !slices.Equal(got, want) {
			t.Fatalf("project %d: %d pairs, the slow search finds %d", i, len(got), len(want))
		}
		mined += len(got)

		before := map[[2]int32]bool{}
		for _, q := range f.pairs {
			if int(q.Project) == i {
				before[[2]int32{q.A, q.B}] = true
			}
		}
		if few := f.nearBoundary(i, models, before, 5); len(few) != 5 {
			t.Errorf("project %d: %d pairs under a limit of 5", i, len(few))
		}
	}
	if mined < 100 {
		t.Errorf("only %d pairs were compared", mined)
	}
}

// TestRoundsOfMining: each round adds pairs to those of the one before, none
// twice.
func TestRoundsOfMining(t *testing.T) {
	var before []Pair
	for rounds := 1; rounds <= 3; rounds++ {
		p := quick.withDefaults()
		p.Mine.Rounds, p.Mine.Random, p.Mine.Hard, p.Mine.Near = rounds, 1, 1, 2
		f, err := newFitting(context.Background(), fleet.corpus(), p)
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
			own := map[int32]int{}
			for _, q := range f.pairs {
				own[q.Project]++
			}
			for project, n := range own {
				if n > limits.project {
					t.Errorf("%d rounds: project %d gives %d pairs of %d", rounds, project, n, limits.project)
				}
			}
			if len(f.pairs) > limits.all {
				t.Errorf("%d rounds: %d pairs of %d", rounds, len(f.pairs), limits.all)
			}
			if full := min(limits.all, limits.project*len(f.projects)); limits.project > 2 && len(f.pairs) < full*9/10 {
				t.Errorf("%d rounds: %d pairs, though %d are allowed and there", rounds, len(f.pairs), full)
			}
		}
	}
}
