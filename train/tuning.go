package train

import (
	"math/rand/v2"
	"slices"
)

// tuningPair is a pair drawn as an evaluation draws them: from all pairs of a
// project, easy ones included.
type tuningPair struct {
	project int32
	a, b    int32
	same    bool
	weight  float64 // how many pairs of the project it stands for
	margin  float64
}

// drawTuning samples pairs of one project whose two events lie in one fold:
// all positives up to half the limit, negatives up to the other half. Explicit
// pairs beat what the groups imply, and are all there is of records without a
// group, but for those that were asked about. Weights undo the sampling.
func drawTuning(project int, p *prepared, folds map[int32]int, limit int, seed uint64) []tuningPair {
	rng := rand.New(rand.NewPCG(seed, uint64(project)))
	explicit := make(map[[2]int32]ExplicitPair, len(p.explicit))
	for _, e := range slices.Backward(p.explicit) { // the first of equal pairs counts, as in mine
		explicit[[2]int32{e.A, e.B}] = e
	}
	var members [2][]tuningPair // negatives, positives: reservoirs
	var seen [2]int
	room := [2]int{limit - limit/2, limit / 2}
	for j := range p.records {
		for i := range j {
			if folds[p.homes[i]] != folds[p.homes[j]] || p.records[i].Content == p.records[j].Content {
				continue
			}
			same, known := p.groups[i] == p.groups[j], p.groups[i] != NoGroup && p.groups[j] != NoGroup
			if len(explicit) > 0 {
				if e, ok := explicit[[2]int32{int32(i), int32(j)}]; ok {
					same, known = e.Same, known || !e.Asked
				}
			}
			if !known {
				continue
			}
			k := 0
			if same {
				k = 1
			}
			seen[k]++
			t := tuningPair{project: int32(project), a: int32(i), b: int32(j), same: k == 1}
			if len(members[k]) < room[k] {
				members[k] = append(members[k], t)
			} else if at := rng.IntN(seen[k]); at < room[k] {
				members[k][at] = t
			}
		}
	}
	var out []tuningPair
	for k := range members {
		for i := range members[k] {
			members[k][i].weight = float64(seen[k]) / float64(len(members[k]))
		}
		out = append(out, members[k]...)
	}
	return out
}
