package features

import (
	"slices"
	"strings"
	"testing"
)

// TestOneFunctionManySpellings lists spellings of one function. Each row must
// give the name in its first column, and "" is a function without a name.
func TestOneFunctionManySpellings(t *testing.T) {
	for _, row := range []struct {
		platform Platform
		want     string
		names    []string
	}{
		// V8; SpiderMonkey; JavaScriptCore; Hermes; transpilers.
		{JavaScript, "run", []string{
			"run", "Object.run", "async run", "async Object.run", "Foo.run", "Foo.prototype.run", "new Foo.run", "Foo.run [as baz]", "Object.run [as onclick]",
			"get run", "set run", "get run [as run]", "static run", "bound run", "async*run", "promise callback*run", "setTimeout handler*run", "229/start/run", "start/run",
			"start/</run", "Foo</run", "this.run", "run$1", "run2", "run_1",
		}},
		{JavaScript, "Foo", []string{"Foo", "new Foo", "async Foo", "lib.Foo", "new lib.Foo"}},
		{JavaScript, "bar", []string{"Foo.bar [as baz]", "bar"}},
		{JavaScript, "", []string{
			"", "?", "<anonymous>", "anonymous", "Object.<anonymous>", "async <anonymous>", "new <anonymous>", "emit/<", "emit/</<", "229/emit/<", "i/<", "Anonymous function",
			"{anonymous}", "eval", "<eval>", "global code", "module code", "eval code", "<global>", "global", "t.<computed>", "t[n]", "t/e[t]", "_callee", "_callee$", "_callee2$",
			"Object._callee3$", "async*",
		}},
		{Node, "handleRequest", []string{"Layer.handleRequest", "handleRequest", "async Layer.handleRequest", "Layer.handleRequest [as handle_request]"}},

		// Java and its compilers and proxies.
		{Java, "save", []string{"save", "save(Order.java:12)", "lambda$save$0", "lambda$save$17", "save$lambda$2", "save$lambda-2", "$anonfun$save$1", "save$$Nested"}},
		{Java, "", []string{"", "lambda$0", "lambda$12"}}, // ecj numbers lambdas and names nothing
		{Java, "<init>", []string{"<init>"}},

		// Native.
		{Native, "std::vector::push_back", []string{
			"std::vector::push_back", "std::vector<int>::push_back(int const&)", "std::vector<int, std::allocator<int> >::push_back(int&&)", "void std::vector<int>::push_back<long>(long)",
			"std::vector<void (*)(int)>::push_back(void (*)(int))", "std::vector<std::function<int() -> int>>::push_back(int)",
		}},
		{Native, "tcp_v4_rcv", []string{
			"tcp_v4_rcv", "tcp_v4_rcv.isra.0", "tcp_v4_rcv.constprop.3", "tcp_v4_rcv.part.12", "tcp_v4_rcv.cold", "tcp_v4_rcv.cold.5", "tcp_v4_rcv.llvm.1234", "tcp_v4_rcv [clone .isra.0]",
			"tcp_v4_rcv(sk_buff*) [clone .cold]", "tcp_v4_rcv@plt", "tcp_v4_rcv@@GLIBC_2.2", "tcp_v4_rcv+0x1f/0x90",
		}},
		{Native, "app::run", []string{"app::run", "app::run::h0123456789abcdef", "app::run::hfedcba9876543210", "app::run<T>::h0123456789abcdef"}},
		{Native, "(anon)::run", []string{"(anonymous namespace)::run()", "(anonymous namespace)::run(int)", "int (anonymous namespace)::run<int>(int)"}},
		{Native, "Big::operator<<", []string{"Big::operator<<(int)", "Big::operator<<(std::ostream&, Big<int> const&)", "std::ostream& Big::operator<< <int>(int)"}},
		{Native, "Big::operator<", []string{"Big::operator<(Big const&)", "bool Big::operator< <int>(int) const"}},
		{Native, "Big::operator()", []string{"Big::operator()(int) const", "Big::operator()()", "void Big<int>::operator()<long>(long)"}},
		{Native, "Big::operator->", []string{"Big::operator->() const", "Big<int>::operator->()"}},
		{Native, "operator new", []string{"operator new(unsigned long)", "operator new"}},
		{Native, "Big::operator bool", []string{"Big::operator bool() const"}},
		{Native, "cooperator::run", []string{"cooperator<int>::run()", "void cooperator<int>::run<int>()"}},
		{Cocoa, "-[Store load:]", []string{"-[Store load:]"}},
		{Cocoa, "+[Store(Cache) shared]", []string{"+[Store(Cache) shared]"}},
		{Native, "", []string{"", "?", "??", "<unknown>", "<redacted>", "(null)"}},

		{Go, "run", []string{"run", "main.run", "main.run.func1", "main.run.func1.2", "main.run.func2.1.3", "main.run.gowrap1", "main.run.deferwrap2", "main.run.func1.gowrap1", "main.run-range1"}},
		{Go, "Store.Load", []string{"(*Store).Load", "main.Store.Load", "main.Store.Load-fm", "(*Store[...]).Load", "main.(*Store).Load", "main.(*Store).Load.func3"}},
		{Go, "function", []string{"main.function"}},
		{CSharp, "Load", []string{"Load", "<Load>b__5_0", "<Load>b__0", "<Load>d__5", "<Load>d__5.MoveNext"}},
		{Ruby, "render", []string{"render", "block in render", "block (2 levels) in render", "block (3 levels) in render", "rescue in render", "ensure in render", "rescue in block in render", "block in ensure in render"}},
		{Python, "", []string{"", "<module>", "<lambda>", "?"}},
		{Python, "load", []string{"load"}},
		{PHP, "", []string{"{closure}"}},
	} {
		for _, name := range row.names {
			f := Frame{Function: name, Filename: "src/code.x", Line: 7}
			if got := normalizeFrame(row.platform, &f); got.function != row.want {
				t.Errorf("%v %q: %q, want %q", row.platform, name, got.function, row.want)
			} else if got.bits&bitAnonymous != 0 != (row.want == "") {
				t.Errorf("%v %q: anonymous is %v", row.platform, name, got.bits&bitAnonymous != 0)
			}
		}
	}
}

