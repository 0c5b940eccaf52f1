package features

import (
	"bytes"
	"strings"
)

// frameBits say what kind of frame a token came from.
type frameBits uint8

const (
	bitInApp     frameBits = 1 << iota // the application's own code
	bitMinified                        // names were shortened by a build step
	bitAnonymous                       // the function has no name
	bitExtension                       // brought into the page by a browser extension
	bitPlumbing                        // runtime or sanitiser machinery that says nothing about the fault

	// Rules said so. No frame of a record has these.
	bitKept    // counts whatever it is
	bitLeftOut // does not count
	bitsRuled  = bitKept | bitLeftOut
)

// frameName is a frame after normalisation: the same for the same source
// function whatever engine printed it and, as far as names survive, whatever
// tool built it.
type frameName struct {
	function string // own name without receiver, arguments, generics and generated suffixes; "" when anonymous
	owner    string // class, module or file the function stands in
	bits     frameBits
}

// normalizeFrame reduces a frame to its name.
func normalizeFrame(platform Platform, f *Frame) frameName {
	switch platform {
	case JavaScript, Node:
		return scriptFrame(f)
	case Java:
		return javaFrame(f)
	case Native, Cocoa:
		return nativeFrame(f)
	case Python:
		return pythonFrame(f)
	case Go:
		return goFrame(f)
	case CSharp:
		return csharpFrame(f)
	case Ruby:
		return rubyFrame(f)
	case PHP:
		return phpFrame(f)
	case Dart:
		return dartFrame(f)
	default:
		return otherFrame(f)
	}
}

// NormalFrame is a frame as records know it, before its names are hashed.
type NormalFrame struct {
	Owner    string   // class, module or file the function stands in
	Function string   // "" when anonymous
	Marks    []string // in-app, minified, anonymous, extension, plumbing; see also [NormalizeFrames]
}

// NormalizeFrame returns the normal form of a frame of a platform: the same for
// the same source function whatever engine printed it. It is for people to
// look at; [Extractor.Extract] keeps hashes alone.
func NormalizeFrame(platform Platform, f *Frame) NormalFrame {
	return normalizeFrame(platform, f).normal()
}

func (n frameName) normal() NormalFrame {
	out := NormalFrame{Owner: n.owner, Function: n.function}
	for i, mark := range [...]string{"in-app", "minified", "anonymous", "extension", "plumbing", MarkKept, MarkLeftOut} {
		if n.bits&(bitInApp<<i) != 0 {
			out.Marks = append(out.Marks, mark)
		}
	}
	return out
}

// own settles the in-app bit: the reporter's word, else a guess from where the
// code lies.
func own(reported Tri, guess bool) frameBits {
	if reported == Yes || reported == Unknown && guess {
		return bitInApp
	}
	return 0
}

// wideColumn is the column beyond which a line is a bundle's, not a person's.
const wideColumn = 500

// scriptPlumbing are functions of runtimes, transpilers' helpers and timers:
// they come and go with the tool, not with the fault.
var scriptPlumbing = map[string]bool{
	"asyncGeneratorStep": true, "_next": true, "_throw": true, "__awaiter": true, "fulfilled": true, "rejected": true,
	"processTicksAndRejections": true, "runMicrotasks": true, "queueMicrotask": true, "processTimers": true, "__processTimers": true,
	"processImmediate": true, "listOnTimeout": true, "runNextTicks": true, "_tickCallback": true, "nextTick": true, "_onTimeout": true,
	"_callSuper": true, "_construct": true, "_wrapNativeSuper": true, "_createSuper": true, "_classCallCheck": true, "_regenerator": true,
	"_asyncToGenerator": true, "__generator": true, "__spreadArray": true, "__extends": true, "__decorate": true, "_inherits": true,
	"tryCatch": true, "_possibleConstructorReturn": true, "_ts_generator": true, "_async_to_generator": true, "_call_super": true,
	"__webpack_require__": true, "__require": true, "__commonJS": true, "__esm": true,
}

