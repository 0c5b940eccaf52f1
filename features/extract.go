package features

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"whorl/features/rules"
)

// Extractor turns events into records. Between calls it keeps the memory it
// needs, and what the frames and messages it met last came to (at most 16 MiB,
// their text included). One goroutine uses an Extractor at a time; the zero value is
// ready.
type Extractor struct {
	// Rules are stack trace rules that frames go through before their tokens are
	// made; nil is none. A model judges records of the rules that it was trained
	// under: see StackRules of model.Model, and [rules.Digest].
	//
	// +app and -app, with their ranges, override both the event's flag and the
	// guess that stands in for a missing one, in the order of the rules. -group
	// takes a frame out of the record; +group behind it brings it back, and so it
	// does for machinery and a browser extension's wrapper, which are left out
	// unless told. Recursion stays collapsed. A category is seen by later rules.
	// max-frames and min-frames are bounds of a hash and do nothing: a record has
	// its own bound, and comparisons weigh frames by their place.
	//
	// Rules see functions and paths as reported, see package rules, of the
	// event's platform by the name that [ParsePlatform] gives it, and of each
	// exception the 1024 frames nearest the crash. [Record.Content] and
	// [Record.Depth] are of the event and know no rules.
	Rules *rules.Set

	trace    rules.Trace // scratch of Rules, empty between events
	buf      []byte
	sub      []byte
	template []byte
	slots    []Slot

	forgetful bool // remembers nothing
	seen      memo[frameKey, frameNames]
	heard     memo[messageKey, messageParts]
	frames    []*frameNames // of the current event, as they stand in it
	spare     []frameNames  // for those that are not remembered
	tokens    []uint64      // that stand in spare
	parts     messageParts  // of a message that is not remembered
	dealt     []uint64      // scratch of sortUnique
}

// Extract returns the record of an event. For many events, or under stack trace
// rules, take an [Extractor].
func Extract(e *Event) *Record {
	w := workshops.Get().(*workshop)
	w.Extractor.Extract(e, &w.record)
	r := w.record.Clone()
	for _, b := range [...][]byte{w.buf, w.sub, w.template} { // no text waits here for the next event
		clear(b[:cap(b)])
	}
	workshops.Put(w)
	return r
}

// workshop is the memory in which [Extract] works.
type workshop struct {
	Extractor
	record Record
}

var workshops = sync.Pool{New: func() any { return &workshop{Extractor: Extractor{forgetful: true}} }}

// Extract fills r with the record of e, reusing r's memory. It never fails:
// whatever the event holds, the same event gives the same record.
//
//  1. Messages are parameterised; words, slots and template are hashed. So are
//     types that are sentences, as in "WARNING: CPU: 0 PID: 77 at fs/inode.c:12".
//  2. Frames are normalised per platform and go through the rules; machinery and
//     recursion are left out.
//  3. Tokens are hashed at three grains and collected into sorted sets.
func (x *Extractor) Extract(e *Event, r *Record) {
	r.reset()
	r.Platform = ParsePlatform(e.Platform)
	r.Time = e.Time.UnixMilli()
	x.names(r.Platform, e)
	r.Content = x.content(e)
	r.Release = x.optional(domainRelease, e.Release)
	r.Runtime = x.optional(domainRuntime, e.RuntimeName)

	if len(e.Exceptions) == 0 || e.Message != "" {
		x.message(r, e.Message, len(e.Exceptions) == 0)
	}
	for i := range e.Exceptions {
		ex := &e.Exceptions[i]
		if t := strings.TrimSpace(ex.Type); t != "" {
			r.Types = append(r.Types, x.typeToken(t))
		}
		x.message(r, ex.Value, i == 0)
	}
	x.addFrames(e, r)
	for i := range r.Sets {
		r.Sets[i] = x.sortUnique(r.Sets[i])
	}
	x.finish(r)
}

// hash returns the token of s in a domain.
func (x *Extractor) hash(domain byte, s string) uint64 {
	x.buf = append(append(x.buf[:0], domain), s...)
	return siphash(tokenKey, x.buf)
}

