package model

import (
	"fmt"
	"maps"
	"slices"

	"whorl/features"
	"whorl/internal/safetensors"
)

// Parts is what a trainer hands over. The file holds nothing else but what
// follows from it.
type Parts struct {
	// Version is the model's name: lower-case letters, digits,
	// dot, underscore and hyphen, at most 64 characters.
	Version string

	// PrecisionTarget is what the thresholds were chosen for, in (0, 1].
	PrecisionTarget float64

	Forest Forest

	// Calibrations are of the platforms that have their own; the others use
	// Fallback.
	Calibrations map[features.Platform]Calibration
	Fallback     Calibration

	// Thresholds are probabilities in (0, 1], of the platforms that have their
	// own; the others use FallbackThreshold.
	Thresholds        map[features.Platform]float64
	FallbackThreshold float64

	// Groups decides between clusters; nil: a cluster is as probable as the
	// event of it that is most like the query.
	Groups *GroupParts

	// Provenance says what the model was made from: at most 64 entries of keys
	// [a-z0-9_.]{1,64} and values [A-Za-z0-9._:+/-]{0,128}, meant for digests,
	// counts and short tokens. A timestamp is refused, and text of an event
	// never belongs here.
	Provenance map[string]string
}

// GroupParts is the part of a model that judges a query against clusters.
type GroupParts struct {
	Forest Forest // over group vectors

	// Calibrations and thresholds are of the query's platform.
	Calibrations      map[features.Platform]Calibration
	Fallback          Calibration
	Thresholds        map[features.Platform]float64
	FallbackThreshold float64
}

// Marshal returns the file of a model: equal parts give equal bytes. It checks
// all that [Decode] checks; errors wrap the same ones.
func Marshal(p *Parts) ([]byte, error) {
	data, err := marshal(p, current)
	if err != nil {
		return nil, fmt.Errorf("marshal model: %w", err)
	}
	return data, nil
}

// marshal is Marshal for a schema.
func marshal(p *Parts, s schema) ([]byte, error) {
	about := &description{
		version:           p.Version,
		precisionTarget:   p.PrecisionTarget,
		fallbackThreshold: p.FallbackThreshold,
		thresholds:        p.Thresholds,
		provenance:        p.Provenance,
	}
	if p.Groups != nil {
		about.joins, about.fallbackJoin, about.grouped = p.Groups.Thresholds, p.Groups.FallbackThreshold, true
	}
	if err := about.check(); err != nil {
		return nil, err
	}
	pairs, err := newPart(&p.Forest, p.Calibrations, p.Fallback, s.width)
	if err != nil {
		return nil, err
	}
	c := &content{pairs: pairs}
	if p.Groups != nil {
		if c.groups, err = newPart(&p.Groups.Forest, p.Groups.Calibrations, p.Groups.Fallback, NumGroupFeatures); err != nil {
			return nil, fmt.Errorf("groups: %w", err)
		}
	}
	data, err := seal(about.metadata(s), c.tensors())
	if err != nil {
		return nil, err
	}
	// No trainer publishes a file that production would refuse.
	if _, err := decode(data, s); err != nil {
		return nil, err
	}
	return data, nil
}

// newPart checks a forest over width features with its calibrations, and
// answers the self-test.
func newPart(f *Forest, calibrations map[features.Platform]Calibration, fallback Calibration, width int) (*part, error) {
	checked, err := checkCalibrations(calibrations, fallback)
	if err != nil {
		return nil, err
	}
	l, err := f.layout()
	if err != nil {
		return nil, err
	}
	out := &part{layout: l, calibrations: checked, width: width}
	if out.compiled, err = l.compile(width); err != nil {
		return nil, err
	}
	out.selfTest = answer(l, out.compiled, checked, width)
	return out, nil
}

// checkCalibrations returns the checked calibrations in the order of their
// tensors.
func checkCalibrations(calibrations map[features.Platform]Calibration, fallback Calibration) ([]namedCalibration, error) {
	list := []namedCalibration{{fallbackName, fallback}}
	for _, platform := range slices.Sorted(maps.Keys(calibrations)) {
		if !known(platform) {
			return nil, fmt.Errorf("%w: for unknown platform %d", ErrCalibration, platform)
		}
		list = append(list, namedCalibration{platform.String(), calibrations[platform]})
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, fmt.Errorf("%w (%s)", err, list[i].platform)
		}
	}
	sortCalibrations(list)
	return list, nil
}

// seal returns the file of metadata and tensors with its digest filled in.
func seal(metadata map[string]string, tensors []safetensors.Tensor) ([]byte, error) {
	data, err := safetensors.Encode(metadata, tensors)
	if err != nil {
		return nil, container(err)
	}
	file, err := safetensors.Decode(data)
	if err != nil {
		return nil, container(err)
	}
	lo, hi, _ := file.MetadataSpan(keyDigest)
	copy(data[lo:hi], digest(data, lo))
	return data, nil
}
