package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whorl/features"
	"whorl/internal/atomicfile"
)

// SplitBy says what is kept together by [Split].
type SplitBy string

// The ways to split.
const (
	SplitByTime         SplitBy = "time"    // the earliest events go to the first part
	SplitByProject      SplitBy = "project" // whole projects, in a seeded order
	SplitByOrganisation SplitBy = "org"     // whole organisations, in a seeded order
)

// SplitOptions says how a dataset is split.
type SplitOptions struct {
	Options
	By       SplitBy
	Fraction float64 // of the events that go to the first part, in (0, 1)
	Seed     uint64  // of the order of projects or organisations
}

// SplitPart describes one of the two datasets that [Split] writes.
type SplitPart struct {
	Dir           string     `json:"dir"`
	Events        int64      `json:"events"`
	Organisations int        `json:"organisations"`
	Projects      int        `json:"projects"`
	Labels        int64      `json:"labels"`
	Pairs         int64      `json:"pairs"`
	First         *time.Time `json:"first"` // earliest event, null for none
	Last          *time.Time `json:"last"`
}

// SplitReport says what [Split] did.
type SplitReport struct {
	By       SplitBy          `json:"by"`
	Fraction float64          `json:"fraction"` // reached
	Parts    [2]SplitPart     `json:"parts"`
	Denied   map[Reason]int64 `json:"denied"` // rows that were not copied
	// LabelsLeft and PairsLeft were not copied, because an event is not in
	// either part; PairsTorn because their events are in different ones.
	LabelsLeft int64 `json:"labels_left"`
	PairsLeft  int64 `json:"pairs_left"`
	PairsTorn  int64 `json:"pairs_torn"`
	// Spanning are the groups with events in both parts.
	Spanning int `json:"spanning_groups"`
}

// splitter is one split.
type splitter struct {
	opt    SplitOptions
	walk   *walk
	out    SplitReport
	seed   maphash.Seed
	choose func(e *features.Event) int // the part of an event
	write  [2]*Writer
	part   map[uint64]uint8 // by hash of an event's id
}

// Split writes the events of src that may be used as two datasets of the same
// kind, out/first and out/second. Denied rows are never copied; the rows' own
// consent and the ledger are, so that each part is judged again when it is
// used. Labels and pairs follow their events. Nothing of out is there before
// all is. The same input, options and seed give the same bytes.
//
// By time the part of an event is that of its rank, by timestamp and, among
// equal ones, id; else as many whole projects or organisations go to the
// first part, in the seeded order, as come closest to the fraction.
func Split(ctx context.Context, src Source, out string, opt SplitOptions) (_ *SplitReport, err error) {
	if !(opt.Fraction > 0 && opt.Fraction < 1) {
		return nil, fmt.Errorf("%w: a fraction of %g; it must lie between 0 and 1", ErrOptions, opt.Fraction)
	}
	if len(opt.Omit) > 0 {
		return nil, fmt.Errorf("%w: a split leaves out no column", ErrOptions)
	}
	out = filepath.Clean(out)
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(err, fmt.Errorf("%s: %w; remove it or choose another name", out, atomicfile.ErrExists))
	}
	s := &splitter{opt: opt, walk: src.walk(opt.Options), seed: maphash.MakeSeed(), part: map[uint64]uint8{}}
	s.out.By = opt.By
	if err := s.plan(ctx); err != nil {
		return nil, err
	}
	partial := atomicfile.PartialName(out)
	if err := os.RemoveAll(partial); err != nil { // of a split that was killed
		return nil, err
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(partial)
	for i, name := range []string{"first", "second"} {
		if s.write[i], err = createLike(src, filepath.Join(partial, name), name); err != nil {
			return nil, err
		}
		defer s.write[i].Abort()
		s.out.Parts[i].Dir = filepath.Join(out, name)
	}
	if err := s.events(ctx); err != nil {
		return nil, err
	}
	if err := s.labels(ctx); err != nil {
		return nil, err
	}
	if err := s.pairs(ctx); err != nil {
		return nil, err
	}
	for _, w := range s.write {
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &s.out, atomicfile.RenameDir(partial, out, atomicfile.Refuse)
}

// createLike begins a dataset that says of itself what src says.
func createLike(src Source, dir, suffix string) (*Writer, error) {
	switch x := src.(type) {
	case *Export:
		ledger, err := readGiven(x.Ledger.file, maxLedgerBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLedger, err)
		}
		if _, err := ParseLedger(ledger, x.Ledger.ID, int64(len(x.Ledger.Entries)), x.Ledger.Head); err != nil {
			return nil, fmt.Errorf("%s changed meanwhile: %w", x.Ledger.file, err)
		}
		return CreateExport(dir, ExportInfo{
			Name: x.Name + "-" + suffix, Description: x.Description, Licence: x.Licence, LabelProtocol: x.LabelProtocol,
			PolicyVersion: x.PolicyVersion, CreatedAt: x.CreatedAt, LedgerID: x.Ledger.ID, Ledger: ledger,
		})
	case *Golden:
		return CreateGolden(dir, GoldenInfo{
			Name: x.Name + "-" + suffix, Version: x.Version, Description: x.Description, Licence: x.Licence,
			LabelProtocol: x.LabelProtocol, ConsentBasis: x.ConsentBasis,
		})
	}
	panic(fmt.Sprintf("datasets: a source of type %T", src))
}

