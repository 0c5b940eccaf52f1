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
	"strings"

	"whorl/datasets"
	"whorl/eval"
	"whorl/eval/baseline"
	"whorl/eval/result"
	"whorl/model"
	"whorl/reports"
	"whorl/train"
)

// trainCommand is the whole job: read, fit, judge, report.
type trainCommand struct {
	Export  []string `sep:"none" placeholder:"DIR" help:"Labelled export to learn from; repeat for several. Required, unless --retrain names it."`
	Golden  []string `sep:"none" placeholder:"DIR" help:"Golden dataset to judge on, never to learn from; repeat for several. Required, unless --retrain names it."`
	Labels  []string `sep:"none" placeholder:"FILE" help:"Pairs of the exports' events that somebody judged: what datasets sample-pairs wrote, filled in; repeat for several."`
	Retrain string   `placeholder:"RUN" help:"Repeat this run directory against the ledger of now: its settings, exports, labels, golden datasets, stack trace rules and overlap; other flags override all but the rules."`
	settingsFlags
	Overlap bool `name:"allow-project-overlap" help:"Allow projects of a golden dataset in the training data, for a split by time; the report says so."`
	jobFlags
}

// Run trains.
func (c *trainCommand) Run(ctx context.Context, env *environment) error {
	var earlier *earlierRun
	var err error
	if c.Retrain != "" {
		if earlier, err = openEarlier(c.Retrain); err != nil {
			return err
		}
		if err := c.repeat(earlier); err != nil {
			return err
		}
	}
	if len(c.Export) == 0 || len(c.Golden) == 0 {
		return usageError{errors.New("train needs --export DIR and --golden DIR, or --retrain RUN")}
	}
	own, err := newJob(env, &c.settingsFlags, &c.jobFlags, len(c.Export), runFiles)
	if err != nil {
		return err
	}
	run := &training{job: own, command: c, earlier: earlier}
	if earlier != nil {
		if err := earlier.checkRules(run.rules); err != nil {
			return err
		}
		earlier.findKey(run.secret)
	}
	defer collectSooner(env)()
	if err := run.read(ctx); err != nil {
		return err
	}
	if err := run.openWork(run.key()); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{run.fit, run.tune, run.judge, run.describe} {
		if err := step(ctx); err != nil {
			return run.work.abandon(err)
		}
	}
	if err := run.finish(); err != nil {
		return err
	}
	if err := reports.Text(env.stdout, []*result.Result{run.result}, reports.Options{}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "\nmodel   %s\nreport  %s\n", filepath.Join(run.out, "model.safetensors"), filepath.Join(run.out, "report.html"))
	return err
}

// training is a run of the train verb.
type training struct {
	*job
	command *trainCommand
	earlier *earlierRun // that is repeated; nil for a run of its own

	golden   []*goldenSet
	overlaps []datasets.Overlap
	answers  *answers // of --labels; nil: none

	fitted   train.Report
	model    *model.Model
	settings []*baseline.Settings
	result   *result.Result
}

