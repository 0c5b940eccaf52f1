package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseRust reads panics with their backtrace, and errors as anyhow prints
// them: the outermost error, its causes numbered under "Caused by:", and the
// stack of where the innermost was made.
func parseRust(r *reading) {
	p := rustParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	if !p.turned {
		p.outermostFirst()
	}
}

type rustParser struct {
	*reading
	state   rustState
	over    bool
	placed  bool // the frame before has its place
	started bool // a frame was read
	quoted  bool // in a message that ends with a quote and the place
	turned  bool // exceptions are oldest cause first already
	blank   int  // lines without text in a message, not yet followed by one
	first   bool // no cause was read yet
}

type rustState uint8

const (
	rustOutside rustState = iota
	rustMessage           // behind a head: its message
	rustCauses            // behind "Caused by:"
	rustStack             // behind "stack backtrace:"
)

func (p *rustParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case p.over:
		p.another(line, trimmed)
	case strings.HasPrefix(trimmed, "thread '") && strings.Contains(trimmed, "panicked at "):
		if len(p.exceptions) > 0 { // a panic while panicking is another
			p.over = true
			p.another(line, trimmed)
			return
		}
		p.panicHead(trimmed)
	case strings.EqualFold(trimmed, "stack backtrace:"):
		if p.started && !p.ofPanic() {
			p.over = true
			p.another(line, trimmed)
			return
		}
		p.mark()
		p.state = rustStack
	case p.state == rustStack:
		p.inStack(line, trimmed)
	case trimmed == "Caused by:" && len(p.exceptions) > 0:
		p.mark()
		p.state, p.first, p.blank = rustCauses, true, 0
	case p.state == rustCauses && trimmed != "":
		p.cause(trimmed)
	case strings.HasPrefix(trimmed, "Error: ") && len(p.exceptions) == 0 && p.explained():
		p.begin("", trimmed[len("Error: "):])
		p.state = rustMessage
	case strings.HasPrefix(trimmed, "note: "):
		p.mark()
	case trimmed == "":
		p.blankLine()
	case p.state == rustMessage:
		p.message(line)
	default:
		p.skip(line)
	}
}

// ofPanic tells whether a second stack is that of a panic whose message was an
// error with causes and a stack of its own. It makes the panic the exception
// that frames are added to: the last.
func (p *rustParser) ofPanic() bool {
	if p.turned || len(p.exceptions) < 2 || p.exceptions[0].Type != "panic" {
		return false
	}
	p.outermostFirst()
	p.turned = true
	p.started = false
	return true
}

// another passes over a line of a later trace. Its lines are Rust's all the
// same: they are marked, or a text of two panics would pass for JavaScript's,
// in which places look like these.
func (p *rustParser) another(line, trimmed string) {
	n, _, ok := strings.Cut(trimmed, ": ")
	if ok && allDigits(n) || strings.HasPrefix(trimmed, "at ") || strings.HasPrefix(trimmed, "thread '") || strings.EqualFold(trimmed, "stack backtrace:") {
		p.mark()
	}
	p.skip(line)
}

// message goes on with a message of several lines.
func (p *rustParser) message(line string) {
	if x := p.current(); len(x.Value)+p.blank < MaxMessage {
		x.Value += strings.Repeat("\n", p.blank)
	}
	p.blank = 0
	if i := strings.LastIndex(line, "', "); i >= 0 && p.quoted {
		if _, n, _ := cutPosition(strings.TrimSpace(line[i:])); n > 0 {
			line, p.quoted, p.state = line[:i], false, rustOutside
		}
	}
	p.more(line)
}

// blankLine ends causes, and a message that no backtrace nor note ends: what is
// below may be what else the program printed.
func (p *rustParser) blankLine() {
	switch {
	case p.state == rustCauses && !p.first:
		p.state = rustOutside
	case p.state == rustMessage && p.ends():
		if p.current().Value != "" {
			p.blank++
		}
	case p.state == rustMessage:
		p.state = rustOutside
	}
}

// ends tells whether what ends a message is in the lines below.
func (p *rustParser) ends() bool {
	for _, line := range p.ahead() {
		trimmed := strings.TrimSpace(line)
		if strings.EqualFold(trimmed, "stack backtrace:") || strings.HasPrefix(trimmed, "note: run with `RUST_BACKTRACE") || trimmed == "Caused by:" {
			return true
		}
	}
	return false
}

// cause begins the exception of a line below "Caused by:". One cause has no
// number; of several each has, and lines without go on with the one before.
func (p *rustParser) cause(trimmed string) {
	n, text, ok := strings.Cut(trimmed, ": ")
	switch ok = ok && allDigits(n); {
	case ok:
		p.begin("", text)
	case p.first:
		p.begin("", trimmed)
	default:
		p.more(trimmed)
	}
	p.first = false
}

// explained tells whether causes or a stack follow an "Error: ", which other
// languages print too.
func (p *rustParser) explained() bool {
	for i, line := range p.lines[p.at:min(p.at+16, len(p.lines))] {
		switch strings.TrimSpace(line) {
		case "Caused by:":
			next := ""
			if p.at+i+1 < len(p.lines) {
				next = p.lines[p.at+i+1]
			}
			return strings.HasPrefix(next, "    ")
		case "Stack backtrace:":
			return true
		}
	}
	return false
}

// panicHead reads both forms of a panic's head:
//
//	thread 'main' panicked at src/main.rs:3:5:        (message on the next lines; since 1.73)
//	thread 'main' panicked at 'message', src/main.rs:3:5
func (p *rustParser) panicHead(line string) {
	_, rest, _ := strings.Cut(line, "panicked at ")
	value := ""
	if strings.HasPrefix(rest, "'") {
		if i := strings.LastIndex(rest, "', "); i > 0 {
			value = rest[1:i]
		} else {
			value = strings.TrimSuffix(rest[1:], "'")
			p.quoted = true
		}
	}
	p.begin("panic", value)
	p.state = rustMessage
	if value != "" && !p.quoted {
		p.state = rustOutside
	}
}

// inStack reads "   3: core::panicking::panic_fmt", with an address before the
// name in full backtraces, and the place below it.
func (p *rustParser) inStack(line, trimmed string) {
	if place, ok := strings.CutPrefix(trimmed, "at "); ok && p.started && !p.placed {
		f := &p.current().Frames[len(p.current().Frames)-1]
		f.Filename, f.Line, f.Column = cutPosition(place)
		p.placed = true
		p.mark()
		return
	}
	n, name, ok := strings.Cut(trimmed, ": ")
	if !ok || !allDigits(n) || !strings.HasPrefix(line, " ") {
		if strings.HasPrefix(trimmed, "note: ") {
			p.mark()
			return
		}
		p.skip(line)
		return
	}
	name = strings.TrimSpace(name)
	if address, rest, ok := strings.Cut(name, " - "); ok && strings.HasPrefix(address, "0x") {
		name = rest
	}
	if name == "" {
		p.skip(line)
		return
	}
	if p.frames == MaxFrames {
		p.skip(line)
		return
	}
	p.frame(features.Frame{Function: name})
	p.started, p.placed = true, false
}
