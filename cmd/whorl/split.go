package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"whorl/datasets"
)

// splitCommand splits a dataset in two.
type splitCommand struct {
	Dir      string   `arg:"" name:"DIR" help:"Export (manifest.json) or golden dataset (dataset.json)."`
	By       string   `required:"" enum:"time,project,org" placeholder:"WHAT" help:"What is kept together: time (the earliest events go to the first part), project or org."`
	Fraction float64  `required:"" placeholder:"F" help:"Share of the events that goes to the first part, between 0 and 1."`
	Out      string   `required:"" placeholder:"DIR" help:"Directory to create, with the datasets first and second in it."`
	Seed     uint64   `default:"1" placeholder:"N" help:"Seed of the order of projects or organisations; default 1."`
	Purpose  string   `placeholder:"NAME" help:"Purpose to judge consent for: ${purposes}. Required for an export: denied rows are not copied."`
	AsOf     string   `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
	Accept   []string `name:"accept-policy" placeholder:"LIST" help:"Policy versions under which a grant counts; default the manifest's."`
	ledgerFlags
	readFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Help explains the verb.
func (*splitCommand) Help() string {
	return `Writes two datasets of the same kind. Rows that the gate denies are not copied; the
ledger and each row's own consent are, so that the parts are judged again when they are
used. Labels and pairs follow their events. The same input and seed give the same bytes.`
}

// Run splits.
func (c *splitCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	if !(c.Fraction > 0 && c.Fraction < 1) {
		return usageError{fmt.Errorf("--fraction %g: it must lie between 0 and 1", c.Fraction)}
	}
	if err := checkParent("--out", filepath.Clean(c.Out)); err != nil {
		return err
	}
	var src datasets.Source
	purpose := datasets.EvaluateFingerprinting
	if _, err := os.Stat(filepath.Join(c.Dir, "dataset.json")); err == nil {
		if c.Purpose != "" && c.Purpose != string(purpose) {
			return usageError{fmt.Errorf("--purpose %s: a golden dataset serves %s alone", c.Purpose, purpose)}
		}
		if c.ledgerFlags != (ledgerFlags{}) {
			return usageError{errors.New("--ledger, --state: a golden dataset has no ledger; its consent_basis stands in")}
		}
		if src, err = datasets.OpenGolden(c.Dir); err != nil {
			return err
		}
	} else {
		if _, err := os.Stat(c.Dir); err != nil {
			return withRemedy(err, "name the directory of an export or golden dataset")
		}
		if c.Purpose == "" {
			return usageError{errors.New("--purpose is required for an export: one of " + purposes())}
		}
		if purpose, err = datasets.ParsePurpose(c.Purpose); err != nil {
			return usageError{err}
		}
		if src, err = c.open(c.Dir, asOf); err != nil {
			return err
		}
	}
	report, err := datasets.Split(ctx, src, c.Out, datasets.SplitOptions{
		Options: env.shown(c.options(env, datasets.Options{Purpose: purpose, AsOf: asOf, AcceptPolicies: c.Accept})),
		By:      datasets.SplitBy(c.By), Fraction: c.Fraction, Seed: c.Seed,
	})
	if err != nil {
		return err
	}
	env.progress.Close()
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "part\tevents\torganisations\tprojects\tlabels\tpairs\tfrom\tto")
	for _, p := range report.Parts {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", p.Dir, p.Events, p.Organisations, p.Projects, p.Labels, p.Pairs,
			p.First.Format(time.RFC3339), p.Last.Format(time.RFC3339))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	denied := int64(0)
	for _, n := range report.Denied {
		denied += n
	}
	_, err = fmt.Fprintf(env.stdout, "first part %.4f of the events; %d rows denied and not copied; %d groups in both parts; %d pairs torn apart; %d labels and %d pairs without their events\n",
		report.Fraction, denied, report.Spanning, report.PairsTorn, report.LabelsLeft, report.PairsLeft)
	return err
}
