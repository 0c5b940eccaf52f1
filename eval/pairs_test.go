package eval

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"whorl/eval/metric"
	"whorl/eval/result"
	"whorl/features"
)

func TestExplicitPairs(t *testing.T) {
	// Items a..g of two known groups (a,b | c) and unknown ones (d,e,f,g). The
	// pair d-e is GROUP, so d and e are one unit; a-f ties f to group 0; b-c
	// contradicts the groups, which stay two units.
	ds := timeline([]int{0, 1, 2, 3, 4, 5, 6}, []int{0, 0, 1, 1, 1, 1, 1})
	ds.Projects[0].Groups = []int{0, 0, 1, -1, -1, -1, -1}
	ds.Pairs = []ExplicitPair{
		{A: 4, B: 3, Group: true}, {A: 0, B: 5, Group: true}, {A: 1, B: 2, Group: true}, {A: 3, B: 2}, {A: 0, B: 2},
	}
	u := newUnits(newCorpus(ds))
	if want := []int32{0, 0, 1, 2, 2, 0, -1}; !slices.Equal(u.of[0], want) {
		t.Errorf("units %v, want %v", u.of[0], want)
	}
	var ids []string
	f := &fake{name: "model", kind: "model", threshold: .5, score: func(a, b *features.Event) float64 { return float64(a.ID[0]+b.ID[0]) / 1000 }}
	out := run(t, ds, Options{Resamples: 20, Scored: func(s *ScoredPairs) error {
		for k := range s.Len() {
			a, b := s.EventIDs(k)
			ids = append(ids, fmt.Sprintf("%s%s %v", a, b, s.Same[k]))
		}
		return nil
	}}, f)
	if want := []string{"ac false", "af true", "bc true", "cd false", "de true"}; !slices.Equal(ids, want) {
		t.Errorf("pairs %v, want %v", ids, want)
	}
	if d := out.Dataset; d.Events != 3 || d.Pairs != 5 || d.PairsAll != 5 || d.Groups != 2 {
		t.Errorf("description %+v", d)
	}
	// af, bc, de score .199, .197, .201; ac .196, cd .199: of the 6 couples
	// af>ac, bc>ac, de>ac, de>cd are right, af=cd is a tie and bc<cd is wrong.
	if v := value(t, out, result.ProtocolPairs, "model", "all", metricROCAUC); !near(v, 4.5/6) {
		t.Errorf("roc_auc = %v, want .75", v)
	}
	// Pairs alone are enough for a dataset.
	ds.Projects[0].Groups = nil
	out = run(t, ds, Options{Resamples: 20}, f)
	if !slices.ContainsFunc(out.Warnings, func(w result.Warning) bool { return w.Code == "no_labelled_events" }) {
		t.Error("no warning that retrieval and replay are left out")
	}
}

func TestCopiesAreNotPaired(t *testing.T) {
	ds := timeline([]int{0, 1, 2, 3}, []int{0, 0, 1, 1})
	ds.Projects[0].Content = []uint64{5, 5, 6, 7}
	var pairs [][2]int32
	run(t, ds, Options{Resamples: -1, Scored: func(s *ScoredPairs) error {
		for k := range s.Len() {
			pairs = append(pairs, [2]int32{s.A[k], s.B[k]})
		}
		return nil
	}}, perfect("model", "model"))
	if want := [][2]int32{{0, 2}, {0, 3}, {2, 3}}; !slices.Equal(pairs, want) {
		t.Errorf("pairs %v, want %v: the earliest copy stays", pairs, want)
	}
}

