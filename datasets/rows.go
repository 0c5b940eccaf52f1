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

// columns resolves the columns of an events file to the leaves that a scan
// reads, in a fixed order: text, time, consent, exceptions, frames. A leaf is
// nil where the column is absent or left out.
type columns struct {
	nodes  *eventNodes
	leaves [columnCount]*columnar.Node
	shape  int  // place of the frames column that says the lists' shape
	silent bool // that column is read for the shape alone
}

// The places of columns.leaves.
const (
	placeText       = 0
	placeTime       = placeText + textCount
	placeConsent    = placeTime + 1
	placeExceptions = placeConsent + 1
	placeFrames     = placeExceptions + exceptionCount
	columnCount     = placeFrames + frameCount
)

// newColumns chooses the columns that a scan reads.
func newColumns(nodes *eventNodes, s *scan) *columns {
	c := &columns{nodes: nodes, shape: -1}
	if s.idsOnly {
		c.leaves[placeText+columnID] = nodes.text[columnID]
		return c
	}
	put := func(place int, n *columnar.Node, name string) {
		if n != nil && !s.omit[name] {
			c.leaves[place] = n
		}
	}
	for i, t := range textColumns {
		put(placeText+i, nodes.text[i], t.name)
	}
	put(placeTime, nodes.time, "")
	put(placeConsent, nodes.consent.Element, "")
	for i, x := range exceptionColumns {
		put(placeExceptions+i, nodes.exceptionNodes[i], exceptionsPath+"."+x.name)
	}
	for i, f := range frameColumns {
		put(placeFrames+i, nodes.frameNodes[i], framesPath+"."+f.name)
		if c.shape < 0 && c.leaves[placeFrames+i] != nil {
			c.shape = placeFrames + i
		}
	}
	for i, n := range nodes.frameNodes {
		if c.shape < 0 && n != nil { // all left out, but one must say the shape
			c.leaves[placeFrames+i], c.shape, c.silent = n, placeFrames+i, true
		}
	}
	return c
}

// lane is one column of a batch with the place of the current row in it. The
// columns of frames are moved by fill, which skips what no event was made of.
type lane struct {
	*columnar.Vector
	node     *columnar.Node // nil: not read
	at, to   int            // entries of the current row
	vat, vto int            // its values
}

// text returns the text of a flat column in the current row.
func (l *lane) text() (text string, ok bool) {
	if l.vto == l.vat {
		return "", false
	}
	return l.String(l.vat), true
}

// rowBatch walks rows that were decoded together. What the gate decides on is
// read apart from the event, so that no event is made of a denied row.
//
// The lists are rebuilt from the levels of the Dremel paper (Melnik et al.,
// VLDB 2010, section 4): an entry whose definition level reaches the list's
// is an element, and its repetition level says which list it continues.
type rowBatch struct {
	*columns
	vectors [columnCount]columnar.Vector
	lanes   [columnCount]lane
	rows    int
	row     int // the current one, from 0

	from, to int   // the current row's entries in the columns of frames
	counts   []int // frames of each exception of the current row
	total    int   // frames of the current row

	consent []string
	scratch features.Event
	xs      []features.Exception
	fs      []features.Frame
}

// begin prepares a filled batch for next.
func (b *rowBatch) begin(c *columns, rows int) {
	b.columns, b.rows, b.row, b.from, b.to = c, rows, -1, 0, 0
	for i := range b.lanes {
		b.lanes[i] = lane{Vector: &b.vectors[i], node: c.leaves[i]}
		if c.leaves[i] == nil {
			b.vectors[i].Reset() // what another file's rows left
		}
	}
}

// bytes is the memory that the batch takes beyond its row group's
// dictionaries.
func (b *rowBatch) bytes() (n int64) {
	for i := range b.vectors {
		n += b.vectors[i].Bytes
	}
	return n
}

// check holds the columns of a list to one shape: all columns of frames have
// the same entries, and the same of them are elements.
func (b *rowBatch) check() error {
	shape, def := &b.lanes[b.shape], b.nodes.frames.Def
	for i := placeFrames; i < columnCount; i++ {
		l := &b.lanes[i]
		if l.node == nil || i == b.shape {
			continue
		}
		if !bytes.Equal(l.Reps, shape.Reps) || len(l.Defs) != len(shape.Defs) {
			return errShape(l.node)
		}
		for k, d := range shape.Defs {
			if (d >= def) != (l.Defs[k] >= def) {
				return errShape(l.node)
			}
		}
	}
	return nil
}

