package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseRuby reads what Ruby and JRuby print of an exception: the crashing
// frame with message and class behind it, then its callers behind "from". From
// 2.5 to 2.7 a terminal got the callers first, numbered, under a header. The
// backtrace alone, as loggers write it, is read as well, with the head before
// it. Causes follow the exception that they caused, in the same form; in the
// numbered form they stand before it.
func parseRuby(r *reading) {
	p := rubyParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	if !p.numbered {
		p.outermostFirst()
	}
}

type rubyParser struct {
	*reading
	callers  []features.Frame // printed before their exception, oldest first
	numbered bool             // callers were
	class    bool             // the head had no class: its message goes on below
	below    bool             // the head had its class, and its message goes on below
	head     string           // a line that may be the head of a bare backtrace
}

func (p *rubyParser) line(line string) {
	trimmed := strings.TrimSpace(plain(line))
	if trimmed == "" {
		p.below = false // what suggests a correction stands below a blank line
		return
	}
	if number, rest, ok := strings.Cut(trimmed, ": from "); ok && allDigits(number) { // the numbered form
		if f, _, ok := rubyFrame(rest); ok {
			p.callers = append(p.callers, f)
			p.numbered, p.below = true, false
			p.mark()
			return
		}
	}
	if rest, ok := strings.CutPrefix(trimmed, "from "); ok {
		if f, ok := p.caller(rest); ok {
			p.class, p.below = false, false
			p.frame(f)
			return
		}
		if strings.HasPrefix(line, "\tfrom ") { // cut off: no message is indented so
			p.class, p.below = false, false
			p.skip(line)
			return
		}
	}
	if f, rest, ok := rubyFrame(trimmed); ok {
		p.place(f, rest)
		return
	}
	switch {
	case trimmed == "Traceback (most recent call last):" && len(p.exceptions) == 0 && numbered(p.peek()):
		p.mark()
	case p.current() != nil && strings.HasPrefix(trimmed, "... ") && strings.HasSuffix(trimmed, " levels..."):
		p.mark() // callers of a deep recursion, of which only the number is told
	case dated(trimmed) && len(p.exceptions) > 0:
		p.class, p.below = false, false
		p.skip(line)
	case p.below:
		p.reading.more(plain(line))
	case p.class:
		p.more(trimmed)
	case len(p.exceptions) == 0:
		if p.head != "" {
			p.skip(p.head)
		}
		p.head = trimmed
	default:
		p.skip(line)
	}
}

// caller reads what stands behind "from".
func (p *rubyParser) caller(s string) (f features.Frame, ok bool) {
	if f, _, ok = rubyFrame(s); ok {
		return f, true
	}
	if f, ok = jrubyFrame(s); ok && len(p.exceptions) == 0 {
		if typ, value := rubyHead(p.head); typ != "" {
			p.begin(typ, value)
			p.head = ""
		}
	}
	if !ok && p.current() != nil { // Ruby 1.8 names no function outside of one
		f.Filename, f.Line, _ = cutPosition(s)
		ok = f.Line > 0 && strings.ContainsAny(f.Filename, "./(") && !strings.Contains(f.Filename, " ")
	}
	return f, ok
}

// place takes a frame that stands without "from". With a message behind it, it
// is the crashing frame of an exception; else one of a bare backtrace.
func (p *rubyParser) place(f features.Frame, rest string) {
	message, ok := strings.CutPrefix(rest, ": ")
	if !ok {
		if p.head != "" {
			typ, value := rubyHead(p.head)
			p.begin(typ, value)
			p.head = ""
		}
		p.class = false
		p.frame(f)
		return
	}
	typ, value, whole := rubyClass(message)
	if p.begin(typ, value) == nil {
		return
	}
	p.marks--
	p.class = !whole
	p.below = whole && (p.numbered || p.fromFollows())
	p.frame(f)
	for i := len(p.callers) - 1; i >= 0; i-- {
		p.frame(p.callers[i])
		p.marks-- // marked when it was read
	}
	p.callers = nil
}

// fromFollows tells whether lines of a message, if any, end at a caller.
// Without one they may as well be what else the program printed.
func (p *rubyParser) fromFollows() bool {
	for _, line := range p.ahead() {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || dated(trimmed) {
			return false
		}
		if strings.HasPrefix(trimmed, "from ") {
			return true
		}
	}
	return false
}

// more goes on with a message of several lines, until the line that has the
// class.
func (p *rubyParser) more(line string) {
	x := p.current()
	typ, value, whole := rubyClass(line)
	if whole {
		if x.Type == "" {
			x.Type = typ
		}
		p.reading.more(value)
		p.class = false
		return
	}
	p.reading.more(line)
}

