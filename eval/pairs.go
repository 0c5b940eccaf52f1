package eval

import (
	"context"
	"fmt"
	"math"

	"whorl/eval/result"
)

// ScoredPairs are the judged pairs of a dataset with every scorer's word. All
// slices over pairs have the same length and order: by project, then by the
// earlier item, then by the later one.
type ScoredPairs struct {
	Dataset *Dataset
	Project []int32   // index in Dataset.Projects
	A, B    []int32   // indexes in the project's Items, A earlier
	Same    []bool    // the label is GROUP
	Weight  []float64 // inverse sampling probability
	Scorers []string
	Scores  [][]float64 // by scorer and pair
	Joins   [][]bool    // by scorer and pair: judged GROUP at the scorer's threshold
}

// Len returns the number of pairs.
func (s *ScoredPairs) Len() int { return len(s.Same) }

// EventIDs returns the ids of pair k's events, the earlier first.
func (s *ScoredPairs) EventIDs(k int) (a, b string) {
	items := s.Dataset.Projects[s.Project[k]].Items
	return items[s.A[k]].Event.ID, items[s.B[k]].Event.ID
}

// pairSet is what the pairs protocol judges.
type pairSet struct {
	ScoredPairs
	bounds []int      // pairs of project p are [bounds[p], bounds[p+1])
	all    []int64    // pairs there are, by project
	units  [2][]int32 // of A and B; where both are in one unit the second is the unit number n
	judged []bool     // by scorer: it has a threshold
	corpus *corpus
}

// newPairSet lists or samples the pairs.
func newPairSet(ctx context.Context, c *corpus, u *units, o *Options, done func(int, int)) (*pairSet, error) {
	set := &pairSet{corpus: c, all: make([]int64, len(c.projects)), bounds: make([]int, len(c.projects)+1)}
	set.Dataset = c.Dataset
	sampled := make([][]samplePair, len(c.projects))
	err := parallel(ctx, o.Workers, len(c.projects), done, func(_, k int) error {
		p := c.projects[k]
		var src pairSource = newPairSpace(p.distinct, p.group)
		if len(c.Pairs) > 0 {
			src = p.explicit(c.Pairs)
		}
		set.all[k] = src.size(0) + src.size(1)
		var err error
		sampled[k], err = sample(ctx, src, o.PairCap, preliminaryLimit, p.verdicts(o.Stratify, set.all[k] > int64(o.PairCap)),
			generator(o.Seed, "pairs", c.Name, k))
		return err
	})
	if err != nil {
		return nil, err
	}
	for k := range c.projects {
		for _, pair := range sampled[k] {
			a, b := u.of[k][pair.a], u.of[k][pair.b]
			if a == b {
				b = int32(u.n)
			}
			set.Project = append(set.Project, int32(k))
			set.A, set.B = append(set.A, pair.a), append(set.B, pair.b)
			set.Same = append(set.Same, pair.same)
			set.Weight = append(set.Weight, pair.weight)
			set.units[0], set.units[1] = append(set.units[0], a), append(set.units[1], b)
		}
		set.bounds[k+1] = len(set.Same)
	}
	return set, nil
}

// explicit returns the project's explicit pairs by label, the earlier item
// first.
func (p *project) explicit(pairs []ExplicitPair) *pairList {
	var l pairList
	for _, e := range pairs {
		if e.Project != p.index {
			continue
		}
		label := 0
		if e.Group {
			label = 1
		}
		l[label] = append(l[label], [2]int32{int32(min(e.A, e.B)), int32(max(e.A, e.B))})
	}
	return &l
}

// verdicts returns the stratifying scorer's judgement of the project's pairs.
func (p *project) verdicts(s Scorer, needed bool) func(a, b int32) bool {
	if s == nil || !needed {
		return func(_, _ int32) bool { return false }
	}
	at := s.Start(p.Items)
	at.LearnAll()
	return func(a, b int32) bool { return joins(at.Score(int(a), int(b)), at.Threshold(int(b))) }
}

// joins tells the verdict; without a threshold nothing joins.
func joins(score, threshold float64) bool {
	return hasThreshold(threshold) && score >= threshold
}

