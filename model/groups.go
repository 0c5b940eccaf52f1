package model

import (
	"cmp"
	"math"
	"slices"

	"whorl/features"
)

// GroupSchemaID names the meaning of a [GroupVector].
const GroupSchemaID = "whorl.groups/1"

// The places of a group vector.
const (
	groupBest = iota
	groupSecond
	groupMeanTop
	groupLeast
	groupMembers
	groupAbove
	groupShareAbove
	groupShareHigh
	groupSize
	groupRival
	groupLead
	groupRivalsAbove
	groupCandidates
	groupFrames
	groupFrameRarity
	groupWordRarity
	groupKind
	NumGroupFeatures // the length of a group vector
)

// GroupVector is what speaks for a query to belong to one cluster: how it
// compares with the cluster's members among the candidates, and how the
// cluster compares with its rivals (after "Aggregation of Stack Trace
// Similarities for Crash Report Deduplication", arXiv 2205.00212). A value
// that does not apply is NaN. No time is in it.
type GroupVector [NumGroupFeatures]float32

// mostLogit bounds the log-odds of pairs in group vectors: beyond it, more
// certainty says nothing.
const mostLogit = 12

// GroupSchema describes the group vector, place by place. "Log-odds" are those
// of the calibrated probability of a pair.
var GroupSchema = [NumGroupFeatures]features.Feature{
	groupBest:        {Name: "best", Low: -mostLogit, High: mostLogit, Monotone: +1, Meaning: "log-odds of the member most like the query"},
	groupSecond:      {Name: "second", Low: -mostLogit, High: mostLogit, Monotone: +1, Meaning: "log-odds of the next member"},
	groupMeanTop:     {Name: "mean_top", Low: -mostLogit, High: mostLogit, Monotone: +1, Meaning: "mean log-odds of the three members most like the query, or of all if they are fewer"},
	groupLeast:       {Name: "least", Low: -mostLogit, High: mostLogit, Monotone: 0, Meaning: "log-odds of the candidate member least like the query"},
	groupMembers:     {Name: "members", Low: 0, High: 4.7, Monotone: 0, Meaning: "ln(1+n) of the members among the candidates"},
	groupAbove:       {Name: "above", Low: 0, High: 4.7, Monotone: 0, Meaning: "ln(1+n) of the members with a probability of 1/2 or more"},
	groupShareAbove:  {Name: "share_above", Low: 0, High: 1, Monotone: 0, Meaning: "their share of the members among the candidates"},
	groupShareHigh:   {Name: "share_high", Low: 0, High: 1, Monotone: 0, Meaning: "the share of members with a probability of 0.9 or more"},
	groupSize:        {Name: "size", Low: 0, High: 9, Monotone: 0, Meaning: "ln(1+n) of the cluster's distinct events"},
	groupRival:       {Name: "rival", Low: -mostLogit, High: mostLogit, Monotone: 0, Meaning: "greatest log-odds of an event in another cluster"},
	groupLead:        {Name: "lead", Low: -mostLogit, High: mostLogit, Monotone: 0, Meaning: "best less rival"},
	groupRivalsAbove: {Name: "rivals_above", Low: 0, High: 4.7, Monotone: 0, Meaning: "ln(1+n) of the other clusters with a member of probability 1/2 or more"},
	groupCandidates:  {Name: "candidates", Low: 0, High: 4.7, Monotone: 0, Meaning: "ln(1+n) of the candidates of all clusters"},
	groupFrames:      {Name: "query_frames", Low: 0, High: 4.2, Monotone: 0, Meaning: "ln(1+n) of the query's frames"},
	groupFrameRarity: {Name: "query_frame_rarity", Low: 0, High: 1, Monotone: 0, Meaning: "mean rarity of the query's whole frames"},
	groupWordRarity:  {Name: "query_word_rarity", Low: 0, High: 1, Monotone: 0, Meaning: "mean rarity of the query's message words"},
	groupKind:        {Name: "query_kind", Low: 0, High: 3, Monotone: 0, Meaning: "what kind of code failed, as code_kind of the comparison vector"},
}

// Query is what a group vector says of the query alone.
type Query struct {
	Frames      int
	FrameRarity float32 // mean, in [0,1]; NaN without frames
	WordRarity  float32 // mean, in [0,1]; NaN without a message
	Kind        float32 // of code, 0 to 3
}

