package train

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
)

// TestYoungProjects holds pairs of young projects against counting what stood
// before the later record anew for every pair.
func TestYoungProjects(t *testing.T) {
	corpus := fleet.corpus()
	p := prepare(&corpus.Projects[0])
	whole := p.views()
	differ := 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "pairs")
		var rows []rowOf
		var numbers []int
		for i := range n {
			b := rapid.IntRange(1, len(p.records)-1).Draw(t, "b")
			rows = append(rows, rowOf{0, int32(rapid.IntRange(0, b-1).Draw(t, "a")), int32(b)})
			if rapid.Bool().Draw(t, "picked") {
				numbers = append(numbers, i)
			}
		}
		found := map[int]features.Vector{}
		p.compareYoung(rows, numbers, func(i int, v *features.Vector) {
			if _, again := found[i]; again {
				t.Fatalf("row %d twice", i)
			}
			found[i] = *v
		})
		if len(found) != len(numbers) {
			t.Fatalf("%d rows of %d", len(found), len(numbers))
		}
		for i, got := range found {
			var before features.Frequencies
			for _, r := range p.records[:rows[i].b] {
				before.Add(r)
			}
			var a, b features.View
			a.Weigh(p.records[rows[i].a], &before)
			b.Weigh(p.records[rows[i].b], &before)
			var want, old features.Vector
			features.Compare(&a, &b, &want)
			features.Compare(&whole[rows[i].a], &whole[rows[i].b], &old)
			for k := range want {
				if math.Float32bits(got[k]) != math.Float32bits(want[k]) {
					t.Fatalf("pair %v, %s: %g, want %g", rows[i], features.Schema[k].Name, got[k], want[k])
				}
				if want[k] != old[k] && want[k] == want[k] {
					differ++
				}
			}
		}
	})
	if differ == 0 {
		t.Error("young projects look like old ones: the test shows nothing")
	}
}

// TestHalfIsYoung: the coin is fair, and falls otherwise under another seed.
func TestHalfIsYoung(t *testing.T) {
	const n = 20000
	young, same := 0, 0
	for i := range int32(n) {
		r := rowOf{i % 7, i, i + 1 + i%3}
		if isYoung(1, r) {
			young++
		}
		if isYoung(1, r) == isYoung(2, r) {
			same++
		}
	}
	for _, got := range []int{young, same} {
		if math.Abs(float64(got)-n/2) > 5*math.Sqrt(n)/2 {
			t.Errorf("%d of %d, want about half", got, n)
		}
	}
}
