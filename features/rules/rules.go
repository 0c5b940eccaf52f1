package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrSyntax is wrapped by every error about the text of stack trace rules.
var ErrSyntax = errors.New("bad stack trace rules")

// Set is a list of stack trace rules. It does not change after it was made: any
// number of goroutines may use one. The zero value has no rule.
type Set struct {
	rules []rule
}

// Parse reads rules. Errors wrap [ErrSyntax] and name the line.
func Parse(text string) (*Set, error) { return new(Set).With(text) }

// With returns a Set that has further rules behind those of s, as a project's
// own rules come behind built-in ones. Errors are those of [Parse].
func (s *Set) With(text string) (*Set, error) {
	out := &Set{rules: append([]rule(nil), s.rules...)}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %v", ErrSyntax, number, err)
		}
		out.rules = append(out.rules, r)
	}
	return out, nil
}

// Digest names the text of rules: its SHA-256 in lower-case hexadecimal. A model
// that was trained under rules has their digest in its provenance.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// rule is one line.
type rule struct {
	matchers []matcher
	caller   *matcher // of the frame before; nil: any
	callee   *matcher // of the frame behind; nil: any
	actions  []action
	settles  bool // some action runs when in-app is settled
	groups   bool // some action says what counts
}

// kind says what a matcher looks at.
type kind uint8

const (
	kindFamily kind = iota
	kindPath
	kindPackage
	kindModule
	kindFunction
	kindCategory
	kindApp
	kindType
	kindValue
	kindMechanism
)

var kinds = map[string]kind{
	"family": kindFamily, "path": kindPath, "stack.abs_path": kindPath,
	"package": kindPackage, "stack.package": kindPackage,
	"module": kindModule, "stack.module": kindModule,
	"function": kindFunction, "stack.function": kindFunction,
	"category": kindCategory, "app": kindApp,
	"type": kindType, "error.type": kindType,
	"value": kindValue, "error.value": kindValue,
	"mechanism": kindMechanism, "error.mechanism": kindMechanism,
}

// matcher is one condition on a frame.
type matcher struct {
	kind     kind
	negated  bool
	pattern  glob
	families uint8 // bit set over Family
	inApp    bool
}

// what an action changes.
type what uint8

const (
	setApp what = iota
	setGroup
	setCategory
	setMaxFrames
	setMinFrames
	setInverted // looks at nothing here
)

// action is one consequence of a rule.
type action struct {
	what  what
	reach byte // 0 the frame, '^' those nearer the crash, 'v' its callers
	on    bool
	name  string // category
	count int    // frames
}

// matches reports whether a rule holds for frame i.
func (r *rule) matches(t *Trace, i int) bool {
	for k := range r.matchers {
		if !r.matchers[k].matches(t, i) {
			return false
		}
	}
	if r.caller != nil && (i == 0 || !r.caller.matches(t, i-1)) {
		return false
	}
	return r.callee == nil || i+1 < len(t.Frames) && r.callee.matches(t, i+1)
}

func (m *matcher) matches(t *Trace, i int) bool {
	return m.holds(t, &t.Frames[i]) != m.negated
}

func (m *matcher) holds(t *Trace, f *Frame) bool {
	switch m.kind {
	case kindFamily:
		return m.families&(1<<f.Family) != 0
	case kindPath:
		return m.path(f.Path)
	case kindPackage:
		return m.path(f.Package)
	case kindModule:
		return f.Module != "" && m.pattern.match(f.Module)
	case kindFunction:
		return f.Function != "" && m.pattern.match(f.Function)
	case kindCategory:
		return f.Category != "" && m.pattern.match(f.Category)
	case kindApp:
		return f.InApp == m.inApp
	case kindType:
		return t.Type != "" && m.pattern.match(t.Type)
	case kindValue:
		return t.Value != "" && m.pattern.match(t.Value)
	case kindMechanism:
		return t.Mechanism != "" && m.pattern.match(t.Mechanism)
	}
	return false
}

// path matches a path, also as if it began at the root.
func (m *matcher) path(s string) bool {
	return s != "" && (m.pattern.match(s) || s[0] != '/' && m.pattern.match("/"+s))
}

// span returns the frames that an action on frame i of n reaches.
func (a *action) span(i, n int) (from, to int) {
	switch a.reach {
	case '^':
		return i + 1, n
	case 'v':
		return 0, i
	}
	return i, i + 1
}

// Settle runs the rules that say what is in-app and of which category, in
// order: later rules see what earlier ones did.
func (s *Set) Settle(t *Trace) {
	for k := range s.rules {
		r := &s.rules[k]
		if !r.settles {
			continue
		}
		for i := range t.Frames {
			if !r.matches(t, i) {
				continue
			}
			for _, a := range r.actions {
				from, to := a.span(i, len(t.Frames))
				switch a.what {
				case setApp:
					for j := from; j < to; j++ {
						t.Frames[j].InApp = a.on
					}
				case setCategory:
					t.Frames[i].Category = a.name
				}
			}
		}
	}
}

// Group runs the rules that say which frames count and notes what the last of
// them says of each frame. Settle comes before it: matchers see what that left.
// It returns the bounds that the last matching rules set on the number of frames
// that count, 0 for none; who builds a tree applies them.
func (s *Set) Group(t *Trace) (most, least int) {
	for k := range s.rules {
		r := &s.rules[k]
		if !r.groups {
			continue
		}
		for i := range t.Frames {
			if !r.matches(t, i) {
				continue
			}
			for _, a := range r.actions {
				switch a.what {
				case setGroup:
					verdict := Out
					if a.on {
						verdict = In
					}
					from, to := a.span(i, len(t.Frames))
					for j := from; j < to; j++ {
						t.Frames[j].Group = verdict
					}
				case setMaxFrames:
					most = a.count
				case setMinFrames:
					least = a.count
				}
			}
		}
	}
	return most, least
}
