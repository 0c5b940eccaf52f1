package baseline

import (
	"math"

	"whorl/eval"
	"whorl/features"
)

// Prefix match has one choice, and nobody published a threshold.
var publishedPrefix = &Settings{
	Name: "prefix", Parameters: map[string]float64{"grain": 0}, Thresholds: map[string]float64{"": 0.5},
}

// prefix is prefix match (Modani et al., "Automatically Identifying Known
// Software Problems", ICDE workshops 2007): how many frames from the crash on
// are the same, of the frames of the longer trace.
type prefix struct{ grain features.Grain }

func newPrefix(s *Settings) eval.Scorer {
	return &scorer{settings: s, method: &prefix{grainOf(s)}}
}

func (m *prefix) tokens(dst []token, r *features.Record) []token { return framesOf(dst, r, m.grain) }
func (m *prefix) rarity(int, int) float64                        { return 1 }

func (m *prefix) compare(_ *comparing, a, b []token) float64 {
	n := 0
	for n < min(len(a), len(b)) && a[n].id == b[n].id {
		n++
	}
	return float64(n) / float64(max(len(a), len(b)))
}

// publishedPDM has the parameters of CASR, the only ones that a kept tool runs
// with, and its threshold: a distance of 0.3.
var publishedPDM = &Settings{
	Name: "pdm", Parameters: map[string]float64{"place": 0.04, "offset": 0.13, "grain": 0}, Thresholds: map[string]float64{"": 0.7},
}

var pdmSpace = []dimension{{name: "place", high: 2}, {name: "offset", high: 2}, grain}

// pdm is the position dependent model of ReBucket (Dang et al., "ReBucket: A
// Method for Clustering Duplicate Crash Reports Based on Call Stack Similarity",
// ICSE 2012, section IV): the best common subsequence, where a match weighs
// less the farther it is from the crash and the more its two places differ,
// against what the shorter trace could reach. ReBucket's clustering is left
// out: protocols have their own.
type pdm struct {
	grain         features.Grain
	place, offset [maxFrames]float64
	reach         [maxFrames + 1]float64 // by length
}

func newPDM(s *Settings) eval.Scorer {
	m := &pdm{grain: grainOf(s), place: decays(s.Parameters["place"]), offset: decays(s.Parameters["offset"])}
	for k, w := range m.place {
		m.reach[k+1] = m.reach[k] + w
	}
	return &scorer{settings: s, method: m}
}

func (m *pdm) tokens(dst []token, r *features.Record) []token {
	dst = framesOf(dst, r, m.grain)
	for i := range dst {
		dst[i].place = int32(i) // among those that are compared
	}
	return dst
}

func (m *pdm) rarity(int, int) float64 { return 1 }

func (m *pdm) compare(p *comparing, a, b []token) float64 {
	sum := p.aligned(a, b, func(x, y *token) float64 {
		gap := x.place - y.place
		return m.place[min(x.place, y.place)] * m.offset[max(gap, -gap)]
	})
	return min(sum/m.reach[min(len(a), len(b))], 1) // rounding
}

// publishedTraceSim has parameters in the middle of the search space: the paper
// gives none, since it tunes them for each corpus.
var publishedTraceSim = &Settings{
	Name: "tracesim", Parameters: map[string]float64{"alpha": 0.5, "beta": 1, "gamma": 2, "grain": 0}, Thresholds: map[string]float64{"": 0.5},
}

var traceSimSpace = []dimension{{name: "alpha", high: 4}, {name: "beta", high: 8}, {name: "gamma", high: 16}, grain}

// traceSim is the weighted edit distance of Vasiliev et al., "TraceSim: A Method
// for Calculating Stack Trace Similarity" (MaLTeSQuE 2020, section 4). A frame
// weighs place^-alpha, from 1 at the crash, times sigmoid(beta*(idf-gamma)) with
// idf = ln(errors/errors with the frame). To take a frame out or put one in costs
// its weight, to put one in another's place both: then the distance is what a
// best alignment leaves unmatched. The special case for stack overflows is left
// out; extraction collapses recursion.
type traceSim struct {
	grain       features.Grain
	beta, gamma float64
	place       [maxFrames]float64
}

func newTraceSim(s *Settings) eval.Scorer {
	m := &traceSim{grain: grainOf(s), beta: s.Parameters["beta"], gamma: s.Parameters["gamma"]}
	for k := range m.place {
		m.place[k] = math.Pow(float64(k)+1, -s.Parameters["alpha"])
	}
	return &scorer{settings: s, method: m}
}

func (m *traceSim) tokens(dst []token, r *features.Record) []token { return framesOf(dst, r, m.grain) }

func (m *traceSim) rarity(df, total int) float64 {
	idf := math.Log(float64(max(total, df)) / float64(max(df, 1))) // a frame never seen is as rare as one seen once
	return 1 / (1 + math.Exp(-m.beta*(idf-m.gamma)))
}

// compare returns the share of the weight that a best alignment matches.
func (m *traceSim) compare(p *comparing, a, b []token) float64 {
	weight := func(t *token) float64 { return m.place[t.place] * p.weight(t) }
	sum := func(trace []token) (w float64) {
		for i := range trace {
			w += weight(&trace[i])
		}
		return w
	}
	all := sum(a) + sum(b)
	if all == 0 {
		return 0
	}
	return min(p.aligned(a, b, func(x, y *token) float64 { return weight(x) + weight(y) })/all, 1) // rounding
}