// TestOneClassManySpellings is the same for the place where a function stands.
func TestOneClassManySpellings(t *testing.T) {
	for _, row := range []struct {
		platform Platform
		want     string
		modules  []string
	}{
		{Java, "com.acme.Order", []string{
			"com.acme.Order", "com.acme.Order$1", "com.acme.Order$1$2", "com.acme.Order$$Lambda$14", "com.acme.Order$$Lambda$14/0x0000000800066840", "com.acme.Order$$Lambda/0x00007f1c",
			"com.acme.Order$$EnhancerBySpringCGLIB$$1a2b3c", "com.acme.Order$$FastClassBySpringCGLIB$$9", "com.acme.Order_$$_jvst4f2_0", "com.acme.Order_$$_javassist_3",
			"com.acme.Order$HibernateProxy$x8", "app//com.acme.Order", "shop@1.2/com.acme.Order", "com.acme.Order/0x0000000800c03000",
		}},
		{Java, "com.acme.Order$Line", []string{"com.acme.Order$Line", "com.acme.Order$Line$3"}},
		{Java, "java.lang.Thread", []string{"java.lang.Thread", "java.base/java.lang.Thread", "java.base@17.0.1/java.lang.Thread"}},
		{CSharp, "Acme.Store", []string{"Acme.Store"}},
	} {
		for _, module := range row.modules {
			f := Frame{Function: "save", Module: module}
			if got := normalizeFrame(row.platform, &f).owner; got != row.want {
				t.Errorf("%v %q: %q, want %q", row.platform, module, got, row.want)
			}
		}
	}
	for _, module := range []string{"Acme.Store+<Load>d__5", "Acme.Store.<Load>d__12", "Acme.Store+<Load>d__5`1"} {
		got := normalizeFrame(CSharp, &Frame{Function: "MoveNext", Module: module})
		if got.owner != "Acme.Store" || got.function != "Load" {
			t.Errorf("%q: function %q of %q, want Load of Acme.Store", module, got.function, got.owner)
		}
	}
	if got := normalizeFrame(CSharp, &Frame{Function: "MoveNext", Module: "Acme.Cursor"}); got.owner != "Acme.Cursor" || got.function != "MoveNext" {
		t.Errorf("a cursor's own MoveNext: %+v", got)
	}
	// A Java name that holds its class gives what the two apart give.
	whole, parts := normalizeFrame(Java, &Frame{Function: "com.acme.Order.save(Order.java:12)"}), normalizeFrame(Java, &Frame{Function: "save", Module: "com.acme.Order"})
	if whole != parts {
		t.Errorf("in one: %+v, apart: %+v", whole, parts)
	}
}

