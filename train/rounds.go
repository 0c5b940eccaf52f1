package train

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"whorl/features"
	"whorl/model"
)

// mostStops bounds the numbers of rounds that are compared.
const mostStops = 30

// stopsOf returns the numbers of rounds that are compared, the last being most.
func stopsOf(most int) []int {
	step := (most + mostStops - 1) / mostStops
	var stops []int
	for r := step; r < most; r += step {
		stops = append(stops, r)
	}
	return append(stops, most)
}

// indifference is how far the median of the platforms' relative losses may lie
// above its least: two seeds of one setting differ by more.
const indifference = 0.02

// bestStop returns the last place of the margins, of those tuning pairs that
// stand at places, that rank as well as any, or where there is nothing to choose
// by.
func (f *fitting) bestStop(ctx context.Context, after [][]float32, places []int32) (int, error) {
	samples := f.samples()
	losses := make([]map[features.Platform]float64, len(after))
	failed := make([]error, len(after))
	err := f.each(ctx, "choosing the number of trees", len(after), func(k int) {
		mine := slices.Clone(samples)
		for n, i := range places {
			mine[n].margin = float64(after[k][i])
		}
		losses[k], failed[k] = calibratedLosses(mine)
	})
	if err := cmp.Or(err, errors.Join(failed...)); err != nil {
		return 0, err
	}
	return lastGood(losses), nil
}

// lastGood returns the last place at which the median over platforms of the
// loss, relative to the platform's least, lies no further above its own least
// than what makes no difference.
func lastGood(losses []map[features.Platform]float64) int {
	middles := make([]float64, len(losses))
	for k := range losses {
		var excess []float64
		for _, p := range features.Platforms() {
			own, ok := losses[k][p]
			if !ok {
				continue
			}
			lowest := own
			for _, other := range losses {
				lowest = min(lowest, other[p])
			}
			excess = append(excess, own/max(lowest, 1e-9))
		}
		if len(excess) == 0 {
			return len(losses) - 1
		}
		slices.Sort(excess)
		middles[k] = (excess[(len(excess)-1)/2] + excess[len(excess)/2]) / 2
	}
	last := len(losses) - 1
	for least := slices.Min(middles); middles[last] > least+indifference; {
		last--
	}
	return last
}

// calibratedLosses returns the log loss of each platform's samples under the
// calibration that they would give a model: how well margins rank, whatever
// their scale (Berta et al. 2025, "Rethinking Early Stopping: Refine, Then
// Calibrate"). Pairs of two platforms and what cannot be calibrated are left out.
func calibratedLosses(samples []sample) (map[features.Platform]float64, error) {
	fallback, own, ok, err := calibrate(samples)
	if err != nil || !ok {
		return nil, err
	}
	losses := map[features.Platform]float64{}
	for i := range samples {
		s := &samples[i]
		if s.platform == model.MixedPlatforms {
			continue
		}
		c, found := own[s.platform]
		if !found {
			c = fallback
		}
		losses[s.platform] += s.weight * logLoss(c.A*s.margin+c.B, s.same)
	}
	return losses, nil
}
