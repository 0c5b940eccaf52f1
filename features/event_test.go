package features

import (
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// Texts that the generated events are made of: few, so that two events have
// something in common, and of every kind that the normalisers know.
var (
	someFunctions = []string{
		"", "?", "run", "Object.run", "Foo.prototype.render", "emit/<", "async load", "get items", "Foo.bar [as baz]", "t", "e.n", "_callee$", "asyncGeneratorStep",
		"com.acme.Order.save(Order.java:1)", "lambda$save$0", "access$000", "std::vector<int>::push_back(int)", "dump_stack", "tcp_rcv.isra.0", "operator<(a)",
		"main.(*T).Run.func1", "<Load>b__0", "block in render", "<module>", "-[Store load:]", "größe", "Array.map",
	}
	someModules = []string{"", "", "", "com.acme.Order", "com.acme.Order$1", "com.acme.User", "java.base/java.lang.Thread", "jdk.internal.reflect.X", "main", "System.Linq"}
	someFiles   = []string{
		"", "src/model/dom.js", "./src/view.ts", "webpack:///./src/view.ts", "https://a.example/js/main.01c75c99.js", "node:internal/timers", "<anonymous>", "[native code]",
		"/app/node_modules/acorn/dist/acorn.js", "chrome-extension://abc/inject.js", "/usr/lib/python3/dist-packages/x/y.py", "Order.java", `C:\a\b.cs`, "/usr/src/net/ipv4/tcp.c",
	}
	someLines    = []string{"", "", "", "  return items.map(x => x.id)", "raise ValueError(name)", "x", strings.Repeat("long line ", 20)}
	someTypes    = []string{"", "TypeError", "ValueError", "java.lang.IllegalStateException", "Error"}
	someMessages = []string{
		"", "Cannot read properties of undefined (reading 'items')", "undefined is not an object (evaluating 'a.items')", "timeout of 2000ms exceeded", "timeout of 30ms exceeded",
		"User 17 not found", "User bob not found", "connect ECONNREFUSED 10.1.2.3:80", "connect ECONNREFUSED 10.1.2.4:80", "GET https://a.example/x responded 503", "ошибка: 発注 42", "   ",
	}
	somePlatforms = []string{"javascript", "node", "python", "java", "native", "cocoa", "csharp", "go", "php", "ruby", "dart", "other", "", "kotlin", "\xff"}
)

// someText draws mostly a text of the list, else any bytes, else a long text.
func someText(list []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch n := rapid.IntRange(0, 99).Draw(t, "kind"); {
		case n < 90:
			return rapid.SampledFrom(list).Draw(t, "known")
		case n < 97:
			return string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))
		default:
			return strings.Repeat(rapid.SampledFrom(list).Draw(t, "piece"), rapid.IntRange(0, 1000).Draw(t, "times"))
		}
	})
}

func someFrame() *rapid.Generator[Frame] {
	return rapid.Custom(func(t *rapid.T) Frame {
		return Frame{
			Function: someText(someFunctions).Draw(t, "function"), Module: someText(someModules).Draw(t, "module"), Filename: someText(someFiles).Draw(t, "file"),
			AbsPath: someText(someFiles).Draw(t, "abs"), ContextLine: someText(someLines).Draw(t, "context"),
			Line: rapid.Int32Range(-1, 5).Draw(t, "line"), Column: rapid.Int32Range(-1, 700).Draw(t, "column"), InApp: Tri(rapid.IntRange(0, 2).Draw(t, "inApp")),
		}
	})
}

// someEvent draws an event of any shape, and now and then one with more frames
// than a record keeps.
func someEvent() *rapid.Generator[*Event] {
	return rapid.Custom(func(t *rapid.T) *Event {
		e := &Event{
			Platform: rapid.SampledFrom(somePlatforms).Draw(t, "platform"), Release: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "release"),
			RuntimeName: rapid.SampledFrom([]string{"", "Chrome", "Firefox"}).Draw(t, "runtime"), Message: someText(someMessages).Draw(t, "message"),
			Time: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "time")).UTC(),
		}
		for range rapid.SampledFrom([]int{1, 1, 1, 0, 2, 3}).Draw(t, "exceptions") {
			x := Exception{Type: someText(someTypes).Draw(t, "type"), Value: someText(someMessages).Draw(t, "value")}
			x.Frames = rapid.SliceOfN(someFrame(), 0, 12).Draw(t, "frames")
			if rapid.IntRange(0, 19).Draw(t, "deep") == 0 && len(x.Frames) > 0 {
				for i := range rapid.IntRange(0, 3000).Draw(t, "depth") {
					f := x.Frames[i%len(x.Frames)]
					f.Function += strconv.Itoa(i%100) + "x"
					x.Frames = append(x.Frames, f)
				}
			}
			e.Exceptions = append(e.Exceptions, x)
		}
		return e
	})
}

func cloneEvent(e *Event) *Event {
	c := *e
	c.Exceptions = append([]Exception(nil), e.Exceptions...)
	for i := range c.Exceptions {
		c.Exceptions[i].Frames = append([]Frame(nil), c.Exceptions[i].Frames...)
	}
	return &c
}

// An event as text for fuzzing: lines separated by \x1e, fields by \x1f. The
// first line is platform, release, runtime name and message. A line that starts
// with E is an exception's type and value; any other is a frame's function,
// module, file name, absolute path, context line, line, column and in-app.
func decodeEvent(text string) *Event {
	lines := strings.Split(text, "\x1e")
	field := func(line string, i int) string {
		if parts := strings.Split(line, "\x1f"); i < len(parts) {
			return parts[i]
		}
		return ""
	}
	number := func(s string) int32 {
		n, _ := strconv.ParseInt(s, 10, 32)
		return int32(n)
	}
	e := &Event{Platform: field(lines[0], 0), Release: field(lines[0], 1), RuntimeName: field(lines[0], 2), Message: field(lines[0], 3)}
	for _, line := range lines[1:] {
		if field(line, 0) == "E" {
			e.Exceptions = append(e.Exceptions, Exception{Type: field(line, 1), Value: field(line, 2)})
			continue
		}
		if len(e.Exceptions) == 0 {
			e.Exceptions = make([]Exception, 1)
		}
		x := &e.Exceptions[len(e.Exceptions)-1]
		x.Frames = append(x.Frames, Frame{
			Function: field(line, 0), Module: field(line, 1), Filename: field(line, 2), AbsPath: field(line, 3), ContextLine: field(line, 4),
			Line: number(field(line, 5)), Column: number(field(line, 6)), InApp: Tri(number(field(line, 7)) & 3 % 3),
		})
	}
	return e
}
