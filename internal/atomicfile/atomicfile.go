// Package atomicfile puts files and directories in place so that a reader,
// or a run after a crash, sees the old state or the new one and nothing between.
//
// The way of every write:
//
//  1. the bytes go to a partial name in the destination's own directory
//     ([PartialName]), so that the rename stays within one file system;
//  2. they are synced to the disk, because a rename may otherwise reach the
//     disk before the bytes it names;
//  3. one rename puts them in place;
//  4. the parent directory is synced, so that the rename itself survives a
//     loss of power.
//
// On an error the partial name is removed. After a kill it stays behind; it
// starts with a dot, ends in ".partial", and the next write replaces it.
//
// One path has one writer at a time. [Write] notices a second writer that
// took over its partial file; it does not queue writers. [WriteOnce] is for the
// one case in which writers need not know of each other.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

var (
	// ErrExists says that the destination of [RenameDir] stands already.
	ErrExists = errors.New("destination exists already")
	// ErrConcurrent says that another writer took over the partial file.
	ErrConcurrent = errors.New("another writer is writing the same file")
)

// PartialName returns the name under which path is written until it is
// complete: ".NAME.partial" in the same directory.
func PartialName(path string) string {
	return beside(path, ".partial")
}

// beside returns the hidden sibling of path with the given ending.
func beside(path, ending string) string {
	dir, name := filepath.Split(filepath.Clean(path))
	return filepath.Join(dir, "."+name+ending)
}

// checkName refuses paths whose last element names no entry of a directory.
func checkName(path string) error {
	switch filepath.Base(path) {
	case ".", "..", string(filepath.Separator):
		return fmt.Errorf("write %q: the path has no file name of its own; give one", path)
	}
	return nil
}

// WriteFile writes data to path, which it creates or replaces, with the mode
// perm (before umask). A symbolic link at path is itself replaced, not followed.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}

// Write is [WriteFile] for content that fill streams to w, so that a large
// file need not be held in memory. When fill fails or panics, path stays as it
// was; fill's error is returned wrapped.
func Write(path string, perm fs.FileMode, fill func(w io.Writer) error) (err error) {
	if err := checkName(path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	partial := PartialName(path)
	if err := removeStale(partial); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	placed := false
	defer func() {
		if placed {
			return
		}
		f.Close() // a second close after a failed one does no harm
		if !errors.Is(err, ErrConcurrent) {
			os.Remove(partial)
		}
	}()

	if err := fill(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := checkOwn(f, partial); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	placed = true
	return syncDir(filepath.Dir(path))
}

// WriteOnce writes a file whose name says all that is in it, so that any number
// of writers may write the same one at the same time: whoever comes last puts
// the same bytes in place. Unlike [Write] it uses a partial name of its own, which
// stays behind after a kill until somebody removes it.
func WriteOnce(path string, data []byte) (err error) {
	if err := checkName(path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	f, err := os.CreateTemp(filepath.Dir(path), ".*.partial")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// removeStale removes what a killed writer left under the partial name.
func removeStale(partial string) error {
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checkOwn checks that the name still leads to the open file.
func checkOwn(f *os.File, name string) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || !os.SameFile(opened, named) {
		return fmt.Errorf("%s was replaced: %w", name, ErrConcurrent)
	}
	return nil
}

// syncDir makes the entries of a directory durable. File systems that cannot
// sync a directory say so with EINVAL or ENOTSUP; there the rename is as
// durable as it can be.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
