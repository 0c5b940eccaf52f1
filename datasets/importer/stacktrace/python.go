package stacktrace

import (
	"slices"
	"strings"

	"whorl/features"
)

// The lines between and before the exceptions of a chain (PEP 3134, PEP 654).
const (
	pythonCause   = "The above exception was the direct cause of the following exception:"
	pythonContext = "During handling of the above exception, another exception occurred:"
	pythonHeader  = "Traceback (most recent call last):" // also behind "Exception Group "
)

// parsePython reads tracebacks as CPython and PyPy print them: a header, frames
// of a line each with the source below it, the most recent last, and the
// exception. The exceptions of a chain come one after the other, the cause
// first, with a sentence between them. The members of an exception group stand
// below it in a margin; they come out before the group, as its causes.
func parsePython(r *reading) {
	p := pythonParser{reading: r}
	r.each(p.line)
	p.order()
}

// pythonParser knows where in a traceback it is.
type pythonParser struct {
	*reading
	state  pythonState
	depths []int // margin of each exception
	blank  int   // lines without text in a message, not yet followed by one
}

type pythonState uint8

const (
	pythonOutside pythonState = iota
	pythonFrames              // behind a header or frame: frames, or the exception
	pythonSource              // behind a frame: its source line, or as before
	pythonMessage             // behind an exception: more lines of its message
	pythonChain               // behind the sentence of a chain
	pythonOver                // behind a complete traceback: another one is another error
)

func (p *pythonParser) line(line string) {
	text, margin := cutMargin(line)
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == pythonCause || trimmed == pythonContext:
		if p.state != pythonOutside {
			p.mark()
			p.state, p.blank = pythonChain, 0
			return
		}
	case strings.HasSuffix(trimmed, pythonHeader):
		// Log records put words before the header. A second header without a
		// sentence of a chain before it begins another error, but in a margin.
		if (p.state == pythonMessage || p.state == pythonOver) && margin <= outerMargin {
			p.state = pythonOver
			break
		}
		if x := p.begin("", ""); x != nil {
			p.depths = append(p.depths, margin)
			p.state = pythonFrames
			return
		}
	case p.state == pythonOver:
	case p.state == pythonOutside && p.chainFollows():
		// The first of a chain, never raised.
		if typ, value := pythonException(trimmed); typ != "" && p.begin(typ, value) != nil {
			p.depths = append(p.depths, margin)
			p.state = pythonMessage
			return
		}
	case strings.HasPrefix(trimmed, `File "`) && p.state != pythonMessage:
		if f, ok := pythonFrame(trimmed); ok {
			p.frame(f)
			p.fill(margin)
			p.state = pythonSource
			return
		}
	case memberRule(trimmed):
		if p.state == pythonMessage {
			p.mark()
			p.state, p.blank = pythonChain, 0
			return
		}
	case p.state == pythonFrames || p.state == pythonSource:
		p.inTraceback(text, trimmed)
		return
	case p.state == pythonChain && trimmed != "":
		// An exception that was never raised has no traceback.
		if typ, value := pythonException(trimmed); typ != "" && p.begin(typ, value) != nil {
			p.depths = append(p.depths, margin)
			p.state = pythonMessage
			return
		}
	case p.state == pythonChain:
		return
	case p.state == pythonMessage && dated(trimmed):
		// The next record of a log, which no blank line parts from a trace.
		p.state = pythonOver
	case p.state == pythonMessage && trimmed != "":
		p.message(text)
		return
	case p.state == pythonMessage:
		// The message is over, unless a chain or a group goes on below: then
		// what is before that still belongs to it.
		if margin > 0 || p.goesOn() {
			p.blank++
		} else {
			p.state = pythonOver
		}
		return
	}
	p.skip(line)
}

// message adds a line to a message, and the blank ones before it.
func (p *pythonParser) message(text string) {
	if x := p.current(); len(x.Value)+p.blank < MaxMessage {
		x.Value += strings.Repeat("\n", p.blank)
	}
	p.blank = 0
	p.more(text)
}

// goesOn tells whether lines below join an exception to the current one.
func (p *pythonParser) goesOn() bool {
	for _, line := range p.ahead() {
		text, margin := cutMargin(line)
		trimmed := strings.TrimSpace(text)
		switch {
		case trimmed == pythonCause, trimmed == pythonContext, memberRule(trimmed), margin > outerMargin:
			return true
		case dated(trimmed), strings.HasSuffix(trimmed, pythonHeader):
			return false
		}
	}
	return false
}

// memberRule tells whether a line stands between the members of a group, or
// below the last: +-+---------------- 1 ----------------
func memberRule(trimmed string) bool {
	return strings.HasPrefix(trimmed, "+-") && strings.HasSuffix(trimmed, "--")
}

