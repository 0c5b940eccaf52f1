package datasets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"whorl/features"
	"whorl/internal/exporttest"
)

// benchEvents is how many events the large export of the benchmarks has:
// 1,000,000, or what WHORL_BENCH_EVENTS says.
func benchEvents(b *testing.B) int {
	text := os.Getenv("WHORL_BENCH_EVENTS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

var largeExport struct {
	sync.Mutex
	dir string
}

// large writes the large export once for all benchmarks; TestMain removes it.
func large(b *testing.B) *Export {
	largeExport.Lock()
	defer largeExport.Unlock()
	if largeExport.dir == "" {
		events, _, err := mustOpen(b, "sample/export").ReadEvents(ctx, training)
		if err != nil {
			b.Fatal(err)
		}
		if largeExport.dir, err = os.MkdirTemp("", "whorl-bench-"); err != nil {
			b.Fatal(err)
		}
		exporttest.WriteLarge(b, largeExport.dir, events, nil, benchEvents(b))
	}
	return mustOpen(b, largeExport.dir)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if largeExport.dir != "" {
		os.RemoveAll(largeExport.dir)
	}
	os.Exit(code)
}

// perSecond reports events a second and, where the system tells, the most
// memory that was resident since measure was called.
func perSecond(b *testing.B, n int64) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 64)
			if err == nil {
				b.ReportMetric(n/1024, "MiB-resident")
			}
		}
	}
}

// measure forgets the memory that was resident before.
func measure(b *testing.B) {
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // Linux only; elsewhere nothing is reported
	b.ReportAllocs()
	b.ResetTimer()
}

// BenchmarkLarge reads the large export in steps, each with one and with two
// workers: pages, and pages with their values, through parquet-go's page API;
// both through our cursors; then judged by the gate; then as events; then with
// extraction.
func BenchmarkLarge(b *testing.B) {
	for _, step := range []struct {
		name string
		run  func(b *testing.B, x *Export, workers int) int64
	}{
		{"pages", pageAPI(false)},
		{"page-values", pageAPI(true)},
		{"cursors", bareCursors},
		{"gate", judgeLarge},
		{"events", func(b *testing.B, x *Export, workers int) int64 {
			return readLarge(b, x, workers, func() func(*features.Event) struct{} {
				return func(*features.Event) struct{} { return struct{}{} }
			})
		}},
		{"extract", func(b *testing.B, x *Export, workers int) int64 {
			return readLarge(b, x, workers, func() func(*features.Event) uint64 {
				var extractor features.Extractor
				var r features.Record
				return func(e *features.Event) uint64 {
					extractor.Extract(e, &r)
					return r.Content
				}
			})
		}},
	} {
		for workers := 1; workers <= 2; workers++ {
			b.Run(fmt.Sprintf("%s/workers=%d", step.name, workers), func(b *testing.B) {
				x := large(b)
				measure(b)
				for b.Loop() {
					if n := step.run(b, x, workers); n != x.Rows() {
						b.Fatalf("%d rows of %d", n, x.Rows())
					}
				}
				perSecond(b, x.Rows())
			})
		}
	}
}

// judgeLarge decodes all columns and decides on every row, copies included, but
// makes no event.
func judgeLarge(b *testing.B, x *Export, workers int) (n int64) {
	opt := training
	opt.Workers = workers
	w := x.walk(opt)
	repeated, err := w.findDuplicates(ctx)
	if err != nil {
		b.Fatal(err)
	}
	process := func() func(*batch, *int64) error {
		j := &judge{asOf: opt.AsOf, decide: w.gate(), repeated: repeated}
		return func(b *batch, n *int64) error {
			if *n = 0; b.check() != nil {
				return errShape(b.lanes[b.shape].node)
			}
			for b.next() {
				if j.reason(b) == allowed {
					*n++
				}
			}
			return nil
		}
	}
	if err := scanRows(ctx, w.scan(), process, func(allowed *int64) (bool, error) { n += *allowed; return true, nil }); err != nil {
		b.Fatal(err)
	}
	return n
}

