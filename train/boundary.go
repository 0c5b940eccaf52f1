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
// hard for a fold is asked of a model that never saw it. Where a fold is to be left
// out, that model must not have seen that one either, or the labels that a
// cross-fitted forest is judged by would help to choose what it learns from: so
// there are models for every fold left out, and pairs know where they fit.

// boundaryTrees is how many trees a model has that only helps to mine.
const boundaryTrees = 60

// split divides a project's pairs among the rounds: the only one takes all, the
// first of several half, or as many as somebody judged, and the others what is
// left in equal parts.
func (p MineParams) split(pairs, judged int) (first, further int) {
	if p.Rounds == 1 {
		return pairs, 0
	}
	further = min(pairs/2, max(0, pairs-judged)) / (p.Rounds - 1)
	return pairs - further*(p.Rounds-1), further
}

// mineBoundary adds the pairs of the later rounds, of each project at most its
// limit in each, wherever a fold is left out and where none is.
func (f *fitting) mineBoundary(ctx context.Context, columns []boost.Column, limits []int) error {
	for round := 1; round < f.params.Mine.Rounds; round++ {
		if err := f.settle(ctx, columns); err != nil {
			return err
		}
		models, err := f.boundaryModels(ctx, round)
		if err != nil {
			return err
		}
		place := make([]map[[2]int32]int, len(f.projects)) // of each project's pairs
		for i := range place {
			place[i] = map[[2]int32]int{}
		}
		for i, p := range f.pairs {
			place[p.Project][[2]int32{p.A, p.B}] = i
		}
		more := make([][]Pair, len(f.projects))
		if err := f.each(ctx, "mining near the boundary", len(f.projects), func(i int) {
			more[i] = f.nearBoundary(i, models, func(a, b int32) contexts {
				if at, ok := place[i][[2]int32{a, b}]; ok {
					return f.pairs[at].fits
				}
				return 0
			}, limits[i])
		}); err != nil {
			return err
		}
		for _, p := range slices.Concat(more...) {
			if at, ok := place[p.Project][[2]int32{p.A, p.B}]; ok {
				f.pairs[at].fits |= p.fits
			} else {
				f.pairs = append(f.pairs, p)
			}
		}
		sortPairs(f.pairs)
	}
	return nil
}

// boundaryModels fits what margins are taken from: for each context and fold a
// model of what may be learned from in the context, without the fold; nil where
// there is too little data, or where the two are one.
func (f *fitting) boundaryModels(ctx context.Context, round int) ([][]*boost.Ensemble, error) {
	n := f.params.Folds
	models := make([][]*boost.Ensemble, n+1)
	done, all := 0, n*n
	if round == 1 {
		all = n * (n + 1) / 2
	}
	for c := range models {
		models[c] = make([]*boost.Ensemble, n)
		for fold := range n {
			switch {
			case fold == c:
				continue
			case round == 1 && fold < c && c < n: // all pairs fit everywhere yet: the same two folds, the same model
				models[c][fold] = models[fold][c]
				continue
			}
			p := f.params.Boost
			p.Trees = boundaryTrees
			p.Seed += uint64(round)<<16 + uint64(c)<<8 + uint64(fold)
			p.Progress = func(trees, _ int) {
				f.params.Progress(fmt.Sprintf("fitting to mine near the boundary, round %d of %d", round+1, f.params.Mine.Rounds), done*boundaryTrees+trees, all*boundaryTrees)
			}
			e, err := boost.Fit(ctx, f.mined, f.without(c, fold), f.labels, f.weights, p)
			if err != nil && !errors.Is(err, boost.ErrNoRows) && !errors.Is(err, boost.ErrOneClass) {
				return nil, err
			}
			if err == nil {
				models[c][fold] = e
			}
			done++
		}
	}
	return models, nil
}

// nearBoundary returns pairs of a project with the contexts that they newly fit.
// In each context it takes for each record those candidates nearest the boundary
// that can be learned from there and do not fit yet and, if they are more than
// the limit, of all of them the nearest. Pairs that somebody judged are not
// mined: they are there, with their own label.
func (f *fitting) nearBoundary(project int, models [][]*boost.Ensemble, had func(a, b int32) contexts, limit int) []Pair {
	p := f.projects[project]
	views := p.views()
	var index blocking.Index
	for _, r := range p.records {
		index.Add(r)
	}
	frequencies := p.frequencies()
	type near struct {
		key      [2]int32
		distance float64
	}
	byDistance := func(x, y near) int {
		return cmp.Or(cmp.Compare(x.distance, y.distance), cmp.Compare(x.key[0], y.key[0]), cmp.Compare(x.key[1], y.key[1]))
	}
	found := make([][]near, len(models)) // by context
	taken := map[[2]int32]contexts{}
	for _, e := range p.explicit {
		taken[[2]int32{e.A, e.B}] = everywhere
	}
	in := func(record int32) int { return f.folds[project][p.homes[record]] }
	var own []near
	var candidates []int
	var keys [][2]int32
	var rows [][]float32
	for i, r := range p.records {
		if p.groups[i] == NoGroup {
			continue
		}
		candidates = index.Candidates(candidates[:0], r, frequencies, 0, model.MaxCandidates)
		keys, rows = keys[:0], rows[:0]
		for _, j := range candidates {
			if i == j || p.groups[j] == NoGroup || p.records[i].Content == p.records[j].Content {
				continue
			}
			var v features.Vector
			features.Compare(&views[min(i, j)], &views[max(i, j)], &v)
			row := make([]float32, len(f.use))
			for c, place := range f.use {
				row[c] = v[place]
			}
			keys, rows = append(keys, [2]int32{int32(min(i, j)), int32(max(i, j))}), append(rows, row)
		}
		for c := range models {
			e := models[c][in(int32(i))]
			if e == nil {
				continue // too little data, or the fold itself is left out
			}
			own = own[:0]
			for k, key := range keys {
				if in(key[0]) != c && in(key[1]) != c && !(had(key[0], key[1]) | taken[key]).has(c) {
					own = append(own, near{key, math.Abs(e.Predict(rows[k]))})
				}
			}
			slices.SortFunc(own, byDistance)
			for _, n := range own[:min(len(own), f.params.Mine.Near)] {
				taken[n.key] |= 1 << c
				found[c] = append(found[c], n)
			}
		}
	}
	fits := map[[2]int32]contexts{}
	for c, all := range found {
		slices.SortFunc(all, byDistance)
		for _, n := range all[:min(len(all), limit)] {
			fits[n.key] |= 1 << c
		}
	}
	var out []Pair
	for key, where := range fits {
		a, b := key[0], key[1]
		out = append(out, Pair{int32(project), a, b, p.groups[a] == p.groups[b], p.confidence[a] * p.confidence[b], where})
	}
	sortPairs(out)
	return out
}

func sortPairs(pairs []Pair) { slices.SortFunc(pairs, comparePairs) }

func comparePairs(x, y Pair) int {
	return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
}
