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
	size := int(width+7) / 8 // bytes of a run's value
	for len(dst) > 0 {
		var header uint64
		if len(src) > 0 && src[0] < 0x80 {
			header, src = uint64(src[0]), src[1:]
		} else {
			h, n := binary.Uvarint(src)
			if n <= 0 {
				// Writers may leave out runs of a zero-width column altogether.
				if width == 0 && len(src) == 0 {
					clear(dst)
					return nil
				}
				return fmt.Errorf("%w: run-length data ends %d values early", ErrCorrupt, len(dst))
			}
			header, src = h, src[n:]
		}
		if header&1 == 0 { // one value, repeated
			count := header >> 1
			if count == 0 || size > len(src) {
				return fmt.Errorf("%w: bad run in run-length data", ErrCorrupt)
			}
			var v uint32
			for i := range size {
				v |= uint32(src[i]) << (8 * i)
			}
			src = src[size:]
			if uint64(v)>>width != 0 {
				return fmt.Errorf("%w: a run of %d in %d bits", ErrCorrupt, v, width)
			}
			run := dst[:min(count, uint64(len(dst)))]
			fillRun(run, T(v))
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

// fillRun sets all of run to v. Runs of levels are many and short, so they
// are written eight at a time; long runs are copied from what is set already.
func fillRun[T uint8 | uint32](run []T, v T) {
	set := 0
	if levels, ok := any(run).([]uint8); ok {
		word := uint64(v) * 0x0101010101010101
		for ; set+8 <= min(len(run), 64); set += 8 {
			binary.LittleEndian.PutUint64(levels[set:], word)
		}
	}
	for set < min(len(run), 64) {
		run[set] = v
		set++
	}
	for set < len(run) {
		set += copy(run[set:], run[:set])
	}
}

// unpack reads len(dst) little-endian values of width bits; src holds them
// all. Eight values take width bytes, so up to a width of 8 one load serves
// eight values, and up to 16 one load serves four.
func unpack[T uint8 | uint32](dst []T, src []byte, width uint) {
	if levels, ok := any(dst).([]uint8); ok && width <= 2 {
		unpackLevels(levels, src, width)
		return
	}
	mask := uint64(1)<<width - 1
	for width <= 16 && len(dst) >= 8 && uint(len(src)) >= width+8 {
		low := binary.LittleEndian.Uint64(src)
		high := low >> (4 * width & 63)
		if width > 8 {
			high = binary.LittleEndian.Uint64(src[width/2:]) >> (width & 1 * 4)
		}
		d := dst[:8]
		d[0], d[1], d[2], d[3] = T(low&mask), T(low>>width&mask), T(low>>(2*width&63)&mask), T(low>>(3*width&63)&mask)
		d[4], d[5], d[6], d[7] = T(high&mask), T(high>>width&mask), T(high>>(2*width&63)&mask), T(high>>(3*width&63)&mask)
		dst, src = dst[8:], src[width:]
	}
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
