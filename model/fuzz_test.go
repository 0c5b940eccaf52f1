package model

import (
	"math"
	"strings"
	"testing"

	"whorl/features"
)

// FuzzDecode: no bytes panic, hang or pass silently, with the digest as it is
// and with the right one. What opens scores within bounds.
func FuzzDecode(f *testing.F) {
	f.Add(tinyFile(f))
	const largest = 1 << 14 // bytes of a seed
	for _, family := range [][]attack{metadataAttacks(), tensorAttacks(), forestAttacks(), selfTestAttacks()} {
		for _, a := range family {
			m := newMutant(f)
			a.change(m)
			if data := m.file(f); len(data) <= largest {
				f.Add(data)
			}
		}
	}
	f.Add(rewriteHeader(tinyFile(f), func(s string) string { return strings.Replace(s, "model/1", "model/2", 1) }))
	grouped, err := marshal(tinyGrouped(), tiny)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(grouped)
	vs := randomVectors(9, 3)
	var group GroupVector
	for i := range group {
		group[i] = float32(i) - 3
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, reseal(data)} {
			m, err := decode(file, tiny)
			if err != nil {
				sentinelOf(t, err)
				if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
					t.Fatalf("control characters in %q", err)
				}
				continue
			}
			if m.JudgesGroups() {
				if p := m.GroupProbability(&group, features.Java); !(p >= 0 && p <= 1) {
					t.Fatalf("probability of a cluster %v", p)
				}
			}
			for i := range vs {
				for _, p := range features.Platforms() {
					e := m.Explain(&vs[i], p)
					if !(e.Probability >= 0 && e.Probability <= 1) || math.IsNaN(e.Margin) || math.IsInf(e.Margin, 0) {
						t.Fatalf("margin %v, probability %v", e.Margin, e.Probability)
					}
					sum := e.Bias
					for _, part := range e.Contributions {
						sum += part
					}
					if math.Abs(sum-e.Margin) > 1e-6 {
						t.Fatalf("parts sum to %v, margin %v", sum, e.Margin)
					}
				}
			}
		}
	})
}
