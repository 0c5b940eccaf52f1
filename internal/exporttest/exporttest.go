// Package exporttest writes small exports and golden datasets for tests: real
// Parquet files, a real ledger chain, real digests. It imports nothing of
// package datasets, so that the reader is judged by bytes that it had no hand
// in.
package exporttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"whorl/features"
)

// Row is an event together with what only an export holds of it.
type Row struct {
	features.Event
	// Purposes is the consent column; nil stands for all purposes.
	Purposes []string
}

// Rows returns events as rows that consent to all purposes.
func Rows(events ...features.Event) []Row {
	rows := make([]Row, len(events))
	for i, e := range events {
		rows[i] = Row{Event: e}
	}
	return rows
}

// Label is one row of labels.parquet.
type Label struct {
	EventID    string   `parquet:"event_id"`
	GroupID    string   `parquet:"group_id"`
	Source     string   `parquet:"source"`
	Confidence float64  `parquet:"confidence"`
	Slices     []string `parquet:"slices,list"`
}

// Pair is one row of pairs.parquet.
type Pair struct {
	A          string  `parquet:"event_id_a"`
	B          string  `parquet:"event_id_b"`
	Label      string  `parquet:"label"` // GROUP or SEPARATE
	Confidence float64 `parquet:"confidence"`
	Source     string  `parquet:"source"`
}

// Entry is one line of a consent ledger. Times are RFC 3339 texts; seq and
// prev are filled in when the ledger is written.
type Entry struct {
	Seq                 int     `json:"seq"`
	OrgID               string  `json:"org_id"`
	ProjectID           *string `json:"project_id"`
	Purpose             string  `json:"purpose"`
	Action              string  `json:"action"`
	PolicyVersion       string  `json:"policy_version"`
	CoversEarlierEvents bool    `json:"covers_earlier_events"`
	EffectiveAt         string  `json:"effective_at"`
	RecordedAt          string  `json:"recorded_at"`
	ExpiresAt           *string `json:"expires_at"`
	Prev                string  `json:"prev"`
}

// The defaults of written exports.
const (
	PolicyVersion = "2026-02"
	GrantedAt     = "2026-02-10T09:00:00Z"
	ExpiresAt     = "2027-12-31T00:00:00Z"
	CreatedAt     = "2026-11-20T00:00:00Z"
)

// AsOf is a time at which everything that this package writes by default is
// in force.
var AsOf = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// AllPurposes are the purposes of the closed set.
var AllPurposes = []string{"train_fingerprinting", "evaluate_fingerprinting", "review_content", "train_prioritization", "generative_ai"}

// GrantEntry is a grant for a whole organisation, effective at [GrantedAt],
// covering earlier events, until [ExpiresAt].
func GrantEntry(org, purpose string) Entry {
	expires := ExpiresAt
	return Entry{
		OrgID: org, Purpose: purpose, Action: "grant", PolicyVersion: PolicyVersion, CoversEarlierEvents: true,
		EffectiveAt: GrantedAt, RecordedAt: GrantedAt, ExpiresAt: &expires,
	}
}

// WithdrawEntry is a withdrawal for a whole organisation at a time.
func WithdrawEntry(org, purpose, at string) Entry {
	return Entry{OrgID: org, Purpose: purpose, Action: "withdraw", PolicyVersion: PolicyVersion, EffectiveAt: at, RecordedAt: at}
}

// Options changes how an export or golden dataset is written. The zero value
// is what most tests want.
type Options struct {
	Name string // default "test"
	// Ledger is the ledger of an export; nil means a grant of all purposes
	// for every organisation of the rows.
	Ledger []Entry
	Pairs  []Pair
	// Files is over how many events files the rows are spread; default 1.
	Files int
	// Writer are further options of the Parquet writer.
	Writer []parquet.WriterOption
	// RowGroup is the number of rows of a row group; default all of a file.
	RowGroup int
	Version  string // of a golden dataset, default "1.0.0"
}

// Write writes an export into dir, which is made if need be.
func Write(tb testing.TB, dir string, rows []Row, labels []Label, opt Options) {
	tb.Helper()
	entries := opt.Ledger
	if entries == nil {
		seen := map[string]bool{}
		for _, r := range rows {
			if r.OrgID == "" || seen[r.OrgID] {
				continue
			}
			seen[r.OrgID] = true
			for _, p := range AllPurposes {
				entries = append(entries, GrantEntry(r.OrgID, p))
			}
		}
	}
	ledger, head := LedgerBytes(tb, entries)
	put(tb, dir, "consent-ledger.jsonl", ledger)
	writeJSON(tb, filepath.Join(dir, "manifest.json"), map[string]any{
		"format": "whorl.export/1", "name": name(opt), "created_at": CreatedAt, "policy_version": PolicyVersion,
		"files": writeFiles(tb, dir, rows, labels, opt),
		"consent_ledger": map[string]any{
			"id": name(opt) + "-ledger", "path": "consent-ledger.jsonl", "entries": len(entries), "head": head,
		},
	})
}

