package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
	"whorl/train/boost"
)

// The first round of mining takes what looks alike to blocking. Each later one
// takes what is hard for the model so far: for every record the candidates whose
// margin lies nearest the boundary, of one group or of two, because a pair that
// is far on the wrong side is more often a wrong label than a lesson. What is
// hard for a fold is asked of a model that never saw it. That model saw the other
// folds, so that which pairs are mined depends a little on labels that a
// cross-fitted forest is judged by: losses of more rounds are somewhat flattered.

// boundaryTrees is how many trees a model has that only helps to mine.
const boundaryTrees = 60

// split divides a project's pairs among the rounds: the only one takes all, the
// first of several half, the others what is left in equal parts.
func (p MineParams) split(pairs int) (first, further int) {
	if p.Rounds == 1 {
		return pairs, 0
	}
	further = pairs / 2 / (p.Rounds - 1)
	return pairs - further*(p.Rounds-1), further
}

// mineBoundary adds the pairs of the later rounds, of each project at most its
// limit in each.
func (f *fitting) mineBoundary(ctx context.Context, columns []boost.Column, limits []int) error {
	for round := 1; round < f.params.Mine.Rounds; round++ {
		if err := f.settle(ctx, columns); err != nil {
			return err
		}
		models := make([]*boost.Ensemble, f.params.Folds)
		for fold := range models {
			p := f.params.Boost
			p.Trees = boundaryTrees
			p.Seed += uint64(round)<<16 + uint64(fold)
			p.Progress = func(done, total int) {
				f.params.Progress(fmt.Sprintf("mining near the boundary, %d of %d", round*len(models)-len(models)+fold+1, (f.params.Mine.Rounds-1)*len(models)), done, total)
			}
			e, err := boost.Fit(ctx, f.mined, f.without(fold), f.labels, f.weights, p)
			if errors.Is(err, boost.ErrNoRows) || errors.Is(err, boost.ErrOneClass) {
				continue
			} else if err != nil {
				return err
			}
			models[fold] = e
		}
		chosen := make([]map[[2]int32]bool, len(f.projects))
		for i := range chosen {
			chosen[i] = map[[2]int32]bool{}
		}
		for _, p := range f.pairs {
			chosen[p.Project][[2]int32{p.A, p.B}] = true
		}
		more := make([][]Pair, len(f.projects))
		if err := f.each(ctx, "mining near the boundary", len(f.projects), func(i int) {
			more[i] = f.nearBoundary(i, models, chosen[i], limits[i])
		}); err != nil {
			return err
		}
		f.pairs = slices.Concat(f.pairs, slices.Concat(more...))
		sortPairs(f.pairs)
	}
	return nil
}

// nearBoundary returns pairs of a project that were not chosen before, for each
// record those nearest the boundary and, if they are more than the limit, of all
// of them the nearest.
func (f *fitting) nearBoundary(project int, models []*boost.Ensemble, chosen map[[2]int32]bool, limit int) []Pair {
	p := f.projects[project]
	views := p.views()
	var index blocking.Index
	for _, r := range p.records {
		index.Add(r)
	}
	frequencies := p.frequencies()
	type near struct {
		pair     Pair
		distance float64
	}
	var all, own []near
	var candidates []int
	var v features.Vector
	row := make([]float32, len(f.use))
	for i, r := range p.records {
		e := models[f.folds[project][p.homes[i]]]
		if e == nil || p.groups[i] == NoGroup {
			continue
		}
		own = own[:0]
		candidates = index.Candidates(candidates[:0], r, frequencies, 0, model.MaxCandidates)
		for _, j := range candidates {
			a, b := min(i, j), max(i, j)
			if a == b || p.groups[j] == NoGroup || chosen[[2]int32{int32(a), int32(b)}] || p.records[a].Content == p.records[b].Content {
				continue
			}
			features.Compare(&views[a], &views[b], &v)
			for c, place := range f.use {
				row[c] = v[place]
			}
			pair := Pair{int32(project), int32(a), int32(b), p.groups[a] == p.groups[b], p.confidence[a] * p.confidence[b]}
			own = append(own, near{pair, math.Abs(e.Predict(row))})
		}
		slices.SortFunc(own, func(x, y near) int {
			return cmp.Or(cmp.Compare(x.distance, y.distance), comparePairs(x.pair, y.pair))
		})
		for _, n := range own[:min(len(own), f.params.Mine.Near)] {
			chosen[[2]int32{n.pair.A, n.pair.B}] = true
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(x, y near) int {
		return cmp.Or(cmp.Compare(x.distance, y.distance), comparePairs(x.pair, y.pair))
	})
	var out []Pair
	for _, n := range all[:min(len(all), limit)] {
		out = append(out, n.pair)
	}
	return out
}

func sortPairs(pairs []Pair) { slices.SortFunc(pairs, comparePairs) }

func comparePairs(x, y Pair) int {
	return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
}
