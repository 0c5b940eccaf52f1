package stacktrace

import (
	"testing"

	"whorl/features"
)

func TestRubyOdd(t *testing.T) {
	f := features.Frame{Filename: "a.rb", Function: "f", Line: 1}
	g := features.Frame{Filename: "b.rb", Function: "g", Line: 2}
	one := func(typ, value string, frames ...features.Frame) []features.Exception {
		return []features.Exception{{Type: typ, Value: value, Frames: frames}}
	}
	testOdd(t, Ruby, []odd{
		{"no message", "a.rb:1:in `f': E\n", one("E", "", f)},
		{"a message in parentheses", "a.rb:1:in 'f': x (y) (A::E)\n", one("A::E", "x (y)", f)},
		{"lines below the class", "a.rb:1:in 'f': x (E)\n  y\n\tfrom b.rb:2:in 'g'\n", one("E", "x\n  y", g, f)},
		{"what the program prints behind", "a.rb:1:in 'f': x (E)\nstopped\n", one("E", "x", f)},
		{"a cut caller", "a.rb:1:in 'f': x (E)\n\tfrom b.rb:2:in 'g", one("E", "x", f)},
		{"a drive", "C:/a.rb:1:in `f': x (E)\n", one("E", "x", features.Frame{Filename: "C:/a.rb", Function: "f", Line: 1})},
		{"an operator", "a.rb:1:in `[]=': x (E)\n", one("E", "x", features.Frame{Filename: "a.rb", Function: "[]=", Line: 1})},
		{"words with from", "from 10:30 on\n", nil},
		{"a caller in no function", "a.rb:1:in `f': x (E)\n\tfrom b.rb:2\n", one("E", "x", features.Frame{Filename: "b.rb", Line: 2}, f)},
		{"the form of Java", "E: x\n\tfrom RUBY.g(b.rb:2)\n", one("E", "x", g)},
	})
}
