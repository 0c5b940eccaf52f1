// Package importer turns the formats of other trackers, telemetry pipelines
// and research corpora into exports and golden datasets.
//
// The flow:
//
//  1. [Import] opens the input: a file, a directory or a stream, plain or
//     compressed, and cuts it into documents: JSON values, lines, or files.
//  2. The reader of the [Format] makes reports of each document: an event,
//     and what the source knows about its group. Fields that identify people
//     or machines are never read.
//  3. Each report is completed: pseudonymous owner, id, time, platform. What
//     may still tell of a person in texts that are needed (home directories,
//     addresses, releases) is replaced.
//  4. [datasets.Writer] writes what came out, as a stream.
//
// A document that cannot be read is counted and listed with its place, and the
// rest goes on; [Options].Strict ends there instead. Memory does not grow with
// the input but for what formats demand that join two files. The same input
// and options give the same bytes.
package importer
