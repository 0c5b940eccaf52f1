package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// appendLevels decodes n levels of at most max and counts those equal to max;
// for a max of 0 nothing is stored. Levels are most of what a nested column
// holds, so the widths that schemas have are unpacked several at a time.
func appendLevels(dst []uint8, src []byte, n int, max uint8) ([]uint8, int, error) {
	if max == 0 {
		return dst, n, nil
	}
	from := len(dst)
	dst = grow(dst, n)
	width := uint(0)
	for m := max; m > 0; m >>= 1 {
		width++
	}
	levels := dst[from:]
	if err := decodeHybrid(levels, src, width); err != nil {
		return dst, 0, err
	}
	for l := max + 1; l < 1<<width; l++ {
		if bytes.IndexByte(levels, l) >= 0 {
			return dst, 0, fmt.Errorf("%w: level %d, the most is %d", ErrCorrupt, l, max)
		}
	}
	return dst, bytes.Count(levels, []byte{max}), nil
}

// unpackedBits[b] is the eight bits of b, one a byte, and unpackedPairs[b] its
// four pairs of bits.
var (
	unpackedBits  [256]uint64
	unpackedPairs [256]uint32
)

func init() {
	for b := range 256 {
		for i := range 8 {
			unpackedBits[b] |= uint64(b>>i&1) << (8 * i)
		}
		for i := range 4 {
			unpackedPairs[b] |= uint32(b>>(2*i)&3) << (8 * i)
		}
	}
}

// unpackLevels is unpack for widths of up to 2 bits.
func unpackLevels(dst []uint8, src []byte, width uint) {
	switch width {
	case 0:
		clear(dst)
	case 1:
		i := 0
		for ; len(dst) >= 8 && i < len(src); i++ {
			binary.LittleEndian.PutUint64(dst, unpackedBits[src[i]])
			dst = dst[8:]
		}
		for k := range dst {
			dst[k] = src[i] >> k & 1
		}
	case 2:
		i := 0
		for ; len(dst) >= 4 && i < len(src); i++ {
			binary.LittleEndian.PutUint32(dst, unpackedPairs[src[i]])
			dst = dst[4:]
		}
		for k := range dst {
			dst[k] = src[i] >> (2 * k) & 3
		}
	}
}

// rowsEnd returns where, in the levels from at on, the row ends that is the
// n-th to begin there, and how many begin before that: fewer than n when the
// levels end first. A row begins at each 0.
func rowsEnd(reps []uint8, at, n int) (end, begun int) {
	// Whole blocks are counted; only the last one is walked row by row.
	const block = 64
	for at+block <= len(reps) {
		k := bytes.Count(reps[at:at+block], []byte{0})
		if begun+k > n {
			break
		}
		begun += k
		at += block
	}
	for {
		k := bytes.IndexByte(reps[at:], 0)
		switch {
		case k < 0:
			return len(reps), begun
		case begun == n:
			return at + k, begun
		}
		begun++
		at += k + 1
	}
}