// QueryOf returns what a group vector says of a weighed record.
func QueryOf(v *features.View) Query {
	return Query{
		Frames: len(v.Record.Frames), FrameRarity: v.MeanRarity(features.SetWhole), WordRarity: v.MeanRarity(features.SetWord),
		Kind: float32(v.Record.Platform.Kind()),
	}
}

// Standing is one cluster among a query's candidates.
type Standing struct {
	Cluster int
	Event   int // the member most like the query, the earliest added of equals
	members int
	above   int
	high    int
	top     [3]float64 // greatest log-odds, descending; -Inf beyond members
	least   float64

	Probability float64 // that the query is one problem with Event
}

// Gathering sorts a query's candidates into clusters. The zero value is ready;
// a gathering is used again after Reset and then allocates nothing.
type Gathering struct {
	list       []Standing
	place      map[int]int // of a cluster in list
	candidates int
	above      int // clusters with a member at probability 1/2 or more
}

// Reset empties the gathering.
func (t *Gathering) Reset() {
	t.list, t.candidates, t.above = t.list[:0], 0, 0
	if t.place == nil {
		t.place = map[int]int{}
	}
	clear(t.place)
}

// Add takes in a candidate: the cluster it is in and the probability that it
// is one problem with the query.
func (t *Gathering) Add(cluster, event int, probability float64) {
	logit := Logit(probability)
	logit = min(mostLogit, max(-mostLogit, logit))
	at, ok := t.place[cluster]
	if !ok {
		at = len(t.list)
		t.place[cluster] = at
		none := math.Inf(-1)
		t.list = append(t.list, Standing{Cluster: cluster, Event: event, top: [3]float64{none, none, none}, least: logit})
	}
	s := &t.list[at]
	t.candidates++
	s.members++
	if logit >= 0 {
		if s.above == 0 {
			t.above++
		}
		s.above++
	}
	if logit >= highLogit {
		s.high++
	}
	s.least = min(s.least, logit)
	if probability > s.Probability || probability == s.Probability && event < s.Event {
		s.Event, s.Probability = event, probability
	}
	for k := range s.top {
		if logit > s.top[k] {
			logit, s.top[k] = s.top[k], logit
		}
	}
}

// highLogit is the log-odds of a probability of 0.9.
const highLogit = 2.1972245773362196

// Standings returns the clusters, the best member's first, of equals the one
// founded first. It is valid until the next Reset.
func (t *Gathering) Standings() []Standing {
	slices.SortFunc(t.list, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Cluster, b.Cluster))
	})
	return t.list
}

// Vector sets out to the group vector of the k-th of the standings, whose
// cluster has size distinct events.
func (t *Gathering) Vector(k int, q *Query, size int, out *GroupVector) {
	s := &t.list[k]
	out[groupBest] = float32(s.top[0])
	out[groupSecond] = nan32
	if s.members > 1 {
		out[groupSecond] = float32(s.top[1])
	}
	sum, n := 0.0, min(3, s.members)
	for _, x := range s.top[:n] {
		sum += x
	}
	out[groupMeanTop] = float32(sum / float64(n))
	out[groupLeast] = float32(s.least)
	out[groupMembers] = logCount(s.members)
	out[groupAbove] = logCount(s.above)
	out[groupShareAbove] = float32(s.above) / float32(s.members)
	out[groupShareHigh] = float32(s.high) / float32(s.members)
	out[groupSize] = min(9, logCount(size))
	out[groupRival], out[groupLead] = nan32, nan32
	if len(t.list) > 1 {
		rival := t.list[0].top[0]
		if k == 0 {
			rival = t.list[1].top[0]
		}
		out[groupRival], out[groupLead] = float32(rival), float32(max(-mostLogit, min(mostLogit, s.top[0]-rival)))
	}
	rivals := t.above
	if s.above > 0 {
		rivals--
	}
	out[groupRivalsAbove] = logCount(rivals)
	out[groupCandidates] = logCount(t.candidates)
	out[groupFrames] = min(4.2, logCount(q.Frames))
	out[groupFrameRarity], out[groupWordRarity], out[groupKind] = q.FrameRarity, q.WordRarity, q.Kind
}

func logCount(n int) float32 { return float32(math.Log1p(float64(n))) }

var nan32 = float32(math.NaN())
