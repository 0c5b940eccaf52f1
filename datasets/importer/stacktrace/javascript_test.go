package stacktrace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"whorl/features"
)

func TestScriptFrame(t *testing.T) {
	tests := []struct {
		line           string
		function, file string
		at             [2]int32 // line and column
	}{
		{"at f (a.js:1:2)", "f", "a.js", [2]int32{1, 2}},
		{"at f (a.js:1:2),", "f", "a.js", [2]int32{1, 2}},
		{"at f (a.js:1:2) {", "f", "a.js", [2]int32{1, 2}},
		{"at async Promise.all (index 0)", "async Promise.all", "", [2]int32{}},
		{"at async file:///srv/a b.mjs:3:4", "", "file:///srv/a b.mjs", [2]int32{3, 4}},
		{"at new <anonymous> (a.js:1:2)", "new <anonymous>", "a.js", [2]int32{1, 2}},
		{"at x (y) (a.js:1:2)", "x (y)", "a.js", [2]int32{1, 2}},
		{"at a b (a.js:1:2)", "a b", "a.js", [2]int32{1, 2}},
		{"at f (webpack-internal:///(rsc)/./a.ts:1:2)", "f", "webpack-internal:///(rsc)/./a.ts", [2]int32{1, 2}},
		{`at f (C:\a (1).js:1:2)`, "f", `C:\a (1).js`, [2]int32{1, 2}},
		{"at f (native)", "f", "native", [2]int32{}},
		{"at f (unknown location)", "f", "unknown location", [2]int32{}},
		{"at f (a.ts)", "f", "a.ts", [2]int32{}},
		{"at f (a.js:12)", "f", "a.js", [2]int32{12, 0}},
		{"at eval (eval at f (eval at g (a.js:3:4), <anonymous>:5:6), <anonymous>:7:8)", "eval", "a.js", [2]int32{3, 4}},
		{"at eval (eval at f (eval at g (a.js:3:4)), <anonymous>:7:8)", "eval", "a.js", [2]int32{3, 4}},
		{"at eval (eval at <anonymous> (a.js:3:4), b.js:7:8)", "eval", "a.js", [2]int32{3, 4}},
		{"at f (address at index.android.bundle:1:2345)", "f", "index.android.bundle", [2]int32{1, 2345}},
		{"at wasm://wasm/12ab:wasm-function[3]:0x4f", "", "wasm://wasm/12ab:wasm-function[3]:0x4f", [2]int32{}},
		{"f@https://example.org/a.js:1:2", "f", "https://example.org/a.js", [2]int32{1, 2}},
		{"f/<@a.js:1:2", "f/<", "a.js", [2]int32{1, 2}},
		{"@https://example.org/@scope/a.js:1:2", "", "https://example.org/@scope/a.js", [2]int32{1, 2}},
		{"async*f@a.js:1:2", "async*f", "a.js", [2]int32{1, 2}},
		{"f@a.js line 3 > eval:1:2", "f", "a.js", [2]int32{3, 0}},
		{"f@a.js line 3 > Function line 4 > eval:1:2", "f", "a.js", [2]int32{3, 0}},
		{"f@[native code]", "f", "[native code]", [2]int32{}},
		{"global code@a.js:1:2", "global code", "a.js", [2]int32{1, 2}},
		{"eval code", "eval code", "", [2]int32{}},
	}
	for _, tt := range tests {
		f, ok := scriptFrame(tt.line)
		want := features.Frame{Function: tt.function, Filename: tt.file, Line: tt.at[0], Column: tt.at[1]}
		if diff := cmp.Diff(want, f); !ok || diff != "" {
			t.Errorf("%q: %v, -want +got\n%s", tt.line, ok, diff)
		}
	}
	for _, line := range []string{
		"", "at", "at ", "at f", "at f (", "at f (a.js:1", "at least (one) of these", "at a.b.C.d(C.java:12)", "at a.b.C.d (C.java:12)", "at A.B.C(String s) in a.cs:line 3",
		"me@example.org", "me@example.org:25", "write to me@example.org:25:1", "@", "f@", "f@:1:2", "http://example.org:80", "see https://example.org/a.js:1:2", "a.rb:1:in `b'",
	} {
		if f, ok := scriptFrame(line); ok {
			t.Errorf("%q is read as %+v", line, f)
		}
	}
}

