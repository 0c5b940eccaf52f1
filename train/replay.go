package train

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"whorl/features"
	"whorl/model"
)

// The grid's ends in log-odds: what is more probably wrong than right is not
// joined, and above 0.999 lies the threshold for a target out of reach.
const (
	leastLogit = 0.0
	mostLogit  = 6.9
)

// thresholdGrid are the probabilities that replays are clustered at, evenly
// spaced in log-odds.
var thresholdGrid = func() []float64 {
	grid := make([]float64, 60)
	for i := range grid {
		logit := leastLogit + (mostLogit-leastLogit)*float64(i)/float64(len(grid)-1)
		grid[i] = 1 / (1 + math.Exp(-logit))
	}
	return grid
}()

// replayed is one project's events with the candidates of each, before any
// decision: with them a replay at any threshold costs little.
type replayed struct {
	project    *Project
	index      int // of the project
	fold       int
	counted    []bool // the event's group lies in the fold that the model did not see
	candidates [][]candidate
	queries    []model.Query
	weight     float64                    // of an event, so that a large project does not rule
	judge      judgement                  // nil: clusters are as probable as their best members
	unmeasured map[features.Platform]bool // of these the more certain of the two decides
}

// candidate is an earlier event and the probability that both are one problem.
type candidate struct {
	event       int32
	probability float64
}

// judgement returns the probability that a query of the platform belongs to
// the cluster of a group vector.
type judgement func(v *model.GroupVector, p features.Platform) float64

// replays takes every project through the grouper in the order of time, with
// the model that was fitted without the project's fold.
func (f *fitting) replays(ctx context.Context, parts *model.Parts) ([]*replayed, error) {
	type job struct {
		model         *model.Model
		project, fold int
	}
	var jobs []job
	chosen := f.replayedProjects()
	for fold, e := range f.ensembles {
		if e == nil {
			continue
		}
		p := *parts
		p.Version, p.Forest, p.Thresholds, p.FallbackThreshold = "fold", f.forest(e), nil, strict
		file, err := model.Marshal(&p)
		if err != nil {
			return nil, err
		}
		m, err := model.Decode(file)
		if err != nil {
			return nil, err
		}
		for i := range f.projects {
			if chosen[i] && f.inFold(i, fold) {
				jobs = append(jobs, job{m, i, fold})
			}
		}
	}
	out := make([]*replayed, len(jobs))
	err := f.each(ctx, "replaying", len(jobs), func(k int) { out[k] = f.replay(jobs[k].model, jobs[k].project, jobs[k].fold) })
	return out, err
}

// replayedProjects draws whole projects, platform by platform in turn, until
// they hold as many events as may be replayed.
func (f *fitting) replayedProjects() []bool {
	perPlatform := map[features.Platform][]int{}
	rng := rand.New(rand.NewPCG(f.params.Seed, 0x5245504c4159))
	for _, i := range rng.Perm(len(f.projects)) {
		p := f.projects[i].platform
		perPlatform[p] = append(perPlatform[p], i)
	}
	chosen := make([]bool, len(f.projects))
	events := 0
	for again := true; again; {
		again = false
		for _, platform := range features.Platforms() {
			list := perPlatform[platform]
			if len(list) == 0 {
				continue
			}
			n := len(f.replayed[list[0]].Records)
			if events > 0 && events+n > f.params.MostReplayed {
				perPlatform[platform] = nil
				continue
			}
			events += n
			chosen[list[0]], perPlatform[platform], again = true, list[1:], true
		}
	}
	return chosen
}

// inFold reports whether a project holds a group of the fold.
func (f *fitting) inFold(project, fold int) bool {
	for _, k := range f.folds[project] {
		if k == fold {
			return true
		}
	}
	return false
}

// fullReplay is the number of events beyond which a project's replay counts no more.
const fullReplay = 500

// replay takes one project's events through the grouper, copies included.
func (f *fitting) replay(m *model.Model, project, fold int) *replayed {
	p := f.replayed[project]
	out := &replayed{project: p, index: project, fold: fold, weight: min(1, fullReplay/float64(max(1, len(p.Records))))}
	g := model.NewGrouper(m)
	var found []model.Candidate
	for i, r := range p.Records {
		found = g.Candidates(found[:0], r, 0)
		list := make([]candidate, len(found))
		for k, c := range found {
			list[k] = candidate{int32(c.Event), c.Probability}
		}
		slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.event, b.event) })
		out.candidates = append(out.candidates, list)
		out.queries = append(out.queries, g.Query())
		out.counted = append(out.counted, f.folds[project][p.Groups[i]] == fold)
		g.Add(r, 0)
	}
	return out
}

