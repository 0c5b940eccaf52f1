package baseline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/eval"
	"whorl/features"
)

func itemsOf(events ...features.Event) []eval.Item {
	items := make([]eval.Item, len(events))
	for i := range events {
		e := &events[i]
		e.Time = time.UnixMilli(int64(i) * 1000).UTC()
		items[i] = eval.Item{Event: e, Record: features.Extract(e)}
	}
	return items
}

// trace returns an event of an error type with frames named by functions, the
// crashing one last.
func trace(kind, functions string) features.Event {
	x := features.Exception{Type: kind}
	for f := range strings.FieldsSeq(functions) {
		x.Frames = append(x.Frames, features.Frame{Function: f, Filename: "src/" + f + ".go", InApp: features.Yes})
	}
	return features.Event{Platform: "go", Exceptions: []features.Exception{x}}
}

func logLine(message string) features.Event {
	return features.Event{Platform: "other", Message: message}
}

func mustNew(t testing.TB, name string, s *Settings) eval.Scorer {
	t.Helper()
	scorer, err := New(name, s)
	if err != nil {
		t.Fatal(err)
	}
	return scorer
}

func TestRegistry(t *testing.T) {
	want := []string{"static", "top-frame", "message", "fast"}
	if diff := cmp.Diff(want, Default()); diff != "" {
		t.Errorf("default (-want +got):\n%s", diff)
	}
	if !slices.Equal(Names()[:4], want) || !slices.Equal(Tunable(), []string{"fast", "tfidf", "prefix", "pdm", "tracesim"}) {
		t.Errorf("names %v, tunable %v", Names(), Tunable())
	}
	for _, name := range Names() {
		d := mustNew(t, name, nil).Describe()
		if _, ok := d.Thresholds[""]; d.Name != name || d.Tuned || !ok || (d.Kind == kindScore) != (len(d.Settings) > 0) {
			t.Errorf("%s describes itself as %+v", name, d)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := New("fasst", nil)
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "static, top-frame, message, fast, tfidf, prefix, pdm, tracesim, drain") {
		t.Errorf("unknown name: %v", err)
	}
	bad := publishedFast.clone()
	bad.Parameters["alpha"] = -1
	other := publishedFast.clone()
	other.Name = "static"
	for _, c := range []struct {
		name string
		s    *Settings
	}{{"static", publishedFast}, {"fast", other}, {"fast", bad}, {"fast", &Settings{Name: "fast"}}} {
		if _, err := New(c.name, c.s); !errors.Is(err, ErrSettings) {
			t.Errorf("%s with %+v: error %v", c.name, c.s, err)
		}
	}
}

// A scorer does not see later changes of the settings it was made from.
func TestNewCopiesSettings(t *testing.T) {
	s := publishedFast.clone()
	scorer := mustNew(t, "fast", s)
	s.Parameters["alpha"], s.Thresholds[""] = 7, 7
	d := scorer.Describe()
	if d.Settings["alpha"] != 1 || d.Thresholds[""] != 0.5 {
		t.Errorf("settings changed to %+v", d)
	}
}

func TestKeys(t *testing.T) {
	two := features.Event{Exceptions: []features.Exception{
		{Type: "Cause", Value: "row 7", Frames: []features.Frame{{Function: "query", Module: "db", InApp: features.Yes}}},
		{Type: "Outer", Value: "page 12 failed", Frames: []features.Frame{
			{Function: "main", Filename: "/srv/Main.go", InApp: features.Yes},
			{Function: "serve", AbsPath: `C:\lib\web.go`, InApp: features.No},
		}},
	}}
	unknown := features.Event{Exceptions: []features.Exception{{Type: "E", Frames: []features.Frame{{Function: "a"}, {Function: "b", AbsPath: `C:\lib\web.go`}}}}}
	inner := features.Event{Exceptions: []features.Exception{{Type: "Cause", Frames: []features.Frame{{Function: "query", Module: "db"}}}, {Type: "Outer", Value: "v"}}}
	noValue := features.Event{Message: "log 5", Exceptions: []features.Exception{{Type: "E"}}}
	log := logLine("user 5 left")
	empty := features.Event{}
	for _, c := range []struct {
		keys keyFunc
		e    *features.Event
		want []string
	}{
		{topFrameKeys, &two, []string{"Outer\x00Main.go\x00main"}},
		{topFrameKeys, &unknown, []string{"E\x00web.go\x00b"}},
		{topFrameKeys, &inner, []string{"Outer\x00db\x00query"}},
		{topFrameKeys, &noValue, []string{"E\x00log <int>"}},
		{topFrameKeys, &log, []string{"\x00user <int> left"}},
		{topFrameKeys, &empty, nil},
		{messageKeys, &two, []string{"Outer\x00page <int> failed"}},
		{messageKeys, &noValue, []string{"E\x00log <int>"}},
		{messageKeys, &log, []string{"\x00user <int> left"}},
		{messageKeys, &empty, nil},
		{staticKeys, &empty, nil},
	} {
		if diff := cmp.Diff(c.want, c.keys(c.e)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	}
	if n := len(staticKeys(&two)); n != 2 {
		t.Errorf("static has %d keys for app and system trees that differ, want 2", n)
	}
}

// An event joins through either of its hashes: here the app trees agree and
// the system trees do not.
func TestStaticJoinsThroughOneVariant(t *testing.T) {
	a, b := trace("E", "main load"), trace("E", "main load")
	a.Exceptions[0].Frames = append(a.Exceptions[0].Frames, features.Frame{Function: "read", Filename: "io.go", InApp: features.No})
	b.Exceptions[0].Frames = append(b.Exceptions[0].Frames, features.Frame{Function: "write", Filename: "io.go", InApp: features.No})
	p := mustNew(t, "static", nil).Start(itemsOf(a, b, trace("E", "main save")))
	if p.Score(0, 1) != 1 || p.Score(0, 2) != 0 {
		t.Errorf("scores %v and %v, want 1 and 0", p.Score(0, 1), p.Score(0, 2))
	}
}

func TestEventsThatSayNothingAreAlone(t *testing.T) {
	for _, name := range Names() {
		p := mustNew(t, name, nil).Start(itemsOf(features.Event{Platform: "go"}, features.Event{Platform: "go"}))
		if s := p.Score(0, 1); s >= p.Threshold(1) {
			t.Errorf("%s: empty events score %v, threshold %v", name, s, p.Threshold(1))
		}
		p.Add(0)
		if hits := p.Rank(nil, 1, 0); len(hits) != 0 {
			t.Errorf("%s: an empty event retrieves %v", name, hits)
		}
	}
}

func drawProject(t *rapid.T) []eval.Item {
	names := rapid.SampledFrom([]string{"a", "b", "c", "main", "load", "save", "walk"})
	return itemsOf(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) features.Event {
		if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
			return logLine(rapid.SampledFrom([]string{"", "user 1 left", "user 2 left", "disk full"}).Draw(t, "message"))
		}
		e := trace(rapid.SampledFrom([]string{"E", "F"}).Draw(t, "type"), strings.Join(rapid.SliceOfN(names, 0, 6).Draw(t, "functions"), " "))
		for i := range e.Exceptions[0].Frames {
			f := &e.Exceptions[0].Frames[i]
			f.InApp = rapid.SampledFrom([]features.Tri{features.Unknown, features.No, features.Yes}).Draw(t, "in app")
			if rapid.Bool().Draw(t, "anonymous") {
				f.Function = "" // no token at the grain of functions
			}
		}
		return e
	}), 2, 12).Draw(t, "events")...)
}

