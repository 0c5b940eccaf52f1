package atomicfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// slowWriterPath, when set, turns the test binary into a writer that never
// finishes, for TestKilledWriterLeavesOldContent.
const slowWriterPath = "ATOMICFILE_TEST_SLOW_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(slowWriterPath); path != "" {
		err := Write(path, 0o644, func(w io.Writer) error {
			if _, err := io.WriteString(w, "half of the new"); err != nil {
				return err
			}
			os.Stdout.WriteString("halfway\n")
			select {}
		})
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestWriteFile(t *testing.T) {
	tests := []struct {
		name   string
		before func(t *testing.T, path string)
		perm   fs.FileMode
	}{
		{"new file", func(*testing.T, string) {}, 0o644},
		{"replaces a file", func(t *testing.T, path string) { put(t, path, "old") }, 0o600},
		{"replaces a read-only file", func(t *testing.T, path string) {
			put(t, path, "old")
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
		}, 0o444},
		{"replaces what a killed writer left", func(t *testing.T, path string) { put(t, PartialName(path), "half") }, 0o644},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.safetensors")
			tt.before(t, path)
			if err := WriteFile(path, []byte("new"), tt.perm); err != nil {
				t.Fatal(err)
			}
			wantContent(t, path, "new")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != tt.perm {
				t.Errorf("mode is %v, want %v", info.Mode().Perm(), tt.perm)
			}
			wantNames(t, filepath.Dir(path), "model.safetensors")
		})
	}
}

func TestWriteReplacesSymlinkItself(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	put(t, target, "kept")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantContent(t, target, "kept")
	wantContent(t, link, "new")
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("link is %v (%v), want a regular file", info, err)
	}
}

func TestWriteFailureKeepsOldContent(t *testing.T) {
	errFull := errors.New("disk full")
	t.Run("fill fails", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "result.json")
		put(t, path, "old")
		err := Write(path, 0o644, func(w io.Writer) error {
			io.WriteString(w, "half")
			return errFull
		})
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want %v with the path", err, errFull)
		}
		wantContent(t, path, "old")
		wantNames(t, filepath.Dir(path), "result.json")
	})
	t.Run("fill panics", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "result.json")
		put(t, path, "old")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic of fill did not come through")
				}
			}()
			Write(path, 0o644, func(io.Writer) error { panic("fill") })
		}()
		wantContent(t, path, "old")
		wantNames(t, filepath.Dir(path), "result.json")
	})
	t.Run("destination is a directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "result.json")
		put(t, filepath.Join(path, "inside"), "kept")
		if err := WriteFile(path, []byte("new"), 0o644); err == nil {
			t.Error("a directory was replaced by a file")
		}
		wantContent(t, filepath.Join(path, "inside"), "kept")
		wantNames(t, filepath.Dir(path), "result.json")
	})
	t.Run("another writer took over", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "result.json")
		err := Write(path, 0o644, func(io.Writer) error {
			return WriteFile(path, []byte("theirs"), 0o644)
		})
		if !errors.Is(err, ErrConcurrent) {
			t.Errorf("error is %v, want %v", err, ErrConcurrent)
		}
		wantContent(t, path, "theirs")
	})
	t.Run("another writer is at work", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "result.json")
		err := Write(path, 0o644, func(io.Writer) error {
			os.Remove(PartialName(path))
			put(t, PartialName(path), "their half")
			return nil
		})
		if !errors.Is(err, ErrConcurrent) {
			t.Errorf("error is %v, want %v", err, ErrConcurrent)
		}
		wantContent(t, PartialName(path), "their half")
	})
}

func TestWriteRefusesBadPaths(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "")
	for _, path := range []string{"", ".", "..", "/", filepath.Join(dir, "missing", "f"), filepath.Join(dir, "file", "f")} {
		if err := WriteFile(path, nil, 0o644); err == nil {
			t.Errorf("WriteFile(%q) gave no error", path)
		}
	}
	wantNames(t, dir, "file")
}

func TestKilledWriterLeavesOldContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	put(t, path, "old")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), slowWriterPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	killErr := cmd.Process.Kill()
	cmd.Wait()
	if line != "halfway\n" || killErr != nil {
		t.Fatalf("the writer said %q (%v, %v), want halfway", line, err, killErr)
	}

	wantContent(t, path, "old")
	wantContent(t, PartialName(path), "half of the new")
	if err := WriteFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantNames(t, filepath.Dir(path), "model.safetensors")
}

func TestPartialName(t *testing.T) {
	tests := [][2]string{
		{"demo", ".demo.partial"},
		{"runs/demo", "runs/.demo.partial"},
		{"runs/demo/", "runs/.demo.partial"},
		{"/a/../b", "/.b.partial"},
	}
	for _, tt := range tests {
		if got := PartialName(filepath.FromSlash(tt[0])); got != filepath.FromSlash(tt[1]) {
			t.Errorf("PartialName(%q) = %q, want %q", tt[0], got, tt[1])
		}
	}
}

// put writes content to path, and makes the directories above it.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	} else if string(got) != want {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
}

// wantNames checks that dir holds these entries and no other.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

// Any number of writers of the same bytes leave them, and nothing else.
func TestWriteOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	content := bytes.Repeat([]byte("the same"), 1000)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := WriteOnce(path, content); err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := WriteOnce(filepath.Join(dir, "none", "file"), content); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := WriteOnce(path, content); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("a failure left %v, %v", entries, err)
	}
}
