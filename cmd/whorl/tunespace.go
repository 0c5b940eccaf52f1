package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// dimension is one key of the configuration that tune searches.
type dimension struct {
	key       string
	low, high float64 // what is drawn lies in [low,high]
	drawn     scale
	value     func(*config) any // *int or *float64
}

// scale is how a value is drawn from its range.
type scale int

const (
	evenly   scale = iota // all values alike
	byFactor              // all factors alike: as often from 10 to 20 as from 100 to 200
)

// searchSpace is what tune draws from. Ranges reach to where a fit is still of
// sensible size and time; trees.most is not among them: it is the budget of
// trees, and the folds left out choose how many of it are kept.
var searchSpace = []dimension{
	{"bins", 32, 254, byFactor, func(c *config) any { return &c.Bins }},
	{"mining.positives_per_group", 30, 1000, byFactor, func(c *config) any { return &c.Mining.PerGroup }},
	{"mining.hard_negatives_per_event", 5, 60, byFactor, func(c *config) any { return &c.Mining.Hard }},
	{"mining.random_negatives_per_event", 3, 60, byFactor, func(c *config) any { return &c.Mining.Random }},
	{"trees.leaves", 8, 128, byFactor, func(c *config) any { return &c.Trees.Leaves }},
	{"trees.depth", 4, 12, evenly, func(c *config) any { return &c.Trees.Depth }},
	{"trees.learning_rate", 0.03, 0.3, byFactor, func(c *config) any { return &c.Trees.LearningRate }},
	{"trees.l2", 0.1, 30, byFactor, func(c *config) any { return &c.Trees.L2 }},
	{"trees.min_rows", 5, 200, byFactor, func(c *config) any { return &c.Trees.MinRows }},
	{"trees.row_sample", 0.4, 1, evenly, func(c *config) any { return &c.Trees.RowSample }},
	{"trees.column_sample", 0.3, 1, evenly, func(c *config) any { return &c.Trees.ColumnSample }},
}

// redrawn is the chance of each key to be drawn afresh; otherwise it keeps the
// start's value. The start is a good setting: one that is far from it in all of
// eleven keys is nearly always worse, and one that differs in a few tells more.
const redrawn = 1.0 / 3

// drawSettings returns the settings of a search, no two alike: the start itself,
// then the start with one key or more drawn afresh. A larger search begins as a
// smaller one does.
func drawSettings(start *config, seed uint64, count int) []*config {
	r := rand.New(rand.NewPCG(seed, 0x74756e65)) // "tune"
	first := *start
	settings := []*config{&first}
	seen := map[string]bool{fmt.Sprint(searched(start)): true}
	for len(settings) < count {
		c := *start
		for i := range searchSpace {
			if d := &searchSpace[i]; r.Float64() < redrawn {
				d.set(&c, d.draw(r))
			}
		}
		if name := fmt.Sprint(searched(&c)); !seen[name] {
			seen[name] = true
			settings = append(settings, &c)
		}
	}
	return settings
}

// searched returns what a configuration has under the keys that are searched.
func searched(c *config) map[string]float64 {
	out := map[string]float64{}
	for i := range searchSpace {
		out[searchSpace[i].key] = searchSpace[i].get(c)
	}
	return out
}

// draw returns a value of at most two digits, that somebody could have chosen by
// hand.
func (d *dimension) draw(r *rand.Rand) float64 {
	u := r.Float64()
	v := d.low + u*(d.high-d.low)
	switch _, whole := d.value(new(config)).(*int); {
	case d.drawn == byFactor:
		v = d.low * math.Pow(d.high/d.low, u)
	case whole:
		v = math.Floor(d.low + u*(d.high-d.low+1))
	}
	v, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 1, 64), 64)
	if err != nil {
		panic(err) // it was just written
	}
	return min(max(v, d.low), d.high)
}

func (d *dimension) set(c *config, v float64) {
	switch p := d.value(c).(type) {
	case *int:
		*p = int(math.Round(v))
	case *float64:
		*p = v
	}
}

func (d *dimension) get(c *config) float64 {
	if p, ok := d.value(c).(*int); ok {
		return float64(*p)
	}
	return *d.value(c).(*float64)
}
