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
	p.outermostFirst()
}

type rustParser struct {
	*reading
	state   rustState
	over    bool
	placed  bool // the frame before has its place
	started bool // a frame was read
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
		p.skip(line)
	case strings.HasPrefix(trimmed, "thread '") && strings.Contains(trimmed, "panicked at "):
		if len(p.exceptions) > 0 { // a panic while panicking is another
			p.over = true
			p.skip(line)
			return
		}
		p.panicHead(trimmed)
	case strings.EqualFold(trimmed, "stack backtrace:"):
		p.mark()
		p.state = rustStack
	case p.state == rustStack:
		p.inStack(line, trimmed)
	case trimmed == "Caused by:" && len(p.exceptions) > 0:
		p.mark()
		p.state = rustCauses
	case p.state == rustCauses && trimmed != "":
		if n, text, ok := strings.Cut(trimmed, ": "); ok && allDigits(n) {
			trimmed = text
		}
		p.begin("", trimmed)
	case strings.HasPrefix(trimmed, "Error: ") && len(p.exceptions) == 0 && p.explained():
		p.begin("", trimmed[len("Error: "):])
		p.state = rustMessage
	case strings.HasPrefix(trimmed, "note: "):
		p.mark()
	case trimmed == "":
	case p.state == rustMessage:
		p.more(line)
	default:
		p.skip(line)
	}
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
			value = strings.Trim(rest, "'")
		}
	}
	p.begin("panic", value)
	p.state = rustMessage
	if value != "" {
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
