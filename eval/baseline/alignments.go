package baseline

import (
	"whorl/eval"
	"whorl/features"
)

// The alignments in order stand in package features. What is here gives them
// their settings and weighs frames from tables, for events are compared with
// many others.

// Prefix match has one choice, and nobody published a threshold.
var publishedPrefix = &Settings{
	Name: "prefix", Parameters: map[string]float64{"grain": 0}, Thresholds: map[string]float64{"": 0.5},
}

// prefix is [features.Prefix].
type prefix struct{ features.Prefix }

func newPrefix(s *Settings) eval.Scorer {
	return &scorer{settings: s, method: &prefix{features.Prefix{Grain: grainOf(s)}}}
}

func (m *prefix) tokens(dst []token, r *features.Record) []token { return framesOf(dst, r, m.Grain) }
func (m *prefix) rarity(int, int) float64                        { return 1 }

func (m *prefix) compare(p *comparing, a, b []token) float64 {
	one := func(*token) float64 { return 1 }
	return m.Align(p.steps(0, a, one), p.steps(1, b, one))
}

// publishedPDM has the parameters of CASR, the only ones that a kept tool runs
// with, and its threshold: a distance of 0.3.
var publishedPDM = &Settings{
	Name: "pdm", Parameters: map[string]float64{"place": 0.04, "offset": 0.13, "grain": 0}, Thresholds: map[string]float64{"": 0.7},
}

var pdmSpace = []dimension{{name: "place", high: 2}, {name: "offset", high: 2}, grain}

// pdm is [features.PDM].
type pdm struct {
	features.PDM
	place [maxFrames]float64
}

func newPDM(s *Settings) eval.Scorer {
	m := &pdm{PDM: features.PDM{Place: s.Parameters["place"], Offset: s.Parameters["offset"], Grain: grainOf(s)}}
	for k := range m.place {
		m.place[k] = m.Weight(k)
	}
	return &scorer{settings: s, method: m}
}

func (m *pdm) tokens(dst []token, r *features.Record) []token {
	dst = framesOf(dst, r, m.Grain)
	for i := range dst {
		dst[i].place = int32(i) // among those that are compared
	}
	return dst
}

func (m *pdm) rarity(int, int) float64 { return 1 }

func (m *pdm) compare(p *comparing, a, b []token) float64 {
	weight := func(t *token) float64 { return m.place[t.place] }
	return m.Align(p.steps(0, a, weight), p.steps(1, b, weight))
}

// publishedTraceSim has parameters in the middle of the search space: the paper
// gives none, since it tunes them for each corpus.
var publishedTraceSim = &Settings{
	Name: "tracesim", Parameters: map[string]float64{"alpha": 0.5, "beta": 1, "gamma": 2, "grain": 0}, Thresholds: map[string]float64{"": 0.5},
}

var traceSimSpace = []dimension{{name: "alpha", high: 4}, {name: "beta", high: 8}, {name: "gamma", high: 16}, grain}

// traceSim is [features.TraceSim].
type traceSim struct {
	features.TraceSim
	place [maxFrames]float64
}

func newTraceSim(s *Settings) eval.Scorer {
	m := &traceSim{TraceSim: features.TraceSim{Alpha: s.Parameters["alpha"], Beta: s.Parameters["beta"], Gamma: s.Parameters["gamma"], Grain: grainOf(s)}}
	for k := range m.place {
		m.place[k] = m.Place(k)
	}
	return &scorer{settings: s, method: m}
}

func (m *traceSim) tokens(dst []token, r *features.Record) []token { return framesOf(dst, r, m.Grain) }
func (m *traceSim) rarity(df, total int) float64                   { return m.Rarity(df, total) }

func (m *traceSim) compare(p *comparing, a, b []token) float64 {
	weight := func(t *token) float64 { return m.place[t.place] * p.weight(t) }
	return m.Align(p.steps(0, a, weight), p.steps(1, b, weight))
}
