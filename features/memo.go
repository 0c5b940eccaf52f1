package features

import "strings"

// Frames repeat: of the frames in an application's errors more than nine in ten
// were seen shortly before, and of the messages every other one. An Extractor
// therefore normalises and hashes each once and remembers the outcome by the
// text it came from.

// The bounds of one generation of a memo: with few entries it stays in a core's
// cache, which is most of the gain.
const (
	memoEntries = 1 << 12
	memoBytes   = 4 << 20
	// memoText is the longest text that is remembered.
	memoText = 1 << 10
)

// frameKey is everything of a frame that its names are made of, and so what a
// normalised frame is remembered by.
type frameKey struct {
	platform                                     Platform
	inApp                                        Tri
	wide                                         bool // a column that only a minified line has, see scriptFrame
	function, module, filename, absPath, context string
}

func (t *frameKey) size() int {
	return len(t.function) + len(t.module) + len(t.filename) + len(t.absPath) + len(t.context)
}

// clone copies the text, so that the memo keeps nothing else of where it came
// from in memory.
func (t frameKey) clone() frameKey {
	// Go joins one text and empty ones without a copy.
	whole := strings.Clone(t.function + t.module + t.filename + t.absPath + t.context)
	for _, s := range []*string{&t.function, &t.module, &t.filename, &t.absPath, &t.context} {
		n := len(*s)
		*s, whole = whole[:n], whole[n:]
	}
	return t
}

// frameNames is what a frame's names come to.
type frameNames struct {
	token   FrameToken // but for its line
	text    uint64     // hash of all text, for [Record.Content]
	path    uint64     // hash of the path as reported; 0 none
	parts   []uint64   // of function and owner
	context []uint64   // parts of the source line
}

// memo remembers in two generations: when the young one is full it becomes the
// old one, and what was only in the old one is forgotten. What is found in the
// old one moves to the young one.
type memo[K comparable, V any] struct {
	young, old map[K]*memory[K, V]
	bytes      int // of the young generation
}

// memory is one thing remembered, with a key of its own: that of a caller keeps
// the text alive that it was cut from.
type memory[K comparable, V any] struct {
	key   K
	value *V
	size  int
}

// find returns what is remembered by a key, or nil.
func (m *memo[K, V]) find(key *K) *V {
	if r := m.young[*key]; r != nil {
		return r.value
	}
	if r := m.old[*key]; r != nil {
		m.keep(r)
		return r.value
	}
	return nil
}

// add remembers v, which takes size bytes, its key included. The key must not
// keep anything else in memory.
func (m *memo[K, V]) add(key K, v *V, size int) { m.keep(&memory[K, V]{key, v, size}) }

// keep puts something into the young generation.
func (m *memo[K, V]) keep(r *memory[K, V]) {
	if len(m.young) >= memoEntries || m.bytes+r.size > memoBytes {
		m.old, m.young, m.bytes = m.young, nil, 0
	}
	if m.young == nil {
		m.young = make(map[K]*memory[K, V])
	}
	m.young[r.key] = r
	m.bytes += r.size
}

// messageKey is what a message is remembered by.
type messageKey struct {
	text    string
	primary bool // the innermost message, see [Extractor.message]
	script  bool // of a platform whose engines' messages are told apart
}

// messageParts is what a message comes to.
type messageParts struct {
	bag      []uint64 // words, and the parts of those that have some
	words    []Word   // of a primary message, as the rest
	slots    []SlotToken
	template uint64
	subject  uint64
	fault    uint8
}
