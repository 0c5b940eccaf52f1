package datasets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"whorl/features"
	"whorl/internal/exporttest"
)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// writerFiles returns the files of testdata/writers that are to be read,
// three-level and two-level ones.
func writerFiles(t testing.TB) (paths []string) {
	t.Helper()
	for folder, least := range map[string]int{".": 36, "two-level": 2} {
		files, err := filepath.Glob(filepath.Join("testdata/writers", folder, "*.parquet"))
		if err != nil || len(files) < least {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		paths = append(paths, files...)
	}
	return paths
}

// Spark's writeLegacyFormat writes lists of elements that are never null in
// two levels (testdata/writers/make_spark.py made the files).
func TestTwoLevelWriters(t *testing.T) {
	want := writtenEvents(t)
	files, err := filepath.Glob("testdata/writers/two-level/*.parquet")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		x := mustOpen(t, replaced(t, readFile(t, file), len(want)))
		got, _, err := x.ReadEvents(ctx, training)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		if l := x.Files()[0].Lists; l != "two-level" {
			t.Errorf("%s: lists are %s", file, l)
		}
	}
}

// Rows that two writers wrote are copies of each other, not conflicting: no
// column reads differently, consent and policy version included, which events
// do not show.
func TestWritersAgree(t *testing.T) {
	const first = "testdata/writers/pyarrow-snappy-v1.parquet"
	for _, file := range writerFiles(t) {
		dir := t.TempDir()
		exporttest.Write(t, dir, exporttest.Rows(someEvents(2)...), nil, exporttest.Options{Files: 2})
		exporttest.Replace(t, dir, "events-00000.parquet", readFile(t, first), 12)
		exporttest.Replace(t, dir, "events-00001.parquet", readFile(t, file), 12)
		_, tally, err := mustOpen(t, dir).ReadEvents(ctx, training)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if diff := cmp.Diff(map[Reason]int64{Duplicate: 12}, tally.Denied); diff != "" || tally.Allowed != 12 {
			t.Errorf("%s: %d allowed, %s", file, tally.Allowed, diff)
		}
	}
}

