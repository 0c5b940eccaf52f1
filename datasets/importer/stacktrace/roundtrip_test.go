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

// A printing is how a language prints exceptions, and what names can occur in
// what it prints.
type printing struct {
	types, messages, functions, modules, files []string
	columns                                    bool // frames have one
	cause                                      bool // exceptions have causes
	print                                      func(b *strings.Builder, xs []features.Exception)
}

// Messages that all languages can print, some of which look like something
// else.
var anyMessage = []string{"", "no stock for B-17", "a: b: c", "in (x) at y", "line 3, in f"}

var printings = map[Language]printing{
	Python: {
		types: []string{"ValueError", "shop.errors.CartError", "_Err"}, messages: append([]string{"first\nsecond"}, anyMessage...),
		functions: []string{"add", "<module>", "<lambda>", "Cart.add.<locals>.f"}, files: []string{"/srv/a.py", `C:\app\a b.py`, "<frozen x>"},
		cause: true, print: printPython,
	},
	Java: {
		types: []string{"java.lang.Error", "shop.CartException", "shop.Cart$Gone"}, messages: append([]string{"first\nsecond"}, anyMessage...),
		functions: []string{"add", "<init>", "lambda$run$0"}, modules: []string{"shop.Cart", "shop.Cart$Item", "a.b.C$$Lambda$7"}, files: []string{"Cart.java", "Cart.kt", ""},
		cause: true, print: printJava,
	},
	CSharp: {
		types: []string{"System.Exception", "Shop.CartException"}, messages: append([]string{"first\nsecond"}, anyMessage...),
		functions: []string{"Add", "MoveNext", ".ctor", "Run[T]"}, modules: []string{"Shop.Cart", "Shop.Cart.<AddAsync>d__3", "Shop.List`1"}, files: []string{`C:\src\Cart.cs`, "/src/a b.cs", ""},
		cause: true, print: printCSharp,
	},
	Go: {
		types: []string{"panic"}, messages: []string{"runtime error: x", "a: b", "first\nsecond"},
		functions: []string{"main", "(*T).M", "f.func1", "F[...]"}, modules: []string{"main", "example.org/a/b", "net/http"}, files: []string{"/srv/a.go", "C:/app/a.go", "_cgo_gotypes.go"},
		print: printGo,
	},
	JavaScript: {
		types: []string{"TypeError", "Error", "ShopError"}, messages: append([]string{"first\nsecond"}, anyMessage...),
		functions: []string{"add", "Cart.add", "new Cart", "async run", "Object.<anonymous>", "f [as g]", ""}, files: []string{"https://example.org/a.js", `C:\app\a.js`, "node:fs", "webpack:///./a b.vue"},
		columns: true, cause: true, print: printV8,
	},
	Ruby: {
		types: []string{"RuntimeError", "Shop::CartError"}, messages: []string{"no stock", "a: b", "first\nsecond", "x `y' z"},
		functions: []string{"add", "block (2 levels) in add", "<main>", "Shop::Cart#add"}, files: []string{"/srv/a.rb", "C:/app/a.rb", "app/a.html.erb"},
		cause: true, print: printRuby,
	},
	PHP: {
		types: []string{"Exception", `Shop\CartError`}, messages: []string{"no stock", "a: b", "first\nsecond", "found in x"},
		functions: []string{"f", "Shop\\Cart::add", `Shop\{closure}`}, files: []string{"/srv/a.php", `C:\app\a.php`},
		cause: true, print: printPHP,
	},
	Rust: {
		types: []string{"panic"}, messages: []string{"no stock", "a: b", "first\nsecond", "first\n\nthird"},
		functions: []string{"shop::add", "shop::add::{{closure}}", "<A as B<C>>::f::h0123456789abcdef"}, files: []string{"src/a.rs", `C:\a\b.rs`, ""},
		columns: true, print: printRust,
	},
	Dart: {
		types: []string{"FormatException", "StateError"}, messages: []string{"no stock", "a: b", "first\nsecond"},
		functions: []string{"add", "Cart.add.<anonymous closure>", "new Cart"}, files: []string{"package:shop/a.dart", "dart:core", "file:///a.dart"},
		columns: true, print: printDart,
	},
	Native: {
		types: []string{"SIGSEGV", "SIGABRT"}, messages: []string{"Segmentation fault", "Aborted"},
		functions: []string{"main", "shop::Cart::add", "operator<<", "std::function<int (int)>::operator()"}, files: []string{"src/a.cc", "../a b.c"},
		print: printGDB,
	},
}

