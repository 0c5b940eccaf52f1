// Package importrules holds the boundaries of the module as a table, and
// checks the source against it. `go test ./...` fails when a change crosses one.
//
//  1. [Load] parses every Go file of a module, test files included and
//     whatever their build tags: a boundary holds on every platform.
//  2. [Rules] lists who may not import whom, and why.
//  3. [Check] returns each breach with its file, line and reason.
//
// The check is syntactic. It knows a package by its import path and a call
// like time.Now by the name of the import, so a variable that is called like
// an import it shadows (rand, time, os) is taken for it: rename the variable.
//
// The package is used by its own test alone.
package importrules

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the parsed source of a module. Its packages go by their directory,
// written as the go command takes it: "./eval/result", and "." for the root.
type Module struct {
	Path     string // module path, as in go.mod
	Packages map[string]*Package
}

// Package is the Go files of one directory.
type Package struct {
	Dir   string // its key in the module
	Files []*File
}

// File is what one Go file imports and which names of imports it uses.
type File struct {
	Path    string // relative to the module's root
	Test    bool   // *_test.go
	Imports []Use  // Name is empty
	Names   []Use  // qualified identifiers, such as time.Now
}

// Use is one import of a package, or one use of a name of it, in a line.
type Use struct {
	Import string // import path
	Name   string
	Line   int
}

// Load parses the module whose root is fsys. Like the go command it passes
// over testdata, vendor, nested modules, and names that start with a dot or an
// underscore.
func Load(fsys fs.FS) (*Module, error) {
	gomod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	m := &Module{Path: modulePath(string(gomod)), Packages: map[string]*Package{}}
	if m.Path == "" {
		return nil, fmt.Errorf("go.mod: no module line")
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != "." && ignored(fsys, name) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasPrefix(path.Base(name), "_") || strings.HasPrefix(path.Base(name), "."):
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		file, err := parseFile(name, src)
		if err != nil {
			return err
		}
		dir := dirName(path.Dir(name))
		if m.Packages[dir] == nil {
			m.Packages[dir] = &Package{Dir: dir}
		}
		m.Packages[dir].Files = append(m.Packages[dir].Files, file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// dirName writes a directory below the root as the go command takes it.
func dirName(dir string) string {
	if dir == "." {
		return dir
	}
	return "./" + dir
}

// modulePath returns the path of the module line of a go.mod file, or "".
func modulePath(gomod string) string {
	for line := range strings.Lines(gomod) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(strings.TrimSpace(rest), `"`)
		}
	}
	return ""
}

func ignored(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

// parseFile lists the imports of a Go file and its uses of their names. A dot
// import counts as a use of every name, written "*".
func parseFile(name string, src []byte) (*File, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	file := &File{Path: name, Test: strings.HasSuffix(name, "_test.go")}
	imports := map[string]string{} // name in this file -> import path
	for _, spec := range tree.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		line := set.Position(spec.Pos()).Line
		file.Imports = append(file.Imports, Use{Import: imp, Line: line})
		switch {
		case spec.Name == nil:
			imports[defaultName(imp)] = imp
		case spec.Name.Name == ".":
			file.Names = append(file.Names, Use{imp, "*", line})
		default:
			imports[spec.Name.Name] = imp
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				if imp, ok := imports[x.Name]; ok {
					file.Names = append(file.Names, Use{imp, sel.Sel.Name, set.Position(sel.Pos()).Line})
				}
			}
		}
		return true
	})
	return file, nil
}

// defaultName is the name an import has without an alias, guessed from its
// path; it is exact for the standard library, whose names the rules ask for.
func defaultName(imp string) string {
	base := path.Base(imp)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		return path.Base(path.Dir(imp))
	}
	return base
}

// Breach is one use that a rule forbids.
type Breach struct {
	File string
	Line int
	What string // what the line does, for example "imports ./train"
	Why  string // the rule's reason
}

func (b Breach) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", b.File, b.Line, b.What, b.Why)
}

// Check returns every breach of the rules in the module, by file and line.
func Check(m *Module, rules []Rule) []Breach {
	var found []Breach
	for _, p := range m.Packages {
		if !matchAny(folders, p.Dir) {
			found = append(found, Breach{File: p.Files[0].Path, Line: 1, What: "stands in " + p.Dir, Why: "no rule knows this folder; add it to the table"})
		}
		for _, r := range rules {
			if !matchAny(r.From, p.Dir) || matchAny(r.Except, p.Dir) {
				continue
			}
			for _, f := range p.Files {
				if r.Tests || !f.Test {
					found = append(found, r.checkFile(m, p, f)...)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(found)
}

func (r Rule) checkFile(m *Module, p *Package, f *File) []Breach {
	var found []Breach
	for _, use := range f.Imports {
		target := m.target(use.Import)
		if target == p.Dir {
			continue // an external test imports the package it tests
		}
		if what := r.forbiddenPath(m, target); what != nil {
			found = append(found, Breach{f.Path, use.Line, "imports " + strings.Join(what, ", which imports "), r.Why})
		}
	}
	for _, use := range f.Names {
		if r.Names[use.Import].forbids(use.Name) {
			found = append(found, Breach{f.Path, use.Line, "uses " + defaultName(use.Import) + "." + use.Name, r.Why})
		}
	}
	return found
}

// target names an import as rules do: a package of the module by its
// directory, any other by its import path.
func (m *Module) target(imp string) string {
	if imp == m.Path {
		return "."
	}
	if dir, ok := strings.CutPrefix(imp, m.Path+"/"); ok {
		return dirName(dir)
	}
	return imp
}

// forbiddenPath returns the chain of imports from target, itself included, to
// the first package that the rule forbids; nil if there is none. Only a
// transitive rule looks beyond target, and only at the files that a user of a
// package compiles: not at its tests.
func (r Rule) forbiddenPath(m *Module, target string) []string {
	type step struct {
		target string
		chain  []string
	}
	seen := map[string]bool{target: true}
	for queue := []step{{target, []string{target}}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if r.forbids(at.target) {
			return at.chain
		}
		if !r.Transitive || m.Packages[at.target] == nil {
			continue
		}
		for _, next := range m.imports(at.target) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, step{next, append(slices.Clip(at.chain), next)})
			}
		}
	}
	return nil
}

// imports lists what a package of the module imports outside its tests, sorted.
func (m *Module) imports(dir string) []string {
	var targets []string
	for _, f := range m.Packages[dir].Files {
		if f.Test {
			continue
		}
		for _, use := range f.Imports {
			targets = append(targets, m.target(use.Import))
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}
