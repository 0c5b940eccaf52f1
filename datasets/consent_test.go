package datasets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
	"whorl/internal/exporttest"
)

func ptr[T any](v T) *T { return &v }

// tallyOf writes rows with a ledger and returns what the gate says of them.
func tallyOf(t *testing.T, rows []exporttest.Row, ledger []exporttest.Entry) (ids []string, tally *Tally) {
	t.Helper()
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{Ledger: ledger})
	events, tally := mustOpen(t, dir).Events(ctx, training)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids, tally
}

// One test a rule of the decision table, in its order; each row would be
// allowed but for the rule.
func TestRules(t *testing.T) {
	const purpose = "train_fingerprinting"
	row := func(change func(*exporttest.Row)) []exporttest.Row {
		r := exporttest.Row{Event: features.Event{ID: "a", OrgID: "org", ProjectID: "org/p", Time: may, Platform: "java", Message: "m"}}
		if change != nil {
			change(&r)
		}
		return []exporttest.Row{r}
	}
	grant := func(change func(*exporttest.Entry)) exporttest.Entry {
		e := exporttest.GrantEntry("org", purpose)
		if change != nil {
			change(&e)
		}
		return e
	}
	withdraw := func(at string, change func(*exporttest.Entry)) exporttest.Entry {
		e := exporttest.WithdrawEntry("org", purpose, at)
		e.RecordedAt = "2026-11-20T00:00:00Z"
		if change != nil {
			change(&e)
		}
		return e
	}
	asOf := exporttest.AsOf
	tests := []struct {
		name   string
		rows   []exporttest.Row
		ledger []exporttest.Entry
		want   Reason // of the last row
	}{
		{"0 allowed", row(nil), nil, allowed},
		{"4 no organisation", row(func(r *exporttest.Row) { r.OrgID = "" }), nil, SubjectMissing},
		{"4 no project", row(func(r *exporttest.Row) { r.ProjectID = "" }), nil, SubjectMissing},
		{"4 space before", row(func(r *exporttest.Row) { r.OrgID = " org" }), []exporttest.Entry{grant(nil)}, SubjectMissing},
		{"4 space after", row(func(r *exporttest.Row) { r.ProjectID = "org/p\t" }), nil, SubjectMissing},
		{"5 no time", row(func(r *exporttest.Row) { r.Time = time.Time{} }), nil, EventTimeMissing},
		{"5 zero time", row(func(r *exporttest.Row) { r.Time = time.UnixMilli(0) }), nil, EventTimeMissing},
		{"6 just in time", row(func(r *exporttest.Row) { r.Time = asOf.Add(5 * time.Minute) }), nil, allowed},
		{"6 future", row(func(r *exporttest.Row) { r.Time = asOf.Add(5*time.Minute + time.Millisecond) }), nil, EventTimeFuture},
		{"7 other content", append(row(nil), row(func(r *exporttest.Row) { r.Message = "other" })...), nil, ConflictingDuplicate},
		{"7 other consent", append(row(nil), row(func(r *exporttest.Row) { r.Purposes = []string{purpose} })...), nil, ConflictingDuplicate},
		{"7 null and not", append(row(nil), row(func(r *exporttest.Row) { r.Exceptions = make([]features.Exception, 1) })...), nil, ConflictingDuplicate},
		{"7 one without organisation", append(row(func(r *exporttest.Row) { r.OrgID = "" }), row(nil)...), []exporttest.Entry{grant(nil)}, ConflictingDuplicate},
		{"8 copy", append(row(nil), row(nil)...), nil, Duplicate},
		{"9 row consents to others", row(func(r *exporttest.Row) { r.Purposes = []string{"generative_ai", "evaluate_fingerprinting"} }), nil, RowConsentMissing},
		{"9 row consents to nothing", row(func(r *exporttest.Row) { r.Purposes = []string{} }), nil, RowConsentMissing},
		{"10 no entry", row(nil), []exporttest.Entry{}, NoGrant},
		{"10 other organisation", row(nil), []exporttest.Entry{exporttest.GrantEntry("org2", purpose), exporttest.GrantEntry("ORG", purpose)}, NoGrant},
		{"10 other purpose", row(nil), []exporttest.Entry{exporttest.GrantEntry("org", "evaluate_fingerprinting"), exporttest.GrantEntry("org", "generative_ai")}, NoGrant},
		{"10 other project", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ProjectID = ptr("org/q") })}, NoGrant},
		{"10 this project", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ProjectID = ptr("org/p") })}, allowed},
		{"10 withdrawn, never granted", row(nil), []exporttest.Entry{withdraw("2026-06-01T00:00:00Z", nil)}, NoGrant},
		{"11 organisation", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-06-01T00:00:00Z", nil)}, Withdrawn},
		{"11 project", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-06-01T00:00:00Z", func(e *exporttest.Entry) { e.ProjectID = ptr("org/p") })}, Withdrawn},
		{"11 other project", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-06-01T00:00:00Z", func(e *exporttest.Entry) { e.ProjectID = ptr("org/q") })}, allowed},
		{"11 other purpose", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-06-01T00:00:00Z", func(e *exporttest.Entry) { e.Purpose = "generative_ai" })}, allowed},
		{"11 organisation, project granted before", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ProjectID = ptr("org/p") }), withdraw("2026-06-01T00:00:00Z", nil)}, Withdrawn},
		{"11 five minutes before the grant", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-02-10T08:55:00Z", nil)}, Withdrawn},
		{"11 more than five minutes before", row(nil), []exporttest.Entry{grant(nil), withdraw("2026-02-10T08:54:59Z", nil)}, allowed},
		{"11 granted again", row(nil), []exporttest.Entry{
			grant(nil), withdraw("2026-06-01T00:00:00Z", func(e *exporttest.Entry) { e.RecordedAt = "2026-06-01T00:00:00Z" }),
			grant(func(e *exporttest.Entry) { e.EffectiveAt = "2026-07-01T00:00:00Z"; e.RecordedAt = e.EffectiveAt }),
		}, allowed},
		{"11 future withdrawal", row(nil), []exporttest.Entry{grant(nil), withdraw("2027-06-01T00:00:00Z", nil)}, Withdrawn},
		{"12 old policy", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.PolicyVersion = "2024-11" })}, PolicyVersionRefused},
		{"12 newest counts", row(nil), []exporttest.Entry{grant(nil), grant(func(e *exporttest.Entry) { e.PolicyVersion = "2024-11" })}, PolicyVersionRefused},
		{"13 not yet", row(nil), []exporttest.Entry{grant(nil), grant(func(e *exporttest.Entry) { e.EffectiveAt = "2026-12-01T00:00:00Z" })}, GrantFuture},
		{"14 expired", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ExpiresAt = ptr("2026-06-30T00:00:00Z") })}, GrantExpired},
		{"14 expires at as-of", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ExpiresAt = ptr("2026-11-21T00:00:00Z") })}, GrantExpired},
		{"14 expires after as-of", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.ExpiresAt = ptr("2026-11-21T00:00:01Z") })}, allowed},
		{"15 before the grant", row(func(r *exporttest.Row) { r.Time = time.Date(2026, 2, 10, 8, 59, 59, 0, time.UTC) }), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.CoversEarlierEvents = false })}, EventBeforeGrant},
		{"15 with the grant", row(func(r *exporttest.Row) { r.Time = time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC) }), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.CoversEarlierEvents = false })}, allowed},
		{"first match: 4 before 9", row(func(r *exporttest.Row) { r.OrgID = ""; r.Purposes = []string{} }), nil, SubjectMissing},
		{"first match: 9 before 10", row(func(r *exporttest.Row) { r.Purposes = []string{} }), []exporttest.Entry{}, RowConsentMissing},
		{"first match: 11 before 12", row(nil), []exporttest.Entry{grant(func(e *exporttest.Entry) { e.PolicyVersion = "x" }), withdraw("2026-06-01T00:00:00Z", nil)}, Withdrawn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ids, tally := tallyOf(t, tt.rows, tt.ledger)
			n := int64(len(tt.rows))
			wantAllowed, wantDenied := n, map[Reason]int64{}
			switch tt.want {
			case allowed:
			case Duplicate:
				wantAllowed, wantDenied[Duplicate] = 1, n-1
			case ConflictingDuplicate:
				wantAllowed, wantDenied[ConflictingDuplicate] = 0, n
				if tt.rows[0].OrgID == "" {
					wantDenied = map[Reason]int64{SubjectMissing: 1, ConflictingDuplicate: 1}
				}
			default:
				wantAllowed, wantDenied[tt.want] = 0, n
			}
			if int64(len(ids)) != wantAllowed || tally.Allowed != wantAllowed || tally.Rows != n {
				t.Errorf("allowed %d of %d, want %d", tally.Allowed, tally.Rows, wantAllowed)
			}
			if diff := cmp.Diff(wantDenied, tally.Denied); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Copies are found over files and row groups, and the order of rows is kept.
func TestDuplicatesAcrossFiles(t *testing.T) {
	events := someEvents(40)
	rows := exporttest.Rows(events...)
	rows = append(rows, rows[3], rows[3], rows[17], rows[39])
	changed := rows[7]
	changed.Exceptions = slices.Clone(rows[7].Exceptions)
	changed.Exceptions[0].Frames = nil
	rows = append(rows, changed, rows[7])
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{Files: 3, RowGroup: 4})
	got, tally, err := mustOpen(t, dir).ReadEvents(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Delete(slices.Clone(events), 7, 8)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[Reason]int64{Duplicate: 4, ConflictingDuplicate: 3}, tally.Denied); diff != "" {
		t.Error(diff)
	}
}

