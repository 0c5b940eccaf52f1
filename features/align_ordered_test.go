package features

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// bestAlignment is alignOrdered over a full table with a row for every step,
// as the papers write it.
func bestAlignment(a, b []Step, band int, gain func(i, j int) float64) float64 {
	table := make([][]float64, len(a)+1)
	for i := range table {
		table[i] = make([]float64, len(b)+1)
	}
	for i := range a {
		for j := range b {
			best := max(table[i][j+1], table[i+1][j])
			if a[i].Token == b[j].Token && max(i-j, j-i) <= band {
				best = max(best, table[i][j]+gain(i, j))
			}
			table[i+1][j+1] = best
		}
	}
	return table[len(a)][len(b)]
}

// everyAlignment is the same by trying everything.
func everyAlignment(a, b []Step, i, j, band int, gain func(i, j int) float64) float64 {
	if i == len(a) || j == len(b) {
		return 0
	}
	best := max(everyAlignment(a, b, i+1, j, band, gain), everyAlignment(a, b, i, j+1, band, gain))
	if a[i].Token == b[j].Token && max(i-j, j-i) <= band {
		best = max(best, gain(i, j)+everyAlignment(a, b, i+1, j+1, band, gain))
	}
	return best
}

// someSteps draws a trace of few different tokens.
func someSteps(t *rapid.T, name string, most int) (steps []Step) {
	for _, token := range rapid.SliceOfN(rapid.Uint64Range(1, 4), 0, most).Draw(t, name) {
		steps = append(steps, Step{token, rapid.Float64Range(0, 1).Draw(t, "weight")})
	}
	return steps
}

func TestFullTableTriesEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := someSteps(t, "a", 6), someSteps(t, "b", 6)
		band := rapid.IntRange(0, 6).Draw(t, "band")
		gain := func(i, j int) float64 { return 1 / float64(1+i+2*j) }
		got, want := bestAlignment(a, b, band, gain), everyAlignment(a, b, 0, 0, band, gain)
		if math.Abs(got-want) > 1e-12 {
			t.Fatalf("%v over %v within %d: %v, want %v", a, b, band, got, want)
		}
	})
}

func TestBandedTableIsTheFullOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := someSteps(t, "a", maxFrames), someSteps(t, "b", maxFrames)
		band := rapid.OneOf(rapid.IntRange(0, maxFrames), rapid.Just(alignBand)).Draw(t, "band")
		gain := func(i, j int) float64 { return a[i].Weight + b[j].Weight }
		banded := func(band int) float64 {
			return alignOrdered(a, b, band, gain)
		}
		if got, want := banded(band), bestAlignment(a, b, band, gain); got != want {
			t.Fatalf("within %d: %v, want %v", band, got, want)
		}
		full := bestAlignment(a, b, maxFrames, gain)
		if got := banded(maxFrames); got != full {
			t.Fatalf("in a band as wide as the table: %v, want %v", got, full)
		}
		if got := banded(band); got > full {
			t.Fatalf("within %d: %v, more than %v without a bound", band, got, full)
		}
		if max(len(a), len(b)) <= band+1 {
			if got := banded(band); got != full {
				t.Fatalf("no two steps are more than %d apart, but %v is not %v", band, got, full)
			}
		}
	})
}

// ordered is what the alignments of this file have in common.
type ordered interface {
	Similarity(a, b *Record, f *Frequencies) float64
}

func someOrdered(t *rapid.T, g Grain) map[string]ordered {
	number := func(name string, high float64) float64 { return rapid.Float64Range(0, high).Draw(t, name) }
	return map[string]ordered{
		"TraceSim": TraceSim{Alpha: number("alpha", 4), Beta: number("beta", 8), Gamma: number("gamma", 16), Grain: g},
		"PDM":      PDM{Place: number("place", 2), Offset: number("offset", 2), Grain: g},
		"Prefix":   Prefix{Grain: g},
	}
}

func TestOrderedAlignments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, counts := somePair(t)
		g := Grain(rapid.IntRange(0, int(numGrains)-1).Draw(t, "grain"))
		for name, p := range someOrdered(t, g) {
			ab, ba := p.Similarity(a, b, counts), p.Similarity(b, a, counts)
			if ab != ba {
				t.Fatalf("%s: %v one way, %v the other", name, ab, ba)
			}
			if !(ab >= 0 && ab <= 1) {
				t.Fatalf("%s: %v is not in [0,1]", name, ab)
			}
			want := 0.0
			if len(a.order[g]) > 0 {
				want = 1
			}
			if got := p.Similarity(a, a, counts); got != want {
				t.Fatalf("%s: %v of %d frames to themselves, want %v", name, got, len(a.order[g]), want)
			}
		}
	})
}

