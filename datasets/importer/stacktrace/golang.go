package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseGo reads panics, fatal errors and debug.Stack of the Go runtime, and
// errors with stacks as github.com/pkg/errors prints them: a line for the
// function, one for its place below it, the crashing function first. Of several
// goroutines the first is the one that failed; the others are passed over. So
// is the runtime's own stack, which a fatal error prints before them.
func parseGo(r *reading) {
	p := goParser{reading: r}
	r.each(p.line)
	p.newestFirst()
}

type goParser struct {
	*reading
	goroutine bool // the header of one was read
	runtime   bool // within the runtime's own stack
	message   bool // the line before belongs to a panic's message
	over      bool // a second goroutine began
	pending   string
}

func (p *goParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case p.over:
		p.skip(line)
	case goHeader(trimmed):
		if p.goroutine {
			p.over = true
			p.skip(line)
			return
		}
		p.mark()
		p.goroutine, p.message, p.runtime, p.pending = true, false, false, ""
	case p.runtime:
		p.skip(line)
	case trimmed == "runtime stack:" && !p.goroutine:
		p.mark()
		p.runtime, p.message = true, false
	case p.head(trimmed):
	case goNote(trimmed):
		p.mark()
		p.message = false
	case trimmed == "":
		p.blank()
	case p.message:
		// The runtime indents what follows the first line of a message.
		p.more(strings.TrimPrefix(line, "\t"))
	case p.framePlace(line):
	default:
		p.notAFrame(line, trimmed)
	}
}

// goHeader tells of "goroutine 1 [running]:", with labels and pointers in newer
// versions.
func goHeader(trimmed string) bool {
	rest, is := strings.CutPrefix(trimmed, "goroutine ")
	return is && strings.HasSuffix(rest, ":") && strings.Contains(rest, " [") && rest[0] >= '0' && rest[0] <= '9'
}

// goNote tells of what the runtime says between head and frames.
func goNote(trimmed string) bool {
	return strings.HasPrefix(trimmed, "[signal ") || trimmed == "signal arrived during cgo execution" ||
		strings.HasPrefix(trimmed, "PC=0x") || strings.HasPrefix(trimmed, "...") && strings.HasSuffix(trimmed, "frames elided...")
}

// blank ends a message, unless its goroutine is yet to come.
func (p *goParser) blank() {
	if !p.message || p.goroutineFollows() {
		p.message = false
		return
	}
	for _, line := range p.ahead() {
		if goHeader(strings.TrimSpace(line)) {
			p.more("")
			return
		}
	}
	p.message = false
}

// head reads the line of a panic or fatal error. One that was recovered and
// raised again stands before the one that followed; both are kept.
func (p *goParser) head(trimmed string) bool {
	if p.goroutine {
		return false
	}
	if trimmed == "panic:" && (p.message || p.goroutineFollows()) { // of an empty text
		p.message = p.begin("panic", "") != nil
		return p.message
	}
	// A signal that no Go code can handle; its counter stands below.
	if name, text, ok := strings.Cut(trimmed, ": "); ok && goSignal(name) && strings.HasPrefix(p.peek(), "PC=0x") {
		return p.begin(name, text) != nil
	}
	// A server puts words before it: "http: panic serving 192.0.2.1:8080: text".
	for _, kind := range [...]string{"panic: ", "fatal error: ", "panic serving "} {
		i := strings.Index(trimmed, kind)
		if i < 0 || kind != "panic serving " && i > 0 && trimmed[i-1] != ' ' {
			continue
		}
		typ, value := strings.TrimSuffix(kind, ": "), trimmed[i+len(kind):]
		if kind == "panic serving " {
			_, after, ok := strings.Cut(value, ": ")
			if !ok {
				return false
			}
			typ, value = "panic", after
		}
		for _, again := range [...]string{" [recovered]", " [recovered, repanicked]"} {
			value = strings.TrimSuffix(value, again)
		}
		if p.begin(typ, value) == nil {
			return false
		}
		p.message = true
		return true
	}
	return false
}

