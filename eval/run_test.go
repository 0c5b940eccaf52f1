package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"whorl/eval/result"
	"whorl/features"
)

func TestPerfectScorer(t *testing.T) {
	for _, projects := range []int{2, 6} {
		ds := generated(1, projects, 120, 12)
		out := run(t, ds, Options{Resamples: 40, Workers: 2}, perfect("model", "model"), perfect(StaticBaseline, "rule"))
		for _, slice := range []string{result.SliceAll, result.SliceProjectsMean} {
			for protocol, metrics := range map[string][]string{
				result.ProtocolPairs: {
					metricROCAUC, metricAveragePrecision, metricPrecisionGroup, metricRecallGroup, metricPrecisionSeparate,
					metricRecallSeparate, "recall_at_precision_0.99", "recall_at_precision_0.97", "recall_at_precision_0.95", "recall_at_precision_0.90",
				},
				result.ProtocolRetrieval: {metricRRAt1, metricRRAt5, metricRRAt10, metricMRR, metricMAP, metricReach, metricNewVsSeen},
				result.ProtocolReplay: {
					metricBCubedPrecision, metricBCubedRecall, metricBCubedF1, metricPairwisePrecision, metricPairwiseRecall,
					metricPairwiseF1, metricAdjustedRand, metricSplitMean,
				},
			} {
				for _, name := range metrics {
					f := figure(t, out, protocol, "model", slice, name)
					if f.Value == nil || !near(*f.Value, 1) || f.Low == nil || !near(*f.Low, 1) || !near(*f.High, 1) {
						t.Errorf("%d projects: %s %s %s = %s, want 1 [1,1]", projects, protocol, slice, name, asJSON(t, f))
					}
				}
			}
			for protocol, name := range map[string]string{result.ProtocolPairs: metricCalibration, result.ProtocolReplay: metricOverMerge} {
				if v := value(t, out, protocol, "model", slice, name); !near(v, 0) {
					t.Errorf("%s = %v, want 0", name, v)
				}
			}
		}
		if c, g := value(t, out, result.ProtocolReplay, "model", "all", metricClusters), value(t, out, result.ProtocolReplay, "model", "all", metricGroups); c != g {
			t.Errorf("%v clusters of %v groups", c, g)
		}
		for _, d := range out.Differences {
			if d.Value != 0 || d.Significant {
				t.Errorf("equal scorers differ: %s", asJSON(t, d))
			}
		}
		if want := map[int]string{2: "groups", 6: "projects"}[projects]; out.Dataset.Resampled != want {
			t.Errorf("%d projects: resampled %s, want %s", projects, out.Dataset.Resampled, want)
		}
	}
}

func TestConstantScorerIsChance(t *testing.T) {
	ds := generated(2, 2, 100, 8)
	out := run(t, ds, Options{Resamples: 20}, constant("one", .25), constant("none", .5))
	c := newCorpus(ds)
	positive, all := 0, 0
	for _, p := range c.projects {
		for x, i := range p.distinct {
			for _, j := range p.distinct[:x] {
				all++
				if p.group(i) == p.group(j) {
					positive++
				}
			}
		}
	}
	prevalence := float64(positive) / float64(all)
	for _, s := range []string{"one", "none"} {
		for name, want := range map[string]float64{metricROCAUC: .5, metricAveragePrecision: prevalence, "recall_at_precision_0.97": 0} {
			if v := value(t, out, result.ProtocolPairs, s, "all", name); !near(v, want) {
				t.Errorf("%s of %s = %v, want %v", name, s, v, want)
			}
		}
		// Every query but the first of a project has the same best score.
		if v := value(t, out, result.ProtocolRetrieval, s, "all", metricNewVsSeen); v < .5 || v > .65 {
			t.Errorf("new_vs_seen_auc = %v", v)
		}
		// With k groups tied the expected reciprocal hit is 1/k at least.
		if v := value(t, out, result.ProtocolRetrieval, s, "all", metricRRAt1); v < 1./9 || v > .3 {
			t.Errorf("rr_at_1 = %v, 8 groups are tied at the end", v)
		}
	}
	if v := value(t, out, result.ProtocolPairs, "one", "all", metricPrecisionGroup); !near(v, prevalence) {
		t.Errorf("precision when all is GROUP = %v, want %v", v, prevalence)
	}
	if f := figure(t, out, result.ProtocolPairs, "none", "all", metricPrecisionGroup); f.Value != nil || f.N != 0 {
		t.Errorf("precision when nothing is GROUP: %s, want null of 0", asJSON(t, f))
	}
	if v := value(t, out, result.ProtocolReplay, "one", "all", metricClusters); v != 2 {
		t.Errorf("%v clusters when everything joins in 2 projects", v)
	}
	if v := value(t, out, result.ProtocolReplay, "none", "all", metricClusters); v != 200 {
		t.Errorf("%v clusters when nothing joins", v)
	}
	if v := value(t, out, result.ProtocolReplay, "one", "all", metricAdjustedRand); math.Abs(v) > 1e-9 {
		t.Errorf("adjusted Rand of one cluster a project = %v, want 0", v)
	}
}

