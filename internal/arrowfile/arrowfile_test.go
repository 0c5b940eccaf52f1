package arrowfile

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

var allColumns = []Column{
	{Name: "event_id", Type: String},
	{Name: "minified", Type: Bool},
	{Name: "time_ms", Type: Int64},
	{Name: "group", Type: Uint64},
	{Name: "score", Type: Float32},
	{Name: "idf", Type: Float64},
	{Name: "tokens", Type: Uint64List},
	{Name: "comparison", Type: Float32Vector, Width: 3},
}

var goldenMeta = map[string]string{"whorl.schema_id": "features/1", "whorl.format": "whorl.features/1", "a": "é"}

// goldenRows are three rows with the values at the edges of each type.
func goldenRows() []any {
	return []any{
		[]string{"", "plain", "naïve 世界 \x00"},
		[]bool{true, false, true},
		[]int64{math.MinInt64, 0, math.MaxInt64},
		[]uint64{0, 1, math.MaxUint64},
		[]float32{float32(math.Inf(-1)), float32(math.NaN()), math.SmallestNonzeroFloat32},
		[]float64{math.Copysign(0, -1), math.NaN(), math.MaxFloat64},
		[][]uint64{nil, {7}, {1, math.MaxUint64, 1}},
		[]float32{1, 2, 3, 4, 5, 6, 7, 8, 9},
	}
}

// same compares values bit by bit but for the payload of a NaN and an empty
// list, which equals nil.
var same = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

// encode writes rows in calls of the given sizes; the last call takes the rest.
func encode(t testing.TB, columns []Column, meta map[string]string, rows []any, n int, calls ...int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, columns, meta)
	if err != nil {
		t.Fatal(err)
	}
	from := 0
	for _, call := range append(calls, n) {
		to := min(n, from+call)
		batch := make([]any, len(rows))
		for i, v := range rows {
			batch[i] = cut(v, columns[i], from, to)
		}
		if err := w.WriteBatch(batch...); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// cut returns the rows [from, to) of a column.
func cut(values any, c Column, from, to int) any {
	switch v := values.(type) {
	case []string:
		return v[from:to]
	case []bool:
		return v[from:to]
	case []int64:
		return v[from:to]
	case []uint64:
		return v[from:to]
	case []float32:
		k := max(1, c.Width)
		return v[from*k : to*k]
	case []float64:
		return v[from:to]
	case [][]uint64:
		return v[from:to]
	}
	panic(fmt.Sprintf("%T", values))
}

func read(b []byte) (*Table, error) {
	return Read(bytes.NewReader(b), int64(len(b)))
}

func TestGolden(t *testing.T) {
	got := encode(t, allColumns, goldenMeta, goldenRows(), 3)
	path := filepath.Join("testdata", "table.arrow")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the bytes differ from %s; where the change is meant, run the tests with -update", path)
	}

	table, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(allColumns, table.Columns); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(goldenMeta, table.Meta); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(goldenRows(), table.values, same); diff != "" || table.Rows != 3 {
		t.Errorf("%d rows, want 3; %s", table.Rows, diff)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		types := rapid.SliceOfN(rapid.IntRange(int(String), int(Float32Vector)), 1, 10).Draw(t, "types")
		columns := make([]Column, len(types))
		rows := make([]any, len(types))
		for i, k := range types {
			columns[i] = Column{Name: fmt.Sprint("c", i), Type: Type(k)}
			switch Type(k) {
			case String:
				rows[i] = rapid.SliceOfN(rapid.String(), n, n).Draw(t, "strings")
			case Bool:
				rows[i] = rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "bools")
			case Int64:
				rows[i] = rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "int64s")
			case Uint64:
				rows[i] = rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, "uint64s")
			case Float32:
				rows[i] = rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "float32s")
			case Float64:
				rows[i] = rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "float64s")
			case Uint64List:
				rows[i] = rapid.SliceOfN(rapid.SliceOfN(rapid.Uint64(), 0, 5), n, n).Draw(t, "lists")
			case Float32Vector:
				columns[i].Width = rapid.IntRange(1, 4).Draw(t, "width")
				size := n * columns[i].Width
				rows[i] = rapid.SliceOfN(rapid.Float32(), size, size).Draw(t, "vectors")
			}
		}
		text := rapid.StringMatching(`[a-zé世.]{0,8}`)
		meta := rapid.MapOf(text, text).Draw(t, "metadata")

		var out bytes.Buffer
		w, err := NewWriter(&out, columns, meta)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteBatch(rows...); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		table, err := read(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if table.Rows != n {
			t.Errorf("read %d rows, wrote %d", table.Rows, n)
		}
		if diff := cmp.Diff(columns, table.Columns) + cmp.Diff(meta, table.Meta) + cmp.Diff(rows, table.values, same); diff != "" {
			t.Error(diff)
		}
	})
}

