package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseDart reads the stacks of the Dart VM, those of package:stack_trace, and
// the reports of Flutter. The crashing frame stands first. In obfuscated
// builds a frame is an address alone, which is kept as what it is. Dart has no
// causes. Of several stacks in a text the first is read.
func parseDart(r *reading) {
	p := dartParser{reading: r}
	r.each(p.line)
	p.end()
	p.newestFirst()
}

type dartParser struct {
	*reading
	head    []string // lines that may be the exception's text, or are it
	state   dartState
	parens  int  // that the sentence has open
	headers int  // lines that said what follows, marked with the exception
	box     bool // in Flutter's report, up to a line of ═
	gap     bool // something else stood behind the frames
}

// dartState is what the next lines are.
type dartState uint8

const (
	dartBefore   dartState = iota // no header was seen
	dartSentence                  // Flutter's sentence, over several lines
	dartMessage
	dartHints // what Flutter says between the message and the stack
	dartStack
	dartOver
)

func (p *dartParser) line(line string) {
	text := dartLine(plain(line))
	trimmed := strings.TrimSpace(text)
	if p.state == dartOver {
		p.skip(line)
		return
	}
	if f, ok := dartFrame(trimmed); ok {
		p.framed(f, line, trimmed)
		return
	}
	if p.state != dartStack && p.header(trimmed) {
		return
	}
	switch p.state {
	case dartBefore:
		p.before(trimmed)
	case dartSentence:
		p.sentence(trimmed)
	case dartMessage:
		p.messageLine(text, trimmed)
	case dartHints:
		p.hint(trimmed)
	case dartStack:
		p.between(line, trimmed)
	}
}

// framed adds a frame, unless it is one of another stack.
func (p *dartParser) framed(f features.Frame, line, trimmed string) {
	again := p.state == dartStack && p.frames > 0 && (strings.HasPrefix(trimmed, "#0 ") || strings.HasPrefix(trimmed, "#00 "))
	if again || p.gap {
		p.state = dartOver
		p.skip(line)
		return
	}
	if p.state != dartStack {
		p.begun()
	}
	p.frame(f)
}

// header reads what comes before an exception's text or begins its stack.
func (p *dartParser) header(trimmed string) bool {
	switch {
	case strings.HasPrefix(trimmed, "══╡ "):
		p.headed("")
		p.box = true
	case strings.HasSuffix(trimmed, "Unhandled exception:"), strings.HasSuffix(trimmed, "Unhandled Exception:"):
		p.headed("")
	case strings.Contains(trimmed, "Unhandled Exception: ") && strings.Contains(trimmed, ".cc("): // Flutter's engine
		_, message, _ := strings.Cut(trimmed, "Unhandled Exception: ")
		p.headed(message)
	case strings.HasPrefix(trimmed, "When the exception was thrown, this was the stack"):
		p.headers++
		p.begun()
	case dartPreamble(trimmed):
		p.headers++
		if p.state == dartMessage {
			p.state = dartHints
		}
	default:
		return false
	}
	return true
}

// headed begins a report: what stood before it does not belong to it.
func (p *dartParser) headed(message string) {
	for _, line := range p.head {
		p.skip(line)
	}
	p.headers++
	p.head, p.state = nil, dartMessage
	if message != "" {
		p.head = []string{message}
	}
}

// dartPreamble tells whether a line is of what the VM prints before a stack of
// addresses.
func dartPreamble(trimmed string) bool {
	for _, before := range [...]string{"*** *** ***", "pid: ", "os: ", "build_id: '", "isolate_dso_base: ", "isolate_instructions: ", "vm_instructions: ", "Warning: This VM has been configured to produce stack traces"} {
		if strings.HasPrefix(trimmed, before) {
			return true
		}
	}
	return false
}

// before reads a line before any header: those right before the frames may be
// a head.
func (p *dartParser) before(trimmed string) {
	if trimmed != "" && !p.gap {
		p.head = append(p.head, trimmed)
		return
	}
	for _, line := range p.head {
		p.skip(line)
	}
	p.head = nil
}