func (x *Extractor) hashBytes(domain byte, s []byte) uint64 {
	x.buf = append(append(x.buf[:0], domain), s...)
	return siphash(tokenKey, x.buf)
}

func (x *Extractor) hashPair(domain byte, a, b string) uint64 {
	x.buf = append(append(x.buf[:0], domain), a...)
	x.buf = append(append(x.buf, 0), b...)
	return siphash(tokenKey, x.buf)
}

func (x *Extractor) optional(domain byte, s string) uint64 {
	if s == "" {
		return 0
	}
	return x.hash(domain, s)
}

// content hashes everything that makes two events copies of each other.
func (x *Extractor) content(e *Event) uint64 {
	b := append(x.buf[:0], domainContent)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	names := x.frames
	text(e.Platform)
	text(e.Message)
	for i := range e.Exceptions {
		ex := &e.Exceptions[i]
		b = append(b, 'E')
		text(ex.Type)
		text(ex.Value)
		for j := range ex.Frames {
			f := &ex.Frames[j]
			b = append(b, 'F', byte(f.InApp))
			b = binary.LittleEndian.AppendUint64(b, names[0].text)
			names = names[1:]
			b = binary.AppendVarint(b, int64(f.Line))
			b = binary.AppendVarint(b, int64(f.Column))
		}
	}
	x.buf = b
	return siphash(tokenKey, b)
}

// message adds one message's tokens. The primary message, the innermost one,
// also gives the template, its words in order and its slots.
func (x *Extractor) message(r *Record, s string, primary bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return
	}
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	m := x.messageParts(s, primary, primary && r.Platform.scripted())
	r.Sets[SetWord] = append(r.Sets[SetWord], m.bag...)
	if primary {
		r.Words, r.Slots = append(r.Words, m.words...), append(r.Slots, m.slots...)
		r.Template, r.Fault, r.Subject = m.template, m.fault, m.subject
	}
}

// messageParts returns what a message comes to, from memory if it can.
func (x *Extractor) messageParts(s string, primary, script bool) *messageParts {
	if x.forgetful || len(s) > memoText {
		x.readMessage(s, primary, script, &x.parts)
		return &x.parts
	}
	key := messageKey{s, primary, script}
	if m := x.heard.find(&key); m != nil {
		return m
	}
	m := new(messageParts)
	x.readMessage(s, primary, script, m)
	key.text = strings.Clone(s)
	x.heard.add(key, m, len(s)+8*len(m.bag)+16*(len(m.words)+len(m.slots))+256)
	return m
}

// readMessage parameterises and hashes a message into m, reusing its memory.
func (x *Extractor) readMessage(s string, primary, script bool, m *messageParts) {
	*m = messageParts{bag: m.bag[:0], words: m.words[:0], slots: m.slots[:0]}
	if script {
		kind, subject := engineMessage(s, strings.ToLower(s))
		m.fault = uint8(kind)
		m.subject = x.optional(domainSubject, subject)
	}
	x.slots = ScanMessage(x.slots[:0], s, Wide)
	template := x.template[:0]
	at := 0
	words := func(text string) {
		for word := range strings.FieldsFuncSeq(text, messageSeparator) {
			shape := ShapeLetters
			for i := 0; i < len(word); i++ {
				if !isLetter(word[i]) {
					shape = ShapeMixed
					break
				}
			}
			h := x.hash(domainWord, word)
			m.bag = append(m.bag, h)
			if primary && len(m.words) < maxWords {
				m.words = append(m.words, Word{h, shape})
			}
			// Names inside a word meet names in frames and in other wordings.
			if shape == ShapeMixed || len(word) > 10 {
				x.sub = eachSubtoken(x.sub, word, func(part []byte) {
					if len(part) < len(word) {
						m.bag = append(m.bag, x.hashBytes(domainWord, part))
					}
				})
			}
		}
		if primary {
			template = append(template, text...)
		}
	}
	for _, slot := range x.slots {
		words(s[at:slot.Start])
		at = slot.End
		if !primary {
			continue
		}
		family := slot.Family.String()
		template = append(append(append(template, '<'), family...), '>')
		if len(m.words) < maxWords {
			m.words = append(m.words, Word{x.hash(domainSlot, family), ShapeSlot})
		}
		if len(m.slots) < maxWords {
			m.slots = append(m.slots, SlotToken{uint8(slot.Family), x.hash(domainSlot, s[slot.Start:slot.End])})
		}
	}
	words(s[at:])
	if primary {
		m.template = x.hashBytes(domainTemplate, template)
		x.template = template
	}
}

