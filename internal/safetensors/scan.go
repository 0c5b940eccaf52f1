package safetensors

import (
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may nest where a value is skipped.
const maxDepth = 16

// scanner walks JSON text (RFC 8259) that is known to be valid UTF-8. It
// exists because encoding/json takes the last of duplicate keys, matches keys
// whatever their case and replaces what it cannot decode.
type scanner struct {
	text []byte
	pos  int
}

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s at byte %d of the header", ErrJSON, fmt.Sprintf(format, args...), s.pos)
}

// peek returns the byte at the scanner's place, 0 at the end of the text.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) expect(c byte) error {
	s.space()
	if s.pos >= len(s.text) || s.text[s.pos] != c {
		return s.errorf("want %q", c)
	}
	s.pos++
	return nil
}

// document walks the one object that the text holds. Only spaces, the
// padding of the format, may follow it.
func (s *scanner) document(member func(key string) error) error {
	if err := s.object(member); err != nil {
		return err
	}
	for s.pos < len(s.text) {
		if s.text[s.pos] != ' ' {
			return s.errorf("data after the object")
		}
		s.pos++
	}
	return nil
}

// object calls member with each key; member reads the value. Keys are
// compared after their escapes are decoded.
func (s *scanner) object(member func(key string) error) error {
	seen := map[string]bool{}
	return s.list('{', '}', func() error {
		key, _, err := s.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%w %s", ErrDuplicateKey, quote(key))
		}
		seen[key] = true
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// list walks comma-separated items between two brackets.
func (s *scanner) list(open, end byte, item func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	s.space()
	if s.peek() == end {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		s.space()
		if s.peek() == end {
			s.pos++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// numbers reads an array of at most most non-negative integers.
func (s *scanner) numbers(most int) ([]int, error) {
	list := []int{}
	err := s.list('[', ']', func() error {
		if len(list) == most {
			return s.errorf("more than %d numbers", most)
		}
		n, err := s.integer()
		list = append(list, n)
		return err
	})
	return list, err
}

// integer reads a non-negative integer written in digits alone.
func (s *scanner) integer() (int, error) {
	s.space()
	start, n := s.pos, 0
	for '0' <= s.peek() && s.peek() <= '9' {
		digit := int(s.peek() - '0')
		if n > (math.MaxInt-digit)/10 {
			return 0, fmt.Errorf("%w: number at byte %d of the header is too large", ErrShape, start)
		}
		n = n*10 + digit
		s.pos++
	}
	switch {
	case s.pos == start:
		return 0, s.errorf("want a non-negative integer")
	case s.text[start] == '0' && s.pos > start+1:
		return 0, s.errorf("leading zero")
	}
	return n, nil
}

// str reads a string. It returns the decoded text and the place of the raw
// text between the quotes.
func (s *scanner) str() (string, span, error) {
	if err := s.expect('"'); err != nil {
		return "", span{}, err
	}
	start := s.pos
	var decoded []byte
	for {
		if s.pos >= len(s.text) {
			return "", span{}, s.errorf("unterminated string")
		}
		c := s.text[s.pos]
		switch {
		case c == '"':
			raw := span{start, s.pos}
			s.pos++
			return string(decoded), raw, nil
		case c < ' ':
			return "", span{}, s.errorf("control character in a string")
		case c == '\\':
			s.pos++
			r, err := s.escape()
			if err != nil {
				return "", span{}, err
			}
			decoded = utf8.AppendRune(decoded, r)
		default:
			decoded = append(decoded, c)
			s.pos++
		}
	}
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	c := s.peek()
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return s.unicode()
	}
	return 0, s.errorf("unknown escape")
}

// unicode reads the four hex digits after \u, and the second half of a
// surrogate pair after the first.
func (s *scanner) unicode() (rune, error) {
	first, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	if s.peek() == '\\' && s.pos+1 < len(s.text) && s.text[s.pos+1] == 'u' {
		s.pos += 2
		second, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%w: lone surrogate at byte %d", ErrUTF8, s.pos)
}

func (s *scanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		c := s.peek()
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.errorf("want a hex digit")
		}
		s.pos++
	}
	return r, nil
}

// skip passes over one value of any kind.
func (s *scanner) skip(depth int) error {
	if depth == maxDepth {
		return s.errorf("nested deeper than %d", maxDepth)
	}
	s.space()
	switch c := s.peek(); {
	case c == '"':
		_, _, err := s.str()
		return err
	case c == '{':
		return s.object(func(string) error { return s.skip(depth + 1) })
	case c == '[':
		return s.list('[', ']', func() error { return s.skip(depth + 1) })
	case c == '-' || '0' <= c && c <= '9':
		return s.skipNumber()
	}
	for _, word := range []string{"true", "false", "null"} {
		if end := s.pos + len(word); end <= len(s.text) && string(s.text[s.pos:end]) == word {
			s.pos = end
			return nil
		}
	}
	return s.errorf("want a value")
}

func (s *scanner) skipNumber() error {
	digits := func() bool {
		start := s.pos
		for '0' <= s.peek() && s.peek() <= '9' {
			s.pos++
		}
		return s.pos > start
	}
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++ // nothing but a fraction or an exponent may follow
	} else if !digits() {
		return s.errorf("want a digit")
	}
	if s.peek() == '.' {
		s.pos++
		if !digits() {
			return s.errorf("want a digit")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !digits() {
			return s.errorf("want a digit")
		}
	}
	return nil
}
