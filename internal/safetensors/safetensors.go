// Package safetensors reads and writes files of named tensors in the
// safetensors format, strictly: a file has one reading, and every one of its
// bytes belongs to it.
//
// A file is
//
//  1. eight bytes, little endian: the length of the header;
//  2. the header, one JSON object that maps each tensor's name to its dtype,
//     shape and place, and "__metadata__" to an object of strings; spaces may
//     follow it;
//  3. the tensors' bytes, little endian, row-major.
//
// The public format leaves room that this package closes. Names ascend in the
// header and their bytes lie in that order without hole, overlap or rest; a
// key stands once; a field that the format does not name is refused; the
// header holds at most [MaxHeader] bytes, and text is UTF-8 without lone
// surrogates. Five dtypes are known. What [Encode] writes, any reader of the
// format opens.
//
// The format is described at https://github.com/huggingface/safetensors.
package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// MaxHeader is the length in bytes of the longest header that is read or written.
	MaxHeader = 1 << 20

	// MaxRank is the largest number of dimensions of a tensor.
	MaxRank = 8

	// metadataKey is the header's one key that names no tensor.
	metadataKey = "__metadata__"

	// prefix is the number of bytes of the header's length.
	prefix = 8

	// alignment is what Encode pads the header to, so that the first tensor
	// starts at a multiple of the widest dtype.
	alignment = 8
)

// What is wrong with a file, one error a cause. Errors of [Decode],
// [PeekMetadata] and [Encode] wrap exactly one of them.
var (
	ErrTruncated    = errors.New("safetensors: file ends early")
	ErrTrailing     = errors.New("safetensors: bytes after the last tensor")
	ErrStart        = errors.New("safetensors: header does not begin with {")
	ErrHeaderSize   = errors.New("safetensors: header length out of bounds")
	ErrUTF8         = errors.New("safetensors: header is not valid UTF-8")
	ErrJSON         = errors.New("safetensors: header is not the JSON that the format asks for")
	ErrDuplicateKey = errors.New("safetensors: duplicate key")
	ErrUnknownField = errors.New("safetensors: unknown field")
	ErrMissingField = errors.New("safetensors: missing field")
	ErrName         = errors.New("safetensors: tensor name is empty or reserved")
	ErrDType        = errors.New("safetensors: unsupported dtype")
	ErrShape        = errors.New("safetensors: shape out of bounds")
	ErrSize         = errors.New("safetensors: tensor's bytes do not match its shape")
	ErrOrder        = errors.New("safetensors: tensors are not sorted by name")
	ErrHole         = errors.New("safetensors: hole between tensors")
	ErrOverlap      = errors.New("safetensors: tensors overlap")
)

// DType is the type of a tensor's elements.
type DType uint8

// The dtypes. The zero value is none of them.
const (
	F32 DType = iota + 1
	F64
	I32
	I64
	U8
)

var dtypes = [...]struct {
	name string
	size int
}{F32: {"F32", 4}, F64: {"F64", 8}, I32: {"I32", 4}, I64: {"I64", 8}, U8: {"U8", 1}}

// String returns the dtype's name as it stands in a header.
func (d DType) String() string {
	if d == 0 || int(d) >= len(dtypes) {
		return "unknown"
	}
	return dtypes[d].name
}

// Size returns the number of bytes of one element, 0 for an unknown dtype.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

func parseDType(s string) (DType, bool) {
	for d := F32; int(d) < len(dtypes); d++ {
		if dtypes[d].name == s {
			return d, true
		}
	}
	return 0, false
}

// Tensor is a named, dense, row-major array.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // length of each dimension, outermost first; none is a scalar
	Data  []byte // elements, little endian
}

// Element is a Go type that has a [DType].
type Element interface {
	float32 | float64 | int32 | int64 | uint8
}

func dtypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return F32
	case float64:
		return F64
	case int32:
		return I32
	case int64:
		return I64
	default:
		return U8
	}
}

// Of returns a tensor of a copy of values. Without a shape it has the one
// dimension len(values). [Encode] checks that shape and values agree.
func Of[T Element](name string, values []T, shape ...int) Tensor {
	if len(shape) == 0 {
		shape = []int{len(values)}
	}
	data := make([]byte, 0, binary.Size(values))
	data, err := binary.Append(data, binary.LittleEndian, values)
	if err != nil {
		panic("safetensors: " + err.Error()) // the constraint admits only types of fixed size
	}
	return Tensor{Name: name, DType: dtypeOf[T](), Shape: shape, Data: data}
}

// Values returns a copy of the tensor's elements, or [ErrDType] when they are
// of another type. It needs no alignment of t.Data.
func Values[T Element](t Tensor) ([]T, error) {
	if want := dtypeOf[T](); t.DType != want {
		return nil, fmt.Errorf("%w: %s holds %s, not %s", ErrDType, quote(t.Name), t.DType, want)
	}
	values := make([]T, len(t.Data)/t.DType.Size())
	if _, err := binary.Decode(t.Data, binary.LittleEndian, values); err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrSize, quote(t.Name), err)
	}
	return values, nil
}

// byteSize returns the number of bytes of a tensor, or ErrShape when it has
// too many dimensions, a negative one, or more bytes than an int counts.
func byteSize(d DType, shape []int) (int, error) {
	if len(shape) > MaxRank {
		return 0, fmt.Errorf("%w: %d dimensions, the limit is %d", ErrShape, len(shape), MaxRank)
	}
	size := d.Size()
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("%w: negative dimension %d", ErrShape, n)
		}
		if n > 0 && size > math.MaxInt/n {
			return 0, fmt.Errorf("%w: more bytes than can be counted", ErrShape)
		}
		size *= n
	}
	return size, nil
}

// quote returns a name as an error shows it: escaped, and cut when it is long.
func quote(name string) string {
	const most = 80
	if len(name) > most {
		return fmt.Sprintf("%q...", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
