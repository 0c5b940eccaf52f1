package stacktrace

import (
	"slices"
	"strings"

	"whorl/features"
)

// parseJavaScript reads the property stack of errors, and what runtimes print
// of them: V8 and Hermes behind "at", SpiderMonkey and JavaScriptCore as
// function@file:line:column. The crashing frame stands first in all. Node.js
// prints causes in brackets behind the frames.
func parseJavaScript(r *reading) {
	p := scriptParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	p.outermostFirst()
}

type scriptParser struct {
	*reading
	pending []string // lines since the beginning that may be a head and its message
	nested  bool     // causes or errors of an aggregate follow
	// properties of the error, which Node.js prints, follow: nothing of theirs is
	// read but causes.
	properties bool
	message    bool // behind a nested head: more of its message
	over       bool
}

func (p *scriptParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	f, ok := scriptFrame(trimmed)
	began := len(p.exceptions) > 0
	switch {
	case p.over:
		p.skip(line)
	case ok && !began:
		p.head()
		p.frame(f)
	case ok:
		p.frame(f)
		p.message = false
		p.properties = p.properties || strings.HasSuffix(trimmed, "{")
	case !began:
		p.pending = append(p.pending, line)
	case trimmed == "":
		p.message = false
	case strings.HasPrefix(trimmed, "[cause]: "), strings.HasPrefix(trimmed, "Caused by: "):
		p.nested = true
		_, text, _ := strings.Cut(trimmed, ": ")
		p.nestedHead(text)
	case strings.HasPrefix(trimmed, "[errors]: ["):
		p.nested = true
		p.mark()
	case p.nested && scriptClass(trimmed) && p.frameFollows():
		p.nestedHead(trimmed)
	case p.message:
		p.more(trimmed)
	case !p.nested && scriptClass(trimmed) && p.frameFollows():
		p.over = true // another error
		p.skip(line)
	case p.properties || p.nested || strings.HasPrefix(trimmed, "Node.js v"):
	default:
		p.skip(line)
	}
}

// head makes an exception of the lines before the first frame. The head is the
// first line that names a class, after the last blank line before which there
// is another; what follows it is its message.
func (p *scriptParser) head() {
	at := -1
	for i, line := range p.pending {
		if scriptClass(strings.TrimSpace(line)) {
			at = i
			break
		}
	}
	if at < 0 {
		// Of a value that is no error, the lines right before the frames are all
		// that there is.
		at = len(p.pending)
		for at > 0 && strings.TrimSpace(p.pending[at-1]) != "" {
			at--
		}
	}
	// Node.js shows the source line and where in it the error is, first.
	shown := slices.ContainsFunc(p.pending[:at], func(line string) bool {
		line = strings.TrimSpace(line)
		return line != "" && strings.Trim(line, "^") == ""
	})
	for _, line := range p.pending[:at] {
		if !shown {
			p.skip(line)
		}
	}
	message := p.pending[at:]
	for len(message) > 0 && strings.TrimSpace(message[len(message)-1]) == "" {
		message = message[:len(message)-1]
	}
	p.pending = nil
	if len(message) == 0 {
		return
	}
	typ, value := scriptHead(strings.TrimSpace(message[0]))
	p.begin(typ, value)
	for _, line := range message[1:] {
		p.more(line)
	}
}

func (p *scriptParser) nestedHead(text string) {
	typ, value := scriptHead(text)
	p.message = p.begin(typ, value) != nil
}

// frameFollows tells whether a frame is among the next few lines.
func (p *scriptParser) frameFollows() bool {
	for _, line := range p.ahead() {
		if _, ok := scriptFrame(strings.TrimSpace(line)); ok {
			return true
		}
	}
	return false
}

// What engines and consoles put before the class.
var scriptPrefixes = []string{"Uncaught (in promise) ", "Uncaught ", "Unhandled Promise Rejection: ", "Unhandled promise rejection ", "[error] "}

