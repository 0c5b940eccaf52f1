package features

import "math"

// Alignments compare two stack traces frame by frame, the crashing frame
// first. All are symmetric in their two traces. Those of this file are linear in
// their lengths.

// FaST holds the three parameters of the weighted alignment of Rodrigues et
// al., "FaST: A Linear Time Stack Trace Alignment Heuristic for Crash Report
// Deduplication" (MSR 2022).
type FaST struct {
	Alpha float64 // decay of a frame's weight with its position: p^-Alpha
	Beta  float64 // decay with its document frequency: exp(-Beta*df), df a share of [0,1]
	Gamma float64 // decay of a match with the distance of positions: exp(-Gamma*|p-q|)
	Grain Grain   // what makes two frames equal
}

// Similarity returns the alignment score in [-1,1]: matched frames add the
// weights of both sides, unmatched ones subtract theirs, and the whole is
// divided by the weight of all frames. It is 0 when neither trace has a frame.
// The i-th occurrence of a repeated frame matches the i-th of the other trace.
func (p FaST) Similarity(a, b *Record, f *Frequencies) float64 {
	total := float64(max(f.documents, 1))
	weight := func(r *Record, i uint8) float64 {
		df := float64(f.count[r.Frames[i].token(p.Grain)]) / total
		return math.Pow(float64(i)+1, -p.Alpha) * math.Exp(-p.Beta*df)
	}
	var sum, all float64
	x, y := a.order[p.Grain], b.order[p.Grain]
	for i, j := 0, 0; i < len(x) || j < len(y); {
		var tx, ty uint64
		if i < len(x) {
			tx = a.Frames[x[i]].token(p.Grain)
		}
		if j < len(y) {
			ty = b.Frames[y[j]].token(p.Grain)
		}
		switch {
		case j == len(y) || i < len(x) && tx < ty:
			w := weight(a, x[i])
			sum, all = sum-w, all+w
			i++
		case i == len(x) || ty < tx:
			w := weight(b, y[j])
			sum, all = sum-w, all+w
			j++
		default:
			w := weight(a, x[i]) + weight(b, y[j])
			gap := math.Abs(float64(x[i]) - float64(y[j]))
			sum, all = sum+w*math.Exp(-p.Gamma*gap), all+w
			i, j = i+1, j+1
		}
	}
	if all == 0 {
		return 0
	}
	return sum / all
}

// alignment is the same heuristic over rarities of a view, with its powers
// taken from tables: the form that the comparison vector uses.
type alignment struct {
	grain Grain
	inApp bool // frames of the application alone, placed among themselves
	inner bool // frames of the innermost exception only
	place *[maxFrames]float32
	near  *[maxFrames]float32
}

func powers(alpha float64) *[maxFrames]float32 {
	var t [maxFrames]float32
	for i := range t {
		t[i] = float32(math.Pow(float64(i)+1, -alpha))
	}
	return &t
}

func decays(gamma float64) *[maxFrames]float32 {
	var t [maxFrames]float32
	for i := range t {
		t[i] = float32(math.Exp(-gamma * float64(i)))
	}
	return &t
}

func (p *alignment) keeps(r *Record, i uint8) bool {
	return (!p.inApp || r.Frames[i].InApp()) && (!p.inner || int(i) < r.Inner)
}

// at returns the place of a frame that is kept.
func (p *alignment) at(r *Record, i uint8) int {
	if p.inApp {
		return int(r.rank[i])
	}
	return int(i)
}