// read verifies everything, applies the gate and extracts records.
func (t *training) read(ctx context.Context) error {
	var err error
	if t.answers, err = readAnswers(t.command.Labels); err != nil {
		return err
	}
	if t.exports, err = t.command.openAll(t.command.Export, t.asOf); err != nil {
		return err
	}
	if t.earlier != nil {
		if err := t.earlier.checkLedgers(t.exports); err != nil {
			return err
		}
	}
	var guard datasets.Guard
	names := map[string]string{}
	for i, dir := range t.command.Golden {
		g, err := datasets.OpenGolden(dir)
		if err != nil {
			return err
		}
		if other, ok := names[g.Name]; ok {
			return fmt.Errorf("%s and %s are both called %q: give each golden dataset once", other, dir, g.Name)
		}
		names[g.Name] = dir
		if err := guard.AddGolden(ctx, g, t.asOf); err != nil {
			return err
		}
		set, err := readGolden(ctx, g, t.asOf, t.rules.rules())
		if err != nil {
			return err
		}
		t.golden = append(t.golden, set)
		t.stage("reading golden datasets", i+1, len(t.command.Golden))
	}
	if err := t.readTraining(ctx, &guard, t.answers); err != nil {
		return err
	}
	t.overlaps = guard.Overlaps()
	if err := datasets.CheckOverlaps(t.overlaps, t.command.Overlap); err != nil {
		remedy := " (--allow-project-overlap)"
		for _, o := range t.overlaps {
			if len(o.EventIDs) > 0 { // no flag allows that
				remedy = ""
			}
		}
		return fmt.Errorf("%s: %w%s", dirs(t.exports), err, remedy)
	}
	for i, o := range t.overlaps {
		t.golden[i].data.OverlapTrain = o.GoldenEvents
	}
	allowed, rows := t.allowed()
	t.say("read %d events of %d rows; %d golden datasets", allowed, rows, len(t.golden))
	if t.answers != nil {
		n := t.answers.counts
		t.say("labelled pairs: %d yes, %d no; %d without consent, %d unanswered", n.yes, n.no, n.denied, n.skipped)
	}
	if t.earlier != nil {
		t.sayChanges()
		if v := t.config.ModelVersion; v != "" && v == t.earlier.lineage.ModelVersion {
			t.say("warning: both models are called %s; give a --config with another model_version to tell them apart", v)
		}
	}
	return nil
}

// policies returns the accepted policy versions, nil for the manifest's.
func (c *config) policies() []string {
	if len(c.AcceptPolicies) == 0 {
		return nil
	}
	return c.AcceptPolicies
}

