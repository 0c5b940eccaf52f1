package newstyle

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
)

// run applies rules alone to frames named by their functions, all in-app, and
// returns the functions of the app tree and the system tree.
func run(t *testing.T, rules, functions string) (app, system string) {
	t.Helper()
	c, err := new(Config).With(rules)
	if err != nil {
		t.Fatal(err)
	}
	var frames []features.Frame
	for f := range strings.FieldsSeq(functions) {
		frames = append(frames, features.Frame{Function: f, InApp: features.Yes})
	}
	tr := newTrace("other", newException(&features.Exception{Type: "Boom", Value: "v", Mechanism: "generic", Frames: frames}))
	c.settle(tr)
	names := func(leaves []Leaf) string {
		var out []string
		for _, leaf := range leaves {
			out = append(out, leaf.Value)
		}
		return strings.Join(out, " ")
	}
	return names(c.leaves(tr, true)), names(c.leaves(tr, false))
}

func TestRules(t *testing.T) {
	for _, c := range []struct{ rules, frames, app, system string }{
		{"", "a b c", "a b c", "a b c"},
		{"function:b -app", "a b c", "a c", "a b c"},
		{"function:b -group", "a b c", "a c", "a c"},
		{"function:b ^-group", "a b c", "a b", "a b"},
		{"function:b v-group", "a b c", "b c", "b c"},
		{"function:b ^-app -app", "a b c", "a", "a b c"},
		{"function:* -app\nfunction:b +app", "a b c", "b", "a b c"},
		{"!function:b -group", "a b c", "b", "b"},
		{"function:b* function:*c -group", "a bc b", "a b", "a b"},
		{"[ function:a ] | function:b -group", "a b b2 b", "a b2 b", "a b2 b"},
		{"function:b | [ function:c ] -group", "b a b c", "b a c", "b a c"},
		{"[ function:a ] | function:b | [ function:c ] -group", "a b c b", "a c b", "a c b"},
		{"function:b category=x\ncategory:x -group", "a b c", "a c", "a c"},
		{"category:x -group\nfunction:b category=x", "a b c", "a c", "a c"}, // in-app and categories settle first
		{"app:no -group\nfunction:a -app", "a b", "b", "b"},
		{"app:yes -group\nfunction:a -app", "a b", "", "a"},
		{"type:Boom function:a -group", "a b", "b", "b"},
		{"error.type:Bam function:a -group", "a b", "a b", "a b"},
		{"value:v mechanism:gen* function:a -group", "a b", "b", "b"},
		{"family:other function:a -group", "a b", "b", "b"},
		{"family:native,javascript function:a -group", "a b", "a b", "a b"},
		{"package:** -group", "a b", "a b", "a b"},
		{"function:a max-frames=2", "a b c", "b c", "b c"},
		{"function:a max-frames=0", "a b c", "a b c", "a b c"},
		{"function:a max-frames=1\nfunction:b max-frames=2", "a b c", "b c", "b c"},
		{"function:c -group\nfunction:a max-frames=1", "a b c", "b", "b"},
		{"function:a min-frames=3", "a b", "", ""},
		{"function:a min-frames=2", "a b", "a b", "a b"},
		{"function:a -app min-frames=2", "a b", "", "a b"},
		{"function:b -group\nfunction:b +group", "a b", "a b", "a b"},
		{`function:"b" -group # comment`, "a b", "a", "a"},
		{"# comment\n\n  function:b -group\r\n", "a b", "a", "a"},
	} {
		app, system := run(t, c.rules, c.frames)
		if app != c.app || system != c.system {
			t.Errorf("%q over %q: app %q, system %q; want %q, %q", c.rules, c.frames, app, system, c.app, c.system)
		}
	}
}

// A frame that is not in-app can be put into the app tree.
func TestGroupBringsBack(t *testing.T) {
	app, _ := run(t, "function:* -app\nfunction:b +group", "a b")
	if app != "b" {
		t.Errorf("app tree %q, want b", app)
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
		{"function:a invert-stacktrace=1", "unknown action"},
		{"function:a category=", "needs a name"},
		{"family:nativ -app", "unknown family"},
		{"app:maybe -app", "use yes or no"},
		{`function:"a -app`, "not closed"},
		{"[ function:a | function:b -app", "caller"},
		{"function:a | function:b -app", "callee"},
		{"function:a -app\nx", "line 2"},
	} {
		_, err := new(Config).With(c.text)
		if !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one about %q", c.text, err, c.want)
		}
	}
}

func TestWithKeepsTheOriginal(t *testing.T) {
	base, err := new(Config).With("function:a -app")
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
	for line := range strings.Lines(defaultRules) {
		f.Add(line)
	}
	f.Add("[ category:x ] | function:\"a b\" | [ !app:yes ] ^-group v+app category=y max-frames=3")
	f.Add("function:\\")
	f.Add("[ ] |")
	f.Add("^")
	frames := []features.Frame{{Function: "a", Filename: "/x/y"}, {Function: "b b", Module: "m"}, {}}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := new(Config).With(text)
		if err != nil {
			if !errors.Is(err, ErrRules) {
				t.Errorf("error %v does not wrap ErrRules", err)
			}
			return
		}
		c.Variants(&features.Event{Platform: "native", Exceptions: []features.Exception{{Type: "T", Frames: frames}}})
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