// draw makes exceptions that a language can print.
func (p *printing) draw(t *rapid.T) []features.Exception {
	pick := func(from []string, what string) string {
		if len(from) == 0 {
			return ""
		}
		return rapid.SampledFrom(from).Draw(t, what)
	}
	n := 1
	if p.cause {
		n = rapid.IntRange(1, 3).Draw(t, "exceptions")
	}
	var xs []features.Exception
	for range n {
		x := features.Exception{Type: pick(p.types, "type"), Value: pick(p.messages, "message")}
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			f := features.Frame{Function: pick(p.functions, "function"), Module: pick(p.modules, "module"), Filename: pick(p.files, "file")}
			if f.Filename != "" {
				f.Line = rapid.Int32Range(1, 99999).Draw(t, "line")
				if p.columns {
					f.Column = rapid.Int32Range(1, 99999).Draw(t, "column")
				}
			}
			x.Frames = append(x.Frames, f)
		}
		xs = append(xs, x)
	}
	return xs
}

// TestRoundTrip prints what a language can print, reads it, and finds the
// same; also behind lines of a log, with the line ends of Windows, and without
// being told the language.
func TestRoundTrip(t *testing.T) {
	for language, p := range printings {
		t.Run(string(language), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := p.draw(t)
				var b strings.Builder
				p.print(&b, want)
				text := b.String()
				if rapid.Bool().Draw(t, "log before") {
					text = "2026-03-01 10:00:00 INFO started\n\n" + text
				}
				if rapid.Bool().Draw(t, "log behind") {
					text += "\n\n2026-03-01 10:00:01 INFO stopped\n"
				}
				if rapid.Bool().Draw(t, "Windows") {
					text = strings.ReplaceAll(text, "\n", "\r\n")
				}
				for _, as := range []Language{language, Auto} {
					got, _ := Parse(as, text)
					if diff := cmp.Diff(want, got.Exceptions, cmpopts.EquateEmpty()); diff != "" || got.Language != language {
						t.Fatalf("read as %s: %s, -want +got\n%s\n%s", as, got.Language, diff, text)
					}
				}
			})
		})
	}
	if len(printings) != len(languages) {
		t.Errorf("%d languages are printed, %d read", len(printings), len(languages))
	}
}

func head(x *features.Exception) string {
	if x.Value == "" {
		return x.Type
	}
	return x.Type + ": " + x.Value
}

func printPython(b *strings.Builder, xs []features.Exception) {
	for i := range xs {
		if i > 0 {
			fmt.Fprintf(b, "\nDuring handling of the above exception, another exception occurred:\n\n")
		}
		fmt.Fprintln(b, "Traceback (most recent call last):")
		for _, f := range xs[i].Frames {
			fmt.Fprintf(b, "  File \"%s\", line %d, in %s\n", f.Filename, f.Line, f.Function)
			if f.ContextLine != "" {
				fmt.Fprintf(b, "    %s\n", f.ContextLine)
			}
		}
		fmt.Fprintln(b, head(&xs[i]))
	}
}

func printJava(b *strings.Builder, xs []features.Exception) {
	for i, x := range slices.Backward(xs) {
		if i < len(xs)-1 {
			b.WriteString("Caused by: ")
		}
		fmt.Fprintln(b, head(&x))
		// The last frames in common with the exception above are left out.
		frames, common := x.Frames, 0
		if i+1 < len(xs) {
			above := xs[i+1].Frames
			for common < min(len(above), len(frames)) && above[common] == frames[common] {
				common++
			}
		}
		for _, f := range slices.Backward(frames[common:]) {
			place := fmt.Sprintf("%s:%d", f.Filename, f.Line)
			if f.Filename == "" {
				place = "Unknown Source"
			}
			fmt.Fprintf(b, "\tat %s.%s(%s)\n", f.Module, f.Function, place)
		}
		if common > 0 {
			fmt.Fprintf(b, "\t... %d more\n", common)
		}
	}
}

func printCSharp(b *strings.Builder, xs []features.Exception) {
	for i, x := range slices.Backward(xs) {
		if i < len(xs)-1 {
			b.WriteString(" ---> ")
		}
		fmt.Fprintln(b, head(&x))
	}
	for i, x := range xs {
		for _, f := range slices.Backward(x.Frames) {
			fmt.Fprintf(b, "   at %s.%s(String s, Int32 n)", f.Module, f.Function)
			if f.Filename != "" {
				fmt.Fprintf(b, " in %s:line %d", f.Filename, f.Line)
			}
			b.WriteByte('\n')
		}
		if i < len(xs)-1 {
			fmt.Fprintln(b, "   --- End of inner exception stack trace ---")
		}
	}
}

