package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// checkEnd refuses data pages after the last value that the column counts: a
// reader that stops there loses rows without a word. Other bytes may follow.
func (c *Cursor) checkEnd() error {
	for c.offset < c.end {
		header, err := c.readHeader()
		if err != nil || header.CompressedPageSize < 0 {
			return nil // no page
		}
		values := header.DataPageHeaderV2.V.NumValues
		if header.Type == format.DataPage {
			values = header.DataPageHeader.V.NumValues
		}
		if data := header.Type == format.DataPage || header.Type == format.DataPageV2; data && values > 0 {
			return c.errorf(ErrCorrupt, "a page of %d values after the last that the column counts", values)
		}
		c.offset += int64(header.CompressedPageSize)
	}
	return nil
}

// readPage decodes the next data page into the cursor's buffers and returns how
// many entries it has. A dictionary page on the way is kept.
func (c *Cursor) readPage() (int, error) {
	for {
		if c.offset >= c.end {
			return 0, c.errorf(ErrCorrupt, "pages end %d values early", c.left)
		}
		header, err := c.readHeader()
		if err != nil {
			return 0, c.wrap("page header", err)
		}
		stored, size := int64(header.CompressedPageSize), int(header.UncompressedPageSize)
		if stored < 0 || size < 0 || stored > c.end-c.offset {
			return 0, c.errorf(ErrCorrupt, "page of %d bytes goes over the column's end", stored)
		}
		if stored > MaxPageBytes || size > MaxPageBytes {
			return 0, c.errorf(ErrLimit, "page of %d bytes; the limit is %d", max(stored, int64(size)), MaxPageBytes)
		}
		at := c.offset
		c.offset += stored
		if header.Type == format.IndexPage {
			continue
		}
		payload, err := c.src.slice(c.payload, at, int(stored))
		if err != nil {
			return 0, c.wrap("page", err)
		}
		if _, held := c.src.(memory); !held {
			c.payload = payload
		}
		if header.CRC != 0 && crc32.ChecksumIEEE(payload) != uint32(header.CRC) {
			return 0, c.errorf(ErrCorrupt, "page checksum differs")
		}
		switch header.Type {
		case format.DictionaryPage:
			if err := c.readDictionary(header, payload, size); err != nil {
				return 0, c.wrap("dictionary", err)
			}
		case format.DataPage, format.DataPageV2:
			c.page++
			n, err := c.readData(header, payload, size)
			if err != nil {
				return 0, c.wrap(fmt.Sprintf("page %d", c.page), err)
			}
			if n > 0 {
				return n, nil
			}
		default:
			return 0, c.errorf(ErrUnsupported, "page type %v", header.Type)
		}
	}
}

func (c *Cursor) readHeader() (*format.PageHeader, error) {
	for want := int64(512); ; want *= 8 {
		n := min(want, c.end-c.offset, MaxHeaderBytes)
		data, err := c.src.slice(c.headerBytes, c.offset, int(n))
		if err != nil {
			return nil, err
		}
		if _, held := c.src.(memory); !held {
			c.headerBytes = data
		}
		size, short, err := thriftStructLen(data)
		if short && n < min(c.end-c.offset, MaxHeaderBytes) {
			continue
		}
		if err != nil {
			return nil, err
		}
		header := new(format.PageHeader)
		if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[:size], header); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
		c.offset += int64(size)
		return header, nil
	}
}

func (c *Cursor) readDictionary(header *format.PageHeader, payload []byte, size int) error {
	h := header.DictionaryPageHeader
	if !h.Valid {
		return fmt.Errorf("%w: header without its fields", ErrCorrupt)
	}
	if c.dict || c.page > 0 {
		return fmt.Errorf("%w: a second one, or one after data", ErrCorrupt)
	}
	//lint:ignore SA1019 writers of version 1 pages still use the old name
	if e := h.V.Encoding; e != format.Plain && e != format.PlainDictionary {
		return fmt.Errorf("%w: encoding %v; write the column with plain, dictionary or delta encoding", ErrUnsupported, e)
	}
	n := int(h.V.NumValues)
	if n < 0 || n > MaxPageValues {
		return fmt.Errorf("%w: %d entries; the limit is %d", ErrLimit, n, MaxPageValues)
	}
	// The dictionary stays for the whole row group.
	c.dictHeld = int64(size) + 16*int64(n)
	if err := c.hold(c.dictHeld); err != nil {
		return err
	}
	body, err := decompress(c.codec, nil, payload, size)
	if err != nil {
		return err
	}
	c.dict = true
	switch c.node.Kind {
	case ByteArray:
		c.dictStrs, err = c.plainStrings(nil, body, n, nil)
	case Double:
		c.dictFloats, err = plainFloats(nil, body, n)
	case Int32, Int64:
		c.dictInts, err = plainInts(nil, body, n, c.node.Kind)
	default:
		err = fmt.Errorf("%w: dictionary of %v", ErrUnsupported, c.node.Kind)
	}
	return err
}

