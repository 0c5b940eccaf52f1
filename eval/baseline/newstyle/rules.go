package newstyle

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
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
//	package   glob over the image; exports have none, so it never matches
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

func parseRule(line string) (rule, error) {
	words, err := ruleWords(line)
	if err != nil {
		return rule{}, err
	}
	var r rule
	if words[0].text == "[" {
		if len(words) < 4 || words[2].text != "]" || words[3].text != "|" {
			return rule{}, errors.New(`write a caller as "[ matcher ] |"`)
		}
		m, err := parseMatcher(words[1].text)
		if err != nil {
			return rule{}, err
		}
		r.caller, words = &m, words[4:]
	}
	for len(words) > 0 && !words[0].isAction() && words[0].text != "|" {
		m, err := parseMatcher(words[0].text)
		if err != nil {
			return rule{}, err
		}
		r.matchers, words = append(r.matchers, m), words[1:]
	}
	if len(words) > 0 && words[0].text == "|" {
		if len(words) < 4 || words[1].text != "[" || words[3].text != "]" {
			return rule{}, errors.New(`write a callee as "| [ matcher ]"`)
		}
		m, err := parseMatcher(words[2].text)
		if err != nil {
			return rule{}, err
		}
		r.callee, words = &m, words[4:]
	}
	if len(r.matchers) == 0 {
		return rule{}, errors.New("no matcher: write one such as function:name")
	}
	if len(words) == 0 {
		return rule{}, errors.New("no action: write one such as -app or -group")
	}
	for _, word := range words {
		a, err := parseAction(word.text)
		if err != nil {
			return rule{}, err
		}
		r.actions = append(r.actions, a)
		if a.what == setApp || a.what == setCategory {
			r.settles = true
		} else {
			r.shapes = true
		}
	}
	return r, nil
}

// ruleWord is one word of a rule; quoted says that it held quotes.
type ruleWord struct {
	text   string
	quoted bool
}

func (w ruleWord) isAction() bool {
	if w.quoted {
		return false
	}
	s := strings.TrimLeft(w.text, "^v")
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		return true
	}
	name, _, ok := strings.Cut(w.text, "=")
	return ok && !strings.Contains(name, ":")
}

// ruleWords splits a rule at spaces outside quotes; a comment ends it.
func ruleWords(line string) ([]ruleWord, error) {
	var words []ruleWord
	var word strings.Builder
	in, quoted := false, false
	flush := func() {
		if word.Len() > 0 || quoted {
			words = append(words, ruleWord{word.String(), quoted})
		}
		word.Reset()
		quoted = false
	}
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == '"':
			in, quoted = !in, true
		case b == '\\' && in && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case in:
			word.WriteByte(b)
		case b == ' ' || b == '\t':
			flush()
		case b == '#' && word.Len() == 0 && !quoted:
			i = len(line)
		default:
			word.WriteByte(b)
		}
	}
	if in {
		return nil, errors.New("a quote is not closed")
	}
	flush()
	if len(words) == 0 {
		return nil, errors.New("no matcher: write one such as function:name")
	}
	return words, nil
}

func parseMatcher(s string) (matcher, error) {
	var m matcher
	rest, negated := strings.CutPrefix(s, "!")
	m.negated = negated
	name, pattern, ok := strings.Cut(rest, ":")
	if !ok {
		return m, fmt.Errorf("%q is neither a matcher nor an action", s)
	}
	m.kind, ok = kinds[name]
	if !ok {
		return m, fmt.Errorf("unknown matcher %q: use family, path, package, module, function, category, app, type, value or mechanism", name)
	}
	if pattern == "" {
		return m, fmt.Errorf("matcher %q has no pattern", name)
	}
	switch m.kind {
	case kindFamily:
		for f := range strings.SplitSeq(pattern, ",") {
			switch f {
			case "native":
				m.families |= 1 << familyNative
			case "javascript":
				m.families |= 1 << familyJavaScript
			case "other":
				m.families |= 1 << familyOther
			case "all":
				m.families = 0xff
			default:
				return m, fmt.Errorf("unknown family %q: use native, javascript, other or all", f)
			}
		}
	case kindApp:
		switch pattern {
		case "1", "yes", "true":
			m.inApp = true
		case "0", "no", "false":
		default:
			return m, fmt.Errorf("app:%s: use yes or no", pattern)
		}
	case kindPath, kindPackage:
		m.pattern = newGlob(strings.ToLower(strings.ReplaceAll(pattern, `\`, "/")), true)
	default:
		m.pattern = newGlob(pattern, false)
	}
	return m, nil
}

func parseAction(s string) (action, error) {
	var a action
	rest := s
	if s[0] == '^' || s[0] == 'v' && len(s) > 1 && (s[1] == '+' || s[1] == '-') {
		a.reach, rest = s[0], s[1:]
	}
	switch rest {
	case "+app", "-app":
		a.what, a.on = setApp, rest[0] == '+'
		return a, nil
	case "+group", "-group":
		a.what, a.on = setGroup, rest[0] == '+'
		return a, nil
	}
	name, value, _ := strings.Cut(s, "=")
	switch name {
	case "category":
		if value == "" {
			return a, errors.New("category= needs a name")
		}
		a.what, a.name = setCategory, value
		return a, nil
	case "max-frames", "min-frames":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return a, fmt.Errorf("%s=%s: use a number of frames, 0 for no limit", name, value)
		}
		a.what, a.count = setMaxFrames, n
		if name == "min-frames" {
			a.what = setMinFrames
		}
		return a, nil
	}
	return a, fmt.Errorf("unknown action %q: use +app, -app, +group, -group, category=, max-frames= or min-frames=", s)
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
		return f.path != "" && (m.pattern.match(f.path) || f.path[0] != '/' && m.pattern.match("/"+f.path))
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
	default:
		return false // kindPackage
	}
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
