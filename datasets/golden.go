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

// Golden is a verified golden dataset: labelled events that judge models and
// never train one. It is safe for concurrent use.
type Golden struct {
	Dir               string
	Name              string
	Version           string // results of different versions are never compared
	Description       string
	Licence           string
	LabelProtocol     string
	ConsentBasis      string // stands in for a ledger
	DescriptionSHA256 string // of dataset.json's bytes

	store *store
}

// OpenGolden opens the golden dataset in dir: it reads dataset.json, hashes
// every listed file before decoding it, and checks schemas and row counts
// (rules 1 and 2).
func OpenGolden(dir string) (*Golden, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; name the directory that holds dataset.json", ErrManifest, err)
	}
	defer root.Close()
	g, d, err := readDescription(dir, root)
	if err != nil {
		return nil, err
	}
	if g.store, err = openStore(dir, root, d.Files); err != nil {
		return nil, err
	}
	return g, nil
}

// readDescription reads the description of a golden dataset: a Golden without
// store.
func readDescription(dir string, root *os.Root) (*Golden, *description, error) {
	name := filepath.Join(dir, "dataset.json")
	data, err := readSmall(root, "dataset.json", name, maxManifestBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	d, err := parseDescription(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrManifest, name, err)
	}
	sum := sha256.Sum256(data)
	return &Golden{
		Dir: dir, Name: d.Name, Version: d.Version, Description: d.Description, Licence: d.Licence,
		LabelProtocol: d.LabelProtocol, ConsentBasis: d.ConsentBasis, DescriptionSHA256: hex.EncodeToString(sum[:]),
	}, d, nil
}

// Files returns the verified files, in the description's order.
func (g *Golden) Files() []File { return slices.Clone(g.store.files) }

// Rows returns the number of rows in the events files.
func (g *Golden) Rows() int64 { return g.store.rows(RoleEvents) }

// Events walks the events by rules 4 to 9 with the purpose
// [EvaluateFingerprinting]. The columns in omit need not be read. The function
// [Events] has more options.
func (g *Golden) Events(ctx context.Context, asOf time.Time, omit ...string) (iter.Seq2[*features.Event, error], *Tally) {
	return Events(ctx, g, Options{AsOf: asOf, Omit: omit})
}

// ReadEvents reads all events. It fails with [ErrNothingAllowed] when there
// are none; the tally, which is never nil, says why.
func (g *Golden) ReadEvents(ctx context.Context, asOf time.Time, omit ...string) ([]features.Event, *Tally, error) {
	return collect(ctx, g.walk(Options{AsOf: asOf, Omit: omit}))
}

// walk serves the one purpose that golden data has; none stands for it.
func (g *Golden) walk(opt Options) *walk {
	w := &walk{store: g.store}
	if opt.Purpose == "" {
		opt.Purpose = EvaluateFingerprinting
	}
	if opt.Purpose != EvaluateFingerprinting {
		w.err = fmt.Errorf("%w: %s: a golden dataset serves %s alone, not %s", ErrOptions, g.Dir, EvaluateFingerprinting, opt.Purpose)
	}
	w.opt = opt
	w.gate = func() func(*facts) Reason { return (&gate{purpose: opt.Purpose, asOf: opt.AsOf}).check }
	return w
}
