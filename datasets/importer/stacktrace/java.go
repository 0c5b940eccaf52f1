package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseJava reads what Throwable.printStackTrace and the loggers of the JVM
// print: a head, frames behind "at" with the most recent first, and causes
// behind "Caused by:", whose last frames are left out where they are those of
// the exception above. Logback's root-cause-first form joins with "Wrapped by:".
//
// Suppressed exceptions are no causes: they say what else went wrong, and are
// passed over with their frames.
func parseJava(r *reading) {
	p := javaParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	if !p.wrapped {
		p.outermostFirst()
	}
}

type javaParser struct {
	*reading
	began      bool // a head or a frame was read
	message    bool // the line before belongs to the head's message
	suppressed int  // indent of a suppressed exception being passed over, plus 1
	wrapped    bool // causes come first
	over       bool // another error's stack began
}

func (p *javaParser) line(line string) {
	text, indent := javaLine(line)
	if p.suppressed > 0 && text != "" {
		if indent >= p.suppressed-1 && !(indent == p.suppressed-1 && strings.HasPrefix(text, "at ")) {
			if strings.HasPrefix(text, "at ") || strings.HasPrefix(text, "... ") || strings.HasPrefix(text, "Caused by: ") || strings.HasPrefix(text, "Suppressed: ") {
				p.mark()
				return
			}
		} else {
			p.suppressed = 0
		}
	}
	switch {
	case text == "":
		p.message = p.message && p.at < len(p.lines) && !p.began
	case p.over:
		p.skip(line)
	case strings.HasPrefix(text, "at "):
		f, ok := javaFrame(text[len("at "):])
		if !ok {
			p.skip(line)
			return
		}
		p.frame(f)
		p.began, p.message = true, false
	case strings.HasPrefix(text, "Caused by: ") && p.began:
		p.head(text[len("Caused by: "):])
	case strings.HasPrefix(text, "Wrapped by: ") && p.began:
		p.wrapped = true
		p.head(text[len("Wrapped by: "):])
	case strings.HasPrefix(text, "Suppressed: ") && p.began:
		p.mark()
		p.suppressed, p.message = indent+1, false
	case strings.HasPrefix(text, "... ") && p.began && p.common(text):
		p.message = false
	case strings.HasPrefix(text, "[CIRCULAR REFERENCE"), strings.HasPrefix(text, "[CIRCULAR REFERENCE:"):
		p.mark()
		p.message = false
	case p.message:
		p.more(line)
	case p.began && len(p.current().Frames) > 0:
		// A head behind frames, without what joins a cause, is another error's.
		if _, ok := javaHead(text); ok && p.framesFollow() {
			p.over = true
		}
		p.skip(line)
	case !p.began && p.isHead(text):
		p.head(text)
	default:
		p.skip(line)
	}
}

// isHead tells whether a line before any frame is an exception's: it says so
// itself, or frames follow it, with the lines of its message between.
func (p *javaParser) isHead(text string) bool {
	if _, ok := javaHead(text); !ok {
		return false
	}
	return p.framesFollow()
}

// framesFollow tells whether a frame is among the next lines.
func (p *javaParser) framesFollow() bool {
	for _, line := range p.ahead() {
		if text, _ := javaLine(line); strings.HasPrefix(text, "at ") {
			_, ok := javaFrame(text[len("at "):])
			return ok
		}
	}
	return false
}

// head begins an exception.
func (p *javaParser) head(text string) {
	x, ok := javaHead(text)
	if !ok {
		x = features.Exception{Value: text}
	}
	p.message = p.begin(x.Type, x.Value) != nil
	p.began = true
}

// common adds the frames that a cause has in common with the exception above
// it: "... 12 more", with logback "... 12 common frames omitted".
func (p *javaParser) common(text string) bool {
	digits, rest, _ := strings.Cut(strings.TrimPrefix(text, "... "), " ")
	n := int(number(digits))
	if n == 0 || rest != "more" && !strings.HasPrefix(rest, "common frame") {
		return false
	}
	p.mark()
	k := len(p.exceptions)
	if k < 2 || p.wrapped {
		return true
	}
	above := p.exceptions[k-2].Frames
	for _, f := range above[len(above)-min(n, len(above)):] {
		if p.frames == MaxFrames {
			break
		}
		p.frames++
		p.exceptions[k-1].Frames = append(p.exceptions[k-1].Frames, f)
	}
	return true
}