// The files of testdata/writers/refused are refused, by the opening or by the
// first reading, and the error says which column and what to do.
func TestRefusedWriters(t *testing.T) {
	const utc = "an INT64 timestamp adjusted to UTC"
	tests := map[string]struct {
		err  error
		says []string
	}{
		"spark-int96":      {ErrSchema, []string{"column timestamp is INT96", utc, "spark.sql.parquet.outputTimestampType to TIMESTAMP_MILLIS"}},
		"spark-local-time": {ErrSchema, []string{"column timestamp", "isAdjustedToUTC=false", utc, "Spark: TIMESTAMP"}},
		"spark-lz4":        {ErrUnsupported, []string{"codec LZ4;", "zstd, snappy, gzip or none"}},
		"spark-lz4-raw":    {ErrUnsupported, []string{"codec LZ4_RAW;", "zstd, snappy, gzip or none"}},

		"pyarrow-int96":             {ErrSchema, []string{"column timestamp is INT96", "use_deprecated_int96_timestamps"}},
		"pyarrow-local-time":        {ErrSchema, []string{"column timestamp", "isAdjustedToUTC=false", utc, "time zone UTC"}},
		"pyarrow-text-time":         {ErrSchema, []string{"column timestamp is BYTE_ARRAY STRING", utc}},
		"pyarrow-number-time":       {ErrSchema, []string{"column timestamp is INT64", utc}},
		"pyarrow-brotli":            {ErrUnsupported, []string{"codec BROTLI;", "zstd, snappy, gzip or none"}},
		"pyarrow-lz4":               {ErrUnsupported, []string{"codec LZ4_RAW;", "zstd, snappy, gzip or none"}},
		"pyarrow-byte-stream-split": {ErrUnsupported, []string{"column exceptions.list.element.frames.list.element.lineno", "encoding BYTE_STREAM_SPLIT"}},
		"pyarrow-decimal":           {ErrSchema, []string{"column project_id", "DECIMAL(9,2)", "not text"}},
		"pyarrow-fixed-binary":      {ErrSchema, []string{"column project_id is FIXED_LEN_BYTE_ARRAY", "not text"}},
		"pyarrow-latin1":            {ErrCorrupt, []string{"column message", "not UTF-8"}},
		"pyarrow-encrypted":         {ErrUnsupported, []string{"encrypted", "write it in plain"}},
		"pyarrow-encrypted-columns": {ErrUnsupported, []string{"encrypted columns", "write it in plain"}},
		"pyarrow-no-exceptions":     {ErrSchema, []string{"column exceptions is missing"}},

		"duckdb-brotli":     {ErrUnsupported, []string{"codec BROTLI;", "zstd, snappy, gzip or none"}},
		"duckdb-lz4":        {ErrUnsupported, []string{"codec LZ4_RAW;", "zstd, snappy, gzip or none"}},
		"duckdb-local-time": {ErrSchema, []string{"column timestamp", "isAdjustedToUTC=false", utc, "DuckDB: TIMESTAMPTZ"}},
		"duckdb-uuid":       {ErrSchema, []string{"column event_id", "UUID", "not text"}},
		"duckdb-json":       {ErrSchema, []string{"column exceptions is BYTE_ARRAY JSON", "not a list", "not JSON text"}},

		"polars-lz4":        {ErrUnsupported, []string{"codec LZ4_RAW;", "zstd, snappy, gzip or none"}},
		"polars-local-time": {ErrSchema, []string{"column timestamp", "isAdjustedToUTC=false", utc}},
		"fastparquet-json":  {ErrSchema, []string{"column consent_purposes is BYTE_ARRAY JSON", "not a list", "not JSON text"}},
	}
	files, err := filepath.Glob("testdata/writers/refused/*.parquet")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(tests), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".parquet")
		t.Run(name, func(t *testing.T) {
			want, ok := tests[name]
			if !ok {
				t.Fatal("no expectation")
			}
			dir := replaced(t, readFile(t, file), 12)
			x, err := OpenExport(dir)
			if err == nil {
				_, _, err = x.ReadEvents(ctx, training)
			}
			wantError(t, err, want.err, append(want.says, filepath.Join(dir, "events.parquet"))...)
			t.Log(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
		})
	}
}

// footerOf decodes the footer of a Parquet file; from is where it begins.
func footerOf(t testing.TB, data []byte) (footer *format.FileMetaData, from int) {
	t.Helper()
	from = len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	footer = new(format.FileMetaData)
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[from:len(data)-8], footer); err != nil {
		t.Fatal(err)
	}
	return footer, from
}

// pagesOf decodes the page headers of a column chunk.
func pagesOf(t testing.TB, data []byte, chunk format.ColumnMetaData) (headers []format.PageHeader) {
	t.Helper()
	at := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d > 0 {
		at = min(at, d)
	}
	r := bytes.NewReader(data[at : at+chunk.TotalCompressedSize])
	for r.Len() > 0 {
		var h format.PageHeader
		if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(r)).Decode(&h); err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
		if _, err := r.Seek(int64(h.CompressedPageSize), io.SeekCurrent); err != nil {
			t.Fatal(err)
		}
	}
	return headers
}

// withFooter returns a Parquet file with a changed footer over the same pages.
func withFooter(t testing.TB, data []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	footer, from := footerOf(t, data)
	change(footer)
	text, err := thrift.Marshal(new(thrift.CompactProtocol), footer)
	if err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(data[:from]), text...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	return append(out, "PAR1"...)
}

