package newstyle

import (
	"strings"

	"whorl/features"
)

// trace is the stack trace of one exception while the rules run over it.
type trace struct {
	exception *exception
	frames    []frame // oldest caller first
}

// frame is one frame after the tracker's normalisation.
type frame struct {
	platform string // as the event has it: some rules tell objc from native
	family   family
	function string // trimmed
	raw      string // as reported
	module   string
	filename string
	absPath  string
	context  string
	line     int32
	column   int32

	path     string // what path rules look at
	image    string // what package rules look at
	inApp    features.Tri
	category string
}

// family is the kind of platform that rules are written for.
type family uint8

const (
	familyOther family = iota
	familyNative
	familyJavaScript
)

func familyOf(platform string) family {
	switch platform {
	case "objc", "cocoa", "swift", "native", "c":
		return familyNative
	case "javascript", "node":
		return familyJavaScript
	}
	return familyOther
}

func newTrace(platform string, x *exception) *trace {
	t := &trace{exception: x, frames: make([]frame, len(x.source.Frames))}
	kind := familyOf(platform)
	for i := range t.frames {
		in := &x.source.Frames[i]
		f := frame{
			platform: platform, family: kind,
			raw: in.Function, module: in.Module,
			filename: in.Filename, absPath: in.AbsPath,
			context: in.ContextLine, line: in.Line, column: in.Column,
			inApp: in.InApp,
		}
		if f.raw == "?" || f.raw == "??" {
			f.raw = ""
		}
		if f.filename == "" && f.absPath != "" {
			f.filename = urlPath(f.absPath)
		}
		if f.absPath == "" {
			f.absPath = f.filename
		}
		f.function = trimFunction(platform, kind, f.raw)
		f.path = strings.ToLower(strings.ReplaceAll(f.absPath, `\`, "/"))
		f.image = strings.ToLower(strings.ReplaceAll(in.Package, `\`, "/"))
		t.frames[i] = f
	}
	return t
}

// urlPath returns the path of a URL, and any other text as it is.
func urlPath(s string) string {
	if !isURL(s) {
		return s
	}
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	i := strings.IndexByte(rest, '/')
	if i < 0 {
		return s
	}
	rest = rest[i:]
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// isURL reports whether a path came from a page or the local disk of a browser.
func isURL(s string) bool {
	return remote(s) || strings.HasPrefix(s, "file:")
}

// remote reports whether a path came from a page: its file name is then the
// site's routing, not a source file's name.
func remote(s string) bool {
	for _, scheme := range [...]string{"http:", "https:", "applewebdata:", "blob:"} {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}

// repeats reports whether a frame is a direct recursion of the frame before.
func (f *frame) repeats(before *frame) bool {
	return f.absPath == before.absPath && f.image == before.image && f.module == before.module && f.filename == before.filename &&
		f.raw == before.raw && f.line == before.line && f.column == before.column
}

// leaves returns the leaves of a trace's tree: that of the in-app frames when
// app, else of all of them. None means that the trace does not contribute.
func (c *Config) leaves(t *trace, app bool) []Leaf {
	trees := make([]frameTree, len(t.frames))
	for i := range t.frames {
		f := &t.frames[i]
		trees[i] = f.tree()
		switch {
		case i > 0 && f.repeats(&t.frames[i-1]):
			trees[i].contributes = false
		case app && f.inApp != features.Yes:
			trees[i].contributes = false
		}
	}
	// A lone frame of a page without a function is the page itself.
	if len(trees) == 1 && t.frames[0].family == familyJavaScript && t.frames[0].raw == "" && isURL(t.frames[0].absPath) {
		trees[0].contributes = false
	}
	c.contribute(t, trees)
	var leaves []Leaf
	for i := range trees {
		if trees[i].contributes {
			leaves = append(leaves, trees[i].leaves[:trees[i].n]...)
		}
	}
	return leaves
}

// frameTree is what a frame brings into a tree.
type frameTree struct {
	leaves      [4]Leaf
	n           int
	contributes bool
}

func (t *frameTree) add(component, value string) {
	t.leaves[t.n] = Leaf{component, value}
	t.n++
}
