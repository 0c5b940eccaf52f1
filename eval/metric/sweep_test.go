package metric

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/integrate"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"
)

const tolerance = 1e-9

func near(a, b float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b)) }

func TestThresholdFigures(t *testing.T) {
	tests := []struct {
		name     string
		scores   []float64
		labels   []bool
		weights  []float64
		auc, ap  float64
		at       float64 // precision target
		recallAt float64
	}{
		// The scores of scikit-learn's example for average_precision_score and
		// roc_auc_score (y_true 0 0 1 1). Descending: .8 pos, .4 neg, .35 pos,
		// .1 neg. AUC: of 4 couples only (.35,.4) is wrong: 3/4. AP: recall 1/2
		// at precision 1, then 1/2 more at 2/3: 1/2 + 1/3 = 5/6.
		{"scikit-learn", []float64{.1, .4, .35, .8}, []bool{false, false, true, true}, nil, .75, 5. / 6, .9, .5},
		// The same, with precision 2/3 asked: the third threshold has both positives.
		{"lower target", []float64{.1, .4, .35, .8}, []bool{false, false, true, true}, nil, .75, 5. / 6, 2. / 3, 1},
		// All equal: one threshold, everything GROUP: AUC half, AP and
		// precision the prevalence 1/4, so precision .5 is never reached: 0.
		{"constant", []float64{1, 1, 1, 1}, []bool{true, false, false, false}, nil, .5, .25, .5, 0},
		{"perfect", []float64{.9, .8, .2, .1}, []bool{true, true, false, false}, nil, 1, 1, 1, 1},
		{"reversed", []float64{.9, .8, .2, .1}, []bool{false, false, true, true}, nil, 0, (1./3 + 2./4) / 2, .9, 0},
		// A tie of a positive and a negative at the top: couples (tie) .5,
		// (top pos, low neg) 1, (low pos, top neg) 0, (low pos, low neg) tie
		// .5: 2/4. AP: 1/2*1/2 + 1/2*2/4 = 1/2.
		{"ties", []float64{2, 2, 1, 1}, []bool{true, false, true, false}, nil, .5, .5, .5, 1},
		// Weights stand for copies: pos .9 twice, neg .5 three times, pos .1
		// once. AUC = (2*3 + 0)/(3*3) = 2/3. AP = 2/3*1 + 1/3*3/6 = 5/6.
		{"weights", []float64{.9, .5, .1}, []bool{true, false, true}, []float64{2, 3, 1}, 2. / 3, 5. / 6, .6, 2. / 3},
		// Not monotone: after a false first pair precision climbs back to 4/5.
		{"climbing precision", []float64{5, 4, 3, 2, 1}, []bool{false, true, true, true, true}, nil, 0, (1./2 + 2./3 + 3./4 + 4./5) / 4, .8, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			auc, ok := ROCAUC(tt.scores, tt.labels, tt.weights)
			if !ok || !near(auc, tt.auc) {
				t.Errorf("ROCAUC = %v, %v, want %v", auc, ok, tt.auc)
			}
			ap, ok := AveragePrecision(tt.scores, tt.labels, tt.weights)
			if !ok || !near(ap, tt.ap) {
				t.Errorf("AveragePrecision = %v, %v, want %v", ap, ok, tt.ap)
			}
			r, ok := RecallAtPrecision(tt.scores, tt.labels, tt.weights, tt.at)
			if !ok || !near(r, tt.recallAt) {
				t.Errorf("RecallAtPrecision(%v) = %v, %v, want %v", tt.at, r, ok, tt.recallAt)
			}
		})
	}
}

func TestUndefined(t *testing.T) {
	scores := []float64{1, 2}
	for _, labels := range [][]bool{{true, true}, {false, false}} {
		if v, ok := ROCAUC(scores, labels, nil); ok {
			t.Errorf("ROCAUC of one class = %v, want none", v)
		}
	}
	if v, ok := AveragePrecision(scores, []bool{false, false}, nil); ok {
		t.Errorf("AveragePrecision without positives = %v", v)
	}
	if v, ok := RecallAtPrecision(scores, []bool{false, false}, nil, .9); ok {
		t.Errorf("RecallAtPrecision without positives = %v", v)
	}
	// A positive of no weight is no positive.
	if v, ok := ROCAUC(scores, []bool{true, false}, []float64{0, 1}); ok {
		t.Errorf("ROCAUC with a weightless positive = %v", v)
	}
	for name, c := range map[string]func() (float64, bool){
		"PrecisionGroup":    Confusion{FN: 1, TN: 1}.PrecisionGroup,
		"RecallGroup":       Confusion{FP: 1, TN: 1}.RecallGroup,
		"PrecisionSeparate": Confusion{FP: 1, TP: 1}.PrecisionSeparate,
		"RecallSeparate":    Confusion{FN: 1, TP: 1}.RecallSeparate,
		"GroupRate":         Confusion{}.GroupRate,
	} {
		if v, ok := c(); ok {
			t.Errorf("%s = %v, want none", name, v)
		}
	}
}

