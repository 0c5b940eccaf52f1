package train

import (
	"fmt"
	"math/rand/v2"
	"time"

	"whorl/features"
)

// toy describes a generated corpus: every group is a fault with a stack of its
// own, every event a variation of it, and groups of a project share callers,
// so that some look alike.
type toy struct {
	seed          uint64
	organisations int
	projects      int // of each organisation
	groups        int // of each project
	events        int // of each group
	platform      string
}

// fleet is a corpus that a fit can learn from.
var fleet = toy{seed: 1, organisations: 4, projects: 2, groups: 8, events: 6, platform: "python"}

// corpus generates the records in time order, groups interleaved.
func (y toy) corpus() *Corpus {
	rng := rand.New(rand.NewPCG(y.seed, 7))
	c := new(Corpus)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for organisation := range y.organisations {
		for project := range y.projects {
			p := Project{Organisation: organisation}
			number := map[int]int32{} // dense, by first event
			order := rng.Perm(y.groups * y.events)
			for k, at := range order {
				group := at / y.events
				if _, ok := number[group]; !ok {
					number[group] = int32(len(number))
				}
				e := y.event(rng, organisation, project, group)
				e.Time = start.Add(time.Duration(k) * time.Hour)
				p.Records = append(p.Records, features.Extract(e))
				p.Groups = append(p.Groups, number[group])
				p.Confidence = append(p.Confidence, 1)
			}
			c.Projects = append(c.Projects, p)
		}
	}
	return c
}

// words make names; which ones a fault uses follows from its number.
var words = []string{"load", "store", "parse", "render", "query", "cache", "token", "user", "order", "invoice", "queue", "retry", "merge", "index", "batch", "shard"}

func (y toy) event(rng *rand.Rand, organisation, project, group int) *features.Event {
	own := rand.New(rand.NewPCG(y.seed, uint64(1000*organisation+100*project+group)))
	module := fmt.Sprintf("app%d.%s", organisation, words[group%4]) // shared by groups
	var frames []features.Frame
	for _, shared := range []string{"main", "dispatch", "handle"} {
		frames = append(frames, features.Frame{Function: shared, Module: "server.core", Filename: "server/core.py", Line: 10, InApp: features.No})
	}
	for range 4 {
		name := words[own.IntN(len(words))] + "_" + words[own.IntN(len(words))]
		line := int32(own.IntN(300) + rng.IntN(3))
		if rng.IntN(6) == 0 {
			continue // a build inlined the call
		}
		frames = append(frames, features.Frame{Function: name, Module: module, Filename: "app/" + words[group%4] + ".py", Line: line, InApp: features.Yes})
	}
	if rng.IntN(4) == 0 { // a runtime's own frame on top
		frames = append(frames, features.Frame{Function: "_raise", Module: "runtime", Filename: "runtime.py", InApp: features.No})
	}
	return &features.Event{
		ID: fmt.Sprint(rng.Uint64()), Platform: y.platform, Release: fmt.Sprint("r", rng.IntN(3)),
		Exceptions: []features.Exception{{
			Type:   []string{"ValueError", "KeyError", "IOError"}[own.IntN(3)],
			Value:  fmt.Sprintf("cannot %s the %s %d", words[own.IntN(len(words))], words[own.IntN(len(words))], rng.IntN(1000)),
			Frames: frames,
		}},
	}
}
