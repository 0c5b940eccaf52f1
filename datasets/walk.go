package datasets

import (
	"context"
	"fmt"
	"iter"
	"time"

	"whorl/datasets/internal/columnar"
	"whorl/features"
)

// Source is what events are read from: an [Export], or a [Golden] dataset.
type Source interface {
	walk(Options) *walk
}

// walk is one reading of the events of a store.
type walk struct {
	store *store
	opt   Options
	// gate judges rules 9 to 15; each worker has one of its own.
	gate   func() func(*facts) Reason
	ledger *Ledger // nil for golden data
	err    error   // why there can be none
}

// row is an allowed row on its way to whoever asked for it. What is beside the
// event never leaves this package.
type row struct {
	event    *features.Event
	purposes []string // the row's own consent column
	policy   string   // consent_policy_version
}

// Events walks the events of src that may be used, in file order and then row
// order, as said in [Options]. An error ends the walk; it comes with a nil
// event. The tally belongs to the walk: it is filled while the walk goes on,
// and begins anew when the sequence is ranged over again. A walk without
// events is no error here; a run must take it for one ([ErrNothingAllowed]).
//
// The purpose for a golden dataset is [EvaluateFingerprinting], or left out.
func Events(ctx context.Context, src Source, opt Options) (iter.Seq2[*features.Event, error], *Tally) {
	return mapRows(ctx, src.walk(opt), false, func() func(*row) *features.Event {
		return func(r *row) *features.Event { return r.event }
	})
}

// Map walks the events of src as [Events] does and yields what a function
// makes of them, in the same order. The function runs on the workers: start is
// called once on each and returns the worker's own. The event it is given, its
// slices included, is good until it returns; its text stays valid, but may
// keep more than itself in memory, so clone what is kept for long. A panic of
// the function ends the walk and is the caller's.
func Map[T any](ctx context.Context, src Source, opt Options, start func() func(*features.Event) T) (iter.Seq2[T, error], *Tally) {
	return mapRows(ctx, src.walk(opt), true, func() func(*row) T {
		f := start()
		return func(r *row) T { return f(r.event) }
	})
}

// mapRows is Map over rows. With reuse the event is good for one call only.
func mapRows[T any](ctx context.Context, w *walk, reuse bool, start func() func(*row) T) (iter.Seq2[T, error], *Tally) {
	t := &Tally{}
	t.reset()
	return func(yield func(T, error) bool) {
		t.reset()
		defer t.finish()
		stopped := false
		err := runWalk(ctx, w, t, reuse, start, func(v T) bool {
			stopped = !yield(v, nil)
			return !stopped
		})
		switch {
		case stopped:
		case err != nil:
			var none T
			yield(none, err)
		default:
			t.Complete = true
		}
	}, t
}

// verdict is what the gate says of a row.
type verdict struct {
	reason Reason
	org    string
}

// outcome is what a walk makes of a batch.
type outcome[T any] struct {
	verdicts []verdict
	values   []T // of the allowed rows
}

func runWalk[T any](ctx context.Context, w *walk, t *Tally, reuse bool, start func() func(*row) T, yield func(T) bool) error {
	if w.err != nil {
		return w.err
	}
	if err := w.opt.check(); err != nil {
		return err
	}
	if w.ledger != nil {
		if err := w.ledger.checkAsOf(w.opt.AsOf); err != nil {
			return fmt.Errorf("%s: %w", w.store.dir, err)
		}
	}
	repeated, err := w.findDuplicates(ctx)
	if err != nil {
		return err
	}
	s := w.scan()
	for _, name := range w.opt.Omit {
		s.omit[name] = true
	}
	total := w.store.rows(RoleEvents)
	process := func() func(*batch, *outcome[T]) error {
		j := &judge{asOf: w.opt.AsOf, decide: w.gate(), repeated: repeated}
		use := start()
		return func(b *batch, out *outcome[T]) error {
			out.verdicts, out.values = out.verdicts[:0], out.values[:0]
			if err := b.check(); err != nil {
				return b.faultOfAll(err)
			}
			for {
				reason, more, err := j.row(b, reuse)
				if err != nil {
					return b.fault(err)
				}
				if !more {
					return nil
				}
				out.verdicts = append(out.verdicts, verdict{reason, j.facts.org})
				if reason == allowed {
					out.values = append(out.values, use(&j.allowed))
				}
			}
		}
	}
	return scanRows(ctx, s, process, func(out *outcome[T]) (bool, error) {
		for _, v := range out.verdicts {
			t.add(v.reason, v.org)
		}
		if n := t.Denied[Internal]; n*1000 > total {
			return false, fmt.Errorf("%w: %s: %d of %d; export again without the damaged rows", ErrInternal, w.store.dir, n, total)
		}
		if w.opt.Progress != nil {
			w.opt.Progress(t.Rows, total)
		}
		for _, v := range out.values {
			if !yield(v) {
				return false, nil
			}
		}
		clear(out.values)
		return true, nil
	})
}

// scan returns a scan of all events with the walk's options but Omit.
func (w *walk) scan() *scan {
	s := &scan{store: w.store, workers: max(w.opt.Workers, 1), memory: w.opt.Memory, omit: map[string]bool{}}
	if s.memory == 0 {
		s.memory = defaultMemory
	}
	return s
}

// judge puts the rows of a batch to the decision table, one worker's share.
type judge struct {
	asOf     time.Time
	decide   func(*facts) Reason // rules 9 to 15
	repeated map[string]*copies
	facts    facts
	allowed  row // the current row, if it may be used
}

// row moves to the next row and decides on it. No event is made of a denied
// row. A panic of ours or of the Parquet library ends as an error, or, while
// deciding, as rule 16 has it.
func (j *judge) row(b *batch, reuse bool) (reason Reason, more bool, err error) {
	defer columnar.Recover(b.name(), &err)
	if !b.next() {
		return allowed, false, nil
	}
	if reason := j.reason(b); reason != allowed {
		return reason, true, nil
	}
	e, err := b.event(reuse)
	if err != nil {
		return allowed, false, err
	}
	policy, _ := b.cell(columnPolicy)
	j.allowed = row{event: e, purposes: j.facts.purposes, policy: policy}
	return allowed, true, nil
}

// reason decides rules 4 to 16 for the current row.
func (j *judge) reason(b *batch) (reason Reason) {
	defer func() {
		if recover() != nil {
			reason = Internal // rule 16
		}
	}()
	b.facts(&j.facts)
	if reason := j.facts.checkSubject(j.asOf); reason != allowed {
		return reason
	}
	id, _ := b.cell(columnID)
	platform, _ := b.cell(columnPlatform)
	if id == "" || platform == "" {
		return Internal // required, and no rule can be asked without the id
	}
	if c := j.repeated[id]; c != nil {
		switch {
		case c.conflict:
			return ConflictingDuplicate
		case c.first != (rowPlace{b.group.place.file, b.number()}):
			return Duplicate
		}
	}
	return j.decide(&j.facts)
}

// collect reads all events of a walk.
func collect(ctx context.Context, w *walk) ([]features.Event, *Tally, error) {
	events, tally := mapRows(ctx, w, false, func() func(*row) *features.Event {
		return func(r *row) *features.Event { return r.event }
	})
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
