package model

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"whorl/features"
)

// stumps is a model whose margin is 4 for traces that align and -4 for others,
// plus 1 where the messages have one template.
func stumps(t testing.TB, threshold float64) *Model {
	t.Helper()
	parts := &Parts{
		Version: "stumps", PrecisionTarget: 0.97, Forest: stumpForest(t),
		Fallback: Calibration{Kind: Sigmoid, A: 1}, FallbackThreshold: threshold,
	}
	file, err := Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func stumpForest(t testing.TB) Forest {
	t.Helper()
	at := func(name string) int32 {
		i, ok := features.FeatureIndex(name)
		if !ok {
			t.Fatalf("no feature %q", name)
		}
		return int32(i)
	}
	return Forest{
		Roots:       []int32{0, 3},
		Feature:     []int32{at("align_function"), -1, -1, at("same_template"), -1, -1},
		Threshold:   []float32{0.3, 0, 0, 0.5, 0, 0},
		Left:        []int32{1, 0, 0, 4, 0, 0},
		Right:       []int32{2, 0, 0, 5, 0, 0},
		DefaultLeft: make([]bool, 6),
		Value:       []float32{0, -4, 4, 0, 0, 1},
	}
}

// crash returns the record of an error with the given stack, crashing
// function last.
func crash(minute int, message string, functions ...string) *features.Record {
	e := features.Event{
		Platform: "python", Time: time.Unix(int64(60*minute), 0),
		Exceptions: []features.Exception{{Type: "ValueError", Value: message}},
	}
	for i, f := range functions {
		e.Exceptions[0].Frames = append(e.Exceptions[0].Frames, features.Frame{Function: f, Filename: "shop/" + f + ".py", Line: int32(10 + i)})
	}
	return features.Extract(&e)
}

func TestGroupJoinsAlikeAndFoundsUnlike(t *testing.T) {
	g := NewGrouper(stumps(t, 0.9))
	steps := []struct {
		record *features.Record
		want   Decision
	}{
		{crash(0, "no such cart", "main", "checkout", "price"), Decision{Event: 0, Cluster: 0, New: true, Best: -1}},
		{crash(1, "broken pipe", "serve", "flush", "write"), Decision{Event: 1, Cluster: 1, New: true, Best: -1}},
		{crash(2, "no such order", "main", "checkout", "price"), Decision{Event: 2, Cluster: 0, Best: 0}},
		{crash(3, "no such order", "main", "checkout", "price"), Decision{Event: 3, Cluster: 0, Best: 2, Probability: 1}}, // a copy
		{crash(4, "broken pipe", "serve", "flush", "write"), Decision{Event: 4, Cluster: 1, Best: 1, Probability: 1}},
	}
	for i, s := range steps {
		got := g.Group(s.record)
		if s.want.Probability == 0 {
			got.Probability = 0 // the scorer's business
		}
		if got.New {
			got.Best = -1 // a founder may share a folder with others
		}
		if got != s.want {
			t.Errorf("event %d: got %+v, want %+v", i, got, s.want)
		}
	}
	if g.Clusters() != 2 {
		t.Errorf("%d clusters, want 2", g.Clusters())
	}
}

func TestCopiesJoinWhateverTheThreshold(t *testing.T) {
	g := NewGrouper(stumps(t, 1))
	a, b := crash(0, "x", "f", "g"), crash(1, "x", "f", "g")
	if d := g.Group(a); !d.New {
		t.Fatalf("first event: %+v", d)
	}
	if d := g.Group(crash(2, "y", "f", "g")); !d.New {
		t.Errorf("an alike event joined at threshold 1: %+v", d)
	}
	if d := g.Group(b); d.New || d.Cluster != 0 || d.Probability != 1 {
		t.Errorf("copy: %+v, want it to join cluster 0", d)
	}
}

func TestWindowForgetsOldEvents(t *testing.T) {
	g := NewGrouper(stumps(t, 0.9))
	g.Group(crash(0, "x", "f", "g"))
	g.Group(crash(1, "z", "p", "q"))
	if d := g.GroupSince(crash(2, "x", "f", "g"), 1); !d.New || d.Best == 0 {
		t.Errorf("an event joined one before its window: %+v", d)
	}
}

func TestEqualProbabilitiesGoToTheOlderCluster(t *testing.T) {
	g := NewGrouper(stumps(t, 0.9))
	// Three alike traces, kept apart by hand; the newest copy stands last.
	g.Add(crash(0, "one", "f", "g"), 0)
	g.Add(crash(1, "two", "f", "g"), 1)
	g.Add(crash(2, "six", "f", "g"), 2)
	if d := g.Group(crash(3, "ten", "f", "g")); d.New || d.Cluster != 0 {
		t.Errorf("got %+v, want cluster 0", d)
	}
}

// linear is the grouper without an index: it compares with every distinct
// earlier event.
type linear struct {
	model       *Model
	frequencies features.Frequencies
	entries     []entry
	clusters    int
	events      int
}

func (l *linear) group(r *features.Record) Decision {
	d := Decision{Event: l.events, Best: -1, Cluster: -1}
	var query features.View
	query.Weigh(r, &l.frequencies)
	copied := slices.IndexFunc(l.entries, func(e entry) bool { return e.record.Content == r.Content })
	for i := range l.entries {
		e := &l.entries[i]
		if copied >= 0 || !linked(e.record, r) {
			continue // a copy is decided without a look at the others
		}
		if n := l.frequencies.Documents(); n > e.weighs+e.weighs/10 {
			e.view.Weigh(e.record, &l.frequencies)
			e.weighs = n
		}
		var v features.Vector
		features.Compare(&query, &e.view, &v)
		p := l.model.Probability(&v, PairPlatform(r.Platform, e.record.Platform))
		if d.Best < 0 || p > d.Probability || p == d.Probability && e.cluster < d.Cluster {
			d.Best, d.Probability, d.Cluster = e.latest, p, e.cluster
		}
	}
	if copied >= 0 {
		e := &l.entries[copied]
		d.Best, d.Probability, d.Cluster = e.latest, 1, e.cluster
	}
	if d.Best < 0 || d.Probability < l.model.Threshold(r.Platform) {
		d.New, d.Cluster = true, l.clusters
		l.clusters++
	}
	l.events++
	if copied >= 0 {
		l.entries[copied].latest, l.entries[copied].cluster = d.Event, d.Cluster
		return d
	}
	l.frequencies.Add(r)
	l.entries = append(l.entries, entry{record: r, weighs: -1, latest: d.Event, cluster: d.Cluster})
	return d
}

// linked reports whether two records have a token in common that blocking sees.
func linked(a, b *features.Record) bool {
	if a.Template != 0 && a.Template == b.Template {
		return true
	}
	for s := range a.Sets {
		if features.Set(s) == features.SetTop {
			continue
		}
		for _, x := range a.Sets[s] {
			for _, y := range b.Sets[s] {
				if x == y {
					return true
				}
			}
		}
	}
	return false
}

// TestGrouperEqualsLinearSearch holds while a project has no more distinct
// events than a query has candidates.
func TestGrouperEqualsLinearSearch(t *testing.T) {
	m := stumps(t, 0.9)
	rapid.Check(t, func(t *rapid.T) {
		g, l := NewGrouper(m), &linear{model: m}
		n := rapid.IntRange(1, 60).Draw(t, "events")
		for i := range n {
			frames := rapid.SliceOfN(rapid.SampledFrom([]string{"alpha", "beta", "gamma", "delta", "omega"}), 0, 4).Draw(t, "frames")
			message := rapid.SampledFrom([]string{"", "lost row", "lost key", "timeout"}).Draw(t, "message")
			r := crash(i, message, frames...)
			got, want := g.Group(r), l.group(r)
			// Among equal probabilities of one cluster either event may be named.
			got.Best, want.Best = 0, 0
			if got != want {
				t.Fatalf("event %d of %d: got %+v, want %+v", i, n, got, want)
			}
		}
	})
}

// TestLaterEventsChangeNothing checks that a decision rests on the past alone.
func TestLaterEventsChangeNothing(t *testing.T) {
	m := stumps(t, 0.9)
	decide := func(n int) []Decision {
		g := NewGrouper(m)
		var out []Decision
		for i := range n {
			out = append(out, g.Group(crash(i, fmt.Sprint("item ", i%3), fmt.Sprint("fn", i%7), fmt.Sprint("leaf", i%5))))
		}
		return out
	}
	short, long := decide(20), decide(60)
	for i := range short {
		if short[i] != long[i] {
			t.Errorf("event %d: %+v, with later events %+v", i, short[i], long[i])
		}
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	g := NewGrouper(stumps(t, 0.9))
	for i := range 3 * MaxCandidates {
		g.Add(crash(i, "x", "main", fmt.Sprintf("leaf_%c%c", 'a'+i%26, 'a'+i/26)), i)
	}
	found := g.Candidates(nil, crash(0, "x", "main", "leaf_zz"), 0)
	if len(found) == 0 || len(found) > MaxCandidates+1 {
		t.Errorf("%d candidates, want 1 to %d", len(found), MaxCandidates+1)
	}
	seen := map[int]bool{}
	for _, c := range found {
		if seen[c.Event] {
			t.Errorf("event %d twice", c.Event)
		}
		seen[c.Event] = true
		if !(c.Probability >= 0 && c.Probability <= 1) {
			t.Errorf("probability %v", c.Probability)
		}
	}
}

func BenchmarkGroup(b *testing.B) {
	m := stumps(b, 0.9)
	g := NewGrouper(m)
	var records []*features.Record
	for i := range 2000 {
		records = append(records, crash(i, fmt.Sprint("item ", i), "main", fmt.Sprint("handler_", 'a'+i%26), fmt.Sprintf("leaf_%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)))
	}
	for _, r := range records {
		g.Group(r)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.Candidates(g.candidates[:0], records[i%len(records)], 0)
	}
}

// TestMixedPairsUseTheFallback checks that a pair of two platforms is not taken
// for one of events that have no platform of their own.
func TestMixedPairsUseTheFallback(t *testing.T) {
	parts := tinyParts()
	parts.Fallback = Calibration{Kind: Sigmoid, A: 1}
	parts.Calibrations = map[features.Platform]Calibration{features.Other: {Kind: Sigmoid, A: 1, B: 5}}
	parts.Thresholds = map[features.Platform]float64{features.Other: 0.4}
	parts.FallbackThreshold = 0.9
	file, err := Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if p := PairPlatform(features.JavaScript, features.JavaScript); p != features.JavaScript {
		t.Errorf("a pair of one platform is judged as %v", p)
	}
	mixed := PairPlatform(features.JavaScript, features.Node)
	if got, want := m.ProbabilityAt(0, mixed), 0.5; got != want {
		t.Errorf("probability %v, the fallback gives %v", got, want)
	}
	if got := m.ProbabilityAt(0, features.Other); got < 0.9 {
		t.Errorf("probability %v for a platform with a calibration of its own", got)
	}
	if got := m.Threshold(mixed); got != 0.9 {
		t.Errorf("threshold %v, want the fallback's", got)
	}
}
