package stacktrace

import (
	"testing"

	"whorl/features"
)

func TestPHPOdd(t *testing.T) {
	main := features.Frame{Function: "{main}", Filename: "/b.php", Line: 9}
	testOdd(t, PHP, []odd{
		{"a closure of 8.4", "#0 /b.php(9): A\\{closure:B::c():4}('}(')\n#1 {main}\n",
			[]features.Exception{{Frames: []features.Frame{main, {Function: `A\{closure:B::c():4}`}}}}},
		{"a closure as argument", "#0 /b.php(9): f('{closure:x}(')\n#1 {main}\n",
			[]features.Exception{{Frames: []features.Frame{main, {Function: "f"}}}}},
		{"arguments like a place", "#0 /b.php(9): f('c.php(3): g()')\n#1 {main}\n",
			[]features.Exception{{Frames: []features.Frame{main, {Function: "f"}}}}},
		{"words added to errors of arguments", "Uncaught TypeError: f(): x, called in /b.php on line 9 and defined in /a.php:3\nStack trace:\n#0 /b.php(9): f()\n#1 {main}\n",
			[]features.Exception{{Type: "TypeError", Value: "f(): x, called in /b.php on line 9", Frames: []features.Frame{main, {Function: "f", Filename: "/a.php", Line: 3}}}}},
		{"JSON behind", `[object] (E(code: 0): x at /b.php:9)","user":"(y)"}` + "\n[stacktrace]\n#0 {main}\n",
			[]features.Exception{{Type: "E", Value: "x", Frames: []features.Frame{main}}}},
		{"a comma in a message", "[object] (E(code: 0): a, b(code: 1): c at /b.php:9)\n[stacktrace]\n#0 {main}\n",
			[]features.Exception{{Type: "E", Value: "a, b(code: 1): c", Frames: []features.Frame{main}}}},
		{"Monolog 1 has the trace of the first", "[object] (E(code: 0): x at /b.php:9, F(code: 0): y at /c.php:3)\n[stacktrace]\n#0 {main}\n",
			[]features.Exception{{Type: "F", Value: "y"}, {Type: "E", Value: "x", Frames: []features.Frame{main}}}},
		{"no line", "#0 /b.php(): f()\n", nil},
		{"not a call", "#0 nothing\n#1 /b.php(9): f\n", nil},
	})
}