// drawSettings draws settings of a score baseline from its space; nil for a
// rule.
func drawSettings(t *rapid.T, name string) *Settings {
	e, err := find(name)
	if err != nil {
		t.Fatal(err)
	}
	if e.build == nil {
		return nil
	}
	s := e.published.clone()
	for _, d := range e.space {
		if d.choices > 0 {
			s.Parameters[d.name] = float64(rapid.IntRange(0, d.choices-1).Draw(t, d.name))
		} else {
			s.Parameters[d.name] = rapid.Float64Range(0, d.high).Draw(t, d.name)
		}
	}
	return s
}

// Scores are symmetric and never NaN, and Rank gives exactly the added items
// in reach with the scores that Score gives; what it leaves out could not join.
func TestScoreAndRankAgree(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				items := drawProject(t)
				settings := drawSettings(t, name)
				scorer, err := New(name, settings)
				if err != nil {
					t.Fatal(err)
				}
				p := scorer.Start(items)
				if rapid.Bool().Draw(t, "learn") {
					p.LearnAll()
				}
				for i := range items {
					from := rapid.IntRange(0, i).Draw(t, "from")
					hits := p.Rank([]eval.Hit{{Item: -1, Score: 9}}, i, from)
					if hits[0] != (eval.Hit{Item: -1, Score: 9}) {
						t.Errorf("Rank changed what it appends to: %v", hits[0])
					}
					ranked := map[int]float64{}
					for _, h := range hits[1:] {
						if _, twice := ranked[h.Item]; twice {
							t.Errorf("item %d twice", h.Item)
						}
						ranked[h.Item] = h.Score
					}
					for j := range items {
						s := p.Score(i, j)
						if s != p.Score(j, i) || s != s {
							t.Errorf("Score(%d,%d) is %v and %v", i, j, s, p.Score(j, i))
						}
						h, ok := ranked[j]
						switch reachable := j >= from && j < i; {
						case ok && !reachable:
							t.Errorf("query %d from %d retrieves item %d, which was not added or is too old", i, from, j)
						case ok && h != s:
							t.Errorf("Rank gives %v for item %d, Score %v", h, j, s)
						case !ok && reachable && s >= p.Threshold(i):
							t.Errorf("query %d leaves out item %d of score %v", i, j, s)
						}
					}
					p.Add(i)
				}
			})
		})
	}
}

