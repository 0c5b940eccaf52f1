package features

import "strings"

// phpFrame normalises a frame of PHP: the class stands before the function, and
// closures and anonymous classes are named after where they are.
func phpFrame(f *Frame) frameName {
	var n frameName
	name := f.Function
	if i := strings.IndexByte(name, '('); i > 0 {
		name = name[:i]
	}
	// PHP 8.4 says in which function a closure is: {closure:Shop\Cart::add():12}.
	if i := strings.Index(name, "{closure:"); i >= 0 {
		name = name[i+len("{closure:"):]
		if end := strings.IndexAny(name, "()}"); end >= 0 {
			name = name[:end]
		}
	}
	class := f.Module
	for _, joint := range [...]string{"::", "->"} {
		if before, after, ok := strings.Cut(name, joint); ok {
			class, name = before, after
			break
		}
	}
	if i := strings.Index(class, "@anonymous"); i >= 0 { // class@anonymous and where it is
		class = strings.TrimSuffix(class[:i], "class")
	}
	if i := strings.LastIndexByte(name, '\\'); i >= 0 { // a function's name space
		if class == "" {
			class = name[:i]
		}
		name = name[i+1:]
	}
	switch name {
	case "?", "{closure}", "{main}":
		name = ""
	}
	n.function = name
	file := reported(f)
	p := parsePath(file)
	if n.owner = class; n.owner == "" {
		n.owner = p.owner
	}
	internal := file == "[internal]" || file == "[internal function]"
	if internal && n.owner == p.owner {
		n.owner = ""
	}
	return n.settled(f, !p.library && !internal && !installed(file))
}
