package importer

import (
	"strings"

	"github.com/ianlancetaylor/demangle"

	"whorl/features"
)

// demangleFrames gives mangled names of C++ and Rust their readable form, as
// trackers do before they group. Parameters stay: to trim is the work of
// normalisation. A name that only looks mangled stays as it is.
func demangleFrames(e *features.Event) {
	switch features.ParsePlatform(e.Platform) {
	case features.Native, features.Cocoa, features.Other:
	default:
		return
	}
	for i := range e.Exceptions {
		for k := range e.Exceptions[i].Frames {
			f := &e.Exceptions[i].Frames[k]
			name := f.Function
			if strings.HasPrefix(name, "__Z") || strings.HasPrefix(name, "__R") { // Apple's compilers put one more before it
				name = name[1:]
			}
			if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") {
				continue
			}
			// A mangled name can stand for one that is longer without bound.
			if plain, err := demangle.ToString(name, demangle.MaxLength(12)); err == nil {
				f.Function = plain
			}
		}
	}
}