// typeToken hashes an exception's type. Reports of crashes put a sentence there,
// with numbers of processes, lines and addresses in it: a type with a space is
// parameterised as a message is.
func (x *Extractor) typeToken(s string) uint64 {
	s = s[:min(len(s), maxMessage)]
	if !strings.ContainsAny(s, " \t\r\n") {
		return x.hash(domainType, s)
	}
	x.slots = ScanMessage(x.slots[:0], s, Wide)
	template, at := x.template[:0], 0
	for _, slot := range x.slots {
		template = append(append(template, s[at:slot.Start]...), '<')
		template = append(append(template, slot.Family.String()...), '>')
		at = slot.End
	}
	x.template = append(template, s[at:]...)
	return x.hashBytes(domainType, x.template)
}

// maxMessage bounds the text of one message that is looked at.
const maxMessage = 4096

// messageSeparator splits a message into words.
func messageSeparator(c rune) bool {
	switch c {
	case ' ', '\t', '\n', '\r', ',', ';', ':', '=', '(', ')', '[', ']', '{', '}', '"', '\'', '`', '<', '>', '|', '#', '!', '?':
		return true
	}
	return false
}

// names finds out what the names of all frames come to.
func (x *Extractor) names(platform Platform, e *Event) {
	x.frames, x.spare, x.tokens = x.frames[:0], x.spare[:0], x.tokens[:0]
	total := 0
	for i := range e.Exceptions {
		total += len(e.Exceptions[i].Frames)
	}
	if cap(x.spare) < total {
		x.spare = make([]frameNames, 0, total) // pointers into it must hold
	}
	for i := range e.Exceptions {
		frames := e.Exceptions[i].Frames
		for j := range frames {
			x.frames = append(x.frames, x.frameNames(platform, &frames[j]))
		}
	}
}

// frameNames returns what the names of a frame come to, from memory if it can.
func (x *Extractor) frameNames(platform Platform, f *Frame) *frameNames {
	t := frameKey{platform, f.InApp, f.Column > wideColumn, f.Function, f.Module, f.Filename, f.AbsPath, f.ContextLine}
	remember := !x.forgetful && t.size() <= memoText
	if remember {
		if n := x.seen.find(&t); n != nil {
			return n
		}
		n := new(frameNames)
		*n = x.readFrame(platform, f)
		kept := append(append(make([]uint64, 0, len(n.parts)+len(n.context)), n.parts...), n.context...)
		n.parts, n.context = kept[:len(n.parts)], kept[len(n.parts):]
		x.seen.add(t.clone(), n, t.size()+8*len(kept)+256)
		return n
	}
	x.spare = append(x.spare, x.readFrame(platform, f)) // has room
	return &x.spare[len(x.spare)-1]
}

