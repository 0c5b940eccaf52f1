package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// WriteLedger writes entries as a consent ledger, numbered and chained, and
// returns the head. Seq of the entries is ignored. What [ParseLedger] would
// refuse is an error, which wraps [ErrLedger] and names the entry; what stood
// before it is written then.
func WriteLedger(w io.Writer, entries []Entry) (head string, err error) {
	head = noEntries
	var latest time.Time
	for i, e := range entries {
		seq, prev := int64(i+1), head
		instant := func(t time.Time) *string {
			s := t.UTC().Format(time.RFC3339Nano)
			return &s
		}
		purpose, action := string(e.Purpose), string(e.Action)
		raw := line{
			Seq: &seq, OrgID: &e.OrgID, Purpose: &purpose, Action: &action, PolicyVersion: &e.PolicyVersion,
			CoversEarlierEvents: &e.CoversEarlierEvents, EffectiveAt: instant(e.EffectiveAt), RecordedAt: instant(e.RecordedAt), Prev: &prev,
		}
		if e.ProjectID != "" {
			raw.ProjectID = &e.ProjectID
		}
		if !e.ExpiresAt.IsZero() {
			raw.ExpiresAt = instant(e.ExpiresAt)
		}
		if _, err := raw.entry(); err != nil {
			return "", fmt.Errorf("%w: entry %d: %w", ErrLedger, seq, err)
		}
		if e.RecordedAt.Before(latest) {
			return "", fmt.Errorf("%w: entry %d: recorded_at is before that of the entry before; sort them", ErrLedger, seq)
		}
		latest = e.RecordedAt
		text, err := json.Marshal(raw)
		if err != nil {
			return "", err
		}
		if len(text) > maxLedgerLine {
			return "", fmt.Errorf("%w: entry %d: longer than %d bytes", ErrLedger, seq, maxLedgerLine)
		}
		sum := sha256.Sum256(text)
		head = hex.EncodeToString(sum[:])
		if _, err := w.Write(append(text, '\n')); err != nil {
			return "", err
		}
	}
	return head, nil
}
