package columnar

import (
	"encoding/binary"
	"fmt"
)

// decodeDelta fills dst from DELTA_BINARY_PACKED data and returns the bytes
// that follow it. The count in the data must be len(dst).
func decodeDelta(dst []int64, src []byte) ([]byte, error) {
	bad := func(what string) ([]byte, error) {
		return nil, fmt.Errorf("%w: delta encoding: %s", ErrCorrupt, what)
	}
	var head [3]uint64
	for i := range head {
		v, n := binary.Uvarint(src)
		if n <= 0 {
			return bad("header ends early")
		}
		head[i], src = v, src[n:]
	}
	block, minis, total := head[0], head[1], head[2]
	first, n := binary.Varint(src)
	if n <= 0 {
		return bad("header ends early")
	}
	src = src[n:]
	if total != uint64(len(dst)) {
		return bad(fmt.Sprintf("%d values where %d are expected", total, len(dst)))
	}
	if block == 0 || block > 1<<16 || block%128 != 0 || minis == 0 || minis > block || block%minis != 0 || (block/minis)%32 != 0 {
		return bad("bad block size")
	}
	if total == 0 {
		return src, nil
	}
	per := int(block / minis)
	dst[0] = first
	last := first
	for rest := dst[1:]; len(rest) > 0; {
		least, n := binary.Varint(src)
		if n <= 0 || len(src)-n < int(minis) {
			return bad("block ends early")
		}
		widths := src[n : n+int(minis)]
		src = src[n+int(minis):]
		for _, width := range widths {
			if len(rest) == 0 {
				break // widths of unused miniblocks may be anything
			}
			if width > 64 {
				return bad("bit width over 64")
			}
			take := min(per, len(rest))
			// A last miniblock is padded to its full length, but tolerate a
			// writer that cut the padding.
			if need := (take*int(width) + 7) / 8; need > len(src) {
				return bad("miniblock ends early")
			}
			last = unpackDeltas(rest[:take], src, uint(width), least, last)
			rest = rest[take:]
			src = src[min(per*int(width)/8, len(src)):]
		}
	}
	return src, nil
}

// unpackDeltas fills dst with running sums, wrapping around as the format
// says.
func unpackDeltas(dst []int64, src []byte, width uint, least, last int64) int64 {
	mask := ^uint64(0)
	if width < 64 {
		mask = 1<<width - 1
	}
	bit := uint(0)
	for i := range dst {
		at, shift := bit>>3, bit&7
		v := load64(src, at) >> shift
		if shift+width > 64 {
			v |= uint64(src[at+8]) << (64 - shift)
		}
		last += int64(v&mask) + least
		dst[i] = last
		bit += width
	}
	return last
}

// decodeLengths reads n non-negative delta-encoded lengths, reusing buf.
func decodeLengths(buf []int64, src []byte, n int) (lengths []int64, rest []byte, err error) {
	if cap(buf) < n {
		buf = make([]int64, n)
	}
	buf = buf[:n]
	if rest, err = decodeDelta(buf, src); err != nil {
		return nil, nil, err
	}
	for _, l := range buf {
		if l < 0 || l > MaxCellBytes {
			return nil, nil, fmt.Errorf("%w: text value of %d bytes; the limit is %d", ErrLimit, l, MaxCellBytes)
		}
	}
	return buf, rest, nil
}
