package train

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
	"whorl/model"
	"whorl/train/boost"
)

// quick are settings that fit the toy corpus within a second.
var quick = Params{
	Seed: 3, Folds: 4, TuningPairs: 2000,
	Mine:  MineParams{Hard: 8, Random: 4},
	Boost: boost.Params{Trees: 40, Leaves: 8, MinRows: 5, MinWeight: 0.5, LearningRate: 0.2},
}

func fit(t *testing.T, c *Corpus, p Params) *Outcome {
	t.Helper()
	out, err := Fit(context.Background(), c, p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// served returns the model that production would load.
func served(t *testing.T, out *Outcome) *model.Model {
	t.Helper()
	parts := out.Parts
	parts.Version = "toy"
	file, err := model.Marshal(&parts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFitLearns fits one corpus and judges on another of the same making: the
// model must tell groups of projects apart that it never saw.
func TestFitLearns(t *testing.T) {
	out := fit(t, fleet.corpus(), quick)
	m := served(t, out)

	unseen := fleet
	unseen.seed, unseen.organisations = 77, 2
	type scored struct {
		p    float64
		same bool
	}
	var all []scored
	for i := range unseen.corpus().Projects {
		p := prepare(&unseen.corpus().Projects[i])
		views := p.views()
		var v features.Vector
		for b := range p.records {
			for a := range b {
				features.Compare(&views[a], &views[b], &v)
				all = append(all, scored{m.Probability(&v, features.Python), p.groups[a] == p.groups[b]})
			}
		}
	}
	// The area under the curve: how often a positive lies above a negative.
	slices.SortFunc(all, func(x, y scored) int {
		switch {
		case x.p < y.p || x.p == y.p && x.same && !y.same:
			return -1
		case x == y:
			return 0
		}
		return 1
	})
	below, ordered, positives := 0, 0, 0
	for _, s := range all {
		if s.same {
			positives++
			ordered += below
		} else {
			below++
		}
	}
	if area := float64(ordered) / float64(below*positives); area < 0.97 {
		t.Errorf("area under the curve %.3f on unseen organisations, want at least 0.97", area)
	}
	// At the threshold, precision is near its target.
	threshold, right, joined := m.Threshold(features.Python), 0, 0
	for _, s := range all {
		if s.p >= threshold {
			joined++
			if s.same {
				right++
			}
		}
	}
	if joined < positives/4 || float64(right) < 0.85*float64(joined) {
		t.Errorf("at threshold %.3f %d of %d joins are right, of %d positives", threshold, right, joined, positives)
	}

	r := out.Report
	if r.Projects != 8 || r.Organisations != 4 || len(r.Platforms) != 1 {
		t.Fatalf("report %+v", r)
	}
	python := r.Platforms[0]
	if python.Platform != features.Python || python.Records != r.Records || python.Groups != 64 || python.Organisations != 4 || python.Tuning == 0 {
		t.Errorf("report %+v", python)
	}
	if r.Trees < 5 || r.Trees > 3*40 || r.Trees%3 != 0 || len(out.Parts.Forest.Roots) != r.Trees {
		t.Errorf("%d trees reported, %d in the forest", r.Trees, len(out.Parts.Forest.Roots))
	}
}

// TestFitAnyWorkers: the same parts, whoever did the work; and progress that
// ends.
func TestFitAnyWorkers(t *testing.T) {
	var want *Outcome
	for _, workers := range []int{1, 2, 5} {
		p := quick
		p.Workers, p.Mine.Rounds = workers, 2
		last := map[string][2]int{}
		p.Progress = func(stage string, done, total int) {
			if done != last[stage][0]+1 || last[stage][1] != 0 && total != last[stage][1] {
				t.Errorf("%s: %d of %d after %v", stage, done, total, last[stage])
			}
			if last[stage] = [2]int{done, total}; done == total {
				delete(last, stage)
			}
		}
		got := fit(t, fleet.corpus(), p)
		if len(last) != 0 {
			t.Errorf("stages did not end: %v", last)
		}
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers fit another model than one", workers)
		}
	}
	p := quick
	p.Seed++
	if other := fit(t, fleet.corpus(), p); reflect.DeepEqual(other.Parts, want.Parts) {
		t.Error("the seed does not matter")
	}
}

// TestFitIgnoresNumbers renumbers the groups of every project.
func TestFitIgnoresNumbers(t *testing.T) {
	c := fleet.corpus()
	want := fit(t, c, quick)
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range c.Projects {
		names := rng.Perm(500)
		for k, g := range c.Projects[i].Groups {
			c.Projects[i].Groups[k] = int32(names[g])
		}
	}
	if got := fit(t, c, quick); !reflect.DeepEqual(got, want) {
		t.Error("the numbers of groups change the model")
	}
}

// TestFitIgnoresCopies: an application that repeats an error does not change
// what is learnt from it; the replays behind thresholds do count every event.
func TestFitIgnoresCopies(t *testing.T) {
	c := fleet.corpus()
	want := fit(t, c, quick)
	for i := range c.Projects {
		p := &c.Projects[i]
		n := len(p.Records)
		for k := range n / 2 {
			p.Records, p.Groups = append(p.Records, p.Records[k]), append(p.Groups, p.Groups[k])
			p.Confidence = append(p.Confidence, 0.3)
		}
	}
	got := fit(t, c, quick)
	if !reflect.DeepEqual(got.Parts.Forest, want.Parts.Forest) || !reflect.DeepEqual(got.Parts.Fallback, want.Parts.Fallback) {
		t.Error("copies change the forest or its calibration")
	}
	if diff := cmp.Diff(want.Report.Platforms, got.Report.Platforms); diff != "" {
		t.Errorf("copies change what was mined (-want +got):\n%s", diff)
	}
}

// TestFitWithout leaves features out of every tree.
func TestFitWithout(t *testing.T) {
	p := quick
	p.Without = []string{"overlap_whole", "align_function"}
	out := fit(t, fleet.corpus(), p)
	used := map[string]bool{}
	for _, f := range out.Parts.Forest.Feature {
		if f >= 0 {
			used[features.Schema[f].Name] = true
		}
	}
	if len(used) < 3 || used["overlap_whole"] || used["align_function"] {
		t.Errorf("features in use: %v", used)
	}
	p.Without = []string{"no_such_feature"}
	if _, err := Fit(context.Background(), fleet.corpus(), p); err == nil || !strings.Contains(err.Error(), `"no_such_feature"`) {
		t.Errorf("error %v, want one that names the feature", err)
	}
}

// TestForestIsTheEnsemble compares the margins of the file's forest with those
// of the trainer, features left out in between.
func TestForestIsTheEnsemble(t *testing.T) {
	p := quick
	p.Without = []string{"align_function", "top_line"}
	f, err := newFitting(context.Background(), fleet.corpus(), p.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	b := f.params.Boost
	b.Trees = 12
	e, err := boost.Fit(context.Background(), f.mined, nil, f.labels, f.weights, b)
	if err != nil {
		t.Fatal(err)
	}
	identity := model.Calibration{Kind: model.Sigmoid, A: 1}
	m := served(t, &Outcome{Parts: model.Parts{PrecisionTarget: 0.9, Forest: f.forest(e), Fallback: identity, FallbackThreshold: 0.5}})
	var v features.Vector
	row := make([]float32, len(f.use))
	for _, q := range f.pairs {
		views := f.projects[q.Project].views()
		features.Compare(&views[q.A], &views[q.B], &v)
		for c, place := range f.use {
			row[c] = v[place]
		}
		margin := e.Predict(row)
		if got, want := m.Probability(&v, features.Python), identity.Probability(margin); got != want {
			t.Fatalf("pair %+v: the file says %v, the trainer %v", q, got, want)
		}
	}
}

func TestFitErrors(t *testing.T) {
	single := toy{seed: 1, organisations: 3, projects: 1, groups: 6, events: 1, platform: "go"}.corpus()
	one := toy{seed: 1, organisations: 3, projects: 1, groups: 1, events: 6, platform: "go"}.corpus()
	copies := toy{seed: 1, organisations: 1, projects: 1, groups: 4, events: 1, platform: "go"}.corpus()
	p := &copies.Projects[0]
	p.Records, p.Groups, p.Confidence = append(p.Records, p.Records...), append(p.Groups, p.Groups...), append(p.Confidence, p.Confidence...)
	doubted := fleet.corpus()
	for i := range doubted.Projects {
		clear(doubted.Projects[i].Confidence)
	}
	unsure := toy{seed: 1, organisations: 3, projects: 1, groups: 6, events: 1, platform: "go"}.corpus()
	unsure.Projects[0].Pairs = []ExplicitPair{{A: 0, B: 1, Same: true}}
	for name, test := range map[string]struct {
		corpus *Corpus
		want   error
	}{
		"no project":                          {&Corpus{}, ErrNoPositive},
		"an empty project":                    {&Corpus{Projects: make([]Project, 2)}, ErrNoPositive},
		"every event a group":                 {single, ErrNoPositive},
		"groups of copies":                    {copies, ErrNoPositive},
		"no label with confidence":            {doubted, ErrNoPositive},
		"the one positive without confidence": {unsure, ErrNoPositive},
		"one group a project":                 {one, ErrNoNegative},
	} {
		if out, err := Fit(context.Background(), test.corpus, quick); !errors.Is(err, test.want) || out != nil {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
	}
}

// TestFitCancelled cancels before the start and in every stage.
func TestFitCancelled(t *testing.T) {
	c := fleet.corpus()
	var stages []string
	p := quick
	p.Progress = func(stage string, done, _ int) {
		if done == 1 {
			stages = append(stages, stage)
		}
	}
	fit(t, c, p)
	if len(stages) < 6 {
		t.Fatalf("stages %v", stages)
	}
	for _, workers := range []int{1, 2} {
		for _, at := range append(slices.Compact(slices.Sorted(slices.Values(stages))), "") {
			ctx, cancel := context.WithCancel(context.Background())
			var late atomic.Int32
			p := quick
			p.Workers = workers
			p.Progress = func(stage string, done, _ int) {
				if ctx.Err() != nil {
					late.Add(1)
				}
				if stage == at {
					cancel()
				}
			}
			if at == "" {
				cancel()
			}
			out, err := Fit(ctx, c, p)
			if last := at == "choosing thresholds" || at == "fitting"; !last && !errors.Is(err, context.Canceled) || err != nil && out != nil {
				t.Errorf("%d workers, cancelled in %q: error %v", workers, at, err)
			}
			if n := late.Load(); n > int32(workers) {
				t.Errorf("%d workers, cancelled in %q: %d reports afterwards", workers, at, n)
			}
			cancel()
		}
	}
}

// TestFitOnLittle fits what is hardly a corpus: it must say so, and what comes
// out must still be a model.
func TestFitOnLittle(t *testing.T) {
	little := toy{seed: 2, organisations: 1, projects: 1, groups: 2, events: 3, platform: "ruby"}.corpus()
	out := fit(t, little, Params{Seed: 1, Boost: boost.Params{Trees: 20}})
	served(t, out)
	codes := map[string]bool{}
	for _, w := range out.Report.Warnings {
		codes[w.Code] = true
		if w.Text == "" {
			t.Errorf("warning %q says nothing", w.Code)
		}
	}
	for _, want := range []string{"few_positives", "few_organisations", "no_calibration", "target_missed"} {
		if !codes[want] {
			t.Errorf("warnings %v, want %s among them", out.Report.Warnings, want)
		}
	}
	if out.Report.Trees != 3*20 { // three forests are averaged
		t.Errorf("%d trees, want all 60: there was nothing to choose their number by", out.Report.Trees)
	}
}

// TestBalance: by hand, platforms of 90 and 10 keep their total of 100, in
// shares as 90^0.3 to 10^0.3.
func TestBalance(t *testing.T) {
	platform := func(i int) features.Platform {
		if i < 10 {
			return features.PHP
		}
		return features.Go
	}
	weights := make([]float32, 100)
	for i := range weights {
		weights[i] = 1
	}
	balance(weights, nil, platform)
	var sums [2]float64
	for i, w := range weights {
		if platform(i) == features.PHP {
			sums[1] += float64(w)
		} else {
			sums[0] += float64(w)
		}
	}
	// 90^0.3 = 3.8573, 10^0.3 = 1.9953.
	if want := 100 * 3.8573 / (3.8573 + 1.9953); sums[0] < want-0.01 || sums[0] > want+0.01 || sums[0]+sums[1] < 99.99 || sums[0]+sums[1] > 100.01 {
		t.Errorf("platforms count %v, want %.2f and the rest of 100", sums, want)
	}
}

// TestLastGood: of the numbers of rounds that rank about as well as the best,
// the greatest.
func TestLastGood(t *testing.T) {
	at := func(losses ...float64) (out []map[features.Platform]float64) {
		for _, l := range losses {
			out = append(out, map[features.Platform]float64{features.Go: l})
		}
		return out
	}
	also := func(out []map[features.Platform]float64, p features.Platform, losses ...float64) []map[features.Platform]float64 {
		for k := range out {
			out[k][p] = losses[k]
		}
		return out
	}
	for name, c := range map[string]struct {
		losses []map[features.Platform]float64
		want   int
	}{
		"falls to the end":             {at(9, 5, 4, 3), 3},
		"rises beyond what is luck":    {at(9, 5, 7, 8), 1},
		"rises by no more than luck":   {at(9, 5, 5.04, 5.09, 5.2, 5.3), 3},
		"no platform":                  {[]map[features.Platform]float64{{}, {}, {}}, 2},
		"a third platform rules alone": {also(also(at(9, 5, 4, 4), features.PHP, 8, 4, 3, 3), features.Ruby, 1, 2, 3, 4), 3},
		"two of three want fewer":      {also(also(at(9, 5, 6, 7), features.PHP, 8, 4, 5, 6), features.Ruby, 9, 8, 2, 1), 1},
		"two: their mean":              {also(at(5, 5, 5.5), features.PHP, 5, 5, 4.9), 1},
	} {
		if got := lastGood(c.losses); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestTooManyFolds(t *testing.T) {
	p := quick
	p.Folds = 32
	if _, err := Fit(t.Context(), fleet.corpus(), p); err == nil || !strings.Contains(err.Error(), "set folds") {
		t.Errorf("32 folds: %v", err)
	}
}
