// Package blocking generates candidates: for an event, the earlier events of
// its project that are worth comparing.
//
//  1. Add puts each distinct record's tokens into an inverted index.
//  2. Candidates walks the postings of the query's rarest tokens and adds up
//     their rarity per record.
//  3. The records with the greatest sums are the candidates, the most recent
//     first among equals.
//
// What blocking misses no scorer can find, so its reach is measured apart from
// scoring.
package blocking

import (
	"cmp"
	"slices"

	"whorl/features"
)

// Limits of a query. They bound its cost on projects of any size.
const (
	// maxPostings is how many of a token's latest records a query looks at.
	maxPostings = 2000
	// maxSteps bounds the postings that one query walks in all.
	maxSteps = 20000
)

// sets are the bags that are indexed. Sub-tokens and words find errors whose
// frames or wording changed.
var sets = [...]features.Set{
	features.SetWhole, features.SetFunction, features.SetModule, features.SetSubtoken,
	features.SetContext, features.SetSite, features.SetWord,
}

// Index is an inverted index over the records of one project. The zero value
// is ready; one goroutine uses it at a time.
type Index struct {
	records  int
	postings map[uint64][]int32

	sums    []float32
	touched []int32
	query   []posting
}

type posting struct {
	token  uint64
	rarity float32
}

// Len returns the number of records added.
func (x *Index) Len() int { return x.records }

// Add indexes a record and returns its number, counted from 0.
func (x *Index) Add(r *features.Record) int {
	if x.postings == nil {
		x.postings = make(map[uint64][]int32)
	}
	id := int32(x.records)
	x.records++
	eachToken(r, func(token uint64) {
		x.postings[token] = append(x.postings[token], id)
	})
	return int(id)
}

func eachToken(r *features.Record, yield func(uint64)) {
	for _, s := range sets {
		for _, token := range r.Sets[s] {
			yield(token)
		}
	}
	if r.Template != 0 {
		yield(r.Template)
	}
}

// Candidates appends to dst the numbers of at most limit records that share
// the most rarity with r, best first, the later one first among equals.
// Records below number from are left out.
func (x *Index) Candidates(dst []int, r *features.Record, f *features.Frequencies, from, limit int) []int {
	x.query = x.query[:0]
	eachToken(r, func(token uint64) {
		if len(x.postings[token]) > 0 {
			x.query = append(x.query, posting{token, f.Rarity(token)})
		}
	})
	slices.SortFunc(x.query, func(a, b posting) int {
		return cmp.Or(cmp.Compare(b.rarity, a.rarity), cmp.Compare(a.token, b.token))
	})
	for len(x.sums) < x.records {
		x.sums = append(x.sums, 0)
	}
	x.touched = x.touched[:0]
	steps := 0
	for _, q := range x.query {
		if steps >= maxSteps && len(x.touched) >= limit {
			break
		}
		list := x.postings[q.token]
		if len(list) > maxPostings {
			list = list[len(list)-maxPostings:]
		}
		for k := len(list) - 1; k >= 0 && int(list[k]) >= from; k-- {
			id := list[k]
			if x.sums[id] == 0 {
				x.touched = append(x.touched, id)
			}
			x.sums[id] += q.rarity + 1e-3 // even a common token is a link
			steps++
		}
	}
	slices.SortFunc(x.touched, func(a, b int32) int {
		return cmp.Or(cmp.Compare(x.sums[b], x.sums[a]), cmp.Compare(b, a))
	})
	for i, id := range x.touched {
		if i < limit {
			dst = append(dst, int(id))
		}
		x.sums[id] = 0
	}
	return dst
}
