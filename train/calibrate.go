package train

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"whorl/features"
	"whorl/model"
)

// minTuning is how many positive and how many negative tuning pairs a platform
// needs for a calibration or a threshold of its own.
const minTuning = 100

// shrinkage is the weight of the global calibration in a platform's own, in
// pairs of the kind near the boundary.
const shrinkage = 50

// calibrate fits a sigmoid from margin to probability for all platforms
// together, then one for each platform with enough tuning pairs, pulled
// towards the global one.
func (f *fitting) calibrate(parts *model.Parts) error {
	parts.Calibrations = map[features.Platform]model.Calibration{}
	weight := f.projectWeights()
	platform := make([]features.Platform, len(f.tuning))
	counts := map[features.Platform][2]int{}
	for i := range f.tuning {
		platform[i] = f.platformOf(&f.tuning[i])
		c := counts[platform[i]]
		if f.tuning[i].same {
			c[1]++
		} else {
			c[0]++
		}
		counts[platform[i]] = c
	}
	var all [2]int
	for _, c := range counts {
		all[0], all[1] = all[0]+c[0], all[1]+c[1]
	}
	if all[0] == 0 || all[1] == 0 {
		parts.Fallback = model.Calibration{Kind: model.Sigmoid, A: 1}
		f.report.warn("no_calibration", "no pairs are left to calibrate on: probabilities are the forest's own; add labelled organisations")
		return nil
	}
	a, b, err := f.sigmoid(weight, func(int) bool { return true }, 1, 0, 0)
	if err != nil {
		return err
	}
	parts.Fallback = model.Calibration{Kind: model.Sigmoid, A: a, B: b}
	for _, p := range features.Platforms() {
		if c := counts[p]; c[0] < minTuning || c[1] < minTuning {
			continue
		}
		pa, pb, err := f.sigmoid(weight, func(i int) bool { return platform[i] == p }, a, b, shrinkage)
		if err != nil {
			return fmt.Errorf("platform %s: %w", p, err)
		}
		parts.Calibrations[p] = model.Calibration{Kind: model.Sigmoid, A: pa, B: pb}
	}
	return nil
}

// platformOf returns the platform whose calibration judges a pair.
func (f *fitting) platformOf(t *tuningPair) features.Platform {
	p := f.projects[t.project]
	return model.PairPlatform(p.records[t.a].Platform, p.records[t.b].Platform)
}

// sigmoid minimises the weighted log loss of 1/(1+exp(-(a*margin+b))) over the
// chosen tuning pairs (Platt 1999), with a squared penalty on the distance from
// (a0, b0). The slope is fitted as its logarithm, which keeps it positive.
func (f *fitting) sigmoid(weight []float64, chosen func(int) bool, a0, b0, penalty float64) (a, b float64, err error) {
	loss := f.sigmoidLoss(weight, chosen, a0, b0, penalty)
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
	// Pairs that a margin separates drive both up without end. Scaling them
	// together keeps the boundary where it is.
	if s := max(a/100, math.Abs(b)/1000); s > 1 {
		a, b = a/s, b/s
	}
	return a, b, nil
}

// sigmoidLoss returns the loss that sigmoid minimises, at x = (ln a, b). It
// sets grad to the gradient there, if grad is not nil.
func (f *fitting) sigmoidLoss(weight []float64, chosen func(int) bool, a0, b0, penalty float64) func(x, grad []float64) float64 {
	return func(x, grad []float64) float64 {
		slope := math.Exp(x[0])
		da, db := x[0]-math.Log(a0), x[1]-b0
		sum := penalty * (da*da + db*db)
		ga, gb := 2*penalty*da, 2*penalty*db
		for i := range f.tuning {
			if !chosen(i) {
				continue
			}
			t := &f.tuning[i]
			z := slope*t.margin + x[1]
			sum += weight[i] * logLoss(z, t.same)
			e := 1 / (1 + math.Exp(-z))
			if t.same {
				e--
			}
			ga += weight[i] * e * slope * t.margin
			gb += weight[i] * e
		}
		if grad != nil {
			grad[0], grad[1] = ga, gb
		}
		return sum
	}
}
