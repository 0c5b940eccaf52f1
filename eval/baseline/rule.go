package baseline

import (
	"whorl/eval"
	"whorl/eval/result"
	"whorl/features"
)

// keyFunc returns the keys of an event. Two events that share a key are one
// problem to the rule; an event without a key is unlike every other.
type keyFunc func(e *features.Event) []string

// rule is a baseline that says yes or no.
type rule struct {
	name  string
	start func() keyFunc // of a project, called in the order of its events
}

// stateless is a rule that knows nothing of earlier events.
func stateless(keys keyFunc) func() keyFunc { return func() keyFunc { return keys } }

func (r *rule) Describe() result.Scorer {
	return result.Scorer{Name: r.name, Kind: kindRule, Thresholds: map[string]float64{"": ruleThreshold}}
}

// ruleThreshold parts a rule's two scores.
const ruleThreshold = 1

func (r *rule) Start(items []eval.Item) eval.Project {
	p := &ruleProject{keys: make([][]uint32, len(items))}
	number := make(map[string]uint32)
	keys := r.start()
	for i := range items {
		for _, key := range keys(items[i].Event) {
			id, ok := number[key]
			if !ok {
				id = uint32(len(number))
				number[key] = id
			}
			p.keys[i] = append(p.keys[i], id)
		}
	}
	p.holders = make([][]int32, len(number))
	p.listed = make([]int32, len(items))
	return p
}

// ruleProject is a rule at work: an inverted index from keys to items.
type ruleProject struct {
	keys    [][]uint32 // of each item
	holders [][]int32  // added items that have a key, ascending
	listed  []int32    // 1 + the query that an item was last listed for
	query   int32
}

func (p *ruleProject) LearnAll() {}

func (p *ruleProject) Threshold(int) float64 { return ruleThreshold }

// Score returns 1 when the items share a key, else 0.
func (p *ruleProject) Score(i, j int) float64 {
	for _, a := range p.keys[i] {
		for _, b := range p.keys[j] {
			if a == b {
				return 1
			}
		}
	}
	return 0
}

// Rank lists the items that share a key with item i, the most recent first.
func (p *ruleProject) Rank(dst []eval.Hit, i, from int) []eval.Hit {
	p.query++
	for _, key := range p.keys[i] {
		holders := p.holders[key]
		for k := len(holders) - 1; k >= 0 && int(holders[k]) >= from; k-- {
			if j := holders[k]; p.listed[j] != p.query {
				p.listed[j] = p.query
				dst = append(dst, eval.Hit{Item: int(j), Score: 1})
			}
		}
	}
	return dst
}

func (p *ruleProject) Add(i int) {
	for _, key := range p.keys[i] {
		if n := len(p.holders[key]); n > 0 && int(p.holders[key][n-1]) == i {
			continue // an event may have a key twice
		}
		p.holders[key] = append(p.holders[key], int32(i))
	}
}
