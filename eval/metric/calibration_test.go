package metric

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCalibrationError(t *testing.T) {
	// Two bins by hand: 10 pairs of mean score .9 with 6 positives, 30 pairs
	// of mean score .2 with 9: (10*.3 + 30*.1)/40 = .15.
	ece, ok := CalibrationError([]Bin{{10, 9, 6}, {}, {30, 6, 9}})
	if !ok || !near(ece, .15) {
		t.Errorf("CalibrationError = %v, %v, want .15", ece, ok)
	}
	if _, ok := CalibrationError(make([]Bin, 3)); ok {
		t.Error("empty bins have a calibration error")
	}
}

func TestEqualMassBins(t *testing.T) {
	for _, tt := range []struct {
		mass []float64
		n    int
		want []int
	}{
		{[]float64{1, 1, 1, 1}, 2, []int{0, 0, 1, 1}},
		{[]float64{1, 1, 1, 1}, 4, []int{0, 1, 2, 3}},
		{[]float64{8, 1, 1}, 2, []int{0, 1, 1}}, // a step is not cut
		{[]float64{5}, 15, []int{7}},
		{[]float64{0, 0}, 3, []int{0, 0}},
	} {
		if got := EqualMassBins(tt.mass, tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("EqualMassBins(%v, %d) = %v, want %v", tt.mass, tt.n, got, tt.want)
		}
	}
}

func TestEqualMassBinsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mass := rapid.SliceOfN(rapid.Float64Range(.1, 10), 1, 80).Draw(t, "mass")
		n := rapid.IntRange(1, 15).Draw(t, "n")
		bins := EqualMassBins(mass, n)
		if !slices.IsSorted(bins) || bins[0] < 0 || bins[len(bins)-1] >= n {
			t.Fatalf("bins %v of %d", bins, n)
		}
		var total, most float64
		in := make([]float64, n)
		for i, m := range mass {
			total += m
			most = max(most, m)
			in[bins[i]] += m
		}
		for _, m := range in {
			if m > total/float64(n)+most+tolerance {
				t.Fatalf("a bin of mass %v, fair is %v, the largest step %v", m, total/float64(n), most)
			}
		}
	})
}
