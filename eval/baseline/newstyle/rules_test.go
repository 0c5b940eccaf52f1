package newstyle

import (
	"strings"
	"testing"

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
