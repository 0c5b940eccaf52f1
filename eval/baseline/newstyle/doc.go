// Package newstyle reimplements the static grouping rules that Sentry
// publishes as newstyle:2023-01-11: what a learned model has to beat.
//
// The flow, for one event:
//
//  1. normalise the exceptions and frames as the tracker does on arrival;
//  2. run the stack trace rules ([Config]) over the frames, which settle
//     what is in-app;
//  3. build two trees, app (in-app frames) and system (all frames), whose
//     leaves are the values that count ([Variant]);
//  4. run the rules again, which take frames out of the trees or put them back;
//  5. when no exception contributes, fall back on the normalised log message.
//
// An event joins a group when any of its contributing variants is known there.
//
// Exports hold less than the tracker's own payload, so these parts of the
// published rules have nothing to work on and are left out: client and server
// fingerprints, checksums, threads, templates, security reports, NSError codes,
// exception groups, a platform per frame and the mark that a source map was
// used, which is inferred instead. Exports have no packages (images) of native
// frames either; a caller that gives them has the rules about them.
//
// The text of the published rules is not part of this project. rules.txt says
// what is known of them: where libraries are, what raises, starts and only
// passes on, and that of a run of a system's frames the first one counts.
package newstyle
