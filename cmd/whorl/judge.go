package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"whorl/eval"
	"whorl/eval/baseline"
	"whorl/eval/result"
	"whorl/features"
	"whorl/model"
)

func defaultEval() evalConfig {
	return evalConfig{
		Baselines: baseline.Default(), Resamples: eval.DefaultResamples,
		PairCap: eval.DefaultPairCap, WindowDays: eval.DefaultWindowDays,
	}
}

// judge takes a model and the baselines to golden datasets.
type judge struct {
	model     *model.Model
	scorers   []eval.Scorer // the model first
	stratify  eval.Scorer
	config    evalConfig
	protocols []string
	seed      uint64
	workers   int
	scored    func(*eval.ScoredPairs) error
}

// newJudge sets up the scorers. Settings of score baselines come from a
// training run; without them the published ones are used and marked so. A static
// baseline with a project's own rules takes the place of the built-in one.
func newJudge(m *model.Model, config evalConfig, settings []*baseline.Settings, static eval.Scorer, seed uint64, workers int) (*judge, error) {
	j := &judge{model: m, config: config, seed: seed, workers: workers}
	j.scorers = []eval.Scorer{eval.ModelScorer(m)}
	for _, name := range config.Baselines {
		var own *baseline.Settings
		for _, s := range settings {
			if s.Name == name {
				own = s
			}
		}
		s, err := baseline.New(name, own)
		if err != nil {
			return nil, err
		}
		if name == eval.StaticBaseline && static != nil {
			s = static
		}
		j.scorers = append(j.scorers, s)
	}
	var err error
	j.stratify, err = baseline.New(eval.StaticBaseline, nil)
	return j, err
}

// empty returns the result before any dataset was judged.
func (j *judge) empty() *result.Result {
	r := &result.Result{Format: result.Format, Provenance: result.Provenance{
		Tool: "whorl " + version, ModelVersion: j.model.Version(), ModelSHA256: j.model.Digest(), SchemaID: features.SchemaID,
		Seed: j.seed, Resamples: j.config.Resamples, PairCap: j.config.PairCap, WindowDays: j.config.WindowDays,
	}}
	for _, s := range j.scorers {
		d := s.Describe()
		r.Scorers = append(r.Scorers, d)
		if d.Kind == "score" && !d.Tuned {
			r.Warnings = append(r.Warnings, result.Warning{Code: "untuned_baseline",
				Text: fmt.Sprintf("baseline %s runs with published settings, not tuned on the model's training data: its figures are a lower bound; give --baselines FILE from a training run", d.Name)})
		}
	}
	return r
}

// dataset judges one golden dataset.
func (j *judge) dataset(ctx context.Context, g *goldenSet, progress func(string, int, int)) (*eval.Outcome, error) {
	o, err := eval.Run(ctx, &g.data, j.scorers, eval.Options{
		Protocols: j.protocols, Seed: j.seed, Resamples: j.config.Resamples, PairCap: j.config.PairCap, WindowDays: j.config.WindowDays,
		Workers: j.workers, Stratify: j.stratify, Scored: j.scored,
		Progress: func(stage string, done, total int) { progress(g.data.Name+": "+stage, done, total) },
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.source.Dir, err)
	}
	o.Warnings = append(o.Warnings, g.warnings...)
	return o, nil
}

// add puts a dataset's outcome into the result.
func add(r *result.Result, o *eval.Outcome) {
	r.Datasets = append(r.Datasets, o.Dataset)
	r.Figures = append(r.Figures, o.Figures...)
	r.Differences = append(r.Differences, o.Differences...)
	r.Curves = append(r.Curves, o.Curves...)
	r.Warnings = append(r.Warnings, o.Warnings...)
}

// readSettings reads baselines.json; a missing file is no error when the path
// was not asked for.
func readSettings(path string, asked bool) ([]*baseline.Settings, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && !asked {
		return nil, nil
	} else if err != nil {
		return nil, withRemedy(err, "give the baselines.json of a training run, or leave --baselines out")
	}
	defer f.Close()
	settings, err := baseline.ReadSettings(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

// baselineNames checks a --baseline list; "all" and "default" stand for themselves.
func baselineNames(list []string) ([]string, error) {
	var out []string
	for _, name := range list {
		switch name {
		case "all":
			out = append(out, baseline.Names()...)
		case "default":
			out = append(out, baseline.Default()...)
		case "none":
		default:
			if !slices.Contains(baseline.Names(), name) {
				return nil, fmt.Errorf("no baseline is called %q: there are %s, and the words all, default and none", name, strings.Join(baseline.Names(), ", "))
			}
			out = append(out, name)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	}), nil
}
