package model

import (
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
	clusters    int

	query      features.View
	found      []int
	candidates []Candidate
	vector     features.Vector
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
	Best        int     // the earlier event it looks most like; -1 if there was none
	Probability float64 // that the two are one problem; 0 if there was none
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
	for _, at := range g.found {
		if e := &g.entries[at]; e.latest >= from {
			dst = append(dst, Candidate{e.latest, e.cluster, g.compare(r, e)})
		}
	}
	return dst
}

// compare returns the probability that r and an entry are one problem. The
// entry's view is weighed again once the project has grown by a tenth.
func (g *Grouper) compare(r *features.Record, e *entry) float64 {
	if n := g.frequencies.Documents(); n > e.weighs+e.weighs/10 {
		e.view.Weigh(e.record, &g.frequencies)
		e.weighs = n
	}
	features.Compare(&g.query, &e.view, &g.vector)
	return g.model.Probability(&g.vector, PairPlatform(r.Platform, e.record.Platform))
}

// Add takes r in as the next event of the given cluster.
func (g *Grouper) Add(r *features.Record, cluster int) (event int) {
	event = g.events
	g.events++
	g.clusters = max(g.clusters, cluster+1)
	if at, ok := g.byContent[r.Content]; ok {
		e := &g.entries[at]
		e.latest, e.cluster = event, cluster
		return event
	}
	g.frequencies.Add(r)
	at := int32(g.index.Add(r))
	g.byContent[r.Content] = at
	g.entries = append(g.entries, entry{record: r, weighs: -1, latest: event, cluster: cluster})
	return event
}

// Group decides which cluster an event belongs to and adds it there: the
// cluster of the earlier event that it most probably shares its problem with,
// if that probability reaches the platform's threshold, else a new one. An
// exact copy of an earlier event always joins it. Equal probabilities go to the
// cluster founded first.
func (g *Grouper) Group(r *features.Record) Decision { return g.GroupSince(r, 0) }

// GroupSince is Group among the events with numbers from from on.
func (g *Grouper) GroupSince(r *features.Record, from int) Decision {
	d := Decision{Best: -1}
	best := -1
	g.candidates = g.Candidates(g.candidates[:0], r, from)
	for _, c := range g.candidates {
		if d.Best < 0 || c.Probability > d.Probability || c.Probability == d.Probability && c.Cluster < best {
			d.Best, d.Probability, best = c.Event, c.Probability, c.Cluster
		}
	}
	if at, ok := g.byContent[r.Content]; ok {
		if e := &g.entries[at]; e.latest >= from {
			d.Best, d.Probability, best = e.latest, 1, e.cluster
		}
	}
	d.Cluster = best
	if best < 0 || d.Probability < g.model.Threshold(r.Platform) {
		d.New, d.Cluster = true, g.clusters
	}
	d.Event = g.Add(r, d.Cluster)
	return d
}

// Clusters returns the number of clusters founded so far.
func (g *Grouper) Clusters() int { return g.clusters }

// FallbackThreshold returns the threshold of platforms without one of their own.
func (m *Model) FallbackThreshold() float64 { return m.about.fallbackThreshold }
