package features

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features/rules"
)

func mustParse(t interface{ Fatal(...any) }, text string) *rules.Set {
	s, err := rules.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readable writes the frames of a record, the crashing one first, by the names
// of functions that stand in the event; those of the application end in "!".
func readable(e *Event, r *Record) string {
	var x Extractor
	names := map[uint64]string{}
	for _, ex := range e.Exceptions {
		for i := range ex.Frames {
			name := normalizeFrame(r.Platform, &ex.Frames[i]).function
			names[x.hash(domainFunction, name)] = name
		}
	}
	var out []string
	for i := range r.Frames {
		name := names[r.Frames[i].Function]
		if r.Frames[i].InApp() {
			name += "!"
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

// ownAndForeign is an event whose frames differ in all that matchers look at.
// From the crash: third, second, first; then the outer exception's.
func ownAndForeign(platform string) *Event {
	return &Event{Platform: platform, Exceptions: []Exception{
		{Type: "Cause", Value: "went away", Mechanism: "onerror", Frames: []Frame{
			{Function: "first", Module: "app.start", AbsPath: "/srv/App/start.py", InApp: Yes},
			{Function: "second", Filename: "lib/second.py", InApp: No, Package: `C:\Lib\Second.DLL`},
			{Function: "third", Filename: "/usr/lib/third.py"},
		}},
		{Value: "Outer: gave up", Frames: []Frame{{Function: "fourth", Filename: "app/fourth.py", InApp: Yes}}},
	}}
}

func TestRulesReachRecords(t *testing.T) {
	const all = "third second first! fourth!"
	for _, c := range []struct{ rules, want string }{
		{"", all},
		{"# nothing\n", all},

		// In-app: the event's flag and the guess give way, ranges reach on, the last rule wins.
		{"function:first -app", "third second first fourth!"},
		{"function:second +app", "third second! first! fourth!"},
		{"function:third +app", "third! second first! fourth!"},
		{"function:second ^+app", "third! second first! fourth!"},
		{"function:second v-app", "third second first fourth!"},
		{"function:* -app\nfunction:third +app", "third! second first fourth"},
		{"function:third +app\nfunction:* -app", "third second first fourth"},
		{"app:no +app", "third! second! first! fourth!"},
		{"app:yes -app", "third second first fourth"},
		{"function:third +app\napp:yes -app", "third second first fourth"},

		// Groups: out, back, with ranges; an exception's rules end with it.
		{"function:second -group", "third first! fourth!"},
		{"function:second -group\nfunction:second +group", all},
		{"function:second +group\nfunction:second -group", "third first! fourth!"},
		{"function:second ^-group", "second first! fourth!"},
		{"function:second v-group", "third second fourth!"},
		{"function:first ^-group", "first! fourth!"},
		{"app:no -group", "first! fourth!"},
		{"function:* -group", ""},
		{"function:second -app -group", "third first! fourth!"},
		{"app:no -group\nfunction:first -app", "fourth!"}, // in-app settles first

		// Matchers.
		{"path:/srv/app/** -group", "third second fourth!"}, // lower-cased
		{"path:/srv/* -group", all},
		{"path:lib/* -group", "third first! fourth!"},
		{"path:/lib/* -group", "third first! fourth!"}, // as if it began at the root
		{"stack.abs_path:**/*.py -group", ""},
		{"package:**/second.dll -group", "third first! fourth!"},
		{"module:app.* -group", "third second fourth!"},
		{"stack.module:App.* -group", all},
		{"function:f* -group", "third second"},
		{"!function:f* -group", "first! fourth!"},
		{"function:f* app:yes path:app/* -group", "third second first!"},
		{"family:other -group", ""},
		{"family:native,javascript -group", all},
		{"type:Cause -group", "fourth!"},
		{"error.type:Outer -group", "third second first!"}, // out of the value
		{"value:\"went *\" -group", "fourth!"},
		{"mechanism:onerror -group", "fourth!"},
		{"mechanism:* !function:x -group", "fourth!"},
		{"[ function:first ] | function:second -group", "third first! fourth!"},
		{"[ function:first ] | function:third -group", all},
		{"function:second | [ function:third ] -group", "third first! fourth!"},
		{"function:third | [ function:fourth ] -group", all},
		{"[ !app:yes ] | function:third -group", "second first! fourth!"},

		// Categories are for later rules; the other actions do nothing here.
		{"function:second category=x\n[ category:x ] | function:third -group", "second first! fourth!"},
		{"category:x -group\nfunction:second category=x", "third first! fourth!"},
		{"function:second category=x", all},
		{"function:* max-frames=1", all},
		{"function:* min-frames=9", all},
		{"function:* invert-stacktrace=yes", all},
		{"function:second -group max-frames=1", "third first! fourth!"},
	} {
		e := ownAndForeign("python")
		x := Extractor{Rules: mustParse(t, c.rules)}
		var r Record
		for range 2 { // the second time from memory
			x.Extract(e, &r)
			if got := readable(e, &r); got != c.want {
				t.Errorf("%q: %q, want %q", c.rules, got, c.want)
			}
		}
		if err := checkRecord(&r, e); err != nil {
			t.Errorf("%q: %v", c.rules, err)
		}
		if r.Depth != 4 || r.Content != Extract(e).Content {
			t.Errorf("%q: depth %d, or another content", c.rules, r.Depth)
		}
		if diff := gocmp.Diff(ownAndForeign("python"), e); diff != "" {
			t.Errorf("%q changed the event:\n%s", c.rules, diff)
		}
		for i := range x.trace.Frames[:cap(x.trace.Frames)] {
			if x.trace.Frames[:cap(x.trace.Frames)][i] != (rules.Frame{}) || x.trace.Type != "" {
				t.Errorf("%q: text of the event is kept", c.rules)
			}
		}
	}
}

// Machinery and the wrappers of extensions are left out unless +group asks for
// them; recursion stays collapsed.
func TestRulesKeepMachinery(t *testing.T) {
	e := &Event{Platform: "javascript", Exceptions: []Exception{{Type: "E", Frames: []Frame{
		{Function: "main", Filename: "app/main.js", Line: 1},
		{Function: "wrap", Filename: "chrome-extension://abc/wrap.js", Line: 1},
		{Function: "load", Filename: "app/load.js", Line: 1},
		{Function: "load", Filename: "app/load.js", Line: 1},
		{Function: "__awaiter", Filename: "app/tslib.js", Line: 1},
	}}}}
	for _, c := range []struct{ rules, want string }{
		{"", "load! main!"},
		{"function:wrap +group", "load! wrap main!"},
		{"function:__awaiter +group", "__awaiter! load! main!"},
		{"function:* +group", "__awaiter! load! wrap main!"},
		{"function:* +group\nfunction:load -group", "__awaiter! wrap main!"},
		{"function:wrap +app", "load! main!"},
		{"function:wrap +group\nfunction:wrap -group", "load! main!"},
		{"family:javascript function:load -group", "main!"},
	} {
		x := Extractor{Rules: mustParse(t, c.rules)}
		var r Record
		x.Extract(e, &r)
		if got := readable(e, &r); got != c.want {
			t.Errorf("%q: %q, want %q", c.rules, got, c.want)
		}
		if r.Foreign != 1 {
			t.Errorf("%q: %d foreign frames, want 1", c.rules, r.Foreign)
		}
	}
}

// The name of a platform counts as ParsePlatform has it, and native functions
// lose their arguments before rules see them.
func TestRulesSeePlatformsAndTrimmedNames(t *testing.T) {
	frames := func() []Exception {
		return []Exception{{Frames: []Frame{{Function: "void ns::Box<int>::put(int&)", Line: 1}, {Function: "??", Line: 1}}}}
	}
	for _, c := range []struct {
		platform, rules string
		left            int
	}{
		{"native", "function:ns::Box<T>::put -group", 1},
		{"cpp", "family:native function:ns::Box<T>::put -group", 1},
		{"swift", "family:native -group", 0},
		{"typescript", "family:javascript -group", 0},
		{"java", "family:other -group", 0},
		{"java", "function:ns::Box<T>::put -group", 2},
		{"native", "function:* -group", 1}, // "??" is no name
	} {
		e := &Event{Platform: c.platform, Exceptions: frames()}
		x := Extractor{Rules: mustParse(t, c.rules)}
		var r Record
		x.Extract(e, &r)
		if len(r.Frames) != c.left {
			t.Errorf("%s, %q: %d frames are left, want %d", c.platform, c.rules, len(r.Frames), c.left)
		}
	}
}

// Rules see a bounded number of frames; what lies behind is as without rules.
func TestRulesSeeTheFramesNearTheCrash(t *testing.T) {
	e := &Event{Platform: "python", Exceptions: []Exception{{Type: "E"}}}
	for i := range maxRuled + 5 {
		e.Exceptions[0].Frames = append(e.Exceptions[0].Frames, Frame{Function: fmt.Sprintf("f%d", i), Filename: "a.py"})
	}
	x := Extractor{Rules: mustParse(t, "function:* -group v-group ^-group")}
	var r Record
	x.Extract(e, &r)
	if got := readable(e, &r); got != "f4! f3! f2! f1! f0!" {
		t.Errorf("%q are left, want the five farthest from the crash", got)
	}
}

// ruleLines are rules that fit the events of repetitiveEvents and someEvent.
var ruleLines = []string{
	"function:load -app", "function:load +app", "function:a* -group", "app:no -group", "function:load category=l",
	"[ function:load ] | function:* -group", "function:* | [ function:load ] -app", "[ category:l ] | function:* +app",
	"path:**/load.js ^-group", "path:app/** v-app", "function:* +group", "family:javascript -app", "type:TypeError +app", "value:* v+group",
}

func someRules(t *rapid.T) *rules.Set {
	return mustParse(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(ruleLines), 0, 5).Draw(t, "rules"), "\n"))
}

// One Extractor remembers frames over events, neighbours and rules that change:
// its records are those of a fresh one each time.
func TestMemoKnowsNoRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := []*rules.Set{nil, someRules(t), someRules(t)}
		var remembering Extractor
		got, want := new(Record), new(Record)
		for i, e := range repetitiveEvents().Draw(t, "events") {
			for range 2 {
				s := rapid.SampledFrom(sets).Draw(t, "set")
				remembering.Rules = s
				remembering.Extract(e, got)
				fresh := Extractor{Rules: s, forgetful: true}
				fresh.Extract(e, want)
				if diff := gocmp.Diff(want, got, wholeRecord); diff != "" {
					t.Fatalf("event %d is another one to an Extractor that saw its like (-fresh +used):\n%s", i, diff)
				}
			}
		}
	})
}

func TestRulesLeaveTheEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := someEvent().Draw(t, "event")
		before := *e
		before.Exceptions = slices.Clone(e.Exceptions)
		for i := range before.Exceptions {
			before.Exceptions[i].Frames = slices.Clone(e.Exceptions[i].Frames)
		}
		x := Extractor{Rules: someRules(t)}
		r := new(Record)
		x.Extract(e, r)
		NormalizeFrames(e, x.Rules)
		if diff := gocmp.Diff(&before, e); diff != "" {
			t.Fatal(diff)
		}
		if err := checkRecord(r, e); err != nil {
			t.Fatal(err)
		}
		for i := range r.Frames {
			if r.Frames[i].bits&bitsRuled != 0 {
				t.Fatal("a record's frame knows its rules")
			}
		}
		// Rules that no frame obeys are none.
		x.Rules = mustParse(t, "function:\"no such\" -app -group\n!function:* module:nowhere +app")
		x.Extract(e, r)
		if diff := gocmp.Diff(Extract(e), r, wholeRecord); diff != "" {
			t.Fatalf("rules that say nothing change the record (-nil +rules):\n%s", diff)
		}
	})
}

func TestNormalizeFrames(t *testing.T) {
	show := func(s *rules.Set) string {
		var out []string
		for _, n := range NormalizeFrames(ownAndForeign("python"), s) {
			out = append(out, n.Function+"["+strings.Join(n.Marks, " ")+"]")
		}
		return strings.Join(out, " ")
	}
	if got, want := show(nil), "third[] second[] first[in-app] fourth[in-app]"; got != want {
		t.Errorf("without rules %q, want %q", got, want)
	}
	s := mustParse(t, "function:first -app -group\nfunction:second +app\nfunction:third +group")
	if got, want := show(s), "third[kept] second[in-app] first[left-out] fourth[in-app]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func BenchmarkExtractWithRules(b *testing.B) {
	e := benchEvent(benchRandom(), 7, 12)
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "function:*load%d* path:**/module%d/** -app\n", i, i)
	}
	x := Extractor{Rules: mustParse(b, text.String())}
	var r Record
	x.Extract(e, &r)
	b.ReportAllocs()
	for b.Loop() {
		x.Extract(e, &r)
	}
}
