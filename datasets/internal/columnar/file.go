package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// File is an open Parquet file. Its methods may be called concurrently.
type File struct {
	name    string
	src     source
	footer  int64 // offset at which the footer begins
	meta    *format.FileMetaData
	root    *Node
	numRows int64
}

// source hands out ranges of a file.
type source interface {
	// slice returns n bytes at off, in buf if it has to copy.
	slice(buf []byte, off int64, n int) ([]byte, error)
	// fork returns the source for one cursor.
	fork() source
}

// Forker is a reader that gives each column a reader of its own, which may
// keep what it read last. A plain [io.ReaderAt] serves all columns.
type Forker interface {
	io.ReaderAt
	Fork() io.ReaderAt
}

type memory []byte

func (m memory) slice(_ []byte, off int64, n int) ([]byte, error) {
	return m[off : off+int64(n)], nil
}

func (m memory) fork() source { return m }

type reader struct{ io.ReaderAt }

func (r reader) fork() source {
	if f, ok := r.ReaderAt.(Forker); ok {
		return reader{f.Fork()}
	}
	return r
}

func (r reader) slice(buf []byte, off int64, n int) ([]byte, error) {
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if got, err := r.ReadAt(buf, off); got < n {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, off, err)
	}
	return buf, nil
}

// OpenBytes opens a file that is in memory. name stands in errors.
func OpenBytes(name string, data []byte) (*File, error) {
	return open(name, memory(data), bytes.NewReader(data), int64(len(data)))
}

// Open opens a file of size bytes behind r. name stands in errors.
func Open(name string, r io.ReaderAt, size int64) (*File, error) {
	return open(name, reader{r}, r, size)
}

