package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"whorl/datasets/internal/columnar"
	"whorl/features"
)

// maxRowBytes bounds the text of one row.
const maxRowBytes = 4 << 20

// rowReader reads the rows of one row group. What the gate decides on is read
// apart from the event, so that no event is made of a denied row.
//
// The lists are rebuilt from the levels of the Dremel paper (Melnik et al.,
// VLDB 2010, section 4): an entry whose definition level reaches the list's
// is an element, and its repetition level says which list it continues.
type rowReader struct {
	nodes      *eventNodes
	cursors    []*columnar.Cursor // all open ones, moved in step
	text       []*columnar.Cursor // as textColumns, nil where absent or left out
	time       *columnar.Cursor
	exceptions []*columnar.Cursor // as exceptionColumns
	frames     []*columnar.Cursor // as frameColumns
	consent    *columnar.Cursor
	shape      *columnar.Cursor // the frames column that says the lists' shape

	counts []int // frames of each exception of the current row
	total  int
}

// newRowReader opens the columns of a row group but those in omit. budget is
// that of [columnar.File.Group].
func newRowReader(f *columnar.File, nodes *eventNodes, group int, omit map[string]bool, budget int64) (*rowReader, error) {
	r := &rowReader{nodes: nodes}
	g := f.Group(group, budget)
	var err error
	open := func(n *columnar.Node, name string) *columnar.Cursor {
		if n == nil || omit[name] || err != nil {
			return nil
		}
		var c *columnar.Cursor
		if c, err = g.Cursor(n); err != nil {
			return nil
		}
		r.cursors = append(r.cursors, c)
		return c
	}
	for i, c := range textColumns {
		r.text = append(r.text, open(nodes.text[i], c.name))
	}
	r.time = open(nodes.time, "")
	r.consent = open(nodes.consent.Element, "")
	for i, c := range exceptionColumns {
		r.exceptions = append(r.exceptions, open(nodes.exceptionNodes[i], exceptionsPath+"."+c.name))
	}
	for i, c := range frameColumns {
		cursor := open(nodes.frameNodes[i], framesPath+"."+c.name)
		r.frames = append(r.frames, cursor)
		if r.shape == nil {
			r.shape = cursor
		}
	}
	for _, n := range nodes.frameNodes {
		if r.shape == nil {
			r.shape = open(n, "") // all left out, but one must say the shape
		}
	}
	return r, err
}

// next moves to the next row.
func (r *rowReader) next() (bool, error) {
	for i, c := range r.cursors {
		more, err := c.NextRow()
		if err != nil {
			return false, err
		}
		if !more && i == 0 {
			// The others must end here too; each checks the count itself.
			for _, c := range r.cursors[1:] {
				if more, err := c.NextRow(); err != nil {
					return false, err
				} else if more {
					return false, errLengths
				}
			}
			return false, nil
		}
		if !more {
			return false, errLengths
		}
	}
	return true, nil
}

// cell returns the text of a scalar column in the current row.
func cell(c *columnar.Cursor) (text string, ok bool) {
	if c == nil {
		return "", false
	}
	if v := c.Strings(); len(v) == 1 {
		return v[0], true
	}
	return "", false
}

// at returns the time of the current row; ok is false for null and zero.
func (r *rowReader) at() (t time.Time, ok bool) {
	v := r.time.Ints()
	if len(v) != 1 || v[0] == 0 {
		return time.Time{}, false
	}
	switch r.nodes.unit {
	case time.Millisecond:
		t = time.UnixMilli(v[0])
	case time.Microsecond:
		t = time.UnixMicro(v[0])
	default:
		t = time.Unix(0, v[0])
	}
	return t.UTC(), true
}

// facts reads what the gate needs. The strings stay valid; the slice of
// purposes until the next row.
func (r *rowReader) facts(f *facts) {
	f.org, _ = cell(r.text[columnOrg])
	f.project, _ = cell(r.text[columnProject])
	f.at, f.hasTime = r.at()
	f.purposes = r.consent.Strings()
}

// rowFault is what is wrong with the current row; who reads it knows where the
// row stands.
type rowFault struct {
	base error
	text string
}

func (f *rowFault) Error() string { return f.base.Error() + ": " + f.text }
func (f *rowFault) Unwrap() error { return f.base }

var (
	errRowTooLong = &rowFault{ErrLimit, fmt.Sprintf("more than %d bytes of text", maxRowBytes)}
	errLengths    = &rowFault{ErrCorrupt, "columns differ in length"}
)

// event assembles the current row.
func (r *rowReader) event() (*features.Event, error) {
	e := &features.Event{}
	size := 0
	for i, c := range textColumns {
		if text, ok := cell(r.text[i]); ok && c.field != nil {
			*c.field(e) = text
			size += len(text)
		}
	}
	e.Time, _ = r.at()
	if err := r.readShape(); err != nil {
		return nil, err
	}
	if len(r.counts) == 0 {
		if err := r.checkEmpty(size); err != nil {
			return nil, err
		}
		return e, nil
	}
	e.Exceptions = make([]features.Exception, len(r.counts))
	var frames []features.Frame
	if r.total > 0 {
		frames = make([]features.Frame, r.total)
	}
	for i, c := range exceptionColumns {
		if r.exceptions[i] == nil {
			continue
		}
		n, err := fill(r.exceptions[i], e.Exceptions, c, r.nodes.exceptions.Def)
		if err != nil {
			return nil, err
		}
		size += n
	}
	for i, c := range frameColumns {
		cursor := r.frames[i]
		if cursor == nil {
			continue
		}
		if cursor != r.shape && !bytes.Equal(cursor.Reps(), r.shape.Reps()) {
			return nil, errShape(cursor)
		}
		n, err := fill(cursor, frames, c, r.nodes.frames.Def)
		if err != nil {
			return nil, err
		}
		size += n
	}
	if size > maxRowBytes {
		return nil, errRowTooLong
	}
	for i, n := range r.counts {
		if n > 0 {
			e.Exceptions[i].Frames = frames[:n:n]
			frames = frames[n:]
		}
	}
	return e, nil
}

