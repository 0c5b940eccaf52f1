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
// passed over with their frames. So is a stack that begins after the first:
// one text is one error.
func parseJava(r *reading) {
	p := javaParser{reading: r}
	r.each(p.line)
	if p.wrapped {
		p.restoreWrapped()
	}
	p.newestFirst()
	if !p.wrapped {
		p.outermostFirst()
	}
}

type javaParser struct {
	*reading
	began      bool  // a head or a frame was read
	message    bool  // the line before belongs to the head's message
	suppressed int   // indent of a suppressed exception being passed over, plus 1
	wrapped    bool  // causes come first
	omitted    []int // of each exception, its frames that are those of the one around it
	over       bool  // another error's stack began
}

func (p *javaParser) line(line string) {
	text, indent := javaLine(line)
	if p.over {
		p.skip(line)
		return
	}
	if p.suppressed > 0 && p.passOver(text, indent) {
		return
	}
	if call, is := strings.CutPrefix(text, "at "); is {
		if f, ok := javaFrame(call); ok {
			p.frame(f)
			p.began, p.message = true, false
			return
		}
	}
	switch {
	case text == "":
		p.blank()
	case !p.began && p.isHead(text):
		p.head(text)
	case !p.began:
		p.skip(line)
	case strings.HasPrefix(text, "Suppressed: "):
		p.mark()
		p.suppressed, p.message = indent+1, false
	case javaCircular(text):
		p.mark()
		p.message = false
	case strings.HasPrefix(text, "Caused by: "):
		p.head(text[len("Caused by: "):])
	case strings.HasPrefix(text, "Wrapped by: "):
		p.wrapped = true
		p.head(text[len("Wrapped by: "):])
	case p.common(text):
		p.message = false
	case p.message:
		p.more(javaLogged(line))
	default:
		// A head behind frames, without what joins a cause, is another error's.
		_, ok := javaHead(text)
		p.over = ok && p.framesFollow()
		p.skip(line)
	}
}

// passOver marks a line of a suppressed exception, and tells whether it is one.
// All of its lines stand at its own indent or deeper, except those of a message
// of several lines, which have none: the first line that is shallower and joins
// or is a frame is not its own. Frames at its own indent are those of the
// exception that it belongs to.
func (p *javaParser) passOver(text string, indent int) bool {
	frame := strings.HasPrefix(text, "at ") || strings.HasPrefix(text, "... ")
	joins := strings.HasPrefix(text, "Caused by: ") || strings.HasPrefix(text, "Suppressed: ") || javaCircular(text)
	own := p.suppressed - 1
	switch {
	case text == "":
		return true
	case frame && indent > own, joins && indent >= own:
		p.mark()
		return true
	case !frame && !joins && p.framesDeeper(own):
		p.mark()
		return true
	}
	p.suppressed = 0
	return false
}

// framesDeeper tells whether the next frame is a suppressed exception's.
func (p *javaParser) framesDeeper(indent int) bool {
	for _, line := range p.ahead() {
		if text, at := javaLine(line); strings.HasPrefix(text, "at ") {
			return at > indent
		}
	}
	return false
}

// javaCircular tells of "[CIRCULAR REFERENCE: java.lang.Error: x]", which stands
// for an exception that was printed already. Java 8 has no space behind the
// colon, newer ones put "Caused by: " before it.
func javaCircular(text string) bool {
	text = strings.TrimPrefix(text, "Caused by: ")
	text = strings.TrimPrefix(text, "Suppressed: ")
	return strings.HasPrefix(text, "[CIRCULAR REFERENCE:")
}

// blank ends a message, unless the frames of its exception still follow: then
// the line is part of it.
func (p *javaParser) blank() {
	if !p.message || p.headFollows() || !p.framesFollow() {
		p.message = false
		return
	}
	p.more("")
}

