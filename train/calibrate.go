package train

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"whorl/features"
	"whorl/model"
)

// minTuning is how many positive and how many negative samples a platform
// needs for a calibration or a threshold of its own.
const minTuning = 100

// shrinkage is the weight of the global calibration in a platform's own, in
// pairs of the kind near the boundary.
const shrinkage = 50

// sample is something scored and its truth: a pair or a query and a cluster.
type sample struct {
	margin   float64
	same     bool
	weight   float64
	platform features.Platform
}

// samples returns the tuning pairs, weighed so that every project counts alike.
func (f *fitting) samples() []sample {
	weight := f.projectWeights()
	out := make([]sample, len(f.tuning))
	for i := range f.tuning {
		t := &f.tuning[i]
		out[i] = sample{t.margin, t.same, weight[i], f.platformOf(t)}
	}
	return out
}

// calibrate fits a sigmoid from margin to probability for all platforms
// together, then one for each platform with enough samples, pulled towards the
// global one. Without samples of both kinds ok is false.
func calibrate(samples []sample) (fallback model.Calibration, own map[features.Platform]model.Calibration, ok bool, err error) {
	own = map[features.Platform]model.Calibration{}
	counts := map[features.Platform][2]int{}
	var all [2]int
	for i := range samples {
		k := 0
		if samples[i].same {
			k = 1
		}
		c := counts[samples[i].platform]
		c[k]++
		all[k]++
		counts[samples[i].platform] = c
	}
	if all[0] == 0 || all[1] == 0 {
		return model.Calibration{Kind: model.Sigmoid, A: 1}, own, false, nil
	}
	a, b, err := sigmoid(samples, 1, 0, 0)
	if err != nil {
		return fallback, own, false, err
	}
	for _, p := range features.Platforms() {
		if c := counts[p]; c[0] < minTuning || c[1] < minTuning {
			continue
		}
		var chosen []sample
		for i := range samples {
			if samples[i].platform == p {
				chosen = append(chosen, samples[i])
			}
		}
		pa, pb, err := sigmoid(chosen, a, b, shrinkage)
		if err != nil {
			return fallback, own, false, fmt.Errorf("platform %s: %w", p, err)
		}
		own[p] = model.Calibration{Kind: model.Sigmoid, A: pa, B: pb}
	}
	return model.Calibration{Kind: model.Sigmoid, A: a, B: b}, own, true, nil
}

// platformOf returns the platform whose calibration judges a pair.
func (f *fitting) platformOf(t *tuningPair) features.Platform {
	p := f.projects[t.project]
	return model.PairPlatform(p.records[t.a].Platform, p.records[t.b].Platform)
}

// sigmoid minimises the weighted log loss of 1/(1+exp(-(a*margin+b))) over the
// samples (Platt 1999), with a squared penalty on the distance from (a0, b0).
// The slope is fitted as its logarithm, which keeps it positive.
func sigmoid(samples []sample, a0, b0, penalty float64) (a, b float64, err error) {
	loss := sigmoidLoss(samples, a0, b0, penalty)
	problem := optimize.Problem{
		Func: func(x []float64) float64 { return loss(x, nil) },
		Grad: func(grad, x []float64) { loss(x, grad) },
	}
	// The line search may give up on the last digits and report that as an
	// error: the point it reached is the best it saw, and it is kept.
	result, err := optimize.Minimize(problem, []float64{math.Log(a0), b0},
		&optimize.Settings{GradientThreshold: 1e-4, MajorIterations: 100}, &optimize.BFGS{})
	if result == nil || math.IsNaN(result.F) {
		return 0, 0, fmt.Errorf("calibration did not converge: %v", err)
	}
	a, b = math.Exp(result.X[0]), result.X[1]
	// Samples that a margin separates drive both up without end. Scaling them
	// together keeps the boundary where it is.
	if s := max(a/100, math.Abs(b)/1000); s > 1 {
		a, b = a/s, b/s
	}
	return a, b, nil
}

// sigmoidLoss returns the loss that sigmoid minimises, at x = (ln a, b). It
// sets grad to the gradient there, if grad is not nil.
func sigmoidLoss(samples []sample, a0, b0, penalty float64) func(x, grad []float64) float64 {
	return func(x, grad []float64) float64 {
		slope := math.Exp(x[0])
		da, db := x[0]-math.Log(a0), x[1]-b0
		sum := penalty * (da*da + db*db)
		ga, gb := 2*penalty*da, 2*penalty*db
		for i := range samples {
			t := &samples[i]
			z := slope*t.margin + x[1]
			if t.same {
				z = -z // the log-odds of the wrong answer
			}
			small := math.Exp(-math.Abs(z))
			sum += t.weight * (math.Log1p(small) + max(0, z))
			if grad == nil {
				continue
			}
			e := small / (1 + small) // the probability of the wrong answer
			if z > 0 {
				e = 1 / (1 + small)
			}
			if t.same {
				e = -e
			}
			ga += t.weight * e * slope * t.margin
			gb += t.weight * e
		}
		if grad != nil {
			grad[0], grad[1] = ga, gb
		}
		return sum
	}
}
