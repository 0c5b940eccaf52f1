package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Existing says what [RenameDir] does with a destination that stands already.
type Existing int

// The choices. The zero value is Refuse.
const (
	Refuse  Existing = iota // return ErrExists, touch nothing
	Replace                 // put the new directory in its place, then remove the old
)

// RenameDir puts the complete directory partial in place as final. Every file
// and folder below partial is synced first. Both names must have the same
// parent; [PartialName] gives a fitting one.
//
// With [Replace] the old directory (or file) moves aside to ".NAME.replaced",
// partial takes its name, and only then is the old one removed with all it
// holds: a caller that takes final from a user checks first that it is what it
// means to replace. A kill between the two renames leaves no final; [Restore],
// which RenameDir calls first, then brings the old one back.
//
// On an error partial is left where it is, so that its content can be used
// again, and an old final stands.
func RenameDir(partial, final string, existing Existing) error {
	if err := checkName(final); err != nil {
		return err
	}
	partial, final = filepath.Clean(partial), filepath.Clean(final)
	if err := checkPartialDir(partial, final); err != nil {
		return fmt.Errorf("rename to %s: %w", final, err)
	}
	if err := Restore(final); err != nil {
		return err
	}

	_, err := os.Lstat(final)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("rename to %s: %w", final, err)
	case exists && existing == Refuse:
		return fmt.Errorf("rename to %s: %w; remove it or choose another name", final, ErrExists)
	}

	if err := syncTree(partial); err != nil {
		return fmt.Errorf("rename to %s: %w", final, err)
	}
	aside := asideName(final)
	if exists {
		if err := os.Rename(final, aside); err != nil {
			return fmt.Errorf("rename to %s: %w", final, err)
		}
	}
	if err := os.Rename(partial, final); err != nil {
		if back := Restore(final); back != nil {
			return fmt.Errorf("rename to %s: %w; the old one stands as %s: %w", final, err, aside, back)
		}
		return fmt.Errorf("rename to %s: %w", final, err)
	}
	if err := syncDir(filepath.Dir(final)); err != nil {
		return fmt.Errorf("rename to %s: %w", final, err)
	}
	if exists {
		if err := os.RemoveAll(aside); err != nil {
			return fmt.Errorf("%s is in place, but the one it replaces could not be removed: %w", final, err)
		}
	}
	return nil
}

// Restore ends a replacement of final that was interrupted: where the old
// directory stands aside and final is missing, the old one comes back; where
// both stand, the new one is complete and the old one is removed. Without an
// old directory aside it does nothing.
func Restore(final string) error {
	final = filepath.Clean(final)
	aside := asideName(final)
	if _, err := os.Lstat(aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("restore %s: %w", final, err)
	}
	_, err := os.Lstat(final)
	switch {
	case err == nil:
		err = os.RemoveAll(aside)
	case errors.Is(err, fs.ErrNotExist):
		err = os.Rename(aside, final)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", final, err)
	}
	return nil
}

// asideName is where a replaced directory stands until the new one is in place.
func asideName(final string) string {
	return beside(final, ".replaced")
}

func checkPartialDir(partial, final string) error {
	if filepath.Dir(partial) != filepath.Dir(final) || partial == final {
		return fmt.Errorf("%s must be another name in the same directory", partial)
	}
	info, err := os.Lstat(partial)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", partial)
	}
	return nil
}

// syncTree syncs every regular file and every directory at or below root,
// the content of a directory before the directory.
func syncTree(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		switch {
		case e.IsDir():
			err = syncTree(path)
		case e.Type().IsRegular():
			err = syncFile(path)
		}
		if err != nil {
			return err
		}
	}
	return syncDir(root)
}

// syncFile opens the file for reading only, so that a read-only file syncs too.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
