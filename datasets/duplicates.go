package datasets

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"whorl/datasets/internal/columnar"
)

// maxTwice bounds the ids that stand more than once.
const maxTwice = 1 << 20

// idShare: the hashes that one pass over the ids holds may take a quarter of a
// walk's memory, eight bytes each.
const idShare = 4

// copies is what is known of an id that stands more than once.
type copies struct {
	content  [sha256.Size]byte
	first    rowPlace
	rows     int
	conflict bool // the rows differ
}

// rowPlace is where a row stands.
type rowPlace struct {
	file int
	row  int64 // in the file, from 1
}

// findDuplicates finds the ids that stand in more than one row (rules 7 and
// 8). It decodes event_id alone and keeps eight bytes of a hash for each row,
// in as many passes as its memory asks for; then it reads the rows in full
// whose hash stands twice, in the row groups that have one.
//
// The hash is seeded anew for each search, so that nobody can make ids that
// collide. Which ids collide by chance changes what is read, not what is
// found.
func (w *walk) findDuplicates(ctx context.Context) (map[string]*copies, error) {
	s := w.scan()
	return findCopies(ctx, s, s.memory/idShare/16) // sorting a pass takes as much again
}

// findCopies is findDuplicates with at most perPass ids a pass.
func findCopies(ctx context.Context, s *scan, perPass int64) (map[string]*copies, error) {
	seed := maphash.MakeSeed()
	hash := func(id string) uint64 { return maphash.String(seed, id) }
	rows := s.store.rows(RoleEvents)
	passes := uint64(rows/perPass + 1)
	twice := map[uint64]bool{}
	var hashes []uint64
	for pass := range passes {
		if hashes == nil { // a pass holds about as many as the others
			hashes = make([]uint64, 0, rows/int64(passes)+rows/int64(passes)/64+1024)
		}
		hashes = hashes[:0]
		err := eachID(ctx, s, hash, func(_ place, part []uint64) {
			for _, h := range part {
				if passes == 1 || h%passes == pass {
					hashes = append(hashes, h)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		findTwice(hashes, twice)
		if len(twice) > maxTwice {
			return nil, fmt.Errorf("%w: %s: more than %d event ids stand more than once; remove the copies", ErrLimit, s.store.dir, maxTwice)
		}
	}
	if len(twice) == 0 {
		return nil, nil
	}
	suspects := map[place]bool{}
	err := eachID(ctx, s, hash, func(at place, part []uint64) {
		for _, h := range part {
			if twice[h] {
				suspects[at] = true
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	read := *s
	read.only = suspects
	return compareCopies(ctx, &read, func(id string) bool { return twice[hash(id)] })
}

// findTwice adds the values that stand more than once among hashes. It deals
// them out by their high bits first: what is sorted then fits a core's cache.
func findTwice(hashes []uint64, twice map[uint64]bool) {
	const shift = 64 - 12
	var ends [1 << 12]int
	for _, h := range hashes {
		ends[h>>shift]++
	}
	sum := 0
	for i, n := range ends {
		ends[i] = sum // where the bucket begins, until it is dealt out
		sum += n
	}
	dealt := make([]uint64, len(hashes))
	for _, h := range hashes {
		dealt[ends[h>>shift]] = h
		ends[h>>shift]++
	}
	from := 0
	for _, to := range ends {
		bucket := dealt[from:to]
		from = to
		slices.Sort(bucket)
		for i := 1; i < len(bucket); i++ {
			if bucket[i] == bucket[i-1] {
				twice[bucket[i]] = true
			}
		}
	}
}

// compareCopies reads the rows whose id is suspected to stand more than once,
// in the row groups that the scan names.
func compareCopies(ctx context.Context, s *scan, suspected func(id string) bool) (map[string]*copies, error) {
	type sighting struct {
		id      string
		at      rowPlace
		content [sha256.Size]byte
	}
	process := func() func(*batch, *[]sighting) error {
		return func(b *batch, out *[]sighting) (err error) {
			defer columnar.Recover(b.name(), &err)
			*out = (*out)[:0]
			if err := b.check(); err != nil {
				return b.faultOfAll(err)
			}
			for b.next() {
				if id, _ := b.cell(columnID); id != "" && suspected(id) {
					*out = append(*out, sighting{id, rowPlace{b.group.place.file, b.number()}, b.digest()})
				}
			}
			return nil
		}
	}
	found := map[string]*copies{}
	err := scanRows(ctx, s, process, func(out *[]sighting) (bool, error) {
		for _, x := range *out {
			c := found[x.id]
			if c == nil {
				c = &copies{content: x.content, first: x.at}
				found[strings.Clone(x.id)] = c
			}
			c.rows++
			c.conflict = c.conflict || c.content != x.content
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for id, c := range found {
		if c.rows == 1 { // another id has its hash
			delete(found, id)
		}
	}
	return found, nil
}

// eachID calls visit, in order, with what f makes of the ids in a batch of
// rows, those that are missing left out. f runs on the scan's workers.
func eachID[T any](ctx context.Context, s *scan, f func(id string) T, visit func(at place, made []T)) error {
	type part struct {
		at   place
		made []T
	}
	ids := *s
	ids.idsOnly = true
	process := func() func(*batch, *part) error {
		return func(b *batch, out *part) error {
			out.at, out.made = b.group.place, out.made[:0]
			v := &b.vectors[placeText+columnID]
			for i := range v.Texts() {
				if id := v.String(i); id != "" {
					out.made = append(out.made, f(id))
				}
			}
			return nil
		}
	}
	return scanRows(ctx, &ids, process, func(p *part) (bool, error) {
		visit(p.at, p.made)
		return true, nil
	})
}
