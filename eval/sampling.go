package eval

import (
	"context"
	"math/rand/v2"
	"slices"
	"sort"
)

// preliminaryLimit is how many pairs of one label and project are shown to the
// stratifying scorer at most. Up to about 2,900 distinct events of a project
// that is all of them.
const preliminaryLimit = 4 << 20

// samplePair is a judged pair of a project: items a < b.
type samplePair struct {
	a, b   int32
	same   bool
	weight float64 // inverse sampling probability
}

// pairSpace numbers the pairs of a project without listing them: those of one
// group from 0, and those of two groups from 0, so that a huge project can be
// sampled by number.
type pairSpace struct {
	order []int32 // items sorted by group
	end   []int   // by position: where its group ends
	first [2][]int64
}

// newPairSpace takes items, ascending, and the group of each item.
func newPairSpace(items []int, group func(int) int) *pairSpace {
	s := &pairSpace{order: make([]int32, len(items)), end: make([]int, len(items))}
	for k, i := range items {
		s.order[k] = int32(i)
	}
	slices.SortStableFunc(s.order, func(a, b int32) int { return group(int(a)) - group(int(b)) })
	for at := len(items) - 1; at >= 0; at-- {
		s.end[at] = at + 1
		if at+1 < len(items) && group(int(s.order[at])) == group(int(s.order[at+1])) {
			s.end[at] = s.end[at+1]
		}
	}
	for label := range s.first {
		s.first[label] = make([]int64, len(items)+1)
		for at := range items {
			s.first[label][at+1] = s.first[label][at] + int64(s.partners(label, at))
		}
	}
	return s
}

// partners is how many pairs of a label have position at as the earlier one: 1
// is GROUP.
func (s *pairSpace) partners(label, at int) int {
	if label == 1 {
		return s.end[at] - at - 1
	}
	return len(s.order) - s.end[at]
}

// size is the number of pairs of a label.
func (s *pairSpace) size(label int) int64 { return s.first[label][len(s.order)] }

// pair returns pair k of a label, a < b.
func (s *pairSpace) pair(label int, k int64) (a, b int32) {
	at := sort.Search(len(s.order), func(at int) bool { return s.first[label][at+1] > k })
	other := int(k-s.first[label][at]) + at + 1
	if label == 0 {
		other = int(k-s.first[label][at]) + s.end[at]
	}
	a, b = s.order[at], s.order[other]
	return min(a, b), max(a, b)
}

// pairList is [pairSpace] for explicit pairs.
type pairList [2][][2]int32

func (l *pairList) size(label int) int64 { return int64(len(l[label])) }

func (l *pairList) pair(label int, k int64) (a, b int32) { return l[label][k][0], l[label][k][1] }

// pairSource numbers the pairs of each label (1: GROUP) from 0.
type pairSource interface {
	size(label int) int64
	pair(label int, k int64) (a, b int32)
}

// sample returns at most limit pairs of src, by a, then b. Up to the limit
// they are all of them and weigh 1. Beyond it the sample is stratified by label
// and verdict, as equal a number of each as there are; weights undo it.
//
// Verdicts are asked of every pair while a label has at most preliminary
// pairs. Of a larger label one pair drawn at random from each run of equally
// many consecutive pairs is asked, and the sizes of its strata are estimated
// from these (double sampling: Neyman, JASA 33, 1938). The weights of each
// label sum to its exact number of pairs in every case.
func sample(ctx context.Context, src pairSource, limit int, preliminary int64, verdict func(a, b int32) bool, rng *rand.Rand) ([]samplePair, error) {
	total := src.size(0) + src.size(1)
	if total <= int64(limit) {
		pairs := make([]samplePair, 0, total)
		for label := range 2 {
			for k := range src.size(label) {
				a, b := src.pair(label, k)
				pairs = append(pairs, samplePair{a, b, label == 1, 1})
			}
		}
		sortPairs(pairs)
		return pairs, nil
	}
	var strata [4]reservoir // by label*2 + verdict
	for label := range 2 {
		n := src.size(label)
		run := max(1, (n+preliminary-1)/preliminary)
		for from, asked := int64(0), 0; from < n; from, asked = from+run, asked+1 {
			if asked%4096 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			k := from
			if run > 1 {
				k += rng.Int64N(min(run, n-from))
			}
			a, b := src.pair(label, k)
			s := label * 2
			if verdict(a, b) {
				s++
			}
			strata[s].offer(a, b, limit, rng)
		}
	}
	share := allot([4]int64{strata[0].seen, strata[1].seen, strata[2].seen, strata[3].seen}, int64(limit))
	var pairs []samplePair
	for s := range strata {
		label := s / 2
		// Estimated size of the stratum, over the number taken from it.
		asked := strata[label*2].seen + strata[label*2+1].seen
		weight := float64(src.size(label)) * (float64(strata[s].seen) / float64(asked)) / float64(share[s])
		for _, p := range strata[s].take(int(share[s]), rng) {
			pairs = append(pairs, samplePair{p[0], p[1], label == 1, weight})
		}
	}
	sortPairs(pairs)
	return pairs, nil
}

func sortPairs(pairs []samplePair) {
	slices.SortFunc(pairs, func(x, y samplePair) int {
		if x.a != y.a {
			return int(x.a - y.a)
		}
		return int(x.b - y.b)
	})
}

// reservoir keeps a uniform sample of the pairs it is offered (Vitter,
// "Random sampling with a reservoir", ACM TOMS 11, 1985, algorithm R).
type reservoir struct {
	seen int64
	kept [][2]int32
}

func (r *reservoir) offer(a, b int32, limit int, rng *rand.Rand) {
	r.seen++
	if len(r.kept) < limit {
		r.kept = append(r.kept, [2]int32{a, b})
		return
	}
	if k := rng.Int64N(r.seen); k < int64(limit) {
		r.kept[k] = [2]int32{a, b}
	}
}

// take returns n of the kept pairs, each subset equally likely.
func (r *reservoir) take(n int, rng *rand.Rand) [][2]int32 {
	for i := range n {
		k := i + rng.IntN(len(r.kept)-i)
		r.kept[i], r.kept[k] = r.kept[k], r.kept[i]
	}
	return r.kept[:n]
}

// allot shares limit places among strata of the given sizes: small strata are
// taken whole and the others get equal parts, a rest going to the first.
func allot(sizes [4]int64, limit int64) (share [4]int64) {
	for left := limit; left > 0; {
		open := int64(0)
		for s := range sizes {
			if share[s] < sizes[s] {
				open++
			}
		}
		if open == 0 {
			break
		}
		part := max(1, left/open)
		for s := range sizes {
			more := min(part, sizes[s]-share[s], left)
			share[s] += more
			left -= more
		}
	}
	return share
}
