package datasets

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"whorl/datasets/internal/columnar"
	"whorl/internal/exporttest"
)

// unverified is a store of one file that claims whatever its footer claims,
// as if a manifest vouched for it.
func unverified(role Role, data []byte) (*store, error) {
	s := &store{dir: "fuzz", files: []File{{Path: "f.parquet", Role: role, Bytes: int64(len(data))}}, kept: [][]byte{data}}
	f, err := columnar.OpenBytes("f.parquet", data)
	if err != nil {
		return nil, err
	}
	s.files[0].Rows = f.Rows()
	return s, s.inspect(0, f)
}

// readEvents reads a file as events under a gate that only asks the rows.
func readEvents(data []byte) (*Tally, error) {
	s, err := unverified(RoleEvents, data)
	if err != nil {
		return nil, err
	}
	g := &gate{purpose: TrainFingerprinting, asOf: exporttest.AsOf}
	w := &walk{store: s, opt: training, gate: func() func(*facts) Reason { return g.check }}
	_, tally, err := collect(ctx, w)
	return tally, err
}

func checkEvents(t *testing.T, data []byte) {
	t.Helper()
	tally, err := readEvents(data)
	if err == nil && !tally.Complete {
		t.Fatal("no error, but not complete")
	}
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Fatalf("%q has more than one line", err)
		}
		return
	}
	f, err := columnar.OpenBytes("f", data)
	if err != nil || f.Rows() != tally.Rows {
		t.Fatalf("%d rows read of %d, %v", tally.Rows, f.Rows(), err)
	}
}

// Files that are damaged, but vouched for by a digest, end in an error or in
// the footer's number of rows.
func TestDamagedFiles(t *testing.T) {
	for _, version := range []int{1, 2} {
		good := exporttest.EventsBytes(t, exporttest.Rows(someEvents(4)...), exporttest.Options{
			Writer: []parquet.WriterOption{parquet.DataPageVersion(version), parquet.Compression(&parquet.Snappy)},
		})
		if tally, err := readEvents(good); err != nil || tally.Allowed != 4 {
			t.Fatalf("tally %+v, %v", tally, err)
		}
		data := bytes.Clone(good)
		for i := range data {
			data[i] ^= 1 << (i % 8)
			checkEvents(t, data)
			data[i] = good[i]
		}
	}
}

func FuzzEvents(f *testing.F) {
	for _, opt := range []exporttest.Options{
		{}, {RowGroup: 2}, {Writer: []parquet.WriterOption{parquet.DataPageVersion(1), parquet.Compression(&parquet.Zstd)}},
	} {
		f.Add(exporttest.EventsBytes(f, exporttest.Rows(someEvents(5)...), opt))
	}
	f.Add(exporttest.Parquet(f, plainRows(someEvents(5))))
	files, err := filepath.Glob("testdata/writers/*.parquet")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkEvents(t, data) })
}

func FuzzLabels(f *testing.F) {
	f.Add(exporttest.Parquet(f, []exporttest.Label{label("a", "g"), label("b", "h")}))
	f.Add(exporttest.Parquet(f, []exporttest.Pair{pair("a", "b", "GROUP"), pair("b", "c", "SEPARATE")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := unverified(RoleLabels, data); err == nil {
			labels, err := s.labels(ctx, 0)
			for id, l := range labels {
				if err != nil || id == "" || l.GroupID == "" || !(l.Confidence >= 0 && l.Confidence <= 1) {
					t.Fatalf("%q: %+v, %v", id, l, err)
				}
			}
		}
		if s, err := unverified(RolePairs, data); err == nil {
			pairs, err := s.pairs(ctx, 0)
			if err != nil {
				return
			}
			for _, p := range pairs {
				if p.A == "" || p.B == "" || p.A == p.B || !(p.Confidence >= 0 && p.Confidence <= 1) {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}

// A manifest that is accepted names local paths, and digests for all.
func FuzzManifest(f *testing.F) {
	for _, file := range []string{"sample/export/manifest.json", "sample/golden/dataset.json"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"format":"whorl.export/1","files":[{"path":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var files []manifestFile
		if m, _, err := parseManifest(data); err == nil {
			files = append(m.Files, manifestFile{Path: m.ConsentLedger.Path})
		}
		if d, err := parseDescription(data); err == nil {
			files = append(files, d.Files...)
			if d.Name == "" || d.ConsentBasis == "" {
				t.Fatalf("accepted %+v", d)
			}
		}
		for _, file := range files {
			if !filepath.IsLocal(file.Path) || strings.ContainsAny(file.Path, "\\:\x00") || strings.HasPrefix(file.Path, ".") {
				t.Fatalf("accepted path %q", file.Path)
			}
			if file.Role != "" && (file.Rows == nil || file.Bytes == nil || len(file.SHA256) != 64) {
				t.Fatalf("accepted %+v", file)
			}
		}
	})
}
