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
// back to the one around it.
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
	over    bool
}

func (p *csharpParser) line(line string) {
	trimmed := strings.TrimSpace(line)
	f, ok := csharpFrame(line)
	switch {
	case p.over:
		p.skip(line)
	case ok:
		p.to(f)
		p.message = false
	case strings.HasPrefix(trimmed, "--->"):
		p.heads(strings.TrimSpace(trimmed[len("--->"):]))
	case strings.HasPrefix(trimmed, "--- ") && strings.HasSuffix(trimmed, " ---"):
		p.separator(trimmed)
	case trimmed == "":
	case len(p.exceptions) == 0:
		if typ, _ := csharpHead(trimmed); typ != "" && p.frameFollows() {
			p.heads(trimmed)
			return
		}
		p.skip(line)
	case p.message:
		text, causes, more := strings.Cut(strings.TrimRight(line, " \t"), " ---> ")
		p.more(text)
		if more {
			p.heads(causes)
		}
	default:
		if typ, _ := csharpHead(trimmed); typ != "" && p.frameFollows() {
			p.over = true
		}
		p.skip(line)
	}
}

// separator is one of the lines between stacks. Only that of an inner exception
// ends one; it is told from that of an asynchronous call by what the languages
// call it, since both begin alike.
func (p *csharpParser) separator(trimmed string) {
	p.mark()
	p.message = false
	for _, previous := range [...]string{"previous location", "vorherig", "précédent", "предыдущ", "ubicación anterior", "上一位置", "以前の場所"} {
		if strings.Contains(trimmed, previous) {
			return
		}
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

// heads begins the exceptions of one line: .NET Framework puts them all into
// the first.
func (p *csharpParser) heads(text string) {
	marks := p.marks
	for part := range strings.SplitSeq(text, " ---> ") {
		// The members of an AggregateException have a number.
		if strings.HasPrefix(part, "(Inner Exception #") {
			_, part, _ = strings.Cut(part, ") ")
		}
		typ, value := csharpHead(strings.TrimSpace(part))
		if typ == "" {
			value = part
		}
		if p.begin(typ, value) == nil {
			return
		}
		p.open = append(p.open, len(p.exceptions)-1)
		p.message = true
	}
	p.marks = marks + 1
}

func (p *csharpParser) frameFollows() bool {
	for _, line := range p.ahead() {
		if _, ok := csharpFrame(line); ok {
			return true
		}
	}
	return false
}

// csharpHead reads "System.InvalidOperationException: message", with what the
// runtime and loggers put before it.
func csharpHead(text string) (typ, value string) {
	text = strings.TrimPrefix(text, "Unhandled exception. ")
	text = strings.TrimPrefix(text, "Unhandled Exception: ")
	typ, value, _ = strings.Cut(text, ": ")
	typ = strings.TrimSuffix(typ, ":")
	if i := strings.LastIndexAny(typ, " \t"); i >= 0 {
		typ = typ[i+1:]
	}
	if i := strings.Index(typ, " ("); i > 0 {
		typ = typ[:i]
	}
	name := typ
	if i := strings.IndexByte(name, '`'); i > 0 { // generic: Fault`1[System.String]
		name = name[:i]
	}
	if !identifier(strings.ReplaceAll(name, "+", ".")) || !strings.HasSuffix(name, "Exception") && !strings.HasSuffix(name, "Error") && !(strings.Contains(name, ".") && strings.Contains(name, "`")) {
		return "", ""
	}
	return typ, value
}

// The word before a frame, in the runtime's languages.
var csharpAt = []string{"at ", "bei ", "à ", "w ", "в ", "en ", "em ", "in ", "a ", "在 ", "於 ", "場所 ", "위치: ", "konum: ", "v ", "vid ", "ved ", "hos "}

// csharpFrame reads a frame:
//
//	at Shop.Cart.Add(Item item, Int32 count) in C:\src\Cart.cs:line 12
//	at Shop.Cart.<AddAsync>d__3.MoveNext()
//	at Shop.Cart.Add (Shop.Item item) [0x00012] in /src/Cart.cs:12
//	bei Shop.Cart.Add(Item item) in C:\src\Cart.cs:Zeile 12.
func csharpFrame(line string) (f features.Frame, ok bool) {
	if !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "\t") {
		return f, false
	}
	text := strings.TrimSpace(line)
	i := slices.IndexFunc(csharpAt, func(word string) bool { return strings.HasPrefix(text, word) })
	if i < 0 {
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
	mono := text[open-1] == ' '
	name := strings.TrimSpace(text[:open])
	dot := lastDot(name)
	if dot <= 0 || dot+1 == len(name) || strings.ContainsAny(name, ":/@") {
		return f, false
	}
	// Java and V8 have a place in the parentheses.
	if strings.Contains(inside, ":") || inside == "Native Method" || inside == "Unknown Source" || strings.HasSuffix(inside, ".java") || strings.HasSuffix(inside, ".kt") || inside == "native" || inside == "<anonymous>" {
		return f, false
	}
	if mono && !strings.Contains(after, "[0x") && !strings.Contains(after, " in ") && inside != "" && !strings.Contains(inside, ".") {
		return f, false
	}
	f.Module, f.Function = name[:dot], name[dot+1:]
	if strings.HasSuffix(f.Module, ".") { // a constructor is .ctor
		f.Module, f.Function = f.Module[:len(f.Module)-1], "."+f.Function
	}
	f.Filename, f.Line = csharpPlace(after)
	return f, true
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

// lastDot returns where the name of a method begins, less one: dots in brackets
// are those of type arguments or of an interface.
func lastDot(name string) int {
	depth := 0
	for i := len(name) - 1; i >= 0; i-- {
		switch name[i] {
		case ']', '>':
			depth++
		case '[', '<':
			depth--
		case '.':
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
