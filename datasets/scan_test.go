package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"whorl/datasets/internal/columnar"
	"whorl/features"
	"whorl/internal/exporttest"
)

// Events, their order, the tally and the error do not depend on the number of
// workers, the memory, the row groups, the pages, or where files are read from.
func TestWorkers(t *testing.T) {
	rows := exporttest.Rows(someEvents(700)...)
	for i := range 60 { // copies, near and far
		rows = append(rows, rows[i*7])
	}
	rows[31].Message = "other content" // of a row that has a copy? 31 has none
	rows[700+3].Message = "other content of a copy"
	rows[5].OrgID = ""
	rows[6].Purposes = []string{"generative_ai"}
	var want []features.Event
	var wantTally *Tally
	for _, layout := range []exporttest.Options{
		{},
		{Files: 5, RowGroup: 9},
		{Files: 2, RowGroup: 130, Writer: []parquet.WriterOption{parquet.PageBufferSize(64)}},
		{RowGroup: 1},
		{Writer: []parquet.WriterOption{parquet.PageBufferSize(512), parquet.DataPageVersion(1), parquet.Compression(&parquet.Snappy)}},
	} {
		dir := t.TempDir()
		exporttest.Write(t, dir, rows, nil, layout)
		for _, source := range []func() *Export{
			func() *Export { return mustOpen(t, dir) },
			func() *Export { return onDisk(t, mustOpen(t, dir)) },
		} {
			for _, workers := range []int{0, 1, 2, 3, 30} {
				opt := training
				opt.Workers, opt.Memory = workers, LeastMemory
				got, tally, err := source().ReadEvents(ctx, opt)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want, wantTally = got, tally
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%+v, %d workers: %s", layout, workers, diff)
				}
				if diff := cmp.Diff(wantTally, tally, cmp.AllowUnexported(Tally{})); diff != "" {
					t.Fatalf("%+v, %d workers: %s", layout, workers, diff)
				}
			}
		}
	}
	if wantTally.Denied[Duplicate] != 59 || wantTally.Denied[ConflictingDuplicate] != 2 || wantTally.Denied[SubjectMissing] != 1 {
		t.Errorf("tally %+v", wantTally)
	}
}

// Rows read as the Parquet library's own row reader reads them, the slow and
// obvious way, whatever the rows hold.
func TestAgainstRowReader(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
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
		var rows []exporttest.Row
		for i := range rapid.IntRange(1, 40).Draw(t, "rows") {
			rows = append(rows, exporttest.Row{Event: features.Event{
				ID: fmt.Sprint(i), OrgID: "org", ProjectID: "org/p", Time: may, Platform: "java", Message: text.Draw(t, "message"),
				Release: text.Draw(t, "release"), Exceptions: rapid.SliceOfN(exception, 0, 4).Draw(t, "exceptions"),
			}})
		}
		opt := exporttest.Options{
			RowGroup: rapid.IntRange(1, 40).Draw(t, "row group"),
			Writer: []parquet.WriterOption{
				parquet.PageBufferSize(rapid.IntRange(16, 4096).Draw(t, "page")), parquet.DataPageVersion(rapid.IntRange(1, 2).Draw(t, "version")),
			},
		}
		data := exporttest.EventsBytes(outer, rows, opt)
		s, err := unverified(RoleEvents, data)
		if err != nil {
			t.Fatal(err)
		}
		gate := &gate{purpose: TrainFingerprinting, asOf: exporttest.AsOf}
		o := training
		o.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
		got, _, err := collect(ctx, &walk{store: s, opt: o, gate: func() func(*facts) Reason { return gate.check }})
		if err != nil {
			t.Fatal(err)
		}
		slow, err := parquet.Read[exporttest.EventRow](bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if len(slow) != len(got) {
			t.Fatalf("%d events of %d rows", len(got), len(slow))
		}
		for i := range slow {
			if diff := cmp.Diff(exporttest.Event(&slow[i]), got[i]); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// Map hands out what its function makes, in order, and the events it lends do
// not leak into each other.
func TestMap(t *testing.T) {
	events := someEvents(500)
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(events...), nil, exporttest.Options{RowGroup: 77})
	x := mustOpen(t, dir)
	opt := training
	opt.Workers = 3
	started := make(chan struct{}, 10)
	all, tally := Map(ctx, x, opt, func() func(*features.Event) string {
		started <- struct{}{}
		return func(e *features.Event) string { return fmt.Sprint(*e) }
	})
	i := 0
	for got, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(events[i]); got != want {
			t.Fatalf("event %d is %s, want %s", i, got, want)
		}
		i++
	}
	if i != 500 || tally.Allowed != 500 || len(started) != 3 {
		t.Errorf("%d events, %d workers, tally %+v", i, len(started), tally)
	}
}

// Whatever ends a walk, no goroutine is left.
func TestNoGoroutineLeft(t *testing.T) {
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(3000)...), nil, exporttest.Options{RowGroup: 500})
	x := mustOpen(t, dir)
	opt := training
	opt.Workers = 4
	before := runtime.NumGoroutine()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		stop := random.IntN(3000)
		ctx, cancel := context.WithCancel(ctx)
		func() {
			defer func() {
				if r := recover(); r != nil && r != "mine" {
					t.Errorf("recovered %v", r)
				}
			}()
			n := 0
			all, _ := Map(ctx, x, opt, func() func(*features.Event) int {
				return func(e *features.Event) int {
					if i%3 == 0 && e.ID == fmt.Sprintf("e%d", stop) {
						panic("mine")
					}
					return 0
				}
			})
			for _, err := range all {
				if n++; i%3 == 1 && n == stop {
					cancel()
				}
				if err != nil && !errors.Is(err, context.Canceled) || n == stop && i%3 == 2 {
					break
				}
			}
			if i%3 == 0 {
				t.Errorf("the panic was lost")
			}
		}()
		cancel()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// Files that need more than the memory allowed end in an error that says so,
