// Package columnwriter writes Parquet files column by column, as a stream and
// in bounded memory.
//
// The flow:
//
//  1. [New] takes the schema from a struct's tags and finds the leaf of each
//     column by its path.
//  2. The caller appends the entries of one row to each [Column], with their
//     repetition and definition levels (Melnik et al., Dremel, VLDB 2010,
//     section 4), and ends it with [File.EndRow].
//  3. Rows are handed to parquet-go in small batches, which become pages; a
//     row group ends when one of [Limits] is reached.
//
// The levels are the caller's: appending them directly, rather than letting
// the library walk a struct by reflection, is what makes writing fast.
//
// The same rows give the same bytes: nothing in a file tells of the clock, the
// build or the machine. Text columns keep their statistics, because a reader
// that skips pages by them would take absent ones for empty texts; so that
// long cells do not fill the footer with them, they end a row group early.
package columnwriter

import (
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Limits are the sizes at which a row group ends; zero fields take the
// defaults.
type Limits struct {
	Rows    int64 // default [DefaultRows]
	Bytes   int64 // of text, default [DefaultBytes]
	Entries int64 // of all columns, nulls included, default [DefaultEntries]
}

// The default limits of a row group.
const (
	DefaultRows    = 1 << 16
	DefaultBytes   = 64 << 20
	DefaultEntries = 1 << 24
)

const (
	batchRows    = 16
	batchBytes   = 1 << 20
	batchEntries = 1 << 16

	pageBytes       = 256 << 10
	dictionaryBytes = 2 << 20

	// A chunk's statistics hold its least and its greatest value, up to twice
	// its longest text, and stand in the footer.
	statisticsBytes = 2 << 20
)

// File is a Parquet file in the making.
type File struct {
	w       *parquet.GenericWriter[any]
	limits  Limits
	columns []*Column

	row                 int64 // bytes of text of the row in the making
	batch, group, total size
	footer              int64 // statistics of the row groups written
}

// size counts what was appended.
type size struct{ rows, bytes, entries int64 }

func (s *size) add(o size) {
	s.rows += o.rows
	s.bytes += o.bytes
	s.entries += o.entries
}

// Column is one leaf column of a [File]. Its methods append one entry of the
// current row, with repetition level rep and definition level def.
type Column struct {
	file    *File
	index   int
	values  []parquet.Value
	ended   int                 // of values, those of ended rows
	nulls   [4][4]parquet.Value // by repetition and definition level
	longest int64               // text of the row group
}

// New begins a file of rows like the struct row, whose parquet tags are the
// schema. name is the schema's name.
func New(w io.Writer, name string, row any, limits Limits) *File {
	defaults := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	defaults(&limits.Rows, DefaultRows)
	defaults(&limits.Bytes, DefaultBytes)
	defaults(&limits.Entries, DefaultEntries)
	schema := parquet.NewSchema(name, parquet.SchemaOf(row))
	f := &File{limits: limits}
	f.w = parquet.NewGenericWriter[any](w, schema,
		parquet.CreatedBy("whorl", "1", "parquet-go"),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.PageBufferSize(pageBytes),
		parquet.DictionaryMaxBytes(dictionaryBytes),
	)
	for i := range schema.Columns() {
		c := &Column{file: f, index: i}
		for rep := range c.nulls {
			for def := range c.nulls[rep] {
				c.nulls[rep][def] = parquet.Value{}.Level(rep, def, i)
			}
		}
		f.columns = append(f.columns, c)
	}
	return f
}

// Column returns the leaf at a path, such as "exceptions.list.element.type".
// It panics when there is none.
func (f *File) Column(path string) *Column {
	leaf, ok := f.w.Schema().Lookup(strings.Split(path, ".")...)
	if !ok {
		panic("columnwriter: no column " + path)
	}
	return f.columns[leaf.ColumnIndex]
}

func (c *Column) add(v parquet.Value, rep, def int) {
	c.values = append(c.values, v.Level(rep, def, c.index))
}

// Null appends an entry without a value: a null, or an empty list. The levels
// are below 4.
func (c *Column) Null(rep, def int) { c.values = append(c.values, c.nulls[rep&3][def&3]) }

// Text appends a text. It is not copied before the row's batch is written.
func (c *Column) Text(s string, rep, def int) {
	n := int64(len(s))
	c.file.row += n
	if n > c.longest {
		c.longest = n
	}
	c.add(parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s))), rep, def)
}

