package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"whorl/features"
	"whorl/internal/exporttest"
)

var ctx = context.Background()

// training is what most tests read an export for.
var training = Options{Purpose: TrainFingerprinting, AsOf: exporttest.AsOf}

var may = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// someEvents returns n different events of one organisation and two projects.
func someEvents(n int) []features.Event {
	out := make([]features.Event, n)
	for i := range out {
		e := features.Event{
			ID: fmt.Sprintf("e%d", i), OrgID: "org", ProjectID: fmt.Sprintf("org/p%d", i%2),
			Time: may.Add(time.Duration(i) * time.Minute), Platform: []string{"javascript", "python", "java"}[i%3],
		}
		if i%3 == 0 {
			e.Message = fmt.Sprintf("message %d", i)
		}
		for j := range i % 3 {
			x := features.Exception{Type: "TypeError", Value: fmt.Sprintf("cannot read %d", i), Handled: features.Tri(j)}
			for k := range i % 5 {
				x.Frames = append(x.Frames, features.Frame{
					Function: fmt.Sprintf("fn%d", k), Filename: "/app/größe.js", Line: int32(k), InApp: features.Tri(k % 3),
				})
			}
			e.Exceptions = append(e.Exceptions, x)
		}
		out[i] = e
	}
	return out
}

func mustOpen(t testing.TB, dir string) *Export {
	t.Helper()
	x, err := OpenExport(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// wantError checks sentinel and text of an error, and that it is one line.
func wantError(t *testing.T, err, want error, says ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has more than one line", err)
	}
}

func TestSample(t *testing.T) {
	x := mustOpen(t, "sample/export")
	events, tally, err := x.ReadEvents(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2065 || tally.Rows != 2065 || tally.Allowed != 2065 || !tally.Complete {
		t.Errorf("%d events, tally %+v", len(events), tally)
	}
	if diff := cmp.Diff([]string{"codeloom", "ledgerly", "searchly"}, tally.Organisations); diff != "" {
		t.Error(diff)
	}
	labels, err := x.Labels()
	if err != nil || len(labels) != 2065 {
		t.Errorf("%d labels, %v", len(labels), err)
	}
	frames := 0
	for _, e := range events {
		if _, ok := labels[e.ID]; !ok {
			t.Fatalf("event %s has no label", e.ID)
		}
		for _, x := range e.Exceptions {
			frames += len(x.Frames)
		}
	}
	if frames != 23574 { // as pyarrow counts them
		t.Errorf("%d frames", frames)
	}
	g, err := OpenGolden("sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	golden, _, err := g.ReadEvents(ctx, exporttest.AsOf)
	if err != nil || len(golden) != 1031 || g.Name != "sample-golden" || g.Version != "1.0.0" {
		t.Errorf("%s %s: %d events, %v", g.Name, g.Version, len(golden), err)
	}
}

// What is written is read, whatever the number of files, row groups and
// pages, and twice over the same.
func TestRoundTrip(t *testing.T) {
	want := someEvents(60)
	for _, opt := range []exporttest.Options{
		{},
		{Files: 3, RowGroup: 7},
		{RowGroup: 1},
		{Writer: []parquet.WriterOption{parquet.PageBufferSize(32), parquet.DataPageVersion(1)}},
		{Writer: []parquet.WriterOption{parquet.Compression(&parquet.Gzip)}},
	} {
		dir := t.TempDir()
		exporttest.Write(t, dir, exporttest.Rows(want...), nil, opt)
		x := mustOpen(t, dir)
		for range 2 {
			got, tally, err := x.ReadEvents(ctx, training)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			if tally.Rows != 60 || len(tally.Denied) != 0 {
				t.Errorf("tally %+v", tally)
			}
		}
	}
}

func TestOmit(t *testing.T) {
	dir := t.TempDir()
	want := someEvents(30)
	exporttest.Write(t, dir, exporttest.Rows(want...), nil, exporttest.Options{})
	x := mustOpen(t, dir)
	all := sortedKeys(optionalColumns())
	for _, omit := range [][]string{{"exceptions.frames.function", "message"}, all} {
		opt := training
		opt.Omit = omit
		got, _, err := x.ReadEvents(ctx, opt)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			w := want[i]
			w.Message = ""
			w.Exceptions = nil
			for _, x := range want[i].Exceptions {
				frames := []features.Frame(nil)
				for _, f := range x.Frames {
					f.Function = ""
					if len(omit) > 2 {
						f = features.Frame{}
					}
					frames = append(frames, f)
				}
				x.Frames = frames
				if len(omit) > 2 {
					x = features.Exception{Frames: frames}
				}
				w.Exceptions = append(w.Exceptions, x)
			}
			if diff := cmp.Diff(w, got[i]); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	for _, name := range []string{"event_id", "consent_purposes", "nothing"} {
		opt := training
		opt.Omit = []string{name}
		_, _, err := x.ReadEvents(ctx, opt)
		wantError(t, err, ErrOptions, name)
	}
}

func TestOptions(t *testing.T) {
	x := mustOpen(t, "sample/export")
	_, _, err := x.ReadEvents(ctx, Options{Purpose: TrainFingerprinting})
	wantError(t, err, ErrOptions, "AsOf")
	_, _, err = x.ReadEvents(ctx, Options{Purpose: "marketing", AsOf: exporttest.AsOf})
	wantError(t, err, ErrOptions, "marketing", "train_fingerprinting", "generative_ai")
	_, _, err = x.ReadEvents(ctx, Options{AsOf: exporttest.AsOf})
	wantError(t, err, ErrOptions)
	for _, p := range Purposes() {
		if got, err := ParsePurpose(string(p)); got != p || err != nil {
			t.Errorf("%s: got %s, %v", p, got, err)
		}
	}
	if _, err := ParsePurpose("TRAIN_FINGERPRINTING"); !errors.Is(err, ErrOptions) {
		t.Errorf("got %v", err)
	}
}

func TestBreakAndCancel(t *testing.T) {
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(300)...), nil, exporttest.Options{Files: 2})
	x := mustOpen(t, dir)
	events, tally := x.Events(ctx, training)
	n := 0
	for _, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			break
		}
	}
	if tally.Complete {
		t.Error("a walk that was broken off is complete")
	}
	n = 0
	for _, err := range events { // again, from the start
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 300 || !tally.Complete || tally.Allowed != 300 {
		t.Errorf("%d events, tally %+v", n, tally)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := x.ReadEvents(cancelled, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	func() { // a consumer's panic is its own
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v", r)
			}
		}()
		for range events {
			panic("mine")
		}
	}()
}

func TestEmptyAndDenied(t *testing.T) {
	dir := t.TempDir()
	exporttest.Write(t, dir, nil, nil, exporttest.Options{})
	x := mustOpen(t, dir)
	_, tally, err := x.ReadEvents(ctx, training)
	wantError(t, err, ErrNothingAllowed, dir, "no row")
	if tally == nil || tally.Rows != 0 {
		t.Errorf("tally %+v", tally)
	}
	dir = t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(4)...), nil, exporttest.Options{Ledger: []exporttest.Entry{exporttest.GrantEntry("other", "train_fingerprinting")}})
	x = mustOpen(t, dir)
	_, tally, err = x.ReadEvents(ctx, training)
	wantError(t, err, ErrNothingAllowed, "no_grant 4")
	if tally.Rows != 4 || tally.Denied[NoGrant] != 4 || tally.DeniedOrganisations[NoGrant] != 1 {
		t.Errorf("tally %+v", tally)
	}
}

