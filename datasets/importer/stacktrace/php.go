package stacktrace

import (
	"strings"

	"whorl/features"
)

// parsePHP reads uncaught exceptions as PHP prints them, and as Monolog does.
//
// PHP says of each call where it was made, and in the head where the exception
// was: a function and the place in it stand on two lines. They are put
// together, so that a frame's place is in its function, as trackers have it.
//
// PHP prints the exceptions of a chain cause first and joins them with "Next";
// Monolog prints the outermost first and joins with "[previous exception]".
func parsePHP(r *reading) {
	p := phpParser{reading: r}
	r.each(p.line)
	p.newestFirst()
	if p.previous {
		p.outermostFirst()
	}
}

type phpParser struct {
	*reading
	file     string // where the function of the next frame is
	at       int32
	previous bool
	json     bool     // Monolog's form
	open     bool     // in a message of Monolog's form
	message  []string // a head whose place is on a later line
	over     bool
}

// phpJSON undoes what Monolog escapes: every backslash of a name space is two.
var phpJSON = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// The joints and furniture of PHP's traces.
const (
	phpUncaught = "Uncaught "
	phpObject   = "[object] ("
)

func (p *phpParser) line(line string) {
	if p.json {
		line = phpJSON.Replace(line)
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "" && len(p.message) == 0:
	case p.over:
		p.skip(line)
	case trimmed == "Stack trace:" || trimmed == "[stacktrace]":
		p.endHead()
		p.open = false
		p.mark()
	case p.open:
		p.inObject(line)
	case len(p.message) == 0 && len(trimmed) > 1 && trimmed[0] == '#' && trimmed[1] >= '0' && trimmed[1] <= '9':
		if !p.call(trimmed) {
			p.skip(line)
		}
	case len(p.message) == aheadLines: // no message, or none of PHP's
		p.skip(line)
		p.message = nil
	case len(p.message) > 0:
		p.message = append(p.message, strings.TrimRight(line, " \t"))
		p.tryHead()
	case strings.Contains(line, phpUncaught):
		if len(p.exceptions) > 0 {
			p.over = true
			p.skip(line)
			return
		}
		p.message = []string{line[strings.Index(line, phpUncaught)+len(phpUncaught):]}
		p.tryHead()
	case strings.HasPrefix(trimmed, "Next ") && len(p.exceptions) > 0:
		p.message = []string{trimmed[len("Next "):]}
		p.tryHead()
	case strings.HasPrefix(trimmed, "[previous exception] "):
		p.previous = true
		p.object(trimmed)
	case strings.Contains(trimmed, phpObject):
		if len(p.exceptions) > 0 {
			p.over = true
			p.skip(line)
			return
		}
		p.object(trimmed)
	case strings.HasPrefix(trimmed, "thrown in ") && len(p.exceptions) > 0:
		p.mark()
	default:
		p.skip(line)
	}
}

// tryHead ends a head where its line ends with a place, "in /srv/a.php:12".
// The message may have several lines, and " in " as well.
func (p *phpParser) tryHead() {
	last := p.message[len(p.message)-1]
	i := strings.LastIndex(last, " in ")
	if i < 0 {
		return
	}
	file, n, _ := cutPosition(strings.TrimSpace(last[i+len(" in "):]))
	if n == 0 || file == "" {
		return
	}
	p.message[len(p.message)-1] = last[:i]
	p.file, p.at = file, n
	p.endHead()
}

// endHead begins the exception of a head.
func (p *phpParser) endHead() {
	if len(p.message) == 0 {
		return
	}
	typ, value := phpHead(strings.TrimRight(p.message[0], " \t"))
	if x := p.begin(typ, value); x != nil {
		for _, line := range p.message[1:] {
			p.more(line)
		}
		// PHP adds two words to the message of an error of arguments, so that
		// it goes on with the place.
		if before, ok := strings.CutSuffix(x.Value, " and defined"); ok && strings.Contains(before, ", called in ") {
			x.Value = before
		}
	}
	p.message = nil
}

// object begins the exceptions of Monolog's form:
//
//	[object] (RuntimeException(code: 0): message at /srv/a.php:12)
//
// Monolog 1 has those before it in the same parentheses, after commas, and then
// one trace: the first's. It is begun last, so that the frames become its own.
func (p *phpParser) object(line string) {
	i := strings.Index(line, phpObject)
	if i < 0 {
		p.skip(line)
		return
	}
	text := line[i+len(phpObject):]
	if !p.json { // or this line has been replaced in already
		text = phpJSON.Replace(text)
	}
	p.json = true
	var parts []string
	for end := 0; end >= 0 && len(parts) < MaxExceptions; {
		var part string
		part, end = phpPart(text)
		parts = append(parts, part)
		text = text[max(end, 0):]
	}
	marks := p.marks
	for k := len(parts) - 1; k >= 0; k-- {
		p.part(parts[k])
	}
	if p.marks = min(p.marks, marks+1); p.marks == marks {
		p.skip(line)
	}
}