func TestScoredPairs(t *testing.T) {
	ds := generated(50, 2, 60, 6)
	a, b := noisy("model", "model", .6, .5), constant("b", math.Inf(1))
	var got *ScoredPairs
	out := run(t, ds, Options{Resamples: -1, Workers: 2, PairCap: 500, Stratify: a, Scored: func(s *ScoredPairs) error { got = s; return nil }}, a, b)
	if !slices.Equal(got.Scorers, []string{"model", "b"}) || got.Len() != out.Dataset.Pairs {
		t.Fatalf("%v, %d pairs of %d", got.Scorers, got.Len(), out.Dataset.Pairs)
	}
	var mass float64
	for k := range got.Len() {
		p := ds.Projects[got.Project[k]]
		if got.A[k] >= got.B[k] || got.Same[k] != (p.Groups[got.A[k]] == p.Groups[got.B[k]]) {
			t.Fatalf("pair %d: items %d, %d", k, got.A[k], got.B[k])
		}
		s := a.score(p.Items[got.A[k]].Event, p.Items[got.B[k]].Event)
		if got.Scores[0][k] != s || got.Joins[0][k] != (s >= .5) || got.Scores[1][k] != .25 || got.Joins[1][k] {
			t.Fatalf("pair %d has another score or verdict", k)
		}
		mass += got.Weight[k]
	}
	if !near(mass, float64(out.Dataset.PairsAll)) {
		t.Errorf("weights sum to %v, there are %d pairs", mass, out.Dataset.PairsAll)
	}
}

