package baseline

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"whorl/eval"
	"whorl/eval/result"
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

// fastSpace is the published search space, and the part of a frame that is
// compared, which the published data leaves no choice of.
var fastSpace = []dimension{
	{name: "alpha", high: 30},
	{name: "beta", high: 100},
	{name: "gamma", high: 30},
	{name: "grain", choices: 3}, // features.Grain: whole, function, module
}

// fast is the weighted alignment of Rodrigues et al., "FaST: A Linear Time
// Stack Trace Alignment Heuristic for Crash Report Deduplication" (MSR 2022),
// as features.FaST computes it. Left out of the paper: the choice between
// several stack traces of a report (a record has one), the trimming of very
// frequent frames and the removal of recursion, which extraction does.
//
// Published FaST knows no message. An event without a frame at the chosen
// grain scores -1 against every other, the least there is, so that it founds a
// group of its own.
type fast struct{ settings *Settings }

func newFast(s *Settings) eval.Scorer { return &fast{settings: s} }

func (s *fast) Describe() result.Scorer { return s.settings.describe() }

// parameters returns the settings as features knows them.
func (s *fast) parameters() features.FaST {
	p := s.settings.Parameters
	return features.FaST{Alpha: p["alpha"], Beta: p["beta"], Gamma: p["gamma"], Grain: features.Grain(p["grain"])}
}

func (s *fast) Start(items []eval.Item) eval.Project {
	f := s.parameters()
	p := &fastProject{
		settings: s.settings, items: items, beta: f.Beta,
		traceOf: make([]int32, len(items)), counts: new(features.Frequencies), epoch: 1,
	}
	longest := 0
	number := make(map[uint64]int32) // of tokens
	known := make(map[string]int32)  // traces by their tokens
	var key []byte
	for i := range items {
		frames := items[i].Record.Frames
		longest = max(longest, len(frames))
		key = key[:0]
		var t fastTrace
		for place := range frames {
			token := frameToken(&frames[place], f.Grain)
			key = binary.LittleEndian.AppendUint64(key, token)
			if token == 0 {
				continue
			}
			id, ok := number[token]
			if !ok {
				id = int32(len(p.tokens))
				number[token] = id
				p.tokens = append(p.tokens, token)
			}
			t = append(t, fastFrame{token, id, int32(place)})
		}
		at, ok := known[string(key)]
		if !ok {
			slices.SortFunc(t, func(a, b fastFrame) int {
				return cmp.Or(cmp.Compare(a.token, b.token), cmp.Compare(a.place, b.place))
			})
			at = int32(len(p.traces))
			known[string(key)] = at
			p.traces = append(p.traces, t)
		}
		p.traceOf[i] = at
	}
	p.place = make([]float64, longest)
	p.near = make([]float64, longest)
	for k := range longest {
		p.place[k] = math.Pow(float64(k)+1, -f.Alpha)
		p.near[k] = math.Exp(-f.Gamma * float64(k))
	}
	p.rarity = make([]float64, len(p.tokens))
	p.rarityAt = make([]int, len(p.tokens))
	p.score = make([]float64, len(p.traces))
	p.scoreOf = make([]int, len(p.traces))
	return p
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

// fastTrace is a trace sorted by token, ties by place.
type fastTrace []fastFrame

type fastFrame struct {
	token uint64
	id    int32 // of the token in this project
	place int32 // from the crash, counted from 0
}

// fastProject is FaST at work. It computes what features.FaST.Similarity does,
// to the bit, but looks every weight up: those by place and distance never
// change, and that of a token once per state of the document frequencies.
// Items with equal traces share one.
type fastProject struct {
	settings *Settings
	items    []eval.Item
	traces   []fastTrace
	traceOf  []int32 // of each item
	added    []int32 // items, ascending

	beta     float64
	place    []float64 // weight by place
	near     []float64 // weight of a match by distance
	counts   *features.Frequencies
	tokens   []uint64
	rarity   []float64 // weight by token, as of rarityAt
	rarityAt []int
	epoch    int // counts the changes of the frequencies; from 1

	score   []float64 // by trace, for query scoreOf
	scoreOf []int
	query   int
}

func (p *fastProject) LearnAll() {
	for i := range p.items {
		p.counts.Add(p.items[i].Record)
	}
	p.epoch++
}

// learn takes frequencies that were counted elsewhere; the project only reads
// them.
func (p *fastProject) learn(counts *features.Frequencies) {
	p.counts = counts
	p.epoch++
}

func (p *fastProject) Add(i int) {
	p.counts.Add(p.items[i].Record)
	p.epoch++
	p.added = append(p.added, int32(i))
}

func (p *fastProject) Threshold(i int) float64 {
	return p.settings.threshold(p.items[i].Record.Platform)
}

// Score returns the alignment in [-1,1].
func (p *fastProject) Score(i, j int) float64 {
	return p.align(p.traces[p.traceOf[i]], p.traces[p.traceOf[j]])
}

// Rank scores every added item that has a frame.
func (p *fastProject) Rank(dst []eval.Hit, i, from int) []eval.Hit {
	trace := p.traces[p.traceOf[i]]
	if len(trace) == 0 {
		return dst
	}
	p.query++
	at, _ := slices.BinarySearch(p.added, int32(from))
	for _, j := range p.added[at:] {
		t := p.traceOf[j]
		if len(p.traces[t]) == 0 {
			continue
		}
		if p.scoreOf[t] != p.query {
			p.scoreOf[t], p.score[t] = p.query, p.align(trace, p.traces[t])
		}
		dst = append(dst, eval.Hit{Item: int(j), Score: p.score[t]})
	}
	return dst
}

// weight returns the weight of a frame.
func (p *fastProject) weight(f *fastFrame) float64 {
	if p.rarityAt[f.id] != p.epoch {
		total := float64(max(p.counts.Documents(), 1))
		df := float64(p.counts.Count(f.token)) / total
		p.rarity[f.id], p.rarityAt[f.id] = math.Exp(-p.beta*df), p.epoch
	}
	return p.place[f.place] * p.rarity[f.id]
}

// align walks both traces by token. The order of the sums is that of
// features.FaST.Similarity.
func (p *fastProject) align(a, b fastTrace) float64 {
	if len(a) == 0 || len(b) == 0 {
		return -1
	}
	var sum, all float64
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i].token < b[j].token:
			w := p.weight(&a[i])
			sum, all = sum-w, all+w
			i++
		case b[j].token < a[i].token:
			w := p.weight(&b[j])
			sum, all = sum-w, all+w
			j++
		default:
			w := p.weight(&a[i]) + p.weight(&b[j])
			gap := a[i].place - b[j].place
			sum, all = sum+w*p.near[max(gap, -gap)], all+w
			i, j = i+1, j+1
		}
	}
	for ; i < len(a); i++ {
		w := p.weight(&a[i])
		sum, all = sum-w, all+w
	}
	for ; j < len(b); j++ {
		w := p.weight(&b[j])
		sum, all = sum-w, all+w
	}
	if all == 0 {
		return 0
	}
	return sum / all
}
