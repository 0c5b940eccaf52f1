package train

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
)

// SampleParams say which pairs people are asked about. Zero values mean the
// defaults.
type SampleParams struct {
	Seed     uint64
	Pairs    int      // at most; default 200
	PerEvent int      // pairs of one event at most; default 2
	Near     float64  // distance, in log-odds, up to which a pair is near the boundary; default 1
	Hidden   [][]bool // by project and record: what nobody may be asked about, though its label counts; nil: nothing
	Workers  int      // goroutines; default 1
	Progress func(stage string, done, total int)
}

func (p SampleParams) withDefaults() SampleParams {
	p.Pairs = cmp.Or(p.Pairs, 200)
	p.PerEvent = cmp.Or(p.PerEvent, 2)
	p.Near = cmp.Or(p.Near, 1)
	p.Workers = cmp.Or(p.Workers, 1)
	if p.Progress == nil {
		p.Progress = func(string, int, int) {}
	}
	return p
}

// heldPerPair bounds what is held: of each project and platform as many pairs
// as this for every one that is asked for, the nearest ones.
const heldPerPair = 50

// SampledPair is a pair worth a person's time.
type SampledPair struct {
	Project     int
	A, B        int32 // numbers of records, A < B
	Platform    features.Platform
	Probability float64 // that both are one problem
	Distance    float64 // from the boundary, in log-odds

	tie uint64
}

// Sample is what [SamplePairs] chose.
type Sample struct {
	Pairs     []SampledPair // by project, then as chosen
	Platforms []SampledPlatform
}

// SampledPlatform counts the pairs of one platform.
type SampledPlatform struct {
	Platform   features.Platform
	Threshold  float64
	Candidates int // pairs that blocking finds and no label decides
	Near       int // of them, near the boundary
	Chosen     int
}

// SamplePairs chooses the pairs whose labels would tell the model most
// (uncertainty sampling: Lewis and Gale 1994): those that it comes closest to
// judging otherwise.
//
//  1. Each project's distinct documents are weighed, and blocking finds
//     candidates, as in mining. A document is represented by the earliest
//     labelled record of those that are not hidden, else by the earliest of them.
//  2. Pairs of two documents with groups, and pairs that have a label of their
//     own, are decided and left out; so is what is hidden in whole.
//  3. The others are ranked by how far their log-odds lie from those of the
//     platform's threshold for pairs; equal ones by a hash under the seed.
//  4. Platforms take turns, and so do a platform's projects, the one with the
//     nearest pair first: each turn takes the project's nearest pair whose
//     events stand in fewer than PerEvent chosen ones. A platform's projects
//     give their near pairs first, then others.
//
// A pair belongs to the platform of its later record, which is the one that a
// grouper would judge. Of [Project] neither Organisation nor Confidence is
// looked at. The same input and seed give the same sample for any number of
// workers and however the groups are numbered.
func SamplePairs(ctx context.Context, projects []Project, m *model.Model, params SampleParams) (*Sample, error) {
	params = params.withDefaults()
	if params.Hidden != nil {
		fits := len(params.Hidden) == len(projects)
		for i := range projects {
			fits = fits && len(params.Hidden[i]) == len(projects[i].Records)
		}
		if !fits {
			return nil, errors.New("what is hidden is not told for each record of each project")
		}
	}
	ranked := make([]*rankedProject, len(projects))
	progress := func(done int) { params.Progress("comparing", done, len(projects)) }
	err := each(ctx, params.Workers, len(projects), progress, func(i int) { ranked[i] = rank(i, &projects[i], m, &params) })
	if err != nil {
		return nil, err
	}
	return choose(ranked, m, &params), nil
}

// rankedProject is a project's undecided pairs by platform, nearest first.
type rankedProject struct {
	pairs            map[features.Platform][]SampledPair
	candidates, near map[features.Platform]int
}

