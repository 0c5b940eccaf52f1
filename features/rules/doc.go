// Package rules reads stack trace rules in the language that Sentry publishes,
// and runs them over a trace.
//
//  1. [Parse] reads a file of rules into a [Set].
//  2. The caller fills a [Trace] with what it knows of an exception's frames.
//  3. [Set.Settle] says which frames are in-app, and of which category.
//  4. [Set.Group] says which frames count.
//
// A rule is a line of matchers followed by actions; "#" begins a comment. Rules
// run in the order of the file, each over all frames of an exception.
//
// Matchers are kind:pattern, all of which must hold for a frame:
//
//	family    native, javascript, other or all; a list with commas
//	path      glob over the lower-cased path; only ** crosses a slash; also as if the path began at the root
//	package   glob over the image, archive or assembly, as path
//	module, function, category, type, value, mechanism   glob, case counts
//	app       yes or no
//
// A glob has "?" for one byte and "*" for any run of bytes. "!" before a matcher
// negates it. "[ m ] |" before the matchers asks for a caller that m matches,
// "| [ m ]" behind them for such a callee. Quotes hold a pattern with spaces
// together. path, package, module and function are also written stack.abs_path,
// stack.package and so on, type, value and mechanism error.type and so on.
//
// Actions are +app, -app, +group and -group: on the frame itself, with "^" on
// all frames nearer the crash, with "v" on all its callers. category=NAME is seen
// by later rules; max-frames=N and min-frames=N bound how many frames count, 0
// for no bound; invert-stacktrace=yes is how a tracker shows a trace, and does
// nothing here.
//
// Two things obey rules: the records of package features, see Extractor.Rules
// there, and the baseline static, see package newstyle of eval/baseline.
//
// Everything here is a function of its arguments, and the standard library is
// all it imports.
package rules
