package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"whorl/eval/result"
	"whorl/features"
)

// fake is a scorer that scores pairs of events by a function.
type fake struct {
	name, kind string
	threshold  float64
	score      func(a, b *features.Event) float64
	floor      float64                // candidates that score below are not retrieved
	assigns    bool                   // the project is an Assigner: joins the lowest cluster with a hit
	spoil      func(hits []Hit) []Hit // may break the contract
	assignment func(i, found int) int // breaks the contract of Assign, if set
}

func (f *fake) Describe() result.Scorer {
	d := result.Scorer{Name: f.name, Kind: f.kind, Thresholds: map[string]float64{}}
	if hasThreshold(f.threshold) {
		d.Thresholds[""] = f.threshold
	}
	return d
}

func (f *fake) Start(items []Item) Project {
	p := &fakeProject{fake: f, items: items}
	if f.assigns {
		return &fakeAssigner{fakeProject: p}
	}
	return p
}

type fakeProject struct {
	*fake
	items []Item
	all   bool
	added int
}

func (p *fakeProject) LearnAll() { p.all = true }

func (p *fakeProject) Score(i, j int) float64 {
	if !p.all {
		panic("Score before LearnAll")
	}
	return p.score(p.items[i].Event, p.items[j].Event)
}

func (p *fakeProject) Threshold(int) float64 { return p.threshold }

func (p *fakeProject) Rank(dst []Hit, i, from int) []Hit {
	if p.all || p.added != i {
		panic("Rank of an item that is not the next, or after LearnAll")
	}
	for j := from; j < i; j++ {
		if s := p.score(p.items[i].Event, p.items[j].Event); s >= p.floor {
			dst = append(dst, Hit{j, s})
		}
	}
	if p.spoil != nil {
		dst = p.spoil(dst)
	}
	return dst
}

func (p *fakeProject) Add(i int) {
	if i != p.added {
		panic("Add out of order")
	}
	p.added++
}

type fakeAssigner struct {
	*fakeProject
	clusters []int
	founded  int
}

func (p *fakeAssigner) Assign(i, from int) int {
	c := p.founded
	for j := from; j < i; j++ {
		if p.score(p.items[i].Event, p.items[j].Event) >= p.threshold {
			c = min(c, p.clusters[j])
		}
	}
	if p.assignment != nil {
		c = p.assignment(i, p.founded)
	}
	if c == p.founded {
		p.founded++
	}
	p.clusters = append(p.clusters, c)
	p.Add(i)
	return c
}

// truth and quality travel in fields that no protocol reads.
func truth(e *features.Event) string { return e.Release }

func perfect(name, kind string) *fake {
	return &fake{name: name, kind: kind, threshold: .5, score: func(a, b *features.Event) float64 {
		if truth(a) == truth(b) {
			return 1
		}
		return 0
	}}
}

func constant(name string, threshold float64) *fake {
	return &fake{name: name, kind: "rule", threshold: threshold, score: func(_, _ *features.Event) float64 { return .25 }}
}

// noisy scores between 0 and 1 by truth and a hash of the pair; the more noise,
// the less the truth matters. Scores are coarse, so that there are ties.
func noisy(name, kind string, noise, threshold float64) *fake {
	return &fake{name: name, kind: kind, threshold: threshold, score: func(a, b *features.Event) float64 {
		ids := [2]string{min(a.ID, b.ID), max(a.ID, b.ID)}
		h := fnv.New64a()
		fmt.Fprint(h, name, ids)
		x := float64(h.Sum64()%1000) / 1000
		s := noise * x
		if truth(a) == truth(b) {
			s += 1 - noise
		}
		return math.Round(s*50) / 50
	}}
}

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// generated is a dataset of the given number of projects, groups of skewed size, some
// exact copies, and slices.
func generated(seed uint64, projects, events, groups int) *Dataset {
	rng := rand.New(rand.NewPCG(seed, 1))
	ds := &Dataset{Name: "generated", Version: "1.0", SHA256: "00", Licence: "none", LabelProtocol: "generated"}
	for p := range projects {
		data := ProjectData{ID: fmt.Sprintf("project-%d", p)}
		at := start
		for i := range events {
			at = at.Add(time.Duration(rng.IntN(48)) * time.Hour)
			g := min(rng.IntN(groups), rng.IntN(groups))
			e := &features.Event{
				ID: fmt.Sprintf("%d-%05d", p, i), Time: at, Release: fmt.Sprintf("%d/%d", p, g), Platform: []string{"python", "java"}[g%2],
			}
			if g%3 > 0 {
				e.Exceptions = []features.Exception{{Type: "E", Frames: make([]features.Frame, 3+20*(g%3))}}
			}
			content := rng.Uint64()
			if k := slices.Index(data.Groups, p*groups+g); k >= 0 && rng.IntN(4) == 0 {
				content = data.Content[k]
			}
			data.Items = append(data.Items, Item{Event: e})
			data.Groups = append(data.Groups, p*groups+g)
			data.Content = append(data.Content, content)
			data.Slices = append(data.Slices, []string{fmt.Sprintf("kind:%d", g%2), "tool:" + []string{"a", "b", "c"}[rng.IntN(3)]})
		}
		ds.Projects = append(ds.Projects, data)
	}
	return ds
}

func run(t *testing.T, ds *Dataset, o Options, scorers ...Scorer) *Outcome {
	t.Helper()
	out, err := Run(context.Background(), ds, scorers, o)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, out, scorers)
	return out
}

// valid checks that the outcome may stand in a result.json.
func valid(t *testing.T, out *Outcome, scorers []Scorer) {
	t.Helper()
	r := result.Result{
		Format: result.Format, Provenance: result.Provenance{Tool: "test"}, Datasets: []result.Dataset{out.Dataset},
		Figures: out.Figures, Differences: out.Differences, Curves: out.Curves, Warnings: out.Warnings,
	}
	for _, s := range scorers {
		r.Scorers = append(r.Scorers, s.Describe())
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
}

// figure returns a figure that must be there.
func figure(t *testing.T, out *Outcome, protocol, scorer, slice, metric string) result.Figure {
	t.Helper()
	for _, f := range out.Figures {
		if f.Protocol == protocol && f.Scorer == scorer && f.Slice == slice && f.Metric == metric {
			return f
		}
	}
	t.Fatalf("no figure %s %s %s %s", protocol, scorer, slice, metric)
	return result.Figure{}
}

// value returns a figure that must be defined.
func value(t *testing.T, out *Outcome, protocol, scorer, slice, metric string) float64 {
	t.Helper()
	f := figure(t, out, protocol, scorer, slice, metric)
	if f.Value == nil {
		t.Fatalf("figure %s %s %s %s is undefined, n %d", protocol, scorer, slice, metric, f.N)
	}
	return *f.Value
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
