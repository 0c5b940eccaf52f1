package datasets

import (
	"errors"

	"whorl/datasets/internal/columnar"
)

// Errors that callers may want to tell apart. Every error of this package
// names the file, and the row or column where there is one.
var (
	// ErrManifest: manifest.json or dataset.json is missing, malformed or
	// says something impossible (rule 1).
	ErrManifest = errors.New("bad manifest")
	// ErrFile: a listed file is missing, no regular file, or differs from the
	// manifest in bytes, sha256 or rows (rule 1).
	ErrFile = errors.New("file differs from its manifest")
	// ErrSchema: a required column is missing, duplicated, a case variant or
	// of the wrong type (rule 2).
	ErrSchema = errors.New("bad schema")
	// ErrLedger: the consent ledger is missing, malformed, broken, cut or
	// from the future (rule 3).
	ErrLedger = errors.New("bad consent ledger")
	// ErrNothingAllowed: no row may be used.
	ErrNothingAllowed = errors.New("no allowed event")
	// ErrInternal: more than 0.1 % of the rows could not be decided (rule 16).
	ErrInternal = errors.New("too many rows could not be decided")
	// ErrEvent: an event could not be read again if it were written.
	ErrEvent = errors.New("bad event")
	// ErrLabel: a label or pair is contradictory or out of range.
	ErrLabel = errors.New("bad label")
	// ErrOptions: the caller's options are incomplete or unknown.
	ErrOptions = errors.New("bad options")

	// ErrCorrupt, ErrLimit and ErrUnsupported: the Parquet file itself.
	ErrCorrupt     = columnar.ErrCorrupt
	ErrLimit       = columnar.ErrLimit
	ErrUnsupported = columnar.ErrUnsupported
)
