// Package strictjson decodes JSON that decides something: manifests, ledgers,
// dataset descriptions. encoding/json takes the last of two equal keys, takes
// APPROVED for approved even with unknown fields disallowed, and replaces
// invalid UTF-8, so two readers of one document may see two documents. Here
// there is one reading or an error.
//
// The flow of [Unmarshal]:
//
//  1. the bytes are valid UTF-8 and valid JSON without trailing data, and no
//     escape is half a surrogate pair;
//  2. the tokens are walked beside the Go type: no key twice, no two keys
//     that differ in case only, no key that the type lacks, nothing nested
//     deeper than [MaxDepth];
//  3. encoding/json decodes.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may be nested.
const MaxDepth = 32

// Errors that [Unmarshal] wraps; the text names key and byte offset.
var (
	ErrSyntax       = errors.New("not valid JSON")
	ErrEncoding     = errors.New("text is not valid Unicode")
	ErrDuplicateKey = errors.New("duplicate key")
	ErrCaseVariant  = errors.New("key differs from a known one in case only")
	ErrUnknownField = errors.New("unknown field")
	ErrDepth        = errors.New("nested too deep")
)

// Unmarshal decodes one JSON document into v, a non-nil pointer. Struct
// fields take part under the name in their json tag, or their Go name;
// embedded structs are not supported. A null leaves a value as it is, as in
// encoding/json: check required fields after.
func Unmarshal(data []byte, v any) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		panic("strictjson: Unmarshal needs a pointer")
	}
	if at := invalidUTF8(data); at >= 0 {
		return fmt.Errorf("%w: byte %d", ErrEncoding, at)
	}
	// Before encoding/json, whose scanner follows deeper nesting first.
	if at := tooDeep(data); at >= 0 {
		return fmt.Errorf("%w: more than %d levels at byte %d", ErrDepth, MaxDepth, at)
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return syntax(err)
	}
	if at := loneSurrogate(data); at >= 0 {
		return fmt.Errorf("%w: half a surrogate pair at byte %d", ErrEncoding, at)
	}
	w := walker{dec: json.NewDecoder(bytes.NewReader(data))}
	w.dec.UseNumber()
	if err := w.value(t, ""); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return syntax(err)
	}
	return nil
}

func syntax(err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Errorf("%w: %v at byte %d", ErrSyntax, s, s.Offset)
	}
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return fmt.Errorf("%w: field %q at byte %d: %s where %s is expected", ErrSyntax, t.Field, t.Offset, t.Value, t.Type)
	}
	return fmt.Errorf("%w: %v", ErrSyntax, err)
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func tooDeep(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// loneSurrogate looks through valid JSON, where a backslash stands in strings
// only and \u is followed by four hexadecimal digits.
func loneSurrogate(data []byte) int {
	unit := func(i int) uint64 {
		if i+6 > len(data) || data[i] != '\\' || data[i+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(data[i+2:i+6]), 16, 16)
		return u
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		switch u := unit(i); {
		case u >= 0xD800 && u < 0xDC00:
			if low := unit(i + 6); low < 0xDC00 || low > 0xDFFF {
				return i
			}
			i += 11
		case u >= 0xDC00 && u <= 0xDFFF:
			return i
		default:
			i++
		}
	}
	return -1
}

type walker struct{ dec *json.Decoder }

// value walks one value of type t; t is nil where the type does not say.
func (w walker) value(t reflect.Type, path string) error {
	token, err := w.dec.Token()
	if err != nil {
		return syntax(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	t = base(t)
	if delim == '[' {
		var elem reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			elem = t.Elem()
		}
		for i := 0; w.dec.More(); i++ {
			if err := w.value(elem, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err := w.dec.Token()
		return err
	}
	fields, closed := fieldsOf(t)
	seen := map[string]string{}
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return syntax(err)
		}
		key, at := token.(string), w.dec.InputOffset()
		name := strings.TrimPrefix(path+"."+key, ".")
		folded := strings.ToLower(strings.ToUpper(key))
		if other, ok := seen[folded]; ok {
			if other == key {
				return fmt.Errorf("%w: %q before byte %d", ErrDuplicateKey, name, at)
			}
			return fmt.Errorf("%w: %q and %q before byte %d", ErrCaseVariant, other, name, at)
		}
		seen[folded] = key
		var of reflect.Type
		if closed {
			if of, ok = fields[key]; !ok {
				for known := range fields {
					if strings.EqualFold(known, key) {
						return fmt.Errorf("%w: %q before byte %d; write %q", ErrCaseVariant, name, at, known)
					}
				}
				return fmt.Errorf("%w: %q before byte %d", ErrUnknownField, name, at)
			}
		} else if t != nil && t.Kind() == reflect.Map {
			of = t.Elem()
		}
		if err := w.value(of, name); err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// base strips pointers. A type that decodes itself says nothing about keys.
func base(t reflect.Type) reflect.Type {
	for t != nil {
		if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

// fieldsOf returns the keys of a struct type; closed is false where any key
// may stand.
func fieldsOf(t reflect.Type) (fields map[string]reflect.Type, closed bool) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil, false
	}
	fields = map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			panic("strictjson: embedded field " + f.Name)
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	return fields, true
}
