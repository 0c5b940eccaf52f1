package columnar

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// deltaLen returns how many bytes at the start of src hold n values in
// DELTA_BINARY_PACKED form
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/). It reads
// headers only, and refuses another count than n, block sizes that the format
// does not allow, widths over maxWidth bits, and blocks that end early.
func deltaLen(src []byte, n int, maxWidth byte) (int, error) {
	bad := func(what string) (int, error) {
		return 0, fmt.Errorf("%w: delta encoding: %s", ErrCorrupt, what)
	}
	var head [4]uint64 // the last is the first value, zigzag
	at := 0
	for i := range head {
		v, k := binary.Uvarint(src[at:])
		if k <= 0 {
			return bad("header ends early")
		}
		head[i] = v
		at += k
	}
	block, minis, total := head[0], head[1], head[2]
	if total != uint64(n) {
		return bad(fmt.Sprintf("%d values where %d are expected", total, n))
	}
	if block == 0 || block > 1<<16 || block%128 != 0 || minis == 0 || minis > block || block%minis != 0 || (block/minis)%32 != 0 {
		return bad("bad block size")
	}
	per := int(block / minis)
	for left := n - 1; left > 0; {
		_, k := binary.Uvarint(src[at:])
		if k <= 0 || len(src)-at-k < int(minis) {
			return bad("block ends early")
		}
		at += k
		widths := src[at : at+int(minis)]
		at += int(minis)
		for _, width := range widths {
			if left <= 0 {
				break // widths of unused miniblocks may be anything
			}
			if width > maxWidth {
				return bad(fmt.Sprintf("bit width over %d", maxWidth))
			}
			// A last miniblock is padded to its full length, but tolerate a
			// writer that cut the padding.
			if need := (min(per, left)*int(width) + 7) / 8; need > len(src)-at {
				return bad("miniblock ends early")
			}
			at = min(at+per*int(width)/8, len(src))
			left -= per
		}
	}
	return at, nil
}

// decodeLengths returns n delta-encoded lengths of text, their sum and the
// bytes that follow them.
func decodeLengths(src []byte, n int) (lengths []int32, sum int64, rest []byte, err error) {
	size, err := deltaLen(src, n, 32)
	if err != nil {
		return nil, 0, nil, err
	}
	if lengths, err = parquet.DeltaBinaryPacked.DecodeInt32(make([]int32, 0, n), src[:size]); err != nil || len(lengths) != n {
		return nil, 0, nil, fmt.Errorf("%w: %d of %d lengths: %w", ErrCorrupt, len(lengths), n, err)
	}
	for _, l := range lengths {
		if l < 0 || l > MaxCellBytes {
			return nil, 0, nil, fmt.Errorf("%w: text value of %d bytes; the limit is %d", ErrLimit, l, MaxCellBytes)
		}
		sum += int64(l)
	}
	return lengths, sum, src[size:], nil
}
