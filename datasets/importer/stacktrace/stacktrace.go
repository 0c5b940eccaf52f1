package stacktrace

import (
	"strings"
	"unicode/utf8"

	"whorl/features"
)

// Language is a way of printing stack traces.
type Language string

// The languages. [Auto] is whichever fits a text best.
const (
	Auto       Language = "auto"
	JavaScript Language = "javascript" // V8, SpiderMonkey, JavaScriptCore; Node.js, browsers, Hermes
	Python     Language = "python"
	Java       Language = "java" // and Kotlin, Scala, Groovy, Clojure; Android's log
	Go         Language = "go"
	CSharp     Language = "csharp" // all of .NET
	Ruby       Language = "ruby"
	PHP        Language = "php"
	Rust       Language = "rust"
	Dart       Language = "dart"
	Native     Language = "native" // gdb, sanitizers, backtrace_symbols
)

// parser is a language's row in the table of [languages].
type parser struct {
	language Language
	platform string // of events, see [features.Event]
	parse    func(*reading)
}

// languages is in the order in which equal claims to a text are settled.
var languages = []parser{
	{Python, "python", parsePython},
	{Java, "java", parseJava},
	{CSharp, "csharp", parseCSharp},
	{Go, "go", parseGo},
	{JavaScript, "javascript", parseJavaScript},
	{Ruby, "ruby", parseRuby},
	{PHP, "php", parsePHP},
	{Rust, "native", parseRust},
	{Dart, "dart", parseDart},
	{Native, "native", parseNative},
}

// Languages returns all languages but [Auto].
func Languages() []Language {
	all := make([]Language, len(languages))
	for i := range languages {
		all[i] = languages[i].language
	}
	return all
}

// The bounds of what one text gives. Of more frames or exceptions the first
// printed are kept, the rest counts as skipped.
const (
	MaxFrames     = 4096 // of all exceptions together
	MaxExceptions = 256
	MaxText       = 4 << 20  // bytes read of a text
	MaxLine       = 8 << 10  // bytes read of a line
	MaxMessage    = 32 << 10 // bytes of a message of several lines
)

// Trace is what was read from a text.
type Trace struct {
	Language Language // the parser's
	Platform string   // of events: javascript, python, native and so on

	// Exceptions are oldest cause first, outermost last; their frames oldest
	// caller first, crashing frame last. A trace without a head has one
	// exception without type and value. Empty if no frame and no head was found.
	Exceptions []features.Exception

	Marks   int // lines that were recognised as this language's: frames, heads, what joins them
	Skipped int // lines, not blank, of which nothing was made
}

// Parse reads a text. It never fails; ok tells whether an exception or a frame
// was found.
func Parse(language Language, text string) (trace Trace, ok bool) {
	lines := splitLines(text)
	for i := range languages {
		if p := &languages[i]; language == p.language || language == Auto {
			r := reading{lines: lines}
			p.parse(&r)
			if r.marks > trace.Marks {
				trace = r.trace(p)
			}
		}
	}
	return trace, len(trace.Exceptions) > 0
}

// splitLines cuts a text at line feeds and takes carriage returns off. What is
// above the bounds is left out.
func splitLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(cut(text, MaxText), "\n"), "\n")
	for i := range lines {
		lines[i] = cut(strings.TrimSuffix(lines[i], "\r"), MaxLine)
	}
	return lines
}

// cut returns the first bytes of a text, without half a character at the end.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
