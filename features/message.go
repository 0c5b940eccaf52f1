package features

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxScan is the number of bytes of a message in which [ScanMessage] looks for
// slots. What stands behind them is left as it is: a value that long is a dump,
// and its head already tells what the message is about.
const MaxScan = 8192

// MessageMode chooses the table of families that [ScanMessage] reads.
type MessageMode uint8

const (
	// Newstyle is the table of the published grouping configuration
	// newstyle:2023-01-11. It is what the static baseline hashes, faults
	// included: "utf-8" holds the integer -8, and java.io is a host.
	Newstyle MessageMode = iota
	// Wide is the table for the model's features. It knows what real log lines
	// are made of: ids behind an underscore, ports, sizes, versions, MAC
	// addresses, random ids, integers of any length.
	Wide
)

// Slot is one parameterised part of a message.
type Slot struct {
	Family     Family
	Start, End int // byte offsets in the input, 0 <= Start < End <= MaxScan
}

// ScanMessage appends the slots of s to dst, from left to right and without
// overlap, and returns the extended slice. It does not allocate while dst has
// room, and takes time linear in the length of s.
//
// The leftmost match wins; of the families that match at one position the first
// of the mode's table wins; and a family takes the longest text that satisfies
// it and its boundaries. That is how one alternation of named groups behaves
// which tries every family again when a validator rejects a match.
//
// Only the first [MaxScan] bytes are looked at, as if the text ended there. Any
// bytes are valid input.
func ScanMessage(dst []Slot, s string, mode MessageMode) []Slot {
	if len(s) > MaxScan {
		s = s[:MaxScan]
	}
	t := &newstyleTable
	if mode == Wide {
		t = &wideTable
	}
	live := t.liveRows(s)
	prev := byte('\n')
	for i := 0; i < len(s); {
		rows := t.start[s[i]] & t.left[prev] & live
		if rows == 0 {
			prev = s[i]
			i++
			continue
		}
		if i+1 < len(s) {
			rows &= t.second[s[i+1]]
		}
		if prev >= utf8.RuneSelf {
			rows &= t.left[byteBefore(s, i, mode)]
		}
		end := noMatch
		for ; rows != 0; rows &= rows - 1 {
			r := bits.TrailingZeros32(rows)
			e := t.rows[r].match(s, i, mode)
			if e != noMatch && t.right[byteAt(s, e, mode)]&(1<<r) != 0 {
				dst = append(dst, Slot{t.rows[r].family, i, e})
				end = e
				break
			}
		}
		if end == noMatch {
			end = i + 1
		}
		i, prev = end, s[end-1]
	}
	return dst
}

// Parameterize returns s with every slot of the [Newstyle] table replaced by its
// family in angle brackets, as in "<int>". Text behind the first [MaxScan] bytes
// is kept as it is.
func Parameterize(s string) string {
	var room [32]Slot
	slots := ScanMessage(room[:0], s, Newstyle)
	if len(slots) == 0 {
		return s
	}
	var out strings.Builder
	out.Grow(len(s) + 4*len(slots))
	done := 0
	for _, slot := range slots {
		out.WriteString(s[done:slot.Start])
		out.WriteByte('<')
		out.WriteString(slot.Family.String())
		out.WriteByte('>')
		done = slot.End
	}
	out.WriteString(s[done:])
	return out.String()
}

// NormalizeMessage is the message normalisation of newstyle:2023-01-11: the first
// two lines that are not blank, joined by a newline and stripped of outer white
// space; "..." behind them if that differs from s in any way, be it only a final
// newline; then [Parameterize]. A blank message that is not empty becomes "...".
//
// Lines end where Python's str.splitlines ends them.
func NormalizeMessage(s string) string {
	var lines [2]string
	n := 0
	for rest, more := s, true; more && n < len(lines); {
		var line string
		line, rest, more = cutLine(rest)
		if strings.TrimFunc(line, isBlank) != "" {
			lines[n] = line
			n++
		}
	}
	kept := strings.TrimFunc(strings.Join(lines[:n], "\n"), isBlank)
	if kept != s {
		kept += "..."
	}
	return Parameterize(kept)
}

// cutLine cuts s around its first line boundary. more is false when it has none.
func cutLine(s string) (line, rest string, more bool) {
	for i, r := range s {
		switch {
		case r == '\r' && strings.HasPrefix(s[i:], "\r\n"):
			return s[:i], s[i+2:], true
		case '\n' <= r && r <= '\r', '\x1c' <= r && r <= '\x1e', r == '\u0085', r == '\u2028', r == '\u2029':
			return s[:i], s[i+utf8.RuneLen(r):], true
		}
	}
	return s, "", false
}

// isBlank reports what Python's str.strip removes: white space and the four
// information separators.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f'
}

// byteAt stands for the character at i in a boundary test: the byte itself; a
// newline at the end of the text; and for a character outside ASCII a letter or a
// space. In the newstyle table a letter or digit of any script is part of a word,
// as in Python. In the wide table it is not: Chinese and Japanese messages put
// numbers between their characters without a space.
func byteAt(s string, i int, mode MessageMode) byte {
	if i >= len(s) {
		return '\n'
	}
	if s[i] < utf8.RuneSelf {
		return s[i]
	}
	if r, _ := utf8.DecodeRuneInString(s[i:]); mode == Newstyle && (unicode.IsLetter(r) || unicode.IsNumber(r)) {
		return 'a'
	}
	return ' '
}

// byteBefore is byteAt for the character that ends before i, i > 0.
func byteBefore(s string, i int, mode MessageMode) byte {
	_, size := utf8.DecodeLastRuneInString(s[:i])
	return byteAt(s, i-size, mode)
}
