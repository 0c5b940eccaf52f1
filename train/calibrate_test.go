package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/model"
)

// synthetic returns a fitting with the given tuning pairs, of one project of
// two records.
func synthetic(platform features.Platform, tuning []tuningPair) *fitting {
	records := []*features.Record{{Platform: platform}, {Platform: platform}}
	for i := range tuning {
		tuning[i].b = 1
	}
	return &fitting{projects: []*prepared{{records: records, platform: platform}}, tuning: tuning}
}

// logistic draws tuning pairs whose probability is 1/(1+exp(-(a*margin+b))).
func logistic(rng *rand.Rand, n int, a, b float64) []tuningPair {
	out := make([]tuningPair, n)
	for i := range out {
		margin := 6*rng.Float64() - 3
		out[i] = tuningPair{margin: margin, weight: 1, same: rng.Float64() < 1/(1+math.Exp(-(a*margin+b)))}
	}
	return out
}

func every(int) bool { return true }

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func TestSigmoidRecovers(t *testing.T) {
	for _, want := range [][2]float64{{1, 0}, {0.4, -1}, {2.5, 1.5}, {1.3, -3}} {
		rng := rand.New(rand.NewPCG(1, 2))
		f := synthetic(features.Go, logistic(rng, 20000, want[0], want[1]))
		a, b, err := f.sigmoid(ones(20000), every, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a-want[0]) > 0.08*(1+want[0]) || math.Abs(b-want[1]) > 0.08*(1+math.Abs(want[1])) {
			t.Errorf("sigmoid (%.3f, %.3f), the pairs were drawn from (%g, %g)", a, b, want[0], want[1])
		}
	}
}

// TestSigmoidWeighs: a pair of weight 3 is three pairs, and pairs not chosen
// do not count.
func TestSigmoidWeighs(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	pairs := logistic(rng, 900, 1.2, -0.5)
	weight := make([]float64, len(pairs))
	var repeated []tuningPair
	for i, p := range pairs {
		weight[i] = float64(i % 4)
		for range i % 4 {
			repeated = append(repeated, p)
		}
	}
	f := synthetic(features.Go, pairs)
	a, b, err := f.sigmoid(weight, func(i int) bool { return i%8 != 0 }, 1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantA, wantB, err := synthetic(features.Go, repeated).sigmoid(ones(len(repeated)), every, 1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a-wantA) > 1e-5 || math.Abs(b-wantB) > 1e-5 {
		t.Errorf("weighted (%g, %g), repeated (%g, %g)", a, b, wantA, wantB)
	}
}

// TestSigmoidShrinks: the greater the penalty, the nearer to the prior.
func TestSigmoidShrinks(t *testing.T) {
	f := synthetic(features.Go, logistic(rand.New(rand.NewPCG(5, 2)), 2000, 2, 1))
	before := math.Inf(1)
	for _, penalty := range []float64{0, 10, 100, 1000, 1e7} {
		a, b, err := f.sigmoid(ones(2000), every, 0.5, -1, penalty)
		if err != nil {
			t.Fatal(err)
		}
		distance := math.Hypot(math.Log(a/0.5), b+1)
		if distance >= before {
			t.Errorf("penalty %g: distance %g from the prior, after %g", penalty, distance, before)
		}
		before = distance
	}
	if before > 1e-3 {
		t.Errorf("the greatest penalty still leaves %g", before)
	}
}

// TestSigmoidGradient compares the gradient with central differences.
func TestSigmoidGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 2))
	f := synthetic(features.Go, logistic(rng, 60, 1, 0))
	weight := make([]float64, 60)
	for i := range weight {
		weight[i] = 3 * rng.Float64()
	}
	loss := f.sigmoidLoss(weight, func(i int) bool { return i%3 > 0 }, 0.7, 0.4, 5)
	for _, x := range [][]float64{{0, 0}, {1, -2}, {-2, 3}, {math.Log(0.7), 0.4}, {2.5, 0.1}} {
		grad := make([]float64, 2)
		loss(x, grad)
		for k := range x {
			const h = 1e-6
			up, down := []float64{x[0], x[1]}, []float64{x[0], x[1]}
			up[k] += h
			down[k] -= h
			want := (loss(up, nil) - loss(down, nil)) / (2 * h)
			if math.Abs(grad[k]-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("at %v: derivative %d is %g, differences say %g", x, k, grad[k], want)
			}
		}
	}
}

