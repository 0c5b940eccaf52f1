package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseNative reads the stacks of compiled programs as debuggers and runtimes
// print them: gdb, lldb, the sanitizers and Valgrind, glibc's
// backtrace_symbols, and the Linux kernel. The crashing frame stands first.
//
// A report may hold several stacks (of other threads; of where memory was
// freed): the first is the trace, the others are passed over.
func parseNative(r *reading) {
	p := nativeParser{reading: r}
	r.each(p.line)
	p.newestFirst()
}

type nativeParser struct {
	*reading

	started bool // a frame was read
	over    bool // a second stack began
	kernel  bool
	what    bool // in what an exception of C++ says, which may have several lines
}

func (p *nativeParser) line(line string) {
	text := strings.TrimSpace(nativeLine(line))
	if text == "" {
		p.what = false
		// A blank line ends a stack; the kernel prints none within one.
		p.over = p.over || p.started
		return
	}
	f, n, ok := nativeFrame(text)
	switch {
	case ok && n == 0 && p.started:
		p.over = true // another stack
		p.skip(line)
	case ok && !p.over:
		p.frame(f)
		p.started = true
	case p.over:
		p.skip(line)
	case text == "<signal handler called>" || strings.HasSuffix(text, "<signal handler called>") && strings.HasPrefix(text, "#"):
		p.mark()
	case p.what && !p.started && !nativeNotice(text):
		p.more(line)
	case p.kernelLine(text):
	case p.unstacked() && strings.Contains(text, "Sanitizer: ") && strings.Contains(text, "ERROR: "):
		p.exceptions = p.exceptions[:0]
		p.head(line, text)
	case !p.started && len(p.exceptions) == 0 && p.head(line, text):
	default:
		p.skip(line)
	}
}

// unstacked tells whether all there is are words of UndefinedBehaviorSanitizer,
// which prints a stack only if told to. If another sanitizer stops the program
// right behind, the stack is of what that one found.
func (p *nativeParser) unstacked() bool {
	return !p.started && len(p.exceptions) == 1 && p.exceptions[0].Type == undefinedBehavior
}

const undefinedBehavior = "UndefinedBehaviorSanitizer"

// nativeNotice tells whether a line is none of a message: what a debugger or a
// shell says next.
func nativeNotice(text string) bool {
	return dated(text) || strings.HasPrefix(text, "Aborted") || strings.HasPrefix(text, "[") || strings.Contains(text, " received signal ")
}