// readShape counts exceptions and their frames in the current row.
func (r *rowReader) readShape() error {
	r.counts, r.total = r.counts[:0], 0
	reps, defs := r.shape.Reps(), r.shape.Defs()
	for k, rep := range reps {
		if defs[k] < r.nodes.exceptions.Def {
			if len(reps) != 1 {
				return errShape(r.shape)
			}
			return nil
		}
		if rep < r.nodes.frames.Rep { // a new exception
			r.counts = append(r.counts, 0)
		} else if defs[k] < r.nodes.frames.Def {
			return errShape(r.shape) // an element that is not there
		}
		if defs[k] >= r.nodes.frames.Def {
			r.counts[len(r.counts)-1]++
			r.total++
		}
	}
	return nil
}

// checkEmpty holds the other list columns to a row without exceptions.
func (r *rowReader) checkEmpty(size int) error {
	for _, group := range [][]*columnar.Cursor{r.exceptions, r.frames} {
		for _, c := range group {
			if c == nil {
				continue
			}
			if d := c.Defs(); len(d) != 1 || d[0] >= r.nodes.exceptions.Def {
				return errShape(c)
			}
		}
	}
	if size > maxRowBytes {
		return errRowTooLong
	}
	return nil
}

func errShape(c *columnar.Cursor) error {
	return &rowFault{ErrCorrupt, "column " + c.Node().Path + " disagrees with the others on the length of a list"}
}

// fill writes one column of the current row into the elements, and returns
// the bytes of text. def is the definition level from which on an element
// exists; below it an entry stands for an empty list.
func fill[T any](c *columnar.Cursor, elements []T, column elementColumn[T], def uint8) (size int, err error) {
	i, v, full := 0, 0, c.Node().MaxDef
	text := column.text
	switch {
	case text != nil:
		values := c.Strings()
		for _, d := range c.Defs() {
			if d < def {
				continue
			}
			if i == len(elements) {
				return 0, errShape(c)
			}
			if d == full {
				*text(&elements[i]) = values[v]
				size += len(values[v])
				v++
			}
			i++
		}
	default:
		values := c.Ints()
		for _, d := range c.Defs() {
			if d < def {
				continue
			}
			if i == len(elements) {
				return 0, errShape(c)
			}
			if d == full {
				if column.num != nil {
					*column.num(&elements[i]) = int32(values[v])
				} else {
					*column.tri(&elements[i]) = features.No + features.Tri(values[v])
				}
				v++
			}
			i++
		}
	}
	if i != len(elements) {
		return 0, errShape(c)
	}
	return size, nil
}

// digest hashes every schema column of the current row. It tells null from
// empty, but not how a file spells nullability or lists, and not the unit of
// its times.
func (r *rowReader) digest() ([sha256.Size]byte, error) {
	h := sha256.New()
	w := cellHasher{h: h}
	for i := range textColumns {
		text, ok := cell(r.text[i])
		w.text(text, ok)
	}
	t, ok := r.at()
	w.bool(ok)
	w.int(t.Unix())
	w.int(int64(t.Nanosecond()))
	purposes := r.consent.Strings()
	w.int(int64(len(purposes)))
	for _, p := range purposes {
		w.text(p, true)
	}
	if err := r.readShape(); err != nil {
		return [sha256.Size]byte{}, err
	}
	w.int(int64(len(r.counts)))
	for _, n := range r.counts {
		w.int(int64(n))
	}
	for i, c := range exceptionColumns {
		w.column(r.exceptions[i], c.text != nil, len(r.counts), r.nodes.exceptions.Def)
	}
	for i, c := range frameColumns {
		w.column(r.frames[i], c.text != nil, r.total, r.nodes.frames.Def)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum, nil
}

// cellHasher writes values so that no two sequences give the same bytes.
type cellHasher struct{ h hash.Hash }

func (w cellHasher) int(v int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	w.h.Write(b[:])
}

func (w cellHasher) bool(v bool) {
	if v {
		w.h.Write([]byte{1})
	} else {
		w.h.Write([]byte{0})
	}
}

func (w cellHasher) text(s string, ok bool) {
	w.bool(ok)
	w.int(int64(len(s)))
	io.WriteString(w.h, s)
}

func (w cellHasher) column(c *columnar.Cursor, text bool, n int, def uint8) {
	if c == nil { // an absent column is null throughout
		for range n {
			w.bool(false)
		}
		return
	}
	v := 0
	for _, d := range c.Defs() {
		if d < def {
			continue
		}
		switch {
		case d < c.Node().MaxDef:
			w.bool(false)
		case text:
			w.text(c.Strings()[v], true)
			v++
		default:
			w.bool(true)
			w.int(c.Ints()[v])
			v++
		}
	}
}

// rowError puts file and row before what is wrong with a row.
func rowError(file string, row int64, err error) error {
	var fault *rowFault
	if errors.As(err, &fault) {
		return fmt.Errorf("%s, row %d: %w", file, row, err)
	}
	return err
}
