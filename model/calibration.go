package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

const (
	maxKnots = 4096
	maxKnot  = 1e6 // magnitude of a knot's margin
	maxSlope = 1e3 // of a sigmoid, and the magnitude of its offset
)

// CalibrationKind says which function a [Calibration] is.
type CalibrationKind uint8

// The kinds. The zero value is none of them.
const (
	// Sigmoid is 1 / (1 + exp(-(A*margin + B))) with A > 0 (Platt 1999,
	// "Probabilistic outputs for support vector machines", who writes the
	// opposite signs).
	Sigmoid CalibrationKind = iota + 1

	// Piecewise is linear between the knots (X[i], Y[i]) and constant beyond
	// the first and the last: isotonic regression (Zadrozny and Elkan 2002,
	// "Transforming classifier scores into accurate multiclass probability
	// estimates"), without its jumps.
	Piecewise
)

// Calibration maps a margin to a probability that does not fall as the margin
// rises (for a sigmoid: by no more than the last bit).
type Calibration struct {
	Kind CalibrationKind
	A, B float64   // Sigmoid: slope in (0, 1000], offset in [-1000, 1000]
	X    []float64 // Piecewise: margins, strictly ascending, 1 to 4096 of them
	Y    []float64 // Piecewise: probabilities, never descending; as many as X
}

// Probability returns the probability, in [0, 1], at a margin that is not NaN.
// The calibration must be one that [Marshal] accepts.
func (c *Calibration) Probability(margin float64) float64 {
	if c.Kind == Sigmoid {
		// The conversion keeps the compiler from fusing product and sum, which
		// would round otherwise on some architectures.
		z := float64(c.A*margin) + c.B
		return 1 / (1 + math.Exp(-z))
	}
	i := sort.SearchFloat64s(c.X, margin) // the first knot at or above margin
	switch {
	case i == 0:
		return c.Y[0]
	case i == len(c.X):
		return c.Y[i-1]
	}
	x0, y0, x1, y1 := c.X[i-1], c.Y[i-1], c.X[i], c.Y[i]
	t := (margin - x0) / (x1 - x0)
	return min(y1, y0+float64(t*(y1-y0)))
}

// check reports what makes the calibration invalid.
func (c *Calibration) check() error {
	for _, x := range slices.Concat([]float64{c.A, c.B}, c.X, c.Y) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: %v", ErrNotFinite, x)
		}
	}
	var fault error
	switch c.Kind {
	case Sigmoid:
		fault = c.checkSigmoid()
	case Piecewise:
		fault = c.checkKnots()
	default:
		fault = fmt.Errorf("unknown kind %d", c.Kind)
	}
	if fault != nil {
		return fmt.Errorf("%w: %w", ErrCalibration, fault)
	}
	return nil
}

func (c *Calibration) checkSigmoid() error {
	switch {
	case len(c.X)+len(c.Y) > 0:
		return errors.New("a sigmoid has no knots")
	case c.A <= 0 || c.A > maxSlope:
		return fmt.Errorf("slope %v is outside (0, %v]", c.A, float64(maxSlope))
	case math.Abs(c.B) > maxSlope:
		return fmt.Errorf("offset %v is outside [-%v, %v]", c.B, float64(maxSlope), float64(maxSlope))
	}
	return nil
}

func (c *Calibration) checkKnots() error {
	if c.A != 0 || c.B != 0 {
		return errors.New("knots have no slope and offset")
	}
	if len(c.X) != len(c.Y) || len(c.X) == 0 || len(c.X) > maxKnots {
		return fmt.Errorf("%d margins and %d probabilities, allowed are 1 to %d of each", len(c.X), len(c.Y), maxKnots)
	}
	for i := range c.X {
		switch {
		case math.Abs(c.X[i]) > maxKnot:
			return fmt.Errorf("margin %v of knot %d is beyond %v", c.X[i], i, float64(maxKnot))
		case c.Y[i] < 0 || c.Y[i] > 1:
			return fmt.Errorf("probability %v of knot %d is outside [0, 1]", c.Y[i], i)
		case i > 0 && c.X[i] <= c.X[i-1]:
			return fmt.Errorf("margins do not ascend at knot %d", i)
		case i > 0 && c.Y[i] < c.Y[i-1]:
			return fmt.Errorf("probabilities descend at knot %d", i)
		}
	}
	return nil
}

// clone returns a copy that shares no memory with c.
func (c *Calibration) clone() Calibration {
	d := *c
	d.X, d.Y = slices.Clone(c.X), slices.Clone(c.Y)
	return d
}
