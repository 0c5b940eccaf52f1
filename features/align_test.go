package features

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// pairFrames matches the frames of two traces the obvious way: the i-th
// occurrence of a token in one with the i-th in the other. It returns for every
// frame of a the place of its partner in b, or -1, and the reverse. Frames
// without a token at the grain, and those that keep refuses, have -2.
func pairFrames(a, b *Record, g Grain, keep func(*Record, int) bool) (ofA, ofB []int) {
	open := func(r *Record) []int {
		p := make([]int, len(r.Frames))
		for i := range p {
			p[i] = -1
			if r.Frames[i].token(g) == 0 || !keep(r, i) {
				p[i] = -2
			}
		}
		return p
	}
	ofA, ofB = open(a), open(b)
	for i := range ofA {
		for j := range ofB {
			if ofA[i] == -1 && ofB[j] == -1 && a.Frames[i].token(g) == b.Frames[j].token(g) {
				ofA[i], ofB[j] = j, i
			}
		}
	}
	return ofA, ofB
}

// slowAlignment is the formula of Rodrigues et al. (2022), section 3, over a
// matching: matched frames add both weights, decayed by the distance of their
// places; unmatched ones subtract theirs; the whole is divided by all weights.
// near is the decay by the distance of two frames given by their index.
func slowAlignment(ofA, ofB []int, weightA, weightB func(int) float64, near func(i, j int) float64) (score, allA, allB float64) {
	var sum float64
	for i, j := range ofA {
		switch {
		case j >= 0:
			sum += (weightA(i) + weightB(j)) * near(i, j)
			allA, allB = allA+weightA(i), allB+weightB(j)
		case j == -1:
			sum, allA = sum-weightA(i), allA+weightA(i)
		}
	}
	for j, i := range ofB {
		if i == -1 {
			sum, allB = sum-weightB(j), allB+weightB(j)
		}
	}
	return sum / (allA + allB), allA, allB
}

func keepAll(*Record, int) bool { return true }

// somePair draws two records with repeated and shared frames, and counts over
// them and others.
func somePair(t *rapid.T) (a, b *Record, counts *Frequencies) {
	counts = new(Frequencies)
	for range rapid.IntRange(0, 3).Draw(t, "others") {
		counts.Add(Extract(someEvent().Draw(t, "other")))
	}
	a, b = Extract(someEvent().Draw(t, "a")), Extract(someEvent().Draw(t, "b"))
	if rapid.Bool().Draw(t, "counted") {
		counts.Add(a)
	}
	return a, b, counts
}

func TestFaSTAgreesWithItsFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, counts := somePair(t)
		p := FaST{
			Alpha: rapid.Float64Range(0, 4).Draw(t, "alpha"), Beta: rapid.Float64Range(0, 8).Draw(t, "beta"), Gamma: rapid.Float64Range(0, 2).Draw(t, "gamma"),
			Grain: Grain(rapid.IntRange(0, int(numGrains)-1).Draw(t, "grain")),
		}
		weight := func(r *Record) func(int) float64 {
			return func(i int) float64 {
				df := float64(counts.Count(r.Frames[i].token(p.Grain))) / float64(max(1, counts.Documents()))
				return math.Pow(float64(i+1), -p.Alpha) * math.Exp(-p.Beta*df)
			}
		}
		ofA, ofB := pairFrames(a, b, p.Grain, keepAll)
		near := func(i, j int) float64 { return math.Exp(-p.Gamma * math.Abs(float64(i-j))) }
		want, allA, allB := slowAlignment(ofA, ofB, weight(a), weight(b), near)
		if allA+allB == 0 {
			want = 0
		}
		got := p.Similarity(a, b, counts)
		if math.Abs(got-want) > 1e-9 {
			t.Fatalf("%+v: %v, the formula gives %v", p, got, want)
		}
		if got < -1 || got > 1 {
			t.Fatalf("%+v: %v is outside [-1, 1]", p, got)
		}
		if back := p.Similarity(b, a, counts); back != got {
			t.Fatalf("%+v: %v one way, %v the other", p, got, back)
		}
		if self := p.Similarity(a, a, counts); self != 1 && len(a.order[p.Grain]) > 0 {
			t.Fatalf("%+v: a trace with itself gives %v", p, self)
		}
	})
}

// TestFaSTByHand works two examples out on paper: Alpha 1, Beta and Gamma 0.
func TestFaSTByHand(t *testing.T) {
	at := func(names ...string) *Record {
		e := &Event{Platform: "go", Exceptions: make([]Exception, 1)}
		for _, name := range names { // the crashing frame first
			e.Exceptions[0].Frames = append([]Frame{{Function: name, Filename: "a.go"}}, e.Exceptions[0].Frames...)
		}
		return Extract(e)
	}
	p := FaST{Alpha: 1, Grain: GrainFunction}
	for _, c := range []struct {
		a, b  *Record
		gamma float64
		want  float64
	}{
		// Weights by place: 1, 1/2. "read" matches: 1+1; "open" and "scan" do not: -1/2-1/2. (2-1)/(2+1).
		{at("read", "open"), at("read", "scan"), 0, 1. / 3},
		// Both match, each one place apart: 3 e^-1 over 3.
		{at("read", "open"), at("open", "read"), 1, math.Exp(-1)},
		// The second "read" has no partner: 1+1+1/2+1/2-1/3 over 3+1/3.
		{at("read", "open", "read"), at("read", "open"), 0, (3 - 1./3) / (3 + 1./3)},
		{at("read"), at("open"), 0, -1},
		{at(), at("open"), 0, -1},
		{at(), at(), 0, 0},
	} {
		p.Gamma = c.gamma
		if got := p.Similarity(c.a, c.b, new(Frequencies)); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d and %d frames: %v, want %v", len(c.a.Frames), len(c.b.Frames), got, c.want)
		}
	}
}