// next moves to the next row.
func (b *rowBatch) next() (bool, error) {
	if b.row++; b.row == b.rows {
		return false, nil
	}
	for i := range placeConsent {
		b.lanes[i].flat()
	}
	if err := b.lanes[placeConsent].list(); err != nil {
		return false, err
	}
	if err := b.readShape(); err != nil {
		return false, err
	}
	for i := placeExceptions; i < placeFrames; i++ {
		l := &b.lanes[i]
		if l.node == nil {
			continue
		}
		if err := l.list(); err != nil {
			return false, err
		}
		if l.to-l.at != max(1, len(b.counts)) {
			return false, errShape(l.node)
		}
		for _, d := range l.Defs[l.at:l.to] {
			if (d >= b.nodes.exceptions.Def) != (len(b.counts) > 0) {
				return false, errShape(l.node)
			}
		}
	}
	return true, nil
}

// flat moves a column without lists to the next row.
func (l *lane) flat() {
	if l.node == nil {
		return
	}
	l.at, l.vat = l.to, l.vto
	l.to++
	if l.node.MaxDef == 0 || l.Defs[l.at] == l.node.MaxDef {
		l.vto++
	}
}

// list moves a list column to the next row.
func (l *lane) list() error {
	l.at, l.vat = l.to, l.vto
	if l.at >= len(l.Reps) || l.Reps[l.at] != 0 {
		return errShape(l.node)
	}
	l.to = endOfRow(l.Reps, l.at)
	l.vto = l.vat + bytes.Count(l.Defs[l.at:l.to], []byte{l.node.MaxDef})
	return nil
}

// endOfRow returns where the row ends that begins at an entry.
func endOfRow(reps []uint8, at int) int {
	if n := bytes.IndexByte(reps[at+1:], 0); n >= 0 {
		return at + 1 + n
	}
	return len(reps)
}

// readShape moves the columns of frames to the next row and counts its
// exceptions and their frames.
func (b *rowBatch) readShape() error {
	shape, list := &b.lanes[b.shape], b.nodes.frames
	b.counts, b.total = b.counts[:0], 0
	if b.from = b.to; b.from >= len(shape.Reps) {
		return errShape(shape.node)
	}
	b.to = endOfRow(shape.Reps, b.from)
	for k := b.from; k < b.to; k++ {
		d := shape.Defs[k]
		if d < b.nodes.exceptions.Def {
			if b.to-b.from != 1 {
				return errShape(shape.node)
			}
			return nil
		}
		if shape.Reps[k] < list.Rep { // a new exception
			b.counts = append(b.counts, 0)
		} else if d < list.Def {
			return errShape(shape.node) // an element that is not there
		}
		if d >= list.Def {
			b.counts[len(b.counts)-1]++
			b.total++
		}
	}
	return nil
}

// at returns the time of the current row; ok is false for null and zero.
func (b *rowBatch) at() (t time.Time, ok bool) {
	l := &b.lanes[placeTime]
	if l.vto == l.vat || l.Ints[l.vat] == 0 {
		return time.Time{}, false
	}
	v := l.Ints[l.vat]
	switch b.nodes.unit {
	case time.Millisecond:
		t = time.UnixMilli(v)
	case time.Microsecond:
		t = time.UnixMicro(v)
	default:
		t = time.Unix(0, v)
	}
	return t.UTC(), true
}

// purposes returns the consent column of the current row; the slice is good
// until the next row.
func (b *rowBatch) purposes() []string {
	l := &b.lanes[placeConsent]
	b.consent = b.consent[:0]
	for i := l.vat; i < l.vto; i++ {
		b.consent = append(b.consent, l.String(i))
	}
	return b.consent
}

// cell returns the text of a scalar text column in the current row.
func (b *rowBatch) cell(column int) (text string, ok bool) {
	return b.lanes[placeText+column].text()
}

// facts reads what the gate needs. The strings stay valid, the slice of
// purposes as long as that of [rowBatch.purposes].
func (b *rowBatch) facts(f *facts) {
	f.org, _ = b.cell(columnOrg)
	f.project, _ = b.cell(columnProject)
	f.at, f.hasTime = b.at()
	f.purposes = b.purposes()
}

// rowFault is what is wrong with the current row; who reads it knows where the
// row stands.
type rowFault struct {
	base error
	text string
}

func (f *rowFault) Error() string { return f.base.Error() + ": " + f.text }
func (f *rowFault) Unwrap() error { return f.base }

var errRowTooLong = &rowFault{ErrLimit, fmt.Sprintf("more than %d bytes of text", maxRowBytes)}