func TestSameBytesForAnyWorkers(t *testing.T) {
	for _, projects := range []int{2, 5} {
		ds := generated(3, projects, 90, 9)
		scorers := []Scorer{noisy("model", "model", .6, .5), noisy(StaticBaseline, "rule", .8, .5), noisy("third", "score", .9, .6)}
		var want string
		for _, workers := range []int{1, 2, 5} {
			out := run(t, ds, Options{Resamples: 30, Workers: workers, PairCap: 1000, Stratify: scorers[1]}, scorers...)
			got := asJSON(t, out)
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("%d workers: another outcome", workers)
			}
		}
		other := run(t, ds, Options{Resamples: 30, PairCap: 1000, Stratify: scorers[1], Seed: 1}, scorers...)
		if asJSON(t, other) == want {
			t.Error("the seed changes nothing")
		}
	}
}

func TestDifferences(t *testing.T) {
	ds := generated(4, 3, 120, 14)
	better, worse := noisy("model", "model", .55, .5), noisy("base", "score", .9, .5)
	out := run(t, ds, Options{Resamples: 100}, better, worse)
	found := 0
	for _, d := range out.Differences {
		if d.Scorer != "model" || d.Baseline != "base" {
			t.Fatalf("difference of %s and %s", d.Scorer, d.Baseline)
		}
		if d.Metric == metricGroups {
			t.Errorf("a difference of the number of groups")
		}
		if want := value(t, out, d.Protocol, "model", d.Slice, d.Metric) - value(t, out, d.Protocol, "base", d.Slice, d.Metric); !near(d.Value, want) {
			t.Errorf("%s %s %s: %v, the figures differ by %v", d.Protocol, d.Slice, d.Metric, d.Value, want)
		}
		if d.Slice == "all" && (d.Metric == metricROCAUC || d.Metric == metricBCubedF1 || d.Metric == metricMRR) {
			found++
			if d.Value <= 0 || !d.Significant || d.Low <= 0 {
				t.Errorf("a much better model is not told apart: %s", asJSON(t, d))
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of 3 chief differences", found)
	}
	// A baseline judged alone has nothing to differ from.
	if out := run(t, ds, Options{Resamples: 10}, worse, constant("c", 1)); len(out.Differences) > 0 {
		t.Error("differences without a model")
	}
	// Without resamples there are figures, but neither intervals nor differences.
	out = run(t, ds, Options{Resamples: -1}, better, worse)
	for _, f := range out.Figures {
		if f.Low != nil {
			t.Fatalf("an interval without resamples: %s", asJSON(t, f))
		}
	}
	if len(out.Differences) > 0 {
		t.Error("differences without resamples")
	}
}

func TestScorersWithoutThreshold(t *testing.T) {
	ds := generated(5, 2, 80, 8)
	out := run(t, ds, Options{Resamples: 20}, noisy("model", "model", .5, .5),
		noisy("nan", "score", .5, math.NaN()), noisy("inf", "score", .5, math.Inf(1)))
	for _, s := range []string{"nan", "inf"} {
		for _, name := range []string{metricPrecisionGroup, metricRecallGroup, metricPrecisionSeparate, metricRecallSeparate, metricGroupRate} {
			if f := figure(t, out, result.ProtocolPairs, s, "all", name); f.Value != nil {
				t.Errorf("%s of %s = %v without a threshold", name, s, *f.Value)
			}
		}
		value(t, out, result.ProtocolPairs, s, "all", metricROCAUC)
		value(t, out, result.ProtocolRetrieval, s, "all", metricMRR)
		for _, f := range out.Figures {
			if f.Scorer == s && f.Protocol == result.ProtocolReplay {
				t.Fatalf("replay without a threshold: %s", asJSON(t, f))
			}
			if f.Scorer == s && f.Metric == metricCalibration {
				t.Fatalf("calibration of a baseline: %s", asJSON(t, f))
			}
		}
		for _, code := range []string{"no_threshold", "no_replay"} {
			if !slices.ContainsFunc(out.Warnings, func(w result.Warning) bool { return w.Code == code && strings.Contains(w.Text, s) }) {
				t.Errorf("no warning %s for %s", code, s)
			}
		}
	}
}

func TestSmallSlicesPrintNoFigure(t *testing.T) {
	ds := generated(6, 2, 80, 6)
	p := &ds.Projects[0]
	for i := range 20 {
		p.Slices[i] = append(p.Slices[i], "enough:yes")
		if i < 19 {
			p.Slices[i] = append(p.Slices[i], "rare:yes")
		}
	}
	for i := range p.Slices {
		p.Slices[i] = append(p.Slices[i], fmt.Sprintf("id:%d", i), "all", "bad\xff")
	}
	out := run(t, ds, Options{Resamples: 10}, noisy("model", "model", .5, .5))
	for protocol, name := range map[string]string{result.ProtocolRetrieval: metricNewVsSeen, result.ProtocolReplay: metricBCubedF1} {
		if f := figure(t, out, protocol, "model", "rare:yes", name); f.Value != nil || f.N != 19 {
			t.Errorf("slice of 19: %s", asJSON(t, f))
		}
		if f := figure(t, out, protocol, "model", "enough:yes", name); f.Value == nil || f.N != 20 {
			t.Errorf("slice of 20: %s", asJSON(t, f))
		}
	}
	for _, f := range out.Figures {
		if strings.HasPrefix(f.Slice, "id:") || strings.HasPrefix(f.Slice, "bad") {
			t.Fatalf("slice %q is not left out", f.Slice)
		}
	}
	dropped := 0
	for _, w := range out.Warnings {
		if w.Code == "slice_left_out" {
			dropped++
		}
	}
	if dropped != 3 {
		t.Errorf("%d warnings of slices left out, want 3: %s", dropped, asJSON(t, out.Warnings))
	}
	value(t, out, result.ProtocolPairs, "model", "platform:python", metricROCAUC)
	value(t, out, result.ProtocolPairs, "model", "message-only", metricROCAUC)
	value(t, out, result.ProtocolRetrieval, "model", "length:long", metricMRR)
	value(t, out, result.ProtocolReplay, "model", "exact-copy", metricBCubedF1)
	value(t, out, result.ProtocolReplay, "model", "project_size:small", metricBCubedF1)

	// Pairs: 29 positives are too few, 30 are enough.
	for positives, defined := range map[int]bool{29: false, 30: true} {
		pairs := &Dataset{Name: "pairs", Version: "1", Projects: []ProjectData{*p}}
		for k := range 70 {
			pairs.Pairs = append(pairs.Pairs, ExplicitPair{A: k, B: k + 1, Group: k < positives})
		}
		pairs.Projects[0].Groups = nil
		pairs.Projects[0].Slices = make([][]string, len(p.Items))
		for i := range p.Items {
			pairs.Projects[0].Slices[i] = []string{"every"}
		}
		out := run(t, pairs, Options{Resamples: 10}, noisy("model", "model", .5, .5))
		if f := figure(t, out, result.ProtocolPairs, "model", "every", metricROCAUC); (f.Value != nil) != defined || f.N != 70 {
			t.Errorf("%d positive pairs: %s", positives, asJSON(t, f))
		}
	}
}

func TestProjectsMean(t *testing.T) {
	for _, projects := range []int{3, 5} {
		ds := generated(7, projects, 80, 7)
		scorer := noisy("model", "model", .7, .6)
		out := run(t, ds, Options{Resamples: 10}, scorer)
		for protocol, name := range map[string]string{
			result.ProtocolPairs: metricROCAUC, result.ProtocolRetrieval: metricMRR, result.ProtocolReplay: metricBCubedF1,
		} {
			var sum float64
			for k := range ds.Projects {
				alone := &Dataset{Name: ds.Name, Version: "1", Projects: ds.Projects[k : k+1]}
				sum += value(t, run(t, alone, Options{Resamples: -1}, scorer), protocol, "model", "all", name)
			}
			f := figure(t, out, protocol, "model", result.SliceProjectsMean, name)
			if !near(*f.Value, sum/float64(projects)) || f.N != projects {
				t.Errorf("%s = %s, want the mean %v of %d", name, asJSON(t, f), sum/float64(projects), projects)
			}
			if f.Low == nil || *f.Low > *f.Value || *f.High < *f.Value {
				t.Errorf("interval of %s: %s", name, asJSON(t, f))
			}
		}
	}
}

func TestDescription(t *testing.T) {
	ds := generated(8, 2, 60, 6)
	ds.OverlapTrain, ds.Unlabelled = 3, 4
	ds.Projects[0].Groups[5] = -1
	ds.Projects[1].Content[10], ds.Projects[1].Content[11] = 7, 7
	ds.Projects[1].Groups[10], ds.Projects[1].Groups[11] = 6, 7
	out := run(t, ds, Options{Resamples: 10, PairCap: 300, Stratify: constant("s", 0)}, noisy("model", "model", .5, .5))
	d := out.Dataset
	if d.Events != 119 || d.Unlabelled != 4 || d.OverlapTrain != 3 || d.Projects != 2 || d.Pairs != 600 || d.PairsAll <= 600 || d.Distinct >= d.Events {
		t.Errorf("description %+v", d)
	}
	for _, code := range []string{"overlap_train", "copies_of_two_groups", "pairs_sampled"} {
		if !slices.ContainsFunc(out.Warnings, func(w result.Warning) bool { return w.Code == code }) {
			t.Errorf("no warning %s", code)
		}
	}
}

func TestRefusals(t *testing.T) {
	ds := generated(9, 1, 30, 4)
	good := noisy("model", "model", .5, .5)
	for name, o := range map[string]Options{
		"protocol":     {Protocols: []string{"guess"}},
		"cap":          {PairCap: 3},
		"window":       {WindowDays: -1},
		"target":       {PrecisionTargets: []float64{0}},
		"target twice": {PrecisionTargets: []float64{.5, .5}},
	} {
		if _, err := Run(context.Background(), ds, []Scorer{good}, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v, want ErrOptions", name, err)
		}
	}
	for name, scorers := range map[string][]Scorer{"none": nil, "twice": {good, good}, "nameless": {constant("", 1)}} {
		if _, err := Run(context.Background(), ds, scorers, Options{}); !errors.Is(err, ErrOptions) {
			t.Errorf("scorers %s: %v, want ErrOptions", name, err)
		}
	}
	empty := &Dataset{Name: "empty", Version: "1", Projects: []ProjectData{{ID: "p"}}}
	if _, err := Run(context.Background(), empty, []Scorer{good}, Options{}); !errors.Is(err, ErrNothingToJudge) {
		t.Errorf("empty dataset: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, ds, []Scorer{good}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("disk full")
	if _, err := Run(context.Background(), ds, []Scorer{good}, Options{Scored: func(*ScoredPairs) error { return full }}); !errors.Is(err, full) {
		t.Errorf("Scored: %v", err)
	}
}

func TestTinyDatasets(t *testing.T) {
	for events := 1; events <= 3; events++ {
		ds := generated(10, 1, events, 2)
		out := run(t, ds, Options{Resamples: 10}, noisy("model", "model", .5, .5), constant(StaticBaseline, 1))
		if f := figure(t, out, result.ProtocolReplay, "model", "all", metricBCubedF1); f.Value == nil {
			t.Errorf("%d events have no B-cubed", events)
		}
	}
}

func TestContractBreaches(t *testing.T) {
	good := func() *Dataset { return generated(11, 2, 30, 4) }
	scorer := func() *fake { return noisy("model", "model", .5, .5) }
	for name, breach := range map[string]func(ds *Dataset, f *fake){
		"unsorted":        func(ds *Dataset, _ *fake) { x := ds.Projects[0].Items; x[3], x[9] = x[9], x[3] },
		"event twice":     func(ds *Dataset, _ *fake) { x := ds.Projects[0].Items; x[3] = x[4] },
		"no event":        func(ds *Dataset, _ *fake) { ds.Projects[0].Items[2].Event = nil },
		"groups short":    func(ds *Dataset, _ *fake) { ds.Projects[0].Groups = ds.Projects[0].Groups[1:] },
		"content short":   func(ds *Dataset, _ *fake) { ds.Projects[0].Content = ds.Projects[0].Content[1:] },
		"slices short":    func(ds *Dataset, _ *fake) { ds.Projects[0].Slices = ds.Projects[0].Slices[1:] },
		"shared group":    func(ds *Dataset, _ *fake) { ds.Projects[1].Groups[0] = ds.Projects[0].Groups[0] },
		"pair of nothing": func(ds *Dataset, _ *fake) { ds.Pairs = []ExplicitPair{{Project: 9, A: 0, B: 1}} },
		"pair of itself":  func(ds *Dataset, _ *fake) { ds.Pairs = []ExplicitPair{{A: 1, B: 1}} },
		"pair too far":    func(ds *Dataset, _ *fake) { ds.Pairs = []ExplicitPair{{A: 1, B: 30}} },
		"NaN score":       func(_ *Dataset, f *fake) { f.score = func(_, _ *features.Event) float64 { return math.NaN() } },
		"NaN hit":         func(_ *Dataset, f *fake) { f.spoil = func(h []Hit) []Hit { return append(h, Hit{0, math.NaN()}) } },
		"hit of later":    func(_ *Dataset, f *fake) { f.spoil = func(h []Hit) []Hit { return append(h, Hit{29, 1}) } },
		"cluster gap": func(_ *Dataset, f *fake) {
			f.assigns, f.assignment = true, func(_, founded int) int { return founded + 1 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			ds, f := good(), scorer()
			breach(ds, f)
			defer func() {
				if p := recover(); p == nil || !strings.HasPrefix(fmt.Sprint(p), "eval: ") {
					t.Errorf("recovered %v", p)
				}
			}()
			c := newCorpus(ds)
			// Goroutines of Run cannot be recovered from here: take its parts.
			set, err := newPairSet(context.Background(), c, newUnits(c), &Options{PairCap: 1000, Workers: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if f.spoil == nil && !f.assigns {
				scoreHere(set, f)
			}
			if _, err := newWalker(c.projects[0], 730).run(context.Background(), f, true, true); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// scoreHere scores on the calling goroutine.
func scoreHere(set *pairSet, f *fake) {
	p := f.Start(set.corpus.projects[0].Items)
	p.LearnAll()
	set.ask(p, f.name, 0, 0)
}

func TestProgress(t *testing.T) {
	ds := generated(12, 2, 40, 5)
	last := map[string][2]int{}
	run(t, ds, Options{Resamples: 10, Workers: 2, Progress: func(stage string, done, total int) {
		if done != last[stage][0]+1 {
			t.Errorf("%s: %d after %d", stage, done, last[stage][0])
		}
		last[stage] = [2]int{done, total}
	}}, noisy("model", "model", .5, .5), constant("c", 1))
	if len(last) != 6 {
		t.Errorf("stages %v", last)
	}
	for stage, at := range last {
		if at[0] != at[1] || at[0] == 0 {
			t.Errorf("%s ended at %d of %d", stage, at[0], at[1])
		}
	}
}
