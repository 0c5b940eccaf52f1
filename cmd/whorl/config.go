package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"whorl/features"
	"whorl/train"
	"whorl/train/boost"
)

// config is config.yaml: every setting of a run that is not a path. A file
// need only name what differs from the defaults; an unknown key is an error.
type config struct {
	Seed            uint64   `yaml:"seed"`             // of mining, fitting, tuning, sampling and bootstrap
	ModelVersion    string   `yaml:"model_version"`    // stands in the model file; empty: from the digest of data and settings
	PrecisionTarget float64  `yaml:"precision_target"` // of the thresholds, on data that the fit never saw: of pairs, and of events in clusters
	AcceptPolicies  []string `yaml:"accept_policies"`  // policy versions under which a grant counts; empty: the manifest's
	Without         []string `yaml:"without_features"` // features left out, by name
	Folds           int      `yaml:"folds"`            // of cross-fitting
	TuningPairs     int      `yaml:"tuning_pairs"`     // drawn per project for calibration at most
	MostPairs       int      `yaml:"most_pairs"`       // learned from in all at most
	MostTuning      int      `yaml:"most_tuning"`      // drawn for calibration in all at most
	MostReplayed    int      `yaml:"most_replayed"`    // events of the projects that are replayed
	Bins            int      `yaml:"bins"`             // of each feature's range
	Bags            int      `yaml:"bags"`             // forests of different seeds that are averaged
	PairsOnly       bool     `yaml:"pairs_only"`       // no scorer of clusters: a cluster is as probable as its best member
	MinOrgs         int      `yaml:"min_orgs"`         // organisations behind every leaf at least

	Mining struct {
		PerGroup   int `yaml:"positives_per_group"`
		Hard       int `yaml:"hard_negatives_per_event"`
		Random     int `yaml:"random_negatives_per_event"`
		PerProject int `yaml:"pairs_per_project"`
		Rounds     int `yaml:"rounds"`         // all but the first near the boundary of the model so far
		Near       int `yaml:"near_per_event"` // pairs that each of those adds
	} `yaml:"mining"`
	Trees struct {
		Most         int     `yaml:"most"` // the folds left out say how many are kept
		Leaves       int     `yaml:"leaves"`
		Depth        int     `yaml:"depth"`
		LearningRate float64 `yaml:"learning_rate"`
		L2           float64 `yaml:"l2"`
		MinRows      int     `yaml:"min_rows"`
		RowSample    float64 `yaml:"row_sample"`
		ColumnSample float64 `yaml:"column_sample"`
	} `yaml:"trees"`
	Study struct {
		WithoutPlatforms []string `yaml:"without_platforms"`          // projects of these are not learned from
		Organisations    int      `yaml:"organisations_per_platform"` // learned from at most, a seeded draw; 0: all
	} `yaml:"study"` // what the fit leaves out, to learn what it is worth
	Baselines struct {
		Evaluations int `yaml:"evaluations"` // of the random search that tunes each score baseline
	} `yaml:"baselines"`
	Eval evalConfig `yaml:"eval"`
}

// evalConfig is how golden datasets are judged.
type evalConfig struct {
	Baselines  []string `yaml:"baselines"`
	Resamples  int      `yaml:"resamples"`
	PairCap    int      `yaml:"pairs_per_project"`
	WindowDays int      `yaml:"window_days"`
}

// The ranges of how golden datasets are judged.
const (
	leastResamples, mostResamples = 20, 1e5
	leastPairCap, mostPairCap     = 100, 1e8
	leastWindow, mostWindow       = 1, 36500
)

// modelVersion is what package model takes as a version; a wrong one must not
// be found out after the fit.
var modelVersion = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// defaultConfig holds every default.
func defaultConfig() *config {
	c := new(config)
	c.Seed = 1
	c.PrecisionTarget = 0.97
	c.Folds = 4
	c.TuningPairs = 60000
	c.MostPairs, c.MostTuning, c.MostReplayed = 1_000_000, 1_000_000, 60_000
	c.Bins = 64
	c.Bags = 3
	c.Without = []string{"time_gap"} // docs/decisions.md
	c.MinOrgs = 2
	c.Mining.PerGroup, c.Mining.Hard, c.Mining.Random, c.Mining.PerProject = 150, 20, 15, 60000
	c.Mining.Rounds, c.Mining.Near = 1, 5
	c.Trees.Most, c.Trees.Leaves, c.Trees.Depth = 150, 31, 7
	c.Trees.LearningRate, c.Trees.L2, c.Trees.MinRows = 0.1, 1, 20
	c.Trees.RowSample, c.Trees.ColumnSample = 0.7, 0.7
	c.Baselines.Evaluations = 100
	c.Eval = defaultEval()
	return c
}

