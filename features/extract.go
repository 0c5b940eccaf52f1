package features

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Extractor turns events into records and keeps the memory it needs between
// calls. One goroutine uses an Extractor at a time; the zero value is ready.
type Extractor struct {
	buf      []byte
	sub      []byte
	template []byte
	slots    []Slot
}

// Extract returns the record of an event.
func Extract(e *Event) *Record {
	var x Extractor
	r := new(Record)
	x.Extract(e, r)
	return r
}

// Extract fills r with the record of e, reusing r's memory. It never fails:
// whatever the event holds, the same event gives the same record.
//
//  1. Messages are parameterised; words, slots and template are hashed.
//  2. Frames are normalised per platform; machinery and recursion are left out.
//  3. Tokens are hashed at three grains and collected into sorted sets.
func (x *Extractor) Extract(e *Event, r *Record) {
	r.reset()
	r.Platform = ParsePlatform(e.Platform)
	r.Time = e.Time.UnixMilli()
	r.Content = x.content(e)
	r.Release = x.optional(domainRelease, e.Release)
	r.Runtime = x.optional(domainRuntime, e.RuntimeName)

	if len(e.Exceptions) == 0 || e.Message != "" {
		x.message(r, e.Message, len(e.Exceptions) == 0)
	}
	for i := range e.Exceptions {
		ex := &e.Exceptions[i]
		if ex.Type != "" {
			r.Types = append(r.Types, x.hash(domainType, ex.Type))
		}
		x.message(r, ex.Value, i == 0)
	}
	x.frames(e, r)
	for i := range r.Sets {
		r.Sets[i] = unique(r.Sets[i])
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
			text(f.Function)
			text(f.Module)
			text(f.Filename)
			text(f.AbsPath)
			text(f.ContextLine)
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
	if primary && r.Platform.scripted() {
		kind, subject := engineMessage(s, strings.ToLower(s))
		r.Fault = uint8(kind)
		r.Subject = x.optional(domainSubject, subject)
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
			r.Sets[SetWord] = append(r.Sets[SetWord], h)
			if primary && len(r.Words) < maxWords {
				r.Words = append(r.Words, Word{h, shape})
			}
			// Names inside a word meet names in frames and in other wordings.
			if shape == ShapeMixed || len(word) > 10 {
				x.sub = eachSubtoken(x.sub, word, func(part []byte) {
					if len(part) < len(word) {
						r.Sets[SetWord] = append(r.Sets[SetWord], x.hashBytes(domainWord, part))
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
		if len(r.Words) < maxWords {
			r.Words = append(r.Words, Word{x.hash(domainSlot, family), ShapeSlot})
		}
		if len(r.Slots) < maxWords {
			r.Slots = append(r.Slots, SlotToken{uint8(slot.Family), x.hash(domainSlot, s[slot.Start:slot.End])})
		}
	}
	words(s[at:])
	if primary {
		r.Template = x.hashBytes(domainTemplate, template)
		x.template = template
	}
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

// frames adds the frames of all exceptions, innermost first.
func (x *Extractor) frames(e *Event, r *Record) {
	foreignOnly := true
	for i := range e.Exceptions {
		for j := range e.Exceptions[i].Frames {
			f := &e.Exceptions[i].Frames[j]
			r.Depth++
			if foreignOnly && normalizeFrame(r.Platform, f).bits&bitExtension == 0 {
				foreignOnly = false
			}
		}
	}
	for i := range e.Exceptions {
		frames := e.Exceptions[i].Frames
		for j := len(frames) - 1; j >= 0; j-- {
			x.frame(r, &frames[j], foreignOnly)
		}
		if i == 0 {
			r.Inner = len(r.Frames)
		}
	}
}

// frame adds one frame unless it is machinery, an extension's wrapper around
// application code, or the repetition of the frame before.
func (x *Extractor) frame(r *Record, f *Frame, foreignOnly bool) {
	n := normalizeFrame(r.Platform, f)
	if n.bits&bitExtension != 0 {
		r.Foreign++
		if !foreignOnly {
			return
		}
	}
	if n.bits&bitPlumbing != 0 || len(r.Frames) >= maxFrames {
		return
	}
	t := FrameToken{Line: f.Line, bits: n.bits}
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
	if n.owner != "" {
		t.Module = x.hash(domainModule, n.owner)
	}
	if n.function != "" {
		t.Function = x.hash(domainFunction, n.function)
		t.Whole = x.hashPair(domainWhole, n.owner, n.function)
	} else if t.Context != 0 {
		x.buf = binary.LittleEndian.AppendUint64(append(x.buf[:0], domainWhole), t.Context)
		t.Whole = siphash(tokenKey, x.buf)
	} else if n.owner != "" {
		t.Whole = x.hashPair(domainWhole, n.owner, "")
	}
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
		path := f.Filename
		if path == "" {
			path = f.AbsPath
		}
		b := append(append(x.buf[:0], domainSite), path...)
		b = binary.AppendVarint(append(b, 0), int64(f.Line))
		x.buf = binary.AppendVarint(b, int64(f.Column))
		add(SetSite, siphash(tokenKey, x.buf))
	}
	top := len(r.Frames) <= 3
	part := func(p []byte) {
		h := x.hashBytes(domainSubtoken, p)
		add(SetSubtoken, h)
		if top {
			add(SetTop, h)
		}
	}
	if t.bits&bitMinified == 0 {
		x.sub = eachSubtoken(x.sub, n.function, part)
	}
	x.sub = eachSubtoken(x.sub, n.owner, part)
	if top && t.Context != 0 {
		x.sub = eachSubtoken(x.sub, f.ContextLine[:min(len(f.ContextLine), 160)], part)
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
		order := r.order[g][:0]
		for i := range r.Frames {
			if r.Frames[i].token(g) != 0 {
				order = append(order, uint8(i))
			}
		}
		slices.SortFunc(order, func(a, b uint8) int {
			ta, tb := r.Frames[a].token(g), r.Frames[b].token(g)
			switch {
			case ta < tb:
				return -1
			case ta > tb:
				return 1
			}
			return int(a) - int(b)
		})
		r.order[g] = order
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

// unique sorts s and drops repetitions.
func unique(s []uint64) []uint64 {
	slices.Sort(s)
	return slices.Compact(s)
}
