package main

import (
	"os"
	"path/filepath"
	"testing"

	"whorl/internal/exporttest"
)

// Two exports that hold one ledger at two ages are refused: the older would
// let in what the newer withdraws. The newer ledger for both is the way out.
func TestExportsOfOneLedgerAgree(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	var grants []exporttest.Entry
	for _, c := range []string{"a", "b", "c"} {
		grants = append(grants, exporttest.GrantEntry("zanzibar-org-"+c, "train_fingerprinting"))
	}
	withdrawn := append(grants, exporttest.WithdrawEntry("zanzibar-org-c", "train_fingerprinting", "2026-11-01T00:00:00Z"))
	first, second := filepath.Join(w.dir, "first"), filepath.Join(w.dir, "second")
	exporttest.Write(t, first, rows[:60], labels[:60], exporttest.Options{Name: "one", Ledger: grants})
	exporttest.Write(t, second, rows[60:], labels[60:], exporttest.Options{Name: "one", Ledger: withdrawn})
	out := filepath.Join(w.dir, "run")
	args := func(more ...string) []string {
		return append([]string{"train", "--export", first, "--export", second, "--golden", w.golden, "--config", w.config, "--pseudonym-key", w.key, "--as-of", asOf, "--out", out}, more...)
	}
	whorl(t, args()...).fails(first, second, `ledger "one-ledger" at 3 and at 4 entries`, "give the newest with --ledger")
	whorl(t, args("--ledger", filepath.Join(first, "consent-ledger.jsonl"))...).fails("has 4", "older")
	whorl(t, args("--ledger", filepath.Join(second, "consent-ledger.jsonl"))...).ok()
	l, err := readLineage(out)
	if err != nil {
		t.Fatal(err)
	}
	if l.Exports[0].LedgerEntries != 4 || l.Exports[1].LedgerEntries != 4 || len(l.organisations()) != 2 || len(l.Exports[0].Organisations) != 2 {
		t.Errorf("lineage %+v", l.Exports)
	}
	if _, err := os.Stat(out + ".pseudonym-key"); err == nil {
		t.Error("a key was given, and one was made")
	}
}
