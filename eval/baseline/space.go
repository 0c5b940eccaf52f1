package baseline

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// dimension is one parameter of a search space: a number in [0,high], or one of
// the integers 0..choices-1.
type dimension struct {
	name    string
	high    float64
	choices int
}

// draw returns a value. Half of the numbers drawn lie below a sixteenth of the
// range and a quarter below a 256th: weights decay exponentially, so that most
// settings that differ in effect lie near 0.
func (d *dimension) draw(r *rand.Rand) float64 {
	if d.choices > 0 {
		return float64(r.IntN(d.choices))
	}
	return d.high * math.Pow(r.Float64(), 4)
}

func (d *dimension) holds(v float64) bool {
	if d.choices > 0 {
		return v == math.Trunc(v) && v >= 0 && v < float64(d.choices)
	}
	return v >= 0 && v <= d.high
}

func (d *dimension) describe() string {
	if d.choices > 0 {
		return fmt.Sprintf("an integer in [0,%d]", d.choices-1)
	}
	return fmt.Sprintf("a number in [0,%v]", d.high)
}

func dimensionNames(space []dimension) []string {
	names := make([]string, len(space))
	for i := range space {
		names[i] = space[i].name
	}
	return names
}