func printGo(b *strings.Builder, xs []features.Exception) {
	fmt.Fprintf(b, "panic: %s\n\ngoroutine 1 [running]:\n", xs[0].Value)
	for i, f := range slices.Backward(xs[0].Frames) {
		if i == 0 && len(xs[0].Frames) > 1 {
			fmt.Fprintf(b, "created by %s.%s in goroutine 5\n", f.Module, f.Function)
		} else {
			fmt.Fprintf(b, "%s.%s(0xc000012120, {0x1, 0x2})\n", f.Module, f.Function)
		}
		fmt.Fprintf(b, "\t%s:%d +0x1d\n", f.Filename, f.Line)
	}
}

func printV8(b *strings.Builder, xs []features.Exception) {
	for i, x := range slices.Backward(xs) {
		indent := strings.Repeat("  ", len(xs)-1-i)
		if i < len(xs)-1 {
			fmt.Fprintf(b, "%s[cause]: ", indent)
		}
		fmt.Fprintln(b, head(&x))
		for k, f := range slices.Backward(x.Frames) {
			place := fmt.Sprintf("%s:%d:%d", f.Filename, f.Line, f.Column)
			if f.Function != "" {
				place = f.Function + " (" + place + ")"
			}
			fmt.Fprintf(b, "%s    at %s", indent, place)
			if k == 0 && i > 0 {
				b.WriteString(" {")
			}
			b.WriteByte('\n')
		}
	}
	for i := range len(xs) - 1 {
		fmt.Fprintf(b, "%s}\n", strings.Repeat("  ", len(xs)-2-i))
	}
}

func printRuby(b *strings.Builder, xs []features.Exception) {
	for _, x := range slices.Backward(xs) {
		for i, f := range slices.Backward(x.Frames) {
			place := fmt.Sprintf("%s:%d:in `%s'", f.Filename, f.Line, f.Function)
			if i == len(x.Frames)-1 {
				// The class stands behind the first line; without callers
				// nothing tells where a message of more ends.
				first, rest, _ := strings.Cut(x.Value, "\n")
				if len(x.Frames) == 1 {
					first, rest = x.Value, ""
				}
				fmt.Fprintf(b, "%s: %s (%s)\n", place, first, x.Type)
				if rest != "" {
					fmt.Fprintln(b, rest)
				}
			} else {
				fmt.Fprintf(b, "\tfrom %s\n", place)
			}
		}
	}
}

func printPHP(b *strings.Builder, xs []features.Exception) {
	b.WriteString("PHP Fatal error:  Uncaught ")
	for i, x := range xs {
		if i > 0 {
			b.WriteString("\nNext ")
		}
		last := len(x.Frames) - 1
		fmt.Fprintf(b, "%s in %s:%d\nStack trace:\n", head(&x), x.Frames[last].Filename, x.Frames[last].Line)
		for k := range last {
			// A line has the function called, and where it was called.
			called, caller := x.Frames[last-k], x.Frames[last-k-1]
			fmt.Fprintf(b, "#%d %s(%d): %s('x', Array)\n", k, caller.Filename, caller.Line, strings.Replace(called.Function, "::", "->", 1))
		}
		x.Frames[0].Function = "{main}"
		fmt.Fprintf(b, "#%d {main}\n", last)
	}
	b.WriteString("  thrown in /srv/a.php on line 3\n")
}

func printRust(b *strings.Builder, xs []features.Exception) {
	fmt.Fprintf(b, "thread 'main' panicked at src/main.rs:3:5:\n%s\nstack backtrace:\n", xs[0].Value)
	n := 0
	for _, f := range slices.Backward(xs[0].Frames) {
		fmt.Fprintf(b, "%4d: %s\n", n, f.Function)
		if f.Filename != "" {
			fmt.Fprintf(b, "             at %s:%d:%d\n", f.Filename, f.Line, f.Column)
		}
		n++
	}
}

func printDart(b *strings.Builder, xs []features.Exception) {
	fmt.Fprintf(b, "Unhandled exception:\n%s\n", head(&xs[0]))
	n := 0
	for _, f := range slices.Backward(xs[0].Frames) {
		fmt.Fprintf(b, "#%-7d%s (%s:%d:%d)\n", n, f.Function, f.Filename, f.Line, f.Column)
		n++
	}
}

func printGDB(b *strings.Builder, xs []features.Exception) {
	fmt.Fprintf(b, "Program received signal %s, %s.\n", xs[0].Type, xs[0].Value)
	n := 0
	for _, f := range slices.Backward(xs[0].Frames) {
		fmt.Fprintf(b, "#%-3d0x00007ffff7e4a1b2 in %s (this=0x5555, s=\"a, b\") at %s:%d\n", n, f.Function, f.Filename, f.Line)
		n++
	}
}
