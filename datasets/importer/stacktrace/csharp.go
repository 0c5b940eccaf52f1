package stacktrace

import (
	"slices"
	"strings"

	"whorl/features"
)

// parseCSharp reads Exception.ToString of .NET, .NET Framework, Mono and Unity,
// in any of the languages that the runtime speaks. The head of the outermost
// exception stands first, those of its causes behind "--->"; the frames of the
// innermost come first, and "--- End of inner exception stack trace ---" goes
// back to the one around it. The members of an AggregateException are causes as
// others are, the first printed nearest to it.
func parseCSharp(r *reading) {
	p := csharpParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	p.outermostFirst()
}

type csharpParser struct {
	*reading
	open    []int // exceptions whose frames are to come, the innermost last
	message bool
	over    bool // another error's stack began: one text is one error
	repeats bool // within an exception that was printed already
	indent  int  // of the frame read last
}

func (p *csharpParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	if p.over {
		p.skip(line)
		return
	}
	if p.repeats && p.passOver(trimmed) {
		return
	}
	if f, ok := csharpFrame(line); ok {
		p.to(f)
		p.message = false
		p.indent = len(line) - len(strings.TrimLeft(line, " \t"))
		return
	}
	switch {
	case strings.HasPrefix(trimmed, "--->"):
		p.inner(strings.TrimSpace(trimmed[len("--->"):]))
	case strings.HasPrefix(trimmed, "--- ") && strings.HasSuffix(trimmed, " ---") && len(p.exceptions) > 0:
		p.separator(line, trimmed)
	case trimmed == "":
		if p.message && p.frameFollows() {
			p.more("") // of the message
		}
	case len(p.exceptions) == 0:
		p.first(line, trimmed)
	case p.message:
		p.messageLine(line)
	case csharpRepeated(trimmed):
		p.mark()
	default:
		typ, _ := csharpFirst(trimmed)
		p.over = typ != "" && p.frameFollows()
		p.skip(line)
	}
}

// first begins the first exception, if a line is its head.
func (p *csharpParser) first(line, trimmed string) {
	// .NET prints this for a stack that overflowed, where it cannot make an
	// exception any more, and calls of a recursion once with their number.
	if trimmed == "Stack overflow." && p.frameFollows() {
		if p.begin("", trimmed) != nil {
			p.open = append(p.open, 0)
		}
		return
	}
	typ, value := csharpFirst(trimmed)
	if named, unhandled := strings.CutPrefix(trimmed, "Unhandled exception. "); typ == "" && (unhandled || p.stackIsNext()) {
		typ, value = csharpNamed(named)
	}
	if typ == "" || !p.frameFollows() {
		p.skip(line)
		return
	}
	p.heads(typ, value)
}

// csharpRepeated tells of what .NET prints around a recursion that overflowed.
func csharpRepeated(trimmed string) bool {
	return trimmed == "--------------------------------" ||
		(strings.HasPrefix(trimmed, "Repeat ") || strings.HasPrefix(trimmed, "Repeated ")) && strings.HasSuffix(trimmed, " times:")
}

// stackIsNext tells whether the very next line is a frame or an inner exception.
func (p *csharpParser) stackIsNext() bool {
	next := p.peek()
	if _, ok := csharpFrame(next); ok {
		return true
	}
	return strings.HasPrefix(next, " ---> ")
}

// inner begins the exception that a line is the head of, behind "--->".
func (p *csharpParser) inner(text string) {
	// The members of an AggregateException have a number. .NET Framework prints
	// the first of them twice: as the inner exception, and again with a number.
	if rest, is := strings.CutPrefix(text, "(Inner Exception #"); is {
		number, head, _ := strings.Cut(rest, ")")
		text = strings.TrimSpace(head)
		if number == "0" && p.printed(text) {
			p.mark()
			p.repeats = !strings.HasSuffix(text, "<---")
			return
		}
	}
	text, ends := strings.CutSuffix(text, "<---")
	text = strings.TrimSpace(text)
	typ, value := csharpHead(text)
	if typ == "" {
		typ, value = csharpNamed(text)
	}
	if typ == "" {
		value = text
	}
	p.heads(typ, value)
	p.message = p.message && !ends
}

