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
//  5. A walk ([Export.Events], [Map]) decodes batches of rows column by column
//     on all workers, puts each row to the decision table (rules 4 to 16,
//     first match wins), counts what it denies by [Reason], and assembles
//     events of the rest alone. They come in the order of files and rows,
//     whatever the number of workers.
//  6. [Export.Labels] and [Export.Pairs] read what is known about events;
//     [Guard] finds golden data inside training data; [Export.Stats]
//     describes an export.
//  7. [Verify] lists all that is wrong with a dataset; [Split] makes two of one.
//     [CreateExport], [CreateGolden] and [WriteLedger] write what the rest reads.
//  8. [Ledger.Withdrawals] answers later which data of a run is withdrawn since.
//
// Consent is opt-in, per organisation or project, per purpose and revocable.
// The ledger decides; the consent column of a row can only deny. No error of
// this package quotes the text of an event.
//
// The clock is the caller's: every decision is made as of a time in [Options].
// A walk keeps to [Options].Memory whatever the number of rows. What is asked of
// all rows at once takes more with every event: 8 bytes while duplicates are
// looked for (within Memory: then more passes are made), and some dozens where
// labels are counted or checked against events.
package datasets
