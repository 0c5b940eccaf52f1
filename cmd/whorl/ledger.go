package main

import (
	"fmt"
	"time"

	"whorl/datasets"
)

// ledgerFlags are the flags of every verb that reads an export: embed them, and
// open with open.
type ledgerFlags struct {
	Ledger string `placeholder:"FILE" help:"Newer consent ledger to judge by; it must go on from the export's own."`
	State  string `placeholder:"DIR" help:"Folder that remembers the newest ledger seen; an older or rewritten one is refused. Give the same folder, at first empty, every time."`
}

// open opens an export against the ledger that the flags name.
func (f *ledgerFlags) open(dir string, asOf time.Time) (*datasets.Export, error) {
	opt := datasets.OpenOptions{State: f.State, Ledger: f.Ledger}
	if f.State != "" { // else the walk over the events checks the time, which names the better reason
		opt.AsOf = asOf
	}
	return datasets.OpenExportWith(dir, opt)
}

// openAll opens exports that are read as one. Two with one ledger id must
// agree on the ledger: the older of two would let in what the newer withdraws.
func (f *ledgerFlags) openAll(dirs []string, asOf time.Time) ([]*datasets.Export, error) {
	var all []*datasets.Export
	for _, dir := range dirs {
		x, err := f.open(dir, asOf)
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if a, b := other.Ledger, x.Ledger; a.ID == b.ID && a.Head != b.Head {
				return nil, fmt.Errorf("%s and %s hold ledger %.200q at %d and at %d entries: give the newest with --ledger, or export again",
					other.Dir, x.Dir, a.ID, len(a.Entries), len(b.Entries))
			}
		}
		all = append(all, x)
	}
	return all, nil
}
