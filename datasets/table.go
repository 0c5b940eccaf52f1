package datasets

import "whorl/datasets/internal/columnar"

// rowCursor walks one column of a labels or pairs file row by row.
type rowCursor struct {
	cursor *columnar.Cursor
	vector columnar.Vector
	lane   lane
	row    int // of the vector, from 1
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
	}
	c.row++
	if c.lane.node.MaxRep > 0 {
		return true, c.lane.list()
	}
	c.lane.flat()
	return true, nil
}

// Strings returns the text values of the current row, in a slice of their own.
func (c *rowCursor) Strings() []string {
	var all []string
	for i := c.lane.vat; i < c.lane.vto; i++ {
		all = append(all, c.vector.String(i))
	}
	return all
}

// Floats returns the floating-point values of the current row.
func (c *rowCursor) Floats() []float64 { return c.vector.Floats[c.lane.vat:c.lane.vto] }

// cell returns the text of a scalar column in the current row.
func cell(c *rowCursor) (text string, ok bool) { return c.lane.text() }