// javaLine takes indent and what Android's log puts before each line off.
func javaLine(line string) (text string, indent int) {
	if _, rest, ok := strings.Cut(line, "AndroidRuntime: "); ok {
		line = rest
	} else if _, rest, ok := strings.Cut(line, "System.err: "); ok {
		line = rest
	}
	text = strings.TrimLeft(line, " \t")
	return strings.TrimRight(text, " \t"), len(line) - len(text)
}

// javaHead reads "java.lang.IllegalStateException: message", with what JVM and
// loggers put before it. A type is a class with a package, or ends like one of
// an exception.
func javaHead(text string) (x features.Exception, ok bool) {
	if rest, is := strings.CutPrefix(text, "Exception in thread "); is {
		if i := strings.Index(rest, `" `); strings.HasPrefix(rest, `"`) && i > 0 {
			text = rest[i+2:]
		}
	}
	// Words before the class are a logger's: time, level, thread, its own name.
	// A class that is called an exception goes before one that could be one.
	for _, is := range [...]func(string) bool{javaThrowable, javaClass} {
		for from := 0; ; {
			end := strings.Index(text[from:], ": ")
			last := end < 0
			if last {
				end = len(text) - from
			}
			end += from
			class := strings.TrimSuffix(text[:end], ":")
			class = class[strings.LastIndexAny(class, " \t")+1:]
			if is(class) {
				return features.Exception{Type: class, Value: text[min(end+len(": "), len(text)):]}, true
			}
			if last {
				break
			}
			from = end + len(": ")
		}
	}
	return x, false
}

// javaThrowable tells whether a word is a class that is called an exception.
func javaThrowable(s string) bool {
	if !javaClass(s) {
		return false
	}
	for _, end := range [...]string{"Exception", "Error", "Throwable", "Failure"} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}

// javaClass tells whether a word can be the class of an exception.
func javaClass(s string) bool {
	if s == "" || len(s) > 512 {
		return false
	}
	dots := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
			if i == 0 || i+1 == len(s) || s[i-1] == '.' {
				return false
			}
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80:
		default:
			return false
		}
	}
	name := s[strings.LastIndexByte(s, '.')+1:]
	if c := name[0]; c >= '0' && c <= '9' {
		return false
	}
	return dots > 0 && name[0] >= 'A' && name[0] <= 'Z' || strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error")
}

// javaFrame reads what stands behind "at": class and method, and in
// parentheses the file and line.
//
//	app//shop.core@1.2/shop.Cart.add(Cart.java:41) ~[shop.jar:1.2]
func javaFrame(s string) (f features.Frame, ok bool) {
	open := strings.LastIndexByte(s, '(')
	for open >= 0 { // a packaging suffix may have one too, as in [na:1.8 (x)]
		close := strings.IndexByte(s[open:], ')')
		if close > 0 && !strings.Contains(s[:open], "[") {
			f.Filename, f.Line, _ = cutPosition(s[open+1 : open+close])
			break
		}
		open = strings.LastIndexByte(s[:open], '(')
	}
	if open <= 0 {
		return f, false
	}
	method := s[:open]
	// A hidden class has its address behind a slash: "Cart$$Lambda/0x0012.run".
	if i := strings.Index(method, "/0x"); i > 0 {
		if dot := strings.IndexByte(method[i:], '.'); dot > 0 {
			method = method[:i] + method[i+dot:]
		}
	}
	// Class loader and module: "app//", "java.base/", "app/shop@1.2/".
	method = method[strings.LastIndexByte(method, '/')+1:]
	dot := strings.LastIndexByte(method, '.')
	if dot <= 0 || dot+1 == len(method) || strings.ContainsAny(method, " \t:") {
		return f, false
	}
	f.Module, f.Function = method[:dot], method[dot+1:]
	switch {
	case f.Filename == "Native Method", f.Filename == "Unknown Source", f.Filename == "SourceFile":
		f.Filename = ""
	case f.Filename == "" || strings.ContainsAny(f.Filename, " ,"): // .NET has parameters there
		return f, false
	}
	return f, true
}
