package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"whorl/datasets/internal/columnar"
)

// maxKept bounds the bytes of verified files that stay in memory; what does not
// fit is read from disk again and verified again, block by block.
const maxKept = 64 << 20

// File describes one verified file of an export or golden dataset.
type File struct {
	Path   string `json:"path"`
	Role   Role   `json:"role"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Lists is the list layout met: "three-level", or "two-level" if any
	// list of the file is so. Pairs have no lists.
	Lists string `json:"lists,omitempty"`
	// Absent names the optional columns that the file lacks; they read as
	// null.
	Absent []string `json:"absent,omitempty"`
}

// store is the verified files of a directory. It is safe for concurrent use.
type store struct {
	dir   string
	files []File
	kept  [][]byte    // verified bytes of small files, nil for the others
	sums  []blockSums // of the others
	room  int64       // for bytes that may yet be kept
}

// openStore verifies every listed file: kind, size, hash, then schema and row
// count (rules 1 and 2).
func openStore(dir string, root *os.Root, listed []manifestFile) (*store, error) {
	s := newStore(dir, listed)
	for i := range listed {
		if err := s.admit(root, i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// newStore returns a store whose files are yet to be admitted.
func newStore(dir string, listed []manifestFile) *store {
	s := &store{dir: dir, kept: make([][]byte, len(listed)), sums: make([]blockSums, len(listed)), room: maxKept}
	for _, l := range listed {
		s.files = append(s.files, File{Path: l.Path, Role: l.Role, Rows: *l.Rows, Bytes: *l.Bytes, SHA256: l.SHA256})
	}
	return s
}

// admit verifies file i.
func (s *store) admit(root *os.Root, i int) error {
	if err := s.verify(root, i, s.files[i].Bytes <= s.room); err != nil {
		return err
	}
	s.room -= int64(len(s.kept[i]))
	f, done, err := s.file(i)
	if err != nil {
		return err
	}
	defer done()
	return s.inspect(i, f)
}

func (s *store) name(i int) string { return filepath.Join(s.dir, s.files[i].Path) }

// inspect checks rows and schema of an open file.
func (s *store) inspect(i int, f *columnar.File) (err error) {
	name := s.name(i)
	defer columnar.Recover(name, &err)
	info := &s.files[i]
	if f.Rows() != info.Rows {
		return fmt.Errorf("%w: %s has %d rows, the manifest says %d; export it again", ErrFile, name, f.Rows(), info.Rows)
	}
	var layout columnar.Layout
	switch info.Role {
	case RoleEvents:
		c, err := eventSchema(name, f.Root())
		if err != nil {
			return err
		}
		layout, info.Absent = c.layout, c.absent
	case RoleLabels:
		c, err := labelSchema(name, f.Root())
		if err != nil {
			return err
		}
		layout = c.layout
	case RolePairs:
		_, err := pairSchema(name, f.Root())
		return err
	}
	info.Lists = layout.String()
	return nil
}

// verify holds file i to the manifest's size and hash, and keeps its bytes or
// the hashes of its blocks.
func (s *store) verify(root *os.Root, i int, keep bool) error {
	info, name := &s.files[i], s.name(i)
	h, err := openRegular(root, info.Path, name)
	if err != nil {
		return err
	}
	defer h.Close()
	before, err := h.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	if before.Size() != info.Bytes {
		return fmt.Errorf("%w: %s has %d bytes, the manifest says %d; copy or export it again", ErrFile, name, before.Size(), info.Bytes)
	}
	var got string
	size := info.Bytes
	if keep {
		data := make([]byte, info.Bytes)
		if _, err = io.ReadFull(h, data); err == nil {
			sum := sha256.Sum256(data)
			got, s.kept[i] = hex.EncodeToString(sum[:]), data
		}
	} else {
		got, s.sums[i], size, err = sumBlocks(io.LimitReader(h, info.Bytes+1))
	}
	if err != nil || size != info.Bytes {
		return fmt.Errorf("%w: %s changed while it was read; run again", ErrFile, name)
	}
	if got != info.SHA256 {
		return fmt.Errorf("%w: sha256 of %s is %s, the manifest says %s; copy or export it again", ErrFile, name, got, info.SHA256)
	}
	return nil
}

// file opens verified file i for decoding. Call done when finished.
func (s *store) file(i int) (f *columnar.File, done func(), err error) {
	if data := s.kept[i]; data != nil {
		f, err := columnar.OpenBytes(s.name(i), data)
		return f, func() {}, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer root.Close()
	h, err := openRegular(root, s.files[i].Path, s.name(i))
	if err != nil {
		return nil, nil, err
	}
	f, err = columnar.Open(s.name(i), newVerifiedReader(h, s.name(i), s.sums[i]), s.files[i].Bytes)
	if err != nil {
		h.Close()
		return nil, nil, err
	}
	return f, func() { h.Close() }, nil
}

// openEvents opens events file i for a scan.
func (s *store) openEvents(i int) (_ *scanFile, err error) {
	defer columnar.Recover(s.name(i), &err)
	f, done, err := s.file(i)
	if err != nil {
		return nil, err
	}
	nodes, err := eventSchema(f.Name(), f.Root())
	if err != nil {
		done()
		return nil, err
	}
	return &scanFile{index: i, file: f, close: done, nodes: nodes}, nil
}

// openRegular opens a regular file inside root, not through a symbolic link
// as the last part of its path. name stands in errors.
func openRegular(root *os.Root, path, name string) (*os.File, error) {
	// Looking first keeps a named pipe from blocking the open.
	info, err := root.Lstat(filepath.FromSlash(path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s does not exist; copy the whole directory", ErrFile, name)
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file; put the file itself in its place", ErrFile, name)
	}
	h, err := root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	if opened, err := h.Stat(); err != nil || !os.SameFile(info, opened) {
		h.Close()
		return nil, fmt.Errorf("%w: %s was replaced while it was opened; run again", ErrFile, name)
	}
	return h, nil
}

// readSmall reads a regular file of at most max bytes.
func readSmall(root *os.Root, path, name string, max int64) ([]byte, error) {
	h, err := openRegular(root, path, name)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(h, max+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	if n > max {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrFile, name, max)
	}
	return b.Bytes(), nil
}

// rows returns the number of rows of all files with a role.
func (s *store) rows(role Role) int64 {
	var n int64
	for _, f := range s.files {
		if f.Role == role {
			n += f.Rows
		}
	}
	return n
}