// rubyClass cuts "message (Class)". The class stands at the end of the message's
// first line, or of its last. Of an exception without a message there is the
// class alone, and of one that was raised with nothing a phrase.
func rubyClass(s string) (typ, value string, whole bool) {
	if s == "unhandled exception" {
		return "RuntimeError", s, true
	}
	if rubyType(s) {
		return s, "", true
	}
	if !strings.HasSuffix(s, ")") {
		return "", s, false
	}
	i := strings.LastIndex(s, " (")
	if i < 0 {
		if strings.HasPrefix(s, "(") && rubyType(s[1:len(s)-1]) {
			return s[1 : len(s)-1], "", true
		}
		return "", s, false
	}
	if class := s[i+2 : len(s)-1]; rubyType(class) {
		return class, s[:i], true
	}
	return "", s, false
}

// rubyHead reads the head of a bare backtrace: "Class: message", "Class
// (message):" as Rails logs it, or "message (Class)".
func rubyHead(s string) (typ, value string) {
	if class, message, ok := strings.Cut(s, ": "); ok && constant(lastWord(class)) {
		return lastWord(class), message
	}
	if open := strings.Index(s, " ("); open > 0 {
		if class := lastWord(s[:open]); constant(class) && strings.HasSuffix(strings.TrimSuffix(s, ":"), ")") {
			return class, strings.TrimSuffix(strings.TrimSuffix(s[open+2:], ":"), ")")
		}
	}
	if typ, value, ok := rubyClass(s); ok {
		return typ, value
	}
	return "", s
}

func lastWord(s string) string { return s[strings.LastIndexAny(s, " \t")+1:] }

// rubyType tells whether a text is the name of a class, or what stands for one
// without a name: #<Class:0x00007f3a>.
func rubyType(s string) bool {
	return constant(s) || strings.HasPrefix(s, "#<Class:0x") && strings.IndexByte(s, '>') == len(s)-1
}

// constant tells whether a text is the name of a class: Net::ReadTimeout.
func constant(s string) bool {
	for part := range strings.SplitSeq(s, "::") {
		if part == "" || part[0] < 'A' || part[0] > 'Z' || !identifier(part) || strings.Contains(part, ".") {
			return false
		}
	}
	return true
}

// rubyFrame reads a frame and returns what stands behind it:
//
//	app/cart.rb:12:in `block (2 levels) in add'
//	app/cart.rb:12:in 'Shop::Cart#add': no price (KeyError)
func rubyFrame(s string) (f features.Frame, rest string, ok bool) {
	i := strings.Index(s, ":in `")
	if k := strings.Index(s, ":in '"); i < 0 || k >= 0 && k < i {
		i = k
	}
	if i <= 0 {
		return f, "", false
	}
	f.Filename, f.Line, _ = cutPosition(s[:i])
	name, rest := s[i+len(":in `"):], ""
	end := strings.Index(name, "': ")
	if end < 0 {
		if !strings.HasSuffix(name, "'") {
			return f, "", false
		}
		end = len(name) - 1
	}
	f.Function, rest = name[:end], name[end+1:]
	return f, rest, f.Line > 0 && f.Filename != ""
}

// jrubyFrame reads a frame as JRuby prints it in the form of Java. Those of
// Ruby's own methods are of a class RUBY, which says nothing.
//
//	org.jruby.RubyArray.each(org/jruby/RubyArray.java:1865)
//	RUBY.run(/srv/app/run.rb:4)
func jrubyFrame(s string) (f features.Frame, ok bool) {
	open := strings.IndexByte(s, '(')
	if open <= 0 || !strings.HasSuffix(s, ")") {
		return f, false
	}
	name := s[:open]
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || strings.ContainsAny(name, " \t") {
		return f, false
	}
	f.Module, f.Function = name[:dot], name[dot+1:]
	if f.Module == "RUBY" {
		f.Module = ""
	}
	f.Filename, f.Line, _ = cutPosition(s[open+1 : len(s)-1])
	return f, f.Line > 0 && f.Function != ""
}

// plain takes the escapes of a terminal's colours off.
func plain(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "\x1b[")
		end := strings.IndexByte(s[max(i, 0):], 'm')
		if i < 0 || end < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i+end+1:]
	}
}

func numbered(line string) bool {
	n, _, ok := strings.Cut(strings.TrimSpace(line), ": from ")
	return ok && allDigits(n)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
