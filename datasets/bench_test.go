package datasets

import (
	"testing"

	"whorl/internal/exporttest"
)

// BenchmarkReadSample reads the sample export through the gate: duplicates,
// consent, assembly.
func BenchmarkReadSample(b *testing.B) {
	benchmarkRead(b, mustOpen(b, "sample/export"), 2065)
}

// BenchmarkReadLarge reads 20 copies of the sample's events under other ids,
// in row groups of 4,096.
func BenchmarkReadLarge(b *testing.B) {
	events, _, err := mustOpen(b, "sample/export").ReadEvents(ctx, training)
	if err != nil {
		b.Fatal(err)
	}
	var rows []exporttest.Row
	for i := range 20 {
		for _, r := range exporttest.Rows(events...) {
			r.ID = string(rune('a'+i)) + r.ID
			rows = append(rows, r)
		}
	}
	dir := b.TempDir()
	exporttest.Write(b, dir, rows, nil, exporttest.Options{RowGroup: 4096})
	benchmarkRead(b, mustOpen(b, dir), len(rows))
}

func benchmarkRead(b *testing.B, x *Export, want int) {
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		events, _ := x.Events(ctx, training)
		for _, err := range events {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != want {
			b.Fatalf("%d events", n)
		}
	}
	b.ReportMetric(float64(want)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkColumns decodes the same columns without gate and assembly: what
// reading them costs at least.
func BenchmarkColumns(b *testing.B) {
	x := mustOpen(b, "sample/export")
	for b.Loop() {
		f, done, err := x.store.file(0)
		if err != nil {
			b.Fatal(err)
		}
		nodes, err := eventSchema("sample", f.Root())
		if err != nil {
			b.Fatal(err)
		}
		for g := range f.Groups() {
			r, err := newRowReader(f, nodes, g, nil, 0)
			if err != nil {
				b.Fatal(err)
			}
			for {
				more, err := r.next()
				if err != nil {
					b.Fatal(err)
				}
				if !more {
					break
				}
			}
		}
		if err := done(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2065*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkOpenSample(b *testing.B) {
	for b.Loop() {
		mustOpen(b, "sample/export")
	}
}
