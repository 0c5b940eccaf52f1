package features

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// checkVector checks that every value is inside its range or NaN.
func checkVector(v *Vector) error {
	for i, x := range v {
		if s := Schema[i]; x < s.Low || x > s.High || math.IsInf(float64(x), 0) {
			return fmt.Errorf("%s is %v, outside [%v, %v]", s.Name, x, s.Low, s.High)
		}
	}
	return nil
}

func sameBits(a, b *Vector) (string, bool) {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return fmt.Sprintf("%s: %v and %v", Schema[i].Name, a[i], b[i]), false
		}
	}
	return "", true
}

// compared returns the vector of two records weighed by counts.
func compared(a, b *Record, counts *Frequencies) *Vector {
	var va, vb View
	va.Weigh(a, counts)
	vb.Weigh(b, counts)
	out := new(Vector)
	for i := range out {
		out[i] = float32(math.Inf(1)) // a place that Compare leaves out is found by checkVector
	}
	Compare(&va, &vb, out)
	return out
}

func TestSchema(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range Schema {
		if s.Name == "" || s.Meaning == "" || s.Low >= s.High || s.Monotone < 0 || s.Monotone > 1 || s.Name != strings.ToLower(s.Name) {
			t.Errorf("place %d: %+v", i, s)
		}
		if seen[s.Name] {
			t.Errorf("%s stands twice", s.Name)
		}
		seen[s.Name] = true
		if at, ok := FeatureIndex(s.Name); at != i || !ok {
			t.Errorf("%s is found at %d, stands at %d", s.Name, at, i)
		}
	}
	if _, ok := FeatureIndex("no_such_feature"); ok {
		t.Error("a feature that does not exist is found")
	}
	if NumFeatures > 64 {
		t.Errorf("%d features; at most 64 are planned for", NumFeatures)
	}
}

func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(someEvent(), 2, 5).Draw(t, "events")
		records := make([]*Record, len(events))
		var counts Frequencies
		for i, e := range events {
			records[i] = Extract(e)
			if rapid.Bool().Draw(t, "counted") {
				counts.Add(records[i])
			}
		}
		for _, a := range records {
			for _, b := range records {
				ab, ba := compared(a, b, &counts), compared(b, a, &counts)
				if err := checkVector(ab); err != nil {
					t.Fatal(err)
				}
				if what, ok := sameBits(ab, ba); !ok {
					t.Fatalf("not symmetric: %s", what)
				}
			}
			checkSelf(t, a, compared(a, a, &counts))
		}
	})
}

// checkSelf checks the vector of a record with itself: what can only mean more
// alike has its greatest value, or none.
func checkSelf(t *rapid.T, r *Record, v *Vector) {
	mute := slices.ContainsFunc(r.Frames, func(f FrameToken) bool { return f.Whole == 0 })
	for i, x := range v {
		most := Schema[i].High
		switch {
		case i == prefixFunction:
			most = float32(math.Log1p(float64(len(r.Frames))))
		case i == sharedRarest, mute && (i == prefixWhole || i == divergenceDepth): // as rare as the record, or as deep as it says anything
			continue
		}
		if Schema[i].Monotone > 0 && x != most && x == x {
			t.Fatalf("%s of a record with itself is %v", Schema[i].Name, x)
		}
	}
	for _, i := range []int{chainGap, timeGap, inAppGap, minifiedGap, unmatchedMost, unmatchedLeast} {
		if v[i] != 0 && v[i] == v[i] {
			t.Fatalf("%s of a record with itself is %v", Schema[i].Name, v[i])
		}
	}
	for _, i := range []int{innerType, typeOverlap, sameFault, sameSubject, sameTemplate, wordPlaces, slotValues, slotNumbers, framesRatio, sameRelease, sameRuntime} {
		if v[i] != 1 && v[i] == v[i] {
			t.Fatalf("%s of a record with itself is %v", Schema[i].Name, v[i])
		}
	}
}

// TestCompareOverwrites checks that no value of an earlier pair is left.
func TestCompareOverwrites(t *testing.T) {
	rich := Extract(script("Cannot read properties of undefined (reading 'x') at 17", Frame{Function: "load", Filename: "src/a.js", Line: 3, ContextLine: "a.x", InApp: Yes}))
	empty := Extract(&Event{})
	var counts Frequencies
	var va, vb View
	va.Weigh(rich, &counts)
	vb.Weigh(empty, &counts)
	var used, fresh Vector
	Compare(&va, &va, &used)
	Compare(&va, &vb, &used)
	Compare(&va, &vb, &fresh)
	if what, ok := sameBits(&used, &fresh); !ok {
		t.Error(what)
	}
	for _, i := range []int{alignFunction, overlapWhole, topFunction, sameTemplate, innerType, sameFault, inAppGap} {
		if fresh[i] == fresh[i] {
			t.Errorf("%s of an empty record is %v, want NaN", Schema[i].Name, fresh[i])
		}
	}
	if fresh[messageOnly] != 1 {
		t.Errorf("message_only is %v", fresh[messageOnly])
	}
}