// rank scores the candidates of one project.
func rank(project int, p *Project, m *model.Model, params *SampleParams) *rankedProject {
	out := &rankedProject{map[features.Platform][]SampledPair{}, map[features.Platform]int{}, map[features.Platform]int{}}
	var hidden []bool
	if params.Hidden != nil {
		hidden = params.Hidden[project]
	}
	documents, represents := distinct(p, hidden)
	var frequencies features.Frequencies
	for _, r := range p.Records {
		frequencies.Add(r)
	}
	views := make([]features.View, len(documents))
	for i := range documents {
		views[i].Weigh(p.Records[documents[i].record], &frequencies)
	}
	judge := newLogOdds(m)
	var vectors []features.Vector
	var margins []float64
	keys := undecided(p, documents, represents, &frequencies)
	const block = 1024
	for ; len(keys) > 0; keys = keys[min(block, len(keys)):] {
		part := keys[:min(block, len(keys))]
		vectors = slices.Grow(vectors[:0], len(part))[:len(part)]
		margins = slices.Grow(margins[:0], len(part))[:len(part)]
		for k, key := range part {
			features.Compare(&views[key[0]], &views[key[1]], &vectors[k])
		}
		m.Margins(vectors, margins)
		for k, key := range part {
			a, b := documents[key[0]].record, documents[key[1]].record
			if a > b {
				a, b = b, a
			}
			earlier, later := p.Records[a], p.Records[b]
			platform := model.PairPlatform(earlier.Platform, later.Platform)
			s := SampledPair{
				Project: project, A: a, B: b, Platform: later.Platform,
				Probability: m.ProbabilityAt(margins[k], platform),
				Distance:    judge.distance(margins[k], platform),
				tie:         tieOf(params.Seed, earlier.Document(), later.Document()),
			}
			out.candidates[s.Platform]++
			if s.Distance <= params.Near {
				out.near[s.Platform]++
			}
			out.pairs[s.Platform] = append(out.pairs[s.Platform], s)
			if most := heldPerPair * params.Pairs; len(out.pairs[s.Platform]) >= 2*most {
				out.pairs[s.Platform] = nearest(out.pairs[s.Platform], most)
			}
		}
	}
	for platform, pairs := range out.pairs {
		out.pairs[platform] = nearest(pairs, heldPerPair*params.Pairs)
	}
	return out
}

// document is a distinct document of a project.
type document struct {
	record  int32 // that represents it
	decided bool  // a record of it has a group
	hidden  bool  // all its records are
}

// distinct returns the documents of a project, in the order of the records that
// represent them, and for every record the place of its document among them.
func distinct(p *Project, hidden []bool) (documents []document, represents []int32) {
	found := map[uint64]*document{}
	rank := func(i int32) int { // what represents a document better
		switch {
		case hidden != nil && hidden[i]:
			return 0
		case p.Groups[i] == NoGroup:
			return 1
		}
		return 2
	}
	for i, r := range p.Records {
		d := found[r.Document()]
		if d == nil {
			d = &document{record: int32(i)}
			found[r.Document()] = d
		} else if rank(int32(i)) > rank(d.record) {
			d.record = int32(i)
		}
		d.decided = d.decided || p.Groups[i] != NoGroup
		d.hidden = rank(d.record) == 0
	}
	place := map[uint64]int32{}
	for i, r := range p.Records {
		if d := found[r.Document()]; d.record == int32(i) {
			place[r.Document()] = int32(len(documents))
			documents = append(documents, *d)
		}
	}
	for _, r := range p.Records {
		represents = append(represents, place[r.Document()])
	}
	return documents, represents
}

