package model

import (
	"bytes"
	"cmp"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/internal/safetensors"
)

// tinyGroups judges clusters by their best member and by their size.
func tinyGroups() *GroupParts {
	return &GroupParts{
		Forest: Forest{
			Base:        0.25,
			Roots:       []int32{0, 3},
			Feature:     []int32{groupBest, -1, -1, groupSize, -1, -1},
			Threshold:   []float32{0.5, 0, 0, 1, 0, 0},
			Left:        []int32{1, 0, 0, 4, 0, 0},
			Right:       []int32{2, 0, 0, 5, 0, 0},
			DefaultLeft: make([]bool, 6),
			Value:       []float32{0, -3, 3, 0, -0.5, 0.5},
		},
		Calibrations:      map[features.Platform]Calibration{features.Java: {Kind: Sigmoid, A: 2, B: 1}},
		Fallback:          Calibration{Kind: Sigmoid, A: 1},
		Thresholds:        map[features.Platform]float64{features.Java: 0.5},
		FallbackThreshold: 0.625,
	}
}

func tinyGrouped() *Parts {
	p := tinyParts()
	p.Version, p.Groups = "golden-2", tinyGroups()
	return p
}

// TestGoldenOfGroups: the committed file of format 2 opens for ever.
func TestGoldenOfGroups(t *testing.T) {
	path := filepath.Join("testdata", "golden2.safetensors")
	written, err := marshal(tinyGrouped(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	if *writeGolden {
		if err := os.WriteFile(path, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, written) {
		t.Error("Marshal writes other bytes for the same model")
	}
	m, err := decode(data, tiny)
	if err != nil {
		t.Fatal(err)
	}
	if !m.JudgesGroups() {
		t.Error("the model does not judge clusters")
	}
	for p, want := range map[features.Platform]float64{features.Java: 0.5, features.Ruby: 0.625} {
		if got := m.JoinThreshold(p); got != want {
			t.Errorf("%s joins at %g, want %g", p, got, want)
		}
	}
	var v GroupVector
	v[groupBest], v[groupSize] = 0.75, 0.5
	if got, want := m.GroupMargin(&v), 0.25+3-0.5; got != want {
		t.Errorf("margin %g, want %g", got, want)
	}
	if got, want := m.GroupProbability(&v, features.Java), 1/(1+math.Exp(-6.5)); math.Abs(got-want) > 1e-15 {
		t.Errorf("probability %g, want %g", got, want)
	}
	if one, err := decode(tinyFile(t), tiny); err != nil || one.JudgesGroups() || one.JoinThreshold(features.JavaScript) != 0.9 {
		t.Errorf("format 1: judges groups, or joins elsewhere than at its threshold (%v)", err)
	}
}

// TestGroupAttacks: a file of format 2 lacks nothing and holds no more.
func TestGroupAttacks(t *testing.T) {
	for name, change := range map[string]func(p *Parts){
		"split on a feature that is not there": func(p *Parts) { p.Groups.Forest.Feature[0] = NumGroupFeatures },
		"join threshold of 0":                  func(p *Parts) { p.Groups.FallbackThreshold = 0 },
		"join threshold above 1":               func(p *Parts) { p.Groups.Thresholds[features.Java] = 1.5 },
		"threshold of no platform":             func(p *Parts) { p.Groups.Thresholds[MixedPlatforms] = 0.5 },
		"falling calibration":                  func(p *Parts) { p.Groups.Fallback.A = -1 },
		"calibration of no platform":           func(p *Parts) { p.Groups.Calibrations[MixedPlatforms] = Calibration{Kind: Sigmoid, A: 1} },
	} {
		p := tinyGrouped()
		change(p)
		if _, err := marshal(p, tiny); err == nil {
			t.Errorf("%s: marshalled", name)
		}
	}
	data, err := marshal(tinyGrouped(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	again := func(metadata map[string]string, tensors []safetensors.Tensor) error {
		file, err := seal(metadata, tensors)
		if err != nil {
			t.Fatal(err)
		}
		_, err = decode(file, tiny)
		return err
	}
	metadata := func(key, value string) map[string]string {
		m := map[string]string{}
		for k, v := range file.Metadata {
			m[k] = v
		}
		m[key] = value
		if value == "" {
			delete(m, key)
		}
		return m
	}
	if err := again(metadata(keyVersion, "same"), file.Tensors); err != nil {
		t.Fatalf("the file that every attack spoils: %v", err)
	}
	for key, value := range map[string]string{keyGroups: "whorl.groups/2", keyJoin: "", keyJoin + ".cobol": "0.5", keyFormat: "whorl.model/1"} {
		if err := again(metadata(key, value), file.Tensors); err == nil {
			t.Errorf("%s as %q opens", key, value)
		}
	}
	for i, tensor := range file.Tensors {
		if err := again(file.Metadata, slices.Delete(slices.Clone(file.Tensors), i, i+1)); err == nil {
			t.Errorf("opens without %s", tensor.Name)
		}
	}
	for i, tensor := range file.Tensors { // one byte of any other: the self-tests see it, or a bound
		changed := slices.Clone(file.Tensors)
		changed[i].Data = slices.Clone(tensor.Data)
		changed[i].Data[len(tensor.Data)-1] ^= 0x40
		if err := again(file.Metadata, changed); err == nil {
			t.Errorf("opens with another %s", tensor.Name)
		}
	}
}

// TestGatheringMatchesReference sorts candidates into clusters the slow way.
func TestGatheringMatchesReference(t *testing.T) {
	var g Gathering // used again and again
	rapid.Check(t, func(t *rapid.T) {
		type candidate struct {
			cluster, event int
			p              float64
		}
		var list []candidate
		for i := range rapid.IntRange(1, 14).Draw(t, "candidates") {
			p := rapid.SampledFrom([]float64{0, 1, 0.5, 0.9, 0.3, 0.7, 0.95, 0.1}).Draw(t, "p")
			list = append(list, candidate{rapid.IntRange(0, 4).Draw(t, "cluster"), i, p})
		}
		q := Query{Frames: rapid.IntRange(0, 64).Draw(t, "frames"), FrameRarity: 0.5, WordRarity: 0.25, Kind: 2}
		g.Reset()
		for _, c := range list {
			g.Add(c.cluster, c.event, c.p)
		}
		bound := func(p float64) float64 { return max(-mostLogit, min(mostLogit, Logit(p))) }
		best := map[int]float64{}
		for _, c := range list {
			if b, ok := best[c.cluster]; !ok || c.p > b {
				best[c.cluster] = c.p
			}
		}
		standings := g.Standings()
		if len(standings) != len(best) {
			t.Fatalf("%d clusters, want %d", len(standings), len(best))
		}
		for k, s := range standings {
			if k > 0 && (standings[k-1].Probability < s.Probability || standings[k-1].Probability == s.Probability && standings[k-1].Cluster > s.Cluster) {
				t.Fatalf("standings %d and %d are out of order", k-1, k)
			}
			var logits []float64
			above, high, rivals := 0, 0, 0
			rival := math.Inf(-1)
			event := -1
			for _, c := range list {
				if c.cluster != s.Cluster {
					rival = max(rival, bound(c.p))
					continue
				}
				logits = append(logits, bound(c.p))
				if c.p >= 0.5 {
					above++
				}
				if bound(c.p) >= highLogit {
					high++
				}
				if c.p == best[s.Cluster] && event < 0 {
					event = c.event
				}
			}
			for c, p := range best {
				if c != s.Cluster && p >= 0.5 {
					rivals++
				}
			}
			slices.SortFunc(logits, func(a, b float64) int { return cmp.Compare(b, a) })
			n, sum := min(3, len(logits)), 0.0
			for _, x := range logits[:n] {
				sum += x
			}
			want := GroupVector{}
			want[groupBest], want[groupLeast] = float32(logits[0]), float32(logits[len(logits)-1])
			want[groupSecond] = nan32
			if len(logits) > 1 {
				want[groupSecond] = float32(logits[1])
			}
			want[groupMeanTop] = float32(sum / float64(n))
			want[groupMembers], want[groupAbove] = logCount(len(logits)), logCount(above)
			want[groupShareAbove], want[groupShareHigh] = float32(above)/float32(len(logits)), float32(high)/float32(len(logits))
			want[groupSize] = logCount(30)
			want[groupRival], want[groupLead] = nan32, nan32
			if len(best) > 1 {
				want[groupRival], want[groupLead] = float32(rival), float32(bound(0.5)+max(-mostLogit, min(mostLogit, logits[0]-rival)))
			}
			want[groupRivalsAbove], want[groupCandidates] = logCount(rivals), logCount(len(list))
			want[groupFrames], want[groupFrameRarity], want[groupWordRarity], want[groupKind] = min(4.2, logCount(q.Frames)), 0.5, 0.25, 2
			var got GroupVector
			g.Vector(k, &q, 30, &got)
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) && got[i] != want[i] {
					t.Fatalf("cluster %d: %s is %g, want %g", s.Cluster, GroupSchema[i].Name, got[i], want[i])
				}
				if low, high := GroupSchema[i].Low, GroupSchema[i].High; got[i] < low || got[i] > high {
					t.Fatalf("%s is %g, outside [%g, %g]", GroupSchema[i].Name, got[i], low, high)
				}
			}
			if s.Event != event {
				t.Fatalf("cluster %d: best member is event %d, want %d", s.Cluster, s.Event, event)
			}
		}
	})
}

// TestGroupsDecide: with members that speak against it, a cluster whose best
// member is as good as another's loses.
func TestGroupsDecide(t *testing.T) {
	m := stumps(t, 0.9)
	parts := &Parts{Version: "groups", PrecisionTarget: 0.97, Fallback: Calibration{Kind: Sigmoid, A: 1}, FallbackThreshold: 0.9}
	parts.Forest = stumpForest(t)
	parts.Groups = &GroupParts{
		Forest: Forest{ // +4 for a best member that is likely, less 8 where the cluster's least likely member is not
			Roots: []int32{0, 3}, Feature: []int32{groupBest, -1, -1, groupLeast, -1, -1}, Threshold: []float32{0, 0, 0, 0, 0, 0},
			Left: []int32{1, 0, 0, 4, 0, 0}, Right: []int32{2, 0, 0, 5, 0, 0}, DefaultLeft: make([]bool, 6), Value: []float32{0, -4, 4, 0, -8, 0},
		},
		Fallback: Calibration{Kind: Sigmoid, A: 1}, FallbackThreshold: 0.9,
	}
	opened := func() *Model {
		file, err := Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(file)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	either := opened()
	parts.Groups.Calibrations = map[features.Platform]Calibration{features.Python: {Kind: Sigmoid, A: 1}}
	grouped := opened()
	if either.Measured(features.Python) || !grouped.Measured(features.Python) || grouped.Measured(features.Java) {
		t.Error("a platform is measured where it has a calibration of its own, and nowhere else")
	}
	for name, test := range map[string]struct {
		model *Model
		want  int
	}{"best member alone": {m, 0}, "all members": {grouped, 1}, "either": {either, 0}} {
		g := NewGrouper(test.model)
		g.Add(crash(0, "one", "f", "g"), 0)
		g.Add(crash(1, "far off", "p", "g"), 0) // shares g with the query, and speaks against cluster 0
		g.Add(crash(2, "two", "f", "g"), 1)
		if d := g.Group(crash(3, "ten", "f", "g")); d.New || d.Cluster != test.want {
			t.Errorf("%s: %+v, want cluster %d", name, d, test.want)
		}
		if want := 3 - test.want; g.sizes[test.want] != want { // two and one before it came
			t.Errorf("%s: cluster %d has %d distinct events, want %d", name, test.want, g.sizes[test.want], want)
		}
	}
}
