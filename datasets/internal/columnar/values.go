package columnar

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"
)

// maxShared bounds the bytes that one string of a page keeps alive beside its
// own: strings are cut from copies of at most this length.
const maxShared = 1 << 20

// appendValues decodes n values that are not null.
func (c *Cursor) appendValues(encoding format.Encoding, body []byte, n int) (err error) {
	switch encoding {
	//lint:ignore SA1019 writers of version 1 pages still use the old name
	case format.RLEDictionary, format.PlainDictionary:
		return c.appendIndexed(body, n)
	case format.Plain:
		switch c.node.Kind {
		case ByteArray:
			c.strs, err = c.plainStrings(c.strs, body, n, c)
		case Int32, Int64:
			c.ints, err = plainInts(c.ints, body, n, c.node.Kind)
		case Double:
			c.floats, err = plainFloats(c.floats, body, n)
		case Boolean:
			if len(body) < (n+7)/8 {
				return fmt.Errorf("%w: values end early", ErrCorrupt)
			}
			from := len(c.bools)
			c.bools = grow(c.bools, n)
			unpack(c.bools[from:], body, 1)
		default:
			err = c.unsupported(encoding)
		}
		return err
	case format.RLE:
		if c.node.Kind != Boolean {
			return c.unsupported(encoding)
		}
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return fmt.Errorf("%w: values end early", ErrCorrupt)
		}
		from := len(c.bools)
		c.bools = grow(c.bools, n)
		return decodeHybrid(c.bools[from:], body[4:4+binary.LittleEndian.Uint32(body)], 1)
	case format.DeltaBinaryPacked:
		if c.node.Kind != Int32 && c.node.Kind != Int64 {
			return c.unsupported(encoding)
		}
		from := len(c.ints)
		c.ints = grow(c.ints, n)
		if _, err := decodeDelta(c.ints[from:], body); err != nil {
			return err
		}
		if c.node.Kind == Int32 {
			for i, v := range c.ints[from:] {
				c.ints[from+i] = int64(int32(v)) // sums wrap at the type's width
			}
		}
		return nil
	case format.DeltaLengthByteArray:
		if c.node.Kind != ByteArray {
			return c.unsupported(encoding)
		}
		return c.appendDeltaLength(body, n)
	case format.DeltaByteArray:
		if c.node.Kind != ByteArray {
			return c.unsupported(encoding)
		}
		return c.appendDeltaStrings(body, n)
	}
	return c.unsupported(encoding)
}

func (c *Cursor) unsupported(encoding format.Encoding) error {
	return fmt.Errorf("%w: encoding %v of %v; write the column with plain, dictionary or delta encoding", ErrUnsupported, encoding, c.node.Kind)
}

func (c *Cursor) appendIndexed(body []byte, n int) error {
	if !c.dict {
		return fmt.Errorf("%w: refers to a dictionary that is not there", ErrCorrupt)
	}
	if n == 0 {
		return nil
	}
	if len(body) == 0 {
		return fmt.Errorf("%w: values end early", ErrCorrupt)
	}
	c.indices = grow(c.indices[:0], n)
	if err := decodeHybrid(c.indices, body[1:], uint(body[0])); err != nil {
		return err
	}
	size := uint32(len(c.dictStrs) + len(c.dictInts) + len(c.dictFloats)) // one is in use
	most := largest(c.indices)
	if most >= size {
		return fmt.Errorf("%w: entry %d of a dictionary of %d", ErrCorrupt, most, size)
	}
	switch c.node.Kind {
	case ByteArray:
		c.indexed = true
	case Double:
		for _, i := range c.indices {
			c.floats = append(c.floats, c.dictFloats[i])
		}
	default:
		for _, i := range c.indices {
			c.ints = append(c.ints, c.dictInts[i])
		}
	}
	return nil
}

// largest returns the largest of values, 0 for none. Four running maxima do
// not wait for each other.
func largest(values []uint32) uint32 {
	var a, b, c, d uint32
	for len(values) >= 4 {
		a, b, c, d = max(a, values[0]), max(b, values[1]), max(c, values[2]), max(d, values[3])
		values = values[4:]
	}
	for _, v := range values {
		a = max(a, v)
	}
	return max(a, b, c, d)
}

func plainInts(dst []int64, body []byte, n int, kind Kind) ([]int64, error) {
	if kind == Int32 {
		if len(body)/4 < n {
			return dst, fmt.Errorf("%w: values end early", ErrCorrupt)
		}
		from := len(dst)
		dst = grow(dst, n)
		out, in := dst[from:], body[:4*n]
		for i := range out {
			out[i] = int64(int32(binary.LittleEndian.Uint32(in[4*i:])))
		}
		return dst, nil
	}
	if len(body)/8 < n {
		return dst, fmt.Errorf("%w: values end early", ErrCorrupt)
	}
	for i := range n {
		dst = append(dst, int64(binary.LittleEndian.Uint64(body[8*i:])))
	}
	return dst, nil
}

func plainFloats(dst []float64, body []byte, n int) ([]float64, error) {
	if len(body)/8 < n {
		return dst, fmt.Errorf("%w: values end early", ErrCorrupt)
	}
	for i := range n {
		dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:])))
	}
	return dst, nil
}

