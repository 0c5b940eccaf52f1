package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseRule reads one line that is neither blank nor a comment.
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
			r.groups = true
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
				m.families |= 1 << Native
			case "javascript":
				m.families |= 1 << JavaScript
			case "other":
				m.families |= 1 << Other
			case "all":
				m.families = 0xff
			default:
				return m, fmt.Errorf("unknown family %q: use native, javascript, other or all", f)
			}
		}
	case kindApp:
		if m.inApp, ok = yesOrNo(pattern); !ok {
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
	case "invert-stacktrace":
		if _, ok := yesOrNo(value); !ok {
			return a, fmt.Errorf("invert-stacktrace=%s: use yes or no", value)
		}
		a.what = setInverted
		return a, nil
	}
	return a, fmt.Errorf("unknown action %q: use +app, -app, +group, -group, category=, max-frames=, min-frames= or invert-stacktrace=", s)
}

// yesOrNo reads a truth value; ok is false for another text.
func yesOrNo(s string) (value, ok bool) {
	switch s {
	case "1", "yes", "true":
		return true, true
	case "0", "no", "false":
		return false, true
	}
	return false, false
}