// manyRows makes a table of more than two record batches.
func manyRows(n int) []any {
	rows := make([]any, len(allColumns))
	var (
		s  []string
		b  []bool
		i  []int64
		u  []uint64
		f  []float32
		d  []float64
		ls [][]uint64
		v  []float32
	)
	for k := range n {
		s = append(s, strings.Repeat("x", k%7))
		b = append(b, k%3 == 0)
		i = append(i, int64(-k))
		u = append(u, uint64(k)*0x9e3779b97f4a7c15)
		f = append(f, float32(k)/3)
		d = append(d, float64(k)/7)
		ls = append(ls, make([]uint64, k%4))
		v = append(v, float32(k), 0, float32(-k))
	}
	copy(rows, []any{s, b, i, u, f, d, ls, v})
	return rows
}

// TestBytesDependOnRowsAlone writes the same rows in calls of different sizes
// and with metadata maps filled in different orders.
func TestBytesDependOnRowsAlone(t *testing.T) {
	const n = 2*BatchRows + 77
	rows := manyRows(n)
	meta := map[string]string{}
	for k := range 20 {
		meta[fmt.Sprint("key", k)] = "v"
	}
	want := encode(t, allColumns, meta, rows, n)
	for _, calls := range [][]int{{1}, {0, 5, 0}, {BatchRows}, {BatchRows - 1, 2}, {BatchRows + 1, BatchRows}, {n}} {
		reverse := map[string]string{}
		for k := 19; k >= 0; k-- {
			reverse[fmt.Sprint("key", k)] = "v"
		}
		if got := encode(t, allColumns, reverse, rows, n, calls...); !bytes.Equal(got, want) {
			t.Errorf("calls of %v rows gave other bytes than one call", calls)
		}
	}
}

func TestBatches(t *testing.T) {
	const n = 2*BatchRows + 77
	rows := manyRows(n)
	b := encode(t, allColumns, nil, rows, n)
	r, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if r.NumBatches() != 3 || !maps.Equal(r.Meta(), map[string]string{}) || !cmp.Equal(r.Columns(), allColumns) {
		t.Fatalf("%d batches, metadata %v, columns %v", r.NumBatches(), r.Meta(), r.Columns())
	}
	from := 0
	for i, want := range []int{BatchRows, BatchRows, 77} {
		batch, err := r.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		if batch.Rows != want {
			t.Errorf("batch %d has %d rows, want %d", i, batch.Rows, want)
		}
		for k, c := range allColumns {
			if diff := cmp.Diff(cut(rows[k], c, from, from+want), batch.values[k], same); diff != "" {
				t.Errorf("batch %d, %s: %s", i, c.Name, diff)
			}
		}
		from += want
	}
	whole, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, whole.values, same); diff != "" || whole.Rows != n {
		t.Errorf("%d rows, want %d; %s", whole.Rows, n, diff)
	}
}

func TestEmptyTable(t *testing.T) {
	table, err := read(encode(t, allColumns, nil, manyRows(0), 0))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := Values[[]uint64](table, "tokens")
	if table.Rows != 0 || len(tokens) != 0 || err != nil {
		t.Errorf("%d rows, tokens %v, error %v; want none", table.Rows, tokens, err)
	}
}

func TestValues(t *testing.T) {
	table, err := read(encode(t, allColumns, nil, goldenRows(), 3))
	if err != nil {
		t.Fatal(err)
	}
	group, err := Values[uint64](table, "group")
	if err != nil || !cmp.Equal(group, goldenRows()[3]) {
		t.Errorf("group is %v (%v)", group, err)
	}
	if _, err := Values[uint64](table, "missing"); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), `"missing"`) {
		t.Errorf("a missing column gave %v", err)
	}
	if _, err := Values[string](table, "group"); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), "uint64, not string") {
		t.Errorf("a column of another type gave %v", err)
	}
}

