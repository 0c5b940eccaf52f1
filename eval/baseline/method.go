package baseline

import (
	"encoding/binary"
	"math"
	"slices"

	"whorl/eval"
	"whorl/eval/result"
	"whorl/features"
)

// method is how a score baseline compares two events.
type method interface {
	// tokens appends what is compared of a record, in the method's order.
	tokens(dst []token, r *features.Record) []token
	// rarity is the weight of a token that stands in df of total errors.
	rarity(df, total int) float64
	// compare scores what it took of two events, neither of them empty: higher
	// is more alike, symmetric to the bit, never NaN.
	compare(p *comparing, a, b []token) float64
}

// token is one piece of an event.
type token struct {
	hash  uint64
	id    int32 // of the hash in this project
	place int32 // from the crash, counted from 0, or what the method makes of it
}

// scorer is a score baseline: a method, its settings, and the score of an event
// of which the method takes nothing.
type scorer struct {
	settings *Settings
	method   method
	least    float64
}

func (s *scorer) Describe() result.Scorer { return s.settings.describe() }

// comparing is a method at work on a project. The weight of a token is looked up
// once per state of the document frequencies, and events of which a method takes
// the same share one comparison.
type comparing struct {
	scorer
	items []eval.Item
	texts [][]token // distinct
	of    []int32   // text of each item
	added []int32   // items, ascending

	counts  *features.Frequencies
	hashes  []uint64
	weights []float64 // of each hash, as of weighed
	weighed []int
	epoch   int // counts the changes of the frequencies; from 1

	score   []float64 // by text, for query scoreOf
	scoreOf []int
	query   int

	scratch [2][]features.Step // of steps
}

func (s *scorer) Start(items []eval.Item) eval.Project {
	p := &comparing{scorer: *s, items: items, of: make([]int32, len(items)), counts: new(features.Frequencies), epoch: 1}
	number := make(map[uint64]int32) // of hashes
	known := make(map[string]int32)  // texts by their tokens
	var key []byte
	var all []token
	for i := range items {
		all = s.method.tokens(all[:0], items[i].Record)
		key = key[:0]
		for k := range all {
			t := &all[k]
			id, ok := number[t.hash]
			if !ok {
				id = int32(len(p.hashes))
				number[t.hash] = id
				p.hashes = append(p.hashes, t.hash)
			}
			t.id = id
			key = binary.LittleEndian.AppendUint64(key, t.hash)
			key = binary.LittleEndian.AppendUint32(key, uint32(t.place))
		}
		at, ok := known[string(key)]
		if !ok {
			at = int32(len(p.texts))
			known[string(key)] = at
			p.texts = append(p.texts, slices.Clone(all))
		}
		p.of[i] = at
	}
	p.weights, p.weighed = make([]float64, len(p.hashes)), make([]int, len(p.hashes))
	p.score, p.scoreOf = make([]float64, len(p.texts)), make([]int, len(p.texts))
	return p
}

func (p *comparing) LearnAll() {
	for i := range p.items {
		p.counts.Add(p.items[i].Record)
	}
	p.epoch++
}

// learn takes frequencies that were counted elsewhere; the project only reads
// them.
func (p *comparing) learn(counts *features.Frequencies) {
	p.counts = counts
	p.epoch++
}

func (p *comparing) Add(i int) {
	p.counts.Add(p.items[i].Record)
	p.epoch++
	p.added = append(p.added, int32(i))
}

func (p *comparing) Threshold(i int) float64 {
	return p.settings.threshold(p.items[i].Record.Platform)
}

func (p *comparing) Score(i, j int) float64 { return p.between(p.of[i], p.of[j]) }

func (p *comparing) between(a, b int32) float64 {
	if len(p.texts[a]) == 0 || len(p.texts[b]) == 0 {
		return p.least
	}
	return p.method.compare(p, p.texts[a], p.texts[b])
}

// Rank scores every added item of which the method takes something.
func (p *comparing) Rank(dst []eval.Hit, i, from int) []eval.Hit {
	text := p.of[i]
	if len(p.texts[text]) == 0 {
		return dst
	}
	p.query++
	at, _ := slices.BinarySearch(p.added, int32(from))
	for _, j := range p.added[at:] {
		t := p.of[j]
		if len(p.texts[t]) == 0 {
			continue
		}
		if p.scoreOf[t] != p.query {
			p.scoreOf[t], p.score[t] = p.query, p.between(text, t)
		}
		dst = append(dst, eval.Hit{Item: int(j), Score: p.score[t]})
	}
	return dst
}

// weight returns the rarity of a token.
func (p *comparing) weight(t *token) float64 {
	if p.weighed[t.id] != p.epoch {
		p.weights[t.id] = p.method.rarity(p.counts.Count(t.hash), max(p.counts.Documents(), 1))
		p.weighed[t.id] = p.epoch
	}
	return p.weights[t.id]
}

// steps returns a trace with the weights of its frames, as the alignments of
// package features take it, in one of two scratches.
func (p *comparing) steps(side int, trace []token, weight func(t *token) float64) []features.Step {
	steps := p.scratch[side][:0]
	for i := range trace {
		steps = append(steps, features.Step{Token: trace[i].hash, Weight: weight(&trace[i])})
	}
	p.scratch[side] = steps
	return steps
}

// framesOf appends the frames of a record that have a token at a grain, the
// crashing one first.
func framesOf(dst []token, r *features.Record, g features.Grain) []token {
	for place := range r.Frames {
		if h := frameToken(&r.Frames[place], g); h != 0 {
			dst = append(dst, token{hash: h, place: int32(place)})
		}
	}
	return dst
}

func frameToken(f *features.FrameToken, g features.Grain) uint64 {
	switch g {
	case features.GrainFunction:
		return f.Function
	case features.GrainModule:
		return f.Module
	default:
		return f.Whole
	}
}

// grain is the part of a frame that is compared, which the published data of
// no method leaves a choice of.
var grain = dimension{name: "grain", choices: 3} // features.Grain: whole, function, module

func grainOf(s *Settings) features.Grain { return features.Grain(s.Parameters["grain"]) }

// maxFrames is how many frames a record has at most.
const maxFrames = 64

// decays returns exp(-rate*k) for every place or distance k.
func decays(rate float64) (table [maxFrames]float64) {
	for k := range table {
		table[k] = math.Exp(-rate * float64(k))
	}
	return table
}
