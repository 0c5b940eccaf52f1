package safetensors

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Encode returns the file of these tensors and metadata. Equal content gives
// equal bytes, whatever the order of tensors: names and keys are sorted, and
// the header is padded with spaces to a multiple of eight bytes.
//
// Elements are aligned to their size when, in order of name, each tensor of
// wide elements follows only tensors whose sizes are multiples of that width;
// the format has no padding between tensors. [Values] does not need it.
func Encode(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	sorted := slices.Clone(tensors)
	slices.SortStableFunc(sorted, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	total := 0
	for i, t := range sorted {
		if err := check(t); err != nil {
			return nil, err
		}
		if i > 0 && t.Name == sorted[i-1].Name {
			return nil, fmt.Errorf("%w: tensor %s", ErrDuplicateKey, quote(t.Name))
		}
		if len(t.Data) > math.MaxInt-total {
			return nil, fmt.Errorf("%w: more bytes than can be counted", ErrShape)
		}
		total += len(t.Data)
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("%w: metadata %s", ErrUTF8, quote(key))
		}
	}
	header := appendHeader(nil, metadata, sorted)
	if len(header) > MaxHeader {
		return nil, fmt.Errorf("%w: %d bytes, allowed are 2 to %d", ErrHeaderSize, len(header), MaxHeader)
	}
	data := make([]byte, prefix, prefix+len(header)+total)
	binary.LittleEndian.PutUint64(data, uint64(len(header)))
	data = append(data, header...)
	for _, t := range sorted {
		data = append(data, t.Data...)
	}
	return data, nil
}

// check reports what would make a tensor unreadable.
func check(t Tensor) error {
	switch {
	case t.Name == "" || t.Name == metadataKey:
		return fmt.Errorf("%w: %s", ErrName, quote(t.Name))
	case !utf8.ValidString(t.Name):
		return fmt.Errorf("%w: tensor %s", ErrUTF8, quote(t.Name))
	case t.DType.Size() == 0:
		return fmt.Errorf("%w: tensor %s", ErrDType, quote(t.Name))
	}
	size, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	if size != len(t.Data) {
		return fmt.Errorf("%w: %s has %d bytes and a shape of %d", ErrSize, quote(t.Name), len(t.Data), size)
	}
	return nil
}

// appendHeader appends the canonical header of tensors that lie one after
// another in the given order.
func appendHeader(b []byte, metadata map[string]string, tensors []Tensor) []byte {
	start := len(b)
	b = append(b, '{')
	if len(metadata) > 0 {
		b = append(appendString(b, metadataKey), ':', '{')
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, key), ':')
			b = appendString(b, metadata[key])
		}
		b = append(b, '}')
	}
	offset := 0
	for i, t := range tensors {
		if i > 0 || len(metadata) > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, t.Name), `:{"dtype":"`...)
		b = append(b, t.DType.String()...)
		b = append(b, `","shape":`...)
		b = appendInts(b, t.Shape...)
		b = append(b, `,"data_offsets":`...)
		b = appendInts(b, offset, offset+len(t.Data))
		b = append(b, '}')
		offset += len(t.Data)
	}
	b = append(b, '}')
	for (prefix+len(b)-start)%alignment != 0 {
		b = append(b, ' ')
	}
	return b
}

func appendInts(b []byte, list ...int) []byte {
	b = append(b, '[')
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

// appendString appends s as a JSON string with the fewest escapes.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
