package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"whorl/eval/result"
	"whorl/features"
	"whorl/internal/strictjson"
)

// Format names the schema of baselines.json; a reader refuses any other.
const Format = "whorl.baselines/1"

// maxSettings bounds the bytes of a baselines.json.
const maxSettings = 1 << 20

// ErrSettings is wrapped by every error about a baseline's settings or the
// file they stand in.
var ErrSettings = errors.New("bad baseline settings")

// Settings is what a score baseline runs with.
type Settings struct {
	Name        string             `json:"name"`            // of the baseline
	Tuned       bool               `json:"tuned"`           // found by Tune; false: as published
	Parameters  map[string]float64 `json:"parameters"`      // by name, inside the published search space
	Thresholds  map[string]float64 `json:"thresholds"`      // least score of one group, by platform; "" is the fallback
	Objective   float64            `json:"objective"`       // of the search, in [0,3]; 0 if untuned
	Evaluations int                `json:"evaluations"`     // of the search; 0 if untuned
	Seed        uint64             `json:"seed"`            // of the search
	Notes       []string           `json:"notes,omitempty"` // what a reader of the figures must know
}

// settingsFile is baselines.json.
type settingsFile struct {
	Format    string      `json:"format"`
	Baselines []*Settings `json:"baselines"`
}

// Check returns an error unless s names a score baseline, has exactly its
// parameters, each inside its range, and finite thresholds with a fallback.
func (s *Settings) Check() error {
	e, err := find(s.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	if e.rule != nil {
		return fmt.Errorf("%w: %s is a rule without settings: remove it", ErrSettings, s.Name)
	}
	for _, d := range e.space {
		v, ok := s.Parameters[d.name]
		if !ok {
			return fmt.Errorf("%w: %s lacks parameter %q", ErrSettings, s.Name, d.name)
		}
		if !d.holds(v) {
			return fmt.Errorf("%w: %s %s is %v: use %s", ErrSettings, s.Name, d.name, v, d.describe())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		if !slices.ContainsFunc(e.space, func(d dimension) bool { return d.name == name }) {
			return fmt.Errorf("%w: %s has no parameter %q: use %s", ErrSettings, s.Name, name, strings.Join(dimensionNames(e.space), ", "))
		}
	}
	if _, ok := s.Thresholds[""]; !ok {
		return fmt.Errorf("%w: %s lacks the fallback threshold %q", ErrSettings, s.Name, "")
	}
	for _, platform := range slices.Sorted(maps.Keys(s.Thresholds)) {
		if platform != "" && features.ParsePlatform(platform).String() != platform {
			return fmt.Errorf("%w: %s has a threshold for unknown platform %q", ErrSettings, s.Name, platform)
		}
		if v := s.Thresholds[platform]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: %s threshold %q is %v", ErrSettings, s.Name, platform, v)
		}
	}
	if math.IsNaN(s.Objective) || math.IsInf(s.Objective, 0) || s.Evaluations < 0 {
		return fmt.Errorf("%w: %s has objective %v after %d evaluations", ErrSettings, s.Name, s.Objective, s.Evaluations)
	}
	return nil
}

func (s *Settings) clone() *Settings {
	out := *s
	out.Parameters = maps.Clone(s.Parameters)
	out.Thresholds = maps.Clone(s.Thresholds)
	out.Notes = slices.Clone(s.Notes)
	return &out
}

// describe returns the settings as a result shows them.
func (s *Settings) describe() result.Scorer {
	return result.Scorer{
		Name: s.Name, Kind: kindScore, Tuned: s.Tuned,
		Settings: maps.Clone(s.Parameters), Thresholds: maps.Clone(s.Thresholds),
	}
}

// threshold returns the threshold of a platform, or the fallback.
func (s *Settings) threshold(p features.Platform) float64 {
	if v, ok := s.Thresholds[p.String()]; ok {
		return v
	}
	return s.Thresholds[""]
}

// WriteSettings writes baselines.json: indented JSON with a final newline, in
// the order given, the same bytes for the same content.
func WriteSettings(w io.Writer, settings []*Settings) error {
	if err := checkAll(settings); err != nil {
		return fmt.Errorf("write baselines: %w", err)
	}
	file := settingsFile{Format: Format, Baselines: settings}
	if settings == nil {
		file.Baselines = []*Settings{}
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("write baselines: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write baselines: %w", err)
	}
	return nil
}

// ReadSettings reads what [WriteSettings] wrote. It refuses another format,
// unknown, duplicate or misspelt keys, trailing data, more than 1 MiB, a
// baseline that stands twice and whatever [Settings.Check] refuses.
func ReadSettings(r io.Reader) ([]*Settings, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSettings+1))
	if err != nil {
		return nil, fmt.Errorf("read baselines: %w", err)
	}
	if len(data) > maxSettings {
		return nil, fmt.Errorf("read baselines: %w: more than %d bytes", ErrSettings, maxSettings)
	}
	var format struct {
		Format string `json:"format"`
	}
	// The format comes first: to name an unknown field of a newer file would
	// hide what is wrong.
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&format); err == nil && format.Format != Format {
		return nil, fmt.Errorf("read baselines: %w: format is %q, want %q: tune again with this version of whorl", ErrSettings, format.Format, Format)
	}
	var file settingsFile
	if err := strictjson.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read baselines: %w: %w", ErrSettings, err)
	}
	if file.Baselines == nil {
		return nil, fmt.Errorf("read baselines: %w: no list %q", ErrSettings, "baselines")
	}
	if err := checkAll(file.Baselines); err != nil {
		return nil, fmt.Errorf("read baselines: %w", err)
	}
	return file.Baselines, nil
}

func checkAll(all []*Settings) error {
	seen := map[string]bool{}
	for i, s := range all {
		if s == nil {
			return fmt.Errorf("%w: entry %d is null", ErrSettings, i)
		}
		if err := s.Check(); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("%w: %s stands twice", ErrSettings, s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}