// printed tells whether the exception after the first is the one of a head.
func (p *csharpParser) printed(text string) bool {
	text, _, _ = strings.Cut(text, " ---> ")
	typ, _ := csharpHead(text)
	return len(p.exceptions) > 1 && p.exceptions[1].Type == typ
}

// passOver marks a line of an exception that was printed already, and tells
// whether it is one. "<---" ends it.
func (p *csharpParser) passOver(trimmed string) bool {
	if strings.HasPrefix(trimmed, "---> (Inner Exception #") {
		p.repeats = false
		return false
	}
	if trimmed != "" {
		p.mark()
	}
	p.repeats = !strings.HasSuffix(trimmed, "<---")
	return true
}

// messageLine adds a line to a message. .NET Framework puts the head of an inner
// exception behind it.
func (p *csharpParser) messageLine(line string) {
	text, inner := csharpCutInner(strings.TrimRight(line, " \t"))
	p.more(text)
	if inner != "" {
		p.inner(inner)
	}
}

// separator is one of the lines between stacks, in any of the runtime's
// languages. Only that of an inner exception ends one. It is as deep as frames
// are; what ends the part of a stack before an asynchronous call is not indented.
func (p *csharpParser) separator(line, trimmed string) {
	p.mark()
	p.message = false
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	inner := strings.Contains(trimmed, "inner exception")
	if !inner && (strings.Contains(trimmed, "previous location") || indent < p.indent) {
		return
	}
	if len(p.open) > 1 {
		p.open = p.open[:len(p.open)-1]
	}
}

// to adds a frame to the innermost exception that is open.
func (p *csharpParser) to(f features.Frame) {
	if len(p.open) == 0 {
		p.frame(f)
		p.open = append(p.open, 0)
		return
	}
	if p.frames == MaxFrames {
		p.skipped++
		return
	}
	p.frames++
	p.marks++
	x := &p.exceptions[p.open[len(p.open)-1]]
	x.Frames = append(x.Frames, f)
}

// heads begins an exception, and those that .NET Framework puts behind it into
// the same line.
func (p *csharpParser) heads(typ, value string) {
	marks := p.marks
	for {
		message, inner := csharpCutInner(value)
		if p.begin(typ, message) == nil {
			return
		}
		p.open = append(p.open, len(p.exceptions)-1)
		p.message = true
		p.marks = marks + 1
		if inner == "" {
			return
		}
		typ, value = csharpHead(inner)
	}
}

// csharpCutInner cuts a message where the head of an inner exception begins.
// An arrow alone may be part of the message.
func csharpCutInner(text string) (message, inner string) {
	for from := 0; ; {
		i := strings.Index(text[from:], " ---> ")
		if i < 0 {
			return text, ""
		}
		i += from
		from = i + len(" ---> ")
		if typ, _ := csharpHead(text[from:]); typ != "" {
			return text[:i], text[from:]
		}
	}
}

func (p *csharpParser) frameFollows() bool {
	for _, line := range p.ahead() {
		if _, ok := csharpFrame(line); ok {
			return true
		}
	}
	return false
}

// csharpFirst reads the head of an outermost exception, before which runtime and
// loggers put words, with a colon or a full stop behind them:
//
//	Unhandled exception. System.Exception: message
//	Unbehandelte Ausnahme: System.Exception: message
func csharpFirst(text string) (typ, value string) {
	if text == "Unhandled Exception:" { // Mono, which has the head in the next line
		return "", ""
	}
	for {
		if typ, value = csharpHead(text); typ != "" {
			return typ, value
		}
		_, after, ok := strings.Cut(text, ": ")
		if !ok {
			return "", ""
		}
		text = after
	}
}

