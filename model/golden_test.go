package model

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"whorl/features"
)

var writeGolden = flag.Bool("write-golden", false, "write testdata/golden.safetensors, for a new format version only")

// TestGolden: the committed file of format 1 opens for ever, gives the same
// probabilities, and is what Marshal still writes. It has a schema of its own,
// so a new feature does not touch it. If this fails, the format has changed:
// files in production would be refused or, worse, read otherwise.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "golden.safetensors")
	if *writeGolden {
		if err := os.WriteFile(path, tinyFile(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(data, tiny)
	if err != nil {
		t.Fatal(err)
	}
	const want = "da0bd27f7d33e4bdef5cf3e9fd4cc534ea5a007c8ef92ef0df533bf0d1d9af47"
	if m.Digest() != want {
		t.Errorf("sha256 %s, want %s", m.Digest(), want)
	}
	if !bytes.Equal(data, tinyFile(t)) {
		t.Error("Marshal writes other bytes for the same model")
	}

	nan := float32(math.NaN())
	for _, test := range []struct {
		f0, f1, f4             float32
		margin                 float64 // by hand from the trees of tinyParts
		java, javascript, ruby float64 // knots; 1/(1+exp(1-2m)); 1/(1+exp(-m)), to 16 digits in Python
	}{
		{0.5, -1, 2, -0.5 + 1.5 - 0.25, 0.53125, 0.6224593312018546, 0.679178699175393},
		{nan, nan, nan, -0.5 + 0.5 + 0.75, 0.53125, 0.6224593312018546, 0.679178699175393},
		{1, -2, 0, -0.5 - 2 - 0.25, 0, 0.0015011822567369917, 0.06008665017400762},
		{0, 0, 1, -0.5 + 1.5 + 0.75, 0.90625, 0.9241418199787566, 0.8519528019683106},
		{nan, -1, 3, -0.5 + 0.5 - 0.25, 0.21875, 0.18242552380635635, 0.43782349911420193},
	} {
		var v features.Vector
		v[0], v[1], v[4] = test.f0, test.f1, test.f4
		if got := m.Margin(&v); got != test.margin {
			t.Errorf("%v %v %v: margin %v, want %v", test.f0, test.f1, test.f4, got, test.margin)
		}
		for p, want := range map[features.Platform]float64{features.Java: test.java, features.JavaScript: test.javascript, features.Ruby: test.ruby} {
			if got := m.Probability(&v, p); math.Abs(got-want) > 1e-15 {
				t.Errorf("%v %v %v: probability on %v is %v, want %v", test.f0, test.f1, test.f4, p, got, want)
			}
		}
	}
}