func scriptHead(line string) (typ, value string) {
	for _, prefix := range scriptPrefixes {
		line = strings.TrimPrefix(line, prefix)
	}
	line = strings.TrimSuffix(line, " {")
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

// scriptClass tells whether a line begins as the head of an error does.
func scriptClass(line string) bool {
	typ, _ := scriptHead(line)
	for _, end := range [...]string{"Error", "Exception", "Rejection", "Warning"} {
		if strings.HasSuffix(typ, end) {
			return true
		}
	}
	return false
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

// scriptFrame reads a frame of any engine.
func scriptFrame(s string) (f features.Frame, ok bool) {
	s = strings.TrimSuffix(s, ",") // of one in a list of errors
	if rest, is := strings.CutPrefix(s, "at "); is {
		return v8Frame(rest)
	}
	return atFrame(s)
}

// v8Frame reads what stands behind "at":
//
//	new Cart (file:///srv/cart.js:3:9)
//	async Promise.all (index 0)
//	Object.total [as sum] (native)
//	eval (eval at load (https://example.org/a.js:1:2), <anonymous>:1:1)
//	render (address at index.android.bundle:1:2345)
//	https://example.org/a.js:1:2
func v8Frame(s string) (f features.Frame, ok bool) {
	s = strings.TrimSuffix(s, " {") // Node.js, before the error's own properties
	if !strings.HasSuffix(s, ")") {
		if s == "<anonymous>" || s == "async <anonymous>" {
			return features.Frame{Function: s}, true
		}
		place := strings.TrimPrefix(s, "async ")
		f.Filename, f.Line, f.Column = cutPosition(place)
		if f.Column > 0 || strings.HasPrefix(f.Filename, "wasm://") || strings.Contains(place, ":wasm-function[") {
			f.Filename = strings.TrimPrefix(f.Filename, "address at ")
			return f, f.Filename != ""
		}
		return features.Frame{}, false
	}
	open := openingParen(s)
	if open < 0 {
		return f, false
	}
	function, place := strings.TrimSpace(s[:open]), s[open+1:len(s)-1]
	if open == 0 || s[open-1] != ' ' || function == "" {
		return f, false
	}
	f.Function = function
	if rest, is := strings.CutPrefix(place, "eval at "); is {
		// The place in evaluated code says less than where the evaluation is.
		if i := strings.LastIndex(rest, "("); i >= 0 {
			inner, _, _ := strings.Cut(rest[i+1:], ")")
			f.Filename, f.Line, f.Column = cutPosition(inner)
		} else {
			f.Filename, _, _ = strings.Cut(rest, ",")
		}
		return f, f.Filename != ""
	}
	place = strings.TrimPrefix(place, "address at ")
	switch {
	case place == "native" || place == "<anonymous>" || place == "unknown" || strings.HasPrefix(place, "index ") || strings.HasPrefix(place, "unknown location"):
		if !strings.HasPrefix(place, "index ") {
			f.Filename = place
		}
		return f, true
	}
	f.Filename, f.Line, f.Column = cutPosition(place)
	// Java prints a line alone.
	return f, f.Filename != "" && (f.Column > 0 || strings.HasPrefix(place, "wasm://") || strings.Contains(place, ":wasm-function["))
}

// openingParen returns where the parenthesis opens that the text ends with.
func openingParen(s string) int {
	depth := 0
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// atFrame reads a frame of SpiderMonkey or JavaScriptCore:
//
//	total/<@https://example.org/cart.js:3:9
//	async*load@https://example.org/a.js line 7 > eval:1:1
//	map@[native code]
//	@debugger eval code:1:1
func atFrame(s string) (f features.Frame, ok bool) {
	if s == "[native code]" {
		return features.Frame{Filename: s}, true
	}
	function, place, is := strings.Cut(s, "@")
	if !is || place == "" || strings.ContainsAny(function, " \t") && !strings.HasSuffix(function, " code") && !strings.HasPrefix(function, "promise callback") {
		return f, false
	}
	f.Function = function
	if place == "[native code]" || place == "native code" {
		f.Filename = place
		return f, true
	}
	f.Filename, f.Line, f.Column = cutPosition(place)
	if f.Column == 0 || f.Filename == "" {
		return features.Frame{}, false
	}
	// Evaluated code: where the evaluation is says more.
	for _, kind := range [...]string{" > eval", " > Function"} {
		if i := strings.Index(f.Filename, kind); i > 0 {
			if j := strings.LastIndex(f.Filename[:i], " line "); j > 0 {
				f.Line, f.Column = number(f.Filename[j+len(" line "):i]), 0
				f.Filename = f.Filename[:j]
			}
		}
	}
	return f, true
}
