package boost

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// openEnd is the threshold that every value of a column satisfies: the
// greatest magnitude of a value, and of a threshold that a model file takes.
const openEnd = 1e18

// maxBins is the greatest number of bins of a column, the one for missing
// values not counted.
const maxBins = 254

// ErrBadColumn is wrapped by the error of [NewMatrix] for a grid that cannot be.
var ErrBadColumn = errors.New("boost: improper column")

// Column says how one feature is cut into bins. The edges come from the
// feature's public range, never from the data: a split threshold of a finished
// model can therefore not be a value that a customer sent.
type Column struct {
	Low, High float32 // range of the feature; values outside fall into the outermost bins
	Bins      int     // number of equally wide bins, 1 to 254
	Monotone  int8    // +1: the margin may not fall as the feature grows; -1: not rise; 0: free; missing values are free
}

// edge returns the upper edge of bin b: values up to and including it belong
// to bin b or a lower one.
func (c Column) edge(b int) float32 {
	return c.Low + (c.High-c.Low)*float32(b+1)/float32(c.Bins)
}

// edges returns the upper edges of all bins but the last, which is open.
func (c Column) edges() []float32 {
	e := make([]float32, c.Bins-1)
	for b := range e {
		e[b] = c.edge(b)
	}
	return e
}

// Matrix is a binned data set, column by column: one byte a value.
type Matrix struct {
	rows    int
	columns []Column
	edges   [][]float32
	bins    [][]uint8 // bins[column][row]; missing values have bin Column.Bins
}

// NewMatrix returns an empty matrix with room for the given number of rows. Its
// error wraps [ErrBadColumn].
func NewMatrix(columns []Column, capacity int) (*Matrix, error) {
	m := &Matrix{columns: columns}
	for i, c := range columns {
		if c.Bins < 1 || c.Bins > maxBins || !(c.High > c.Low && c.Low >= -openEnd && c.High <= openEnd) {
			return nil, fmt.Errorf("%w: column %d has %d bins over [%g,%g], want 1 to %d bins over a range within [%g,%g]", ErrBadColumn, i, c.Bins, c.Low, c.High, maxBins, -openEnd, openEnd)
		}
		m.edges = append(m.edges, c.edges())
		m.bins = append(m.bins, make([]uint8, 0, capacity))
	}
	return m, nil
}

// Append adds one row, as [Matrix.Set] takes it.
func (m *Matrix) Append(row []float32) {
	m.Resize(m.rows + 1)
	m.Set(m.rows-1, row)
}

// Resize sets the number of rows. Different goroutines may then [Matrix.Set]
// different rows.
func (m *Matrix) Resize(rows int) {
	for i := range m.bins {
		m.bins[i] = append(m.bins[i][:min(rows, m.rows)], make([]uint8, max(0, rows-m.rows))...)
	}
	m.rows = rows
}

// Set bins a row of len(columns) values of magnitude at most 1e18; NaN is a
// missing value.
func (m *Matrix) Set(at int, row []float32) {
	if len(row) != len(m.columns) {
		panic("boost: row length differs from the number of columns")
	}
	for i, v := range row {
		b := m.columns[i].Bins
		if v > openEnd || v < -openEnd {
			panic("boost: a value is beyond 1e18")
		}
		if !math.IsNaN(float64(v)) {
			e := m.edges[i]
			b = sort.Search(len(e), func(k int) bool { return v <= e[k] })
		}
		m.bins[i][at] = uint8(b)
	}
}

// Rows returns the number of rows.
func (m *Matrix) Rows() int { return m.rows }