func TestNewWriterRefuses(t *testing.T) {
	tests := map[string]struct {
		columns []Column
		meta    map[string]string
	}{
		"no column":             {},
		"no name":               {columns: []Column{{Type: String}}},
		"name is no UTF-8":      {columns: []Column{{Name: "\xff", Type: String}}},
		"no type":               {columns: []Column{{Name: "a"}}},
		"unknown type":          {columns: []Column{{Name: "a", Type: 99}}},
		"same name twice":       {columns: []Column{{Name: "a", Type: Bool}, {Name: "a", Type: Int64}}},
		"vector without width":  {columns: []Column{{Name: "a", Type: Float32Vector}}},
		"vector too wide":       {columns: []Column{{Name: "a", Type: Float32Vector, Width: maxWidth + 1}}},
		"width without vector":  {columns: []Column{{Name: "a", Type: Float32, Width: 3}}},
		"metadata key no UTF-8": {columns: allColumns, meta: map[string]string{"\xff": ""}},
		"metadata no UTF-8":     {columns: allColumns, meta: map[string]string{"k": "\xff"}},
	}
	for name, tt := range tests {
		if _, err := NewWriter(&bytes.Buffer{}, tt.columns, tt.meta); !errors.Is(err, ErrColumn) {
			t.Errorf("%s: error is %v, want %v", name, err, ErrColumn)
		}
	}
}

// A refused call must leave no row behind, in no column.
func TestWriteBatchRefuses(t *testing.T) {
	columns := []Column{{Name: "id", Type: String}, {Name: "v", Type: Float32Vector, Width: 2}}
	tests := map[string][]any{
		"too few columns":    {[]string{"a"}},
		"too many columns":   {[]string{"a"}, []float32{1, 2}, []bool{true}},
		"other type":         {[]string{"a"}, []float64{1, 2}},
		"no slice":           {"a", []float32{1, 2}},
		"nil":                {nil, []float32{1, 2}},
		"rows differ":        {[]string{"a", "b"}, []float32{1, 2}},
		"part of a vector":   {[]string{"a"}, []float32{1, 2, 3}},
		"text is no UTF-8":   {[]string{"a\xff"}, []float32{1, 2}},
		"list for a string":  {[][]uint64{{1}}, []float32{1, 2}},
		"bools for a vector": {[]string{"a"}, []bool{true, true}},
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range tests {
		if err := w.WriteBatch(values...); !errors.Is(err, ErrColumn) {
			t.Errorf("%s: error is %v, want %v", name, err, ErrColumn)
		}
	}
	if err := w.WriteBatch([]string{"kept"}, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := read(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{[]string{"kept"}, []float32{1, 2}}, table.values); diff != "" {
		t.Error(diff)
	}
	if w.Close() == nil || w.WriteBatch([]string{"a"}, []float32{1, 2}) == nil {
		t.Error("a closed writer took more")
	}
}

// The bound of a record batch is 2 GiB; the test lowers it to 100 bytes.
func TestWriteBatchBound(t *testing.T) {
	defer func(n int) { maxBatchBytes = n }(maxBatchBytes)
	maxBatchBytes = 100
	for name, tt := range map[string]struct {
		c      Column
		values any
	}{
		"text": {Column{Name: "a", Type: String}, []string{strings.Repeat("x", 60), strings.Repeat("x", 41)}},
		"list": {Column{Name: "a", Type: Uint64List}, [][]uint64{make([]uint64, 60), make([]uint64, 41)}},
	} {
		w, err := NewWriter(&bytes.Buffer{}, []Column{tt.c}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteBatch(tt.values); err == nil || !strings.Contains(err.Error(), `"a"`) || !errors.Is(w.Close(), err) {
			t.Errorf("%s: error is %v, want one that names the column and stays", name, err)
		}
	}
}

// failAfter fails once more than n bytes came.
type failAfter struct{ n int }

var errFull = errors.New("disk full")

func (f *failAfter) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterReportsFullDisk(t *testing.T) {
	const n = 2*BatchRows + 77
	rows := manyRows(n)
	size := len(encode(t, allColumns, nil, rows, n))
	for at := 0; at < size; at += 1 + size/50 {
		w, err := NewWriter(&failAfter{at}, allColumns, nil)
		if err == nil {
			err = w.WriteBatch(rows...)
			if closeErr := w.Close(); err == nil {
				err = closeErr
			}
		}
		if !errors.Is(err, errFull) {
			t.Errorf("a disk full after %d of %d bytes gave %v", at, size, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	const n = 2 * BatchRows
	rows := manyRows(n)
	for b.Loop() {
		b.SetBytes(int64(len(encode(b, allColumns, nil, rows, n))))
	}
}

func BenchmarkRead(b *testing.B) {
	const n = 2 * BatchRows
	data := encode(b, allColumns, nil, manyRows(n), n)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := read(data); err != nil {
			b.Fatal(err)
		}
	}
}
