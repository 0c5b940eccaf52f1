package features

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// wholeRecord compares records with all they hold; a slice without elements
// equals none.
var wholeRecord = cmp.Options{cmp.AllowUnexported(Record{}, FrameToken{}), cmpopts.EquateEmpty()}

// checkRecord checks what holds of the record of any event.
func checkRecord(r *Record, e *Event) error {
	frames := 0
	for i := range e.Exceptions {
		frames += len(e.Exceptions[i].Frames)
	}
	n := len(r.Frames)
	switch {
	case r.Depth != frames:
		return fmt.Errorf("depth %d of %d frames", r.Depth, frames)
	case n > maxFrames || n > frames || r.Inner > n || r.App > n || r.Minified > n || r.Foreign > r.Depth:
		return fmt.Errorf("%d frames, inner %d, app %d, minified %d, foreign %d of %d", n, r.Inner, r.App, r.Minified, r.Foreign, r.Depth)
	case len(r.Words) > maxWords || len(r.Slots) > maxWords || len(r.Types) > len(e.Exceptions):
		return fmt.Errorf("%d words, %d slots, %d types", len(r.Words), len(r.Slots), len(r.Types))
	case len(r.rank) != n:
		return fmt.Errorf("%d of %d frames are ranked", len(r.rank), n)
	case r.Content == 0:
		return fmt.Errorf("no content")
	case !r.Platform.scripted() && (r.Fault != 0 || r.Subject != 0):
		return fmt.Errorf("%v has a JavaScript engine's fault", r.Platform)
	}
	for s, set := range r.Sets {
		for i := range set {
			if set[i] == 0 || i > 0 && set[i] <= set[i-1] {
				return fmt.Errorf("set %d is not sorted, not unique or holds 0", s)
			}
		}
	}
	subset := func(a, b []uint64) bool {
		return !slices.ContainsFunc(a, func(h uint64) bool { _, ok := slices.BinarySearch(b, h); return !ok })
	}
	if !subset(r.Sets[SetTop], r.Sets[SetSubtoken]) {
		return fmt.Errorf("parts of the top frames are not among the parts of all")
	}
	var bags [4][]uint64
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.Function != 0 && f.Whole == 0 {
			return fmt.Errorf("frame %d has a function, but says nothing as a whole", i)
		}
		for b, h := range [...]uint64{f.Whole, f.Function, f.Module, f.Context} {
			if h != 0 {
				bags[b] = append(bags[b], h)
			}
		}
	}
	for b, s := range [...]Set{SetWhole, SetFunction, SetModule, SetContext} {
		if !slices.Equal(unique(bags[b]), r.Sets[s]) {
			return fmt.Errorf("set %d is not what the frames hold", s)
		}
	}
	own := 0
	for i := range r.Frames {
		if int(r.rank[i]) != own {
			return fmt.Errorf("frame %d has rank %d, want %d", i, r.rank[i], own)
		}
		if r.Frames[i].InApp() {
			own++
		}
	}
	if own != r.App {
		return fmt.Errorf("%d frames are the application's, %d counted", own, r.App)
	}
	for g := range numGrains {
		seen := 0
		for i := range r.Frames {
			if r.Frames[i].token(g) != 0 {
				seen++
			}
		}
		order := r.order[g]
		if len(order) != seen {
			return fmt.Errorf("grain %d orders %d of %d frames", g, len(order), seen)
		}
		for k := range order {
			if int(order[k]) >= n {
				return fmt.Errorf("grain %d orders frame %d of %d", g, order[k], n)
			}
			if k > 0 {
				before, after := r.Frames[order[k-1]].token(g), r.Frames[order[k]].token(g)
				if before > after || before == after && order[k-1] >= order[k] {
					return fmt.Errorf("grain %d is out of order at %d", g, k)
				}
			}
		}
	}
	return nil
}

func TestExtractProperties(t *testing.T) {
	var used Extractor
	reused := new(Record)
	rapid.Check(t, func(t *rapid.T) {
		e := someEvent().Draw(t, "event")
		before := cloneEvent(e)
		want := Extract(e)
		if err := checkRecord(want, e); err != nil {
			t.Fatal(err)
		}
		used.Extract(e, reused)
		if diff := cmp.Diff(want, reused, wholeRecord); diff != "" {
			t.Fatalf("a used Extractor and Record give another result (-fresh +reused):\n%s", diff)
		}
		if diff := cmp.Diff(before, e, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("Extract changed the event:\n%s", diff)
		}
	})
}

