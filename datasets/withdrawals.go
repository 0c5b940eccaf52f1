package datasets

import (
	"slices"
	"sort"
	"time"
)

// Withdrawals answers, for one purpose and as-of time, whether data that was
// read under an earlier state of a ledger is withdrawn now. It is safe for
// concurrent use.
type Withdrawals struct {
	ledger   *Ledger
	asOf     time.Time
	subjects map[[2]string]*history // by organisation and project; "": the whole organisation
	projects map[string][]string    // organisations with a withdrawal to the projects named of them
}

// history is the entries of one organisation or project for one purpose.
type history struct {
	// grants are those grants that were the newest when they came, in the order
	// of the ledger: each has a later effective_at than the one before, or the
	// same.
	grants []*Entry
	// withdrawals are in the order of effective_at, then of the ledger.
	withdrawals []*Entry
}

// Withdrawal is what reaches data that a run used.
type Withdrawal struct {
	Entry *Entry // the withdrawal from which on the data may not be used
	// Regranted says that a later grant stands, but that it does not give the
	// data back: it does not cover earlier events, is not in force, or was made under
	// a policy that is not accepted.
	Regranted bool
}

// Withdrawals indexes a ledger's withdrawals for a purpose. Only organisations
// with a withdrawal are looked at closer, so that a question costs the logarithm
// of their entries.
func (l *Ledger) Withdrawals(purpose Purpose, asOf time.Time) (*Withdrawals, error) {
	if err := l.checkAsOf(asOf); err != nil {
		return nil, err
	}
	w := &Withdrawals{ledger: l, asOf: asOf, subjects: map[[2]string]*history{}, projects: map[string][]string{}}
	for i := range l.Entries {
		if e := &l.Entries[i]; e.Purpose == purpose && e.Action == Withdraw {
			w.projects[e.OrgID] = nil
		}
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Purpose != purpose {
			continue
		}
		if _, ok := w.projects[e.OrgID]; !ok {
			continue
		}
		key := [2]string{e.OrgID, e.ProjectID}
		h := w.subjects[key]
		if h == nil {
			h = &history{}
			w.subjects[key] = h
			if e.ProjectID != "" {
				w.projects[e.OrgID] = append(w.projects[e.OrgID], e.ProjectID)
			}
		}
		switch n := len(h.grants); e.Action {
		case Withdraw:
			h.withdrawals = append(h.withdrawals, e)
		case Grant:
			if n == 0 || !e.EffectiveAt.Before(h.grants[n-1].EffectiveAt) {
				h.grants = append(h.grants, e)
			}
		}
	}
	for _, h := range w.subjects {
		slices.SortStableFunc(h.withdrawals, func(a, b *Entry) int { return a.EffectiveAt.Compare(b.EffectiveAt) })
	}
	for _, names := range w.projects {
		slices.Sort(names)
	}
	return w, nil
}

// Organisations returns the organisations that withdrew anything for the
// purpose, sorted. No other can be withdrawn.
func (w *Withdrawals) Organisations() []string { return sortedKeys(w.projects) }

// Projects returns the projects of one of [Withdrawals.Organisations] that the ledger names for the
// purpose, sorted. Any other project of it stands as the whole organisation
// does: ask with an empty project.
func (w *Withdrawals) Projects(org string) []string { return w.projects[org] }

// Find returns the withdrawal that reaches the data of an organisation's
// project which a run used when the ledger had so many entries; ok is false if
// none does. policies are the versions under which a grant counts (rule 12).
//
// Rule 11 compares a withdrawal with the newest grant, and so does this. The
// difference is in time: the gate asks for events that are read now, this
// for events that were read under the grant that was the newest then. Hence a
// later grant undoes a withdrawal only if it is in force, under an accepted
// policy, and covers earlier events. If it does not cover them, the gate lets no
// earlier event in any more (rule 15), but the model made before still holds what
// was withdrawn. A grant that stood in the run's own ledger undoes what came
// before it either way: then rule 15 held for the run.
//
// Of several withdrawals the earliest that counts is returned: the time to act
// begins with it.
func (w *Withdrawals) Find(org, project string, entries int64, policies []string) (Withdrawal, bool) {
	whole, own := w.subjects[[2]string{org, ""}], (*history)(nil)
	if project != "" {
		own = w.subjects[[2]string{org, project}]
	}
	var since time.Time // zero: no grant is known, every withdrawal counts
	used := newer(whole.newest(entries), own.newest(entries))
	now := newer(whole.newest(int64(len(w.ledger.Entries))), own.newest(int64(len(w.ledger.Entries))))
	switch {
	case now != nil && now.CoversEarlierEvents && slices.Contains(policies, now.PolicyVersion) &&
		!now.EffectiveAt.After(w.asOf) && now.ExpiresAt.After(w.asOf):
		since = now.EffectiveAt
	case used != nil:
		since = used.EffectiveAt
	}
	first := older(whole.withdrawal(since), own.withdrawal(since))
	if first == nil {
		return Withdrawal{}, false
	}
	regranted := now != nil && whole.withdrawal(now.EffectiveAt) == nil && own.withdrawal(now.EffectiveAt) == nil
	return Withdrawal{Entry: first, Regranted: regranted}, true
}

// newest returns the newest grant among the ledger's first entries, nil for
// none.
func (h *history) newest(entries int64) *Entry {
	if h == nil {
		return nil
	}
	n := sort.Search(len(h.grants), func(i int) bool { return h.grants[i].Seq > entries })
	if n == 0 {
		return nil
	}
	return h.grants[n-1]
}

// older returns the earlier of two entries, either of which may be nil.
func older(a, b *Entry) *Entry {
	if a == nil || b != nil && earlier(b, a) {
		return b
	}
	return a
}

// newer returns the later of two entries, either of which may be nil.
func newer(a, b *Entry) *Entry {
	if a == nil || b != nil && earlier(a, b) {
		return b
	}
	return a
}

// earlier compares two entries by effective_at, then by seq.
func earlier(a, b *Entry) bool {
	if c := a.EffectiveAt.Compare(b.EffectiveAt); c != 0 {
		return c < 0
	}
	return a.Seq < b.Seq
}

// withdrawal returns the earliest withdrawal that counts against a grant that
// is effective at since, the earliest of all for the zero time, nil for none.
func (h *history) withdrawal(since time.Time) *Entry {
	if h == nil {
		return nil
	}
	n := sort.Search(len(h.withdrawals), func(i int) bool { return since.IsZero() || withdraws(h.withdrawals[i], since) })
	if n == len(h.withdrawals) {
		return nil
	}
	return h.withdrawals[n]
}
