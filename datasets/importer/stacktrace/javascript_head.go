package stacktrace

import (
	"slices"
	"strings"
)

// head makes an exception of the lines before the first frame.
func (p *scriptParser) head() {
	at := p.headAt()
	shown := shownSource(p.pending[:at])
	for _, line := range p.pending[:at] {
		if !shown {
			p.skip(line)
		}
	}
	lines := p.pending[at:]
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	p.pending, p.open = nil, true
	if len(lines) == 0 {
		return
	}
	first := cutReference(strings.TrimSpace(cutLogPrefix(lines[0])))
	if p.bracketed(first) {
		p.inspect(indentation(lines[0]))
		p.refed = true
		for _, line := range lines[1:] {
			p.between(line, strings.TrimSpace(line))
		}
		p.refed = false
		return
	}
	p.begin(scriptHead(first))
	if n := len(lines); n > 2 && strings.HasPrefix(first, "error: ") && shownSource(lines[n-1:]) {
		lines = lines[:n-2] // Deno shows the source line behind the message
	}
	for _, line := range lines[1:] {
		p.more(line)
	}
}

// headAt returns which of the pending lines the head is: the first that names a
// class in the last section where one does. Blank lines part sections, but
// messages have some; so do lines of a log that begin with a time, and what
// shows where in the source an error is. Of a value that is no error, all that
// stands right before the frames is taken.
func (p *scriptParser) headAt() int {
	head, begin, fresh := -1, 0, true
	for i, line := range p.pending {
		trimmed := strings.TrimSpace(line)
		if strings.Trim(trimmed, "^~") == "" { // blank, too
			begin, fresh = i+1, true
			continue
		}
		if timed(trimmed) { // no message has one
			head, begin, fresh = -1, i, true
		}
		if fresh && (scriptClass(cutLogPrefix(trimmed)) || errorInBrackets(trimmed)) {
			head, fresh = i, false
		}
	}
	if head < 0 {
		return begin
	}
	return head
}

// shownSource tells whether lines show a source line and where in it the error
// is, as Node.js and Bun do.
func shownSource(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		line = strings.TrimSpace(line)
		return line != "" && strings.Trim(line, "^~") == ""
	})
}

func errorInBrackets(trimmed string) bool {
	inner, is := strings.CutPrefix(cutReference(trimmed), "[")
	return is && strings.HasSuffix(trimmed, "] {") && scriptClass(inner)
}

// What engines and consoles put before the class.
var scriptPrefixes = []string{"Uncaught (in promise) ", "Uncaught exception: ", "Uncaught ", "Unhandled Promise Rejection: ", "Unhandled promise rejection ", "UnhandledPromiseRejectionWarning: "}

func scriptHead(line string) (typ, value string) {
	line = cutLabel(line)
	for _, prefix := range scriptPrefixes {
		line = strings.TrimPrefix(line, prefix)
	}
	line = cutReference(line)
	typ, value, ok := strings.Cut(line, ": ")
	if !ok {
		typ = strings.TrimSuffix(line, ":")
	}
	if i := strings.Index(typ, " ["); i > 0 && strings.HasSuffix(typ, "]") { // TypeError [ERR_INVALID_ARG_TYPE]: ...
		typ = typ[:i]
	}
	if !identifier(typ) {
		return "", line
	}
	return typ, value
}

// cutLabel cuts what a head may stand behind on its line: a brace or bracket of
// the value that the error is in, and a name in small letters, as in Deno's
// "error: Uncaught TypeError: x". Without a class behind it, such a name is the
// head itself: Bun prints "error: x".
func cutLabel(line string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(line, "{ "), "[ ")
	if label, after, ok := strings.Cut(rest, ": "); ok && label != "" && label[0] >= 'a' && label[0] <= 'z' && identifier(label) && !errorName(label) {
		class, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(after, "Uncaught "), "(in promise) "), ":")
		class, _, _ = strings.Cut(class, " [")
		if identifier(class) && errorName(class) {
			return after
		}
	}
	if len(rest) < len(line) {
		if class, _, _ := strings.Cut(rest, ":"); identifier(class) && errorName(class) {
			return rest
		}
	}
	return line
}

// scriptClass tells whether a line begins as the head of an error does.
func scriptClass(line string) bool {
	typ, _ := scriptHead(line)
	return errorName(typ)
}

// errorName tells whether a name is one that classes of errors have.
func errorName(name string) bool {
	for _, end := range [...]string{"Error", "Exception", "Rejection", "Warning"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// cutLogPrefix cuts what a log puts before a text: times, a level, names in
// brackets, and the process as Node.js does in warnings: (node:4211).
func cutLogPrefix(line string) string {
	rest := line
	for range 8 { // no log has more
		rest = strings.TrimLeft(rest, " \t")
		word, after, ok := strings.Cut(rest, " ")
		if strings.HasPrefix(rest, "[") {
			word, after, ok = strings.Cut(rest, "] ")
			if scriptClass(word[1:]) {
				return rest // an error itself
			}
		} else if !logWord(word) {
			return rest
		}
		if !ok {
			return rest
		}
		rest = after
	}
	return rest
}

func logWord(word string) bool {
	switch strings.TrimSuffix(word, ":") {
	case "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "-", "|", ">":
		return true
	}
	return strings.HasPrefix(word, "(node:") || strings.ContainsAny(word, ":-") && strings.Trim(word, "0123456789-:.,+/TZ") == ""
}

// timed tells whether a line begins with a date.
func timed(line string) bool {
	line = strings.TrimPrefix(line, "[")
	return len(line) > 4 && allDigits(line[:4]) && (line[4] == '-' || line[4] == '/')
}

// identifier tells whether a text is a name, with dots.
func identifier(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80:
		case i > 0 && (c >= '0' && c <= '9' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}
