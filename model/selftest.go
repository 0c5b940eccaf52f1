package model

import (
	"fmt"
	"math"
)

// A file carries the answers that its trainer computed to questions made from
// its own thresholds, so that opening it proves that this build, on this
// machine, computes the same. The questions follow from the forest and a
// fixed seed: nothing of any event is in them, and a file with other
// questions is refused.

const (
	selfTestVectors = 64
	selfTestSeed    = 1

	// selfTestTolerance bounds how far a probability may be from the trainer's.
	// Margins must agree in every bit, because adding is exactly defined; the
	// exponential function may differ in its last bits between architectures.
	selfTestTolerance = 1e-12

	canonicalNaN = 0x7fc00000
)

// selfTest is the questions and answers of a file.
type selfTest struct {
	vectors       []float32 // [selfTestVectors][width]
	margins       []float64 // [selfTestVectors]
	probabilities []float64 // [selfTestVectors][calibrations], in the order of their tensors
}

// splitMix is the generator SplitMix64 (Steele, Lea and Flood 2014, "Fast
// splittable pseudorandom number generators").
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// selfTestQuestions returns the vectors of a layout, row-major. One value in
// eight is NaN. The others lie on, just above or just below a threshold that
// splits their feature, where a build that compares wrongly shows; a feature
// that nothing splits has a value in [0, 1).
func selfTestQuestions(l *layout, width int) []float32 {
	splits := make([][]float32, width)
	for i, feature := range l.feature {
		if feature >= 0 {
			splits[feature] = append(splits[feature], l.threshold[i])
		}
	}
	random := splitMix(selfTestSeed)
	vectors := make([]float32, selfTestVectors*width)
	for i := range vectors {
		r := random.next()
		kind, where, side := r%8, r>>8, r>>3%4
		switch split := splits[i%width]; {
		case kind == 0:
			vectors[i] = math.Float32frombits(canonicalNaN)
		case len(split) == 0:
			vectors[i] = float32(where>>32) / (1 << 24)
		default:
			vectors[i] = split[where%uint64(len(split))]
			switch side {
			case 0:
				vectors[i] = math.Nextafter32(vectors[i], float32(math.Inf(1)))
			case 1:
				vectors[i] = math.Nextafter32(vectors[i], float32(math.Inf(-1)))
			}
		}
	}
	return vectors
}

// answer returns the self-test of a forest and its calibrations.
func answer(l *layout, f *forest, calibrations []namedCalibration, width int) *selfTest {
	s := &selfTest{vectors: selfTestQuestions(l, width)}
	for i := range selfTestVectors {
		margin := f.margin(s.vectors[i*width : (i+1)*width])
		s.margins = append(s.margins, margin)
		for j := range calibrations {
			s.probabilities = append(s.probabilities, calibrations[j].Probability(margin))
		}
	}
	return s
}

// verify compares what the file holds with what this build computes.
func (s *selfTest) verify(computed *selfTest) error {
	for i, x := range computed.vectors {
		if math.Float32bits(x) != math.Float32bits(s.vectors[i]) {
			return fmt.Errorf("%w: value %d of its vectors is %v, want %v", ErrSelfTest, i, s.vectors[i], x)
		}
	}
	for i, x := range computed.margins {
		if math.Float64bits(x) != math.Float64bits(s.margins[i]) {
			return fmt.Errorf("%w: margin of vector %d is %v, the file says %v", ErrSelfTest, i, x, s.margins[i])
		}
	}
	for i, x := range computed.probabilities {
		if !(math.Abs(x-s.probabilities[i]) <= selfTestTolerance) { // so that NaN fails
			return fmt.Errorf("%w: probability %d is %v, the file says %v", ErrSelfTest, i, x, s.probabilities[i])
		}
	}
	return nil
}
