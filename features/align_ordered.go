package features

import "math"

// The alignments of this file keep the order of the frames: where two matches
// do not cross, the first frame of one trace stands before the second's in the
// other too. TraceSim and PDM look for the best such alignment in a banded
// table, in time of the longer trace's length times alignBand; Prefix walks
// once. None of them allocates.

// alignBand is how many places apart two frames may stand and still match.
// Frames farther apart are seldom one call, and the papers' tables without a
// bound cost more than twice as much for the longest traces.
const alignBand = 24

// Step is one frame of a trace as an alignment in order meets it, the crashing
// frame first. Frames without a token at the grain of comparison are no steps.
type Step struct {
	Token  uint64
	Weight float64 // of the frame, at least 0; see the method that aligns
}

// TraceSim holds the three parameters of the weighted edit distance of
// Vasiliev et al., "TraceSim: A Method for Calculating Stack Trace Similarity"
// (MaLTeSQuE 2020, section 4). To take a frame out or put one in costs its
// weight, to put one in another's place both: the distance is what a best
// alignment leaves unmatched. Left out of the paper are the special case for
// stack overflows, since extraction collapses recursion, and matches of frames
// more than 24 places apart.
type TraceSim struct {
	Alpha float64 // decay of a frame's weight with its place, from 1 at the crash: place^-Alpha
	Beta  float64 // steepness of a frame's rarity: sigmoid(Beta*(idf-Gamma))
	Gamma float64 // the idf at which a rarity is 1/2
	Grain Grain   // what makes two frames equal
}

// Similarity returns the share in [0,1] of the weight of both traces that a
// best alignment matches: symmetric to the bit, 1 for equal traces. It is 0
// when a trace has no frame at the grain, or no frame of any weight.
func (p TraceSim) Similarity(a, b *Record, f *Frequencies) float64 {
	var x, y [maxFrames]Step
	return p.Align(p.steps(&x, a, f), p.steps(&y, b, f))
}

func (p TraceSim) steps(dst *[maxFrames]Step, r *Record, f *Frequencies) []Step {
	steps := dst[:0]
	for place := range r.Frames {
		if h := r.Frames[place].token(p.Grain); h != 0 {
			steps = append(steps, Step{h, p.Place(place) * p.Rarity(int(f.count[h]), f.documents)})
		}
	}
	return steps
}

// Place returns the part of a frame's weight that comes from its place in the
// record, counted from 0 at the crash: in (0,1].
func (p TraceSim) Place(place int) float64 { return math.Pow(float64(place)+1, -p.Alpha) }

// Rarity returns the part of a frame's weight that comes from standing in df of
// total errors: in [0,1], with idf = ln(total/df). A frame never seen is as rare
// as one seen once.
func (p TraceSim) Rarity(df, total int) float64 {
	idf := math.Log(float64(max(total, df, 1)) / float64(max(df, 1)))
	return 1 / (1 + math.Exp(-p.Beta*(idf-p.Gamma)))
}

// Align is Similarity over frames that are weighed already, each by its Place
// times its Rarity: for who compares one trace with many. It panics on a trace
// of more than 64 steps, which no record has.
func (TraceSim) Align(a, b []Step) float64 { return alignTraceSim(a, b, alignBand) }

func alignTraceSim(a, b []Step, band int) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	all := weightOf(a) + weightOf(b)
	if all == 0 {
		return 0
	}
	sum := alignOrdered(a, b, band, func(i, j int) float64 { return a[i].Weight + b[j].Weight })
	return min(sum/all, 1) // rounding
}

func weightOf(trace []Step) (sum float64) {
	for i := range trace {
		sum += trace[i].Weight
	}
	return sum
}

// PDM holds the two parameters of the position dependent model of ReBucket
// (Dang et al., "ReBucket: A Method for Clustering Duplicate Crash Reports Based
// on Call Stack Similarity", ICSE 2012, section IV): the best common
// subsequence, where a match weighs less the farther it is from the crash and
// the more its two places differ, against what the shorter trace could reach.
// Places count the frames that have a token. ReBucket's clustering is left out,
// and matches of frames more than 24 places apart.
type PDM struct {
	Place  float64 // decay with the distance to the crash of the nearer frame: exp(-Place*min(i,j)); at least 0
	Offset float64 // decay with the difference of the places: exp(-Offset*|i-j|)
	Grain  Grain   // what makes two frames equal
}