// undecided returns the pairs of documents that blocking finds from either
// side and no label decides, sorted, the smaller place first.
func undecided(p *Project, documents []document, represents []int32, frequencies *features.Frequencies) [][2]int32 {
	decided := map[[2]int32]bool{}
	for _, e := range p.Pairs {
		a, b := represents[e.A], represents[e.B]
		decided[[2]int32{min(a, b), max(a, b)}] = true
	}
	var index blocking.Index
	for i := range documents {
		index.Add(p.Records[documents[i].record])
	}
	var keys [][2]int32
	var found []int
	for i, d := range documents {
		if d.hidden {
			continue
		}
		found = index.Candidates(found[:0], p.Records[d.record], frequencies, 0, model.MaxCandidates)
		for _, j := range found {
			key := [2]int32{int32(min(i, j)), int32(max(i, j))}
			if i == j || decided[key] || documents[j].hidden || d.decided && documents[j].decided {
				continue
			}
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y [2]int32) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return slices.Compact(keys)
}

// nearest sorts pairs and returns the first of them.
func nearest(pairs []SampledPair, most int) []SampledPair {
	slices.SortFunc(pairs, compareSampled)
	return pairs[:min(most, len(pairs))]
}

// compareSampled orders pairs by what is to be asked first.
func compareSampled(x, y SampledPair) int {
	return cmp.Or(cmp.Compare(x.Distance, y.Distance), cmp.Compare(x.tie, y.tie), cmp.Compare(x.Project, y.Project), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
}

// tieOf orders pairs at one distance: often many, as trees have few leaves.
// The steps are those of SplitMix64 (Steele, Lea and Flood 2014).
func tieOf(seed uint64, values ...uint64) uint64 {
	h := seed
	for _, v := range values {
		h = (h ^ v) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// logOdds measures distances from the boundary.
type logOdds struct {
	model    *model.Model
	platform map[features.Platform]boundary
}

type boundary struct {
	calibration model.Calibration
	at          float64 // log-odds of the threshold
}

func newLogOdds(m *model.Model) *logOdds {
	return &logOdds{m, map[features.Platform]boundary{}}
}

// surest bounds probabilities whose log-odds are taken: a threshold of 1 is
// far away, but not infinitely.
const surest = 1 - 1e-9

func boundedLogit(p float64) float64 { return model.Logit(min(max(p, 1-surest), surest)) }

// distance returns how far the log-odds of a margin lie from those of the
// platform's threshold. Those of a sigmoid are taken from the margin itself:
// near 0 and 1 the probability has lost them.
func (l *logOdds) distance(margin float64, p features.Platform) float64 {
	b, ok := l.platform[p]
	if !ok {
		b.calibration, _ = l.model.Calibration(p)
		b.at = boundedLogit(l.model.Threshold(p))
		l.platform[p] = b
	}
	if b.calibration.Kind == model.Sigmoid {
		return math.Abs(float64(b.calibration.A*margin) + b.calibration.B - b.at)
	}
	return math.Abs(boundedLogit(b.calibration.Probability(margin)) - b.at)
}

// choose lets platforms and their projects take turns.
func choose(ranked []*rankedProject, m *model.Model, params *SampleParams) *Sample {
	out := new(Sample)
	var all []*turns
	used := map[eventOf]int{}
	for _, platform := range features.Platforms() {
		t := &turns{near: params.Near, perEvent: params.PerEvent, used: used}
		count := SampledPlatform{Platform: platform, Threshold: m.Threshold(platform)}
		for _, r := range ranked {
			count.Candidates += r.candidates[platform]
			count.Near += r.near[platform]
			if len(r.pairs[platform]) > 0 {
				t.left = append(t.left, r.pairs[platform])
			}
		}
		if count.Candidates == 0 {
			continue
		}
		slices.SortFunc(t.left, func(x, y []SampledPair) int { return compareSampled(x[0], y[0]) })
		all, out.Platforms = append(all, t), append(out.Platforms, count)
	}
	for took := true; took && len(out.Pairs) < params.Pairs; {
		took = false
		for k, t := range all {
			if len(out.Pairs) == params.Pairs {
				break
			}
			if s, ok := t.take(); ok {
				out.Pairs = append(out.Pairs, s)
				out.Platforms[k].Chosen++
				took = true
			}
		}
	}
	slices.SortStableFunc(out.Pairs, func(x, y SampledPair) int { return cmp.Compare(x.Project, y.Project) })
	return out
}

// eventOf is a record of a project.
type eventOf struct {
	project int
	record  int32
}

// turns is the state of one platform's choice.
type turns struct {
	left     [][]SampledPair // of each project
	turn     int
	far      bool // the near pairs are used up
	near     float64
	perEvent int
	used     map[eventOf]int // pairs that an event stands in
}

// take returns the next pair.
func (t *turns) take() (SampledPair, bool) {
	for {
		for range t.left {
			left := &t.left[t.turn]
			t.turn = (t.turn + 1) % len(t.left)
			for len(*left) > 0 && (t.far || (*left)[0].Distance <= t.near) {
				s := (*left)[0]
				*left = (*left)[1:]
				a, b := eventOf{s.Project, s.A}, eventOf{s.Project, s.B}
				if t.used[a] < t.perEvent && t.used[b] < t.perEvent {
					t.used[a]++
					t.used[b]++
					return s, true
				}
			}
		}
		if t.far {
			return SampledPair{}, false
		}
		t.far, t.turn = true, 0
	}
}
