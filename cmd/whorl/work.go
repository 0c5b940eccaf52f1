package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// scratch are files that stages leave for each other, not for the reader.
var scratch = []string{stateFile, "fit.json", "judged-*.json", ".*.partial"}

// openWork opens the partial directory of a run, empty unless it holds work
// under the same key.
func openWork(final, key string, restart bool) (*work, error) {
	parent := filepath.Dir(final)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("--out %s: %s is no directory: create it first", final, parent)
	}
	w := &work{dir: atomicfile.PartialName(final), final: final}
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
	for i, s := range w.state.Stages {
		for name, want := range s.Files {
			content, err := os.ReadFile(w.path(name))
			if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != want {
				w.state.Stages = w.state.Stages[:i]
				return nil
			}
		}
	}
	return nil
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

// finish removes what only stages needed and puts the directory in place.
func (w *work) finish(existing atomicfile.Existing) error {
	for _, pattern := range scratch {
		names, err := filepath.Glob(w.path(pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	err := atomicfile.RenameDir(w.dir, w.final, existing)
	if errors.Is(err, atomicfile.ErrExists) {
		return fmt.Errorf("%s exists: choose another --out, or add --replace", w.final)
	}
	return err
}
