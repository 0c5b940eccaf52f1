package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRenameDir(t *testing.T) {
	for _, existing := range []Existing{Refuse, Replace} {
		final := filepath.Join(t.TempDir(), "run")
		put(t, filepath.Join(PartialName(final), "deep", "model"), "new")
		if err := RenameDir(PartialName(final), final, existing); err != nil {
			t.Fatal(err)
		}
		wantContent(t, filepath.Join(final, "deep", "model"), "new")
		wantNames(t, filepath.Dir(final), "run")
	}
}

func TestRenameDirOntoExisting(t *testing.T) {
	tests := []struct {
		name     string
		old      string // file that stands, relative to the parent
		existing Existing
		wantErr  error
	}{
		{"refuses a directory", "run/old", Refuse, ErrExists},
		{"refuses a file", "run", Refuse, ErrExists},
		{"replaces a directory", "run/old", Replace, nil},
		{"replaces a file", "run", Replace, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			final := filepath.Join(parent, "run")
			partial := PartialName(final)
			put(t, filepath.Join(parent, filepath.FromSlash(tt.old)), "old")
			put(t, filepath.Join(partial, "model"), "new")

			err := RenameDir(partial, final, tt.existing)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("error is %v, want %v", err, tt.wantErr)
			}
			if tt.wantErr != nil {
				wantContent(t, filepath.Join(parent, filepath.FromSlash(tt.old)), "old")
				wantContent(t, filepath.Join(partial, "model"), "new")
				wantNames(t, parent, ".run.partial", "run")
				return
			}
			wantNames(t, parent, "run")
			wantNames(t, final, "model")
			wantContent(t, filepath.Join(final, "model"), "new")
		})
	}
}

func TestRenameDirRefusesBadPartial(t *testing.T) {
	parent := t.TempDir()
	final := filepath.Join(parent, "run")
	put(t, filepath.Join(final, "old"), "old")
	put(t, filepath.Join(parent, "file"), "")
	put(t, filepath.Join(parent, "elsewhere", "dir", "f"), "")
	for name, partial := range map[string]string{
		"missing":             PartialName(final),
		"a file":              filepath.Join(parent, "file"),
		"in another parent":   filepath.Join(parent, "elsewhere", "dir"),
		"the final directory": final,
	} {
		err := RenameDir(partial, final, Replace)
		if err == nil || !strings.Contains(err.Error(), partial) {
			t.Errorf("%s: error is %v, want one that names %s", name, err, partial)
		}
	}
	wantContent(t, filepath.Join(final, "old"), "old")
	wantNames(t, parent, "elsewhere", "file", "run")
}

// A kill may come before, between and after the two renames of a replacement.
// Each state is laid out by hand; a rerun must end with the new directory.
func TestRenameDirAfterInterruptedReplacement(t *testing.T) {
	const aside = ".run.replaced"
	tests := []struct {
		name  string
		stand map[string]string // file -> content
		want  string            // content that Restore leaves in run/f
	}{
		{"before", map[string]string{"run/f": "old"}, "old"},
		{"between", map[string]string{aside + "/f": "old"}, "old"},
		{"after", map[string]string{aside + "/f": "old", "run/f": "new"}, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			final := filepath.Join(parent, "run")
			for name, content := range tt.stand {
				put(t, filepath.Join(parent, filepath.FromSlash(name)), content)
			}
			if err := Restore(final); err != nil {
				t.Fatal(err)
			}
			wantContent(t, filepath.Join(final, "f"), tt.want)
			wantNames(t, parent, "run")

			put(t, filepath.Join(PartialName(final), "f"), "newest")
			if err := os.RemoveAll(final); err != nil {
				t.Fatal(err)
			}
			for name, content := range tt.stand {
				put(t, filepath.Join(parent, filepath.FromSlash(name)), content)
			}
			if err := RenameDir(PartialName(final), final, Replace); err != nil {
				t.Fatal(err)
			}
			wantContent(t, filepath.Join(final, "f"), "newest")
			wantNames(t, parent, "run")
		})
	}
}

func TestRestoreWithoutReplacementDoesNothing(t *testing.T) {
	parent := t.TempDir()
	if err := Restore(filepath.Join(parent, "run")); err != nil {
		t.Fatal(err)
	}
	wantNames(t, parent)
}
