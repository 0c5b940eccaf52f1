package arrowfile

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Arrow's reader trusts the counts in a file: it allocates whatever a damaged
// count says, which no recover can catch, and follows a shared reference as
// often as it is met. checkLayout walks the same structures first and bounds
// each count by the bytes that are there, so that reading takes memory and time
// in proportion to the size of the file.
//
// The format (https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format):
//
//	"ARROW1" 0 0 | messages | footer | length of the footer (4 bytes) | "ARROW1"
//
// Footer and message headers are flatbuffers; the numbers of their fields below
// are those of Arrow's File.fbs, Message.fbs and Schema.fbs.
const (
	magic      = "ARROW1"
	headLength = 8              // magic and padding
	tailLength = 4 + len(magic) // length of the footer, magic
	prefixSize = 8              // continuation marker and length, before a message header

	blockSize  = 24 // struct Block {offset, metadata length, padding, body length}
	bufferSize = 16 // struct Buffer {offset, length}
	nodeSize   = 16 // struct FieldNode {length, null count}

	recordBatchHeader = 3 // of union MessageHeader
)

// arrowTypes are the members of union Type that a column may have, with the
// number of buffers that an array of it takes in a message.
var arrowTypes = map[byte]int{
	2:  2, // Int: validity, values
	3:  2, // FloatingPoint
	5:  3, // Utf8: validity, offsets, bytes
	6:  2, // Bool
	12: 2, // List: validity, offsets
	16: 1, // FixedSizeList: validity
}

func isList(arrowType byte) bool { return arrowType == 12 || arrowType == 16 }

// layout is what checkLayout learns of a file.
type layout struct {
	nodes, buffers int // of every record batch, by the schema
}

