package datasets

import "whorl/datasets/internal/columnar"

// rowCursor walks one column of a labels or pairs file row by row.
type rowCursor struct {
	cursor *columnar.Cursor
	vector columnar.Vector
	lane   lane
	starts []int32 // of the vector's rows, of a list column
	row    int     // of the vector, from 1
}

// tableRows is how many rows of a labels or pairs file are decoded at a time.
const tableRows = 1024

// cursors opens the columns of a row group.
func cursors(g *columnar.Group, nodes ...*columnar.Node) ([]*rowCursor, error) {
	all := make([]*rowCursor, len(nodes))
	for i, n := range nodes {
		c, err := g.Cursor(n)
		if err != nil {
			return nil, err
		}
		all[i] = &rowCursor{cursor: c}
	}
	return all, nil
}

// nextRow moves columns of one row group to the next row. They end together:
// a cursor gives exactly the group's rows.
func nextRow(columns []*rowCursor) (more bool, err error) {
	for _, c := range columns {
		if more, err = c.next(); err != nil || !more {
			return false, err
		}
	}
	return more, nil
}

func (c *rowCursor) next() (bool, error) {
	if c.row == c.vector.Rows {
		c.vector.Reset()
		if n, err := c.cursor.Read(&c.vector, tableRows); err != nil || n == 0 {
			return false, err
		}
		c.row, c.lane = 0, lane{Vector: &c.vector, node: c.cursor.Node()}
		if c.lane.node.MaxRep > 0 {
			c.starts = rowStarts(c.starts[:0], c.vector.Reps)
		}
	}
	c.row++
	if c.starts == nil {
		c.lane.seek(c.row - 1)
	} else {
		c.lane.seek(int(c.starts[c.row-1]))
	}
	return true, nil
}

// Strings returns the text values of the current row, in a slice of their own.
func (c *rowCursor) Strings() []string {
	var all []string
	to, v := c.lane.at+1, c.lane.val
	if c.starts != nil {
		to = int(c.starts[c.row])
	}
	for _, d := range c.lane.Defs[c.lane.at:to] {
		if d == c.lane.node.MaxDef {
			all = append(all, c.vector.String(v))
			v++
		}
	}
	return all
}

// Float returns the floating-point value of the current row.
func (c *rowCursor) Float() (v float64, ok bool) {
	if c.lane.null() {
		return 0, false
	}
	return c.vector.Floats[c.lane.val], true
}

// cell returns the text of a scalar column in the current row.
func cell(c *rowCursor) (text string, ok bool) {
	if c.lane.null() {
		return "", false
	}
	return c.vector.String(c.lane.val), true
}
