package datasets

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"whorl/internal/exporttest"
)

// An export can be judged by a newer ledger than its own, and by no other.
func TestOpenExportWithANewerLedger(t *testing.T) {
	const purpose = "train_fingerprinting"
	dir := t.TempDir()
	export := filepath.Join(dir, "export")
	own := []exporttest.Entry{exporttest.GrantEntry("org", purpose), exporttest.GrantEntry("org2", purpose)}
	exporttest.Write(t, export, exporttest.Rows(someEvents(3)...), nil, exporttest.Options{Ledger: own})
	write := func(name string, entries ...exporttest.Entry) (path, head string) {
		data, head := exporttest.LedgerBytes(t, entries)
		path = filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path, head
	}
	withdrawal := exporttest.WithdrawEntry("org", purpose, "2026-06-01T00:00:00Z")
	newer, head := write("newer", append(own, withdrawal)...)
	older, _ := write("older", own[0])
	rewritten, _ := write("rewritten", own[1], own[0], withdrawal)

	x, err := OpenExportWith(export, OpenOptions{Ledger: newer})
	if err != nil {
		t.Fatal(err)
	}
	if x.Ledger.ID != "test-ledger" || len(x.Ledger.Entries) != 3 || x.Ledger.Head != head {
		t.Errorf("ledger %s with %d entries, head %s", x.Ledger.ID, len(x.Ledger.Entries), x.Ledger.Head)
	}
	if _, tally, err := x.ReadEvents(ctx, training); tally.Denied[Withdrawn] != 3 {
		t.Errorf("tally %+v, %v", tally, err)
	}
	if s, err := x.Stats(ctx, training); err != nil || s.LedgerEntries != 3 || s.LedgerHead != head {
		t.Errorf("stats %+v, %v", s, err)
	}
	_, err = OpenExportWith(export, OpenOptions{Ledger: older})
	wantError(t, err, ErrLedger, older, "1 entries", "has 2", "older")
	_, err = OpenExportWith(export, OpenOptions{Ledger: rewritten})
	wantError(t, err, ErrLedger, rewritten, "test-ledger", "entry 2 is another")
	_, err = OpenExportWith(export, OpenOptions{Ledger: filepath.Join(dir, "none")})
	wantError(t, err, ErrLedger, "none")
	_, err = OpenExportWith(export, OpenOptions{Ledger: newer, AsOf: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)})
	wantError(t, err, ErrLedger, newer, "after the as-of time")

	// What is refused is not remembered; what is opened is.
	state := t.TempDir()
	for _, opt := range []OpenOptions{
		{State: state, Ledger: older}, {State: state, Ledger: rewritten},
		{State: state, Ledger: newer, AsOf: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := OpenExportWith(export, opt)
		wantError(t, err, ErrLedger)
	}
	if entries, err := os.ReadDir(state); err != nil || len(entries) > 0 {
		t.Errorf("remembered: %v, %v", entries, err)
	}
	for _, opt := range []OpenOptions{{State: state}, {State: state}, {State: state, Ledger: newer, AsOf: exporttest.AsOf}, {}} {
		if _, err := OpenExportWith(export, opt); err != nil {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	_, err = OpenExportWith(export, OpenOptions{State: state})
	wantError(t, err, ErrLedger, export, "seen with 3 entries", "only 2", "rolled back")
	_, err = OpenExportWith(export, OpenOptions{State: filepath.Join(dir, "none")})
	wantError(t, err, ErrState, "create an empty directory")
}
