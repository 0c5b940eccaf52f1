package columnar

import (
	"fmt"
	"sync"

	"github.com/parquet-go/parquet-go/format"
)

// Cursor reads one column of one row group from its first row to its last. It
// belongs to one goroutine.
type Cursor struct {
	group *Group
	node  *Node
	codec format.CompressionCodec
	src   source

	offset, end int64 // bytes of the chunk not read yet
	left        int64 // entries not read yet
	rows        int64 // rows of the group
	row         int64 // rows begun
	length      int   // entries of the current row of a list column
	page        int   // data pages read

	held, peak int64 // bytes that dictionary and page take, now and at most
	dictHeld   int64

	pageBuffers
	indexed bool // text stands in indices, not in strs
	entries int  // of the current page
	at, vat int  // the next entry and value

	dict       bool
	dictStrs   []string
	dictInts   []int64
	dictFloats []float64
}

// pageBuffers is the memory of the current page. A cursor passes it on to the
// next when its column is read.
type pageBuffers struct {
	reps, defs, bools []uint8
	strs              []string
	ints              []int64
	floats            []float64
	payload, body     []byte
	headerBytes       []byte
	indices           []uint32
	ends              []uint32 // of the values in a page's text
	lengths           []int64
}

var spareBuffers = sync.Pool{New: func() any { return new(pageBuffers) }}

// pass gives the page's memory to whoever needs it next.
func (c *Cursor) pass() {
	b := c.pageBuffers
	clear(b.strs) // they may hold text
	b.strs = b.strs[:0]
	c.pageBuffers = pageBuffers{}
	c.at, c.entries = 0, 0
	spareBuffers.Put(&b)
}

// Node returns the leaf that the cursor reads.
func (c *Cursor) Node() *Node { return c.node }

// fill replaces the current page by the next. It returns false when the
// column has no more.
func (c *Cursor) fill() (bool, error) {
	if c.left == 0 {
		return false, nil
	}
	c.reps, c.defs = c.reps[:0], c.defs[:0]
	c.strs, c.ints, c.floats, c.bools = c.strs[:0], c.ints[:0], c.floats[:0], c.bools[:0]
	c.at, c.vat, c.entries, c.indexed = 0, 0, 0, false
	c.held = c.dictHeld
	n, err := c.readPage()
	if err != nil {
		return false, err
	}
	c.entries = n
	c.left -= int64(n)
	return true, nil
}

// hold counts n bytes more as taken. What the cursors of a row group take at
// most each, together, must stay within its budget: a sum that does not
// depend on the order in which they read.
func (c *Cursor) hold(n int64) error {
	if c.held += n; c.held <= c.peak {
		return nil
	}
	more := c.held - c.peak
	c.peak = c.held
	if c.group.need.Add(more) > c.group.budget {
		return &budgetError{c.group.file.name, c.group.index, c.group.budget}
	}
	return nil
}

// budgetError names no column: which one asks for the last bytes depends on
// the order in which columns are read.
type budgetError struct {
	file   string
	group  int
	budget int64
}

func (e *budgetError) Unwrap() []error { return []error{ErrLimit, ErrMemory} }
func (e *budgetError) Error() string {
	return fmt.Sprintf("%s: row group %d: %s: its pages and dictionaries take more than %d bytes, the share of one row group; allow more memory, or write smaller pages and row groups",
		e.file, e.group, ErrLimit, e.budget)
}

func (c *Cursor) errorf(base error, format string, args ...any) error {
	return fmt.Errorf("%s: row group %d, column %s: %w: %s", c.group.file.name, c.group.index, c.node.Path, base, fmt.Sprintf(format, args...))
}

func (c *Cursor) wrap(what string, err error) error {
	if b, ok := err.(*budgetError); ok {
		return b
	}
	return fmt.Errorf("%s: row group %d, column %s: %s: %w", c.group.file.name, c.group.index, c.node.Path, what, err)
}
