package features

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestFrequenciesDoNotDependOnOrder adds records in two orders: every count
// must agree, and be what the definition says.
func TestFrequenciesDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []*Record
		for range rapid.IntRange(1, 5).Draw(t, "events") {
			e := someEvent().Draw(t, "event")
			records = append(records, Extract(e))
			if rapid.Bool().Draw(t, "moved") { // the same error at another line
				moved := cloneEvent(e)
				for i := range moved.Exceptions {
					for j := range moved.Exceptions[i].Frames {
						moved.Exceptions[i].Frames[j].Line++
					}
				}
				records = append(records, Extract(moved))
			}
		}
		shuffled := rapid.Permutation(records).Draw(t, "order")
		var a, b Frequencies
		for i := range records {
			a.Add(records[i])
			b.Add(shuffled[i])
		}
		if a.Documents() != b.Documents() {
			t.Fatalf("%d documents in one order, %d in another", a.Documents(), b.Documents())
		}
		// The definition: the documents that have an event with the token.
		documents := map[uint64]bool{}
		has := map[uint64]map[uint64]bool{}
		for _, r := range records {
			documents[r.signature] = true
			tokens := []uint64{r.Template}
			for s := range numSets {
				if s != SetTop {
					tokens = append(tokens, r.Sets[s]...)
				}
			}
			for _, h := range tokens {
				if has[h] == nil {
					has[h] = map[uint64]bool{}
				}
				if h != 0 {
					has[h][r.signature] = true
				}
			}
		}
		if a.Documents() != len(documents) {
			t.Fatalf("%d documents, want %d", a.Documents(), len(documents))
		}
		for h, in := range has {
			if a.Count(h) != len(in) || b.Count(h) != len(in) {
				t.Fatalf("token %x: %d in one order, %d in another, want %d", h, a.Count(h), b.Count(h), len(in))
			}
		}
	})
}

func TestRarity(t *testing.T) {
	var f Frequencies
	if f.Rarity(1) != 1 || f.Documents() != 0 || f.Count(1) != 0 {
		t.Errorf("nothing counted: rarity %v, documents %d, count %d", f.Rarity(1), f.Documents(), f.Count(1))
	}
	everywhere := Frame{Function: "main", Filename: "main.go"}
	names := []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"}
	var last *Record
	for _, name := range names {
		last = Extract(&Event{Platform: "go", Exceptions: []Exception{{Frames: []Frame{everywhere, {Function: name, Filename: "main.go"}}}}})
		for range 3 {
			f.Add(last) // copies count once
		}
	}
	if f.Documents() != len(names) {
		t.Errorf("%d documents, want %d", f.Documents(), len(names))
	}
	common, rare := last.Frames[1].Function, last.Frames[0].Function
	if f.Count(common) != len(names) || f.Count(rare) != 1 {
		t.Errorf("main stands in %d, juliet in %d", f.Count(common), f.Count(rare))
	}
	// 1 - ln(1+10)/ln(1+10+20) and 1 - ln(2)/ln(31).
	for token, want := range map[uint64]float64{common: 1 - math.Log(11)/math.Log(31), rare: 1 - math.Log(2)/math.Log(31), 12345: 1} {
		if got := f.Rarity(token); math.Abs(float64(got)-want) > 1e-6 {
			t.Errorf("rarity %v, want %v", got, want)
		}
	}
}

// TestLogarithms checks the table against the function, on both sides of its end.
func TestLogarithms(t *testing.T) {
	for df := range int32(3 * len(logs)) {
		if got, want := log1p(df), math.Log1p(float64(df)); got != want {
			t.Fatalf("ln(1+%d) is %v, want %v", df, got, want)
		}
	}
}

// TestDocuments checks which events are one document.
func TestDocuments(t *testing.T) {
	at := func(message string, line int32, context string) *Record {
		return Extract(script(message, Frame{Function: "load", Filename: "src/a.js", Line: line, ContextLine: context}))
	}
	var f Frequencies
	for _, r := range []*Record{
		at("order 17 failed", 3, ""), at("order 18 failed", 3, ""), at("order 19 failed", 4, ""),
		at("order 17 failed", 3, "a.b"),
	} {
		f.Add(r)
	}
	if f.Documents() != 1 {
		t.Errorf("numbers, lines and source text make %d documents, want 1", f.Documents())
	}
	f.Add(at("order 17 paused", 3, ""))
	f.Add(Extract(script("order 17 failed", Frame{Function: "save", Filename: "src/a.js"})))
	if f.Documents() != 3 {
		t.Errorf("another word and another frame make %d documents, want 3", f.Documents())
	}
}

