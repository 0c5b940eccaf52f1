package columnar

import "bytes"

// Vector holds consecutive rows of one column: their entries in Reps and Defs,
// in step, and the values that are not null, in order: text as places in Dict,
// or in Strings where Dict is nil, numbers in Ints or Floats after the
// column's type, and booleans as 0 and 1 in Bools. Text does not alias any
// buffer of the reader.
//
//	column          Reps          Defs
//	flat, required  nil           nil        one entry a row
//	flat, optional  nil           one        one entry a row
//	in a list       one an entry  one an entry
//
// A row of a list column begins where a repetition level is 0.
type Vector struct {
	Rows    int
	Reps    []uint8
	Defs    []uint8
	Dict    []string // of the row group, shared
	Indices []uint32
	Strings []string
	Ints    []int64
	Floats  []float64
	Bools   []uint8
	// Bytes is the memory that these rows take beyond their row group's
	// dictionaries.
	Bytes int64
}

// String returns text value i.
func (v *Vector) String(i int) string {
	if v.Dict != nil {
		return v.Dict[v.Indices[i]]
	}
	return v.Strings[i]
}

// Texts returns how many text values there are.
func (v *Vector) Texts() int { return max(len(v.Indices), len(v.Strings)) }

// Reset empties the vector and keeps its memory.
func (v *Vector) Reset() {
	clear(v.Strings) // they may hold a page's text
	*v = Vector{
		Reps: v.Reps[:0], Defs: v.Defs[:0], Indices: v.Indices[:0], Strings: v.Strings[:0],
		Ints: v.Ints[:0], Floats: v.Floats[:0], Bools: v.Bools[:0],
	}
}

// Read appends the next rows of the column to v and returns how many: as many
// as asked for, or what is left of the row group. A column that does not hold
// exactly the row group's rows is an error, so columns read in step agree.
func (c *Cursor) Read(v *Vector, rows int) (int, error) {
	left := int(min(int64(rows), c.rows-c.row))
	n := 0
	for n < left {
		if c.at == c.entries {
			if more, err := c.fill(); err != nil {
				return 0, err
			} else if !more {
				return 0, c.errorf(ErrCorrupt, "%d rows, the row group has %d", c.row, c.rows)
			}
		}
		to := c.at
		if c.node.MaxRep == 0 {
			take := min(left-n, c.entries-c.at)
			to += take
			n += take
			c.row += int64(take)
		} else {
			if c.reps[to] != 0 {
				return 0, c.errorf(ErrCorrupt, "row %d begins inside a list", c.row+1)
			}
			end, begun := rowsEnd(c.reps, to, left-n)
			if end-to > MaxRowEntries { // cannot be told from here how many of them are one row
				if err := c.checkRows(to, end); err != nil {
					return 0, err
				}
			}
			to = end
			n += begun
			c.row += int64(begun)
			c.length = to - 1 - bytes.LastIndexByte(c.reps[:to], 0)
		}
		c.copy(v, to)
		if err := c.overPage(v); err != nil {
			return 0, err
		}
	}
	v.Rows += n
	if c.row == c.rows {
		if c.at < c.entries || c.left > 0 {
			return 0, c.errorf(ErrCorrupt, "more than the row group's %d rows", c.rows)
		}
		if n > 0 || c.rows == 0 {
			if err := c.checkEnd(); err != nil {
				return 0, err
			}
			c.pass()
		}
	}
	return n, nil
}

// checkRows holds the rows between two entries of the page to their limit.
func (c *Cursor) checkRows(at, end int) error {
	for row := c.row + 1; at < end; row++ {
		k := bytes.IndexByte(c.reps[at+1:end], 0)
		if k < 0 {
			k = end - at - 1
		}
		if k+1 > MaxRowEntries {
			return c.longRow(row)
		}
		at += k + 1
	}
	return nil
}

func (c *Cursor) longRow(row int64) error {
	return c.errorf(ErrLimit, "row %d has more than %d list entries", row, MaxRowEntries)
}

// overPage copies what later pages hold of a row that reached the page's end.
func (c *Cursor) overPage(v *Vector) error {
	for c.node.MaxRep > 0 && c.at == c.entries {
		if more, err := c.fill(); err != nil || !more {
			return err
		}
		to := bytes.IndexByte(c.reps, 0)
		if to < 0 {
			to = c.entries
		}
		if c.length += to; c.length >= MaxRowEntries {
			return c.longRow(c.row)
		}
		c.copy(v, to)
	}
	return nil
}

// copy appends the page's entries up to the given one.
func (c *Cursor) copy(v *Vector, to int) {
	values := to - c.at
	if c.node.MaxDef > 0 {
		defs := c.defs[c.at:to]
		values = bytes.Count(defs, []byte{c.node.MaxDef})
		v.Defs = append(v.Defs, defs...)
		v.Bytes += int64(len(defs))
	}
	if c.node.MaxRep > 0 {
		v.Reps = append(v.Reps, c.reps[c.at:to]...)
		v.Bytes += int64(to - c.at)
	}
	vto := c.vat + values
	switch c.node.Kind {
	case ByteArray:
		c.copyText(v, vto)
	case Double:
		v.Floats = append(v.Floats, c.floats[c.vat:vto]...)
		v.Bytes += 8 * int64(values)
	case Boolean:
		v.Bools = append(v.Bools, c.bools[c.vat:vto]...)
		v.Bytes += int64(values)
	default:
		v.Ints = append(v.Ints, c.ints[c.vat:vto]...)
		v.Bytes += 8 * int64(values)
	}
	c.at, c.vat = to, vto
}

// copyText appends the page's text values up to the given one. A column may
// turn from its dictionary to plain pages, or back, within the rows asked for;
// then all of them become plain.
func (c *Cursor) copyText(v *Vector, to int) {
	if c.indexed && len(v.Strings) == 0 && len(c.dictStrs) > 0 {
		v.Dict = c.dictStrs
		v.Indices = append(v.Indices, c.indices[c.vat:to]...)
		v.Bytes += 4 * int64(to-c.vat)
		return
	}
	for _, i := range v.Indices {
		v.Strings = append(v.Strings, v.Dict[i])
	}
	v.Dict, v.Indices = nil, v.Indices[:0]
	if c.indexed {
		for _, i := range c.indices[c.vat:to] {
			v.Strings = append(v.Strings, c.dictStrs[i])
		}
		v.Bytes += 16 * int64(to-c.vat)
		return
	}
	for _, s := range c.strs[c.vat:to] {
		v.Strings = append(v.Strings, s)
		v.Bytes += 16 + int64(len(s))
	}
}
