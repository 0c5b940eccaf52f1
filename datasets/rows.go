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

// lane is one column of a batch with the place that was read last. Rows that no
// event is made of are skipped when the next one is.
type lane struct {
	*columnar.Vector
	node *columnar.Node // nil: not read
	at   int            // entry
	val  int            // the first value at or after it
}

// seek moves to an entry: past the values of those before it.
func (l *lane) seek(entry int) {
	if l.at < entry {
		if l.node.MaxDef == 0 {
			l.val = entry
		} else {
			l.val += bytes.Count(l.Defs[l.at:entry], []byte{l.node.MaxDef})
		}
		l.at = entry
	}
}

// null reports whether there is no value at the current entry.
func (l *lane) null() bool {
	return l.node == nil || l.node.MaxDef > 0 && l.Defs[l.at] != l.node.MaxDef
}

// text returns the text of a flat column in a row.
func (l *lane) text(row int) (text string, ok bool) {
	if l.node == nil {
		return "", false
	}
	if l.seek(row); l.null() {
		return "", false
	}
	return l.String(l.val), true
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

	// Where each row begins, and the last ends, in the entries of the consent
	// list, of the columns of exceptions and of the columns of frames.
	consentStarts, exceptionStarts, frameStarts []int32

	counts []int // frames of each exception of the current row
	total  int   // frames of the current row

	buf     levels
	consent []string
	scratch features.Event
	xs      []features.Exception
	fs      []features.Frame
}

// levels are repetition and definition levels, in step.
type levels struct{ reps, defs []uint8 }

// begin prepares a filled batch for next.
func (b *rowBatch) begin(c *columns, rows int) {
	b.columns, b.rows, b.row = c, rows, -1
	for i := range b.lanes {
		b.lanes[i] = lane{Vector: &b.vectors[i], node: c.leaves[i]}
		if c.leaves[i] == nil {
			b.vectors[i].Reset() // what another file's rows left
		}
	}
}

// forget lets go of all text.
func (b *rowBatch) forget() {
	for i := range b.vectors {
		b.vectors[i].Reset()
	}
	b.scratch = features.Event{}
	clear(b.xs[:cap(b.xs)])
	clear(b.fs[:cap(b.fs)])
	clear(b.consent[:cap(b.consent)])
}

// bytes is the memory that the batch takes beyond its row group's
// dictionaries.
func (b *rowBatch) bytes() (n int64) {
	for i := range b.vectors {
		n += b.vectors[i].Bytes
	}
	return n
}

// check holds the columns of each list to one shape: the same entries, and the
// same of them elements. It finds where the rows begin.
func (b *rowBatch) check() error {
	shape, frames, exceptions := &b.lanes[b.shape], b.nodes.frames, b.nodes.exceptions
	for i := placeFrames; i < columnCount; i++ {
		if l := &b.lanes[i]; l.node != nil && i != b.shape {
			if !bytes.Equal(l.Reps, shape.Reps) || !sameElements(l.Defs, shape.Defs, frames.Def) {
				return errShape(l.node)
			}
		}
	}
	// What the columns of exceptions look like by the shape of the frames.
	b.buf.reps, b.buf.defs = b.buf.reps[:0], b.buf.defs[:0]
	b.frameStarts, b.exceptionStarts = b.frameStarts[:0], b.exceptionStarts[:0]
	for k, rep := range shape.Reps {
		d := shape.Defs[k]
		switch {
		case rep == 0:
			b.frameStarts = append(b.frameStarts, int32(k))
			b.exceptionStarts = append(b.exceptionStarts, int32(len(b.buf.reps)))
		case d < exceptions.Def, rep >= frames.Rep && d < frames.Def:
			return errShape(shape.node) // an element that is not there
		}
		if rep < frames.Rep {
			b.buf.reps, b.buf.defs = append(b.buf.reps, rep), append(b.buf.defs, d)
		}
	}
	b.frameStarts = append(b.frameStarts, int32(len(shape.Reps)))
	b.exceptionStarts = append(b.exceptionStarts, int32(len(b.buf.reps)))
	for i := placeExceptions; i < placeFrames; i++ {
		if l := &b.lanes[i]; l.node != nil {
			if !bytes.Equal(l.Reps, b.buf.reps) || !sameElements(l.Defs, b.buf.defs, exceptions.Def) {
				return errShape(l.node)
			}
		}
	}
	b.consentStarts = rowStarts(b.consentStarts[:0], b.lanes[placeConsent].Reps)
	return nil
}

// rowStarts returns where rows begin, and the last ends.
func rowStarts(starts []int32, reps []uint8) []int32 {
	for k, rep := range reps {
		if rep == 0 {
			starts = append(starts, int32(k))
		}
	}
	return append(starts, int32(len(reps)))
}