// readData decodes one data page. Version 1 compresses levels and values
// together and says the levels' lengths inside; version 2 leaves the levels
// plain and says their lengths in the header.
func (c *Cursor) readData(header *format.PageHeader, payload []byte, size int) (int, error) {
	var (
		n        int
		encoding format.Encoding
		reps     []byte
		defs     []byte
		body     []byte
		err      error
	)
	v2 := header.DataPageHeaderV2
	if header.Type == format.DataPageV2 {
		if !v2.Valid {
			return 0, fmt.Errorf("%w: header without its fields", ErrCorrupt)
		}
		n, encoding = int(v2.V.NumValues), v2.V.Encoding
		r, d := int(v2.V.RepetitionLevelsByteLength), int(v2.V.DefinitionLevelsByteLength)
		if r < 0 || d < 0 || r > len(payload) || d > len(payload)-r || r+d > size {
			return 0, fmt.Errorf("%w: levels longer than the page", ErrCorrupt)
		}
		reps, defs, body = payload[:r], payload[r:r+d], payload[r+d:]
		if err := c.entriesFit(n, size); err != nil || n == 0 {
			return 0, err
		}
		if !v2.V.IsCompressed.Valid || v2.V.IsCompressed.V {
			if body, err = decompress(c.codec, c.body, body, size-r-d); err != nil {
				return 0, err
			}
			if c.codec != format.Uncompressed {
				c.body = body
			}
		} else if len(payload) != size {
			return 0, fmt.Errorf("%w: page of %d bytes claims %d", ErrCorrupt, len(payload), size)
		}
	} else {
		v1 := header.DataPageHeader
		if !v1.Valid {
			return 0, fmt.Errorf("%w: header without its fields", ErrCorrupt)
		}
		n, encoding = int(v1.V.NumValues), v1.V.Encoding
		if err := c.entriesFit(n, size); err != nil || n == 0 {
			return 0, err
		}
		if body, err = decompress(c.codec, c.body, payload, size); err != nil {
			return 0, err
		}
		if c.codec != format.Uncompressed {
			c.body = body
		}
		if reps, body, err = levelsV1(c.node.MaxRep, v1.V.RepetitionLevelEncoding, body); err != nil {
			return 0, err
		}
		if defs, body, err = levelsV1(c.node.MaxDef, v1.V.DefinitionLevelEncoding, body); err != nil {
			return 0, err
		}
	}
	if c.reps, _, err = appendLevels(c.reps, reps, n, c.node.MaxRep); err != nil {
		return 0, fmt.Errorf("repetition levels: %w", err)
	}
	present := n
	if c.defs, present, err = appendLevels(c.defs, defs, n, c.node.MaxDef); err != nil {
		return 0, fmt.Errorf("definition levels: %w", err)
	}
	if header.Type == format.DataPageV2 {
		rows := n
		if c.node.MaxRep > 0 {
			rows = bytes.Count(c.reps, []byte{0})
		}
		if int(v2.V.NumNulls) != n-present || int(v2.V.NumRows) != rows {
			return 0, fmt.Errorf("%w: header says %d rows and %d nulls, the levels %d and %d", ErrCorrupt, v2.V.NumRows, v2.V.NumNulls, rows, n-present)
		}
	}
	if err := c.hold(16 * int64(present)); err != nil {
		return 0, err
	}
	return n, c.appendValues(encoding, body, present)
}

// entriesFit checks a page's number of entries before anything is made for
// them.
func (c *Cursor) entriesFit(n, size int) error {
	if n < 0 || int64(n) > c.left {
		return fmt.Errorf("%w: %d values, the column has %d left", ErrCorrupt, n, c.left)
	}
	if n > MaxPageValues {
		return fmt.Errorf("%w: %d values; the limit is %d", ErrLimit, n, MaxPageValues)
	}
	return c.hold(int64(size) + 2*int64(n))
}

func levelsV1(max uint8, encoding format.Encoding, body []byte) (levels, rest []byte, err error) {
	if max == 0 {
		return nil, body, nil
	}
	if encoding != format.RLE {
		return nil, nil, fmt.Errorf("%w: levels encoded as %v", ErrUnsupported, encoding)
	}
	if len(body) < 4 {
		return nil, nil, fmt.Errorf("%w: levels end early", ErrCorrupt)
	}
	n := binary.LittleEndian.Uint32(body)
	if uint64(n) > uint64(len(body)-4) {
		return nil, nil, fmt.Errorf("%w: levels longer than the page", ErrCorrupt)
	}
	return body[4 : 4+n], body[4+n:], nil
}

// grow appends n zero or stale elements.
func grow[T any](s []T, n int) []T {
	if len(s)+n <= cap(s) {
		return s[:len(s)+n]
	}
	t := make([]T, len(s)+n)
	copy(t, s)
	return t
}