// chainFollows tells whether the line after the next, which is blank, is the
// sentence of a chain.
func (p *pythonParser) chainFollows() bool {
	if p.at+1 >= len(p.lines) || strings.TrimSpace(p.peek()) != "" {
		return false
	}
	sentence := strings.TrimSpace(p.lines[p.at+1])
	return sentence == pythonCause || sentence == pythonContext
}

// fill gives exceptions that were begun without a header their margin.
func (p *pythonParser) fill(margin int) {
	for len(p.depths) < len(p.exceptions) {
		p.depths = append(p.depths, margin)
	}
}

// inTraceback reads what stands between header and exception.
func (p *pythonParser) inTraceback(text, trimmed string) {
	indented := strings.HasPrefix(text, "    ")
	switch {
	case trimmed == "":
	case strings.Trim(trimmed, "^~ ") == "": // where in the line the error is
	case p.repeat(trimmed):
	case indented && p.state == pythonSource:
		x := p.current()
		x.Frames[len(x.Frames)-1].ContextLine = trimmed
		p.state = pythonFrames
	case indented: // more lines of a statement
	case strings.HasPrefix(text, " "):
		p.skip(text)
	default:
		typ, value := pythonException(trimmed)
		if x := p.current(); typ == "" {
			x.Value = value
		} else {
			x.Type, x.Value = typ, value
		}
		p.mark()
		p.state, p.blank = pythonMessage, 0
	}
}

// repeat adds the frames that a traceback of deep recursion leaves out.
func (p *pythonParser) repeat(trimmed string) bool {
	rest, ok := strings.CutPrefix(trimmed, "[Previous line repeated ")
	if !ok {
		return false
	}
	digits, _, ok := strings.Cut(rest, " more time")
	x := p.current()
	if !ok || x == nil || len(x.Frames) == 0 {
		return false
	}
	last := x.Frames[len(x.Frames)-1]
	marks := p.marks
	for range min(number(digits), MaxFrames) {
		if p.frames == MaxFrames {
			break
		}
		p.frame(last)
	}
	p.marks = marks + 1 // one line said so
	return true
}

// outerMargin is the margin of a group that is no member of another. Its
// members stand at 4, theirs at 6.
const outerMargin = 2

// order puts the members of groups before them: an exception comes out when
// all that stand deeper below it have. An outer group has a margin and the
// plain exceptions of its chain have none, but neither is below the other.
func (p *pythonParser) order() {
	p.fill(0)
	for i, depth := range p.depths {
		if depth == outerMargin {
			p.depths[i] = 0
		}
	}
	var open []int
	ordered := make([]features.Exception, 0, len(p.exceptions))
	for i, depth := range p.depths {
		for len(open) > 0 && p.depths[open[len(open)-1]] >= depth {
			ordered = append(ordered, p.exceptions[open[len(open)-1]])
			open = open[:len(open)-1]
		}
		open = append(open, i)
	}
	for _, i := range slices.Backward(open) {
		ordered = append(ordered, p.exceptions[i])
	}
	p.exceptions = ordered
}

// cutMargin takes the margin of an exception group's members off, "    | ",
// and returns its width. A line that opens the margin begins with "+".
func cutMargin(line string) (text string, margin int) {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	rest := line[indent:]
	if indent < 2 {
		return line, 0
	}
	if rest == "|" {
		return "", indent
	}
	if after, ok := strings.CutPrefix(rest, "| "); ok {
		return after, indent
	}
	if after, ok := strings.CutPrefix(rest, "+ "); ok { // "  + Exception Group Traceback"
		return after, indent
	}
	return line, 0
}

// pythonFrame reads File "name", line 3, in function. A SyntaxError's has no
// function.
func pythonFrame(trimmed string) (f features.Frame, ok bool) {
	rest := strings.TrimPrefix(trimmed, `File "`)
	i := strings.LastIndex(rest, `", line `)
	if i < 0 {
		return f, false
	}
	digits, function, _ := strings.Cut(rest[i+len(`", line `):], ", in ")
	f = features.Frame{Filename: rest[:i], Function: function, Line: number(digits)}
	return f, f.Filename != "" && (f.Line > 0 || digits == "0")
}

// pythonException cuts the line of an exception. Without a type it is all
// value.
func pythonException(line string) (typ, value string) {
	typ, value, ok := strings.Cut(line, ": ")
	if !ok {
		typ = strings.TrimSuffix(line, ":")
	}
	if typ == "" || strings.ContainsAny(typ, " \t\"'()") {
		return "", line
	}
	return typ, value
}
