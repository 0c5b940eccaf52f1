package newstyle

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"whorl/features"
	"whorl/features/rules"
)

// The names of variants.
const (
	App     = "app"     // in-app frames
	System  = "system"  // all frames
	Default = "default" // no exception: the log message
)

// Leaf is one value that counts: the component it belongs to (module,
// filename, function, context-line, type, value or message) and its text.
type Leaf struct {
	Component string
	Value     string
}

// Variant is one contributing tree of an event as its leaves in hashing order.
type Variant struct {
	Name   string
	Leaves []Leaf
}

// MD5 returns the published hash: the MD5 of the values without separators, in
// lower-case hexadecimal. "ab","c" and "a","bc" are one to it.
func (v *Variant) MD5() string {
	h := md5.New()
	for _, leaf := range v.Leaves {
		h.Write([]byte(leaf.Value))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Key is like MD5 over the same values with their lengths between them, so
// that different values never run together.
func (v *Variant) Key() [md5.Size]byte {
	h := md5.New()
	var size [binary.MaxVarintLen64]byte
	for _, leaf := range v.Leaves {
		h.Write(size[:binary.PutUvarint(size[:], uint64(len(leaf.Value)))])
		h.Write([]byte(leaf.Value))
	}
	return [md5.Size]byte(h.Sum(nil))
}

// Variants returns the contributing variants of an event, app before system.
// Two variants of equal leaves count once, as system. An event that nothing is
// known of has none: the published rules put all of those in one group, which
// says nothing about them.
func (c *Config) Variants(e *features.Event) []Variant {
	if variants := c.exceptions(e); len(variants) > 0 {
		return variants
	}
	if message := features.NormalizeMessage(e.Message); message != "" {
		return []Variant{{Default, []Leaf{{"message", message}}}}
	}
	return nil
}

// exceptions builds the app and system trees of the exception chain.
func (c *Config) exceptions(e *features.Event) []Variant {
	app, system := Variant{Name: App}, Variant{Name: System}
	appTrace, systemTrace := false, false
	for i := range e.Exceptions {
		x := newException(&e.Exceptions[i])
		if len(x.source.Frames) == 0 {
			// Without a stack trace there is one tree, and it is called app.
			app.Leaves = x.leaves(app.Leaves, nil)
			continue
		}
		t := newTrace(e.Platform, x)
		c.settle(t)
		leaves := c.leaves(t, true)
		appTrace = appTrace || len(leaves) > 0
		app.Leaves = x.leaves(app.Leaves, leaves)
		leaves = c.leaves(t, false)
		systemTrace = systemTrace || len(leaves) > 0
		system.Leaves = x.leaves(system.Leaves, leaves)
	}
	if appTrace || systemTrace {
		// A tree without any frame stands back behind one that has some.
		if !appTrace {
			app.Leaves = nil
		}
		if !systemTrace {
			system.Leaves = nil
		}
	}
	var variants []Variant
	if len(app.Leaves) > 0 && !slices.Equal(app.Leaves, system.Leaves) {
		variants = append(variants, app)
	}
	if len(system.Leaves) > 0 {
		variants = append(variants, system)
	}
	return variants
}

// exception is one exception after the tracker's normalisation.
type exception struct {
	source    *features.Exception
	kind      string // type
	value     string
	synthetic bool // made up by the reporter: its type says nothing
}

// syntheticMechanisms are reporters of crashes that raise no exception of
// their own and put the signal or the kind of dump in the type. The tracker
// marks them on arrival; exports carry the mechanism alone.
var syntheticMechanisms = map[string]bool{
	"minidump": true, "applecrashreport": true, "unreal": true, "signalhandler": true,
}

func newException(source *features.Exception) *exception {
	x := &exception{
		source:    source,
		kind:      source.Type,
		value:     source.Value,
		synthetic: syntheticMechanisms[source.Mechanism],
	}
	if x.kind == "" {
		x.kind, x.value = rules.SplitType(x.value)
	}
	return x
}

// leaves appends an exception's leaves: those of its stack trace, the type,
// and the value where no frame contributes.
func (x *exception) leaves(dst, trace []Leaf) []Leaf {
	dst = append(dst, trace...)
	if x.kind != "" && !x.synthetic {
		dst = append(dst, Leaf{"type", x.kind})
	}
	if len(trace) == 0 && x.value != "" {
		if value := features.NormalizeMessage(x.value); value != "" {
			dst = append(dst, Leaf{"value", value})
		}
	}
	return dst
}
