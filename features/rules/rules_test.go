package rules

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestVerdicts runs rules over frames called a, b and c, a the oldest caller. It
// writes each as its name, "!" for in-app, "+" or "-" for what +group or -group
// said last, and its category in brackets.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		text, want  string
		most, least int
	}{
		{"", "a! b c", 0, 0},
		{"function:b ^+app v-app", "a b c!", 0, 0},
		{"function:b ^-group v+group", "a!+ b c-", 0, 0},
		{"function:? -group\nfunction:b +group", "a!- b+ c-", 0, 0},
		{"function:b category=x\n[ category:x ] | function:* category=y", "a! b(x) c(y)", 0, 0},
		{"app:yes -group category=own", "a!-(own) b c", 0, 0},
		{"function:a max-frames=3\nfunction:b min-frames=2 max-frames=1", "a! b c", 1, 2},
		{"function:z max-frames=3 -group", "a! b c", 0, 0},
		{"function:a invert-stacktrace=no", "a! b c", 0, 0},
	} {
		s, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		trace := Trace{Frames: []Frame{{Function: "a", InApp: true}, {Function: "b"}, {Function: "c"}}}
		s.Settle(&trace)
		most, least := s.Group(&trace)
		var out []string
		for _, f := range trace.Frames {
			name := f.Function
			if f.InApp {
				name += "!"
			}
			name += [...]string{Silent: "", In: "+", Out: "-"}[f.Group]
			if f.Category != "" {
				name += "(" + f.Category + ")"
			}
			out = append(out, name)
		}
		if got := strings.Join(out, " "); got != c.want || most != c.most || least != c.least {
			t.Errorf("%q: %q, bounds %d and %d; want %q, %d and %d", c.text, got, most, least, c.want, c.most, c.least)
		}
	}
}

func TestDigest(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := Digest("abc"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBadRules(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"function:a", "no action"},
		{"-app", "no matcher"},
		{`"" -app`, "neither a matcher"},
		{"functoin:a -app", `unknown matcher "functoin"`},
		{"function: -app", "no pattern"},
		{"function:a +ap", `unknown action "+ap"`},
		{"function:a -app function:b", "unknown action"},
		{"function:a max-frames=x", "use a number"},
		{"function:a max-frames=-1", "use a number"},
		{"function:a invert-stacktrace=x", "use yes or no"},
		{"function:a invert=1", "unknown action"},
		{"function:a category=", "needs a name"},
		{"family:nativ -app", "unknown family"},
		{"app:maybe -app", "use yes or no"},
		{`function:"a -app`, "not closed"},
		{"[ function:a | function:b -app", "caller"},
		{"function:a | function:b -app", "callee"},
		{"function:a -app\nx", "line 2"},
	} {
		_, err := Parse(c.text)
		if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one about %q", c.text, err, c.want)
		}
	}
}

func TestWithKeepsTheOriginal(t *testing.T) {
	base, err := Parse("function:a -app")
	if err != nil {
		t.Fatal(err)
	}
	more, err := base.With("function:b -app")
	if err != nil {
		t.Fatal(err)
	}
	other, err := base.With("function:c -app")
	if err != nil {
		t.Fatal(err)
	}
	if len(base.rules) != 1 || more.rules[1].matchers[0].pattern.text != "b" || other.rules[1].matchers[0].pattern.text != "c" {
		t.Error("configurations share rules")
	}
}

func FuzzRules(f *testing.F) {
	builtIn, err := os.ReadFile("../../eval/baseline/newstyle/rules.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(builtIn)) {
		f.Add(line)
	}
	f.Add("[ category:x ] | function:\"a b\" | [ !app:yes ] ^-group v+app category=y max-frames=3")
	f.Add("function:\\")
	f.Add("[ ] |")
	f.Add("^")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Errorf("error %v does not wrap ErrSyntax", err)
			}
			return
		}
		trace := Trace{Type: "T", Frames: []Frame{{Family: Native, Function: "a", Path: "/x/y"}, {Family: Native, Function: "b b", Module: "m"}, {}}}
		s.Settle(&trace)
		most, least := s.Group(&trace)
		if most < 0 || least < 0 {
			t.Errorf("bounds of %d and %d frames", most, least)
		}
	})
}

// globReference translates a pattern to a regular expression.
func globReference(pattern string, path bool) *regexp.Regexp {
	var out strings.Builder
	out.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); i++ {
		switch {
		case path && strings.HasPrefix(pattern[i:], "**"):
			out.WriteString(".*")
			i++
		case pattern[i] == '*' && path:
			out.WriteString("[^/]*")
		case pattern[i] == '*':
			out.WriteString(".*")
		case pattern[i] == '?' && path:
			out.WriteString("[^/]")
		case pattern[i] == '?':
			out.WriteString(".")
		default:
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	out.WriteString("$")
	return regexp.MustCompile(out.String())
}

func TestGlobAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab/*?*")), 0, 10, -1).Draw(t, "pattern")
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 0, 10, -1).Draw(t, "text")
		path := rapid.Bool().Draw(t, "path")
		g := newGlob(pattern, path)
		if got, want := g.match(text), globReference(pattern, path).MatchString(text); got != want {
			t.Errorf("%q (path %v) matches %q: %v, want %v", pattern, path, text, got, want)
		}
	})
}

// A pattern of many stars takes no more than length times length steps.
func TestGlobIsNotExponential(t *testing.T) {
	g := newGlob(strings.Repeat("**a", 60)+"b", true)
	if g.match(strings.Repeat("a", 3000)) {
		t.Error("matches a text without b")
	}
}
