// Package stacktrace reads stack traces as languages and their runtimes print
// them.
//
// The flow:
//
//  1. [Parse] cuts the text into lines and hands them to the parser of a
//     [Language]; with [Auto] to every parser, and keeps what the one made of
//     it that recognised the most lines as its own.
//  2. A parser is one pass over the lines. It tells heads of exceptions,
//     messages over several lines, frames, and what joins exceptions (causes,
//     groups, suppressed ones). Lines that are none of these are counted, and
//     nothing else is done with them.
//  3. Exceptions come out in one order, whatever the language prints: oldest
//     cause first, outermost last; frames oldest caller first, crashing frame
//     last.
//
// A parser never fails: a cut, localised or damaged trace gives what could be
// read of it. Names are kept as they are printed: to normalise them is the
// work of package features. Only what a runtime adds in print (an address, an
// offset, a marker of a repeated line) is taken off.
package stacktrace