// csharpHead reads "System.InvalidOperationException: message". Exceptions of
// COM, sockets and databases have their code behind the type, in parentheses.
func csharpHead(text string) (typ, value string) {
	typ, value, _ = strings.Cut(text, ": ")
	if i := strings.Index(typ, " ---> "); i > 0 { // without a message
		typ, value = text[:i], text[i:]
	}
	typ = strings.TrimSuffix(typ, ":")
	if i := strings.Index(typ, " ("); i > 0 && strings.HasSuffix(typ, ")") {
		typ = typ[:i]
	}
	typ = typ[strings.LastIndexAny(typ, " \t")+1:]
	name := typ
	if i := strings.IndexByte(name, '`'); i > 0 { // generic: Fault`1[System.String]
		name = name[:i]
	}
	if !csharpName(name) || !strings.HasSuffix(name, "Exception") && !strings.HasSuffix(name, "Error") && len(name) == len(typ) {
		return "", ""
	}
	if len(name) < len(typ) && !strings.Contains(name, ".") {
		return "", ""
	}
	return typ, value
}

// csharpNamed reads a head whose type does not tell that it is one. Something
// else has to: the runtime's words before it, or a stack right behind it.
func csharpNamed(text string) (typ, value string) {
	typ, value, _ = strings.Cut(text, ": ")
	typ = strings.TrimSuffix(typ, ":")
	if !csharpName(typ) || !strings.Contains(typ, ".") || typ[0] < 'A' || typ[0] > 'Z' {
		return "", ""
	}
	return typ, value
}

// csharpName tells whether a type can have a name, with "+" before nested ones.
func csharpName(s string) bool {
	return s != "" && identifier(strings.ReplaceAll(s, "+", "."))
}

// The word before a frame, in the runtime's languages.
var csharpAt = []string{"at ", "bei ", "à ", "w ", "в ", "en ", "em ", "in ", "a ", "在 ", "於 ", "場所 ", "위치: ", "konum: ", "v ", "vid ", "ved ", "hos "}

// csharpFrame reads a frame:
//
//	at Shop.Cart.Add(Item item, Int32 count) in C:\src\Cart.cs:line 12
//	at Shop.Cart.<AddAsync>d__3.MoveNext()
//	at Shop.Cart.Add (Shop.Item item) [0x00012] in /src/Cart.cs:12
//	bei Shop.Cart.Add(Item item) in C:\src\Cart.cs:Zeile 12.
//	Shop.Cart.Add (Shop.Item item) (at Assets/Cart.cs:12)
func csharpFrame(line string) (f features.Frame, ok bool) {
	text := strings.TrimSpace(line)
	if strings.HasSuffix(text, ")") && strings.Contains(text, ") (at ") {
		return unityFrame(text)
	}
	i := slices.IndexFunc(csharpAt, func(word string) bool { return strings.HasPrefix(text, word) })
	if i < 0 {
		return f, false
	}
	// Loggers take the indent of the first line off. Only the English word is
	// believed without: the others begin lines of prose.
	if i > 0 && !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "\t") {
		return f, false
	}
	// Mono says what it put around native calls, .NET where one inner exception
	// of several ends.
	text = strings.TrimSuffix(text[len(csharpAt[i]):], "<---")
	if rest, is := strings.CutPrefix(text, "(wrapper "); is {
		if _, text, is = strings.Cut(rest, ") "); !is {
			return f, false
		}
	}
	open := csharpParen(text)
	if open <= 0 {
		return f, false
	}
	close := closingParen(text, open)
	if close < 0 {
		return f, false
	}
	inside, after := text[open+1:close], text[close+1:]
	if foreignPlace(inside) {
		return f, false
	}
	mono := text[open-1] == ' '
	if mono && !strings.Contains(after, "[0x") && !strings.Contains(after, " in ") && inside != "" && !strings.Contains(inside, ".") {
		return f, false
	}
	if f.Module, f.Function, ok = csharpMethod(strings.TrimSpace(text[:open])); !ok {
		return f, false
	}
	f.Filename, f.Line = csharpPlace(after)
	return f, true
}

