// Package arrowfile writes and reads tables as Arrow IPC files, the form in
// which features and scored pairs leave Whorl: Python (pyarrow.feather or
// pyarrow.ipc) and DuckDB open them without conversion.
//
//  1. A caller names its columns ([Column]) and the metadata of the table.
//  2. [NewWriter] writes rows as they come, in record batches of [BatchRows]
//     rows, so that a large table is never held in memory. The bytes are a
//     function of columns, metadata and rows alone: not of how the rows were
//     cut into calls, nor of the order of a map.
//  3. [Open] reads batch by batch, [Read] all at once.
//
// The tables are flat and hold no nulls: a column of a few typed values is all
// that the outputs need, and all that [Open] accepts.
//
// A damaged file ends in [ErrDamaged] where the damage shows. Damage inside a
// value does not show: a reader that resumes from a file compares its SHA-256
// first.
package arrowfile

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
)

var (
	// ErrDamaged says that the bytes are no whole Arrow file.
	ErrDamaged = errors.New("not an intact Arrow file")
	// ErrColumn says that a column is missing, or has not the type asked for.
	ErrColumn = errors.New("wrong column")
)

// Type is the type of a column's values.
type Type int

// The types, with the Go slice that holds a column of n rows.
const (
	String  Type = iota + 1 // []string, valid UTF-8
	Bool                    // []bool
	Int64                   // []int64
	Uint64                  // []uint64
	Float32                 // []float32; NaN and infinities are kept
	Float64                 // []float64; NaN and infinities are kept
	// Uint64List is a list of any length a row: [][]uint64. An empty list and
	// nil are the same.
	Uint64List
	// Float32Vector is a vector of [Column.Width] values a row: []float32 of
	// n*Width values, row after row.
	Float32Vector
)

var typeNames = map[Type]string{
	String: "string", Bool: "bool", Int64: "int64", Uint64: "uint64", Float32: "float32", Float64: "float64",
	Uint64List: "list of uint64", Float32Vector: "vector of float32",
}

func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("Type(%d)", int(t))
}

// Column names one column of a table.
type Column struct {
	Name  string // unique in the table, not empty
	Type  Type
	Width int // values a row of a Float32Vector, at least 1; 0 for other types
}

// newField returns the Arrow field of a column, or an error for a column that
// is not well formed.
func newField(c Column) (arrow.Field, error) {
	field := arrow.Field{Name: c.Name}
	switch c.Type {
	case String:
		field.Type = arrow.BinaryTypes.String
	case Bool:
		field.Type = arrow.FixedWidthTypes.Boolean
	case Int64:
		field.Type = arrow.PrimitiveTypes.Int64
	case Uint64:
		field.Type = arrow.PrimitiveTypes.Uint64
	case Float32:
		field.Type = arrow.PrimitiveTypes.Float32
	case Float64:
		field.Type = arrow.PrimitiveTypes.Float64
	case Uint64List:
		field.Type = arrow.ListOfNonNullable(arrow.PrimitiveTypes.Uint64)
	case Float32Vector:
		if c.Width < 1 || c.Width > maxWidth {
			return field, fmt.Errorf("column %q: width is %d, want 1 to %d: %w", c.Name, c.Width, maxWidth, ErrColumn)
		}
		// Marked nullable, because arrow's builder (v15.0.2) makes no other.
		field.Type = arrow.FixedSizeListOf(int32(c.Width), arrow.PrimitiveTypes.Float32)
	default:
		return field, fmt.Errorf("column %q: unknown type %v: %w", c.Name, c.Type, ErrColumn)
	}
	switch {
	case c.Name == "" || !utf8.ValidString(c.Name):
		return field, fmt.Errorf("column name %q is empty or no UTF-8: %w", c.Name, ErrColumn)
	case c.Type != Float32Vector && c.Width != 0:
		return field, fmt.Errorf("column %q: a %v has no width: %w", c.Name, c.Type, ErrColumn)
	}
	return field, nil
}

// maxWidth bounds a vector, so that a batch of them stays within int32 counts.
const maxWidth = 1 << 16

// columnOf is the inverse of newField.
func columnOf(field arrow.Field) (Column, error) {
	c := Column{Name: field.Name}
	switch dt := field.Type.(type) {
	case *arrow.StringType:
		c.Type = String
	case *arrow.BooleanType:
		c.Type = Bool
	case *arrow.Int64Type:
		c.Type = Int64
	case *arrow.Uint64Type:
		c.Type = Uint64
	case *arrow.Float32Type:
		c.Type = Float32
	case *arrow.Float64Type:
		c.Type = Float64
	case *arrow.ListType:
		if dt.Elem().ID() == arrow.UINT64 {
			c.Type = Uint64List
		}
	case *arrow.FixedSizeListType:
		if dt.Elem().ID() == arrow.FLOAT32 {
			c.Type, c.Width = Float32Vector, int(dt.Len())
		}
	}
	if c.Type == 0 {
		return c, fmt.Errorf("column %q: cannot read type %v: %w", field.Name, field.Type, ErrColumn)
	}
	_, err := newField(c)
	return c, err
}

// newFields turns columns into the fields of a schema, and checks their names.
func newFields(columns []Column) ([]arrow.Field, error) {
	if len(columns) == 0 {
		return nil, fmt.Errorf("a table needs at least one column: %w", ErrColumn)
	}
	fields := make([]arrow.Field, len(columns))
	seen := make(map[string]bool, len(columns))
	for i, c := range columns {
		var err error
		if fields[i], err = newField(c); err != nil {
			return nil, err
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("two columns have the name %q: %w", c.Name, ErrColumn)
		}
		seen[c.Name] = true
	}
	return fields, nil
}