// scriptNatives are built-in functions that engines show with or without their receiver.
var scriptNatives = map[string]bool{
	"Promise": true, "new Promise": true, "Generator": true, "Function": true, "Reflect": true,
}

func scriptFrame(f *Frame) frameName {
	var n frameName
	file := f.Filename
	if file == "" || file == "<anonymous>" && f.AbsPath != "" {
		file = f.AbsPath
	}
	builtin := file == "[native code]" || file == "native code" || file == "native" || file == "<anonymous>" || file == "" && f.Module == ""
	p := parsePath(file)
	// The bundle's address stands in abs_path where a source map gave the file.
	if strings.Contains(f.AbsPath, "extension") {
		if abs := parsePath(f.AbsPath); abs.fromExtension() {
			p = abs
		}
	}
	if p.fromExtension() {
		n.bits |= bitExtension
	}
	switch {
	case f.Module != "":
		m := parsePath(f.Module)
		n.owner, p.library = m.owner, p.library || m.library
	case !builtin:
		n.owner = p.owner
	}

	name := f.Function
	for _, prefix := range [...]string{"async*", "async ", "new ", "get ", "set ", "bound ", "static "} {
		name = strings.TrimPrefix(name, prefix)
	}
	if i := strings.Index(name, " [as "); i >= 0 {
		name = name[:i]
	}
	if strings.HasSuffix(name, "<") || computed(name) { // SpiderMonkey: an anonymous function inside another, or assigned to a property
		name = ""
	}
	if i := strings.LastIndexByte(name, '*'); i >= 0 { // SpiderMonkey: what an asynchronous call came from, as in "promise callback*run"
		name = name[i+1:]
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	receiver := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		receiver, name = name[:i], name[i+1:]
	}
	if i := strings.IndexAny(name, "[("); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "", "?", "<anonymous>", "anonymous", "Anonymous function", "<computed>", "eval", "<eval>", "<global>", "global", "<unknown>", "<parse>", "{anonymous}", "code", "global code", "module code", "eval code", "_callee$", "_callee", "executor":
		name = ""
	}
	if strings.HasPrefix(name, "_callee") {
		name = ""
	}
	n.function = foldSuffix(name)
	runtime := p.scheme == "node" || p.scheme == "ext" || p.scheme == "bun" || strings.HasSuffix(file, "InternalBytecode.js") ||
		strings.HasPrefix(file, "internal/") || p.library && strings.HasPrefix(n.owner, "core-js")
	if scriptPlumbing[name] || runtime || builtin && (scriptNatives[receiver] || scriptNatives[name] || n.function == "") ||
		p.library && (strings.HasPrefix(n.owner, "@babel/runtime") || strings.HasPrefix(n.owner, "tslib") || strings.HasPrefix(n.owner, "regenerator-runtime") || strings.HasPrefix(n.owner, "@swc/helpers")) {
		n.bits |= bitPlumbing
	}
	if n.function == "" {
		n.bits |= bitAnonymous
	}
	if shortName(n.function) || p.hashed && f.Module == "" && f.Column > wideColumn {
		n.bits |= bitMinified
	}
	n.bits |= own(f.InApp, !builtin && !runtime && !p.library && n.bits&bitExtension == 0)
	if builtin || n.bits&bitExtension != 0 {
		n.bits &^= bitInApp
	}
	return n
}

// computed reports whether SpiderMonkey named a function after the computed
// property it was assigned to: "t[n]", which V8 calls "t.<computed>".
func computed(name string) bool {
	i := strings.LastIndexByte(name, '[')
	return i > 0 && name[len(name)-1] == ']' && !strings.HasPrefix(name[i:], "[Symbol.")
}

