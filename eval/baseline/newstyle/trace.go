package newstyle

import (
	"cmp"
	"strings"

	"whorl/features"
	"whorl/features/rules"
)

// trace is the stack trace of one exception while the rules run over it.
type trace struct {
	frames []frame     // oldest caller first
	ruled  rules.Trace // the same frames as rules see them, in step
}

// frame is one frame after the tracker's normalisation.
type frame struct {
	platform string // as the event has it: some rules tell objc from native
	family   rules.Family
	function string // trimmed
	raw      string // as reported
	module   string
	filename string
	absPath  string
	context  string
	line     int32
	column   int32
	image    string // what package rules look at
}

func newTrace(platform string, x *exception) *trace {
	t := &trace{
		frames: make([]frame, len(x.source.Frames)),
		ruled: rules.Trace{
			Type: x.kind, Value: x.value, Mechanism: x.source.Mechanism, Frames: make([]rules.Frame, len(x.source.Frames)),
		},
	}
	kind := rules.FamilyOf(platform)
	for i := range t.frames {
		in := &x.source.Frames[i]
		f := frame{
			platform: platform, family: kind,
			raw: in.Function, module: in.Module,
			filename: in.Filename, absPath: in.AbsPath,
			context: in.ContextLine, line: in.Line, column: in.Column,
			image: rules.PathOf(in.Package),
		}
		if f.raw == "?" || f.raw == "??" {
			f.raw = ""
		}
		if f.filename == "" && f.absPath != "" {
			f.filename = urlPath(f.absPath)
		}
		f.absPath = cmp.Or(f.absPath, f.filename)
		f.function = rules.TrimFunction(platform, f.raw)
		t.frames[i] = f
		t.ruled.Frames[i] = rules.Frame{
			Family: kind, Function: f.function, Module: f.module, Path: rules.PathOf(f.absPath), Package: f.image,
			InApp: in.InApp == features.Yes, // what is unknown is not in-app unless a rule says so
		}
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
		case app && !t.ruled.Frames[i].InApp:
			trees[i].contributes = false
		}
	}
	// A lone frame of a page without a function is the page itself.
	if len(trees) == 1 && t.frames[0].family == rules.JavaScript && t.frames[0].raw == "" && isURL(t.frames[0].absPath) {
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

// contribute runs the rules that take frames out of a tree or put them back,
// and then the bounds on their number: max-frames keeps those nearest the
// crash, and a tree with fewer than min-frames is dropped whole. A bound of 0
// is none; the last rule that matches sets it.
func (c *Config) contribute(t *trace, trees []frameTree) {
	most, least := c.set.Group(&t.ruled)
	for i := range trees {
		if verdict := t.ruled.Frames[i].Group; verdict != rules.Silent {
			trees[i].contributes = verdict == rules.In && trees[i].n > 0
		}
	}
	n := 0
	for i := len(trees) - 1; i >= 0; i-- {
		if !trees[i].contributes {
			continue
		}
		if n++; most > 0 && n > most {
			trees[i].contributes = false
			n--
		}
	}
	if n < least {
		for i := range trees {
			trees[i].contributes = false
		}
	}
}
