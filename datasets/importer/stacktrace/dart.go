package stacktrace

import (
	"strings"

	"whorl/features"
)

// parseDart reads the stacks of the Dart VM, those of package:stack_trace, and
// the reports of Flutter. The crashing frame stands first. In obfuscated
// builds a frame is an address alone, which is kept as what it is.
func parseDart(r *reading) {
	p := dartParser{reading: r}
	r.each(p.line)
	p.newestFirst()
}

type dartParser struct {
	*reading
	head    []string // lines since a header that are the exception's text
	collect bool
	over    bool
}

func (p *dartParser) line(line string) {
	text := dartLine(line)
	trimmed := strings.TrimSpace(text)
	f, ok := dartFrame(trimmed)
	switch {
	case p.over:
		p.skip(line)
	case ok && strings.HasPrefix(trimmed, "#0 ") && len(p.exceptions) > 0 && len(p.current().Frames) > 0 && !p.collect:
		p.over = true // another stack
		p.skip(line)
	case ok:
		p.begun()
		p.frame(f)
	case trimmed == "<asynchronous suspension>" || strings.HasPrefix(trimmed, "===== asynchronous gap") || strings.HasPrefix(trimmed, "(elided "):
		p.mark()
	case strings.HasPrefix(trimmed, "══╡ ") || strings.HasSuffix(trimmed, "Unhandled Exception:") || trimmed == "Unhandled exception:":
		p.header()
	case strings.Contains(trimmed, "Unhandled Exception: "):
		_, message, _ := strings.Cut(trimmed, "Unhandled Exception: ")
		p.header()
		p.head = []string{message}
	case strings.HasPrefix(trimmed, "When the exception was thrown, this was the stack"):
		p.mark()
	case strings.HasPrefix(trimmed, "The following ") && p.collect && strings.Contains(trimmed, " was thrown"):
		p.head = []string{dartFollowing(trimmed)}
	case p.collect && trimmed != "":
		p.head = append(p.head, strings.TrimRight(text, " \t"))
	case trimmed == "":
	case len(p.exceptions) == 0:
		// A head without a header: the line right before the frames.
		if len(p.head) > 0 {
			p.skip(p.head[0])
		}
		p.head = []string{trimmed}
	default:
		p.skip(line)
	}
}

// header begins a report: what stood before it does not belong to it.
func (p *dartParser) header() {
	p.mark()
	if len(p.head) > 0 {
		p.skip(p.head[0])
	}
	p.collect, p.head = true, nil
}

// begun makes an exception of what stood before the first frame.
func (p *dartParser) begun() {
	if len(p.head) == 0 || len(p.exceptions) > 0 {
		p.collect = false
		return
	}
	typ, value := dartHead(p.head[0])
	if !p.collect && !strings.HasSuffix(typ, "Exception") && !strings.HasSuffix(typ, "Error") {
		p.skip(p.head[0]) // nothing said that it is a head
		p.head = nil
		return
	}
	p.begin(typ, value)
	p.marks-- // its header was marked
	for _, line := range p.head[1:] {
		p.more(line)
	}
	p.head, p.collect = nil, false
}

// dartFollowing makes a head of Flutter's sentence: "The following StateError
// was thrown building Cart:".
func dartFollowing(s string) string {
	s = strings.TrimPrefix(s, "The following ")
	typ, _, _ := strings.Cut(s, " was thrown")
	typ = strings.TrimSuffix(typ, " object")
	if identifier(typ) && typ[0] >= 'A' && typ[0] <= 'Z' || strings.HasPrefix(typ, "_") {
		return typ + ":"
	}
	return "Error:"
}

func dartHead(s string) (typ, value string) {
	typ, value, ok := strings.Cut(s, ": ")
	if !ok {
		typ = strings.TrimSuffix(s, ":")
		if typ == s {
			return "", s
		}
	}
	if !identifier(typ) {
		return "", s
	}
	return typ, value
}

// dartLine takes the prefix of the device's log off: "E/flutter ( 1234): ".
func dartLine(line string) string {
	if strings.HasPrefix(line, "E/flutter") || strings.HasPrefix(line, "I/flutter") {
		if _, rest, ok := strings.Cut(line, "): "); ok {
			return rest
		}
	}
	return strings.TrimPrefix(line, "flutter: ")
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
			i := strings.Index(rest, "_kDart")
			if i < 0 {
				return f, false
			}
			f.Function = rest[i:]
			return f, true
		}
		open := openingParen(rest)
		if open <= 0 || !strings.HasSuffix(rest, ")") || rest[open-1] != ' ' {
			return f, false
		}
		place := rest[open+1 : len(rest)-1]
		f.Function = strings.TrimSpace(rest[:open])
		f.Filename, f.Line, f.Column = cutPosition(place)
		return f, dartPlace(f.Filename)
	}
	place, rest, ok := strings.Cut(s, " ")
	if !ok || !dartPlace(place) {
		return f, false
	}
	// package:stack_trace leaves out what it does not know of the position.
	position, function, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if _, line, column := cutPosition("x:" + position); line > 0 {
		f.Line, f.Column = line, column
	} else {
		function = rest
	}
	f.Filename, f.Function = place, strings.TrimSpace(function)
	return f, f.Function != ""
}

// dartPlace tells whether a path is one of Dart's.
func dartPlace(s string) bool {
	return strings.HasPrefix(s, "package:") || strings.HasPrefix(s, "dart:") || strings.HasSuffix(s, ".dart")
}
