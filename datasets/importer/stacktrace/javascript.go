package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseJavaScript reads the property stack of errors, and what runtimes print
// of them: V8 and Hermes behind "at", SpiderMonkey and JavaScriptCore as
// function@file:line:column. The crashing frame stands first in all.
//
// Node.js prints an error's properties in braces behind its frames, among them
// its cause and, of an AggregateError, the list of its errors. Both are read,
// and come before the error that has them: of a list the last error first.
// Errors that are values of other properties are not part of what was thrown.
// Of several errors in a text, the first and what it has is read.
func parseJavaScript(r *reading) {
	p := scriptParser{reading: r}
	for {
		line, ok := r.next()
		if !ok {
			break
		}
		p.line(plain(line)) // Node.js colours frames of its own on terminals
	}
	p.restore()
	p.newestFirst()
	p.outermostFirst()
}

type scriptParser struct {
	*reading
	pending []string // lines since the beginning that may be a head and its message

	open    bool // frames belong to the current exception
	message bool // the lines up to its first frame do, too
	bracket bool // the message goes on up to a closing bracket: it has no frames
	indent  int  // of the line that began it

	inspected bool  // the properties of errors follow, in the form of Node.js
	end       int   // how far the brace behind them is indented
	lists     []int // how far the open lists of errors are indented
	refed     bool  // lines before the first frame are read again

	gap      bool // something else stood behind the frames
	over     bool
	elisions []elision
}

func (p *scriptParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	if p.over {
		p.skip(line)
		return
	}
	f, ok := scriptFrame(trimmed)
	switch {
	case !ok && len(p.exceptions) == 0:
		p.pending = append(p.pending, line)
	case !ok:
		p.between(line, trimmed)
	default:
		if len(p.exceptions) == 0 {
			p.head()
		}
		p.framed(f, line, trimmed)
	}
}

// framed adds a frame, if it is one of the current exception.
func (p *scriptParser) framed(f features.Frame, line, trimmed string) {
	switch {
	case p.gap:
		p.over = true // of another error, which has no head or one that is none of a class
		p.skip(line)
		return
	case !p.open:
		return // of an error that is the value of a property
	}
	if p.message {
		x := p.current()
		x.Value = strings.TrimRight(x.Value, "\n")
		p.message = false
	}
	p.frame(f)
	switch {
	case strings.HasSuffix(trimmed, " {"):
		p.inspect(indentation(line) - len("    "))
	case strings.HasSuffix(trimmed, ","):
		p.open = false // the next element of a list follows
	}
}

// inspect notes that properties follow, up to a brace.
func (p *scriptParser) inspect(end int) {
	if !p.inspected {
		p.inspected, p.end = true, max(end, 0)
	}
	p.open = false
}

// between reads a line behind the first head that is no frame.
func (p *scriptParser) between(line, trimmed string) {
	switch {
	case p.message:
		p.messageLine(line, trimmed)
	case trimmed == "":
	case p.elided(trimmed), p.nested(line, trimmed):
	case p.inspected, trimmed[0] == ']' && len(p.lists) > 0:
		p.property(line, trimmed)
	case strings.HasPrefix(trimmed, "Node.js v"):
		p.over = true // its last words
	case trimmed == "From previous event:", strings.HasPrefix(trimmed, "-----") && strings.Trim(trimmed, "-") == "":
		p.mark() // Bluebird and longjohn: the frames that follow asked for those before
	case strings.HasPrefix(trimmed, "... skipping ") && strings.HasSuffix(trimmed, " frames"):
		p.mark() // Hermes, of deep stacks
	case p.nameAlone(trimmed):
		p.frame(features.Frame{Function: trimmed[len("at "):]})
	case scriptClass(trimmed) && p.frameFollows():
		p.over = true // another error
		p.skip(line)
	default:
		p.gap = true
		p.skip(line)
	}
}

// nameAlone tells whether a line among frames is one without a place, as those
// of elements are in what React prints of components. On the last line it may
// be a frame that was cut.
func (p *scriptParser) nameAlone(trimmed string) bool {
	name, is := strings.CutPrefix(trimmed, "at ")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "async "), "new ")
	return is && !p.gap && p.open && len(p.current().Frames) > 0 && p.at < len(p.lines) && identifier(name)
}

// messageLine adds a line to the message of a nested error. What Node.js
// indents the error by is not the message's.
func (p *scriptParser) messageLine(line, trimmed string) {
	if p.bracket {
		text, closed := closingBracket(trimmed)
		p.more(text)
		if closed {
			p.message, p.bracket = false, false
		}
		return
	}
	p.more(line[min(p.indent, indentation(line)):])
}

