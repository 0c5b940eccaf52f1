package baseline

import (
	"fmt"

	"whorl/eval"
	"whorl/eval/metric"
	"whorl/features"
)

// leastPairs is how many pairs of one group, and of two, a platform needs for
// a threshold of its own.
const leastPairs = 30

// pairScores are scored pairs and whether each is of one group.
type pairScores struct {
	scores []float64
	same   []bool
}

func (p *pairScores) add(score float64, same bool) {
	p.scores = append(p.scores, score)
	p.same = append(p.same, same)
}

func (p *pairScores) append(q *pairScores) {
	p.scores = append(p.scores, q.scores...)
	p.same = append(p.same, q.same...)
}

// enough reports whether there are pairs of both kinds to choose on.
func (p *pairScores) enough(least int) bool {
	positives := 0
	for _, same := range p.same {
		if same {
			positives++
		}
	}
	return positives >= least && len(p.same)-positives >= least
}

// platformPairs are pairs by the platform of the later event, whose threshold
// decides.
type platformPairs map[features.Platform]*pairScores

// scorePairs scores all pairs of a set.
func scorePairs(scorer eval.Scorer, s *tuningSet) platformPairs {
	p := s.start(scorer)
	out := make(platformPairs)
	for i := range s.items {
		platform := s.items[i].Record.Platform
		pairs := out[platform]
		if pairs == nil {
			pairs = new(pairScores)
			out[platform] = pairs
		}
		for j := range i {
			pairs.add(p.Score(i, j), s.groups[i] == s.groups[j])
		}
	}
	return out
}

// chooseThresholds returns the fallback threshold over all pairs and one for
// each platform with enough of them. Projects are pooled. A platform whose
// pairs have nothing in common has none of its own, and the fallback may be
// missing for that reason.
func chooseThresholds(scored []platformPairs, target, least float64) (map[string]float64, []string) {
	var all pairScores
	thresholds := make(map[string]float64)
	var notes []string
	choose := func(name, label string, pairs *pairScores) {
		c, ok := choosePoint(pairs, target, least)
		if !ok {
			return
		}
		thresholds[name] = c.threshold
		if !c.reached {
			notes = append(notes, fmt.Sprintf("%s: no threshold reaches a precision of %v on training pairs; the best F0.5 has precision %.3f and recall %.3f", label, target, c.precision, c.recall))
		}
	}
	for _, platform := range features.Platforms() {
		var pairs pairScores
		for _, project := range scored {
			if p := project[platform]; p != nil {
				pairs.append(p)
			}
		}
		all.append(&pairs)
		if pairs.enough(leastPairs) {
			choose(platform.String(), platform.String(), &pairs)
		}
	}
	choose("", "all platforms", &all)
	return thresholds, notes
}

// point is an operating point.
type point struct {
	threshold         float64
	precision, recall float64
	reached           bool // the target precision
}

// choosePoint returns the lowest threshold whose precision reaches the target,
// or that of the best F0.5, the higher among equals. Only scores above least
// are thresholds: a pair scored least has nothing in common. A threshold lies
// halfway to the next lower score, so that rounding cannot part equal pairs. ok
// is false when no pair of one group scores above least.
func choosePoint(pairs *pairScores, target, least float64) (_ point, ok bool) {
	var positives, tp, fp float64
	for _, same := range pairs.same {
		if same {
			positives++
		}
	}
	var reached, best point
	bestF := -1.0
	pending := []*point(nil) // points whose threshold waits for the next score
	metric.Steps(pairs.scores, pairs.same, nil, func(score, pos, neg float64) {
		for _, p := range pending {
			p.threshold += (max(score, least) - p.threshold) / 2
		}
		pending = pending[:0]
		if score <= least {
			return
		}
		tp, fp = tp+pos, fp+neg
		at := point{threshold: score, precision: tp / (tp + fp), recall: tp / positives}
		if at.precision >= target && tp > 0 {
			at.reached = true
			reached = at
			pending = append(pending, &reached)
		}
		if f := 1.25 * tp / (1.25*tp + 0.25*(positives-tp) + fp); tp > 0 && f > bestF {
			bestF, best = f, at
			pending = append(pending, &best)
		}
	})
	for _, p := range pending {
		p.threshold += (least - p.threshold) / 2
	}
	if reached.reached {
		return reached, true
	}
	return best, tp > 0
}
