package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

func TestTruncatedFile(t *testing.T) {
	b := encode(t, allColumns, goldenMeta, goldenRows(), 3)
	for n := range b {
		if _, err := read(b[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d of %d bytes gave %v, want %v", n, len(b), err, ErrDamaged)
		}
	}
}

// TestFlippedBits flips each bit of a file. A flip in a value is not seen; all
// others end in one of the two errors. What no flip may do is panic, or give a
// table that contradicts itself.
func TestFlippedBits(t *testing.T) {
	b := encode(t, allColumns, goldenMeta, goldenRows(), 3)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			table, err := read(b)
			b[i] ^= 1 << bit
			checkOutcome(t, table, err)
			if t.Failed() {
				t.Fatalf("with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}

// FuzzRead starts from files with each type alone and with all.
func FuzzRead(f *testing.F) {
	f.Add(encode(f, allColumns, goldenMeta, goldenRows(), 3))
	f.Add(encode(f, allColumns, nil, manyRows(0), 0))
	for i, c := range allColumns {
		f.Add(encode(f, []Column{c}, nil, goldenRows()[i:i+1], 3))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := read(b)
		checkOutcome(t, table, err)
		if err != nil {
			return
		}
		// What was read can be written, and reads the same.
		again, err := read(encode(t, table.Columns, table.Meta, table.values, table.Rows))
		if err != nil || again.Rows != table.Rows {
			t.Fatalf("the table does not survive writing: %v", err)
		}
	})
}

// checkOutcome checks that reading gave a consistent table or a known error.
func checkOutcome(t *testing.T, table *Table, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrColumn) {
			t.Errorf("error %v is neither %v nor %v", err, ErrDamaged, ErrColumn)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q has more than one line", err)
		}
		return
	}
	w := Writer{columns: table.Columns}
	if n, err := w.check(table.values); err != nil || n != table.Rows {
		t.Errorf("a table of %d rows has columns of %d rows (%v)", table.Rows, n, err)
	}
}

// TestHugeCounts sets each aligned 4 bytes of the footer and of the message
// headers to large counts. A reader that allocates what they say dies of it.
func TestHugeCounts(t *testing.T) {
	b := encode(t, allColumns, goldenMeta, goldenRows(), 3)
	for _, count := range []uint32{0x7fffffff, 0xfffffff0, 0x00ffffff} {
		for i := 0; i+4 <= len(b); i += 4 {
			old := binary.LittleEndian.Uint32(b[i:])
			binary.LittleEndian.PutUint32(b[i:], count)
			table, err := read(b)
			binary.LittleEndian.PutUint32(b[i:], old)
			checkOutcome(t, table, err)
			if t.Failed() {
				t.Fatalf("with %#x at byte %d", count, i)
			}
		}
	}
}

// Arrow files of other makers, sound in themselves.
func TestForeignFiles(t *testing.T) {
	mem := memory.NewGoAllocator()
	ints := func(t *testing.T, nulls []bool) arrow.Array {
		b := array.NewInt64Builder(mem)
		b.AppendValues([]int64{1, 2}, nulls)
		return b.NewArray()
	}
	tests := []struct {
		name   string
		fields []arrow.Field
		column func(t *testing.T) arrow.Array
		option ipc.Option
		want   error
	}{
		{
			name:   "int64 with the nullable mark, without nulls",
			fields: []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}},
			column: func(t *testing.T) arrow.Array { return ints(t, nil) },
		},
		{
			name:   "nulls",
			fields: []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}},
			column: func(t *testing.T) arrow.Array { return ints(t, []bool{true, false}) },
			want:   ErrDamaged,
		},
		{
			name:   "compressed",
			fields: []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}},
			column: func(t *testing.T) arrow.Array { return ints(t, nil) },
			option: ipc.WithZstd(),
			want:   ErrDamaged,
		},
		{
			name:   "int32",
			fields: []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int32}},
			column: func(t *testing.T) arrow.Array {
				b := array.NewInt32Builder(mem)
				b.AppendValues([]int32{1, 2}, nil)
				return b.NewArray()
			},
			want: ErrColumn,
		},
		{
			name:   "list of string",
			fields: []arrow.Field{{Name: "a", Type: arrow.ListOf(arrow.BinaryTypes.String)}},
			column: func(t *testing.T) arrow.Array {
				b := array.NewListBuilder(mem, arrow.BinaryTypes.String)
				b.Append(true)
				b.Append(true)
				return b.NewArray()
			},
			want: ErrColumn,
		},
		{
			name:   "list of list",
			fields: []arrow.Field{{Name: "a", Type: arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Uint64))}},
			column: func(t *testing.T) arrow.Array {
				b := array.NewListBuilder(mem, arrow.ListOf(arrow.PrimitiveTypes.Uint64))
				b.Append(true)
				b.Append(true)
				return b.NewArray()
			},
			want: ErrDamaged,
		},
		{
			name:   "no type of ours",
			fields: []arrow.Field{{Name: "a", Type: arrow.FixedWidthTypes.Date32}},
			column: func(t *testing.T) arrow.Array {
				b := array.NewDate32Builder(mem)
				b.AppendValues([]arrow.Date32{1, 2}, nil)
				return b.NewArray()
			},
			want: ErrDamaged,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			schema := arrow.NewSchema(tt.fields, nil)
			options := []ipc.Option{ipc.WithSchema(schema)}
			if tt.option != nil {
				options = append(options, tt.option)
			}
			var out bytes.Buffer
			w, err := ipc.NewFileWriter(&counter{w: &out}, options...)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(array.NewRecord(schema, []arrow.Array{tt.column(t)}, 2)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := read(out.Bytes()); !errors.Is(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
		})
	}
}

func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.arrow")
	if _, err := ReadFile(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file gave %v", err)
	}
	if err := os.WriteFile(path, []byte("PAR1 this is no Arrow file at all PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("another format gave %v", err)
	}
}