// readFrame normalises and hashes the names of a frame. Their parts are good
// until the next event.
func (x *Extractor) readFrame(platform Platform, f *Frame) (n frameNames) {
	name := normalizeFrame(platform, f)
	t := &n.token
	t.bits = name.bits
	b := append(x.buf[:0], domainContent)
	for _, s := range [...]string{f.Function, f.Module, f.Filename, f.AbsPath, f.ContextLine} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	x.buf, n.text = b, siphash(tokenKey, b)
	path := f.Filename
	if path == "" {
		path = f.AbsPath
	}
	n.path = x.hash(domainSite, path)
	if context := strings.TrimSpace(f.ContextLine); context != "" && len(context) <= 160 {
		b := append(x.buf[:0], domainContext)
		for word := range strings.FieldsSeq(context) { // runs of white space count as one blank
			if len(b) > 1 {
				b = append(b, ' ')
			}
			b = append(b, word...)
		}
		x.buf, t.Context = b, siphash(tokenKey, b)
	}
	if name.owner != "" {
		t.Module = x.hash(domainModule, name.owner)
	}
	if name.function != "" {
		t.Function = x.hash(domainFunction, name.function)
		t.Whole = x.hashPair(domainWhole, name.owner, name.function)
	} else if t.Context != 0 {
		x.buf = binary.LittleEndian.AppendUint64(append(x.buf[:0], domainWhole), t.Context)
		t.Whole = siphash(tokenKey, x.buf)
	} else if name.owner != "" {
		t.Whole = x.hashPair(domainWhole, name.owner, "")
	}
	from := len(x.tokens)
	part := func(p []byte) {
		if h := x.hashBytes(domainSubtoken, p); h != 0 {
			x.tokens = append(x.tokens, h)
		}
	}
	cut := func() []uint64 {
		parts := unique(x.tokens[from:])
		x.tokens = x.tokens[:from+len(parts)]
		from = len(x.tokens)
		return parts[:len(parts):len(parts)]
	}
	if t.bits&bitMinified == 0 {
		x.sub = eachSubtoken(x.sub, name.function, part)
	}
	x.sub = eachSubtoken(x.sub, name.owner, part)
	n.parts = cut()
	if t.Context != 0 {
		x.sub = eachSubtoken(x.sub, f.ContextLine[:min(len(f.ContextLine), 160)], part)
		n.context = cut()
	}
	return n
}

// addFrames adds the frames of all exceptions, innermost first.
func (x *Extractor) addFrames(e *Event, r *Record) {
	foreignOnly := true
	for _, n := range x.frames {
		foreignOnly = foreignOnly && n.token.bits&bitExtension != 0
	}
	r.Depth = len(x.frames)
	at := 0
	for i := range e.Exceptions {
		frames := e.Exceptions[i].Frames
		names := x.frames[at : at+len(frames)]
		at += len(frames)
		if x.Rules != nil {
			runRules(x.Rules, &x.trace, r.Platform, &e.Exceptions[i], func(j int) bool { return names[j].token.InApp() })
		}
		for j := len(frames) - 1; j >= 0; j-- {
			bits := names[j].token.bits
			if x.Rules != nil {
				bits = ruled(bits, &x.trace, j, len(frames))
			}
			x.addFrame(r, &frames[j], names[j], bits, foreignOnly)
		}
		if i == 0 {
			r.Inner = len(r.Frames)
		}
	}
	if x.Rules != nil { // no text waits here for the next event
		clear(x.trace.Frames)
		x.trace = rules.Trace{Frames: x.trace.Frames[:0]}
	}
}

// addFrame adds one frame unless it is machinery, an extension's wrapper around
// application code, or the repetition of the frame before. Rules, which stand in
// its bits, have the last word on the first two and may leave out others.
func (x *Extractor) addFrame(r *Record, f *Frame, n *frameNames, bits frameBits, foreignOnly bool) {
	if bits&(bitExtension|bitPlumbing|bitLeftOut) != 0 {
		foreign := bits&bitExtension != 0
		if foreign {
			r.Foreign++
		}
		if bits&bitLeftOut != 0 || bits&bitKept == 0 && (bits&bitPlumbing != 0 || foreign && !foreignOnly) {
			return
		}
	}
	if len(r.Frames) >= maxFrames {
		return
	}
	t := n.token // a copy: what is remembered of the frame knows no rules
	t.Line, t.bits = f.Line, bits&^bitsRuled
	if last := len(r.Frames) - 1; last >= 0 && t.Whole != 0 && r.Frames[last].Whole == t.Whole && (t.Function != 0 || r.Frames[last].Line == t.Line) {
		return // recursion
	}
	if t.Whole == 0 && f.Line == 0 {
		return // says nothing
	}
	r.Frames = append(r.Frames, t)
	if t.InApp() {
		r.App++
	}
	if t.Minified() {
		r.Minified++
	}
	add := func(s Set, h uint64) {
		if h != 0 {
			r.Sets[s] = append(r.Sets[s], h)
		}
	}
	add(SetWhole, t.Whole)
	add(SetFunction, t.Function)
	add(SetModule, t.Module)
	add(SetContext, t.Context)
	if f.Line > 0 {
		b := binary.LittleEndian.AppendUint64(append(x.buf[:0], domainSite), n.path)
		b = binary.AppendVarint(b, int64(f.Line))
		x.buf = binary.AppendVarint(b, int64(f.Column))
		add(SetSite, siphash(tokenKey, x.buf))
	}
	r.Sets[SetSubtoken] = append(r.Sets[SetSubtoken], n.parts...)
	if len(r.Frames) <= 3 {
		r.Sets[SetTop] = append(append(r.Sets[SetTop], n.parts...), n.context...)
		r.Sets[SetSubtoken] = append(r.Sets[SetSubtoken], n.context...)
	}
}

