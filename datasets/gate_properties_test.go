package datasets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
	"whorl/internal/exporttest"
)

// question is what a run asks the gate: one purpose, one as-of time.
type question struct {
	purpose  Purpose
	asOf     time.Time
	policies []string
}

// decider opens a gate for one ledger and question; what it returns judges the
// rows of one run by rules 9 to 15.
type decider func(entries []Entry, q question) func(*facts) Reason

// theGate is the decider under test.
func theGate(entries []Entry, q question) func(*facts) Reason {
	return (&gate{purpose: q.purpose, asOf: q.asOf, policies: q.policies, ledger: ledgerOf(slices.Clone(entries))}).check
}

// theReference judges every row by the slow reference.
func theReference(entries []Entry, q question) func(*facts) Reason {
	entries = ledgerOf(slices.Clone(entries)).Entries
	return func(f *facts) Reason {
		if !slices.Contains(f.purposes, string(q.purpose)) {
			return RowConsentMissing
		}
		return obvious(entries, q.purpose, f.org, f.project, f.at, q.asOf, q.policies)
	}
}

// trial is one random ledger, question and row.
type trial struct {
	rng     *rand.Rand
	entries []Entry
	question
	row facts
}

// grid is where trials take times from: whole minutes, so that entries often
// have equal times and the skew of 5 minutes is met exactly.
var grid = smallWorld

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func (t *trial) entry() Entry {
	e := Entry{
		OrgID: pick(t.rng, "a", "b", "A"), ProjectID: pick(t.rng, "", "", "p", "p", "p2", "q"), Purpose: pick(t.rng, purposes[:2]...),
		Action: pick(t.rng, Grant, Grant, Withdraw), PolicyVersion: pick(t.rng, "1", "1", "1", "2"), CoversEarlierEvents: t.rng.IntN(2) == 0,
		EffectiveAt: grid.at(t.rng.IntN(20)), ExpiresAt: grid.at(10 + t.rng.IntN(40)),
	}
	if t.rng.IntN(2) == 0 {
		e.OrgID, e.Purpose = t.row.org, t.purpose
	}
	return e
}

func newTrial(rng *rand.Rand) *trial {
	t := &trial{rng: rng, question: question{pick(rng, purposes[:2]...), grid.at(rng.IntN(45)), []string{"1"}}}
	t.row = t.facts()
	recorded := make([]int, rng.IntN(8))
	for i := range recorded {
		recorded[i] = rng.IntN(30)
	}
	slices.Sort(recorded)
	for _, minute := range recorded {
		e := t.entry()
		e.RecordedAt = grid.at(minute)
		t.entries = append(t.entries, e)
	}
	return t
}

// facts draws a row that mostly consents.
func (t *trial) facts() facts {
	f := facts{
		org: pick(t.rng, "a", "a", "b", "A"), project: pick(t.rng, "p", "p", "p2", "q"), at: grid.at(t.rng.IntN(45)), hasTime: true,
		purposes: []string{"generative_ai", string(t.purpose)},
	}
	if t.rng.IntN(8) == 0 {
		f.purposes = []string{string(pick(t.rng, purposes...))}
	}
	return f
}

func (t *trial) covers(e *Entry) bool {
	return e.Purpose == t.purpose && e.OrgID == t.row.org && (e.ProjectID == "" || e.ProjectID == t.row.project)
}

// own is an entry that covers the trial's row and purpose.
func (t *trial) own(action Action, minute int) Entry {
	e := t.entry()
	e.OrgID, e.ProjectID, e.Purpose, e.Action, e.EffectiveAt = t.row.org, pick(t.rng, "", t.row.project), t.purpose, action, grid.at(minute)
	return e
}

// other is an entry that differs from an own one in organisation, purpose or
// project.
func (t *trial) other(action Action) Entry {
	for {
		e := t.entry()
		if e.Action = action; !t.covers(&e) {
			return e
		}
	}
}

func (t *trial) ask(j decider, entries []Entry) Reason {
	f := t.row
	return j(entries, t.question)(&f)
}