// plan decides which events go to which part.
func (s *splitter) plan(ctx context.Context) error {
	switch s.opt.By {
	case SplitByTime:
		return s.planByTime(ctx)
	case SplitByProject:
		return s.planByUnit(ctx, func(e *features.Event) string { return e.ProjectID })
	case SplitByOrganisation:
		return s.planByUnit(ctx, func(e *features.Event) string { return e.OrgID })
	}
	return fmt.Errorf("%w: split by %q; use time, project or org", ErrOptions, s.opt.By)
}

// eachAllowed calls visit with what f makes of every event that may be used.
func eachAllowed[T any](ctx context.Context, s *splitter, f func(*features.Event) T, visit func(T)) error {
	values, tally := mapRows(ctx, s.walk, true, func() func(*row) T { return func(r *row) T { return f(r.event) } })
	for v, err := range values {
		if err != nil {
			return err
		}
		visit(v)
	}
	if tally.Allowed == 0 {
		return NothingAllowed(s.walk.store.dir, s.walk.opt.Purpose, tally)
	}
	return nil
}

// planByTime finds the time at which the first part ends, and of the events of
// that very time those that belong to it.
func (s *splitter) planByTime(ctx context.Context) error {
	var times []int64
	err := eachAllowed(ctx, s, func(e *features.Event) int64 { return e.Time.UnixNano() }, func(t int64) { times = append(times, t) })
	if err != nil {
		return err
	}
	n := int(math.Round(s.opt.Fraction * float64(len(times))))
	if n == 0 || n == len(times) {
		return fmt.Errorf("%w: %g of %d events leaves a part without any; choose another fraction", ErrOptions, s.opt.Fraction, len(times))
	}
	slices.Sort(times)
	cut := times[n-1]
	before, _ := slices.BinarySearch(times, cut)
	var ids []string
	err = eachAllowed(ctx, s, func(e *features.Event) string {
		if e.Time.UnixNano() != cut {
			return ""
		}
		return strings.Clone(e.ID)
	}, func(id string) {
		if id != "" {
			ids = append(ids, id)
		}
	})
	if err != nil {
		return err
	}
	slices.Sort(ids)
	last := ids[n-before-1]
	s.choose = func(e *features.Event) int {
		if c := cmp.Or(cmp.Compare(e.Time.UnixNano(), cut), strings.Compare(e.ID, last)); c > 0 {
			return 1
		}
		return 0
	}
	return nil
}

// planByUnit fills the first part with whole units.
func (s *splitter) planByUnit(ctx context.Context, unit func(*features.Event) string) error {
	count := map[string]int64{}
	err := eachAllowed(ctx, s, unit, func(u string) {
		if _, ok := count[u]; !ok {
			u = strings.Clone(u)
		}
		count[u]++
	})
	if err != nil {
		return err
	}
	if len(count) < 2 {
		return fmt.Errorf("%w: there is one %s only; split by time", ErrOptions, s.opt.By)
	}
	chosen := firstUnits(count, s.opt.Fraction, s.opt.Seed)
	s.choose = func(e *features.Event) int {
		if chosen[unit(e)] {
			return 0
		}
		return 1
	}
	return nil
}

