package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whorl/internal/safetensors"
)

// names are the tensors of one part of a model file: of the scorer of pairs or
// of the one of clusters. They are chosen so that, sorted by name, 8-byte
// elements come before 4-byte ones and every element is aligned.
type names struct {
	calibration   string // followed by a platform or fallback, and the kind
	margins       string
	probabilities string
	vectors       string
	base          string
	feature       string
	left          string
	missing       string
	roots         string
	threshold     string
	value         string
}

var (
	pairNames  = namesOf("calibration.", "selftest.", "trees.base", "trees.")
	groupNames = namesOf("groups.calibration.", "groups.selftest.", "groups.base", "trees_groups.")
)

func namesOf(calibration, selfTest, base, trees string) *names {
	return &names{
		calibration: calibration,
		margins:     selfTest + "margins", probabilities: selfTest + "probabilities", vectors: selfTest + "vectors",
		base:    base,
		feature: trees + "feature", left: trees + "left", missing: trees + "missing",
		roots: trees + "roots", threshold: trees + "threshold", value: trees + "value",
	}
}

const (
	suffixSigmoid   = ".sigmoid" // F64 [2]: slope, offset
	suffixPiecewise = ".knots"   // F64 [2, knots]: margins, probabilities

	fallbackName = "fallback" // stands where a platform's name would
)

// namedCalibration is a calibration and the platform it is for.
type namedCalibration struct {
	platform string // a platform's name or fallbackName
	Calibration
}

// suffix returns how the name of the tensor that holds the calibration ends.
func (c *namedCalibration) suffix() string {
	if c.Kind == Sigmoid {
		return c.platform + suffixSigmoid
	}
	return c.platform + suffixPiecewise
}

func (c *namedCalibration) tensor(n *names) safetensors.Tensor {
	if c.Kind == Sigmoid {
		return safetensors.Of(n.calibration+c.suffix(), []float64{c.A, c.B})
	}
	return safetensors.Of(n.calibration+c.suffix(), slices.Concat(c.X, c.Y), 2, len(c.X))
}

// sortCalibrations puts calibrations in the order of their tensors.
func sortCalibrations(list []namedCalibration) {
	slices.SortFunc(list, func(a, b namedCalibration) int { return cmp.Compare(a.suffix(), b.suffix()) })
}

// parseCalibration reads a tensor whose name begins with prefix.
func parseCalibration(t safetensors.Tensor, prefix string) (namedCalibration, error) {
	var c namedCalibration
	rest := strings.TrimPrefix(t.Name, prefix)
	var isSigmoid, isPiecewise bool
	if c.platform, isSigmoid = strings.CutSuffix(rest, suffixSigmoid); !isSigmoid {
		c.platform, isPiecewise = strings.CutSuffix(rest, suffixPiecewise)
	}
	_, isPlatform := platformNamed(c.platform)
	if !(isSigmoid || isPiecewise) || !(isPlatform || c.platform == fallbackName) {
		return c, fmt.Errorf("%w: unknown name %.80q", ErrTensor, t.Name)
	}
	if isSigmoid {
		values, err := typed[float64](t, 2)
		if err != nil {
			return c, err
		}
		c.Kind, c.A, c.B = Sigmoid, values[0], values[1]
	} else {
		values, err := typed[float64](t, 2, -1)
		if err != nil {
			return c, err
		}
		knots := t.Shape[1]
		c.Kind, c.X, c.Y = Piecewise, values[:knots:knots], values[knots:]
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%w (%s)", err, t.Name)
	}
	return c, nil
}

// typed returns the elements of a tensor of the given shape, where -1 stands
// for any length.
func typed[T safetensors.Element](t safetensors.Tensor, shape ...int) ([]T, error) {
	if !slices.EqualFunc(t.Shape, shape, func(have, want int) bool { return want < 0 || have == want }) {
		return nil, fmt.Errorf("%w: %s has shape %v, want %v (-1: any)", ErrTensor, t.Name, t.Shape, shape)
	}
	values, err := safetensors.Values[T](t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTensor, err)
	}
	return values, nil
}

// part is one scorer of a file: a forest, its calibrations in the order of
// their tensors and its self-test.
type part struct {
	layout       *layout
	calibrations []namedCalibration
	selfTest     *selfTest
	width        int     // of the vectors that it scores
	compiled     *forest // nil before the forest is checked
}

// content is what a file's tensors hold.
type content struct {
	pairs  *part
	groups *part // nil in a file without it
}

// tensors returns the content as a file stores it.
func (c *content) tensors() []safetensors.Tensor {
	list := c.pairs.tensors(pairNames)
	if c.groups != nil {
		list = append(list, c.groups.tensors(groupNames)...)
	}
	return list
}