// property holds for every trial of a sound decider; a text says what is wrong.
type property struct {
	name  string
	check func(t *trial, j decider) string
}

var properties = []property{
	{"agrees with the reference", func(t *trial, j decider) string {
		if got, want := t.ask(j, t.entries), t.ask(theReference, t.entries); got != want {
			return fmt.Sprintf("got %q, want %q", got, want)
		}
		return ""
	}},
	{"a later withdrawal always denies", func(t *trial, j decider) string {
		w := t.own(Withdraw, 19+t.rng.IntN(40)) // no grant is later than 19
		if got := t.ask(j, append(slices.Clone(t.entries), w)); got == allowed {
			return "allowed after a withdrawal"
		}
		return ""
	}},
	{"a withdrawal of the skew before the grant denies", func(t *trial, j decider) string {
		minute := 20 + t.rng.IntN(3)
		both := []Entry{t.own(Withdraw, minute-t.rng.IntN(6)), t.own(Grant, minute)}
		t.rng.Shuffle(2, func(a, b int) { both[a], both[b] = both[b], both[a] })
		if got := t.ask(j, append(slices.Clone(t.entries), both...)); got == allowed {
			return "allowed"
		}
		return ""
	}},
	{"of equal times the later seq counts", func(t *trial, j decider) string {
		first, second := t.own(Grant, 20), t.own(Grant, 20) // later than all others
		both, one := append(slices.Clone(t.entries), first, second), append(slices.Clone(t.entries), second)
		if got, want := t.ask(j, both), t.ask(j, one); got != want {
			return fmt.Sprintf("%q became %q by an earlier entry of the same time", want, got)
		}
		return ""
	}},
	{"grants for others never allow", func(t *trial, j decider) string {
		var entries []Entry
		for _, e := range t.entries {
			if e.Action == Withdraw || !t.covers(&e) {
				entries = append(entries, e)
			}
		}
		for range 3 {
			entries = slices.Insert(entries, t.rng.IntN(len(entries)+1), t.other(Grant))
		}
		if got := t.ask(j, entries); got == allowed {
			return "allowed"
		}
		return ""
	}},
	{"entries for others change nothing", func(t *trial, j decider) string {
		with := slices.Clone(t.entries)
		for range 3 {
			with = slices.Insert(with, t.rng.IntN(len(with)+1), t.other(pick(t.rng, Grant, Withdraw)))
		}
		if got, want := t.ask(j, with), t.ask(j, t.entries); got != want {
			return fmt.Sprintf("%q became %q", want, got)
		}
		return ""
	}},
	{"no withdrawal turns denial into permission", func(t *trial, j decider) string {
		w := t.entry()
		if t.rng.IntN(2) == 0 {
			w = t.own(Withdraw, t.rng.IntN(30))
		}
		w.Action = Withdraw
		with := slices.Insert(slices.Clone(t.entries), t.rng.IntN(len(t.entries)+1), w)
		if was, is := t.ask(j, t.entries), t.ask(j, with); was != allowed && is == allowed {
			return fmt.Sprintf("%q became allowed", was)
		}
		return ""
	}},
	{"a grant of the future never allows", func(t *trial, j decider) string {
		g := t.own(Grant, 20)
		g.EffectiveAt, g.ExpiresAt = t.asOf.Add(time.Duration(1+t.rng.IntN(600))*time.Second), t.asOf.Add(time.Hour)
		var entries []Entry
		for _, e := range t.entries {
			if e.Action == Withdraw || e.EffectiveAt.After(t.asOf) {
				entries = append(entries, e)
			}
		}
		entries = slices.Insert(entries, t.rng.IntN(len(entries)+1), g)
		if got := t.ask(j, entries); got == allowed {
			return "allowed"
		}
		return ""
	}},
	{"nothing is allowed from the expiry on", func(t *trial, j decider) string {
		entries := slices.Clone(t.entries)
		for i := range entries {
			entries[i].ExpiresAt = t.asOf.Add(-time.Duration(t.rng.IntN(2)) * time.Minute)
		}
		if got := t.ask(j, entries); got == allowed {
			return "allowed"
		}
		return ""
	}},
	{"what was recorded later is as if it were not there", func(t *trial, j decider) string {
		cut := recordedBy(t.entries, t.asOf)
		if got, want := t.ask(j, cut), t.ask(theReference, cut); got != want {
			return fmt.Sprintf("got %q, want %q", got, want)
		}
		return ""
	}},
	{"the order of entries matters to equal times only", func(t *trial, j decider) string {
		grants := map[time.Time]bool{}
		for _, e := range t.entries {
			if e.Action == Grant {
				if grants[e.EffectiveAt] {
					return ""
				}
				grants[e.EffectiveAt] = true
			}
		}
		shuffled := slices.Clone(t.entries)
		t.rng.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		if got, want := t.ask(j, shuffled), t.ask(j, t.entries); got != want {
			return fmt.Sprintf("%q became %q", want, got)
		}
		return ""
	}},
	{"without the row's own purpose all is denied", func(t *trial, j decider) string {
		f := t.row
		f.purposes = nil
		for _, p := range purposes {
			if p != t.purpose && t.rng.IntN(2) == 0 {
				f.purposes = append(f.purposes, string(p))
			}
		}
		if got := j(t.entries, t.question)(&f); got != RowConsentMissing {
			return fmt.Sprintf("got %q", got)
		}
		return ""
	}},
	{"rows do not depend on each other", func(t *trial, j decider) string {
		rows := []facts{t.row, t.facts(), t.facts(), t.facts(), t.row}
		rows[4].at = grid.at(t.rng.IntN(45)) // the same subject at another time
		alone := make([]Reason, len(rows))
		for i := range rows {
			f := rows[i]
			alone[i] = j(t.entries, t.question)(&f)
		}
		run := j(t.entries, t.question)
		for _, i := range t.rng.Perm(len(rows)) {
			f := rows[i]
			if got := run(&f); got != alone[i] {
				return fmt.Sprintf("%q alone, %q among others", alone[i], got)
			}
		}
		return ""
	}},
}

