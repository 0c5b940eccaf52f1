package eval

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"whorl/eval/metric"
	"whorl/eval/result"
)

// The figures of a resample, computed from the definition: a pair within a
// drawn group weighs its multiplicity, a pair of two groups the product; with
// projects a pair weighs its project's multiplicity.
func TestResampledFiguresAgainstSlowReference(t *testing.T) {
	for _, projects := range []int{3, 5} {
		ds := generated(40, projects, 60, 8)
		scorer := noisy("model", "model", .7, .6)
		var scored *ScoredPairs
		options, err := Options{Resamples: 25, Seed: 9, PairCap: 700, Scored: func(s *ScoredPairs) error { scored = s; return nil }}.withDefaults([]Scorer{scorer})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), ds, []Scorer{scorer}, options); err != nil {
			t.Fatal(err)
		}
		c := newCorpus(ds)
		u := newUnits(c)
		m := make([]float64, u.n+1)
		u.draw(m, 9, ds.Name, 17)
		// of returns the multiplicity of an item's group or project.
		of := func(p, i int32) float64 { return m[u.of[p][i]] }

		set, err := newPairSet(context.Background(), c, u, &options, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := set.score(context.Background(), []Scorer{scorer}, &options, nil); err != nil {
			t.Fatal(err)
		}
		sh := &sheet{}
		if err := evaluate(context.Background(), newPairsJudge(set, set.views(u), 0, projects == 3, options.PrecisionTargets), u, ds.Name, &options, sh, nil); err != nil {
			t.Fatal(err)
		}
		drawn := func(sh *sheet, slice, name string) float64 {
			for k, c := range sh.columns {
				if c.slice == slice && c.metric == name {
					return sh.draws[17][k]
				}
			}
			t.Fatalf("no column %s %s", slice, name)
			return 0
		}
		for _, slice := range []string{"all", "kind:1", "length:long"} {
			var scores, weights []float64
			var labels []bool
			var confusion metric.Confusion
			for k := range scored.Len() {
				p, a, b := scored.Project[k], scored.A[k], scored.B[k]
				items := ds.Projects[p]
				in := slice == "all" || slices.Contains(items.Slices[a], slice) || slices.Contains(items.Slices[b], slice)
				if slice == "length:long" {
					long := func(i int32) bool {
						return len(items.Items[i].Event.Exceptions) > 0 && len(items.Items[i].Event.Exceptions[0].Frames) >= 40
					}
					in = long(a) || long(b)
				}
				if !in {
					continue
				}
				w := scored.Weight[k] * of(p, a)
				if !scored.Same[k] && projects < 5 {
					w *= of(p, b)
				}
				scores, labels, weights = append(scores, scored.Scores[0][k]), append(labels, scored.Same[k]), append(weights, w)
				switch same, joined := scored.Same[k], scored.Scores[0][k] >= .6; {
				case same && joined:
					confusion.TP += w
				case same:
					confusion.FN += w
				case joined:
					confusion.FP += w
				}
			}
			auc, _ := metric.ROCAUC(scores, labels, weights)
			ap, _ := metric.AveragePrecision(scores, labels, weights)
			recall, _ := metric.RecallAtPrecision(scores, labels, weights, .97)
			precision, _ := confusion.PrecisionGroup()
			found, _ := confusion.RecallGroup()
			for name, want := range map[string]float64{
				metricROCAUC: auc, metricAveragePrecision: ap, "recall_at_precision_0.97": recall,
				metricPrecisionGroup: precision, metricRecallGroup: found,
			} {
				if got := drawn(sh, slice, name); !near(got, want) {
					t.Errorf("%d projects, %s %s: %v, want %v", projects, slice, name, got, want)
				}
			}
		}

		walks, err := walks(context.Background(), c, []Scorer{scorer}, &options, true, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		retrieval, replay := &sheet{}, &sheet{}
		if err := evaluate(context.Background(), newRetrievalJudge(c, u, eventViews(c, u, true), walks[0]), u, ds.Name, &options, retrieval, nil); err != nil {
			t.Fatal(err)
		}
		if err := evaluate(context.Background(), newReplayJudge(c, u, eventViews(c, u, false), walks[0], nil), u, ds.Name, &options, replay, nil); err != nil {
			t.Fatal(err)
		}
		var rr, seen, precision, mass float64
		var means []float64
		var meanWeights []float64
		for k := range ds.Projects {
			w := walks[0][k]
			var own, ownMass float64
			for i := range w.seen {
				wi := of(int32(k), int32(i))
				if w.seen[i] {
					seen += wi
					if w.reached[i] {
						rr += wi * metric.ReciprocalRank(w.better[i], w.tied[i])
					}
				}
				var same, inCluster float64
				for j := range w.seen {
					if w.clusters[i] != w.clusters[j] {
						continue
					}
					if ds.Projects[k].Groups[i] == ds.Projects[k].Groups[j] {
						same++
						inCluster++
					} else if projects < 5 {
						inCluster += of(int32(k), int32(j))
					} else {
						inCluster++
					}
				}
				own += wi * same / inCluster
				ownMass += wi
			}
			precision += own
			mass += ownMass
			if ownMass > 0 {
				means = append(means, own/ownMass)
				if projects < 5 {
					meanWeights = append(meanWeights, 1)
				} else {
					meanWeights = append(meanWeights, of(int32(k), 0))
				}
			}
		}
		var mean, all float64
		for k, x := range means {
			mean += meanWeights[k] * x
			all += meanWeights[k]
		}
		for _, f := range []struct {
			got, want float64
			name      string
		}{
			{drawn(retrieval, "all", metricMRR), rr / seen, metricMRR},
			{drawn(replay, "all", metricBCubedPrecision), precision / mass, metricBCubedPrecision},
			{drawn(replay, result.SliceProjectsMean, metricBCubedPrecision), mean / all, "mean " + metricBCubedPrecision},
		} {
			if !near(f.got, f.want) {
				t.Errorf("%d projects, %s: %v, want %v", projects, f.name, f.got, f.want)
			}
		}
	}
}