// shortName reports whether a function name looks like a minifier's.
func shortName(s string) bool {
	switch len(s) {
	case 1, 2:
		return true
	case 3:
		return isDigit(s[1]) || isDigit(s[2]) || s[0] == '_' || s[0] == '$'
	}
	return false
}

// foldSuffix drops what bundlers append to keep names apart: digits, and "$"
// with digits. Names that would become shorter than three bytes stay whole.
func foldSuffix(s string) string {
	end := len(s)
	for end > 0 && isDigit(s[end-1]) {
		end--
	}
	if end > 0 && end < len(s) && (s[end-1] == '$' || s[end-1] == '_') {
		end--
	}
	if end < 3 {
		return s
	}
	return s[:end]
}

// javaMachinery are classes of the platform's reflection and invocation layers.
var javaMachinery = []string{
	"sun.reflect.", "jdk.internal.reflect.", "java.lang.reflect.", "java.lang.invoke.", "jdk.internal.misc.", "java.lang.Thread",
}

// javaPlatform are packages that belong to the platform or its test tools.
var javaPlatform = []string{"java.", "javax.", "sun.", "jdk.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "junit.", "org.junit.", "android.", "androidx.", "dalvik."}

func javaFrame(f *Frame) frameName {
	class := f.Module
	method, _, _ := strings.Cut(f.Function, "(")
	if class == "" {
		if i := strings.LastIndexByte(method, '.'); i >= 0 {
			class, method = method[:i], method[i+1:]
		} else {
			class = parsePath(f.Filename).base
		}
	}
	// Hidden classes end in their address: Server$$Lambda/0x000000080011.
	if i := strings.LastIndexByte(class, '/'); i > 0 && strings.HasPrefix(class[i:], "/0x") {
		class = class[:i]
	}
	if i := strings.LastIndexByte(class, '/'); i >= 0 { // module/version prefix: java.base/java.lang.Thread
		class = class[i+1:]
	}
	var n frameName
	n.owner = javaClass(class)
	for _, prefix := range [...]string{"lambda$", "$anonfun$"} { // javac and ecj, Scala
		if rest, ok := strings.CutPrefix(method, prefix); ok {
			rest = strings.TrimRight(rest, "0123456789")
			method = strings.TrimSuffix(rest, "$")
		}
	}
	if i := strings.Index(method, "$lambda"); i > 0 { // Kotlin: run$lambda$2, run$lambda-2
		method = method[:i]
	}
	if strings.HasPrefix(method, "access$") {
		n.bits |= bitPlumbing
	}
	if i := strings.Index(method, "$$"); i > 0 {
		method = method[:i]
	}
	n.function = method
	for _, prefix := range javaMachinery {
		if strings.HasPrefix(class, prefix) {
			n.bits |= bitPlumbing
		}
	}
	app := true
	for _, prefix := range javaPlatform {
		app = app && !strings.HasPrefix(class, prefix)
	}
	if n.function == "" {
		n.bits |= bitAnonymous
	} else if shortName(n.function) && len(class) < 8 {
		n.bits |= bitMinified
	}
	n.bits |= own(f.InApp, app)
	return n
}

// javaClass cuts what proxies, lambdas and anonymous classes append to a class.
func javaClass(class string) string {
	for _, mark := range [...]string{"_$$_", "$$", "$Lambda", "$Proxy", "$EnhancerBy", "$FastClassBy", "$HibernateProxy"} {
		if i := strings.Index(class, mark); i > 0 {
			class = class[:i]
		}
	}
	for { // anonymous inner classes: Outer$1, Outer$Inner$2
		i := strings.LastIndexByte(class, '$')
		if i <= 0 || i == len(class)-1 || !allDigits(class[i+1:]) {
			return class
		}
		class = class[:i]
	}
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// nativeMachinery are functions that report, trap or unwind: they stand above
// the fault in every trace of their kind.
var nativeMachinery = map[string]bool{
	"dump_stack": true, "dump_stack_lvl": true, "__dump_stack": true, "print_address_description": true, "print_report": true,
	"check_memory_region": true, "check_memory_region_inline": true, "save_stack": true, "set_track": true, "stack_trace_save": true,
	"panic": true, "__warn": true, "warn_slowpath_null": true, "warn_slowpath_fmt": true, "report_bug": true, "fixup_bug": true,
	"handle_bug": true, "do_error_trap": true, "do_invalid_op": true, "invalid_op": true, "do_trap": true, "do_trap_no_signal": true,
	"describe_address": true, "object_err": true, "print_trailer": true, "die": true, "oops_end": true, "no_context": true,
	"page_fault": true, "do_page_fault": true, "__do_page_fault": true, "error_code": true, "__report_bug": true, "die_addr": true, "__die": true,
	"do_general_protection": true, "general_protection": true, "end_report": true, "check_panic_on_warn": true, "__show_stack": true, "show_stack": true,
	"instrument_atomic_read": true, "instrument_atomic_write": true, "instrument_atomic_read_write": true, "unwind_backtrace": true, "arch_stack_walk": true,
	"dump_backtrace": true, "__dump_backtrace": true, "show_regs": true, "show_trace": true, "show_trace_log_lvl": true, "sched_show_task": true,
	"nmi_cpu_backtrace": true, "nmi_trigger_cpumask_backtrace": true, "trigger_single_cpu_backtrace": true, "trigger_all_cpu_backtrace": true,
	"rcu_dump_cpu_stacks": true, "print_cpu_stall": true, "check_cpu_stall": true, "print_other_cpu_stall": true, "watchdog_timer_fn": true,
	"print_circular_bug": true, "print_usage_bug": true, "print_deadlock_bug": true, "print_bad_irq_dependency": true, "print_irqtrace_events": true,
	"abort": true, "raise": true, "gsignal": true, "__assert_fail": true, "__assert_fail_base": true, "__libc_start_main": true, "_start": true,
	"__GI_abort": true, "__GI_raise": true, "__pthread_kill": true, "pthread_kill": true, "_Unwind_RaiseException": true, "__cxa_throw": true,
	"std::terminate": true, "__cxa_rethrow": true, "objc_exception_throw": true, "__exceptionPreprocess": true, "rust_begin_unwind": true,
	"core::panicking::panic_fmt": true, "core::panicking::panic": true, "std::panicking::begin_panic_handler": true, "core::result::unwrap_failed": true,
}

var nativeMachineryPrefixes = []string{"kasan_", "__kasan_", "__asan_", "kmsan_", "__msan_", "__kmsan_", "kcsan_", "__tsan_", "__ubsan_", "asm_exc_", "exc_", "asm_sysvec_", "__sanitizer", "_asm_", "entry_SYSCALL", "ret_from_fork", "__interceptor_", "memcheck_"}

func nativeFrame(f *Frame) frameName {
	name := f.Function
	switch name {
	case "?", "??", "<unknown>", "<redacted>", "(null)":
		name = ""
	}
	var n frameName
	n.function = nativeFunction(name)
	p := parsePath(f.Filename)
	if p.owner == "" {
		p = parsePath(f.Module)
	}
	n.owner = p.owner
	if nativeMachinery[n.function] {
		n.bits |= bitPlumbing
	}
	for _, prefix := range nativeMachineryPrefixes {
		if strings.HasPrefix(n.function, prefix) {
			n.bits |= bitPlumbing
		}
	}
	if n.function == "" {
		n.bits |= bitAnonymous
	}
	system := strings.HasPrefix(f.Filename, "/usr/") || strings.HasPrefix(f.Filename, "/lib/") || strings.HasPrefix(n.function, "std::")
	n.bits |= own(f.InApp, !system)
	return n
}

// nativeFunction cuts arguments, template arguments, clones, hashes and
// compiler suffixes from a native function name.
func nativeFunction(s string) string {
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "-[") || strings.HasPrefix(s, "+[") {
		return s // Objective-C
	}
	if i := strings.Index(s, " [clone "); i > 0 {
		s = s[:i]
	}
	for _, mark := range [...]string{".isra.", ".constprop.", ".cold", ".part.", ".llvm.", "@@", "@plt", "+0x"} {
		if i := strings.Index(s, mark); i > 0 {
			s = s[:i]
		}
	}
	if i := strings.LastIndex(s, "::h"); i > 0 && len(s)-i == 19 && looksHex(s[i+3:]) { // Rust's symbol hash
		s = s[:i]
	}
	if !strings.ContainsAny(s, "<(") {
		return s
	}
	out := make([]byte, 0, len(s))
	depth := 0
	for i := 0; i < len(s); i++ {
		if depth == 0 && bytes.HasSuffix(out, operatorWord) && (len(out) == len(operatorWord) || !nameByte(out[len(out)-len(operatorWord)-1])) {
			if symbol := operatorSymbol(s[i:]); symbol != "" {
				out = append(out, symbol...)
				i += len(symbol) - 1
				continue
			}
		}
		switch c := s[i]; c {
		case '<':
			depth++
		case '>':
			switch {
			case depth == 0:
				out = append(out, c)
			case s[i-1] != '-': // the arrow of a function type is no bracket
				depth--
			}
		case '(':
			if strings.HasPrefix(s[i:], "(anonymous namespace)") {
				if depth == 0 {
					out = append(out, "(anon)"...)
				}
				i += len("(anonymous namespace)") - 1
				continue
			}
			if depth == 0 && len(out) > 0 {
				i = len(s) // arguments end the name
			}
		default:
			if depth == 0 {
				out = append(out, c)
			}
		}
	}
	name := strings.TrimRight(string(out), " ")
	end := len(name)
	if i := strings.Index(name, "operator"); i >= 0 { // "operator new" is one name
		end = i
	}
	if i := strings.LastIndexByte(name[:end], ' '); i >= 0 { // return type
		name = name[i+1:]
	}
	return name
}

var operatorWord = []byte("operator")

// operatorSymbols are the names of C++ operators that hold a bracket, longest first.
var operatorSymbols = [...]string{"<=>", "<<=", ">>=", "->*", "<<", "<=", ">>", ">=", "->", "()", "<", ">"}

// operatorSymbol returns the symbol that s begins with, or "".
func operatorSymbol(s string) string {
	for _, symbol := range operatorSymbols {
		if strings.HasPrefix(s, symbol) {
			return symbol
		}
	}
	return ""
}

func looksHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return s != ""
}

// otherFrame is for platforms that nothing is known of, log lines among them.
func otherFrame(f *Frame) frameName {
	var n frameName
	n.function = f.Function
	switch n.function {
	case "?", "<anonymous>", "(anonymous)":
		n.function = ""
	}
	file := reported(f)
	p := parsePath(file)
	if n.owner = f.Module; n.owner == "" {
		n.owner = p.owner
	}
	return n.settled(f, !p.library && !installed(file))
}

// settled finishes a frame: whether it has a name, and whether it is the
// application's own where the reporter did not say.
func (n frameName) settled(f *Frame, guess bool) frameName {
	if n.function == "" {
		n.bits |= bitAnonymous
	}
	n.bits |= own(f.InApp, guess)
	return n
}

// installed tells whether a path is where systems keep their libraries.
func installed(path string) bool {
	return strings.HasPrefix(path, "/usr/lib/") || strings.HasPrefix(path, "/usr/local/lib/") || strings.HasPrefix(path, "/lib/")
}

// reported returns a frame's path, the full one if it has no other.
func reported(f *Frame) string {
	if f.Filename != "" {
		return f.Filename
	}
	return f.AbsPath
}

// begins tells whether a name begins with one of some prefixes.
func begins(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