// Int32 appends an INT32.
func (c *Column) Int32(v int32, rep, def int) { c.add(parquet.Int32Value(v), rep, def) }

// Int64 appends an INT64.
func (c *Column) Int64(v int64, rep, def int) { c.add(parquet.Int64Value(v), rep, def) }

// Double appends a DOUBLE.
func (c *Column) Double(v float64, rep, def int) { c.add(parquet.DoubleValue(v), rep, def) }

// Bool appends a BOOLEAN.
func (c *Column) Bool(v bool, rep, def int) { c.add(parquet.BooleanValue(v), rep, def) }

// DropRow takes back the entries appended since the last row ended.
func (f *File) DropRow() {
	f.row = 0
	for _, c := range f.columns {
		clear(c.values[c.ended:])
		c.values = c.values[:c.ended]
	}
}

// RowBytes returns the bytes of text appended since the last row ended.
func (f *File) RowBytes() int64 { return f.row }

// EndRow ends a row for which every column got its entries.
func (f *File) EndRow() error {
	f.batch.add(size{rows: 1, bytes: f.row})
	f.row = 0
	for _, c := range f.columns {
		f.batch.entries += int64(len(c.values) - c.ended)
		c.ended = len(c.values)
	}
	if f.batch.rows < batchRows && f.batch.bytes < batchBytes && f.batch.entries < batchEntries && f.rowGroupOpen() {
		return nil
	}
	return f.flush()
}

// rowGroupOpen reports whether the rows appended leave room in the row group.
func (f *File) rowGroupOpen() bool {
	return f.group.rows+f.batch.rows < f.limits.Rows && f.group.bytes+f.batch.bytes < f.limits.Bytes &&
		f.group.entries+f.batch.entries < f.limits.Entries
}

// flush hands the batch over, and ends the row group where a limit is reached.
func (f *File) flush() error {
	writers := f.w.ColumnWriters()
	statistics := int64(0)
	for i, c := range f.columns {
		n, err := writers[i].WriteRowValues(c.values)
		if err != nil {
			return err
		}
		if int64(n) != f.batch.rows {
			panic(fmt.Sprintf("columnwriter: column %v has %d rows of %d", f.w.Schema().Columns()[i], n, f.batch.rows))
		}
		clear(c.values) // they hold the texts
		c.values, c.ended = c.values[:0], 0
		statistics += 2 * c.longest
	}
	f.group.add(f.batch)
	f.batch = size{}
	if !f.rowGroupOpen() || statistics >= statisticsBytes {
		return f.endGroup()
	}
	return nil
}

func (f *File) endGroup() error {
	if err := f.w.Flush(); err != nil {
		return err
	}
	for _, c := range f.columns {
		f.footer += 2 * c.longest
		c.longest = 0
	}
	f.total.add(f.group)
	f.group = size{}
	return nil
}

// Rows returns the number of rows appended.
func (f *File) Rows() int64 { return f.total.rows + f.group.rows + f.batch.rows }

// BetweenGroups reports whether the last row ended a row group.
func (f *File) BetweenGroups() bool { return f.group.rows == 0 && f.batch.rows == 0 }

// FooterFull reports whether further row groups could make the footer larger
// than readers take.
func (f *File) FooterFull() bool { return f.footer >= statisticsBytes }

// Close writes what is left and the footer. It does not close the writer
// below.
func (f *File) Close() error {
	if f.batch.rows > 0 {
		if err := f.flush(); err != nil {
			return err
		}
	}
	return f.w.Close()
}
