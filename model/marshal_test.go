package model

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
)

// TestMarshalRefuses: one fault of a trainer a row.
func TestMarshalRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		name   string
		change func(*Parts)
		want   string
	}{
		{"no version", func(p *Parts) { p.Version = "" }, "ErrMetadata"},
		{"version with a slash", func(p *Parts) { p.Version = "a/b" }, "ErrMetadata"},
		{"no precision target", func(p *Parts) { p.PrecisionTarget = 0 }, "ErrThreshold"},
		{"precision target NaN", func(p *Parts) { p.PrecisionTarget = nan }, "ErrNotFinite"},
		{"no threshold", func(p *Parts) { p.FallbackThreshold = 0 }, "ErrThreshold"},
		{"threshold 1.5", func(p *Parts) { p.Thresholds[features.Go] = 1.5 }, "ErrThreshold"},
		{"threshold -Inf", func(p *Parts) { p.Thresholds[features.Go] = -inf }, "ErrNotFinite"},
		{"threshold of an unknown platform", func(p *Parts) { p.Thresholds[200] = 0.5 }, "ErrThreshold"},
		{"no fallback", func(p *Parts) { p.Fallback = Calibration{} }, "ErrCalibration"},
		{"unknown kind", func(p *Parts) { p.Fallback.Kind = 9 }, "ErrCalibration"},
		{"knots of a sigmoid", func(p *Parts) { p.Fallback.X = []float64{1} }, "ErrCalibration"},
		{"slope of knots", func(p *Parts) {
			p.Fallback = Calibration{Kind: Piecewise, A: 1, X: []float64{0}, Y: []float64{0}}
		}, "ErrCalibration"},
		{"knots without probabilities", func(p *Parts) { p.Fallback = Calibration{Kind: Piecewise, X: []float64{0}} }, "ErrCalibration"},
		{"falling sigmoid", func(p *Parts) { p.Calibrations[features.Go] = Calibration{Kind: Sigmoid, A: -1} }, "ErrCalibration"},
		{"calibration NaN", func(p *Parts) { p.Calibrations[features.Go] = Calibration{Kind: Sigmoid, A: nan} }, "ErrNotFinite"},
		{"calibration of an unknown platform", func(p *Parts) { p.Calibrations[200] = p.Fallback }, "ErrCalibration"},
		{"provenance key", func(p *Parts) { p.Provenance["Export"] = "1" }, "ErrProvenance"},
		{"provenance value", func(p *Parts) { p.Provenance["export"] = "free text" }, "ErrProvenance"},
		{"provenance timestamp", func(p *Parts) { p.Provenance["trained"] = "2024-05-01T10:00:00+02:00" }, "ErrProvenance"},
		{"no trees", func(p *Parts) { p.Forest = Forest{} }, "ErrForest"},
		{"short Threshold", func(p *Parts) { p.Forest.Threshold = p.Forest.Threshold[1:] }, "ErrForest"},
		{"short Left", func(p *Parts) { p.Forest.Left = p.Forest.Left[1:] }, "ErrForest"},
		{"short Right", func(p *Parts) { p.Forest.Right = p.Forest.Right[1:] }, "ErrForest"},
		{"short DefaultLeft", func(p *Parts) { p.Forest.DefaultLeft = p.Forest.DefaultLeft[1:] }, "ErrForest"},
		{"short Value", func(p *Parts) { p.Forest.Value = p.Forest.Value[1:] }, "ErrForest"},
		{"root out of range", func(p *Parts) { p.Forest.Roots[1] = 8 }, "ErrForest"},
		{"root negative", func(p *Parts) { p.Forest.Roots[1] = -1 }, "ErrForest"},
		{"root twice", func(p *Parts) { p.Forest.Roots[1] = 2 }, "ErrForest"},
		{"root is a child", func(p *Parts) { p.Forest.Roots[1] = 6 }, "ErrForest"},
		{"tree left out", func(p *Parts) { p.Forest.Roots = p.Forest.Roots[:1] }, "ErrForest"},
		{"cycle", func(p *Parts) { p.Forest.Left[1] = 2 }, "ErrForest"},
		{"node is its own child", func(p *Parts) { p.Forest.Right[1] = 1 }, "ErrForest"},
		{"both children the same", func(p *Parts) { p.Forest.Right[1] = 3 }, "ErrForest"},
		{"child of two trees", func(p *Parts) { p.Forest.Right[5] = 3 }, "ErrForest"},
		{"child out of range", func(p *Parts) { p.Forest.Right[5] = 99 }, "ErrForest"},
		{"feature out of range", func(p *Parts) { p.Forest.Feature[5] = int32(tiny.width) }, "ErrForest"},
		{"feature -2", func(p *Parts) { p.Forest.Feature[0] = -2 }, "ErrForest"},
		{"leaf NaN", func(p *Parts) { p.Forest.Value[0] = float32(nan) }, "ErrNotFinite"},
		{"leaf too large", func(p *Parts) { p.Forest.Value[0] = 1e6 }, "ErrForest"},
		{"split Inf", func(p *Parts) { p.Forest.Threshold[2] = float32(inf) }, "ErrNotFinite"},
		{"base NaN", func(p *Parts) { p.Forest.Base = nan }, "ErrNotFinite"},
		{"too deep", func(p *Parts) { p.Forest = vineForest(33) }, "ErrForest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tinyParts()
			test.change(p)
			if _, err := marshal(p, tiny); err == nil {
				t.Error("written")
			} else if got := sentinelOf(t, err); got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

// vineForest is a tree whose left children are leaves.
func vineForest(depth int) Forest {
	f := Forest{Roots: []int32{0}}
	for d := range depth + 1 {
		i := int32(2 * d)
		f.Feature = append(f.Feature, 0, -1)
		f.Left = append(f.Left, i+1, 0)
		f.Right = append(f.Right, i+2, 0)
	}
	n := 2*depth + 1 // the last node stays a leaf
	f.Feature, f.Left, f.Right = f.Feature[:n], f.Left[:n], f.Right[:n]
	f.Feature[n-1] = -1
	f.Threshold, f.DefaultLeft, f.Value = make([]float32, n), make([]bool, n), make([]float32, n)
	return f
}

// TestBounds: what lies on a bound is allowed.
func TestBounds(t *testing.T) {
	p := tinyParts()
	p.Version = "0" + strings.Repeat("z", 63)
	p.PrecisionTarget, p.FallbackThreshold = 1, math.SmallestNonzeroFloat64
	p.Forest = vineForest(maxDepth)
	p.Forest.Base = -maxNodeValue
	p.Forest.Value[0], p.Forest.Threshold[0] = maxNodeValue, -maxSplit
	p.Fallback = Calibration{Kind: Sigmoid, A: maxSlope, B: -maxSlope}
	p.Provenance = map[string]string{strings.Repeat("k", 64): strings.Repeat("v", 128), "empty": ""}
	for i := range 62 {
		p.Provenance[strings.Repeat("x", i+1)] = "A-Za-z0-9._:+/-"
	}
	data, err := marshal(p, tiny)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(data, tiny)
	if err != nil {
		t.Fatal(err)
	}
	if m.Depth() != maxDepth || m.Threshold(features.Go) != math.SmallestNonzeroFloat64 || len(m.Provenance()) != maxProvenance {
		t.Errorf("depth %d, threshold %v, %d provenance entries", m.Depth(), m.Threshold(features.Go), len(m.Provenance()))
	}
	p.Provenance = map[string]string{ProvenanceStackRules: "abc"}
	p.Forest = randomForest(1, maxTrees, 0, tiny.width, true)
	if data, err = marshal(p, tiny); err != nil {
		t.Fatal(err)
	}
	if m, err = decode(data, tiny); err != nil || m.NumTrees() != maxTrees || m.Depth() != 0 {
		t.Errorf("most trees: %v", err)
	}
	if got := m.StackRules(); got != "abc" {
		t.Errorf("stack trace rules %q, want abc", got)
	}
}

// TestRoundTrip: what a trainer hands over is what production gets.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tinyParts()
		p.Forest = randomForest(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 6).Draw(t, "trees"), rapid.IntRange(0, 5).Draw(t, "depth"), features.NumFeatures, false)
		p.FallbackThreshold = rapid.Float64Range(1e-9, 1).Draw(t, "threshold")
		p.PrecisionTarget = rapid.Float64Range(1e-9, 1).Draw(t, "precision")
		for _, platform := range features.Platforms() {
			if rapid.Bool().Draw(t, "own") {
				p.Thresholds[platform] = rapid.Float64Range(1e-9, 1).Draw(t, "threshold")
				p.Calibrations[platform] = Calibration{Kind: Sigmoid, A: rapid.Float64Range(1e-3, 9).Draw(t, "a"), B: rapid.Float64Range(-9, 9).Draw(t, "b")}
			}
		}
		data, err := Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if m.PrecisionTarget() != p.PrecisionTarget {
			t.Errorf("precision target %v, want %v", m.PrecisionTarget(), p.PrecisionTarget)
		}
		vs := randomVectors(rapid.Uint64().Draw(t, "vectors"), 5)
		for _, platform := range features.Platforms() {
			threshold, ok := p.Thresholds[platform]
			if !ok {
				threshold = p.FallbackThreshold
			}
			if m.Threshold(platform) != threshold {
				t.Errorf("threshold of %v is %v, want %v", platform, m.Threshold(platform), threshold)
			}
			calibration, ok := p.Calibrations[platform]
			if !ok {
				calibration = p.Fallback
			}
			for i := range vs {
				margin := referenceMargin(&p.Forest, vs[i][:])
				if got, want := m.Probability(&vs[i], platform), calibration.Probability(margin); got != want {
					t.Errorf("probability on %v is %v, want %v", platform, got, want)
				}
			}
		}
	})
}
