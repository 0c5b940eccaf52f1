package train

import (
	"cmp"
	"context"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
)

// The grid's ends in log-odds: below a probability of 0.38 nobody would join
// events, and above 0.999 lies the threshold for a target out of reach.
const (
	leastLogit = -0.5
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

// replayed is one project's events with the candidates that could decide each,
// before any decision: with them a replay at any threshold costs next to nothing.
type replayed struct {
	project    *Project
	counted    []bool // the event's group lies in the fold that the model did not see
	candidates [][]model.Candidate
	weight     float64 // of an event, so that a large project does not rule
}

// replays takes every project through the grouper in the order of time, with
// the model that was fitted without the project's fold.
func (f *fitting) replays(ctx context.Context, parts *model.Parts) ([]*replayed, error) {
	type job struct {
		model         *model.Model
		project, fold int
	}
	var jobs []job
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
			if f.inFold(i, fold) {
				jobs = append(jobs, job{m, i, fold})
			}
		}
	}
	out := make([]*replayed, len(jobs))
	err := f.each(ctx, "replaying", len(jobs), func(k int) { out[k] = f.replay(jobs[k].model, jobs[k].project, jobs[k].fold) })
	return out, err
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
	p := &f.corpus.Projects[project]
	out := &replayed{project: p, weight: min(1, fullReplay/float64(len(p.Records)))}
	g := model.NewGrouper(m)
	var found []model.Candidate
	for i, r := range p.Records {
		found = g.Candidates(found[:0], r, 0)
		slices.SortFunc(found, func(a, b model.Candidate) int {
			return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Event, b.Event))
		})
		keep := min(len(found), 1) // the best decides; equals stay, the cluster founded first will win
		for keep < len(found) && found[keep].Probability == found[0].Probability {
			keep++
		}
		for _, c := range found[keep:] { // an exact copy beats any probability
			if p.Records[c.Event].Content == r.Content {
				found[keep] = c
				keep++
				break
			}
		}
		out.candidates = append(out.candidates, slices.Clone(found[:keep]))
		out.counted = append(out.counted, f.folds[project][p.Groups[i]] == fold)
		g.Add(r, 0)
	}
	return out
}

// cluster decides every event as [model.Grouper.Group] would at a threshold.
func (r *replayed) cluster(threshold float64) []int {
	clusters := make([]int, len(r.candidates))
	founded := 0
	for i, candidates := range r.candidates {
		best, copied := -1, false
		for _, c := range candidates {
			if r.project.Records[c.Event].Content == r.project.Records[i].Content {
				best, copied = clusters[c.Event], true
			}
		}
		if !copied && len(candidates) > 0 && candidates[0].Probability >= threshold {
			for _, c := range candidates {
				if at := clusters[c.Event]; best < 0 || at < best {
					best = at
				}
			}
		}
		if best < 0 {
			best = founded
			founded++
		}
		clusters[i] = best
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
	out := purity{platforms: make([]tally, len(features.Platforms()))}
	type cell struct {
		cluster int
		group   int32
	}
	for _, r := range replays {
		clusters := r.cluster(threshold)
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
