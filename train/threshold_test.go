package train

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLeastThreshold tries every probability that occurs.
func TestLeastThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pairs []judged
		for range rapid.IntRange(0, 25).Draw(t, "pairs") {
			pairs = append(pairs, judged{
				p:      rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.9995, 1}).Draw(t, "p"), // ties
				same:   rapid.Bool().Draw(t, "same"),
				weight: rapid.SampledFrom([]float64{1, 2, 0.5, 8}).Draw(t, "weight"), // exact in binary: no rounding
			})
		}
		target := rapid.SampledFrom([]float64{0.5, 0.75, 0.97, 1}).Draw(t, "target")
		want := strict
		for _, at := range pairs {
			var hit, all float64
			for _, p := range pairs {
				if p.p >= at.p {
					all += p.weight
					if p.same {
						hit += p.weight
					}
				}
			}
			if at.p > 0 && hit > 0 && hit >= target*all {
				want = math.Min(want, at.p)
			}
		}
		before := slices.Clone(pairs)
		if got := leastThreshold(pairs, target); got != want {
			t.Fatalf("threshold %g, want %g", got, want)
		}
		if !slices.Equal(pairs, before) {
			t.Fatal("the pairs were reordered")
		}
	})
}
