package stacktrace

import (
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