// key names everything that the stages' results depend on: a stage is resumed
// only under an equal key.
func (t *training) key() string {
	h := sha256.New()
	t.writeInputs(h)
	if t.answers != nil { // rows that are not learned from are counted in the report
		fmt.Fprintln(h, "labels", t.answers.files, t.answers.counts)
	}
	for _, g := range t.golden {
		fmt.Fprintln(h, g.data.Name, g.data.SHA256, g.data.OverlapTrain, g.data.Unlabelled)
		for _, p := range g.data.Projects {
			fmt.Fprintln(h, len(p.Items)) // fewer under an earlier as-of time
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fit learns the model and loads it again the way production will.
func (t *training) fit(ctx context.Context) error {
	const stage = "fit"
	if !t.work.has(stage) {
		outcome, err := train.Fit(ctx, &t.corpus.training, t.config.params(t.env.workers, t.stage))
		if err != nil {
			return t.unfit(err)
		}
		outcome.Parts.Provenance = t.provenance()
		outcome.Parts.Version = t.config.ModelVersion
		if outcome.Parts.Version == "" {
			// Named after its content: another model never has the same name.
			outcome.Parts.Version = "m-0"
			file, err := model.Marshal(&outcome.Parts)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(file)
			outcome.Parts.Version = "m-" + hex.EncodeToString(sum[:6])
		}
		file, err := model.Marshal(&outcome.Parts)
		if err != nil {
			return err
		}
		if err := t.work.write("model.safetensors", file); err != nil {
			return err
		}
		if err := t.work.writeJSON("fit.json", outcome.Report); err != nil {
			return err
		}
		if err := t.work.mark(stage, "model.safetensors", "fit.json"); err != nil {
			return err
		}
	}
	if err := t.work.readJSON("fit.json", &t.fitted); err != nil {
		return err
	}
	var err error
	if t.model, err = model.Open(t.work.path("model.safetensors")); err != nil {
		return err
	}
	for _, p := range t.fitted.Platforms {
		t.say("%-10s  %6d events  %5d groups  %4d organisations  %7d positive  %7d negative pairs  thresholds %.3f pairs, %.3f joins",
			p.Platform, p.Records, p.Groups, p.Organisations, p.Positives, p.Negatives, t.model.Threshold(p.Platform), t.model.JoinThreshold(p.Platform))
	}
	for _, w := range t.fitted.Warnings {
		t.say("warning: %s", w.Text)
	}
	t.say("fitted %d trees", t.fitted.Trees)
	return nil
}

// provenance names what the model came from, as digests alone.
func (t *training) provenance() map[string]string {
	sum := sha256.Sum256(t.resolved())
	out := map[string]string{
		"tool": version, "seed": fmt.Sprint(t.config.Seed),
		"data": t.corpus.digest, "config": hex.EncodeToString(sum[:]),
	}
	if t.rules != nil {
		out[model.ProvenanceStackRules] = t.rules.digest
	}
	for i, x := range t.exports {
		out[fmt.Sprintf("export.%d", i)] = x.ManifestSHA256
		out[fmt.Sprintf("ledger.%d", i)] = x.Ledger.Head
	}
	return out
}

// tune searches settings for the score baselines on the training data.
func (t *training) tune(ctx context.Context) error {
	const stage, file = "tune", "baselines.json"
	if !t.work.has(stage) {
		var settings []*baseline.Settings
		projects := t.corpus.tuning(t.config.Seed)
		for _, name := range baseline.Tunable() {
			s, err := baseline.Tune(ctx, name, projects, baseline.TuneOptions{
				Seed: t.config.Seed, Evaluations: t.config.Baselines.Evaluations, TargetPrecision: t.config.PrecisionTarget, Workers: t.env.workers,
				Progress: func(done, total int) { t.stage("tuning "+name, done, total) },
			})
			if err != nil {
				return err
			}
			settings = append(settings, s)
		}
		var b bytes.Buffer
		if err := baseline.WriteSettings(&b, settings); err != nil {
			return err
		}
		if err := t.work.write(file, b.Bytes()); err != nil {
			return err
		}
		if err := t.work.mark(stage, file); err != nil {
			return err
		}
	}
	var err error
	t.settings, err = readSettings(t.work.path(file), true)
	t.say("tuned %s", strings.Join(baseline.Tunable(), ", "))
	return err
}

// judge evaluates the file that was written, dataset by dataset.
func (t *training) judge(ctx context.Context) error {
	j, err := newJudge(t.model, t.config.Eval, t.settings, nil, t.config.Seed, t.env.workers)
	if err != nil {
		return err
	}
	t.result = j.empty()
	for i, g := range t.golden {
		stage := fmt.Sprintf("judge %s", g.data.Name)
		file := fmt.Sprintf("judged-%d.json", i)
		if !t.work.has(stage) {
			outcome, err := j.dataset(ctx, g, t.stage)
			if err != nil {
				return err
			}
			if err := t.work.writeJSON(file, outcome); err != nil {
				return err
			}
			if err := t.work.mark(stage, file); err != nil {
				return err
			}
		}
		var outcome eval.Outcome
		if err := t.work.readJSON(file, &outcome); err != nil {
			return err
		}
		add(t.result, &outcome)
		t.say("judged on %s", g.data.Name)
	}
	t.result.Training = t.trainingReport()
	t.result.Warnings = append(t.result.Warnings, t.warnings()...)
	return nil
}

// trainingReport is what the result says of the fit.
func (t *training) trainingReport() *result.Training {
	out := &result.Training{
		Denied: map[string]int{}, Organisations: t.fitted.Organisations, Projects: t.fitted.Projects, Trees: t.fitted.Trees,
	}
	for _, tally := range t.corpus.tallies {
		out.Events += int(tally.Allowed)
		for reason, n := range tally.Denied {
			out.Denied[string(reason)] += int(n)
		}
	}
	if t.answers != nil {
		n := t.answers.counts
		out.Labels = &result.LabelledPairs{Same: n.yes, Different: n.no, Denied: n.denied, Skipped: n.skipped, AgainstGroups: n.againstGroups, AgainstPairs: n.againstPairs}
	}
	for _, p := range t.fitted.Platforms {
		out.Platforms = append(out.Platforms, result.PlatformPairs{
			Platform: p.Platform.String(), Events: p.Records, Groups: p.Groups, Organisations: p.Organisations,
			Positives: p.Positives, Negatives: p.Negatives, Tuning: p.Tuning,
		})
	}
	return out
}

// warnings are the reservations that the run itself has to add.
func (t *training) warnings() []result.Warning {
	var out []result.Warning
	if w, ok := contradictionWarning(t.corpus.contradictions); ok {
		w.Text = "training data: " + w.Text
		out = append(out, w)
	}
	if w, ok := t.answers.contradictions(); ok {
		out = append(out, w)
	}
	for _, w := range t.fitted.Warnings {
		out = append(out, result.Warning{Code: w.Code, Text: w.Text})
	}
	for _, o := range t.overlaps {
		if len(o.Projects) > 0 {
			out = append(out, result.Warning{Dataset: o.Dataset, Code: "project_overlap",
				Text: fmt.Sprintf("%d projects of this dataset stand in the training data too (--allow-project-overlap): its figures tell about later events of known projects, not about new organisations", len(o.Projects))})
		}
	}
	return out
}

// describe writes the result and what is made from it.
func (t *training) describe(context.Context) error {
	var b bytes.Buffer
	if err := result.Write(&b, t.result); err != nil {
		return err
	}
	// What follows is made from the bytes of result.json, as report would.
	var err error
	if t.result, err = result.Parse(b.Bytes()); err != nil {
		return err
	}
	files := []struct {
		name string
		make func(io.Writer) error
	}{
		{"result.json", func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }},
		{"report.html", func(w io.Writer) error {
			return reports.HTML(w, []*result.Result{t.result}, reports.Options{})
		}},
		{"report.md", func(w io.Writer) error {
			return reports.Markdown(w, []*result.Result{t.result}, reports.Options{})
		}},
		{"card.md", t.card},
		{"lineage.json", t.lineage},
		{"config.yaml", func(w io.Writer) error { _, err := w.Write(t.resolved()); return err }},
		{"log.jsonl", t.log},
	}
	for _, f := range files {
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

// log writes what the stages did, one JSON object a line. It holds no time: the
// same run leaves the same bytes; times go to the terminal.
func (t *training) log(w io.Writer) error {
	encoder := json.NewEncoder(w)
	type line map[string]any
	var lines []line
	for i, tally := range t.corpus.tallies {
		lines = append(lines, line{"stage": "read", "export": i, "manifest": t.exports[i].ManifestSHA256, "rows": tally.Rows, "allowed": tally.Allowed, "denied": tally.Denied})
	}
	lines = append(lines, line{"stage": "read", "unlabelled": t.corpus.unlabelled, "projects": len(t.corpus.training.Projects)})
	if t.answers != nil {
		n := t.answers.counts
		lines = append(lines, line{"stage": "read", "labels": len(t.answers.files), "same": n.yes, "different": n.no, "denied": n.denied, "skipped": n.skipped})
	}
	for _, p := range t.fitted.Platforms {
		lines = append(lines, line{"stage": "mine", "platform": p.Platform.String(), "positives": p.Positives, "negatives": p.Negatives, "tuning": p.Tuning})
	}
	lines = append(lines, line{"stage": "fit", "trees": t.fitted.Trees, "model": t.model.Digest()})
	for _, s := range t.settings {
		lines = append(lines, line{"stage": "tune", "baseline": s.Name, "objective": s.Objective, "parameters": s.Parameters})
	}
	for _, d := range t.result.Datasets {
		lines = append(lines, line{"stage": "judge", "dataset": d.Name, "version": d.Version, "events": d.Events, "pairs": d.Pairs})
	}
	for _, warning := range t.result.Warnings {
		lines = append(lines, line{"stage": "report", "warning": warning.Code, "dataset": warning.Dataset})
	}
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
