package newstyle

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"whorl/features/rules"
)

// tree builds a frame's leaves: the module, or else the file's name; the
// function; and the source line on the platforms whose reporters send it.
// Package, line number and column never count.
func (f *frame) tree() frameTree {
	var t frameTree
	if module, ok := f.moduleLeaf(); ok {
		t.add("module", module)
	} else if file, ok := f.filenameLeaf(); ok {
		t.add("filename", file)
	}
	context, hasContext := f.contextLeaf()
	function, ok := f.functionLeaf()
	if ok && !(f.family == rules.JavaScript && hasContext && f.mapped()) {
		t.add("function", function)
	}
	if hasContext {
		t.add("context-line", context)
	}
	t.contributes = t.n > 0 && !f.evaluated()
	return t
}

// maxContext is the longest source line that counts, in characters: a longer
// one is minified code.
const maxContext = 120

func (f *frame) contextLeaf() (string, bool) {
	switch f.platform {
	case "javascript", "node", "python", "php", "ruby":
	default:
		return "", false
	}
	line := strings.Join(strings.Fields(f.context), " ")
	if line == "" || utf8.RuneCountInString(f.context) > maxContext {
		return "", false
	}
	if f.family == rules.JavaScript && f.raw == "" && remote(f.absPath) {
		return "", false
	}
	return line, true
}

// mapped reports whether a source map named the frame; functions are then
// guesses, and the source line is better. The tracker knows it from the frame's
// data. Exports do not say, so it is inferred from names that only a source map
// can bring: a bundler's scheme, a path relative to the bundler's folder, or in
// a browser a file that browsers cannot run.
func (f *frame) mapped() bool {
	for _, prefix := range [...]string{"webpack:", "./", "../"} {
		if strings.HasPrefix(f.absPath, prefix) || strings.HasPrefix(f.filename, prefix) {
			return true
		}
	}
	if f.platform != "javascript" {
		return false
	}
	name := basename(f.filename)
	for _, extension := range [...]string{".ts", ".tsx", ".jsx", ".vue", ".svelte"} {
		if strings.HasSuffix(name, extension) {
			return true
		}
	}
	return false
}

// evaluated reports whether a JavaScript frame is the engine's own or of code
// that was made at run time, which engines place differently.
func (f *frame) evaluated() bool {
	if f.family != rules.JavaScript {
		return false
	}
	switch f.absPath {
	case "[native code]", "native code", "eval code", "<anonymous>":
		return true
	}
	return afterDot(f.raw) == "eval"
}

func (f *frame) filenameLeaf() (string, bool) {
	if f.filename == "" || remote(f.absPath) {
		return "", false
	}
	name := strings.ToLower(basename(f.filename))
	if name == "" || name == "<anonymous>" || name == "[native code]" {
		return "", false
	}
	if f.platform == "java" {
		name = replaceAuto(javassist, "$$_javassist", name)
	}
	return name, true
}

// basename returns the last part of a path of either kind of separator.
func basename(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// Names that the Java runtime and frameworks generate with a number in them.
var (
	reflected = regexp.MustCompile(`(sun\.reflect\.Generated(?:Serialization)?ConstructorAccessor)\d+`)
	cglib     = regexp.MustCompile(`(\$\$[\w_]+?CGLIB\$\$)[a-fA-F0-9]+(?:_[0-9]+)?`)
	javassist = regexp.MustCompile(`(\$\$_javassist)(?:_seam)?(?:_[0-9]+)?`)
	clojure   = regexp.MustCompile(`(\$fn__)\d+`)
)

// replaceAuto puts <auto> for what a pattern finds behind its first group. It
// looks for the literal part first, which most names lack.
func replaceAuto(pattern *regexp.Regexp, literal, s string) string {
	if !strings.Contains(s, literal) {
		return s
	}
	return pattern.ReplaceAllString(s, "${1}<auto>")
}

var methodAccessors = [...]string{"sun.reflect.GeneratedMethodAccessor", "jdk.internal.reflect.GeneratedMethodAccessor"}

func (f *frame) moduleLeaf() (string, bool) {
	module := f.module
	switch {
	case module == "":
		return "", false
	case f.platform == "javascript" && strings.Contains(module, "/") && strings.HasSuffix(f.absPath, module):
		return "", false // made from the page's address
	case f.platform != "java":
		return module, true
	}
	for _, accessor := range methodAccessors {
		if strings.HasPrefix(module, accessor) {
			return accessor, !strings.Contains(module, "$$Lambda$")
		}
	}
	clean := replaceAuto(reflected, "sun.reflect.Generated", module)
	clean = replaceAuto(cglib, "CGLIB$$", clean)
	clean = replaceAuto(javassist, "$$_javassist", clean)
	clean = replaceAuto(clojure, "$fn__", clean)
	// As published: a name that was cleaned counts, even that of a lambda.
	return clean, clean != module || !strings.Contains(module, "$$Lambda$")
}

// rubyTemplate is what Ruby appends to the function of a compiled template.
var rubyTemplate = regexp.MustCompile(`__\d{4,}_\d{4,}$`)

func (f *frame) functionLeaf() (string, bool) {
	function := f.function
	if f.platform == "csharp" {
		function = f.raw
	}
	if function == "" {
		return "", false
	}
	switch {
	case f.platform == "ruby":
		if strings.HasPrefix(function, "block ") {
			return "block", true
		}
		return rubyTemplate.ReplaceAllString(function, ""), true
	case f.platform == "php":
		if strings.HasPrefix(function, "class@anonymous") {
			if i := strings.LastIndex(function, "::"); i >= 0 {
				return function[i+2:], true
			}
		}
		return function, !strings.HasPrefix(function, "[Anonymous") && !strings.HasPrefix(function, "class@anonymous\x00")
	case f.platform == "java":
		return function, !strings.HasPrefix(function, "lambda$")
	case f.family == rules.Native:
		return function, function != "<redacted>" && function != "<unknown>"
	case f.family == rules.JavaScript:
		switch function = afterDot(function); {
		case function == "", function == "?", function == "<anonymous function>", function == "<anonymous>",
			function == "Anonymous function", strings.HasSuffix(function, "/<"):
			return "", false
		}
	}
	return function, true
}

// afterDot returns the method of a name such as "Object.foo": engines differ
// in what they put before it.
func afterDot(s string) string {
	return s[strings.LastIndexByte(s, '.')+1:]
}
