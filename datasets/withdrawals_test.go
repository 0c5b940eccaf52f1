package datasets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"whorl/internal/exporttest"
)

// One case a line; the run's ledger is that of the first entries.
func TestFindWithdrawal(t *testing.T) {
	at := smallWorld.at
	grant := func(minute int, change func(*Entry)) Entry {
		e := Entry{OrgID: "a", Purpose: TrainFingerprinting, Action: Grant, PolicyVersion: "1", CoversEarlierEvents: true, EffectiveAt: at(minute), ExpiresAt: at(1000)}
		if change != nil {
			change(&e)
		}
		return e
	}
	withdraw := func(minute int, project string) Entry {
		return Entry{OrgID: "a", ProjectID: project, Purpose: TrainFingerprinting, Action: Withdraw, EffectiveAt: at(minute)}
	}
	onward := func(e *Entry) { e.CoversEarlierEvents = false }
	for _, tt := range []struct {
		name      string
		entries   []Entry
		run       int64 // entries of the run's ledger
		project   string
		want      int64 // seq of the withdrawal, 0 for none
		regranted bool
	}{
		{"nothing withdrawn", []Entry{grant(0, nil)}, 1, "p", 0, false},
		{"withdrawn", []Entry{grant(0, nil), withdraw(20, "")}, 1, "p", 2, false},
		{"the first of several", []Entry{grant(0, nil), withdraw(40, ""), withdraw(20, ""), withdraw(30, "")}, 1, "p", 3, false},
		{"withdrawn in future", []Entry{grant(0, nil), withdraw(900, "")}, 1, "p", 2, false},
		{"the project", []Entry{grant(0, nil), withdraw(20, "p")}, 1, "p", 2, false},
		{"another project", []Entry{grant(0, nil), withdraw(20, "q")}, 1, "p", 0, false},
		{"a project that the ledger does not name", []Entry{grant(0, nil), withdraw(20, "q"), withdraw(30, "")}, 1, "", 3, false},
		{"another organisation", []Entry{grant(0, nil), withdraw(20, ""), grant(0, func(e *Entry) { e.OrgID = "b" })}, 1, "p", 2, false},
		{"another purpose", []Entry{grant(0, nil), {OrgID: "a", Purpose: GenerativeAI, Action: Withdraw, EffectiveAt: at(20)}}, 1, "p", 0, false},
		{"granted again, for earlier events too", []Entry{grant(0, nil), withdraw(20, ""), grant(30, nil)}, 1, "p", 0, false},
		{"granted again, for later events alone", []Entry{grant(0, nil), withdraw(20, ""), grant(30, onward)}, 1, "p", 2, true},
		{"granted again, but not for long", []Entry{grant(0, nil), withdraw(20, ""), grant(30, func(e *Entry) { e.ExpiresAt = at(40) })}, 1, "p", 2, true},
		{"granted again, but later", []Entry{grant(0, nil), withdraw(20, ""), grant(800, nil)}, 1, "p", 2, true},
		{"granted again, under a refused policy", []Entry{grant(0, nil), withdraw(20, ""), grant(30, func(e *Entry) { e.PolicyVersion = "2" })}, 1, "p", 2, true},
		{"granted again within the skew", []Entry{grant(0, nil), withdraw(20, ""), grant(25, nil)}, 1, "p", 2, false},
		{"granted again for the project", []Entry{grant(0, nil), withdraw(20, ""), grant(30, func(e *Entry) { e.ProjectID = "p" })}, 1, "p", 0, false},
		{"granted again for another project", []Entry{grant(0, nil), withdraw(20, ""), grant(30, func(e *Entry) { e.ProjectID = "q" })}, 1, "p", 2, false},
		{"granted again and withdrawn again", []Entry{grant(0, nil), withdraw(20, ""), grant(30, nil), withdraw(50, "")}, 1, "p", 4, false},
		{"granted onward and withdrawn again", []Entry{grant(0, nil), withdraw(20, ""), grant(30, onward), withdraw(50, "")}, 1, "p", 2, false},
		{"the run knew the later grant", []Entry{grant(0, nil), withdraw(20, ""), grant(30, onward)}, 3, "p", 0, false},
		{"withdrawn before the run's grant, written down late", []Entry{grant(30, onward), withdraw(20, "")}, 1, "p", 0, false},
		{"a later grant without any withdrawal", []Entry{grant(0, nil), grant(30, onward), withdraw(40, "q")}, 1, "p", 0, false},
		{"an old withdrawal, undone before the run", []Entry{grant(0, nil), withdraw(10, ""), grant(20, nil), grant(30, onward)}, 3, "p", 0, false},
		{"the run's ledger has no grant", []Entry{withdraw(10, ""), grant(30, onward)}, 1, "p", 1, true},
	} {
		l := ledgerOf(tt.entries)
		w, err := l.Withdrawals(TrainFingerprinting, at(500))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := w.Find("a", tt.project, tt.run, []string{"1"})
		if ok != (tt.want > 0) || ok && (got.Entry.Seq != tt.want || got.Regranted != tt.regranted) {
			t.Errorf("%s: got %+v, %v", tt.name, got.Entry, got.Regranted)
		}
	}
}

