package datasets

import (
	"slices"
	"strings"
	"time"
)

// Reason says why a row is denied: the first rule of the decision table that
// matches.
type Reason string

// The reasons, in the order of their rules.
const (
	SubjectMissing       Reason = "subject_missing"       // 4: org_id or project_id empty or with surrounding space
	EventTimeMissing     Reason = "event_time_missing"    // 5: timestamp missing or zero
	EventTimeFuture      Reason = "event_time_future"     // 6: timestamp later than as-of and clockSkew
	ConflictingDuplicate Reason = "conflicting_duplicate" // 7: event_id seen with different content
	Duplicate            Reason = "duplicate"             // 8: copy of an event already read
	RowConsentMissing    Reason = "row_consent_missing"   // 9: consent_purposes lacks the purpose
	NoGrant              Reason = "no_grant"              // 10: never granted for this purpose and organisation or project
	Withdrawn            Reason = "withdrawn"             // 11: withdrawn at or after the newest grant
	PolicyVersionRefused Reason = "policy_version"        // 12: granted under a policy that is not accepted
	GrantFuture          Reason = "grant_future"          // 13: grant not yet effective
	GrantExpired         Reason = "grant_expired"         // 14: grant expired at as-of
	EventBeforeGrant     Reason = "event_before_grant"    // 15: event before the grant, which does not reach back
	Internal             Reason = "internal"              // 16: could not be decided
)

// reasons lists all reasons in the order of their rules.
var reasons = []Reason{
	SubjectMissing, EventTimeMissing, EventTimeFuture, ConflictingDuplicate, Duplicate, RowConsentMissing, NoGrant,
	Withdrawn, PolicyVersionRefused, GrantFuture, GrantExpired, EventBeforeGrant, Internal,
}

// allowed is the reason of a row that nothing speaks against.
const allowed Reason = ""

// clockSkew is how far clocks of different systems may be apart. It always
// works towards denial, but for event times, where it keeps a fresh event of a
// fast clock.
const clockSkew = 5 * time.Minute

// facts is what the gate knows of a row.
type facts struct {
	org, project string
	at           time.Time
	hasTime      bool
	purposes     []string
}

// checkSubject decides rules 4 to 6.
func (f *facts) checkSubject(asOf time.Time) Reason {
	switch {
	case !canonical(f.org) || !canonical(f.project):
		return SubjectMissing
	case !f.hasTime:
		return EventTimeMissing
	case f.at.After(asOf.Add(clockSkew)):
		return EventTimeFuture
	}
	return allowed
}

// standing is what the ledger says of one organisation and project for one
// purpose: rules 10 to 14, and what rule 15 needs.
type standing struct {
	reason        Reason
	effective     time.Time
	coversEarlier bool
}

// standing decides rules 10 to 14.
//
// A grant or withdrawal covers a project when it names the organisation and
// either no project or this one. The newest grant is the one with the latest
// effective_at, of equal ones the later seq. A withdrawal counts when it is
// not more than clockSkew before that grant, so one of the same time denies
// whichever stands first.
func (l *Ledger) standing(purpose Purpose, org, project string, asOf time.Time, policies []string) standing {
	var newest, lastWithdrawal *Entry
	for _, i := range l.bySubject[subject{purpose, org}] {
		e := &l.Entries[i]
		if e.ProjectID != "" && e.ProjectID != project {
			continue
		}
		switch e.Action {
		case Grant:
			if newest == nil || !e.EffectiveAt.Before(newest.EffectiveAt) {
				newest = e
			}
		case Withdraw:
			if lastWithdrawal == nil || e.EffectiveAt.After(lastWithdrawal.EffectiveAt) {
				lastWithdrawal = e
			}
		}
	}
	if newest == nil {
		return standing{reason: NoGrant}
	}
	s := standing{effective: newest.EffectiveAt, coversEarlier: newest.CoversEarlierEvents}
	switch {
	case lastWithdrawal != nil && withdraws(lastWithdrawal, newest.EffectiveAt):
		s.reason = Withdrawn
	case !slices.Contains(policies, newest.PolicyVersion):
		s.reason = PolicyVersionRefused
	case newest.EffectiveAt.After(asOf):
		s.reason = GrantFuture
	case !newest.ExpiresAt.After(asOf):
		s.reason = GrantExpired
	}
	return s
}

// withdraws reports whether a withdrawal counts against a grant that is
// effective at a time (rule 11).
func withdraws(e *Entry, grant time.Time) bool {
	return !e.EffectiveAt.Before(grant.Add(-clockSkew))
}

// gate decides rules 9 to 15 for one run.
type gate struct {
	purpose  Purpose
	asOf     time.Time
	policies []string
	ledger   *Ledger // nil for golden data, whose consent_basis stands in

	known map[[2]string]standing // by organisation and project
	// Exports hold the rows of a project together, mostly.
	lastKey [2]string
	last    standing
}

// maxKnown bounds the remembered standings of a run.
const maxKnown = 1 << 18

func (g *gate) check(f *facts) Reason {
	if !slices.Contains(f.purposes, string(g.purpose)) {
		return RowConsentMissing
	}
	if g.ledger == nil {
		return allowed
	}
	key := [2]string{f.org, f.project}
	s := g.last
	if key != g.lastKey { // never empty: rule 4
		var ok bool
		if s, ok = g.known[key]; !ok {
			s = g.ledger.standing(g.purpose, f.org, f.project, g.asOf, g.policies)
			if g.known == nil || len(g.known) >= maxKnown {
				g.known = map[[2]string]standing{}
			}
			key = [2]string{strings.Clone(f.org), strings.Clone(f.project)}
			g.known[key] = s
		}
		g.lastKey, g.last = key, s
	}
	if s.reason != allowed {
		return s.reason
	}
	if !s.coversEarlier && f.at.Before(s.effective) {
		return EventBeforeGrant
	}
	return allowed
}
