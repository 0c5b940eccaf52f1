package eval

import (
	"context"
	"fmt"
	"math"
	"time"
)

// walk is what one scorer says about one project's labelled events in the
// order of time. Slices are by labelled event.
type walk struct {
	best     []float64 // score of the best candidate, -Inf without one
	seen     []bool    // an earlier event has the same group, however old
	reached  []bool    // the event's group is among the candidates
	better   []int     // groups that score above the event's own, where reached
	tied     []int     // groups that score the same, itself included
	clusters []int     // cluster that replay put it in
	decides  bool      // the scorer has a threshold for some event, or is an Assigner
}

// walker takes scorers through one project.
type walker struct {
	items  []Item // labelled
	groups []int  // numbered from 0 by first event
	from   []int  // by event: the first that its window holds
}

func newWalker(p *project, windowDays int) *walker {
	w := &walker{groups: p.denseGroups()}
	for _, i := range p.labelled {
		w.items = append(w.items, p.Items[i])
	}
	window := time.Duration(windowDays) * 24 * time.Hour
	from := 0
	for i := range w.items {
		for w.items[i].Event.Time.Sub(w.items[from].Event.Time) > window {
			from++
		}
		w.from = append(w.from, from)
	}
	return w
}

// run walks s through the project. A scorer that makes the group decision
// itself walks twice when replay is asked for, because it then adds the items
// itself.
func (w *walker) run(ctx context.Context, s Scorer, retrieval, replay bool) (*walk, error) {
	n := len(w.items)
	out := &walk{
		best: make([]float64, n), seen: make([]bool, n), reached: make([]bool, n),
		better: make([]int, n), tied: make([]int, n),
	}
	name := s.Describe().Name
	at := s.Start(w.items)
	assigner, assigns := at.(Assigner)
	if replay && assigns {
		out.decides = true
		var err error
		if out.clusters, err = w.assign(ctx, name, assigner); err != nil || !retrieval {
			return out, err
		}
		at = s.Start(w.items)
	}
	join := replay && !assigns
	if join {
		out.clusters, out.decides = make([]int, n), w.anyThreshold(at)
	}
	groups, clusters := newBests(n), newBests(n)
	founded := 0
	known := make([]bool, n) // by group
	var hits []Hit
	for i := range w.items {
		if i%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		hits = at.Rank(hits[:0], i, w.from[i])
		groups.reset()
		clusters.reset()
		out.best[i] = math.Inf(-1)
		for _, h := range hits {
			w.check(name, i, h)
			out.best[i] = max(out.best[i], h.Score)
			groups.add(w.groups[h.Item], h.Score)
			if join {
				clusters.add(out.clusters[h.Item], h.Score)
			}
		}
		g := w.groups[i]
		out.seen[i], known[g] = known[g], true
		if own, ok := groups.score(g); ok {
			out.reached[i] = true
			for _, other := range groups.list {
				switch score, _ := groups.score(other); {
				case score > own:
					out.better[i]++
				case score == own:
					out.tied[i]++
				}
			}
		}
		if join {
			c := clusters.choose(at.Threshold(i))
			if c < 0 {
				c = founded
				founded++
			}
			out.clusters[i] = c
		}
		at.Add(i)
	}
	return out, nil
}

// anyThreshold reports whether the scorer has a threshold for any item.
func (w *walker) anyThreshold(p Project) bool {
	for i := range w.items {
		if hasThreshold(p.Threshold(i)) {
			return true
		}
	}
	return false
}

func (w *walker) assign(ctx context.Context, name string, a Assigner) ([]int, error) {
	clusters := make([]int, len(w.items))
	founded := 0
	for i := range clusters {
		if i%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c := a.Assign(i, w.from[i])
		if c < 0 || c > founded {
			panic(fmt.Sprintf("eval: scorer %q assigned item %d to cluster %d of %d", name, i, c, founded))
		}
		if c == founded {
			founded++
		}
		clusters[i] = c
	}
	return clusters, nil
}

// check panics on a hit that breaks the contract of [Project.Rank].
func (w *walker) check(name string, i int, h Hit) {
	if h.Item < w.from[i] || h.Item >= i {
		panic(fmt.Sprintf("eval: scorer %q ranked item %d for item %d, not one of [%d,%d)", name, h.Item, i, w.from[i], i))
	}
	if math.IsNaN(h.Score) {
		panic(fmt.Sprintf("eval: scorer %q: the score of items %d and %d is NaN", name, h.Item, i))
	}
}

// bests holds the best score by group or cluster for one query.
type bests struct {
	best  []float64
	round []int // query at which best was set
	now   int
	list  []int // those with a score, in the order they came
}

func newBests(n int) *bests { return &bests{best: make([]float64, n), round: make([]int, n)} }

func (b *bests) reset() {
	b.now++
	b.list = b.list[:0]
}

func (b *bests) add(k int, score float64) {
	if b.round[k] != b.now {
		b.round[k], b.best[k] = b.now, score
		b.list = append(b.list, k)
	}
	b.best[k] = max(b.best[k], score)
}

func (b *bests) score(k int) (float64, bool) { return b.best[k], b.round[k] == b.now }

// choose returns the number with the best score at or above the threshold,
// the lowest (founded first) among equals; -1 if there is none.
func (b *bests) choose(threshold float64) int {
	chosen := -1
	for _, k := range b.list {
		s := b.best[k]
		if !joins(s, threshold) {
			continue
		}
		if chosen < 0 || s > b.best[chosen] || s == b.best[chosen] && k < chosen {
			chosen = k
		}
	}
	return chosen
}

// walks takes every scorer through every project; the result is by scorer,
// then project, nil where a project has no labelled event.
func walks(ctx context.Context, c *corpus, scorers []Scorer, o *Options, retrieval, replay bool, done func(int, int)) ([][]*walk, error) {
	out := make([][]*walk, len(scorers))
	for s := range out {
		out[s] = make([]*walk, len(c.projects))
	}
	walkers := make([]*walker, len(c.projects))
	for k, p := range c.projects {
		walkers[k] = newWalker(p, o.WindowDays)
	}
	err := parallel(ctx, o.Workers, len(scorers)*len(c.projects), done, func(_, task int) error {
		k, s := task/len(scorers), task%len(scorers)
		if len(walkers[k].items) == 0 {
			return nil
		}
		var err error
		out[s][k], err = walkers[k].run(ctx, scorers[s], retrieval, replay)
		return err
	})
	return out, err
}
