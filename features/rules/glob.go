package rules

import "strings"

// glob is a pattern: "?" stands for one byte, "*" for any run of bytes, and in
// a path pattern neither stands for a slash while "**" stands for anything.
type glob struct {
	text  string
	path  bool
	plain bool   // no wildcard
	head  string // what every match begins with
	part  string // the longest text without a wildcard, which every match holds
}

func newGlob(text string, path bool) glob {
	i := strings.IndexAny(text, "*?")
	if i < 0 {
		return glob{text: text, path: path, plain: true, head: text}
	}
	g := glob{text: text, path: path, head: text[:i]}
	for part := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '*' || c == '?' }) {
		if len(part) > len(g.part) {
			g.part = part
		}
	}
	return g
}

// match reports whether the pattern matches all of s. It takes at most
// len(pattern) times len(s) steps.
func (g *glob) match(s string) bool {
	if g.plain {
		return s == g.text
	}
	if !strings.HasPrefix(s, g.head) || !strings.Contains(s, g.part) {
		return false
	}
	p := g.text
	i, j := len(g.head), len(g.head) // places in the pattern and the text
	// Where to take up again after a mismatch: behind the last star, one byte
	// further in the text; and likewise for the last double star.
	star, starAt, double, doubleAt := -1, 0, -1, 0
	for {
		if i < len(p) && p[i] == '*' {
			if g.path && i+1 < len(p) && p[i+1] == '*' {
				i += 2
				double, doubleAt, star = i, j, -1
			} else {
				i++
				if g.path {
					star, starAt = i, j
				} else {
					double, doubleAt = i, j
				}
			}
			continue
		}
		if i == len(p) && j == len(s) {
			return true
		}
		if i < len(p) && j < len(s) && (p[i] == s[j] || p[i] == '?' && !(g.path && s[j] == '/')) {
			i, j = i+1, j+1
			continue
		}
		switch {
		case star >= 0 && starAt < len(s) && s[starAt] != '/':
			starAt++
			i, j = star, starAt
		case double >= 0 && doubleAt < len(s):
			doubleAt++
			i, j, star = double, doubleAt, -1
		default:
			return false
		}
	}
}
