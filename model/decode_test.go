package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whorl/features"
	"whorl/internal/safetensors"
)

// TestEveryBitFlipIsRefused: no file that differs in one bit opens.
func TestEveryBitFlipIsRefused(t *testing.T) {
	data := tinyFile(t)
	met := map[string]int{}
	for bit := range 8 * len(data) {
		data[bit/8] ^= 1 << (bit % 8)
		_, err := decode(data, tiny)
		if err == nil {
			t.Fatalf("opened with bit %d flipped", bit)
		}
		met[sentinelOf(t, err)]++
		data[bit/8] ^= 1 << (bit % 8)
	}
	if _, err := decode(data, tiny); err != nil {
		t.Fatalf("the file itself: %v", err)
	}
	// The tensors are most of the file and only the digest covers them.
	if met["ErrDigest"] < 4*len(data) {
		t.Errorf("refusals %v of %d bits", met, 8*len(data))
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	data := tinyFile(t)
	for n := range data {
		if _, err := decode(data[:n], tiny); sentinelOf(t, err) != "ErrTruncated" {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

func TestAppendedBytesAreRefused(t *testing.T) {
	data := tinyFile(t)
	for _, tail := range [][]byte{{0}, {' '}, make([]byte, 1<<16), data} {
		if _, err := decode(slices.Concat(data, tail), tiny); sentinelOf(t, err) != "ErrTrailing" {
			t.Errorf("%d bytes appended: %v", len(tail), err)
		}
	}
}

// mutant is what the file of tinyParts is built from, open to change. Every
// attack changes one thing, and the digest is made right again, so that the
// check meant for it has to find it.
type mutant struct {
	metadata map[string]string
	tensors  map[string]safetensors.Tensor
}

func newMutant(t testing.TB) *mutant {
	file, err := safetensors.Decode(tinyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &mutant{metadata: file.Metadata, tensors: map[string]safetensors.Tensor{}}
	for _, tensor := range file.Tensors {
		m.tensors[tensor.Name] = tensor
	}
	return m
}

func (m *mutant) file(t testing.TB) []byte {
	var list []safetensors.Tensor
	for _, tensor := range m.tensors {
		list = append(list, tensor)
	}
	data, err := safetensors.Encode(m.metadata, list)
	if err != nil {
		t.Fatal(err)
	}
	return reseal(data)
}

// put replaces or adds a tensor.
func (m *mutant) put(tensor safetensors.Tensor) { m.tensors[tensor.Name] = tensor }

// set changes one element of a tensor.
func set[T safetensors.Element](m *mutant, name string, i int, value T) {
	tensor := m.tensors[name]
	values, err := safetensors.Values[T](tensor)
	if err != nil {
		panic(err)
	}
	values[i] = value
	m.put(safetensors.Of(name, values, tensor.Shape...))
}

// attack is one fault and the error that must name it.
type attack struct {
	name   string
	change func(*mutant)
	want   string
}

func metadataAttacks() []attack {
	write := func(key, value string) func(*mutant) {
		return func(m *mutant) { m.metadata[key] = value }
	}
	without := func(key string) func(*mutant) {
		return func(m *mutant) { delete(m.metadata, key) }
	}
	return []attack{
		{"no metadata", func(m *mutant) { clear(m.metadata) }, "ErrNotModel"},
		{"no format", without("whorl.format"), "ErrNotModel"},
		{"format of another program", write("whorl.format", "other/1"), "ErrNotModel"},
		{"format without number", write("whorl.format", "whorl.model/"), "ErrNotModel"},
		{"format 0", write("whorl.format", "whorl.model/0"), "ErrNotModel"},
		{"format 01", write("whorl.format", "whorl.model/01"), "ErrNotModel"},
		{"format +1", write("whorl.format", "whorl.model/+1"), "ErrNotModel"},
		{"format -1", write("whorl.format", "whorl.model/-1"), "ErrNotModel"},
		{"format 1.1", write("whorl.format", "whorl.model/1.1"), "ErrNotModel"},
		{"format in upper case", write("whorl.format", "Whorl.model/1"), "ErrNotModel"},
		{"format 2^64", write("whorl.format", "whorl.model/18446744073709551616"), "ErrNotModel"},
		{"format 2 of pairs alone", write("whorl.format", "whorl.model/2"), "ErrMetadata"},
		{"format 3", write("whorl.format", "whorl.model/3"), "ErrNewerFormat"},
		{"join in format 1", write("whorl.join", "0.5"), "ErrMetadata"},
		{"join of a platform in format 1", write("whorl.join.java", "0.5"), "ErrMetadata"},
		{"groups in format 1", write("whorl.groups", "whorl.groups/1"), "ErrMetadata"},
		{"format 100", write("whorl.format", "whorl.model/100"), "ErrNewerFormat"},
		{"no digest", without("whorl.sha256"), "ErrDigest"},
		{"no schema", without("whorl.schema"), "ErrMetadata"},
		{"no feature count", without("whorl.features"), "ErrMetadata"},
		{"another schema", write("whorl.schema", "whorl.features/0"), "ErrSchema"},
		{"empty schema", write("whorl.schema", ""), "ErrSchema"},
		{"more features", write("whorl.features", "6"), "ErrSchema"},
		{"feature count 05", write("whorl.features", "05"), "ErrSchema"},
		{"negative feature count", write("whorl.features", "-5"), "ErrSchema"},
		{"no version", without("whorl.version"), "ErrMetadata"},
		{"empty version", write("whorl.version", ""), "ErrMetadata"},
		{"version in upper case", write("whorl.version", "V1"), "ErrMetadata"},
		{"version is a path", write("whorl.version", "../v1"), "ErrMetadata"},
		{"version with a newline", write("whorl.version", "v1\n"), "ErrMetadata"},
		{"version of 65 characters", write("whorl.version", strings.Repeat("v", 65)), "ErrMetadata"},
		{"unknown key", write("whorl.note", "x"), "ErrMetadata"},
		{"key outside whorl", write("format", "pt"), "ErrMetadata"},
		{"key by another case", write("whorl.Version", "v1"), "ErrMetadata"},
		{"empty key", write("", ""), "ErrMetadata"},
		{"no threshold", without("whorl.threshold"), "ErrMetadata"},
		{"empty threshold", write("whorl.threshold", ""), "ErrMetadata"},
		{"threshold is a word", write("whorl.threshold", "high"), "ErrMetadata"},
		{"threshold with a zero too many", write("whorl.threshold", "0.750"), "ErrMetadata"},
		{"threshold without its zero", write("whorl.threshold", ".75"), "ErrMetadata"},
		{"threshold in hex", write("whorl.threshold", "0x1p-1"), "ErrMetadata"},
		{"threshold with underscore", write("whorl.threshold", "0_1"), "ErrMetadata"},
		{"threshold with space", write("whorl.threshold", " 0.75"), "ErrMetadata"},
		{"threshold 0", write("whorl.threshold", "0"), "ErrThreshold"},
		{"threshold -0", write("whorl.threshold", "-0"), "ErrThreshold"},
		{"threshold negative", write("whorl.threshold", "-0.5"), "ErrThreshold"},
		{"threshold above 1", write("whorl.threshold", "1.0000000000000002"), "ErrThreshold"},
		{"threshold NaN", write("whorl.threshold", "NaN"), "ErrNotFinite"},
		{"threshold +Inf", write("whorl.threshold", "+Inf"), "ErrNotFinite"},
		{"threshold beyond float64", write("whorl.threshold", "1e999"), "ErrMetadata"},
		{"platform threshold 2", write("whorl.threshold.java", "2"), "ErrThreshold"},
		{"platform threshold NaN", write("whorl.threshold.java", "NaN"), "ErrNotFinite"},
		{"unknown platform", write("whorl.threshold.cobol", "0.5"), "ErrMetadata"},
		{"alias of a platform", write("whorl.threshold.nodejs", "0.5"), "ErrMetadata"},
		{"no platform", write("whorl.threshold.", "0.5"), "ErrMetadata"},
		{"no precision target", without("whorl.precision_target"), "ErrMetadata"},
		{"precision target 0", write("whorl.precision_target", "0"), "ErrThreshold"},
		{"precision target 97", write("whorl.precision_target", "97"), "ErrThreshold"},
		{"precision target NaN", write("whorl.precision_target", "NaN"), "ErrNotFinite"},
		{"empty provenance key", write("whorl.provenance.", "1"), "ErrProvenance"},
		{"provenance key with space", write("whorl.provenance.a b", "1"), "ErrProvenance"},
		{"provenance key in upper case", write("whorl.provenance.A", "1"), "ErrProvenance"},
		{"provenance of free text", write("whorl.provenance.note", "TypeError: x is undefined"), "ErrProvenance"},
		{"provenance with markup", write("whorl.provenance.note", "<script>"), "ErrProvenance"},
		{"provenance with newline", write("whorl.provenance.note", "a\n"), "ErrProvenance"},
		{"provenance not ASCII", write("whorl.provenance.note", "é"), "ErrProvenance"},
		{"provenance of 129 characters", write("whorl.provenance.note", strings.Repeat("a", 129)), "ErrProvenance"},
		{"provenance is a timestamp", write("whorl.provenance.note", "2024-05-01T10:00:00Z"), "ErrProvenance"},
		{"65 provenance entries", func(m *mutant) {
			for i := range 65 {
				m.metadata["whorl.provenance."+strings.Repeat("k", i%64+1)+strings.Repeat("_", i/64)] = "1"
			}
		}, "ErrProvenance"},
	}
}

func tensorAttacks() []attack {
	without := func(name string) func(*mutant) {
		return func(m *mutant) { delete(m.tensors, name) }
	}
	put := func(tensor safetensors.Tensor) func(*mutant) {
		return func(m *mutant) { m.put(tensor) }
	}
	list := []attack{
		{"no fallback calibration", without("calibration.fallback.sigmoid"), "ErrCalibration"},
		{"unknown tensor", put(safetensors.Of("trees.gain", []float32{1})), "ErrTensor"},
		{"unknown first tensor", put(safetensors.Of("a", []uint8{})), "ErrTensor"},
		{"tensor by another case", put(safetensors.Of("trees.Value", []float32{1})), "ErrTensor"},
		{"calibration of an unknown platform", put(safetensors.Of("calibration.cobol.sigmoid", []float64{1, 0})), "ErrTensor"},
		{"calibration of an alias", put(safetensors.Of("calibration.nodejs.sigmoid", []float64{1, 0})), "ErrTensor"},
		{"calibration of no platform", put(safetensors.Of("calibration..sigmoid", []float64{1, 0})), "ErrTensor"},
		{"calibration of an unknown kind", put(safetensors.Of("calibration.java.beta", []float64{1, 0})), "ErrTensor"},
		{"two calibrations of a platform", put(safetensors.Of("calibration.java.sigmoid", []float64{1, 0})), "ErrCalibration"},
		{"sigmoid of three numbers", put(safetensors.Of("calibration.javascript.sigmoid", []float64{1, 0, 0})), "ErrTensor"},
		{"sigmoid of shape [1, 2]", put(safetensors.Of("calibration.javascript.sigmoid", []float64{1, 0}, 1, 2)), "ErrTensor"},
		{"sigmoid in F32", put(safetensors.Of("calibration.javascript.sigmoid", []float32{1, 0})), "ErrTensor"},
		{"sigmoid of slope 0", put(safetensors.Of("calibration.javascript.sigmoid", []float64{0, 0})), "ErrCalibration"},
		{"sigmoid that falls", put(safetensors.Of("calibration.javascript.sigmoid", []float64{-1, 0})), "ErrCalibration"},
		{"sigmoid of slope 1001", put(safetensors.Of("calibration.javascript.sigmoid", []float64{1001, 0})), "ErrCalibration"},
		{"sigmoid of offset -1001", put(safetensors.Of("calibration.javascript.sigmoid", []float64{1, -1001})), "ErrCalibration"},
		{"sigmoid of NaN", put(safetensors.Of("calibration.javascript.sigmoid", []float64{math.NaN(), 0})), "ErrNotFinite"},
		{"sigmoid of -Inf", put(safetensors.Of("calibration.javascript.sigmoid", []float64{1, math.Inf(-1)})), "ErrNotFinite"},
		{"three rows of knots", put(safetensors.Of("calibration.java.knots", []float64{0, 0, 0}, 3, 1)), "ErrTensor"},
		{"no knots", put(safetensors.Of("calibration.java.knots", []float64{}, 2, 0)), "ErrCalibration"},
		{"4097 knots", put(safetensors.Of("calibration.java.knots", make([]float64, 2*4097), 2, 4097)), "ErrCalibration"},
		{"knots of equal margin", put(safetensors.Of("calibration.java.knots", []float64{1, 1, 0, 1}, 2, 2)), "ErrCalibration"},
		{"knots backwards", put(safetensors.Of("calibration.java.knots", []float64{1, 0, 0, 1}, 2, 2)), "ErrCalibration"},
		{"probabilities that fall", put(safetensors.Of("calibration.java.knots", []float64{0, 1, 0.5, 0.25}, 2, 2)), "ErrCalibration"},
		{"probability above 1", put(safetensors.Of("calibration.java.knots", []float64{0, 1, 0, 1.5}, 2, 2)), "ErrCalibration"},
		{"probability below 0", put(safetensors.Of("calibration.java.knots", []float64{0, 1, -0.5, 1}, 2, 2)), "ErrCalibration"},
		{"knot beyond the bound", put(safetensors.Of("calibration.java.knots", []float64{0, 2e6, 0, 1}, 2, 2)), "ErrCalibration"},
		{"knot of NaN", put(safetensors.Of("calibration.java.knots", []float64{math.NaN(), 1, 0, 1}, 2, 2)), "ErrNotFinite"},
		{"probability of Inf", put(safetensors.Of("calibration.java.knots", []float64{0, 1, 0, math.Inf(1)}, 2, 2)), "ErrNotFinite"},
		{"base in two numbers", put(safetensors.Of("trees.base", []float64{0, 0})), "ErrTensor"},
		{"base is a scalar", put(safetensors.Tensor{Name: "trees.base", DType: safetensors.F64, Shape: []int{}, Data: make([]byte, 8)}), "ErrTensor"},
		{"base in F32", put(safetensors.Of("trees.base", []float32{0})), "ErrTensor"},
		{"features in I64", put(safetensors.Of("trees.feature", make([]int64, 8))), "ErrTensor"},
		{"features in a matrix", put(safetensors.Of("trees.feature", make([]int32, 8), 2, 4)), "ErrTensor"},
		{"too few values", put(safetensors.Of("trees.value", make([]float32, 7))), "ErrTensor"},
		{"too many thresholds", put(safetensors.Of("trees.threshold", make([]float32, 9))), "ErrTensor"},
		{"too few left children", put(safetensors.Of("trees.left", make([]int32, 7))), "ErrTensor"},
		{"too few missing children", put(safetensors.Of("trees.missing", make([]int32, 7))), "ErrTensor"},
		{"self-test of 63 vectors", put(safetensors.Of("selftest.vectors", make([]float32, 63*5), 63, 5)), "ErrTensor"},
		{"self-test of other features", put(safetensors.Of("selftest.vectors", make([]float32, 64*6), 64, 6)), "ErrTensor"},
		{"self-test of other calibrations", put(safetensors.Of("selftest.probabilities", make([]float64, 64*2), 64, 2)), "ErrTensor"},
		{"self-test margins in F32", put(safetensors.Of("selftest.margins", make([]float32, 64))), "ErrTensor"},
	}
	for _, name := range []string{
		"selftest.margins", "selftest.probabilities", "selftest.vectors", "trees.base", "trees.feature", "trees.left",
		"trees.missing", "trees.roots", "trees.threshold", "trees.value",
	} {
		list = append(list, attack{"no " + name, without(name), "ErrTensor"})
	}
	return list
}

// forestAttacks change the trees of tinyParts, which lie in the file as
//
//	node      0     1    2    3    4  |  5      6      7
//	feature   0     4   -1   -1   -1  |  1     -1     -1
//	left      1     3   -1   -1   -1  |  6     -1     -1
//	missing   1     4   -1   -1   -1  |  7     -1     -1
func forestAttacks() []attack {
	i32 := func(name string, i int, value int32) func(*mutant) {
		return func(m *mutant) { set(m, name, i, value) }
	}
	f32 := func(name string, i int, value float64) func(*mutant) {
		return func(m *mutant) { set(m, name, i, float32(value)) }
	}
	forest := func(roots, feature, left, missing []int32) func(*mutant) {
		return func(m *mutant) {
			m.put(safetensors.Of("trees.roots", roots))
			m.put(safetensors.Of("trees.feature", feature))
			m.put(safetensors.Of("trees.left", left))
			m.put(safetensors.Of("trees.missing", missing))
			m.put(safetensors.Of("trees.threshold", make([]float32, len(feature))))
			m.put(safetensors.Of("trees.value", make([]float32, len(feature))))
		}
	}
	vine := func(depth int) func(*mutant) { // every left child is a leaf
		feature, left, missing := []int32{}, []int32{}, []int32{}
		add := func(f, l int32) {
			feature, left, missing = append(feature, f), append(left, l), append(missing, l)
		}
		add(0, 1)
		for d := 1; d <= depth; d++ {
			add(-1, -1)
			if d < depth {
				add(0, int32(len(feature)+1))
			} else {
				add(-1, -1)
			}
		}
		return forest([]int32{0}, feature, left, missing)
	}
	leaves := func(n int) func(*mutant) {
		roots, none := make([]int32, n), make([]int32, n)
		for i := range n {
			roots[i], none[i] = int32(i), -1
		}
		return forest(roots, none, none, none)
	}
	nan, inf := math.NaN(), math.Inf(1)
	return []attack{
		{"node is its own child", i32("trees.left", 0, 0), "ErrForest"},
		{"child is an ancestor", i32("trees.left", 1, 0), "ErrForest"},
		{"child has two parents", i32("trees.left", 1, 1), "ErrForest"},
		{"child is in another tree", i32("trees.left", 1, 6), "ErrForest"},
		{"child skips a node", i32("trees.left", 1, 4), "ErrForest"},
		{"child is negative", i32("trees.left", 0, -1), "ErrForest"},
		{"child is beyond the end", i32("trees.left", 5, 8), "ErrForest"},
		{"child is the largest int32", i32("trees.left", 5, math.MaxInt32), "ErrForest"},
		{"child is the smallest int32", i32("trees.left", 5, math.MinInt32), "ErrForest"},
		{"right child is beyond the end", forest([]int32{0}, []int32{0, -1}, []int32{1, -1}, []int32{1, -1}), "ErrForest"},
		{"leaf with a child", i32("trees.left", 2, 3), "ErrForest"},
		{"leaf with a child for NaN", i32("trees.missing", 2, 3), "ErrForest"},
		{"leaf with a threshold", f32("trees.threshold", 2, 1), "ErrForest"},
		{"leaf with threshold -0", f32("trees.threshold", 2, math.Copysign(0, -1)), "ErrForest"},
		{"leaf made a split", i32("trees.feature", 2, 0), "ErrForest"},
		{"split made a leaf", i32("trees.feature", 5, -1), "ErrForest"},
		{"NaN goes nowhere", i32("trees.missing", 0, -1), "ErrForest"},
		{"NaN goes to a grandchild", i32("trees.missing", 0, 3), "ErrForest"},
		{"NaN goes up", i32("trees.missing", 1, 0), "ErrForest"},
		{"feature beyond the schema", i32("trees.feature", 0, 5), "ErrForest"},
		{"feature 65536 more", i32("trees.feature", 0, 65536), "ErrForest"},
		{"feature -2", i32("trees.feature", 0, -2), "ErrForest"},
		{"root is not first", i32("trees.roots", 0, 1), "ErrForest"},
		{"root is inside a tree", i32("trees.roots", 1, 3), "ErrForest"},
		{"root is negative", i32("trees.roots", 1, -5), "ErrForest"},
		{"root is beyond the end", i32("trees.roots", 1, 8), "ErrForest"},
		{"tree twice", func(m *mutant) { m.put(safetensors.Of("trees.roots", []int32{0, 0})) }, "ErrForest"},
		{"root too many", func(m *mutant) { m.put(safetensors.Of("trees.roots", []int32{0, 5, 8})) }, "ErrForest"},
		{"tree without a root", func(m *mutant) { m.put(safetensors.Of("trees.roots", []int32{0})) }, "ErrForest"},
		{"no trees", func(m *mutant) { m.put(safetensors.Of("trees.roots", []int32{})) }, "ErrForest"},
		{"no nodes", forest([]int32{0}, []int32{}, []int32{}, []int32{}), "ErrForest"},
		{"nothing at all", forest([]int32{}, []int32{}, []int32{}, []int32{}), "ErrForest"},
		{"depth 33", vine(33), "ErrForest"},
		{"4097 trees", leaves(4097), "ErrForest"},
		{"2^20 + 1 nodes", func(m *mutant) {
			leaves(1<<20 + 1)(m)
			m.put(safetensors.Of("trees.roots", []int32{0}))
		}, "ErrForest"},
		{"leaf value beyond the bound", f32("trees.value", 2, 101), "ErrForest"},
		{"split value beyond the bound", f32("trees.value", 0, -101), "ErrForest"},
		{"threshold beyond the bound", f32("trees.threshold", 0, 2e18), "ErrForest"},
		{"base beyond the bound", func(m *mutant) { set(m, "trees.base", 0, 101.0) }, "ErrForest"},
		{"leaf value NaN", f32("trees.value", 2, nan), "ErrNotFinite"},
		{"split value NaN", f32("trees.value", 0, nan), "ErrNotFinite"},
		{"leaf value Inf", f32("trees.value", 2, inf), "ErrNotFinite"},
		{"leaf value -Inf", f32("trees.value", 2, -inf), "ErrNotFinite"},
		{"threshold NaN", f32("trees.threshold", 0, nan), "ErrNotFinite"},
		{"threshold Inf", f32("trees.threshold", 0, inf), "ErrNotFinite"},
		{"leaf threshold NaN", f32("trees.threshold", 2, nan), "ErrNotFinite"},
		{"base NaN", func(m *mutant) { set(m, "trees.base", 0, nan) }, "ErrNotFinite"},
		{"base Inf", func(m *mutant) { set(m, "trees.base", 0, inf) }, "ErrNotFinite"},
	}
}

func selfTestAttacks() []attack {
	return []attack{
		{"margin one bit off", func(m *mutant) {
			set(m, "selftest.margins", 63, math.Nextafter(element[float64](m, "selftest.margins", 63), 1))
		}, "ErrSelfTest"},
		{"margin NaN", func(m *mutant) { set(m, "selftest.margins", 0, math.NaN()) }, "ErrSelfTest"},
		{"probability off", func(m *mutant) {
			set(m, "selftest.probabilities", 64*3-1, element[float64](m, "selftest.probabilities", 64*3-1)+1e-11)
		}, "ErrSelfTest"},
		{"probability NaN", func(m *mutant) { set(m, "selftest.probabilities", 0, math.NaN()) }, "ErrSelfTest"},
		{"vector of other data", func(m *mutant) { set(m, "selftest.vectors", 7, float32(42)) }, "ErrSelfTest"},
		{"another NaN", func(m *mutant) {
			vectors, _ := safetensors.Values[float32](m.tensors["selftest.vectors"])
			i := slices.IndexFunc(vectors, func(x float32) bool { return x != x })
			set(m, "selftest.vectors", i, math.Float32frombits(0x7fc00001))
		}, "ErrSelfTest"},
		{"leaf changed", func(m *mutant) { set(m, "trees.value", 6, float32(-0.5)) }, "ErrSelfTest"},
		{"threshold changed", func(m *mutant) { set(m, "trees.threshold", 5, float32(-1.5)) }, "ErrSelfTest"},
		{"NaN sent the other way", func(m *mutant) { set(m, "trees.missing", 5, int32(6)) }, "ErrSelfTest"},
		{"feature changed", func(m *mutant) { set(m, "trees.feature", 5, int32(2)) }, "ErrSelfTest"},
		{"base changed", func(m *mutant) { set(m, "trees.base", 0, -0.25) }, "ErrSelfTest"},
		{"calibration changed", func(m *mutant) { set(m, "calibration.javascript.sigmoid", 1, -1.5) }, "ErrSelfTest"},
		{"knot changed", func(m *mutant) { set(m, "calibration.java.knots", 1, 0.5) }, "ErrSelfTest"},
	}
}

func element[T safetensors.Element](m *mutant, name string, i int) T {
	values, err := safetensors.Values[T](m.tensors[name])
	if err != nil {
		panic(err)
	}
	return values[i]
}

func TestAttacks(t *testing.T) {
	if _, err := decode(newMutant(t).file(t), tiny); err != nil {
		t.Fatalf("the file that every attack spoils: %v", err)
	}
	for _, family := range [][]attack{metadataAttacks(), tensorAttacks(), forestAttacks(), selfTestAttacks()} {
		for _, a := range family {
			t.Run(a.name, func(t *testing.T) {
				m := newMutant(t)
				a.change(m)
				if _, err := decode(m.file(t), tiny); err == nil {
					t.Error("opened")
				} else if got := sentinelOf(t, err); got != a.want {
					t.Errorf("got %s (%v), want %s", got, err, a.want)
				}
			})
		}
	}
}

// TestContainerAttacks are faults that no encoder would write: each edits the
// header's text or the raw bytes.
func TestContainerAttacks(t *testing.T) {
	data := tinyFile(t)
	header := func(old, new string) []byte {
		return rewriteHeader(data, func(text string) string {
			if strings.Count(text, old) == 0 {
				t.Fatalf("no %q in the header", old)
			}
			return strings.Replace(text, old, new, 1)
		})
	}
	withLength := func(n uint64) []byte {
		spoiled := bytes.Clone(data)
		binary.LittleEndian.PutUint64(spoiled, n)
		return reseal(spoiled)
	}
	stated := func(change func(string) string) []byte {
		return rewriteUnsealed(data, func(s string) string {
			return strings.Replace(s, digestOf(data), change(digestOf(data)), 1)
		})
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "ErrTruncated"},
		{"seven bytes", data[:7], "ErrTruncated"},
		{"a PNG", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...), "ErrNotModel"},
		{"a Parquet file", append([]byte("PAR1"), make([]byte, 100)...), "ErrNotModel"},
		{"text", []byte("the quick brown fox jumps over the lazy dog"), "ErrNotModel"},
		{"another safetensors file", []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), "ErrNotModel"},
		{"length 0", withLength(0), "ErrHeaderSize"},
		{"length 1 MiB + 1", withLength(1<<20 + 1), "ErrHeaderSize"},
		{"length 2^63", withLength(1 << 63), "ErrHeaderSize"},
		{"length 2^64 - 1", withLength(math.MaxUint64), "ErrHeaderSize"},
		{"length 1 MiB", withLength(1 << 20), "ErrTruncated"},
		{"length too short", withLength(16), "ErrHeader"},
		{"space before the header", header("{", " {"), "ErrNotModel"},
		{"newline after the header", rewriteHeader(data, func(s string) string { return s + "\n" }), "ErrHeader"},
		{"duplicate metadata", header(`"whorl.version":"golden-1"`, `"whorl.version":"golden-1","whorl.version":"golden-1"`), "ErrHeader"},
		{"duplicate digest", header(`"whorl.version"`, `"whorl.sha256":"0","whorl.version"`), "ErrHeader"},
		{"duplicate by escape", header(`"whorl.version"`, `"whorl.\u0076ersion":"x","whorl.version"`), "ErrHeader"},
		{"two metadata objects", header(`"trees.base":`, `"__metadata__":{},"trees.base":`), "ErrHeader"},
		{"duplicate tensor", header(`"trees.left":`, `"trees.feature":`), "ErrHeader"},
		{"number in metadata", header(`"5"`, `5`), "ErrHeader"},
		{"invalid UTF-8", header(`golden-1`, "golden-\xff"), "ErrHeader"},
		{"unknown dtype", header(`"F64"`, `"F16"`), "ErrHeader"},
		{"unknown field", header(`"dtype"`, `"kind"`), "ErrHeader"},
		{"huge dimension", header(`"shape":[8]`, `"shape":[18446744073709551615]`), "ErrHeader"},
		{"huge product", header(`"shape":[8]`, `"shape":[9223372036854775807,9223372036854775807]`), "ErrHeader"},
		{"product that wraps", header(`"shape":[8]`, `"shape":[4611686018427387904,4,2]`), "ErrHeader"},
		{"shape of other size", header(`"shape":[8]`, `"shape":[9]`), "ErrHeader"},
		{"hole", header(`"data_offsets":[0,`, `"data_offsets":[8,`), "ErrHeader"},
		{"not sorted", rewriteHeader(data, func(s string) string {
			s = strings.Replace(s, `"trees.left"`, `"X"`, 1)
			s = strings.Replace(s, `"trees.missing"`, `"trees.left"`, 1)
			return strings.Replace(s, `"X"`, `"trees.missing"`, 1)
		}), "ErrHeader"},
		{"overlap", overlapping(t, data), "ErrHeader"},
		{"space in the header", header(`,"trees.base"`, `, "trees.base"`), "ErrNotCanonical"},
		{"escape in the header", header(`golden-1`, `\u0067olden-1`), "ErrNotCanonical"},
		{"more padding", rewriteHeader(data, func(s string) string { return s + strings.Repeat(" ", 8) }), "ErrNotCanonical"},
		{"fields in another order", header(`"dtype":"F64","shape":[1]`, `"shape":[1],"dtype":"F64"`), "ErrNotCanonical"},
		{"metadata in another order", header(`"whorl.features":"5","whorl.format":"whorl.model/1"`, `"whorl.format":"whorl.model/1","whorl.features":"5"`), "ErrNotCanonical"},
		{"metadata last", metadataLast(data), "ErrNotCanonical"},
		{"digest in upper case", stated(strings.ToUpper), "ErrDigest"},
		{"digest of zeros", stated(func(string) string { return strings.Repeat("0", 64) }), "ErrDigest"},
		{"digest of another algorithm", stated(func(s string) string { return s[:40] + strings.Repeat("0", 24) }), "ErrDigest"},
		{"digest too short", stated(func(s string) string { return s[:63] }), "ErrDigest"},
		{"digest too long", stated(func(s string) string { return s + "0" }), "ErrDigest"},
		{"digest with an escape", stated(func(s string) string { return fmt.Sprintf(`\u%04x`, s[0]) + s[1:] }), "ErrDigest"},
		{"no digest to find", stated(func(string) string { return "" }), "ErrDigest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := decode(test.data, tiny); err == nil {
				t.Error("opened")
			} else if got := sentinelOf(t, err); got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

// digestOf returns the digest that a file states.
func digestOf(data []byte) string {
	key := []byte(`"whorl.sha256":"`)
	lo := bytes.Index(data, key) + len(key)
	return string(data[lo : lo+digestLength])
}

// overlapping lets the last tensor begin where the one before it does.
func overlapping(t *testing.T, data []byte) []byte {
	file, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	last := file.Tensors[len(file.Tensors)-1]
	return rewriteHeader(data[:len(data)-len(last.Data)], func(s string) string {
		offsets := `"data_offsets":[`
		end := s[strings.LastIndex(s, offsets):]
		before := s[:strings.LastIndex(s, offsets)]
		previous := before[strings.LastIndex(before, offsets):]
		previous = previous[:strings.Index(previous, "]")+1]
		return before + previous + end[strings.Index(end, "]")+1:]
	})
}

func metadataLast(data []byte) []byte {
	return rewriteHeader(data, func(s string) string {
		s = strings.TrimRight(s, " ")
		end := strings.Index(s, "},") // of the metadata, whose values hold no brace
		return "{" + s[end+2:len(s)-1] + "," + s[1:end+1] + "}"
	})
}

// TestNewerFormatComesFirst: whatever else a later version changes, its files
// are told from damaged ones.
func TestNewerFormatComesFirst(t *testing.T) {
	newer := func(s string) string { return strings.Replace(s, "whorl.model/1", "whorl.model/3", 1) }
	data := rewriteHeader(tinyFile(t), newer)
	for name, file := range map[string][]byte{
		"without a right digest":   bytes.Replace(data, []byte(digestOf(data)), bytes.Repeat([]byte("x"), 64), 1),
		"without its tensors":      data[:8+binary.LittleEndian.Uint64(data)],
		"with bytes after its end": append(bytes.Clone(data), 1, 2, 3),
		"of a new dtype":           bytes.Replace(data, []byte(`"F64"`), []byte(`"F7K"`), 1),
		"of new fields": rewriteHeader(data, func(s string) string {
			return strings.ReplaceAll(s, `"dtype"`, `"codec":{"level":[3,-1.5e2,null]},"dtype"`)
		}),
		"of another order":    rewriteHeader(data, func(s string) string { return strings.Replace(s, `"trees.left"`, `"a"`, 1) }),
		"of another schema":   rewriteHeader(data, func(s string) string { return strings.Replace(s, tiny.id, "later", 1) }),
		"of more than 64 MiB": append(bytes.Clone(data), make([]byte, MaxFileSize)...),
	} {
		_, err := Decode(file)
		if sentinelOf(t, err) != "ErrNewerFormat" {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(err.Error(), "whorl.model/3") || !strings.Contains(err.Error(), "use a newer whorl") {
			t.Errorf("%s: %v does not say what to do", name, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	data := append(tinyFile(t), make([]byte, MaxFileSize)...)
	if _, err := Decode(data); sentinelOf(t, err) != "ErrTooLarge" {
		t.Errorf("got %v", err)
	}
}

// TestSchemaMessage: the line that a production engineer reads after an
// upgrade names both schemas and the way out.
func TestSchemaMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.safetensors")
	if err := os.WriteFile(path, tinyFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	if sentinelOf(t, err) != "ErrSchema" {
		t.Fatal(err)
	}
	for _, part := range []string{path, tiny.id, features.SchemaID, "train again"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than a line", err)
	}
}

func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent file: %v", err)
	}
	if _, err := Open(dir); sentinelOf(t, err) != "ErrNotModel" || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty); sentinelOf(t, err) != "ErrTruncated" || !strings.HasPrefix(err.Error(), empty) {
		t.Errorf("empty file: %v", err)
	}
	large := filepath.Join(dir, "large") // sparse
	if err := os.WriteFile(large, tinyFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 10*MaxFileSize); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(large); sentinelOf(t, err) != "ErrTooLarge" {
		t.Errorf("large file: %v", err)
	}
}