func (p *part) tensors(n *names) []safetensors.Tensor {
	l, s := p.layout, p.selfTest
	list := []safetensors.Tensor{
		safetensors.Of(n.margins, s.margins),
		safetensors.Of(n.probabilities, s.probabilities, selfTestVectors, len(p.calibrations)),
		safetensors.Of(n.vectors, s.vectors, selfTestVectors, p.width),
		safetensors.Of(n.base, []float64{l.base}),
		safetensors.Of(n.feature, l.feature),
		safetensors.Of(n.left, l.left),
		safetensors.Of(n.missing, l.missing),
		safetensors.Of(n.roots, l.roots),
		safetensors.Of(n.threshold, l.threshold),
		safetensors.Of(n.value, l.value),
	}
	for i := range p.calibrations {
		list = append(list, p.calibrations[i].tensor(n))
	}
	return list
}

// parseContent reads the tensors of a file: all that the format knows, each
// of the right type and shape, and no other. It checks calibrations but
// neither the forests nor the self-tests.
func parseContent(file *safetensors.File, width int, grouped bool) (*content, error) {
	c := &content{}
	r := tensorReader{file: file, taken: map[string]bool{}}
	var err error
	if c.pairs, err = r.part(pairNames, width); err != nil {
		return nil, err
	}
	if grouped {
		if c.groups, err = r.part(groupNames, NumGroupFeatures); err != nil {
			return nil, err
		}
	}
	return c, r.finish()
}

// part reads one scorer.
func (r *tensorReader) part(n *names, width int) (*part, error) {
	calibrations, err := r.calibrations(n.calibration)
	if err != nil {
		return nil, err
	}
	s := &selfTest{
		margins:       take[float64](r, n.margins, selfTestVectors),
		probabilities: take[float64](r, n.probabilities, selfTestVectors, len(calibrations)),
		vectors:       take[float32](r, n.vectors, selfTestVectors, width),
	}
	base := take[float64](r, n.base, 1)
	l := &layout{feature: take[int32](r, n.feature, -1)}
	nodes := len(l.feature)
	l.left = take[int32](r, n.left, nodes)
	l.missing = take[int32](r, n.missing, nodes)
	l.roots = take[int32](r, n.roots, -1)
	l.threshold = take[float32](r, n.threshold, nodes)
	l.value = take[float32](r, n.value, nodes)
	if r.err != nil {
		return nil, r.err
	}
	l.base = base[0]
	return &part{layout: l, calibrations: calibrations, selfTest: s, width: width}, nil
}

// verify checks the forest and that this build answers the self-test as the
// file does.
func (p *part) verify() error {
	var err error
	if p.compiled, err = p.layout.compile(p.width); err != nil {
		return err
	}
	return p.selfTest.verify(answer(p.layout, p.compiled, p.calibrations, p.width))
}

// calibrations takes the calibrations whose tensors' names begin with prefix:
// one for the fallback, at most one for a platform.
func (r *tensorReader) calibrations(prefix string) ([]namedCalibration, error) {
	var list []namedCalibration
	seen := map[string]bool{}
	for _, t := range r.file.Tensors {
		if !strings.HasPrefix(t.Name, prefix) {
			continue
		}
		c, err := parseCalibration(t, prefix)
		if err != nil {
			return nil, err
		}
		if seen[c.platform] {
			return nil, fmt.Errorf("%w: two for %s", ErrCalibration, c.platform)
		}
		seen[c.platform], r.taken[t.Name] = true, true
		list = append(list, c)
	}
	if !seen[fallbackName] {
		return nil, fmt.Errorf("%w: none for %s", ErrCalibration, fallbackName)
	}
	return list, nil
}

// tensorReader takes tensors out of a file and keeps the first error.
type tensorReader struct {
	file  *safetensors.File
	taken map[string]bool
	err   error
}

// take returns the elements of the named tensor of the given shape, nil after
// an error.
func take[T safetensors.Element](r *tensorReader, name string, shape ...int) []T {
	t, ok := r.file.Tensor(name)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%w: no %s", ErrTensor, name)
	}
	if r.err != nil {
		return nil
	}
	r.taken[name] = true
	values, err := typed[T](t, shape...)
	r.err = err
	return values
}

// finish returns the first error, which may be that a tensor was not taken.
func (r *tensorReader) finish() error {
	for _, t := range r.file.Tensors {
		if r.err == nil && !r.taken[t.Name] {
			r.err = fmt.Errorf("%w: unknown name %.80q", ErrTensor, t.Name)
		}
	}
	return r.err
}
