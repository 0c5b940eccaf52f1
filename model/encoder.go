package model

import (
	"fmt"
	"math"
	"sync"

	"whorl/features"
)

// Dimensions is the length of an [Embedding].
const Dimensions = 64

// maxTokenWeight bounds the weight of a token.
const maxTokenWeight = 1e4

// Embedding is a record as a vector of length 1, or all zeros for a record
// without any token of weight. Its dot product with another one of the same
// encoder estimates their cosine; the error has a standard deviation of about
// 1/sqrt(dimensions). The embedding is nested: its first 16 or 32 values are a
// shorter embedding, up to their length.
type Embedding [Dimensions]float32

// Cosine returns the cosine, in [-1, 1], of the first dims values of two
// embeddings; 0 if one has none that is not zero. It panics if dims is not
// between 1 and [Dimensions].
func (x *Embedding) Cosine(y *Embedding, dims int) float32 {
	if dims < 1 || dims > Dimensions {
		panic(fmt.Sprintf("model: %d dimensions, an embedding has 1 to %d", dims, Dimensions))
	}
	var dot, xx, yy float32
	for i, a := range x[:dims] {
		b := y[i]
		dot += a * b
		xx += a * a
		yy += b * b
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return clamp(float64(dot) / math.Sqrt(float64(xx)*float64(yy)))
}

// Dot returns the dot product of two embeddings: their cosine, to the last
// digits, where both have length 1.
func (x *Embedding) Dot(y *Embedding) float32 {
	var s0, s1, s2, s3 float32
	for i := 0; i < Dimensions; i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	return (s0 + s1) + (s2 + s3)
}

// Encoder turns records into vectors whose cosine says how alike two errors
// are. A vector is the sum of a fixed pseudo-random vector for each token, times
// a learned weight that depends on nothing but the token's descriptor: the
// parameters say which kinds of tokens matter, and no token.
//
// The random vectors have one coordinate of +1 or -1 for each dimension, which
// keeps dot products in expectation (Achlioptas 2003, "Database-friendly random
// projections"; Charikar 2002 takes their signs only). With more dimensions the
// cosine of two embeddings tends to what [Cosine] computes exactly.
//
// An Encoder is not changed by its methods, and they may be called at once.
type Encoder struct {
	Weights []float32 // by descriptor: [features.NumDescriptors] of them, in [0, 1e4]
}

// check reports what makes the encoder invalid.
func (e *Encoder) check() error {
	if len(e.Weights) != features.NumDescriptors {
		return fmt.Errorf("%d weights for %d descriptors", len(e.Weights), features.NumDescriptors)
	}
	for i, w := range e.Weights {
		switch x := float64(w); {
		case math.IsNaN(x) || math.IsInf(x, 0):
			return fmt.Errorf("%w: weight %d is %v", ErrNotFinite, i, w)
		case w < 0 || w > maxTokenWeight:
			return fmt.Errorf("weight %d is %v, outside [0, %v]", i, w, float64(maxTokenWeight))
		}
	}
	return nil
}

// Weighted is a token and its share in a record's vector.
type Weighted struct {
	Key    uint64 // of a [features.Token]
	Weight float32
}

// Weigh appends the tokens of a view to dst, in the order of their keys and
// with weights whose squares sum to 1; or to 0, where no token has any weight.
// It does not allocate while dst has room.
func (e *Encoder) Weigh(dst []Weighted, v *features.View) []Weighted {
	room := tokenRoom.Get().(*[]features.Token)
	tokens := v.AppendTokens((*room)[:0])
	from := len(dst)
	sum := 0.0
	for _, t := range tokens {
		w := e.Weights[t.Descriptor]
		dst = append(dst, Weighted{t.Key, w})
		sum += float64(w) * float64(w)
	}
	if sum > 0 {
		scale := float32(1 / math.Sqrt(sum))
		for i := from; i < len(dst); i++ {
			dst[i].Weight *= scale
		}
	}
	*room = tokens
	tokenRoom.Put(room)
	return dst
}

var tokenRoom = sync.Pool{New: func() any { return new([]features.Token) }}

// Cosine returns the exact cosine, in [0, 1], of two lists that
// [Encoder.Weigh] made: the sum over the tokens that both have.
func Cosine(a, b []Weighted) float32 {
	var sum float32
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x, y := a[i].Key, b[j].Key
		if x == y {
			sum += a[i].Weight * b[j].Weight
		}
		if x <= y { // both of these are moves without a branch
			i++
		}
		if y <= x {
			j++
		}
	}
	return min(1, sum)
}

// Similarity returns the exact cosine, in [0, 1], of two views: symmetric to the
// bit. Who compares a view often weighs it once and calls [Cosine].
func (e *Encoder) Similarity(a, b *features.View) float32 {
	room := weightedRoom.Get().(*[2][]Weighted)
	room[0], room[1] = e.Weigh(room[0][:0], a), e.Weigh(room[1][:0], b)
	s := Cosine(room[0], room[1])
	weightedRoom.Put(room)
	return s
}

var weightedRoom = sync.Pool{New: func() any { return new([2][]Weighted) }}

// Embed sets out to the embedding of a view.
//
// Four signs at a time choose one of 16 sums to which a token's weight is added;
// the coordinates are sums and differences of those. That is a quarter of the
// additions that one for each token and coordinate would be.
func (e *Encoder) Embed(v *features.View, out *Embedding) {
	room := tokenRoom.Get().(*[]features.Token)
	tokens := v.AppendTokens((*room)[:0])
	var sums [Dimensions / 4][16]float32
	for _, t := range tokens {
		w, s := e.Weights[t.Descriptor], signs(t.Key)
		for k := range sums {
			sums[k][s&15] += w
			s >>= 4
		}
	}
	*room = tokens
	tokenRoom.Put(room)
	for k := range sums {
		c := &sums[k]
		for bit, n := 0, len(c)/2; n > 0; bit, n = bit+1, n/2 {
			var d float32 // what has the sign, less what has not
			for i := range n {
				without, with := c[2*i], c[2*i+1]
				d += with - without
				c[i] = without + with // the next sign is the last of what is left
			}
			out[4*k+bit] = d
		}
	}
	sum := 0.0
	for _, x := range out {
		sum += float64(x) * float64(x)
	}
	if sum > 0 {
		scale := float32(1 / math.Sqrt(sum))
		for i := range out {
			out[i] *= scale
		}
	}
}

// signs returns the random vector of a token: bit i is set where coordinate i is
// +1. It is the output function of SplitMix64 (Steele, Lea and Flood 2014), which
// is one to one and spreads keys that are close.
func signs(key uint64) uint64 {
	z := key + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// clamp returns x, moved into [-1, 1].
func clamp(x float64) float32 { return float32(min(1, max(-1, x))) }