// phpPart cuts the first exception off Monolog's form. next is where another
// begins, or -1.
func phpPart(s string) (part string, next int) {
	for at := 0; ; {
		i := strings.Index(s[at:], ", ")
		if i < 0 {
			return s, -1
		}
		i += at
		at = i + len(", ")
		class, _, ok := strings.Cut(s[at:min(len(s), at+maxClass)], "(code: ")
		if !ok || !phpClass(class) {
			continue
		}
		if _, n, _ := cutPosition(s[:i]); n > 0 {
			return s[:i], at
		}
	}
}

// maxClass is how long the name of a class may be where it is looked for.
const maxClass = 256

// part begins an exception of "Class(code: 0): message at /srv/a.php:12)".
func (p *phpParser) part(s string) {
	typ, rest, ok := strings.Cut(s, "(code: ")
	if !ok {
		return
	}
	_, value, ok := strings.Cut(rest, "): ")
	if !ok {
		return
	}
	p.file, p.at = "", 0
	value, p.open = p.cutPlace(value)
	if p.begin(typ, value) == nil {
		p.open = false
	}
}

// cutPlace takes the place off the end of a message. open is true if there is
// none: it is on a later line.
func (p *phpParser) cutPlace(s string) (before string, open bool) {
	k := strings.LastIndex(s, " at ")
	if k < 0 {
		return s, true
	}
	file, n, ok := phpPosition(s[k+len(" at "):])
	if !ok {
		return s, true
	}
	p.file, p.at = file, n
	return s[:k], false
}

// phpPosition reads "/srv/a.php:12", with what may stand behind a parenthesis:
// the rest of a record in JSON.
func phpPosition(s string) (file string, line int32, ok bool) {
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != ')' {
			continue
		}
		digits := i
		for digits > 0 && i-digits < maxDigits && s[digits-1] >= '0' && s[digits-1] <= '9' {
			digits--
		}
		if line = number(s[digits:i]); line > 0 && digits > 1 && s[digits-1] == ':' {
			return s[:digits-1], line, true
		}
	}
	return "", 0, false
}

// inObject goes on with a message that Laravel, which keeps line ends, has
// logged.
func (p *phpParser) inObject(line string) {
	if dated(line) { // there was no end
		p.open = false
		p.skip(line)
		return
	}
	line, p.open = p.cutPlace(line)
	p.more(line)
}

// phpHead cuts "Class: message". A class has a name space behind backslashes.
func phpHead(s string) (typ, value string) {
	typ, value, ok := strings.Cut(s, ": ")
	if !ok {
		typ = strings.TrimSuffix(s, ":")
	}
	if !phpClass(typ) {
		return "", s
	}
	return typ, value
}

// phpClass tells whether a text is the name of a class.
func phpClass(s string) bool { return identifier(strings.ReplaceAll(s, `\`, ".")) }

// call reads a line of the trace and makes a frame of its function and of the
// place before it.
func (p *phpParser) call(line string) bool {
	n, rest, ok := strings.Cut(line, " ")
	if !ok || !allDigits(n[1:]) {
		return false
	}
	file, at := "", int32(0)
	if rest != "{main}" {
		var name string
		if file, at, name, ok = phpPlace(rest); !ok {
			return false
		}
		if rest, ok = phpFunction(name); !ok {
			return false
		}
	}
	p.frame(features.Frame{Function: strings.Replace(rest, "->", "::", 1), Filename: p.file, Line: p.at})
	p.file, p.at = file, at
	return true
}

// phpPlace cuts "/srv/a.php(12): f()". Code of eval has two numbers, of which
// the last is its own: "/srv/a.php(31) : eval()'d code(1): f()".
func phpPlace(s string) (file string, line int32, name string, ok bool) {
	if name, ok = strings.CutPrefix(s, "[internal function]: "); ok {
		return "", 0, name, true
	}
	for at := 0; ; {
		i := strings.Index(s[at:], "): ")
		if i < 0 {
			return "", 0, "", false
		}
		i += at
		at = i + len("): ")
		open := strings.LastIndexByte(s[max(0, i-maxDigits):i], '(') + max(0, i-maxDigits)
		if open > 0 && s[open] == '(' {
			if line = number(s[open+1 : i]); line > 0 {
				return s[:open], line, s[at:], true
			}
		}
	}
}

// maxDigits is how long the number of a line and a parenthesis can be.
const maxDigits = 11

// phpFunction takes the arguments off a call. Since 8.4 a closure is named for
// where it is, which may have parentheses: {closure:Shop\Rule::all():44}.
func phpFunction(s string) (function string, ok bool) {
	i := strings.IndexByte(s, '(')
	if k := strings.Index(s, "{closure:"); k >= 0 && k < i {
		if end := strings.Index(s[k:], "}("); end >= 0 {
			i = k + end + 1
		}
	}
	if i <= 0 {
		return "", false
	}
	return s[:i], true
}
