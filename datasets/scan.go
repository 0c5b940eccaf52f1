package datasets

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"whorl/datasets/internal/columnar"
)

// A scan decodes the events files of a store and hands out their rows in
// batches, in order, with all its workers at work whatever the size of row
// groups:
//
//  1. Every worker owns a share of a row group's columns and decodes the next
//     batch's rows of each. It runs ahead of the others as far as the ring of
//     batches allows, into the next row group too.
//  2. Whoever delivers the last column of a batch passes it on to workers of a
//     second kind, which walk its rows: gate, assembly and what the caller
//     does with an event.
//  3. The consumer takes the finished batches in order.
//
// Splitting by row groups alone would leave one worker idle wherever a file
// has one large group (pyarrow writes 1,048,576 rows a group by default), or
// hold a whole group's results back.
type scan struct {
	store   *store
	workers int             // at least 1
	memory  int64           // bytes, divided as below
	omit    map[string]bool // columns not to read
	only    map[place]bool  // row groups to read; nil: all
	idsOnly bool            // read event_id alone
}

// place is a row group of a file of the store.
type place struct{ file, group int }

// LeastMemory is the least [Options].Memory that there is.
const LeastMemory = 32 << 20

// How a scan divides its memory.
const (
	defaultMemory = 512 << 20

	// groupShare: two row groups are decoded at a time, each may hold a quarter
	// in dictionaries and pages, and so may those decoded before together.
	groupShare = 4
	// batchShare: the batches between decoding and consumer hold a quarter
	// together, and no batch may need more than that.
	batchShare = 4
)

// The sizes of the ring.
const (
	mostBatchRows = 128
	idBatchRows   = 4096 // where ids are all that is read
	// aimedBatchBytes makes batches smaller where rows are large, by what
	// the footer says of them.
	aimedBatchBytes = 2 << 20
	// ringPerWorker is how many batches a worker may be ahead, times workers.
	ringPerWorker = 4
)

// batch is a slot of the ring.
type batch struct {
	rowBatch
	slot      int        // place in the ring
	group     *scanGroup // nil: the scan has ended
	first     int64      // number of the first row in its file, from 1
	delivered atomic.Int32
	processed chan struct{} // one token

	err      error // what went wrong, of several columns the first one's
	errPlace int
	panicked any // of the caller's function
}

// name names the batch's file, for errors.
func (b *batch) name() string { return b.group.file.file.Name() }

// fault puts file and row before what is wrong with a row.
func (b *batch) fault(err error) error { return rowError(b.name(), b.number(), err) }

// faultOfAll puts file and rows before what is wrong with the batch's columns.
func (b *batch) faultOfAll(err error) error {
	return fmt.Errorf("%s, rows %d to %d: %w", b.name(), b.first, b.first+int64(b.rows)-1, err)
}

// number is the number of the current row in its file, from 1.
func (b *batch) number() int64 { return b.first + int64(b.row) }

// ring is the batches of a scan between decoding and consumer.
type ring struct {
	plan  *plan
	limit int64 // bytes of all batches together, and of one
	slots []batch
	work  chan *batch

	mu      sync.Mutex
	changed sync.Cond
	head    int64 // number of the batch that the consumer waits for
	held    int64 // bytes of the batches in the ring
}

