package train

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"whorl/features/blocking"
)

// anyProject draws a generated project with uneven confidences, explicit pairs,
// exact copies and records without a group.
func anyProject(t *rapid.T) *Project {
	y := toy{
		seed: rapid.Uint64().Draw(t, "seed"), organisations: 1, projects: 1, platform: "python",
		groups: rapid.IntRange(1, 6).Draw(t, "groups"), events: rapid.IntRange(1, 9).Draw(t, "events"),
	}
	p := &y.corpus().Projects[0]
	n := len(p.Records)
	for i := range p.Confidence {
		p.Confidence[i] = rapid.SampledFrom([]float32{1, 0.5, 0.25}).Draw(t, "confidence")
	}
	if n > 1 {
		for range rapid.IntRange(0, 4).Draw(t, "explicit pairs") {
			a := int32(rapid.IntRange(0, n-1).Draw(t, "a"))
			b := int32(rapid.IntRange(0, n-2).Draw(t, "b"))
			if b >= a {
				b++
			}
			p.Pairs = append(p.Pairs, ExplicitPair{a, b, rapid.Bool().Draw(t, "same"), 0.75, rapid.Bool().Draw(t, "asked")})
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "copies") { // in the same group or in another
		i := rapid.IntRange(0, n-1).Draw(t, "of")
		p.Records = append(p.Records, p.Records[i])
		p.Groups = append(p.Groups, rapid.SampledFrom(p.Groups).Draw(t, "in"))
		p.Confidence = append(p.Confidence, 1)
	}
	for range rapid.IntRange(0, 4).Draw(t, "without a group") {
		p.Groups[rapid.IntRange(0, n-1).Draw(t, "which")] = NoGroup
	}
	return p
}

// explicitOf returns the label that counts for each explicit pair: the first.
func explicitOf(p *prepared) map[[2]int32]ExplicitPair {
	out := map[[2]int32]ExplicitPair{}
	for _, e := range p.explicit {
		if _, ok := out[[2]int32{e.A, e.B}]; !ok {
			out[[2]int32{e.A, e.B}] = e
		}
	}
	return out
}

func TestMine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prepare(anyProject(t))
		params := MineParams{
			PerGroup:   rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "per group"),
			Hard:       rapid.SampledFrom([]int{1, 3, 100}).Draw(t, "hard"),
			Random:     rapid.SampledFrom([]int{0, 2}).Draw(t, "random"),
			PerProject: rapid.SampledFrom([]int{7, 100_000}).Draw(t, "per project"),
		}
		pairs := mine(4, p, params, 11)

		if len(pairs) > params.PerProject {
			t.Fatalf("%d pairs, more than %d", len(pairs), params.PerProject)
		}
		explicit := explicitOf(p)
		found := map[[2]int32]Pair{}
		positives := map[int32]int{}
		for i, q := range pairs {
			if q.Project != 4 || q.A >= q.B || i > 0 && (pairs[i-1].A > q.A || pairs[i-1].A == q.A && pairs[i-1].B >= q.B) {
				t.Fatalf("pair %d, %+v after %+v: want A < B, sorted, each once", i, q, pairs[max(0, i-1)])
			}
			key := [2]int32{q.A, q.B}
			found[key] = q
			if e, ok := explicit[key]; ok {
				if q.Same != e.Same || q.Weight != e.Confidence {
					t.Fatalf("pair %+v: its own label is %+v", q, e)
				}
				continue
			}
			if p.groups[q.A] == NoGroup || p.groups[q.B] == NoGroup {
				t.Fatalf("pair %+v has a record without a group and no label of its own", q)
			}
			if q.Same != (p.groups[q.A] == p.groups[q.B]) || q.Weight != p.confidence[q.A]*p.confidence[q.B] {
				t.Fatalf("pair %+v of groups %d and %d, confidence %g and %g", q, p.groups[q.A], p.groups[q.B], p.confidence[q.A], p.confidence[q.B])
			}
			if p.records[q.A].Content == p.records[q.B].Content {
				t.Fatalf("pair %+v is of equal contents", q)
			}
			if q.Same {
				positives[p.groups[q.A]]++
			}
		}
		for g, n := range positives {
			if n > params.PerGroup {
				t.Fatalf("group %d gives %d positives, more than %d", g, n, params.PerGroup)
			}
		}
		if kept := min(len(explicit), params.PerProject); kept < len(explicit) {
			return
		}
		for key := range explicit {
			if _, ok := found[key]; !ok {
				t.Fatalf("explicit pair %v is missing", key)
			}
		}
		if params.PerProject < 1000 {
			return
		}
		// Nothing was cut: small groups give all their pairs, and blocking's
		// best foreign candidates are negatives.
		for _, members := range p.byGroup() {
			if n := len(members); n*(n-1)/2 > params.PerGroup {
				continue
			}
			for i, a := range members {
				for _, b := range members[i+1:] {
					if _, ok := found[[2]int32{int32(a), int32(b)}]; !ok {
						t.Fatalf("positive %d, %d is missing", a, b)
					}
				}
			}
		}
		var index blocking.Index
		for _, r := range p.records {
			index.Add(r)
		}
		frequencies := p.frequencies()
		hard := map[[2]int32]bool{}
		for i, r := range p.records {
			n := 0
			if p.groups[i] == NoGroup {
				continue
			}
			for _, j := range index.Candidates(nil, r, frequencies, 0, 100) {
				if p.groups[i] == p.groups[j] || p.groups[j] == NoGroup || n == params.Hard {
					continue
				}
				n++
				key := [2]int32{int32(min(i, j)), int32(max(i, j))}
				hard[key] = true
				if _, ok := found[key]; !ok && p.records[i].Content != p.records[j].Content {
					t.Fatalf("hard negative %v is missing", key)
				}
			}
		}
		for key, q := range found {
			if _, ok := explicit[key]; params.Random == 0 && !ok && !q.Same && !hard[key] {
				t.Fatalf("negative %v is neither blocked nor explicit", key)
			}
		}
	})
}

