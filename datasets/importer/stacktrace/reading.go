package stacktrace

import (
	"slices"
	"strings"

	"whorl/features"
)

// reading is one parser's pass over a text. A parser calls next for each line
// and, for what it makes of it, begin, frame, mark or skip.
type reading struct {
	lines []string
	at    int // the next line

	exceptions []features.Exception // in the order that begin was called in
	frames     int
	marks      int
	skipped    int
}

// next returns the next line. ok is false at the end.
func (r *reading) next() (line string, ok bool) {
	if r.at == len(r.lines) {
		return "", false
	}
	r.at++
	return r.lines[r.at-1], true
}

// each hands every line to a parser.
func (r *reading) each(parse func(line string)) {
	for {
		line, ok := r.next()
		if !ok {
			return
		}
		parse(line)
	}
}

// peek returns the line that next will return, or "".
func (r *reading) peek() string {
	if r.at == len(r.lines) {
		return ""
	}
	return r.lines[r.at]
}

// begin starts an exception and marks a line. What follows belongs to it. It
// returns nil if there are too many.
func (r *reading) begin(typ, value string) *features.Exception {
	if len(r.exceptions) == MaxExceptions {
		r.skipped++
		return nil
	}
	r.marks++
	r.exceptions = append(r.exceptions, features.Exception{Type: typ, Value: value})
	return r.current()
}

// current is the exception begun last, or nil.
func (r *reading) current() *features.Exception {
	if len(r.exceptions) == 0 {
		return nil
	}
	return &r.exceptions[len(r.exceptions)-1]
}

// frame adds a frame to the current exception, to one without a head if none
// was begun, and marks a line. Frames stay in printed order: a parser turns
// them round with [newestFirst] if the language prints the crashing one first.
func (r *reading) frame(f features.Frame) {
	if r.frames == MaxFrames {
		r.skipped++
		return
	}
	if r.current() == nil {
		r.exceptions = append(r.exceptions, features.Exception{})
	}
	x := r.current()
	x.Frames = append(x.Frames, f)
	r.frames++
	r.marks++
}

// more adds a line to the message of the current exception, up to a bound.
func (r *reading) more(line string) {
	x := r.current()
	line = strings.TrimRight(line, " \t")
	if len(x.Value)+len(line) >= MaxMessage {
		r.skip(line)
		return
	}
	if x.Value != "" {
		x.Value += "\n"
	}
	x.Value += line
}

// aheadLines is how far a parser looks ahead: with no bound, many lines that
// look ahead would take time in square.
const aheadLines = 64

// ahead returns the next few lines.
func (r *reading) ahead() []string { return r.lines[r.at:min(r.at+aheadLines, len(r.lines))] }

// mark notes a line as the language's that is neither head nor frame.
func (r *reading) mark() { r.marks++ }

// skip notes a line of which nothing is made. Blank ones do not count.
func (r *reading) skip(line string) {
	if strings.TrimSpace(line) != "" {
		r.skipped++
	}
}

// newestFirst turns the frames of all exceptions round.
func (r *reading) newestFirst() {
	for i := range r.exceptions {
		slices.Reverse(r.exceptions[i].Frames)
	}
}

// outermostFirst turns the exceptions round, for languages that print causes
// after what they caused.
func (r *reading) outermostFirst() { slices.Reverse(r.exceptions) }

func (r *reading) trace(p *parser) Trace {
	// A header that nothing followed began one of nothing.
	r.exceptions = slices.DeleteFunc(r.exceptions, func(x features.Exception) bool {
		return x.Type == "" && x.Value == "" && len(x.Frames) == 0
	})
	return Trace{Language: p.language, Platform: p.platform, Exceptions: r.exceptions, Marks: r.marks, Skipped: r.skipped}
}

// number returns a decimal number of digits alone, or 0 if it is none or does
// not fit: line and column numbers begin at 1.
func number(s string) int32 {
	if s == "" || len(s) > 10 {
		return 0
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + int64(s[i]-'0')
	}
	if n > 1<<31-1 {
		return 0
	}
	return int32(n)
}

// cutPosition takes :line or :line:column off the end of a path. The colon of
// a drive or a scheme stays with the path.
func cutPosition(s string) (path string, line, column int32) {
	path, last, ok := cutNumber(s)
	if !ok {
		return s, 0, 0
	}
	if before, first, ok := cutNumber(path); ok {
		return before, first, last
	}
	return path, last, 0
}

// cutNumber takes a colon and a number off the end.
func cutNumber(s string) (before string, n int32, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return s, 0, false
	}
	n = number(s[i+1:])
	return s[:i], n, n > 0
}
