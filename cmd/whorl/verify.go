package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"whorl/datasets"
)

// verifyCommand checks a dataset.
type verifyCommand struct {
	Dir     string   `arg:"" name:"DIR" help:"Export (manifest.json) or golden dataset (dataset.json)."`
	Purpose string   `placeholder:"NAME" help:"Count also what the gate allows and denies for this purpose: ${purposes}."`
	AsOf    string   `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
	Accept  []string `name:"accept-policy" placeholder:"LIST" help:"Policy versions under which a grant counts; default the manifest's."`
	Golden  []string `sep:"none" placeholder:"DIR" help:"Golden dataset that the export must not overlap with; repeat for several."`
	ledgerFlags
	readFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Help explains the verb.
func (*verifyCommand) Help() string {
	return `Checks digests, schemas, the ledger's chain, every row of every column, and labels and
pairs against each other and against the events. All that is found is listed with its
place and what to do, up to 20 of a kind. Errors end in exit status 1, warnings do not.`
}

// Run verifies.
func (c *verifyCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Dir); err != nil {
		return withRemedy(err, "name the directory of an export or golden dataset")
	}
	purpose := datasets.Purpose("")
	if c.Purpose != "" {
		if purpose, err = datasets.ParsePurpose(c.Purpose); err != nil {
			return usageError{err}
		}
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "dataset.json")); err == nil {
		switch {
		case c.Purpose != "" && purpose != datasets.EvaluateFingerprinting:
			return usageError{fmt.Errorf("--purpose %s: a golden dataset serves %s alone", c.Purpose, datasets.EvaluateFingerprinting)}
		case c.ledgerFlags != (ledgerFlags{}):
			return usageError{errors.New("--ledger, --state: a golden dataset has no ledger; its consent_basis stands in")}
		case len(c.Golden) > 0:
			return usageError{errors.New("--golden: an export is held against golden datasets, not another of them")}
		}
	}
	var guard datasets.Guard
	for _, dir := range c.Golden {
		g, err := datasets.OpenGolden(dir)
		if err != nil {
			return err
		}
		if err := guard.AddGolden(ctx, g, asOf); err != nil {
			return err
		}
	}
	v, err := datasets.Verify(ctx, c.Dir, datasets.VerifyOptions{
		Options: env.shown(c.options(env, datasets.Options{Purpose: purpose, AsOf: asOf, AcceptPolicies: c.Accept})),
		Open:    datasets.OpenOptions{State: c.State, Ledger: c.Ledger}, Guard: &guard,
	})
	if err != nil {
		return err
	}
	env.progress.Close()
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(v)
	} else {
		err = v.WriteText(env.stdout)
	}
	if err == nil && v.Errors > 0 {
		err = fmt.Errorf("%s: %d errors", c.Dir, v.Errors)
	}
	return err
}
