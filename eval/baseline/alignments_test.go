package baseline

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whorl/eval"
	"whorl/features"
)

// with returns a baseline's published settings with other parameters.
func with(s *Settings, parameters map[string]float64) *Settings {
	s = s.clone()
	for name, v := range parameters {
		s.Parameters[name] = v
	}
	return s
}

// Each case is worked by hand in the comment.
func TestScoresByHand(t *testing.T) {
	// Traces from the crash: abc, abd, xabc, cba, d; then a log line.
	items := itemsOf(trace("E", "c b a"), trace("E", "d b a"), trace("F", "c b a x"), trace("E", "a b c"), trace("E", "d"), logLine("a b c"))
	e1, e2 := math.Exp(-1.0), math.Exp(-2.0)
	for _, tt := range []struct {
		name       string
		parameters map[string]float64
		i, j       int
		want       float64
	}{
		{"prefix", nil, 0, 1, 2.0 / 3}, // ab of abc
		{"prefix", nil, 0, 2, 0},
		{"prefix", nil, 0, 0, 1},
		{"prefix", nil, 0, 5, 0}, // nothing to compare

		// Without decay a match weighs 1, against the shorter trace's length.
		{"pdm", map[string]float64{"place": 0, "offset": 0}, 0, 1, 2.0 / 3},
		{"pdm", map[string]float64{"place": 0, "offset": 0}, 0, 2, 1},
		{"pdm", map[string]float64{"place": 0, "offset": 0}, 0, 3, 1.0 / 3}, // one of a, b, c, in order
		// All matches are one place apart: (1 + e^-1 + e^-2) e^-1 of 1 + e^-1 + e^-2.
		{"pdm", map[string]float64{"place": 1, "offset": 1}, 0, 2, e1},
		// a and b in place: (1 + e^-1) of 1 + e^-1 + e^-2.
		{"pdm", map[string]float64{"place": 1, "offset": 0}, 0, 1, (1 + e1) / (1 + e1 + e2)},

		// beta 0 makes every frame's rarity 1/2. alpha 1: weights 1, 1/2, 1/3.
		// abc and abd: 2(1+1/2) of 2(1+1/2+1/3).
		{"tracesim", map[string]float64{"alpha": 1, "beta": 0}, 0, 1, 1.5 / (11.0 / 6)},
		// abc and xabc: (1+1/2)+(1/2+1/3)+(1/3+1/4) of 11/6 + 25/12.
		{"tracesim", map[string]float64{"alpha": 1, "beta": 0}, 0, 2, (11.0/6 + 13.0/12) / (11.0/6 + 25.0/12)},
		{"tracesim", map[string]float64{"alpha": 0, "beta": 0}, 0, 4, 0},
		{"tracesim", nil, 3, 3, 1},

		// No document is counted, so all terms weigh alike: a, b of {a,b,c} and
		// {a,b,d}, and the type.
		{"tfidf", map[string]float64{"type": 1}, 0, 1, 3.0 / 4},
		{"tfidf", map[string]float64{"type": 0}, 0, 1, 2.0 / 3},
		{"tfidf", map[string]float64{"type": 2}, 0, 1, 6.0 / 7}, // squared: 2 + 4 of 3 + 4
		{"tfidf", nil, 0, 5, 0},
	} {
		e, err := find(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		p := mustNew(t, tt.name, with(e.published, tt.parameters)).Start(items)
		if got := p.Score(tt.i, tt.j); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s %v: Score(%d,%d) is %v, want %v", tt.name, tt.parameters, tt.i, tt.j, got, tt.want)
		}
	}
}

// A frame that stands in every error weighs less than a rare one, to both
// methods that know rarity.
func TestRarityCounts(t *testing.T) {
	items := itemsOf(trace("E", "main a"), trace("E", "main b"), trace("E", "x a"), trace("E", "main c"), trace("E", "main d"))
	for name, s := range map[string]*Settings{
		"tracesim": with(publishedTraceSim, map[string]float64{"alpha": 0, "gamma": 0}), "tfidf": with(publishedTFIDF, map[string]float64{"type": 0}),
	} {
		p := mustNew(t, name, s).Start(items)
		p.LearnAll()
		if rare, common := p.Score(0, 2), p.Score(0, 1); rare <= common {
			t.Errorf("%s: a shared rare frame scores %v, a shared common one %v", name, rare, common)
		}
	}
}