// recordedBy returns what a ledger held at a time.
func recordedBy(entries []Entry, at time.Time) []Entry {
	n := 0
	for n < len(entries) && !entries[n].RecordedAt.After(at) {
		n++
	}
	return entries[:n]
}

// violated runs trials until each property has failed once or they are over,
// and returns the first failure of each property.
func violated(j decider, seed uint64, trials int, met map[Reason]int) map[string]string {
	rng := rand.New(rand.NewPCG(seed, 7))
	failed := map[string]string{}
	for i := range trials {
		t := newTrial(rng)
		if met != nil {
			met[t.ask(j, t.entries)]++
		}
		for _, p := range properties {
			if failed[p.name] != "" {
				continue
			}
			if text := p.check(t, j); text != "" {
				failed[p.name] = fmt.Sprintf("trial %d: %s: %+v, %+v, row %+v", i, text, t.entries, t.question, t.row)
			}
		}
	}
	return failed
}

// All properties hold for the gate on 100,000 random ledgers, which end in
// every reason.
func TestGateProperties(t *testing.T) {
	const trials = 100_000
	met := map[Reason]int{}
	for name, text := range violated(theGate, 1, trials, met) {
		t.Errorf("%s: %s", name, text)
	}
	for _, r := range []Reason{allowed, RowConsentMissing, NoGrant, Withdrawn, PolicyVersionRefused, GrantFuture, GrantExpired, EventBeforeGrant} {
		if met[r] < trials/200 {
			t.Errorf("only %d ledgers end in %q", met[r], r)
		}
	}
	t.Logf("%d ledgers, %d properties, reasons %v", trials, len(properties), met)
}

// rules is the reference once more, in parts that a test can put wrong.
type rules struct {
	consents  func(f *facts, p Purpose) bool
	covers    func(e *Entry, p Purpose, f *facts) bool
	usable    func(g *Entry, q question) bool // grants that take part at all
	newer     func(a, b *Entry) bool          // a grant beats another that stands before it
	withdraws func(w, g *Entry, q question) bool
	accepted  func(g *Entry, q question) bool
	future    func(g *Entry, q question) bool
	expired   func(g *Entry, q question) bool
	before    func(f *facts, g *Entry) bool

	lastOnly bool // only the last line that withdraws counts
}

