package features

import "slices"

// maxFrames is how many frames of an event a record keeps, nearest the crash
// first: four published studies found nothing beyond the first tens
// (reference: Rodrigues et al. 2022, 98 % of traces are shorter than 126).
const maxFrames = 64

// maxWords is how many words of a message a record keeps in order.
const maxWords = 48

// Set names one bag of tokens of a record.
type Set uint8

// The bags, from coarse to fine.
const (
	SetWhole    Set = iota // function and the module or file it stands in
	SetFunction            // function alone
	SetModule              // module or file alone
	SetSubtoken            // parts of function names and paths
	SetTop                 // parts of the three frames nearest the crash
	SetContext             // normalised source lines
	SetSite                // file, line and column as reported: equal within one build only
	SetWord                // words of all messages
	numSets
)

// Record is an event reduced to hashes, flags and counts. No text survives in
// it: a record can tell that two events share a word, never which.
// [Extractor.Extract] fills one; the zero value is an empty record.
type Record struct {
	Platform Platform
	Time     int64  // Unix milliseconds
	Content  uint64 // hash of platform, message and exceptions: equal for exact copies
	Release  uint64 // hash; 0 unknown
	Runtime  uint64 // hash of the runtime's name; 0 unknown

	// Frames that say something, innermost exception first, crashing frame
	// first within an exception, recursion collapsed.
	Frames []FrameToken
	// Inner is how many leading Frames belong to the innermost exception.
	Inner int
	// Sets are sorted and free of repetitions.
	Sets [numSets][]uint64

	Types    []uint64 // exception types, innermost first
	Template uint64   // parameterised innermost message; 0 none
	Words    []Word   // innermost message in order
	Slots    []SlotToken
	Fault    uint8  // what a JavaScript engine complained about; 0 none
	Subject  uint64 // the name it complained about; 0 none

	Depth     int                // frames in the event, everything counted
	App       int                // of Frames, the application's own
	Minified  int                // of Frames, with shortened names
	Foreign   int                // frames that a browser extension brought
	order     [numGrains][]uint8 // frames sorted by token, then place
	rank      []uint8            // how many of the application's own frames stand before each frame
	signature uint64
}

// FrameToken is one frame of a record.
type FrameToken struct {
	Whole    uint64 // function and owner; the source line stands in for a missing name
	Function uint64 // 0 anonymous
	Module   uint64 // 0 unknown
	Context  uint64 // 0 unknown
	Line     int32  // 0 unknown
	bits     frameBits
}

// InApp reports whether the frame is the application's own code.
func (f *FrameToken) InApp() bool { return f.bits&bitInApp != 0 }

// Minified reports whether the frame's name looks shortened by a build step.
func (f *FrameToken) Minified() bool { return f.bits&bitMinified != 0 }

// Word is one word of a message or the place of a parameter.
type Word struct {
	Hash  uint64
	Shape WordShape
}

// WordShape says what a word is made of.
type WordShape uint8

// The shapes of words.
const (
	ShapeLetters WordShape = iota // a plain word
	ShapeMixed                    // a name or id with digits or punctuation inside
	ShapeSlot                     // a parameter such as <int>
)

// SlotToken is one parameter of a message: its family and a hash of its value.
type SlotToken struct {
	Family uint8
	Value  uint64
}

// Grain is the part of a frame that an alignment compares.
type Grain uint8

// The grains of alignment.
const (
	GrainWhole Grain = iota
	GrainFunction
	GrainModule
	numGrains
)

// Document returns the hash of the record's document: equal for events that
// differ in their numbers, ids or line numbers alone, see [Frequencies].
func (r *Record) Document() uint64 { return r.signature }

// token returns a frame's token at a grain; 0 when it has none.
func (f *FrameToken) token(g Grain) uint64 {
	switch g {
	case GrainFunction:
		return f.Function
	case GrainModule:
		return f.Module
	default:
		return f.Whole
	}
}

// Clone returns a copy that shares no memory with r and has room for nothing
// more.
func (r *Record) Clone() *Record {
	c := *r
	hashes := len(r.Types)
	for i := range r.Sets {
		hashes += len(r.Sets[i])
	}
	places := len(r.rank)
	for g := range r.order {
		places += len(r.order[g])
	}
	h, p := make([]uint64, 0, hashes), make([]uint8, 0, places)
	c.Types = cutCopy(&h, r.Types)
	for i := range r.Sets {
		c.Sets[i] = cutCopy(&h, r.Sets[i])
	}
	c.rank = cutCopy(&p, r.rank)
	for g := range r.order {
		c.order[g] = cutCopy(&p, r.order[g])
	}
	c.Frames, c.Words, c.Slots = slices.Clone(r.Frames), slices.Clone(r.Words), slices.Clone(r.Slots)
	return &c
}

// cutCopy appends s to what there is room for in all, and returns the copy; nil
// for nothing.
func cutCopy[T any](all *[]T, s []T) []T {
	if len(s) == 0 {
		return nil
	}
	from := len(*all)
	*all = append(*all, s...)
	return (*all)[from:len(*all):len(*all)]
}

// reset empties the record and keeps its memory.
func (r *Record) reset() {
	keep := *r
	*r = Record{Frames: keep.Frames[:0], Types: keep.Types[:0], Words: keep.Words[:0], Slots: keep.Slots[:0]}
	for i := range keep.Sets {
		r.Sets[i] = keep.Sets[i][:0]
	}
	r.rank = keep.rank[:0]
	for g := range keep.order {
		r.order[g] = keep.order[g][:0]
	}
}
