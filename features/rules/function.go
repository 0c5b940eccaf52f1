package rules

import (
	"regexp"
	"strings"
)

// TrimFunction returns the name of a function as rules see it: native and C#
// functions lose return type, arguments, template arguments and compiler
// suffixes, those of other platforms stay as they are.
func TrimFunction(platform, name string) string {
	switch {
	case platform == "csharp":
		if i := strings.Index(name, " ("); i >= 0 {
			return name[:i]
		}
	case FamilyOf(platform) == Native:
		return trimNative(name)
	}
	return name
}

// Operators whose names hold brackets that are not arguments. Each is replaced
// by a text without brackets while these are cut, the longest first.
var protectOperators, restoreOperators = func() (protect, restore *strings.Replacer) {
	var there, back []string
	for _, op := range [...]struct{ name, mark string }{
		{"operator<<", "operator\x01\x01"}, {"operator<", "operator\x01"},
		{"operator()", "operator\x02"}, {"operator->", "operator\x03"},
		{"operator>>", "operator\x04\x04"}, {"operator>", "operator\x04"},
	} {
		there = append(there, op.name, op.mark)
		back = append(back, op.mark, op.name)
	}
	return strings.NewReplacer(there...), strings.NewReplacer(back...)
}()

var (
	gccLambda   = regexp.MustCompile(`\{lambda\(.*?\)#\d+\}`)
	msvcLambda  = regexp.MustCompile(`\blambda_[a-f0-9]{32}\b`)
	clangLambda = regexp.MustCompile(`\$_\d+\b`)
	msvcUnnamed = regexp.MustCompile(`\?A0x[a-f0-9]{8}::`)
	cloned      = regexp.MustCompile(`\s*\[clone [^\]]*\]`)
	rustHash    = regexp.MustCompile(`::h[a-z0-9]{16}$`)
	symbolTag   = regexp.MustCompile(`@@?[A-Z][A-Z_]*_[0-9.]+$`)
	declaration = regexp.MustCompile(`^@?(.*?)@[0-9]+$`)
	blanket     = regexp.MustCompile(`^[A-Z] as `)
)

// maxFunction is the longest name that is trimmed, in bytes; trackers cut names
// well below. It bounds the work on brackets in brackets.
const maxFunction = 1024

// Stand-ins for names that nobody knows.
const (
	unknownFunction  = "<unknown>"
	redactedFunction = "<redacted>"
)

func trimNative(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasPrefix(s, "[") || strings.HasPrefix(s, "+[") || strings.HasPrefix(s, "-[") {
		return s // Objective-C
	}
	if s == unknownFunction || s == redactedFunction || len(s) > maxFunction {
		return s
	}
	whole := s
	for {
		cut := strings.TrimSuffix(strings.TrimSuffix(s, " const"), "&")
		if cut = strings.TrimSpace(cut); cut == s || strings.HasSuffix(cut, "operator") {
			break
		}
		s = cut
	}
	if !strings.ContainsAny(s, " <({$?@[:") {
		return s
	}
	s = cloned.ReplaceAllString(s, "")
	s = protectOperators.Replace(s)
	s = gccLambda.ReplaceAllString(s, "lambda")
	s = msvcLambda.ReplaceAllString(s, "lambda")
	s = clangLambda.ReplaceAllString(s, "lambda")
	s = msvcUnnamed.ReplaceAllString(s, "`anonymous namespace'::")
	s = replaceEnclosed(s, '(', ')', func(inner string, _ int) string {
		if inner == "anonymous namespace" {
			return "(anonymous namespace)"
		}
		return ""
	})
	s = replaceEnclosed(s, '<', '>', generics)
	s = restoreOperators.Replace(nameToken(s))
	s = rustHash.ReplaceAllString(s, "")
	s = symbolTag.ReplaceAllString(s, "")
	s = declaration.ReplaceAllString(s, "$1")
	if s == "" {
		return whole
	}
	return s
}

// generics stands in for template arguments. At the start of a name it is
// Rust's "<Type as Trait>", which keeps the type; for a type that is a mere
// parameter, the trait.
func generics(inner string, at int) string {
	if inner == "lambda" {
		return "<lambda>"
	}
	if at > 0 {
		return "<T>"
	}
	inner = blanket.ReplaceAllString(inner, "")
	inner = replaceEnclosed(inner, '<', '>', generics)
	inner, _, _ = strings.Cut(inner, " as ")
	return inner
}

// replaceEnclosed replaces what stands in outermost brackets, and the brackets,
// by what f makes of it and of the place it began. A bracket that is never
// closed takes the rest of the text; a closing one without an opening stays.
func replaceEnclosed(s string, open, shut byte, f func(inner string, at int) string) string {
	if strings.IndexByte(s, open) < 0 {
		return s
	}
	var out strings.Builder
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == open:
			if depth == 0 {
				start = i
			}
			depth++
		case s[i] == shut && depth > 0 && !(shut == '>' && s[i-1] == '-'):
			depth--
			if depth == 0 {
				out.WriteString(f(s[start+1:i], start))
			}
		case depth == 0:
			out.WriteByte(s[i])
		}
	}
	if depth > 0 {
		out.WriteString(f(s[start+1:], start))
	}
	return out.String()
}

// nameToken returns the word that is the name: the one before Swift's return
// arrow, else the last. A Swift attribute in its place means a closure.
func nameToken(s string) string {
	var tokens []string
	for _, word := range strings.Fields(s) {
		if last := len(tokens) - 1; last >= 0 && strings.HasPrefix(word, "<") && strings.HasSuffix(tokens[last], "\x01") {
			tokens[last] += " " + word // operator<< <T>
			continue
		}
		if last := len(tokens) - 1; last >= 0 && (tokens[last] == "`anonymous" || strings.HasSuffix(tokens[last], "(anonymous") || strings.HasSuffix(tokens[last], "`anonymous")) {
			tokens[last] += " " + word
			continue
		}
		tokens = append(tokens, word)
	}
	if len(tokens) == 0 {
		return ""
	}
	at := len(tokens) - 1
	for i, word := range tokens {
		if word == "->" && i > 0 {
			at = i - 1
			break
		}
	}
	if !strings.HasPrefix(tokens[at], "@") || declaration.MatchString(tokens[at]) {
		return tokens[at]
	}
	for i := at; i >= 2; i-- {
		if tokens[i-2] == "thunk" && tokens[i-1] == "for" {
			return "thunk for closure"
		}
	}
	return "closure"
}