// TestSigmoidSeparable: margins that separate the classes have no finite best
// sigmoid; the one returned is steep, a model takes it, and its boundary lies
// between the classes.
func TestSigmoidSeparable(t *testing.T) {
	steepest := 0.0
	for _, gap := range [][2]float64{{-1, 1}, {2, 3}, {8, 8.5}, {5, 5.001}, {-30, -29}, {20, 20.01}, {3, 3.4}} {
		var tuning []tuningPair
		for i := range 400 {
			spread := float64(i) / 400
			tuning = append(tuning, tuningPair{margin: gap[0] - spread}, tuningPair{margin: gap[1] + spread, same: true})
		}
		f := synthetic(features.Go, tuning)
		weight := ones(len(tuning))
		for i := range weight { // as much as the largest corpora have
			weight[i] = 1e6
		}
		a, b, err := f.sigmoid(weight, every, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		steepest = max(steepest, a)
		if !(a > 1 && a <= 1000 && math.Abs(b) <= 1000) {
			t.Errorf("gap %v: sigmoid (%g, %g) is beyond what a model takes", gap, a, b)
		}
		if boundary := -b / a; boundary < gap[0]-0.2 || boundary > gap[1]+0.2 {
			t.Errorf("gap %v: sigmoid (%g, %g) has its boundary at %g", gap, a, b, boundary)
		}
	}
	if steepest < 99 {
		t.Errorf("the steepest sigmoid has a slope of %g: no gap needed the bound", steepest)
	}
}

// TestSigmoidIsValid: whatever the margins, a model takes what comes out.
func TestSigmoidIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		margin := rapid.OneOf(rapid.Float64Range(-40, 40), rapid.SampledFrom([]float64{0, 0, 1, -1, 1e-9}))
		tuning := []tuningPair{{same: true}, {}}
		for range rapid.IntRange(0, 30).Draw(t, "pairs") {
			tuning = append(tuning, tuningPair{margin: margin.Draw(t, "margin"), same: rapid.Bool().Draw(t, "same")})
		}
		weight := ones(len(tuning))
		for i := range weight {
			weight[i] = rapid.SampledFrom([]float64{1, 0.01, 5000}).Draw(t, "weight")
		}
		f := synthetic(features.Go, tuning)
		a, b, err := f.sigmoid(weight, every, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !(a > 0 && a <= 1000) || !(math.Abs(b) <= 1000) {
			t.Fatalf("sigmoid (%g, %g)", a, b)
		}
	})
}

// TestCalibratePlatforms: a platform with pairs enough gets its own sigmoid,
// near its own truth; one with too few has none.
func TestCalibratePlatforms(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	f := synthetic(features.Python, logistic(rng, 6000, 2, 1))
	java := &features.Record{Platform: features.Java}
	f.projects = append(f.projects, &prepared{records: []*features.Record{java, java, f.projects[0].records[0]}})
	for k, p := range logistic(rng, 6000, 0.7, -1) {
		p.project, p.b = 1, 1
		if k%50 == 0 {
			p.b = 2 // a pair of two platforms
		}
		f.tuning = append(f.tuning, p)
	}
	f.projects = append(f.projects, &prepared{records: []*features.Record{{Platform: features.Ruby}, {Platform: features.Ruby}}})
	for _, p := range logistic(rng, minTuning, 1, 0) { // fewer than minTuning of either class
		p.project, p.b = 2, 1
		f.tuning = append(f.tuning, p)
	}
	var parts model.Parts
	if err := f.calibrate(&parts); err != nil {
		t.Fatal(err)
	}
	if len(parts.Calibrations) != 2 {
		t.Errorf("calibrations %v, want python and java alone", parts.Calibrations)
	}
	for platform, want := range map[features.Platform][2]float64{features.Python: {2, 1}, features.Java: {0.7, -1}} {
		c := parts.Calibrations[platform]
		if c.Kind != model.Sigmoid || math.Abs(c.A-want[0]) > 0.4 || math.Abs(c.B-want[1]) > 0.4 {
			t.Errorf("%s: %+v, want about %v", platform, c, want)
		}
	}
	if c := parts.Fallback; c.Kind != model.Sigmoid || c.A < 0.7 || c.A > 2 {
		t.Errorf("fallback %+v, want a slope between the platforms'", c)
	}
	if len(f.report.Warnings) != 0 {
		t.Errorf("warnings %v", f.report.Warnings)
	}
}

// TestCalibrateWithoutPairs falls back to the forest's own probabilities.
func TestCalibrateWithoutPairs(t *testing.T) {
	for name, tuning := range map[string][]tuningPair{"none": nil, "one class": {{margin: 1, weight: 1, same: true}}} {
		f := synthetic(features.Python, tuning)
		var parts model.Parts
		if err := f.calibrate(&parts); err != nil {
			t.Fatal(err)
		}
		if parts.Fallback.Kind != model.Sigmoid || parts.Fallback.A != 1 || parts.Fallback.B != 0 {
			t.Errorf("%s: fallback %+v, want the identity", name, parts.Fallback)
		}
		if len(f.report.Warnings) != 1 || f.report.Warnings[0].Code != "no_calibration" {
			t.Errorf("%s: warnings %v", name, f.report.Warnings)
		}
	}
}

func TestLogLoss(t *testing.T) {
	for _, margin := range []float64{-700, -31, -29.9, -3, 0, 0.5, 29.9, 31, 700} {
		for _, same := range []bool{false, true} {
			z := margin
			if same {
				z = -z
			}
			want := max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
			if got := logLoss(margin, same); math.Abs(got-want) > 1e-12*(1+want) {
				t.Errorf("loss %v at %g, %v: want %v", got, margin, same, want)
			}
		}
	}
}

// TestProjectWeights: every project counts alike, a small one less.
func TestProjectWeights(t *testing.T) {
	f := &fitting{projects: make([]*prepared, 3)}
	for range 100 {
		f.tuning = append(f.tuning, tuningPair{project: 0, weight: 100}, tuningPair{project: 2, weight: 2}) // 10000 and 200
	}
	weights := f.projectWeights()
	if weights[0] != 50 || weights[1] != 2 {
		t.Errorf("weights %g and %g, want 100*5000/10000 = 50 and 2 as it was", weights[0], weights[1])
	}
}
