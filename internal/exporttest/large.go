package exporttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"whorl/features"
)

// The layout of a large export.
const (
	largeFileRows  = 262_144
	largeGroupRows = 65_536
)

// WriteLarge writes an export of n labelled events into dir, for benchmarks:
// copies of the given events, each copy as the projects of an organisation of
// its own, with names, paths and messages of its own, so that names repeat
// within a copy as often as they do in the originals and never between copies.
func WriteLarge(tb testing.TB, dir string, events []features.Event, labels map[string]string, n int) {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	var listed []map[string]any
	add := func(path, role string, rows int, write func(f *os.File) error) {
		name := filepath.Join(dir, path)
		f, err := os.Create(name)
		if err == nil {
			err = write(f)
		}
		if err == nil {
			err = f.Close()
		}
		data, e := os.ReadFile(name)
		if err != nil || e != nil {
			tb.Fatal(err, e)
		}
		listed = append(listed, map[string]any{"path": path, "role": role, "rows": rows, "bytes": len(data), "sha256": digest(data)})
	}
	var ledger []Entry
	for copied := 0; copied*len(events) < n; copied++ {
		for _, p := range AllPurposes {
			ledger = append(ledger, GrantEntry(largeOrganisation(copied), p))
		}
	}
	for from := 0; from < n; from += largeFileRows {
		rows := min(largeFileRows, n-from)
		add(fmt.Sprintf("events-%05d.parquet", from/largeFileRows), "events", rows, func(f *os.File) error {
			w := parquet.NewGenericWriter[EventRow](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(largeGroupRows))
			for i := from; i < from+rows; i++ {
				e := disguise(events[i%len(events)], i/len(events))
				if _, err := w.Write(EventRows(Rows(e))); err != nil {
					return err
				}
			}
			return w.Close()
		})
	}
	if labels != nil {
		add("labels.parquet", "labels", n, func(f *os.File) error {
			w := parquet.NewGenericWriter[Label](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(largeGroupRows))
			for i := range n {
				e := &events[i%len(events)]
				l := Label{EventID: largeID(e.ID, i/len(events)), GroupID: largeID(labels[e.ID], i/len(events)), Source: "fault-injection", Confidence: 1}
				if _, err := w.Write([]Label{l}); err != nil {
					return err
				}
			}
			return w.Close()
		})
	}
	bytes, head := LedgerBytes(tb, ledger)
	put(tb, dir, "consent-ledger.jsonl", bytes)
	writeJSON(tb, filepath.Join(dir, "manifest.json"), map[string]any{
		"format": "whorl.export/1", "name": "large", "created_at": CreatedAt, "policy_version": PolicyVersion, "files": listed,
		"consent_ledger": map[string]any{"id": "large-ledger", "path": "consent-ledger.jsonl", "entries": len(ledger), "head": head},
	})
}

func largeOrganisation(copied int) string  { return fmt.Sprintf("organisation-%d", copied) }
func largeID(id string, copied int) string { return fmt.Sprintf("%d-%s", copied, id) }
func largeProject(name string, copied int) string {
	return fmt.Sprintf("organisation-%d/%s", copied, name)
}

// disguise returns the event of another application of the same build.
func disguise(e features.Event, copied int) features.Event {
	mark := strconv.FormatInt(int64(copied)+36*36, 36)
	e.ID, e.OrgID, e.ProjectID = largeID(e.ID, copied), largeOrganisation(copied), largeProject(e.ProjectID, copied)
	e.Message = disguiseText(e.Message, mark)
	exceptions := make([]features.Exception, len(e.Exceptions))
	copy(exceptions, e.Exceptions)
	for i := range exceptions {
		x := &exceptions[i]
		x.Value = disguiseText(x.Value, mark)
		frames := make([]features.Frame, len(x.Frames))
		copy(frames, x.Frames)
		for j := range frames {
			f := &frames[j]
			if len(f.Function) > 3 && f.InApp != features.No {
				f.Function += "Of" + mark
			}
			f.Filename = disguisePath(f.Filename, mark)
			f.AbsPath = disguisePath(f.AbsPath, mark)
		}
		x.Frames = frames
	}
	e.Exceptions = exceptions
	return e
}

func disguiseText(s, mark string) string {
	if s == "" {
		return ""
	}
	return s + " in " + mark
}

func disguisePath(s, mark string) string {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i] + "/" + mark + s[i:]
	}
	return s
}