// event assembles the current row. With reuse the event and its slices are
// good until the next call; the text stays valid.
func (b *rowBatch) event(reuse bool) (*features.Event, error) {
	e := &b.scratch
	if reuse {
		*e = features.Event{}
	} else {
		e = &features.Event{}
	}
	size := 0
	for i := range textColumns {
		if text, ok := b.cell(i); ok && textColumns[i].field != nil {
			*textColumns[i].field(e) = text
			size += len(text)
		}
	}
	e.Time, _ = b.at()
	var frames []features.Frame
	if n := len(b.counts); n > 0 {
		if reuse {
			b.xs, b.fs = zeroed(b.xs, n), zeroed(b.fs, b.total)
			e.Exceptions, frames = b.xs, b.fs
		} else {
			e.Exceptions, frames = make([]features.Exception, n), make([]features.Frame, b.total)
		}
	}
	for i := range exceptionColumns {
		l := &b.lanes[placeExceptions+i]
		if l.node == nil {
			continue
		}
		size += fill(l, l.at, l.to, e.Exceptions, &exceptionColumns[i], b.nodes.exceptions.Def)
	}
	for i := range frameColumns {
		l := &b.lanes[placeFrames+i]
		if l.node == nil || b.silent && placeFrames+i == b.shape {
			continue
		}
		size += fill(l, b.from, b.to, frames, &frameColumns[i], b.nodes.frames.Def)
	}
	if size > maxRowBytes {
		return nil, errRowTooLong
	}
	for i, n := range b.counts {
		if n > 0 {
			e.Exceptions[i].Frames = frames[:n:n]
			frames = frames[n:]
		}
	}
	return e, nil
}

// zeroed returns n zero elements, in s if they fit.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func errShape(n *columnar.Node) error {
	return &rowFault{ErrCorrupt, "column " + n.Path + " disagrees with the others on the length of a list"}
}

// seek moves a lane to an entry: past the values of those before it.
func (l *lane) seek(entry int) {
	if l.at < entry {
		l.vat += bytes.Count(l.Defs[l.at:entry], []byte{l.node.MaxDef})
		l.at = entry
	}
}

// fill writes the entries from to to of one column into the elements, and
// returns the bytes of text. def is the definition level from which on an
// element exists; below it an entry stands for an empty list. The shape of the
// list was checked.
func fill[T any](l *lane, from, to int, elements []T, column *elementColumn[T], def uint8) (size int) {
	l.seek(from)
	i, v, full := 0, l.vat, l.node.MaxDef
	defs := l.Defs[from:to]
	switch {
	case column.text != nil:
		for _, d := range defs {
			if d == full {
				s := l.String(v)
				*column.text(&elements[i]) = s
				size += len(s)
				v++
			}
			if d >= def {
				i++
			}
		}
	case column.num != nil:
		for _, d := range defs {
			if d == full {
				*column.num(&elements[i]) = int32(l.Ints[v])
				v++
			}
			if d >= def {
				i++
			}
		}
	default:
		for _, d := range defs {
			if d == full {
				*column.tri(&elements[i]) = features.No + features.Tri(l.Ints[v])
				v++
			}
			if d >= def {
				i++
			}
		}
	}
	l.at, l.vat = to, v
	return size
}

// digest hashes every schema column of the current row. It tells null from
// empty, but not how a file spells nullability or lists, and not the unit of
// its times.
func (b *rowBatch) digest() [sha256.Size]byte {
	h := sha256.New()
	w := cellHasher{h: h}
	for i := range textColumns {
		text, ok := b.cell(i)
		w.text(text, ok)
	}
	t, ok := b.at()
	w.bool(ok)
	w.int(t.Unix())
	w.int(int64(t.Nanosecond()))
	purposes := b.purposes()
	w.int(int64(len(purposes)))
	for _, p := range purposes {
		w.text(p, true)
	}
	w.int(int64(len(b.counts)))
	for _, n := range b.counts {
		w.int(int64(n))
	}
	for i, c := range exceptionColumns {
		l := &b.lanes[placeExceptions+i]
		w.column(l, l.at, l.to, c.text != nil, len(b.counts), b.nodes.exceptions.Def)
	}
	for i, c := range frameColumns {
		w.column(&b.lanes[placeFrames+i], b.from, b.to, c.text != nil, b.total, b.nodes.frames.Def)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
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

func (w cellHasher) column(l *lane, from, to int, text bool, n int, def uint8) {
	if l.node == nil { // an absent column is null throughout
		for range n {
			w.bool(false)
		}
		return
	}
	l.seek(from)
	v := l.vat
	for _, d := range l.Defs[from:to] {
		if d < def {
			continue
		}
		switch {
		case d < l.node.MaxDef:
			w.bool(false)
		case text:
			w.text(l.String(v), true)
			v++
		default:
			w.bool(true)
			w.int(l.Ints[v])
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