// property reads a line of an error's properties: nothing is made of any but
// those that [scriptParser.nested] knows.
func (p *scriptParser) property(line, trimmed string) {
	indent := indentation(line)
	switch {
	case trimmed[0] == ']':
		for len(p.lists) > 0 && indent <= p.lists[len(p.lists)-1] {
			p.lists = p.lists[:len(p.lists)-1]
		}
	case trimmed[0] == '}' && indent <= p.end:
		p.inspected, p.lists, p.gap = false, nil, true
	}
}

// nested begins what a line names as a cause or as one of a list of errors.
func (p *scriptParser) nested(line, trimmed string) bool {
	if p.gap {
		return false // of whatever stands between, perhaps of another language
	}
	indent := indentation(line)
	if cause, is := p.causeLine(trimmed); is {
		p.indent = indent
		if !p.nestedError(cause) {
			p.mark() // a cause that is no error
			p.open = false
		}
		return true
	}
	if list, is := p.listLine(trimmed); is {
		p.mark()
		if list == "" {
			p.lists = append(p.lists, indent)
		}
		p.shortList(list)
		return true
	}
	if n := len(p.lists); n > 0 && indent == p.lists[n-1]+len("  ") {
		p.indent = indent
		return p.nestedError(trimmed)
	}
	return false
}

// causeLine tells whether a line begins a cause. Without brackets Node.js
// prints one that was assigned; Deno and VError print "Caused by".
func (p *scriptParser) causeLine(trimmed string) (cause string, ok bool) {
	for _, before := range [...]string{"[cause]: ", "Caused by: ", "caused by: "} {
		if cause, ok = strings.CutPrefix(trimmed, before); ok {
			return cause, true
		}
	}
	if p.inspected {
		return strings.CutPrefix(trimmed, "cause: ")
	}
	return "", false
}

// listLine tells whether a line begins a list of errors, and returns what of it
// stands on the line itself.
func (p *scriptParser) listLine(trimmed string) (list string, ok bool) {
	list, ok = strings.CutPrefix(trimmed, "[errors]: [")
	if !ok && p.inspected {
		list, ok = strings.CutPrefix(trimmed, "errors: [")
	}
	return strings.TrimSpace(list), ok
}

// shortList begins the errors of a list on one line: [Error: a], [Error: b] ].
func (p *scriptParser) shortList(list string) {
	for list != "" {
		var element string
		element, list, _ = strings.Cut(list, "], [")
		p.bracketed("[" + strings.TrimPrefix(element, "["))
	}
}

// nestedError begins an exception of a value, if it is an error.
func (p *scriptParser) nestedError(value string) bool {
	value = cutReference(value)
	if p.bracketed(value) {
		return true
	}
	typ, message := scriptHead(value)
	follows := p.frameFollows()
	if !follows && !scriptClass(value) || !errorLike(value) {
		return false
	}
	begun := p.begin(typ, message) != nil
	p.open, p.message = begun, begun && follows
	return true
}

// errorLike tells what may be the head of an error from values of other kinds.
func errorLike(value string) bool {
	switch strings.TrimSuffix(value, ",") {
	case "", "undefined", "null", "true", "false":
		return false
	}
	c := value[0]
	return !(c >= '0' && c <= '9') && strings.IndexByte("'\"`{[-}]", c) < 0
}

// bracketed begins an exception of an error without frames, which Node.js
// prints in brackets; and its cause, if both fit on one line.
func (p *scriptParser) bracketed(value string) bool {
	began := false
	for {
		inner, cause, more := strings.Cut(value, "] { [cause]: ")
		inner, is := strings.CutPrefix(cutReference(inner), "[")
		if !is || !scriptClass(inner) {
			return began
		}
		closed := more
		if !more {
			inner, closed = closingBracket(inner)
		}
		typ, message := scriptHead(inner)
		began = true
		p.open = false
		p.message = p.begin(typ, message) != nil && !closed
		p.bracket = p.message
		if !more {
			return true
		}
		value = cause
	}
}

// closingBracket cuts what stands behind the message of an error in brackets.
func closingBracket(s string) (message string, closed bool) {
	s = strings.TrimRight(s, " ,{}")
	for strings.HasSuffix(s, " ]") { // of the list that it is in
		s = strings.TrimRight(strings.TrimSuffix(s, " ]"), " }")
	}
	return strings.CutSuffix(s, "]")
}

// cutReference cuts what Node.js marks values by that refer to themselves:
// <ref *1> Error: x.
func cutReference(s string) string {
	if rest, is := strings.CutPrefix(s, "<ref *"); is {
		if n, rest, ok := strings.Cut(rest, "> "); ok && allDigits(n) {
			return rest
		}
	}
	return s
}

// frameFollows tells whether a frame is among the next few lines.
func (p *scriptParser) frameFollows() bool {
	if p.refed {
		return true
	}
	for _, line := range p.ahead() {
		if _, ok := scriptFrame(strings.TrimSpace(plain(line))); ok {
			return true
		}
	}
	return false
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
