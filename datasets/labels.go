package datasets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"whorl/datasets/internal/columnar"
)

// Label says which group an event belongs to. Two events of one group id are
// the same problem.
type Label struct {
	GroupID    string
	Source     string   // who says so: human, fault-injection, template, ...
	Confidence float64  // in [0, 1]
	Slices     []string // "key:value" or a bare tag; for reports, never for training
}

// Pair says of two events whether they are the same problem. It beats what the
// labels of the two imply.
type Pair struct {
	A, B       string // event ids, different
	Group      bool   // the same problem
	Confidence float64
	Source     string
}

// Labels reads all labels by event id, also of events that the gate denies: a
// label is of use only together with its event. An event that is labelled
// twice with different groups, a group that is empty and a confidence outside
// [0, 1] are errors; of equal labels the first counts.
func (x *Export) Labels() (map[string]Label, error) { return x.store.labels() }

// Pairs reads all pairs in file order, also of events that the gate denies: a
// pair is of use only when both its events are allowed. Two pairs of the same
// events must agree; of those that do the first counts.
func (x *Export) Pairs() ([]Pair, error) { return x.store.pairs() }

// Labels reads all labels as [Export.Labels] does.
func (g *Golden) Labels() (map[string]Label, error) { return g.store.labels() }

// Pairs reads all pairs as [Export.Pairs] does.
func (g *Golden) Pairs() ([]Pair, error) { return g.store.pairs() }

func (s *store) labels() (map[string]Label, error) {
	labels := make(map[string]Label, min(s.rows(RoleLabels), 1<<20))
	err := s.eachRow(RoleLabels, func(f *columnar.File, g *columnar.Group) (func(int64) error, []*rowCursor, error) {
		nodes, err := labelSchema(f.Name(), f.Root())
		if err != nil {
			return nil, nil, err
		}
		c, err := cursors(g, nodes.event, nodes.group, nodes.source, nodes.confidence, nodes.slices.Element)
		if err != nil {
			return nil, nil, err
		}
		return func(row int64) error {
			fail := func(format string, args ...any) error {
				return fmt.Errorf("%w: %s, row %d: %s", ErrLabel, f.Name(), row, fmt.Sprintf(format, args...))
			}
			id, _ := cell(c[0])
			l := Label{}
			l.GroupID, _ = cell(c[1])
			l.Source, _ = cell(c[2])
			if id == "" || l.GroupID == "" {
				return fail("event_id or group_id is empty; remove the row")
			}
			var ok bool
			if l.Confidence, ok = confidence(c[3]); !ok {
				return fail("confidence is not in [0, 1]")
			}
			l.Slices = c[4].Strings()
			if first, ok := labels[id]; ok {
				if first.GroupID != l.GroupID {
					return fail("event %.64q has the groups %.64q and %.64q; keep one", id, first.GroupID, l.GroupID)
				}
				return nil
			}
			labels[id] = l
			return nil
		}, c, nil
	})
	if err != nil {
		return nil, err
	}
	return labels, nil
}

func (s *store) pairs() ([]Pair, error) {
	var pairs []Pair
	seen := map[[2]string]int{}
	err := s.eachRow(RolePairs, func(f *columnar.File, g *columnar.Group) (func(int64) error, []*rowCursor, error) {
		nodes, err := pairSchema(f.Name(), f.Root())
		if err != nil {
			return nil, nil, err
		}
		c, err := cursors(g, nodes.a, nodes.b, nodes.label, nodes.source, nodes.confidence)
		if err != nil {
			return nil, nil, err
		}
		return func(row int64) error {
			fail := func(format string, args ...any) error {
				return fmt.Errorf("%w: %s, row %d: %s", ErrLabel, f.Name(), row, fmt.Sprintf(format, args...))
			}
			p := Pair{}
			p.A, _ = cell(c[0])
			p.B, _ = cell(c[1])
			p.Source, _ = cell(c[3])
			if p.A == "" || p.B == "" || p.A == p.B {
				return fail("a pair needs two different events")
			}
			switch label, _ := cell(c[2]); label {
			case "GROUP":
				p.Group = true
			case "SEPARATE":
			default:
				return fail("unknown label %.32q; use GROUP or SEPARATE", label)
			}
			var ok bool
			if p.Confidence, ok = confidence(c[4]); !ok {
				return fail("confidence is not in [0, 1]")
			}
			key := [2]string{min(p.A, p.B), max(p.A, p.B)}
			if i, ok := seen[key]; ok {
				if pairs[i].Group != p.Group {
					return fail("the pair %.64q, %.64q is both GROUP and SEPARATE; keep one", p.A, p.B)
				}
				return nil
			}
			seen[key] = len(pairs)
			pairs = append(pairs, p)
			return nil
		}, c, nil
	})
	return pairs, err
}

// confidence returns the number of a confidence cell; ok is false for null,
// NaN and what is out of range.
func confidence(c *rowCursor) (v float64, ok bool) {
	if v, ok = c.Float(); !ok || math.IsNaN(v) || v < 0 || v > 1 {
		return 0, false
	}
	return v, true
}

// eachRow calls open for every row group of the files with a role and what it
// returns for every row, numbered in the file from 1.
func (s *store) eachRow(role Role, open func(*columnar.File, *columnar.Group) (func(row int64) error, []*rowCursor, error)) error {
	for i := range s.files {
		if s.files[i].Role != role {
			continue
		}
		if err := s.eachRowOf(i, open); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) eachRowOf(i int, open func(*columnar.File, *columnar.Group) (func(row int64) error, []*rowCursor, error)) (err error) {
	defer columnar.Recover(s.name(i), &err)
	f, done, err := s.file(i)
	if err != nil {
		return err
	}
	defer done()
	row := int64(0)
	for g := range f.Groups() {
		group := f.Group(g, 0)
		visit, all, err := open(f, group)
		if err != nil {
			return err
		}
		for {
			more, err := nextRow(all)
			if err == nil && more {
				row++
				err = visit(row)
			}
			if err != nil {
				return rowError(f.Name(), row, err)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// Contradiction is a pair that says the opposite of its events' groups.
type Contradiction struct {
	Pair           Pair
	GroupA, GroupB string
}

// Contradictions returns the pairs that contradict the labels of their events,
// in order of their ids. The pair counts, but a report must tell.
func Contradictions(labels map[string]Label, pairs []Pair) []Contradiction {
	var found []Contradiction
	for _, p := range pairs {
		a, okA := labels[p.A]
		b, okB := labels[p.B]
		if okA && okB && (a.GroupID == b.GroupID) != p.Group {
			found = append(found, Contradiction{p, a.GroupID, b.GroupID})
		}
	}
	slices.SortFunc(found, func(x, y Contradiction) int {
		return cmp.Or(strings.Compare(x.Pair.A, y.Pair.A), strings.Compare(x.Pair.B, y.Pair.B))
	})
	return found
}