func soundRules() rules {
	return rules{
		consents: func(f *facts, p Purpose) bool { return slices.Contains(f.purposes, string(p)) },
		covers: func(e *Entry, p Purpose, f *facts) bool {
			return e.Purpose == p && e.OrgID == f.org && (e.ProjectID == "" || e.ProjectID == f.project)
		},
		usable:    func(*Entry, question) bool { return true },
		newer:     func(a, b *Entry) bool { return !a.EffectiveAt.Before(b.EffectiveAt) },
		withdraws: func(w, g *Entry, _ question) bool { return !w.EffectiveAt.Before(g.EffectiveAt.Add(-5 * time.Minute)) },
		accepted:  func(g *Entry, q question) bool { return slices.Contains(q.policies, g.PolicyVersion) },
		future:    func(g *Entry, q question) bool { return g.EffectiveAt.After(q.asOf) },
		expired:   func(g *Entry, q question) bool { return !g.ExpiresAt.After(q.asOf) },
		before:    func(f *facts, g *Entry) bool { return f.at.Before(g.EffectiveAt) && !g.CoversEarlierEvents },
	}
}

func (r rules) decider(entries []Entry, q question) func(*facts) Reason {
	entries = ledgerOf(slices.Clone(entries)).Entries
	return func(f *facts) Reason {
		if !r.consents(f, q.purpose) {
			return RowConsentMissing
		}
		var g *Entry
		for i := range entries {
			e := &entries[i]
			if e.Action == Grant && r.covers(e, q.purpose, f) && r.usable(e, q) && (g == nil || r.newer(e, g)) {
				g = e
			}
		}
		if g == nil {
			return NoGrant
		}
		withdrawn := false
		for i := range entries {
			if w := &entries[i]; w.Action == Withdraw && r.covers(w, q.purpose, f) {
				withdrawn = r.withdraws(w, g, q) || withdrawn && !r.lastOnly
			}
		}
		if withdrawn {
			return Withdrawn
		}
		switch {
		case !r.accepted(g, q):
			return PolicyVersionRefused
		case r.future(g, q):
			return GrantFuture
		case r.expired(g, q):
			return GrantExpired
		case r.before(f, g):
			return EventBeforeGrant
		}
		return allowed
	}
}

// remember wraps a decider in a memory of its verdicts by too short a key.
func remember(j decider, key func(*facts) string) decider {
	return func(entries []Entry, q question) func(*facts) Reason {
		known, ask := map[string]Reason{}, j(entries, q)
		return func(f *facts) Reason {
			k := key(f)
			if _, ok := known[k]; !ok {
				known[k] = ask(f)
			}
			return known[k]
		}
	}
}

