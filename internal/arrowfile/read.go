package arrowfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
)

// Table is rows in memory: those of a file, or of one of its batches.
type Table struct {
	Columns []Column
	Meta    map[string]string
	Rows    int

	values []any // by column, of the Go type that its Type names
}

// Values returns the values of a column, of the Go type that its [Type] names:
// T is string, bool, int64, uint64, float32, float64 or, for a list, []uint64.
// The slice belongs to the table. A column that is missing or of another type
// is an [ErrColumn].
func Values[T any](t *Table, name string) ([]T, error) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("column %q is missing: %w", name, ErrColumn)
	}
	values, ok := t.values[i].([]T)
	if !ok {
		return nil, fmt.Errorf("column %q holds %v, not %T: %w", name, t.Columns[i].Type, *new(T), ErrColumn)
	}
	return values, nil
}

// Reader reads a table batch by batch. Its methods are not for concurrent use.
type Reader struct {
	columns []Column
	meta    map[string]string
	file    *ipc.FileReader
}

// Open checks the layout of an Arrow file of size bytes and reads its schema.
// r must stay readable as long as the reader is used. Bytes that are no intact
// Arrow file are [ErrDamaged]; an intact one with columns of other types than
// this package writes is ErrDamaged or [ErrColumn].
func Open(r io.ReaderAt, size int64) (reader *Reader, err error) {
	defer recoverDamage(&err)
	if err := checkLayout(r, size); err != nil {
		return nil, err
	}
	file, err := ipc.NewFileReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	opened := &Reader{file: file, meta: map[string]string{}}
	for _, field := range file.Schema().Fields() {
		c, err := columnOf(field)
		if err != nil {
			return nil, err
		}
		opened.columns = append(opened.columns, c)
	}
	if _, err := newFields(opened.columns); err != nil {
		return nil, err
	}
	meta := file.Schema().Metadata()
	for i, k := range meta.Keys() {
		if _, ok := opened.meta[k]; ok {
			return nil, fmt.Errorf("%w: metadata %q stands twice", ErrDamaged, k)
		}
		opened.meta[k] = meta.Values()[i]
	}
	return opened, nil
}

// Columns returns the columns in the order of the file.
func (r *Reader) Columns() []Column { return slices.Clone(r.columns) }

// Meta returns the metadata; the map belongs to the reader.
func (r *Reader) Meta() map[string]string { return r.meta }

// NumBatches returns the number of record batches; it may be 0.
func (r *Reader) NumBatches() int { return r.file.NumRecords() }

// Batch reads record batch i, in [0, NumBatches). The table keeps its own copy
// of the bytes.
func (r *Reader) Batch(i int) (t *Table, err error) {
	if i < 0 || i >= r.NumBatches() {
		panic(fmt.Sprintf("arrowfile: batch %d of %d", i, r.NumBatches()))
	}
	defer recoverDamage(&err)
	record, err := r.file.RecordAt(i)
	if err != nil {
		return nil, fmt.Errorf("%w: record batch %d: %w", ErrDamaged, i, err)
	}
	defer record.Release()
	read := &Table{Columns: r.Columns(), Meta: r.meta, Rows: int(record.NumRows())}
	for k, c := range r.columns {
		values, err := decode(record.Column(k), c, read.Rows)
		if err != nil {
			return nil, fmt.Errorf("record batch %d, column %q: %w", i, c.Name, err)
		}
		read.values = append(read.values, values)
	}
	return read, nil
}

// Read reads a whole table.
func Read(r io.ReaderAt, size int64) (*Table, error) {
	reader, err := Open(r, size)
	if err != nil {
		return nil, err
	}
	all := &Table{Columns: reader.columns, Meta: reader.meta}
	for _, c := range reader.columns {
		all.values = append(all.values, empty(c.Type))
	}
	for i := range reader.NumBatches() {
		t, err := reader.Batch(i)
		if err != nil {
			return nil, err
		}
		all.Rows += t.Rows
		for k := range all.values {
			all.values[k] = concat(all.values[k], t.values[k])
		}
	}
	return all, nil
}

// ReadFile is [Read] of the named file; its errors name it.
func ReadFile(path string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t, err := Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// recoverDamage turns a panic over damaged bytes into an error.
func recoverDamage(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, p)
	}
}