// Writers of before 2019 (Spark 2, Hive, Impala) know converted types only,
// not logical ones, and some no type of text at all.
func TestConvertedTypes(t *testing.T) {
	want := writtenEvents(t)
	for _, file := range []string{"pyarrow-snappy-v1", "spark-millis", "spark-micros", "duckdb-zstd", "two-level/spark-legacy-array"} {
		good := readFile(t, "testdata/writers/"+file+".parquet")
		for _, text := range []bool{true, false} {
			stripped := 0
			data := withFooter(t, good, func(f *format.FileMetaData) {
				for i := range f.Schema {
					e := &f.Schema[i]
					if e.LogicalType.Value != nil || e.ConvertedType.Valid {
						stripped++
					}
					e.LogicalType.Value = nil
					if !text && e.Type.Valid && e.Type.V == format.ByteArray {
						e.ConvertedType.Valid = false
					}
				}
			})
			if stripped < 15 {
				t.Fatalf("%s: only %d types to strip", file, stripped)
			}
			got, _, err := mustOpen(t, replaced(t, data, len(want))).ReadEvents(ctx, training)
			if err != nil {
				t.Errorf("%s, text %v: %v", file, text, err)
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, text %v: %s", file, text, diff)
			}
		}
	}
}

// Rows with two-level lists as the rules for backward compatibility name
// them: a repeated group "array", one "<name>_tuple", and one of another name
// with several fields.
type arrayRow[X any, P any] struct {
	EventID    string `parquet:"event_id"`
	OrgID      string `parquet:"org_id"`
	ProjectID  string `parquet:"project_id"`
	Timestamp  int64  `parquet:"timestamp,timestamp(millisecond)"`
	Platform   string `parquet:"platform"`
	Exceptions X      `parquet:"exceptions"`
	Purposes   P      `parquet:"consent_purposes"`
}

type (
	onlyFunction struct {
		Function *string `parquet:"function,optional"` // one field: a list of groups all the same
	}
	framesArray struct {
		Array []onlyFunction `parquet:"array"`
	}
	framesTuple struct {
		Tuple []onlyFunction `parquet:"frames_tuple"`
	}
	exceptionArray struct {
		Type   *string     `parquet:"type,optional"`
		Frames framesArray `parquet:"frames"`
	}
	exceptionTuple struct {
		Type   *string     `parquet:"type,optional"`
		Frames framesTuple `parquet:"frames"`
	}
	exceptionsArray struct {
		Array []exceptionArray `parquet:"array"`
	}
	exceptionsTuple struct {
		Tuple []exceptionTuple `parquet:"exceptions_tuple"`
	}
	exceptionsOther struct {
		Other []exceptionTuple `parquet:"element"` // several fields: it is the element
	}
	purposesArray struct {
		Array []string `parquet:"array"`
	}
)

func TestTwoLevelNames(t *testing.T) {
	events := someEvents(40)
	opt := parquet.DataPageVersion(1)
	write := func(kind string) []byte {
		var arrays []arrayRow[exceptionsArray, purposesArray]
		var tuples []arrayRow[exceptionsTuple, purposesArray]
		var others []arrayRow[exceptionsOther, []string]
		for _, r := range exporttest.EventRows(exporttest.Rows(events...)) {
			var a exceptionsArray
			var b exceptionsTuple
			for _, x := range r.Exceptions {
				y, z := exceptionArray{Type: x.Type}, exceptionTuple{Type: x.Type}
				for _, f := range x.Frames {
					y.Frames.Array = append(y.Frames.Array, onlyFunction{f.Function})
					z.Frames.Tuple = append(z.Frames.Tuple, onlyFunction{f.Function})
				}
				a.Array, b.Tuple = append(a.Array, y), append(b.Tuple, z)
			}
			arrays = append(arrays, arrayRow[exceptionsArray, purposesArray]{r.EventID, r.OrgID, r.ProjectID, r.Timestamp, r.Platform, a, purposesArray{r.ConsentPurposes}})
			tuples = append(tuples, arrayRow[exceptionsTuple, purposesArray]{r.EventID, r.OrgID, r.ProjectID, r.Timestamp, r.Platform, b, purposesArray{r.ConsentPurposes}})
			others = append(others, arrayRow[exceptionsOther, []string]{r.EventID, r.OrgID, r.ProjectID, r.Timestamp, r.Platform, exceptionsOther{b.Tuple}, r.ConsentPurposes})
		}
		switch kind {
		case "array":
			return exporttest.Parquet(t, arrays, opt)
		case "tuple":
			return exporttest.Parquet(t, tuples, opt)
		}
		return exporttest.Parquet(t, others, opt)
	}
	for i := range events {
		e := &events[i]
		for j, x := range e.Exceptions {
			y := features.Exception{Type: x.Type}
			for _, f := range x.Frames {
				y.Frames = append(y.Frames, features.Frame{Function: f.Function})
			}
			e.Exceptions[j] = y
		}
	}
	for _, kind := range []string{"array", "tuple", "other"} {
		data := write(kind)
		want := someEvents(40)
		for i := range want {
			want[i].Message = ""
			want[i].Exceptions = events[i].Exceptions
		}
		x := mustOpen(t, replaced(t, data, 40))
		got, _, err := x.ReadEvents(ctx, training)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
		if l := x.Files()[0].Lists; l != "two-level" {
			t.Errorf("%s: lists are %s", kind, l)
		}
	}
}