// foreignPlace tells whether what is in parentheses is a place, as Java and V8
// have it there, and no parameters.
func foreignPlace(inside string) bool {
	switch inside {
	case "Native Method", "Unknown Source", "native", "<anonymous>":
		return true
	}
	return strings.Contains(inside, ":") || strings.HasSuffix(inside, ".java") || strings.HasSuffix(inside, ".kt")
}

// csharpMethod cuts a name into its class and the method.
func csharpMethod(name string) (module, function string, ok bool) {
	// Compiled expressions have no class.
	if name == "lambda_method" {
		return "", name, true
	}
	// Ben.Demystifier prints modifiers and the type returned before a name.
	if i := lastOutside(name, ' '); i >= 0 {
		name = name[i+1:]
	}
	dot := lastOutside(name, '.')
	if dot <= 0 || dot+1 == len(name) || strings.ContainsAny(name, ":/") {
		return "", "", false
	}
	module, function = name[:dot], name[dot+1:]
	if strings.HasSuffix(module, ".") { // a constructor is .ctor
		module, function = module[:len(module)-1], "."+function
	}
	return module, function, module != ""
}

// unityFrame reads a frame of Unity's log, which has no word before it:
//
//	Shop.Cart.Add (Shop.Item item) (at Assets/Cart.cs:12)
//	Shop.Cart:Add(Item) (at Assets/Cart.cs:12)
func unityFrame(text string) (f features.Frame, ok bool) {
	at := strings.LastIndex(text, ") (at ")
	f.Filename, f.Line, _ = cutPosition(text[at+len(") (at ") : len(text)-1])
	open := csharpParen(text)
	if f.Line == 0 || open <= 0 || open > at {
		return f, false
	}
	name := strings.TrimSpace(text[:open])
	// Logged from C++, the method is behind a colon.
	if class, method, is := strings.Cut(name, ":"); is && csharpName(class) && csharpName(method) {
		f.Module, f.Function = class, method
		return f, true
	}
	if strings.ContainsRune(name, ' ') {
		return f, false
	}
	f.Module, f.Function, ok = csharpMethod(name)
	return f, ok
}

// csharpParen returns where the parameters begin. Explicit implementations and
// generic names have brackets, local functions have none of either.
func csharpParen(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[', '<':
			depth++
		case ']', '>':
			depth--
		case '(':
			if depth <= 0 && i > 0 {
				return i
			}
		}
	}
	return -1
}

func closingParen(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// lastOutside returns where a byte is last outside of brackets, or -1: inside are
// type arguments, and names of interfaces.
func lastOutside(name string, c byte) int {
	depth := 0
	for i := len(name) - 1; i >= 0; i-- {
		switch name[i] {
		case ']', '>':
			depth++
		case '[', '<':
			depth--
		case c:
			if depth <= 0 {
				return i
			}
		}
	}
	return -1
}

// csharpPlace reads " in C:\src\Cart.cs:line 12" in any language: the last
// number, and before the colon and the word the path behind the first word.
func csharpPlace(s string) (file string, line int32) {
	s = strings.TrimSuffix(strings.TrimSpace(s), ".")
	if rest, ok := strings.CutPrefix(s, "[0x"); ok { // Mono's offset
		_, s, _ = strings.Cut(rest, "]")
		s = strings.TrimSpace(s)
	}
	// Turkish has its word behind the path.
	if before, after, is := strings.Cut(s, " içinde:"); is {
		return before, number(after[strings.LastIndexByte(after, ' ')+1:])
	}
	_, s, ok := strings.Cut(s, " ")
	if !ok {
		return "", 0
	}
	colon := strings.LastIndexByte(s, ':')
	if colon <= 0 {
		return "", 0
	}
	digits := s[colon+1:]
	if i := strings.LastIndexAny(digits, " \u00a0"); i >= 0 {
		digits = strings.TrimLeft(digits[i:], " \u00a0")
	}
	if line = number(digits); line == 0 {
		if strings.HasPrefix(s, "<") { // Mono without symbols: <hash>:0
			return "", 0
		}
		digits = strings.TrimLeft(s[colon+1:], "行号번행")
		line = number(strings.TrimSpace(digits))
	}
	return s[:colon], line
}