// nativeLine takes off what the kernel's log, Valgrind and lldb put before a
// line.
func nativeLine(line string) string {
	line = strings.TrimLeft(line, " \t")
	if i := strings.Index(line[:min(len(line), maxSyslog)], " kernel: "); i > 0 {
		line = line[i+len(" kernel: "):]
	}
	if strings.HasPrefix(line, "[") { // [   12.345678] or [   12.345678][ T1234]
		for strings.HasPrefix(line, "[") {
			stamp, rest, ok := strings.Cut(line, "]")
			if !ok || strings.Trim(stamp, "[ .0123456789TC") != "" {
				break
			}
			line = strings.TrimLeft(rest, " ")
		}
	}
	if strings.HasPrefix(line, "==") && !strings.Contains(line, "ERROR: ") && !strings.Contains(line, "WARNING: ") { // ==1234==
		if _, rest, ok := strings.Cut(line[2:], "== "); ok {
			line = rest
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(line, "* "), "* ")
}

// maxSyslog is how long what syslog puts before the kernel's lines may be: a
// time and the host.
const maxSyslog = 96

// nativeTools are the names that sanitizers put before what they found.
var nativeTools = []string{"AddressSanitizer: ", "ThreadSanitizer: ", "MemorySanitizer: ", "LeakSanitizer: ", "UndefinedBehaviorSanitizer: ", "HWAddressSanitizer: "}

// head begins the exception that a line tells of.
func (p *nativeParser) head(line, text string) bool {
	for _, tool := range nativeTools {
		if _, rest, ok := strings.Cut(text, tool); ok {
			kind, value := sanitizerKind(rest)
			return p.begin(tool+kind, withoutAddresses(value)) != nil
		}
	}
	if _, rest, ok := strings.Cut(text, ": runtime error: "); ok { // UndefinedBehaviorSanitizer
		return p.begin(undefinedBehavior, rest) != nil
	}
	// Of a program with threads gdb says: Thread 3 "pool" received signal SIGABRT, Aborted.
	if who, rest, ok := strings.Cut(text, " received signal "); ok && (who == "Program" || strings.HasPrefix(who, "Thread ")) {
		name, value, _ := strings.Cut(rest, ", ")
		return p.begin(name, strings.TrimSuffix(value, ".")) != nil
	}
	if rest, ok := strings.CutPrefix(text, "Program terminated with signal "); ok {
		name, value, _ := strings.Cut(rest, ", ")
		return p.begin(name, strings.TrimSuffix(value, ".")) != nil
	}
	if rest, ok := strings.CutPrefix(text, "terminate called after throwing an instance of "); ok {
		value := ""
		if next, ok := strings.CutPrefix(strings.TrimSpace(p.peek()), "what(): "); ok {
			value = strings.TrimSpace(next)
			p.next()
			p.mark()
			p.what = true
		}
		return p.begin(strings.Trim(rest, "'"), value) != nil
	}
	if strings.HasPrefix(text, "terminate called ") { // without an active exception; recursively
		return p.begin("", text) != nil
	}
	if _, rest, ok := strings.Cut(text, "stop reason = "); ok { // lldb
		kind, value, _ := strings.Cut(rest, " ")
		if kind == "signal" {
			kind, value, _ = strings.Cut(value, ": ")
		}
		return p.begin(kind, withoutAddresses(value)) != nil
	}
	if strings.HasPrefix(line, "==") && strings.HasPrefix(strings.TrimSpace(nativeLine(p.peek())), "at 0x") {
		return p.begin("Valgrind", text) != nil
	}
	for _, bug := range [...]string{"BUG: ", "WARNING: ", "INFO: ", "kernel BUG at ", "general protection fault", "Oops: ", "divide error: ", "Kernel panic - not syncing: ", "Unable to handle kernel ", "Internal error: "} {
		if !strings.HasPrefix(text, bug) || !p.traceFollows() {
			continue
		}
		p.kernel = true
		typ, value, ok := strings.Cut(text, ": ")
		if !ok {
			typ, value = text, ""
			if i := strings.Index(text, " at virtual address "); i >= 0 { // arm64
				typ, value = text[:i], text[i+1:]
			}
		}
		return p.begin(typ, withoutAddresses(value)) != nil
	}
	return false
}

// sanitizerKind cuts what a sanitizer found, which may be several words, and
// where: "data race (pid=12)", "SEGV on unknown address 0x0". The number of the
// process is another every time.
func sanitizerKind(s string) (kind, value string) {
	end := len(s)
	for _, sep := range [...]string{" on ", " (", ": "} {
		if i := strings.Index(s[:end], sep); i > 0 {
			end = i
		}
	}
	kind, value = s[:end], strings.TrimLeft(s[end:], ": ")
	if i := strings.LastIndex(value, "(pid="); i >= 0 && strings.HasSuffix(value, ")") {
		value = strings.TrimSpace(value[:i])
	}
	return kind, value
}

// traceFollows tells whether a kernel's trace is in the lines below.
func (p *nativeParser) traceFollows() bool {
	for _, line := range p.lines[p.at:min(p.at+200, len(p.lines))] {
		text := strings.TrimSpace(nativeLine(line))
		if text == "Call Trace:" || text == "Call trace:" || strings.HasPrefix(text, "RIP: ") {
			return true
		}
	}
	return false
}

// kernelLine reads what is the kernel's alone and no frame.
func (p *nativeParser) kernelLine(text string) bool {
	switch {
	case text == "Call Trace:" || text == "Call trace:":
		p.kernel = true
	case p.kernel && len(text) <= len("</TASK>") && text[0] == '<' && text[len(text)-1] == '>' && text != "</TASK>":
		// From here on another stack of the processor: <IRQ>, </NMI>, <EOI>.
	case text == "</TASK>":
		p.over = p.started
	case kernelRIP(text) && !p.started:
		f, ok := kernelFrame(text[len("RIP: 0010:"):])
		if !ok {
			return false
		}
		p.frame(f)
		return true
	default:
		return false
	}
	p.mark()
	return true
}

// kernelRIP tells whether a line says where the processor was, behind a
// segment: 0010, or e030 under Xen.
func kernelRIP(text string) bool {
	rest, ok := strings.CutPrefix(text, "RIP: ")
	return ok && len(rest) > 5 && rest[4] == ':' && hexDigits(rest[:4])
}

// nativeFrame reads a frame of any tool, and its number, 1 if it has none.
// Valgrind has no numbers, but the first of a stack has another word.
func nativeFrame(text string) (f features.Frame, n int, ok bool) {
	n = 1
	if digits, rest, is := strings.Cut(strings.TrimPrefix(text, "frame "), " "); is && strings.HasPrefix(digits, "#") {
		if digits = strings.TrimSuffix(digits[1:], ":"); !allDigits(digits) {
			return f, 0, false
		}
		n = int(number(digits))
		rest = strings.TrimSpace(rest)
		f, ok = numberedFrame(rest)
		return f, n, ok
	}
	if f, ok = valgrindFrame(text); ok {
		if strings.HasPrefix(text, "at ") {
			n = 0
		}
		return f, n, true
	}
	if f, ok = symbolsFrame(text); ok {
		return f, n, true
	}
	f, ok = kernelFrame(text)
	return f, n, ok
}

// numberedFrame reads what stands behind the number:
//
//	0x00007f3a in shop::add (n=3) at src/cart.cc:12            (gdb)
//	shop::add (n=3) at src/cart.cc:12                          (gdb)
//	0x4f51a2 in shop::add(int) /srv/src/cart.cc:12:3           (sanitizers)
//	0x4f51a2  (/srv/bin/shop+0x51a2) (BuildId: 12ab)           (sanitizers, no symbols)
//	shop::add(int) /srv/src/cart.cc:12:3 (shop+0x51a2)         (ThreadSanitizer)
//	0x0000000100003f60 shop`shop::add(n=3) at cart.cc:12:3     (lldb)
func numberedFrame(s string) (f features.Frame, ok bool) {
	if k := strings.LastIndex(s, " (BuildId: "); k > 0 {
		s = strings.TrimSpace(s[:k])
	}
	address := false
	if strings.HasPrefix(s, "0x") {
		_, rest, is := strings.Cut(s, " ")
		if !is {
			return f, false
		}
		s, address = strings.TrimSpace(rest), true
		if rest, is := strings.CutPrefix(s, "in "); is {
			s = rest
		} else if module, rest, is := strings.Cut(s, "`"); is {
			rest = strings.TrimSuffix(strings.TrimPrefix(rest, "[inlined] "), " [opt]")
			f.Function, f.Filename, f.Line, f.Column = gdbPlace(rest)
			if f.Filename == "" {
				f.Module = module
			}
			return f, f.Function != ""
		}
	}
	if module, before, is := cutModule(s); is && (address || before != "") {
		if before == "" || before == "<null> <null>" { // nothing else is known
			f.Filename = module
			return f, true
		}
		if f.Function, f.Filename, f.Line, f.Column = sanitizerPlace(before); f.Filename == "" {
			f.Filename = module
		}
		return f, f.Function != ""
	}
	if strings.Contains(s, " at ") || strings.Contains(s, " from ") || strings.HasSuffix(s, ")") && strings.Contains(s, " (") && !strings.Contains(s, "+0x") {
		f.Function, f.Filename, f.Line, f.Column = gdbPlace(s)
		// Dart and others number frames too, but print no place in words.
		return f, f.Function != "" && (address || f.Line > 0 || strings.Contains(s, " from ") || strings.Contains(s, " (")) && !strings.Contains(s, "package:") && !strings.Contains(s, "(dart:")
	}
	if !address {
		return f, false
	}
	f.Function, f.Filename, f.Line, f.Column = sanitizerPlace(s)
	return f, f.Function != ""
}

// cutModule takes "(shop+0x51a2)" off the end.
func cutModule(s string) (module, before string, ok bool) {
	if !strings.HasSuffix(s, ")") {
		return "", s, false
	}
	open, plus := strings.LastIndexByte(s, '('), strings.LastIndex(s, "+0x")
	if open < 0 || plus <= open+1 || !hexDigits(s[plus+len("+0x"):len(s)-1]) || open > 0 && s[open-1] != ' ' {
		return "", s, false
	}
	return s[open+1 : plus], strings.TrimSpace(s[:open]), true
}

// sanitizerPlace reads "shop::add(int) /srv/src/cart.cc:12:3": the place is
// behind the last blank, if it is one and not the end of a type.
func sanitizerPlace(s string) (function, file string, line, column int32) {
	i := strings.LastIndexByte(s, ' ')
	if i <= 0 {
		return s, "", 0, 0
	}
	place := s[i+1:]
	if strings.HasPrefix(place, "??:") || place == "<null>" {
		return strings.TrimSpace(s[:i]), "", 0, 0
	}
	file, line, column = cutPosition(place)
	if line == 0 && (!strings.Contains(place, "/") || strings.Contains(place, ")")) {
		return s, "", 0, 0
	}
	return strings.TrimSpace(s[:i]), file, line, column
}

// gdbPlace reads "shop::add (n=3, s=0x1 \"at x\") at src/cart.cc:12", or with
// "from" and a library. Arguments are values: they are taken off.
func gdbPlace(s string) (function, file string, line, column int32) {
	if i := strings.LastIndex(s, " at "); i > 0 {
		file, line, column = cutPosition(s[i+len(" at "):])
		s = s[:i]
	} else if i := strings.LastIndex(s, " from "); i > 0 {
		file, s = s[i+len(" from "):], s[:i]
	}
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, ")") {
		if i := valuesParen(s); i > 0 {
			s = strings.TrimSpace(s[:i])
		} else if i := openingParen(s); i > 0 {
			if s[i-1] == ' ' || strings.Contains(s[i:], "=") || s[i:] == "()" {
				s = strings.TrimSpace(s[:i])
			}
		}
	}
	if i := strings.LastIndex(s, " + "); i > 0 && allDigits(s[i+len(" + "):]) { // lldb's offset
		s = s[:i]
	}
	return s, file, line, column
}

