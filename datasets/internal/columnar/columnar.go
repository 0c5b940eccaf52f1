// Package columnar reads single columns of Parquet files that nobody has to
// trust: every count, length, offset and run is checked against a limit
// before memory is taken for it, and a damaged file ends in an error that
// names file, column and row, never in a panic, a hang or a wrong row.
//
// The flow:
//
//  1. [Open] checks magic bytes and footer length, walks the footer's Thrift
//     bytes once with bounds on depth and container sizes, and only then lets
//     parquet-go decode footer and schema.
//  2. The schema becomes a tree of [Node]s with their repetition and
//     definition levels; [Node.List] resolves two- and three-level lists.
//  3. [File.Group] opens one row group under a memory budget, and
//     [Group.Cursor] one column of it.
//  4. [Cursor.Read] decodes page by page and hands out rows as a [Vector].
//     Dictionary strings are made and checked once a row group and shared by
//     every value that refers to them.
//
// parquet-go supplies the footer, schema and codec code. Levels, dictionary
// indices and delta encodings are decoded here: the library's page API misreads
// runs of booleans that pyarrow writes by default in version 2 pages, fills
// short index runs with the dictionary's first entry, prints warnings itself,
// and allocates whatever run, delta, page and codec headers claim. Checking
// all that first takes the code that decoding takes (docs/decisions.md).
//
// Encodings: PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE (booleans),
// DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY. Codecs: none,
// snappy, gzip, zstd. Data pages of version 1 and 2.
package columnar

import "errors"

// The reasons for which a file is refused. Errors of this package wrap one of
// them.
var (
	ErrCorrupt     = errors.New("damaged Parquet file")
	ErrLimit       = errors.New("exceeds a limit on Parquet files")
	ErrUnsupported = errors.New("unsupported Parquet feature")
	// ErrMemory comes with ErrLimit where a row group takes more than the
	// caller allows: the file may be sound.
	ErrMemory = errors.New("more memory than allowed")
)

// Limits on what one file may ask for. They are far above what writers
// produce for the schema of this project.
const (
	MaxFooterBytes = 16 << 20  // encoded footer
	MaxColumns     = 1024      // leaf columns
	MaxDepth       = 16        // nesting of the schema
	MaxRowGroups   = 1 << 16   // row groups of a file
	MaxPageBytes   = 128 << 20 // one page, before and after decompression
	MaxPageValues  = 1 << 24   // entries of one page, nulls included
	MaxHeaderBytes = 8 << 20   // one page header, which may quote four values
	MaxCellBytes   = 1 << 20   // one text value
	MaxRowEntries  = 1 << 20   // list entries of one column in one row

	// DefaultBudget bounds what all cursors of one row group hold decoded at
	// a time, in bytes.
	DefaultBudget = 256 << 20
)
