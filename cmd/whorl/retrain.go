package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"whorl/datasets"
)

// earlierRun is a run that train --retrain repeats.
type earlierRun struct {
	dir     string
	lineage *lineage
	key     pseudonymKey // of its lineage; nil where it was not found
}

// openEarlier opens the run directory of --retrain.
func openEarlier(dir string) (*earlierRun, error) {
	e := &earlierRun{dir: filepath.Clean(dir)}
	var err error
	if e.lineage, err = readLineage(e.dir); err == nil {
		if e.lineage.SettingsSHA256 != "" {
			return nil, fmt.Errorf("--retrain %s: that is a run of tune, which has no model to repeat: give %s with --config, and --export and --golden", dir, e.config())
		}
		_, err = os.Stat(e.config())
	}
	if err != nil {
		return nil, fmt.Errorf("--retrain %s: that is no run directory to repeat: %w; name one that train left whole", dir, err)
	}
	return e, nil
}

// config is the file of the run's settings.
func (e *earlierRun) config() string { return filepath.Join(e.dir, "config.yaml") }

// repeat fills in what the command does not say itself from the earlier run.
func (c *trainCommand) repeat(e *earlierRun) error {
	fill := func(flag string, given *[]string, recorded []string) error {
		if len(*given) > 0 {
			return nil
		}
		for _, dir := range recorded {
			if _, err := os.Stat(dir); err != nil {
				return fmt.Errorf("--retrain %s: it was trained with %s %s: %w; start in the directory in which that run was started, or give %s",
					c.Retrain, flag, dir, err, flag)
			}
		}
		*given = recorded
		return nil
	}
	var exports, golden []string
	for _, x := range e.lineage.Exports {
		exports = append(exports, x.Dir)
	}
	for _, g := range e.lineage.Golden {
		golden = append(golden, g.Dir)
	}
	if err := fill("--export", &c.Export, exports); err != nil {
		return err
	}
	if err := fill("--golden", &c.Golden, golden); err != nil {
		return err
	}
	if c.Config == "" {
		c.Config = e.config()
	}
	if r := e.lineage.StackRules; r != nil && c.StackRules == "" {
		if _, err := os.Stat(r.File); err != nil {
			return fmt.Errorf("--retrain %s: it was trained with --stack-rules %s: %w; start in the directory in which that run was started, or give that file, of SHA-256 %s, with --stack-rules",
				c.Retrain, r.File, err, r.SHA256)
		}
		c.StackRules = r.File
	}
	if err := c.repeatLabels(e); err != nil {
		return err
	}
	c.Overlap = c.Overlap || e.lineage.AllowProjectOverlap
	return nil
}

// repeatLabels fills in the labelled pairs of the earlier run. They must be what
// they were: other ones are given with --labels.
func (c *trainCommand) repeatLabels(e *earlierRun) error {
	if len(c.Labels) > 0 {
		return nil
	}
	for _, f := range e.lineage.Labels {
		data, err := readBounded(f.File, maxAnswerBytes)
		if err != nil {
			return fmt.Errorf("--retrain %s: it was trained with --labels %s: %w; start in the directory in which that run was started, or give the file, of SHA-256 %s, with --labels",
				c.Retrain, f.File, err, f.SHA256)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
			return fmt.Errorf("--retrain %s: it was trained with --labels %s of SHA-256 %s, and the file has changed: put the former one back, or give this one with --labels",
				c.Retrain, f.File, f.SHA256)
		}
		c.Labels = append(c.Labels, f.File)
	}
	return nil
}

// checkRules refuses stack trace rules other than those of the earlier run:
// whoever links its model has to apply other ones with the new model.
func (e *earlierRun) checkRules(now *stackRules) error {
	was := e.lineage.StackRules
	switch {
	case was == nil && now == nil || was != nil && was.SHA256 == now.sha256():
		return nil
	case was == nil:
		return fmt.Errorf("--retrain %s: it was trained without stack trace rules: leave --stack-rules out, or train anew with --export and --golden", e.dir)
	}
	return fmt.Errorf("--retrain %s: it was trained under other stack trace rules than those of %s: give the file of SHA-256 %s with --stack-rules, this one's is %s; or train anew with --export and --golden",
		e.dir, now.file, was.SHA256, now.digest)
}

// findKey looks for the key of the run's pseudonyms: the one given for the new
// run, or the one that stands beside the old one.
func (e *earlierRun) findKey(given pseudonymKey) {
	beside, err := readKey(besideRun(e.dir))
	if err != nil {
		beside = nil // without it there are numbers, but no names to compare
	}
	for _, key := range []pseudonymKey{given, beside} {
		if key != nil && key.fingerprint() == e.lineage.PseudonymKey {
			e.key = key
			return
		}
	}
}

// checkLedgers refuses exports whose ledger is older than the one by which the
// earlier run was judged, or another under the same id.
func (e *earlierRun) checkLedgers(exports []*datasets.Export) error {
	for _, x := range exports {
		for _, was := range e.lineage.Exports {
			if was.LedgerID == x.Ledger.ID && !x.Ledger.Holds(was.LedgerEntries, was.LedgerHead) {
				return fmt.Errorf("%s: %w: %s was judged by ledger %.200q at %d entries, which this one of %d entries does not hold: give the newest with --ledger",
					x.Dir, datasets.ErrLedger, e.dir, was.LedgerID, was.LedgerEntries, len(x.Ledger.Entries))
			}
		}
	}
	return nil
}

// sayChanges tells what the ledger let in before and what it lets in now.
func (t *training) sayChanges() {
	e := t.earlier
	var rows, allowed [2]int64
	denied := map[datasets.Reason]*[2]int64{}
	count := func(i int, r, a int64, d map[datasets.Reason]int64) {
		rows[i], allowed[i] = rows[i]+r, allowed[i]+a
		for reason, n := range d {
			if denied[reason] == nil {
				denied[reason] = new([2]int64)
			}
			denied[reason][i] += n
		}
	}
	for _, x := range e.lineage.Exports {
		count(0, x.Rows, x.Allowed, x.Denied)
	}
	present := map[string]bool{} // organisations
	for i, tally := range t.corpus.tallies {
		count(1, tally.Rows, tally.Allowed, tally.Denied)
		for organisation := range t.corpus.used[i] {
			present[organisation] = true
		}
	}
	t.say("retraining %s: %d of %d events were allowed, now %d of %d", e.dir, allowed[0], rows[0], allowed[1], rows[1])
	for _, reason := range slices.Sorted(maps.Keys(denied)) {
		t.say("  denied %s: %d before, %d now", reason, denied[reason][0], denied[reason][1])
	}
	before := e.lineage.organisations()
	if e.key == nil {
		t.say("  organisations: %d before, %d now; which of them left only the key of the earlier run's pseudonyms tells (--pseudonym-key)", len(before), len(present))
		return
	}
	stayed := 0
	for organisation := range present {
		if _, ok := slices.BinarySearch(before, e.key.organisation(organisation)); ok {
			stayed++
		}
	}
	t.say("  organisations: %d before, %d now; %d left, %d came", len(before), len(present), len(before)-stayed, len(present)-stayed)
}
