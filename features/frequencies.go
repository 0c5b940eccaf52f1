package features

import "math"

// Frequencies counts in how many documents of one project a token stands. A
// document is a distinct error: events that differ in their numbers, ids or
// line numbers alone count once, so that one noisy error does not make its own
// frames look common. The zero value is ready; the counts do not depend on the
// order of adding.
type Frequencies struct {
	documents int
	count     map[uint64]int32
	seen      map[uint64]struct{}
}

// Add counts a record's tokens.
func (f *Frequencies) Add(r *Record) {
	if f.count == nil {
		f.count = make(map[uint64]int32)
		f.seen = make(map[uint64]struct{})
	}
	if _, ok := f.seen[r.signature]; ok {
		return
	}
	f.seen[r.signature] = struct{}{}
	f.documents++
	for s := range r.Sets {
		if Set(s) == SetTop {
			continue // the same tokens stand in SetSubtoken
		}
		for _, h := range r.Sets[s] {
			f.count[h]++
		}
	}
	if r.Template != 0 {
		f.count[r.Template]++
	}
}

// Documents returns the number of distinct documents.
func (f *Frequencies) Documents() int { return f.documents }

// Count returns in how many documents the token stands.
func (f *Frequencies) Count(token uint64) int { return int(f.count[token]) }

// smoothing stands for documents not seen yet: in a young project no token is
// known to be common.
const smoothing = 20

// Rarity returns how rare a token is, from about 0 (in every document) to 1
// (in none): 1 - ln(1+df)/ln(1+N), with N smoothed.
func (f *Frequencies) Rarity(token uint64) float32 {
	return float32(1 - math.Log1p(float64(f.count[token]))/math.Log1p(float64(f.documents+smoothing)))
}