func TestTables(t *testing.T) {
	for _, p := range []float64{0, 0.1, 0.6, 1, 2} {
		place, near := powers(p), decays(p)
		for i := range maxFrames {
			if got, want := float64(place[i]), math.Pow(float64(i+1), -p); math.Abs(got-want) > 1e-6 {
				t.Errorf("power %v of place %d is %v, want %v", p, i, got, want)
			}
			if got, want := float64(near[i]), math.Exp(-p*float64(i)); math.Abs(got-want) > 1e-6 {
				t.Errorf("decay %v of distance %d is %v, want %v", p, i, got, want)
			}
		}
	}
}

func TestAlignmentsAgreeWithTheirFormula(t *testing.T) {
	alignments := map[string]*alignment{
		"function": &byFunction, "flat": &byFunctionFlat, "whole": &byWhole, "module": &byModule, "in app": &byInApp, "inner": &byInner,
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, counts := somePair(t)
		var va, vb View
		va.Weigh(a, counts)
		vb.Weigh(b, counts)
		for name, p := range alignments {
			keep := func(r *Record, i int) bool { return (!p.inApp || r.Frames[i].InApp()) && (!p.inner || i < r.Inner) }
			// The application's frames are placed among themselves.
			place := func(r *Record, i int) int {
				if !p.inApp {
					return i
				}
				n := 0
				for k := range i {
					if r.Frames[k].InApp() {
						n++
					}
				}
				return n
			}
			weight := func(r *Record) func(int) float64 {
				return func(i int) float64 {
					return float64(p.place[place(r, i)]) * slowFrameRarity(r.Frames[i].InApp(), r.Frames[i].token(p.grain), counts)
				}
			}
			near := func(i, j int) float64 {
				gap := place(a, i) - place(b, j)
				return float64(p.near[max(gap, -gap)])
			}
			ofA, ofB := pairFrames(a, b, p.grain, keep)
			want, allA, allB := slowAlignment(ofA, ofB, weight(a), weight(b), near)
			got := p.similarity(&va, &vb)
			if allA == 0 || allB == 0 {
				if got == got {
					t.Fatalf("%s: %v where one trace has no frame", name, got)
				}
				continue
			}
			if math.Abs(float64(got)-want) > 1e-5 || got < -1 || got > 1 {
				t.Fatalf("%s: %v, the formula gives %v", name, got, want)
			}
			if back := p.similarity(&vb, &va); math.Float32bits(back) != math.Float32bits(got) {
				t.Fatalf("%s: %v one way, %v the other", name, got, back)
			}
		}
	})
}

// TestInOrderIsTraceSim: the alignment in order of the comparison vector is
// what the full table of TraceSim finds with the same weights.
func TestInOrderIsTraceSim(t *testing.T) {
	steps := func(v *View) (out []Step) {
		for i, f := range v.Record.Frames {
			if f.Function != 0 {
				out = append(out, Step{f.Function, float64(orderPlace[i] * v.frames[GrainFunction][i])})
			}
		}
		return out
	}
	check := func(t rapid.TB, p weighedPair) float32 {
		var va, vb View
		va.Weigh(p.a, p.counts)
		vb.Weigh(p.b, p.counts)
		got, back := inOrder(&va, &vb), inOrder(&vb, &va)
		if math.Float32bits(got) != math.Float32bits(back) {
			t.Fatalf("%v one way, %v the other", got, back)
		}
		x, y := steps(&va), steps(&vb)
		for _, trace := range [][]Step{x, y} {
			times := map[uint64]int{}
			for _, s := range trace {
				if times[s.Token]++; times[s.Token] > 2 {
					return got // not every match is looked at
				}
			}
		}
		if len(x) == 0 || len(y) == 0 {
			if got == got {
				t.Fatalf("%v without a function on one side, want NaN", got)
			}
			return got
		}
		if want := alignTraceSim(x, y, maxFrames); weightOf(x)+weightOf(y) > 0 && math.Abs(float64(got)-want) > 1e-5 {
			t.Fatalf("%v, the full table gives %v", got, want)
		}
		return got
	}
	pairs := rapid.Custom(func(t *rapid.T) (p weighedPair) {
		p.a, p.b, p.counts = somePair(t)
		return p
	})
	rapid.Check(t, func(t *rapid.T) { check(t, pairs.Draw(t, "pair")) })

	// The same pairs in every run, for the drawn ones may all be easy.
	some := 0
	for seed := range 300 {
		if got := check(t, pairs.Example(seed)); got > 0 && got < 1 {
			some++
		}
	}
	if some < 10 {
		t.Errorf("only %d alignments were neither nothing nor all", some)
	}
}

type weighedPair struct {
	a, b   *Record
	counts *Frequencies
}
