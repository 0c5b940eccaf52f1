package features

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every descriptor must stand for traits of its own, and the numbering must not
// move: a model's weights are read by it.
func TestDescriptorsAreNumbered(t *testing.T) {
	seen := map[Traits]bool{}
	fields := [NumFields]int{}
	for d := range Descriptor(NumDescriptors) {
		x := d.Traits()
		if seen[x] {
			t.Errorf("descriptor %d repeats %+v", d, x)
		}
		seen[x] = true
		fields[x.Field]++
		if x.Place >= NumPlaces || x.Shape >= NumShapes || x.Rarity >= NumRarities {
			t.Errorf("descriptor %d: %+v", d, x)
		}
		if x.Field <= FieldContext {
			bits := frameBits(0)
			if x.InApp {
				bits |= bitInApp
			}
			if x.Minified {
				bits |= bitMinified
			}
			place := []uint8{0, 1, 3, 7, 15}[x.Place]
			rarity := []float32{0, 0.15, 0.3, 0.45, 0.6, 0.8}[x.Rarity]
			if got := frameDescriptor(x.Field, place, bits|bitAnonymous, rarity+1e-6); got != d {
				t.Errorf("%+v is descriptor %d, comes out as %d", x, d, got)
			}
		}
	}
	if want := [NumFields]int{120, 120, 120, 120, 6, 6, 6, 18, 12, 6}; fields != want {
		t.Errorf("descriptors by field: %v, want %v", fields, want)
	}
	if got := Descriptor(2*120 + 3*24 + 1*6 + 4).Traits(); got != (Traits{Field: FieldModule, Place: 3, InApp: true, Rarity: 4}) {
		t.Errorf("%+v", got)
	}
}

func TestRarityBucket(t *testing.T) {
	for _, c := range []struct {
		rarity float32
		want   uint8
	}{{-1, 0}, {0, 0}, {0.149, 0}, {0.151, 1}, {0.31, 2}, {0.46, 3}, {0.61, 4}, {0.79, 4}, {0.81, 5}, {1, 5}, {2, 5}} {
		if got := RarityBucket(c.rarity); got != c.want {
			t.Errorf("rarity %v: bucket %d, want %d", c.rarity, got, c.want)
		}
	}
	var f Frequencies // of more than ten documents
	for f.documents = 12; f.documents < 1e6; f.documents *= 3 {
		if a, b := RarityBucket(rarity(0, f.scale())), RarityBucket(rarity(1, f.scale())); a != b {
			t.Errorf("%d documents: a token of none is in bucket %d, of one in %d", f.documents, a, b)
		}
	}
}

// slowTokens finds a record's tokens one by one, in no order.
func slowTokens(v *View) map[uint64]Traits {
	r := v.Record
	out := map[uint64]Traits{}
	add := func(hash uint64, x Traits, rarity float32) {
		if hash == 0 {
			return
		}
		for b, from := range []float32{0, 0.15, 0.3, 0.45, 0.6, 0.8} {
			if rarity >= from {
				x.Rarity = uint8(b)
			}
		}
		if _, ok := out[keyOf(x.Field, hash)]; !ok {
			out[keyOf(x.Field, hash)] = x
		}
	}
	at := func(s Set, hash uint64) float32 {
		return v.sets[s][slices.Index(r.Sets[s], hash)]
	}
	for i, f := range r.Frames {
		x := Traits{InApp: f.InApp(), Minified: f.Minified()}
		for _, from := range []int{1, 3, 7, 15} {
			if i >= from {
				x.Place++
			}
		}
		for field, hash := range []uint64{f.Whole, f.Function, f.Module, f.Context} {
			if x.Field = Field(field); hash != 0 {
				add(hash, x, at([]Set{SetWhole, SetFunction, SetModule, SetContext}[field], hash))
			}
		}
	}
	for _, h := range r.Sets[SetSite] {
		add(h, Traits{Field: FieldSite}, at(SetSite, h))
	}
	for _, h := range r.Sets[SetTop] {
		add(h, Traits{Field: FieldTop}, at(SetTop, h))
	}
	for _, h := range r.Sets[SetSubtoken] {
		add(h, Traits{Field: FieldSubtoken}, at(SetSubtoken, h))
	}
	for _, w := range r.Words {
		if slices.Contains(r.Sets[SetWord], w.Hash) {
			add(w.Hash, Traits{Field: FieldWord, Shape: min(1, uint8(w.Shape))}, at(SetWord, w.Hash))
		}
	}
	for _, h := range r.Sets[SetWord] {
		add(h, Traits{Field: FieldWord, Shape: 2}, at(SetWord, h))
	}
	for i, h := range r.Types {
		add(h, Traits{Field: FieldType, Place: uint8(min(1, i))}, v.types[i])
	}
	add(r.Template, Traits{Field: FieldTemplate}, v.template)
	return out
}

func TestAppendTokens(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	var f Frequencies
	var records []*Record
	for k := range 60 {
		e := benchEvent(random, k%7, random.IntN(40))
		for random.IntN(2) == 0 {
			e.Exceptions = append(e.Exceptions, Exception{Type: fmt.Sprint("Cause", random.IntN(3)), Value: fmt.Sprintf("while saving order%d of customer_%d", k%3, k%5), Frames: benchEvent(random, k%5, random.IntN(4)).Exceptions[0].Frames})
		}
		if random.IntN(5) == 0 {
			e = &Event{Platform: "other", Message: "connection to database_primary lost"}
		}
		records = append(records, Extract(e))
		f.Add(records[k])
	}
	records = append(records, new(Record))
	var room []Token
	for k, r := range records {
		var v View
		v.Weigh(r, &f)
		room = v.AppendTokens(room[:0])
		want := slowTokens(&v)
		if len(room) != len(want) {
			t.Errorf("record %d: %d tokens, want %d", k, len(room), len(want))
		}
		for i, x := range room {
			if y, ok := want[x.Key]; !ok || x.Descriptor.Traits() != y {
				t.Errorf("record %d: token %d is %+v, want %+v (%v)", k, i, x.Descriptor.Traits(), y, ok)
			}
			if i > 0 && room[i-1].Key >= x.Key {
				t.Errorf("record %d: token %d is out of order", k, i)
			}
		}
	}
}

func TestAppendTokensAllocatesNothing(t *testing.T) {
	records, counts := benchProject(50)
	var v View
	v.Weigh(records[0], counts)
	room := v.AppendTokens(nil)
	if n := testing.AllocsPerRun(50, func() { room = v.AppendTokens(room[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