// messageLine reads a line of an exception's text.
func (p *dartParser) messageLine(text, trimmed string) {
	switch {
	case p.box && len(p.head) == 0 && strings.HasPrefix(trimmed, "The following "):
		p.head, p.state = []string{dartFollowing(trimmed)}, dartSentence
		p.sentence(trimmed)
	case p.box && strings.HasPrefix(trimmed, "The relevant error-causing widget was"), p.box && strings.Trim(trimmed, "═") == "" && trimmed != "":
		p.state = dartHints
		p.hint(trimmed)
	case trimmed != "" || len(p.head) > 0:
		p.head = append(p.head, strings.TrimRight(text, " \t"))
	}
}

// sentence reads the sentence that Flutter begins with, which it breaks over
// several lines, up to a colon outside of parentheses: "The following StateError
// was thrown building Cart(dirty, state: _CartState#1a2b3):". Only its
// beginning is kept.
func (p *dartParser) sentence(trimmed string) {
	p.parens += strings.Count(trimmed, "(") - strings.Count(trimmed, ")")
	if strings.HasSuffix(trimmed, ":") && p.parens <= 0 || trimmed == "" {
		p.state, p.parens = dartMessage, 0
	}
}

// hint reads a line of Flutter's between the message and the stack.
func (p *dartParser) hint(trimmed string) {
	if p.box && trimmed != "" && strings.Trim(trimmed, "═") == "" {
		p.begun() // a report without a stack
		p.between(trimmed, trimmed)
	}
}

// begun makes an exception of what stood before the first frame.
func (p *dartParser) begun() {
	lines, whole := p.head, p.state != dartBefore
	p.head, p.state = nil, dartStack
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if !whole { // nothing said where the head is
		at := 0
		for at < len(lines) && !dartClass(cutLogPrefix(lines[at])) {
			p.skip(lines[at])
			at++
		}
		lines = lines[at:]
	}
	if len(lines) == 0 {
		p.marks += p.headers
		return
	}
	p.begin(dartHead(cutLogPrefix(lines[0])))
	p.marks += p.headers - 1 // a head is no mark by itself: other languages print such
	for _, line := range lines[1:] {
		p.more(line)
	}
}

// between reads a line behind the first frame that is none.
func (p *dartParser) between(line, trimmed string) {
	switch {
	case trimmed == "":
	case trimmed == "<asynchronous suspension>", strings.HasPrefix(trimmed, "===== asynchronous gap"):
		p.mark()
	case strings.HasPrefix(trimmed, "(elided "), trimmed == "...", strings.HasPrefix(trimmed, "...  "): // Flutter leaves frames out, the VM the middle of deep stacks
		p.mark()
	case p.box && strings.Trim(trimmed, "═") == "":
		p.mark()
		p.box, p.gap = false, true
	case p.box: // what the report says behind the stack
		p.gap = p.frames > 0
	default:
		p.gap = p.frames > 0
		p.skip(line)
	}
}

// end makes an exception of a report that has no stack.
func (p *dartParser) end() {
	switch {
	case p.state == dartBefore || len(p.head) == 0:
		for _, line := range p.head {
			p.skip(line)
		}
	case p.box:
		p.begun()
	default: // nothing tells where the message ends
		for _, line := range p.head {
			p.skip(line)
		}
	}
}

// dartFollowing makes a head of Flutter's sentence.
func dartFollowing(s string) string {
	s = strings.TrimPrefix(s, "The following ")
	typ, _, _ := strings.Cut(s, " was thrown")
	switch typ = strings.TrimSuffix(typ, " object"); {
	case typ == "assertion":
		return "AssertionError:" // and what FlutterError is one of
	case identifier(typ) && (typ[0] >= 'A' && typ[0] <= 'Z' || typ[0] == '_'):
		return typ + ":"
	}
	return "" // a message, number or null was thrown
}

// dartHead parts a text into class and message. Many classes print what they
// are about before a colon, or print themselves as a call:
//
//	RangeError (index): Invalid value
//	DioException [connection error]: no route
//	PlatformException(denied, no access, null, null)
func dartHead(s string) (typ, value string) {
	typ, value, ok := strings.Cut(s, ": ")
	if !ok {
		typ, ok = strings.CutSuffix(s, ":")
	}
	if identifier(typ) && (ok || errorName(typ)) { // without a message it is the class alone
		return typ, value
	}
	if i := strings.IndexAny(s, " (["); i > 0 && identifier(s[:i]) && errorName(s[:i]) {
		rest := strings.TrimLeft(s[i:], " ")
		if rest != "" && (rest[0] == '(' || rest[0] == '[') {
			return s[:i], rest
		}
	}
	return "", s
}

