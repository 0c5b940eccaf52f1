package datasets

import (
	"cmp"
	"context"
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
func (x *Export) Labels() (map[string]Label, error) { return x.store.labels(context.Background(), 0) }

// Pairs reads all pairs in file order, also of events that the gate denies: a
// pair is of use only when both its events are allowed. Two pairs of the same
// events must agree; of those that do the first counts.
func (x *Export) Pairs() ([]Pair, error) { return x.store.pairs(context.Background(), 0) }

// Labels reads all labels as [Export.Labels] does.
func (g *Golden) Labels() (map[string]Label, error) { return g.store.labels(context.Background(), 0) }

// Pairs reads all pairs as [Export.Pairs] does.
func (g *Golden) Pairs() ([]Pair, error) { return g.store.pairs(context.Background(), 0) }

func (s *store) labels(ctx context.Context, memory int64) (map[string]Label, error) {
	labels := make(map[string]Label, min(s.rows(RoleLabels), 1<<20))
	err := s.eachLabel(ctx, memory, func(at position, id string, l *Label, fault string) error {
		if fault != "" {
			return labelError(at, fault)
		}
		if first, ok := labels[id]; ok {
			if first.GroupID != l.GroupID {
				return labelError(at, twoGroups(id, first.GroupID, l.GroupID))
			}
			return nil
		}
		labels[id] = *l
		return nil
	})
	if err != nil {
		return nil, err
	}
	return labels, nil
}

func (s *store) pairs(ctx context.Context, memory int64) ([]Pair, error) {
	var pairs []Pair
	seen := map[[2]string]int{}
	err := s.eachPair(ctx, memory, func(at position, p *Pair, fault string) error {
		if fault != "" {
			return labelError(at, fault)
		}
		key := [2]string{min(p.A, p.B), max(p.A, p.B)}
		if i, ok := seen[key]; ok {
			if pairs[i].Group != p.Group {
				return labelError(at, bothWays(p))
			}
			return nil
		}
		seen[key] = len(pairs)
		pairs = append(pairs, *p)
		return nil
	})
	return pairs, err
}

// position is where a row stands: a file, and the row in it, from 1.
type position struct {
	file string
	row  int64
}

func labelError(at position, fault string) error {
	return fmt.Errorf("%w: %s, row %d: %s", ErrLabel, at.file, at.row, fault)
}

func twoGroups(id, first, second string) string {
	return fmt.Sprintf("event %.64q has the groups %.64q and %.64q; keep one", id, first, second)
}

func bothWays(p *Pair) string {
	return fmt.Sprintf("the pair %.64q, %.64q is both GROUP and SEPARATE; keep one", p.A, p.B)
}

const confidenceFault = "confidence is not in [0, 1]"

// labelFault says what is wrong with a label; empty for nothing.
func labelFault(id string, l *Label) string {
	switch {
	case id == "" || l.GroupID == "":
		return "event_id or group_id is empty; remove the row"
	case !(l.Confidence >= 0 && l.Confidence <= 1):
		return confidenceFault
	}
	return ""
}

// pairFault says what is wrong with a pair; empty for nothing.
func pairFault(p *Pair) string {
	switch {
	case p.A == "" || p.B == "" || p.A == p.B:
		return "a pair needs two different events"
	case !(p.Confidence >= 0 && p.Confidence <= 1):
		return confidenceFault
	}
	return ""
}

// eachLabel reads the rows of all labels files in order, also the bad ones:
// fault says what is wrong with a row by itself. The label holds until the
// next call; its strings and slices longer. A row group may take as much of
// memory as one of events may; 0 stands for [columnar.DefaultBudget].
func (s *store) eachLabel(ctx context.Context, memory int64, visit func(at position, id string, l *Label, fault string) error) error {
	return s.eachFile(RoleLabels, func(i int) error { return s.eachLabelOf(ctx, memory, i, visit) })
}

// eachPair reads the rows of all pairs files as eachLabel does.
func (s *store) eachPair(ctx context.Context, memory int64, visit func(at position, p *Pair, fault string) error) error {
	return s.eachFile(RolePairs, func(i int) error { return s.eachPairOf(ctx, memory, i, visit) })
}

func (s *store) eachFile(role Role, visit func(i int) error) error {
	for i := range s.files {
		if s.files[i].Role == role {
			if err := visit(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *store) eachLabelOf(ctx context.Context, memory int64, i int, visit func(at position, id string, l *Label, fault string) error) error {
	return s.eachRowOf(ctx, memory, i, func(f *columnar.File, g *columnar.Group) (func(int64) error, []*rowCursor, error) {
		nodes, err := labelSchema(f.Name(), f.Root())
		if err != nil {
			return nil, nil, err
		}
		c, err := cursors(g, nodes.event, nodes.group, nodes.source, nodes.confidence, nodes.slices.Element)
		if err != nil {
			return nil, nil, err
		}
		return func(row int64) error {
			var l Label
			id, _ := cell(c[0])
			l.GroupID, _ = cell(c[1])
			l.Source, _ = cell(c[2])
			l.Confidence = confidence(c[3])
			l.Slices = c[4].Strings()
			return visit(position{f.Name(), row}, id, &l, labelFault(id, &l))
		}, c, nil
	})
}

func (s *store) eachPairOf(ctx context.Context, memory int64, i int, visit func(at position, p *Pair, fault string) error) error {
	return s.eachRowOf(ctx, memory, i, func(f *columnar.File, g *columnar.Group) (func(int64) error, []*rowCursor, error) {
		nodes, err := pairSchema(f.Name(), f.Root())
		if err != nil {
			return nil, nil, err
		}
		c, err := cursors(g, nodes.a, nodes.b, nodes.label, nodes.source, nodes.confidence)
		if err != nil {
			return nil, nil, err
		}
		return func(row int64) error {
			var p Pair
			p.A, _ = cell(c[0])
			p.B, _ = cell(c[1])
			p.Source, _ = cell(c[3])
			p.Confidence = confidence(c[4])
			label, _ := cell(c[2])
			p.Group = label == "GROUP"
			fault := pairFault(&p)
			if fault == "" && !p.Group && label != "SEPARATE" {
				fault = fmt.Sprintf("unknown label %.32q; use GROUP or SEPARATE", label)
			}
			return visit(position{f.Name(), row}, &p, fault)
		}, c, nil
	})
}

// confidence returns the number of a confidence cell, NaN for null.
func confidence(c *rowCursor) float64 {
	if v, ok := c.Float(); ok {
		return v
	}
	return math.NaN()
}

// eachRowOf calls open for every row group of file i and what it returns for
// every row, numbered in the file from 1.
func (s *store) eachRowOf(ctx context.Context, memory int64, i int, open func(*columnar.File, *columnar.Group) (func(row int64) error, []*rowCursor, error)) (err error) {
	defer columnar.Recover(s.name(i), &err)
	f, done, err := s.file(i)
	if err != nil {
		return err
	}
	defer done()
	row := int64(0)
	for g := range f.Groups() {
		group := f.Group(g, memory/groupShare) // 0: as much as columnar thinks
		visit, all, err := open(f, group)
		if err != nil {
			return err
		}
		for {
			if row%tableRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
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