func readLarge[T any](b *testing.B, x *Export, workers int, start func() func(*features.Event) T) (n int64) {
	opt := training
	opt.Workers = workers
	all, _ := Map(ctx, x, opt, start)
	for _, err := range all {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}

// groups calls f for every row group of the export's events, workers at a
// time, and adds up what it returns.
func groups(b *testing.B, x *Export, workers int, f func(file, group int) int64) (sum int64) {
	var mu sync.Mutex
	work := make(chan place)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for at := range work {
				n := f(at.file, at.group)
				mu.Lock()
				sum += n
				mu.Unlock()
			}
		})
	}
	for i := range x.store.files {
		if x.store.files[i].Role != RoleEvents {
			continue
		}
		f, done, err := x.store.file(i)
		if err != nil {
			b.Fatal(err)
		}
		for g := range f.Groups() {
			work <- place{i, g}
		}
		done()
	}
	close(work)
	all.Wait()
	return sum
}

// pageAPI decodes all pages of the columns that a walk reads with parquet-go's
// page API. It does nothing with them, or reads their values with their levels,
// as whoever uses them must.
func pageAPI(values bool) func(b *testing.B, x *Export, workers int) int64 {
	return func(b *testing.B, x *Export, workers int) int64 {
		open := make([]func() *parquet.File, len(x.store.files))
		for i, listed := range x.store.files {
			open[i] = sync.OnceValue(func() *parquet.File {
				data, err := os.ReadFile(filepath.Join(x.Dir, listed.Path))
				if err != nil {
					panic(err)
				}
				f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.FileReadMode(parquet.ReadModeSync))
				if err != nil {
					panic(err)
				}
				return f
			})
		}
		return groups(b, x, workers, func(file, group int) int64 {
			var buf [1024]parquet.Value
			g := open[file]().RowGroups()[group]
			for _, chunk := range g.ColumnChunks() {
				pages := chunk.Pages()
				for {
					p, err := pages.ReadPage()
					if err == io.EOF {
						break
					}
					if err != nil {
						panic(err)
					}
					atomic.AddInt64(&pageSink, int64(len(p.RepetitionLevels()))+int64(len(p.DefinitionLevels()))+p.NumValues())
					for r := p.Values(); values; {
						if _, err := r.ReadValues(buf[:]); err == io.EOF {
							break
						} else if err != nil {
							panic(err)
						}
					}
					parquet.Release(p)
				}
				pages.Close()
			}
			return g.NumRows()
		})
	}
}

var pageSink int64

// bareCursors decodes the same with our cursors.
func bareCursors(b *testing.B, x *Export, workers int) int64 {
	return groups(b, x, workers, func(file, group int) int64 {
		f, err := x.store.openEvents(file)
		if err != nil {
			b.Error(err)
			return 0
		}
		defer f.close()
		c := newColumns(f.nodes, &scan{})
		g := f.file.Group(group, 0)
		var batch rowBatch
		for i, n := range c.leaves {
			if n == nil {
				continue
			}
			cursor, err := g.Cursor(n)
			if err != nil {
				b.Error(err)
				return 0
			}
			for rows := g.Rows(); rows > 0; {
				batch.vectors[i].Reset()
				got, err := cursor.Read(&batch.vectors[i], mostBatchRows)
				if err != nil {
					b.Error(err)
					return 0
				}
				rows -= int64(got)
			}
		}
		return g.Rows()
	})
}

// BenchmarkReadSample reads the sample export through the gate: duplicates,
// consent, assembly.
func BenchmarkReadSample(b *testing.B) {
	x := mustOpen(b, "sample/export")
	measure(b)
	for b.Loop() {
		if n := readLarge(b, x, 1, func() func(*features.Event) struct{} { return func(*features.Event) struct{} { return struct{}{} } }); n != 2065 {
			b.Fatalf("%d events", n)
		}
	}
	perSecond(b, 2065)
}

func BenchmarkOpenSample(b *testing.B) {
	for b.Loop() {
		mustOpen(b, "sample/export")
	}
}
