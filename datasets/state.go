package datasets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"whorl/internal/atomicfile"
)

// StateFormat is the format of the markers in a state folder.
const StateFormat = "whorl.ledger-state/1"

// ErrState says that a state folder cannot be believed.
var ErrState = errors.New("bad state folder")

// State is a folder that remembers the newest head seen of each ledger id, so
// that a ledger that was rolled back, cut or rewritten since is refused (the
// last part of rule 3).
//
// Every head seen has a marker, a small file that is never changed and never
// removed, named by the hash of the id, the number of entries and the head. A
// ledger must hold all markers of its id ([Ledger.Holds]); "older" is thus
// decided by the chain, never by a clock. Because markers are only ever added,
// no order in which processes come by can take the state back: at worst a
// marker is added that a newer one says already. A marker is complete when it
// has its name (written aside, synced, renamed).
type State struct{ dir string }

// marker is a file of a state folder.
type marker struct {
	Format  string `json:"format"`
	ID      string `json:"id"`
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
}

const maxMarkerBytes = 1 << 20

var markerPattern = regexp.MustCompile(`^([0-9a-f]{64})-([0-9]{12,19})-([0-9a-f]{64})\.json$`)

// OpenState opens a state folder. It must stand already: one that was created
// by the way would make a mistyped name forget everything.
func OpenState(dir string) (*State, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w; create an empty directory once, and give the same one to every run", ErrState, err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is no directory; create an empty one, and give the same one to every run", ErrState, dir)
	}
	return &State{dir: dir}, nil
}

// See refuses a ledger that does not hold every head seen under its id, and
// otherwise remembers its own. The ledger's chain was verified when it was
// read; a caller who knows the as-of time checks that first too
// ([Ledger.CheckAsOf]). Errors wrap [ErrLedger], and [ErrState] where the folder
// is at fault.
func (s *State) See(id string, l *Ledger) error {
	for _, step := range s.steps(id, l) {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// steps are what [State.See] does, one after the other, whatever other
// processes do between them: look, add the marker, look again. Another process
// may have added a marker meanwhile that this ledger is behind of, or that says
// otherwise; of two such, whoever added last meets the other's in the last step.
func (s *State) steps(id string, l *Ledger) []func() error {
	own := marker{Format: StateFormat, ID: id, Entries: int64(len(l.Entries)), Head: l.Head}
	seen := false
	return []func() error{
		func() error {
			known, err := s.check(id, l)
			seen = slices.Contains(known, own)
			return err
		},
		func() error {
			if seen {
				return nil
			}
			return s.put(own)
		},
		func() error {
			_, err := s.check(id, l)
			return err
		},
	}
}

// put adds a marker.
func (s *State) put(m marker) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // a struct of plain fields
	}
	if err := atomicfile.WriteOnce(filepath.Join(s.dir, m.name()), append(data, '\n')); err != nil {
		return fmt.Errorf("%w: %w: %w; the folder must be writable", ErrLedger, ErrState, err)
	}
	return nil
}

// check compares a ledger with all that was seen under an id.
func (s *State) check(id string, l *Ledger) ([]marker, error) {
	all, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	var known []marker
	for _, m := range all {
		if m.ID == id {
			known = append(known, m)
		}
	}
	// The newest first, so that the error names it.
	slices.SortFunc(known, func(a, b marker) int {
		return cmp.Or(cmp.Compare(b.Entries, a.Entries), cmp.Compare(a.Head, b.Head))
	})
	for _, m := range known {
		if l.Holds(m.Entries, m.Head) {
			continue
		}
		seen := fmt.Sprintf("ledger %.200q was seen with %d entries and head %s (%s)", id, m.Entries, m.Head, filepath.Join(s.dir, m.name()))
		if n := int64(len(l.Entries)); n < m.Entries {
			return nil, fmt.Errorf("%w: %s, this one has only %d: it was rolled back or cut; take the newest ledger, or export again", ErrLedger, seen, n)
		}
		return nil, fmt.Errorf("%w: %s, in this one entry %d is another: it was rewritten; take the ledger that only had lines added, and find out who holds the other",
			ErrLedger, seen, m.Entries)
	}
	return known, nil
}

// IDs returns the ids, sorted, under which a head was seen that the ledger
// holds: what a ledger without a manifest may be called. empty says that no head of any
// ledger was ever seen.
func (s *State) IDs(l *Ledger) (ids []string, empty bool, err error) {
	all, err := s.read()
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	for _, m := range all {
		if m.Entries > 0 && l.Holds(m.Entries, m.Head) {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), len(all) == 0, nil
}

// read returns all markers, in the order of their names. Anything else in the
// folder is an error, since it may be a marker that was damaged; but for what a
// killed writer left, which never became one.
func (s *State) read() ([]marker, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	var all []marker
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(s.dir, name)
		if strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".partial") {
			continue
		}
		if !markerPattern.MatchString(name) {
			return nil, fmt.Errorf("%w: %s is no marker; a state folder holds markers alone: move it away, or restore the folder from a copy if it was one", ErrState, path)
		}
		data, err := readGiven(path, maxMarkerBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrState, err)
		}
		m, err := parseMarker(data)
		if err == nil && m.name() != name {
			err = errors.New("its content is not what its name says")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w; restore it from a copy, or remove it if you know a newer head of its ledger to be seen", ErrState, path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// parseMarker decodes and checks a marker.
func parseMarker(data []byte) (marker, error) {
	var m marker
	if err := decodeObject(data, &m); err != nil {
		return m, err
	}
	if err := checkFormat(m.Format, StateFormat); err != nil {
		return m, err
	}
	switch {
	case m.Entries < 0:
		return m, errors.New("entries is negative")
	case !digestPattern.MatchString(m.Head):
		return m, errors.New("head is no SHA-256 in lower-case hex")
	}
	return m, nil
}

// name is the marker's file name: ids are any text, so their hash stands in
// it.
func (m *marker) name() string {
	id := sha256.Sum256([]byte(m.ID))
	return fmt.Sprintf("%s-%012d-%s.json", hex.EncodeToString(id[:]), m.Entries, m.Head)
}
