package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"whorl/features"
)

// tiny is a schema of the tests' own, so that what they pin does not move
// with the features.
var tiny = schema{id: "whorl.features/tiny", width: 5}

// tinyParts returns a model small enough to work out by hand: two trees over
// features 0, 1 and 4.
//
//	tree 0: f0 <= 0.5 or NaN ? (f4 <= 2 ? 1.5 : 0.5 or NaN) : -2
//	tree 1: f1 <= -1 ? -0.25 : 0.75 or NaN
//
// Nodes are out of order on purpose.
func tinyParts() *Parts {
	return &Parts{
		Version:         "golden-1",
		PrecisionTarget: 0.97,
		Forest: Forest{
			Base:        -0.5,
			Roots:       []int32{2, 5},
			Feature:     []int32{-1, 4, 0, -1, -1, 1, -1, -1},
			Threshold:   []float32{0, 2, 0.5, 0, 0, -1, 0, 0},
			Left:        []int32{0, 3, 1, 0, 0, 6, 0, 0},
			Right:       []int32{0, 4, 0, 0, 0, 7, 0, 0},
			DefaultLeft: []bool{false, false, true, false, false, false, false, false},
			Value:       []float32{-2, 1, 0.25, 1.5, 0.5, 0.125, -0.25, 0.75},
		},
		Calibrations: map[features.Platform]Calibration{
			features.JavaScript: {Kind: Sigmoid, A: 2, B: -1},
			features.Java:       {Kind: Piecewise, X: []float64{-2, 0, 2}, Y: []float64{0, 0.25, 1}},
		},
		Fallback:          Calibration{Kind: Sigmoid, A: 1},
		Thresholds:        map[features.Platform]float64{features.JavaScript: 0.9, features.Other: 0.125},
		FallbackThreshold: 0.75,
		Provenance:        map[string]string{"rows": "12", "seed": "1", "export.sha256": strings.Repeat("ab", 32)},
	}
}

