package model

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCalibrationByHand(t *testing.T) {
	knots := Calibration{Kind: Piecewise, X: []float64{-2, 0, 2}, Y: []float64{0.125, 0.25, 1}}
	one := Calibration{Kind: Piecewise, X: []float64{3}, Y: []float64{0.5}}
	for _, test := range []struct {
		name   string
		c      Calibration
		margin float64
		want   float64
	}{
		{"below the first knot", knots, -9, 0.125},
		{"minus infinity", knots, math.Inf(-1), 0.125},
		{"on the first knot", knots, -2, 0.125},
		{"between knots", knots, -1, 0.1875},
		{"on a middle knot", knots, 0, 0.25},
		{"between others", knots, 0.5, 0.4375},
		{"on the last knot", knots, 2, 1},
		{"above the last knot", knots, 9, 1},
		{"infinity", knots, math.Inf(1), 1},
		{"one knot, below", one, 2, 0.5},
		{"one knot, on it", one, 3, 0.5},
		{"one knot, above", one, 4, 0.5},
		{"sigmoid at 0", Calibration{Kind: Sigmoid, A: 1}, 0, 0.5},
		{"sigmoid at its offset", Calibration{Kind: Sigmoid, A: 2, B: -6}, 3, 0.5},
		{"sigmoid of log 3", Calibration{Kind: Sigmoid, A: 1}, math.Log(3), 0.75},
		{"sigmoid underflow", Calibration{Kind: Sigmoid, A: 1000}, -1e5, 0},
		{"sigmoid overflow", Calibration{Kind: Sigmoid, A: 1000}, 1e5, 1},
	} {
		if got := test.c.Probability(test.margin); math.Abs(got-test.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestCalibrationIsMonotone also between neighbouring floating-point numbers.
func TestCalibrationIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Calibration
		if rapid.Bool().Draw(t, "sigmoid") {
			c = Calibration{Kind: Sigmoid, A: rapid.Float64Range(1e-3, 1000).Draw(t, "a"), B: rapid.Float64Range(-10, 10).Draw(t, "b")}
		} else {
			x := rapid.SliceOfNDistinct(rapid.Float64Range(-20, 20), 1, 12, rapid.ID).Draw(t, "x")
			y := rapid.SliceOfN(rapid.Float64Range(0, 1), len(x), len(x)).Draw(t, "y")
			slices.Sort(x)
			slices.Sort(y)
			c = Calibration{Kind: Piecewise, X: x, Y: y}
		}
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		margins := rapid.SliceOfN(rapid.Float64Range(-25, 25), 2, 40).Draw(t, "margins")
		margins = append(margins, c.X...)
		for _, m := range slices.Clone(margins) {
			margins = append(margins, math.Nextafter(m, math.Inf(1)), math.Nextafter(m, math.Inf(-1)))
		}
		slices.Sort(margins)
		slack := 0.0
		if c.Kind == Sigmoid {
			slack = 4e-16 // the exponential function is exact to a bit or so, not monotone
		}
		last := 0.0
		for _, m := range margins {
			p := c.Probability(m)
			if !(p >= last-slack && p >= 0 && p <= 1) {
				t.Fatalf("probability at %v is %v after %v", m, p, last)
			}
			last = max(last, p)
		}
	})
}
