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
	message  []string // a head whose place is on a later line
	over     bool
}

// The joints and furniture of PHP's traces.
const (
	phpUncaught = "Uncaught "
	phpObject   = "[object] ("
)

func (p *phpParser) line(line string) {
	if p.json { // in JSON every backslash of a name space is two
		line = strings.ReplaceAll(line, `\\`, `\`)
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "" && len(p.message) == 0:
	case p.over:
		p.skip(line)
	case len(trimmed) > 1 && trimmed[0] == '#' && trimmed[1] >= '0' && trimmed[1] <= '9':
		if !p.call(trimmed) {
			p.skip(line)
		}
	case trimmed == "Stack trace:" || trimmed == "[stacktrace]":
		p.endHead()
		p.mark()
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
	if p.begin(typ, value) != nil {
		for _, line := range p.message[1:] {
			p.more(line)
		}
	}
	p.message = nil
}

// object begins the exception of Monolog's form:
//
//	[object] (RuntimeException(code: 0): message at /srv/a.php:12)
func (p *phpParser) object(line string) {
	i := strings.Index(line, phpObject)
	if i < 0 {
		p.skip(line)
		return
	}
	p.json = true
	text := strings.ReplaceAll(line[i+len(phpObject):], `\\`, `\`)
	typ, rest, ok := strings.Cut(text, "(code: ")
	if !ok {
		p.skip(line)
		return
	}
	_, value, _ := strings.Cut(rest, "): ")
	p.file, p.at = "", 0
	if k := strings.LastIndex(value, " at "); k >= 0 {
		place, _, _ := strings.Cut(value[k+len(" at "):], ")")
		if file, n, _ := cutPosition(place); n > 0 {
			p.file, p.at, value = file, n, value[:k]
		}
	}
	p.begin(typ, value)
}

// phpHead cuts "Class: message". A class has a name space behind backslashes.
func phpHead(s string) (typ, value string) {
	typ, value, ok := strings.Cut(s, ": ")
	if !ok {
		typ = strings.TrimSuffix(s, ":")
	}
	if !identifier(strings.ReplaceAll(typ, `\`, ".")) {
		return "", s
	}
	return typ, value
}

// call reads a line of the trace and makes a frame of its function and of the
// place before it.
func (p *phpParser) call(line string) bool {
	n, rest, ok := strings.Cut(line, " ")
	if !ok || !allDigits(n[1:]) {
		return false
	}
	function, file, at := rest, "", int32(0)
	if place, name, ok := strings.Cut(rest, ": "); ok && (strings.HasSuffix(place, ")") || place == "[internal function]") {
		function = name
		if i := strings.LastIndexByte(place, '('); i > 0 {
			if file, at = place[:i], number(place[i+1:len(place)-1]); at == 0 {
				return false
			}
		}
	} else if rest != "{main}" {
		return false
	}
	if i := strings.IndexByte(function, '('); i > 0 && rest != "{main}" {
		function = function[:i]
	} else if rest != "{main}" {
		return false
	}
	f := features.Frame{Function: strings.Replace(function, "->", "::", 1), Filename: p.file, Line: p.at}
	p.frame(f)
	p.file, p.at = file, at
	return true
}