// Rule 16: what cannot be decided is denied, and too much of it ends the run.
func TestInternal(t *testing.T) {
	rows := exporttest.Rows(someEvents(1000)...)
	rows[7].ID = ""
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{})
	_, tally, err := mustOpen(t, dir).ReadEvents(ctx, training)
	if err != nil || tally.Denied[Internal] != 1 || tally.Allowed != 999 {
		t.Fatalf("%v, tally %+v", err, tally)
	}
	rows[8].Platform = ""
	dir = t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{})
	x := mustOpen(t, dir)
	_, _, err = x.ReadEvents(ctx, training)
	wantError(t, err, ErrInternal, "2 of 1000")

	w := x.walk(training)
	w.gate = func() func(*facts) Reason { return func(*facts) Reason { panic("bug") } }
	_, _, err = collect(ctx, w)
	wantError(t, err, ErrInternal)
}

func TestAsOfBeforeLedger(t *testing.T) {
	x := mustOpen(t, "sample/export")
	_, _, err := x.ReadEvents(ctx, Options{Purpose: TrainFingerprinting, AsOf: time.Date(2026, 2, 10, 9, 0, 4, 0, time.UTC)})
	wantError(t, err, ErrLedger, "2026-02-10T09:00:05Z", "sample")
}

func TestAcceptPolicies(t *testing.T) {
	dir := t.TempDir()
	e := exporttest.GrantEntry("org", "train_fingerprinting")
	e.PolicyVersion = "2024-11"
	exporttest.Write(t, dir, exporttest.Rows(someEvents(3)...), nil, exporttest.Options{Ledger: []exporttest.Entry{e}})
	x := mustOpen(t, dir)
	opt := training
	opt.AcceptPolicies = []string{"2026-02", "2024-11"}
	if _, tally, err := x.ReadEvents(ctx, opt); err != nil || tally.Allowed != 3 {
		t.Errorf("%v, tally %+v", err, tally)
	}
	opt.AcceptPolicies = []string{}
	_, tally, err := x.ReadEvents(ctx, opt)
	wantError(t, err, ErrNothingAllowed)
	if tally.Denied[PolicyVersionRefused] != 3 {
		t.Errorf("tally %+v", tally)
	}
}

