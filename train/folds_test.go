package train

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
)

// sketch is a prepared project of n records in groups of two, in time order.
func sketch(organisation int, platform features.Platform, n int) *prepared {
	p := &prepared{organisation: organisation, platform: platform, first: map[int32]int64{}}
	for i := range n {
		g := int32(1000 - i/2) // numbers against the order of time
		p.records = append(p.records, &features.Record{})
		p.groups, p.homes = append(p.groups, g), append(p.homes, g)
		if _, ok := p.first[g]; !ok {
			p.first[g] = int64(i)
		}
	}
	return p
}

// foldsOf returns the set of folds that a project's groups are in.
func foldsOf(folds map[int32]int) map[int]bool {
	out := map[int]bool{}
	for _, f := range folds {
		out[f] = true
	}
	return out
}

func TestAssignFoldsByOrganisation(t *testing.T) {
	js, node := features.JavaScript, features.Node
	projects := []*prepared{
		sketch(0, js, 40), sketch(0, node, 20), sketch(1, js, 50), sketch(2, node, 30), sketch(2, js, 10), sketch(3, js, 38),
	}
	folds := assignFolds(projects, 4)
	home := map[int]int{}
	for i, p := range projects {
		set := foldsOf(folds[i])
		if len(set) != 1 {
			t.Fatalf("organisation %d is split over folds %v", p.organisation, set)
		}
		for f := range set {
			if was, ok := home[p.organisation]; ok && was != f {
				t.Errorf("organisation %d is in folds %d and %d: browser and server are one application", p.organisation, was, f)
			}
			home[p.organisation] = f
		}
	}
	// Four organisations of 60, 50, 40 and 38 fill four folds in that order.
	if want := map[int]int{0: 0, 1: 1, 2: 2, 3: 3}; !reflect.DeepEqual(home, want) {
		t.Errorf("folds %v, want %v", home, want)
	}
}

func TestAssignFoldsByTime(t *testing.T) {
	for name, projects := range map[string][]*prepared{
		"two organisations":         {sketch(0, features.Java, 16), sketch(1, features.Java, 16)},
		"one with three projects":   {sketch(0, features.Java, 16), sketch(0, features.Java, 16), sketch(0, features.Java, 16)},
		"three, but of three kinds": {sketch(0, features.Java, 16), sketch(1, features.Python, 16), sketch(2, features.Go, 16)},
	} {
		for i, folds := range assignFolds(projects, 4) {
			for k := range 8 { // groups of two events, eight of them: two a fold
				if g := int32(1000 - k); folds[g] != k/2 {
					t.Errorf("%s: project %d: group %d in time is in fold %d, want %d", name, i, k, folds[g], k/2)
				}
			}
		}
	}
}

func TestAssignFoldsDominant(t *testing.T) {
	projects := []*prepared{sketch(0, features.Go, 100), sketch(1, features.Go, 20), sketch(2, features.Go, 30)}
	folds := assignFolds(projects, 3)
	if set := foldsOf(folds[0]); len(set) != 3 {
		t.Errorf("the organisation with most of the platform is in folds %v, want its time cut in 3", set)
	}
	for i := 1; i < 3; i++ {
		if set := foldsOf(folds[i]); len(set) != 1 {
			t.Errorf("organisation %d is split over folds %v", i, set)
		}
	}
}

// most returns the organisation with most events, the lowest of equals.
func most(sizes map[int]int) int {
	best := -1
	for o, n := range sizes {
		if best < 0 || n > sizes[best] || n == sizes[best] && o < best {
			best = o
		}
	}
	return best
}

func TestAssignFoldsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var projects []*prepared
		platforms := []features.Platform{features.JavaScript, features.Node, features.Python}
		for range rapid.IntRange(1, 12).Draw(t, "projects") {
			projects = append(projects, sketch(rapid.IntRange(0, 5).Draw(t, "organisation"),
				rapid.SampledFrom(platforms).Draw(t, "platform"), rapid.IntRange(0, 30).Draw(t, "records")))
		}
		n := rapid.IntRange(2, 6).Draw(t, "folds")
		folds := assignFolds(projects, n)
		for range 3 { // maps are walked in another order each time
			if again := assignFolds(projects, n); !reflect.DeepEqual(folds, again) {
				t.Fatalf("folds %v, then %v", folds, again)
			}
		}
		size := map[features.Platform]map[int]int{}
		for _, p := range projects {
			family := foldFamily(p.platform)
			if size[family] == nil {
				size[family] = map[int]int{}
			}
			size[family][p.organisation] += len(p.records)
		}
		home := map[string]int{}
		for i, p := range projects {
			sizes := size[foldFamily(p.platform)]
			byTime := len(sizes) < 3 || 5*sizes[p.organisation] > 2*sum(sizes) && most(sizes) == p.organisation
			last := 0
			for _, members := range p.byGroup() { // in time
				g := p.groups[members[0]]
				f, ok := folds[i][g]
				if !ok || f < 0 || f >= n {
					t.Fatalf("project %d: group %d has fold %d of %d", i, g, f, n)
				}
				if byTime && f < last {
					t.Fatalf("project %d: fold %d after %d in time", i, f, last)
				}
				last = f
				if byTime {
					continue
				}
				key := fmt.Sprint(foldFamily(p.platform), " ", p.organisation)
				if was, ok := home[key]; ok && was != f {
					t.Fatalf("project %d: organisation %s is in folds %d and %d", i, key, was, f)
				}
				home[key] = f
			}
		}
	})
}