func tinyFile(t testing.TB) []byte {
	t.Helper()
	data, err := marshal(tinyParts(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// reseal writes the digest that a file must state over the one it does. It
// finds it by text search, apart from the code under test, and leaves a file
// alone that states none.
func reseal(data []byte) []byte {
	data = bytes.Clone(data)
	if key := []byte(`"whorl.sha256":"`); bytes.Contains(data, key) {
		if lo := bytes.Index(data, key) + len(key); lo+digestLength <= len(data) {
			copy(data[lo:], digest(data, lo))
		}
	}
	return data
}

// rewriteHeader returns the file with its header's text changed, its length
// and digest right.
func rewriteHeader(data []byte, change func(string) string) []byte {
	return reseal(rewriteUnsealed(data, change))
}

// rewriteUnsealed is rewriteHeader without the digest.
func rewriteUnsealed(data []byte, change func(string) string) []byte {
	n := binary.LittleEndian.Uint64(data)
	header := change(string(data[8 : 8+n]))
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	out = append(out, header...)
	return append(out, data[8+n:]...)
}

// sentinels are all errors that a model can be refused with.
var sentinels = map[string]error{
	"ErrTruncated": ErrTruncated, "ErrTrailing": ErrTrailing, "ErrTooLarge": ErrTooLarge, "ErrNotModel": ErrNotModel,
	"ErrNewerFormat": ErrNewerFormat, "ErrHeaderSize": ErrHeaderSize, "ErrHeader": ErrHeader, "ErrNotCanonical": ErrNotCanonical,
	"ErrDigest": ErrDigest, "ErrSchema": ErrSchema, "ErrMetadata": ErrMetadata, "ErrThreshold": ErrThreshold,
	"ErrTensor": ErrTensor, "ErrNotFinite": ErrNotFinite, "ErrForest": ErrForest, "ErrCalibration": ErrCalibration,
	"ErrProvenance": ErrProvenance, "ErrSelfTest": ErrSelfTest,
}

// sentinelOf returns the name of the one sentinel that err wraps.
func sentinelOf(t testing.TB, err error) string {
	t.Helper()
	found := ""
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			if found != "" {
				t.Fatalf("%v wraps %s and %s", err, found, name)
			}
			found = name
		}
	}
	if found == "" {
		t.Fatalf("%v wraps no error of the package", err)
	}
	return found
}

// randomForest grows trees of at most the given depth with their nodes
// shuffled over the whole forest. Where full is set, every leaf has that depth.
func randomForest(seed uint64, trees, depth, width int, full bool) Forest {
	random := rand.New(rand.NewPCG(seed, 2))
	f := Forest{Base: random.NormFloat64()}
	var grow func(depth int) int32
	grow = func(depth int) int32 {
		i := int32(len(f.Feature))
		f.Feature = append(f.Feature, -1)
		f.Threshold = append(f.Threshold, 7)
		f.Left = append(f.Left, 9)
		f.Right = append(f.Right, -9)
		f.DefaultLeft = append(f.DefaultLeft, random.IntN(2) == 0)
		f.Value = append(f.Value, float32(random.NormFloat64()))
		if depth > 0 && (full || random.IntN(4) > 0) {
			f.Feature[i] = int32(random.IntN(width))
			f.Threshold[i] = float32(random.IntN(9)-4) / 4
			left, right := grow(depth-1), grow(depth-1)
			f.Left[i], f.Right[i] = left, right
		}
		return i
	}
	for range trees {
		f.Roots = append(f.Roots, grow(depth))
	}
	place := random.Perm(len(f.Feature))
	return permute(f, place)
}

// permute moves node i to place[i].
func permute(f Forest, place []int) Forest {
	n := len(place)
	g := Forest{
		Base: f.Base, Feature: make([]int32, n), Threshold: make([]float32, n), Left: make([]int32, n), Right: make([]int32, n),
		DefaultLeft: make([]bool, n), Value: make([]float32, n),
	}
	for _, root := range f.Roots {
		g.Roots = append(g.Roots, int32(place[root]))
	}
	for i, to := range place {
		g.Feature[to], g.Threshold[to], g.Value[to] = f.Feature[i], f.Threshold[i], f.Value[i]
		g.Left[to], g.Right[to], g.DefaultLeft[to] = f.Left[i], f.Right[i], f.DefaultLeft[i]
		if f.Feature[i] >= 0 {
			g.Left[to], g.Right[to] = int32(place[f.Left[i]]), int32(place[f.Right[i]])
		}
	}
	return g
}

// randomVector has values on and around the thresholds of randomForest, NaN
// and both infinities.
func randomVector(random *rand.Rand) features.Vector {
	var v features.Vector
	for i := range v {
		switch random.IntN(8) {
		case 0:
			v[i] = float32(math.NaN())
		case 1:
			v[i] = float32(math.Inf(1 - 2*random.IntN(2)))
		case 2:
			v[i] = float32(random.NormFloat64())
		default:
			v[i] = float32(random.IntN(9)-4) / 4
		}
	}
	return v
}

func randomVectors(seed uint64, n int) []features.Vector {
	random := rand.New(rand.NewPCG(seed, 3))
	vs := make([]features.Vector, n)
	for i := range vs {
		vs[i] = randomVector(random)
	}
	return vs
}

// referenceMargin is what the documentation of Forest says, word for word.
func referenceMargin(f *Forest, v []float32) float64 {
	var leaf func(i int32) float32
	leaf = func(i int32) float32 {
		if f.Feature[i] < 0 {
			return f.Value[i]
		}
		x := v[f.Feature[i]]
		switch {
		case math.IsNaN(float64(x)) && f.DefaultLeft[i]:
			return leaf(f.Left[i])
		case math.IsNaN(float64(x)):
			return leaf(f.Right[i])
		case x <= f.Threshold[i]:
			return leaf(f.Left[i])
		default:
			return leaf(f.Right[i])
		}
	}
	sum := f.Base
	for _, root := range f.Roots {
		sum += float64(leaf(root))
	}
	return sum
}

// modelOf returns the model of a forest through a file, as production has it.
func modelOf(t testing.TB, f Forest) *Model {
	t.Helper()
	p := tinyParts()
	p.Forest = f
	data, err := Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
