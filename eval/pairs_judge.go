package eval

import (
	"whorl/eval/metric"
	"whorl/eval/result"
)

// Metrics of the pairs protocol; see the package comment.
const (
	metricROCAUC            = "roc_auc"
	metricAveragePrecision  = "average_precision"
	metricPrecisionGroup    = "precision_group"
	metricRecallGroup       = "recall_group"
	metricPrecisionSeparate = "precision_separate"
	metricRecallSeparate    = "recall_separate"
	metricGroupRate         = "group_rate"
	metricCalibration       = "expected_calibration_error"
)

// pairsJudge judges one scorer's pairs. Positions are pairs in the order of
// the scorer's scores, the highest first.
type pairsJudge struct {
	list       []pairView
	positions  [][]int32                       // by view: its positions, ascending
	bins       [][]int                         // by view: calibration bin of each distinct score in it; nil: not asked
	targets    []float64                       // of the complete views
	thresholds bool                            // the scorer has thresholds
	figures    [][]func(*pass) (float64, bool) // by view and metric

	step   []int32 // by position: number of its step, see number
	score  []float64
	class  []uint8    // by position: label + 2*verdict
	weight []float64  // by position
	units  [2][]int32 // by position
}

// newPairsJudge prepares scorer s. The members in list come from
// [pairSet.views].
func newPairsJudge(set *pairSet, list []pairView, s int, calibrate bool, targets []float64) *pairsJudge {
	n := set.Len()
	j := &pairsJudge{
		list: append([]pairView(nil), list...), targets: targets, thresholds: set.judged[s],
		step: make([]int32, n), score: make([]float64, n), class: make([]uint8, n), weight: make([]float64, n),
		units: [2][]int32{make([]int32, n), make([]int32, n)},
	}
	order := metric.Descending(set.Scores[s])
	for at, k := range order {
		j.score[at] = set.Scores[s][k]
		if set.Same[k] {
			j.class[at]++
		}
		if set.Joins[s][k] {
			j.class[at] += 2
		}
		j.weight[at] = set.Weight[k]
		j.units[0][at], j.units[1][at] = set.units[0][k], set.units[1][k]
	}
	j.number(!calibrate)
	j.positions = make([][]int32, len(list))
	j.bins = make([][]int, len(list))
	j.figures = make([][]func(*pass) (float64, bool), len(list))
	member := make([]bool, n)
	for v := range j.list {
		view := &j.list[v]
		for _, k := range view.pairs {
			member[k] = true
		}
		positions := make([]int32, 0, len(view.pairs))
		for at, k := range order {
			if member[k] {
				positions = append(positions, int32(at))
			}
		}
		for _, k := range view.pairs {
			member[k] = false
		}
		j.positions[v] = positions
		j.describe(v, calibrate)
	}
	return j
}

// number gives the pairs of each distinct score a step of their own. With
// merge, neighbouring steps that have no GROUP pair become one: no figure of
// a sweep can tell (see [metric.Sweep.Add]), and there are far fewer steps.
// Calibration bins need the scores apart.
func (j *pairsJudge) number(merge bool) {
	step, barren := int32(-1), false // the last step has no GROUP pair
	for from := 0; from < len(j.score); {
		to, positive := from, false
		for ; to < len(j.score) && j.score[to] == j.score[from]; to++ {
			positive = positive || j.class[to]&1 == 1
		}
		if from == 0 || !merge || positive || !barren {
			step++
		}
		barren = !positive
		for at := from; at < to; at++ {
			j.step[at] = step
		}
		from = to
	}
}

// pass is what a pass over a view's pairs finds.
type pass struct {
	sweep *metric.Sweep
	at    metric.Confusion // at the scorer's threshold
	bins  [calibrationBins]metric.Bin
}

