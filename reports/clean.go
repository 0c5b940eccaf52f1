package reports

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longest strings shown, in characters. What is cut ends in an ellipsis.
const (
	maxName = 80
	maxText = 1500
)

// clean returns s as it may be shown: one line, at most limit characters, with
// every character that is invisible or changes how its neighbours read
// (controls, bidirectional overrides and isolates, zero-width and unassigned
// characters) written as its code point, like \u202e. Escaping for a language
// is the renderer's business and comes on top.
func clean(s string, limit int) string {
	var b strings.Builder
	shown, space := 0, false
	for i, r := range s {
		if shown >= limit {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				b.WriteString("\uFFFD")
				shown, space = shown+1, false
				continue
			}
		}
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r):
			if space || shown == 0 {
				continue
			}
			b.WriteByte(' ')
			shown++
		case unicode.IsPrint(r):
			b.WriteRune(r)
			shown++
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
			shown += 6
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
			shown += 10
		}
		space = unicode.IsSpace(r) || unicode.Is(unicode.Z, r)
	}
	return strings.TrimRight(b.String(), " ")
}

// name cleans a string that identifies something. It is never empty.
func name(s string) string {
	if s = clean(s, maxName); s == "" {
		return "(blank)"
	}
	return s
}

// text cleans a string of running text.
func text(s string) string { return clean(s, maxText) }

// digest shortens a hex digest to what a person compares.
func digest(s string) string {
	s = clean(s, maxName)
	if len(s) > 12 && strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		return s[:12]
	}
	if s == "" {
		return "not recorded"
	}
	return s
}
