package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whorl/internal/safetensors"
)

// The names of a model file's tensors. They are chosen so that, sorted by
// name, 8-byte elements come before 4-byte ones and every element is aligned.
const (
	tensorCalibration   = "calibration." // followed by a platform or fallback, and the kind
	tensorMargins       = "selftest.margins"
	tensorProbabilities = "selftest.probabilities"
	tensorVectors       = "selftest.vectors"
	tensorBase          = "trees.base"
	tensorFeature       = "trees.feature"
	tensorLeft          = "trees.left"
	tensorMissing       = "trees.missing"
	tensorRoots         = "trees.roots"
	tensorThreshold     = "trees.threshold"
	tensorValue         = "trees.value"

	suffixSigmoid   = ".sigmoid" // F64 [2]: slope, offset
	suffixPiecewise = ".knots"   // F64 [2, knots]: margins, probabilities

	fallbackName = "fallback" // stands where a platform's name would
)

// namedCalibration is a calibration and the platform it is for.
type namedCalibration struct {
	platform string // a platform's name or fallbackName
	Calibration
}

// tensorName returns the name of the tensor that holds the calibration.
func (c *namedCalibration) tensorName() string {
	if c.Kind == Sigmoid {
		return tensorCalibration + c.platform + suffixSigmoid
	}
	return tensorCalibration + c.platform + suffixPiecewise
}

func (c *namedCalibration) tensor() safetensors.Tensor {
	if c.Kind == Sigmoid {
		return safetensors.Of(c.tensorName(), []float64{c.A, c.B})
	}
	return safetensors.Of(c.tensorName(), slices.Concat(c.X, c.Y), 2, len(c.X))
}

// sortCalibrations puts calibrations in the order of their tensors.
func sortCalibrations(list []namedCalibration) {
	slices.SortFunc(list, func(a, b namedCalibration) int { return cmp.Compare(a.tensorName(), b.tensorName()) })
}

// parseCalibration reads a tensor whose name begins with tensorCalibration.
func parseCalibration(t safetensors.Tensor) (namedCalibration, error) {
	var c namedCalibration
	rest := strings.TrimPrefix(t.Name, tensorCalibration)
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

// content is what a file's tensors hold.
type content struct {
	layout       *layout
	calibrations []namedCalibration // in the order of their tensors
	selfTest     *selfTest
}

// tensors returns the content as a file stores it.
func (c *content) tensors(width int) []safetensors.Tensor {
	l, s := c.layout, c.selfTest
	list := []safetensors.Tensor{
		safetensors.Of(tensorMargins, s.margins),
		safetensors.Of(tensorProbabilities, s.probabilities, selfTestVectors, len(c.calibrations)),
		safetensors.Of(tensorVectors, s.vectors, selfTestVectors, width),
		safetensors.Of(tensorBase, []float64{l.base}),
		safetensors.Of(tensorFeature, l.feature),
		safetensors.Of(tensorLeft, l.left),
		safetensors.Of(tensorMissing, l.missing),
		safetensors.Of(tensorRoots, l.roots),
		safetensors.Of(tensorThreshold, l.threshold),
		safetensors.Of(tensorValue, l.value),
	}
	for i := range c.calibrations {
		list = append(list, c.calibrations[i].tensor())
	}
	return list
}

// parseContent reads the tensors of a file: all that the format knows, each
// of the right type and shape, and no other. It checks calibrations but
// neither the forest nor the self-test.
func parseContent(file *safetensors.File, width int) (*content, error) {
	calibrations, err := parseCalibrations(file.Tensors)
	if err != nil {
		return nil, err
	}
	r := tensorReader{file: file, taken: map[string]bool{}}
	s := &selfTest{
		margins:       take[float64](&r, tensorMargins, selfTestVectors),
		probabilities: take[float64](&r, tensorProbabilities, selfTestVectors, len(calibrations)),
		vectors:       take[float32](&r, tensorVectors, selfTestVectors, width),
	}
	base := take[float64](&r, tensorBase, 1)
	l := &layout{feature: take[int32](&r, tensorFeature, -1)}
	nodes := len(l.feature)
	l.left = take[int32](&r, tensorLeft, nodes)
	l.missing = take[int32](&r, tensorMissing, nodes)
	l.roots = take[int32](&r, tensorRoots, -1)
	l.threshold = take[float32](&r, tensorThreshold, nodes)
	l.value = take[float32](&r, tensorValue, nodes)
	if err := r.finish(); err != nil {
		return nil, err
	}
	l.base = base[0]
	return &content{layout: l, calibrations: calibrations, selfTest: s}, nil
}

// parseCalibrations reads the calibrations among the tensors: one for the
// fallback, at most one for a platform.
func parseCalibrations(tensors []safetensors.Tensor) ([]namedCalibration, error) {
	var list []namedCalibration
	seen := map[string]bool{}
	for _, t := range tensors {
		if !strings.HasPrefix(t.Name, tensorCalibration) {
			continue
		}
		c, err := parseCalibration(t)
		if err != nil {
			return nil, err
		}
		if seen[c.platform] {
			return nil, fmt.Errorf("%w: two for %s", ErrCalibration, c.platform)
		}
		seen[c.platform] = true
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

// finish returns the first error, which may be that a tensor was not taken
// and is no calibration either.
func (r *tensorReader) finish() error {
	for _, t := range r.file.Tensors {
		if r.err == nil && !r.taken[t.Name] && !strings.HasPrefix(t.Name, tensorCalibration) {
			r.err = fmt.Errorf("%w: unknown name %.80q", ErrTensor, t.Name)
		}
	}
	return r.err
}