func TestScriptHead(t *testing.T) {
	tests := []struct{ line, typ, value string }{
		{"Error", "Error", ""},
		{"Error:", "Error", ""},
		{"TypeError: a: b", "TypeError", "a: b"},
		{"TypeError [ERR_X]: a", "TypeError", "a"},
		{"Uncaught Error: a", "Error", "a"},
		{"Uncaught (in promise) DOMException: a", "DOMException", "a"},
		{"error: Uncaught (in promise) Error: a", "Error", "a"},
		{"error: a", "error", "a"},
		{"err: Error: a", "Error", "a"},
		{"shopError: TypeError: a", "shopError", "TypeError: a"},
		{"{ Error: a", "Error", "a"},
		{"<ref *1> Error: a", "Error", "a"},
		{"Uncaught some text", "", "some text"},
		{"some text: more", "", "some text: more"},
		{"", "", ""},
	}
	for _, tt := range tests {
		if typ, value := scriptHead(tt.line); typ != tt.typ || value != tt.value {
			t.Errorf("scriptHead(%q) = %q, %q, want %q, %q", tt.line, typ, value, tt.typ, tt.value)
		}
	}
}

func TestCutLogPrefix(t *testing.T) {
	tests := []struct{ line, want string }{
		{"Error: a", "Error: a"},
		{"2026-03-01 10:00:00,123 ERROR Error: a", "Error: a"},
		{"2026-03-01T10:00:00.123Z [main] WARN: Error: a", "Error: a"},
		{"(node:4211) Warning: a", "Warning: a"},
		{"[2026-03-01 10:00:00] [Error: a]", "[Error: a]"},
		{"12 apples", "12 apples"},
		{"ERROR", "ERROR"},
		{"[", "["},
		{"", ""},
	}
	for _, tt := range tests {
		if got := cutLogPrefix(tt.line); got != tt.want {
			t.Errorf("cutLogPrefix(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

// TestElisionsAreBounded reads what claims that many frames are left out.
func TestElisionsAreBounded(t *testing.T) {
	const frames = "    at f (a.js:1:2)\n    at g (a.js:3:4)\n"
	for _, text := range []string{
		"Error: a\n" + frames + strings.Repeat("    ... collapsed 999999999 duplicate lines matching above 2 lines 9 times...\n", 100),
		"Error: a\n" + frames + "    ... 999999999 lines matching cause stack trace ... {\n  [cause]: Error: b\n" + frames + "}",
		strings.Repeat("Error: a\n"+frames+"    ... 1 lines matching cause stack trace ...\n    at g (a.js:3:4) {\n[cause]: ", 500),
	} {
		checkTrace(t, JavaScript, text)
	}
	// A place that does not fit the cause is left as it is.
	trace, _ := Parse(JavaScript, "Error: a\n    at f (a.js:1:2)\n    ... 2 lines matching cause stack trace ...\n    at z (a.js:9:9) {\n  [cause]: Error: b\n      at f (a.js:1:2)\n      at g (a.js:3:4)\n      at h (a.js:5:6)\n      at i (a.js:7:8)\n}\n")
	if n := len(trace.Exceptions[1].Frames); n != 2 {
		t.Errorf("%d frames, want 2", n)
	}
}

// drawScriptFrames draws the caller's frames first, as exceptions have them.
func drawScriptFrames(t *rapid.T, functions, files []string) []features.Frame {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) features.Frame {
		return features.Frame{
			Function: rapid.SampledFrom(functions).Draw(t, "function"), Filename: rapid.SampledFrom(files).Draw(t, "file"),
			Line: rapid.Int32Range(1, 3).Draw(t, "line"), Column: rapid.Int32Range(1, 3).Draw(t, "column"),
		}
	}), 1, 9).Draw(t, "frames")
}

// TestNodeRoundTrip prints causes as Node.js does, with the frames left out
// that they share, and finds the frames again.
func TestNodeRoundTrip(t *testing.T) {
	functions := []string{"f", "Cart.add", "new Cart", "async run", "f [as g]", "#f", "get a b", ""}
	files := []string{"/srv/a.js", "node:net", "file:///srv/(x)/a.mjs", `C:\a b\a.js`}
	rapid.Check(t, func(t *rapid.T) {
		shared := drawScriptFrames(t, functions, files)
		var want []features.Exception
		for range rapid.IntRange(1, 4).Draw(t, "exceptions") {
			frames := drawScriptFrames(t, functions, files)
			if rapid.Bool().Draw(t, "shared") {
				frames = slices.Concat(shared, frames)
			}
			want = append(want, features.Exception{
				Type:  rapid.SampledFrom([]string{"Error", "ShopError", "DOMException"}).Draw(t, "type"),
				Value: rapid.SampledFrom([]string{"", "a: b", "first\nsecond", "first\n\n  [cause] of (it)", "[x] {"}).Draw(t, "message"), Frames: frames,
			})
		}
		text := nodePrint(want)
		for _, as := range []Language{JavaScript, Auto} {
			got, _ := Parse(as, text)
			if diff := cmp.Diff(want, got.Exceptions, cmpopts.EquateEmpty()); diff != "" || got.Skipped != 0 || got.Language != JavaScript {
				t.Fatalf("%s, %d skipped, -want +got\n%s\n%s", got.Language, got.Skipped, diff, text)
			}
		}
	})
}

// nodePrint prints as util.inspect of Node.js 20 does.
func nodePrint(xs []features.Exception) string {
	var b strings.Builder
	for i, x := range slices.Backward(xs) {
		margin := strings.Repeat("  ", len(xs)-1-i)
		if i < len(xs)-1 {
			b.WriteString(margin + "[cause]: ")
		}
		b.WriteString(strings.ReplaceAll(head(&x), "\n", "\n"+margin) + "\n")
		lines := nodeFrames(x.Frames)
		if i > 0 {
			lines = nodeElide(lines, nodeFrames(xs[i-1].Frames))
			lines[len(lines)-1] += " {"
		}
		for _, line := range lines {
			b.WriteString(margin + line + "\n")
		}
	}
	for i := range len(xs) - 1 {
		b.WriteString(strings.Repeat("  ", len(xs)-2-i) + "}\n")
	}
	return b.String()
}

func nodeFrames(frames []features.Frame) (lines []string) {
	for _, f := range slices.Backward(frames) {
		place := fmt.Sprintf("%s:%d:%d", f.Filename, f.Line, f.Column)
		if f.Function != "" {
			place = f.Function + " (" + place + ")"
		}
		lines = append(lines, "    at "+place)
	}
	return lines
}

// nodeElide leaves the first run of more than three lines out, but its first
// and last line, that the stack of the cause has too.
func nodeElide(lines, cause []string) []string {
	for i := 0; i < len(lines)-3; i++ {
		at := slices.Index(cause, lines[i])
		if at < 0 {
			continue
		}
		n := 0
		for i+n < len(lines) && at+n < len(cause) && lines[i+n] == cause[at+n] {
			n++
		}
		if n > 3 {
			note := fmt.Sprintf("    ... %d lines matching cause stack trace ...", n-2)
			return slices.Replace(slices.Clone(lines), i+1, i+n-1, note)
		}
	}
	return lines
}

// TestAtRoundTrip prints as SpiderMonkey and JavaScriptCore do.
func TestAtRoundTrip(t *testing.T) {
	functions := []string{"f", "f/<", "async*f", "promise callback*f", "setTimeout handler*f", "get a", `a["b c"]/<`, "global code", ""}
	files := []string{"https://example.org/a.js", "file:///C:/a.js", "https://example.org/@scope/a.js?v=1", "resource://a/b.sys.mjs", "self-hosted"}
	rapid.Check(t, func(t *rapid.T) {
		want := []features.Exception{{Type: "TypeError", Value: "x is not a function", Frames: drawScriptFrames(t, functions, files)}}
		bare := rapid.Bool().Draw(t, "without a head")
		var b strings.Builder
		if bare {
			want[0].Type, want[0].Value = "", ""
		} else {
			b.WriteString(head(&want[0]) + "\n")
		}
		for _, f := range slices.Backward(want[0].Frames) {
			fmt.Fprintf(&b, "%s@%s:%d:%d\n", f.Function, f.Filename, f.Line, f.Column)
		}
		for _, as := range []Language{JavaScript, Auto} {
			got, _ := Parse(as, b.String())
			if diff := cmp.Diff(want, got.Exceptions, cmpopts.EquateEmpty()); diff != "" || got.Skipped != 0 || got.Language != JavaScript {
				t.Fatalf("%s, %d skipped, -want +got\n%s\n%s", got.Language, got.Skipped, diff, b.String())
			}
		}
	})
}
