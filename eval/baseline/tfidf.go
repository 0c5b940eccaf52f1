package baseline

import (
	"cmp"
	"math"
	"slices"

	"whorl/eval"
	"whorl/features"
)

// publishedTFIDF weighs all terms alike, as Lerch and Mezini do. They rank and
// give no threshold.
var publishedTFIDF = &Settings{
	Name: "tfidf", Parameters: map[string]float64{"rarity": 1, "word": 1, "type": 1}, Thresholds: map[string]float64{"": 0.5},
}

// The space lets the power of the inverse document frequency be found, and how
// much words and types count beside functions.
var tfidfSpace = []dimension{{name: "rarity", high: 4}, {name: "word", high: 4}, {name: "type", high: 4}}

// tfidf is the search of Lerch and Mezini, "Finding Duplicates of Your Yet
// Unwritten Bug Report" (CSMR 2013): functions, words of messages and types of
// exceptions as terms, weighed by their inverse document frequency.
//
// The paper lets Lucene rank, whose score is another for (a,b) than for (b,a);
// here it is the cosine of both vectors. A term counts once in an event: a
// record keeps sets.
type tfidf struct {
	power   float64
	weights [3]float64 // of functions, words, types
}

// The kinds of terms, in [token].place.
const (
	termFunction = iota
	termWord
	termType
)

func newTFIDF(s *Settings) eval.Scorer {
	return &scorer{settings: s, method: &tfidf{s.Parameters["rarity"], [3]float64{1, s.Parameters["word"], s.Parameters["type"]}}}
}

// tokens are sorted by kind, then hash.
func (m *tfidf) tokens(dst []token, r *features.Record) []token {
	for _, h := range r.Sets[features.SetFunction] {
		dst = append(dst, token{hash: h, place: termFunction})
	}
	for _, h := range r.Sets[features.SetWord] {
		dst = append(dst, token{hash: h, place: termWord})
	}
	types := slices.Clone(r.Types)
	slices.Sort(types)
	for _, h := range slices.Compact(types) {
		dst = append(dst, token{hash: h, place: termType})
	}
	return dst
}

// compareTerms orders two terms as tokens does.
func compareTerms(a, b *token) int {
	return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.hash, b.hash))
}

// rarity is Lucene's inverse document frequency, to a power; with one more in
// the numerator, so that it is never below 1.
func (m *tfidf) rarity(df, total int) float64 {
	return math.Pow(1+math.Log(float64(max(total, df)+1)/float64(df+1)), m.power)
}

func (m *tfidf) compare(p *comparing, a, b []token) float64 {
	var dot, aa, bb float64
	weight := func(t *token) float64 {
		w := m.weights[t.place] * p.weight(t)
		return w * w
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && compareTerms(&a[i], &b[j]) < 0:
			aa += weight(&a[i])
			i++
		case i == len(a) || compareTerms(&a[i], &b[j]) > 0:
			bb += weight(&b[j])
			j++
		default:
			w := weight(&a[i])
			dot, aa, bb = dot+w, aa+w, bb+w
			i, j = i+1, j+1
		}
	}
	if dot == 0 {
		return 0
	}
	return min(dot/math.Sqrt(aa*bb), 1) // rounding
}
