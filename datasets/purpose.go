package datasets

import (
	"fmt"
	"strings"
)

// Purpose is what data is used for. The set is closed and no purpose implies
// another.
type Purpose string

// The purposes.
const (
	TrainFingerprinting    Purpose = "train_fingerprinting"
	EvaluateFingerprinting Purpose = "evaluate_fingerprinting"
	ReviewContent          Purpose = "review_content" // showing an event's text to a reviewer
	TrainPrioritization    Purpose = "train_prioritization"
	GenerativeAI           Purpose = "generative_ai"
)

var purposes = []Purpose{TrainFingerprinting, EvaluateFingerprinting, ReviewContent, TrainPrioritization, GenerativeAI}

// Purposes returns all purposes, in a fixed order.
func Purposes() []Purpose { return append([]Purpose(nil), purposes...) }

// ParsePurpose returns the purpose with the given name, exactly as written.
func ParsePurpose(name string) (Purpose, error) {
	var names []string
	for _, p := range purposes {
		if string(p) == name {
			return p, nil
		}
		names = append(names, string(p))
	}
	return "", fmt.Errorf("%w: unknown purpose %q; use one of %s", ErrOptions, name, strings.Join(names, ", "))
}