// The formulas over the full table, with weights worked out anew for each
// frame, agree with what the methods return wherever the band forbids nothing.
func TestOrderedAlignmentsAgreeWithTheirFormulas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, counts := somePair(t)
		g := Grain(rapid.IntRange(0, int(numGrains)-1).Draw(t, "grain"))
		steps := func(r *Record) (steps []Step, places []int) {
			for i := range r.Frames {
				if h := r.Frames[i].token(g); h != 0 {
					steps, places = append(steps, Step{Token: h}), append(places, i)
				}
			}
			return steps, places
		}
		x, px := steps(a)
		y, py := steps(b)
		if len(x) == 0 || len(y) == 0 || max(len(x), len(y)) > alignBand+1 {
			t.Skip("nothing to compare, or the band counts")
		}
		near := func(name string, got, want float64) {
			if math.Abs(got-want) > 1e-9 {
				t.Fatalf("%s: %v, want %v", name, got, want)
			}
		}

		prefix := 0
		for prefix < min(len(x), len(y)) && x[prefix].Token == y[prefix].Token {
			prefix++
		}
		near("Prefix", Prefix{g}.Similarity(a, b, nil), float64(prefix)/float64(max(len(x), len(y))))

		c, o := rapid.Float64Range(0, 2).Draw(t, "place"), rapid.Float64Range(0, 2).Draw(t, "offset")
		sum := bestAlignment(x, y, maxFrames, func(i, j int) float64 {
			return math.Exp(-c*float64(min(i, j))) * math.Exp(-o*math.Abs(float64(i-j)))
		})
		reach := 0.0
		for i := range min(len(x), len(y)) {
			reach += math.Exp(-c * float64(i))
		}
		near("PDM", PDM{c, o, g}.Similarity(a, b, nil), sum/reach)

		p := TraceSim{rapid.Float64Range(0, 4).Draw(t, "alpha"), rapid.Float64Range(0, 4).Draw(t, "beta"), rapid.Float64Range(0, 4).Draw(t, "gamma"), g}
		weight := func(s Step, place int) float64 {
			df := max(1, float64(counts.Count(s.Token)))
			idf := math.Log(max(df, float64(counts.Documents())) / df)
			return math.Pow(float64(place+1), -p.Alpha) / (1 + math.Exp(-p.Beta*(idf-p.Gamma)))
		}
		all := 0.0
		for i := range x {
			all += weight(x[i], px[i])
		}
		for j := range y {
			all += weight(y[j], py[j])
		}
		sum = bestAlignment(x, y, maxFrames, func(i, j int) float64 { return weight(x[i], px[i]) + weight(y[j], py[j]) })
		near("TraceSim", p.Similarity(a, b, counts), sum/all)
	})
}

// A frame may match one that stands alignBand places off, and none farther.
func TestOrderedAlignmentsKeepToTheirBand(t *testing.T) {
	for _, c := range []struct {
		apart int
		want  float64
	}{{0, 1}, {alignBand, 1}, {alignBand + 1, 0}, {maxFrames - 1, 0}} {
		long := make([]Step, c.apart+1)
		for i := range long {
			long[i] = Step{uint64(i) + 2, 1}
		}
		long[c.apart].Token = 1
		short := []Step{{1, 1}}
		if got := (PDM{}).Align(short, long); got != c.want {
			t.Errorf("PDM, %d places apart: %v, want %v", c.apart, got, c.want)
		}
		if got, back := (TraceSim{}).Align(short, long), (TraceSim{}).Align(long, short); got != back || (got > 0) != (c.want > 0) {
			t.Errorf("TraceSim, %d places apart: %v and %v", c.apart, got, back)
		}
	}
}

func TestAlignRefusesLongTraces(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("65 steps are aligned")
		}
	}()
	long := make([]Step, maxFrames+1)
	for i := range long {
		long[i] = Step{1, 1}
	}
	TraceSim{}.Align(long, long)
}

func TestOrderedAlignmentsDoNotAllocate(t *testing.T) {
	records, counts := benchProject(100)
	for name, p := range map[string]ordered{"TraceSim": TraceSim{Alpha: 0.5, Beta: 1, Gamma: 2}, "PDM": PDM{Place: 0.04, Offset: 0.13}, "Prefix": Prefix{}} {
		if n := testing.AllocsPerRun(20, func() { p.Similarity(records[0], records[25], counts) }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkOrdered(b *testing.B) {
	records, counts := benchProject(500)
	for _, c := range []struct {
		name string
		p    ordered
	}{{"tracesim", TraceSim{Alpha: 0.5, Beta: 1, Gamma: 2}}, {"pdm", PDM{Place: 0.04, Offset: 0.13}}, {"prefix", Prefix{}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.p.Similarity(records[0], records[25], counts)
			}
		})
	}
}
