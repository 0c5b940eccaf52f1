package stacktrace

import (
	"testing"

	"whorl/features"
)

func TestPythonOdd(t *testing.T) {
	f := features.Frame{Filename: "a.py", Function: "f", Line: 3}
	const header, frame = pythonHeader + "\n", "  File \"a.py\", line 3, in f\n"
	testOdd(t, Python, []odd{
		{"no value", header + frame + "E\n", []features.Exception{{Type: "E", Frames: []features.Frame{f}}}},
		{"empty value", header + frame + "E: \n", []features.Exception{{Type: "E", Frames: []features.Frame{f}}}},
		{"a string raised by Python 2", header + frame + "out of stock, sorry\n", []features.Exception{{Value: "out of stock, sorry", Frames: []features.Frame{f}}}},
		{"a quote in a name", header + "  File \"a\", line 1, in b.py\", line 3, in f\nE\n", []features.Exception{{Type: "E", Frames: []features.Frame{{Filename: `a", line 1, in b.py`, Function: "f", Line: 3}}}}},
		{"a record of a log right behind", header + frame + "E: x\n2026-03-01 10:00:00 INFO y\n", []features.Exception{{Type: "E", Value: "x", Frames: []features.Frame{f}}}},
		{"another error behind", header + frame + "E: x\n" + header + frame + "F: y\n", []features.Exception{{Type: "E", Value: "x", Frames: []features.Frame{f}}}},
		{"blank lines before a cause", header + frame + "E: x\n\n  File \"b.py\", line 4, in g\nF: y\n\n" + pythonCause + "\n\n" + header + frame + "G\n", []features.Exception{
			{Type: "E", Value: "x\n\n  File \"b.py\", line 4, in g\nF: y", Frames: []features.Frame{f}}, {Type: "G", Frames: []features.Frame{f}}}},
		{"another error is a group", header + frame + "E: x\n\n  + Exception Group " + pythonHeader + "\n  | " + frame + "  | G: z (1 sub-exception)\n", []features.Exception{{Type: "E", Value: "x", Frames: []features.Frame{f}}}},
		{"no frames", header + "E: x\n", []features.Exception{{Type: "E", Value: "x"}}},
		{"repeated once", header + frame + "  [Previous line repeated 1 more time]\nE\n", []features.Exception{{Type: "E", Frames: []features.Frame{f, f}}}},
		{"nothing to repeat", header + "  [Previous line repeated 1 more time]\nE\n", []features.Exception{{Type: "E"}}},
	})
}

// TestPythonRepeat restores no more frames of a recursion than a trace may have.
func TestPythonRepeat(t *testing.T) {
	for _, tt := range []struct {
		times string
		want  int
	}{{"996", 997}, {"2000000000", MaxFrames}} {
		trace, _ := Parse(Python, pythonHeader+"\n  File \"a.py\", line 3, in f\n  [Previous line repeated "+tt.times+" more times]\nRecursionError: x\n")
		if got := len(trace.Exceptions[0].Frames); got != tt.want || trace.Marks != 4 {
			t.Errorf("%s times: %d frames, want %d; %d marks", tt.times, got, tt.want, trace.Marks)
		}
	}
}
