package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"whorl/datasets"
	"whorl/train"
)

// tuneCommand searches settings for train.
type tuneCommand struct {
	Export []string `required:"" sep:"none" placeholder:"DIR" help:"Labelled export to search on; repeat for several."`
	settingsFlags
	Evaluations int `default:"30" placeholder:"N" help:"Settings to try, the configuration's own first (default ${default}). Each takes about as long as a train without judging; those that are ahead are then tried again."`
	jobFlags
}

// Help is shown below the flags' summary.
func (*tuneCommand) Help() string {
	return `Settings are drawn around the configuration, which is tried first, and judged by cross-validation on the training data: no golden dataset is opened. ` +
		`A setting that is better beyond noise is tried again under other seeds, as the configuration is, and wins only if it is better beyond noise then too; ` +
		`else config.yaml is the configuration that the search started from.

The run directory holds config.yaml for "whorl train --config", tuning.md to read, evaluations.jsonl with every setting tried, and lineage.json. ` +
		`A run that was interrupted goes on with the same command, also with more --evaluations.`
}

// tuningFile is the journal of the settings that were tried.
const tuningFile = "evaluations.jsonl"

// tunedFiles are what a run directory of tune holds.
var tunedFiles = []string{"config.yaml", tuningFile, lineageFile, "tuning.md"}

// mostEvaluations bounds a search.
const mostEvaluations = 10000

// Run searches.
func (c *tuneCommand) Run(ctx context.Context, env *environment) error {
	if c.Evaluations < 1 || c.Evaluations > mostEvaluations {
		return usageError{fmt.Errorf("--evaluations is %d; it must lie in [1,%d]", c.Evaluations, mostEvaluations)}
	}
	own, err := newJob(env, &c.settingsFlags, &c.jobFlags, len(c.Export), tunedFiles)
	if err != nil {
		return err
	}
	run := &tuning{job: own, drawn: drawSettings(own.config, own.config.Seed, c.Evaluations), validations: map[attempt]*train.Validation{}}
	if run.exports, err = c.openAll(c.Export, run.asOf); err != nil {
		return err
	}
	defer collectSooner(env)()
	if err := run.readTraining(ctx, new(datasets.Guard), nil); err != nil {
		return err
	}
	allowed, rows := run.allowed()
	run.say("read %d events of %d rows", allowed, rows)
	if w, ok := contradictionWarning(run.corpus.contradictions); ok {
		run.say("warning: %s", w.Text)
	}
	if err := run.openWork(run.key()); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{run.search, run.confirm, run.describe} {
		if err := step(ctx); err != nil {
			return run.work.abandon(err)
		}
	}
	if err := run.finish(); err != nil {
		return err
	}
	if err := run.report(env.stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "\nsettings  %s\n", filepath.Join(run.out, "config.yaml"))
	return err
}

// describe writes what is made of the evaluations.
func (t *tuning) describe(context.Context) error {
	if t.chosen.wins {
		t.config = t.drawn[t.chosen.rival]
	}
	settings := t.resolved()
	if err := t.work.write("config.yaml", settings); err != nil {
		return err
	}
	sources, err := t.sources(nil)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(settings)
	sources.SettingsSHA256 = hex.EncodeToString(sum[:])
	for _, f := range []struct {
		name string
		make func(io.Writer) error
	}{{lineageFile, sources.write}, {"tuning.md", t.report}} {
		var content bytes.Buffer
		if err := f.make(&content); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := t.work.write(f.name, content.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