// goSignal tells whether a word is the name of a signal: SIGSEGV, SIGQUIT.
func goSignal(name string) bool {
	return strings.HasPrefix(name, "SIG") && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// goroutineFollows tells whether the next line that is not blank is the header
// of a goroutine, or what stands before one.
func (p *goParser) goroutineFollows() bool {
	for _, line := range p.ahead() {
		if t := strings.TrimSpace(line); t != "" {
			return goHeader(t) || strings.HasPrefix(t, "[signal ") || t == "runtime stack:"
		}
	}
	return true
}

// notAFrame keeps a line that the next may make a function of.
func (p *goParser) notAFrame(line, trimmed string) {
	next := p.peek()
	if _, _, ok := p.place(next); ok {
		p.pending = trimmed
		return
	}
	if p.goroutine && p.cutShort(trimmed) {
		return
	}
	// pkg/errors prints the text of an error above its stack, the cause first.
	if !p.goroutine && p.at+1 < len(p.lines) {
		if _, _, ok := p.place(p.lines[p.at+1]); ok && goFunctionLine(next) && !strings.HasSuffix(trimmed, ":") {
			if p.begin("", trimmed) != nil {
				return
			}
		}
	}
	p.skip(line)
}

// cutShort adds the function of the last frame of a text that ends within the
// frame's place.
func (p *goParser) cutShort(name string) bool {
	if last := p.peek(); p.at < len(p.lines)-1 || last != "" && last[0] != '\t' && last[0] != ' ' {
		return false
	}
	if !strings.HasSuffix(name, ")") && !strings.HasPrefix(name, "created by ") {
		return false
	}
	f := goFrame(name)
	if f.Module == "" || strings.ContainsAny(f.Module, " \t:") {
		return false
	}
	p.frame(f)
	p.at = len(p.lines)
	return true
}

// framePlace reads the place of a frame, whose function stood above it.
func (p *goParser) framePlace(line string) bool {
	if p.pending == "" {
		return false
	}
	file, n, ok := p.place(line)
	if !ok {
		return false
	}
	f := goFrame(p.pending)
	f.Filename, f.Line = file, n
	p.pending = ""
	p.frame(f)
	p.marks++ // two lines
	return true
}

// goFrame reads the line of a function:
//
//	example.org/shop/cart.(*Cart[...]).Add(0xc000012120, 0x1)
//	created by example.org/shop/cart.Start in goroutine 7
func goFrame(name string) (f features.Frame) {
	if rest, is := strings.CutPrefix(name, "created by "); is {
		name, _, _ = strings.Cut(rest, " in goroutine ")
	} else if strings.HasSuffix(name, ")") { // arguments
		if i := openingParen(name); i > 0 {
			name = name[:i]
		}
	}
	f.Module, f.Function = goFunction(name)
	return f
}

// place reads "\t/srv/app/main.go:12 +0x1d". Only below a goroutine's header is
// any file believed (generators of code name theirs, wrappers are in
// "<autogenerated>"), and any indent: logs turn the tab into spaces.
func (p *goParser) place(line string) (file string, n int32, ok bool) {
	if !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "        ") && !(p.goroutine && strings.HasPrefix(line, "  ")) {
		return "", 0, false
	}
	s := strings.TrimSpace(line)
	offset := strings.LastIndex(s, " +0x")
	if offset > 0 {
		s = s[:offset]
	}
	file, n, _ = cutPosition(s)
	dot := strings.LastIndexByte(file, '.')
	switch {
	case n == 0:
		return "", 0, false
	case p.goroutine && (offset > 0 || file == "<autogenerated>"):
		return file, n, true
	case dot < 0:
		return "", 0, false
	}
	switch file[dot:] {
	case ".go", ".s", ".c", ".y":
		return file, n, true
	}
	return "", 0, false
}

func goFunctionLine(line string) bool {
	_, function := goFunction(strings.TrimSpace(line))
	return function != "" && !strings.ContainsAny(function, " :")
}

// goFunction cuts the path of the package off: its last part ends at the first
// dot, as in github.com/a/b.(*T).Method.
func goFunction(name string) (module, function string) {
	slash := strings.LastIndexByte(name, '/')
	if open := strings.IndexByte(name, '['); open >= 0 { // type arguments have paths too
		slash = strings.LastIndexByte(name[:open], '/')
	}
	dot := strings.IndexByte(name[slash+1:], '.')
	if dot < 0 {
		return "", name
	}
	return name[:slash+1+dot], name[slash+1+dot+1:]
}