// The properties find each of these faults, so they can fail; and each
// property finds one, so none is idle.
func TestPropertiesFindFaults(t *testing.T) {
	const trials = 1_000
	if failed := violated(soundRules().decider, 1, trials, nil); len(failed) > 0 {
		t.Fatalf("the sound rules fail: %v", failed)
	}
	if failed := violated(theReference, 1, trials, nil); len(failed) > 0 {
		t.Fatalf("the reference fails: %v", failed)
	}
	faults := map[string]func(r *rules){
		"skew reversed": func(r *rules) {
			r.withdraws = func(w, g *Entry, _ question) bool { return !w.EffectiveAt.Before(g.EffectiveAt.Add(5 * time.Minute)) }
		},
		"no skew": func(r *rules) {
			r.withdraws = func(w, g *Entry, _ question) bool { return !w.EffectiveAt.Before(g.EffectiveAt) }
		},
		"skew without its end": func(r *rules) {
			r.withdraws = func(w, g *Entry, _ question) bool { return w.EffectiveAt.After(g.EffectiveAt.Add(-5 * time.Minute)) }
		},
		"skew of six minutes": func(r *rules) {
			r.withdraws = func(w, g *Entry, _ question) bool { return !w.EffectiveAt.Before(g.EffectiveAt.Add(-6 * time.Minute)) }
		},
		"withdrawal must stand after the grant": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return w.Seq > g.Seq && sound(w, g, q) }
		},
		"every withdrawal after the grant's line counts": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return w.Seq > g.Seq || sound(w, g, q) }
		},
		"future withdrawals wait": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return !w.EffectiveAt.After(q.asOf) && sound(w, g, q) }
		},
		"withdrawals expire": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return w.ExpiresAt.After(q.asOf) && sound(w, g, q) }
		},
		"withdrawals of the organisation spare project grants": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return (w.ProjectID != "" || g.ProjectID == "") && sound(w, g, q) }
		},
		"withdrawals of a project spare grants of the organisation": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return (w.ProjectID == "" || g.ProjectID != "") && sound(w, g, q) }
		},
		"withdrawals under another policy do not count": func(r *rules) {
			sound := r.withdraws
			r.withdraws = func(w, g *Entry, q question) bool { return w.PolicyVersion == g.PolicyVersion && sound(w, g, q) }
		},
		"only the last withdrawal counts": func(r *rules) { r.lastOnly = true },
		"ties to the earlier seq":         func(r *rules) { r.newer = func(a, b *Entry) bool { return a.EffectiveAt.After(b.EffectiveAt) } },
		"newest by seq":                   func(r *rules) { r.newer = func(a, b *Entry) bool { return true } },
		"oldest grant counts":             func(r *rules) { r.newer = func(a, b *Entry) bool { return a.EffectiveAt.Before(b.EffectiveAt) } },
		"latest expiry counts":            func(r *rules) { r.newer = func(a, b *Entry) bool { return !a.ExpiresAt.Before(b.ExpiresAt) } },
		"project grants go first": func(r *rules) {
			sound := r.newer
			r.newer = func(a, b *Entry) bool { return b.ProjectID == "" && sound(a, b) }
		},
		"expired grants drop out": func(r *rules) { r.usable = func(g *Entry, q question) bool { return g.ExpiresAt.After(q.asOf) } },
		"future grants drop out":  func(r *rules) { r.usable = func(g *Entry, q question) bool { return !g.EffectiveAt.After(q.asOf) } },
		"old policies drop out":   func(r *rules) { r.usable = func(g *Entry, q question) bool { return g.PolicyVersion == "1" } },
		"projects are not grouped": func(r *rules) {
			r.covers = func(e *Entry, p Purpose, f *facts) bool { return e.Purpose == p && e.OrgID == f.org }
		},
		"projects by prefix": func(r *rules) {
			r.covers = func(e *Entry, p Purpose, f *facts) bool {
				return e.Purpose == p && e.OrgID == f.org && strings.HasPrefix(f.project, e.ProjectID)
			}
		},
		"null is no project": func(r *rules) {
			r.covers = func(e *Entry, p Purpose, f *facts) bool {
				return e.Purpose == p && e.OrgID == f.org && e.ProjectID == f.project
			}
		},
		"every purpose": func(r *rules) {
			sound := r.covers
			r.covers = func(e *Entry, _ Purpose, f *facts) bool { return sound(e, e.Purpose, f) }
		},
		"every organisation": func(r *rules) {
			r.covers = func(e *Entry, p Purpose, f *facts) bool {
				return e.Purpose == p && (e.ProjectID == "" || e.ProjectID == f.project)
			}
		},
		"organisations in any case": func(r *rules) {
			r.covers = func(e *Entry, p Purpose, f *facts) bool {
				return e.Purpose == p && strings.EqualFold(e.OrgID, f.org) && (e.ProjectID == "" || e.ProjectID == f.project)
			}
		},
		"no policy": func(r *rules) { r.accepted = func(*Entry, question) bool { return true } },
		"no future": func(r *rules) { r.future = func(*Entry, question) bool { return false } },
		"future by the skew later": func(r *rules) {
			r.future = func(g *Entry, q question) bool { return g.EffectiveAt.After(q.asOf.Add(clockSkew)) }
		},
		"future at as-of":       func(r *rules) { r.future = func(g *Entry, q question) bool { return !g.EffectiveAt.Before(q.asOf) } },
		"no expiry":             func(r *rules) { r.expired = func(*Entry, question) bool { return false } },
		"expiry one later":      func(r *rules) { r.expired = func(g *Entry, q question) bool { return g.ExpiresAt.Before(q.asOf) } },
		"earlier events never":  func(r *rules) { r.before = func(f *facts, g *Entry) bool { return f.at.Before(g.EffectiveAt) } },
		"earlier events always": func(r *rules) { r.before = func(*facts, *Entry) bool { return false } },
		"events of the grant's time": func(r *rules) {
			r.before = func(f *facts, g *Entry) bool { return !f.at.After(g.EffectiveAt) && !g.CoversEarlierEvents }
		},
		"the row need not consent":    func(r *rules) { r.consents = func(*facts, Purpose) bool { return true } },
		"any consent of the row does": func(r *rules) { r.consents = func(f *facts, _ Purpose) bool { return len(f.purposes) > 0 } },
	}
	deciders := map[string]decider{
		"remembers by organisation":   remember(theReference, func(f *facts) string { return f.org }),
		"remembers by project":        remember(theReference, func(f *facts) string { return f.project }),
		"remembers without times":     remember(theReference, func(f *facts) string { return f.org + "\x00" + f.project }),
		"remembers the first verdict": remember(theReference, func(*facts) string { return "" }),
	}
	for name, fault := range faults {
		r := soundRules()
		fault(&r)
		deciders[name] = r.decider
	}
	found := map[string]int{}
	for _, name := range sortedKeys(deciders) {
		failed := violated(deciders[name], 1, trials, nil)
		if len(failed) == 0 {
			t.Errorf("%s: not found", name)
		}
		for p := range failed {
			found[p]++
		}
		t.Logf("%s: found by %s", name, strings.Join(sortedKeys(failed), "; "))
	}
	for _, p := range properties {
		if found[p.name] == 0 {
			t.Errorf("%q finds no fault", p.name)
		}
	}
	t.Logf("%d faults", len(deciders))
}