func TestMineSeed(t *testing.T) {
	c := toy{seed: 5, organisations: 1, projects: 1, groups: 3, events: 20, platform: "python"}.corpus()
	p := prepare(&c.Projects[0])
	params := MineParams{PerGroup: 10}.withDefaults()
	one := mine(0, p, params, 1)
	if !slices.Equal(one, mine(0, p, params, 1)) {
		t.Error("one seed mines twice differently")
	}
	if slices.Equal(one, mine(0, p, params, 2)) {
		t.Error("the seed does not matter, though positives and negatives are drawn")
	}
}

// TestPrepareAndMineIgnoreNumbers renumbers the groups of a project and adds
// copies of records to their groups: neither changes what is mined or drawn.
func TestPrepareAndMineIgnoreNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyProject(t)
		other := *p
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "numbers"), 0))
		names := rng.Perm(1000)
		other.Groups = nil
		for _, g := range p.Groups {
			if g != NoGroup {
				g = int32(names[g])
			}
			other.Groups = append(other.Groups, g)
		}
		other.Records, other.Confidence = slices.Clone(p.Records), slices.Clone(p.Confidence)
		for range 5 {
			i := rng.IntN(len(p.Records))
			other.Records, other.Groups = append(other.Records, p.Records[i]), append(other.Groups, other.Groups[i])
			other.Confidence = append(other.Confidence, rng.Float32())
		}
		a, b := prepare(p), prepare(&other)
		params := MineParams{PerGroup: 4}.withDefaults()
		if !slices.Equal(mine(0, a, params, 3), mine(0, b, params, 3)) {
			t.Fatal("numbers of groups or copies change the mined pairs")
		}
		folds := assignFolds([]*prepared{a, b}, 3)
		for i := range a.homes {
			if folds[0][a.homes[i]] != folds[1][b.homes[i]] {
				t.Fatalf("record %d: fold %d and, renumbered, %d", i, folds[0][a.groups[i]], folds[1][b.groups[i]])
			}
		}
		if !slices.Equal(drawTuning(0, a, folds[0], 20, 3), drawTuning(0, b, folds[1], 20, 3)) {
			t.Fatal("numbers of groups or copies change the tuning pairs")
		}
	})
}