// similarity returns the score in [-1,1], or NaN when one trace has no frame
// at this grain.
func (p *alignment) similarity(a, b *View) float32 {
	x, y := a.Record.order[p.grain], b.Record.order[p.grain]
	wx, wy := a.frames[p.grain], b.frames[p.grain]
	var sum, allX, allY float32
	i, j := 0, 0
	for {
		for i < len(x) && !p.keeps(a.Record, x[i]) {
			i++
		}
		for j < len(y) && !p.keeps(b.Record, y[j]) {
			j++
		}
		if i == len(x) && j == len(y) {
			break
		}
		var tx, ty uint64
		if i < len(x) {
			tx = a.Record.Frames[x[i]].token(p.grain)
		}
		if j < len(y) {
			ty = b.Record.Frames[y[j]].token(p.grain)
		}
		switch {
		case j == len(y) || i < len(x) && tx < ty:
			w := p.place[p.at(a.Record, x[i])] * wx[x[i]]
			sum, allX = sum-w, allX+w
			i++
		case i == len(x) || ty < tx:
			w := p.place[p.at(b.Record, y[j])] * wy[y[j]]
			sum, allY = sum-w, allY+w
			j++
		default:
			m, n := p.at(a.Record, x[i]), p.at(b.Record, y[j])
			u, v := p.place[m]*wx[x[i]], p.place[n]*wy[y[j]]
			gap := m - n
			if gap < 0 {
				gap = -gap
			}
			sum += (u + v) * p.near[gap]
			allX, allY = allX+u, allY+v
			i, j = i+1, j+1
		}
	}
	if allX == 0 || allY == 0 {
		return nan
	}
	return min(1, max(-1, sum/(allX+allY))) // the two sums round apart
}

var nan = float32(math.NaN())

// The alignment in order of the comparison vector: [TraceSim] over functions,
// with rarity for the frame's global weight. Of a function that stands in a
// trace again and again the n-th may match the one before, at or after the n-th
// of the other trace, which bounds the matches.
var orderPlace = powers(0.3)

const orderMost = 3 * maxFrames

// inOrder returns the share in [0,1] of the weight of both traces that a best
// alignment in order matches, or NaN when one trace has no function. Where
// functions match that stand in both traces it takes time of matches times
// frames; equal to the bit whichever trace comes first, as a chain of matches
// is summed from the crash on.
func inOrder(a, b *View) float32 {
	x, y := a.Record.order[GrainFunction], b.Record.order[GrainFunction]
	if len(x) == 0 || len(y) == 0 {
		return nan
	}
	wx, wy := a.frames[GrainFunction], b.frames[GrainFunction]
	all := orderWeight(x, wx) + orderWeight(y, wy)
	if all == 0 {
		return nan
	}
	fx, fy := a.Record.Frames, b.Record.Frames
	// The matches of each frame of a, a list by frame: links to the next match.
	var first [maxFrames]int16
	var partner [orderMost]uint8
	var next [orderMost]int16
	n := int16(0)
	for i, j := 0, 0; i < len(x) && j < len(y); {
		tx, ty := fx[x[i]].Function, fy[y[j]].Function
		switch {
		case tx < ty:
			i++
			continue
		case ty < tx:
			j++
			continue
		}
		i1, j1 := i+1, j+1
		for i1 < len(x) && fx[x[i1]].Function == tx {
			i1++
		}
		for j1 < len(y) && fy[y[j1]].Function == tx {
			j1++
		}
		for p := i; p < i1; p++ {
			for q := max(j, j+p-i-1); q < min(j1, j+p-i+2); q++ {
				n++
				// Ascending places are put in front of each other: a list runs from
				// the greatest to the least, so that one frame matches once.
				partner[n-1], next[n-1], first[x[p]] = y[q], first[x[p]], n
			}
		}
		i, j = i1, j1
	}
	if n == 0 {
		return 0
	}
	var best [maxFrames]float32 // by frame of b: the greatest weight of a chain that ends there
	var most float32
	for i := range fx {
		for m := first[i]; m > 0; m = next[m-1] {
			j := partner[m-1]
			var before float32
			for _, w := range best[:j] {
				before = max(before, w)
			}
			w := before + (orderPlace[i]*wx[i] + orderPlace[j]*wy[j])
			best[j] = max(best[j], w)
			most = max(most, w)
		}
	}
	return min(1, most/all)
}

// orderWeight returns the weight of the frames with a function. Places ascend
// so that the sum does not depend on the tokens' order.
func orderWeight(order []uint8, rarity []float32) float32 {
	var has [maxFrames]bool
	for _, i := range order {
		has[i] = true
	}
	var sum float32
	for i, w := range rarity {
		if has[i] {
			sum += orderPlace[i] * w
		}
	}
	return sum
}
