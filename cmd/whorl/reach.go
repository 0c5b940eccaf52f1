package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whorl/datasets"
)

// deepestRun is how many levels below the folder runs are looked for.
const deepestRun = 16

// foundRun is a directory with a lineage, or one of which it is not known
// whether it holds a run.
type foundRun struct {
	path  string
	doubt error
}

// findRuns lists run directories below dir in the order of their paths.
func findRuns(ctx context.Context, dir string) ([]foundRun, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, withRemedy(err, "name the folder that holds the run directories")
	} else if !info.IsDir() {
		return nil, fmt.Errorf("--runs %s: that is no directory; name the folder that holds the run directories", dir)
	}
	var runs []foundRun
	var visit func(dir string, depth int) error
	visit = func(dir string, depth int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		doubt := func(format string, args ...any) { runs = append(runs, foundRun{dir, fmt.Errorf(format, args...)}) }
		entries, err := os.ReadDir(dir)
		if err != nil {
			doubt("%w; make it readable", err)
			return nil
		}
		switch names := entryNames(entries); {
		case slices.Contains(names, lineageFile):
			runs = append(runs, foundRun{path: dir})
		case slices.Contains(names, modelFile):
			doubt("it holds %s without %s: put the lineage back, or remove the model (of an interrupted run: finish it)", modelFile, lineageFile)
		case slices.Contains(names, tuningFile):
			doubt("it holds %s without %s: put the lineage back, or remove the settings (of an interrupted run: finish it)", tuningFile, lineageFile)
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			if depth == deepestRun {
				doubt("directories in it are deeper than %d levels below --runs and were not looked at; give a folder nearer to them", deepestRun)
				return nil
			}
			if err := visit(filepath.Join(dir, e.Name()), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return runs, visit(dir, 0)
}

// answerer holds what is needed to answer for one run after the other.
type answerer struct {
	asOf    time.Time
	days    int
	accept  []string
	ledgers []*namedLedger
	keys    map[string]pseudonymKey // by fingerprint
	names   map[nameKey]*subjectNames
}

// namedLedger is a ledger and what the runs tell of it.
type namedLedger struct {
	*datasets.Ledger
	path     string
	ids      map[string]bool // under which runs were judged by it
	purposes map[datasets.Purpose]*datasets.Withdrawals
}

func (l *namedLedger) withdrawals(p datasets.Purpose, asOf time.Time) (*datasets.Withdrawals, error) {
	if w := l.purposes[p]; w != nil {
		return w, nil
	}
	w, err := l.Ledger.Withdrawals(p, asOf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	l.purposes[p] = w
	return w, nil
}

func (a *answerer) addKey(key pseudonymKey) { a.keys[key.fingerprint()] = key }

// nameKey says for whom names were hashed.
type nameKey struct {
	fingerprint string
	ledger      *namedLedger
	purpose     datasets.Purpose
}

// subjectNames turns pseudonyms back into names of the ledger. Only those are hashed
// that can be withdrawn, and projects only of organisations that a run holds.
type subjectNames struct {
	key           pseudonymKey
	withdrawals   *datasets.Withdrawals
	organisations map[string]string            // pseudonym to id
	projects      map[string]map[string]string // organisation's id to pseudonym to id
}

// maxNames bounds the keys whose hashes are remembered at a time.
const maxNames = 16

func (a *answerer) namesOf(k nameKey) (*subjectNames, error) {
	if n := a.names[k]; n != nil {
		return n, nil
	}
	w, err := k.ledger.withdrawals(k.purpose, a.asOf)
	if err != nil {
		return nil, err
	}
	if a.names == nil || len(a.names) >= maxNames {
		a.names = map[nameKey]*subjectNames{}
	}
	n := &subjectNames{key: a.keys[k.fingerprint], withdrawals: w, organisations: map[string]string{}, projects: map[string]map[string]string{}}
	for _, organisation := range w.Organisations() {
		n.organisations[n.key.organisation(organisation)] = organisation
	}
	a.names[k] = n
	return n, nil
}

// project returns the name of an organisation's project, empty for one that the
// ledger does not name.
func (n *subjectNames) project(organisation, pseudonym string) string {
	known, ok := n.projects[organisation]
	if !ok {
		known = map[string]string{}
		for _, project := range n.withdrawals.Projects(organisation) {
			known[n.key.project(organisation, project)] = project
		}
		n.projects[organisation] = known
	}
	return known[pseudonym]
}

// run answers for a run directory.
func (a *answerer) run(r foundRun) (*reachedRun, error) {
	out := &reachedRun{Run: r.path, Withdrawn: []withdrawnShare{}, Unknown: []string{}}
	if r.doubt != nil {
		out.Unknown = append(out.Unknown, r.doubt.Error())
		return out, nil
	}
	l, err := readLineage(r.path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; make it readable", err)
		}
		out.Unknown = append(out.Unknown, err.Error())
		return out, nil
	}
	return out, a.lineage(out, l)
}

// lineage answers for a lineage.
func (a *answerer) lineage(out *reachedRun, l *lineage) error {
	out.ModelSHA256, out.ModelVersion, out.SettingsSHA256 = l.ModelSHA256, l.ModelVersion, l.SettingsSHA256
	unknown := func(format string, args ...any) {
		if why := fmt.Sprintf(format, args...); !slices.Contains(out.Unknown, why) {
			out.Unknown = append(out.Unknown, why)
		}
	}
	if a.keys[l.PseudonymKey] == nil {
		unknown("the key of its pseudonyms, with the SHA-256 %s, was not found: give it with --pseudonym-key", l.PseudonymKey)
	}
	type share struct {
		ledger *namedLedger
		seq    int64
	}
	shares := map[share]*withdrawnShare{}
	reached := map[share]map[string]bool{} // projects
	for i := range l.Exports {
		x := &l.Exports[i]
		var ledger *namedLedger
		for _, candidate := range a.ledgers {
			if !candidate.Holds(x.LedgerEntries, x.LedgerHead) {
				continue
			}
			candidate.ids[x.LedgerID] = true
			if ledger != nil {
				unknown("%s and %s both go on from the ledger it was judged by: give the right one alone", ledger.path, candidate.path)
			}
			ledger = candidate
		}
		if ledger == nil {
			unknown("it cannot be answered with this ledger: it was judged by ledger %.200q at %d entries with head %s, which no --ledger holds: give the newest of that one too",
				x.LedgerID, x.LedgerEntries, x.LedgerHead)
			continue
		}
		if a.keys[l.PseudonymKey] == nil {
			continue
		}
		n, err := a.namesOf(nameKey{l.PseudonymKey, ledger, l.Purpose})
		if err != nil {
			return err
		}
		policies := slices.Concat(x.AcceptPolicies, a.accept)
		for _, o := range x.Organisations {
			organisation, ok := n.organisations[o.Pseudonym]
			if !ok {
				continue
			}
			for _, pseudonym := range o.Projects {
				project := n.project(organisation, pseudonym)
				w, ok := n.withdrawals.Find(organisation, project, x.LedgerEntries, policies)
				if !ok {
					continue
				}
				k := share{ledger, w.Entry.Seq}
				s := shares[k]
				if s == nil {
					deadline := w.Entry.EffectiveAt.AddDate(0, 0, a.days)
					s = &withdrawnShare{
						Organisation: organisation, OrganisationPseudonym: o.Pseudonym,
						Ledger: ledger.path, LedgerSeq: w.Entry.Seq, WithdrawnAt: w.Entry.EffectiveAt,
						Deadline: deadline, Overdue: a.asOf.After(deadline), Regranted: true,
					}
					if w.Entry.ProjectID != "" {
						s.Project, s.ProjectPseudonym = project, pseudonym
					}
					shares[k], reached[k] = s, map[string]bool{}
				}
				reached[k][pseudonym] = true
				s.Regranted = s.Regranted && w.Regranted
			}
		}
	}
	for k, s := range shares {
		s.Projects = len(reached[k])
		out.Withdrawn = append(out.Withdrawn, *s)
	}
	slices.SortFunc(out.Withdrawn, func(x, y withdrawnShare) int {
		if c := x.Deadline.Compare(y.Deadline); c != 0 {
			return c
		}
		if c := strings.Compare(x.Ledger, y.Ledger); c != 0 {
			return c
		}
		return int(x.LedgerSeq - y.LedgerSeq)
	})
	return nil
}
