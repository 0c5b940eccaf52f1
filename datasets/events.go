package datasets

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"whorl/datasets/internal/columnar"
	"whorl/features"
)

// Options says what events are read for.
type Options struct {
	// Purpose is what the events will be used for.
	Purpose Purpose
	// AsOf is the time at which consent is judged. It must be set: the clock
	// is the caller's.
	AsOf time.Time
	// AcceptPolicies lists the policy versions under which a grant counts;
	// nil means the manifest's own.
	AcceptPolicies []string
	// Omit names optional columns that need not be read, by their path
	// ("release", "exceptions.value", "exceptions.frames.context_line").
	Omit []string
}

func (o *Options) check() error {
	if _, err := ParsePurpose(string(o.Purpose)); err != nil {
		return err
	}
	if o.AsOf.IsZero() {
		return fmt.Errorf("%w: AsOf is not set", ErrOptions)
	}
	known := optionalColumns()
	for _, name := range o.Omit {
		if !known[name] {
			return fmt.Errorf("%w: column %q cannot be left out; use one of %s", ErrOptions, name, strings.Join(sortedKeys(known), ", "))
		}
	}
	return nil
}

// Tally counts what a walk over events met. It is complete when the walk
// ended without an error and was not broken off.
type Tally struct {
	Rows    int64            // rows seen
	Allowed int64            // rows let out
	Denied  map[Reason]int64 // rows by reason; rows = allowed + all denied
	// DeniedOrganisations counts the organisations with rows denied by a
	// reason. Rows without an organisation count for none.
	DeniedOrganisations map[Reason]int
	// Organisations are the organisations with allowed rows, sorted.
	Organisations []string
	Complete      bool

	denied map[Reason]map[string]struct{}
	orgs   map[string]struct{}
}

func (t *Tally) reset() {
	*t = Tally{
		Denied: map[Reason]int64{}, DeniedOrganisations: map[Reason]int{},
		denied: map[Reason]map[string]struct{}{}, orgs: map[string]struct{}{},
	}
}

func (t *Tally) add(reason Reason, org string) {
	t.Rows++
	if reason == allowed {
		t.Allowed++
		note(t.orgs, org)
		return
	}
	t.Denied[reason]++
	if org == "" {
		return
	}
	if t.denied[reason] == nil {
		t.denied[reason] = map[string]struct{}{}
	}
	note(t.denied[reason], org)
}

func note(set map[string]struct{}, key string) {
	if _, ok := set[key]; !ok {
		set[strings.Clone(key)] = struct{}{}
	}
}

func (t *Tally) finish() {
	for reason, orgs := range t.denied {
		t.DeniedOrganisations[reason] = len(orgs)
	}
	t.Organisations = sortedKeys(t.orgs)
}

// walk is one reading of the events of a store.
type walk struct {
	store *store
	opt   Options
	// decide judges rules 9 to 15.
	decide func(*facts) Reason
	ledger *Ledger // nil for golden data
}

// events returns the allowed events in file order, then row order, and the
// tally that the walk fills.
func (w *walk) events(ctx context.Context) (iter.Seq2[*features.Event, error], *Tally) {
	t := &Tally{}
	t.reset()
	return func(yield func(*features.Event, error) bool) {
		t.reset()
		defer t.finish()
		stopped := false
		err := w.run(ctx, t, func(e *features.Event) bool {
			stopped = !yield(e, nil)
			return !stopped
		})
		switch {
		case stopped:
		case err != nil:
			yield(nil, err)
		default:
			t.Complete = true
		}
	}, t
}

func (w *walk) run(ctx context.Context, t *Tally, yield func(*features.Event) bool) error {
	if err := w.opt.check(); err != nil {
		return err
	}
	if w.ledger != nil {
		if err := w.ledger.checkAsOf(w.opt.AsOf); err != nil {
			return fmt.Errorf("%s: %w", w.store.dir, err)
		}
	}
	repeated, err := w.store.findDuplicates(ctx)
	if err != nil {
		return err
	}
	r := &eventReader{walk: w, tally: t, repeated: repeated, given: map[string]bool{}, omit: map[string]bool{}}
	for _, name := range w.opt.Omit {
		r.omit[name] = true
	}
	total := w.store.rows(RoleEvents)
	var batch [batchRows]*features.Event
	for i := range w.store.files {
		if w.store.files[i].Role != RoleEvents {
			continue
		}
		if err := r.open(i); err != nil {
			return err
		}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				r.close()
				return err
			}
			// The consumer runs outside of the recovery that guards the
			// Parquet library: its panics are its own.
			var events []*features.Event
			if events, more, err = r.batch(batch[:0]); err != nil {
				r.close()
				return err
			}
			if n := t.Denied[Internal]; n*1000 > total {
				r.close()
				return fmt.Errorf("%w: %s: %d of %d; export again without the damaged rows", ErrInternal, w.store.dir, n, total)
			}
			for _, e := range events {
				if !yield(e) {
					r.close()
					return nil
				}
			}
		}
		if err := r.close(); err != nil {
			return err
		}
	}
	return nil
}

