package datasets

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whorl/internal/exporttest"
)

func TestParseLedger(t *testing.T) {
	data, err := os.ReadFile("sample/export/consent-ledger.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseLedger(data, "sample-ledger", 9, "32aaf765b1006fc52b82ee987ac7b06e5c88399bba6fd8668c9f406be9e3af42")
	if err != nil {
		t.Fatal(err)
	}
	e := l.Entries[4]
	if len(l.Entries) != 9 || e.Seq != 5 || e.OrgID != "ledgerly" || e.ProjectID != "" || e.Purpose != EvaluateFingerprinting ||
		e.Action != Grant || !e.CoversEarlierEvents || e.ExpiresAt.Year() != 2027 || e.RecordedAt.Sub(e.EffectiveAt).Seconds() != 5 {
		t.Errorf("entry 5 is %+v", e)
	}
	if _, err := ParseLedger(nil, "empty", 0, strings.Repeat("0", 64)); err != nil {
		t.Errorf("empty ledger: %v", err)
	}
	if _, err := ParseLedger(bytes.TrimSuffix(data, []byte("\n")), "sample-ledger", 9, l.Head); err != nil {
		t.Errorf("without the last newline: %v", err)
	}
}

func TestParseLedgerRefuses(t *testing.T) {
	const purpose = "train_fingerprinting"
	two := func(change func(first, second *exporttest.Entry)) []exporttest.Entry {
		a, b := exporttest.GrantEntry("a", purpose), exporttest.WithdrawEntry("b", purpose, "2026-03-01T00:00:00Z")
		change(&a, &b)
		return []exporttest.Entry{a, b}
	}
	for _, tt := range []struct {
		name    string
		entries []exporttest.Entry
		says    string
	}{
		{"recorded_at decreases", two(func(a, b *exporttest.Entry) { b.RecordedAt = "2026-01-01T00:00:00Z" }), "line 2: recorded_at"},
		{"unknown purpose", two(func(a, b *exporttest.Entry) { a.Purpose = "marketing" }), "line 1: bad options: unknown purpose"},
		{"unknown action", two(func(a, b *exporttest.Entry) { b.Action = "revoke" }), `line 2: unknown action "revoke"`},
		{"grant without end", two(func(a, b *exporttest.Entry) { a.ExpiresAt = nil }), "line 1: a grant without expires_at"},
		{"grant without policy", two(func(a, b *exporttest.Entry) { a.PolicyVersion = "" }), "line 1: a grant without policy_version"},
		{"no organisation", two(func(a, b *exporttest.Entry) { b.OrgID = "" }), "line 2: org_id"},
		{"organisation with space", two(func(a, b *exporttest.Entry) { b.OrgID = "b " }), "line 2: org_id"},
		{"empty project", two(func(a, b *exporttest.Entry) { b.ProjectID = ptr("") }), "line 2: project_id"},
		{"no time", two(func(a, b *exporttest.Entry) { a.EffectiveAt = "" }), "line 1: effective_at"},
		{"year 1", two(func(a, b *exporttest.Entry) { a.ExpiresAt = ptr("0001-01-01T00:00:00Z") }), "line 1: expires_at"},
	} {
		data, head := exporttest.LedgerBytes(t, tt.entries)
		_, err := ParseLedger(data, "id", 2, head)
		wantError(t, err, ErrLedger, tt.says)
	}

	data, head := exporttest.LedgerBytes(t, two(func(a, b *exporttest.Entry) {}))
	lines := bytes.SplitAfter(data, []byte("\n"))
	edit := func(old, new string) []byte { return bytes.Replace(data, []byte(old), []byte(new), 1) }
	for name, bad := range map[string][]byte{
		"reordered":        append(bytes.Clone(lines[1]), lines[0]...),
		"first removed":    lines[1],
		"last removed":     lines[0],
		"empty":            nil,
		"blank line":       append(bytes.Clone(data), '\n'),
		"blank line first": append([]byte("\n"), data...),
		"changed":          edit(`"org_id":"a"`, `"org_id":"c"`),
		"space":            edit(`{"seq":1`, `{ "seq":1`),
		"missing key":      edit(`"covers_earlier_events":true,`, ``),
		"null":             edit(`"covers_earlier_events":true`, `"covers_earlier_events":null`),
		"duplicate key":    edit(`"org_id":"a"`, `"org_id":"a","org_id":"a"`),
		"case variant":     edit(`"org_id":"a"`, `"Org_id":"a"`),
		"unknown key":      edit(`"org_id":"a"`, `"org_id":"a","x":1`),
		"array":            []byte("[]\n"),
		"long":             append([]byte(`{"org_id":"`), bytes.Repeat([]byte("a"), maxLedgerLine)...),
	} {
		_, err := ParseLedger(bad, "id", 2, head)
		if !errors.Is(err, ErrLedger) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// chain returns the ledgers of a chain by their number of entries: the n-th goes
// on from the one before. Ledgers of two names part after fork entries.
func chain(t testing.TB, n, fork int, name string) []*Ledger {
	t.Helper()
	var entries []exporttest.Entry
	all := []*Ledger{}
	for i := range n + 1 {
		data, _ := exporttest.LedgerBytes(t, entries)
		l, err := parseChain(data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
		org := "common"
		if i >= fork {
			org = name
		}
		entries = append(entries, exporttest.GrantEntry(org, "generative_ai"))
	}
	return all
}

func TestHolds(t *testing.T) {
	a, b := chain(t, 5, 2, "a"), chain(t, 5, 2, "b")
	for i, l := range a {
		for k := range b {
			if got, want := l.Holds(int64(k), a[k].Head), k <= i; got != want {
				t.Errorf("%d entries hold %d of the same chain: %v", i, k, got)
			}
			if got, want := l.Holds(int64(k), b[k].Head), k <= min(i, 2); got != want {
				t.Errorf("%d entries hold %d of the other chain: %v", i, k, got)
			}
		}
		if l.Holds(int64(i-1), l.Head) || l.Holds(-1, l.Head) || l.Holds(int64(i), "") || l.Holds(int64(i), strings.ToUpper(l.Head)) && i > 0 && l.Head != strings.ToUpper(l.Head) {
			t.Errorf("%d entries hold what they do not", i)
		}
	}
}

func TestReadLedger(t *testing.T) {
	l, err := ReadLedger("sample/export/consent-ledger.jsonl")
	if err != nil || len(l.Entries) != 9 || l.ID != "" || l.Head != "32aaf765b1006fc52b82ee987ac7b06e5c88399bba6fd8668c9f406be9e3af42" {
		t.Fatalf("%+v, %v", l, err)
	}
	dir := t.TempDir()
	data, err := os.ReadFile("sample/export/consent-ledger.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	bad, link := filepath.Join(dir, "bad"), filepath.Join(dir, "newest")
	if err := errors.Join(os.WriteFile(bad, bytes.Replace(data, []byte("searchly"), []byte("searchlx"), 1), 0o644), os.Symlink(bad, link)); err != nil {
		t.Fatal(err)
	}
	_, err = ReadLedger(link) // a user's link is followed
	wantError(t, err, ErrLedger, "newest", "line 8: prev")
	_, err = ReadLedger(dir)
	wantError(t, err, ErrLedger, dir, "no regular file")
	_, err = ReadLedger(filepath.Join(dir, "none"))
	wantError(t, err, os.ErrNotExist, "none")
}

// Whatever is accepted hashes to its head and chains from the first line.
func FuzzLedger(f *testing.F) {
	sample, err := os.ReadFile("sample/export/consent-ledger.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample, int64(9), "32aaf765b1006fc52b82ee987ac7b06e5c88399bba6fd8668c9f406be9e3af42")
	small, head := exporttest.LedgerBytes(f, []exporttest.Entry{exporttest.WithdrawEntry("a", "generative_ai", "2026-03-01T00:00:00Z")})
	f.Add(small, int64(1), head)
	f.Add([]byte{}, int64(0), strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, data []byte, entries int64, head string) {
		l, err := ParseLedger(data, "id", entries, head)
		if err != nil {
			if !errors.Is(err, ErrLedger) {
				t.Fatalf("%v does not wrap ErrLedger", err)
			}
			return
		}
		if int64(len(l.Entries)) != entries || len(head) != 64 {
			t.Fatalf("accepted %d entries for %d, head %q", len(l.Entries), entries, head)
		}
		if !l.Holds(entries, head) {
			t.Fatal("it does not hold itself")
		}
		for _, e := range l.Entries {
			if !canonical(e.OrgID) || e.Action == Grant && e.ExpiresAt.IsZero() {
				t.Fatalf("accepted %+v", e)
			}
		}
	})
}