func TestFrameKinds(t *testing.T) {
	for _, c := range []struct {
		name     string
		platform Platform
		frame    Frame
		set      frameBits // must be set
		clear    frameBits // must not be set
	}{
		{"application", JavaScript, Frame{Function: "render", Filename: "./src/view.js"}, bitInApp, bitPlumbing | bitExtension | bitMinified},
		{"reporter says no", JavaScript, Frame{Function: "render", Filename: "./src/view.js", InApp: No}, 0, bitInApp},
		{"reporter says yes", JavaScript, Frame{Function: "parse", Filename: "./node_modules/a/b.js", InApp: Yes}, bitInApp, 0},
		{"package", JavaScript, Frame{Function: "parse", Filename: "./node_modules/a/b.js"}, 0, bitInApp | bitPlumbing},
		{"transpiler's helper", JavaScript, Frame{Function: "asyncGeneratorStep", Filename: "./src/view.js"}, bitPlumbing, 0},
		{"helper package", JavaScript, Frame{Function: "x", Filename: "./node_modules/@babel/runtime/helpers/async.js"}, bitPlumbing, 0},
		{"timers of node", Node, Frame{Function: "listOnTimeout", Filename: "node:internal/timers"}, bitPlumbing, bitInApp},
		{"core of deno", JavaScript, Frame{Function: "eventLoopTick", Filename: "ext:core/01_core.js"}, bitPlumbing, bitInApp},
		{"built-in promise", JavaScript, Frame{Function: "new Promise", Filename: "<anonymous>"}, bitPlumbing, bitInApp},
		{"built-in map", JavaScript, Frame{Function: "Array.map", Filename: "<anonymous>"}, 0, bitPlumbing | bitInApp},
		{"extension", JavaScript, Frame{Function: "wrap", Filename: "chrome-extension://aapb/inject.js", InApp: Yes}, bitExtension, bitInApp},
		{"extension by address", JavaScript, Frame{Function: "wrap", Filename: "inject.js", AbsPath: "moz-extension://c3c6/inject.js"}, bitExtension, bitInApp},
		{"minified", JavaScript, Frame{Function: "t", Filename: "https://a.example/js/main.01c75c99.js"}, bitMinified | bitInApp, 0},
		{"minified anonymous", JavaScript, Frame{Filename: "https://a.example/js/main.01c75c99.js", Line: 1, Column: 48211}, bitMinified | bitAnonymous, 0},
		{"reflection", Java, Frame{Function: "invoke", Module: "jdk.internal.reflect.DirectMethodHandleAccessor"}, bitPlumbing, bitInApp},
		{"old reflection", Java, Frame{Function: "invoke0", Module: "sun.reflect.NativeMethodAccessorImpl"}, bitPlumbing, bitInApp},
		{"reflection in a module", Java, Frame{Function: "invoke", Module: "java.base/java.lang.reflect.Method"}, bitPlumbing, bitInApp},
		{"accessor", Java, Frame{Function: "access$000", Module: "com.acme.Order"}, bitPlumbing, 0},
		{"java platform", Java, Frame{Function: "get", Module: "java.util.ArrayList"}, 0, bitInApp | bitPlumbing},
		{"java application", Java, Frame{Function: "save", Module: "com.acme.Order"}, bitInApp, bitPlumbing | bitMinified},
		{"sanitiser", Native, Frame{Function: "__asan_report_load4"}, bitPlumbing, 0},
		{"kernel report", Native, Frame{Function: "dump_stack_lvl+0x1e/0x90"}, bitPlumbing, 0},
		{"native application", Native, Frame{Function: "parse(char const*)", Filename: "src/parse.cc"}, bitInApp, bitPlumbing},
		{"system library", Native, Frame{Function: "memcpy", Filename: "/usr/lib/libc.so"}, 0, bitInApp},
		{"python application", Python, Frame{Function: "load", Filename: "/srv/shop/cart.py"}, bitInApp, 0},
		{"python package", Python, Frame{Function: "get", Filename: "/venv/lib/python3.11/site-packages/requests/api.py"}, 0, bitInApp},
		{"python library", Python, Frame{Function: "run", Filename: "/usr/lib/python3.11/threading.py"}, 0, bitInApp},
	} {
		got := normalizeFrame(c.platform, &c.frame).bits
		if got&c.set != c.set || got&c.clear != 0 {
			t.Errorf("%s: bits %05b, want %05b set and %05b clear", c.name, got, c.set, c.clear)
		}
	}
}

