package reports

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/eval/result"
)

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{share.value(0.7123), "71.2 %"},
		{share.value(1), "100.0 %"},
		{share.value(-0.25), "−25.0 %"},
		{share.bare(-0.0001), "0.0"},
		{share.bare(math.Copysign(0, -1)), "0.0"},
		{ratio.value(0.98449), "0.984"},
		{ratio.value(1e300), "1.000e+300"},
		{count.value(1204), "1,204"},
		{count.value(1204.5), "1204.5"},
		{count.value(-1204), "−1,204"},
		{share.points(0.169), "+16.9 pp"},
		{share.points(-0.169), "−16.9 pp"},
		{ratio.points(0), "0.000"},
		{count.points(-616), "−616"},
		// An end that just leaves out 0 is not printed as 0.
		{share.signed(0.0004), "+0.04"},
		{share.signed(-0.00002), "−0.002"},
		{ratio.signed(0.00031), "+0.0003"},
		{ratio.signed(1e-9), "0.000"},
		{count.signed(0.04), "+0.04"},
		{share.span(result.Figure{Low: ptr(0.688), High: ptr(0.736)}), "[68.8, 73.6]"},
		{share.span(result.Figure{}), ""},
		{ratio.delta(result.Difference{Value: .051, Low: -.01, High: .1}), "+0.051 [−0.010, +0.100]"},
		{integer(0), "0"},
		{integer(999), "999"},
		{integer(1000), "1,000"},
		{integer(-1234567), "−1,234,567"},
		{integer(int64(math.MinInt64)), "−9,223,372,036,854,775,808"},
		{integer(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"},
		{counted(1, "group"), "1 group"},
		{counted(0, "group"), "0 groups"},
		{digest("ABCDEF0123456789"), "ABCDEF012345"},
		{digest(""), "not recorded"},
		{digest("not a digest at all"), "not a digest at all"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestMarkOf(t *testing.T) {
	up, down, neither := metricByID["roc_auc"], metricByID["over_merge_rate"], metricByID["clusters"]
	above := result.Difference{Value: 2, Low: 1, High: 3, Significant: true}
	below := result.Difference{Value: -2, Low: -3, High: -1, Significant: true}
	open := result.Difference{Value: 2, Low: -1, High: 5}
	for _, tt := range []struct {
		d    result.Difference
		m    *metric
		want mark
	}{
		{above, up, better}, {below, up, worse}, {open, up, same},
		{above, down, worse}, {below, down, better}, {open, down, same},
		{above, neither, differs}, {below, neither, differs}, {open, neither, same},
	} {
		if got := markOf(tt.d, tt.m); got != tt.want {
			t.Errorf("markOf(%+v, %s) = %v, want %v", tt.d, tt.m.id, got, tt.want)
		}
	}
}

// duel is a result with one headline figure: the model's value against those
// of baselines a, b, c..., each difference with the given half width; a
// negative half width leaves the difference out.
func duel(half float64, values ...float64) (*source, *result.Dataset, column) {
	c := headlineReplay
	r := &result.Result{
		Format: result.Format, Provenance: result.Provenance{Tool: "t"},
		Datasets: []result.Dataset{{Name: "d", Version: "1", Groups: 2}},
	}
	for i, v := range values {
		name := result.ScorerModel
		if i > 0 {
			name = string(rune('a' + i - 1))
		}
		r.Scorers = append(r.Scorers, result.Scorer{Name: name, Kind: "score"})
		r.Figures = append(r.Figures, result.Figure{Dataset: "d", DatasetVersion: "1", Protocol: c.protocol, Scorer: name, Slice: c.slice, Metric: c.metric.id, Value: ptr(v), N: 5})
		if i > 0 && half >= 0 {
			d := values[0] - v
			r.Differences = append(r.Differences, result.Difference{Dataset: "d", DatasetVersion: "1", Protocol: c.protocol, Scorer: result.ScorerModel, Baseline: name,
				Slice: c.slice, Metric: c.metric.id, Value: d, Low: d - half, High: d + half, Significant: d-half > 0 || d+half < 0})
		}
	}
	sources, err := open([]*result.Result{r}, nil)
	if err != nil {
		panic(err)
	}
	return sources[0], &sources[0].Datasets[0], c
}

func TestBestNeedsARealDifference(t *testing.T) {
	for _, tt := range []struct {
		name   string
		half   float64
		values []float64
		want   []string
	}{
		{"model beats both", .05, []float64{.9, .7, .8}, []string{"model"}},
		{"model beats one, ties the other", .05, []float64{.9, .7, .88}, nil},
		{"no difference computed", -1, []float64{.9, .7, .8}, nil},
		{"baseline beats the model", .05, []float64{.7, .9, .8}, []string{"a"}},
		{"two baselines are the best", .05, []float64{.7, .9, .9}, []string{"a", "b"}},
		{"baseline ahead, not really", .05, []float64{.88, .9, .8}, nil},
		{"nothing to compare with", .05, []float64{.9}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d, c := duel(tt.half, tt.values...)
			var got []string
			for _, sc := range s.scorers {
				if s.best(d, sc.Name, c) {
					got = append(got, sc.Name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name   string
		half   float64
		values []float64
		ending string
	}{
		{"better", .05, []float64{.9, .7, .8}, "the best baseline, b, reaches 0.800. The difference, +0.100 [+0.050, +0.150], is real: the model is better."},
		{"open", .2, []float64{.9, .7, .8}, "The interval of the difference, +0.100 [−0.100, +0.300], holds 0: the data do not show which is better."},
		{"worse", .05, []float64{.6, .7, .8}, "The difference, −0.200 [−0.250, −0.150], is real: the model is worse."},
		{"unpaired", -1, []float64{.9, .8}, "There is no paired difference, so nothing is said about which is better."},
		{"alone", .05, []float64{.9}, "reaches a B-cubed F1 of 0.900; no baseline has this figure."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d, _ := duel(tt.half, tt.values...)
			v := verdictOf(s, d)
			if len(v.Sentences) != 1 || !strings.HasSuffix(v.Sentences[0], tt.ending) {
				t.Errorf("%q, want the ending %q", v.Sentences, tt.ending)
			}
		})
	}
}

func TestBadge(t *testing.T) {
	for _, tt := range []struct {
		tally tally
		tone  mark
		text  string
	}{
		{tally{better: 8}, better, "Better than every baseline"},
		{tally{better: 7, open: 1}, same, "some"},
		{tally{better: 7, unknown: 1}, same, "some"},
		{tally{better: 7, worse: 1}, worse, "Mixed"},
		{tally{worse: 1, open: 3}, worse, "Worse"},
		{tally{open: 3}, same, "No real difference"},
		{tally{unknown: 3}, unmarked, "Not enough"},
	} {
		text, tone := tt.tally.badge()
		if tone != tt.tone || !strings.Contains(text, tt.text) {
			t.Errorf("%+v: %q, %v", tt.tally, text, tone)
		}
	}
}

func TestAxisHoldsItsRangeInAFewRoundSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(0, 1).Draw(t, "low")
		high := rapid.Float64Range(low, 1).Draw(t, "high")
		from, to, step := axis(low, high)
		if from > low+1e-9 || to < high-1e-9 || from < -1e-9 || to > 1+1e-9 {
			t.Fatalf("axis [%v, %v] for [%v, %v]", from, to, low, high)
		}
		if n := (to - from) / step; n < 0.99 || n > 5.51 || math.Abs(n-math.Round(n)) > 1e-6 {
			t.Fatalf("%v steps of %v from %v to %v", n, step, from, to)
		}
	})
}

func TestPathStaysInsideThePlot(t *testing.T) {
	// The corners of the unit square are those of the drawing area; what lies
	// outside is drawn at its edge.
	if got, want := path([][2]float64{{0, 0}, {1, 1}, {-3, 9}}), "M54.0 312.0 L444.0 14.0 L54.0 14.0"; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
	if got := path(nil); got != "" {
		t.Errorf("path of nothing is %q", got)
	}
}

func TestApart(t *testing.T) {
	figure := func(low, high float64) result.Figure { return result.Figure{Low: &low, High: &high} }
	up, down, neither := metricByID["roc_auc"], metricByID["over_merge_rate"], metricByID["clusters"]
	for _, tt := range []struct {
		reference, f result.Figure
		m            *metric
		want         mark
	}{
		{figure(.1, .2), figure(.3, .4), up, better},
		{figure(.1, .2), figure(.3, .4), down, worse},
		{figure(.3, .4), figure(.1, .2), up, worse},
		{figure(.3, .4), figure(.1, .2), neither, differs},
		{figure(.1, .3), figure(.3, .4), up, same},
		{figure(.1, .4), figure(.2, .3), up, same},
		{figure(.1, .4), result.Figure{}, up, unmarked},
		{result.Figure{}, figure(.1, .4), up, unmarked},
	} {
		if got, _ := apart(tt.reference, tt.f, tt.m); got != tt.want {
			t.Errorf("apart(%v..., %s) = %v, want %v", tt.f, tt.m.id, got, tt.want)
		}
	}
}

func TestSliceTableCountsWhatItLeavesOut(t *testing.T) {
	r := fixture("2026.2", 0)
	for i := range maxSlices + 5 {
		r.Figures = append(r.Figures, result.Figure{Dataset: "java-dev", DatasetVersion: "1.1", Protocol: result.ProtocolPairs, Scorer: "model",
			Slice: "k:" + integer(1000+i), Metric: "roc_auc", Value: ptr(.5), N: 100})
	}
	page := rendered(t, "md", []*result.Result{r}, Options{})
	if !strings.Contains(page, "5 slices more are in the result and not shown.") {
		t.Error("the slices left out are not counted")
	}
	if strings.Count(page, "\n| 1,0")+strings.Count(page, "\n| 1,1") != maxSlices {
		t.Error("not as many rows as there may be")
	}
}

func TestWarningsStandWithWhatTheyQualify(t *testing.T) {
	r := fixture("2026.2", 0)
	r.Warnings = append(r.Warnings,
		result.Warning{Code: "whole", Text: "about everything"},
		result.Warning{Dataset: "gone", Code: "skipped", Text: "could not be judged"},
		result.Warning{Dataset: "js-dev", Code: "own", Text: "about js"})
	p, err := build([]*result.Result{r}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]warning{{"whole", "about everything"}, {"skipped", "gone: could not be judged"}}, p.Models[0].Warnings); diff != "" {
		t.Error(diff)
	}
	for _, d := range p.Datasets {
		if want := map[string]int{"java-dev": 1, "js-dev": 1, "logs-dev": 0}[d.Name]; len(d.Warnings) != want {
			t.Errorf("%s: %d warnings, want %d", d.Name, len(d.Warnings), want)
		}
	}
}

func TestEveryMetricShownIsExplained(t *testing.T) {
	for _, p := range panels {
		for _, c := range p.columns {
			if c.metric == nil || c.metric.meaning == "" || c.protocol != p.protocol {
				t.Errorf("%s: %+v", p.title, c)
			}
		}
	}
	for _, p := range slicePanels {
		for _, m := range p.metrics {
			if m == nil {
				t.Errorf("%s: a metric that is not described", p.title)
			}
		}
	}
}
