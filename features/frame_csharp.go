package features

import "strings"

// csharpPlumbing are the classes of .NET that resume asynchronous methods and
// raise again what they caught.
var csharpPlumbing = []string{
	"System.Runtime.CompilerServices.", "System.Runtime.ExceptionServices.", "System.Threading.ExecutionContext", "System.Threading.Tasks.Task",
	"System.Threading.ThreadPoolWorkQueue", "System.Threading.PortableThreadPool",
}

// csharpFrame normalises a frame of .NET: the compiler turns asynchronous
// methods and iterators into classes, lambdas and local functions into methods
// with numbers, and printers differ in how they join nested classes.
func csharpFrame(f *Frame) frameName {
	var n frameName
	class, name := f.Module, f.Function
	if i := strings.IndexByte(name, '('); i > 0 {
		name = strings.TrimRight(name[:i], " ")
	}
	if class == "" {
		if i := strings.LastIndexByte(strings.TrimSuffix(name, ".ctor"), '.'); i > 0 {
			class, name = strings.TrimSuffix(name[:i], "."), name[i+1:]
		}
	}
	class = strings.ReplaceAll(class, "+", ".")
	// A class of the compiler: Store.<Load>d__5, Store.<>c, Store.<>c__DisplayClass4_0.
	if i := strings.IndexByte(class, '<'); i >= 0 && (i == 0 || class[i-1] == '.') {
		made := class[i+1:]
		class = strings.TrimSuffix(class[:i], ".")
		if method, _, ok := strings.Cut(made, ">d"); ok && method != "" && (name == "MoveNext" || name == "System.Collections.IEnumerator.MoveNext") {
			name = method
		}
	}
	name = strings.TrimPrefix(name, ".")
	switch kind, rest, ok := strings.Cut(name, ">"); {
	case !ok || !strings.HasPrefix(kind, "<"):
	case strings.HasPrefix(rest, "g__"): // a local function: <Load>g__Parse|0_1
		name, _, _ = strings.Cut(rest[len("g__"):], "|")
	case strings.HasPrefix(rest, "b__"), strings.HasPrefix(rest, "d__"): // a lambda, an iterator
		name = kind[1:]
	}
	switch name {
	case "?", "lambda_method", "<Main>$":
		name = strings.Trim(name, "?<>$")
	}
	n.function, n.owner = csharpWithoutTypes(name), csharpWithoutTypes(class)
	p := parsePath(reported(f))
	if n.owner == "" {
		n.owner = p.owner
	}
	if begins(n.owner, csharpPlumbing) {
		n.bits |= bitPlumbing
	}
	return n.settled(f, !begins(n.owner, []string{"System.", "Microsoft.", "mscorlib"}))
}

// csharpWithoutTypes takes type parameters off: List`1, Run[T], Run<T>.
func csharpWithoutTypes(s string) string {
	if i := strings.IndexAny(s, "[<"); i > 0 {
		s = s[:i]
	}
	for {
		i := strings.IndexByte(s, '`')
		if i <= 0 {
			return s
		}
		end := i + 1
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		s = s[:i] + s[end:]
	}
}