// checkLayout checks everything that Arrow's reader takes on trust. Damage that
// it meets as an index out of range it leaves to the caller's recover.
func checkLayout(r io.ReaderAt, size int64) error {
	if size < int64(headLength+tailLength) {
		return fmt.Errorf("%w: %d bytes are too few", ErrDamaged, size)
	}
	head, err := readAt(r, 0, headLength)
	if err != nil {
		return err
	}
	tail, err := readAt(r, size-int64(tailLength), tailLength)
	if err != nil {
		return err
	}
	if string(head) != magic+"\x00\x00" || string(tail[4:]) != magic {
		return fmt.Errorf("%w: it does not begin and end with %s", ErrDamaged, magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	end := size - int64(tailLength) - length // of the messages
	if end < int64(headLength) {
		return fmt.Errorf("%w: the footer is longer than the file", ErrDamaged)
	}
	footer, err := readAt(r, end, int(length))
	if err != nil {
		return err
	}

	root := rootTable(footer)
	l, err := checkSchema(root.table(1), len(footer))
	if err != nil {
		return err
	}
	if _, n := root.vector(2, blockSize); n > 0 {
		return fmt.Errorf("%w: it holds dictionaries, which no table here has", ErrDamaged)
	}
	at, n := root.vector(3, blockSize)
	last := int64(headLength)
	for i := range n {
		block := footer[at+i*blockSize:]
		offset := int64(binary.LittleEndian.Uint64(block))
		meta := int64(int32(binary.LittleEndian.Uint32(block[8:])))
		body := int64(binary.LittleEndian.Uint64(block[16:]))
		if offset < last || offset > end || meta < prefixSize || meta > end-offset || body < 0 || body > end-offset-meta {
			return fmt.Errorf("%w: record batch %d lies outside its place", ErrDamaged, i)
		}
		last = offset + meta + body
		message, err := readAt(r, offset, int(meta))
		if err != nil {
			return err
		}
		if err := l.checkMessage(message, body); err != nil {
			return fmt.Errorf("record batch %d: %w", i, err)
		}
	}
	return nil
}

func readAt(r io.ReaderAt, offset int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if k, err := r.ReadAt(b, offset); k < n {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return b, nil
}

// checkSchema bounds the schema and counts what its record batches hold.
func checkSchema(schema table, footer int) (l layout, err error) {
	at, n := schema.vector(1, 4)
	text := 0 // bytes of names and metadata, which are separate in a sound file
	for i := range n {
		field := schema.element(at, i)
		text += field.text(0)
		kind, child, err := checkField(field)
		if err != nil {
			return l, fmt.Errorf("%w: column %d %w", ErrDamaged, i, err)
		}
		l.nodes++
		l.buffers += arrowTypes[kind]
		if child != nil {
			kind, _, err := checkField(*child)
			if err != nil || isList(kind) {
				return l, fmt.Errorf("%w: the elements of column %d have a type that no table here has", ErrDamaged, i)
			}
			text += child.text(0)
			l.nodes++
			l.buffers += arrowTypes[kind]
		}
	}
	at, n = schema.vector(2, 4)
	for i := range n {
		pair := schema.element(at, i)
		text += pair.text(0) + pair.text(1)
	}
	if text > footer {
		return l, fmt.Errorf("%w: names and metadata are longer than the footer", ErrDamaged)
	}
	return l, nil
}

// checkField returns the type of a field, and the field of its elements where
// it is a list.
func checkField(field table) (kind byte, child *table, err error) {
	if at := field.field(2); at > 0 {
		kind = field.b[at]
	}
	if _, ok := arrowTypes[kind]; !ok {
		return kind, nil, fmt.Errorf("has type number %d, which no table here has", kind)
	}
	at, n := field.vector(5, 4)
	if _, pairs := field.vector(6, 8); pairs > 0 || field.field(4) > 0 {
		return kind, nil, fmt.Errorf("has metadata or a dictionary, which no table here has")
	}
	switch {
	case isList(kind) && n == 1:
		element := field.element(at, 0)
		return kind, &element, nil
	case isList(kind) || n > 0:
		return kind, nil, fmt.Errorf("has %d fields of elements", n)
	}
	return kind, nil, nil
}

// checkMessage checks the header of a record batch whose body has the given length.
func (l layout) checkMessage(message []byte, body int64) error {
	if binary.LittleEndian.Uint32(message) != 0xffffffff {
		return fmt.Errorf("%w: no message begins here", ErrDamaged)
	}
	root := rootTable(message[prefixSize:])
	if at := root.field(1); at == 0 || root.b[at] != recordBatchHeader {
		return fmt.Errorf("%w: the message is no record batch", ErrDamaged)
	}
	batch := root.table(2)
	if batch.field(3) > 0 {
		return fmt.Errorf("%w: it is compressed, which no table here is", ErrDamaged)
	}
	at, n := batch.vector(1, nodeSize)
	if n != l.nodes {
		return fmt.Errorf("%w: it has %d arrays, the schema %d", ErrDamaged, n, l.nodes)
	}
	for i := range n {
		node := batch.b[at+i*nodeSize:]
		// One bit is the least that a row takes.
		if length := binary.LittleEndian.Uint64(node); length > uint64(body)*8 {
			return fmt.Errorf("%w: array %d has more rows than the body bits", ErrDamaged, i)
		}
		if binary.LittleEndian.Uint64(node[8:]) != 0 {
			return fmt.Errorf("%w: array %d has nulls, which no table here has", ErrDamaged, i)
		}
	}
	at, n = batch.vector(2, bufferSize)
	if n != l.buffers {
		return fmt.Errorf("%w: it has %d buffers, the schema %d", ErrDamaged, n, l.buffers)
	}
	last := int64(0)
	for i := range n {
		buffer := batch.b[at+i*bufferSize:]
		offset, length := int64(binary.LittleEndian.Uint64(buffer)), int64(binary.LittleEndian.Uint64(buffer[8:]))
		if length == 0 {
			continue
		}
		if offset < last || length < 0 || offset > body || length > body-offset {
			return fmt.Errorf("%w: buffer %d lies outside its place", ErrDamaged, i)
		}
		last = offset + length
	}
	return nil
}

// table is a table of a flatbuffer
// (https://flatbuffers.dev/internals/): at its position stands the distance
// back to a vtable, which holds the place of each field. Positions outside b
// end in a panic of the runtime.
type table struct {
	b  []byte
	at int
}

func rootTable(b []byte) table {
	return table{b, int(binary.LittleEndian.Uint32(b))}
}

// field returns the position of a field, or 0 where it is absent.
func (t table) field(number int) int {
	vtable := t.at - int(int32(binary.LittleEndian.Uint32(t.b[t.at:])))
	slot := 4 + 2*number
	if slot >= int(binary.LittleEndian.Uint16(t.b[vtable:])) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(t.b[vtable+slot:]))
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

// follow returns the position that the reference at a position points to.
func (t table) follow(at int) int {
	return at + int(binary.LittleEndian.Uint32(t.b[at:]))
}

// table returns the table in a field, which must be there.
func (t table) table(number int) table {
	at := t.field(number)
	if at == 0 {
		panic(fmt.Sprintf("field %d of a header is missing", number))
	}
	return table{t.b, t.follow(at)}
}

// vector returns where the elements of a vector begin, and how many there are:
// none where the field is absent.
func (t table) vector(number, elementSize int) (at, n int) {
	at = t.field(number)
	if at == 0 {
		return 0, 0
	}
	at = t.follow(at)
	n = int(binary.LittleEndian.Uint32(t.b[at:]))
	at += 4
	if n > (len(t.b)-at)/elementSize {
		panic(fmt.Sprintf("a header counts %d elements, more than it has room for", n))
	}
	return at, n
}

// element returns element i of a vector of tables that begins at a position.
func (t table) element(at, i int) table {
	return table{t.b, t.follow(at + 4*i)}
}

// text returns the length of the text in a field.
func (t table) text(number int) int {
	_, n := t.vector(number, 1)
	return n
}