// errShort says that an array has more rows than its bytes hold.
var errShort = errors.New("its values end before its rows")

// decode returns the values of an array of the column's type and checks that
// they are all there: Arrow's arrays reach into the padding of a short buffer.
func decode(a arrow.Array, c Column, rows int) (any, error) {
	if a.Len() != rows {
		return nil, fmt.Errorf("%w: %d rows, the batch has %d", ErrDamaged, a.Len(), rows)
	}
	var values any
	err := errShort
	switch a := a.(type) {
	case *array.String:
		values, err = decodeStrings(a)
	case *array.Boolean:
		if holds(a, 1, 1) {
			bools := make([]bool, rows)
			for i := range bools {
				bools[i] = a.Value(i)
			}
			values, err = bools, nil
		}
	case *array.Int64:
		if holds(a, 1, 64) {
			values, err = a.Int64Values(), nil
		}
	case *array.Uint64:
		if holds(a, 1, 64) {
			values, err = a.Uint64Values(), nil
		}
	case *array.Float32:
		if holds(a, 1, 32) {
			values, err = a.Float32Values(), nil
		}
	case *array.Float64:
		if holds(a, 1, 64) {
			values, err = a.Float64Values(), nil
		}
	case *array.List:
		values, err = decodeLists(a)
	case *array.FixedSizeList:
		elements := a.ListValues().(*array.Float32)
		if elements.Len() == rows*c.Width && holds(elements, 1, 32) {
			values, err = elements.Float32Values(), nil
		}
	default:
		return nil, fmt.Errorf("%w: it is a %T", ErrColumn, a)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return values, nil
}

// holds reports whether a buffer of the array has bits for each of its rows.
func holds(a arrow.Array, buffer, bits int) bool {
	if a.Len() == 0 {
		return true
	}
	b := a.Data().Buffers()[buffer]
	return b != nil && b.Len() >= (a.Len()*bits+7)/8
}

// decodeStrings returns strings that share the bytes of the batch.
func decodeStrings(a *array.String) ([]string, error) {
	values := make([]string, a.Len())
	for i := range values {
		values[i] = a.Value(i)
		if !utf8.ValidString(values[i]) {
			return nil, fmt.Errorf("the text of row %d is no UTF-8", i)
		}
	}
	return values, nil
}

// decodeLists returns lists that share the elements of the batch.
func decodeLists(a *array.List) ([][]uint64, error) {
	lists := make([][]uint64, a.Len())
	if len(lists) == 0 {
		return lists, nil
	}
	child := a.ListValues().(*array.Uint64)
	offsets := a.Offsets()
	if len(offsets) <= len(lists) || !holds(child, 1, 64) {
		return nil, errShort
	}
	elements := child.Uint64Values()
	for i := range lists {
		from, to := int(offsets[i]), int(offsets[i+1])
		if from < 0 || to < from || to > len(elements) {
			return nil, fmt.Errorf("the list of row %d ends before it begins or after its elements", i)
		}
		lists[i] = elements[from:to:to]
	}
	return lists, nil
}

// empty returns a slice of no rows for a column's type.
func empty(t Type) any {
	switch t {
	case String:
		return []string{}
	case Bool:
		return []bool{}
	case Int64:
		return []int64{}
	case Uint64:
		return []uint64{}
	case Float32, Float32Vector:
		return []float32{}
	case Float64:
		return []float64{}
	case Uint64List:
		return [][]uint64{}
	}
	panic("arrowfile: " + t.String())
}

// concat appends slices of one type, which empty made.
func concat(all, more any) any {
	switch all := all.(type) {
	case []string:
		return append(all, more.([]string)...)
	case []bool:
		return append(all, more.([]bool)...)
	case []int64:
		return append(all, more.([]int64)...)
	case []uint64:
		return append(all, more.([]uint64)...)
	case []float32:
		return append(all, more.([]float32)...)
	case []float64:
		return append(all, more.([]float64)...)
	case [][]uint64:
		return append(all, more.([][]uint64)...)
	}
	panic(fmt.Sprintf("arrowfile: %T", all))
}
