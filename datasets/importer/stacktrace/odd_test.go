package stacktrace

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whorl/features"
)

// odd is a text with something that is easily read wrongly, and what it says.
type odd struct {
	name, text string
	want       []features.Exception
}

func testOdd(t *testing.T, language Language, tests []odd) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := Parse(language, tt.text)
			if diff := cmp.Diff(tt.want, got.Exceptions, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDated(t *testing.T) {
	for line, want := range map[string]bool{
		"2026-03-01 10:00:00 INFO x": true,
		"[2026-03-01T10:00:00Z] x":   true,
		"2026-03-01":                 false,
		"2026-03-01, 10:00":          false,
		"[":                          false,
		"":                           false,
	} {
		if got := dated(line); got != want {
			t.Errorf("dated(%q) = %v", line, got)
		}
	}
}

// TestHostileForms reads large texts of what is looked for from several places
// in a line, or ahead of it, as [TestHostile] does of whole lines.
func TestHostileForms(t *testing.T) {
	const size = 512 << 10
	for _, form := range []string{
		"[object] (E(code: 0): x\n", "[object] (E(code: 0): x at /a:1, ", "Next E: x\n#0 a\n", "#0 a(1): ", "#0 {closure:}(\n",
		"thread 'a' panicked at b:1:1:\n\nx\nnote: run with `RUST_BACKTRACE\n", "\nx\nnote: run with `RUST_BACKTRACE\n", "Error: x\n\nCaused by:\n    0: y\n\nStack backtrace:\n   0: z\n",
		"a.rb:1:in 'b': c (E)\n", "x\n... 3 levels...\n", "\t 1: from a.rb:1:in `b'\na.rb:1:in `b': c (E)\n",
		"terminate called after throwing an instance of 'E'\n  what():  x\n", "y\n", "==1==    at 0x1: f (a.c:1)\n", "(a=", "#0  f (a=", " on  ( : ", "Mar 1 kernel: ",
		"2026-03-01 10:00\n", "  + Exception Group Traceback (most recent call last):\n", "E: x\n\n" + pythonContext + "\n\n",
	} {
		body := strings.Repeat(form, size/len(form))
		for _, text := range []string{
			body,
			"thread 'a' panicked at b:1:1:\nx\n" + body,
			"terminate called after throwing an instance of 'E'\n  what():  x\n" + body,
			"[object] (E(code: 0): x\n" + body,
			pythonHeader + "\n  File \"a\", line 1, in b\nE: x\n" + body,
			"a.rb:1:in 'b': c (E)\n" + body + "\n\tfrom a.rb:1:in 'b'\n",
		} {
			for _, language := range []Language{Python, Ruby, PHP, Rust, Native} {
				checkBounds(t, language, text)
			}
		}
	}
}
