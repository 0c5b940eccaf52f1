package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"whorl/internal/atomicfile"
	"whorl/internal/strictjson"
)

// work is a run directory in the making. It lies beside its destination under
// a partial name, keeps what finished stages left, and becomes the run
// directory with one rename. A killed run leaves it behind; the same command
// finds it again, believes a stage only if its files still have their digests,
// and goes on after the last finished one.
type work struct {
	dir, final string
	kept       []string // files that the run directory is to hold
	state      workState
	fresh      bool
}

// workState is state.json of a run directory in the making.
type workState struct {
	Key    string      `json:"key"` // what the stages depend on
	Stages []workStage `json:"stages"`
}

type workStage struct {
	Name  string            `json:"name"`
	Files map[string]string `json:"files"` // file to SHA-256
}

const stateFile = "state.json"

// runFiles are what a run directory of train holds. Anything else in the making
// is of use to the stages only.
var runFiles = []string{
	"baselines.json", "card.md", "config.yaml", "lineage.json", "log.jsonl",
	"model.safetensors", "report.html", "report.md", "result.json",
}

// checkRun refuses a destination that cannot become a run directory of kept
// files, before the work of hours. With replace it may be an earlier run of the
// same kind or empty; anything else is never removed.
func checkRun(final string, replace bool, kept []string) error {
	switch filepath.Base(final) {
	case ".", "..", string(filepath.Separator):
		return fmt.Errorf("--out %s: give the run directory a name of its own", final)
	}
	if err := checkParent("--out", final); err != nil {
		return err
	}
	if err := atomicfile.Restore(final); err != nil {
		return err
	}
	info, err := os.Lstat(final)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !replace:
		return fmt.Errorf("%s exists: choose another --out, or add --replace", final)
	case !info.IsDir():
		return fmt.Errorf("--replace: %s is no run directory; choose another --out", final)
	}
	entries, err := os.ReadDir(final)
	if err != nil {
		return err
	}
	for _, name := range []string{modelFile, tuningFile, lineageFile} {
		if !slices.Contains(kept, name) {
			continue
		}
		if len(entries) > 0 && !slices.Contains(entryNames(entries), name) {
			return fmt.Errorf("--replace: %s holds no %s, so it is no run directory of this verb; choose another --out", final, name)
		}
	}
	return nil
}

// openWork opens the partial directory of a run, empty unless it holds work
// under the same key.
func openWork(final, key string, kept []string, restart bool) (*work, error) {
	w := &work{dir: atomicfile.PartialName(final), final: final, kept: kept}
	if !restart && w.load() == nil && w.state.Key == key {
		w.fresh = len(w.state.Stages) == 0
		return w, nil
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return nil, err
	}
	w.state, w.fresh = workState{Key: key}, true
	return w, w.save()
}

// load reads the state and drops every stage from the first on whose files are
// not what they were.
func (w *work) load() error {
	data, err := os.ReadFile(w.path(stateFile))
	if err != nil {
		return err
	}
	if err := strictjson.Unmarshal(data, &w.state); err != nil {
		return err
	}
	w.state.Stages = w.state.Stages[:w.intact()]
	return nil
}

// intact returns how many stages, from the first, have the files they left.
func (w *work) intact() int {
	for i, s := range w.state.Stages {
		for name, want := range s.Files {
			content, err := os.ReadFile(w.path(name))
			if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != want {
				return i
			}
		}
	}
	return len(w.state.Stages)
}

// abandon ends a run after an error: what finished stages left stays for the
// next attempt; without any, nothing stays.
func (w *work) abandon(err error) error {
	if len(w.state.Stages) > 0 {
		return resumable{err}
	}
	if failed := os.RemoveAll(w.dir); failed != nil {
		return fmt.Errorf("%w; %s is left and may be removed: %w", err, w.dir, failed)
	}
	return err
}

func (w *work) save() error { return w.writeJSON(stateFile, w.state) }

func (w *work) path(name string) string { return filepath.Join(w.dir, name) }

func (w *work) resumed() bool { return !w.fresh }

func (w *work) done() []string {
	var names []string
	for _, s := range w.state.Stages {
		names = append(names, s.Name)
	}
	return names
}

func (w *work) has(stage string) bool { return slices.Contains(w.done(), stage) }

// mark records a finished stage and its files.
func (w *work) mark(stage string, files ...string) error {
	s := workStage{Name: stage, Files: map[string]string{}}
	for _, name := range files {
		content, err := os.ReadFile(w.path(name))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		s.Files[name] = hex.EncodeToString(sum[:])
	}
	w.state.Stages = append(w.state.Stages, s)
	return w.save()
}

func (w *work) write(name string, content []byte) error {
	return atomicfile.WriteFile(w.path(name), content, 0o644)
}

func (w *work) writeJSON(name string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.write(name, content)
}

func (w *work) readJSON(name string, v any) error {
	content, err := os.ReadFile(w.path(name))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}

func entryNames(entries []fs.DirEntry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// finish removes what only stages needed and puts the directory in place.
func (w *work) finish(existing atomicfile.Existing) error {
	if w.intact() < len(w.state.Stages) {
		return fmt.Errorf("%s was changed during the run: let one run at a time write to %s", w.dir, w.final)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	// The state goes first: without it nobody takes the rest for finished stages.
	for _, name := range append([]string{stateFile}, entryNames(entries)...) {
		if !slices.Contains(w.kept, name) {
			if err := os.RemoveAll(w.path(name)); err != nil {
				return err
			}
		}
	}
	err = atomicfile.RenameDir(w.dir, w.final, existing)
	if errors.Is(err, atomicfile.ErrExists) {
		return fmt.Errorf("%s exists: choose another --out, or add --replace", w.final)
	}
	return err
}
