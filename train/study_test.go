package train

import (
	"slices"
	"testing"

	"whorl/features"
)

func TestStudy(t *testing.T) {
	record := func(p features.Platform) []*features.Record {
		return []*features.Record{{Platform: features.Go}, {Platform: p}, {Platform: p}}
	}
	corpus := &Corpus{Projects: []Project{
		{Organisation: 0, Records: record(features.JavaScript)},
		{Organisation: 0, Records: record(features.Python)},
		{Organisation: 1, Records: record(features.Node)},
		{Organisation: 2, Records: record(features.JavaScript)},
		{Organisation: 2, Records: record(features.JavaScript)},
		{Organisation: 3, Records: record(features.Python)},
	}}
	kept := func(s Study, seed uint64) []int {
		var out []int
		left := s.of(corpus, seed)
		for i := range corpus.Projects {
			if slices.ContainsFunc(left.Projects, func(p Project) bool { return &p.Records[0] == &corpus.Projects[i].Records[0] }) {
				out = append(out, i)
			}
		}
		return out
	}
	if got := kept(Study{}, 1); len(got) != 6 {
		t.Errorf("nothing is left out, yet %v are kept", got)
	}
	if got := kept(Study{WithoutPlatforms: []features.Platform{features.JavaScript}}, 1); !slices.Equal(got, []int{1, 2, 5}) {
		t.Errorf("without JavaScript %v are kept", got)
	}
	drawn := map[int]bool{}
	for seed := range uint64(20) {
		var before []int
		for n := 1; n <= 3; n++ {
			got := kept(Study{Organisations: n}, seed)
			organisations := map[features.Platform]map[int]bool{features.JavaScript: {}, features.Python: {}}
			for _, i := range got {
				organisations[foldFamily(commonest(corpus.Projects[i].Records))][corpus.Projects[i].Organisation] = true
			}
			if js, python := len(organisations[features.JavaScript]), len(organisations[features.Python]); js != n || python != min(n, 2) {
				t.Fatalf("seed %d: %d and %d organisations, want %d and %d", seed, js, python, n, min(n, 2))
			}
			for _, i := range before {
				if !slices.Contains(got, i) {
					t.Fatalf("seed %d: %d organisations have project %d, %d do not", seed, n-1, i, n)
				}
			}
			before = got
			if n == 1 {
				for _, i := range got {
					drawn[i] = true
				}
			}
		}
	}
	if len(drawn) != 6 {
		t.Errorf("twenty draws of one organisation never took all: %v", drawn)
	}
}
