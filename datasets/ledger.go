package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	maxLedgerBytes = 1 << 30
	maxLedgerLine  = 64 << 10
	minLedgerLine  = 200 // no line with all its keys is shorter
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

	heads     [][sha256.Size]byte // hash of each line
	file      string              // it was read from, for a copy
	bySubject map[subject][]int   // entries of a purpose and organisation, in order
	latest    time.Time           // recorded_at of the last entry
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
	l, err := parseChain(data)
	if err != nil {
		return nil, err
	}
	if n := int64(len(l.Entries)); n != entries {
		return nil, fmt.Errorf("%w: %d entries, the manifest says %d; take the ledger that belongs to the export", ErrLedger, n, entries)
	}
	if l.Head != head {
		return nil, fmt.Errorf("%w: the last line's hash is %s, the manifest's head is %s; take the ledger that belongs to the export", ErrLedger, l.Head, head)
	}
	l.ID = id
	return l, nil
}

// parseChain is [ParseLedger] for a ledger of which nobody said where it ends.
func parseChain(data []byte) (*Ledger, error) {
	lines := bytes.Count(data, []byte{'\n'}) + 1
	l := &Ledger{
		bySubject: map[subject][]int{},
		Entries:   make([]Entry, 0, min(lines, len(data)/minLedgerLine+1)),
		heads:     make([][sha256.Size]byte, 0, min(lines, len(data)/minLedgerLine+1)),
	}
	var scan lineScanner
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
		raw, err := scan.read(text)
		if err != nil {
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
		l.heads = append(l.heads, sum)
		prev = hex.EncodeToString(sum[:])
	}
	l.Head = prev
	return l, nil
}

// Holds reports whether the ledger is, or goes on from, the one that had head
// as the hash of its last line when it had so many entries. Of two ledgers of
// one chain the shorter is the older; a ledger that does not hold the other
// was cut, rewritten, or is about something else.
func (l *Ledger) Holds(entries int64, head string) bool {
	switch {
	case entries < 0 || entries > int64(len(l.heads)):
		return false
	case entries == 0:
		return head == noEntries
	}
	return hex.EncodeToString(l.heads[entries-1][:]) == head
}

// ReadLedger reads a ledger by itself, without the manifest of an export that
// says what its id is and where it ends. Its chain is verified; ID is empty. That
// lines are missing at its end shows only to who knows a later head:
// [Ledger.Holds], [State.See].
func ReadLedger(path string) (*Ledger, error) {
	data, err := readGiven(path, maxLedgerBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	l, err := parseChain(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
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

// readGiven reads a regular file that a user named, through symbolic links.
func readGiven(path string, max int64) ([]byte, error) {
	// Looking first keeps a named pipe from blocking the open.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file; name the file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if info.Size() <= max {
		b.Grow(int(info.Size()) + bytes.MinRead)
	}
	if n, err := io.Copy(&b, io.LimitReader(f, max+1)); err != nil {
		return nil, err
	} else if n > max {
		return nil, fmt.Errorf("%s has more than %d bytes", path, max)
	}
	return b.Bytes(), nil
}

// CheckAsOf refuses a ledger that knows of things after asOf (rule 3). A walk
// over events does so by itself.
func (l *Ledger) CheckAsOf(asOf time.Time) error { return l.checkAsOf(asOf) }

// checkAsOf refuses a ledger that knows of things after asOf (rule 3).
func (l *Ledger) checkAsOf(asOf time.Time) error {
	if l.latest.After(asOf) {
		return fmt.Errorf("%w: the last entry was recorded at %s, after the as-of time %s; use a later as-of time, or the ledger of that time",
			ErrLedger, l.latest.Format(time.RFC3339), asOf.UTC().Format(time.RFC3339))
	}
	return nil
}