// through takes the events in order: gathered is told of each event's
// candidates, sorted into clusters, and returns the cluster that the event
// goes to. sizes has one entry for each cluster so far: its distinct events.
// copied is the cluster of an exact copy, -1 without one.
func (r *replayed) through(gathered func(i int, t *model.Gathering, sizes []int, copied int) (cluster int)) []int {
	n := len(r.candidates)
	clusters := make([]int, n)
	var sizes []int
	latest := make(map[uint64]int, n) // by content
	var t model.Gathering
	for i, candidates := range r.candidates {
		t.Reset()
		for _, c := range candidates {
			t.Add(clusters[c.event], int(c.event), c.probability)
		}
		content := r.project.Records[i].Content
		before, again := latest[content]
		copied := -1
		if again {
			copied = clusters[before]
		}
		c := gathered(i, &t, sizes, copied)
		for len(sizes) <= c {
			sizes = append(sizes, 0)
		}
		sizes[c]++
		if again {
			sizes[copied]--
		}
		clusters[i], latest[content] = c, i
	}
	return clusters
}

// cluster decides every event as [model.Grouper.Group] would at a threshold.
func (r *replayed) cluster(threshold float64) []int {
	var v model.GroupVector
	return r.through(func(i int, t *model.Gathering, sizes []int, copied int) int {
		if copied >= 0 {
			return copied
		}
		best, probability := -1, 0.0
		for k, s := range t.Standings() {
			if k == model.MaxJudged {
				break
			}
			p := s.Probability
			if r.judge != nil {
				platform := r.project.Records[i].Platform
				t.Vector(k, &r.queries[i], sizes[s.Cluster], &v)
				judged := r.judge(&v, platform)
				if p = max(p, judged); !r.unmeasured[platform] {
					p = judged
				}
			}
			if best < 0 || p > probability || p == probability && s.Cluster < best {
				best, probability = s.Cluster, p
			}
		}
		if best < 0 || probability < threshold {
			return len(sizes)
		}
		return best
	})
}

// alike clusters every event with the earlier ones that differ from it in
// nothing but numbers, ids or places in files.
func (r *replayed) alike() []int {
	clusters := make([]int, len(r.project.Records))
	known := map[uint64]int{}
	for i, record := range r.project.Records {
		c, ok := known[record.Document()]
		if !ok {
			c = len(known)
			known[record.Document()] = c
		}
		clusters[i] = c
	}
	return clusters
}

// tally sums B-cubed precision over events.
type tally struct{ pure, all float64 }

func (t tally) mean() float64 { return t.pure / max(t.all, 1e-9) }

// purity is the B-cubed precision (Bagga and Baldwin 1998) of replays at one
// threshold, over all events and by the event's platform.
type purity struct {
	all       tally
	platforms []tally
}

// measure clusters every replay at a threshold and tallies its events.
func measure(replays []*replayed, threshold float64) purity {
	return tallied(replays, func(r *replayed) []int { return r.cluster(threshold) })
}

// measureAlike tallies clusters of events that are alike.
func measureAlike(replays []*replayed) purity { return tallied(replays, (*replayed).alike) }

func tallied(replays []*replayed, clustered func(*replayed) []int) purity {
	out := purity{platforms: make([]tally, len(features.Platforms()))}
	type cell struct {
		cluster int
		group   int32
	}
	for _, r := range replays {
		clusters := clustered(r)
		size, shared := map[int]int{}, map[cell]int{}
		for i, c := range clusters {
			size[c]++
			shared[cell{c, r.project.Groups[i]}]++
		}
		for i, c := range clusters {
			if !r.counted[i] {
				continue
			}
			pure := r.weight * float64(shared[cell{c, r.project.Groups[i]}]) / float64(size[c])
			for _, t := range []*tally{&out.all, &out.platforms[r.project.Records[i].Platform]} {
				t.pure, t.all = t.pure+pure, t.all+r.weight
			}
		}
	}
	return out
}

// possibleJoins counts the platform's events that a replay could have joined
// to an earlier, not equal one of their group.
func possibleJoins(replays []*replayed, platform features.Platform) int {
	type key struct {
		group   int32
		content uint64
	}
	n := 0
	for _, r := range replays {
		known, copies := map[int32]bool{}, map[key]bool{}
		for i, record := range r.project.Records {
			g := r.project.Groups[i]
			k := key{g, record.Content}
			if known[g] && !copies[k] && r.counted[i] && record.Platform == platform {
				n++
			}
			known[g], copies[k] = true, true
		}
	}
	return n
}
