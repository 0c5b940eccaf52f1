package importer

import (
	"container/list"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-sourcemap/sourcemap"

	"whorl/features"
)

// Bounds of the source maps in use.
const (
	maxMapBytes = 64 << 20
	mapsKept    = 8
)

// sourceMaps names minified JavaScript frames by the maps of a directory. A
// frame's map is FILE.map, by the base name of its file; of several in the
// directory that with the same name wins, wherever it lies.
type sourceMaps struct {
	paths map[string]string // by name of the script
	kept  map[string]*list.Element
	order *list.List // of keptMap, last used first
	err   error      // of the first damaged map
	mu    sync.Mutex // over all, and over maps in use: the library says nothing of sharing
}

type keptMap struct {
	script string
	m      *sourcemap.Consumer // nil: there is none, or it is damaged
}

func newSourceMaps(dir string) (*sourceMaps, error) {
	s := &sourceMaps{paths: map[string]string{}, kept: map[string]*list.Element{}, order: list.New()}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name, ok := strings.CutSuffix(d.Name(), ".map"); ok && !d.IsDir() {
			if other := s.paths[name]; other != "" {
				return fmt.Errorf("%s and %s are maps of one script; keep one", other, path)
			}
			s.paths[name] = path
		}
		return nil
	})
	if err == nil && len(s.paths) == 0 {
		err = fmt.Errorf("%s: no file ends in .map", dir)
	}
	return s, err
}

// apply names the frames of an event and counts them.
func (s *sourceMaps) apply(e *features.Event) (mapped int64) {
	if p := features.ParsePlatform(e.Platform); p != features.JavaScript && p != features.Node {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range e.Exceptions {
		for k := range e.Exceptions[i].Frames {
			f := &e.Exceptions[i].Frames[k]
			script := f.AbsPath
			if script == "" {
				script = f.Filename
			}
			script, _, _ = strings.Cut(script, "?")
			script = script[strings.LastIndexAny(script, `/\`)+1:]
			if script == "" || f.Line == 0 || f.Column == 0 {
				continue
			}
			m := s.find(script)
			if m == nil {
				continue
			}
			// Maps count columns from 0, traces from 1.
			source, name, line, _, ok := lookup(m, int(f.Line), int(f.Column)-1)
			if !ok || source == "" {
				continue
			}
			if f.AbsPath == "" {
				f.AbsPath = f.Filename
			}
			f.Filename, f.Line, f.Column = source, int32(line), 0
			if name != "" {
				f.Function = name
			}
			mapped++
		}
	}
	return mapped
}

// lookup asks a map, which is somebody's file: the library may panic on what
// its numbers point at.
func lookup(m *sourcemap.Consumer, line, column int) (source, name string, l, c int, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	source, name, l, c, ok = m.Source(line, column)
	return source, name, l, c, ok && l > 0 && l < 1<<31
}

// find returns a script's map, or nil.
func (s *sourceMaps) find(script string) *sourcemap.Consumer {
	if e := s.kept[script]; e != nil {
		s.order.MoveToFront(e)
		return e.Value.(keptMap).m
	}
	path := s.paths[script]
	if path == "" {
		return nil
	}
	m, err := readMap(path)
	if err != nil && s.err == nil {
		s.err = err
	}
	s.kept[script] = s.order.PushFront(keptMap{script, m})
	if s.order.Len() > mapsKept {
		last := s.order.Back()
		delete(s.kept, last.Value.(keptMap).script)
		s.order.Remove(last)
	}
	return m
}

// readMap reads a map; a damaged one is as none.
func readMap(path string) (m *sourcemap.Consumer, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%s: damaged source map: %v", path, r)
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxMapBytes {
		return nil, fmt.Errorf("%s: a source map of %d bytes; the limit is %d", path, info.Size(), maxMapBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err = sourcemap.Parse("", data)
	if err != nil {
		return nil, fmt.Errorf("%s: damaged source map: %w", path, err)
	}
	return m, nil
}