// plainStrings appends n values that each follow their length. in is nil for
// a dictionary, whose entries have no row.
func (c *Cursor) plainStrings(dst []string, body []byte, n int, in *Cursor) ([]string, error) {
	c.ends = c.ends[:0]
	at := 0
	for range n {
		if len(body)-at < 4 {
			return dst, fmt.Errorf("%w: values end early", ErrCorrupt)
		}
		size := binary.LittleEndian.Uint32(body[at:])
		at += 4
		if uint64(size) > uint64(len(body)-at) {
			return dst, fmt.Errorf("%w: value longer than its page", ErrCorrupt)
		}
		at += int(size)
		c.ends = append(c.ends, uint32(at))
	}
	return cut(dst, body, c.ends, 4, in)
}

func (c *Cursor) appendDeltaLength(body []byte, n int) error {
	lengths, data, err := decodeLengths(c.lengths, body, n)
	if err != nil {
		return err
	}
	c.lengths = lengths
	if c.ends, err = endsOf(c.ends, lengths, len(data)); err != nil {
		return err
	}
	c.strs, err = cut(c.strs, data, c.ends, 0, c)
	return err
}

// endsOf returns where values end that stand one after the other in size
// bytes.
func endsOf(ends []uint32, lengths []int64, size int) ([]uint32, error) {
	ends = grow(ends[:0], len(lengths))
	at := int64(0)
	for i, l := range lengths {
		at += l
		ends[i] = uint32(at)
	}
	if at > int64(size) { // lengths are bounded, so nothing wrapped before
		return ends, fmt.Errorf("%w: value longer than its page", ErrCorrupt)
	}
	return ends, nil
}

// appendDeltaStrings decodes values that share a prefix with the one before.
func (c *Cursor) appendDeltaStrings(body []byte, n int) error {
	prefixes, rest, err := decodeLengths(nil, body, n)
	if err != nil {
		return err
	}
	suffixes, data, err := decodeLengths(c.lengths, rest, n)
	if err != nil {
		return err
	}
	c.lengths = suffixes
	total := int64(0)
	for i := range n {
		if total += prefixes[i] + suffixes[i]; total > MaxPageBytes {
			return fmt.Errorf("%w: page of more than %d decoded bytes", ErrLimit, MaxPageBytes)
		}
	}
	if err := c.hold(total); err != nil {
		return err
	}
	whole := make([]byte, 0, total)
	c.ends = c.ends[:0]
	last := 0 // where the value before begins
	for i := range n {
		p, s := int(prefixes[i]), int(suffixes[i])
		if p > len(whole)-last || s > len(data) {
			return fmt.Errorf("%w: prefix or suffix longer than its source", ErrCorrupt)
		}
		from := len(whole)
		whole = append(whole, whole[last:last+p]...)
		whole = append(whole, data[:s]...)
		data = data[s:]
		last = from
		c.ends = append(c.ends, uint32(len(whole)))
	}
	c.strs, err = cut(c.strs, whole, c.ends, 0, c)
	return err
}

// cut appends pieces of data as strings: value i lies between the end of the
// one before, plus gap bytes, and ends[i]. One copy of data serves many
// pieces, but none keeps more than maxShared bytes alive.
func cut(dst []string, data []byte, ends []uint32, gap int, in *Cursor) ([]string, error) {
	from := 0 // of the next piece, its gap included
	for i := 0; i < len(ends); {
		j := i + 1
		for start := from; j < len(ends) && int(ends[j])-start <= maxShared; {
			j++
		}
		text := string(data[from:ends[j-1]])
		// Pieces of valid text that begin where a character begins are valid;
		// gaps hold lengths, not text.
		valid := gap == 0 && utf8.ValidString(text)
		base := from
		k := len(dst)
		dst = grow(dst, j-i)
		for ; i < j; i++ {
			lo, hi := from+gap-base, int(ends[i])-base
			s := text[lo:hi]
			if len(s) > MaxCellBytes {
				return dst[:k], fmt.Errorf("%w: %s: text value of %d bytes; the limit is %d", ErrLimit, in.place(i), len(s), MaxCellBytes)
			}
			if valid && !startsCharacter(text, lo, hi) || !valid && !utf8.ValidString(s) {
				return dst[:k], fmt.Errorf("%w: %s: text is not UTF-8", ErrCorrupt, in.place(i))
			}
			dst[k] = s
			k++
			from = int(ends[i])
		}
	}
	return dst, nil
}

// startsCharacter reports whether neither end of a piece of valid text lies
// inside a character.
func startsCharacter(text string, from, to int) bool {
	return from == to || utf8.RuneStart(text[from]) && (to == len(text) || utf8.RuneStart(text[to]))
}

// place names the row of the i-th value of the page that is being decoded.
func (c *Cursor) place(i int) string {
	if c == nil {
		return fmt.Sprintf("entry %d", i)
	}
	row := c.row
	levels := c.node.MaxDef > 0
	for k, values := 0, 0; ; k++ {
		if c.node.MaxRep == 0 || c.reps[k] == 0 {
			row++
		}
		if !levels || c.defs[k] == c.node.MaxDef {
			if values == i {
				return fmt.Sprintf("row %d of the row group", row)
			}
			values++
		}
	}
}
