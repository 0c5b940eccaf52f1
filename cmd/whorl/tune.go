package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
	Evaluations int `default:"30" placeholder:"N" help:"Settings to try, the configuration's own first (default ${default}). Each takes about as long as a train without judging."`
	jobFlags
}

// Help is shown below the flags' summary.
func (*tuneCommand) Help() string {
	return `Settings are drawn around the configuration, which is tried first, and judged by cross-validation on the training data: no golden dataset is opened. ` +
		`Another setting wins only if it is better beyond noise; else config.yaml is the configuration that the search started from.

The run directory holds config.yaml for "whorl train --config", tuning.md to read, evaluations.jsonl with every setting tried, and lineage.json. ` +
		`A run that was interrupted goes on with the same command, also with more --evaluations.`
}

// tuningFile is the journal of the settings that were tried.
const tuningFile = "evaluations.jsonl"

// startFile holds, for the stages alone, what the start's validation says of
// each organisation.
const startFile = "start.json"

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
	run := &tuning{job: own, count: c.Evaluations}
	if run.exports, err = c.openAll(c.Export, run.asOf); err != nil {
		return err
	}
	if err := run.readTraining(ctx, new(datasets.Guard)); err != nil {
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
	for _, step := range []func(context.Context) error{run.search, run.describe} {
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

// tuning is a run of the tune verb.
type tuning struct {
	*job
	count int // settings to try

	drawn  []*config
	start  train.Validation
	tried  []evaluation
	chosen verdict
}

// evaluation is one setting and how it did: a line of evaluations.jsonl. It
// holds figures of platforms, none of an organisation.
type evaluation struct {
	Number     int                `json:"evaluation"` // 1: the start
	Settings   map[string]float64 `json:"settings"`   // the keys that are searched
	Rounds     int                `json:"rounds"`     // of boosting, of at most trees.most
	Loss       float64            `json:"loss"`       // mean over platforms that count
	Platforms  []platformFigure   `json:"platforms"`
	Gain       float64            `json:"gain"` // of loss over the start
	Error      float64            `json:"standard_error"`
	Freedom    int                `json:"degrees_of_freedom"`
	Comparable bool               `json:"comparable"` // false: it left other pairs unjudged than the start, and cannot win
}

// platformFigure is how a setting did on one platform.
type platformFigure struct {
	Platform string  `json:"platform"`
	LogLoss  float64 `json:"log_loss"` // calibrated, in nats a pair
	Left     float64 `json:"left"`     // share of the uncertainty that is left
	Counted  bool    `json:"counted"`  // in the mean
}

// key names everything that the evaluations depend on. How many there are to be
// is not part of it: a larger search goes on from a smaller one.
func (t *tuning) key() string {
	h := sha256.New()
	fmt.Fprintln(h, "tune")
	t.writeInputs(h)
	return hex.EncodeToString(h.Sum(nil))
}

// search tries the settings one by one; each is a stage.
func (t *tuning) search(ctx context.Context) error {
	var journal bytes.Buffer
	t.drawn = drawSettings(t.config, t.config.Seed, t.count)
	for n := range t.drawn {
		stage, file := fmt.Sprintf("setting %d", n+1), fmt.Sprintf("evaluation-%d.json", n+1)
		if !t.work.has(stage) {
			files := []string{file}
			e, v, err := t.evaluate(ctx, n)
			if err != nil {
				return err
			}
			if n == 0 {
				files = append(files, startFile)
				if err := t.work.writeJSON(startFile, v); err != nil {
					return err
				}
			}
			if err := t.work.writeJSON(file, e); err != nil {
				return err
			}
			if err := t.work.mark(stage, files...); err != nil {
				return err
			}
		}
		var e evaluation
		if err := t.work.readJSON(file, &e); err != nil {
			return err
		}
		if n == 0 {
			if err := t.work.readJSON(startFile, &t.start); err != nil {
				return err
			}
		}
		t.tried = append(t.tried, e)
		if err := json.NewEncoder(&journal).Encode(e); err != nil {
			return err
		}
		if err := t.work.write(tuningFile, journal.Bytes()); err != nil {
			return err
		}
		t.say("%s", e.line(t.count))
	}
	t.chosen = decide(t.tried)
	return nil
}

// evaluate tries setting n, the start being 0.
func (t *tuning) evaluate(ctx context.Context, n int) (*evaluation, *train.Validation, error) {
	label := fmt.Sprintf("setting %d of %d: ", n+1, t.count)
	e := &evaluation{Number: n + 1, Settings: searched(t.drawn[n]), Platforms: []platformFigure{}}
	params := t.drawn[n].params(t.env.workers, func(stage string, done, total int) { t.stage(label+stage, done, total) })
	v, err := train.CrossValidate(ctx, &t.corpus.training, params)
	switch {
	case n > 0 && (errors.Is(err, train.ErrNoPositive) || errors.Is(err, train.ErrNoNegative)):
		return e, nil, nil // a setting that mines too little is no reason to end the search
	case err != nil:
		return nil, nil, t.unfit(err)
	}
	e.Rounds = v.Rounds
	for i := range v.Platforms {
		if p := &v.Platforms[i]; p.Prior > 0 {
			e.Platforms = append(e.Platforms, platformFigure{p.Platform.String(), p.Loss, p.Left(), p.Counted})
		}
	}
	start := &v
	if n > 0 {
		start = &t.start
	}
	gain, err := v.GainOver(start)
	switch {
	case errors.Is(err, train.ErrOtherPairs):
		return e, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w: add labelled organisations or raise tuning_pairs", dirs(t.exports), err)
	}
	e.Loss, e.Gain, e.Error, e.Freedom, e.Comparable = v.Loss(), gain.Mean, gain.Error, gain.Freedom, true
	return e, &v, nil
}

// line says how a setting did.
func (e *evaluation) line(count int) string {
	head := fmt.Sprintf("setting %d of %d: ", e.Number, count)
	switch {
	case !e.Comparable:
		return head + "it mines too little to be compared with the start"
	case e.Number == 1:
		return head + fmt.Sprintf("loss %.5f after %d rounds: the start", e.Loss, e.Rounds)
	}
	return head + fmt.Sprintf("loss %.5f after %d rounds, gain %+.5f +- %.5f over the start", e.Loss, e.Rounds, e.Gain, e.Error)
}

// verdict is which setting was chosen and why.
type verdict struct {
	rival int     // place of the chosen setting, or of the best but the start; 0: none can be compared
	wins  bool    // the rival was chosen, and not the start
	bar   float64 // standard errors by which a setting has to be ahead of the start
}

// decide chooses the setting with the least loss among those that are ahead of
// the start beyond noise, else the start; the first among equals.
func decide(tried []evaluation) verdict {
	var v verdict
	for i := 1; i < len(tried); i++ {
		e := &tried[i]
		if !e.Comparable {
			continue
		}
		var beyond bool
		beyond, v.bar = train.Gain{Mean: e.Gain, Error: e.Error, Freedom: e.Freedom}.BeyondNoise(len(tried) - 1)
		lower := v.rival == 0 || e.Loss < tried[v.rival].Loss
		if beyond && (lower || !v.wins) || lower && !v.wins {
			v.rival, v.wins = i, v.wins || beyond
		}
	}
	return v
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