// finish derives what comparisons need sorted.
func (x *Extractor) finish(r *Record) {
	own := uint8(0)
	for i := range r.Frames {
		r.rank = append(r.rank, own)
		if r.Frames[i].InApp() {
			own++
		}
	}
	for g := range numGrains {
		r.order[g] = orderFrames(r.order[g][:0], r.Frames, g)
	}
	b := append(x.buf[:0], domainContent)
	for i := range r.Frames {
		b = binary.LittleEndian.AppendUint64(b, r.Frames[i].Whole)
	}
	for _, t := range r.Types {
		b = binary.LittleEndian.AppendUint64(b, t)
	}
	x.buf = binary.LittleEndian.AppendUint64(b, r.Template)
	r.signature = siphash(tokenKey, x.buf)
}

// orderFrames appends the places of the frames that have a token at a grain,
// sorted by token, then place. There are at most maxFrames of them, so that
// inserting each into its place is fast enough.
func orderFrames(order []uint8, frames []FrameToken, g Grain) []uint8 {
	var tokens [maxFrames]uint64 // in step with order
	for i := range frames {
		t := frames[i].token(g)
		if t == 0 {
			continue
		}
		k := len(order)
		order = append(order, 0)
		for ; k > 0 && tokens[k-1] > t; k-- {
			tokens[k], order[k] = tokens[k-1], order[k-1]
		}
		tokens[k], order[k] = t, uint8(i)
	}
	return order
}

// unique sorts s and drops repetitions.
func unique(s []uint64) []uint64 {
	slices.Sort(s)
	return slices.Compact(s)
}

// sortUnique is unique for hashes. Their high bits are evenly spread, so those
// deal them out nearly in order, and inserting does the rest in linear time.
// Other values are sorted as well, only slower.
func (x *Extractor) sortUnique(s []uint64) []uint64 {
	const most = 1 << 8 // buckets
	if len(s) < 32 {
		return unique(s)
	}
	width := min(bits.Len(uint(len(s))), 8)
	shift := 64 - width
	var ends [most]uint16
	if len(s) > 1<<15 {
		return unique(s)
	}
	for _, v := range s {
		ends[v>>shift]++
	}
	sum := uint16(0)
	for i := range ends[:1<<width] {
		n := ends[i]
		ends[i] = sum
		sum += n
	}
	if cap(x.dealt) < len(s) {
		x.dealt = make([]uint64, len(s))
	}
	dealt := x.dealt[:len(s)]
	for _, v := range s {
		dealt[ends[v>>shift]] = v
		ends[v>>shift]++
	}
	from := uint16(0)
	for _, to := range ends[:1<<width] {
		if bucket := dealt[from:to]; len(bucket) > 16 {
			slices.Sort(bucket)
		} else {
			for i := 1; i < len(bucket); i++ {
				v, k := bucket[i], i
				for ; k > 0 && bucket[k-1] > v; k-- {
					bucket[k] = bucket[k-1]
				}
				bucket[k] = v
			}
		}
		from = to
	}
	n := 0
	for _, v := range dealt {
		if n == 0 || s[n-1] != v {
			s[n] = v
			n++
		}
	}
	return s[:n]
}