// seededOrder returns the units in an order that the seed alone decides.
func seededOrder(count map[string]int64, seed uint64) []string {
	order := sortedKeys(count)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// firstUnits returns as many units, in the seeded order, as hold the number of
// events that comes closest to the fraction: at least one, and not all.
func firstUnits(count map[string]int64, fraction float64, seed uint64) map[string]bool {
	total := int64(0)
	for _, n := range count {
		total += n
	}
	order := seededOrder(count, seed)
	sum, first, nearest := int64(0), 1, math.Inf(1)
	for i, u := range order[:len(order)-1] {
		sum += count[u]
		if off := math.Abs(float64(sum) - fraction*float64(total)); off < nearest {
			first, nearest = i+1, off
		}
	}
	chosen := map[string]bool{}
	for _, u := range order[:first] {
		chosen[u] = true
	}
	return chosen
}

// events copies the events.
func (s *splitter) events(ctx context.Context) error {
	type copied struct {
		event   *features.Event
		consent RowConsent
		part    int
	}
	rows, tally := mapRows(ctx, s.walk, false, func() func(*row) copied {
		return func(r *row) copied {
			return copied{r.event, RowConsent{slices.Clone(r.purposes), r.policy}, s.choose(r.event)}
		}
	})
	var orgs, projects [2]map[string]struct{}
	for i := range orgs {
		orgs[i], projects[i] = map[string]struct{}{}, map[string]struct{}{}
	}
	for c, err := range rows {
		if err != nil {
			return err
		}
		if err := s.write[c.part].WriteEvent(c.event, c.consent); err != nil {
			return err
		}
		p := &s.out.Parts[c.part]
		p.Events++
		note(orgs[c.part], c.event.OrgID)
		note(projects[c.part], c.event.ProjectID)
		if p.First == nil || c.event.Time.Before(*p.First) {
			p.First = &c.event.Time
		}
		if p.Last == nil || c.event.Time.After(*p.Last) {
			p.Last = &c.event.Time
		}
		s.part[maphash.String(s.seed, c.event.ID)] = uint8(c.part)
	}
	for i := range s.out.Parts {
		s.out.Parts[i].Organisations, s.out.Parts[i].Projects = len(orgs[i]), len(projects[i])
	}
	s.out.Denied = tally.Denied
	s.out.Fraction = float64(s.out.Parts[0].Events) / float64(tally.Allowed)
	return nil
}

// labels copies the labels of the copied events.
func (s *splitter) labels(ctx context.Context) error {
	met := map[uint64]uint8{}      // group to the parts it was met in
	groupOf := map[uint64]uint64{} // of the events that were met
	err := s.walk.store.eachLabel(ctx, s.walk.opt.Memory, func(at position, id string, l *Label, fault string) error {
		if fault != "" {
			return labelError(at, fault)
		}
		part, ok := s.part[maphash.String(s.seed, id)]
		if !ok {
			s.out.LabelsLeft++
			return nil
		}
		s.out.Parts[part].Labels++
		key, group := maphash.String(s.seed, id), maphash.String(s.seed, l.GroupID)
		if first, ok := groupOf[key]; ok && first != group {
			return labelError(at, fmt.Sprintf("event %.64q has two groups; keep one", id))
		}
		groupOf[key] = group
		met[group] |= 1 << part
		return s.write[part].WriteLabel(id, *l)
	})
	for _, parts := range met {
		if parts == 3 {
			s.out.Spanning++
		}
	}
	return err
}

// pairs copies the pairs of which one part has both events.
func (s *splitter) pairs(ctx context.Context) error {
	return s.walk.store.eachPair(ctx, s.walk.opt.Memory, func(at position, p *Pair, fault string) error {
		if fault != "" {
			return labelError(at, fault)
		}
		a, okA := s.part[maphash.String(s.seed, p.A)]
		b, okB := s.part[maphash.String(s.seed, p.B)]
		switch {
		case !okA || !okB:
			s.out.PairsLeft++
			return nil
		case a != b:
			s.out.PairsTorn++
			return nil
		}
		s.out.Parts[a].Pairs++
		return s.write[a].WritePair(*p)
	})
}