// A decimal is no text, even where it is stored as bytes.
func TestDecimalBytes(t *testing.T) {
	_, err := OpenExport(replaced(t, emptyFile(t, schemaOf(parquet.List, func(g map[string]parquet.Group) {
		g[""]["project_id"] = parquet.Decimal(2, 9, parquet.ByteArrayType)
	})), 0))
	wantError(t, err, ErrSchema, "column project_id", "DECIMAL", "not text")
	if errors.Is(err, ErrUnsupported) {
		t.Error("refused for another reason")
	}
}

// The files have the forms that they are there for: every codec, every page
// type with every encoding, and chunks whose dictionary ends in the middle.
func TestWriterForms(t *testing.T) {
	met := map[string]bool{}
	for _, file := range writerFiles(t) {
		data := readFile(t, file)
		footer, _ := footerOf(t, data)
		if len(footer.RowGroups) > 1 {
			met["several row groups"] = true
		}
		writer, _, _ := strings.Cut(strings.ToLower(footer.CreatedBy), " ")
		met[writer] = true
		for _, g := range footer.RowGroups {
			for _, c := range g.Columns {
				met[c.MetaData.Codec.String()] = true
				pages, encodings := 0, map[format.Encoding]bool{}
				for _, h := range pagesOf(t, data, c.MetaData) {
					e := h.DataPageHeader.V.Encoding
					switch h.Type {
					case format.DataPageV2:
						e = h.DataPageHeaderV2.V.Encoding
					case format.DictionaryPage:
						continue
					}
					met[h.Type.String()+" "+e.String()] = true
					pages++
					encodings[e] = true
				}
				if pages > 4 {
					met["many pages"] = true
				}
				if len(encodings) > 1 {
					met["dictionary and plain pages"] = true
				}
			}
		}
	}
	for _, form := range []string{
		"parquet-cpp-arrow", "parquet-mr", "duckdb", "polars",
		"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD",
		"DATA_PAGE PLAIN", "DATA_PAGE PLAIN_DICTIONARY", "DATA_PAGE RLE_DICTIONARY",
		"DATA_PAGE_V2 PLAIN", "DATA_PAGE_V2 RLE_DICTIONARY", "DATA_PAGE_V2 RLE", "DATA_PAGE_V2 DELTA_BINARY_PACKED",
		"DATA_PAGE_V2 DELTA_BYTE_ARRAY", "DATA_PAGE_V2 DELTA_LENGTH_BYTE_ARRAY",
		"several row groups", "many pages", "dictionary and plain pages",
	} {
		if !met[form] {
			t.Errorf("no file has %s; there are %q", form, sortedKeys(met))
		}
	}
}