// scanRows decodes, calls process for every batch on several goroutines, and
// consume for what process left of every batch, in order, on the caller's.
// start makes the process function of one worker. It returns when consume
// returns false, at the first error in the order of rows, or at the end; no
// goroutine is left behind. A panic of process is the caller's.
func scanRows[O any](ctx context.Context, s *scan, start func() func(*batch, *O) error, consume func(*O) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	size := s.workers*ringPerWorker + 2
	r := &ring{
		plan: &plan{scan: s}, limit: s.memory / batchShare,
		slots: make([]batch, size), work: make(chan *batch, size),
	}
	outcomes := make([]O, size)
	r.changed.L, r.plan.changed.L = &r.mu, &r.plan.mu
	for i := range r.slots {
		r.slots[i].slot = i
		r.slots[i].processed = make(chan struct{}, 1)
	}
	context.AfterFunc(ctx, func() { // wake whoever waits
		r.mu.Lock()
		r.changed.Broadcast()
		r.mu.Unlock()
		r.plan.wake()
	})
	var all sync.WaitGroup
	defer func() {
		cancel()
		all.Wait()
		r.plan.close()
	}()
	for w := range s.workers {
		all.Go(func() { r.decode(ctx, w) })
		all.Go(func() {
			var process func(*batch, *O) error
			for {
				select {
				case b := <-r.work:
					if b.err == nil {
						b.guard(func() {
							if process == nil {
								process = start()
							}
							b.err = process(b, &outcomes[b.slot])
						})
					}
					b.processed <- struct{}{}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for seq := int64(0); ; seq++ {
		b := &r.slots[seq%int64(size)]
		select {
		case <-b.processed:
		case <-ctx.Done():
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case b.panicked != nil:
			panic(b.panicked)
		case b.err != nil:
			return b.err
		case b.group == nil:
			return nil
		}
		if more, err := consume(&outcomes[b.slot]); err != nil || !more {
			return err
		}
		r.release(b)
	}
}

// guard calls f and keeps its panic for the consumer's goroutine.
func (b *batch) guard(f func()) {
	defer func() { b.panicked = recover() }()
	f()
}

// acquire waits until batch seq may be filled: it fits the ring and, unless it
// is the one that everybody waits for, its memory. It returns nil when the
// scan was stopped.
func (r *ring) acquire(ctx context.Context, seq int64) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil && (seq >= r.head+int64(len(r.slots)) || seq > r.head && r.held > r.limit) {
		r.changed.Wait()
	}
	if ctx.Err() != nil {
		return nil
	}
	return &r.slots[seq%int64(len(r.slots))]
}

// release gives a consumed batch back.
func (r *ring) release(b *batch) {
	held := b.bytes()
	b.forget() // nothing of it waits for the slot's next turn
	r.plan.consumed(b.group)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head++
	r.held -= held
	r.changed.Broadcast()
}

// decode is the work of one owner of columns.
func (r *ring) decode(ctx context.Context, worker int) {
	seq := int64(0)
	for i := 0; ; i++ {
		g := r.plan.group(ctx, i)
		if ctx.Err() != nil {
			return
		}
		if g == nil {
			if worker == 0 { // tell the consumer
				if b := r.acquire(ctx, seq); b != nil {
					b.group = nil
					b.processed <- struct{}{}
				}
			}
			return
		}
		cursors := make([]*columnar.Cursor, len(g.owned[worker]))
		for at := 0; at < g.rows; at += g.step {
			b := r.acquire(ctx, seq)
			if b == nil {
				return
			}
			rows := min(g.step, g.rows-at)
			ok := r.read(g, b, cursors, worker, rows)
			if b.delivered.Add(1) == int32(len(g.owned)) {
				b.delivered.Store(0)
				r.finish(g, b, rows, g.before+int64(at)+1)
				r.work <- b // has room for the whole ring
			}
			if !ok {
				return
			}
			seq++
		}
		r.plan.leave(g)
	}
}

// read fills the worker's columns of a batch and reports whether all went
// well. It goes on after an error: that of the first column wins, whichever
// worker comes first.
func (r *ring) read(g *scanGroup, b *batch, cursors []*columnar.Cursor, worker, rows int) (ok bool) {
	fail := func(place int, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if ok = false; b.err == nil || place < b.errPlace {
			b.err, b.errPlace = err, place
		}
	}
	ok = true
	if g.err != nil {
		fail(0, g.err)
		return ok
	}
	held := int64(0)
	for k, column := range g.owned[worker] {
		v := &b.vectors[column]
		v.Reset()
		err := func() (err error) {
			defer columnar.Recover(g.file.file.Name(), &err)
			if cursors[k] == nil {
				if cursors[k], err = g.group.Cursor(g.columns.leaves[column]); err != nil {
					return err
				}
			}
			_, err = cursors[k].Read(v, rows)
			return err
		}()
		if err != nil {
			fail(column, err)
		}
		held += v.Bytes
	}
	r.mu.Lock()
	r.held += held
	r.mu.Unlock()
	return ok
}

// finish prepares a batch whose columns are all there.
func (r *ring) finish(g *scanGroup, b *batch, rows int, first int64) {
	b.group, b.first = g, first
	if b.err != nil {
		return
	}
	b.begin(g.columns, rows)
	if n := b.bytes(); n > r.limit {
		b.err = fmt.Errorf("%s, row %d: %w: %d rows take %d bytes; allow more memory, or shorten their text", b.name(), first, ErrLimit, rows, n)
	}
}

// batchRows is how many rows of a group a batch takes.
func (s *scan) batchRows(g *columnar.Group) int {
	if s.idsOnly {
		return idBatchRows
	}
	average := max(g.Bytes()/g.Rows(), 1)
	return int(min(max(aimedBatchBytes/average, 1), mostBatchRows))
}