// The looked-up weights give what features.FaST gives, to the bit, as the
// frequencies grow.
func TestFastIsFeaturesFast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawProject(t)
		settings := drawSettings(t, "fast")
		reference := fastParameters(settings)
		p := newFast(settings).Start(items)
		var counts features.Frequencies
		if rapid.Bool().Draw(t, "learn all") {
			p.LearnAll()
			for _, item := range items {
				counts.Add(item.Record)
			}
		}
		tokens := func(i int) (n int) {
			for k := range items[i].Record.Frames {
				if frameToken(&items[i].Record.Frames[k], reference.Grain) != 0 {
					n++
				}
			}
			return n
		}
		for i := range items {
			for j := range items {
				want := reference.Similarity(items[i].Record, items[j].Record, &counts)
				if tokens(i) == 0 && tokens(j) == 0 {
					want = -1 // nothing to align: unlike everything
				}
				if got := p.Score(i, j); got != want {
					t.Errorf("Score(%d,%d) is %v, features.FaST gives %v", i, j, got, want)
				}
			}
			p.Add(i)
			counts.Add(items[i].Record)
		}
	})
}

// Worked by hand, without decay by rarity or distance (beta = gamma = 0) and
// alpha = 1. Traces from the crash: a b c and a b d, weights 1, 1/2, 1/3. Both
// share a and b: (2*1 + 2*1/2 - 1/3 - 1/3) / (2*(1+1/2+1/3)) = (7/3)/(11/3).
func TestFastByHand(t *testing.T) {
	s := publishedFast.clone()
	s.Parameters["beta"], s.Parameters["gamma"] = 0, 0
	p := mustNew(t, "fast", s).Start(itemsOf(trace("E", "c b a"), trace("E", "d b a"), trace("F", "c b a"), logLine("a b c")))
	for _, c := range []struct {
		i, j int
		want float64
	}{{0, 1, 7.0 / 11}, {0, 2, 1}, {0, 3, -1}, {3, 3, -1}} {
		if got := p.Score(c.i, c.j); got < c.want-1e-12 || got > c.want+1e-12 {
			t.Errorf("Score(%d,%d) is %v, want %v", c.i, c.j, got, c.want)
		}
	}
}

func TestFastThresholdsByPlatform(t *testing.T) {
	s := publishedFast.clone()
	s.Thresholds["go"] = 0.8
	p := mustNew(t, "fast", s).Start(itemsOf(trace("E", "a"), logLine("x")))
	if p.Threshold(0) != 0.8 || p.Threshold(1) != 0.5 {
		t.Errorf("thresholds %v and %v, want 0.8 and the fallback 0.5", p.Threshold(0), p.Threshold(1))
	}
}

func BenchmarkReplay(b *testing.B) {
	var events []features.Event
	for i := range 2000 {
		functions := make([]string, 15)
		for k := range functions {
			functions[k] = fmt.Sprintf("f%d", (i*7+k*k*(i%40))%500)
		}
		events = append(events, trace("E", strings.Join(functions, " ")))
	}
	items := itemsOf(events...)
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			scorer := mustNew(b, name, nil)
			for b.Loop() {
				p := scorer.Start(items)
				var hits []eval.Hit
				for i := range items {
					hits = p.Rank(hits[:0], i, 0)
					p.Add(i)
				}
			}
		})
	}
}
