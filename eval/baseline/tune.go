package baseline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"whorl/eval"
	"whorl/features"
)

// ErrNothingToTune is wrapped when a search has nothing to find or to find it
// with: a rule baseline, or projects without a pair of one group.
var ErrNothingToTune = errors.New("nothing to tune")

// TuningProject is one training project.
type TuningProject struct {
	Items  []eval.Item // in time order, ties by event id
	Groups []int       // group of each item; below 0: no label, only counted
}

// TuneOptions are the choices of a search. The zero value is ready.
type TuneOptions struct {
	Seed            uint64
	Evaluations     int     // settings tried, the published ones first; default 100
	TargetPrecision float64 // of pairs at the thresholds; default 0.97
	Workers         int     // goroutines; default 2. The result does not depend on it
	// Progress is told how many of all steps are done, one call at a time; may be nil.
	Progress func(done, total int)
}

func (o TuneOptions) withDefaults() TuneOptions {
	if o.Evaluations == 0 {
		o.Evaluations = 100
	}
	if o.TargetPrecision == 0 {
		o.TargetPrecision = 0.97
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	return o
}

// Tune searches the settings of a score baseline on training projects:
//
//  1. copies of an event are dropped, and projects and events sampled (see
//     searchSample);
//  2. each setting's objective is the mean over projects of average precision
//     over pairs, plus MAP and "new or seen" ROC-AUC of retrieval, the two that
//     published tunings add up; the best setting wins, the first among equals;
//  3. thresholds are chosen per platform, and over all of them as the fallback,
//     on pairs of uniformly sampled events: the lowest at which the precision
//     of GROUP reaches the target, hence the greatest recall. Where none does,
//     the one of the best F0.5, and a note says so.
//
// The same data, seed and options give the same settings. Errors wrap
// [ErrUnknown], [ErrNothingToTune] or the context's.
func Tune(ctx context.Context, name string, data []TuningProject, opts TuneOptions) (*Settings, error) {
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	if e.rule != nil {
		return nil, fmt.Errorf("%w: %s is a rule without settings", ErrNothingToTune, name)
	}
	opts = opts.withDefaults()
	if opts.Evaluations < 1 || opts.Workers < 1 || !(opts.TargetPrecision > 0 && opts.TargetPrecision <= 1) {
		return nil, fmt.Errorf("tune %s: %d evaluations on %d workers for precision %v: use at least 1, 1 and a share in (0,1]",
			name, opts.Evaluations, opts.Workers, opts.TargetPrecision)
	}
	for i := range data {
		if len(data[i].Items) != len(data[i].Groups) {
			return nil, fmt.Errorf("tune %s: project %d has %d items and %d groups", name, i, len(data[i].Items), len(data[i].Groups))
		}
	}
	sets := prepare(data)
	random := rand.New(rand.NewPCG(opts.Seed, 0x62617365)) // "base"
	search := searchSample(random, sets)
	if len(search) == 0 {
		return nil, fmt.Errorf("%w: %s needs a project with two distinct events of one group and a third of another: give more labelled events", ErrNothingToTune, name)
	}
	tries := make([]*Settings, opts.Evaluations)
	for i := range tries {
		s := e.published.clone()
		if i > 0 {
			for k := range e.space {
				s.Parameters[e.space[k].name] = e.space[k].draw(random)
			}
		}
		tries[i] = s
	}
	wide := thresholdSample(random, sets)

	total := opts.Evaluations + len(wide)
	progress := newProgress(opts.Progress, total)
	objective := make([]float64, len(tries))
	err = parallel(ctx, opts.Workers, len(tries), func(i int) {
		objective[i] = meanObjective(ctx, e.build(tries[i]), search)
		progress()
	})
	if err != nil {
		return nil, fmt.Errorf("tune %s: %w", name, err)
	}
	best := 0
	for i := range objective {
		if objective[i] > objective[best] {
			best = i
		}
	}

	found := tries[best]
	found.Tuned, found.Seed, found.Evaluations, found.Objective = true, opts.Seed, opts.Evaluations, objective[best]
	scorer := e.build(found)
	scored := make([]platformPairs, len(wide))
	err = parallel(ctx, opts.Workers, len(wide), func(i int) {
		scored[i] = scorePairs(scorer, &wide[i])
		progress()
	})
	if err != nil {
		return nil, fmt.Errorf("tune %s: %w", name, err)
	}
	found.Thresholds, found.Notes = chooseThresholds(scored, opts.TargetPrecision, e.least)
	if _, ok := found.Thresholds[""]; !ok {
		found.Thresholds[""] = e.published.Thresholds[""]
		found.Notes = append(found.Notes, "all platforms: no pair of one group has anything in common; the published threshold stands")
	}
	return found, nil
}

// tuningSet is one project with copies dropped, and what is sampled of it.
type tuningSet struct {
	items  []eval.Item
	groups []int
	counts *features.Frequencies // of all items of the project
}

// prepare counts each project's document frequencies and drops what cannot be
// judged: items without a label, and copies of an earlier item, which every
// setting gets right.
func prepare(data []TuningProject) []tuningSet {
	sets := make([]tuningSet, len(data))
	for i := range data {
		s := tuningSet{counts: new(features.Frequencies)}
		seen := make(map[uint64]bool)
		for k, item := range data[i].Items {
			s.counts.Add(item.Record)
			if data[i].Groups[k] < 0 || seen[item.Record.Content] {
				continue
			}
			seen[item.Record.Content] = true
			s.items = append(s.items, item)
			s.groups = append(s.groups, data[i].Groups[k])
		}
		sets[i] = s
	}
	return sets
}

// start begins a project of the set with the frequencies of all its items.
func (s *tuningSet) start(scorer eval.Scorer) eval.Project {
	p := scorer.Start(s.items)
	if l, ok := p.(interface{ learn(*features.Frequencies) }); ok {
		l.learn(s.counts)
	} else {
		p.LearnAll()
	}
	return p
}

// subset returns the set of some of the items, in their order.
func (s *tuningSet) subset(chosen []int) tuningSet {
	slices.Sort(chosen)
	out := tuningSet{counts: s.counts}
	for _, i := range chosen {
		out.items = append(out.items, s.items[i])
		out.groups = append(out.groups, s.groups[i])
	}
	return out
}

// sizes returns the number of items of each group.
func (s *tuningSet) sizes() map[int]int {
	n := make(map[int]int)
	for _, g := range s.groups {
		n[g]++
	}
	return n
}

// judgeable reports whether the set has a pair of one group and one of two.
func (s *tuningSet) judgeable() bool {
	n := s.sizes()
	for _, size := range n {
		if size >= 2 && len(n) >= 2 {
			return true
		}
	}
	return false
}

// Bounds of the samples.
const (
	searchProjects  = 60  // projects in a search
	searchEvents    = 150 // events of each
	searchPerGroup  = 8   // events of one group at most, at first
	thresholdEvents = 400 // events of each project for thresholds
)

// searchSample returns at most 60 projects of at most 150 distinct events. Of a
// larger project it takes up to half from groups with two or more events, in
// random order and at most 8 each, so that there is something to retrieve; and
// fills up at random.
func searchSample(r *rand.Rand, sets []tuningSet) []tuningSet {
	var eligible []int
	for i := range sets {
		if sets[i].judgeable() {
			eligible = append(eligible, i)
		}
	}
	if len(eligible) > searchProjects {
		r.Shuffle(len(eligible), func(a, b int) { eligible[a], eligible[b] = eligible[b], eligible[a] })
		eligible = eligible[:searchProjects]
		slices.Sort(eligible)
	}
	var out []tuningSet
	for _, i := range eligible {
		s := &sets[i]
		if len(s.items) <= searchEvents {
			out = append(out, *s)
			continue
		}
		members := make(map[int][]int)
		for k, g := range s.groups {
			members[g] = append(members[g], k)
		}
		groups := slices.Sorted(maps.Keys(members))
		r.Shuffle(len(groups), func(a, b int) { groups[a], groups[b] = groups[b], groups[a] })
		taken := make([]bool, len(s.items))
		var chosen []int
		take := func(k int) {
			if !taken[k] {
				taken[k] = true
				chosen = append(chosen, k)
			}
		}
		for _, g := range groups {
			m := members[g]
			if len(m) < 2 {
				continue
			}
			r.Shuffle(len(m), func(a, b int) { m[a], m[b] = m[b], m[a] })
			for _, k := range m[:min(len(m), searchPerGroup)] {
				if len(chosen) < searchEvents/2 {
					take(k)
				}
			}
		}
		for _, k := range r.Perm(len(s.items)) {
			if len(chosen) < searchEvents {
				take(k)
			}
		}
		out = append(out, s.subset(chosen))
	}
	return out
}

// thresholdSample returns every project with at most 400 distinct events each,
// drawn uniformly: pairs then have their natural prevalence.
func thresholdSample(r *rand.Rand, sets []tuningSet) []tuningSet {
	var out []tuningSet
	for i := range sets {
		s := &sets[i]
		switch {
		case len(s.items) < 2:
		case len(s.items) <= thresholdEvents:
			out = append(out, *s)
		default:
			out = append(out, s.subset(r.Perm(len(s.items))[:thresholdEvents]))
		}
	}
	return out
}

// parallel calls f once for each of 0..n-1. Once the context is done it starts
// no further call and returns the context's error.
func parallel(ctx context.Context, workers, n int, f func(i int)) error {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, n) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// newProgress returns a function that reports one more step as done.
func newProgress(report func(done, total int), total int) func() {
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if report != nil {
			report(done, total)
		}
	}
}
