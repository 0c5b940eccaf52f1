package model

import (
	"math"
	"slices"

	"whorl/features"
	"whorl/features/blocking"
)

// MaxCandidates is how many earlier events a decision compares with at most.
const MaxCandidates = 100

// MixedPlatforms stands for pairs of two platforms. No model holds a
// calibration for it: such pairs are judged by the fallback.
const MixedPlatforms = features.Platform(0xff)

// PairPlatform returns the platform whose calibration judges a pair: the one
// both records share, or [MixedPlatforms].
func PairPlatform(a, b features.Platform) features.Platform {
	if a == b {
		return a
	}
	return MixedPlatforms
}

// Grouper groups the events of one project as they come. It keeps each
// distinct event's record, the project's document frequencies and the index
// that finds candidates; all of it grows with the project and none of it is
// written anywhere. One goroutine uses a Grouper at a time.
type Grouper struct {
	model       *Model
	frequencies features.Frequencies
	index       blocking.Index
	entries     []entry          // one for each distinct content, in the order of the index
	byContent   map[uint64]int32 // content to entry
	events      int
	sizes       []int // of each cluster: entries whose latest event is in it

	query      features.View
	found      []int
	candidates []Candidate
	gathering  Gathering
	place      []int // entry of each vector
	vectors    []features.Vector
	margins    []float64
}

// entry is a distinct event and the copies of it.
type entry struct {
	record  *features.Record
	view    features.View
	weighs  int // documents there were when the view was weighed
	latest  int // number of the latest event with this content
	cluster int // the one that event is in
}

// NewGrouper returns an empty grouper for one project.
func NewGrouper(m *Model) *Grouper {
	return &Grouper{model: m, byContent: make(map[uint64]int32)}
}

// Candidate is an earlier event that an event was compared with.
type Candidate struct {
	Event       int     // number of the event, from 0 in the order of adding
	Cluster     int     // the cluster it is in
	Probability float64 // that the two events are one problem
}

// Decision says where an event belongs.
type Decision struct {
	Event       int     // the event's own number
	Cluster     int     // the cluster it joined or founded
	New         bool    // it founded the cluster
	Best        int     // the earlier event it looks most like, in the cluster that is most probable; -1 if there was none
	Probability float64 // that it belongs to that cluster; 0 if there was none
}

// Candidates appends to dst the earlier events with numbers from from on that
// blocking finds for r, with their probabilities, in no particular order: at
// most [MaxCandidates] and, if there is one, an exact copy. Of the copies of
// one event the latest is given. Events before from take places among the
// candidates and are then left out. r itself is not added.
func (g *Grouper) Candidates(dst []Candidate, r *features.Record, from int) []Candidate {
	g.query.Weigh(r, &g.frequencies)
	g.found = g.index.Candidates(g.found[:0], r, &g.frequencies, 0, MaxCandidates)
	if at, ok := g.byContent[r.Content]; ok && !slices.Contains(g.found, int(at)) {
		g.found = append(g.found, int(at))
	}
	g.vectors, g.place = g.vectors[:0], g.place[:0]
	first := len(dst)
	for _, at := range g.found {
		if e := &g.entries[at]; e.latest >= from {
			dst = append(dst, Candidate{Event: e.latest, Cluster: e.cluster})
			g.place = append(g.place, at)
			g.vectors = append(g.vectors, features.Vector{})
			g.compare(e, &g.vectors[len(g.vectors)-1])
		}
	}
	g.margins = slices.Grow(g.margins[:0], len(g.vectors))[:len(g.vectors)]
	g.model.Margins(g.vectors, g.margins)
	for i, margin := range g.margins {
		c := &dst[first+i]
		c.Probability = g.model.ProbabilityAt(margin, PairPlatform(r.Platform, g.entries[g.place[i]].record.Platform))
	}
	return dst
}

// compare sets out to the comparison of the query with an entry. The entry's
// view is weighed again once the project has grown by a tenth.
func (g *Grouper) compare(e *entry, out *features.Vector) {
	if n := g.frequencies.Documents(); n > e.weighs+e.weighs/10 {
		e.view.Weigh(e.record, &g.frequencies)
		e.weighs = n
	}
	features.Compare(&g.query, &e.view, out)
}

// Query returns what group vectors say of the record that Candidates was last
// called with.
func (g *Grouper) Query() Query { return QueryOf(&g.query) }

// Add takes r in as the next event of the given cluster.
func (g *Grouper) Add(r *features.Record, cluster int) (event int) {
	event = g.events
	g.events++
	for len(g.sizes) <= cluster {
		g.sizes = append(g.sizes, 0)
	}
	g.sizes[cluster]++
	if at, ok := g.byContent[r.Content]; ok {
		e := &g.entries[at]
		g.sizes[e.cluster]--
		e.latest, e.cluster = event, cluster
		return event
	}
	g.frequencies.Add(r)
	at := int32(g.index.Add(r))
	g.byContent[r.Content] = at
	g.entries = append(g.entries, entry{record: r, weighs: -1, latest: event, cluster: cluster})
	return event
}

// MaxJudged is how many clusters a decision judges, those with the most
// probable members first: what is left out has hardly a chance, and the time
// of a decision stays bounded.
const MaxJudged = 8

// Logit returns the log-odds of a probability in [0,1]; infinite at the ends.
func Logit(p float64) float64 { return math.Log(p / (1 - p)) }

// Group decides which cluster an event belongs to and adds it there: the most
// probable one, if its probability reaches the platform's threshold for
// joining, else a new one. An exact copy of an earlier event always joins it.
// Equal probabilities go to the cluster founded first.
func (g *Grouper) Group(r *features.Record) Decision { return g.GroupSince(r, 0) }

// GroupSince is Group among the events with numbers from from on.
func (g *Grouper) GroupSince(r *features.Record, from int) Decision {
	d := Decision{Best: -1, Cluster: -1}
	if at, ok := g.byContent[r.Content]; ok && g.entries[at].latest >= from {
		d.Best, d.Cluster, d.Probability = g.entries[at].latest, g.entries[at].cluster, 1
	} else {
		g.judge(&d, r, from)
	}
	if d.Best < 0 || d.Probability < g.model.JoinThreshold(r.Platform) {
		d.New, d.Cluster = true, len(g.sizes)
	}
	d.Event = g.Add(r, d.Cluster)
	return d
}

// judge sets d to the most probable cluster, if there is a candidate.
func (g *Grouper) judge(d *Decision, r *features.Record, from int) {
	g.candidates = g.Candidates(g.candidates[:0], r, from)
	g.gathering.Reset()
	for _, c := range g.candidates {
		g.gathering.Add(c.Cluster, c.Event, c.Probability)
	}
	q := g.Query()
	var v GroupVector
	for k, s := range g.gathering.Standings() {
		if k == MaxJudged {
			break
		}
		p := s.Probability
		if g.model.groups != nil {
			g.gathering.Vector(k, &q, g.sizes[s.Cluster], &v)
			judged := g.model.GroupProbability(&v, r.Platform)
			if p = max(p, judged); g.model.Measured(r.Platform) {
				p = judged
			}
		}
		if d.Best < 0 || p > d.Probability || p == d.Probability && s.Cluster < d.Cluster {
			d.Best, d.Probability, d.Cluster = s.Event, p, s.Cluster
		}
	}
}

// Clusters returns the number of clusters founded so far.
func (g *Grouper) Clusters() int { return len(g.sizes) }

// FallbackThreshold returns the threshold of platforms without one of their own.
func (m *Model) FallbackThreshold() float64 { return m.about.fallbackThreshold }
