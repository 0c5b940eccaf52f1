package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"whorl/datasets"
	"whorl/eval"
	"whorl/eval/baseline"
	"whorl/eval/result"
	"whorl/internal/arrowfile"
	"whorl/internal/atomicfile"
	"whorl/model"
	"whorl/reports"
)

// evalCommand judges a model file.
type evalCommand struct {
	Model     string   `required:"" placeholder:"FILE" help:"Model file."`
	Golden    []string `required:"" sep:"none" placeholder:"DIR" help:"Golden dataset to judge on; repeat for several."`
	Baseline  []string `default:"default" placeholder:"LIST" help:"Baselines to judge beside it, with commas: names, all, default or none."`
	Settings  string   `name:"baselines" placeholder:"FILE" help:"Settings of score baselines; default baselines.json beside the model, else published ones."`
	Rules     string   `name:"static-rules" placeholder:"FILE" help:"A project's own stack trace rules, for the baseline static to apply behind the built-in ones."`
	Protocol  []string `placeholder:"LIST" help:"Protocols, with commas: pairs, retrieval, replay; default all."`
	JSON      string   `name:"json" placeholder:"FILE" help:"Write the result there; - for standard output."`
	Pairs     string   `name:"scored-pairs" placeholder:"FILE" help:"Write the judged pairs with all scores as an Arrow file."`
	Seed      uint64   `default:"1" placeholder:"N" help:"Seed of pair sampling and bootstrap."`
	Resamples int      `default:"${resamples}" placeholder:"N" help:"Bootstrap resamples behind each interval (default ${default})."`
	PairCap   int      `name:"pairs-per-project" default:"${pairs}" placeholder:"N" help:"Judged pairs per project at most (default ${default})."`
	Window    int      `name:"window" default:"${window}" placeholder:"DAYS" help:"How far back retrieval and replay look (default ${default})."`
	AsOf      string   `name:"as-of" placeholder:"TIME" help:"Events later than this time are left out (RFC 3339); default now."`
	rulesFlag
}

// static returns the static baseline with a project's own rules, nil without.
func (c *evalCommand) static() (eval.Scorer, error) {
	if c.Rules == "" {
		return nil, nil
	}
	text, err := readRules(c.Rules)
	if err != nil {
		return nil, err
	}
	s, err := baseline.Static(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Rules, err)
	}
	return s, nil
}

