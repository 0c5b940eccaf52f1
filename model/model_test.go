package model

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
)

func TestMarginMatchesReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		trees := rapid.IntRange(1, 12).Draw(t, "trees")
		depth := rapid.IntRange(0, 7).Draw(t, "depth")
		f := randomForest(seed, trees, depth, features.NumFeatures, rapid.Bool().Draw(t, "full"))
		l, err := f.layout()
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := l.compile(features.NumFeatures)
		if err != nil {
			t.Fatal(err)
		}
		m := &Model{pairs: scorer{forest: compiled}}
		vs := randomVectors(seed, rapid.IntRange(0, 150).Draw(t, "vectors"))
		batched := make([]float64, len(vs))
		m.Margins(vs, batched)
		for i := range vs {
			want := referenceMargin(&f, vs[i][:])
			if got := m.Margin(&vs[i]); got != want {
				t.Fatalf("Margin of vector %d is %v, want %v", i, got, want)
			}
			if batched[i] != want {
				t.Fatalf("Margins[%d] is %v, want %v", i, batched[i], want)
			}
		}
	})
}

// TestOrderOfNodes: how a trainer numbers nodes does not reach the file.
func TestOrderOfNodes(t *testing.T) {
	p := tinyParts()
	p.Forest = randomForest(1, 9, 6, tiny.width, false)
	want, err := marshal(p, tiny)
	if err != nil {
		t.Fatal(err)
	}
	p.Forest = permute(p.Forest, rand.New(rand.NewPCG(4, 4)).Perm(len(p.Forest.Feature)))
	got, err := marshal(p, tiny)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("another order of nodes gives other bytes")
	}
}

func TestMarshalIsDeterministic(t *testing.T) {
	want := tinyFile(t)
	for range 20 { // maps are ranged over in another order each time
		if !slices.Equal(tinyFile(t), want) {
			t.Fatal("the same parts give other bytes")
		}
	}
}

func TestExplainSumsToMargin(t *testing.T) {
	m := modelOf(t, randomForest(5, 200, 6, features.NumFeatures, false))
	for _, v := range randomVectors(6, 500) {
		e := m.Explain(&v, features.JavaScript)
		sum := e.Bias
		for _, part := range e.Contributions {
			sum += part
		}
		if math.Abs(sum-e.Margin) > 1e-10 {
			t.Fatalf("parts sum to %v, the margin is %v", sum, e.Margin)
		}
		if e.Margin != m.Margin(&v) || e.Probability != m.Probability(&v, features.JavaScript) || e.Threshold != 0.9 {
			t.Fatalf("explanation %v, %v, %v disagrees with the model", e.Margin, e.Probability, e.Threshold)
		}
		top := e.Top(features.NumFeatures)
		if !slices.IsSortedFunc(top, func(a, b Contribution) int {
			if math.Abs(a.LogOdds) > math.Abs(b.LogOdds) {
				return -1
			}
			return 0
		}) {
			t.Fatalf("not sorted: %v", top)
		}
	}
}

// TestExplainByHand works on the trees of tinyParts. The vector has f0 = NaN
// (left), f4 = 3 (right), f1 = -1 (left, equal to the threshold).
//
//	bias = base + roots = -0.5 + 0.25 + 0.125 = -0.125
//	f0: 1 - 0.25 = 0.75      f4: 0.5 - 1 = -0.5      f1: -0.25 - 0.125 = -0.375
//	margin = -0.5 + 0.5 - 0.25 = -0.25
func TestExplainByHand(t *testing.T) {
	m := modelOf(t, tinyParts().Forest)
	var v features.Vector
	v[0], v[1], v[4] = float32(math.NaN()), -1, 3
	got := m.Explain(&v, features.Java)
	want := Explanation{Margin: -0.25, Bias: -0.125, Platform: features.Java, Threshold: 0.75}
	want.Contributions[0], want.Contributions[4], want.Contributions[1] = 0.75, -0.5, -0.375
	want.Probability = 0.21875 // between the knots (-2, 0) and (0, 0.25): 0.25 * 1.75/2
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Contribution{{0, 0.75}, {4, -0.5}}, got.Top(2)); diff != "" {
		t.Error(diff)
	}
	if len(got.Top(-1)) != 0 || len(got.Top(99)) != 3 {
		t.Errorf("Top(-1) is %v, Top(99) is %v", got.Top(-1), got.Top(99))
	}
}

