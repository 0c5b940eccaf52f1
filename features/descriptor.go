package features

// Field says what of a record a token is.
type Field uint8

// The fields. Those up to FieldContext are of one frame.
const (
	FieldWhole    Field = iota // a frame: function and owner together
	FieldFunction              // a frame's function
	FieldModule                // a frame's module or file
	FieldContext               // a frame's source line
	FieldSite                  // a place in a built file
	FieldSubtoken              // part of a name, further from the crash
	FieldTop                   // part of a name in the three frames nearest the crash
	FieldWord                  // a word of a message
	FieldType                  // an exception's type
	FieldTemplate              // the innermost message without its parameters
	NumFields
)

// The numbers of values of the other traits.
const (
	NumPlaces   = 5 // of a frame: 1, 2-3, 4-7, 8-15, 16 and more, counted from the crash
	NumShapes   = 3 // of a word, see [Traits]
	NumRarities = 6 // of a token, see [RarityBucket]
)

// Traits are what may be known of a token by a model that must not know the
// token: all that a learned weight can depend on. A trait that a field does not
// have is 0.
type Traits struct {
	Field    Field
	Place    uint8 // of frames, and of types along the chain (0 innermost, 1 not)
	InApp    bool  // of frames
	Minified bool  // of frames
	Shape    uint8 // of words: 0 plain, 1 with digits or punctuation, 2 part of a word or not of the innermost message
	Rarity   uint8 // 0 commonest to 5 rarest
}

// Descriptor numbers the traits that a token can have, from 0 to
// [NumDescriptors]-1. The numbering is part of [SchemaID].
type Descriptor uint16

// The first descriptor of each field. Within a field the traits count like
// digits, the rarity last.
const (
	framesFrom    = 0
	perFrameField = NumPlaces * 2 * 2 * NumRarities
	siteFrom      = framesFrom + 4*perFrameField
	subtokenFrom  = siteFrom + NumRarities
	topFrom       = subtokenFrom + NumRarities
	wordFrom      = topFrom + NumRarities
	typeFrom      = wordFrom + NumShapes*NumRarities
	templateFrom  = typeFrom + 2*NumRarities

	NumDescriptors = templateFrom + NumRarities
)

// Traits returns what a descriptor stands for. It panics on one that is not
// below [NumDescriptors].
func (d Descriptor) Traits() Traits { return traits[d] }

var traits = func() (t [NumDescriptors]Traits) {
	n := 0
	add := func(x Traits) {
		for x.Rarity = range uint8(NumRarities) {
			t[n] = x
			n++
		}
	}
	for f := FieldWhole; f <= FieldContext; f++ {
		for place := range uint8(NumPlaces) {
			for bits := range 4 {
				add(Traits{Field: f, Place: place, InApp: bits&int(bitInApp) != 0, Minified: bits&int(bitMinified) != 0})
			}
		}
	}
	add(Traits{Field: FieldSite})
	add(Traits{Field: FieldSubtoken})
	add(Traits{Field: FieldTop})
	for shape := range uint8(NumShapes) {
		add(Traits{Field: FieldWord, Shape: shape})
	}
	add(Traits{Field: FieldType})
	add(Traits{Field: FieldType, Place: 1})
	add(Traits{Field: FieldTemplate})
	return t
}()

// RarityBucket returns the bucket of a rarity, from 0 (common) to 5 (rare);
// values outside [0,1] count as the nearest bound. The buckets begin at 0, 0.15,
// 0.3, 0.45, 0.6 and 0.8. In all but the youngest projects the rarest bucket
// holds the tokens of no document and of one: whether a record has been counted
// already makes no difference to its weights.
func RarityBucket(rarity float32) uint8 {
	return rarityBuckets[min(len(rarityBuckets)-1, max(0, int(rarity*20)))]
}

// rarityBuckets are the buckets of twentieths.
var rarityBuckets = [21]uint8{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5}

