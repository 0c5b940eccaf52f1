package train

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
)

// validated are settings under which the toy corpus validates in a moment.
func validated() Params {
	p := quick
	p.Bags, p.Boost.Trees, p.Workers = 1, 12, 2
	return p
}

func crossValidate(t *testing.T, c *Corpus, p Params) Validation {
	t.Helper()
	v, err := CrossValidate(t.Context(), c, p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCrossValidateAnyWorkers(t *testing.T) {
	c, p := fleet.corpus(), validated()
	var want Validation
	for i, workers := range []int{1, 2, 5} {
		p.Workers = workers
		got := crossValidate(t, c, p)
		if i == 0 {
			want = got
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers:\n%s", workers, diff)
		}
	}
	if len(want.Platforms) != 1 || want.Platforms[0].Platform != features.Python || !want.Platforms[0].Counted {
		t.Fatalf("platforms: %+v", want.Platforms)
	}
	if loss := want.Loss(); !(loss > 0 && loss < 0.5) {
		t.Errorf("%.3f of the uncertainty is left, on data that is easy to learn", loss)
	}
	if cells := want.Platforms[0].Cells; len(cells) != 4 { // an organisation each
		t.Errorf("cells: %+v", cells)
	}
}

// What is judged is the same, whatever is mined and however it is fitted.
func TestSamePairsUnderOtherSettings(t *testing.T) {
	c := fleet.corpus()
	want := crossValidate(t, c, validated())
	for name, change := range map[string]func(*Params){
		"redraw":         func(p *Params) { p.Redraw = 1 },
		"positives":      func(p *Params) { p.Mine.PerGroup = 5 },
		"hard negatives": func(p *Params) { p.Mine.Hard = 1 },
		"random":         func(p *Params) { p.Mine.Random = 30 },
		"per project":    func(p *Params) { p.Mine.PerProject = 200 },
		"pairs in all":   func(p *Params) { p.MostPairs = 1500 },
		"bins":           func(p *Params) { p.Bins = 200 },
		"trees":          func(p *Params) { p.Boost.Trees, p.Boost.Leaves, p.Boost.Depth = 5, 3, 2 },
		"rate":           func(p *Params) { p.Boost.LearningRate, p.Boost.L2 = 0.05, 20 },
		"samples":        func(p *Params) { p.Boost.RowSample, p.Boost.ColumnSample, p.Boost.MinRows = 0.5, 0.5, 50 },
	} {
		p := validated()
		change(&p)
		got := crossValidate(t, c, p)
		if got.Pairs != want.Pairs {
			t.Errorf("%s: other pairs are judged", name)
		}
		if got.Loss() == want.Loss() {
			t.Errorf("%s: the setting has no effect, so that the test shows nothing", name)
		}
		for i := range got.Platforms {
			a, b := got.Platforms[i], want.Platforms[i]
			if a.Prior != b.Prior || !slices.EqualFunc(a.Cells, b.Cells, func(x, y Cell) bool {
				return x.Weight == y.Weight && x.Organisation == y.Organisation && x.Fold == y.Fold
			}) {
				t.Errorf("%s: other cells: %+v, want %+v", name, a, b)
			}
		}
	}
	for name, change := range map[string]func(*Params){
		"seed":         func(p *Params) { p.Seed++ },
		"folds":        func(p *Params) { p.Folds = 2 },
		"tuning pairs": func(p *Params) { p.TuningPairs = 1000 },
	} {
		p := validated()
		change(&p)
		got := crossValidate(t, c, p)
		if _, err := got.GainOver(&want); !errors.Is(err, ErrOtherPairs) {
			t.Errorf("%s: compared with other pairs: %v", name, err)
		}
	}
}

// A setting that can learn next to nothing loses beyond noise.
func TestBadSettingLoses(t *testing.T) {
	many := fleet
	many.organisations, many.projects = 8, 1
	c := many.corpus()
	bad := validated()
	bad.Boost.Trees, bad.Boost.Leaves, bad.Boost.LearningRate, bad.Boost.ColumnSample = 2, 2, 0.01, 0.05
	good, worse := crossValidate(t, c, validated()), crossValidate(t, c, bad)
	g, err := good.GainOver(&worse)
	if err != nil {
		t.Fatal(err)
	}
	if beyond, bar := g.BeyondNoise(5); !beyond {
		t.Errorf("gain %+v is not beyond %.2f standard errors", g, bar)
	}
	back, err := worse.GainOver(&good)
	if err != nil {
		t.Fatal(err)
	}
	if beyond, _ := back.BeyondNoise(1); beyond || math.Abs(back.Mean+g.Mean) > 1e-12 || math.Abs(back.Error-g.Error) > 1e-12 {
		t.Errorf("the other way round: %+v", back)
	}
}

// The loss is what a model's own calibration would give: computed here pair by
// pair from the margins, the slow way.
func TestLossMatchesPairs(t *testing.T) {
	p := validated().withDefaults()
	f, err := newFitting(t.Context(), fleet.corpus(), p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.crossFit(t.Context()); err != nil {
		t.Fatal(err)
	}
	samples := f.samples()
	_, own, _, err := calibrate(samples)
	if err != nil {
		t.Fatal(err)
	}
	loss, weight, positive := 0.0, 0.0, 0.0
	c := own[features.Python]
	for _, s := range samples {
		p := c.Probability(s.margin)
		weight += s.weight
		if s.same {
			loss -= s.weight * math.Log(p)
			positive += s.weight
		} else {
			loss -= s.weight * math.Log1p(-p)
		}
	}
	share := positive / weight
	prior := -share*math.Log(share) - (1-share)*math.Log(1-share)
	v := crossValidate(t, fleet.corpus(), validated())
	if got := v.Platforms[0]; math.Abs(got.Loss-loss/weight) > 1e-6 || math.Abs(got.Prior-prior) > 1e-9 || math.Abs(v.Loss()-loss/weight/prior) > 1e-4 {
		t.Errorf("loss %g of %g, want %g of %g", got.Loss, got.Prior, loss/weight, prior)
	}
}

func TestNothingToCount(t *testing.T) {
	one := fleet
	one.organisations, one.projects, one.groups, one.events = 2, 1, 3, 3
	v := crossValidate(t, one.corpus(), validated())
	if _, err := v.GainOver(&v); !errors.Is(err, ErrNothing) {
		t.Errorf("%+v counts: %v", v.Platforms, err)
	}
}

// made returns validations of one platform a list of cells, with these losses
// a unit of weight.
func made(weights, losses [][]float64) *Validation {
	v := &Validation{}
	for i := range weights {
		l := PlatformLoss{Platform: features.Platforms()[i], Prior: 1, Counted: true}
		total := 0.0
		for k, w := range weights[i] {
			l.Cells = append(l.Cells, Cell{Organisation: 100*i + k, Weight: w, Loss: w * losses[i][k]})
			l.Loss += w * losses[i][k]
			total += w
		}
		l.Loss /= total
		v.Platforms = append(v.Platforms, l)
	}
	return v
}

// With cells of one weight the error is the textbook's for paired means.
func TestGainOfEqualCells(t *testing.T) {
	was := made([][]float64{{2, 2, 2, 2}}, [][]float64{{0.5, 0.6, 0.7, 0.8}})
	now := made([][]float64{{2, 2, 2, 2}}, [][]float64{{0.4, 0.4, 0.6, 0.4}})
	g, err := now.GainOver(was)
	if err != nil {
		t.Fatal(err)
	}
	// Differences .1 .2 .1 .4: mean .2, variance .02, error sqrt(.02/4).
	if math.Abs(g.Mean-0.2) > 1e-12 || math.Abs(g.Error-math.Sqrt(0.02/4)) > 1e-12 || g.Freedom != 3 {
		t.Errorf("%+v", g)
	}
	// A second platform on which nothing changes: half the gain, half the error.
	was = made([][]float64{{2, 2, 2, 2}, {5, 7}}, [][]float64{{0.5, 0.6, 0.7, 0.8}, {0.1, 0.2}})
	now = made([][]float64{{2, 2, 2, 2}, {5, 7}}, [][]float64{{0.4, 0.4, 0.6, 0.4}, {0.1, 0.2}})
	if g, err = now.GainOver(was); err != nil || math.Abs(g.Mean-0.1) > 1e-12 || math.Abs(g.Error-math.Sqrt(0.02/4)/2) > 1e-12 || g.Freedom != 4 {
		t.Errorf("%+v, %v", g, err)
	}
}

// Redraws average out; what differs between them is part of the error.
func TestGainOfRedraws(t *testing.T) {
	weights := [][]float64{{2, 2, 2, 2}}
	was := made(weights, [][]float64{{0.5, 0.6, 0.7, 0.8}})
	now := func(by float64) *Validation {
		return made(weights, [][]float64{{0.4 - by, 0.4 - by, 0.6 - by, 0.4 - by}})
	}
	g, err := GainOfRedraws([]*Validation{now(0), now(0.03), now(-0.03)}, []*Validation{was, was, was})
	if err != nil {
		t.Fatal(err)
	}
	// The mean is that of TestGainOfEqualCells; gains .2 .23 .17 have variance .0009.
	cells, luck := 0.02/4, 0.0009/3
	freedom := (cells + luck) * (cells + luck) / (cells*cells/3 + luck*luck/2)
	if math.Abs(g.Mean-0.2) > 1e-12 || math.Abs(g.Error-math.Sqrt(cells+luck)) > 1e-12 || math.Abs(g.Freedom-freedom) > 1e-9 {
		t.Errorf("%+v, want error %g, freedom %g", g, math.Sqrt(cells+luck), freedom)
	}
	one, err := GainOfRedraws([]*Validation{now(0)}, []*Validation{was})
	if plain, _ := now(0).GainOver(was); err != nil || one != plain {
		t.Errorf("%+v, %v", one, err)
	}
	if g, err = GainOfRedraws([]*Validation{was, was}, []*Validation{was, was}); err != nil || g.Mean != 0 || g.Error != 0 {
		t.Errorf("%+v, %v", g, err)
	}
	other := *was
	other.Pairs = "other"
	if _, err := GainOfRedraws([]*Validation{was, &other}, []*Validation{was, was}); !errors.Is(err, ErrOtherPairs) {
		t.Error(err)
	}
	if _, err := GainOfRedraws([]*Validation{was, &other}, []*Validation{was, &other}); !errors.Is(err, ErrOtherPairs) {
		t.Error(err)
	}
}

// What is hard for both settings alike is no noise.
func TestGainIsPaired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "cells")
		weights, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			weights[i] = rapid.Float64Range(0.1, 9).Draw(t, "weight")
			a[i] = rapid.Float64Range(0, 5).Draw(t, "loss")
			b[i] = a[i] - 0.25
		}
		g, err := made([][]float64{weights}, [][]float64{b}).GainOver(made([][]float64{weights}, [][]float64{a}))
		if err != nil || math.Abs(g.Mean-0.25) > 1e-9 || g.Error > 1e-9 {
			t.Fatalf("%+v, %v", g, err)
		}
	})
}

