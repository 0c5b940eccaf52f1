package importer

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
)

// A batch goes from the reading of documents to whoever makes events of them,
// and on to the writing, which takes batches in the order of the input.
type batch struct {
	documents []document
	data      []byte  // of all of them
	faults    []error // of reading, in step; nil for most
	outcomes  []outcome
	err       error // what ended the reading behind them
	made      chan struct{}
}

// outcome is what came of one document.
type outcome struct {
	place  string
	events []prepared
	err    error // why it cannot be read
}

// The size of a batch: with few documents the hand-over would cost, with much
// data memory.
const (
	batchDocuments = 64
	batchBytes     = 1 << 20
)

// documents yields all documents of the input. An error that is no
// [pathError] is of one document; a pathError is the last.
func (j *job) documents(ctx context.Context, keep func(string) bool, cut func(string, io.Reader) iter.Seq2[document, error]) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		stopped := errors.New("stopped")
		err := j.files(ctx, keep, func(name string, r io.Reader) error {
			for d, err := range cut(name, r) {
				if !yield(d, err) {
					return stopped
				}
			}
			return nil
		})
		if err != nil && err != stopped {
			yield(document{}, &pathError{err: err})
		}
	}
}

// each makes events of every document, on all workers, and writes them in the
// order of the input. An error of read is that document's alone.
func (j *job) each(ctx context.Context, documents iter.Seq2[document, error], read func(d document, add func(found)) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := max(j.Workers, 1)
	work, order := make(chan *batch, workers), make(chan *batch, 2*workers)
	var all sync.WaitGroup
	defer func() {
		cancel()
		all.Wait()
	}()
	all.Go(func() {
		defer close(work)
		defer close(order)
		j.cut(ctx, documents, func(b *batch) bool {
			for _, to := range []chan *batch{order, work} {
				select {
				case to <- b:
				case <-ctx.Done():
					return false
				}
			}
			return true
		})
	})
	for range workers {
		all.Go(func() {
			m := maker{job: j}
			for b := range work {
				if ctx.Err() == nil {
					b.make(&m, read)
				}
				close(b.made)
			}
		})
	}
	for b := range order {
		select {
		case <-b.made:
		case <-ctx.Done():
			return ctx.Err()
		}
		for i := range b.outcomes {
			if err := j.write(&b.outcomes[i]); err != nil {
				return err
			}
		}
		if b.err != nil {
			return b.err
		}
	}
	return ctx.Err()
}

// cut puts documents into batches, until give returns false.
func (j *job) cut(ctx context.Context, documents iter.Seq2[document, error], give func(*batch) bool) {
	b := &batch{made: make(chan struct{})}
	for d, err := range documents {
		var p *pathError
		if errors.As(err, &p) {
			if b.err = err; p.place == "" {
				b.err = p.err
			}
			break
		}
		if ctx.Err() != nil {
			return
		}
		from := len(b.data)
		b.data = append(b.data, d.data...)
		d.data = b.data[from:len(b.data):len(b.data)]
		b.documents, b.faults = append(b.documents, d), append(b.faults, err)
		if len(b.documents) == batchDocuments || len(b.data) >= batchBytes {
			if !give(b) {
				return
			}
			b = &batch{made: make(chan struct{}), data: make([]byte, 0, cap(b.data))}
		}
	}
	give(b)
}

// make makes events of a batch's documents.
func (b *batch) make(m *maker, read func(d document, add func(found)) error) {
	b.outcomes = make([]outcome, len(b.documents))
	for i, d := range b.documents {
		o := &b.outcomes[i]
		if o.place, o.err = d.place, b.faults[i]; o.err != nil {
			continue
		}
		o.err = read(d, func(f found) { o.events = append(o.events, m.prepare(d.place, f)) })
	}
	b.documents, b.data = nil, nil
}

// write writes the events of one document and counts it.
func (j *job) write(o *outcome) error {
	j.report.Documents++
	for i := range o.events {
		if err := j.event(o.place, &o.events[i]); err != nil {
			return err
		}
	}
	if o.err != nil {
		return j.fault(o.place, o.err)
	}
	if len(o.events) == 0 {
		j.report.Empty++
	}
	return nil
}
