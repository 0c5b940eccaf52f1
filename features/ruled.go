package features

import (
	"cmp"

	"whorl/features/rules"
)

// maxRuled is how many frames of an exception rules see, those nearest the
// crash: actions on all callers take time of the product of frames.
const maxRuled = 1024

// runRules fills t with the frames of an exception that rules see and runs them.
// What is in-app before the first rule is what the record would say without any:
// the reporter's word, or the normaliser's guess. Neither the exception nor what
// is remembered of its frames changes.
func runRules(s *rules.Set, t *rules.Trace, platform Platform, e *Exception, inApp func(i int) bool) {
	t.Type, t.Value, t.Mechanism = e.Type, e.Value, e.Mechanism
	if t.Type == "" {
		t.Type, t.Value = rules.SplitType(e.Value)
	}
	name := platform.String()
	family := rules.FamilyOf(name)
	clear(t.Frames) // its text is not kept alive behind a shorter trace
	t.Frames = t.Frames[:0]
	for i := max(0, len(e.Frames)-maxRuled); i < len(e.Frames); i++ {
		f := &e.Frames[i]
		function := f.Function
		if function == "?" || function == "??" {
			function = ""
		}
		t.Frames = append(t.Frames, rules.Frame{
			Family: family, Function: rules.TrimFunction(name, function), Module: f.Module,
			Path: rules.PathOf(cmp.Or(f.AbsPath, f.Filename)), Package: rules.PathOf(f.Package),
			InApp: inApp(i),
		})
	}
	s.Settle(t)
	s.Group(t) // its bounds are for hashes; a record has its own
}

// ruled returns the bits of frame i of n after the rules.
func ruled(bits frameBits, t *rules.Trace, i, n int) frameBits {
	if i -= n - len(t.Frames); i < 0 {
		return bits // too far from the crash for rules to see
	}
	f := &t.Frames[i]
	bits &^= bitInApp
	if f.InApp {
		bits |= bitInApp
	}
	switch f.Group {
	case rules.In:
		bits |= bitKept
	case rules.Out:
		bits |= bitLeftOut
	}
	return bits
}

// The marks that rules give a frame, see [NormalizeFrames].
const (
	MarkKept    = "kept"     // +group
	MarkLeftOut = "left-out" // -group
)

// NormalizeFrames returns the normal forms of all frames of an event, exception
// by exception and the crashing frame first, under rules (nil: none). What rules
// settle of in-app stands in the marks, and so does [MarkLeftOut] for what they
// take out of the record and [MarkKept] for what they keep in it. It is for
// people to look at, as [NormalizeFrame] is.
func NormalizeFrames(e *Event, s *rules.Set) []NormalFrame {
	platform := ParsePlatform(e.Platform)
	var out []NormalFrame
	var t rules.Trace
	for i := range e.Exceptions {
		x := &e.Exceptions[i]
		names := make([]frameName, len(x.Frames))
		for j := range names {
			names[j] = normalizeFrame(platform, &x.Frames[j])
		}
		if s != nil {
			runRules(s, &t, platform, x, func(j int) bool { return names[j].bits&bitInApp != 0 })
		}
		for j := len(names) - 1; j >= 0; j-- {
			if s != nil {
				names[j].bits = ruled(names[j].bits, &t, j, len(names))
			}
			out = append(out, names[j].normal())
		}
	}
	return out
}