func TestShortName(t *testing.T) {
	for in, want := range map[string]bool{
		"": false, "t": true, "e": true, "ab": true, "$e": true, "t1": true, "a1b": true, "ab1": true, "_ab": true, "$ab": true,
		"get": false, "map": false, "run": false, "abcd": false, "a123": false, "parse": false,
	} {
		if got := shortName(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestFoldSuffix(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "run": "run", "run1": "run", "run$1": "run", "run_12": "run", "parse2024": "parse", "run$": "run$", "run_": "run_",
		"t1": "t1", "ab1": "ab1", "a$1": "a$1", "123": "123", "_1": "_1", "abc1": "abc", "a1b": "a1b", "run1x": "run1x", "run$$1": "run$",
	} {
		if got := foldSuffix(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestNativeFunctionTakesLinearTime reads names whose brackets would cost
// quadratic time if every one looked back over the whole name: the test takes
// minutes then, and milliseconds otherwise.
func TestNativeFunctionTakesLinearTime(t *testing.T) {
	for _, piece := range []string{"a<>", "operator<", "a<", "<", ">", "(", "a()", "a.b ", "::h", "->"} {
		s := strings.Repeat(piece, 1<<17)
		for _, p := range Platforms() {
			normalizeFrame(p, &Frame{Function: s, Module: s, Filename: s, AbsPath: s})
		}
	}
}

// FuzzNormalizeFrame checks what holds for any frame on every platform.
func FuzzNormalizeFrame(f *testing.F) {
	for _, s := range [][4]string{
		{"Object.run [as go]", "", "webpack:///./src/a.js?1", "https://a.example/js/main.01c75c99.js"},
		{"t/e[t]", "", "<anonymous>", "chrome-extension://abc/inject.js"},
		{"lambda$save$0", "com.acme.Order$$Lambda$14/0x0000000800066840", "Order.java", ""},
		{"com.acme.Order.save(Order.java:12)", "", "", ""},
		{"std::vector<int, std::function<int() -> int>>::operator()<long>(long) const [clone .isra.0]", "", "/usr/src/a.cc", ""},
		{"operator<", "", "", ""},
		{"-[Store load:]", "Store", "Store.m", ""},
		{"main.(*T).Run.func1.2", "main", "/go/pkg/mod/a@v1/b.go", ""},
		{"MoveNext", "Acme.Store+<Load>d__5", "", ""},
		{"MoveNext", "<", "", ""},
		{"MoveNext", "a<>d__", "", ""},
		{"block (2 levels) in render", "", "/g/gems/rails-7.0.1/a.rb", ""},
		{"block in block in ", "", "", ""},
		{"Shop::Cart#add", "", "<internal:kernel>", ""},
		{"Cart.<locals>.load.<locals>.<lambda>", "shop.__init__", "<frozen importlib._bootstrap>", ""},
		{"example.org/a/v2/yaml%2ev3.(*T[...]).M-fm", "", "/root/go/pkg/mod/a@v1/b.go", ""},
		{"<Load>g__Parse|0_1(String s)", "Acme.Store`1+<>c__DisplayClass4_0", "", ""},
		{"{closure:Shop\\Cart::add():12}", "", "[internal]", ""},
		{"new Cart.add.<anonymous closure>.<fn>", "", "package:shop/cart.dart", ""},
		{"$$", "$$", "$", "$"},
		{"\xff<(\x00", "/", "//", "://"},
		{"[", "]", "*", "/<"},
	} {
		f.Add(s[0], s[1], s[2], s[3], int32(3), int32(900), byte(1))
	}
	f.Fuzz(func(t *testing.T, function, module, filename, abs string, line, column int32, inApp byte) {
		frame := Frame{Function: function, Module: module, Filename: filename, AbsPath: abs, Line: line, Column: column, InApp: Tri(inApp % 3)}
		for _, p := range Platforms() {
			n := normalizeFrame(p, &frame)
			if n != normalizeFrame(p, &frame) {
				t.Fatalf("%v: two answers for %+v", p, frame)
			}
			if (n.function == "") != (n.bits&bitAnonymous != 0) {
				t.Fatalf("%v: function %q, but anonymous %v", p, n.function, n.bits&bitAnonymous != 0)
			}
			if n.bits&bitExtension != 0 && n.bits&bitInApp != 0 {
				t.Fatalf("%v: an extension's frame is the application's own", p)
			}
			if longest := max(len(function), len(module)) + len("(anon)"); len(n.function) > longest {
				t.Fatalf("%v: %q grew to %q", p, function, n.function)
			}
			if longest := slices.Max([]int{len(function), len(module), len(filename), len(abs)}) + 1; len(n.owner) > longest {
				t.Fatalf("%v: %+v grew to owner %q", p, frame, n.owner)
			}
			// Where a line stands in its file says nothing about the function.
			moved := frame
			moved.Line++
			if m := normalizeFrame(p, &moved); m.function != n.function || m.owner != n.owner {
				t.Fatalf("%v: line %d gives %+v, line %d gives %+v", p, frame.Line, n, moved.Line, m)
			}
		}
	})
}