// valuesParen returns where arguments with values begin, "(this=0x0", or -1.
// They are looked for from the front: a value may hold any parenthesis.
func valuesParen(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] != '(' {
			continue
		}
		end := i + 1
		for end < len(s) && (s[end] == '_' || s[end] >= '0' && s[end] <= '9' || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
			end++
		}
		if end > i+1 && end < len(s) && s[end] == '=' {
			return i
		}
		i = end - 1
	}
	return -1
}

// valgrindFrame reads "at 0x4C2E80F: malloc (vg_replace_malloc.c:309)" and
// "by 0x10868B: main (in /srv/bin/shop)".
func valgrindFrame(s string) (f features.Frame, ok bool) {
	if !strings.HasPrefix(s, "at 0x") && !strings.HasPrefix(s, "by 0x") {
		return f, false
	}
	_, rest, is := strings.Cut(s, ": ")
	if !is || !strings.HasSuffix(rest, ")") {
		return f, false
	}
	open := openingParen(rest)
	if open <= 0 {
		return f, false
	}
	f.Function = strings.TrimSpace(rest[:open])
	place := rest[open+1 : len(rest)-1]
	if library, is := strings.CutPrefix(place, "in "); is {
		f.Filename = library
	} else {
		f.Filename, f.Line, _ = cutPosition(place)
	}
	return f, f.Function != ""
}

