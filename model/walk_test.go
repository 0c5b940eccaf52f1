package model

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestSortable: integers compare as the numbers do, and none is as large or
// as small as what stands for NaN and for a leaf.
func TestSortable(t *testing.T) {
	special := []float32{
		0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1, -1,
	}
	number := rapid.OneOf(rapid.SampledFrom(special), rapid.Float32(), rapid.Map(rapid.Uint32(), math.Float32frombits)).
		Filter(func(x float32) bool { return x == x })
	check := func(t interface{ Fatalf(string, ...any) }, a, b float32) {
		if (a > b) != (sortable(a) > sortable(b)) || (a == b) != (sortable(a) == sortable(b)) {
			t.Fatalf("%v and %v become %d and %d", a, b, sortable(a), sortable(b))
		}
		if s := sortable(a); s == math.MaxInt32 || s == math.MinInt32 {
			t.Fatalf("%v becomes %d", a, s)
		}
	}
	for _, a := range special {
		for _, b := range special {
			check(t, a, b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		check(t, a, b)
		if next := math.Nextafter32(a, float32(math.Inf(1))); next == next {
			check(t, a, next)
		}
	})
}