// written is an entry as a line of a ledger.
func written(e Entry) exporttest.Entry {
	w := exporttest.Entry{
		OrgID: e.OrgID, Purpose: string(e.Purpose), Action: string(e.Action), PolicyVersion: e.PolicyVersion,
		CoversEarlierEvents: e.CoversEarlierEvents, EffectiveAt: e.EffectiveAt.Format(time.RFC3339), RecordedAt: e.RecordedAt.Format(time.RFC3339),
	}
	if e.ProjectID != "" {
		w.ProjectID = &e.ProjectID
	}
	if !e.ExpiresAt.IsZero() {
		w.ExpiresAt = ptr(e.ExpiresAt.Format(time.RFC3339))
	}
	return w
}

func writtenAll(entries []Entry) []exporttest.Entry {
	lines := make([]exporttest.Entry, len(entries))
	for i, e := range entries {
		lines[i] = written(e)
	}
	return lines
}

// From the bytes of a ledger to the decision: what is parsed is what was
// written, a ledger that knows of things after the as-of time is refused as a
// whole, and one cut to what was recorded by then decides as the reference.
func TestLedgerBytesToDecision(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	refused, met := 0, map[Reason]int{}
	const trials = 2_000
	for i := range trials {
		tr := newTrial(rng)
		for k := range tr.entries { // a zone is a way to write a time, no other time
			tr.entries[k].EffectiveAt = tr.entries[k].EffectiveAt.In(time.FixedZone("", pick(rng, 0, 3600, -7200)))
		}
		parse := func(entries []Entry) *Ledger {
			data, head := exporttest.LedgerBytes(t, writtenAll(entries))
			l, err := ParseLedger(data, "id", int64(len(entries)), head)
			if err != nil {
				t.Fatalf("trial %d: %v", i, err)
			}
			want := slices.Clone(entries)
			for k := range want {
				want[k].Seq, want[k].EffectiveAt = int64(k+1), want[k].EffectiveAt.UTC()
			}
			if diff := cmp.Diff(want, l.Entries); diff != "" && len(want) > 0 {
				t.Fatalf("trial %d: %s", i, diff)
			}
			return l
		}
		cut := recordedBy(tr.entries, tr.asOf)
		err := parse(tr.entries).checkAsOf(tr.asOf)
		if late := len(cut) < len(tr.entries); late != (err != nil) {
			t.Fatalf("trial %d: %d of %d entries recorded by %s, got %v", i, len(cut), len(tr.entries), tr.asOf, err)
		}
		if err != nil {
			wantError(t, err, ErrLedger, "as-of")
			refused++
		}
		l := parse(cut)
		if err := l.checkAsOf(tr.asOf); err != nil {
			t.Fatalf("trial %d: %v", i, err)
		}
		f := tr.row
		got := (&gate{purpose: tr.purpose, asOf: tr.asOf, policies: tr.policies, ledger: l}).check(&f)
		if want := tr.ask(theReference, cut); got != want {
			t.Fatalf("trial %d: got %q, want %q: %+v, %+v, row %+v", i, got, want, cut, tr.question, tr.row)
		}
		met[got]++
	}
	if refused < trials/10 || refused > trials*9/10 || met[allowed] < trials/50 {
		t.Errorf("%d refused, reasons %v", refused, met)
	}
	t.Logf("%d ledgers, %d of them refused for entries after as-of, reasons %v", trials, refused, met)
}