// slowRarity is the weight of a token in a bag of a record: its rarity, and that
// of a token that half of the documents to come have too where only frames of
// others' code hold it.
func slowRarity(r *Record, s Set, token uint64, counts *Frequencies) float64 {
	grain, ok := map[Set]Grain{SetWhole: GrainWhole, SetFunction: GrainFunction, SetModule: GrainModule}[s]
	if !ok {
		return float64(counts.Rarity(token))
	}
	own := false
	for i := range r.Frames {
		own = own || r.Frames[i].InApp() && r.Frames[i].token(grain) == token
	}
	return slowFrameRarity(own, token, counts)
}

func slowFrameRarity(own bool, token uint64, counts *Frequencies) float64 {
	if own {
		return float64(counts.Rarity(token))
	}
	return 1 - math.Log(1+float64(counts.Count(token)+10))/math.Log(1+float64(counts.Documents()+20))
}

// TestLibraryIsCommon: what two traces share of a runtime weighs less than what
// they share of the application, the more so the younger the project.
func TestLibraryIsCommon(t *testing.T) {
	frames := func(library, own string) *Record {
		return Extract(&Event{Platform: "java", Exceptions: []Exception{{Type: "E", Frames: []Frame{
			{Module: "com.acme.Cart", Function: own, InApp: Yes}, {Module: "java.lang.String", Function: library, InApp: No},
		}}}})
	}
	compare := func(a, b *Record, counts *Frequencies) (v Vector) {
		var va, vb View
		va.Weigh(a, counts)
		vb.Weigh(b, counts)
		Compare(&va, &vb, &v)
		return v
	}
	a := frames("charAt", "total")
	var counts Frequencies
	gap := func() float32 {
		library, own := compare(a, frames("charAt", "parse"), &counts), compare(a, frames("substring", "total"), &counts)
		for _, k := range []int{alignFunction, alignWhole, overlapWhole, overlapFunction, containFunction, sharedRarest} {
			if library[k] >= own[k] {
				t.Errorf("%s: %v for a shared frame of the runtime, %v for one of the application", Schema[k].Name, library[k], own[k])
			}
		}
		return own[overlapFunction] - library[overlapFunction]
	}
	young := gap()
	for i := range 500 {
		counts.Add(frames(fmt.Sprint("r", i), fmt.Sprint("o", i)))
	}
	if old := gap(); old >= young {
		t.Errorf("the gap is %v in an old project, %v in a young one", old, young)
	}
}

// TestViewsAreReusable weighs records with one view and with fresh ones.
func TestViewsAreReusable(t *testing.T) {
	whole := cmp.Options{cmp.AllowUnexported(View{}, Record{}, FrameToken{}), cmpopts.EquateEmpty()}
	var used View
	rapid.Check(t, func(t *rapid.T) {
		a, b, counts := somePair(t)
		for _, r := range []*Record{a, b, {}} {
			var fresh View
			fresh.Weigh(r, counts)
			used.Weigh(r, counts)
			if diff := cmp.Diff(fresh, used, whole); diff != "" {
				t.Fatalf("(-fresh +used):\n%s", diff)
			}
			for s := range r.Sets {
				var sum float64
				for i, h := range r.Sets[s] {
					want := slowRarity(r, Set(s), h, counts)
					sum += want
					if math.Abs(float64(used.sets[s][i])-want) > 1e-6 {
						t.Fatalf("set %d: weight %v of a token of rarity %v", s, used.sets[s][i], want)
					}
				}
				if math.Abs(sum-float64(used.sums[s])) > 1e-3 {
					t.Fatalf("set %d: sum %v, want %v", s, used.sums[s], sum)
				}
			}
		}
		// A view is a snapshot.
		used.Weigh(a, counts)
		before := used.template
		counts.Add(b)
		counts.Add(a)
		if used.template != before {
			t.Fatal("a view follows later counts")
		}
	})
}

func TestFrequenciesCountTypes(t *testing.T) {
	var f Frequencies
	event := func(message string, types ...string) *Record {
		e := &Event{Platform: "python"}
		for _, name := range types {
			e.Exceptions = append(e.Exceptions, Exception{Type: name, Value: message})
		}
		return Extract(e)
	}
	r := event("disk full", "IOError", "SaveError")
	f.Add(r)
	f.Add(event("no route", "IOError", "IOError"))
	if a, b := f.Count(r.Types[0]), f.Count(r.Types[1]); a != 2 || b != 1 {
		t.Errorf("types stand in %d and %d documents, want 2 and 1", a, b)
	}
	var v View
	v.Weigh(r, &f)
	if v.types[0] != f.Rarity(r.Types[0]) || v.types[1] != f.Rarity(r.Types[1]) {
		t.Errorf("rarities of types: %v", v.types)
	}
}
