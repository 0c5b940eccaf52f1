package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
	"unicode/utf8"
)

// File is a decoded file. Its tensors share the memory of the bytes it was
// decoded from.
type File struct {
	Metadata map[string]string // never nil
	Tensors  []Tensor          // in ascending order of name, which is their order in the file

	header []byte          // the header's text with its padding
	spans  map[string]span // where a metadata value lies in the file
}

// span is a range of byte offsets from the start of the file.
type span struct{ lo, hi int }

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := sort.Search(len(f.Tensors), func(i int) bool { return f.Tensors[i].Name >= name })
	if i < len(f.Tensors) && f.Tensors[i].Name == name {
		return f.Tensors[i], true
	}
	return Tensor{}, false
}

// MetadataSpan returns where the value of a metadata key lies in the file:
// the bytes [lo, hi) between its quotes, escapes as written.
func (f *File) MetadataSpan(key string) (lo, hi int, ok bool) {
	s, ok := f.spans[key]
	return s.lo, s.hi, ok
}

// Canonical reports whether the header is, byte for byte, the one that
// [Encode] writes for this content: no other spacing, order or escapes.
func (f *File) Canonical() bool {
	return bytes.Equal(f.header, appendHeader(nil, f.Metadata, f.Tensors))
}

// Decode reads a whole file. Its errors wrap one of the package's errors and
// name the tensor or the byte of the header at fault.
func Decode(data []byte) (*File, error) {
	text, err := headerText(data)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{}, header: text}
	var places []span // of the tensors, from the start of the buffer
	s := &scanner{text: text}
	err = s.document(func(key string) error {
		if key == metadataKey {
			return f.scanMetadata(s)
		}
		t, place, err := s.tensor(key)
		if err != nil {
			return err
		}
		f.Tensors = append(f.Tensors, t)
		places = append(places, place)
		return nil
	})
	if err != nil {
		return nil, err
	}
	buffer := data[prefix+len(text):]
	if err := f.place(places, buffer); err != nil {
		return nil, err
	}
	return f, nil
}

// PeekMetadata reads a file's metadata and nothing else: the tensors may have
// fields and dtypes that this package does not know, and their bytes need not
// be there. It serves to recognise a file that a later version wrote.
func PeekMetadata(data []byte) (map[string]string, error) {
	text, err := headerText(data)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{}}
	s := &scanner{text: text}
	err = s.document(func(key string) error {
		if key == metadataKey {
			return f.scanMetadata(s)
		}
		return s.skip(0)
	})
	return f.Metadata, err
}

// headerText returns the header of a file with its padding.
func headerText(data []byte) ([]byte, error) {
	if len(data) < prefix {
		return nil, fmt.Errorf("%w: %d bytes do not hold the header's length", ErrTruncated, len(data))
	}
	// Before the length, because that of a file of another kind says nothing.
	if len(data) > prefix && data[prefix] != '{' {
		return nil, ErrStart
	}
	n := binary.LittleEndian.Uint64(data)
	if n < 2 || n > MaxHeader {
		return nil, fmt.Errorf("%w: %d bytes, allowed are 2 to %d", ErrHeaderSize, n, MaxHeader)
	}
	if n > uint64(len(data)-prefix) {
		return nil, fmt.Errorf("%w: in the header, after byte %d of %d", ErrTruncated, len(data), prefix+n)
	}
	text := data[prefix : prefix+int(n)]
	if !utf8.Valid(text) {
		return nil, ErrUTF8
	}
	return text, nil
}

func (f *File) scanMetadata(s *scanner) error {
	f.spans = map[string]span{}
	return s.object(func(key string) error {
		value, raw, err := s.str()
		if err != nil {
			return fmt.Errorf("metadata %s: %w", quote(key), err)
		}
		f.Metadata[key] = value
		f.spans[key] = span{prefix + raw.lo, prefix + raw.hi}
		return nil
	})
}

// place gives each tensor its bytes and checks that together they are the
// whole buffer, once each and in order.
func (f *File) place(places []span, buffer []byte) error {
	end := 0
	for i := range f.Tensors {
		t, at := &f.Tensors[i], places[i]
		if i > 0 && t.Name <= f.Tensors[i-1].Name {
			return fmt.Errorf("%w: %s after %s", ErrOrder, quote(t.Name), quote(f.Tensors[i-1].Name))
		}
		size, err := byteSize(t.DType, t.Shape)
		if err != nil {
			return fmt.Errorf("%s: %w", quote(t.Name), err)
		}
		switch {
		case at.hi < at.lo || at.hi-at.lo != size:
			return fmt.Errorf("%w: %s has offsets %d to %d and a shape of %d bytes", ErrSize, quote(t.Name), at.lo, at.hi, size)
		case at.lo > end:
			return fmt.Errorf("%w: %s starts at %d, the tensor before it ends at %d", ErrHole, quote(t.Name), at.lo, end)
		case at.lo < end:
			return fmt.Errorf("%w: %s starts at %d, the tensor before it ends at %d", ErrOverlap, quote(t.Name), at.lo, end)
		}
		end = at.hi
	}
	if end > len(buffer) {
		return fmt.Errorf("%w: it holds %d of %d bytes of tensors", ErrTruncated, len(buffer), end)
	}
	if end < len(buffer) {
		return fmt.Errorf("%w: %d of them", ErrTrailing, len(buffer)-end)
	}
	for i, at := range places {
		f.Tensors[i].Data = buffer[at.lo:at.hi:at.hi]
	}
	return nil
}

// tensor reads a tensor's entry of the header.
func (s *scanner) tensor(name string) (Tensor, span, error) {
	if name == "" {
		return Tensor{}, span{}, ErrName
	}
	t := Tensor{Name: name}
	var offsets []int
	var seen struct{ dtype, shape, offsets bool }
	err := s.object(func(field string) error {
		var err error
		switch field {
		case "dtype":
			seen.dtype = true
			var text string
			if text, _, err = s.str(); err == nil {
				var known bool
				if t.DType, known = parseDType(text); !known {
					return fmt.Errorf("%w %s", ErrDType, quote(text))
				}
			}
		case "shape":
			seen.shape = true
			t.Shape, err = s.numbers(MaxRank)
		case "data_offsets":
			seen.offsets = true
			if offsets, err = s.numbers(2); err == nil && len(offsets) != 2 {
				return fmt.Errorf("%w: data_offsets has %d numbers, not 2", ErrJSON, len(offsets))
			}
		default:
			return fmt.Errorf("%w %s", ErrUnknownField, quote(field))
		}
		return err
	})
	if err == nil && !(seen.dtype && seen.shape && seen.offsets) {
		err = fmt.Errorf("%w: a tensor has dtype, shape and data_offsets", ErrMissingField)
	}
	if err != nil {
		return Tensor{}, span{}, fmt.Errorf("tensor %s: %w", quote(name), err)
	}
	return t, span{offsets[0], offsets[1]}, nil
}