// describe lists the view's figures.
func (j *pairsJudge) describe(v int, calibrate bool) {
	view := &j.list[v]
	n, grouped := len(view.pairs), 0
	for _, at := range j.positions[v] {
		if j.class[at] >= 2 {
			grouped++
		}
	}
	add := func(name string, n int, of func(p *pass) (float64, bool)) {
		view.metrics = append(view.metrics, name)
		view.n = append(view.n, n)
		j.figures[v] = append(j.figures[v], of)
	}
	atThreshold := func(name string, n int, of func(metric.Confusion) (float64, bool)) {
		add(name, n, func(p *pass) (float64, bool) {
			value, ok := of(p.at)
			return value, ok && j.thresholds
		})
	}
	add(metricROCAUC, n, func(p *pass) (float64, bool) { return p.sweep.ROCAUC() })
	add(metricAveragePrecision, view.positive, func(p *pass) (float64, bool) { return p.sweep.AveragePrecision() })
	atThreshold(metricPrecisionGroup, grouped, metric.Confusion.PrecisionGroup)
	atThreshold(metricRecallGroup, view.positive, metric.Confusion.RecallGroup)
	if j.complete(v) {
		atThreshold(metricPrecisionSeparate, n-grouped, metric.Confusion.PrecisionSeparate)
		atThreshold(metricRecallSeparate, n-view.positive, metric.Confusion.RecallSeparate)
		atThreshold(metricGroupRate, n, metric.Confusion.GroupRate)
	}
	for k, t := range j.targetsOf(v) {
		add(recallAt(t), view.positive, func(p *pass) (float64, bool) { return p.sweep.RecallAtPrecision(k) })
	}
	if calibrate && j.complete(v) {
		add(metricCalibration, n, func(p *pass) (float64, bool) { return metric.CalibrationError(p.bins[:]) })
		j.bins[v] = j.cut(v)
	}
	if view.alias != none {
		view.addAlias(view.alias, &j.list[view.alias].view)
	}
}

// complete reports whether the view has all figures, as all and the projects
// have; slices have the chief ones.
func (j *pairsJudge) complete(v int) bool {
	return j.list[v].project >= 0 || j.list[v].slice == result.SliceAll
}

func (j *pairsJudge) targetsOf(v int) []float64 {
	if j.complete(v) {
		return j.targets
	}
	for _, t := range j.targets {
		if t == sliceTarget {
			return []float64{t}
		}
	}
	return nil
}

// cut returns the calibration bin of each distinct score of a view. Bins are
// cut once on the full data: resamples move mass between them.
func (j *pairsJudge) cut(v int) []int {
	var mass []float64
	last := int32(-1)
	for _, at := range j.positions[v] {
		if j.step[at] != last {
			last = j.step[at]
			mass = append(mass, 0)
		}
		mass[len(mass)-1] += j.weight[at]
	}
	return metric.EqualMassBins(mass, calibrationBins)
}

func (j *pairsJudge) views() []view {
	views := make([]view, len(j.list))
	for k := range views {
		views[k] = j.list[k].view
	}
	return views
}

func (j *pairsJudge) session() session {
	s := &pairsSession{pairsJudge: j, mass: make([]float64, len(j.step))}
	for v := range j.list {
		s.sweeps = append(s.sweeps, metric.NewSweep(j.targetsOf(v)...))
	}
	return s
}

type pairsSession struct {
	*pairsJudge
	mass   []float64 // by position: weight times the multiplicities of both units
	sweeps []*metric.Sweep
}

func (s *pairsSession) begin(m []float64) {
	a, b, w := s.units[0], s.units[1], s.weight
	for at := range s.mass {
		s.mass[at] = w[at] * m[a[at]] * m[b[at]]
	}
}

func (s *pairsSession) figures(v int, out []float64) {
	p := pass{sweep: s.sweeps[v]}
	s.scan(v, &p)
	for k, of := range s.pairsJudge.figures[v] {
		out[k] = orNaN(of(&p))
	}
}

// scan is the inner loop of the bootstrap: one pass over the view's pairs from
// the highest score down.
func (s *pairsSession) scan(v int, p *pass) {
	binOf, positions := s.bins[v], s.positions[v]
	p.sweep.Reset()
	var classes [4]float64 // by label + 2*verdict
	for from, number := 0, 0; from < len(positions); number++ {
		step := s.step[positions[from]]
		var mass [4]float64
		to := from
		for ; to < len(positions); to++ {
			at := positions[to]
			if s.step[at] != step {
				break
			}
			mass[s.class[at]&3] += s.mass[at]
		}
		neg, pos := mass[0]+mass[2], mass[1]+mass[3]
		if pos+neg > 0 {
			p.sweep.Add(pos, neg)
			for c := range classes {
				classes[c] += mass[c]
			}
			if binOf != nil {
				b := &p.bins[binOf[number]]
				b.Mass += pos + neg
				b.Score += (pos + neg) * s.score[positions[from]]
				b.Positive += pos
			}
		}
		from = to
	}
	p.at = metric.Confusion{TN: classes[0], FN: classes[1], FP: classes[2], TP: classes[3]}
}
