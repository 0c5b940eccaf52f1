// Package datasets is the only door through which data enters: it reads
// labelled exports for training and golden datasets for judging, and lets an
// event out only after asking whether its use is allowed.
//
// The flow:
//
//  1. [OpenExport] reads manifest.json strictly, and [OpenGolden]
//     dataset.json. Paths are allow-listed and stay inside the directory.
//     Files that are not listed are never touched.
//  2. Every listed file is measured and hashed before a byte of it is
//     decoded; then its schema is checked by full column path and physical
//     type, and its row count against the manifest. The bytes that are decoded
//     later are bytes whose hash was checked.
//  3. The consent ledger is read line by line, each line's hash chained to the
//     next and the last to the manifest. [OpenExportWith] takes a newer ledger
//     that goes on from it, and asks a [State] folder whether a newer one was seen.
//  4. A first pass decodes event_id alone and finds ids that stand more than
//     once; only the rows of those are compared in full.
//  5. [Export.Events] walks the rows in file order and row order, puts each to
//     the decision table (rules 4 to 16, first match wins), counts what it
//     denies by [Reason], and yields the rest. Rows are assembled from
//     repetition and definition levels page by page; no file is held as
//     events.
//  6. [Export.Labels] and [Export.Pairs] read what is known about events;
//     [Guard] finds golden data inside training data; [Export.Stats]
//     describes an export.
//  7. [Ledger.Withdrawals] answers later which data of a run is withdrawn since.
//
// Consent is opt-in, per organisation or project, per purpose and revocable.
// The ledger decides; the consent column of a row can only deny. No error of
// this package quotes the text of an event.
//
// The clock is the caller's: every decision is made as of a time in [Options].
// Walking events takes the same memory for any number of rows, but for eight bytes an
// event (at most 256 MiB, then more passes are made) while duplicates are
// looked for.
package datasets
