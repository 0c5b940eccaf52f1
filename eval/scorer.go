package eval

import (
	"whorl/eval/result"
	"whorl/features"
)

// Item is one labelled event of a golden dataset as scorers see it: baselines
// read the event, the model reads the record only.
type Item struct {
	Event  *features.Event
	Record *features.Record
}

// Scorer is a way to tell whether two events are the same problem: the model
// or a baseline. One Scorer judges every project of every dataset; it keeps no
// state between projects, and several goroutines may call it at once.
type Scorer interface {
	// Describe returns the scorer's name, settings and thresholds.
	Describe() result.Scorer
	// Start begins one project. Items are in time order, ties by event id.
	// Nothing is known at first: neither document frequencies nor candidates.
	Start(items []Item) Project
}

// Project is a scorer at work on one project. One goroutine uses it at a time.
type Project interface {
	// LearnAll counts the document frequencies of all items, as the pairs
	// protocol wants, and makes no item a candidate.
	LearnAll()
	// Score returns how strongly items i and j look like one problem: higher
	// is more alike, symmetric, never NaN. The scale is the scorer's own.
	Score(i, j int) float64
	// Threshold is the least score at which item i joins another; NaN or +Inf
	// where the scorer has none. A pair is judged by the threshold of its
	// later item, the one that would join.
	Threshold(i int) float64
	// Rank appends to dst the added items from index from on that the scorer
	// retrieves for item i, with their scores, in no particular order. What
	// it leaves out is taken to be unlike i.
	Rank(dst []Hit, i, from int) []Hit
	// Add counts item i's tokens and makes it a candidate for later items.
	// Items are added in order.
	Add(i int)
}

// Hit is an earlier item and its score.
type Hit struct {
	Item  int
	Score float64
}

// Assigner is a [Project] that makes the group decision itself, as the online
// fingerprinter does. The replay protocol then uses its word instead of
// joining the cluster of the best hit at or above the threshold.
type Assigner interface {
	// Assign decides item i's cluster among the items from index from on and
	// adds it. Clusters are numbered from 0 in the order they are founded.
	Assign(i, from int) (cluster int)
}
