package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"whorl/datasets/internal/columnwriter"
	"whorl/features"
	"whorl/internal/atomicfile"
)

// The sizes of written files.
const (
	// RowGroupRows is how many rows a row group holds at most.
	RowGroupRows = columnwriter.DefaultRows
	// RowGroupBytes is how many bytes of text a row group holds at most, but
	// for those of its last rows.
	RowGroupBytes = columnwriter.DefaultBytes
	// FileRows is how many rows a file holds at most.
	FileRows = 1 << 20
	// FileBytes is the size from which on a file is ended with its row group.
	FileBytes = 96 << 20
)

// ExportInfo is what an export says of itself.
type ExportInfo struct {
	Name, Description, Licence, LabelProtocol string    // optional
	PolicyVersion                             string    // required
	CreatedAt                                 time.Time // required: the clock is the caller's
	LedgerID                                  string    // required
	// Ledger is the bytes of the consent ledger: what [WriteLedger] wrote, or
	// the copy of another export's. They are verified.
	Ledger []byte
}

// GoldenInfo is what a golden dataset says of itself.
type GoldenInfo struct {
	Name, Version                       string // required
	Description, Licence, LabelProtocol string // optional
	ConsentBasis                        string // required: public, generated, or a named agreement
}

// RowConsent is what the row of an event says of its own consent. It can only
// deny.
type RowConsent struct {
	Purposes      []string
	PolicyVersion string // empty: null
}

// Writer writes an export or a golden dataset: a directory that appears
// complete, with [Writer.Close], or not at all. Rows are streamed to Parquet
// files in the order in which they come, and hashed on the way; memory does
// not grow with their number. The same rows give the same bytes.
//
// What a reader would refuse is an error here: an empty id, text that is no
// UTF-8, a cell above 1 MiB, a row above 4 MiB, a label that names no group.
// Such an error wraps [ErrEvent] or [ErrLabel] and leaves that row out: the
// caller may count it and go on. After any other error nothing more can be
// written. That ids are unique and that labels have events is not looked at;
// [Verify] does.
//
// A Writer belongs to one goroutine. Defer [Writer.Abort]: after Close it does
// nothing.
type Writer struct {
	dir, partial string
	tables       [3]*table // as roles
	write        func(files []manifestFile) error
	err          error
	done         bool
}

// roles is the order of files in a manifest.
var roles = [...]Role{RoleEvents, RoleLabels, RolePairs}

// CreateExport begins an export in dir, which must not exist.
func CreateExport(dir string, info ExportInfo) (*Writer, error) {
	finish, err := info.finish()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return create(dir, finish)
}

// CreateExportLate is [CreateExport] where what the export says of itself is
// known only when all its rows are: info is asked for by [Writer.Close].
func CreateExportLate(dir string, info func() (ExportInfo, error)) (*Writer, error) {
	return begin(dir, func(w *Writer, files []manifestFile) error {
		now, err := info()
		if err != nil {
			return err
		}
		finish, err := now.finish()
		if err != nil {
			return err
		}
		return finish(w, files)
	})
}

// finish returns what writes manifest and ledger.
func (info ExportInfo) finish() (func(*Writer, []manifestFile) error, error) {
	head, entries := LedgerHead(info.Ledger)
	created := info.CreatedAt.UTC().Format(time.RFC3339)
	m := manifest{
		Format: ExportFormat, CreatedAt: &created, PolicyVersion: info.PolicyVersion,
		ConsentLedger: &manifestLedger{ID: info.LedgerID, Path: "consent-ledger.jsonl", Entries: &entries, Head: head},
		Name:          info.Name, Description: info.Description, Licence: info.Licence, LabelProtocol: info.LabelProtocol,
	}
	if info.CreatedAt.IsZero() {
		return nil, fmt.Errorf("%w: CreatedAt is not set", ErrOptions)
	}
	if _, err := ParseLedger(info.Ledger, info.LedgerID, entries, head); err != nil {
		return nil, err
	}
	return func(w *Writer, files []manifestFile) error {
		m.Files = files
		if err := os.WriteFile(filepath.Join(w.partial, m.ConsentLedger.Path), info.Ledger, 0o644); err != nil {
			return err
		}
		return w.writeJSON("manifest.json", m, func(data []byte) error {
			_, _, err := parseManifest(data)
			return err
		})
	}, nil
}

// CreateGolden begins a golden dataset in dir, which must not exist.
func CreateGolden(dir string, info GoldenInfo) (*Writer, error) {
	d := description{
		Format: GoldenFormat, Name: info.Name, Version: info.Version, Description: info.Description, Licence: info.Licence,
		LabelProtocol: info.LabelProtocol, ConsentBasis: info.ConsentBasis,
	}
	return create(dir, func(w *Writer, files []manifestFile) error {
		d.Files = files
		return w.writeJSON("dataset.json", d, func(data []byte) error {
			_, err := parseDescription(data)
			return err
		})
	})
}

// create begins a directory. finish writes what stands beside the Parquet
// files; it is tried first without any, so that a manifest which no reader
// would take is an error before the work and not after it.
func create(dir string, finish func(*Writer, []manifestFile) error) (*Writer, error) {
	w, err := begin(dir, finish)
	if err != nil {
		return nil, err
	}
	zero := int64(0)
	trial := []manifestFile{{Path: "events.parquet", Role: RoleEvents, Rows: &zero, Bytes: &zero, SHA256: noEntries}}
	if err := w.write(trial); err != nil {
		w.Abort()
		return nil, fmt.Errorf("%s: %w", w.dir, err)
	}
	return w, nil
}

