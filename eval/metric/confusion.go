package metric

// Confusion is the mass of pairs by label and verdict at one operating point.
type Confusion struct {
	TP float64 // GROUP, judged GROUP
	FP float64 // SEPARATE, judged GROUP
	FN float64 // GROUP, judged SEPARATE
	TN float64 // SEPARATE, judged SEPARATE
}

// PrecisionGroup is the share of pairs judged GROUP that are; not ok when none is judged so.
func (c Confusion) PrecisionGroup() (float64, bool) { return share(c.TP, c.FP) }

// RecallGroup is the share of GROUP pairs that are judged so; not ok without GROUP pairs.
func (c Confusion) RecallGroup() (float64, bool) { return share(c.TP, c.FN) }

// PrecisionSeparate is the share of pairs judged SEPARATE that are; not ok when none is judged so.
func (c Confusion) PrecisionSeparate() (float64, bool) { return share(c.TN, c.FN) }

// RecallSeparate is the share of SEPARATE pairs that are judged so; not ok without SEPARATE pairs.
func (c Confusion) RecallSeparate() (float64, bool) { return share(c.TN, c.FP) }

// GroupRate is the share of all pairs that are judged GROUP; not ok without pairs.
func (c Confusion) GroupRate() (float64, bool) { return share(c.TP+c.FP, c.FN+c.TN) }

// share returns part/(part+rest).
func share(part, rest float64) (float64, bool) {
	if !(part+rest > 0) {
		return 0, false
	}
	return part / (part + rest), true
}