// Similarity returns a score in [0,1], symmetric to the bit and 1 for equal
// traces. It is 0 when a trace has no frame at the grain. Frequencies have no
// part in it and may be nil.
func (p PDM) Similarity(a, b *Record, _ *Frequencies) float64 {
	var x, y [maxFrames]Step
	return p.Align(p.steps(&x, a), p.steps(&y, b))
}

func (p PDM) steps(dst *[maxFrames]Step, r *Record) []Step {
	steps := dst[:0]
	for place := range r.Frames {
		if h := r.Frames[place].token(p.Grain); h != 0 {
			steps = append(steps, Step{h, p.Weight(len(steps))})
		}
	}
	return steps
}

// Weight returns the weight of the frame at a place among those that have a
// token, counted from 0 at the crash: in [0,1], and 1 there.
func (p PDM) Weight(place int) float64 { return math.Exp(-p.Place * float64(place)) }

// Align is Similarity over frames that are weighed already, each by Weight: for
// who compares one trace with many. It panics on a trace of more than 64 steps,
// which no record has.
func (p PDM) Align(a, b []Step) float64 { return p.align(a, b, alignBand) }

func (p PDM) align(a, b []Step, band int) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	reach := weightOf(a)
	if len(b) < len(a) {
		reach = weightOf(b)
	}
	var near [maxFrames]float64 // by offset, filled where a match needs it
	sum := alignOrdered(a, b, band, func(i, j int) float64 {
		offset := max(i-j, j-i)
		if near[offset] == 0 {
			near[offset] = math.Exp(-p.Offset * float64(offset))
		}
		return max(a[i].Weight, b[j].Weight) * near[offset] // the greater weight is that of the place nearer the crash
	})
	return min(sum/reach, 1) // rounding
}

// Prefix is prefix match (Modani et al., "Automatically Identifying Known
// Software Problems", ICDE workshops 2007).
type Prefix struct {
	Grain Grain // what makes two frames equal
}

// Similarity returns how many frames from the crash on are the same, as a share
// in [0,1] of the longer trace: symmetric, 1 for equal traces, 0 when a trace
// has no frame at the grain. Frequencies have no part in it and may be nil.
func (p Prefix) Similarity(a, b *Record, _ *Frequencies) float64 {
	var x, y [maxFrames]Step
	return p.Align(p.steps(&x, a), p.steps(&y, b))
}

func (p Prefix) steps(dst *[maxFrames]Step, r *Record) []Step {
	steps := dst[:0]
	for place := range r.Frames {
		if h := r.Frames[place].token(p.Grain); h != 0 {
			steps = append(steps, Step{h, 1})
		}
	}
	return steps
}

// Align is Similarity over frames that were picked already; weights have no
// part in it.
func (Prefix) Align(a, b []Step) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	n := 0
	for n < min(len(a), len(b)) && a[n].Token == b[n].Token {
		n++
	}
	return float64(n) / float64(max(len(a), len(b)))
}

// alignOrdered returns the greatest sum of gains over all ways to align a with
// b in order, each step with at most one of the same token that stands no more
// than band places apart. gain gets the places of the two.
//
// One row serves the whole table: row[j] is the best of what came of a with
// b[:j]. To the right of the band a step of b cannot have matched yet, so that
// the value there is its left neighbour's; to the left it stays what it was.
func alignOrdered(a, b []Step, band int, gain func(i, j int) float64) float64 {
	if len(a) > maxFrames || len(b) > maxFrames {
		panic("features: a trace of more than 64 steps")
	}
	var row [maxFrames + 1]float64
	for i := range a {
		from, to := max(0, i-band), min(len(b), i+band+1)
		if from >= to {
			break // all of b is behind the band
		}
		token := a[i].Token
		before, left := row[from], row[from]
		for j := from; j < to; j++ {
			best := max(row[j+1], left)
			if token == b[j].Token {
				best = max(best, before+gain(i, j))
			}
			before, row[j+1], left = row[j+1], best, best
		}
	}
	return row[min(len(b), len(a)+band)]
}