// readConfig reads a configuration over the defaults; path "" is the defaults.
func readConfig(path string) (*config, error) {
	c := defaultConfig()
	if path == "" {
		return c, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, withRemedy(err, "give a YAML file of settings, such as a run's config.yaml")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s; a run's config.yaml names all keys with their values", path, describeYAML(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document; keep one", path)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// describeYAML returns what is wrong with a configuration without the Go types
// that the decoder would tell of.
func describeYAML(err error) string {
	text := err.Error()
	var types *yaml.TypeError
	if errors.As(err, &types) {
		text = strings.Join(types.Errors, ", ")
	}
	return unknownKey.ReplaceAllString(text, "unknown key $1")
}

var unknownKey = regexp.MustCompile(`(?s)field (\S+) not found in type (struct \{.*?\}( "[^"]*")?|\S+)`)

// mostTrees is how many trees a model file takes.
const mostTrees = 4096

// check refuses settings outside their ranges.
func (c *config) check() error {
	for _, x := range []struct {
		key            string
		value, low, up float64
	}{
		{"precision_target", c.PrecisionTarget, 0.5, 0.9999},
		{"folds", float64(c.Folds), 2, 20},
		{"tuning_pairs", float64(c.TuningPairs), 100, 1e7},
		{"most_pairs", float64(c.MostPairs), 1000, 1e8},
		{"most_tuning", float64(c.MostTuning), 1000, 1e8},
		{"most_replayed", float64(c.MostReplayed), 100, 1e8},
		{"bins", float64(c.Bins), 2, 254},
		{"bags", float64(c.Bags), 1, 13},
		{"min_orgs", float64(c.MinOrgs), 1, 1000},
		{"mining.positives_per_group", float64(c.Mining.PerGroup), 1, 1e6},
		{"mining.hard_negatives_per_event", float64(c.Mining.Hard), 1, 100},
		{"mining.random_negatives_per_event", float64(c.Mining.Random), 1, 1e4},
		{"mining.pairs_per_project", float64(c.Mining.PerProject), 10, 1e7},
		{"mining.rounds", float64(c.Mining.Rounds), 1, 10},
		{"mining.near_per_event", float64(c.Mining.Near), 1, 100},
		{"trees.most", float64(c.Trees.Most), 1, mostTrees},
		{"trees.leaves", float64(c.Trees.Leaves), 2, 1024},
		{"trees.depth", float64(c.Trees.Depth), 1, 30},
		{"trees.learning_rate", c.Trees.LearningRate, 1e-4, 1},
		{"trees.l2", c.Trees.L2, 1e-6, 1e6},
		{"trees.min_rows", float64(c.Trees.MinRows), 1, 1e6},
		{"trees.row_sample", c.Trees.RowSample, 0.01, 1},
		{"trees.column_sample", c.Trees.ColumnSample, 0.01, 1},
		{"study.organisations_per_platform", float64(c.Study.Organisations), 0, 1e6},
		{"baselines.evaluations", float64(c.Baselines.Evaluations), 1, 1e4},
		{"eval.resamples", float64(c.Eval.Resamples), leastResamples, mostResamples},
		{"eval.pairs_per_project", float64(c.Eval.PairCap), leastPairCap, mostPairCap},
		{"eval.window_days", float64(c.Eval.WindowDays), leastWindow, mostWindow},
	} {
		if !(x.value >= x.low && x.value <= x.up) { // so that NaN is refused too
			return fmt.Errorf("%s is %g; it must lie in [%g,%g]", x.key, x.value, x.low, x.up)
		}
	}
	if n := c.Bags * c.Trees.Most; n > mostTrees {
		return fmt.Errorf("bags times trees.most is %d; a model holds at most %d trees", n, mostTrees)
	}
	if c.ModelVersion != "" && !modelVersion.MatchString(c.ModelVersion) {
		return fmt.Errorf("model_version %.80q: use up to 64 lower-case letters, digits and \"._-\", the first a letter or digit", c.ModelVersion)
	}
	var err error
	if c.Eval.Baselines, err = baselineNames(c.Eval.Baselines); err != nil {
		return fmt.Errorf("eval.baselines: %w", err)
	}
	for _, name := range c.Study.WithoutPlatforms {
		if p := features.ParsePlatform(name); p.String() != name {
			return fmt.Errorf("study.without_platforms: no platform is called %q; use one of %v", name, features.Platforms())
		}
	}
	for _, name := range c.Without {
		if _, ok := features.FeatureIndex(name); !ok {
			return fmt.Errorf("without_features: no feature is called %q; \"whorl features --list\" names them", name)
		}
	}
	return nil
}

// write returns the configuration as YAML, every key named.
func (c *config) write() ([]byte, error) {
	resolved := *c
	resolved.AcceptPolicies = slices.Clip(c.AcceptPolicies)
	return yaml.Marshal(&resolved)
}

// params translates the configuration for the trainer.
func (c *config) params(workers int, progress func(string, int, int)) train.Params {
	study := train.Study{Organisations: c.Study.Organisations}
	for _, name := range c.Study.WithoutPlatforms {
		study.WithoutPlatforms = append(study.WithoutPlatforms, features.ParsePlatform(name))
	}
	return train.Params{
		Seed: c.Seed, Folds: c.Folds, PrecisionTarget: c.PrecisionTarget, TuningPairs: c.TuningPairs,
		MostPairs: c.MostPairs, MostTuning: c.MostTuning, MostReplayed: c.MostReplayed, Bins: c.Bins, Bags: c.Bags, MinOrgs: c.MinOrgs, PairsOnly: c.PairsOnly, Without: c.Without,
		Mine: train.MineParams{PerGroup: c.Mining.PerGroup, Hard: c.Mining.Hard, Random: c.Mining.Random, PerProject: c.Mining.PerProject, Rounds: c.Mining.Rounds, Near: c.Mining.Near},
		Boost: boost.Params{
			Trees: c.Trees.Most, Leaves: c.Trees.Leaves, Depth: c.Trees.Depth, LearningRate: c.Trees.LearningRate, L2: c.Trees.L2,
			MinRows: c.Trees.MinRows, RowSample: c.Trees.RowSample, ColumnSample: c.Trees.ColumnSample,
		},
		Study: study, Workers: workers, Progress: progress,
	}
}