// TestRecordHoldsNoText walks the types of a record. Only numbers, flags and
// slices, arrays and structs of them may stand in it; bytes are allowed where
// the properties of [checkRecord] bound them to frame numbers.
func TestRecordHoldsNoText(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64, reflect.Float32:
		case reflect.Uint8:
			if strings.HasSuffix(path, "[]") && path != "Record.order[][]" && path != "Record.rank[]" {
				t.Errorf("%s is a row of bytes, which may be text", path)
			}
		case reflect.Slice, reflect.Array:
			walk(path+"[]", typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				walk(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		default:
			t.Errorf("%s is a %v", path, typ.Kind())
		}
	}
	walk("Record", reflect.TypeFor[Record]())
	walk("Vector", reflect.TypeFor[Vector]())
}

// TestCopiesHaveOneContent checks what the content hash covers.
func TestCopiesHaveOneContent(t *testing.T) {
	base := func() *Event {
		return &Event{
			ID: "1", Platform: "javascript", Time: time.UnixMilli(1000), Message: "m", Exceptions: []Exception{
				{Type: "TypeError", Value: "v", Frames: []Frame{{Function: "f", Module: "m", Filename: "n", AbsPath: "a", ContextLine: "c", Line: 1, Column: 2}}},
				{Type: "Error", Value: "w"},
			},
		}
	}
	want := Extract(base()).Content
	for name, change := range map[string]func(*Event){
		"id":          func(e *Event) { e.ID = "2" },
		"time":        func(e *Event) { e.Time = time.UnixMilli(2000) },
		"release":     func(e *Event) { e.Release = "2" },
		"environment": func(e *Event) { e.Environment = "test" },
		"runtime":     func(e *Event) { e.RuntimeName = "Chrome" },
	} {
		e := base()
		change(e)
		if Extract(e).Content != want {
			t.Errorf("another %s makes another content", name)
		}
	}
	for name, change := range map[string]func(*Event){
		"platform":        func(e *Event) { e.Platform = "node" },
		"message":         func(e *Event) { e.Message = "n" },
		"type":            func(e *Event) { e.Exceptions[0].Type = "RangeError" },
		"value":           func(e *Event) { e.Exceptions[1].Value = "x" },
		"function":        func(e *Event) { e.Exceptions[0].Frames[0].Function = "g" },
		"module":          func(e *Event) { e.Exceptions[0].Frames[0].Module = "" },
		"file":            func(e *Event) { e.Exceptions[0].Frames[0].Filename = "na" },
		"path":            func(e *Event) { e.Exceptions[0].Frames[0].AbsPath = "" },
		"context":         func(e *Event) { e.Exceptions[0].Frames[0].ContextLine = "d" },
		"line":            func(e *Event) { e.Exceptions[0].Frames[0].Line = -1 },
		"column":          func(e *Event) { e.Exceptions[0].Frames[0].Column = 3 },
		"in-app":          func(e *Event) { e.Exceptions[0].Frames[0].InApp = Yes },
		"order of causes": func(e *Event) { e.Exceptions[0], e.Exceptions[1] = e.Exceptions[1], e.Exceptions[0] },
		"frame's owner": func(e *Event) {
			e.Exceptions[1].Frames, e.Exceptions[0].Frames = e.Exceptions[0].Frames, nil
		},
	} {
		e := base()
		change(e)
		if Extract(e).Content == want {
			t.Errorf("another %s is the same content", name)
		}
	}
}

func script(message string, frames ...Frame) *Event {
	return &Event{Platform: "javascript", Exceptions: []Exception{{Type: "TypeError", Value: message, Frames: frames}}}
}

