package features

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// benchEvent is a JavaScript error of n frames, as a bundle's source map shows
// it: names and files of the application and of packages, source lines, and a
// transpiler's helper in between. Events of one kind share most frames.
func benchEvent(random *rand.Rand, kind, n int) *Event {
	e := &Event{
		Platform: "javascript", Release: "shop@4.1.2", RuntimeName: "Chrome", Time: time.UnixMilli(1_700_000_000_000 + random.Int64N(1<<32)),
		Exceptions: []Exception{{
			Type: "TypeError", Value: fmt.Sprintf("Cannot read properties of undefined (reading 'field%d') for order %d", kind, random.IntN(1e6)), Handled: No,
		}},
	}
	for i := range n {
		f := Frame{
			Function: fmt.Sprintf("OrderService.loadItems%c", 'A'+(kind+i)%26), Filename: fmt.Sprintf("webpack:///./src/orders/module%d/service.js", kind%40+i%5),
			AbsPath: "https://shop.example/static/js/main.01c75c99.chunk.js", ContextLine: fmt.Sprintf("    const items%d = await this.client.fetch(order.id);", kind),
			Line: int32(10*i + random.IntN(10)), Column: int32(random.IntN(80)), InApp: Yes,
		}
		switch {
		case i%6 == 4:
			f.Function, f.Filename, f.InApp = "asyncGeneratorStep", "webpack:///./node_modules/@babel/runtime/helpers/asyncToGenerator.js", No
		case i%4 == 3:
			f.Function, f.Filename, f.InApp = "Object.dispatch", "webpack:///./node_modules/.pnpm/redux@4.2.1/node_modules/redux/dist/redux.js", No
		}
		e.Exceptions[0].Frames = append(e.Exceptions[0].Frames, f)
	}
	return e
}

func benchRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func BenchmarkExtract(b *testing.B) {
	e := benchEvent(benchRandom(), 7, 12)
	b.Run("reused", func(b *testing.B) {
		var x Extractor
		var r Record
		x.Extract(e, &r)
		b.ReportAllocs()
		for b.Loop() {
			x.Extract(e, &r)
		}
	})
	b.Run("fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Extract(e)
		}
	})
}

// benchProject is a project of n events of 50 kinds with 30 frames each.
func benchProject(n int) ([]*Record, *Frequencies) {
	random := benchRandom()
	records := make([]*Record, n)
	counts := new(Frequencies)
	for i := range records {
		records[i] = Extract(benchEvent(random, i%50, 30))
		counts.Add(records[i])
	}
	return records, counts
}

func BenchmarkWeigh(b *testing.B) {
	records, counts := benchProject(500)
	var v View
	b.ReportAllocs()
	for b.Loop() {
		v.Weigh(records[0], counts)
	}
}

func BenchmarkCompare(b *testing.B) {
	records, counts := benchProject(500)
	for _, c := range []struct {
		name string
		i, j int
	}{{"alike", 0, 50}, {"apart", 0, 25}} {
		b.Run(c.name, func(b *testing.B) {
			var va, vb View
			va.Weigh(records[c.i], counts)
			vb.Weigh(records[c.j], counts)
			var out Vector
			b.ReportAllocs()
			for b.Loop() {
				Compare(&va, &vb, &out)
			}
		})
	}
}

func BenchmarkFaST(b *testing.B) {
	records, counts := benchProject(500)
	p := FaST{Alpha: 0.6, Beta: 2, Gamma: 0.05}
	b.ReportAllocs()
	for b.Loop() {
		p.Similarity(records[0], records[25], counts)
	}
}

func BenchmarkFrequenciesAdd(b *testing.B) {
	records, _ := benchProject(1000)
	b.ReportAllocs()
	for b.Loop() {
		var counts Frequencies
		for _, r := range records {
			counts.Add(r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}
