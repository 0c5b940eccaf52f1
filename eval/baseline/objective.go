package baseline

import (
	"context"
	"math"

	"whorl/eval"
	"whorl/eval/metric"
)

// meanObjective returns the mean of the objective over projects, or NaN once
// the context is done.
func meanObjective(ctx context.Context, scorer eval.Scorer, sets []tuningSet) float64 {
	var sum float64
	for i := range sets {
		if ctx.Err() != nil {
			return math.NaN()
		}
		sum += projectObjective(sets[i].start(scorer), sets[i].groups)
	}
	return sum / float64(len(sets))
}

// projectObjective returns average precision over all pairs plus MAP and
// "new or seen" ROC-AUC of retrieval, each in [0,1]. Every item is a query
// against all earlier ones. Frequencies are those of the whole project
// throughout. The project has a pair of one group and one of two.
func projectObjective(p eval.Project, groups []int) float64 {
	n := len(groups)
	scores := make([]float64, 0, n*(n-1)/2)
	same := make([]bool, 0, n*(n-1)/2)
	tops := make([]float64, 0, n-1)
	seen := make([]bool, 0, n-1)
	var reciprocal float64
	queries := 0
	best := make(map[int]float64) // score of each earlier group
	for i := 1; i < n; i++ {
		clear(best)
		top := math.Inf(-1)
		for j := range i {
			s := p.Score(i, j)
			scores = append(scores, s)
			same = append(same, groups[i] == groups[j])
			top = max(top, s)
			if b, ok := best[groups[j]]; !ok || s > b {
				best[groups[j]] = s
			}
		}
		own, ok := best[groups[i]]
		tops, seen = append(tops, top), append(seen, ok)
		if !ok {
			continue
		}
		better, tied := 0, 0
		for _, s := range best {
			switch {
			case s > own:
				better++
			case s == own:
				tied++
			}
		}
		queries++
		reciprocal += metric.ReciprocalRank(better, tied)
	}
	ap, _ := metric.AveragePrecision(scores, same, nil)
	auc, ok := metric.ROCAUC(tops, seen, nil)
	if !ok {
		auc = 0.5 // every query is seen, or every one is new: nothing to tell
	}
	return ap + reciprocal/float64(queries) + auc
}