// obvious decides rules 10 to 15 the slow way, as the table reads.
func obvious(entries []Entry, purpose Purpose, org, project string, at, asOf time.Time, policies []string) Reason {
	var grants, withdrawals []Entry
	for _, e := range entries {
		if e.Purpose != purpose || e.OrgID != org || (e.ProjectID != "" && e.ProjectID != project) {
			continue
		}
		if e.Action == Grant {
			grants = append(grants, e)
		} else {
			withdrawals = append(withdrawals, e)
		}
	}
	if len(grants) == 0 {
		return NoGrant
	}
	slices.SortFunc(grants, func(a, b Entry) int {
		if c := a.EffectiveAt.Compare(b.EffectiveAt); c != 0 {
			return c
		}
		return int(a.Seq - b.Seq)
	})
	g := grants[len(grants)-1]
	for _, w := range withdrawals {
		if g.EffectiveAt.Sub(w.EffectiveAt) <= 5*time.Minute {
			return Withdrawn
		}
	}
	if !slices.Contains(policies, g.PolicyVersion) {
		return PolicyVersionRefused
	}
	if g.EffectiveAt.After(asOf) {
		return GrantFuture
	}
	if !asOf.Before(g.ExpiresAt) {
		return GrantExpired
	}
	if at.Before(g.EffectiveAt) && !g.CoversEarlierEvents {
		return EventBeforeGrant
	}
	return allowed
}

