package model

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"whorl/features"
)

// The benchmarks score with 300 full trees of depth 6, the trainer's default
// size, and walk vectors too many for the branch predictor to learn.
func benchmarkForest() Forest { return randomForest(1, 300, 6, features.NumFeatures, true) }

const benchmarkVectors = 1024

func BenchmarkOpen(b *testing.B) {
	p := tinyParts()
	p.Forest = benchmarkForest()
	data, err := Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "model.safetensors")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	p := tinyParts()
	p.Forest = benchmarkForest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMargin(b *testing.B) {
	m, vs := modelOf(b, benchmarkForest()), randomVectors(2, benchmarkVectors)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Margin(&vs[i%benchmarkVectors])
		i++
	}
}

func BenchmarkProbability(b *testing.B) {
	m, vs := modelOf(b, benchmarkForest()), randomVectors(2, benchmarkVectors)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Probability(&vs[i%benchmarkVectors], features.Java)
		i++
	}
}

// BenchmarkMargins reports the time for one vector of a batch of 100, the
// most candidates that blocking yields for an event.
func BenchmarkMargins(b *testing.B) {
	m, vs := modelOf(b, benchmarkForest()), randomVectors(2, benchmarkVectors)
	const size = 100
	out := make([]float64, size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		from := i * size % (benchmarkVectors - size)
		m.Margins(vs[from:from+size], out)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/vector")
}

func BenchmarkExplain(b *testing.B) {
	m, vs := modelOf(b, benchmarkForest()), randomVectors(2, benchmarkVectors)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Explain(&vs[i%benchmarkVectors], features.Java)
		i++
	}
}

// BenchmarkJudge decides an event in a project of a thousand
// distinct events, with forests as large as a trained model's.
func BenchmarkJudge(b *testing.B) {
	parts := &Parts{Version: "bench", PrecisionTarget: 0.97, Forest: randomForest(3, 450, 7, features.NumFeatures, false), Fallback: Calibration{Kind: Sigmoid, A: 1}, FallbackThreshold: 0.9}
	parts.Groups = &GroupParts{Forest: randomForest(4, 60, 4, NumGroupFeatures, false), Fallback: Calibration{Kind: Sigmoid, A: 1}, FallbackThreshold: 0.9}
	file, err := Marshal(parts)
	if err != nil {
		b.Fatal(err)
	}
	m, err := Decode(file)
	if err != nil {
		b.Fatal(err)
	}
	g := NewGrouper(m)
	for i := range 1000 {
		g.Add(crash(i, fmt.Sprintf("order %d of shop s%d is gone", i, i%37), "main", fmt.Sprintf("f%d", i%90), fmt.Sprintf("g%d", i%13), "send"), i%300)
	}
	query := crash(2000, "order 7 of shop s9 is not here", "main", "f7", "g5", "send")
	b.ReportAllocs()
	for b.Loop() {
		d := Decision{Best: -1, Cluster: -1}
		g.judge(&d, query, 0)
	}
}
