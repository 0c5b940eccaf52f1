package arrowfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// BatchRows is the number of rows of every record batch but the last.
const BatchRows = 4096

// maxBatchBytes bounds the text, or the values of lists, of one column in one
// batch, because Arrow counts them with an int32. Tests lower it.
var maxBatchBytes = math.MaxInt32

// Writer writes a table. Its methods are not for concurrent use.
type Writer struct {
	columns []Column
	buf     *bufio.Writer
	file    *ipc.FileWriter
	batch   *array.RecordBuilder
	rows    int   // rows in batch
	sizes   []int // by column: bytes of text, or values of lists, in batch
	err     error // the first failure; every later call returns it
}

// NewWriter begins a table on w. The metadata may be nil; its keys and values
// are UTF-8, and are written in the order of the keys. The caller calls Close
// at the end, and closes w itself.
func NewWriter(w io.Writer, columns []Column, meta map[string]string) (*Writer, error) {
	fields, err := newFields(columns)
	if err != nil {
		return nil, err
	}
	for k, v := range meta {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, fmt.Errorf("metadata %q is no UTF-8: %w", k, ErrColumn)
		}
	}
	metadata := arrow.MetadataFrom(meta) // sorts the keys
	schema := arrow.NewSchema(fields, &metadata)

	buf := bufio.NewWriterSize(w, 1<<16)
	file, err := ipc.NewFileWriter(&counter{w: buf}, ipc.WithSchema(schema))
	if err != nil {
		return nil, err
	}
	return &Writer{
		columns: slices.Clone(columns),
		buf:     buf,
		file:    file,
		batch:   array.NewRecordBuilder(memory.NewGoAllocator(), schema),
		sizes:   make([]int, len(columns)),
	}, nil
}

// WriteBatch adds rows: one slice a column, in the order of the columns, of
// the Go type that the column's [Type] names, all of the same number of rows.
// It keeps none of the slices. Any number of rows may come in one call. A
// value that is refused leaves the table as it was before the call; a failure
// to write, or a batch past 2 GiB of text in one column, makes it unusable.
func (w *Writer) WriteBatch(values ...any) error {
	if w.err != nil {
		return w.err
	}
	rows, err := w.check(values)
	if err != nil {
		return err
	}
	for from := 0; from < rows; {
		to := min(rows, from+BatchRows-w.rows)
		for i, v := range values {
			if err := w.add(i, v, from, to); err != nil {
				w.err = err
				return err
			}
		}
		w.rows += to - from
		from = to
		if w.rows == BatchRows {
			if w.err = w.flush(); w.err != nil {
				return w.err
			}
		}
	}
	return nil
}

// Close writes the rows that are left, and the end of the file. A second call
// returns an error.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.rows > 0 {
		w.err = w.flush()
	}
	if w.err == nil {
		w.err = w.file.Close()
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("the Arrow file is closed")
	return nil
}

// flush writes the collected rows as one record batch.
func (w *Writer) flush() error {
	record := w.batch.NewRecord() // also empties the builder
	defer record.Release()
	w.rows = 0
	clear(w.sizes)
	return w.file.Write(record)
}

// check returns the number of rows in values, which fit the columns.
func (w *Writer) check(values []any) (rows int, err error) {
	if len(values) != len(w.columns) {
		return 0, fmt.Errorf("%d columns of values for a table of %d: %w", len(values), len(w.columns), ErrColumn)
	}
	for i, v := range values {
		c := w.columns[i]
		n, ok := 0, false
		switch v := v.(type) {
		case []string:
			n, ok = len(v), c.Type == String
			for row, s := range v {
				if !utf8.ValidString(s) {
					return 0, fmt.Errorf("column %q, row %d of the batch: the text is no UTF-8: %w", c.Name, row, ErrColumn)
				}
			}
		case []bool:
			n, ok = len(v), c.Type == Bool
		case []int64:
			n, ok = len(v), c.Type == Int64
		case []uint64:
			n, ok = len(v), c.Type == Uint64
		case []float32:
			n, ok = len(v), c.Type == Float32
			if c.Type == Float32Vector {
				n, ok = len(v)/c.Width, len(v)%c.Width == 0
			}
		case []float64:
			n, ok = len(v), c.Type == Float64
		case [][]uint64:
			n, ok = len(v), c.Type == Uint64List
		}
		if !ok {
			return 0, fmt.Errorf("column %q: a %T does not fit a column of %v: %w", c.Name, v, c.Type, ErrColumn)
		}
		if i > 0 && n != rows {
			return 0, fmt.Errorf("column %q has %d rows, column %q has %d: %w", c.Name, n, w.columns[0].Name, rows, ErrColumn)
		}
		rows = n
	}
	return rows, nil
}

// add appends the rows [from, to) of a checked slice to column i of the batch.
func (w *Writer) add(i int, values any, from, to int) error {
	switch b := w.batch.Field(i).(type) {
	case *array.StringBuilder:
		v := values.([]string)[from:to]
		for _, s := range v {
			if err := w.grow(i, len(s)); err != nil {
				return err
			}
		}
		b.AppendValues(v, nil)
	case *array.BooleanBuilder:
		b.AppendValues(values.([]bool)[from:to], nil)
	case *array.Int64Builder:
		b.AppendValues(values.([]int64)[from:to], nil)
	case *array.Uint64Builder:
		b.AppendValues(values.([]uint64)[from:to], nil)
	case *array.Float32Builder:
		b.AppendValues(values.([]float32)[from:to], nil)
	case *array.Float64Builder:
		b.AppendValues(values.([]float64)[from:to], nil)
	case *array.ListBuilder:
		elements := b.ValueBuilder().(*array.Uint64Builder)
		for _, list := range values.([][]uint64)[from:to] {
			if err := w.grow(i, len(list)); err != nil {
				return err
			}
			b.Append(true)
			elements.AppendValues(list, nil)
		}
	case *array.FixedSizeListBuilder:
		width := w.columns[i].Width
		for range to - from {
			b.Append(true)
		}
		b.ValueBuilder().(*array.Float32Builder).AppendValues(values.([]float32)[from*width:to*width], nil)
	default:
		panic(fmt.Sprintf("arrowfile: column %q has no builder", w.columns[i].Name))
	}
	return nil
}

// grow counts what column i takes in this batch beside its rows.
func (w *Writer) grow(i, n int) error {
	if n > maxBatchBytes-w.sizes[i] {
		return fmt.Errorf("column %q: %d rows hold more than %d bytes or values, the bound of one record batch", w.columns[i].Name, BatchRows, maxBatchBytes)
	}
	w.sizes[i] += n
	return nil
}

// counter is the seeker that Arrow's file writer asks for. The writer only
// seeks to learn where it stands.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("an Arrow file is written front to back")
	}
	return c.n, nil
}
