package metric

import (
	"fmt"
	"math"
)

// Bin is one bin of a reliability curve.
type Bin struct {
	Mass     float64 // weight of the pairs in the bin
	Score    float64 // sum of weight times score
	Positive float64 // weight of the GROUP pairs
}

// EqualMassBins cuts steps of a sweep, given by their mass in the order of the
// scores, in at most n bins of about equal mass (the adaptive binning of
// Nguyen and O'Connor, EMNLP 2015). A step is never cut, because its pairs
// have one score: it goes where the middle of its mass falls, and bins that
// get none stay empty. It returns the bin of each step, from 0 and ascending.
func EqualMassBins(mass []float64, n int) []int {
	if n < 1 {
		panic(fmt.Sprintf("metric: %d calibration bins", n))
	}
	var total float64
	for _, m := range mass {
		total += m
	}
	bins := make([]int, len(mass))
	var before float64
	for i, m := range mass {
		if total > 0 {
			bins[i] = min(n-1, int(float64(n)*(before+m/2)/total))
		}
		before += m
	}
	return bins
}

// CalibrationError is the expected calibration error: the mean over bins,
// weighted by mass, of the distance between the mean score and the share of
// positives (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017).
// Scores must be probabilities. Range [0,1]; not ok without mass.
func CalibrationError(bins []Bin) (ece float64, ok bool) {
	var gap, mass float64
	for _, b := range bins {
		gap += math.Abs(b.Score - b.Positive)
		mass += b.Mass
	}
	if !(mass > 0) {
		return 0, false
	}
	return gap / mass, true
}
