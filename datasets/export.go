package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"whorl/features"
)

// Export is a verified export. It is safe for concurrent use.
type Export struct {
	Dir            string
	Name           string
	Description    string
	Licence        string
	LabelProtocol  string
	PolicyVersion  string
	CreatedAt      time.Time
	ManifestSHA256 string // of manifest.json's bytes
	Ledger         *Ledger

	store *store
}

// OpenExport opens the export in dir. It reads the manifest, hashes every
// listed file before decoding it, checks schemas and row counts, and verifies
// the ledger (rules 1 to 3, but for the ledger's times, which [Export.Events]
// checks against its as-of time).
func OpenExport(dir string) (*Export, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; name the directory that holds manifest.json", ErrManifest, err)
	}
	defer root.Close()
	name := filepath.Join(dir, "manifest.json")
	data, err := readSmall(root, "manifest.json", name, maxManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	m, created, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrManifest, name, err)
	}
	sum := sha256.Sum256(data)
	x := &Export{
		Dir: dir, Name: m.Name, Description: m.Description, Licence: m.Licence, LabelProtocol: m.LabelProtocol,
		PolicyVersion: m.PolicyVersion, CreatedAt: created, ManifestSHA256: hex.EncodeToString(sum[:]),
	}
	if x.Name == "" {
		x.Name = filepath.Base(filepath.Clean(dir))
	}
	if x.Ledger, err = openLedger(dir, root, m.ConsentLedger); err != nil {
		return nil, err
	}
	if x.store, err = openStore(dir, root, m.Files); err != nil {
		return nil, err
	}
	return x, nil
}

func openLedger(dir string, root *os.Root, l *manifestLedger) (*Ledger, error) {
	name := filepath.Join(dir, l.Path)
	data, err := readSmall(root, l.Path, name, maxLedgerBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	ledger, err := ParseLedger(data, l.ID, *l.Entries, l.Head)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ledger, nil
}

// Files returns the verified files, in the manifest's order.
func (x *Export) Files() []File { return slices.Clone(x.store.files) }

// Rows returns the number of rows in the events files.
func (x *Export) Rows() int64 { return x.store.rows(RoleEvents) }

// Events is the function [Events] of the export.
func (x *Export) Events(ctx context.Context, opt Options) (iter.Seq2[*features.Event, error], *Tally) {
	return Events(ctx, x, opt)
}

// ReadEvents reads all events that may be used. It fails with
// [ErrNothingAllowed] when there are none; the tally, which is never nil, says
// why.
func (x *Export) ReadEvents(ctx context.Context, opt Options) ([]features.Event, *Tally, error) {
	return collect(ctx, x.walk(opt))
}

func (x *Export) walk(opt Options) *walk {
	policies := opt.AcceptPolicies
	if policies == nil {
		policies = []string{x.PolicyVersion}
	}
	return &walk{store: x.store, opt: opt, ledger: x.Ledger, gate: func() func(*facts) Reason {
		return (&gate{purpose: opt.Purpose, asOf: opt.AsOf, policies: policies, ledger: x.Ledger}).check
	}}
}
