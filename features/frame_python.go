package features

import "strings"

// pythonPlumbing are functions of the interpreter and the standard library that
// start modules, threads and event loops, and comprehensions, which have a
// frame up to Python 3.11 and none since (PEP 709).
var pythonPlumbing = map[string]bool{
	"<listcomp>": true, "<dictcomp>": true, "<setcomp>": true,
	"_run_module_as_main": true, "_run_code": true, "_call_with_frames_removed": true, "_bootstrap": true, "_bootstrap_inner": true,
	"_find_and_load": true, "_find_and_load_unlocked": true, "_load_unlocked": true, "_gcd_import": true, "exec_module": true,
}

// pythonFrame normalises a frame of Python. Tools give the module with dots or
// the file of the same name, the function alone or with the names around it
// (since 3.11, PEP 3155).
func pythonFrame(f *Frame) frameName {
	var n frameName
	name := f.Function
	if i := strings.LastIndex(name, "<locals>."); i >= 0 {
		name = name[i+len("<locals>."):]
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	if pythonPlumbing[name] {
		n.bits |= bitPlumbing
	}
	switch name {
	case "?", "<module>", "<lambda>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>":
		name = ""
	}
	n.function = name
	file := reported(f)
	p := parsePath(file)
	module := strings.Trim(f.Module, `./\`) // a dot more is a relative import's, or nothing
	switch {
	case strings.HasPrefix(file, "<"): // <frozen importlib._bootstrap>, <string>, <stdin>
		n.owner = strings.Trim(file, "<>")
		if strings.HasPrefix(file, "<frozen ") {
			n.bits |= bitPlumbing
		}
	case module != "" && module != "__main__":
		// As the file of that module would be named.
		n.owner = parsePath(strings.ReplaceAll(module, ".", "/") + ".py").owner
	default:
		n.owner = p.owner
	}
	n.owner = strings.TrimSuffix(n.owner, "/__init__")
	library := p.library || installed(file) || strings.HasPrefix(file, "<") || strings.Contains(f.AbsPath, "/lib/python") || parsePath(f.AbsPath).library
	return n.settled(f, !library)
}
