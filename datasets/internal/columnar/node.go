package columnar

import (
	"fmt"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Kind is the physical type of a leaf.
type Kind = parquet.Kind

// The physical types that cursors decode.
const (
	Boolean   = parquet.Boolean
	Int32     = parquet.Int32
	Int64     = parquet.Int64
	Double    = parquet.Double
	ByteArray = parquet.ByteArray
)

// Node is one element of a schema.
type Node struct {
	Name     string
	Path     string // names from the root, joined by dots
	Kind     Kind   // of a leaf
	Leaf     int    // index of the leaf, -1 for a group
	Repeated bool
	Optional bool
	MaxRep   uint8 // repetition level of a value
	MaxDef   uint8 // definition level of a value that is not null
	Children []*Node

	logical format.LogicalTypeValue // nil for none
}

func newNode(c *parquet.Column, depth int, leaves *int) (*Node, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: schema nested deeper than %d", ErrLimit, MaxDepth)
	}
	n := &Node{
		Name: c.Name(), Leaf: -1,
		Repeated: c.Repeated(), Optional: c.Optional(),
		MaxRep: uint8(c.MaxRepetitionLevel()), MaxDef: uint8(c.MaxDefinitionLevel()),
	}
	if depth > 0 {
		n.Path = strings.Join(c.Path(), ".")
	}
	if c.Leaf() {
		if *leaves++; *leaves > MaxColumns {
			return nil, fmt.Errorf("%w: more than %d columns", ErrLimit, MaxColumns)
		}
		n.Leaf = c.Index()
		n.Kind = c.Type().Kind()
		if l := c.Type().LogicalType(); l != nil {
			n.logical = l.Value
		}
		return n, nil
	}
	for _, child := range c.Columns() {
		m, err := newNode(child, depth+1, leaves)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, m)
	}
	return n, nil
}

// Text reports whether the leaf holds text: bytes without a logical type or
// with one of text.
func (n *Node) Text() bool {
	if n.Leaf < 0 || n.Kind != ByteArray {
		return false
	}
	switch n.logical.(type) {
	case nil, *format.StringType, *format.EnumType, *format.JsonType:
		return true
	}
	return false
}

// Int32 reports whether the leaf holds 32-bit integers.
func (n *Node) Int32() bool {
	if n.Leaf < 0 || n.Kind != Int32 {
		return false
	}
	switch l := n.logical.(type) {
	case nil:
		return true
	case *format.IntType:
		return l.IsSigned || l.BitWidth < 32
	}
	return false
}

// Plain reports whether the leaf is of the given physical type and has no
// logical type.
func (n *Node) Plain(k Kind) bool { return n.Leaf >= 0 && n.Kind == k && n.logical == nil }

// Timestamp reports whether the leaf holds times adjusted to UTC, and their
// unit.
func (n *Node) Timestamp() (unit time.Duration, ok bool) {
	l, ok := n.logical.(*format.TimestampType)
	if n.Leaf < 0 || n.Kind != Int64 || !ok || !l.IsAdjustedToUTC {
		return 0, false
	}
	switch l.Unit.Value.(type) {
	case *format.MilliSeconds:
		return time.Millisecond, true
	case *format.MicroSeconds:
		return time.Microsecond, true
	case *format.NanoSeconds:
		return time.Nanosecond, true
	}
	return 0, false
}

// Describe says in a few words what the node is, for errors.
func (n *Node) Describe() string {
	var words []string
	if n.Repeated {
		words = append(words, "repeated")
	}
	if n.Leaf < 0 {
		return strings.Join(append(words, "group"), " ")
	}
	words = append(words, n.Kind.String())
	if n.logical != nil {
		words = append(words, n.logical.String())
	}
	return strings.Join(words, " ")
}

// List is a resolved list column.
type List struct {
	Element *Node
	Layout  Layout
	Rep     uint8 // repetition level of the second and later elements
	Def     uint8 // definition level from which on an element exists
}

// Layout is how a list is written.
type Layout uint8

// The layouts of lists. TwoLevel also stands for a repeated field without any
// list around it, as parquet-go writes plain slices.
const (
	ThreeLevel Layout = iota
	TwoLevel
)

func (l Layout) String() string {
	if l == TwoLevel {
		return "two-level"
	}
	return "three-level"
}

// List resolves a list by the rules of the format, backward compatibility
// included
// (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists).
// The names of the middle groups do not matter, except "array" and
// "<name>_tuple" as the rules say.
func (n *Node) List() (List, bool) {
	if n.Repeated {
		return List{Element: n, Layout: TwoLevel, Rep: n.MaxRep, Def: n.MaxDef}, true
	}
	if n.Leaf >= 0 || len(n.Children) != 1 || !n.Children[0].Repeated {
		return List{}, false
	}
	r := n.Children[0]
	l := List{Element: r, Layout: TwoLevel, Rep: r.MaxRep, Def: r.MaxDef}
	if r.Leaf >= 0 || len(r.Children) != 1 || r.Name == "array" || r.Name == n.Name+"_tuple" || r.Children[0].Repeated {
		return l, true
	}
	l.Element, l.Layout = r.Children[0], ThreeLevel
	return l, true
}
