package eval

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"whorl/eval/metric"
	"whorl/eval/result"
	"whorl/features"
)

// bruteForce computes the retrieval figures of one slice from the definition:
// for every query all earlier events of the window, sorted lists of clusters,
// and every order of ties.
func bruteForce(ds *Dataset, f *fake, days int, judged func(p *ProjectData, i int) bool) map[string]float64 {
	var seen, at1, at5, mrr, reach float64
	var best []float64
	var label []bool
	for k := range ds.Projects {
		p := &ds.Projects[k]
		for i, item := range p.Items {
			if !judged(p, i) {
				continue
			}
			top := map[int]float64{}
			most, known := math.Inf(-1), false
			for j := range i {
				if p.Groups[j] == p.Groups[i] {
					known = true
				}
				s := f.score(item.Event, p.Items[j].Event)
				if p.Items[j].Event.Time.Before(item.Event.Time.AddDate(0, 0, -days)) || s < f.floor {
					continue
				}
				most = max(most, s)
				if old, ok := top[p.Groups[j]]; !ok || s > old {
					top[p.Groups[j]] = s
				}
			}
			best, label = append(best, most), append(label, known)
			if !known {
				continue
			}
			seen++
			own, ok := top[p.Groups[i]]
			if !ok {
				continue
			}
			reach++
			var scores []float64
			for _, s := range top {
				scores = append(scores, s)
			}
			slices.Sort(scores)
			slices.Reverse(scores)
			from := slices.Index(scores, own)
			to := from
			for to < len(scores) && scores[to] == own {
				to++
			}
			for rank := from + 1; rank <= to; rank++ {
				chance := 1 / float64(to-from)
				mrr += chance / float64(rank)
				if rank <= 1 {
					at1 += chance
				}
				if rank <= 5 {
					at5 += chance
				}
			}
		}
	}
	auc, _ := metric.ROCAUC(best, label, nil)
	return map[string]float64{
		metricRRAt1: at1 / seen, metricRRAt5: at5 / seen, metricMRR: mrr / seen, metricMAP: mrr / seen,
		metricReach: reach / seen, metricNewVsSeen: auc,
	}
}

func TestRetrievalAgainstBruteForce(t *testing.T) {
	ds := generated(30, 2, 150, 15)
	for _, floor := range []float64{0, .45} {
		for _, days := range []int{730, 40} {
			f := noisy("model", "model", .8, .5)
			f.floor = floor
			out := run(t, ds, Options{Resamples: -1, WindowDays: days, Protocols: []string{result.ProtocolRetrieval}}, f)
			for slice, judged := range map[string]func(p *ProjectData, i int) bool{
				result.SliceAll:      func(*ProjectData, int) bool { return true },
				result.SliceDistinct: func(p *ProjectData, i int) bool { return !slices.Contains(p.Content[:i], p.Content[i]) },
				"exact-copy":         func(p *ProjectData, i int) bool { return slices.Contains(p.Content[:i], p.Content[i]) },
				"kind:1":             func(p *ProjectData, i int) bool { return slices.Contains(p.Slices[i], "kind:1") },
			} {
				want := bruteForce(ds, f, days, judged)
				for name, w := range want {
					fig := figure(t, out, result.ProtocolRetrieval, "model", slice, name)
					if fig.Value == nil && name == metricNewVsSeen && slice == "exact-copy" {
						continue // a copy always has an earlier event of its group
					}
					if fig.Value == nil || !near(*fig.Value, w) {
						t.Errorf("floor %v, %d days, %s %s = %s, want %v", floor, days, slice, name, asJSON(t, fig), w)
					}
				}
			}
		}
	}
}

// timeline is one project with the given groups, one event a day.
func timeline(days []int, groups []int) *Dataset {
	p := ProjectData{ID: "p", Groups: groups}
	for i, d := range days {
		e := &features.Event{ID: string(rune('a' + i)), Time: start.AddDate(0, 0, d), Release: string(rune('A' + groups[i]))}
		p.Items = append(p.Items, Item{Event: e})
	}
	return &Dataset{Name: "timeline", Version: "1", Projects: []ProjectData{p}}
}

