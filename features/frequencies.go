package features

import "math"

// Frequencies counts in how many documents of one project a token stands. A
// document is a distinct error: events that differ in their numbers, ids or
// line numbers alone count once, so that one noisy error does not make its own
// frames look common. A token stands in a document if any event of it has the
// token. The zero value is ready; the counts do not depend on the order of
// adding.
type Frequencies struct {
	documents int
	count     map[uint64]int32
	seen      map[pair]struct{}
	copies    map[uint64]struct{} // contents, which say everything about the tokens
}

// pair is a token of a document; token 0 stands for the document itself.
type pair struct{ document, token uint64 }

// Add counts a record's tokens.
func (f *Frequencies) Add(r *Record) {
	if f.count == nil {
		f.count = make(map[uint64]int32)
		f.seen = make(map[pair]struct{})
		f.copies = make(map[uint64]struct{})
	}
	if _, ok := f.copies[r.Content]; ok {
		return
	}
	f.copies[r.Content] = struct{}{}
	if f.first(r, 0) {
		f.documents++
	}
	for s := range r.Sets {
		if Set(s) == SetTop {
			continue // the same tokens stand in SetSubtoken
		}
		for _, h := range r.Sets[s] {
			if f.first(r, h) {
				f.count[h]++
			}
		}
	}
	for _, h := range r.Types {
		if f.first(r, h) {
			f.count[h]++
		}
	}
	if r.Template != 0 && f.first(r, r.Template) {
		f.count[r.Template]++
	}
}

// first reports whether no event of r's document had the token before.
func (f *Frequencies) first(r *Record, token uint64) bool {
	n := len(f.seen)
	f.seen[pair{r.signature, token}] = struct{}{}
	return len(f.seen) > n
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
	return rarity(f.count[token], f.scale())
}

// scale is the logarithm that rarities of the moment are measured by.
func (f *Frequencies) scale() float64 { return math.Log1p(float64(f.documents + smoothing)) }

func rarity(df int32, scale float64) float32 { return float32(1 - log1p(df)/scale) }

// log1p returns ln(1+df), from a table for the counts that most tokens have.
func log1p(df int32) float64 {
	if int(df) < len(logs) {
		return logs[df]
	}
	return math.Log1p(float64(df))
}

var logs = func() (t [1024]float64) {
	for i := range t {
		t[i] = math.Log1p(float64(i))
	}
	return t
}()
