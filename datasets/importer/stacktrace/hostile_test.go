package stacktrace

import (
	"strings"
	"testing"
)

// TestHostile reads large texts that are made to be slow. Each would take hours
// if a parser's time grew in square.
func TestHostile(t *testing.T) {
	lines := []string{
		"", "x", "a: b", "a: b: ", "Error: x", "java.lang.Error: x", "System.Exception: x ---> ", "panic: x", "goroutine 1 [running]:", "Traceback (most recent call last):",
		"  File \"a\", line 1, in b", "    |", "  +-+--", pythonCause, "\tat a.B.c(D.java:1)", "Caused by: x", "\t... 9999 more", "   at a.b(", "   at A.B(C c) in d:line 1", "---> System.Exception: x",
		"    at f (a:1:1)", "f@a:1:1", "[cause]: Error: x", "a.rb:1:in `b'", "\tfrom a.rb:1:in `b'", "a.rb:1:in `b': c", "Uncaught x", "Next X: y", "#0 a(1): b()", "#0 {main}",
		"thread 'x' panicked at y", "stack backtrace:", "   0: f", "Caused by:", "Error: x", "#0      f (dart:a)", "Unhandled exception:", "#0  0x1 in f () at a.c:1", "BUG: x", " f+0x1/0x2",
		"\tSuppressed: a.B: x", "a.BException: x\n\n", "at ((((", "Stack overflow.", "a ---> b", "A.B: x ---> (Inner Exception #0) A.B: x", "A.B (c) (at d:1)", "runtime stack:", "... 1 more", "E/a( 1): b.C: d", "[  1.0] ", "\x1b[1m", "[Previous line repeated 999999999 more times]", "main.f()", "\t/a.go:1",
		"[  1.0] ", "\x1b[1m", "[Previous line repeated 999999999 more times]", "main.f()", "\t/a.go:1",
		"[errors]: [", "[cause]: [Error: x", "[AggregateError: x] {", "Error: x] { [cause]: [", "at f (a:1:1) {", "... 9 lines matching cause stack trace ...",
		"... collapsed 9 duplicate lines matching above 1 lines 9 times...", "at f (eval at f (", "    ^", "2026-03-01 ERROR [x] (node:1) ", "══╡ x", "The following X was thrown (",
		"flutter: x", "a.dart 1:1  f", "#00 abs 0 ", "<asynchronous suspension>",
	}
	const size = 512 << 10
	for _, line := range lines {
		for _, text := range []string{
			strings.Repeat(line+"\n", size/(len(line)+1)),
			strings.Repeat(line, size/max(len(line), 1)),
			"Error: x\n" + strings.Repeat(line+"\n\n", size/(len(line)+2)),
			strings.Repeat("(", size/2) + line + strings.Repeat(")", size/2),
		} {
			for _, l := range Languages() {
				checkBounds(t, l, text)
			}
		}
	}
}

func checkBounds(t *testing.T, language Language, text string) {
	trace, _ := Parse(language, text)
	frames := 0
	for _, x := range trace.Exceptions {
		frames += len(x.Frames)
		if len(x.Value) > MaxMessage+MaxLine {
			t.Errorf("%s: a message of %d bytes", language, len(x.Value))
		}
	}
	if frames > MaxFrames || len(trace.Exceptions) > MaxExceptions {
		t.Errorf("%s: %d frames, %d exceptions", language, frames, len(trace.Exceptions))
	}
}

// BenchmarkParse reads the fixtures of each language.
func BenchmarkParse(b *testing.B) {
	for _, l := range append(Languages(), Auto) {
		b.Run(string(l), func(b *testing.B) {
			var texts []string
			size := 0
			for _, p := range fixtureTexts(b, l) {
				texts = append(texts, p)
				size += len(p)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					Parse(l, text)
				}
			}
		})
	}
}