func ledgerOf(entries []Entry) *Ledger {
	l := &Ledger{bySubject: map[subject][]int{}}
	for i := range entries {
		entries[i].Seq = int64(i + 1)
		key := subject{entries[i].Purpose, entries[i].OrgID}
		l.bySubject[key] = append(l.bySubject[key], i)
	}
	l.Entries = entries
	return l
}

// world is a small set of names and times, so that random ledgers meet every
// rule. Minutes are 2 apart: the skew of 5 lies between two steps and a third.
type world struct{ base time.Time }

var smallWorld = world{time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}

func (w world) at(minute int) time.Time { return w.base.Add(time.Duration(minute) * time.Minute) }

func (w world) entry(n func(int) int) Entry {
	e := Entry{
		OrgID: []string{"a", "b"}[n(2)], ProjectID: []string{"", "p", "q"}[n(3)], Purpose: purposes[n(2)], Action: Grant,
		PolicyVersion: []string{"1", "1", "2"}[n(3)], CoversEarlierEvents: n(2) == 0, EffectiveAt: w.at(n(20)),
		ExpiresAt: w.at(10 + n(40)),
	}
	if n(3) == 0 {
		e.Action = Withdraw
	}
	return e
}

// The gate agrees with the obvious reference on 200,000 random ledgers, and
// the properties hold that consent rests on.
func TestLedgerProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := smallWorld
	met := map[Reason]int{}
	policies := []string{"1"}
	const tries = 200_000
	for i := range tries {
		entries := make([]Entry, rng.IntN(7))
		for k := range entries {
			entries[k] = w.entry(rng.IntN)
		}
		l := ledgerOf(entries)
		org, project := []string{"a", "b"}[rng.IntN(2)], []string{"p", "q"}[rng.IntN(2)]
		purpose := purposes[rng.IntN(2)]
		at, asOf := w.at(rng.IntN(40)), w.at(rng.IntN(40))
		f := facts{org: org, project: project, at: at, hasTime: true, purposes: []string{string(purpose)}}
		check := func(l *Ledger) Reason {
			return (&gate{purpose: purpose, asOf: asOf, policies: policies, ledger: l}).check(&f)
		}
		got := check(l)
		met[got]++
		if want := obvious(entries, purpose, org, project, at, asOf, policies); got != want {
			t.Fatalf("ledger %d: got %q, want %q: %+v, %s %s %s at %s as of %s", i, got, want, entries, purpose, org, project, at, asOf)
		}
		// A later withdrawal always denies.
		last := Entry{OrgID: org, Purpose: purpose, Action: Withdraw, EffectiveAt: w.at(20 + rng.IntN(30))}
		if rng.IntN(2) == 0 {
			last.ProjectID = project
		}
		if r := check(ledgerOf(append(slices.Clone(entries), last))); r == allowed {
			t.Fatalf("ledger %d: allowed after a withdrawal", i)
		}
		// What concerns others never changes anything, so it never allows.
		var others []Entry
		for _, e := range entries {
			if rng.IntN(2) == 0 {
				other := w.entry(rng.IntN)
				switch rng.IntN(3) {
				case 0:
					other.OrgID = "c"
				case 1:
					other.Purpose = GenerativeAI
				default:
					other.ProjectID = "r"
				}
				others = append(others, other)
			}
			others = append(others, e)
		}
		if r := check(ledgerOf(others)); r != got {
			t.Fatalf("ledger %d: %q became %q by entries for others", i, got, r)
		}
		// The column can only deny.
		f.purposes = []string{string(GenerativeAI)}
		if r := check(l); r != RowConsentMissing {
			t.Fatalf("ledger %d: got %q without the row's consent", i, r)
		}
	}
	for _, r := range []Reason{allowed, NoGrant, Withdrawn, PolicyVersionRefused, GrantFuture, GrantExpired, EventBeforeGrant} {
		if met[r] < tries/1000 {
			t.Errorf("only %d ledgers end in %q", met[r], r)
		}
	}
}

