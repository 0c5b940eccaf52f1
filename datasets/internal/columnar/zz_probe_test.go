package columnar

import (
	"encoding/json"
	"bytes"
	"io"
	"os"
	"testing"
	"time"
	"fmt"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// naive reads all columns with the page API, strings materialised once per dictionary.
func naive(data []byte) (n int, err error) {
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil { return 0, err }
	for _, g := range f.RowGroups() {
		for _, cc := range g.ColumnChunks() {
			pages := cc.Pages()
			var dict []string
			var strs []string
			var ints []int64
			var reps, defs []byte
			for {
				p, err := pages.ReadPage()
				if err == io.EOF { break }
				if err != nil { return n, err }
				reps = append(reps[:0], p.RepetitionLevels()...)
				defs = append(defs[:0], p.DefinitionLevels()...)
				d := p.Data()
				strs, ints = strs[:0], ints[:0]
				if dd := p.Dictionary(); dd != nil && cc.Type().Kind() == parquet.ByteArray {
					if dict == nil {
						dv := dd.Page().Data()
						v, off := dv.ByteArray()
						s := string(v)
						for i := range len(off) - 1 { dict = append(dict, s[off[i]:off[i+1]]) }
					}
					for _, i := range d.Int32() { strs = append(strs, dict[i]) }
				} else {
					switch cc.Type().Kind() {
					case parquet.ByteArray:
						v, off := d.ByteArray()
						s := string(v)
						for i := range len(off) - 1 { strs = append(strs, s[off[i]:off[i+1]]) }
					case parquet.Int32:
						for _, v := range d.Int32() { ints = append(ints, int64(v)) }
					case parquet.Int64:
						ints = append(ints, d.Int64()...)
					case parquet.Boolean:
						b := d.Boolean()
						for i := range int(p.NumValues()-p.NumNulls()) { ints = append(ints, int64(b[i/8]>>(i%8)&1)) }
					}
				}
				n += len(defs)+len(strs)+len(ints)
				parquet.Release(p)
			}
			pages.Close()
		}
	}
	return n, nil
}

func BenchmarkNaive(b *testing.B) {
	data := sampleEvents(b)
	for b.Loop() {
		if _, err := naive(data); err != nil { b.Fatal(err) }
	}
	b.ReportMetric(2065*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func sampleEvents(b testing.TB) []byte {
	m, _ := filepath.Glob("../../sample/export/events*.parquet")
	data, err := os.ReadFile(m[0])
	if err != nil { b.Fatal(err) }
	return data
}

func BenchmarkCursor(b *testing.B) {
	data := sampleEvents(b)
	for b.Loop() {
		f, err := OpenBytes("x", data)
		if err != nil { b.Fatal(err) }
		for g := range f.Groups() {
			for _, n := range leaves(f.Root()) {
				c, err := f.Group(g, 0).Cursor(n)
				if err != nil { b.Fatal(err) }
				for {
					more, err := c.NextRow()
					if err != nil { b.Fatal(err) }
					if !more { break }
				}
			}
		}
	}
	b.ReportMetric(2065*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func TestProbeForeign(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/writers/*.parquet")
	_ = json.Valid; _ = time.Now; _ = fmt.Sprint
	for _, file := range files {
		data, _ := os.ReadFile(file)
		f, err := OpenBytes(file, data)
		if err != nil { t.Error(err); continue }
		for i, n := range leaves(f.Root()) {
			func() {
				defer func() { if r := recover(); r != nil { t.Errorf("%s %s: reference panic %v", filepath.Base(file), n.Path, r) } }()
				want := reference(t, data, i)
				got, err := column(f, n)
				if err != nil { t.Error(err); return }
				bad := 0
				first := ""
				for r := range want {
					if fmt.Sprint(want[r]) != fmt.Sprint(got[r]) { bad++; if first == "" { first = fmt.Sprintf("row %d library %v ours %v", r, want[r], got[r]) } }
				}
				if bad > 0 { t.Errorf("%s %s: %d of %d rows differ, %s", filepath.Base(file), n.Path, bad, len(want), first) }
			}()
		}
	}
}