// isHead tells whether a line before any frame is an exception's: it says so
// itself, or frames follow it, with the lines of its message between. The JVM
// prints heads alone too, of exceptions that it throws so often that it stops
// to fill their stacks in (-XX:+OmitStackTraceInFastThrow).
func (p *javaParser) isHead(text string) bool {
	x, ok := javaHead(text)
	if !ok {
		return false
	}
	if strings.HasPrefix(text, "Exception in thread ") {
		return true
	}
	if javaOwn(x.Type) && javaThrowable(x.Type) && strings.HasPrefix(text, x.Type) {
		return true
	}
	// Loggers print a message of their own, often with a class or even the same
	// exception in it, and the stack with its head behind.
	if !(javaThrowable(x.Type) && strings.HasPrefix(text, x.Type)) && p.headFollows() {
		return false
	}
	return p.framesFollow()
}

// headFollows tells whether a line before the next frame begins with an exception.
func (p *javaParser) headFollows() bool {
	for _, line := range p.ahead() {
		text, _ := javaLine(line)
		if strings.HasPrefix(text, "at ") || strings.HasPrefix(text, "Caused by: ") {
			return false
		}
		if strings.HasPrefix(text, "Exception in thread ") {
			return true
		}
		class, _, _ := strings.Cut(text, ":")
		if strings.Contains(class, ".") && javaThrowable(class) {
			return true
		}
	}
	return false
}

// javaOwn tells whether a class is of a package that only the JVM's languages have.
func javaOwn(class string) bool {
	for _, start := range [...]string{"java.", "javax.", "kotlin.", "scala.", "groovy.", "clojure.", "android."} {
		if strings.HasPrefix(class, start) {
			return true
		}
	}
	return false
}

