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

func TestDartFrame(t *testing.T) {
	tests := []struct {
		line           string
		function, file string
		at             [2]int32 // line and column
	}{
		{"#0      main (package:app/main.dart:3:5)", "main", "package:app/main.dart", [2]int32{3, 5}},
		{"#12001  main.<anonymous closure> (file:///C:/app/bin/main.dart:3:5)", "main.<anonymous closure>", "file:///C:/app/bin/main.dart", [2]int32{3, 5}},
		{"#1      new Cart (package:app/main.dart:3)", "new Cart", "package:app/main.dart", [2]int32{3, 0}},
		{"#2      f (dart:async-patch/async_patch.dart)", "f", "dart:async-patch/async_patch.dart", [2]int32{}},
		{"#3      Map<int, String>.[]= (dart:core:1:2)", "Map<int, String>.[]=", "dart:core", [2]int32{1, 2}},
		{"#4      f (org-dartlang-sdk:///sdk/lib/core/a.dart:1:2)", "f", "org-dartlang-sdk:///sdk/lib/core/a.dart", [2]int32{1, 2}},
		{"#00 abs 000071 virt 0000a1 _kDartIsolateSnapshotInstructions+0x1f", "_kDartIsolateSnapshotInstructions+0x1f", "", [2]int32{}},
		{"#00 abs 000071 _kDartVmSnapshotInstructions+0x1f", "_kDartVmSnapshotInstructions+0x1f", "", [2]int32{}},
		{"#01 abs 000071 <invalid Dart instruction address>", "<invalid Dart instruction address>", "", [2]int32{}},
		{"package:app/main.dart 3:5  main", "main", "package:app/main.dart", [2]int32{3, 5}},
		{"package:app/main.dart 3  main.<fn>", "main.<fn>", "package:app/main.dart", [2]int32{3, 0}},
		{"dart:core  List.forEach", "List.forEach", "dart:core", [2]int32{}},
		{"bin/main.dart 3:5  main", "main", "bin/main.dart", [2]int32{3, 5}},
		{"my app/main.dart 3:5  main", "main", "my app/main.dart", [2]int32{3, 5}},
	}
	for _, tt := range tests {
		f, ok := dartFrame(tt.line)
		want := features.Frame{Function: tt.function, Filename: tt.file, Line: tt.at[0], Column: tt.at[1]}
		if diff := cmp.Diff(want, f); !ok || diff != "" {
			t.Errorf("%q: %v, -want +got\n%s", tt.line, ok, diff)
		}
	}
	for _, line := range []string{
		"", "#", "#0", "#0 ", "#0 f", "#0 f (", "#0 (a.dart:1:2)", "#x f (a.dart:1:2)", "#0  0x1 in f () at a.c:1", "#0 /srv/a.php(3): f()", "#00 pc 0001c2a4  /system/lib64/libc.so (abort+164)",
		"package:app", "dart: f", "package: f", "a.dart", "in a.dart is 3 wrong", "lib/a.dart:3:5: Error: x", "lib/a.dart has no main",
	} {
		if f, ok := dartFrame(line); ok {
			t.Errorf("%q is read as %+v", line, f)
		}
	}
}

func TestDartHead(t *testing.T) {
	tests := []struct{ line, typ, value string }{
		{"FormatException: a: b", "FormatException", "a: b"},
		{"StateError:", "StateError", ""},
		{"RangeError (index): a", "RangeError", "(index): a"},
		{"DioException [unknown]: a", "DioException", "[unknown]: a"},
		{"PlatformException(a, b: c)", "PlatformException", "(a, b: c)"},
		{"Bad state: No element", "", "Bad state: No element"},
		{"'package:a/b.dart': Failed assertion: line 1", "", "'package:a/b.dart': Failed assertion: line 1"},
		{"Instance of 'Cart'", "", "Instance of 'Cart'"},
		{"", "", ""},
	}
	for _, tt := range tests {
		if typ, value := dartHead(tt.line); typ != tt.typ || value != tt.value {
			t.Errorf("dartHead(%q) = %q, %q, want %q, %q", tt.line, typ, value, tt.typ, tt.value)
		}
	}
}

func TestDartLine(t *testing.T) {
	tests := []struct{ line, want string }{
		{"E/flutter ( 4211): #0", "#0"},
		{"I/flutter (14211):   a", "  a"},
		{"03-01 10:00:00.123  4211  4300 E flutter : #0", "#0"},
		{"flutter: a", "a"},
		{"flutter:", ""},
		{"run flutter: a", "run flutter: a"},
		{"flutter", "flutter"},
		{"E/flutter (x): a", "E/flutter (x): a"},
	}
	for _, tt := range tests {
		if got := dartLine(tt.line); got != tt.want {
			t.Errorf("dartLine(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

// TestDartRoundTrip prints as package:stack_trace, and as the VM in each line
// of a device's log.
func TestDartRoundTrip(t *testing.T) {
	functions := []string{"main", "Cart.add.<fn>", "new Cart", "main.<anonymous closure>", "List<int>.[]="}
	files := []string{"package:shop/a.dart", "dart:async/zone.dart", "bin/main.dart", "my shop/main.dart", "file:///C:/a.dart"}
	rapid.Check(t, func(t *rapid.T) {
		x := features.Exception{
			Type:  rapid.SampledFrom([]string{"FormatException", "_CastError"}).Draw(t, "type"),
			Value: rapid.SampledFrom([]string{"", "a: b", "first\nsecond"}).Draw(t, "message"), Frames: drawScriptFrames(t, functions, files),
		}
		var text string
		if rapid.Bool().Draw(t, "chain") {
			text = printChain(t, x)
		} else {
			var b strings.Builder
			printDart(&b, []features.Exception{x})
			text = "E/flutter ( 4211): " + strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "\nE/flutter ( 4211): ")
		}
		for _, as := range []Language{Dart, Auto} {
			got, _ := Parse(as, text)
			if diff := cmp.Diff([]features.Exception{x}, got.Exceptions, cmpopts.EquateEmpty()); diff != "" || got.Skipped != 0 || got.Language != Dart {
				t.Fatalf("%s, %d skipped, -want +got\n%s\n%s", got.Language, got.Skipped, diff, text)
			}
		}
	})
}

// printChain prints as Chain.toString of package:stack_trace does: places as
// wide as the widest, and gaps between the stacks.
func printChain(t *rapid.T, x features.Exception) string {
	var places []string
	widest := 0
	for _, f := range x.Frames {
		place := fmt.Sprintf("%s %d:%d", f.Filename, f.Line, f.Column)
		places = append(places, place)
		widest = max(widest, len(place))
	}
	var b strings.Builder
	b.WriteString(head(&x) + "\n")
	for i, place := range slices.Backward(places) {
		fmt.Fprintf(&b, "%-*s  %s\n", widest, place, x.Frames[i].Function)
		if i > 0 && rapid.Bool().Draw(t, "gap") {
			b.WriteString("===== asynchronous gap ===========================\n")
		}
	}
	return b.String()
}