func hasThreshold(t float64) bool { return !math.IsNaN(t) && !math.IsInf(t, 1) }

// score asks every scorer for every pair.
func (set *pairSet) score(ctx context.Context, scorers []Scorer, o *Options, done func(int, int)) error {
	n, projects := set.Len(), set.corpus.projects
	for _, s := range scorers {
		set.Scorers = append(set.Scorers, s.Describe().Name)
		set.Scores = append(set.Scores, make([]float64, n))
		set.Joins = append(set.Joins, make([]bool, n))
	}
	judged := make([]bool, len(scorers)*len(projects))
	err := parallel(ctx, o.Workers, len(judged), done, func(_, task int) error {
		// All scorers do one project after another, so that the last tasks are
		// not all of the slowest scorer.
		k, s := task/len(scorers), task%len(scorers)
		from, to := set.bounds[k], set.bounds[k+1]
		if from == to {
			return nil
		}
		p := scorers[s].Start(projects[k].Items)
		p.LearnAll()
		for i := from; i < to; i++ {
			if (i-from)%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if set.ask(p, set.Scorers[s], s, i) {
				judged[task] = true
			}
		}
		return nil
	})
	set.judged = make([]bool, len(scorers))
	for task, yes := range judged {
		if yes {
			set.judged[task%len(scorers)] = true
		}
	}
	return err
}

// ask lets scorer s judge pair i of p's project and reports whether it has a
// threshold there.
func (set *pairSet) ask(p Project, name string, s, i int) bool {
	a, b := int(set.A[i]), int(set.B[i])
	score, threshold := p.Score(a, b), p.Threshold(b)
	if math.IsNaN(score) {
		panic(fmt.Sprintf("eval: scorer %q: the score of items %d and %d is NaN", name, a, b))
	}
	set.Scores[s][i], set.Joins[s][i] = score, joins(score, threshold)
	return hasThreshold(threshold)
}

// pairView is a view and its pairs, ascending.
type pairView struct {
	view
	pairs    []int32
	positive int
}

// views lists all, every project and every slice. The members are the same for
// every scorer; n of figures at a threshold is filled in later.
func (set *pairSet) views(u *units) []pairView {
	all := make([]int32, set.Len())
	for k := range all {
		all[k] = int32(k)
	}
	views := []pairView{{view: view{slice: result.SliceAll, project: none}, pairs: all}}
	for k := range set.corpus.projects {
		if from, to := set.bounds[k], set.bounds[k+1]; from < to {
			views = append(views, pairView{view: view{project: k, unit: int(u.of[k][set.A[from]])}, pairs: all[from:to]})
		}
	}
	members := make([][]int32, len(set.corpus.sliceNames))
	for k := range all {
		slices := set.corpus.projects[set.Project[k]].slices
		a, b := slices[set.A[k]], slices[set.B[k]]
		for len(a) > 0 || len(b) > 0 { // the union of two ascending lists
			var s int32
			switch {
			case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
				s, a = a[0], a[1:]
			case len(a) == 0 || b[0] < a[0]:
				s, b = b[0], b[1:]
			default:
				s, a, b = a[0], a[1:], b[1:]
			}
			members[s] = append(members[s], int32(k))
		}
	}
	for s, name := range set.corpus.sliceNames {
		if len(members[s]) > 0 {
			views = append(views, pairView{view: view{slice: name, project: none}, pairs: members[s]})
		}
	}
	for v := range views {
		view := &views[v]
		for _, k := range view.pairs {
			if set.Same[k] {
				view.positive++
			}
		}
		if v > 0 && view.project < 0 {
			view.small = view.positive < MinPairs || len(view.pairs)-view.positive < MinPairs
		}
		view.alias = none
		for e := range v {
			if views[e].alias == none && !views[e].small && equal(views[e].pairs, view.pairs) {
				view.alias = e
				break
			}
		}
	}
	return views
}

func equal(a, b []int32) bool {
	// Ascending lists of different slices nearly always differ at an end.
	if len(a) != len(b) || len(a) > 0 && (a[0] != b[0] || a[len(a)-1] != b[len(b)-1]) {
		return false
	}
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}