// placeBuckets are the buckets of a frame's place, from 0 at the crash.
var placeBuckets = func() (t [maxFrames]uint8) {
	for i := range t {
		switch {
		case i < 1:
			t[i] = 0
		case i < 3:
			t[i] = 1
		case i < 7:
			t[i] = 2
		case i < 15:
			t[i] = 3
		default:
			t[i] = 4
		}
	}
	return t
}()

// Token is a token of a record and its descriptor. The key is the token's hash
// with its last four bits given up for the field: fields come one after
// another where tokens are sorted by key, and equal keys mean equal tokens.
type Token struct {
	Key        uint64
	Descriptor Descriptor
}

// keyOf returns the key of a hash in a field. Both kinds of sub-tokens share
// one, so that a name's part is found wherever the name stands.
func keyOf(f Field, hash uint64) uint64 {
	if f == FieldTop {
		f = FieldSubtoken
	}
	return uint64(f)<<60 | hash>>4
}

// maxTypes is how many exceptions of a chain give tokens.
const maxTypes = 16

// AppendTokens appends the distinct tokens of the view's record to dst, in the
// order of their keys. A frame's token that repeats has the traits of the
// frame nearest the crash. It does not allocate while dst has room.
func (v *View) AppendTokens(dst []Token) []Token {
	r := v.Record
	for g := range numGrains {
		last := uint64(0)
		for _, i := range r.order[g] { // by token, then place
			f := &r.Frames[i]
			if hash := f.token(g); hash != last {
				last = hash
				dst = append(dst, Token{keyOf(Field(g), hash), frameDescriptor(Field(g), i, f.bits, v.frames[g][i])})
			}
		}
	}
	for k, hash := range r.Sets[SetContext] {
		for i := range r.Frames {
			if f := &r.Frames[i]; f.Context == hash {
				dst = append(dst, Token{keyOf(FieldContext, hash), frameDescriptor(FieldContext, uint8(i), f.bits, v.sets[SetContext][k])})
				break
			}
		}
	}
	for k, hash := range r.Sets[SetSite] {
		dst = append(dst, Token{keyOf(FieldSite, hash), siteFrom + Descriptor(RarityBucket(v.sets[SetSite][k]))})
	}
	top := r.Sets[SetTop]
	for k, hash := range r.Sets[SetSubtoken] {
		from := Descriptor(subtokenFrom)
		for len(top) > 0 && top[0] < hash {
			top = top[1:]
		}
		if len(top) > 0 && top[0] == hash {
			from = topFrom
		}
		dst = append(dst, Token{keyOf(FieldSubtoken, hash), from + Descriptor(RarityBucket(v.sets[SetSubtoken][k]))})
	}
	for k, hash := range r.Sets[SetWord] {
		shape := Descriptor(2)
		for i := range r.Words {
			if w := &r.Words[i]; w.Hash == hash {
				shape = min(1, Descriptor(w.Shape))
				break
			}
		}
		dst = append(dst, Token{keyOf(FieldWord, hash), wordFrom + shape*NumRarities + Descriptor(RarityBucket(v.sets[SetWord][k]))})
	}
	from := len(dst)
	for i, hash := range r.Types[:min(len(r.Types), maxTypes)] {
		t := Token{keyOf(FieldType, hash), typeFrom + Descriptor(min(1, i))*NumRarities + Descriptor(RarityBucket(v.types[i]))}
		k := len(dst)
		for k > from && dst[k-1].Key > t.Key {
			k--
		}
		if k > from && dst[k-1].Key == t.Key {
			continue // the inner one counts
		}
		dst = append(dst, t)
		copy(dst[k+1:], dst[k:])
		dst[k] = t
	}
	if r.Template != 0 {
		dst = append(dst, Token{keyOf(FieldTemplate, r.Template), templateFrom + Descriptor(RarityBucket(v.template))})
	}
	return dst
}

func frameDescriptor(f Field, place uint8, bits frameBits, rarity float32) Descriptor {
	d := Descriptor(f)*NumPlaces + Descriptor(placeBuckets[place])
	return (d*4+Descriptor(bits&(bitInApp|bitMinified)))*NumRarities + Descriptor(RarityBucket(rarity))
}
