package train

import (
	"cmp"
	"fmt"
	"slices"

	"whorl/features"
	"whorl/model"
)

// judged is a tuning pair with its probability.
type judged struct {
	p      float64
	same   bool
	weight float64
}

// thresholds sets the least probability at which the precision target holds
// over the tuning pairs: for all platforms together, and for each platform with
// enough of them.
func (f *fitting) thresholds(parts *model.Parts) {
	weight := f.projectWeights()
	perPlatform := map[features.Platform][]judged{}
	var all []judged
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
	target := f.params.PrecisionTarget
	var reached bool
	parts.FallbackThreshold, reached = leastThreshold(all, target)
	if !reached {
		f.report.warn("target_missed", fmt.Sprintf("no threshold reaches precision %.2f on the tuning pairs: nothing would be grouped but near certainties; add labels or lower precision_target", target))
	}
	parts.Thresholds = map[features.Platform]float64{}
	for _, platform := range features.Platforms() {
		if _, own := parts.Calibrations[platform]; !own {
			continue
		}
		t, reached := leastThreshold(perPlatform[platform], target)
		if !reached {
			f.report.warn("target_missed", fmt.Sprintf("platform %s: no threshold reaches precision %.2f on the tuning pairs", platform, target))
		}
		parts.Thresholds[platform] = t
	}
}

// strict is the threshold where the target is out of reach.
const strict = 0.999

// leastThreshold returns the least probability from which on the weighted
// precision is at least target, and whether there is one. Pairs of equal
// probability stand or fall together.
func leastThreshold(pairs []judged, target float64) (float64, bool) {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b judged) int { return cmp.Compare(b.p, a.p) })
	best, reached := strict, false
	var hit, all float64
	for i := 0; i < len(pairs); {
		p := pairs[i].p
		for ; i < len(pairs) && pairs[i].p == p; i++ {
			all += pairs[i].weight
			if pairs[i].same {
				hit += pairs[i].weight
			}
		}
		if hit >= target*all && hit > 0 {
			best, reached = p, true
		}
	}
	return best, reached
}