// TestCompareByHand looks at single places in pairs made for them.
func TestCompareByHand(t *testing.T) {
	frame := func(name string, line int32) Frame {
		return Frame{Function: name, Filename: "src/" + name + ".js", Line: line, InApp: Yes}
	}
	at := func(message string, frames ...Frame) *Record { return Extract(script(message, frames...)) }
	base := at("order 17 failed", frame("main", 1), frame("submit", 2), frame("validate", 3))
	for _, c := range []struct {
		name  string
		other *Record
		place int
		want  float64
	}{
		{"other line on top", at("order 17 failed", frame("main", 1), frame("submit", 2), frame("validate", 30)), topLine, 0},
		{"other line on top", at("order 17 failed", frame("main", 1), frame("submit", 2), frame("validate", 30)), alignWhole, 1},
		{"other line below", at("order 17 failed", frame("main", 1), frame("submit", 20), frame("validate", 3)), topLine, 1},
		// Site tokens: three on each side, two in common, all equally rare: 2 of 4.
		{"other line below", at("order 17 failed", frame("main", 1), frame("submit", 20), frame("validate", 3)), overlapSite, 0.5},
		{"other number", at("order 18 failed", frame("main", 1), frame("submit", 2), frame("validate", 3)), sameTemplate, 1},
		{"other number", at("order 18 failed", frame("main", 1), frame("submit", 2), frame("validate", 3)), slotNumbers, 0},
		{"other word", at("order 17 paused", frame("main", 1)), sameTemplate, 0},
		// "order <int> failed" and "order <int> paused": two of three places.
		{"other word", at("order 17 paused", frame("main", 1)), wordPlaces, 2. / 3},
		{"other word", at("order 17 paused", frame("main", 1)), wordLetters, 1},
		{"one frame of three", at("order 17 failed", frame("validate", 3)), containFunction, 1},
		{"one frame of three", at("order 17 failed", frame("validate", 3)), overlapFunction, 1. / 3},
		{"one frame of three", at("order 17 failed", frame("validate", 3)), framesRatio, 1. / 3},
		{"one frame of three", at("order 17 failed", frame("validate", 3)), divergenceDepth, 1},
		{"other caller", at("order 17 failed", frame("main", 1), frame("retry", 2), frame("validate", 3)), prefixFunction, math.Ln2},
		{"other caller", at("order 17 failed", frame("main", 1), frame("retry", 2), frame("validate", 3)), prefixWhole, 1. / 3},
		{"other caller", at("order 17 failed", frame("main", 1), frame("retry", 2), frame("validate", 3)), divergenceDepth, 1. / 3},
		{"nothing in common", at("boom", frame("other", 3)), alignFunction, -1},
		{"nothing in common", at("boom", frame("other", 3)), overlapWord, 0},
	} {
		var none Frequencies // every token equally rare
		if got := compared(base, c.other, &none)[c.place]; math.Abs(float64(got)-c.want) > 1e-6 {
			t.Errorf("%s: %s is %v, want %v", c.name, Schema[c.place].Name, got, c.want)
		}
	}

	late := script("order 17 failed")
	late.Time = time.Unix(0, 0).Add(time.Hour)
	early := script("order 17 failed")
	early.Time = time.Unix(0, 0)
	if got := compared(Extract(late), Extract(early), new(Frequencies))[timeGap]; math.Abs(float64(got)-math.Ln2) > 1e-6 {
		t.Errorf("an hour apart: time_gap is %v, want ln 2", got)
	}
}

// TestAddresses checks the comparison of hosts across two templates.
func TestAddresses(t *testing.T) {
	at := func(s string) *Record { return Extract(&Event{Message: s}) }
	for _, c := range []struct {
		a, b string
		want float32
	}{
		{"connect to 10.1.2.3 failed", "lost 10.1.2.3 while sending", 1},
		{"connect to 10.1.2.3 failed", "lost 10.1.2.4 while sending", 0},
		{"connect to 10.1.2.3 failed", "lost the peer while sending", nan},
		{"no address", "none here", nan},
	} {
		got := compared(at(c.a), at(c.b), new(Frequencies))[slotAddresses]
		if math.Float32bits(got) != math.Float32bits(c.want) {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// slowOverlap says the definition of overlap again, with maps.
func slowOverlap(a, b *Record, s Set, counts *Frequencies) (jaccard, contain, shared, onlyA, onlyB float64) {
	weights := func(r *Record) (w map[uint64]float64, sum float64) {
		w = map[uint64]float64{}
		for _, h := range r.Sets[s] {
			w[h] = slowRarity(r, s, h, counts)
			sum += w[h]
		}
		return w, sum
	}
	x, sumA := weights(a)
	y, sumB := weights(b)
	if len(x) == 0 || len(y) == 0 {
		return math.NaN(), math.NaN(), math.NaN(), 0, 0
	}
	var common float64
	for h, w := range x {
		if other, ok := y[h]; ok { // the application's own in one trace, another's code in the other
			w = (w + other) / 2
			common, shared = common+w, max(shared, w)
		} else {
			onlyA = max(onlyA, w)
		}
	}
	for h, w := range y {
		if _, ok := x[h]; !ok {
			onlyB = max(onlyB, w)
		}
	}
	return common / (sumA + sumB - common), min(1, common/min(sumA, sumB)), shared, onlyA, onlyB
}

func TestOverlapAgreesWithMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var counts Frequencies
		var records [2]*Record
		for i := range records {
			records[i] = Extract(someEvent().Draw(t, "event"))
			counts.Add(records[i])
		}
		for range rapid.IntRange(0, 3).Draw(t, "others") {
			counts.Add(Extract(someEvent().Draw(t, "other")))
		}
		var a, b View
		a.Weigh(records[0], &counts)
		b.Weigh(records[1], &counts)
		for s := range numSets {
			var got, want [5]float64
			j, c, w, oa, ob := overlap(&a, &b, s)
			got = [5]float64{float64(j), float64(c), float64(w), float64(oa), float64(ob)}
			want[0], want[1], want[2], want[3], want[4] = slowOverlap(records[0], records[1], s, &counts)
			for k := range got {
				if math.IsNaN(got[k]) != math.IsNaN(want[k]) || math.Abs(got[k]-want[k]) > 1e-4 {
					t.Fatalf("set %d: %v, want %v", s, got, want)
				}
			}
		}
	})
}
