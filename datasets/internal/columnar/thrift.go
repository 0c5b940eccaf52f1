package columnar

import (
	"encoding/binary"
	"fmt"
)

const (
	maxThriftDepth    = 24
	maxThriftElements = 1 << 19 // over all containers of one structure
)

// The type codes of Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// thriftScan walks compact-protocol bytes without decoding them. The library
// allocates a list as soon as it has read the list's length and recurses as
// deep as the bytes say, so both are bounded here first.
type thriftScan struct {
	data     []byte
	pos      int
	elements int
	short    bool // the walk ended because the bytes did
}

// thriftStructLen returns how many bytes the structure at the start of data
// takes. short reports that data ends before the structure does.
func thriftStructLen(data []byte) (n int, short bool, err error) {
	s := thriftScan{data: data}
	if err := s.structure(0); err != nil {
		return 0, s.short, err
	}
	return s.pos, false, nil
}

func (s *thriftScan) end() error {
	s.short = true
	return fmt.Errorf("%w: Thrift structure ends early", ErrCorrupt)
}

func (s *thriftScan) skip(n uint64) error {
	if n > uint64(len(s.data)-s.pos) {
		return s.end()
	}
	s.pos += int(n)
	return nil
}

func (s *thriftScan) byte() (byte, error) {
	if s.pos >= len(s.data) {
		return 0, s.end()
	}
	b := s.data[s.pos]
	s.pos++
	return b, nil
}

func (s *thriftScan) uvarint() (uint64, error) {
	v, n := binary.Uvarint(s.data[s.pos:])
	switch {
	case n == 0:
		return 0, s.end()
	case n < 0:
		return 0, fmt.Errorf("%w: Thrift integer too long", ErrCorrupt)
	}
	s.pos += n
	return v, nil
}

func (s *thriftScan) structure(depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("%w: Thrift structure nested deeper than %d", ErrLimit, maxThriftDepth)
	}
	for {
		b, err := s.byte()
		if err != nil {
			return err
		}
		typ := b & 0x0f
		if typ == thriftStop {
			return nil
		}
		if b>>4 == 0 { // the field id follows
			if _, err := s.uvarint(); err != nil {
				return err
			}
		}
		if typ == thriftTrue || typ == thriftFalse {
			continue // the value is the type
		}
		if err := s.value(typ, depth); err != nil {
			return err
		}
	}
}

func (s *thriftScan) value(typ byte, depth int) error {
	switch typ {
	case thriftTrue, thriftFalse, thriftByte:
		return s.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := s.uvarint()
		return err
	case thriftDouble:
		return s.skip(8)
	case thriftUUID:
		return s.skip(16)
	case thriftBinary:
		n, err := s.uvarint()
		if err != nil {
			return err
		}
		return s.skip(n)
	case thriftList, thriftSet:
		b, err := s.byte()
		if err != nil {
			return err
		}
		size := uint64(b >> 4)
		if size == 15 {
			if size, err = s.uvarint(); err != nil {
				return err
			}
		}
		return s.container(size, depth, b&0x0f)
	case thriftMap:
		size, err := s.uvarint()
		if err != nil || size == 0 {
			return err
		}
		b, err := s.byte()
		if err != nil {
			return err
		}
		return s.container(size, depth, b>>4, b&0x0f)
	case thriftStruct:
		return s.structure(depth + 1)
	}
	return fmt.Errorf("%w: unknown Thrift type %d", ErrCorrupt, typ)
}

func (s *thriftScan) container(size uint64, depth int, types ...byte) error {
	if depth >= maxThriftDepth {
		return fmt.Errorf("%w: Thrift structure nested deeper than %d", ErrLimit, maxThriftDepth)
	}
	if size > uint64(maxThriftElements-s.elements) {
		return fmt.Errorf("%w: more than %d list elements in one structure; write fewer row groups", ErrLimit, maxThriftElements)
	}
	s.elements += int(size)
	for range size {
		for _, t := range types {
			if err := s.value(t, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
