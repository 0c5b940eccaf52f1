package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"whorl/internal/exporttest"
)

func openState(t testing.TB, dir string) *State {
	t.Helper()
	s, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStateRefusesWhatIsOlderOrRewritten(t *testing.T) {
	a, b := chain(t, 6, 2, "a"), chain(t, 6, 2, "b")
	s := openState(t, t.TempDir())
	see := func(l *Ledger) error { return s.See("id", l) }
	for _, l := range []*Ledger{a[1], a[1], a[4], a[4]} {
		if err := see(l); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, see(a[3]), ErrLedger, "seen with 4 entries", a[4].Head, "only 3", "rolled back or cut", "take the newest ledger")
	wantError(t, see(a[0]), ErrLedger, "only 0")
	wantError(t, see(b[3]), ErrLedger, "only 3")
	wantError(t, see(b[4]), ErrLedger, "entry 4 is another", "rewritten")
	wantError(t, see(b[6]), ErrLedger, "entry 4 is another", "rewritten")
	// What was refused left nothing, and other ids are others.
	if err := errors.Join(see(a[4]), see(a[6]), s.See("other", b[6]), s.See("ID", b[1])); err != nil {
		t.Fatal(err)
	}
	ids, empty, err := s.IDs(b[6])
	if err != nil || empty || strings.Join(ids, " ") != "ID id other" { // id was seen before they part
		t.Errorf("ids %q, %v, %v", ids, empty, err)
	}
	if ids, _, err := s.IDs(b[2]); err != nil || strings.Join(ids, " ") != "ID id" {
		t.Errorf("ids %q, %v", ids, err)
	}
}

// Ids are any text; none of them leads out of the folder or to another's marker.
func TestStateIDs(t *testing.T) {
	a := chain(t, 3, 0, "a")
	parent := t.TempDir()
	dir := filepath.Join(parent, "state")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := openState(t, dir)
	ids := []string{"", ".", "..", "../x", "/etc/passwd", "a/b", "a\x00b", "a\nb", "ä", "A", "a", "con", "%s", strings.Repeat("long", 500), "a.partial"}
	for _, id := range ids {
		if err := s.See(id, a[2]); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range ids {
		wantError(t, s.See(id, a[1]), ErrLedger, "rolled back")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(ids) {
		t.Errorf("%d files for %d ids, %v", len(entries), len(ids), err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestDamagedState(t *testing.T) {
	a := chain(t, 3, 0, "a")
	for _, tt := range []struct {
		name   string
		damage func(path string, content []byte) error
		says   string
	}{
		{"empty", func(p string, c []byte) error { return os.WriteFile(p, nil, 0o644) }, "not a JSON object"},
		{"cut", func(p string, c []byte) error { return os.WriteFile(p, c[:len(c)/2], 0o644) }, "not valid JSON"},
		{"another number", func(p string, c []byte) error {
			return os.WriteFile(p, bytes.Replace(c, []byte(`"entries": 2`), []byte(`"entries": 1`), 1), 0o644)
		}, "not what its name says"},
		{"another id", func(p string, c []byte) error {
			return os.WriteFile(p, bytes.Replace(c, []byte(`"id"`), []byte(`"id2"`), 1), 0o644)
		}, "id2"},
		{"negative", func(p string, c []byte) error {
			return os.WriteFile(p, bytes.Replace(c, []byte(`"entries": 2`), []byte(`"entries": -2`), 1), 0o644)
		}, "negative"},
		{"newer format", func(p string, c []byte) error {
			return os.WriteFile(p, bytes.Replace(c, []byte(`state/1`), []byte(`state/2`), 1), 0o644)
		}, "use a newer one"},
		{"renamed", func(p string, c []byte) error { return os.Rename(p, p+".bak") }, "is no marker"},
		{"other name", func(p string, c []byte) error {
			return os.Rename(p, strings.Replace(p, "-000000000002-", "-000000000001-", 1))
		}, "not what its name says"},
		{"a directory", func(p string, c []byte) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, "no regular file"},
		{"a stranger", func(p string, c []byte) error {
			return os.WriteFile(filepath.Join(filepath.Dir(p), "notes.txt"), nil, 0o644)
		}, "move it away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openState(t, dir)
			if err := s.See("the ledger", a[2]); err != nil {
				t.Fatal(err)
			}
			m := marker{Format: StateFormat, ID: "the ledger", Entries: 2, Head: a[2].Head}
			path := filepath.Join(dir, m.name())
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.damage(path, content); err != nil {
				t.Fatal(err)
			}
			for _, l := range []*Ledger{a[1], a[2], a[3]} {
				err := s.See("the ledger", l)
				wantError(t, err, ErrState, tt.says, dir)
				wantError(t, err, ErrLedger)
			}
			_, _, err = s.IDs(a[2])
			wantError(t, err, ErrState)
		})
	}
	dir := t.TempDir() // what a killed writer leaves is none of it
	if err := os.WriteFile(filepath.Join(dir, ".123.partial"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := openState(t, dir).See("id", a[1]); err != nil {
		t.Error(err)
	}
	_, err := OpenState(filepath.Join(dir, "none"))
	wantError(t, err, ErrState, "create an empty directory once")
	_, err = OpenState(filepath.Join(dir, ".123.partial"))
	wantError(t, err, ErrState, "no directory")
}

// Many processes with ledgers of all ages: afterwards the newest counts.
func TestStateConcurrently(t *testing.T) {
	a := chain(t, 12, 0, "a")
	dir := t.TempDir()
	var group sync.WaitGroup
	for i := range 36 {
		group.Go(func() {
			if err := openState(t, dir).See("id", a[i%13]); err != nil && !strings.Contains(err.Error(), "rolled back") {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s := openState(t, dir)
	if err := s.See("id", a[12]); err != nil {
		t.Error(err)
	}
	for _, l := range a[:12] {
		wantError(t, s.See("id", l), ErrLedger)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// Whatever processes come by in whatever order, each stopped between any two of
// its steps or killed there: who begins after a ledger was accepted is accepted
// only with one that holds it, and of two at the same time one holds the other.
func TestStateNeverMovesBack(t *testing.T) {
	chains := map[string][]*Ledger{}
	for _, name := range []string{"a", "b", "c"} {
		chains[name] = chain(t, 7, map[string]int{"a": 3, "b": 3, "c": 0}[name], name)
	}
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := OpenState(dir)
		if err != nil {
			t.Fatal(err)
		}
		type process struct {
			ledger     *Ledger
			steps      []func() error
			step       int // next
			begin, end int // time
			refused    bool
		}
		var all []*process
		clock := 0
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				l := chains[rapid.SampledFrom([]string{"a", "a", "b", "c"}).Draw(t, "chain")][rapid.IntRange(0, 7).Draw(t, "entries")]
				all = append(all, &process{ledger: l, steps: s.steps("id", l), begin: -1, end: -1})
			},
			"step": func(t *rapid.T) {
				if len(all) == 0 {
					t.Skip()
				}
				p := all[rapid.IntRange(0, len(all)-1).Draw(t, "process")]
				if p.step == len(p.steps) || p.refused {
					return
				}
				if clock++; p.step == 0 {
					p.begin = clock
				}
				p.refused = p.steps[p.step]() != nil
				if p.step++; p.step == len(p.steps) {
					p.end = clock
				}
			},
			"": func(t *rapid.T) {
				for _, p := range all {
					for _, q := range all {
						if p.end < 0 || q.end < 0 || p.refused || q.refused {
							continue
						}
						holds := q.ledger.Holds(int64(len(p.ledger.Entries)), p.ledger.Head)
						if p.end < q.begin && !holds {
							t.Fatalf("%d entries were accepted after %d", len(q.ledger.Entries), len(p.ledger.Entries))
						}
						if !holds && !p.ledger.Holds(int64(len(q.ledger.Entries)), q.ledger.Head) {
							t.Fatalf("two ledgers that part were both accepted: %d and %d entries", len(p.ledger.Entries), len(q.ledger.Entries))
						}
					}
				}
			},
		})
	})
}

// A marker that is accepted says what its name says.
func FuzzMarker(f *testing.F) {
	_, head := exporttest.LedgerBytes(f, []exporttest.Entry{exporttest.GrantEntry("a", "generative_ai")})
	f.Add([]byte(`{"format":"whorl.ledger-state/1","id":"x","entries":1,"head":"` + head + `"}`))
	f.Add([]byte(`{"format":"whorl.ledger-state/1","id":"x","entries":-1,"head":""}`))
	f.Add([]byte(`{"format":"whorl.ledger-state/2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMarker(data)
		if err != nil {
			return
		}
		if name := m.name(); !markerPattern.MatchString(name) || filepath.Base(name) != name {
			t.Fatalf("%+v has the name %q", m, name)
		}
	})
}
