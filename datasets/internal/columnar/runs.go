package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/rle"
)

// trimRuns returns the runs of src that hold n values of width bits (0 to 32)
// in the RLE and bit-packing hybrid of the Parquet format
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/). It only
// reads the runs' headers. The last run is rewritten where it claims more than
// n values, as DuckDB's padded runs and a bomb's do, or lacks the bytes of its
// padding, so that a decoder yields n values and at most seven more.
func trimRuns(src []byte, n int, width uint) ([]byte, error) {
	if width > 32 {
		return nil, fmt.Errorf("%w: bit width %d", ErrCorrupt, width)
	}
	at := 0
	for n > 0 {
		header, k := binary.Uvarint(src[at:])
		if k <= 0 {
			return nil, fmt.Errorf("%w: run-length data ends %d values early", ErrCorrupt, n)
		}
		body := src[at+k:]
		claimed, packed := header>>1, header&1
		values, size := min(claimed, uint64(n)), uint64(width+7)/8
		units, need := values, size
		if packed == 1 { // groups of eight values
			units = min(claimed, uint64(n+7)/8)
			values, size = min(units*8, uint64(n)), units*uint64(width)
			need = (values*uint64(width) + 7) / 8
		}
		if units == 0 || need > uint64(len(body)) {
			return nil, fmt.Errorf("%w: bad run in run-length data, %d values before its end", ErrCorrupt, n)
		}
		if units < claimed || size > uint64(len(body)) {
			head := binary.AppendUvarint(bytes.Clone(src[:at]), units<<1|packed)
			last := make([]byte, size)
			copy(last, body)
			return append(head, last...), nil
		}
		at += k + int(size)
		n -= int(values)
	}
	return src[:at], nil
}

// decodeLevels returns n levels, or booleans, of width bits (1 to 8), in buf
// if it is large enough.
func decodeLevels(buf []uint8, src []byte, n int, width uint) ([]uint8, error) {
	src, err := trimRuns(src, n, width)
	if err != nil {
		return nil, err
	}
	buf, err = (&rle.Encoding{BitWidth: int(width)}).DecodeLevels(grow(buf[:0], n+7), src)
	if err != nil || len(buf) < n {
		return nil, fmt.Errorf("%w: %d of %d values: %w", ErrCorrupt, len(buf), n, err)
	}
	return buf[:n], nil
}

// decodeIndices returns n numbers of width bits, in buf if it is large enough.
func decodeIndices(buf []int32, src []byte, n int, width uint) ([]int32, error) {
	if width == 0 && len(src) == 0 {
		buf = grow(buf[:0], n) // writers may leave out runs of nothing
		clear(buf)
		return buf, nil
	}
	src, err := trimRuns(src, n, width)
	if err != nil {
		return nil, err
	}
	buf, err = (&rle.Encoding{BitWidth: int(width)}).DecodeInt32(grow(buf[:0], n+7), src)
	if err != nil || len(buf) < n {
		return nil, fmt.Errorf("%w: %d of %d values: %w", ErrCorrupt, len(buf), n, err)
	}
	return buf[:n], nil
}