// The bar is the rule of one standard error for one rival and many cells, and
// rises with the rivals and as cells get fewer.
func TestBar(t *testing.T) {
	bar := func(rivals int, freedom float64) float64 {
		_, bar := Gain{Error: 1, Freedom: freedom}.BeyondNoise(rivals)
		return bar
	}
	if b := bar(1, 100000); math.Abs(b-1) > 1e-4 {
		t.Errorf("one rival: %g", b)
	}
	// The chance that the best of 19 normal deviates stays below is that of one below 1.
	if b := bar(19, 1000000); math.Abs(b-2.36) > 0.01 {
		t.Errorf("19 rivals: %g", b)
	}
	for rivals := 1; rivals < 50; rivals += 7 {
		if !(bar(rivals, 5) < bar(rivals+1, 5) && bar(rivals, 5) > bar(rivals, 6)) {
			t.Errorf("%d rivals: the bar is not monotone", rivals)
		}
	}
	if beyond, _ := (Gain{Mean: 0, Error: 0, Freedom: 3}).BeyondNoise(1); beyond {
		t.Error("the same losses are a gain")
	}
}

// Calibration is fitted on the pairs that it judges; a platform without one of
// its own must not count.
func TestCountedNeedsOwnCalibration(t *testing.T) {
	few := fleet
	few.seed, few.organisations, few.projects, few.groups, few.events, few.platform = 2, 4, 1, 4, 3, "java"
	c := fleet.corpus()
	for _, p := range few.corpus().Projects {
		p.Organisation += fleet.organisations
		c.Projects = append(c.Projects, p)
	}
	v := crossValidate(t, c, validated())
	counted := map[features.Platform]bool{}
	for i := range v.Platforms {
		counted[v.Platforms[i].Platform] = v.Platforms[i].Counted
		if len(v.Platforms[i].Cells) < 2 {
			t.Fatalf("%s has too few cells for this test: %+v", v.Platforms[i].Platform, v.Platforms[i])
		}
	}
	if len(counted) != 2 || !counted[features.Python] || counted[features.Java] {
		t.Errorf("counted: %v; want Python alone, as Java has fewer than %d positive pairs", counted, minTuning)
	}
	python := slices.IndexFunc(v.Platforms, func(l PlatformLoss) bool { return l.Platform == features.Python })
	if got, want := v.Loss(), v.Platforms[python].Left(); got != want {
		t.Errorf("loss %g, want that of Python, %g", got, want)
	}
	v.Platforms[python].Counted = false
	if !math.IsNaN(v.Loss()) {
		t.Errorf("nothing counts, and the loss is %g", v.Loss())
	}
}

