package train

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/train/boost"
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

// TestMinedPairsAreYoung: the matrix that forests learn from holds half of the
// pairs as in a young project, the one of tuning pairs none.
func TestMinedPairsAreYoung(t *testing.T) {
	y := fleet
	y.projects = 1
	f, err := newFitting(t.Context(), y.corpus(), quick.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	columns, err := (&fitting{params: f.params}).columns()
	if err != nil {
		t.Fatal(err)
	}
	want := func(rows int) *boost.Matrix {
		m, err := boost.NewMatrix(columns, rows)
		if err != nil {
			t.Fatal(err)
		}
		m.Resize(rows)
		return m
	}
	set := func(m *boost.Matrix, i int, project *prepared, before int, a, b int32) { // under the frequencies of so many records
		var counts features.Frequencies
		for _, r := range project.records[:before] {
			counts.Add(r)
		}
		var x, y features.View
		x.Weigh(project.records[a], &counts)
		y.Weigh(project.records[b], &counts)
		var v features.Vector
		features.Compare(&x, &y, &v)
		row := make([]float32, len(f.use))
		for c, i := range f.use {
			row[c] = v[i]
		}
		m.Set(i, row)
	}
	mined, young := want(len(f.pairs)), 0
	for i, q := range f.pairs {
		project := f.projects[q.Project]
		before := len(project.records)
		if isYoung(f.params.fitSeed(), rowOf{q.Project, q.A, q.B}) {
			before = int(q.B)
			young++
		}
		set(mined, i, project, before, q.A, q.B)
	}
	if !reflect.DeepEqual(f.mined, mined) {
		t.Error("mined pairs are not compared as in young projects where the coin says so")
	}
	if n := len(f.pairs); young < n*2/5 || young > n*3/5 {
		t.Errorf("%d of %d pairs are young", young, n)
	}
	drawn := want(len(f.tuning))
	for i, q := range f.tuning {
		set(drawn, i, f.projects[q.project], len(f.projects[q.project].records), q.a, q.b)
	}
	if !reflect.DeepEqual(f.drawn, drawn) {
		t.Error("tuning pairs are not compared as an evaluation compares")
	}
}