func TestPairFiguresFromScoredPairs(t *testing.T) {
	ds := generated(51, 2, 80, 7)
	f := noisy("model", "model", .8, .6)
	var s *ScoredPairs
	out := run(t, ds, Options{Resamples: -1, PairCap: 900, Stratify: f, PrecisionTargets: []float64{.5, .995},
		Scored: func(p *ScoredPairs) error { s = p; return nil }}, f)
	var c metric.Confusion
	for k := range s.Len() {
		switch {
		case s.Same[k] && s.Joins[0][k]:
			c.TP += s.Weight[k]
		case s.Same[k]:
			c.FN += s.Weight[k]
		case s.Joins[0][k]:
			c.FP += s.Weight[k]
		default:
			c.TN += s.Weight[k]
		}
	}
	half, _ := metric.RecallAtPrecision(s.Scores[0], s.Same, s.Weight, .5)
	for name, want := range map[string]float64{
		metricPrecisionGroup: c.TP / (c.TP + c.FP), metricRecallGroup: c.TP / (c.TP + c.FN),
		metricPrecisionSeparate: c.TN / (c.TN + c.FN), metricRecallSeparate: c.TN / (c.TN + c.FP),
		metricGroupRate: (c.TP + c.FP) / (c.TP + c.FP + c.FN + c.TN), "recall_at_precision_0.50": half,
	} {
		if v := value(t, out, result.ProtocolPairs, "model", "all", name); !near(v, want) {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
	value(t, out, result.ProtocolPairs, "model", "all", "recall_at_precision_0.995")
	positives := 0
	for _, same := range s.Same {
		if same {
			positives++
		}
	}
	for name, n := range map[string]int{metricROCAUC: s.Len(), metricAveragePrecision: positives, metricRecallSeparate: s.Len() - positives} {
		if f := figure(t, out, result.ProtocolPairs, "model", "all", name); f.N != n {
			t.Errorf("n of %s is %d, want %d", name, f.N, n)
		}
	}
}

func TestCalibration(t *testing.T) {
	// A scorer that says .9 or .1 at random but is right in half the cases of
	// each would be off by .4; one that says the true share is off by nothing.
	ds := generated(52, 1, 100, 10)
	share := 0.
	run(t, ds, Options{Resamples: -1, Scored: func(s *ScoredPairs) error {
		for _, same := range s.Same {
			if same {
				share += 1 / float64(s.Len())
			}
		}
		return nil
	}}, perfect("model", "model"))
	for _, said := range []float64{share, share + .3} {
		f := &fake{name: "model", kind: "model", threshold: .5, score: func(_, _ *features.Event) float64 { return said }}
		out := run(t, ds, Options{Resamples: -1}, f)
		if v := value(t, out, result.ProtocolPairs, "model", "all", metricCalibration); math.Abs(v-(said-share)) > 1e-9 {
			t.Errorf("calibration error %v when %v is said and %v is true", v, said, share)
		}
	}
}

// The figure must be what the reliability curve shows: the two are computed apart.
func TestCalibrationIsThatOfTheCurve(t *testing.T) {
	ds := generated(54, 2, 100, 9)
	f := noisy("model", "model", .8, .5)
	out := run(t, ds, Options{Resamples: -1, PairCap: 1500, Stratify: f}, f)
	var want float64
	for _, c := range out.Curves {
		if c.Kind == curveReliability {
			if len(c.Points) < 10 {
				t.Errorf("%d bins in use", len(c.Points))
			}
			for _, p := range c.Points {
				want += p[2] * math.Abs(p[0]-p[1])
			}
		}
	}
	if v := value(t, out, result.ProtocolPairs, "model", "all", metricCalibration); !near(v, want) {
		t.Errorf("calibration error %v, the curve says %v", v, want)
	}
}

func TestCurves(t *testing.T) {
	ds := generated(53, 2, 120, 9)
	fine := noisy("model", "model", .8, .5)
	coarse := fine.score
	fine.score = func(a, b *features.Event) float64 { // thousands of distinct scores
		return coarse(a, b) + float64(a.Time.Unix()%1009+b.Time.Unix()%1009)/1e6 + float64(len(a.ID))/1e9
	}
	infinite := &fake{name: "infinite", kind: "score", threshold: 0, score: func(a, b *features.Event) float64 {
		if truth(a) == truth(b) && a.ID < "1" {
			return math.Inf(1)
		}
		return coarse(a, b)
	}}
	out := run(t, ds, Options{Resamples: -1}, fine, infinite, perfect("rule", "rule"))
	kinds := map[string][]string{}
	for _, c := range out.Curves {
		kinds[c.Scorer] = append(kinds[c.Scorer], c.Kind)
		switch c.Kind {
		case curvePrecisionRecall:
			for k := 1; k < len(c.Points); k++ {
				if c.Points[k][0] >= c.Points[k-1][0] || c.Points[k][2] < c.Points[k-1][2] {
					t.Fatalf("%s: point %v after %v", c.Scorer, c.Points[k], c.Points[k-1])
				}
			}
			if c.Scorer == "model" && (len(c.Points) < 100 || c.Points[len(c.Points)-1][2] != 1) {
				t.Errorf("%d points to recall %v", len(c.Points), c.Points[len(c.Points)-1])
			}
		case curveThresholdSweep:
			for k := 1; k < len(c.Points); k++ {
				if c.Points[k][0] >= c.Points[k-1][0] || c.Points[k][1] < c.Points[k-1][1] || c.Points[k][5] > c.Points[k-1][5] {
					t.Fatalf("%s: point %v after %v", c.Scorer, c.Points[k], c.Points[k-1])
				}
			}
		case curveReliability:
			var mass float64
			for k, p := range c.Points {
				mass += p[2]
				if k > 0 && p[0] <= c.Points[k-1][0] {
					t.Errorf("bin %v after %v", p, c.Points[k-1])
				}
			}
			if !near(mass, 1) {
				t.Errorf("bins hold %v of the pairs", mass)
			}
		}
	}
	for s, want := range map[string][]string{
		"model":    {curvePrecisionRecall, curveReliability, curveThresholdSweep},
		"infinite": {curvePrecisionRecall, curveThresholdSweep},
		"rule":     {curvePrecisionRecall, curveThresholdSweep},
	} {
		if !slices.Equal(kinds[s], want) {
			t.Errorf("curves of %s: %v, want %v", s, kinds[s], want)
		}
	}
}

func TestNames(t *testing.T) {
	for target, want := range map[float64]string{.9: "recall_at_precision_0.90", .97: "recall_at_precision_0.97", .995: "recall_at_precision_0.995", 1: "recall_at_precision_1.00"} {
		if got := recallAt(target); got != want {
			t.Errorf("recallAt(%v) = %s, want %s", target, got, want)
		}
	}
}

// BenchmarkRun is about the size of the larger golden datasets: two projects
// of 1,800 events, capped at 200,000 pairs each, six scorers.
func BenchmarkRun(b *testing.B) {
	ds := generated(60, 2, 1800, 46)
	scorers := []Scorer{noisy("model", "model", .7, .5), noisy(StaticBaseline, "rule", .9, .5), constant("rule", .5)}
	for _, s := range []string{"x", "y", "z"} {
		f := noisy(s, "score", .8, .5)
		coarse := f.score
		f.score = func(a, b *features.Event) float64 { return coarse(a, b) + float64(a.Time.Unix()^b.Time.Unix())/1e12 }
		scorers = append(scorers, f)
	}
	for b.Loop() {
		if _, err := Run(b.Context(), ds, scorers, Options{Workers: 2, Stratify: scorers[1]}); err != nil {
			b.Fatal(err)
		}
	}
}
