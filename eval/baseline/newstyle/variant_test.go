package newstyle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
)

// show writes variants as "app: module=a function=b | system: ...".
func show(variants []Variant) string {
	var out []string
	for _, v := range variants {
		s := v.Name + ":"
		for _, leaf := range v.Leaves {
			s += fmt.Sprintf(" %s=%s", leaf.Component, leaf.Value)
		}
		out = append(out, s)
	}
	return strings.Join(out, " | ")
}

func raised(kind, value string, frames ...features.Frame) features.Exception {
	return features.Exception{Type: kind, Value: value, Frames: frames}
}

func frameOf(function, file string, inApp features.Tri) features.Frame {
	return features.Frame{Function: function, Filename: file, InApp: inApp}
}

func TestVariants(t *testing.T) {
	own := frameOf("load", "src/Cart.go", features.Yes)
	library := frameOf("get", "lib/http.go", features.No)
	unknown := frameOf("get", "lib/http.go", features.Unknown)
	for _, c := range []struct {
		name string
		in   features.Event
		want string
	}{
		{"both trees", features.Event{Exceptions: []features.Exception{raised("E", "v 1", own, library)}},
			"app: filename=cart.go function=load type=E | system: filename=cart.go function=load filename=http.go function=get type=E"},
		{"equal trees count once", features.Event{Exceptions: []features.Exception{raised("E", "v", own)}},
			"system: filename=cart.go function=load type=E"},
		{"nobody said what is in-app", features.Event{Exceptions: []features.Exception{raised("E", "v", unknown, unknown)}},
			// The second frame is a recursion of the first.
			"system: filename=http.go function=get type=E"},
		{"no stack trace: the value counts", features.Event{Exceptions: []features.Exception{raised("E", "took 12 tries")}},
			"app: type=E value=took <int> tries"},
		{"type inside the value", features.Event{Exceptions: []features.Exception{raised("", "KeyError: name")}},
			"app: type=KeyError value=name"},
		{"a cause without frames stands in the app tree alone", features.Event{Exceptions: []features.Exception{raised("A", "a"), raised("B", "b", own, library)}},
			"app: type=A value=a filename=cart.go function=load type=B | system: filename=cart.go function=load filename=http.go function=get type=B"},
		{"an outer exception of library frames has its value in the app tree", features.Event{Exceptions: []features.Exception{raised("A", "a", own), raised("B", "b", library)}},
			"app: filename=cart.go function=load type=A type=B value=b | system: filename=cart.go function=load type=A filename=http.go function=get type=B"},
		{"synthetic", features.Event{Platform: "native", Exceptions: []features.Exception{{Type: "SIGSEGV", Value: "at 0x0", Mechanism: "minidump", Frames: []features.Frame{own}}}},
			"system: filename=cart.go function=load"},
		{"log message", features.Event{Message: "user 17 left\nmore\nand more"},
			"default: message=user <int> left\nmore..."},
		{"an exception beats the message", features.Event{Message: "m", Exceptions: []features.Exception{raised("E", "")}},
			"app: type=E"},
		{"an empty exception does not", features.Event{Message: "m", Exceptions: []features.Exception{raised("", "")}},
			"default: message=m"},
		{"nothing", features.Event{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, show(DefaultConfig().Variants(&c.in))); diff != "" {
				t.Errorf("variants (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFrames goes through the rules about one frame. Each trace has a second,
// plain frame, so that rules about lone frames do not matter.
func TestFrames(t *testing.T) {
	type f = features.Frame
	for _, c := range []struct {
		platform string
		in       f
		want     string
	}{
		{"python", f{Module: "shop.cart", Filename: "shop/cart.py", Function: "load"}, "module=shop.cart function=load"},
		{"python", f{Filename: `C:\Shop\Cart.PY`, Function: "load"}, "filename=cart.py function=load"},
		{"python", f{AbsPath: "/srv/cart.py"}, "filename=cart.py"},
		{"python", f{Filename: "a.py", ContextLine: "  x =\t 1 "}, "filename=a.py context-line=x = 1"},
		{"go", f{Filename: "a.go", ContextLine: "x := 1"}, "filename=a.go"},
		{"python", f{Filename: "a.py", ContextLine: strings.Repeat("é", 120)}, "filename=a.py context-line=" + strings.Repeat("é", 120)},
		{"python", f{Filename: "a.py", ContextLine: strings.Repeat("x", 121)}, "filename=a.py"},
		{"python", f{Filename: "a.py", Function: "?"}, "filename=a.py"},
		{"python", f{Filename: "<anonymous>", Function: "go"}, "function=go"},

		{"javascript", f{Function: "Object.load", AbsPath: "https://x.example/app/main.js"}, "function=load"},
		{"javascript", f{Function: "load", AbsPath: "file:///app/main.js"}, "filename=main.js function=load"},
		{"javascript", f{Filename: "[native code]", Function: "forEach"}, ""},
		{"javascript", f{AbsPath: "<anonymous>", Function: "Array.map"}, ""},
		{"javascript", f{Filename: "a.js", Function: "eval"}, ""},
		{"javascript", f{Filename: "a.js", Function: "x/<"}, "filename=a.js"},
		{"javascript", f{Filename: "a.js", Function: "Foo.<anonymous>"}, "filename=a.js"},
		{"javascript", f{Module: "js/main", AbsPath: "https://x.example/js/main", Function: "a"}, "function=a"},
		{"javascript", f{AbsPath: "https://x.example/a.js", ContextLine: "go()"}, ""},
		{"javascript", f{AbsPath: "webpack:///./src/a.js", Function: "a", ContextLine: "go()"}, "filename=a.js context-line=go()"},
		{"javascript", f{Filename: "./src/a.js", Function: "a", ContextLine: "go()"}, "filename=a.js context-line=go()"},
		{"javascript", f{Filename: "a.tsx", Function: "a", ContextLine: "go()"}, "filename=a.tsx context-line=go()"},
		{"node", f{Filename: "/srv/a.ts", Function: "a", ContextLine: "go()"}, "filename=a.ts function=a context-line=go()"},

		{"java", f{Module: "a.B$$Lambda$14", Function: "run"}, "function=run"},
		{"java", f{Module: "a.B", Function: "lambda$run$0"}, "module=a.B"},
		{"java", f{Module: "a.B$$EnhancerBySpringCGLIB$$1ebf2d45_2", Function: "run"}, "module=a.B$$EnhancerBySpringCGLIB$$<auto> function=run"},
		{"java", f{Module: "a.B_$$_javassist_seam_19", Function: "run"}, "module=a.B_$$_javassist<auto> function=run"},
		{"java", f{Module: "sun.reflect.GeneratedMethodAccessor12", Function: "invoke"}, "module=sun.reflect.GeneratedMethodAccessor function=invoke"},
		{"java", f{Module: "sun.reflect.GeneratedConstructorAccessor12", Function: "x"}, "module=sun.reflect.GeneratedConstructorAccessor<auto> function=x"},
		{"java", f{Module: "core$main$fn__33", Function: "x"}, "module=core$main$fn__<auto> function=x"},

		{"ruby", f{Filename: "a.rb", Function: "block in load"}, "filename=a.rb function=block"},
		{"ruby", f{Filename: "a.erb", Function: "_a_erb__1234567_89012"}, "filename=a.erb function=_a_erb"},
		{"php", f{Filename: "a.php", Function: "[Anonymous function]"}, "filename=a.php"},
		{"php", f{Filename: "a.php", Function: "class@anonymous\x00/srv/a.php0x7f::run"}, "filename=a.php function=run"},
		{"native", f{Filename: "a.cc", Function: "<redacted>"}, "filename=a.cc"},
		{"native", f{Filename: "a.cc", Function: "int ns::load<int>(int, char*) const"}, "filename=a.cc function=ns::load<T>"},
		{"csharp", f{Module: "A", Function: "Load (int x)"}, "module=A function=Load (int x)"},
	} {
		e := features.Event{Platform: c.platform, Exceptions: []features.Exception{raised("", "", frameOf("main", "main.x", features.Unknown), c.in)}}
		want := strings.TrimSpace("system: filename=main.x function=main " + c.want)
		if diff := cmp.Diff(want, show(DefaultConfig().Variants(&e))); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", c.platform, c.in, diff)
		}
	}
}

func TestLoneJavaScriptFrame(t *testing.T) {
	for _, c := range []struct {
		frame features.Frame
		want  string
	}{
		// Neither tree has a frame: both hold type and value, and count once.
		{features.Frame{AbsPath: "file:///app/main.js"}, "system: type=E value=v"},
		{features.Frame{AbsPath: "file:///app/main.js", Function: "f"}, "system: filename=main.js function=f type=E"},
		{features.Frame{AbsPath: "/app/main.js"}, "system: filename=main.js type=E"},
	} {
		e := features.Event{Platform: "javascript", Exceptions: []features.Exception{raised("E", "v", c.frame)}}
		got := show(DefaultConfig().Variants(&e))
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.frame, got, c.want)
		}
	}
}

func TestRecursion(t *testing.T) {
	at := func(line int32) features.Frame {
		return features.Frame{Function: "walk", Filename: "tree.go", Line: line}
	}
	e := features.Event{Exceptions: []features.Exception{raised("", "", at(1), at(1), at(1), at(2), at(1))}}
	want := "system:" + strings.Repeat(" filename=tree.go function=walk", 3)
	if got := show(DefaultConfig().Variants(&e)); got != want {
		t.Errorf("%s, want %s: equal neighbours count once", got, want)
	}
}

func TestInAppByPath(t *testing.T) {
	for _, c := range []struct {
		platform string
		frame    features.Frame
		in       features.Tri
		want     bool
	}{
		{"node", features.Frame{Filename: "/srv/app/node_modules/x/y.js"}, features.Yes, false},
		{"node", features.Frame{Filename: "node_modules/x/y.js"}, features.Yes, false},
		{"node", features.Frame{Filename: "/srv/app/y.js"}, features.Yes, true},
		{"node", features.Frame{Filename: "/srv/app/y.js"}, features.Unknown, false},
		{"python", features.Frame{AbsPath: "/usr/local/lib/python3/site-packages/x.py", Filename: "x.py"}, features.Yes, false},
		{"python", features.Frame{AbsPath: `C:\Python\Lib\site-packages\x.py`}, features.Yes, false},
		{"php", features.Frame{Filename: "/srv/vendor/x.php"}, features.Yes, false},
		{"go", features.Frame{AbsPath: "/root/go/pkg/mod/x@v1/x.go"}, features.Yes, false},
		{"java", features.Frame{Module: "org.springframework.web.Servlet"}, features.Yes, false},
		{"java", features.Frame{Module: "orga.nised.App"}, features.Yes, true},
		{"native", features.Frame{Function: "std::panicking::begin_panic"}, features.Yes, false},
	} {
		c.frame.InApp = c.in
		tr := newTrace(c.platform, newException(&features.Exception{Frames: []features.Frame{c.frame}}))
		DefaultConfig().settle(tr)
		if got := tr.ruled.Frames[0].InApp; got != c.want {
			t.Errorf("%s %+v: in-app %v, want %v", c.platform, c.frame, got, c.want)
		}
	}
}

func TestKeyAndMD5(t *testing.T) {
	a := Variant{Name: System, Leaves: []Leaf{{"module", "ab"}, {"function", "c"}}}
	b := Variant{Name: System, Leaves: []Leaf{{"module", "a"}, {"function", "bc"}}}
	// printf abc | md5sum
	if got := a.MD5(); got != "900150983cd24fb0d6963f7d28e17f72" {
		t.Errorf("MD5 is %s", got)
	}
	if a.MD5() != b.MD5() {
		t.Error("the published hash has no separators, so these are one to it")
	}
	if a.Key() == b.Key() {
		t.Error("keys of different values are equal")
	}
}

func drawEvent(t *rapid.T) *features.Event {
	text := rapid.SampledFrom([]string{"", "a", "load", "Foo.bar", "eval", "<anonymous>", "std::x<int>", "lambda$1", "x/<", "?"})
	path := rapid.SampledFrom([]string{"", "/usr/lib/x.py", "src/a.js", "https://x/a.js", "node_modules/b.js", `C:\a.cs`, "<anonymous>"})
	frame := rapid.Custom(func(t *rapid.T) features.Frame {
		return features.Frame{
			Function: text.Draw(t, "function"), Module: rapid.SampledFrom([]string{"", "", "m", "java.lang.X"}).Draw(t, "module"),
			Filename: path.Draw(t, "filename"), AbsPath: path.Draw(t, "path"),
			ContextLine: rapid.SampledFrom([]string{"", "go()"}).Draw(t, "context"),
			Line:        rapid.Int32Range(1, 3).Draw(t, "line"), Column: rapid.Int32Range(1, 2).Draw(t, "column"),
			InApp: rapid.SampledFrom([]features.Tri{features.Unknown, features.No, features.Yes}).Draw(t, "in app"),
		}
	})
	return &features.Event{
		Platform: rapid.SampledFrom([]string{"javascript", "node", "python", "java", "native", "csharp", "ruby", "php", "other"}).Draw(t, "platform"),
		Message:  rapid.SampledFrom([]string{"", "failed 3 times"}).Draw(t, "message"),
		Exceptions: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) features.Exception {
			return raised(text.Draw(t, "type"), text.Draw(t, "value"), rapid.SliceOfN(frame, 0, 5).Draw(t, "frames")...)
		}), 0, 3).Draw(t, "exceptions"),
	}
}