// begin makes the partial directory.
func begin(dir string, finish func(*Writer, []manifestFile) error) (*Writer, error) {
	dir = filepath.Clean(dir)
	w := &Writer{dir: dir, partial: atomicfile.PartialName(dir)}
	w.write = func(files []manifestFile) error { return finish(w, files) }
	switch _, err := os.Lstat(dir); {
	case err == nil:
		return nil, fmt.Errorf("%s: %w; remove it or choose another name", dir, atomicfile.ErrExists)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.RemoveAll(w.partial); err != nil { // of a writer that was killed
		return nil, err
	}
	if err := os.Mkdir(w.partial, 0o755); err != nil {
		return nil, err
	}
	w.tables[0] = newTable(w.partial, "events", eventRow{})
	return w, nil
}

// writeJSON writes v after a look at whether readers take it.
func (w *Writer) writeJSON(name string, v any, check func([]byte) error) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	if err := check(b.Bytes()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrManifest, name, err)
	}
	return os.WriteFile(filepath.Join(w.partial, name), b.Bytes(), 0o644)
}

// WriteEvent appends an event. Its time is kept to the millisecond; empty
// texts, zero numbers and unknown booleans become null. The event's strings
// are held until its batch is written; the event itself is not.
func (w *Writer) WriteEvent(e *features.Event, consent RowConsent) error {
	return w.row(0, func(t *table) error {
		if fault := t.event(e, &consent); fault != "" {
			return fmt.Errorf("%w: event %.64q: %s", ErrEvent, e.ID, fault)
		}
		return nil
	})
}

// WriteLabel appends a label.
func (w *Writer) WriteLabel(eventID string, l Label) error {
	return w.row(1, func(t *table) error {
		if fault := t.label(eventID, &l); fault != "" {
			return fmt.Errorf("%w: label of event %.64q: %s", ErrLabel, eventID, fault)
		}
		return nil
	})
}

// WritePair appends a pair.
func (w *Writer) WritePair(p Pair) error {
	return w.row(2, func(t *table) error {
		if fault := t.pair(&p); fault != "" {
			return fmt.Errorf("%w: pair %.64q, %.64q: %s", ErrLabel, p.A, p.B, fault)
		}
		return nil
	})
}

func (w *Writer) row(i int, write func(*table) error) error {
	if w.err != nil {
		return w.err
	}
	if w.done {
		panic("datasets: a Writer is used after Close or Abort")
	}
	if w.tables[i] == nil {
		w.tables[i] = newTable(w.partial, string(roles[i]), []any{eventRow{}, labelRow{}, pairRow{}}[i])
	}
	t := w.tables[i]
	if err := t.open(); err != nil {
		return w.fail(err)
	}
	if err := write(t); err != nil {
		t.file.DropRow()
		return fmt.Errorf("%s: %w", w.dir, err)
	}
	if err := t.endRow(); err != nil {
		return w.fail(err)
	}
	return nil
}

// fail remembers an error after which nothing can be written.
func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("%s: %w", w.dir, err)
	return w.err
}

// Rows returns the number of rows written with a role.
func (w *Writer) Rows(role Role) int64 {
	for i, r := range roles {
		if r == role && w.tables[i] != nil {
			return w.tables[i].total
		}
	}
	return 0
}

// Close writes manifest and ledger, syncs everything and puts the directory in
// place. After an error nothing of it is left.
func (w *Writer) Close() error {
	if w.err != nil || w.done {
		w.Abort()
		return w.err
	}
	err := w.finish()
	if err != nil {
		w.Abort()
		w.err = fmt.Errorf("%s: %w", w.dir, err)
	}
	w.done = true
	return w.err
}

func (w *Writer) finish() error {
	var files []manifestFile
	for i, t := range w.tables {
		if t == nil {
			continue
		}
		parts, err := t.close()
		if err != nil {
			return err
		}
		for _, p := range parts {
			files = append(files, manifestFile{Path: p.name, Role: roles[i], Rows: &p.rows, Bytes: &p.bytes, SHA256: p.sha256})
		}
	}
	if err := w.write(files); err != nil {
		return err
	}
	return atomicfile.RenameDir(w.partial, w.dir, atomicfile.Refuse)
}

// Abort removes what was written. After Close it does nothing.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	for _, t := range w.tables {
		if t != nil {
			t.abort()
		}
	}
	os.RemoveAll(w.partial)
}

// LedgerHead returns the hash of a ledger's last line and the number of lines,
// as [ParseLedger] wants them. It verifies nothing.
func LedgerHead(data []byte) (head string, entries int64) {
	head = noEntries
	if len(data) == 0 {
		return head, 0
	}
	data = bytes.TrimSuffix(data, []byte{'\n'})
	entries = int64(bytes.Count(data, []byte{'\n'})) + 1
	sum := sha256.Sum256(data[bytes.LastIndexByte(data, '\n')+1:])
	return hex.EncodeToString(sum[:]), entries
}
