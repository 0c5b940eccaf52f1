package baseline

import (
	"strings"

	"whorl/features"
)

// The parameters of drain, as its authors' implementation has them.
const (
	drainDepth    = 2   // tokens that a tree of templates looks at; "depth 4" counts root and leaf
	drainLikeness = 0.5 // least share of a template's tokens that are the message's
	drainChildren = 100 // of a node
)

const drainAny = "<*>"

// drain is the online log parser of He et al., "Drain: An Online Log Parsing
// Approach with Fixed Depth Tree" (ICWS 2017), section III: messages of one
// length and the same first tokens are compared with the templates met so far;
// the most alike that is alike enough takes the message in and loses the tokens
// in which they differ. Templates are learned in the order of the events.
//
// Parameters are masked first, as the paper's domain knowledge, by the same
// scanner as the message baseline's. The type of the outermost exception is
// part of the key: a template of a crash and one of a log line are two.
type drain struct {
	leaves   map[string][]*drainTemplate
	children map[string]int // of inner nodes
}

type drainTemplate struct {
	key    string
	tokens []string
}

func newDrain() keyFunc {
	d := &drain{leaves: map[string][]*drainTemplate{}, children: map[string]int{}}
	return d.keys
}

func (d *drain) keys(e *features.Event) []string {
	kind, message := headline(e)
	tokens := strings.Fields(features.NormalizeMessage(message))
	if kind == "" && len(tokens) == 0 {
		return nil
	}
	path := d.path(kind, tokens)
	best, likeness := (*drainTemplate)(nil), -1.0
	for _, t := range d.leaves[path] {
		if l := t.likeness(tokens); l > likeness { // the older of equal ones
			best, likeness = t, l
		}
	}
	if best == nil || likeness < drainLikeness {
		best = &drainTemplate{key: path + "\x00" + strings.Join(tokens, " "), tokens: tokens}
		d.leaves[path] = append(d.leaves[path], best)
		return []string{best.key}
	}
	best.take(tokens)
	return []string{best.key}
}

// path walks the tree: type, length, then the first tokens. A token with a digit,
// and one for which a node has no room, goes the way of any token.
func (d *drain) path(kind string, tokens []string) string {
	var b strings.Builder
	b.WriteString(kind)
	b.WriteByte(0)
	b.WriteString(strings.Repeat("#", len(tokens)))
	for _, t := range tokens[:min(drainDepth, len(tokens))] {
		node := b.String()
		if strings.ContainsAny(t, "0123456789") {
			t = drainAny
		}
		child := node + "\x00" + t
		if _, ok := d.children[child]; !ok && t != drainAny {
			if d.children[node] >= drainChildren {
				t = drainAny
				child = node + "\x00" + t
			}
			d.children[node]++
			d.children[child] += 0
		}
		b.Reset()
		b.WriteString(child)
	}
	return b.String()
}

// likeness is the share of places with the same token; a place that any token
// takes is none (equation 1). Without tokens it is 1.
func (t *drainTemplate) likeness(tokens []string) float64 {
	if len(tokens) == 0 {
		return 1
	}
	same := 0
	for i := range tokens {
		if t.tokens[i] == tokens[i] {
			same++
		}
	}
	return float64(same) / float64(len(tokens))
}

func (t *drainTemplate) take(tokens []string) {
	own := false
	for i := range tokens {
		if t.tokens[i] != tokens[i] && t.tokens[i] != drainAny {
			if !own { // they are the first event's
				t.tokens, own = append([]string(nil), t.tokens...), true
			}
			t.tokens[i] = drainAny
		}
	}
}