func TestConfusion(t *testing.T) {
	c := Confusion{TP: 6, FP: 2, FN: 3, TN: 9}
	for name, want := range map[string]float64{"pg": 6. / 8, "rg": 6. / 9, "ps": 9. / 12, "rs": 9. / 11, "rate": 8. / 20} {
		got, ok := map[string]func() (float64, bool){
			"pg": c.PrecisionGroup, "rg": c.RecallGroup, "ps": c.PrecisionSeparate, "rs": c.RecallSeparate, "rate": c.GroupRate,
		}[name]()
		if !ok || !near(got, want) {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
}

func TestPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"NaN score":         func() { Descending([]float64{math.NaN()}) },
		"length":            func() { ROCAUC([]float64{1}, nil, nil) },
		"target 0":          func() { NewSweep(0) },
		"target above 1":    func() { NewSweep(1.1) },
		"no tied cluster":   func() { HitWithin(1, 0, 0) },
		"no bins":           func() { EqualMassBins(nil, 0) },
		"gap in groups":     func() { NewContingency([]int{0, 2, 2}, []int{0, 0, 0}) },
		"negative cluster":  func() { NewContingency([]int{0}, []int{-1}) },
		"partition lengths": func() { NewContingency([]int{0}, nil) },
		"cell counts":       func() { NewContingency([]int{0}, []int{0}).Agreement(Multiplicity{}, []int{1, 1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// scored draws labelled scores with many ties and weights.
func scored(t *rapid.T) (scores []float64, labels []bool, weights []float64) {
	n := rapid.IntRange(2, 60).Draw(t, "n")
	for range n {
		scores = append(scores, float64(rapid.IntRange(0, 12).Draw(t, "score"))/12)
		labels = append(labels, rapid.Bool().Draw(t, "label"))
		weights = append(weights, float64(rapid.IntRange(0, 4).Draw(t, "weight")))
	}
	return scores, labels, weights
}

// slowAUC compares every positive with every negative.
func slowAUC(scores []float64, labels []bool, weights []float64) float64 {
	var right, all float64
	for i := range scores {
		for j := range scores {
			if !labels[i] || labels[j] {
				continue
			}
			w := weights[i] * weights[j]
			all += w
			switch {
			case scores[i] > scores[j]:
				right += w
			case scores[i] == scores[j]:
				right += w / 2
			}
		}
	}
	return right / all
}

// slowCurve tries every score as a threshold and counts from scratch.
func slowCurve(scores []float64, labels []bool, weights []float64, target float64) (ap, recallAt float64) {
	thresholds := slices.Clone(scores)
	slices.Sort(thresholds)
	thresholds = slices.Compact(thresholds)
	slices.Reverse(thresholds)
	before := 0.
	for _, threshold := range thresholds {
		var tp, fp, positives float64
		for i := range scores {
			if labels[i] {
				positives += weights[i]
			}
			if scores[i] >= threshold {
				if labels[i] {
					tp += weights[i]
				} else {
					fp += weights[i]
				}
			}
		}
		if tp+fp == 0 {
			continue
		}
		recall := tp / positives
		ap += (recall - before) * tp / (tp + fp)
		before = recall
		if tp/(tp+fp) >= target-1e-12 {
			recallAt = max(recallAt, recall)
		}
	}
	return ap, recallAt
}

func TestSweepAgainstSlowReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores, labels, weights := scored(t)
		target := rapid.SampledFrom([]float64{.5, .75, .9, .97, 1}).Draw(t, "target")
		if auc, ok := ROCAUC(scores, labels, weights); ok {
			if want := slowAUC(scores, labels, weights); !near(auc, want) {
				t.Fatalf("ROCAUC = %v, want %v", auc, want)
			}
		}
		ap, ok := AveragePrecision(scores, labels, weights)
		if !ok {
			return
		}
		recall, _ := RecallAtPrecision(scores, labels, weights, target)
		wantAP, wantRecall := slowCurve(scores, labels, weights, target)
		if !near(ap, wantAP) || !near(recall, wantRecall) {
			t.Fatalf("AP %v, recall %v; want %v, %v", ap, recall, wantAP, wantRecall)
		}
	})
}

// gonum's ROC and its trapezoids are an independent way to the same area.
func TestAUCAgainstGonum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores, labels, weights := scored(t)
		auc, ok := ROCAUC(scores, labels, weights)
		if !ok {
			return
		}
		stat.SortWeightedLabeled(scores, labels, weights)
		tpr, fpr, _ := stat.ROC(nil, scores, labels, weights)
		if want := integrate.Trapezoidal(fpr, tpr); !near(auc, want) {
			t.Fatalf("ROCAUC = %v, gonum %v", auc, want)
		}
	})
}

func TestSweepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores, labels, weights := scored(t)
		auc, ok := ROCAUC(scores, labels, weights)
		if !ok {
			return
		}
		turned := make([]float64, len(scores))
		squeezed := make([]float64, len(scores))
		for i, s := range scores {
			turned[i] = -s
			squeezed[i] = math.Exp(3 * s)
		}
		if back, _ := ROCAUC(turned, labels, weights); !near(back, 1-auc) {
			t.Fatalf("AUC %v, of turned scores %v", auc, back)
		}
		ap, _ := AveragePrecision(scores, labels, weights)
		for _, f := range []struct{ got, want float64 }{
			{first(ROCAUC(squeezed, labels, weights)), auc},
			{first(AveragePrecision(squeezed, labels, weights)), ap},
		} {
			if !near(f.got, f.want) {
				t.Fatalf("a monotone map of the scores moved %v to %v", f.want, f.got)
			}
		}
		last := 1.
		for _, target := range []float64{.1, .5, .9, 1} {
			r := first(RecallAtPrecision(scores, labels, weights, target))
			if r < 0 || r > last+tolerance {
				t.Fatalf("recall %v at precision %v, %v at a lower one", r, target, last)
			}
			last = r
		}
		if auc < 0 || auc > 1 || ap <= 0 || ap > 1 {
			t.Fatalf("AUC %v or AP %v out of range", auc, ap)
		}
	})
}

func first(v float64, _ bool) float64 { return v }

func BenchmarkSweep(b *testing.B) {
	s := NewSweep(.99, .97, .95, .9)
	for b.Loop() {
		s.Reset()
		for k := range 100_000 {
			s.Add(float64(k&1), float64(1-k&1))
		}
	}
}