// and are read where more is allowed.
func TestMemoryLimits(t *testing.T) {
	big := someEvents(300)
	for i := range big {
		big[i].Message = fmt.Sprint(i) + strings.Repeat("x", columnar.MaxCellBytes/2)
	}
	dictionary := someEvents(300)
	for i := range dictionary { // stands in a dictionary, for the whole row group
		dictionary[i].Release = fmt.Sprint(i) + strings.Repeat("y", 100<<10)
	}
	for _, tt := range []struct {
		name   string
		events []features.Event
		says   string
	}{
		{"rows", big, "allow more memory"},
		{"dictionary", dictionary, "allow more memory"},
	} {
		dir := t.TempDir()
		exporttest.Write(t, dir, exporttest.Rows(tt.events...), nil, exporttest.Options{Writer: []parquet.WriterOption{parquet.Compression(&parquet.Zstd)}})
		x := mustOpen(t, dir)
		for _, workers := range []int{1, 3} {
			opt := training
			opt.Workers, opt.Memory = workers, LeastMemory
			_, _, err := x.ReadEvents(ctx, opt)
			wantError(t, err, ErrLimit, tt.says, "events.parquet")
			opt.Memory = 1 << 30
			if got, _, err := x.ReadEvents(ctx, opt); err != nil || len(got) != 300 {
				t.Errorf("%s: %d events, %v", tt.name, len(got), err)
			}
		}
	}
	x := mustOpen(t, "sample/export")
	opt := training
	opt.Memory = LeastMemory - 1
	_, _, err := x.ReadEvents(ctx, opt)
	wantError(t, err, ErrOptions, "at least")
	opt = training
	opt.Workers = -1
	_, _, err = x.ReadEvents(ctx, opt)
	wantError(t, err, ErrOptions, "workers")
}

// Passes over the ids: the fewer fit in memory, the more passes, the same
// copies.
func TestManyIDs(t *testing.T) {
	events := someEvents(100)
	rows := exporttest.Rows(events...)
	rows = append(rows, rows[3], rows[50])
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{RowGroup: 10})
	w := mustOpen(t, dir).walk(training)
	want, err := w.findDuplicates(ctx)
	if err != nil || len(want) != 2 {
		t.Fatalf("%v, %v", want, err)
	}
	for _, perPass := range []int64{1, 10, 50, 1000} { // ids a pass
		got, err := findCopies(ctx, w.scan(), perPass)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(copies{}, rowPlace{})); diff != "" {
			t.Errorf("%d ids a pass: %s", perPass, diff)
		}
	}
}

func TestFindTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hashes := rapid.SliceOf(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 20), rapid.Uint64Range(1<<63, 1<<63+20))).Draw(t, "hashes")
		want := map[uint64]bool{}
		for i, h := range hashes {
			if slices.Contains(hashes[:i], h) {
				want[h] = true
			}
		}
		got := map[uint64]bool{}
		findTwice(hashes, got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSameElements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Uint8Range(0, 7)
		a := rapid.SliceOfN(level, 0, 40).Draw(t, "a")
		b := slices.Clone(a)
		if len(b) > 0 && rapid.Bool().Draw(t, "change") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = level.Draw(t, "to")
		}
		def := level.Draw(t, "def")
		want := true
		for i := range a {
			want = want && (a[i] >= def) == (b[i] >= def)
		}
		if got := sameElements(a, b, def); got != want {
			t.Fatalf("%v and %v from %d on: %v", a, b, def, got)
		}
	})
}

// TestManySmallGroups reads an export whose row groups each have a dictionary
// of large texts, with more workers than the consumer keeps up with: what waits
// to be consumed keeps dictionaries alive, and must stay within the memory.
func TestManySmallGroups(t *testing.T) {
	const cell, perGroup = 32 << 10, 40
	events := someEvents(2000)
	for i := range events {
		events[i].Message = fmt.Sprintf("%0*d", cell, i)
	}
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(events...), nil, exporttest.Options{RowGroup: perGroup})
	events = nil
	x := mustOpen(t, dir) // too large to be kept
	opt := training
	opt.Workers, opt.Memory = 40, LeastMemory
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	all, _ := Map(ctx, x, opt, func() func(*features.Event) int { return func(e *features.Event) int { return len(e.Message) } })
	for size, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if n += size; n%(500*cell) == 0 { // the workers run ahead as far as they may
			time.Sleep(50 * time.Millisecond)
			runtime.GC()
			runtime.ReadMemStats(&now)
			if alive := int64(now.HeapAlloc) - int64(before.HeapAlloc); alive > LeastMemory {
				t.Errorf("%d MiB are alive", alive>>20)
			}
		}
	}
	if n != 2000*cell {
		t.Errorf("%d bytes", n)
	}
}
