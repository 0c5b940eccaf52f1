package model

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"whorl/features"
)

// The keys of a model file's metadata. Any other is refused.
const (
	keyFormat     = "whorl.format"
	keyVersion    = "whorl.version"
	keySchema     = "whorl.schema"
	keyFeatures   = "whorl.features"
	keyPrecision  = "whorl.precision_target"
	keyThreshold  = "whorl.threshold"
	keyGroups     = "whorl.groups"
	keyJoin       = "whorl.join"
	keyDigest     = "whorl.sha256"
	keyProvenance = "whorl.provenance." // followed by a key of the trainer's
)

const (
	formatName    = "whorl.model/"
	formatVersion = 2

	// formatPairs is the version of files that judge pairs alone.
	formatPairs = 1

	// maxProvenance is the largest number of provenance entries.
	maxProvenance = 64
)

var (
	versionPattern         = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	provenanceKeyPattern   = regexp.MustCompile(`^[a-z0-9_.]{1,64}$`)
	provenanceValuePattern = regexp.MustCompile(`^[A-Za-z0-9._:+/-]{0,128}$`)
)

// KeyValue is one entry of a model file's metadata.
type KeyValue struct{ Key, Value string }

// sortedPairs returns the entries of a map in ascending order of key.
func sortedPairs(m map[string]string) []KeyValue {
	list := make([]KeyValue, 0, len(m))
	for key, value := range m {
		list = append(list, KeyValue{key, value})
	}
	slices.SortFunc(list, func(a, b KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// schema is what a file must be trained for.
type schema struct {
	id    string
	width int // number of features
}

// current is the schema of this program.
var current = schema{features.SchemaID, features.NumFeatures}

// checkFormat tells a model file of this version from a newer one and from
// anything else.
func checkFormat(metadata map[string]string) error {
	format, ok := metadata[keyFormat]
	if !ok {
		return fmt.Errorf("%w: its metadata has no %s", ErrNotModel, keyFormat)
	}
	number, ok := strings.CutPrefix(format, formatName)
	n, err := strconv.ParseUint(number, 10, 31)
	if !ok || err != nil || n == 0 || strconv.FormatUint(n, 10) != number {
		return fmt.Errorf("%w: %s is %.80q", ErrNotModel, keyFormat, format)
	}
	if n > formatVersion {
		return fmt.Errorf("%w: %s, this program reads up to %s%d", ErrNewerFormat, format, formatName, formatVersion)
	}
	return nil
}

// check returns ErrSchema unless the metadata is of a model for s.
func (s schema) check(metadata map[string]string) error {
	for _, key := range []string{keySchema, keyFeatures} {
		if _, ok := metadata[key]; !ok {
			return fmt.Errorf("%w: no %s", ErrMetadata, key)
		}
	}
	id, width := metadata[keySchema], metadata[keyFeatures]
	if id != s.id || width != strconv.Itoa(s.width) {
		return fmt.Errorf("%w: trained for %.80q of %.20s features, this program has %q of %d", ErrSchema, id, width, s.id, s.width)
	}
	return nil
}

// description is what the metadata says of a model, beside format, schema and
// digest.
type description struct {
	version           string
	precisionTarget   float64
	fallbackThreshold float64
	thresholds        map[features.Platform]float64
	provenance        map[string]string

	grouped      bool // it judges clusters too
	fallbackJoin float64
	joins        map[features.Platform]float64
}

// check reports what makes the description invalid. In what order platforms
// and keys are looked at does not depend on the run.
func (d *description) check() error {
	if !versionPattern.MatchString(d.version) {
		return fmt.Errorf("%w: version %.80q does not match %s", ErrMetadata, d.version, versionPattern)
	}
	if err := share("precision target", d.precisionTarget); err != nil {
		return err
	}
	if err := share("threshold", d.fallbackThreshold); err != nil {
		return err
	}
	if err := shares("threshold", d.thresholds); err != nil {
		return err
	}
	if d.grouped {
		if err := share("join threshold", d.fallbackJoin); err != nil {
			return err
		}
		if err := shares("join threshold", d.joins); err != nil {
			return err
		}
	}
	if len(d.provenance) > maxProvenance {
		return fmt.Errorf("%w: %d entries, at most %d", ErrProvenance, len(d.provenance), maxProvenance)
	}
	for _, entry := range sortedPairs(d.provenance) {
		if !provenanceKeyPattern.MatchString(entry.Key) {
			return fmt.Errorf("%w: key %.80q does not match %s", ErrProvenance, entry.Key, provenanceKeyPattern)
		}
		if !provenanceValuePattern.MatchString(entry.Value) {
			return fmt.Errorf("%w: value of %s does not match %s", ErrProvenance, entry.Key, provenanceValuePattern)
		}
		// A clock reading would make two runs of the same input differ. A time
		// that is an input can be given in seconds.
		if _, err := time.Parse(time.RFC3339, entry.Value); err == nil {
			return fmt.Errorf("%w: value of %s is a timestamp", ErrProvenance, entry.Key)
		}
	}
	return nil
}

// shares returns an error unless all are of known platforms and in (0, 1].
func shares(what string, of map[features.Platform]float64) error {
	for _, p := range slices.Sorted(maps.Keys(of)) {
		if !known(p) {
			return fmt.Errorf("%w: %s of unknown platform %d", ErrThreshold, what, p)
		}
		if err := share(what+" of "+p.String(), of[p]); err != nil {
			return err
		}
	}
	return nil
}

// share returns an error unless x is in (0, 1].
func share(what string, x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%w: %s is %v", ErrNotFinite, what, x)
	}
	if x <= 0 || x > 1 {
		return fmt.Errorf("%w: %s %v is outside (0, 1]", ErrThreshold, what, x)
	}
	return nil
}

// metadata returns the file's metadata, with zeros for its digest.
func (d *description) metadata(s schema) map[string]string {
	m := map[string]string{
		keyFormat:    formatName + strconv.Itoa(formatPairs),
		keyVersion:   d.version,
		keySchema:    s.id,
		keyFeatures:  strconv.Itoa(s.width),
		keyPrecision: formatFloat(d.precisionTarget),
		keyThreshold: formatFloat(d.fallbackThreshold),
		keyDigest:    strings.Repeat("0", digestLength),
	}
	for p, threshold := range d.thresholds {
		m[keyThreshold+"."+p.String()] = formatFloat(threshold)
	}
	if d.grouped {
		m[keyFormat] = formatName + strconv.Itoa(formatVersion)
		m[keyGroups] = GroupSchemaID
		m[keyJoin] = formatFloat(d.fallbackJoin)
		for p, threshold := range d.joins {
			m[keyJoin+"."+p.String()] = formatFloat(threshold)
		}
	}
	for key, value := range d.provenance {
		m[keyProvenance+key] = value
	}
	return m
}

// parseDescription reads and checks the metadata of a file whose format,
// digest and schema are right.
func parseDescription(metadata map[string]string) (*description, error) {
	d := &description{thresholds: map[features.Platform]float64{}, joins: map[features.Platform]float64{}, provenance: map[string]string{}}
	need := []string{keyVersion, keyPrecision, keyThreshold}
	if metadata[keyFormat] != formatName+strconv.Itoa(formatPairs) {
		d.grouped = true
		need = append(need, keyGroups, keyJoin)
	}
	for _, key := range need {
		if _, ok := metadata[key]; !ok {
			return nil, fmt.Errorf("%w: no %s", ErrMetadata, key)
		}
	}
	for _, entry := range sortedPairs(metadata) {
		var err error
		switch entry.Key {
		case keyFormat, keySchema, keyFeatures, keyDigest:
		case keyVersion:
			d.version = entry.Value
		case keyPrecision:
			d.precisionTarget, err = parseFloat(entry)
		case keyThreshold:
			d.fallbackThreshold, err = parseFloat(entry)
		case keyGroups:
			if entry.Value != GroupSchemaID {
				err = fmt.Errorf("%w: clusters judged by %.80q, this program has %q", ErrSchema, entry.Value, GroupSchemaID)
			}
		case keyJoin:
			d.fallbackJoin, err = parseFloat(entry)
		default:
			err = d.parseFamily(entry)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, ok := metadata[keyGroups]; !d.grouped && (ok || len(d.joins) > 0 || d.fallbackJoin != 0) {
		return nil, fmt.Errorf("%w: %s or %s in a file that judges pairs alone", ErrMetadata, keyGroups, keyJoin)
	}
	return d, d.check()
}

// parseFamily reads an entry of a family of keys.
func (d *description) parseFamily(entry KeyValue) error {
	if key, ok := strings.CutPrefix(entry.Key, keyProvenance); ok {
		d.provenance[key] = entry.Value
		return nil
	}
	of := d.thresholds
	name, ok := strings.CutPrefix(entry.Key, keyThreshold+".")
	if !ok {
		of = d.joins
		name, ok = strings.CutPrefix(entry.Key, keyJoin+".")
	}
	if !ok {
		return fmt.Errorf("%w: unknown key %.80q", ErrMetadata, entry.Key)
	}
	p, ok := platformNamed(name)
	if !ok {
		return fmt.Errorf("%w: threshold of unknown platform %.80q", ErrMetadata, name)
	}
	var err error
	of[p], err = parseFloat(entry)
	return err
}

// formatFloat returns the shortest decimal that reads back as x.
func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// parseFloat reads what formatFloat writes and nothing else.
func parseFloat(entry KeyValue) (float64, error) {
	x, err := strconv.ParseFloat(entry.Value, 64)
	if err != nil || formatFloat(x) != entry.Value {
		return 0, fmt.Errorf("%w: %s is %.80q, not a number in its shortest form", ErrMetadata, entry.Key, entry.Value)
	}
	return x, nil
}

// platformNamed returns the platform of exactly that name. Unlike
// [features.ParsePlatform] it knows no aliases.
func platformNamed(name string) (features.Platform, bool) {
	for _, p := range features.Platforms() {
		if p.String() == name {
			return p, true
		}
	}
	return 0, false
}

// known reports whether p is one of [features.Platforms].
func known(p features.Platform) bool { return slices.Contains(features.Platforms(), p) }
