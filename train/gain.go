package train

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Errors of a comparison that a caller may want to tell apart.
var (
	ErrOtherPairs = errors.New("the two rest on other pairs")
	ErrNothing    = errors.New("no platform has 100 tuning pairs of each kind from two organisations or spans of time")
)

// Left is the share of the uncertainty about a pair that is left: the loss over
// that of who knows only how common positives are (normalised entropy; He et
// al. 2014, "Practical Lessons from Predicting Clicks on Ads at Facebook"). 0 is
// perfect, 1 is no use.
func (l *PlatformLoss) Left() float64 { return l.Loss / l.Prior }

// Loss is the mean of what is left over the platforms that count, each alike:
// neither the one with most pairs rules nor the one with most positives, which
// have the larger log loss. A platform counts if it has enough pairs for a
// calibration of its own, and two cells at least. NaN where none does.
func (v *Validation) Loss() float64 {
	sum, n := 0.0, 0
	for i := range v.Platforms {
		if l := &v.Platforms[i]; l.Counted {
			sum += l.Left()
			n++
		}
	}
	return sum / float64(n)
}

// Gain is by how much one setting's loss lies below another's.
type Gain struct {
	Mean    float64 // of Loss; above 0: better
	Error   float64 // standard error of Mean
	Freedom float64 // degrees of freedom behind Error
}

// GainOver compares v with a validation on the same pairs. The difference is
// taken cell by cell, so that what is hard for both does not count as noise;
// the standard error is that of a mean over platforms of ratios over cells, a
// cell that holds pairs of several platforms being one draw (Cochran 1977,
// "Sampling Techniques", 6.4: the ratio's linearised variance).
func (v *Validation) GainOver(start *Validation) (Gain, error) {
	if v.Pairs != start.Pairs || len(v.Platforms) != len(start.Platforms) {
		return Gain{}, ErrOtherPairs
	}
	type home struct{ organisation, fold int }
	pulls := map[home]float64{}
	var order []home // sums keep their order
	counted := 0
	for i := range v.Platforms {
		if v.Platforms[i].Counted {
			counted++
		}
	}
	if counted == 0 {
		return Gain{}, ErrNothing
	}
	g := Gain{Mean: start.Loss() - v.Loss()}
	for i := range v.Platforms {
		now, was := &v.Platforms[i], &start.Platforms[i]
		if !now.Counted {
			continue
		}
		mean, weight := was.Loss-now.Loss, 0.0
		for k := range now.Cells {
			weight += now.Cells[k].Weight
		}
		n := float64(len(now.Cells))
		scale := math.Sqrt(n/(n-1)) / (weight * now.Prior * float64(counted))
		for k := range now.Cells {
			c := &now.Cells[k]
			h := home{c.Organisation, c.Fold}
			if _, ok := pulls[h]; !ok {
				order = append(order, h)
			}
			pulls[h] += scale * (was.Cells[k].Loss - c.Loss - mean*c.Weight)
		}
	}
	square := 0.0
	for _, h := range order {
		square += pulls[h] * pulls[h]
	}
	g.Error = math.Sqrt(square)
	g.Freedom = float64(max(1, len(order)-counted)) // what several platforms share is one draw
	return g, nil
}

// GainOfRedraws compares two settings that were each validated several times,
// redraw by redraw: what their fits drew by luck averages out, and what is left
// of it is part of the error, as the variance of the gains over their number.
// Cells alone do not tell that luck, as those of one fold share their forests.
// The degrees of freedom of the two parts are joined as by Welch (1947).
func GainOfRedraws(now, start []*Validation) (Gain, error) {
	n := float64(len(now))
	gains, mean := make([]float64, len(now)), 0.0
	for i := range now {
		g, err := now[i].GainOver(start[i])
		if err != nil {
			return Gain{}, err
		}
		if now[i].Pairs != now[0].Pairs {
			return Gain{}, ErrOtherPairs
		}
		gains[i] = g.Mean
		mean += g.Mean / n
	}
	g, err := average(now).GainOver(average(start))
	if err != nil || len(now) < 2 {
		return g, err
	}
	luck := 0.0
	for _, one := range gains {
		luck += (one - mean) * (one - mean) / (n - 1) / n
	}
	cells := g.Error * g.Error
	if both := cells + luck; both > 0 {
		g.Error = math.Sqrt(both)
		g.Freedom = both * both / (cells*cells/g.Freedom + luck*luck/(n-1))
	}
	return g, nil
}

// average returns the mean losses of validations on the same pairs.
func average(of []*Validation) *Validation {
	out := &Validation{Pairs: of[0].Pairs}
	for i, first := range of[0].Platforms {
		first.Loss, first.Cells = 0, slices.Clone(first.Cells)
		for k := range first.Cells {
			first.Cells[k].Loss = 0
		}
		for _, v := range of {
			p := &v.Platforms[i]
			first.Loss += p.Loss / float64(len(of))
			for k := range first.Cells {
				first.Cells[k].Loss += p.Cells[k].Loss / float64(len(of))
			}
		}
		out.Platforms = append(out.Platforms, first)
	}
	return out
}

// oneError is how often a gain of nothing but luck stays below one standard
// error, where that is known exactly.
var oneError = distuv.UnitNormal.CDF(1)

// BeyondNoise reports whether the gain is more than the luck of the best of so
// many rivals explains, and how many standard errors that takes. For one rival
// it is the rule of one standard error (Breiman et al. 1984, "Classification
// and Regression Trees", 3.4.3). The best of many lucky ones is ahead by more:
// the bar is where luck stays below it as often for all rivals together as the
// rule has it for one (Šidák 1967), by Student's distribution, as few cells
// tell the error badly.
func (g Gain) BeyondNoise(rivals int) (beyond bool, bar float64) {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: g.Freedom}
	bar = t.Quantile(math.Pow(oneError, 1/float64(rivals)))
	return g.Mean > bar*g.Error, bar
}
