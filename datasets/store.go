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

const (
	// maxInMemory is the largest file that is decoded from memory.
	maxInMemory = 128 << 20
	// maxKept bounds the bytes of small files that stay in memory between
	// passes.
	maxKept = 64 << 20
)

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
	kept  [][]byte // verified bytes of small files
}

// openStore verifies every listed file: kind, size, hash, then schema and row
// count (rules 1 and 2).
func openStore(dir string, root *os.Root, listed []manifestFile) (*store, error) {
	s := &store{dir: dir, kept: make([][]byte, len(listed))}
	room := int64(maxKept)
	for i, l := range listed {
		s.files = append(s.files, File{Path: l.Path, Role: l.Role, Rows: *l.Rows, Bytes: *l.Bytes, SHA256: l.SHA256})
		data, f, done, err := s.open(root, i)
		if err != nil {
			return nil, err
		}
		if err := s.inspect(i, f); err != nil {
			done()
			return nil, err
		}
		if err := done(); err != nil {
			return nil, err
		}
		if data != nil && int64(len(data)) <= room {
			room -= int64(len(data))
			s.kept[i] = data
		}
	}
	return s, nil
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

// file opens file i for decoding. Call done when finished; its error says
// that the file changed meanwhile.
func (s *store) file(i int) (f *columnar.File, done func() error, err error) {
	if data := s.kept[i]; data != nil {
		f, err := columnar.OpenBytes(s.name(i), data)
		return f, func() error { return nil }, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer root.Close()
	_, f, done, err = s.open(root, i)
	return f, done, err
}

// open reads and hashes file i and opens what it hashed: up to maxInMemory the
// very bytes, above that the same file handle, with a check at the end that
// the file was not written to. data is nil for a file that is not in memory.
func (s *store) open(root *os.Root, i int) (data []byte, f *columnar.File, done func() error, err error) {
	info, name := &s.files[i], s.name(i)
	h, err := openRegular(root, info.Path, name)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil || data != nil {
			h.Close()
		}
	}()
	before, err := h.Stat()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if before.Size() != info.Bytes {
		return nil, nil, nil, fmt.Errorf("%w: %s has %d bytes, the manifest says %d; copy or export it again", ErrFile, name, before.Size(), info.Bytes)
	}
	sum := sha256.New()
	if info.Bytes <= maxInMemory {
		data = make([]byte, info.Bytes)
		if _, err = io.ReadFull(h, data); err == nil {
			var more [1]byte
			if n, _ := h.Read(more[:]); n > 0 {
				err = errors.New("grew while it was read")
			}
		}
		sum.Write(data)
	} else {
		var n int64
		if n, err = io.Copy(sum, h); err == nil && n != info.Bytes {
			err = errors.New("changed while it was read")
		}
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != info.SHA256 {
		err = fmt.Errorf("%w: sha256 of %s is %s, the manifest says %s; copy or export it again", ErrFile, name, got, info.SHA256)
		return nil, nil, nil, err
	}
	if data != nil {
		f, err = columnar.OpenBytes(name, data)
		return data, f, func() error { return nil }, err
	}
	if f, err = columnar.Open(name, h, info.Bytes); err != nil {
		return nil, nil, nil, err
	}
	return nil, f, func() error {
		defer h.Close()
		after, err := h.Stat()
		if err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			return fmt.Errorf("%w: %s was written to while it was read; run again", ErrFile, name)
		}
		return nil
	}, nil
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
