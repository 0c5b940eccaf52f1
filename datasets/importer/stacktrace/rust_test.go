package stacktrace

import (
	"testing"

	"whorl/features"
)

func TestRustOdd(t *testing.T) {
	f := features.Frame{Function: "a::f", Filename: "a.rs", Line: 3, Column: 5}
	const stack = "stack backtrace:\n   0: a::f\n             at a.rs:3:5\n"
	testOdd(t, Rust, []odd{
		{"an old head of two lines", "thread 'main' panicked at 'x\ny', a.rs:3:5\n" + stack, []features.Exception{{Type: "panic", Value: "x\ny", Frames: []features.Frame{f}}}},
		{"a quote and a comma", "thread 'main' panicked at 'x', y', a.rs:3:5\n" + stack, []features.Exception{{Type: "panic", Value: "x', y", Frames: []features.Frame{f}}}},
		{"blank lines", "thread 'main' panicked at a.rs:3:5:\nx\n\n\ny\n" + stack, []features.Exception{{Type: "panic", Value: "x\n\n\ny", Frames: []features.Frame{f}}}},
		{"no stack, and the log", "thread 'main' panicked at a.rs:3:5:\nx\n\nstopped\n", []features.Exception{{Type: "panic", Value: "x"}}},
		{"with the thread's number", "thread 'main' (12) panicked at a.rs:3:5:\nx\n" + stack, []features.Exception{{Type: "panic", Value: "x", Frames: []features.Frame{f}}}},
		{"another panic", "thread 'a' panicked at a.rs:3:5:\nx\n" + stack + "\nthread 'b' panicked at b.rs:3:5:\ny\n" + stack, []features.Exception{{Type: "panic", Value: "x", Frames: []features.Frame{f}}}},
		{"a cause and the log", "Error: x\n\nCaused by:\n    y\n\nstopped\n", []features.Exception{{Value: "y"}, {Value: "x"}}},
		{"a panic of an error with a stack", "thread 'main' panicked at a.rs:3:5:\nx\n\nCaused by:\n    y\n\nStack backtrace:\n   0: a::g\n" + stack,
			[]features.Exception{{Value: "y", Frames: []features.Frame{{Function: "a::g"}}}, {Type: "panic", Value: "x", Frames: []features.Frame{f}}}},
	})
}