func open(name string, src source, r io.ReaderAt, size int64) (f *File, err error) {
	defer Recover(name, &err)
	fail := func(base error, format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("%s: %w: %s", name, base, fmt.Sprintf(format, args...))
	}
	if size < 12 {
		return fail(ErrCorrupt, "%d bytes are no Parquet file", size)
	}
	head, err := src.slice(nil, 0, 4)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	tail, err := src.slice(nil, size-8, 8)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if string(tail[4:]) == "PARE" || string(head) == "PARE" {
		return fail(ErrUnsupported, "encrypted; write it in plain")
	}
	if string(head) != "PAR1" || string(tail[4:]) != "PAR1" {
		return fail(ErrCorrupt, "no Parquet magic bytes")
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > MaxFooterBytes {
		return fail(ErrLimit, "footer of %d bytes; the limit is %d", length, MaxFooterBytes)
	}
	if length > size-12 {
		return fail(ErrCorrupt, "footer of %d bytes in a file of %d", length, size)
	}
	footer, err := src.slice(nil, size-8-length, int(length))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if _, _, err := thriftStructLen(footer); err != nil {
		return nil, fmt.Errorf("%s: footer: %w", name, err)
	}
	file, err := parquet.OpenFile(r, size,
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.FileReadMode(parquet.ReadModeSync))
	if err != nil {
		if strings.Contains(err.Error(), "DecryptionConfig") { // plain footer, encrypted columns
			return fail(ErrUnsupported, "encrypted columns; write it in plain")
		}
		return fail(ErrCorrupt, "%v", err)
	}
	f = &File{name: name, src: src, footer: size - 8 - length, meta: file.Metadata()}
	leaves := 0
	if f.root, err = newNode(file.Root(), 0, &leaves); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := f.checkGroups(leaves); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) checkGroups(leaves int) error {
	if len(f.meta.RowGroups) > MaxRowGroups {
		return fmt.Errorf("%w: %d row groups; the limit is %d", ErrLimit, len(f.meta.RowGroups), MaxRowGroups)
	}
	for i := range f.meta.RowGroups {
		g := &f.meta.RowGroups[i]
		if g.NumRows < 0 || g.NumRows > f.meta.NumRows-f.numRows {
			return fmt.Errorf("%w: row group %d has %d rows, which the footer's total of %d does not allow", ErrCorrupt, i, g.NumRows, f.meta.NumRows)
		}
		f.numRows += g.NumRows
		if len(g.Columns) != leaves {
			return fmt.Errorf("%w: row group %d has %d columns, the schema %d", ErrCorrupt, i, len(g.Columns), leaves)
		}
	}
	if f.numRows != f.meta.NumRows {
		return fmt.Errorf("%w: row groups hold %d rows, the footer says %d", ErrCorrupt, f.numRows, f.meta.NumRows)
	}
	return nil
}

// Name returns the name given to Open.
func (f *File) Name() string { return f.name }

// Rows returns the number of rows that the footer states; cursors hold the
// pages to it.
func (f *File) Rows() int64 { return f.numRows }

// Root returns the root of the schema.
func (f *File) Root() *Node { return f.root }

// Groups returns the number of row groups.
func (f *File) Groups() int { return len(f.meta.RowGroups) }

// Writer returns the footer's created-by text.
func (f *File) Writer() string { return f.meta.CreatedBy }

// Group is one row group, read under a budget of decoded bytes. Its methods may
// be called concurrently.
type Group struct {
	file   *File
	index  int
	budget int64
	need   atomic.Int64 // what the cursors take at most each, together
}

// Group returns row group i. budget bounds the sum of what its cursors hold
// decoded at most each, in bytes; 0 means [DefaultBudget].
func (f *File) Group(i int, budget int64) *Group {
	if budget <= 0 {
		budget = DefaultBudget
	}
	return &Group{file: f, index: i, budget: budget}
}

// Rows returns the number of rows of the group.
func (g *Group) Rows() int64 { return g.file.meta.RowGroups[g.index].NumRows }

// Held returns the most that the cursors of the row group took together so far,
// in bytes.
func (g *Group) Held() int64 { return g.need.Load() }

// Stored returns the compressed bytes that the footer states for a leaf's
// column, a hint at what reading it costs.
func (g *Group) Stored(n *Node) int64 {
	return g.file.meta.RowGroups[g.index].Columns[n.Leaf].MetaData.TotalCompressedSize
}

// Bytes returns the size of the group's decompressed pages as the footer
// states it, a hint at the size of its rows; 0 for nonsense.
func (g *Group) Bytes() int64 { return max(g.file.meta.RowGroups[g.index].TotalByteSize, 0) }

// Cursor opens the column of a leaf node.
func (g *Group) Cursor(n *Node) (*Cursor, error) {
	fail := func(base error, format string, args ...any) (*Cursor, error) {
		return nil, fmt.Errorf("%s: row group %d, column %s: %w: %s", g.file.name, g.index, n.Path, base, fmt.Sprintf(format, args...))
	}
	if n.Leaf < 0 {
		return fail(ErrUnsupported, "not a leaf")
	}
	chunk := &g.file.meta.RowGroups[g.index].Columns[n.Leaf]
	meta := &chunk.MetaData
	if chunk.FilePath != "" {
		return fail(ErrUnsupported, "stored in another file")
	}
	if got := strings.Join(meta.PathInSchema, "."); got != n.Path {
		return fail(ErrCorrupt, "the row group has %q in its place", got)
	}
	if parquet.Kind(meta.Type) != n.Kind {
		return fail(ErrCorrupt, "the row group stores another type")
	}
	start := meta.DataPageOffset
	if d := meta.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	size := meta.TotalCompressedSize
	if meta.NumValues < 0 || size < 0 || start < 4 || start > g.file.footer || size > g.file.footer-start {
		return fail(ErrCorrupt, "pages outside the file")
	}
	c := &Cursor{
		group: g, node: n, codec: meta.Codec, src: g.file.src.fork(),
		offset: start, end: start + size,
		left: meta.NumValues, rows: g.Rows(),
	}
	c.pageBuffers = *spareBuffers.Get().(*pageBuffers)
	return c, nil
}

// Recover turns a panic of the library into an error that names the file. Use
// it deferred.
func Recover(name string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %w: %v", name, ErrCorrupt, r)
	}
}
