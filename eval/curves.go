package eval

import (
	"math"

	"whorl/eval/metric"
	"whorl/eval/result"
)

// Kinds of curves, all of the pairs protocol and the slice all.
const (
	curvePrecisionRecall = "precision_recall"
	curveThresholdSweep  = "threshold_sweep"
	curveReliability     = "reliability"
)

// curves returns scorer s's curves; those that are undefined are left out.
func (set *pairSet) curves(s int, calibrate bool) []result.Curve {
	var steps []step
	var total metric.Confusion
	metric.Steps(set.Scores[s], set.Same, set.Weight, func(score, pos, neg float64) {
		total.TP += pos
		total.FP += neg
		steps = append(steps, step{score, pos, neg, total})
	})
	for k := range steps {
		at := &steps[k].at
		at.FN, at.TN = max(0, total.TP-at.TP), max(0, total.FP-at.FP)
	}
	if !(total.TP > 0 && total.FP > 0) {
		return nil
	}
	var list []result.Curve
	add := func(kind string, points [][]float64, fields ...string) {
		if len(points) > 0 {
			list = append(list, result.Curve{
				Dataset: set.Dataset.Name, DatasetVersion: set.Dataset.Version, Protocol: result.ProtocolPairs,
				Scorer: set.Scorers[s], Slice: result.SliceAll, Kind: kind, Fields: fields, Points: points,
			})
		}
	}
	add(curvePrecisionRecall, precisionRecall(steps), "threshold", "precision_group", "recall_group")
	if calibrate {
		add(curveReliability, reliability(steps), "mean_score", "share_group", "share_pairs")
	}
	add(curveThresholdSweep, thresholdSweep(steps),
		"threshold", "group_rate", "precision_group", "recall_group", "precision_separate", "recall_separate")
	return list
}

// step is a distinct score, the pairs that have it and the confusion when it
// is the threshold.
type step struct {
	score, pos, neg float64
	at              metric.Confusion
}

// thin keeps the lowest threshold of each cell; cells, in [0, MaxPoints), do
// not decrease from step to step. Infinite thresholds cannot be plotted.
func thin(steps []step, cell func(step) int) []step {
	var kept []step
	last := -1
	for _, s := range steps {
		if math.IsInf(s.score, 0) {
			continue
		}
		c := min(max(cell(s), last), result.MaxPoints-1)
		if c == last {
			kept[len(kept)-1] = s
		} else {
			kept = append(kept, s)
		}
		last = c
	}
	return kept
}

// precisionRecall is thinned to equal distances of recall.
func precisionRecall(steps []step) (points [][]float64) {
	kept := thin(steps, func(s step) int {
		recall, _ := s.at.RecallGroup()
		return int(recall * (result.MaxPoints - 1))
	})
	for _, s := range kept {
		precision, _ := s.at.PrecisionGroup()
		recall, _ := s.at.RecallGroup()
		points = append(points, []float64{s.score, precision, recall})
	}
	return points
}

// thresholdSweep is thinned to equal distances of the threshold. The last
// threshold, at which every pair is GROUP, has no precision of SEPARATE and is
// left out.
func thresholdSweep(steps []step) (points [][]float64) {
	var high, low float64
	first := true
	for _, s := range steps {
		if math.IsInf(s.score, 0) {
			continue
		}
		if first {
			high, first = s.score, false
		}
		low = s.score
	}
	kept := thin(steps[:len(steps)-1], func(s step) int {
		return int((high - s.score) / (high - low) * (result.MaxPoints - 1))
	})
	for _, s := range kept {
		rate, _ := s.at.GroupRate()
		precision, _ := s.at.PrecisionGroup()
		recall, _ := s.at.RecallGroup()
		precisionSeparate, ok := s.at.PrecisionSeparate()
		recallSeparate, _ := s.at.RecallSeparate()
		if ok {
			points = append(points, []float64{s.score, rate, precision, recall, precisionSeparate, recallSeparate})
		}
	}
	return points
}

// reliability sets the mean score of each calibration bin against the share of
// GROUP pairs in it, from the lowest scores up.
func reliability(steps []step) (points [][]float64) {
	mass := make([]float64, len(steps))
	var all float64
	for k, s := range steps {
		mass[k] = s.pos + s.neg
		all += mass[k]
	}
	var bins [calibrationBins]metric.Bin
	for k, b := range metric.EqualMassBins(mass, calibrationBins) {
		bins[b].Mass += mass[k]
		bins[b].Score += mass[k] * steps[k].score
		bins[b].Positive += steps[k].pos
	}
	for b := len(bins) - 1; b >= 0; b-- {
		if m := bins[b].Mass; m > 0 {
			points = append(points, []float64{bins[b].Score / m, bins[b].Positive / m, m / all})
		}
	}
	return points
}
