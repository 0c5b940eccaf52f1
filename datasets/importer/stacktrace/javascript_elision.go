package stacktrace

import (
	"slices"
	"strings"

	"whorl/features"
)

// elision is where Node.js left frames out that the stack of the cause has, too:
//
//	... 4 lines matching cause stack trace ...
type elision struct {
	exception int // in printed order
	at        int // of the exception's frames, in printed order
	n         int
}

// elided reads a line that stands for frames.
func (p *scriptParser) elided(trimmed string) bool {
	rest, is := strings.CutPrefix(trimmed, "... ")
	if !is || !p.open {
		return false
	}
	if repeated, is := strings.CutPrefix(rest, "collapsed "); is {
		return p.repeat(repeated)
	}
	count, what, _ := strings.Cut(rest, " ")
	n := int(number(count))
	if n == 0 || what != "lines matching cause stack trace ..." {
		return false
	}
	p.mark()
	// Node.js leaves out one part of a stack. More would be somebody's joke, for
	// which the frames of a cause would be searched again and again.
	last := len(p.exceptions) - 1
	if e := len(p.elisions); last >= 0 && (e == 0 || p.elisions[e-1].exception != last) {
		p.elisions = append(p.elisions, elision{last, len(p.exceptions[last].Frames), n})
	}
	return true
}

// repeat adds frames again that Node.js 24 and newer collapse:
//
//	... collapsed 8 duplicate lines matching above 4 lines 2 times...
//	... collapsed 3 duplicate lines matching above lines ...
func (p *scriptParser) repeat(text string) bool {
	count, rest, _ := strings.Cut(text, " ")
	all := int(number(count))
	rest, is := strings.CutPrefix(rest, "duplicate lines matching above ")
	x := p.current()
	if all == 0 || !is || x == nil {
		return false
	}
	p.mark()
	each := all
	if count, _, _ := strings.Cut(rest, " "); number(count) > 0 {
		each = int(number(count))
	}
	if each > len(x.Frames) {
		return true // cut before
	}
	for range min(all, MaxFrames-p.frames) {
		x.Frames = append(x.Frames, x.Frames[len(x.Frames)-each])
		p.frames++
	}
	return true
}

// restore puts the frames back that are left out. The cause, which is printed
// behind what it caused, comes first, as it may have lost frames to its own.
func (p *scriptParser) restore() {
	for _, e := range slices.Backward(p.elisions) {
		if e.exception+1 == len(p.exceptions) {
			continue // the text was cut before the cause
		}
		x := &p.exceptions[e.exception]
		lost := matching(x.Frames, e, p.exceptions[e.exception+1].Frames)
		lost = lost[:min(len(lost), MaxFrames-p.frames)]
		x.Frames = slices.Insert(x.Frames, e.at, lost...)
		p.frames += len(lost)
	}
}

// matching returns the frames of a cause that are left out of another stack:
// those between the two that stand around the gap. Where no place fits, none
// are returned.
func matching(frames []features.Frame, e elision, cause []features.Frame) []features.Frame {
	if e.at == 0 {
		return nil
	}
	for i, f := range cause {
		end := i + 1 + e.n
		if end > len(cause) {
			return nil
		}
		if f == frames[e.at-1] && (e.at == len(frames) || end < len(cause) && cause[end] == frames[e.at]) {
			return cause[i+1 : end]
		}
	}
	return nil
}
