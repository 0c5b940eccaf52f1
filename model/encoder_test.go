package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"whorl/features"
)

// encoderRecords are records of a project: kinds of errors with n frames each,
// whose events differ in some of their frames.
func encoderRecords(n, frames int) ([]features.View, *features.Frequencies) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := new(features.Frequencies)
	records := make([]*features.Record, n)
	for k := range records {
		kind := k % 7
		e := &features.Event{
			Platform: "javascript", Time: time.UnixMilli(1_700_000_000_000),
			Exceptions: []features.Exception{{Type: fmt.Sprint("Error", kind%3), Value: fmt.Sprintf("cannot read field%d of order_%d", kind, rng.IntN(1000))}},
		}
		for i := range frames {
			g := kind
			if rng.IntN(4) == 0 {
				g = rng.IntN(100)
			}
			e.Exceptions[0].Frames = append(e.Exceptions[0].Frames, features.Frame{
				Function: fmt.Sprintf("OrderService.loadItems%c%d", 'A'+i%26, g), Filename: fmt.Sprintf("src/orders/module%d/service%d.js", g, i%5),
				ContextLine: fmt.Sprintf("const items%d = await client.fetch(order%d);", g, i), Line: int32(10*i + 1), Column: int32(1 + rng.IntN(80)), InApp: features.Tri(rng.IntN(3)),
			})
		}
		records[k] = features.Extract(e)
		f.Add(records[k])
	}
	views := make([]features.View, n)
	for k, r := range records {
		views[k].Weigh(r, f)
	}
	return views, f
}

func randomEncoder() *Encoder {
	rng := rand.New(rand.NewPCG(3, 4))
	e := &Encoder{Weights: make([]float32, features.NumDescriptors)}
	for i := range e.Weights {
		e.Weights[i] = 2 * rng.Float32()
	}
	return e
}

// slowEmbed is the definition, in float64: token by token, coordinate by coordinate.
func slowEmbed(e *Encoder, v *features.View) (out [Dimensions]float64) {
	sum := 0.0
	for i := range out {
		for _, t := range v.AppendTokens(nil) {
			w := float64(e.Weights[t.Descriptor])
			if signs(t.Key)>>i&1 == 0 {
				w = -w
			}
			out[i] += w
		}
		sum += out[i] * out[i]
	}
	for i := range out {
		if sum > 0 {
			out[i] /= math.Sqrt(sum)
		}
	}
	return out
}

// slowCosine looks up every token of a among those of b.
func slowCosine(e *Encoder, a, b *features.View) float64 {
	of := map[uint64]float64{}
	var ab, aa, bb float64
	for _, t := range b.AppendTokens(nil) {
		w := float64(e.Weights[t.Descriptor])
		of[t.Key] = w
		bb += w * w
	}
	for _, t := range a.AppendTokens(nil) {
		w := float64(e.Weights[t.Descriptor])
		ab += w * of[t.Key]
		aa += w * w
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func TestEncoderAgainstReference(t *testing.T) {
	e := randomEncoder()
	views, f := encoderRecords(12, 30)
	var empty features.View
	empty.Weigh(new(features.Record), f)
	views = append(views, empty)
	for i := range views {
		var got Embedding
		e.Embed(&views[i], &got)
		for k, want := range slowEmbed(e, &views[i]) {
			if math.Abs(float64(got[k])-want) > 1e-5 {
				t.Fatalf("record %d, coordinate %d: %v, want %v", i, k, got[k], want)
			}
		}
		for j := range views {
			got, want := e.Similarity(&views[i], &views[j]), slowCosine(e, &views[i], &views[j])
			if math.Abs(float64(got)-want) > 1e-5 {
				t.Fatalf("records %d and %d: %v, want %v", i, j, got, want)
			}
			if back := e.Similarity(&views[j], &views[i]); back != got {
				t.Fatalf("records %d and %d: %v, turned round %v", i, j, got, back)
			}
		}
	}
}

// The embeddings' cosines must estimate the exact ones without bias, the more
// dimensions the closer.
func TestEmbeddingsEstimateCosine(t *testing.T) {
	e := randomEncoder()
	views, _ := encoderRecords(60, 20)
	embeddings := make([]Embedding, len(views))
	for i := range views {
		e.Embed(&views[i], &embeddings[i])
	}
	for _, dims := range []int{16, 32, 64} {
		var bias, square float64
		n := 0
		for i := range views {
			for j := range i {
				d := float64(embeddings[i].Cosine(&embeddings[j], dims) - e.Similarity(&views[i], &views[j]))
				bias, square, n = bias+d, square+d*d, n+1
			}
		}
		bias, spread := bias/float64(n), math.Sqrt(square/float64(n))
		if math.Abs(bias) > 0.08 || spread > 1.3/math.Sqrt(float64(dims)) {
			t.Errorf("%d dimensions: bias %.3f, error %.3f", dims, bias, spread)
		}
	}
	if dot, cosine := embeddings[0].Dot(&embeddings[7]), embeddings[0].Cosine(&embeddings[7], Dimensions); math.Abs(float64(dot-cosine)) > 1e-5 {
		t.Errorf("dot product %v, cosine %v", dot, cosine)
	}
}

func TestEncoderCheck(t *testing.T) {
	if err := randomEncoder().check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Encoder){
		"short":    func(e *Encoder) { e.Weights = e.Weights[1:] },
		"negative": func(e *Encoder) { e.Weights[3] = -1e-9 },
		"large":    func(e *Encoder) { e.Weights[3] = 2e4 },
		"nan":      func(e *Encoder) { e.Weights[3] = float32(math.NaN()) },
		"infinite": func(e *Encoder) { e.Weights[3] = float32(math.Inf(1)) },
	} {
		e := randomEncoder()
		spoil(e)
		err := e.check()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if finite := name != "nan" && name != "infinite"; errors.Is(err, ErrNotFinite) == finite {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncoderAllocatesNothing(t *testing.T) {
	e := randomEncoder()
	views, _ := encoderRecords(2, 30)
	var out Embedding
	list := e.Weigh(nil, &views[0])
	if n := testing.AllocsPerRun(100, func() {
		e.Embed(&views[0], &out)
		e.Similarity(&views[0], &views[1])
		list = e.Weigh(list[:0], &views[0])
	}); n >= 1 { // a collection may empty the pool
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEncoder(b *testing.B) {
	e := randomEncoder()
	views, _ := encoderRecords(14, 30)
	x, y := e.Weigh(nil, &views[0]), e.Weigh(nil, &views[7])
	z := e.Weigh(nil, &views[1])
	var out, other Embedding
	b.Logf("%d tokens", len(x))
	b.Run("embed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.Embed(&views[0], &out)
		}
	})
	b.Run("tokens", func(b *testing.B) {
		var room []features.Token
		for b.Loop() {
			room = views[0].AppendTokens(room[:0])
		}
	})
	b.Run("similarity", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.Similarity(&views[0], &views[7])
		}
	})
	b.Run("cosine_alike", func(b *testing.B) {
		for b.Loop() {
			Cosine(x, y)
		}
	})
	b.Run("cosine_apart", func(b *testing.B) {
		for b.Loop() {
			Cosine(x, z)
		}
	})
	b.Run("dot", func(b *testing.B) {
		for b.Loop() {
			out.Dot(&other)
		}
	})
}
