package features

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// repetitiveEvents draws a run of events whose frames and messages differ
// from each other in a few fields at most, so that whatever a memo's key left out
// shows.
func repetitiveEvents() *rapid.Generator[[]*Event] {
	text := rapid.SampledFrom([]string{"", "a", "load", "app/load.js", "at load (app/load.js:3:9)"})
	frame := rapid.Custom(func(t *rapid.T) Frame {
		f := Frame{Function: "load", Filename: "app/load.4f3a2b1c9d.js", AbsPath: "/srv/app/load.js", ContextLine: "return load(x)", Line: 3}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			switch rapid.IntRange(0, 7).Draw(t, "changed") {
			case 0:
				f.Function = text.Draw(t, "function")
			case 1:
				f.Module = text.Draw(t, "module")
			case 2:
				f.Filename = text.Draw(t, "filename")
			case 3:
				f.AbsPath = text.Draw(t, "path")
			case 4:
				f.ContextLine = text.Draw(t, "context")
			case 5:
				f.InApp = rapid.SampledFrom([]Tri{Unknown, No, Yes}).Draw(t, "in app")
			case 6:
				f.Column = rapid.Int32Range(0, 3*wideColumn).Draw(t, "column")
			case 7:
				f.Line = rapid.Int32Range(0, 9).Draw(t, "line")
			}
		}
		return f
	})
	event := rapid.Custom(func(t *rapid.T) *Event {
		e := &Event{Platform: rapid.SampledFrom([]string{"javascript", "java", "python", "native"}).Draw(t, "platform")}
		e.Message = text.Draw(t, "message")
		for range rapid.IntRange(0, 2).Draw(t, "exceptions") {
			e.Exceptions = append(e.Exceptions, Exception{
				Type: "TypeError", Value: text.Draw(t, "value"), Frames: rapid.SliceOfN(frame, 0, 4).Draw(t, "frames"),
			})
		}
		return e
	})
	return rapid.SliceOfN(event, 1, 12)
}

func TestMemoChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var remembering Extractor
		got := new(Record)
		for i, e := range repetitiveEvents().Draw(t, "events") {
			remembering.Extract(e, got)
			if diff := gocmp.Diff(Extract(e), got, wholeRecord); diff != "" {
				t.Fatalf("event %d is another one to an Extractor that saw its like (-fresh +used):\n%s", i, diff)
			}
		}
	})
}

func TestMemo(t *testing.T) {
	var m memo[int, int]
	value := func(k int) *int { return &k }
	for k := range 3 * memoEntries {
		if m.find(&k) != nil {
			t.Fatalf("key %d is known before it was added", k)
		}
		m.add(k, value(k), 8)
		if len(m.young) > memoEntries || len(m.old) > memoEntries {
			t.Fatalf("after %d keys the generations hold %d and %d", k+1, len(m.young), len(m.old))
		}
		for back := range min(k+1, memoEntries) { // what was added last is always there
			if back &= back - 1; back != 0 { // a few of them
				continue
			}
			if _, ok := m.young[k-back]; !ok && m.old[k-back] == nil {
				t.Fatalf("key %d is forgotten after %d more", k-back, back)
			}
		}
	}
	first := 0
	if m.find(&first) != nil {
		t.Error("the first key is still known")
	}

	recent := 3*memoEntries - memoEntries - 1 // of the old generation
	if v := m.find(&recent); v == nil || *v != recent || m.young[recent].value != v {
		t.Errorf("find(%d) = %v; want it found and moved to the young generation", recent, v)
	}

	var large memo[int, int]
	for k := range 10 {
		large.add(k, value(k), memoBytes/2)
	}
	if len(large.young)+len(large.old) > 4 {
		t.Errorf("%d values of half the bound each are kept", len(large.young)+len(large.old))
	}
}

// TestMemoTextBound proves that a long text is not kept.
func TestMemoTextBound(t *testing.T) {
	var x Extractor
	r := new(Record)
	long := fmt.Sprintf("%0*d", memoText+1, 0)
	x.Extract(&Event{Message: long, Exceptions: []Exception{{Value: long, Frames: []Frame{{Function: long}}}}}, r)
	if len(x.seen.young)+len(x.heard.young) != 0 {
		t.Errorf("%d frames and %d messages are kept", len(x.seen.young), len(x.heard.young))
	}
	x.Extract(&Event{Exceptions: []Exception{{Value: long[1:], Frames: []Frame{{Function: long[1:]}}}}}, r)
	if len(x.seen.young) != 1 || len(x.heard.young) != 1 {
		t.Errorf("%d frames and %d messages are kept, want one of each", len(x.seen.young), len(x.heard.young))
	}
}

func TestSortUnique(t *testing.T) {
	var x Extractor
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.Uint64()
		if rapid.Bool().Draw(t, "narrow") { // all in one bucket, many of them equal
			values = rapid.Uint64Range(7<<40, 7<<40+20)
		}
		s := rapid.SliceOfN(values, 0, 300).Draw(t, "hashes")
		want := unique(slices.Clone(s))
		if got := x.sortUnique(s); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestOrderFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfN(rapid.Uint64Range(0, 9), 0, maxFrames).Draw(t, "tokens")
		frames := make([]FrameToken, len(tokens))
		var want []uint8
		for i, h := range tokens {
			if frames[i].Whole = h; h != 0 {
				want = append(want, uint8(i))
			}
		}
		slices.SortStableFunc(want, func(a, b uint8) int { return cmp.Compare(tokens[a], tokens[b]) })
		if got := orderFrames(nil, frames, GrainWhole); !slices.Equal(got, want) {
			t.Fatalf("tokens %v in order %v, want %v", tokens, got, want)
		}
	})
}

// TestMemoKeepsNoInput feeds frames and messages that are cut from large texts,
// each time from others: nothing of those may stay alive, whether a frame has
// one text or several, is new or was remembered.
func TestMemoKeepsNoInput(t *testing.T) {
	const names, perText, size = 3 * memoEntries / 2, 20, 1 << 18
	for _, file := range []string{"", "a.java"} {
		alive := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := alive()
		var x Extractor
		r := new(Record)
		for range 3 { // the second finds the first's in the old generation
			for from := 0; from < names; from += perText {
				var b strings.Builder
				for i := range perText {
					fmt.Fprintf(&b, "function%06d", from+i)
				}
				b.WriteString(strings.Repeat(" ", size-b.Len()))
				text := b.String()
				for i := range perText {
					name := text[14*i : 14*i+14]
					x.Extract(&Event{Platform: "java", Exceptions: []Exception{{Value: name, Frames: []Frame{{Function: name, Filename: file}}}}}, r)
				}
			}
		}
		if now := alive(); now > before+(32<<20) { // names/perText texts would be 80 MiB
			t.Errorf("with file %q: %d MiB more are alive", file, (now-before)>>20)
		}
		runtime.KeepAlive(&x)
	}
}
