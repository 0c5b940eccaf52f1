package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/eval"
	"whorl/features"
)

// toy returns projects in which one function, three calls above the crash,
// names the group, among 40 frames drawn at random from five functions: a
// setting that weighs rare frames more (a large beta) tells groups apart, one
// that weighs all alike does not.
func toy(seed uint64, projects int) []TuningProject {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []TuningProject
	for range projects {
		var events []features.Event
		var groups []int
		for range 60 {
			g := r.IntN(20)
			var functions []string
			for range 40 {
				functions = append(functions, fmt.Sprintf("shared%c", 'a'+r.IntN(5)))
			}
			functions[36] = fmt.Sprintf("culprit%c", 'a'+g)
			events = append(events, trace("E", strings.Join(functions, " ")))
			groups = append(groups, g)
		}
		out = append(out, TuningProject{Items: itemsOf(events...), Groups: groups})
	}
	return out
}

func tune(t *testing.T, data []TuningProject, o TuneOptions) *Settings {
	t.Helper()
	s, err := Tune(context.Background(), "fast", data, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTuneFindsWhatTellsGroupsApart(t *testing.T) {
	s := tune(t, toy(1, 3), TuneOptions{Seed: 1, Evaluations: 40})
	if !s.Tuned || s.Evaluations != 40 || s.Seed != 1 || len(s.Notes) != 0 {
		t.Errorf("settings %+v", s)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	// On fresh projects the planted setting (rare frames alone) is perfect.
	fresh := prepare(toy(2, 3))
	planted := publishedFast.clone()
	planted.Parameters["alpha"], planted.Parameters["beta"], planted.Parameters["gamma"] = 0, 100, 0
	flat := publishedFast.clone()
	flat.Parameters["alpha"], flat.Parameters["beta"], flat.Parameters["gamma"] = 0, 0, 0
	objective := func(s *Settings) float64 { return meanObjective(context.Background(), newFast(s), fresh) }
	best, got, worst := objective(planted), objective(s), objective(flat)
	if best < 2.99 || worst > 2.5 || got < best-0.02 {
		t.Errorf("objective of the planted setting %v, tuned %v, flat %v", best, got, worst)
	}
	// Thresholds hold their precision on fresh projects.
	var tp, all float64
	for i := range fresh {
		p := fresh[i].start(newFast(s))
		for a := range fresh[i].items {
			for b := range a {
				if p.Score(a, b) >= p.Threshold(a) {
					all++
					if fresh[i].groups[a] == fresh[i].groups[b] {
						tp++
					}
				}
			}
		}
	}
	if all == 0 || tp/all < 0.9 {
		t.Errorf("%v of %v pairs above the threshold are of one group", tp, all)
	}
}

func TestTuneNeverLosesToPublished(t *testing.T) {
	data := toy(3, 2)
	s := tune(t, data, TuneOptions{Seed: 5, Evaluations: 1})
	if diff := cmp.Diff(publishedFast.Parameters, s.Parameters); diff != "" {
		t.Errorf("the first setting tried is not the published one (-want +got):\n%s", diff)
	}
	if more := tune(t, data, TuneOptions{Seed: 5, Evaluations: 10}); more.Objective < s.Objective {
		t.Errorf("ten evaluations reach %v, one %v", more.Objective, s.Objective)
	}
}

func TestTuneIsDeterministic(t *testing.T) {
	data := toy(4, 4)
	one := tune(t, data, TuneOptions{Seed: 9, Evaluations: 12, Workers: 1})
	for _, workers := range []int{0, 2, 5} {
		if diff := cmp.Diff(one, tune(t, data, TuneOptions{Seed: 9, Evaluations: 12, Workers: workers})); diff != "" {
			t.Errorf("%d workers (-one +got):\n%s", workers, diff)
		}
	}
	if other := tune(t, data, TuneOptions{Seed: 10, Evaluations: 12}); cmp.Equal(one.Parameters, other.Parameters) {
		t.Error("another seed tries the same settings")
	}
}

func TestTuneReportsProgress(t *testing.T) {
	last, calls := 0, 0
	tune(t, toy(1, 2), TuneOptions{Evaluations: 5, Progress: func(done, total int) {
		calls++
		if done != last+1 || total != 7 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}})
	if calls != 7 {
		t.Errorf("%d calls, want 5 evaluations and 2 projects", calls)
	}
}

func TestTuneRefuses(t *testing.T) {
	ctx := context.Background()
	data := toy(1, 1)
	single := []TuningProject{{Items: data[0].Items[:2], Groups: []int{0, 1}}}
	oneGroup := []TuningProject{{Items: data[0].Items[:2], Groups: []int{0, 0}}}
	unlabelled := []TuningProject{{Items: data[0].Items[:3], Groups: []int{-1, -1, 2}}}
	copies := []TuningProject{{Items: itemsOf(trace("E", "a"), trace("E", "a"), trace("E", "b")), Groups: []int{0, 0, 1}}}
	for name, d := range map[string][]TuningProject{"none": nil, "single": single, "one group": oneGroup, "unlabelled": unlabelled, "copies": copies} {
		if _, err := Tune(ctx, "fast", d, TuneOptions{}); !errors.Is(err, ErrNothingToTune) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Tune(ctx, "static", data, TuneOptions{}); !errors.Is(err, ErrNothingToTune) {
		t.Errorf("rule: error %v", err)
	}
	if _, err := Tune(ctx, "nope", data, TuneOptions{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown: error %v", err)
	}
	for _, o := range []TuneOptions{{Evaluations: -1}, {Workers: -1}, {TargetPrecision: 1.5}, {TargetPrecision: math.NaN()}} {
		if _, err := Tune(ctx, "fast", data, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, err := Tune(ctx, "fast", []TuningProject{{Items: data[0].Items}}, TuneOptions{}); err == nil {
		t.Error("items without groups are taken")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Tune(cancelled, "fast", data, TuneOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

// Where no pair of one group shares a frame the published threshold stands.
func TestTuneWithoutCommonFrames(t *testing.T) {
	data := []TuningProject{{Items: itemsOf(logLine("a"), logLine("b"), logLine("c")), Groups: []int{0, 0, 1}}}
	s := tune(t, data, TuneOptions{Evaluations: 2})
	if s.Thresholds[""] != publishedFast.Thresholds[""] || len(s.Notes) != 1 {
		t.Errorf("settings %+v", s)
	}
}

// fixed is a project with given scores.
type fixed struct{ scores [][]float64 }

func (p fixed) LearnAll()                                 {}
func (p fixed) Score(i, j int) float64                    { return p.scores[max(i, j)][min(i, j)] }
func (p fixed) Threshold(int) float64                     { return 0 }
func (p fixed) Rank(d []eval.Hit, i, from int) []eval.Hit { return d }
func (p fixed) Add(int)                                   {}

// Worked by hand. Groups x y x y; scores 1-0: .5; 2-0: .9, 2-1: .9; 3-0: .2,
// 3-1: .1, 3-2: .4.
// Pairs by score: .9 {2-0 same, 2-1 not}, .5 {1-0 not}, .4 {3-2 not}, .2 {3-0
// not}, .1 {3-1 same}. Average precision over tied blocks: 1/2*1/2 + 1/2*2/6.
// Queries: 1 is new, best .5. 2 is seen, best .9; its group x ties with y: the
// expected reciprocal rank is (1 + 1/2)/2 = 3/4. 3 is seen, best .4; its group
// y scores .1, x .4: rank 2. MAP = (3/4 + 1/2)/2 = 5/8. AUC of seen {.9, .4}
// over new {.5}: 1/2.
func TestObjectiveByHand(t *testing.T) {
	p := fixed{[][]float64{{}, {.5}, {.9, .9}, {.2, .1, .4}}}
	want := (1.0/4 + 1.0/6) + 5.0/8 + 1.0/2
	if got := projectObjective(p, []int{7, 8, 7, 8}); math.Abs(got-want) > 1e-12 {
		t.Errorf("objective %v, want %v", got, want)
	}
}

func TestChoosePoint(t *testing.T) {
	// Scores from the top: 4 of 4 right, then 5 of 6, then 6 of 10.
	pairs := &pairScores{}
	add := func(score float64, right, wrong int) {
		for range right {
			pairs.add(score, true)
		}
		for range wrong {
			pairs.add(score, false)
		}
	}
	add(.9, 4, 0)
	add(.7, 1, 1)
	add(.3, 1, 3)
	add(-1, 2, 50)
	for _, c := range []struct {
		target            float64
		want              float64
		reached           bool
		precision, recall float64
	}{
		{1, .8, true, 1, 4.0 / 8},
		{.8, .5, true, 5.0 / 6, 5.0 / 8},
		{.6, -.35, true, 6.0 / 10, 6.0 / 8},
		{.1, -.35, true, 6.0 / 10, 6.0 / 8}, // what scores least is never taken
	} {
		got, ok := choosePoint(pairs, c.target, -1)
		if !ok || math.Abs(got.threshold-c.want) > 1e-12 || got.reached != c.reached || got.precision != c.precision || got.recall != c.recall {
			t.Errorf("precision %v: %+v, want %+v", c.target, got, c)
		}
	}
	// Nothing reaches 0.97: F0.5 is 1.25*1/(1.25+.25*1+1) = .5 at the top, then
	// 1.25*2/(2.5+4) = .385.
	pairs = &pairScores{}
	add(.9, 1, 1)
	add(.5, 1, 3)
	got, ok := choosePoint(pairs, .97, -1)
	if !ok || got.reached || math.Abs(got.threshold-.7) > 1e-12 || got.precision != .5 {
		t.Errorf("best F0.5: %+v", got)
	}
	pairs = &pairScores{}
	add(.9, 0, 3)
	add(-1, 3, 3)
	if got, ok := choosePoint(pairs, .5, -1); ok {
		t.Errorf("nothing of one group in reach: %+v", got)
	}
}

func TestThresholdsFallBack(t *testing.T) {
	few, many := &pairScores{}, &pairScores{}
	for i := range 2 * leastPairs {
		many.add(float64(i%2), i%2 == 1)
		if i < leastPairs {
			few.add(float64(i%2), i%2 == 1)
		}
	}
	got, notes := chooseThresholds([]platformPairs{{features.Go: many}, {features.Java: few}}, .97, -1)
	want := map[string]float64{"": .5, "go": .5}
	if diff := cmp.Diff(want, got); diff != "" || len(notes) != 0 {
		t.Errorf("thresholds (-want +got):\n%s\nnotes %v", diff, notes)
	}
}

func TestSamplesKeepBounds(t *testing.T) {
	var events []features.Event
	var groups []int
	for i := range 1000 {
		// One group of 300, fifty of 4 and the rest alone.
		g := i
		switch {
		case i < 300:
			g = 0
		case i < 500:
			g = 1 + i%50
		}
		events = append(events, trace("E", "f"+strings.Repeat("x", i)))
		groups = append(groups, g)
	}
	sets := prepare([]TuningProject{{Items: itemsOf(events...), Groups: groups}})
	search := searchSample(rand.New(rand.NewPCG(1, 1)), sets)[0]
	if len(search.items) != searchEvents || !search.judgeable() {
		t.Errorf("%d events in the search", len(search.items))
	}
	for i := 1; i < len(search.items); i++ {
		if !search.items[i-1].Event.Time.Before(search.items[i].Event.Time) {
			t.Fatal("the sample is not in time order")
		}
	}
	paired := 0
	for _, n := range search.sizes() {
		if n >= 2 {
			paired += n
		}
	}
	if paired < searchEvents/3 {
		t.Errorf("%d events of groups with two or more", paired)
	}
	wide := thresholdSample(rand.New(rand.NewPCG(1, 1)), sets)[0]
	if share := float64(wide.sizes()[0]) / thresholdEvents; len(wide.items) != thresholdEvents || share < .2 || share > .4 {
		t.Errorf("%d events, share of the large group %v: prevalence is not natural", len(wide.items), share)
	}
}
