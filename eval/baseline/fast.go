package baseline

import (
	"cmp"
	"math"
	"slices"

	"whorl/eval"
	"whorl/features"
)

// publishedFast is FaST as comparisons ran it untuned: all three parameters 1
// (Shibaev et al., SANER 2025). Nobody published a threshold; 0.5 asks that
// three quarters of the weight match.
var publishedFast = &Settings{
	Name:       "fast",
	Parameters: map[string]float64{"alpha": 1, "beta": 1, "gamma": 1, "grain": 0},
	Thresholds: map[string]float64{"": 0.5},
}

// fastSpace is the published search space.
var fastSpace = []dimension{{name: "alpha", high: 30}, {name: "beta", high: 100}, {name: "gamma", high: 30}, grain}

// fast is the weighted alignment of Rodrigues et al., "FaST: A Linear Time
// Stack Trace Alignment Heuristic for Crash Report Deduplication" (MSR 2022).
// It computes what features.FaST.Similarity does, to the bit, but looks every
// weight up. Left out of the paper: the choice between several stack traces of
// a report (a record has one), the trimming of very frequent frames and the
// removal of recursion, which extraction does.
//
// Published FaST knows no message. An event without a frame at the chosen
// grain scores -1 against every other, the least there is, so that it founds a
// group of its own.
type fast struct {
	grain features.Grain
	beta  float64
	place [maxFrames]float64 // weight by place
	near  [maxFrames]float64 // weight of a match by distance
}

func newFast(s *Settings) eval.Scorer {
	f := fastParameters(s)
	m := &fast{grain: f.Grain, beta: f.Beta, near: decays(f.Gamma)}
	for k := range m.place {
		m.place[k] = math.Pow(float64(k)+1, -f.Alpha)
	}
	return &scorer{settings: s, method: m, least: -1}
}

// fastParameters returns the settings as features knows them.
func fastParameters(s *Settings) features.FaST {
	p := s.Parameters
	return features.FaST{Alpha: p["alpha"], Beta: p["beta"], Gamma: p["gamma"], Grain: grainOf(s)}
}

// tokens are the frames sorted by token, ties by place.
func (m *fast) tokens(dst []token, r *features.Record) []token {
	dst = framesOf(dst, r, m.grain)
	slices.SortFunc(dst, func(a, b token) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.place, b.place)) })
	return dst
}

func (m *fast) rarity(df, total int) float64 {
	return math.Exp(-m.beta * (float64(df) / float64(total)))
}

// compare walks both traces by token. The order of the sums is that of
// features.FaST.Similarity.
func (m *fast) compare(p *comparing, a, b []token) float64 {
	weight := func(t *token) float64 { return m.place[t.place] * p.weight(t) }
	var sum, all float64
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i].hash < b[j].hash:
			w := weight(&a[i])
			sum, all = sum-w, all+w
			i++
		case b[j].hash < a[i].hash:
			w := weight(&b[j])
			sum, all = sum-w, all+w
			j++
		default:
			w := weight(&a[i]) + weight(&b[j])
			gap := a[i].place - b[j].place
			sum, all = sum+w*m.near[max(gap, -gap)], all+w
			i, j = i+1, j+1
		}
	}
	for ; i < len(a); i++ {
		w := weight(&a[i])
		sum, all = sum-w, all+w
	}
	for ; j < len(b); j++ {
		w := weight(&b[j])
		sum, all = sum-w, all+w
	}
	if all == 0 {
		return 0
	}
	return sum / all
}
