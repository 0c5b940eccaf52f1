package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"whorl/datasets"
)

// datasetsCommand holds the verbs that look into data.
type datasetsCommand struct {
	Stats       statsCommand       `cmd:"" help:"Count an export's rows: allowed, denied by reason, platforms, groups."`
	Verify      verifyCommand      `cmd:"" help:"Check all that can be checked of an export or golden dataset."`
	Split       splitCommand       `cmd:"" help:"Split an export or golden dataset in two, by time, project or organisation."`
	Import      importCommand      `cmd:"" help:"Turn another format into an export or golden dataset."`
	SamplePairs samplePairsCommand `cmd:"" help:"Write the pairs whose labels would tell a model most, for people to judge."`
	Withdrawals withdrawalsCommand `cmd:"" help:"List the runs whose data is withdrawn now."`
}

// statsCommand describes an export or golden dataset.
type statsCommand struct {
	Dir     string   `arg:"" name:"DIR" help:"Export (manifest.json) or golden dataset (dataset.json)."`
	Purpose string   `placeholder:"NAME" help:"Purpose to judge consent for: ${purposes}. Required for an export."`
	AsOf    string   `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
	Accept  []string `name:"accept-policy" placeholder:"LIST" help:"Policy versions under which a grant counts; default the manifest's."`
	ledgerFlags
	readFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run counts.
func (c *statsCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	var stats *datasets.Stats
	if _, err := os.Stat(filepath.Join(c.Dir, "dataset.json")); err == nil {
		g, err := datasets.OpenGolden(c.Dir)
		if err != nil {
			return err
		}
		if c.Purpose != "" && c.Purpose != string(datasets.EvaluateFingerprinting) {
			return usageError{fmt.Errorf("--purpose %s: a golden dataset serves %s alone", c.Purpose, datasets.EvaluateFingerprinting)}
		}
		if c.ledgerFlags != (ledgerFlags{}) {
			return usageError{errors.New("--ledger, --state: a golden dataset has no ledger; its consent_basis stands in")}
		}
		if stats, err = g.Stats(ctx, env.shown(c.options(env, datasets.Options{AsOf: asOf}))); err != nil {
			return err
		}
	} else {
		if _, err := os.Stat(c.Dir); err != nil {
			return withRemedy(err, "name the directory of an export or golden dataset")
		}
		if c.Purpose == "" {
			return usageError{errors.New("--purpose is required for an export: one of " + purposes())}
		}
		purpose, err := datasets.ParsePurpose(c.Purpose)
		if err != nil {
			return usageError{err}
		}
		x, err := c.open(c.Dir, asOf)
		if err != nil {
			return err
		}
		if stats, err = x.Stats(ctx, env.shown(c.options(env, datasets.Options{Purpose: purpose, AsOf: asOf, AcceptPolicies: c.Accept}))); err != nil {
			return err
		}
	}
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(stats)
	}
	return stats.WriteText(env.stdout)
}

func purposes() string {
	var names []string
	for _, p := range datasets.Purposes() {
		names = append(names, fmt.Sprint(p))
	}
	return strings.Join(names, ", ")
}