// writeSmall writes a tiny export of two events files, labels and pairs.
func writeSmall(t testing.TB) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(2)...), []exporttest.Label{
		{EventID: "e0", GroupID: "g", Source: "human", Confidence: 1, Slices: []string{"kind:a"}},
	}, exporttest.Options{
		Files: 2, Ledger: []exporttest.Entry{exporttest.GrantEntry("org", "train_fingerprinting")},
		Writer: []parquet.WriterOption{parquet.Compression(&parquet.Snappy)},
		Pairs:  []exporttest.Pair{{A: "e0", B: "e1", Label: "GROUP", Confidence: 1, Source: "human"}},
	})
	return dir, []string{"events-00000.parquet", "events-00001.parquet", "labels.parquet", "pairs.parquet", "consent-ledger.jsonl"}
}

func TestTruncations(t *testing.T) {
	dir, files := writeSmall(t)
	for _, name := range append(files, "manifest.json") {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		end := len(good)
		if name == "consent-ledger.jsonl" || name == "manifest.json" {
			end-- // the newline at the end carries nothing
		}
		for n := 0; n < end; n++ {
			if err := os.WriteFile(path, good[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenExport(dir); err == nil {
				t.Errorf("%s: cut to %d bytes is accepted", name, n)
			} else if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %q does not name it", name, err)
			}
		}
		if err := os.WriteFile(path, append(good, ' '), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenExport(dir); err == nil && name != "manifest.json" {
			t.Errorf("%s: accepted with a byte more", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		_, err = OpenExport(dir)
		wantError(t, err, ErrFile, name, "does not exist")
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnlistedFileIsIgnored(t *testing.T) {
	dir, _ := writeSmall(t)
	exporttestEvents := exporttest.EventsBytes(t, exporttest.Rows(someEvents(40)...), exporttest.Options{})
	for _, name := range []string{"events-00002.parquet", "events.parquet"} {
		if err := os.WriteFile(filepath.Join(dir, name), exporttestEvents, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	events, _, err := mustOpen(t, dir).ReadEvents(ctx, training)
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
}

// onDisk makes the export read its files from disk, as it does with large ones.
func onDisk(t testing.TB, x *Export) *Export {
	t.Helper()
	for i, data := range x.store.kept {
		whole, sums, size, err := sumBlocks(bytes.NewReader(data))
		if err != nil || whole != x.store.files[i].SHA256 || size != x.store.files[i].Bytes {
			t.Fatalf("%s, %d bytes, %v", whole, size, err)
		}
		x.store.kept[i], x.store.sums[i] = nil, sums
	}
	return x
}

// A file that is changed after it was verified is not read, not even where
// only one bit of one page differs and everything else is put back.
func TestChangedAfterOpen(t *testing.T) {
	dir, files := writeSmall(t)
	x := onDisk(t, mustOpen(t, dir))
	if _, _, err := x.ReadEvents(ctx, training); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, files[1])
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err = x.ReadEvents(ctx, training)
		wantError(t, err, ErrFile, files[1], "run again")
	}
	for _, other := range [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0), nil} {
		if err := os.WriteFile(path, other, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err = x.ReadEvents(ctx, training)
		wantError(t, err, ErrFile, files[1])
	}
}

func TestSpecialFiles(t *testing.T) {
	dir, files := writeSmall(t)
	outside := filepath.Join(t.TempDir(), "outside")
	for i, name := range files {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(outside, good, 0o644); err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
		if err := os.Symlink(outside, path); err != nil {
			t.Fatal(err)
		}
		_, err = OpenExport(dir)
		wantError(t, err, ErrFile, name, "no regular file")
		os.Remove(path)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err = OpenExport(dir)
		wantError(t, err, ErrFile, name, "no regular file")
		os.Remove(path)
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // a link to a directory elsewhere, on the way
			if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "sub")); err != nil {
				t.Fatal(err)
			}
			exporttest.Edit(t, dir, func(m map[string]any) { m["files"].([]any)[0].(map[string]any)["path"] = "sub/outside" })
			_, err = OpenExport(dir)
			wantError(t, err, ErrFile, "sub/outside")
			exporttest.Edit(t, dir, func(m map[string]any) { m["files"].([]any)[0].(map[string]any)["path"] = name })
		}
	}
	mustOpen(t, dir)
}

func TestRowCount(t *testing.T) {
	dir, _ := writeSmall(t)
	exporttest.Edit(t, dir, func(m map[string]any) { m["files"].([]any)[1].(map[string]any)["rows"] = 4 })
	_, err := OpenExport(dir)
	wantError(t, err, ErrFile, "events-00001.parquet", "1 rows", "says 4")
}
