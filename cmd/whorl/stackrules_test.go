package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whorl/datasets"
)

// A run of as many exports as train takes, under rules, fits a model file's
// provenance of 64 entries.
func TestProvenanceHasRoomForRules(t *testing.T) {
	run := training{job: &job{config: defaultConfig(), corpus: new(corpus), rules: &stackRules{digest: "abc"}}}
	for range maxExports {
		run.exports = append(run.exports, &datasets.Export{Ledger: new(datasets.Ledger)})
	}
	p := run.provenance()
	if len(p) > 64 || p["stack_rules"] != "abc" {
		t.Errorf("%d entries, rules %q", len(p), p["stack_rules"])
	}
}

func TestReadRulesIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.rules")
	for _, c := range []struct {
		size int
		ok   bool
	}{{0, true}, {maxRulesBytes, true}, {maxRulesBytes + 1, false}} {
		if err := os.WriteFile(path, []byte(strings.Repeat("#", c.size)), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := readRules(path)
		if (err == nil) != c.ok || c.ok && len(text) != c.size {
			t.Errorf("%d bytes: %d read, error %v", c.size, len(text), err)
		}
	}
}