// symbolsFrame reads glibc's "./shop(_Z3addi+0x15) [0x55d1c0]".
func symbolsFrame(s string) (f features.Frame, ok bool) {
	if !strings.HasSuffix(s, "]") {
		return f, false
	}
	i := strings.LastIndex(s, "[0x")
	if i <= 0 {
		return f, false
	}
	s = strings.TrimSpace(s[:i])
	if !strings.HasSuffix(s, ")") {
		return f, false
	}
	open := strings.LastIndexByte(s, '(')
	if open <= 0 || !strings.ContainsAny(s[:open], "/.") {
		return f, false
	}
	f.Filename = s[:open]
	f.Function, _, _ = strings.Cut(s[open+1:len(s)-1], "+")
	return f, true
}

// kernelFrame reads "[<ffffffff81>] ? cart_add+0x12/0x34 [shop]" and
// "cart_add+0x12/0x34 drivers/shop/cart.c:12". A question mark says that the
// unwinder does not vouch for the frame: it is left out.
func kernelFrame(s string) (f features.Frame, ok bool) {
	for strings.HasPrefix(s, "[<") { // twice behind RIP, until Linux 4.9
		_, rest, is := strings.Cut(s, ">]")
		if !is {
			return f, false
		}
		s = strings.TrimSpace(rest)
	}
	if strings.HasPrefix(s, "? ") {
		return f, false
	}
	name, rest, _ := strings.Cut(s, " ")
	function, offset, is := strings.Cut(name, "+0x")
	if !is {
		// Inlined functions have a place and no offset: "cart_get mm/cart.c:3 [inline]".
		place, inline, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if inline != "[inline]" || !identifier(name) {
			return f, false
		}
		f.Function = name
		f.Filename, f.Line, _ = cutPosition(place)
		return f, f.Line > 0
	}
	at, size, is := strings.Cut(offset, "/0x")
	if !is || !hexDigits(at) || !hexDigits(size) || !identifier(function) {
		return f, false
	}
	f.Function = function
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "[") {
		f.Module, _, _ = strings.Cut(rest[1:], "]")
		f.Module, _, _ = strings.Cut(f.Module, " ") // a build's number may follow
		return f, true
	}
	place, _, _ := strings.Cut(rest, " ")
	f.Filename, f.Line, _ = cutPosition(place)
	if f.Line == 0 {
		f.Filename = ""
	}
	return f, true
}

func hexDigits(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// withoutAddresses takes addresses off a message: they are another every time.
func withoutAddresses(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "0x")
		if i < 0 {
			break
		}
		end := i + 2
		for end < len(s) && hexDigits(s[end:end+1]) {
			end++
		}
		if end-i < 6 { // a size or an offset
			b.WriteString(s[:end])
		} else {
			b.WriteString(s[:i])
			b.WriteString("0x")
		}
		s = s[end:]
	}
	b.WriteString(s)
	return b.String()
}