// sameElements reports whether the same entries of a and b reach the
// definition level def.
func sameElements(a, b []uint8, def uint8) bool {
	if len(a) != len(b) {
		return false
	}
	// Eight entries at a time: adding 128-def sets the high bit of a byte
	// from def on. Levels are below 128.
	const high = 0x8080808080808080
	add := uint64(128-def) * 0x0101010101010101
	k := 0
	for ; k+8 <= len(a); k += 8 {
		x, y := binary.LittleEndian.Uint64(a[k:]), binary.LittleEndian.Uint64(b[k:])
		if ((x+add)^(y+add))&high != 0 {
			return false
		}
	}
	for ; k < len(a); k++ {
		if (a[k] >= def) != (b[k] >= def) {
			return false
		}
	}
	return true
}

// next moves to the next row.
func (b *rowBatch) next() bool {
	b.row++
	return b.row < b.rows
}

// readShape counts the current row's exceptions and their frames.
func (b *rowBatch) readShape() {
	shape, list := &b.lanes[b.shape], b.nodes.frames
	b.counts, b.total = b.counts[:0], 0
	for k := b.frameStarts[b.row]; k < b.frameStarts[b.row+1]; k++ {
		d := shape.Defs[k]
		if d < b.nodes.exceptions.Def {
			return // no exception
		}
		if shape.Reps[k] < list.Rep {
			b.counts = append(b.counts, 0)
		}
		if d >= list.Def {
			b.counts[len(b.counts)-1]++
			b.total++
		}
	}
}

// at returns the time of the current row; ok is false for null and zero.
func (b *rowBatch) at() (t time.Time, ok bool) {
	l := &b.lanes[placeTime]
	if l.seek(b.row); l.null() || l.Ints[l.val] == 0 {
		return time.Time{}, false
	}
	v := l.Ints[l.val]
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
	l.seek(int(b.consentStarts[b.row]))
	v := l.val
	for _, d := range l.Defs[l.at:b.consentStarts[b.row+1]] {
		if d == l.node.MaxDef {
			b.consent = append(b.consent, l.String(v))
			v++
		}
	}
	return b.consent
}

// cell returns the text of a scalar text column in the current row.
func (b *rowBatch) cell(column int) (text string, ok bool) {
	return b.lanes[placeText+column].text(b.row)
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
	b.readShape()
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
		size += fill(l, b.exceptionStarts[b.row], b.exceptionStarts[b.row+1], e.Exceptions, &exceptionColumns[i], b.nodes.exceptions.Def)
	}
	for i := range frameColumns {
		l := &b.lanes[placeFrames+i]
		if l.node == nil || b.silent && placeFrames+i == b.shape {
			continue
		}
		size += fill(l, b.frameStarts[b.row], b.frameStarts[b.row+1], frames, &frameColumns[i], b.nodes.frames.Def)
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

// fill writes the entries from to to of one column into the elements, and
// returns the bytes of text. def is the definition level from which on an
// element exists; below it an entry stands for an empty list. The shape of the
// list was checked.
func fill[T any](l *lane, from, to int32, elements []T, column *elementColumn[T], def uint8) (size int) {
	l.seek(int(from))
	i, v, full := 0, l.val, l.node.MaxDef
	defs := l.Defs[from:to]
	if bytes.IndexByte(defs, full) < 0 { // a column that is rarely there
		l.at = int(to)
		return 0
	}
	switch {
	case column.text != nil && l.Dict != nil:
		text, dict, indices := column.text, l.Dict, l.Indices
		for _, d := range defs {
			if d == full {
				s := dict[indices[v]]
				*text(&elements[i]) = s
				size += len(s)
				v++
			}
			if d >= def {
				i++
			}
		}
	case column.text != nil:
		for _, d := range defs {
			if d == full {
				s := l.Strings[v]
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
				*column.tri(&elements[i]) = features.No + features.Tri(l.Bools[v])
				v++
			}
			if d >= def {
				i++
			}
		}
	}
	l.at, l.val = int(to), v
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
	b.readShape()
	w.int(int64(len(b.counts)))
	for _, n := range b.counts {
		w.int(int64(n))
	}
	for i, c := range exceptionColumns {
		w.column(&b.lanes[placeExceptions+i], b.exceptionStarts[b.row], b.exceptionStarts[b.row+1], c.text != nil, len(b.counts), b.nodes.exceptions.Def)
	}
	for i, c := range frameColumns {
		w.column(&b.lanes[placeFrames+i], b.frameStarts[b.row], b.frameStarts[b.row+1], c.text != nil, b.total, b.nodes.frames.Def)
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

func (w cellHasher) column(l *lane, from, to int32, text bool, n int, def uint8) {
	if l.node == nil { // an absent column is null throughout
		for range n {
			w.bool(false)
		}
		return
	}
	l.seek(int(from))
	v := l.val
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
		case l.node.Kind == columnar.Boolean:
			w.bool(true)
			w.int(int64(l.Bools[v]))
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
