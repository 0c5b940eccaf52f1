package features

import "strings"

// Source paths come in as many spellings as there are tools: absolute and
// relative, as URLs of a page, with a bundler's scheme, a release's folder or
// a content hash. sourcePath reduces them to what stays the same.

// sourcePath is a normalised source file name.
type sourcePath struct {
	owner   string // package and path below it, or the last two folders and the file, without extension
	base    string // the file alone, without extension and content hash
	hashed  bool   // the file name carried a content hash: a build artefact
	library bool   // under a package manager's folder
	scheme  string // lower-case URL scheme, if any
}

// extensionSchemes are the URL schemes of code that a browser extension brings.
var extensionSchemes = []string{
	"chrome-extension", "moz-extension", "safari-extension", "safari-web-extension", "ms-browser-extension", "webkit-masked-url",
}

// outputFolders hold the same sources before and after a build step.
var outputFolders = map[string]bool{
	"src": true, "dist": true, "lib": true, "build": true, "out": true, "app": true, "esm": true, "cjs": true, "umd": true,
	"es": true, "static": true, "js": true, "assets": true, "main": true, "target": true, "classes": true, "chunks": true, "pages": true,
	"_next": true, ".": true, "~": true, "..": true, "releases": true,
	"(rsc)": true, "(ssr)": true, "(app-pages-browser)": true, "(pages-dir-browser)": true, "(action-browser)": true, // Next.js layers
}

// parsePath normalises a file name or URL.
func parsePath(s string) sourcePath {
	var p sourcePath
	if i := strings.Index(s, "://"); i > 0 && i <= 24 {
		p.scheme = strings.ToLower(s[:i])
		s = s[i+3:]
		// What follows is an authority, but for bundlers' schemes the name of a build.
		if j := strings.IndexByte(s, '/'); j >= 0 {
			s = s[j+1:]
		} else {
			s = ""
		}
	} else if i := strings.IndexByte(s, ':'); i > 1 && i <= 12 && strings.IndexByte(s[:i], '/') < 0 {
		p.scheme = strings.ToLower(s[:i]) // node:internal/timers, ext:core/01_core.js
		s = s[i+1:]
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if strings.IndexByte(s, '\\') >= 0 {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	if i := belowLibraries(s); i > 0 {
		s, p.library = s[i:], true
	}
	dir, file := "", s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		dir, file = s[:i], s[i+1:]
	}
	p.base, p.hashed = trimFile(file)
	if p.library {
		if bare := stripVersion(dir); bare != dir || dir == "" {
			p.owner = bare + "/" + p.base
		} else {
			p.owner = s[:len(dir)+1+len(p.base)]
		}
		return p
	}
	// Two folders at most, leaving out those that only say how it was built.
	owner, start := p.base, len(s)-len(file) // while the owner is a part of s, it is no new string
	for kept := 0; dir != "" && kept < 2; {
		at := strings.LastIndexByte(dir, '/') + 1
		part := dir[at:]
		dir = dir[:max(0, at-1)]
		if part == "" || outputFolders[part] || looksGenerated(part) {
			continue
		}
		if at+len(part)+1 == start {
			owner, start = s[at:start+len(owner)], at
		} else {
			owner, start = part+"/"+owner, -1
		}
		kept++
	}
	p.owner = owner
	return p
}

// libraryFolders hold what package managers install, the first found first.
var libraryFolders = [...]string{"node_modules/", "site-packages/", "dist-packages/", "/gems/", "pkg/mod/", "/vendor/"}

// belowLibraries returns where the path below the last folder of a package
// manager begins, 0 if there is none. It looks at a path once: most have none.
func belowLibraries(s string) int {
	best, below := len(libraryFolders), 0
	for i := 3; i < len(s); i++ {
		if s[i] != '/' || s[i-1] != 's' && s[i-1] != 'd' && s[i-1] != 'r' { // what the folders end with
			continue
		}
		for k, folder := range libraryFolders[:min(best+1, len(libraryFolders))] {
			if strings.HasSuffix(s[:i+1], folder) {
				best, below = k, i+1
				break
			}
		}
	}
	return below
}

// trimFile drops a file's extensions and content hash.
func trimFile(file string) (base string, hashed bool) {
	if i := strings.IndexByte(file[min(1, len(file)):], '.'); i >= 0 && len(file) > 1 {
		rest := file[i+1:]
		file = file[:i+1]
		for part := range strings.SplitSeq(strings.TrimPrefix(rest, "."), ".") {
			if looksGenerated(part) {
				hashed = true
			}
		}
	}
	for {
		i := strings.LastIndexAny(file, "-_~.")
		if i <= 0 || i == len(file)-1 {
			break
		}
		part := file[i+1:]
		if !looksGenerated(part) && !looksBundleHash(file, part) {
			// A base64url hash may itself hold a separator: try the last eight bytes.
			if len(file) > 9 && (file[len(file)-9] == '-' || file[len(file)-9] == '.') && mixed(file[len(file)-8:]) {
				return file[:len(file)-9], true
			}
			break
		}
		file, hashed = file[:i], true
	}
	return file, hashed
}

// looksGenerated reports whether a path part is a content hash, a release id
// or a time stamp: six or more hexadecimal digits with a decimal one among
// them, or eight or more decimal digits.
func looksGenerated(s string) bool {
	if len(s) < 6 {
		return false
	}
	digits := 0
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
		if isDigit(s[i]) {
			digits++
		}
	}
	return digits > 0 && (digits < len(s) || len(s) >= 8)
}

// looksBundleHash reports whether part, which ends file, is the eight-byte
// base64url hash that bundlers append.
func looksBundleHash(file, part string) bool {
	return len(part) == 8 && len(file) > 9 && mixed(part)
}

// mixed reports whether s mixes cases or letters and digits in a way that
// words do not: a capital after a small letter, or a digit among letters.
func mixed(s string) bool {
	var upper, small, digit int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isUpper(c):
			upper++
		case isDigit(c):
			digit++
		case isLetter(c):
			small++
		case c != '_' && c != '-':
			return false
		}
	}
	return upper > 0 && small > 0 || digit > 0 && upper+small > 0
}

// stripVersion drops package versions from a library path: "acorn@8.19.0" and
// "rails-7.0.1" become "acorn" and "rails".
func stripVersion(dir string) string {
	if strings.IndexByte(dir, '@') < 0 && strings.IndexByte(dir, '-') < 0 {
		return dir
	}
	var out strings.Builder
	for part := range strings.SplitSeq(dir, "/") {
		if i := strings.LastIndexByte(part, '@'); i > 0 {
			part = part[:i]
		} else if i := strings.LastIndexByte(part, '-'); i > 0 && i+1 < len(part) && isDigit(part[i+1]) {
			part = part[:i]
		}
		if out.Len() > 0 {
			out.WriteByte('/')
		}
		out.WriteString(part)
	}
	return out.String()
}

// fromExtension reports whether the path belongs to a browser extension.
func (p *sourcePath) fromExtension() bool {
	for _, scheme := range extensionSchemes {
		if p.scheme == scheme {
			return true
		}
	}
	return false
}
