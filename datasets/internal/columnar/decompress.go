package columnar

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// decompress returns src decompressed, which must be exactly size bytes; buf
// is reused when it is large enough. No codec is allowed to produce much more
// than size, whatever src says.
func decompress(codec format.CompressionCodec, buf, src []byte, size int) ([]byte, error) {
	if codec == format.Uncompressed {
		if len(src) != size {
			return nil, fmt.Errorf("%w: page of %d bytes claims %d", ErrCorrupt, len(src), size)
		}
		return src, nil
	}
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	buf = buf[:0]
	var err error
	switch codec {
	case format.Snappy:
		n, k := binary.Uvarint(src)
		if k <= 0 || n != uint64(size) {
			return nil, fmt.Errorf("%w: snappy page claims %d bytes, its header %d", ErrCorrupt, n, size)
		}
		buf, err = parquet.Snappy.Decode(buf[:size], src)
	case format.Gzip:
		buf, err = gunzip(buf, src, size)
	case format.Zstd:
		if len(src) == 0 && size == 0 {
			return buf, nil
		}
		if err = boundZstd(src, size); err == nil {
			buf, err = parquet.Zstd.Decode(buf, src)
		}
	default:
		return nil, fmt.Errorf("%w: codec %s; write the file with zstd, snappy, gzip or none", ErrUnsupported, codec)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, codec, err)
	}
	if len(buf) != size {
		return nil, fmt.Errorf("%w: page of %d bytes decompresses to %d", ErrCorrupt, size, len(buf))
	}
	return buf, nil
}

func gunzip(buf, src []byte, size int) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	w := bytes.NewBuffer(buf)
	if _, err := io.Copy(w, io.LimitReader(z, int64(size)+1)); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}

const (
	zstdMagic     = 0xFD2FB528
	zstdSkippable = 0x184D2A50 // to 0x184D2A5F
	zstdMaxBlock  = 128 << 10
)

// boundZstd walks the frames of src (RFC 8878, section 3) and refuses those
// that could decompress to more than size bytes: a frame that states its
// content size is held to it by the decoder, and one that does not by its
// blocks, of at most 128 KiB each.
func boundZstd(src []byte, size int) error {
	early := fmt.Errorf("frame ends early")
	room := uint64(size)
	slack := uint64(MaxPageBytes) // for frames without a content size
	for len(src) > 0 {
		if len(src) < 8 {
			return early
		}
		magic := binary.LittleEndian.Uint32(src)
		if magic&^0xf == zstdSkippable {
			n := uint64(binary.LittleEndian.Uint32(src[4:]))
			if n > uint64(len(src)-8) {
				return early
			}
			src = src[8+n:]
			continue
		}
		if magic != zstdMagic {
			return fmt.Errorf("bad magic number %#x", magic)
		}
		flags := src[4]
		src = src[5:]
		single := flags&0x20 != 0
		contentBytes := []int{0, 2, 4, 8}[flags>>6]
		if single && contentBytes == 0 {
			contentBytes = 1
		}
		skip := []int{0, 1, 2, 4}[flags&3] // dictionary id
		if !single {
			skip++ // window descriptor
		}
		if len(src) < skip+contentBytes {
			return early
		}
		content := load64(src[skip:skip+contentBytes], 0)
		if contentBytes == 2 {
			content += 256
		}
		src = src[skip+contentBytes:]
		if contentBytes > 0 {
			if content > room {
				return fmt.Errorf("content of %d bytes in a page of %d", content, size)
			}
			room -= content
		}
		for last := false; !last; {
			if len(src) < 3 {
				return early
			}
			h := uint32(src[0]) | uint32(src[1])<<8 | uint32(src[2])<<16
			last = h&1 != 0
			n := uint64(h >> 3)
			stored, yields := n, uint64(zstdMaxBlock)
			switch h >> 1 & 3 {
			case 0:
				yields = n
			case 1:
				stored, yields = 1, n
			case 3:
				return fmt.Errorf("reserved block type")
			}
			src = src[3:]
			if stored > uint64(len(src)) {
				return early
			}
			src = src[stored:]
			if contentBytes == 0 {
				if yields > slack {
					return fmt.Errorf("blocks of more than %d bytes", MaxPageBytes)
				}
				slack -= yields
			}
		}
		if flags&4 != 0 { // checksum
			if len(src) < 4 {
				return early
			}
			src = src[4:]
		}
	}
	return nil
}
