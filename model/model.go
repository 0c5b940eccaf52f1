package model

import (
	"fmt"
	"slices"
	"strings"

	"whorl/features"
)

// Model is a checked model file, compiled for scoring. It is immutable and
// safe for concurrent use.
type Model struct {
	about        *description
	forest       *forest
	calibrations []Calibration // by platform
	thresholds   []float64     // by platform
	fallback     Calibration
	own          []features.Platform // that have their own calibration
	metadata     []KeyValue
	digest       string
}

func newModel(about *description, c *content, compiled *forest, metadata []KeyValue, digest string) *Model {
	platforms := features.Platforms()
	m := &Model{
		about:        about,
		forest:       compiled,
		calibrations: make([]Calibration, len(platforms)),
		thresholds:   make([]float64, len(platforms)),
		metadata:     metadata,
		digest:       digest,
	}
	named := map[string]Calibration{}
	for _, calibration := range c.calibrations {
		named[calibration.platform] = calibration.Calibration
	}
	m.fallback = named[fallbackName]
	for _, p := range platforms {
		m.calibrations[p], m.thresholds[p] = m.fallback, about.fallbackThreshold
		if calibration, ok := named[p.String()]; ok {
			m.calibrations[p] = calibration
			m.own = append(m.own, p)
		}
		if threshold, ok := about.thresholds[p]; ok {
			m.thresholds[p] = threshold
		}
	}
	return m
}

// Version returns the model's version as its trainer named it.
func (m *Model) Version() string { return m.about.version }

// SchemaID returns the meaning of the vectors that the model scores. It is
// always [features.SchemaID].
func (m *Model) SchemaID() string { return m.value(keySchema) }

// Digest returns the SHA-256 of the file in lower-case hex, as sha256sum
// prints it. It is not the digest that the file states of itself.
func (m *Model) Digest() string { return m.digest }

// PrecisionTarget returns the share, in (0, 1], that thresholds were chosen to
// get right on data the fit never saw: of the pairs they join, or of the
// events in their clusters, whichever asks for the lower threshold.
func (m *Model) PrecisionTarget() float64 { return m.about.precisionTarget }

// Threshold returns the probability, in (0, 1], from which on a pair of events
// of the platform is a match: the platform's own, else the global one.
func (m *Model) Threshold(p features.Platform) float64 {
	if int(p) < len(m.thresholds) {
		return m.thresholds[p]
	}
	return m.about.fallbackThreshold
}

// Calibration returns a copy of what maps margins of the platform to
// probabilities; own tells whether that is the platform's own or the fallback.
func (m *Model) Calibration(p features.Platform) (c Calibration, own bool) {
	return m.calibration(p).clone(), slices.Contains(m.own, p)
}

func (m *Model) calibration(p features.Platform) *Calibration {
	if int(p) < len(m.calibrations) {
		return &m.calibrations[p]
	}
	return &m.fallback
}

// NumTrees returns the number of trees, at least 1.
func (m *Model) NumTrees() int { return len(m.forest.trees) }

// NumNodes returns the number of nodes of all trees, leaves included.
func (m *Model) NumNodes() int { return len(m.forest.nodes) }

// Depth returns the most splits between a root and a leaf.
func (m *Model) Depth() int { return m.forest.depth() }

// Metadata returns everything the file says of itself, sorted by key.
func (m *Model) Metadata() []KeyValue { return slices.Clone(m.metadata) }

// Provenance returns what the trainer recorded of the run: digests, counts and
// short tokens, sorted by key, keys without the file's prefix.
func (m *Model) Provenance() []KeyValue { return sortedPairs(m.about.provenance) }

// ProvenanceStackRules is the key of a model's provenance that names the stack
// trace rules which the frames of its training events went through: their
// digest, see package rules of features. A model trained without has no such key.
const ProvenanceStackRules = "stack_rules"

// StackRules returns the digest of the stack trace rules that records have to be
// made under for this model, "" for none.
func (m *Model) StackRules() string { return m.about.provenance[ProvenanceStackRules] }

// value returns the metadata of a key, empty when there is none.
func (m *Model) value(key string) string {
	i, ok := slices.BinarySearchFunc(m.metadata, key, func(e KeyValue, key string) int {
		return strings.Compare(e.Key, key)
	})
	if !ok {
		return ""
	}
	return m.metadata[i].Value
}

// Margin returns the log-odds, before calibration, that the two events of a
// vector are one problem: finite for every vector. It allocates nothing.
func (m *Model) Margin(v *features.Vector) float64 { return m.forest.margin(v[:]) }

// Margins stores the margin of each vector in out, which must be as long: bit
// for bit what [Model.Margin] returns, sooner. It allocates nothing and panics
// when the lengths differ.
func (m *Model) Margins(vs []features.Vector, out []float64) {
	if len(vs) != len(out) {
		panic(fmt.Sprintf("model: %d vectors and room for %d margins", len(vs), len(out)))
	}
	m.forest.margins(vs, out)
}

// Probability returns how probable it is, in [0, 1], that the two events of a
// vector, both of the platform, are one problem.
func (m *Model) Probability(v *features.Vector, p features.Platform) float64 {
	return m.calibration(p).Probability(m.Margin(v))
}

// ProbabilityAt returns the probability of a margin that [Model.Margin] or
// [Model.Margins] returned.
func (m *Model) ProbabilityAt(margin float64, p features.Platform) float64 {
	return m.calibration(p).Probability(margin)
}
