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
	about    *description
	pairs    scorer
	groups   *scorer // nil: a cluster is as probable as its best member
	metadata []KeyValue
	digest   string
}

// scorer is one forest with its calibrations and thresholds.
type scorer struct {
	forest            *forest
	calibrations      []Calibration // by platform
	thresholds        []float64     // by platform
	fallback          Calibration
	fallbackThreshold float64
	own               []features.Platform // that have their own calibration
	measured          []bool              // by platform: it is one of them
}

func newModel(about *description, c *content, metadata []KeyValue, digest string) *Model {
	m := &Model{about: about, metadata: metadata, digest: digest}
	m.pairs = newScorer(c.pairs, about.thresholds, about.fallbackThreshold)
	if c.groups != nil {
		groups := newScorer(c.groups, about.joins, about.fallbackJoin)
		m.groups = &groups
	}
	return m
}

func newScorer(p *part, thresholds map[features.Platform]float64, fallbackThreshold float64) scorer {
	platforms := features.Platforms()
	s := scorer{
		forest:            p.compiled,
		calibrations:      make([]Calibration, len(platforms)),
		thresholds:        make([]float64, len(platforms)),
		measured:          make([]bool, len(platforms)),
		fallbackThreshold: fallbackThreshold,
	}
	named := map[string]Calibration{}
	for _, calibration := range p.calibrations {
		named[calibration.platform] = calibration.Calibration
	}
	s.fallback = named[fallbackName]
	for _, p := range platforms {
		s.calibrations[p], s.thresholds[p] = s.fallback, fallbackThreshold
		if calibration, ok := named[p.String()]; ok {
			s.calibrations[p] = calibration
			s.own, s.measured[p] = append(s.own, p), true
		}
		if threshold, ok := thresholds[p]; ok {
			s.thresholds[p] = threshold
		}
	}
	return s
}

func (s *scorer) calibration(p features.Platform) *Calibration {
	if int(p) < len(s.calibrations) {
		return &s.calibrations[p]
	}
	return &s.fallback
}

func (s *scorer) threshold(p features.Platform) float64 {
	if int(p) < len(s.thresholds) {
		return s.thresholds[p]
	}
	return s.fallbackThreshold
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
// get right on data the fit never saw: [Model.Threshold] of the pairs it takes
// for one problem, [Model.JoinThreshold] of the events in their clusters.
func (m *Model) PrecisionTarget() float64 { return m.about.precisionTarget }

// Threshold returns the probability, in (0, 1], from which on a pair of events
// of the platform is a match: the platform's own, else the global one.
func (m *Model) Threshold(p features.Platform) float64 { return m.pairs.threshold(p) }

// JoinThreshold returns the probability, in (0, 1], from which on an event of
// the platform joins a cluster. It is [Model.Threshold] in a model that judges
// pairs alone.
func (m *Model) JoinThreshold(p features.Platform) float64 {
	if m.groups == nil {
		return m.pairs.threshold(p)
	}
	return m.groups.threshold(p)
}

// JudgesGroups tells whether the model judges clusters by all their members;
// otherwise a cluster is as probable as the member most like the query.
func (m *Model) JudgesGroups() bool { return m.groups != nil }

// Measured tells whether the model judges clusters by all their members and was
// measured on queries of the platform. On any other platform nobody knows which
// of the two ways errs, and a cluster is as probable as the more certain says.
func (m *Model) Measured(p features.Platform) bool {
	return m.groups != nil && int(p) < len(m.groups.measured) && m.groups.measured[p]
}

// Calibration returns a copy of what maps margins of the platform to
// probabilities; own tells whether that is the platform's own or the fallback.
func (m *Model) Calibration(p features.Platform) (c Calibration, own bool) {
	return m.pairs.calibration(p).clone(), slices.Contains(m.pairs.own, p)
}

// NumTrees returns the number of trees, at least 1.
func (m *Model) NumTrees() int { return len(m.pairs.forest.trees) }

// NumNodes returns the number of nodes of all trees, leaves included.
func (m *Model) NumNodes() int { return len(m.pairs.forest.nodes) }

// Depth returns the most splits between a root and a leaf.
func (m *Model) Depth() int { return m.pairs.forest.depth() }

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
func (m *Model) Margin(v *features.Vector) float64 { return m.pairs.forest.margin(v[:]) }

// Margins stores the margin of each vector in out, which must be as long: bit
// for bit what [Model.Margin] returns, sooner. It allocates nothing and panics
// when the lengths differ.
func (m *Model) Margins(vs []features.Vector, out []float64) {
	if len(vs) != len(out) {
		panic(fmt.Sprintf("model: %d vectors and room for %d margins", len(vs), len(out)))
	}
	m.pairs.forest.margins(vs, out)
}

// Probability returns how probable it is, in [0, 1], that the two events of a
// vector, both of the platform, are one problem.
func (m *Model) Probability(v *features.Vector, p features.Platform) float64 {
	return m.pairs.calibration(p).Probability(m.Margin(v))
}

// ProbabilityAt returns the probability of a margin that [Model.Margin] or
// [Model.Margins] returned.
func (m *Model) ProbabilityAt(margin float64, p features.Platform) float64 {
	return m.pairs.calibration(p).Probability(margin)
}

// GroupMargin returns the log-odds, before calibration, that a query belongs
// to the cluster of a group vector. It allocates nothing and panics in a model
// that judges pairs alone.
func (m *Model) GroupMargin(v *GroupVector) float64 { return m.groups.forest.margin(v[:]) }

// GroupProbability returns how probable it is, in [0, 1], that a query of the
// platform belongs to the cluster of a group vector.
func (m *Model) GroupProbability(v *GroupVector, p features.Platform) float64 {
	return m.groups.calibration(p).Probability(m.GroupMargin(v))
}