// The baselines weigh frames from tables; the scores are those of package
// features to the bit.
func TestAlignmentsAreThoseOfFeatures(t *testing.T) {
	type similar interface {
		Similarity(a, b *features.Record, f *features.Frequencies) float64
	}
	name := rapid.SampledFrom([]string{"a", "b", "c", "main"})
	rapid.Check(t, func(t *rapid.T) {
		var events []features.Event
		for range 3 {
			events = append(events, trace("E", strings.Join(rapid.SliceOfN(name, 1, 40).Draw(t, "trace"), " ")))
		}
		items := itemsOf(events...)
		x, y, z := rapid.Float64Range(0, 2).Draw(t, "x"), rapid.Float64Range(0, 2).Draw(t, "y"), rapid.Float64Range(0, 2).Draw(t, "z")
		grain := rapid.IntRange(0, 2).Draw(t, "grain")
		g := features.Grain(grain)
		for _, c := range []struct {
			settings   *Settings
			parameters map[string]float64
			want       similar
		}{
			{publishedPrefix, nil, features.Prefix{Grain: g}},
			{publishedPDM, map[string]float64{"place": x, "offset": y}, features.PDM{Place: x, Offset: y, Grain: g}},
			{publishedTraceSim, map[string]float64{"alpha": x, "beta": y, "gamma": z}, features.TraceSim{Alpha: x, Beta: y, Gamma: z, Grain: g}},
		} {
			s := with(with(c.settings, c.parameters), map[string]float64{"grain": float64(grain)})
			scorer, err := New(s.Name, s)
			if err != nil {
				t.Fatal(err)
			}
			p := scorer.Start(items)
			p.LearnAll()
			var counts features.Frequencies
			for i := range items {
				counts.Add(items[i].Record)
			}
			for i := range items {
				for j := range items {
					if got, want := p.Score(i, j), c.want.Similarity(items[i].Record, items[j].Record, &counts); got != want {
						t.Fatalf("%s: Score(%d,%d) is %v, Similarity %v", s.Name, i, j, got, want)
					}
				}
			}
		}
	})
}

func TestDrain(t *testing.T) {
	items := itemsOf(
		logLine("connection of alice was closed by peer"),
		logLine("connection of bob was closed by peer"),
		logLine("connection of carol was reset by peer"), // 5 of 7 tokens
		logLine("connection of dave"),                    // another length
		logLine("session of alice was closed by peer"),   // another first token
		logLine("took 12 ms"), logLine("took 7 ms"),      // masked
		logLine("a b c d"), logLine("a b x y"), // half of the tokens
		logLine("a b x z"),                     // the template is a b <*> <*> now: half again
		trace("E", "main"), trace("F", "main"), // types apart
	)
	p := mustNew(t, "drain", nil).Start(items)
	for _, tt := range []struct {
		i, j int
		same bool
	}{
		{0, 1, true}, {0, 2, true}, {0, 3, false}, {0, 4, false}, {5, 6, true}, {7, 8, true}, {7, 9, true}, {10, 11, false}, {10, 10, true},
	} {
		if got := p.Score(tt.i, tt.j) == ruleThreshold; got != tt.same {
			t.Errorf("items %d and %d: one template %v, want %v", tt.i, tt.j, got, tt.same)
		}
	}

	// Two projects know nothing of each other.
	scorer := mustNew(t, "drain", nil)
	scorer.Start(items)
	fresh := scorer.Start(itemsOf(logLine("connection of carol was reset by peer"), logLine("connection of alice was closed by peer"), logLine("x y <*> z")))
	if fresh.Score(0, 1) != ruleThreshold || fresh.Score(0, 2) == ruleThreshold {
		t.Error("a second project goes on with the templates of the first")
	}
}

// A node of the tree has room for a number of tokens; what comes later goes
// the way of any token.
func TestDrainBoundsItsTree(t *testing.T) {
	var events []features.Event
	word := func(n int) string { return string([]rune{'a' + rune(n/26), 'a' + rune(n%26)}) }
	for n := range drainChildren + 50 {
		events = append(events, logLine(word(n)+" stopped for good"))
	}
	items := itemsOf(events...)
	p := mustNew(t, "drain", nil).Start(items)
	if p.Score(0, 1) == ruleThreshold {
		t.Error("first tokens do not part templates")
	}
	if last := len(items) - 1; p.Score(last, last-1) != ruleThreshold {
		t.Error("the tree has no bound")
	}
}

func BenchmarkRank(b *testing.B) {
	var events []features.Event
	for i := range 500 {
		names := ""
		for k := range 30 {
			names += " f" + string(rune('a'+(i*7+k*k)%26)) + string(rune('a'+(i+k)%26))
		}
		events = append(events, trace("E", names))
	}
	items := itemsOf(events...)
	for _, name := range Tunable() {
		b.Run(name, func(b *testing.B) {
			scorer, err := New(name, nil)
			if err != nil {
				b.Fatal(err)
			}
			p := scorer.Start(items)
			for i := range items[1:] {
				p.Add(i)
			}
			var hits []eval.Hit
			for b.Loop() {
				hits = p.Rank(hits[:0], len(items)-1, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*(len(items)-1)), "ns/pair")
		})
	}
}
