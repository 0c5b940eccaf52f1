package train

import (
	"math/rand/v2"

	"whorl/features"
)

// Study leaves data out of a fit, to learn what it is worth. The zero value
// leaves nothing out.
type Study struct {
	WithoutPlatforms []features.Platform // projects of which these are the commonest
	Organisations    int                 // of each platform at most, a seeded draw; 0: all
}

// of returns the corpus less what the study leaves out. The corpora of a
// learning curve contain each other: those of more organisations, of fewer.
func (s *Study) of(corpus *Corpus, seed uint64) *Corpus {
	if len(s.WithoutPlatforms) == 0 && s.Organisations == 0 {
		return corpus
	}
	without := map[features.Platform]bool{}
	for _, p := range s.WithoutPlatforms {
		without[p] = true
	}
	organisations := 0
	for i := range corpus.Projects {
		organisations = max(organisations, corpus.Projects[i].Organisation+1)
	}
	turn := rand.New(rand.NewPCG(seed, 0x5354554459)).Perm(organisations)
	present := map[features.Platform]map[int]bool{}
	platforms := make([]features.Platform, len(corpus.Projects))
	for i := range corpus.Projects {
		platforms[i] = commonest(corpus.Projects[i].Records)
		family := foldFamily(platforms[i])
		if present[family] == nil {
			present[family] = map[int]bool{}
		}
		present[family][corpus.Projects[i].Organisation] = true
	}
	before := func(family features.Platform, organisation int) int {
		n := 0
		for other := range present[family] {
			if turn[other] < turn[organisation] {
				n++
			}
		}
		return n
	}
	out := &Corpus{}
	for i, p := range corpus.Projects {
		if without[platforms[i]] || s.Organisations > 0 && before(foldFamily(platforms[i]), p.Organisation) >= s.Organisations {
			continue
		}
		out.Projects = append(out.Projects, p)
	}
	return out
}

// commonest returns the commonest platform of some records, the first of
// [features.Platforms] among equals.
func commonest(records []*features.Record) features.Platform {
	n := map[features.Platform]int{}
	for _, r := range records {
		n[r.Platform]++
	}
	var most features.Platform
	for _, p := range features.Platforms() {
		if n[p] > n[most] {
			most = p
		}
	}
	return most
}