// An organisation with pairs of two platforms is one draw: what pulls both
// platforms the same way does not average out.
func TestGainOfSharedCells(t *testing.T) {
	weights := [][]float64{{2, 2, 2, 2}, {2, 2, 2, 2}}
	was := made(weights, [][]float64{{0.5, 0.6, 0.7, 0.8}, {0.5, 0.6, 0.7, 0.8}})
	now := made(weights, [][]float64{{0.4, 0.4, 0.6, 0.4}, {0.4, 0.4, 0.6, 0.4}})
	apart, err := now.GainOver(was)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*Validation{was, now} {
		for k := range v.Platforms[1].Cells {
			v.Platforms[1].Cells[k].Organisation = v.Platforms[0].Cells[k].Organisation
		}
	}
	shared, err := now.GainOver(was)
	if err != nil {
		t.Fatal(err)
	}
	// As TestGainOfEqualCells has it, each platform alone: error sqrt(.02/4).
	one := math.Sqrt(0.02 / 4)
	if math.Abs(apart.Error-one/math.Sqrt2) > 1e-12 || apart.Freedom != 6 {
		t.Errorf("eight organisations: %+v, want error %g", apart, one/math.Sqrt2)
	}
	if math.Abs(shared.Error-one) > 1e-12 || shared.Freedom != 2 || shared.Mean != apart.Mean {
		t.Errorf("four organisations with both platforms: %+v, want error %g", shared, one)
	}
}
