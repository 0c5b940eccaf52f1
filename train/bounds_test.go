package train

import (
	"slices"
	"testing"

	"whorl/features"
)

// TestShares: projects give what they have while all together stay below the
// bound, and the same part of it beyond.
func TestShares(t *testing.T) {
	f := &fitting{}
	for _, n := range []int{101, 11, 1, 101} { // 5050, 55, 0 and 5050 pairs
		f.projects = append(f.projects, &prepared{records: make([]*features.Record, n)})
	}
	if got := f.shares(1000, 2055); !slices.Equal(got, []int{1000, 1000, 1000, 1000}) {
		t.Errorf("projects may give %v pairs although all fit, want their own 1000", got)
	}
	if got, want := f.shares(1000, 1000), []int{486, 26, 1, 486}; !slices.Equal(got, want) { // of 2055 pairs 1000
		t.Errorf("projects may give %v pairs, want %v", got, want)
	}
}

// TestReplayedProjects: platforms take turns, whole projects are taken, and the
// first is taken whatever its size.
func TestReplayedProjects(t *testing.T) {
	f := &fitting{params: Params{Seed: 3, MostReplayed: 100}}
	for i := range 20 {
		platform := features.Go
		if i >= 15 {
			platform = features.PHP
		}
		f.projects = append(f.projects, &prepared{platform: platform})
		f.replayed = append(f.replayed, &Project{Records: make([]*features.Record, 10)})
	}
	perPlatform := map[features.Platform]int{}
	for i, chosen := range f.replayedProjects() {
		if chosen {
			perPlatform[f.projects[i].platform]++
		}
	}
	if perPlatform[features.Go] != 5 || perPlatform[features.PHP] != 5 {
		t.Errorf("chosen %v, want 5 projects of each platform", perPlatform)
	}
	f.params.MostReplayed = 1
	n := 0
	for _, chosen := range f.replayedProjects() {
		if chosen {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d projects chosen, want one however large", n)
	}
}
