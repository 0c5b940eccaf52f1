package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"whorl/datasets/internal/columnar"
	"whorl/features"
	"whorl/internal/exporttest"
)

// drawEvent draws an event that may stand in an export.
func drawEvent(t *rapid.T, i int) features.Event {
	text := rapid.OneOf(rapid.Just(""), rapid.StringN(0, 12, 40), rapid.SampledFrom([]string{"a", "bb", "größe"}))
	tri := rapid.SampledFrom([]features.Tri{features.Unknown, features.No, features.Yes})
	number := rapid.OneOf(rapid.Just(int32(0)), rapid.Int32())
	frame := rapid.Custom(func(t *rapid.T) features.Frame {
		return features.Frame{
			Function: text.Draw(t, "function"), Module: text.Draw(t, "module"), Filename: text.Draw(t, "filename"), AbsPath: text.Draw(t, "abs_path"),
			ContextLine: text.Draw(t, "context"), Line: number.Draw(t, "line"), Column: number.Draw(t, "column"), InApp: tri.Draw(t, "in_app"),
		}
	})
	exception := rapid.Custom(func(t *rapid.T) features.Exception {
		return features.Exception{
			Type: text.Draw(t, "type"), Value: text.Draw(t, "value"), Mechanism: text.Draw(t, "mechanism"), Handled: tri.Draw(t, "handled"),
			Frames: rapid.SliceOfN(frame, 0, 6).Draw(t, "frames"),
		}
	})
	return features.Event{
		ID: fmt.Sprint(i), OrgID: "org", ProjectID: "org/p", Time: may.Add(time.Duration(i) * time.Second), Platform: "java", Message: text.Draw(t, "message"),
		Release: text.Draw(t, "release"), Environment: text.Draw(t, "environment"), RuntimeName: text.Draw(t, "runtime"),
		RuntimeVersion: text.Draw(t, "version"), Exceptions: rapid.SliceOfN(exception, 0, 4).Draw(t, "exceptions"),
	}
}

