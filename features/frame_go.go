package features

import "strings"

// goPlumbing are functions of Go's runtime between a fault and the code that
// had it, and between the start and main.
var goPlumbing = map[string]bool{
	"panic": true, "gopanic": true, "panicmem": true, "panicmemAddr": true, "sigpanic": true, "goPanicIndex": true, "panicIndex": true, "panicSlice": true,
	"panicdivide": true, "panicnil": true, "panicshift": true, "throw": true, "fatalthrow": true, "fatalpanic": true, "goexit": true, "main": true, "call32": true, "mcall": true,
	"recovery": true, "Stack": true, "PrintStack": true, "Callers": true,
}

// goStandard are the first parts of the standard library's import paths.
var goStandard = map[string]bool{
	"archive": true, "bufio": true, "bytes": true, "cmp": true, "compress": true, "container": true, "context": true, "crypto": true, "database": true, "debug": true,
	"embed": true, "encoding": true, "errors": true, "expvar": true, "flag": true, "fmt": true, "go": true, "hash": true, "html": true, "image": true, "index": true,
	"internal": true, "io": true, "iter": true, "log": true, "maps": true, "math": true, "mime": true, "net": true, "os": true, "path": true, "plugin": true, "reflect": true,
	"regexp": true, "runtime": true, "slices": true, "sort": true, "strconv": true, "strings": true, "structs": true, "sync": true, "syscall": true, "testing": true,
	"text": true, "time": true, "unicode": true, "unique": true, "unsafe": true, "weak": true, "vendor": true,
}

// goFrame normalises a frame of Go: the package may stand in the function, a
// receiver be a pointer or not, a closure be numbered by where it stands.
func goFrame(f *Frame) frameName {
	var n frameName
	path, name := f.Module, goWithoutTypes(f.Function)
	if path == "" && !strings.HasPrefix(name, "(") {
		slash := strings.LastIndexByte(name, '/')
		if dot := strings.IndexByte(name[slash+1:], '.'); dot >= 0 {
			path, name = name[:slash+1+dot], name[slash+1+dot+1:]
			path = strings.ReplaceAll(path, "%2e", ".") // a dot in the last part, as the runtime prints it
		}
	}
	if rest, ok := strings.CutPrefix(name, "(*"); ok { // (*T).Method
		if receiver, method, ok := strings.Cut(rest, ")"); ok {
			name = receiver + method
		}
	}
	for _, mark := range [...]string{".func", ".gowrap", ".deferwrap", "-range"} { // what stands inside a function
		if i := strings.Index(name, mark); i >= 0 && i+len(mark) < len(name) && isDigit(name[i+len(mark)]) {
			name = name[:i]
		}
	}
	name = strings.TrimSuffix(name, "-fm") // a method as a value
	if name == "glob." || name == "?" {    // a closure of a package's variable
		name = ""
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 && name[:i] == "init" { // init.0
		name = "init"
	}
	n.function = name
	n.owner = goModule(path)
	p := parsePath(reported(f))
	if n.owner == "" {
		n.owner = p.owner
	}
	first, _, _ := strings.Cut(path, "/")
	if (first == "runtime" || path == "") && goPlumbing[name] && !(path == "" && name == "main") {
		n.bits |= bitPlumbing
	}
	return n.settled(f, !p.library && !goStandard[first])
}

// goWithoutTypes takes type arguments off: F[...] and T[int].M.
func goWithoutTypes(s string) string {
	if strings.IndexByte(s, '[') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '[':
			depth++
		case s[i] == ']' && depth > 0:
			depth--
		case depth == 0:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// goModule takes the version off an import path: example.org/a/v2/b and
// gopkg.in/yaml.v3.
func goModule(path string) string {
	version := func(s string) bool { return len(s) > 1 && s[0] == 'v' && allDigits(s[1:]) }
	parts := strings.Split(path, "/")
	kept := parts[:0]
	for i, part := range parts {
		if i > 0 && version(part) {
			continue
		}
		if before, last, ok := strings.Cut(part, ".v"); ok && version("v"+last) && i > 0 {
			part = before
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "/")
}
