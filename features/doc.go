// Package features turns error events into records that can be compared, and
// pairs of records into vectors that a model can score.
//
//  1. An [Event] is an error as it was reported: types, messages and frames as
//     text, in the spelling of one runtime, one build tool and one release.
//  2. [Extractor.Extract] normalises it. Messages are parameterised by
//     [ScanMessage]; frames lose what a platform, a bundler or a compiler added
//     to their names, paths what depends on where and when they were built;
//     runtime machinery, recursion and the wrappers of browser extensions are
//     left out. A user's stack trace rules, in the language of package rules,
//     may say otherwise: see [Extractor].
//  3. What is left is hashed into a [Record], at three grains: the frame, its
//     module or file, and the parts of its name.
//  4. [Frequencies] counts in how many distinct errors of a project each token
//     stands, and [View.Weigh] weighs a record by how rare its tokens are there;
//     code that is not the application's counts as commoner than it was seen.
//  5. [Compare] sets the [Vector] of two views, place by place as [Schema]
//     says: alignments of the traces, overlaps of the bags, agreement of types
//     and messages. It is symmetric.
//
// The sub-package blocking finds the pairs that are worth comparing; the
// sub-package rules reads and runs stack trace rules.
//
// A record may hold hashes under the fixed key of [SchemaID], flags, counts,
// line numbers and times. It may not hold text, nor anything that text could be
// read from without guessing it first: no string stands in a Record or in what
// it points to, and a test walks the types to see that. Hashes of names can be
// recognised by whoever has the names; records are for memory and for files
// that are kept like the events themselves, and no part of one is ever written
// into a model.
//
// Everything here is a function of its arguments: no clock, no randomness, no
// order of a map. The package imports the standard library alone, because what
// production links must be small enough to read whole.
package features