// framesFollow tells whether a frame is among the next lines. Lines of a message
// may begin with "at" too.
func (p *javaParser) framesFollow() bool {
	for _, line := range p.ahead() {
		text, _ := javaLine(line)
		if call, is := strings.CutPrefix(text, "at "); is {
			if _, ok := javaFrame(call); ok {
				return true
			}
		}
		// All frames of a cause may be those of the exception around it.
		if p.began && javaCommon(text) > 0 {
			return true
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

// javaCommon returns how many frames a line stands for: "... 12 more", with
// logback "... 12 common frames omitted"; 0 if it is none of these.
func javaCommon(text string) int {
	rest, is := strings.CutPrefix(text, "... ")
	digits, rest, _ := strings.Cut(rest, " ")
	if !is || rest != "more" && !strings.HasPrefix(rest, "common frame") {
		return 0
	}
	return int(number(digits))
}

// common adds the frames that a cause has in common with the exception above
// it.
func (p *javaParser) common(text string) bool {
	n := javaCommon(text)
	if n == 0 {
		return false
	}
	p.mark()
	k := len(p.exceptions)
	p.omitted = append(p.omitted, make([]int, max(0, k-len(p.omitted)))...)
	if k > 0 {
		p.omitted[k-1] = n
	}
	if k > 1 && !p.wrapped {
		p.restore(&p.exceptions[k-1], p.exceptions[k-2].Frames, n)
	}
	return true
}

// restoreWrapped adds what causes that come first have in common with the
// exception that wraps them, which was not read before they were.
func (p *javaParser) restoreWrapped() {
	for i := min(len(p.omitted), len(p.exceptions)-1) - 1; i >= 0; i-- {
		if p.omitted[i] > 0 {
			p.restore(&p.exceptions[i], p.exceptions[i+1].Frames, p.omitted[i])
		}
	}
}

// restore adds the last n frames of the exception around one.
func (p *javaParser) restore(x *features.Exception, around []features.Frame, n int) {
	around = around[len(around)-min(n, len(around)):]
	around = around[:min(len(around), MaxFrames-p.frames)]
	p.frames += len(around)
	x.Frames = append(x.Frames, around...)
}

// javaLine takes indent and what Android's log puts before each line off.
func javaLine(line string) (text string, indent int) {
	line = javaLogged(line)
	text = strings.TrimLeft(line, " \t")
	return strings.TrimRight(text, " \t"), len(line) - len(text)
}

// javaLogged takes what Android's log puts before each line off:
//
//	03-01 10:00:00.123  4211  4211 E AndroidRuntime: text
//	E/AndroidRuntime( 4211): text
//	E AndroidRuntime: text
func javaLogged(line string) string {
	s := line
	if len(s) > len("03-01 10:00:00.123 ") && s[2] == '-' && s[5] == ' ' && s[8] == ':' {
		s = strings.TrimLeft(s[len("03-01 10:00:00.123 "):], " 0123456789") // process and thread
	}
	if len(s) < 3 || !strings.ContainsRune("VDIWEFA", rune(s[0])) || s[1] != ' ' && s[1] != '/' {
		return line
	}
	tag, text, ok := strings.Cut(s[2:], ": ")
	if !ok {
		if tag, ok = strings.CutSuffix(s[2:], ":"); !ok { // a blank line of a message
			return line
		}
	}
	if s[1] == '/' {
		if i := strings.IndexByte(tag, '('); i < 0 || !strings.HasSuffix(tag, ")") || number(strings.TrimSpace(tag[i+1:len(tag)-1])) == 0 {
			return line
		}
		return text
	}
	// Without a time before it, a letter and a word are too little to go by.
	if len(s) == len(line) && tag != "AndroidRuntime" && tag != "System.err" {
		return line
	}
	return text
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
			if is(class) && class != "java.lang.Thread.State" { // of a thread dump
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
	open := strings.IndexByte(s, '(')
	if open <= 0 {
		return f, false
	}
	close := strings.IndexByte(s[open:], ')')
	if close < 0 {
		return f, false
	}
	f.Filename, f.Line, _ = cutPosition(s[open+1 : open+close])
	method := s[:open]
	// A lambda's or a hidden class has its address or hash behind a slash:
	// "Cart$$Lambda$14/0x0012.run", until Java 11 "Cart$$Lambda$14/167385.run".
	if i := strings.LastIndexByte(method, '/'); i > 0 {
		if dot := strings.IndexByte(method[i:], '.'); dot > 1 && javaAddress(method[i+1:i+dot]) {
			method = method[:i] + method[i+dot:]
		}
	}
	// Class loader and module: "app//", "java.base/", "app/shop@1.2/".
	method = method[strings.LastIndexByte(method, '/')+1:]
	dot := strings.LastIndexByte(method, '.')
	if dot <= 0 || dot+1 == len(method) || strings.ContainsAny(method[:dot], " \t:") {
		return f, false
	}
	f.Module, f.Function = method[:dot], method[dot+1:]
	switch {
	case f.Filename == "Native Method", f.Filename == "Unknown Source", f.Filename == "SourceFile":
		f.Filename = ""
	case strings.HasPrefix(f.Filename, ":"): // of classes without the name of a file
		f.Filename, f.Line = "", number(f.Filename[1:])
	case f.Filename == "" || f.Line == 0 && strings.ContainsAny(f.Filename, " ,"): // .NET has parameters there
		return f, false
	}
	// Kotlin, Groovy and Scala have names of tests with spaces. V8 has a space
	// before what is in parentheses.
	if strings.ContainsAny(f.Function, " \t:") && (f.Line == 0 || !javaSource(f.Filename) || strings.HasSuffix(f.Function, " ")) {
		return f, false
	}
	return f, true
}

// javaAddress tells whether a name is that of no class: "0x0000000800c03000" or
// a hash in decimal.
func javaAddress(s string) bool {
	return strings.HasPrefix(s, "0x") || strings.Trim(s, "0123456789") == ""
}

func javaSource(file string) bool {
	for _, end := range [...]string{".kt", ".groovy", ".scala", ".java"} {
		if strings.HasSuffix(file, end) {
			return true
		}
	}
	return false
}