// dartClass tells whether a line begins as the head of an exception does.
func dartClass(line string) bool {
	typ, _ := dartHead(line)
	return errorName(typ)
}

// dartLine takes the prefix of the device's log off: "E/flutter ( 1234): ",
// "flutter: ", and times before it.
func dartLine(line string) string {
	i := strings.Index(line, "flutter")
	if i < 0 || i > 64 || i > 0 && !dartLevel(line[:i]) {
		return line
	}
	rest := strings.TrimLeft(line[i+len("flutter"):], " ")
	if strings.HasPrefix(rest, "(") {
		n, after, ok := strings.Cut(rest[1:], ")")
		if !ok || !allDigits(strings.TrimSpace(n)) {
			return line
		}
		rest = after
	}
	rest, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return line
	}
	return strings.TrimPrefix(rest, " ")
}

// dartLevel tells whether a prefix ends with the level of Android's log: "E/",
// or " E " behind a time and a process.
func dartLevel(s string) bool {
	n := len(s)
	return n > 1 && strings.IndexByte("VDIWEF", s[n-2]) >= 0 && (s[n-1] == '/' || s[n-1] == ' ') && (n == 2 || s[n-3] == ' ')
}

// dartFrame reads a frame:
//
//	#0      Cart.add.<anonymous closure> (package:shop/cart.dart:12:5)
//	#01 abs 00000071 virt 0000a1 _kDartIsolateSnapshotInstructions+0x1f
//	package:shop/cart.dart 12:5  Cart.add.<fn>
func dartFrame(s string) (f features.Frame, ok bool) {
	if strings.HasPrefix(s, "#") {
		n, rest, ok := strings.Cut(s[1:], " ")
		rest = strings.TrimSpace(rest)
		if !ok || !allDigits(n) {
			return f, false
		}
		if strings.HasPrefix(rest, "abs ") {
			return dartAddress(rest)
		}
		return vmFrame(rest)
	}
	return terseFrame(s)
}

// dartAddress reads a frame of a build without names. The offset is all that
// tells frames apart, so it stays; it is the same in all runs of a build.
func dartAddress(s string) (f features.Frame, ok bool) {
	for _, name := range [...]string{"_kDart", "<invalid Dart instruction address>"} {
		if i := strings.Index(s, name); i > 0 {
			return features.Frame{Function: s[i:]}, true
		}
	}
	return f, false
}

func vmFrame(s string) (f features.Frame, ok bool) {
	open := openingParen(s)
	if open <= 0 || !strings.HasSuffix(s, ")") || s[open-1] != ' ' {
		return f, false
	}
	f.Function = strings.TrimSpace(s[:open])
	f.Filename, f.Line, f.Column = cutPosition(s[open+1 : len(s)-1])
	return f, f.Function != "" && dartPlace(f.Filename)
}

// terseFrame reads a frame of package:stack_trace, which leaves out what it
// does not know of the position and sets functions two spaces or more apart.
func terseFrame(s string) (f features.Frame, ok bool) {
	place, rest, ok := strings.Cut(s, " ")
	if !ok {
		return f, false
	}
	if !dartPlace(place) {
		// A path may have spaces; then only what looks like a frame throughout is
		// one.
		i := strings.Index(s, ".dart ")
		if i < 0 {
			return f, false
		}
		place, rest = s[:i+len(".dart")], s[i+len(".dart "):]
		if _, member, apart := strings.Cut(rest, "  "); !apart || member == "" {
			return f, false
		}
	}
	position, function, _ := strings.Cut(strings.TrimSpace(rest), " ")
	_, line, column := cutPosition("x:" + position)
	switch {
	case line > 0:
		f.Line, f.Column = line, column
	case strings.HasPrefix(place, "package:") || strings.HasPrefix(place, "dart:"):
		function = rest
	default:
		return f, false
	}
	f.Filename, f.Function = place, strings.TrimSpace(function)
	return f, f.Function != ""
}

// dartPlace tells whether a path is one of Dart's.
func dartPlace(s string) bool {
	for _, scheme := range [...]string{"package:", "dart:", "org-dartlang-"} {
		if len(s) > len(scheme) && strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return strings.HasSuffix(s, ".dart") || strings.HasSuffix(s, ".dart.js")
}