// Run evaluates.
func (c *evalCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	names, err := baselineNames(c.Baseline)
	if err != nil {
		return usageError{err}
	}
	if err := c.check(); err != nil {
		return usageError{err}
	}
	if c.JSON != "-" {
		if err := checkTarget("--json", c.JSON, c.Model, c.Settings, c.Rules, c.StackRules); err != nil {
			return err
		}
	}
	if err := checkTarget("--scored-pairs", c.Pairs, c.Model, c.Settings, c.Rules, c.StackRules, c.JSON); err != nil {
		return err
	}
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	stack, err := c.read()
	if err != nil {
		return err
	}
	if err := stack.checkModel(c.Model, m); err != nil {
		return err
	}
	var settings []*baseline.Settings
	if c.Settings != "" {
		settings, err = readSettings(c.Settings, true)
	} else {
		settings, err = readSettings(filepath.Join(filepath.Dir(c.Model), "baselines.json"), false)
	}
	if err != nil {
		return err
	}
	static, err := c.static()
	if err != nil {
		return err
	}
	j, err := newJudge(m, evalConfig{Baselines: names, Resamples: c.Resamples, PairCap: c.PairCap, WindowDays: c.Window}, settings, static, c.Seed, env.workers)
	if err != nil {
		return err
	}
	j.protocols = c.Protocol
	sets := map[string]bool{}
	r := j.empty()
	if static != nil {
		r.Warnings = append(r.Warnings, result.Warning{Code: "static_rules", Text: "the baseline static applies the rules of " + filepath.Base(c.Rules) + " too"})
	}
	var golden []*goldenSet
	for _, dir := range c.Golden { // all are read before the first is judged: a bad one must not cost minutes
		g, err := datasets.OpenGolden(dir)
		if err != nil {
			return err
		}
		if sets[g.Name] {
			return fmt.Errorf("%s: a golden dataset called %q was given already; give each once", dir, g.Name)
		}
		sets[g.Name] = true
		set, err := readGolden(ctx, g, asOf, stack.rules())
		if err != nil {
			return err
		}
		golden = append(golden, set)
	}
	run := func(pairs io.Writer) error {
		stage := env.stages()
		var sink *pairSink
		if pairs != nil {
			sink = &pairSink{w: pairs}
			j.scored = sink.write
		}
		for _, g := range golden {
			o, err := j.dataset(ctx, g, stage)
			if err != nil {
				return err
			}
			add(r, o)
		}
		return sink.close()
	}
	if c.Pairs != "" {
		err = writeTo(c.Pairs, run)
	} else {
		err = run(nil)
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := result.Write(&b, r); err != nil {
		return err
	}
	switch c.JSON {
	case "-":
		_, err := env.stdout.Write(b.Bytes())
		return err
	case "":
	default:
		if err := atomicfile.WriteFile(c.JSON, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	env.progress.Close()
	return reports.Text(env.stdout, []*result.Result{r}, reports.Options{})
}

// check refuses flags that kong cannot judge, and drops repeated protocols.
func (c *evalCommand) check() error {
	for _, x := range []struct {
		flag             string
		value, least, up int
	}{
		{"--resamples", c.Resamples, leastResamples, mostResamples},
		{"--pairs-per-project", c.PairCap, leastPairCap, mostPairCap},
		{"--window", c.Window, leastWindow, mostWindow},
	} {
		if x.value < x.least || x.value > x.up {
			return fmt.Errorf("%s is %d; it must lie in [%d,%d]", x.flag, x.value, x.least, x.up)
		}
	}
	var protocols []string
	for _, p := range c.Protocol {
		if p != result.ProtocolPairs && p != result.ProtocolRetrieval && p != result.ProtocolReplay {
			return fmt.Errorf("no protocol is called %q: there are pairs, retrieval and replay", p)
		}
		if !slices.Contains(protocols, p) {
			protocols = append(protocols, p)
		}
	}
	c.Protocol = protocols
	if c.Pairs != "" && c.Protocol != nil && !slices.Contains(c.Protocol, result.ProtocolPairs) {
		return errors.New("--scored-pairs writes what the protocol pairs judges: add it to --protocol")
	}
	return nil
}

// openModel opens a model file as production does.
func openModel(path string) (*model.Model, error) {
	m, err := model.Open(path)
	return m, withRemedy(err, "give the model.safetensors of a training run")
}

// writeTo is atomicfile.Write for content whose errors name their own file:
// a damaged input is not reported as trouble with the output.
func writeTo(path string, fill func(io.Writer) error) error {
	var cause error
	err := atomicfile.Write(path, 0o644, func(w io.Writer) error {
		cause = fill(w)
		return cause
	})
	return cmp.Or(cause, err)
}

// pairSink writes judged pairs as one Arrow table. A nil sink takes nothing.
type pairSink struct {
	w   io.Writer
	out *arrowfile.Writer
}

func (s *pairSink) write(p *eval.ScoredPairs) error {
	if s.out == nil {
		columns := []arrowfile.Column{
			{Name: "dataset", Type: arrowfile.String}, {Name: "project", Type: arrowfile.String},
			{Name: "event_id_a", Type: arrowfile.String}, {Name: "event_id_b", Type: arrowfile.String},
			{Name: "same", Type: arrowfile.Bool}, {Name: "weight", Type: arrowfile.Float64},
		}
		for _, name := range p.Scorers {
			columns = append(columns, arrowfile.Column{Name: "score_" + name, Type: arrowfile.Float64}, arrowfile.Column{Name: "joins_" + name, Type: arrowfile.Bool})
		}
		var err error
		if s.out, err = arrowfile.NewWriter(s.w, columns, map[string]string{"whorl.format": "whorl.scored-pairs/1"}); err != nil {
			return err
		}
	}
	for from := 0; from < p.Len(); from += arrowfile.BatchRows {
		to := min(p.Len(), from+arrowfile.BatchRows)
		var dataset, project, a, b []string
		for k := from; k < to; k++ {
			first, second := p.EventIDs(k)
			dataset = append(dataset, p.Dataset.Name)
			project = append(project, p.Dataset.Projects[p.Project[k]].ID)
			a, b = append(a, first), append(b, second)
		}
		values := []any{dataset, project, a, b, p.Same[from:to], p.Weight[from:to]}
		for i := range p.Scorers {
			values = append(values, p.Scores[i][from:to], p.Joins[i][from:to])
		}
		if err := s.out.WriteBatch(values...); err != nil {
			return err
		}
	}
	return nil
}

func (s *pairSink) close() error {
	if s == nil {
		return nil
	}
	if s.out == nil {
		return errors.New("--scored-pairs: no pair was judged: the golden datasets hold no two labelled events of one project")
	}
	return s.out.Close()
}

// readResult reads a result file.
func readResult(path string) (*result.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withRemedy(err, "give the result.json of a training run or of `whorl eval --json`")
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
