package features

import "strings"

// rubyFrame normalises a frame of Ruby: blocks count as the method that they
// stand in, and since 3.4 the class stands before the method.
func rubyFrame(f *Frame) frameName {
	var n frameName
	name := f.Function
	for { // "block (2 levels) in run", "rescue in block in run"
		kind, rest, ok := strings.Cut(name, " in ")
		if kind, _, _ = strings.Cut(kind, " ("); !ok || kind != "block" && kind != "rescue" && kind != "ensure" {
			break
		}
		name = rest
	}
	if i := strings.LastIndexAny(name, "#."); i >= 0 && i+1 < len(name) { // Shop::Cart#add, Shop::Cart.load
		name = name[i+1:]
	}
	if i := strings.LastIndex(name, "__"); i > 0 && strings.HasPrefix(name, "_app_") { // a template, with a hash and an id
		for i > 0 && strings.Trim(name[i:], "0123456789_") == "" {
			name = name[:i]
			i = strings.LastIndex(name, "_")
		}
	}
	switch name {
	case "?", "<main>", "<top (required)>", "block", "rescue", "ensure":
		name = ""
	}
	n.function = name
	file := reported(f)
	p := parsePath(file)
	if n.owner = p.owner; n.owner == "" {
		n.owner = f.Module
	}
	internal := strings.HasPrefix(file, "<internal:")
	if internal { // the methods of Ruby that are written in Ruby
		n.bits |= bitPlumbing
		n.owner = strings.Trim(file, "<>")
	}
	return n.settled(f, !p.library && !internal && !installed(file) && !strings.Contains(file, "/lib/ruby/"))
}
