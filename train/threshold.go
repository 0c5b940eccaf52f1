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

// A platform's threshold is the least probability that meets the precision
// target, on data the fit never saw, in one of two senses: over pairs, as a
// pair evaluation counts, or over events in clusters, as a replay counts.
// Either alone misleads somewhere: where nearly all pairs are negative the
// first asks for certainty although clusters stay pure far below it, and where
// clusters are large the second makes one wrong join cost hundreds of events.
// docs/decisions.md has the numbers.

// leastJoins is how many events with an earlier, not equal event of their
// group a platform needs for a threshold of its own.
const leastJoins = 60

// strict is the threshold where the target is out of reach.
const strict = 0.999

// thresholds sets the thresholds of parts, whose calibrations are already set.
func (f *fitting) thresholds(ctx context.Context, parts *model.Parts) error {
	replays, err := f.replays(ctx, parts)
	if err != nil {
		return err
	}
	purities := make([]purity, len(thresholdGrid))
	err = f.each(ctx, "choosing thresholds", len(thresholdGrid), func(k int) { purities[k] = measure(replays, thresholdGrid[k]) })
	if err != nil {
		return err
	}
	copies := measure(replays, math.Inf(1))
	pairs, perPlatform := f.judgePairs(parts)

	target := f.params.PrecisionTarget
	choose := func(name string, pairs []judged, of func(*purity) tally) float64 {
		byPairs := leastThreshold(pairs, target)
		byEvents := strict
		for k := len(thresholdGrid) - 1; k >= 0 && of(&copies).all > 0; k-- { // no replay, no say
			// Equal events under different labels are no join of the model's:
			// what exact copies alone reach is the measure.
			if of(&purities[k]).mean() < target*of(&copies).mean() {
				break
			}
			byEvents = thresholdGrid[k]
		}
		t := min(byPairs, byEvents)
		if t == strict {
			f.report.warn("target_missed", fmt.Sprintf("%s: no threshold reaches precision %g on held-out data: only near certainties are grouped; add labels or lower precision_target", name, target))
		}
		return t
	}
	parts.FallbackThreshold = choose("all platforms", pairs, func(p *purity) tally { return p.all })
	parts.Thresholds = map[features.Platform]float64{}
	for _, platform := range features.Platforms() {
		if possibleJoins(replays, platform) < leastJoins {
			continue
		}
		parts.Thresholds[platform] = choose("platform "+platform.String(), perPlatform[platform], func(p *purity) tally { return p.platforms[platform] })
		if _, ok := parts.Calibrations[platform]; !ok {
			parts.Calibrations[platform] = parts.Fallback // a model keeps both or none
		}
	}
	return nil
}

// judged is a tuning pair with its probability.
type judged struct {
	p      float64
	same   bool
	weight float64
}

// judgePairs gives the tuning pairs their probabilities.
func (f *fitting) judgePairs(parts *model.Parts) (all []judged, perPlatform map[features.Platform][]judged) {
	weight := f.projectWeights()
	perPlatform = map[features.Platform][]judged{}
	for i := range f.tuning {
		t := &f.tuning[i]
		platform := f.platformOf(t)
		c, ok := parts.Calibrations[platform]
		if !ok {
			c = parts.Fallback
		}
		j := judged{c.Probability(t.margin), t.same, weight[i]}
		perPlatform[platform] = append(perPlatform[platform], j)
		all = append(all, j)
	}
	return all, perPlatform
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
