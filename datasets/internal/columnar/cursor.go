package columnar

import (
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// Cursor walks one column of one row group, row by row. The entries of the
// current row are Reps and Defs, in step; the values that are not null stand
// in Strings, Ints or Floats after the column's type. The slices hold until
// the next call of NextRow; the strings in them do not alias any buffer.
//
//	column          Reps          Defs
//	flat, required  nil           nil        one entry a row
//	flat, optional  nil           one        one entry a row
//	in a list       one an entry  one an entry
type Cursor struct {
	group *Group
	node  *Node
	codec format.CompressionCodec

	offset, end int64 // bytes of the chunk not read yet
	left        int64 // entries not read yet
	rows        int64 // rows of the group
	row         int64 // rows passed, the current one included
	page        int   // data pages read
	held        int64 // bytes taken from the group's budget

	// Entries of the current page, from the current row on; of the page
	// before it, what a row needs that goes over the page's end.
	reps, defs []uint8
	strs       []string
	ints       []int64
	floats     []float64
	entries    int // buffered

	at, to   int // entries of the current row
	vat, vto int // its values

	dict        bool
	dictStrs    []string
	dictInts    []int64
	dictFloats  []float64
	dictHeld    int64
	payload     []byte
	body        []byte
	indices     []uint32
	lengths     []int64
	headerBytes []byte
	spans       []span
}

// Node returns the leaf that the cursor reads.
func (c *Cursor) Node() *Node { return c.node }

// NextRow moves to the next row. It returns false after the last one, when
// the column held exactly the row group's rows, and an error otherwise.
func (c *Cursor) NextRow() (bool, error) {
	c.at, c.vat = c.to, c.vto
	if c.at == c.entries {
		more, err := c.fill()
		if err != nil {
			return false, err
		}
		if !more {
			if c.row != c.rows {
				return false, c.errorf(ErrCorrupt, "%d rows, the row group has %d", c.row, c.rows)
			}
			return false, nil
		}
	}
	if c.row == c.rows {
		return false, c.errorf(ErrCorrupt, "more than the row group's %d rows", c.rows)
	}
	c.row++
	if c.node.MaxRep == 0 {
		c.to = c.at + 1
		if c.node.MaxDef == 0 || c.defs[c.at] == c.node.MaxDef {
			c.vto = c.vat + 1
		}
		return true, nil
	}
	if c.reps[c.at] != 0 {
		return false, c.errorf(ErrCorrupt, "row %d begins inside a list", c.row)
	}
	c.to = c.at + 1
	for {
		for c.to < c.entries && c.reps[c.to] != 0 {
			c.to++
		}
		if c.to < c.entries {
			break
		}
		if c.to-c.at > MaxRowEntries {
			return false, c.errorf(ErrLimit, "row %d has more than %d list entries", c.row, MaxRowEntries)
		}
		if more, err := c.fill(); err != nil {
			return false, err
		} else if !more {
			break
		}
	}
	if c.to-c.at > MaxRowEntries {
		return false, c.errorf(ErrLimit, "row %d has more than %d list entries", c.row, MaxRowEntries)
	}
	for _, d := range c.defs[c.at:c.to] {
		if d == c.node.MaxDef {
			c.vto++
		}
	}
	return true, nil
}

// Reps returns the repetition levels of the current row, nil for a flat
// column.
func (c *Cursor) Reps() []uint8 {
	if c.node.MaxRep == 0 {
		return nil
	}
	return c.reps[c.at:c.to]
}

// Defs returns the definition levels of the current row, nil for a column
// that cannot be null.
func (c *Cursor) Defs() []uint8 {
	if c.node.MaxDef == 0 {
		return nil
	}
	return c.defs[c.at:c.to]
}

// Strings returns the text values of the current row.
func (c *Cursor) Strings() []string { return c.strs[c.vat:c.vto] }

// Ints returns the integer values of the current row, booleans as 0 and 1.
func (c *Cursor) Ints() []int64 { return c.ints[c.vat:c.vto] }

// Floats returns the floating-point values of the current row.
func (c *Cursor) Floats() []float64 { return c.floats[c.vat:c.vto] }

// Row returns the number of the current row in its row group, from 1.
func (c *Cursor) Row() int64 { return c.row }

// fill drops the entries before the current row and appends the next page's.
// It returns false when the column has no more.
func (c *Cursor) fill() (bool, error) {
	if c.left == 0 {
		return false, nil
	}
	kept, keptValues := c.entries-c.at, 0
	if c.node.MaxRep > 0 {
		c.reps = c.reps[:copy(c.reps, c.reps[c.at:])]
	}
	if c.node.MaxDef > 0 {
		c.defs = c.defs[:copy(c.defs, c.defs[c.at:])]
	}
	switch c.node.Kind {
	case ByteArray:
		keptValues = copy(c.strs, c.strs[c.vat:])
		clear(c.strs[keptValues:])
		c.strs = c.strs[:keptValues]
	case Double:
		keptValues = copy(c.floats, c.floats[c.vat:])
		c.floats = c.floats[:keptValues]
	default:
		keptValues = copy(c.ints, c.ints[c.vat:])
		c.ints = c.ints[:keptValues]
	}
	c.to -= c.at
	c.vto -= c.vat
	c.at, c.vat, c.entries = 0, 0, kept
	if err := c.take(int64(kept)*2 + int64(keptValues)*16); err != nil {
		return false, c.wrap("rows", err)
	}
	n, err := c.readPage()
	if err != nil {
		return false, err
	}
	c.entries += n
	c.left -= int64(n)
	return true, nil
}

// take replaces what the cursor holds of the group's budget for pages.
func (c *Cursor) take(n int64) error {
	c.group.budget += c.held
	c.held = 0
	return c.takeMore(n)
}

func (c *Cursor) takeMore(n int64) error {
	c.group.budget -= n
	c.held += n
	if c.group.budget < 0 {
		return fmt.Errorf("%w: pages of one row group need more memory than allowed; write smaller pages", ErrLimit)
	}
	return nil
}

func (c *Cursor) errorf(base error, format string, args ...any) error {
	return fmt.Errorf("%s: row group %d, column %s: %w: %s", c.group.file.name, c.group.index, c.node.Path, base, fmt.Sprintf(format, args...))
}

func (c *Cursor) wrap(what string, err error) error {
	return fmt.Errorf("%s: row group %d, column %s: %s: %w", c.group.file.name, c.group.index, c.node.Path, what, err)
}