// batchRows is how many rows are read between two looks at the context.
const batchRows = 128

// eventReader reads the events files of a store one after the other.
type eventReader struct {
	walk     *walk
	tally    *Tally
	repeated map[string]*copies
	given    map[string]bool // ids of repeated of which a copy was read
	omit     map[string]bool

	file  *columnar.File
	done  func() error
	nodes *eventNodes
	group int
	rows  *rowReader
	row   int64 // in the file, from 1
	facts facts
}

func (r *eventReader) open(i int) (err error) {
	defer columnar.Recover(r.walk.store.name(i), &err)
	if r.file, r.done, err = r.walk.store.file(i); err != nil {
		return err
	}
	r.group, r.rows, r.row = 0, nil, 0
	if r.nodes, err = eventSchema(r.file.Name(), r.file.Root()); err != nil {
		r.close()
	}
	return err
}

func (r *eventReader) close() error { return r.done() }

// batch puts the next rows to the gate and appends the events it lets out.
func (r *eventReader) batch(events []*features.Event) (_ []*features.Event, more bool, err error) {
	defer columnar.Recover(r.file.Name(), &err)
	for range batchRows {
		if r.rows == nil {
			if r.group == r.file.Groups() {
				return events, false, nil
			}
			if r.rows, err = newRowReader(r.file, r.nodes, r.group, r.omit, 0); err != nil {
				return nil, false, err
			}
			r.group++
		}
		ok, err := r.rows.next()
		if err != nil {
			return nil, false, rowError(r.file.Name(), r.row+1, err)
		}
		if !ok {
			r.rows = nil
			continue
		}
		r.row++
		reason := r.judge()
		r.tally.add(reason, r.facts.org)
		if reason != allowed {
			continue
		}
		e, err := r.rows.event()
		if err != nil {
			return nil, false, rowError(r.file.Name(), r.row, err)
		}
		events = append(events, e)
	}
	return events, true, nil
}

// judge decides rules 4 to 16 for the current row.
func (r *eventReader) judge() (reason Reason) {
	defer func() {
		if recover() != nil {
			reason = Internal // rule 16
		}
	}()
	r.rows.facts(&r.facts)
	if reason := r.facts.checkSubject(r.walk.opt.AsOf); reason != allowed {
		return reason
	}
	id, _ := cell(r.rows.text[columnID])
	platform, _ := cell(r.rows.text[columnPlatform])
	if id == "" || platform == "" {
		return Internal // required, and no rule can be asked without the id
	}
	if c := r.repeated[id]; c != nil {
		if c.conflict {
			return ConflictingDuplicate
		}
		if r.given[id] {
			return Duplicate
		}
		r.given[strings.Clone(id)] = true
	}
	return r.walk.decide(&r.facts)
}

// collect reads all events of a walk.
func collect(ctx context.Context, w *walk) ([]features.Event, *Tally, error) {
	events, tally := w.events(ctx)
	var all []features.Event
	for e, err := range events {
		if err != nil {
			return nil, tally, err
		}
		all = append(all, *e)
	}
	if len(all) == 0 {
		return nil, tally, NothingAllowed(w.store.dir, w.opt.Purpose, tally)
	}
	return all, tally, nil
}

// NothingAllowed returns the error of a walk that let no event out: it names
// the directory, the reasons and wraps [ErrNothingAllowed].
func NothingAllowed(dir string, p Purpose, t *Tally) error {
	if t.Rows == 0 {
		return fmt.Errorf("%s: %w: its events files hold no row; export again", dir, ErrNothingAllowed)
	}
	return fmt.Errorf("%s: %w of %d rows for %s: %s; \"whorl datasets stats\" tells more", dir, ErrNothingAllowed, t.Rows, p, t.Reasons())
}

// Reasons lists why rows were denied and how many, in the order of the names.
func (t *Tally) Reasons() string {
	var why []string
	for _, reason := range sortedKeys(t.Denied) {
		why = append(why, fmt.Sprintf("%s %d", reason, t.Denied[reason]))
	}
	return strings.Join(why, ", ")
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
