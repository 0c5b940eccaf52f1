package metric

import (
	"fmt"
	"math"
	"slices"
)

// precisionSlack keeps a precision that equals its target from failing by a
// rounding error in the sum of weights.
const precisionSlack = 1e-12

// Sweep lowers a threshold from the highest score to the lowest and collects
// what the curve says on the way. The caller adds one step for each distinct
// score: pairs of equal score fall on the same side of every threshold, so
// they move together. The zero value is ready and has no precision targets.
type Sweep struct {
	tp, fp  float64 // mass at or above the threshold
	area    float64 // mass of (positive, negative) couples in the right order, ties half
	gain    float64 // sum of positive mass times the precision at its step
	targets []float64
	found   []float64 // positive mass at the lowest threshold that holds targets[k]
}

// NewSweep returns a sweep that also watches the given precisions, each in
// (0,1].
func NewSweep(targets ...float64) *Sweep {
	for _, t := range targets {
		if !(t > 0 && t <= 1) {
			panic(fmt.Sprintf("metric: precision target %v is not in (0,1]", t))
		}
	}
	return &Sweep{targets: targets, found: make([]float64, len(targets))}
}

// Reset begins a new sweep with the same targets.
func (s *Sweep) Reset() {
	s.tp, s.fp, s.area, s.gain = 0, 0, 0, 0
	clear(s.found)
}

// Add lowers the threshold to the next distinct score, at which pairs of
// weight pos that are GROUP and neg that are SEPARATE stand. Neighbouring
// steps without positives may as well be added as one.
func (s *Sweep) Add(pos, neg float64) {
	s.area += neg * (s.tp + pos/2)
	s.fp += neg
	if pos == 0 {
		return // no recall gained, and no precision reached that was not before
	}
	s.tp += pos
	s.gain += pos * s.tp / (s.tp + s.fp)
	for k, t := range s.targets {
		if s.tp >= t*(s.tp+s.fp)*(1-precisionSlack) {
			s.found[k] = s.tp
		}
	}
}

// ROCAUC returns the area under the receiver operating characteristic: the
// chance that a positive scores above a negative, equal scores counting half
// (Hanley and McNeil, Radiology 143, 1982). Range [0,1]; not ok without
// positives or without negatives.
func (s *Sweep) ROCAUC() (auc float64, ok bool) {
	if !(s.tp > 0 && s.fp > 0) {
		return 0, false
	}
	return min(1, s.area/(s.tp*s.fp)), true
}

// AveragePrecision returns the sum over thresholds of the recall gained times
// the precision there, without interpolation (the definition of trec_eval and
// scikit-learn). Pairs of equal score share the precision of their step. Range
// (0,1]; a constant score yields the share of positives. Not ok without
// positives.
func (s *Sweep) AveragePrecision() (ap float64, ok bool) {
	if !(s.tp > 0) {
		return 0, false
	}
	return min(1, s.gain/s.tp), true
}

// RecallAtPrecision returns the greatest recall over all thresholds whose
// precision is at least target k of [NewSweep]. Where no threshold reaches the
// target the recall is 0, and that is a real 0: at that precision the scorer
// finds nothing. Not ok without positives.
func (s *Sweep) RecallAtPrecision(k int) (recall float64, ok bool) {
	if !(s.tp > 0) {
		return 0, false
	}
	return s.found[k] / s.tp, true
}

// Steps calls visit once for each distinct score, from the highest to the
// lowest, with the positive and negative weight that stands there. Nil weights
// count each element once. Scores may be infinite; it panics on NaN and on
// slices of different length.
func Steps(scores []float64, labels []bool, weights []float64, visit func(score, pos, neg float64)) {
	order := Descending(scores)
	if len(labels) != len(scores) || weights != nil && len(weights) != len(scores) {
		panic(fmt.Sprintf("metric: %d scores, %d labels and %d weights", len(scores), len(labels), len(weights)))
	}
	for at := 0; at < len(order); {
		score := scores[order[at]]
		var mass [2]float64
		for ; at < len(order) && scores[order[at]] == score; at++ {
			w := 1.0
			if weights != nil {
				w = weights[order[at]]
			}
			if labels[order[at]] {
				mass[1] += w
			} else {
				mass[0] += w
			}
		}
		visit(score, mass[1], mass[0])
	}
}

// Descending returns the indexes of scores from the highest to the lowest,
// equal scores by index. It panics on NaN.
func Descending(scores []float64) []int32 {
	order := make([]int32, len(scores))
	for i, s := range scores {
		if math.IsNaN(s) {
			panic(fmt.Sprintf("metric: score %d is NaN", i))
		}
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch x, y := scores[a], scores[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return int(a - b)
	})
	return order
}

// ROCAUC is [Sweep.ROCAUC] of unsorted scores; labels are true for GROUP.
func ROCAUC(scores []float64, labels []bool, weights []float64) (auc float64, ok bool) {
	return sweep(scores, labels, weights).ROCAUC()
}

// AveragePrecision is [Sweep.AveragePrecision] of unsorted scores.
func AveragePrecision(scores []float64, labels []bool, weights []float64) (ap float64, ok bool) {
	return sweep(scores, labels, weights).AveragePrecision()
}

// RecallAtPrecision is [Sweep.RecallAtPrecision] of unsorted scores.
func RecallAtPrecision(scores []float64, labels []bool, weights []float64, target float64) (recall float64, ok bool) {
	return sweep(scores, labels, weights, target).RecallAtPrecision(0)
}

func sweep(scores []float64, labels []bool, weights []float64, targets ...float64) *Sweep {
	s := NewSweep(targets...)
	Steps(scores, labels, weights, func(_, pos, neg float64) { s.Add(pos, neg) })
	return s
}
