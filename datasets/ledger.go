package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

const (
	maxLedgerBytes = 1 << 30
	maxLedgerLine  = 64 << 10
)

// Action is what a ledger entry does.
type Action string

// The actions.
const (
	Grant    Action = "grant"
	Withdraw Action = "withdraw"
)

// Entry is one line of a consent ledger.
type Entry struct {
	Seq                 int64
	OrgID               string
	ProjectID           string // empty: the whole organisation
	Purpose             Purpose
	Action              Action
	PolicyVersion       string
	CoversEarlierEvents bool
	EffectiveAt         time.Time // when the customer acted
	RecordedAt          time.Time // when the ledger took it down
	ExpiresAt           time.Time // zero: never; only a withdrawal may say so
}

// Ledger is a consent ledger whose chain was verified. It does not change.
type Ledger struct {
	ID      string
	Head    string // SHA-256 of the last line, in hex
	Entries []Entry

	bySubject map[subject][]int // entries of a purpose and organisation, in order
	latest    time.Time         // recorded_at of the last entry
}

type subject struct {
	purpose Purpose
	org     string
}

// line is an entry as it is written. Pointers tell a missing key from a zero
// value; a key that is missing refuses the ledger.
type line struct {
	Seq                 *int64  `json:"seq"`
	OrgID               *string `json:"org_id"`
	ProjectID           *string `json:"project_id"`
	Purpose             *string `json:"purpose"`
	Action              *string `json:"action"`
	PolicyVersion       *string `json:"policy_version"`
	CoversEarlierEvents *bool   `json:"covers_earlier_events"`
	EffectiveAt         *string `json:"effective_at"`
	RecordedAt          *string `json:"recorded_at"`
	ExpiresAt           *string `json:"expires_at"`
	Prev                *string `json:"prev"`
}

// noEntries is the hash that the first line has as prev, and the head of a
// ledger without entries.
var noEntries = strings.Repeat("0", 64)

// ParseLedger reads a ledger and verifies that every line's prev is the
// SHA-256 of the line before, that seq counts from 1, that recorded_at never
// decreases, and that number and hash of the last line are entries and head.
// Errors wrap [ErrLedger] and name the line, not the file.
func ParseLedger(data []byte, id string, entries int64, head string) (*Ledger, error) {
	l := &Ledger{ID: id, Head: head, bySubject: map[subject][]int{}}
	prev := noEntries
	for n := 1; len(data) > 0; n++ {
		text := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			text, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		fail := func(format string, args ...any) (*Ledger, error) {
			return nil, fmt.Errorf("%w: line %d: %s", ErrLedger, n, fmt.Sprintf(format, args...))
		}
		if len(text) > maxLedgerLine {
			return fail("longer than %d bytes", maxLedgerLine)
		}
		var raw line
		if err := decodeObject(text, &raw); err != nil {
			return fail("%v", err)
		}
		e, err := raw.entry()
		if err != nil {
			return fail("%v", err)
		}
		if e.Seq != int64(n) {
			return fail("seq is %d; entries are missing or out of order", e.Seq)
		}
		if *raw.Prev != prev {
			return fail("prev is not the hash of the line before; the ledger was changed")
		}
		if e.RecordedAt.Before(l.latest) {
			return fail("recorded_at is before that of the line before")
		}
		l.latest = e.RecordedAt
		l.Entries = append(l.Entries, e)
		key := subject{e.Purpose, e.OrgID}
		l.bySubject[key] = append(l.bySubject[key], n-1)
		sum := sha256.Sum256(text)
		prev = hex.EncodeToString(sum[:])
	}
	if n := int64(len(l.Entries)); n != entries {
		return nil, fmt.Errorf("%w: %d entries, the manifest says %d; take the ledger that belongs to the export", ErrLedger, n, entries)
	}
	if prev != head {
		return nil, fmt.Errorf("%w: the last line's hash is %s, the manifest's head is %s; take the ledger that belongs to the export", ErrLedger, prev, head)
	}
	return l, nil
}

func (raw *line) entry() (Entry, error) {
	var e Entry
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"seq", raw.Seq == nil}, {"org_id", raw.OrgID == nil}, {"purpose", raw.Purpose == nil}, {"action", raw.Action == nil},
		{"policy_version", raw.PolicyVersion == nil}, {"covers_earlier_events", raw.CoversEarlierEvents == nil},
		{"effective_at", raw.EffectiveAt == nil}, {"recorded_at", raw.RecordedAt == nil}, {"prev", raw.Prev == nil},
	} {
		if f.missing {
			return e, fmt.Errorf("%s is missing", f.name)
		}
	}
	e.Seq, e.OrgID = *raw.Seq, *raw.OrgID
	e.PolicyVersion, e.CoversEarlierEvents = *raw.PolicyVersion, *raw.CoversEarlierEvents
	if !canonical(e.OrgID) {
		return e, fmt.Errorf("org_id is empty or has surrounding space")
	}
	if raw.ProjectID != nil {
		if e.ProjectID = *raw.ProjectID; !canonical(e.ProjectID) {
			return e, fmt.Errorf("project_id is empty or has surrounding space; null means the whole organisation")
		}
	}
	var err error
	if e.Purpose, err = ParsePurpose(*raw.Purpose); err != nil {
		return e, err
	}
	if e.EffectiveAt, err = parseTime("effective_at", *raw.EffectiveAt); err != nil {
		return e, err
	}
	if e.RecordedAt, err = parseTime("recorded_at", *raw.RecordedAt); err != nil {
		return e, err
	}
	if raw.ExpiresAt != nil {
		if e.ExpiresAt, err = parseTime("expires_at", *raw.ExpiresAt); err != nil {
			return e, err
		}
	}
	switch e.Action = Action(*raw.Action); e.Action {
	case Grant:
		if raw.ExpiresAt == nil {
			return e, fmt.Errorf("a grant without expires_at")
		}
		if e.PolicyVersion == "" {
			return e, fmt.Errorf("a grant without policy_version")
		}
	case Withdraw:
	default:
		return e, fmt.Errorf("unknown action %q; use grant or withdraw", *raw.Action)
	}
	return e, nil
}

func parseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, fmt.Errorf("%s is no RFC 3339 time after 1970", name)
	}
	return t.UTC(), nil
}

// canonical reports whether a key is neither empty nor surrounded by space.
func canonical(key string) bool { return key != "" && strings.TrimSpace(key) == key }

// checkAsOf refuses a ledger that knows of things after asOf (rule 3).
func (l *Ledger) checkAsOf(asOf time.Time) error {
	if l.latest.After(asOf) {
		return fmt.Errorf("%w: the last entry was recorded at %s, after the as-of time %s; use a later as-of time, or the ledger of that time",
			ErrLedger, l.latest.Format(time.RFC3339), asOf.UTC().Format(time.RFC3339))
	}
	return nil
}
