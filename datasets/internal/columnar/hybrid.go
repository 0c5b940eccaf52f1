package columnar

import (
	"encoding/binary"
	"fmt"
)

// decodeHybrid fills dst from the RLE and bit-packing hybrid of the Parquet
// format (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
// width is the number of bits of a value, 0 to 32. It reads as many runs as
// dst needs and never looks at a run's length beyond that.
func decodeHybrid[T uint8 | uint32](dst []T, src []byte, width uint) error {
	if width > 32 {
		return fmt.Errorf("%w: bit width %d", ErrCorrupt, width)
	}
	for len(dst) > 0 {
		header, n := binary.Uvarint(src)
		if n <= 0 {
			// Writers may leave out runs of a zero-width column altogether.
			if width == 0 && len(src) == 0 {
				clear(dst)
				return nil
			}
			return fmt.Errorf("%w: run-length data ends %d values early", ErrCorrupt, len(dst))
		}
		src = src[n:]
		if header&1 == 0 { // one value, repeated
			count, size := header>>1, int(width+7)/8
			if count == 0 || size > len(src) {
				return fmt.Errorf("%w: bad run in run-length data", ErrCorrupt)
			}
			var v uint32
			for i := range size {
				v |= uint32(src[i]) << (8 * i)
			}
			src = src[size:]
			run := dst[:min(count, uint64(len(dst)))]
			for i := range run {
				run[i] = T(v)
			}
			if len(run) > 0 && uint32(run[0]) != v {
				return fmt.Errorf("%w: level %d out of range", ErrCorrupt, v)
			}
			dst = dst[len(run):]
			continue
		}
		groups := header >> 1 // of eight values each
		if groups == 0 {
			return fmt.Errorf("%w: empty bit-packed run", ErrCorrupt)
		}
		take := len(dst)
		if groups < uint64(len(dst)+7)/8 {
			take = int(groups) * 8
		}
		// The last run of a page may lack the bytes of its padding.
		need := (take*int(width) + 7) / 8
		if need > len(src) {
			return fmt.Errorf("%w: bit-packed run ends early", ErrCorrupt)
		}
		unpack(dst[:take], src, width)
		dst = dst[take:]
		if whole := groups * uint64(width); whole < uint64(len(src)) {
			src = src[whole:]
		} else {
			src = nil
		}
	}
	return nil
}

// unpack reads len(dst) little-endian values of width bits; src holds them
// all.
func unpack[T uint8 | uint32](dst []T, src []byte, width uint) {
	mask := uint64(1)<<width - 1
	bit := uint(0)
	for i := range dst {
		dst[i] = T(load64(src, bit>>3) >> (bit & 7) & mask)
		bit += width
	}
}

// load64 reads up to eight bytes at i, as if src went on with zeros.
func load64(src []byte, i uint) uint64 {
	if i+8 <= uint(len(src)) {
		return binary.LittleEndian.Uint64(src[i:])
	}
	var v uint64
	for k := uint(0); i+k < uint(len(src)); k++ {
		v |= uint64(src[i+k]) << (8 * k)
	}
	return v
}