func TestWindow(t *testing.T) {
	// Group 0 on days 0 and 10; group 1 on days 0 and 11. With a window of 10
	// days the first is just in, the second is out: a miss and a new cluster,
	// though its group was seen.
	ds := timeline([]int{0, 0, 10, 11}, []int{0, 1, 0, 1})
	out := run(t, ds, Options{WindowDays: 10, Resamples: -1}, perfect("model", "model"))
	for name, want := range map[string]float64{metricRRAt1: .5, metricMRR: .5, metricReach: .5} {
		if v := value(t, out, result.ProtocolRetrieval, "model", "all", name); v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
	if v := value(t, out, result.ProtocolReplay, "model", "all", metricClusters); v != 3 {
		t.Errorf("%v clusters, want 3", v)
	}
	// Best scores: none, 0, 1, 0 (to group 0 of day 10): of the new queries
	// -Inf and 0, of the seen ones 1 and 0. Couples in order: 2 + 1 + .5 of 4.
	if v := value(t, out, result.ProtocolRetrieval, "model", "all", metricNewVsSeen); v != 3.5/4 {
		t.Errorf("new_vs_seen_auc = %v, want 7/8", v)
	}
	if f := figure(t, out, result.ProtocolRetrieval, "model", "all", metricMRR); f.N != 2 {
		t.Errorf("n of MRR is %d, want the 2 queries with an earlier event", f.N)
	}
	if f := figure(t, out, result.ProtocolRetrieval, "model", "all", metricNewVsSeen); f.N != 4 {
		t.Errorf("n of AUC is %d, want all 4 queries", f.N)
	}
}

func TestNewQueriesOnly(t *testing.T) {
	out := run(t, timeline([]int{0, 1, 2}, []int{0, 1, 2}), Options{Resamples: -1}, perfect("model", "model"))
	for _, name := range []string{metricMRR, metricReach, metricNewVsSeen} {
		if f := figure(t, out, result.ProtocolRetrieval, "model", "all", name); f.Value != nil {
			t.Errorf("%s of new queries only = %v", name, *f.Value)
		}
	}
}

func TestTiesJoinTheEarliestFoundedCluster(t *testing.T) {
	// Scores of c to a and b are equal: c joins a's cluster, founded first.
	score := func(a, b *features.Event) float64 {
		if a.ID == "c" || b.ID == "c" {
			return .9
		}
		return 0
	}
	f := &fake{name: "model", kind: "model", threshold: .5, score: score}
	f.spoil = func(h []Hit) []Hit { slices.Reverse(h); return h } // order of hits is no matter
	w := newWalker(newCorpus(timeline([]int{0, 1, 2}, []int{0, 1, 1})).projects[0], 730)
	walk, err := w.run(context.Background(), f, true, true)
	if err != nil || !slices.Equal(walk.clusters, []int{0, 1, 0}) {
		t.Errorf("clusters %v, %v, want [0 1 0]", walk.clusters, err)
	}
	if walk.better[2] != 0 || walk.tied[2] != 2 {
		t.Errorf("c: %d better, %d tied", walk.better[2], walk.tied[2])
	}
	f.threshold = .9 // at the threshold is in
	if walk, _ := w.run(context.Background(), f, false, true); walk.clusters[2] != 0 {
		t.Errorf("a score at the threshold founds cluster %d", walk.clusters[2])
	}
}

func TestAssignerDecides(t *testing.T) {
	ds := generated(31, 2, 100, 8)
	by := noisy("model", "model", .6, .5)
	joined := run(t, ds, Options{Resamples: -1}, by)
	assigner := noisy("model", "model", .6, .5)
	assigner.assigns = true
	assigned := run(t, ds, Options{Resamples: -1}, assigner)
	// The fake joins the earliest cluster with any hit, not the best one.
	if a, b := value(t, joined, "replay", "model", "all", metricBCubedF1), value(t, assigned, "replay", "model", "all", metricBCubedF1); a == b {
		t.Error("the assigner's word makes no difference")
	}
	// It walks a second time for retrieval, which must be the same.
	if a, b := value(t, joined, "retrieval", "model", "all", metricMRR), value(t, assigned, "retrieval", "model", "all", metricMRR); a != b {
		t.Errorf("MRR %v, of an assigner %v", a, b)
	}
	// An assigner needs no threshold to have a replay.
	assigner.threshold = math.Inf(1)
	value(t, run(t, ds, Options{Resamples: -1}, assigner), "replay", "model", "all", metricBCubedF1)
}

// Later events must change nothing that was said before them.
func TestFutureHasNoInfluence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 60).Draw(t, "events")
		ds := generated(rapid.Uint64().Draw(t, "seed"), 1, n, 6)
		f := noisy("model", "model", .7, .5)
		f.assigns = rapid.Bool().Draw(t, "assigner")
		days := rapid.IntRange(1, 60).Draw(t, "window")
		whole, err := newWalker(newCorpus(ds).projects[0], days).run(context.Background(), f, true, true)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(1, n).Draw(t, "cut")
		p := &ds.Projects[0]
		p.Items, p.Groups, p.Content, p.Slices = p.Items[:cut], p.Groups[:cut], p.Content[:cut], p.Slices[:cut]
		part, err := newWalker(newCorpus(ds).projects[0], days).run(context.Background(), f, true, true)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(part.clusters, whole.clusters[:cut]) || !slices.Equal(part.best, whole.best[:cut]) ||
			!slices.Equal(part.better, whole.better[:cut]) || !slices.Equal(part.seen, whole.seen[:cut]) {
			t.Fatalf("the first %d of %d events are judged otherwise alone", cut, n)
		}
	})
}

func TestNewClustersAvoided(t *testing.T) {
	ds := generated(32, 2, 100, 8)
	never := constant(StaticBaseline, 1) // 200 clusters
	out := run(t, ds, Options{Resamples: 50}, perfect("model", "model"), never, noisy("third", "score", .5, .5))
	groups := value(t, out, "replay", "model", "all", metricGroups)
	if v := value(t, out, "replay", "model", "all", metricAvoided); !near(v, 1-groups/200) {
		t.Errorf("avoided %v, want %v", v, 1-groups/200)
	}
	if v := value(t, out, "replay", StaticBaseline, "all", metricAvoided); v != 0 {
		t.Errorf("static avoids %v of its own clusters", v)
	}
	f := figure(t, out, "replay", "model", result.SliceProjectsMean, metricAvoided)
	if f.Low == nil || *f.Low > *f.Value || *f.High < *f.Value {
		t.Errorf("interval %s", asJSON(t, f))
	}
	for _, f := range run(t, ds, Options{Resamples: -1}, perfect("model", "model")).Figures {
		if f.Metric == metricAvoided {
			t.Error("clusters avoided against a static baseline that is not there")
		}
	}
}

// Unlabelled events take no part in the walk.
func TestUnlabelledEventsAreLeftOut(t *testing.T) {
	ds := timeline([]int{0, 1, 2, 3}, []int{0, 1, 0, 1})
	ds.Projects[0].Groups = []int{0, -1, 0, 7}
	w := newWalker(newCorpus(ds).projects[0], 730)
	if len(w.items) != 3 || !slices.Equal(w.groups, []int{0, 0, 1}) || w.items[1].Event.Time.Sub(start) != 48*time.Hour {
		t.Errorf("walk over %d items, groups %v", len(w.items), w.groups)
	}
}
