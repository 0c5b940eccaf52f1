package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"whorl/datasets/internal/columnar"
)

const (
	// idsPerPass bounds the hashes that one pass over the ids holds, eight
	// bytes each.
	idsPerPass = 32 << 20
	// maxTwice bounds the ids that stand more than once.
	maxTwice = 1 << 20
)

// copies is what is known of an id that stands more than once.
type copies struct {
	content  [sha256.Size]byte
	rows     int
	conflict bool // the rows differ
}

// findDuplicates finds the ids that stand in more than one row (rules 7 and
// 8). It decodes event_id alone and keeps eight bytes of a hash for each row,
// in as many passes as idsPerPass asks for; then it reads the rows in full
// whose hash stands twice, in the row groups that have one.
func (s *store) findDuplicates(ctx context.Context) (map[string]*copies, error) {
	twice := map[uint64]bool{}
	passes := uint64(s.rows(RoleEvents)/idsPerPass + 1)
	var hashes []uint64
	for pass := range passes {
		hashes = hashes[:0]
		err := s.eachID(ctx, func(_, _ int, id string) {
			if h := hashID(id); h%passes == pass {
				hashes = append(hashes, h)
			}
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(hashes)
		for i := 1; i < len(hashes); i++ {
			if hashes[i] == hashes[i-1] {
				twice[hashes[i]] = true
			}
		}
		if len(twice) > maxTwice {
			return nil, fmt.Errorf("%w: %s: more than %d event ids stand more than once; remove the copies", ErrLimit, s.dir, maxTwice)
		}
	}
	hashes = nil
	if len(twice) == 0 {
		return nil, nil
	}
	// The row groups to read in full.
	type place struct{ file, group int }
	groups := map[place]bool{}
	err := s.eachID(ctx, func(file, group int, id string) {
		if twice[hashID(id)] {
			groups[place{file, group}] = true
		}
	})
	if err != nil {
		return nil, err
	}
	found := map[string]*copies{}
	for i := range s.files {
		if s.files[i].Role != RoleEvents {
			continue
		}
		err := s.eachGroup(ctx, i, func(f *columnar.File, nodes *eventNodes, group int, first int64) error {
			if !groups[place{i, group}] {
				return nil
			}
			r, err := newRowReader(f, nodes, group, nil, 0)
			if err != nil {
				return err
			}
			for row := first; ; row++ {
				if more, err := r.next(); err != nil || !more {
					return err
				}
				id, ok := cell(r.text[columnID])
				if !ok || id == "" || !twice[hashID(id)] {
					continue
				}
				sum, err := r.digest()
				if err != nil {
					return rowError(f.Name(), row, err)
				}
				c := found[id]
				if c == nil {
					c = &copies{content: sum}
					found[strings.Clone(id)] = c
				}
				c.rows++
				c.conflict = c.conflict || c.content != sum
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for id, c := range found {
		if c.rows == 1 { // another id has its hash
			delete(found, id)
		}
	}
	return found, nil
}

func hashID(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.LittleEndian.Uint64(sum[:])
}

// eachID calls f for the id of every row that has one.
func (s *store) eachID(ctx context.Context, f func(file, group int, id string)) error {
	for i := range s.files {
		if s.files[i].Role != RoleEvents {
			continue
		}
		err := s.eachGroup(ctx, i, func(file *columnar.File, nodes *eventNodes, group int, _ int64) error {
			c, err := file.Group(group, 0).Cursor(nodes.text[columnID])
			if err != nil {
				return err
			}
			for {
				if more, err := c.NextRow(); err != nil || !more {
					return err
				}
				if id, ok := cell(c); ok && id != "" {
					f(i, group, id)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachGroup opens events file i and calls f for each of its row groups with
// the number of its first row in the file, from 1. A panic of the Parquet
// library ends as an error.
func (s *store) eachGroup(ctx context.Context, i int, f func(file *columnar.File, nodes *eventNodes, group int, first int64) error) (err error) {
	defer columnar.Recover(s.name(i), &err)
	file, done, err := s.file(i)
	if err != nil {
		return err
	}
	nodes, err := eventSchema(file.Name(), file.Root())
	if err != nil {
		done()
		return err
	}
	first := int64(1)
	for g := range file.Groups() {
		if err := ctx.Err(); err != nil {
			done()
			return err
		}
		if err := f(file, nodes, g, first); err != nil {
			done()
			return err
		}
		first += file.Group(g, 0).Rows()
	}
	return done()
}
