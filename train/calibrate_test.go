package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/model"
)

// logistic draws samples whose probability is 1/(1+exp(-(a*margin+b))).
func logistic(rng *rand.Rand, n int, a, b float64) []sample {
	out := make([]sample, n)
	for i := range out {
		margin := 6*rng.Float64() - 3
		out[i] = sample{margin: margin, weight: 1, same: rng.Float64() < 1/(1+math.Exp(-(a*margin+b)))}
	}
	return out
}

// of gives samples a platform.
func of(platform features.Platform, samples []sample) []sample {
	for i := range samples {
		samples[i].platform = platform
	}
	return samples
}

func TestSigmoidRecovers(t *testing.T) {
	for _, want := range [][2]float64{{1, 0}, {0.4, -1}, {2.5, 1.5}, {1.3, -3}} {
		rng := rand.New(rand.NewPCG(1, 2))
		a, b, err := sigmoid(logistic(rng, 20000, want[0], want[1]), 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a-want[0]) > 0.08*(1+want[0]) || math.Abs(b-want[1]) > 0.08*(1+math.Abs(want[1])) {
			t.Errorf("sigmoid (%.3f, %.3f), the pairs were drawn from (%g, %g)", a, b, want[0], want[1])
		}
	}
}

// TestSigmoidWeighs: a sample of weight 3 is three samples.
func TestSigmoidWeighs(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	samples := logistic(rng, 900, 1.2, -0.5)
	var repeated []sample
	for i := range samples {
		for range i % 4 {
			repeated = append(repeated, samples[i])
		}
		samples[i].weight = float64(i % 4)
	}
	a, b, err := sigmoid(samples, 1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantA, wantB, err := sigmoid(repeated, 1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a-wantA) > 1e-5 || math.Abs(b-wantB) > 1e-5 {
		t.Errorf("weighted (%g, %g), repeated (%g, %g)", a, b, wantA, wantB)
	}
}

// TestSigmoidShrinks: the greater the penalty, the nearer to the prior.
func TestSigmoidShrinks(t *testing.T) {
	samples := logistic(rand.New(rand.NewPCG(5, 2)), 2000, 2, 1)
	before := math.Inf(1)
	for _, penalty := range []float64{0, 10, 100, 1000, 1e7} {
		a, b, err := sigmoid(samples, 0.5, -1, penalty)
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
	samples := logistic(rng, 60, 1, 0)
	for i := range samples {
		samples[i].weight = 3 * rng.Float64()
	}
	loss := sigmoidLoss(samples, 0.7, 0.4, 5)
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
		var samples []sample
		for i := range 400 { // weights as much as the largest corpora have
			spread := float64(i) / 400
			samples = append(samples, sample{margin: gap[0] - spread, weight: 1e6}, sample{margin: gap[1] + spread, weight: 1e6, same: true})
		}
		a, b, err := sigmoid(samples, 1, 0, 0)
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
		samples := []sample{{same: true}, {}}
		for range rapid.IntRange(0, 30).Draw(t, "samples") {
			samples = append(samples, sample{margin: margin.Draw(t, "margin"), same: rapid.Bool().Draw(t, "same")})
		}
		for i := range samples {
			samples[i].weight = rapid.SampledFrom([]float64{1, 0.01, 5000}).Draw(t, "weight")
		}
		a, b, err := sigmoid(samples, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !(a > 0 && a <= 1000) || !(math.Abs(b) <= 1000) {
			t.Fatalf("sigmoid (%g, %g)", a, b)
		}
	})
}

// TestCalibratePlatforms: a platform with samples enough gets its own sigmoid,
// near its own truth; one with too few has none.
func TestCalibratePlatforms(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	samples := of(features.Python, logistic(rng, 6000, 2, 1))
	java := of(features.Java, logistic(rng, 6000, 0.7, -1))
	for k := 0; k < len(java); k += 50 {
		java[k].platform = model.MixedPlatforms
	}
	samples = append(samples, java...)
	samples = append(samples, of(features.Ruby, logistic(rng, minTuning, 1, 0))...) // fewer than minTuning of either class
	fallback, own, ok, err := calibrate(samples)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if len(own) != 2 {
		t.Errorf("calibrations %v, want python and java alone", own)
	}
	for platform, want := range map[features.Platform][2]float64{features.Python: {2, 1}, features.Java: {0.7, -1}} {
		c := own[platform]
		if c.Kind != model.Sigmoid || math.Abs(c.A-want[0]) > 0.4 || math.Abs(c.B-want[1]) > 0.4 {
			t.Errorf("%s: %+v, want about %v", platform, c, want)
		}
	}
	if fallback.Kind != model.Sigmoid || fallback.A < 0.7 || fallback.A > 2 {
		t.Errorf("fallback %+v, want a slope between the platforms'", fallback)
	}
}

// TestCalibrateWithoutPairs falls back to the forest's own probabilities.
func TestCalibrateWithoutPairs(t *testing.T) {
	for name, samples := range map[string][]sample{"none": nil, "one class": {{margin: 1, weight: 1, same: true}}} {
		c, own, ok, err := calibrate(samples)
		if err != nil || ok || len(own) > 0 {
			t.Errorf("%s: own %v, ok %v, %v", name, own, ok, err)
		}
		if c.Kind != model.Sigmoid || c.A != 1 || c.B != 0 {
			t.Errorf("%s: fallback %+v, want the identity", name, c)
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
