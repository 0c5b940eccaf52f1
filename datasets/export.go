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

// OpenOptions says against which ledger an export is judged. The zero value
// is the export's own, whatever was seen before.
type OpenOptions struct {
	// State is a state folder ([OpenState]): a ledger that is older than the
	// newest seen there, or another, is refused, and this one is remembered.
	State string
	// Ledger is the file of a ledger that takes the place of the export's, which
	// is then not read. It must go on from where the manifest says that the export's own ends.
	Ledger string
	// AsOf, unless zero, refuses a ledger that knows of later things before it is
	// remembered. Walks check against their own as-of time in any case.
	AsOf time.Time
}

// OpenExport opens the export in dir. It reads the manifest, hashes every
// listed file before decoding it, checks schemas and row counts, and verifies
// the ledger (rules 1 to 3, but for the ledger's times, which [Export.Events]
// checks against its as-of time, and for what was seen before, which
// [OpenExportWith] checks).
func OpenExport(dir string) (*Export, error) { return OpenExportWith(dir, OpenOptions{}) }

// OpenExportWith is [OpenExport] with a newer ledger, a state folder, or both.
func OpenExportWith(dir string, opt OpenOptions) (*Export, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; name the directory that holds manifest.json", ErrManifest, err)
	}
	defer root.Close()
	x, m, err := readManifest(dir, root)
	if err != nil {
		return nil, err
	}
	if x.Ledger, err = openLedger(dir, root, m.ConsentLedger, opt); err != nil {
		return nil, err
	}
	if x.store, err = openStore(dir, root, m.Files); err != nil {
		return nil, err
	}
	return x, nil
}

// readManifest reads the manifest of an export: an Export without ledger and
// store.
func readManifest(dir string, root *os.Root) (*Export, *manifest, error) {
	name := filepath.Join(dir, "manifest.json")
	data, err := readSmall(root, "manifest.json", name, maxManifestBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	m, created, err := parseManifest(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrManifest, name, err)
	}
	sum := sha256.Sum256(data)
	x := &Export{
		Dir: dir, Name: m.Name, Description: m.Description, Licence: m.Licence, LabelProtocol: m.LabelProtocol,
		PolicyVersion: m.PolicyVersion, CreatedAt: created, ManifestSHA256: hex.EncodeToString(sum[:]),
	}
	if x.Name == "" {
		x.Name = filepath.Base(filepath.Clean(dir))
	}
	return x, m, nil
}

func openLedger(dir string, root *os.Root, l *manifestLedger, opt OpenOptions) (*Ledger, error) {
	name := filepath.Join(dir, l.Path)
	var ledger *Ledger
	if opt.Ledger != "" {
		name = opt.Ledger
		var err error
		if ledger, err = ReadLedger(name); err != nil {
			return nil, err
		}
		ledger.ID = l.ID
		if n := int64(len(ledger.Entries)); n < *l.Entries {
			return nil, fmt.Errorf("%s: %w: %d entries, that of %s has %d: it is older, or was cut; take one that goes on from the export's", name, ErrLedger, n, dir, *l.Entries)
		}
		if !ledger.Holds(*l.Entries, l.Head) {
			return nil, fmt.Errorf("%s: %w: it is no continuation of ledger %.200q of %s: entry %d is another; take one that only had lines added", name, ErrLedger, l.ID, dir, *l.Entries)
		}
	} else {
		data, err := readSmall(root, l.Path, name, maxLedgerBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLedger, err)
		}
		if ledger, err = ParseLedger(data, l.ID, *l.Entries, l.Head); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !opt.AsOf.IsZero() {
		if err := ledger.checkAsOf(opt.AsOf); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if opt.State != "" {
		state, err := OpenState(opt.State)
		if err != nil {
			return nil, err
		}
		if err := state.See(l.ID, ledger); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	ledger.file = name
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