// reached answers by brute force: a withdrawal reaches data of a run if some
// event that the gate let into it then is not let in now, and a withdrawal
// counts against the grant under which it was let in. used says that any was
// let in.
func reached(entries []Entry, org, project string, run int, now time.Time, policies []string) (used, found bool) {
	const purpose = TrainFingerprinting
	then := slices.Clone(entries[:run])
	var under *Entry
	for i := range then {
		e := &then[i]
		e.ExpiresAt = smallWorld.at(1000) // the run was made while its grant was in force
		if e.Action == Grant && e.Purpose == purpose && e.OrgID == org && (e.ProjectID == "" || e.ProjectID == project) &&
			(under == nil || !e.EffectiveAt.Before(under.EffectiveAt)) {
			under = e
		}
	}
	counts := false
	for _, e := range entries {
		if under != nil && e.Action == Withdraw && e.Purpose == purpose && e.OrgID == org && (e.ProjectID == "" || e.ProjectID == project) {
			counts = counts || under.EffectiveAt.Sub(e.EffectiveAt) <= 5*time.Minute
		}
	}
	for minute := range 60 {
		at := smallWorld.at(minute)
		if obvious(then, purpose, org, project, at, smallWorld.at(900), policies) != allowed {
			continue
		}
		used = true
		after := obvious(entries, purpose, org, project, at, now, policies)
		found = found || after == Withdrawn || after != allowed && counts
	}
	return used, found
}

// On random ledgers and runs the index agrees with the gate, asked event by event.
func TestWithdrawalsAgreeWithTheGate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	met := map[string]int{}
	const tries = 50_000
	for i := range tries {
		entries := make([]Entry, 1+rng.IntN(7))
		for k := range entries {
			if entries[k] = smallWorld.entry(rng.IntN); rng.IntN(4) > 0 { // most of one subject, and in order
				entries[k].OrgID, entries[k].Purpose = "a", TrainFingerprinting
				entries[k].EffectiveAt = smallWorld.at(4*k + rng.IntN(8))
			}
		}
		l := ledgerOf(entries)
		org, project := []string{"a", "a", "b"}[rng.IntN(3)], []string{"p", "q", "r"}[rng.IntN(3)]
		run, now, policies := 1+rng.IntN(len(entries)), smallWorld.at(rng.IntN(60)), []string{"1"}
		w, err := l.Withdrawals(TrainFingerprinting, now)
		if err != nil {
			t.Fatal(err)
		}
		ask := project
		if !slices.Contains(w.Projects(org), project) {
			ask = "" // as who cannot name the project
		}
		got, ok := w.Find(org, ask, int64(run), policies)
		if named, same := w.Find(org, project, int64(run), policies); same != ok || named != got {
			t.Fatalf("ledger %d: a project that the ledger does not name stands otherwise: %+v, %s, %s", i, entries, org, project)
		}
		if ok && !slices.Contains(w.Organisations(), org) {
			t.Fatalf("ledger %d: %s is not among the organisations", i, org)
		}
		used, want := reached(entries, org, project, run, now, policies)
		if !used {
			continue // nothing of it can be in the run
		}
		if ok != want {
			t.Fatalf("ledger %d: got %v, want %v: %+v, %s, %s, run at %d, as of %s", i, ok, want, entries, org, project, run, now)
		}
		standing := obvious(entries, TrainFingerprinting, org, project, now, now, policies)
		if standing == Withdrawn && !ok {
			t.Fatalf("ledger %d: the gate says withdrawn: %+v, %s, %s, run at %d", i, entries, org, project, run)
		}
		if ok && got.Regranted == (standing == Withdrawn) {
			t.Fatalf("ledger %d: granted again: %v, but the gate says %q", i, got.Regranted, standing)
		}
		if ok && got.Entry.Seq <= int64(run) {
			t.Fatalf("ledger %d: a withdrawal that the run knew of reaches it: %+v, run at %d", i, entries, run)
		}
		met[fmt.Sprint(ok, ok && got.Regranted)]++
	}
	for _, k := range []string{"false false", "true false", "true true"} {
		if met[k] < tries/500 {
			t.Errorf("only %d of %q", met[k], k)
		}
	}
}

func TestWithdrawalsAsOf(t *testing.T) {
	data, head := exporttest.LedgerBytes(t, []exporttest.Entry{exporttest.WithdrawEntry("a", "train_fingerprinting", "2026-06-01T00:00:00Z")})
	l, err := ParseLedger(data, "id", 1, head)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Withdrawals(TrainFingerprinting, time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC))
	wantError(t, err, ErrLedger, "2026-06-01T00:00:00Z")
}

// A ledger of a million lines, one in ten a withdrawal.
func BenchmarkLargeLedger(b *testing.B) {
	const lines = 1_000_000
	rng := rand.New(rand.NewPCG(5, 6))
	entries := make([]exporttest.Entry, lines)
	for i := range entries {
		org := fmt.Sprintf("org-%06d", rng.IntN(lines/5))
		if entries[i] = exporttest.GrantEntry(org, "train_fingerprinting"); rng.IntN(10) == 0 {
			entries[i] = exporttest.WithdrawEntry(org, "train_fingerprinting", exporttest.GrantedAt)
		}
	}
	data, head := exporttest.LedgerBytes(b, entries)
	var l *Ledger
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if l, err = ParseLedger(data, "id", lines, head); err != nil {
				b.Fatal(err)
			}
		}
	})
	var w *Withdrawals
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if w, err = l.Withdrawals(TrainFingerprinting, exporttest.AsOf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("find", func(b *testing.B) {
		orgs := w.Organisations()
		for i := 0; b.Loop(); i++ {
			w.Find(orgs[i%len(orgs)], "", lines/2, []string{exporttest.PolicyVersion})
		}
	})
}