// Lines and columns say only which neighbours are equal: moving all of them
// changes nothing. Nor do release, environment, runtime and time matter.
func TestPlacesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		before := DefaultConfig().Variants(e)
		by := rapid.Int32Range(1, 1000).Draw(t, "by")
		for i := range e.Exceptions {
			for j := range e.Exceptions[i].Frames {
				e.Exceptions[i].Frames[j].Line += by
				e.Exceptions[i].Frames[j].Column += 2 * by
			}
		}
		e.Release, e.Environment, e.RuntimeName = "2.0", "test", "node"
		if diff := cmp.Diff(before, DefaultConfig().Variants(e)); diff != "" {
			t.Errorf("variants changed (-before +after):\n%s", diff)
		}
	})
}

func TestVariantsHaveLeavesAndDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		variants := DefaultConfig().Variants(drawEvent(t))
		for _, v := range variants {
			if len(v.Leaves) == 0 {
				t.Errorf("%s contributes nothing", v.Name)
			}
			for _, leaf := range v.Leaves {
				if leaf.Value == "" {
					t.Errorf("%s has an empty %s", v.Name, leaf.Component)
				}
			}
		}
		if len(variants) == 2 && (variants[0].Name != App || variants[1].Name != System || variants[0].MD5() == "" || cmp.Equal(variants[0].Leaves, variants[1].Leaves)) {
			t.Errorf("two variants %s", show(variants))
		}
		if len(variants) > 2 {
			t.Errorf("%d variants", len(variants))
		}
	})
}