// What is written is read, and written again it is the same to the byte.
func TestWriteRoundTrip(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
		dir, err := os.MkdirTemp(outer.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		var events []features.Event
		for i := range rapid.IntRange(1, 30).Draw(t, "rows") {
			events = append(events, drawEvent(t, i))
		}
		labels := map[string]Label{}
		for _, e := range events {
			if rapid.Bool().Draw(t, "labelled") {
				labels[e.ID] = Label{
					GroupID: rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group"), Source: "human", Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
					Slices: rapid.SliceOfN(rapid.SampledFrom([]string{"kind:a", "b"}), 0, 2).Draw(t, "slices"),
				}
			}
		}
		pairs := []Pair{{A: "1", B: "2", Group: true, Confidence: 1, Source: "human"}, {A: "1", B: "3", Confidence: .5}}
		write := func(name string) string {
			out := filepath.Join(dir, name)
			w, err := CreateGolden(out, GoldenInfo{Name: "x", Version: "1", ConsentBasis: "generated"})
			if err != nil {
				t.Fatal(err)
			}
			for i := range events {
				if err := w.WriteEvent(&events[i], RowConsent{Purposes: []string{"train_fingerprinting", "evaluate_fingerprinting"}, PolicyVersion: "2026-02"}); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range sortedKeys(labels) {
				if err := w.WriteLabel(id, labels[id]); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range pairs {
				if err := w.WritePair(p); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return out
		}
		out := write("first")
		g, err := OpenGolden(out)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := g.ReadEvents(ctx, exporttest.AsOf)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(events, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		gotLabels, err := g.Labels()
		if diff := cmp.Diff(labels, gotLabels, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		gotPairs, err := g.Pairs()
		if diff := cmp.Diff(pairs, gotPairs); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		again := write("second")
		for _, f := range append(g.Files(), File{Path: "dataset.json"}) {
			a, err := os.ReadFile(filepath.Join(out, f.Path))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(again, f.Path)); err != nil || !bytes.Equal(a, b) {
				t.Fatalf("%s differs when written again, %v", f.Path, err)
			}
		}
	})
}

// An export is written with its ledger, and judged by it.
func TestWriteExport(t *testing.T) {
	entries := []Entry{{
		OrgID: "org", Purpose: TrainFingerprinting, Action: Grant, PolicyVersion: "2026-02", CoversEarlierEvents: true,
		EffectiveAt: may, RecordedAt: may.Add(time.Millisecond), ExpiresAt: may.AddDate(2, 0, 0),
	}, {OrgID: "org", ProjectID: "org/p1", Purpose: TrainFingerprinting, Action: Withdraw, EffectiveAt: may.Add(time.Hour), RecordedAt: may.Add(time.Hour)}}
	var ledger bytes.Buffer
	head, err := WriteLedger(&ledger, entries)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	w, err := CreateExport(dir, ExportInfo{Name: "x", PolicyVersion: "2026-02", CreatedAt: may, LedgerID: "l", Ledger: ledger.Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range someEvents(10) {
		if err := w.WriteEvent(&e, RowConsent{Purposes: []string{"train_fingerprinting"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is there before Close")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x := mustOpen(t, dir)
	if x.Ledger.Head != head || len(x.Ledger.Entries) != 2 || !x.Ledger.Entries[0].RecordedAt.Equal(entries[0].RecordedAt) {
		t.Errorf("ledger %+v", x.Ledger)
	}
	_, tally, err := x.ReadEvents(ctx, training)
	if err != nil || tally.Allowed != 5 || tally.Denied[Withdrawn] != 5 {
		t.Errorf("%v, tally %+v", err, tally)
	}
	if _, err := CreateExport(dir, ExportInfo{Name: "x", PolicyVersion: "2026-02", CreatedAt: may, LedgerID: "l", Ledger: ledger.Bytes()}); err == nil {
		t.Error("writes over an export")
	}
}

func TestWriteLedgerRefuses(t *testing.T) {
	good := Entry{OrgID: "org", Purpose: TrainFingerprinting, Action: Grant, PolicyVersion: "1", EffectiveAt: may, RecordedAt: may, ExpiresAt: may.AddDate(1, 0, 0)}
	for name, change := range map[string]func(*Entry){
		"organisation": func(e *Entry) { e.OrgID = " org" }, "purpose": func(e *Entry) { e.Purpose = "x" },
		"action": func(e *Entry) { e.Action = "x" }, "no end": func(e *Entry) { e.ExpiresAt = time.Time{} },
		"order": func(e *Entry) { e.RecordedAt = may.Add(-1) }, "no time": func(e *Entry) { e.EffectiveAt = time.Time{} },
	} {
		bad := good
		change(&bad)
		_, err := WriteLedger(new(bytes.Buffer), []Entry{good, bad})
		if !errors.Is(err, ErrLedger) || !strings.Contains(err.Error(), "entry 2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A row that no reader would take is left out with an error, and the others
// are written.
func TestWriteRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	w, err := CreateGolden(dir, GoldenInfo{Name: "x", Version: "1", ConsentBasis: "generated"})
	if err != nil {
		t.Fatal(err)
	}
	good := someEvents(3)[2]
	consent := RowConsent{Purposes: []string{"evaluate_fingerprinting"}}
	for name, change := range map[string]func(*features.Event){
		"id": func(e *features.Event) { e.ID = "" }, "organisation": func(e *features.Event) { e.OrgID = "a " }, "project": func(e *features.Event) { e.ProjectID = "" },
		"platform": func(e *features.Event) { e.Platform = "" }, "time": func(e *features.Event) { e.Time = time.Time{} },
		"long cell": func(e *features.Event) { e.Message = strings.Repeat("x", columnar.MaxCellBytes+1) },
		"long row": func(e *features.Event) {
			long := strings.Repeat("x", columnar.MaxCellBytes)
			e.Message, e.Release, e.Environment, e.RuntimeName = long, long, long, long
		},
		"not UTF-8": func(e *features.Event) { e.Exceptions[0].Frames[0].Function = "\xff" },
	} {
		bad := good
		bad.Exceptions = slices.Clone(good.Exceptions)
		bad.Exceptions[0].Frames = slices.Clone(bad.Exceptions[0].Frames)
		change(&bad)
		err := w.WriteEvent(&bad, consent)
		if !errors.Is(err, ErrEvent) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := w.WriteEvent(&good, consent); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []Label{{}, {GroupID: "g", Confidence: 2}, {GroupID: "g", Confidence: math.NaN()}} {
		if err := w.WriteLabel("a", l); !errors.Is(err, ErrLabel) {
			t.Errorf("%+v: got %v", l, err)
		}
	}
	if err := w.WritePair(Pair{A: "a", B: "a", Confidence: 1}); !errors.Is(err, ErrLabel) {
		t.Errorf("got %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := OpenGolden(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, tally, _ := g.ReadEvents(ctx, exporttest.AsOf); tally.Rows != 8 {
		t.Errorf("%d rows", tally.Rows)
	}
	abandoned := filepath.Join(t.TempDir(), "out")
	if w, err = CreateGolden(abandoned, GoldenInfo{Name: "x", Version: "1", ConsentBasis: "generated"}); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if entries, err := os.ReadDir(filepath.Dir(abandoned)); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// BenchmarkWrite writes the sample's events, about 11 frames each, over and
// over under other ids.
func BenchmarkWrite(b *testing.B) {
	events, _, err := mustOpen(b, "sample/export").ReadEvents(ctx, training)
	if err != nil {
		b.Fatal(err)
	}
	consent := RowConsent{Purposes: exporttest.AllPurposes, PolicyVersion: exporttest.PolicyVersion}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		w, err := CreateGolden(filepath.Join(b.TempDir(), "out"), GoldenInfo{Name: "x", Version: "1", ConsentBasis: "generated"})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 100 {
			for _, e := range events {
				e.ID = fmt.Sprintf("%s-%d", e.ID, i)
				if err := w.WriteEvent(&e, consent); err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