func TestDrawKeepsStrata(t *testing.T) {
	for _, projects := range []int{2, 7} {
		u := newUnits(newCorpus(generated(41, projects, 50, 9)))
		mean := make([]float64, u.n)
		const draws = 2000
		m := make([]float64, u.n+1)
		for r := range draws {
			u.draw(m, 3, "d", r)
			if m[u.n] != 1 {
				t.Fatal("the partner of single units is not 1")
			}
			for _, s := range u.strata {
				var sum float64
				for x := s[0]; x < s[1]; x++ {
					sum += m[x]
					mean[x] += m[x] / draws
				}
				if sum != float64(s[1]-s[0]) {
					t.Fatalf("a stratum of %d units holds %v", s[1]-s[0], sum)
				}
			}
		}
		for x, v := range mean { // standard error below .023
			if math.Abs(v-1) > .1 {
				t.Errorf("unit %d is drawn %v times on average", x, v)
			}
		}
	}
}

func TestInterval(t *testing.T) {
	draws := make([]float64, 1000)
	for i := range draws {
		draws[i] = float64(i + 1)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(draws), func(i, j int) { draws[i], draws[j] = draws[j], draws[i] })
	// 2.5 % of 1..1000 is 25, 97.5 % is 975.
	if low, high, ok := interval(slices.Clone(draws)); !ok || math.Abs(low-25) > 1 || math.Abs(high-975) > 1 {
		t.Errorf("interval [%v,%v], %v", low, high, ok)
	}
	for missing, want := range map[int]bool{100: true, 101: false} {
		some := slices.Clone(draws)
		for i := range missing {
			some[i] = math.NaN()
		}
		if _, _, ok := interval(some); ok != want {
			t.Errorf("%d of 1000 undefined: ok is %v", missing, ok)
		}
	}
	if _, _, ok := interval(nil); ok {
		t.Error("an interval of nothing")
	}
}

// Over many datasets of one kind the interval of a pooled figure must hold the
// figure of all of them together about as often as it says. Percentile
// intervals over few groups are known to be short; much less would be a fault.
func TestIntervalCoverage(t *testing.T) {
	const sets = 120
	var figures []result.Figure
	var mean float64
	for k := range sets {
		ds := generated(uint64(1000+k), 5, 12, 4)
		for p := range ds.Projects { // projects differ, and so do datasets
			for i := range ds.Projects[p].Items {
				ds.Projects[p].Items[i].Event.ID = string(rune('a'+k%26)) + string(rune('a'+k/26)) + ds.Projects[p].Items[i].Event.ID
			}
		}
		out := run(t, ds, Options{Resamples: 200, Protocols: []string{result.ProtocolPairs}}, noisy("model", "model", .75, .5))
		f := figure(t, out, result.ProtocolPairs, "model", result.SliceProjectsMean, metricROCAUC)
		if f.Value == nil || f.Low == nil {
			t.Fatalf("%s", asJSON(t, f))
		}
		figures = append(figures, f)
		mean += *f.Value / sets
	}
	held := 0
	for _, f := range figures {
		if *f.Low <= mean && mean <= *f.High {
			held++
		}
	}
	if share := float64(held) / sets; share < .7 || share == 1 {
		t.Errorf("the interval holds the mean in %v of the datasets", share)
	}
}

func TestNoIntervalFromOneGroup(t *testing.T) {
	ds := timeline([]int{0, 1, 2, 3}, []int{0, 0, 0, 0})
	out := run(t, ds, Options{Resamples: 20}, perfect("model", "model"))
	for _, f := range out.Figures {
		if f.Low != nil {
			t.Errorf("an interval from one group: %s", asJSON(t, f))
		}
	}
	if !slices.ContainsFunc(out.Warnings, func(w result.Warning) bool { return w.Code == "no_intervals" }) {
		t.Error("no warning")
	}
}