func TestAccessors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	data, err := Marshal(tinyParts())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Version() != "golden-1" || m.SchemaID() != features.SchemaID || m.PrecisionTarget() != 0.97 {
		t.Errorf("version %q, schema %q, precision target %v", m.Version(), m.SchemaID(), m.PrecisionTarget())
	}
	if m.NumTrees() != 2 || m.NumNodes() != 8 || m.Depth() != 2 {
		t.Errorf("%d trees, %d nodes, depth %d", m.NumTrees(), m.NumNodes(), m.Depth())
	}
	for p, want := range map[features.Platform]float64{features.JavaScript: 0.9, features.Other: 0.125, features.Java: 0.75, 200: 0.75} {
		if got := m.Threshold(p); got != want {
			t.Errorf("threshold of %v is %v, want %v", p, got, want)
		}
	}
	if c, own := m.Calibration(features.Java); !own || !cmp.Equal(c, tinyParts().Calibrations[features.Java]) {
		t.Errorf("calibration of java is %v, own %v", c, own)
	}
	if c, own := m.Calibration(200); own || !cmp.Equal(c, tinyParts().Fallback) {
		t.Errorf("calibration of an unknown platform is %v, own %v", c, own)
	}
	wantProvenance := []KeyValue{{"export.sha256", strings.Repeat("ab", 32)}, {"rows", "12"}, {"seed", "1"}}
	if diff := cmp.Diff(wantProvenance, m.Provenance()); diff != "" {
		t.Error(diff)
	}
	if m.StackRules() != "" {
		t.Errorf("stack trace rules %q of a model without", m.StackRules())
	}
	if len(m.Digest()) != digestLength {
		t.Errorf("digest %q", m.Digest())
	}
	keys := []string{}
	for _, entry := range m.Metadata() {
		keys = append(keys, entry.Key)
	}
	want := []string{
		"whorl.features", "whorl.format", "whorl.precision_target", "whorl.provenance.export.sha256", "whorl.provenance.rows",
		"whorl.provenance.seed", "whorl.schema", "whorl.sha256", "whorl.threshold", "whorl.threshold.javascript", "whorl.threshold.other", "whorl.version",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
}

// TestImmutable: neither the bytes a model came from nor what it returns
// leads back into it, and goroutines may share it.
func TestImmutable(t *testing.T) {
	data, err := Marshal(tinyParts())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	v := randomVectors(1, 1)[0]
	before := m.Explain(&v, features.Java)
	clear(data)
	c, _ := m.Calibration(features.Java)
	clear(c.Y)
	clear(m.Metadata())
	clear(m.Provenance())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if got := m.Explain(&v, features.Java); got != before {
					t.Errorf("explanation changed to %v", got)
					return
				}
			}
		})
	}
	group.Wait()
	if m.Version() != "golden-1" || m.Metadata()[0].Key == "" || m.Provenance()[0].Key == "" {
		t.Error("a returned list leads into the model")
	}
}

func TestScoringAllocatesNothing(t *testing.T) {
	m := modelOf(t, randomForest(7, 20, 5, features.NumFeatures, false))
	vs := randomVectors(8, 70)
	out := make([]float64, len(vs))
	for name, score := range map[string]func(){
		"Margin":      func() { m.Margin(&vs[0]) },
		"Margins":     func() { m.Margins(vs, out) },
		"Probability": func() { m.Probability(&vs[0], features.Java) },
		"Explain":     func() { m.Explain(&vs[0], features.Java) },
	} {
		if n := testing.AllocsPerRun(20, score); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestMarginsPanicsOnLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	modelOf(t, tinyParts().Forest).Margins(make([]features.Vector, 2), make([]float64, 3))
}
