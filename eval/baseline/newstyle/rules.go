package newstyle

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"whorl/features"
)

// ErrRules is wrapped by every error about the text of stack trace rules.
var ErrRules = errors.New("bad stack trace rules")

// Config is a set of stack trace rules in the published language. It does not
// change after it was made: any number of goroutines may use one.
//
// A rule is a line of matchers followed by actions; "#" begins a comment.
// Matchers are kind:pattern, all of which must hold for a frame:
//
//	family    native, javascript, other or all; a list with commas
//	path      glob over the lower-cased path; only ** crosses a slash
//	package   glob over the image, as path; exports have none, so that it never matches
//	module, function, category, type, value, mechanism   glob, case counts
//	app       yes or no
//
// "!" before a matcher negates it. "[ m ] |" before the matchers asks for a
// caller that m matches, "| [ m ]" behind them for such a callee. The error's
// type, value and mechanism are also written error.type and so on.
//
// Actions are +app, -app, +group and -group, on the frame itself, with "^" on
// all frames nearer the crash, with "v" on all its callers; and category=NAME,
// max-frames=N, min-frames=N.
type Config struct {
	rules []rule
}

//go:embed rules.txt
var defaultRules string

var defaultConfig = func() *Config {
	c, err := new(Config).With(defaultRules)
	if err != nil {
		panic("newstyle: built-in rules: " + err.Error())
	}
	return c
}()

// DefaultConfig returns the built-in rules.
func DefaultConfig() *Config { return defaultConfig }

// With returns a Config that has further rules behind those of c, as a project's
// own rules come behind the built-in ones. Errors wrap [ErrRules] and name the
// line.
func (c *Config) With(text string) (*Config, error) {
	out := &Config{rules: append([]rule(nil), c.rules...)}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %v", ErrRules, number, err)
		}
		out.rules = append(out.rules, r)
	}
	return out, nil
}

// rule is one line.
type rule struct {
	matchers []matcher
	caller   *matcher // of the frame before; nil: any
	callee   *matcher // of the frame behind; nil: any
	actions  []action
	settles  bool // some action runs when in-app is settled
	shapes   bool // some action runs when the trees are built
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
	families uint8 // bit set over family
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
func (r *rule) matches(t *trace, i int) bool {
	for k := range r.matchers {
		if !r.matchers[k].matches(t, i) {
			return false
		}
	}
	if r.caller != nil && (i == 0 || !r.caller.matches(t, i-1)) {
		return false
	}
	return r.callee == nil || i+1 < len(t.frames) && r.callee.matches(t, i+1)
}

func (m *matcher) matches(t *trace, i int) bool {
	return m.holds(t, &t.frames[i]) != m.negated
}

func (m *matcher) holds(t *trace, f *frame) bool {
	switch m.kind {
	case kindFamily:
		return m.families&(1<<f.family) != 0
	case kindPath:
		return m.path(f.path)
	case kindPackage:
		return m.path(f.image)
	case kindModule:
		return f.module != "" && m.pattern.match(f.module)
	case kindFunction:
		return f.function != "" && m.pattern.match(f.function)
	case kindCategory:
		return f.category != "" && m.pattern.match(f.category)
	case kindApp:
		return (f.inApp == features.Yes) == m.inApp
	case kindType:
		return t.exception.kind != "" && m.pattern.match(t.exception.kind)
	case kindValue:
		return t.exception.value != "" && m.pattern.match(t.exception.value)
	case kindMechanism:
		return t.exception.source.Mechanism != "" && m.pattern.match(t.exception.source.Mechanism)
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

// settle runs the rules that say what is in-app and of which category, in
// order: later rules see what earlier ones did. What is unknown then is not
// in-app.
func (c *Config) settle(t *trace) {
	for k := range c.rules {
		r := &c.rules[k]
		if !r.settles {
			continue
		}
		for i := range t.frames {
			if !r.matches(t, i) {
				continue
			}
			for _, a := range r.actions {
				from, to := a.span(i, len(t.frames))
				switch a.what {
				case setApp:
					value := features.No
					if a.on {
						value = features.Yes
					}
					for j := from; j < to; j++ {
						t.frames[j].inApp = value
					}
				case setCategory:
					t.frames[i].category = a.name
				}
			}
		}
	}
	for i := range t.frames {
		if t.frames[i].inApp == features.Unknown {
			t.frames[i].inApp = features.No
		}
	}
}

// contribute runs the rules that take frames out of a tree or put them back,
// and then the bounds on their number: max-frames keeps those nearest the
// crash, and a tree with fewer than min-frames is dropped whole. A bound of 0
// is none; the last rule that matches sets it.
func (c *Config) contribute(t *trace, trees []frameTree) {
	most, least := 0, 0
	for k := range c.rules {
		r := &c.rules[k]
		if !r.shapes {
			continue
		}
		for i := range t.frames {
			if !r.matches(t, i) {
				continue
			}
			for _, a := range r.actions {
				from, to := a.span(i, len(t.frames))
				switch a.what {
				case setGroup:
					for j := from; j < to; j++ {
						trees[j].contributes = a.on && trees[j].n > 0
					}
				case setMaxFrames:
					most = a.count
				case setMinFrames:
					least = a.count
				}
			}
		}
	}
	n := 0
	for i := len(trees) - 1; i >= 0; i-- {
		if !trees[i].contributes {
			continue
		}
		if n++; most > 0 && n > most {
			trees[i].contributes = false
			n--
		}
	}
	if n < least {
		for i := range trees {
			trees[i].contributes = false
		}
	}
}
