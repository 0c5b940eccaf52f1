package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseGo reads panics, fatal errors and debug.Stack of the Go runtime, and
// errors with stacks as github.com/pkg/errors prints them: a line for the
// function, one for its place below it, the crashing function first. Of several
// goroutines the first is the one that failed; the others are passed over.
func parseGo(r *reading) {
	p := goParser{reading: r}
	r.each(p.line)
	p.newestFirst()
}

type goParser struct {
	*reading
	goroutine bool // the header of one was read
	message   bool // the line before belongs to a panic's message
	over      bool // a second goroutine began
	pending   string
}

func (p *goParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case p.over:
		p.skip(line)
	case strings.HasPrefix(trimmed, "goroutine ") && strings.HasSuffix(trimmed, ":") && strings.Contains(trimmed, " ["):
		if p.goroutine {
			p.over = true
			p.skip(line)
			return
		}
		p.mark()
		p.goroutine, p.message = true, false
	case p.head(trimmed):
	case strings.HasPrefix(trimmed, "[signal ") || strings.HasPrefix(trimmed, "...additional frames elided...") || strings.HasPrefix(trimmed, "...") && strings.HasSuffix(trimmed, "frames elided..."):
		p.mark()
		p.message = false
	case trimmed == "":
		p.message = p.message && !p.goroutineFollows()
	case p.framePlace(line, trimmed):
	case p.message && !strings.HasPrefix(trimmed, "goroutine "):
		p.more(line)
	default:
		p.notAFrame(line, trimmed)
	}
}

// head reads the line of a panic or fatal error. One that was recovered and
// raised again stands before the one that followed; both are kept.
func (p *goParser) head(trimmed string) bool {
	if p.goroutine {
		return false
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

// goroutineFollows tells whether the next line that is not blank is the header
// of a goroutine, or what stands before one.
func (p *goParser) goroutineFollows() bool {
	for _, line := range p.ahead() {
		if t := strings.TrimSpace(line); t != "" {
			return strings.HasPrefix(t, "goroutine ") || strings.HasPrefix(t, "[signal ")
		}
	}
	return true
}

// notAFrame keeps a line that the next may make a function of.
func (p *goParser) notAFrame(line, trimmed string) {
	next := p.peek()
	if _, _, ok := goPlace(next); ok {
		p.pending = trimmed
		return
	}
	// pkg/errors prints the text of an error above its stack, the cause first.
	if !p.goroutine && p.at+1 < len(p.lines) {
		if _, _, ok := goPlace(p.lines[p.at+1]); ok && goFunctionLine(next) && !strings.HasSuffix(trimmed, ":") {
			if p.begin("", trimmed) != nil {
				return
			}
		}
	}
	p.skip(line)
}

// framePlace reads the place of a frame, whose function stood above it.
func (p *goParser) framePlace(line, trimmed string) bool {
	file, n, ok := goPlace(line)
	if !ok || p.pending == "" {
		return false
	}
	name := p.pending
	p.pending = ""
	if rest, is := strings.CutPrefix(name, "created by "); is {
		name, _, _ = strings.Cut(rest, " in goroutine ")
	} else if strings.HasSuffix(name, ")") { // arguments
		if i := openingParen(name); i > 0 {
			name = name[:i]
		}
	}
	f := features.Frame{Filename: file, Line: n}
	f.Module, f.Function = goFunction(name)
	p.frame(f)
	p.marks++ // two lines
	p.message = false
	return true
}

// goPlace reads "\t/srv/app/main.go:12 +0x1d".
func goPlace(line string) (file string, n int32, ok bool) {
	if !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "        ") {
		return "", 0, false
	}
	s := strings.TrimSpace(line)
	if i := strings.LastIndex(s, " +0x"); i > 0 {
		s = s[:i]
	}
	file, n, _ = cutPosition(s)
	dot := strings.LastIndexByte(file, '.')
	if n == 0 || dot < 0 {
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