// WriteGolden writes a golden dataset into dir, which is made if need be.
func WriteGolden(tb testing.TB, dir string, rows []Row, labels []Label, opt Options) {
	tb.Helper()
	version := opt.Version
	if version == "" {
		version = "1.0.0"
	}
	writeJSON(tb, filepath.Join(dir, "dataset.json"), map[string]any{
		"format": "whorl.golden/1", "name": name(opt), "version": version, "consent_basis": "generated",
		"files": writeFiles(tb, dir, rows, labels, opt),
	})
}

// LedgerBytes numbers and chains entries and returns the ledger and the hash
// of its last line. Seq and prev of the entries are ignored.
func LedgerBytes(tb testing.TB, entries []Entry) (ledger []byte, head string) {
	tb.Helper()
	return ExtendLedger(tb, nil, entries...)
}

// ExtendLedger is [LedgerBytes] for entries that go on from a ledger.
func ExtendLedger(tb testing.TB, ledger []byte, entries ...Entry) (extended []byte, head string) {
	tb.Helper()
	lines := bytes.Split(bytes.TrimSuffix(ledger, []byte("\n")), []byte("\n"))
	n, head := len(lines), strings.Repeat("0", 64)
	if len(ledger) == 0 {
		n = 0
	} else {
		head = digest(lines[n-1])
	}
	extended = bytes.Clone(ledger)
	for i, e := range entries {
		e.Seq, e.Prev = n+i+1, head
		line, err := json.Marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		head = digest(line)
		extended = append(append(extended, line...), '\n')
	}
	return extended, head
}

// Replace writes a file of the export or golden dataset in dir and corrects
// bytes, sha256 and rows in its manifest. rows below 0 leaves the number.
func Replace(tb testing.TB, dir, path string, data []byte, rows int) {
	tb.Helper()
	put(tb, dir, path, data)
	Edit(tb, dir, func(m map[string]any) {
		for _, f := range m["files"].([]any) {
			if f := f.(map[string]any); f["path"] == path {
				f["bytes"], f["sha256"] = len(data), digest(data)
				if rows >= 0 {
					f["rows"] = rows
				}
				return
			}
		}
		tb.Fatalf("exporttest: %s is not in the manifest", path)
	})
}

// Edit changes manifest.json or dataset.json in dir.
func Edit(tb testing.TB, dir string, change func(manifest map[string]any)) {
	tb.Helper()
	path := filepath.Join(dir, "manifest.json")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(dir, "dataset.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		tb.Fatal(err)
	}
	change(m)
	writeJSON(tb, path, m)
}

func name(opt Options) string {
	if opt.Name == "" {
		return "test"
	}
	return opt.Name
}

func writeFiles(tb testing.TB, dir string, rows []Row, labels []Label, opt Options) []map[string]any {
	tb.Helper()
	var listed []map[string]any
	add := func(path, role string, n int, data []byte) {
		put(tb, dir, path, data)
		listed = append(listed, map[string]any{"path": path, "role": role, "rows": n, "bytes": len(data), "sha256": digest(data)})
	}
	files := max(opt.Files, 1)
	for i := range files {
		part := rows[i*len(rows)/files : (i+1)*len(rows)/files]
		path := "events.parquet"
		if files > 1 {
			path = fmt.Sprintf("events-%05d.parquet", i)
		}
		add(path, "events", len(part), EventsBytes(tb, part, opt))
	}
	if labels != nil {
		add("labels.parquet", "labels", len(labels), Parquet(tb, labels, opt.Writer...))
	}
	if opt.Pairs != nil {
		add("pairs.parquet", "pairs", len(opt.Pairs), Parquet(tb, opt.Pairs, opt.Writer...))
	}
	return listed
}

// EventsBytes writes rows as an events file.
func EventsBytes(tb testing.TB, rows []Row, opt Options) []byte {
	tb.Helper()
	writer := opt.Writer
	if opt.RowGroup > 0 {
		writer = append([]parquet.WriterOption{parquet.MaxRowsPerRowGroup(int64(opt.RowGroup))}, writer...)
	}
	return Parquet(tb, EventRows(rows), writer...)
}

// Parquet writes rows of any type as parquet-go does.
func Parquet[T any](tb testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func put(tb testing.TB, dir, path string, data []byte) {
	tb.Helper()
	full := filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		tb.Fatal(err)
	}
}

func writeJSON(tb testing.TB, path string, v any) {
	tb.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	put(tb, filepath.Dir(path), filepath.Base(path), append(data, '\n'))
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
