package train

import (
	"math/rand/v2"

	"whorl/features/blocking"
	"whorl/model"
)

// Pair is a mined pair of records of one project.
type Pair struct {
	Project int32
	A, B    int32 // A < B, numbers among the project's distinct records
	Same    bool
	Weight  float32

	fits contexts // where the pair may be learned from
}

// contexts is a set of folds that may be left out, one bit each, with a last
// one for the fit that leaves nothing out. A pair that a model helped to choose
// fits where that model, and all that helped to choose what it learned from, saw
// nothing of the fold left out.
type contexts uint32

const everywhere = ^contexts(0)

// mostFolds is how many folds there is a bit for.
const mostFolds = 31

func (c contexts) has(context int) bool { return c>>context&1 == 1 }

// MineParams bound what is mined. Zero values mean the defaults.
type MineParams struct {
	PerGroup   int // positives of one group at most; default 150
	Hard       int // blocked negatives of one record at most; default 20
	Random     int // negatives drawn at random for each record; default 15
	PerProject int // pairs of one project that a fit learns from at most; default 60000
	Rounds     int // of mining, all but the first near the boundary of the model so far; default 1
	Near       int // candidates of one record that each of those adds at most; default 5
}

func (p MineParams) withDefaults() MineParams {
	for _, d := range []struct {
		v *int
		d int
	}{{&p.PerGroup, 150}, {&p.Hard, 20}, {&p.Random, 15}, {&p.PerProject, 60000}, {&p.Rounds, 1}, {&p.Near, 5}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	return p
}

// mine returns the training pairs of one project, sorted by (A, B):
//
//   - positives: all pairs of a group, or a seeded sample of them where a group
//     has many, so that one huge group does not rule;
//   - hard negatives: for each record the candidates that blocking finds in
//     other groups, which look alike by construction;
//   - random negatives, so that the scorer also knows the easy ones.
//
// Weights carry the labels' confidence. Records without a group stand in pairs
// with a label of their own alone.
func mine(project int, p *prepared, params MineParams, seed uint64) []Pair {
	rng := rand.New(rand.NewPCG(seed, uint64(project)))
	chosen := map[[2]int32]bool{}
	var pairs []Pair
	add := func(a, b int) {
		if a == b {
			return
		}
		if a > b {
			a, b = b, a
		}
		if p.groups[a] == NoGroup || p.groups[b] == NoGroup {
			return
		}
		key := [2]int32{int32(a), int32(b)}
		if chosen[key] || p.records[a].Content == p.records[b].Content {
			return // equal content under two labels teaches nothing
		}
		chosen[key] = true
		pairs = append(pairs, Pair{
			Project: int32(project), A: key[0], B: key[1],
			Same:   p.groups[a] == p.groups[b],
			Weight: p.confidence[a] * p.confidence[b],
			fits:   everywhere,
		})
	}
	for _, e := range p.explicit { // first: they beat what the groups imply
		key := [2]int32{e.A, e.B}
		if !chosen[key] {
			chosen[key] = true
			pairs = append(pairs, Pair{int32(project), e.A, e.B, e.Same, e.Confidence, everywhere})
		}
	}
	explicit := len(pairs)
	for _, members := range p.byGroup() {
		n := len(members)
		if n*(n-1)/2 <= params.PerGroup {
			for i := range members {
				for j := range i {
					add(members[j], members[i])
				}
			}
			continue
		}
		for range params.PerGroup {
			add(members[rng.IntN(n)], members[rng.IntN(n)])
		}
	}
	var index blocking.Index
	for _, r := range p.records {
		index.Add(r)
	}
	frequencies := p.frequencies()
	var candidates []int
	for i, r := range p.records {
		if p.groups[i] == NoGroup {
			continue
		}
		candidates = index.Candidates(candidates[:0], r, frequencies, 0, model.MaxCandidates)
		hard := 0
		for _, j := range candidates {
			if p.groups[j] == p.groups[i] || p.groups[j] == NoGroup {
				continue
			}
			if hard++; hard > params.Hard {
				break
			}
			add(i, j)
		}
		for range params.Random {
			if j := rng.IntN(len(p.records)); p.groups[j] != p.groups[i] {
				add(i, j)
			}
		}
	}
	if len(pairs) > params.PerProject {
		rest := pairs[min(explicit, params.PerProject):] // somebody judged the explicit ones: they stay
		rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		pairs = pairs[:params.PerProject]
	}
	sortPairs(pairs)
	return pairs
}