func TestExtractFrames(t *testing.T) {
	main := Frame{Function: "main", Filename: "src/main.js", Line: 9}
	load := Frame{Function: "load", Filename: "src/load.js", Line: 4}
	wrap := Frame{Function: "wrapped", Filename: "chrome-extension://abc/inject.js", Line: 1}
	step := Frame{Function: "asyncGeneratorStep", Filename: "src/main.js", Line: 1}
	want := Extract(script("x", main, load))
	if len(want.Frames) != 2 || want.Frames[0].Function == want.Frames[1].Function {
		t.Fatalf("two frames give %+v", want.Frames)
	}
	var x Extractor
	if want.Frames[0].Function != x.hash(domainFunction, "load") {
		t.Error("the crashing frame does not come first")
	}
	for name, e := range map[string]*Event{
		"an extension's wrapper inside": script("x", main, wrap, load),
		"an extension's wrapper below":  script("x", wrap, main, load),
		"an extension's wrapper on top": script("x", main, load, wrap),
		"a transpiler's helper":         script("x", main, step, load),
		"recursion":                     script("x", main, load, load, load),
	} {
		got := Extract(e)
		if diff := cmp.Diff(want.Frames, got.Frames, wholeRecord); diff != "" {
			t.Errorf("%s changes the frames (-without +with):\n%s", name, diff)
		}
		if got.Template != want.Template || !slices.Equal(got.Sets[SetFunction], want.Sets[SetFunction]) || !slices.Equal(got.Sets[SetTop], want.Sets[SetTop]) {
			t.Errorf("%s changes template or bags", name)
		}
	}
	if r := Extract(script("x", wrap, wrap)); len(r.Frames) != 1 || r.Foreign != 2 || !r.foreign() || r.App != 0 {
		t.Errorf("an extension's own error: %d frames, %d foreign, %d the application's", len(r.Frames), r.Foreign, r.App)
	}
	if r := Extract(script("x", main, wrap)); r.foreign() || r.Foreign != 1 || r.Depth != 2 {
		t.Errorf("%d of %d frames are foreign", r.Foreign, r.Depth)
	}

	// Mutual recursion stays, and a chain's innermost exception comes first.
	if r := Extract(script("x", main, load, main, load)); len(r.Frames) != 4 {
		t.Errorf("mutual recursion keeps %d frames, want 4", len(r.Frames))
	}
	chain := &Event{Platform: "javascript", Exceptions: []Exception{{Type: "Inner", Value: "cause", Frames: []Frame{load}}, {Type: "Outer", Value: "effect", Frames: []Frame{main}}}}
	r := Extract(chain)
	if r.Inner != 1 || len(r.Frames) != 2 || r.Frames[0].Function != x.hash(domainFunction, "load") || r.Types[0] != x.hash(domainType, "Inner") {
		t.Errorf("of a chain, inner %d, frames %d", r.Inner, len(r.Frames))
	}
	if alone := Extract(&Event{Platform: "javascript", Exceptions: chain.Exceptions[:1]}); r.Template != alone.Template {
		t.Error("the template is not the innermost message's")
	}

	// The frames nearest the crash are kept of a deep trace.
	deep := script("x")
	for i := range 500 {
		deep.Exceptions[0].Frames = append(deep.Exceptions[0].Frames, Frame{Function: "level" + strings.Repeat("z", i%97) + "end", Filename: "a.js", Line: 1})
	}
	deep.Exceptions[0].Frames = append(deep.Exceptions[0].Frames, load)
	if r := Extract(deep); len(r.Frames) != maxFrames || r.Depth != 501 || r.Frames[0].Function != x.hash(domainFunction, "load") {
		t.Errorf("%d of %d frames", len(r.Frames), r.Depth)
	}
}

func TestExtractMessage(t *testing.T) {
	log := func(s string) *Record { return Extract(&Event{Message: s}) }
	a, b := log("user 17 paid 3.50 in 20ms"), log("user 4711 paid 12.75 in 7ms")
	if a.Template == 0 || a.Template != b.Template || len(a.Slots) < 2 || a.Slots[0] == b.Slots[0] {
		t.Errorf("templates %x and %x, slots %v and %v", a.Template, b.Template, a.Slots, b.Slots)
	}
	if c := log("user 17 lost 3.50 in 20ms"); c.Template == a.Template {
		t.Error("paid and lost are one template")
	}
	if diff := cmp.Diff(a.Sets[SetWord], b.Sets[SetWord]); diff != "" {
		t.Errorf("the words hold parameters:\n%s", diff)
	}
	if r := log("  \n\t "); r.Template != 0 || len(r.Words) != 0 || len(r.Sets[SetWord]) != 0 {
		t.Errorf("a blank message gives %+v", r)
	}
	if a, b := log("boom"), log("  boom\n"); a.Template != b.Template {
		t.Error("outer white space counts")
	}
	head := strings.Repeat("word ", 2000)
	if a, b := log(head+"a"), log(head+"b"); a.Template != b.Template || len(a.Words) != maxWords {
		t.Error("a message counts beyond its bound")
	}
	// The event's own message is the template where there is no exception.
	with := &Event{Message: "log line", Exceptions: []Exception{{Type: "E", Value: "boom"}}}
	if Extract(with).Template != log("boom").Template {
		t.Error("an exception's message does not come before the event's")
	}
	if !slices.Contains(Extract(with).Sets[SetWord], log("line").Sets[SetWord][0]) {
		t.Error("the event's message beside an exception has no words")
	}
}