// The same properties with shrinking, for whoever breaks them.
func TestWithdrawalDenies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(k int) int { return rapid.IntRange(0, k-1).Draw(t, "n") }
		var entries []Entry
		for range n(6) {
			entries = append(entries, smallWorld.entry(n))
		}
		entries = append(entries, Entry{OrgID: "a", Purpose: TrainFingerprinting, Action: Withdraw, EffectiveAt: smallWorld.at(20 + n(9))})
		g := &gate{purpose: TrainFingerprinting, asOf: smallWorld.at(n(60)), policies: []string{"1", "2"}, ledger: ledgerOf(entries)}
		f := facts{org: "a", project: "p", at: smallWorld.at(n(60)), purposes: []string{"train_fingerprinting"}}
		if r := g.check(&f); r != Withdrawn && r != NoGrant {
			t.Fatalf("got %q", r)
		}
	})
}

// Of two grants of the same time the later in the ledger counts.
func TestEqualTimesBySeq(t *testing.T) {
	for _, order := range [][]string{{"1", "2"}, {"2", "1"}} {
		var entries []Entry
		for _, p := range order {
			entries = append(entries, Entry{OrgID: "a", Purpose: TrainFingerprinting, Action: Grant, PolicyVersion: p, EffectiveAt: smallWorld.at(0), ExpiresAt: smallWorld.at(99)})
		}
		s := ledgerOf(entries).standing(TrainFingerprinting, "a", "p", smallWorld.at(1), []string{"1"})
		if want := map[string]Reason{"1": allowed, "2": PolicyVersionRefused}[order[1]]; s.reason != want {
			t.Errorf("%v: got %q, want %q", order, s.reason, want)
		}
	}
}

// A gate that has seen more subjects than it remembers decides the same.
func TestManySubjects(t *testing.T) {
	l := ledgerOf([]Entry{{OrgID: "a", Purpose: TrainFingerprinting, Action: Grant, PolicyVersion: "1", CoversEarlierEvents: true, ExpiresAt: smallWorld.at(99)}})
	g := &gate{purpose: TrainFingerprinting, asOf: smallWorld.at(1), policies: []string{"1"}, ledger: l}
	for i := range maxKnown + 10 {
		f := facts{org: []string{"a", "b"}[i%2], project: fmt.Sprint(i), purposes: []string{"train_fingerprinting"}}
		if got, want := g.check(&f), []Reason{allowed, NoGrant}[i%2]; got != want {
			t.Fatalf("subject %d: got %q", i, got)
		}
	}
	if len(g.known) > maxKnown {
		t.Errorf("%d subjects are remembered", len(g.known))
	}
}
