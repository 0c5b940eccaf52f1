package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
)

// There are two kinds of thresholds, each the least probability that meets the
// precision target on data the fit never saw: for pairs, counted as a pair
// evaluation counts, and for joining clusters, counted over events as a replay
// counts. They differ: where nearly all pairs are negative the first asks for
// certainty although clusters stay pure far below it.
// docs/decisions.md has the numbers.

// leastJoins is how many events with an earlier, not equal event of their
// group a platform needs for a threshold of its own.
const leastJoins = 60

// joinShrinkage is how many possible joins the threshold of all platforms
// counts for in a platform's own.
const joinShrinkage = 100

// strict is the threshold where the target is out of reach.
const strict = 0.999

// pairThresholds sets the thresholds for pairs, whose calibrations are set.
func (f *fitting) pairThresholds(parts *model.Parts, samples []sample) {
	perPlatform := map[features.Platform][]judged{}
	var all []judged
	positives := map[features.Platform]int{}
	for i := range samples {
		s := &samples[i]
		c, ok := parts.Calibrations[s.platform]
		if !ok {
			c = parts.Fallback
		}
		j := judged{c.Probability(s.margin), s.same, s.weight}
		perPlatform[s.platform] = append(perPlatform[s.platform], j)
		all = append(all, j)
		if s.same {
			positives[s.platform]++
		}
	}
	target := f.params.PrecisionTarget
	choose := func(name string, pairs []judged) float64 {
		t := leastThreshold(pairs, target)
		if t == strict {
			f.report.warn("target_missed", fmt.Sprintf("%s: no threshold reaches precision %g on held-out pairs: only near certainties count as one problem; add labels or lower precision_target", name, target))
		}
		return t
	}
	parts.FallbackThreshold = choose("all platforms", all)
	parts.Thresholds = map[features.Platform]float64{}
	for _, platform := range features.Platforms() {
		if positives[platform] < minTuning {
			continue
		}
		parts.Thresholds[platform] = choose("platform "+platform.String(), perPlatform[platform])
		if _, ok := parts.Calibrations[platform]; !ok {
			parts.Calibrations[platform] = parts.Fallback // a model keeps both or none
		}
	}
}

// allPlatforms is what a warning calls the threshold of no platform's own.
const allPlatforms = "all platforms"

// joins are thresholds for joining clusters.
type joins struct {
	all       float64
	platforms map[features.Platform]float64 // of those with enough data
}

// joinThresholds returns thresholds from replays that judge as the group scorers
// of their folds do, and for whom the target is out of reach. A platform's own
// is pulled towards that of all, in log-odds, the more the fewer its data.
func (f *fitting) joinThresholds(ctx context.Context, replays []*replayed) (out joins, missed []string, err error) {
	purities := make([]purity, len(thresholdGrid))
	err = f.each(ctx, "choosing thresholds", len(thresholdGrid), func(k int) { purities[k] = measure(replays, thresholdGrid[k]) })
	if err != nil {
		return out, nil, err
	}
	best := measureAlike(replays)
	target := f.params.PrecisionTarget
	choose := func(name string, of func(*purity) tally) float64 {
		t := strict
		for k := len(thresholdGrid) - 1; k >= 0 && of(&best).all > 0; k-- { // no replay, no say
			// Events that nothing but numbers tells apart, under different
			// labels, are no mistake of the model's: what it reaches who joins
			// those alone is the measure.
			if of(&purities[k]).mean() < target*of(&best).mean() {
				break
			}
			t = thresholdGrid[k]
		}
		if t == strict {
			missed = append(missed, name)
		}
		return t
	}
	out.all = choose(allPlatforms, func(p *purity) tally { return p.all })
	out.platforms = map[features.Platform]float64{}
	for _, platform := range features.Platforms() {
		n := float64(possibleJoins(replays, platform))
		if n < leastJoins {
			continue
		}
		own := choose("platform "+platform.String(), func(p *purity) tally { return p.platforms[platform] })
		logit := (n*model.Logit(own) + joinShrinkage*model.Logit(out.all)) / (n + joinShrinkage)
		out.platforms[platform] = 1 / (1 + math.Exp(-logit))
	}
	return out, missed, nil
}

// warnMissed reports for whom joining at the target precision is out of reach.
func (f *fitting) warnMissed(missed []string) {
	for _, name := range missed {
		f.report.warn("target_missed", fmt.Sprintf("%s: no threshold keeps clusters at precision %g on held-out data: only near certainties are grouped; add labels or lower precision_target", name, f.params.PrecisionTarget))
	}
}

// judged is a tuning pair with its probability.
type judged struct {
	p      float64
	same   bool
	weight float64
}

// leastThreshold returns the least probability from which on the weighted
// precision is at least target, strict if there is none or it is greater. Pairs
// of equal probability stand or fall together.
func leastThreshold(pairs []judged, target float64) float64 {
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(a, b judged) int { return cmp.Compare(b.p, a.p) })
	best := strict
	var hit, all float64
	for i := 0; i < len(pairs); {
		p := pairs[i].p
		for ; i < len(pairs) && pairs[i].p == p; i++ {
			all += pairs[i].weight
			if pairs[i].same {
				hit += pairs[i].weight
			}
		}
		if hit > 0 && hit >= target*all && p > 0 {
			best = min(best, p)
		}
	}
	return best
}