// FuzzExtract checks the properties of a record on any event; see decodeEvent
// for how the text becomes one.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{
		"",
		"javascript\x1f1.2\x1fChrome\x1f\x1eE\x1fTypeError\x1fCannot read properties of undefined (reading 'x')\x1erun\x1f\x1fsrc/a.js\x1f\x1freturn a.x\x1f3\x1f4\x1f2\x1et/<\x1f\x1fhttps://a.example/js/main.01c75c99.js\x1f\x1f\x1f1\x1f9000",
		"node\x1e\x1f\x1fnode:internal/timers\x1ewrap\x1f\x1fchrome-extension://abc/i.js",
		"java\x1eE\x1fjava.lang.IllegalStateException\x1fid 17 gone\x1elambda$save$0\x1fcom.acme.Order$$Lambda$14/0x08\x1fOrder.java\x1f\x1f\x1f12\x1eE\x1fOuter\x1fwrapped",
		"native\x1edump_stack+0x1/0x2\x1estd::vector<int>::at(int)\x1f\x1f/usr/src/a.cc",
		"other\x1f\x1f\x1fconnect 10.0.0.1:80 failed after 20ms for user bob@example.com",
		"go\x1emain.(*T).Run.func1\x1fmain\x1f/x/pkg/mod/a@v1/b.go\x1f\x1f\x1f5",
		"csharp\x1eMoveNext\x1f<\x1eMoveNext\x1fA+<L>d__1",
		"ruby\x1eblock (2 levels) in \x1f\x1f\xff\xfe/gems/a-1/",
		"javascript\x1eE\x1e\x1f\x1f\x1f\x1f \x1f1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := decodeEvent(text)
		r := Extract(e)
		if err := checkRecord(r, e); err != nil {
			t.Fatal(err)
		}
		var x Extractor
		again := Extract(decodeEvent("python\x1f\x1f\x1fother\x1eE\x1fT\x1fv 1 2 3\x1ef\x1fm\x1fn.py\x1f\x1fc\x1f1"))
		x.Extract(e, again)
		if diff := cmp.Diff(r, again, wholeRecord); diff != "" {
			t.Fatalf("a used Record gives another result:\n%s", diff)
		}
		var counts Frequencies
		counts.Add(r)
		var v View
		v.Weigh(r, &counts)
		var out Vector
		Compare(&v, &v, &out)
		if err := checkVector(&out); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTypesThatAreSentences: numbers of processes, lines and addresses make no
// other type; other words do, and numbers in names too.
func TestTypesThatAreSentences(t *testing.T) {
	typeOf := func(s string) uint64 {
		return Extract(&Event{Platform: "native", Exceptions: []Exception{{Type: s}}}).Types[0]
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"WARNING: CPU: 0 PID: 5266 at fs/ext4/inode.c:3326 ext4_iomap_begin+0x10/0x20", "WARNING: CPU: 3 PID: 7 at fs/ext4/inode.c:3329 ext4_iomap_begin+0x0/0x0", true},
		{"WARNING: CPU: 0 PID: 5266 at fs/ext4/inode.c:3326", "WARNING: CPU: 0 PID: 5266 at fs/ext4/super.c:3326", false},
		{"kernel BUG at fs/inode.c:1763!", " kernel BUG at fs/inode.c:64! ", true},
		{"INFO: task kworker/1:0:22 blocked for more than 143 seconds.", "INFO: task kworker/1:2:91 blocked for more than 143 seconds.", true},
		{"BUG: KASAN: use-after-free", "BUG: KASAN: out-of-bounds", false},
		{"HTTP404", "HTTP500", false},
		{"ns::Error1", "ns::Error2", false},
		{"Error", "Error ", true},
	} {
		if got := typeOf(c.a) == typeOf(c.b); got != c.same {
			t.Errorf("%q and %q are one type: %v", c.a, c.b, got)
		}
	}
}
