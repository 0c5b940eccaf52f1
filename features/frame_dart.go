package features

import "strings"

// dartFrame normalises a frame of Dart: closures count as the function that
// they stand in, in the spelling of the VM and of package:stack_trace.
func dartFrame(f *Frame) frameName {
	var n frameName
	name := strings.TrimPrefix(f.Function, "new ")
	for _, mark := range [...]string{".<anonymous closure>", ".<fn>", ".<async>"} {
		for strings.HasSuffix(name, mark) {
			name = strings.TrimSuffix(name, mark)
		}
	}
	if i := strings.IndexByte(name, '<'); i > 0 { // type arguments
		name = name[:i]
	}
	switch name {
	case "?", "<anonymous closure>", "<fn>", "<async>":
		name = ""
	}
	n.function = name
	file := reported(f)
	p := parsePath(file)
	if n.owner = f.Module; n.owner == "" {
		n.owner = p.owner
	}
	own := p.scheme != "dart" && p.scheme != "org-dartlang-sdk" && !strings.HasPrefix(file, "package:flutter/") && !strings.Contains(file, ".pub-cache/")
	if strings.HasPrefix(file, "dart:async") || strings.HasPrefix(file, "dart:isolate") {
		n.bits |= bitPlumbing
	}
	return n.settled(f, own)
}
