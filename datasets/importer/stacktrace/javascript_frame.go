package stacktrace

import (
	"strings"

	"whorl/features"
)

// scriptFrame reads a frame of any engine.
func scriptFrame(s string) (f features.Frame, ok bool) {
	s = strings.TrimSuffix(s, ",") // of one in a list of errors
	if rest, is := strings.CutPrefix(s, "at "); is {
		return v8Frame(strings.TrimSuffix(rest, " {")) // Node.js, before the error's own properties
	}
	return atFrame(s)
}

// v8Frame reads what stands behind "at":
//
//	new Cart (file:///srv/cart.js:3:9)
//	async Promise.all (index 0)
//	Object.total [as sum] (native)
//	eval (eval at load (https://example.org/a.js:1:2), <anonymous>:1:1)
//	render (address at index.android.bundle:1:2345)
//	https://example.org/a.js:1:2
func v8Frame(s string) (f features.Frame, ok bool) {
	if !strings.HasSuffix(s, ")") {
		if s == "<anonymous>" || s == "async <anonymous>" {
			return features.Frame{Function: s}, true
		}
		return v8Place(strings.TrimPrefix(s, "async "))
	}
	open := openingParen(s)
	if open <= 0 || s[open-1] != ' ' {
		open = strings.Index(s, " (") + 1 // a path has a parenthesis of its own
	}
	function := strings.TrimSpace(s[:max(open, 0)])
	if function == "" {
		return v8Place(s) // a path ends with one
	}
	f, ok = v8Place(s[open+1 : len(s)-1])
	if !ok {
		return features.Frame{}, false
	}
	f.Function = function
	return f, true
}

// v8Place reads where a frame is.
func v8Place(place string) (f features.Frame, ok bool) {
	if rest, is := strings.CutPrefix(place, "eval at "); is {
		// The place in evaluated code says less than where the evaluation is.
		place = evalOrigin(rest)
	}
	place = strings.TrimPrefix(place, "address at ") // Hermes
	switch {
	case place == "native", place == "<anonymous>", place == "unknown", place == "unknown location":
		return features.Frame{Filename: place}, true
	case strings.HasPrefix(place, "index ") && allDigits(place[len("index "):]):
		return f, true // of a promise in Promise.all
	}
	f.Filename, f.Line, f.Column = cutPosition(place)
	// Java prints a file and a line alone, too, but for files of its own.
	return f, f.Filename != "" && (f.Column > 0 || wasmPlace(place) || scriptFile(f.Filename))
}

// evalOrigin returns where the outermost evaluation is that code comes from:
//
//	f (eval at g (a.js:1:2), <anonymous>:3:4), <anonymous>:5:6
func evalOrigin(s string) string {
	// The innermost text is behind all the "eval at".
	if i := strings.LastIndex(s, "eval at "); i >= 0 {
		s = s[i+len("eval at "):]
	}
	if i := strings.Index(s, "), <anonymous>"); i >= 0 {
		s = s[:i+1]
	}
	_, place, is := strings.Cut(s, " (")
	if !is {
		place, _, _ = strings.Cut(s, ",")
		return place
	}
	depth := 1 // of parentheses: the path may have its own
	for i := range len(place) {
		switch place[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return place[:i]
			}
		}
	}
	return place
}

// wasmPlace tells whether a place is in WebAssembly, whose offsets are
// hexadecimal: wasm://wasm/0012ab:wasm-function[12]:0x3f.
func wasmPlace(place string) bool {
	return strings.HasPrefix(place, "wasm://") || strings.Contains(place, ":wasm-function[")
}

// scriptFile tells whether a file is of a script, by its name.
func scriptFile(path string) bool {
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte", "bundle", "jsbundle":
		return !strings.Contains(path, " ")
	}
	return false
}

// openingParen returns where the parenthesis opens that the text ends with.
func openingParen(s string) int {
	depth := 0
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// atFrame reads a frame of SpiderMonkey or JavaScriptCore:
//
//	total/<@https://example.org/cart.js:3:9
//	async*load@https://example.org/a.js line 7 > eval:1:1
//	map@[native code]
//	@debugger eval code:1:1
//	https://example.org/a.js:1:2
//	eval code
func atFrame(s string) (f features.Frame, ok bool) {
	switch s {
	case "[native code]":
		return features.Frame{Filename: s}, true
	case "eval code", "global code", "module code": // JavaScriptCore, of code without an address
		return features.Frame{Function: s}, true
	}
	function, place, is := strings.Cut(s, "@")
	if !is || strings.Contains(function, "://") {
		// JavaScriptCore leaves the sign out where a function has no name.
		if strings.Contains(s, "://") && !strings.ContainsAny(s, " \t'\"(){}") {
			f.Filename, f.Line, f.Column = cutPosition(s)
		}
		return f, f.Column > 0
	}
	if place == "" || !atFunction(function) {
		return f, false
	}
	f.Function = function
	switch place {
	case "[native code]", "native code", "[wasm code]":
		f.Filename = place
		return f, true
	}
	f.Filename, f.Line, f.Column = cutPosition(place)
	// Firefox before version 30 printed no column.
	if f.Filename == "" || f.Column == 0 && !wasmPlace(place) && (f.Line == 0 || !strings.Contains(f.Filename, "://")) {
		return features.Frame{}, false
	}
	// Evaluated code: where the outermost evaluation is says more.
	if before, how, is := strings.Cut(f.Filename, " > "); is && how != "" {
		if i := strings.LastIndex(before, " line "); i > 0 {
			f.Filename, f.Line, f.Column = before[:i], number(before[i+len(" line "):]), 0
		}
	}
	return f, true
}

// atFunction tells whether a text can be the function of a frame: one of
// several words is one of few.
func atFunction(s string) bool {
	if !strings.ContainsAny(s, " \t") {
		return true
	}
	for _, before := range [...]string{"get ", "set ", "async ", "bound "} {
		if strings.HasPrefix(s, before) {
			return true
		}
	}
	// SpiderMonkey sets what called before an asterisk: setTimeout handler*load.
	if i := strings.LastIndexByte(s, '*'); i > strings.LastIndexByte(s, ' ') {
		return true
	}
	// And it takes names from where functions are: a["b c"]/<.
	return strings.HasSuffix(s, " code") || strings.Contains(s, `["`)
}