// From an export's files to the tally: every row is judged as the reference
// judges it alone, whatever the order of the rows and whichever others are
// there.
func TestExportToDecision(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	met := map[Reason]int{}
	refused := 0
	const exports = 60
	for i := range exports {
		tr := newTrial(rng)
		var rows []exporttest.Row
		want := map[string]Reason{}
		for k := range 20 {
			f := tr.facts()
			r := exporttest.Row{
				Event:    features.Event{ID: fmt.Sprint(k), OrgID: f.org, ProjectID: f.project, Time: f.at, Platform: "java", Message: "m"},
				Purposes: f.purposes,
			}
			rows = append(rows, r)
			if f.at.After(tr.asOf.Add(5 * time.Minute)) {
				want[r.ID] = EventTimeFuture
			} else {
				want[r.ID] = theReference(tr.entries, tr.question)(&f)
			}
		}
		for range 3 {
			rng.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
			some := rows[:1+rng.IntN(len(rows))]
			dir := t.TempDir()
			exporttest.Write(t, dir, some, nil, exporttest.Options{
				Ledger: append([]exporttest.Entry{}, writtenAll(tr.entries)...), Files: 1 + rng.IntN(2), RowGroup: 1 + rng.IntN(8),
			})
			ids := map[string]bool{}
			events, tally := mustOpen(t, dir).Events(ctx, Options{Purpose: tr.purpose, AsOf: tr.asOf, AcceptPolicies: tr.policies})
			var failed error
			for e, err := range events {
				if failed = err; err == nil {
					ids[e.ID] = true
				}
			}
			if len(recordedBy(tr.entries, tr.asOf)) < len(tr.entries) {
				wantError(t, failed, ErrLedger, dir)
				if len(ids) > 0 || tally.Rows > 0 || tally.Complete {
					t.Fatalf("export %d: rows under a refused ledger", i)
				}
				refused++
				continue
			}
			if failed != nil {
				t.Fatalf("export %d: %v", i, failed)
			}
			denied := map[Reason]int64{}
			for _, r := range some {
				met[want[r.ID]]++
				if want[r.ID] != allowed {
					denied[want[r.ID]]++
				}
				if ids[r.ID] != (want[r.ID] == allowed) {
					t.Errorf("export %d, row %s: allowed is %v, want %q", i, r.ID, ids[r.ID], want[r.ID])
				}
			}
			if diff := cmp.Diff(denied, tally.Denied); diff != "" {
				t.Errorf("export %d: %s", i, diff)
			}
		}
	}
	if met[allowed] < 20 || refused < 10 || len(met) < 7 {
		t.Errorf("reasons %v, %d refused", met, refused)
	}
	t.Logf("%d exports in 3 orders, %d readings refused, reasons %v", exports, refused, met)
}
