package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
	"whorl/train/boost"
)

// Errors of a fit that a caller may want to tell apart.
var (
	ErrNoPositive = errors.New("no positive pair: no two distinct events of a project share a group")
	ErrNoNegative = errors.New("no negative pair: no project holds two groups")
)

// Params are the settings of [Fit]. Zero values mean the defaults.
type Params struct {
	Seed            uint64
	Redraw          uint64   // another luck of the fit under the same Seed: of what is mined, and of rows and columns of trees; default 0
	Folds           int      // of cross-fitting, at most 31; default 4
	Bags            int      // ensembles that are averaged; default 3
	PrecisionTarget float64  // of thresholds, in (0,1); default 0.97
	TuningPairs     int      // drawn per project for calibration at most; default 60000
	MostPairs       int      // that a fit learns from at most; default 1,000,000
	MostTuning      int      // drawn for calibration in all at most; default 1,000,000
	MostReplayed    int      // events of the projects that are replayed, at most but for one project; default 60,000
	Bins            int      // of a feature's range; default 64
	Without         []string // features left out, by name
	PairsOnly       bool     // no scorer of clusters: a cluster is as probable as its best member
	Mine            MineParams
	Boost           boost.Params
	MinOrgs         int // organisations behind every leaf of the scorers at least; default 2
	Study           Study
	Workers         int // goroutines; default 1
	Progress        func(stage string, done, total int)
}

func (p Params) withDefaults() Params {
	p.Folds = cmp.Or(p.Folds, 4)
	p.Bags = cmp.Or(p.Bags, 3)
	p.PrecisionTarget = cmp.Or(p.PrecisionTarget, 0.97)
	p.TuningPairs = cmp.Or(p.TuningPairs, 60000)
	p.MostPairs = cmp.Or(p.MostPairs, 1_000_000)
	p.MostTuning = cmp.Or(p.MostTuning, 1_000_000)
	p.MostReplayed = cmp.Or(p.MostReplayed, 60_000)
	p.Bins = cmp.Or(p.Bins, 64)
	p.MinOrgs = cmp.Or(p.MinOrgs, 2)
	p.Workers = cmp.Or(p.Workers, 1)
	if p.Progress == nil {
		p.Progress = func(string, int, int) {}
	}
	p.Mine = p.Mine.withDefaults()
	p.Boost.Seed, p.Boost.Workers = p.fitSeed(), p.Workers
	p.Boost.Trees = cmp.Or(p.Boost.Trees, 150)
	return p
}

// fitSeed is the seed of all that a fit draws but the tuning pairs.
func (p Params) fitSeed() uint64 { return p.Seed ^ p.Redraw<<40 }

// Outcome is a fitted model and what it was fitted on.
type Outcome struct {
	Parts  model.Parts
	Report Report
}

// Fit learns a scorer from a corpus:
//
//  1. exact copies are left out and every record is weighed by its project;
//  2. positives and hard negatives are mined from the labels;
//  3. forests are cross-fitted over folds of organisations or time; the number
//     of trees is the greatest that ranks the folds left out as well as any;
//  4. calibration and thresholds of pairs come from the folds left out;
//  5. the final forest is fitted on everything;
//  6. the scorer of clusters is fitted, calibrated and given its thresholds on
//     replays of the folds left out.
//
// The same corpus and settings give the same parts for any number of workers.
func Fit(ctx context.Context, corpus *Corpus, params Params) (*Outcome, error) {
	params = params.withDefaults()
	f, err := newFitting(ctx, params.Study.of(corpus, params.Seed), params)
	if err != nil {
		return nil, err
	}
	rounds, err := f.crossFit(ctx)
	if err != nil {
		return nil, err
	}
	p := f.params.Boost
	p.Trees = rounds
	ensemble, err := f.fitBag(ctx, f.without(f.nothing()), p, "fitting")
	if err != nil {
		return nil, err
	}
	f.report.Trees = len(ensemble.Trees)
	parts := model.Parts{PrecisionTarget: f.params.PrecisionTarget, Forest: f.forest(ensemble)}
	samples := f.samples()
	var calibrated bool
	if parts.Fallback, parts.Calibrations, calibrated, err = calibrate(samples); err != nil {
		return nil, err
	}
	if !calibrated {
		f.report.warn("no_calibration", "no pairs are left to calibrate on: probabilities are the forest's own; add labelled organisations")
	}
	f.pairThresholds(&parts, samples)
	if err := f.fitGroups(ctx, &parts); err != nil {
		return nil, err
	}
	return &Outcome{Parts: parts, Report: f.report}, nil
}

// fitting is a fit under way.
type fitting struct {
	params   Params
	projects []*prepared
	replayed []*Project // what replays take: records with a group
	folds    []map[int32]int
	use      []int // features that may be split on
	report   Report

	pairs   []Pair
	mined   *boost.Matrix
	labels  []float32
	weights []float32

	tuning []tuningPair
	drawn  *boost.Matrix

	ensembles []*boost.Ensemble // of cross-fitting, by the fold left out; nil where there was too little data
}

func newFitting(ctx context.Context, corpus *Corpus, params Params) (*fitting, error) {
	if params.Folds > mostFolds {
		return nil, fmt.Errorf("%d folds are more than %d: set folds to fewer", params.Folds, mostFolds)
	}
	f := &fitting{params: params}
	columns, err := f.columns()
	if err != nil {
		return nil, err
	}
	n := len(corpus.Projects)
	for i := range corpus.Projects {
		f.replayed = append(f.replayed, corpus.Projects[i].grouped())
	}
	f.projects = make([]*prepared, n)
	if err := f.each(ctx, "counting", n, func(i int) { f.projects[i] = prepare(&corpus.Projects[i]) }); err != nil {
		return nil, err
	}
	f.folds = assignFolds(f.projects, params.Folds)
	organisations := map[int]bool{}
	for _, p := range f.projects {
		organisations[p.organisation] = true
	}
	f.params.Boost.MinSources = min(params.MinOrgs, max(1, len(organisations)))

	mined, drawn := f.shares(params.Mine.PerProject, params.MostPairs), f.shares(params.TuningPairs, params.MostTuning)
	pairs := make([][]Pair, n)
	tuning := make([][]tuningPair, n)
	further := make([]int, n)
	if err := f.each(ctx, "mining", n, func(i int) {
		mining := params.Mine
		mining.PerProject, further[i] = params.Mine.split(mined[i], len(f.projects[i].explicit))
		pairs[i] = mine(i, f.projects[i], mining, params.fitSeed())
		tuning[i] = drawTuning(i, f.projects[i], f.folds[i], drawn[i], params.Seed)
	}); err != nil {
		return nil, err
	}
	f.pairs, f.tuning = slices.Concat(pairs...), slices.Concat(tuning...)
	positives, negatives := 0, 0
	for i := range f.pairs {
		switch {
		case f.pairs[i].Weight == 0: // a label without confidence says nothing
		case f.pairs[i].Same:
			positives++
		default:
			negatives++
		}
	}
	switch {
	case positives == 0:
		return nil, ErrNoPositive
	case negatives == 0:
		return nil, ErrNoNegative
	}
	if err := f.mineBoundary(ctx, columns, further); err != nil {
		return nil, err
	}
	if err := f.settle(ctx, columns); err != nil {
		return nil, err
	}
	var rows []rowOf
	for _, t := range f.tuning {
		rows = append(rows, rowOf{t.project, t.a, t.b})
	}
	if f.drawn, err = f.matrix(ctx, columns, rows, nil); err != nil {
		return nil, err
	}
	f.report = f.describe()
	if s := params.Study; s.Organisations > 0 || len(s.WithoutPlatforms) > 0 {
		f.report.warn("study", "study in the configuration left data out of this fit, to learn what it is worth: the model is no candidate for production")
	}
	if f.params.Boost.MinSources < params.MinOrgs {
		f.report.warn("few_organisations_in_leaves", fmt.Sprintf("there are %d organisations, fewer than min_orgs: %d: leaves of the model may rest on one of them; do not give it to others", len(organisations), params.MinOrgs))
	}
	return f, nil
}

// settle makes of the mined pairs what a forest is fitted on.
func (f *fitting) settle(ctx context.Context, columns []boost.Column) error {
	f.labels, f.weights, f.params.Boost.Sources = f.labels[:0], f.weights[:0], f.params.Boost.Sources[:0]
	var rows []rowOf
	for _, p := range f.pairs {
		label := float32(0)
		if p.Same {
			label = 1
		}
		f.labels, f.weights = append(f.labels, label), append(f.weights, p.Weight)
		rows = append(rows, rowOf{p.Project, p.A, p.B})
		f.params.Boost.Sources = append(f.params.Boost.Sources, int32(f.projects[p.Project].organisation))
	}
	balance(f.weights, f.without(f.nothing()), func(i int) features.Platform { return f.projects[f.pairs[i].Project].platform })
	var err error
	f.mined, err = f.matrix(ctx, columns, rows, func(r rowOf) bool { return isYoung(f.params.fitSeed(), r) })
	return err
}

// shares returns how many pairs each project may give where each may give own
// at most and all together most: what it has, cut for all by the same factor.
func (f *fitting) shares(own, most int) []int {
	total := 0.0
	has := make([]float64, len(f.projects))
	for i, p := range f.projects {
		n := float64(len(p.records))
		has[i] = min(float64(own), n*(n-1)/2)
		total += has[i]
	}
	out := make([]int, len(has))
	for i := range out {
		out[i] = own
		if total > float64(most) {
			out[i] = max(1, int(has[i]*float64(most)/total))
		}
	}
	return out
}

// columns returns the grid of the features in use.
func (f *fitting) columns() ([]boost.Column, error) {
	skip := map[int]bool{}
	for _, name := range f.params.Without {
		i, ok := features.FeatureIndex(name)
		if !ok {
			return nil, fmt.Errorf("no feature is called %q: see `whorl features --list`", name)
		}
		skip[i] = true
	}
	var columns []boost.Column
	for i, s := range features.Schema {
		if !skip[i] {
			f.use = append(f.use, i)
			columns = append(columns, boost.Column{Low: s.Low, High: s.High, Bins: f.params.Bins, Monotone: s.Monotone})
		}
	}
	return columns, nil
}

// each runs work for 0 to n-1 over the workers and tells of the progress.
func (f *fitting) each(ctx context.Context, stage string, n int, work func(i int)) error {
	return each(ctx, f.params.Workers, n, func(done int) { f.params.Progress(stage, done, n) }, work)
}

// crossFit sets the margins of all tuning pairs from models that never saw
// their fold, and returns the greatest number of rounds after which those rank
// the pairs as well as after any. Measure is the loss once each platform is
// calibrated, relative to the platform's least, and of that the median over
// platforms: a platform of few organisations, or one that more rounds only make
// more certain, does not stop the fit for all (docs/decisions.md).
func (f *fitting) crossFit(ctx context.Context) (rounds int, err error) {
	ensembles := make([]*boost.Ensemble, f.params.Folds)
	byFold := make([][]int32, f.params.Folds)
	for i := range f.tuning {
		t := &f.tuning[i]
		fold := f.folds[t.project][f.projects[t.project].homes[t.a]]
		byFold[fold] = append(byFold[fold], int32(i))
	}
	stops := stopsOf(f.params.Boost.Trees)
	after := make([][]float32, len(stops)) // margins of the tuning pairs
	for k := range after {
		after[k] = make([]float32, len(f.tuning))
	}
	for fold := range ensembles {
		if len(byFold[fold]) == 0 {
			continue
		}
		p := f.params.Boost
		p.Seed += uint64(fold) + 1
		stage := fmt.Sprintf("cross-fitting %d of %d", fold+1, len(ensembles))
		e, err := f.fitBag(ctx, f.without(fold), p, stage)
		if errors.Is(err, boost.ErrNoRows) || errors.Is(err, boost.ErrOneClass) {
			continue // too little data for this fold: its pairs tune nothing
		} else if err != nil {
			return 0, err
		}
		ensembles[fold] = e
		margins := make([]float64, len(byFold[fold]))
		for k := range margins {
			margins[k] = e.Bias
		}
		done := 0
		for k, stop := range stops {
			for ; done < stop; done++ {
				f.addRound(margins, e, done, byFold[fold])
			}
			for n, i := range byFold[fold] {
				after[k][i] = float32(margins[n])
			}
		}
	}
	kept, places := f.tuning[:0:0], []int32(nil)
	for fold, e := range ensembles {
		if e != nil {
			for _, i := range byFold[fold] {
				kept, places = append(kept, f.tuning[i]), append(places, i)
			}
		}
	}
	f.tuning = kept
	best, err := f.bestStop(ctx, after, places)
	if err != nil {
		return 0, err
	}
	rounds = stops[best]
	for n, i := range places {
		f.tuning[n].margin = float64(after[best][i])
	}
	for fold, e := range ensembles {
		if e != nil {
			ensembles[fold] = f.truncated(e, rounds)
		}
	}
	f.ensembles = ensembles
	return rounds, nil
}

// nothing is the context that leaves no fold out.
func (f *fitting) nothing() int { return f.params.Folds }

// without returns the pairs that may be learned from where a fold is left out:
// both records lie in others, and no model that saw it helped to choose the
// pair. Pairs with a record in the fold apart are left out as well. It is never
// nil, which would mean all pairs.
func (f *fitting) without(fold int, apart ...int) []int32 {
	rows := []int32{}
	for i := range f.pairs {
		p := &f.pairs[i]
		homes, in := f.projects[p.Project].homes, f.folds[p.Project]
		a, b := in[homes[p.A]], in[homes[p.B]]
		if p.fits.has(fold) && a != fold && b != fold && !slices.Contains(apart, a) && !slices.Contains(apart, b) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// fullProject is the number of pairs from which on a project counts fully in
// calibration: about what 100 distinct events have.
const fullProject = 5000

// projectWeights returns a weight for each tuning pair such that every project
// counts alike, however many pairs it has, and small ones count less.
func (f *fitting) projectWeights() []float64 {
	totals := make([]float64, len(f.projects))
	for i := range f.tuning {
		totals[f.tuning[i].project] += f.tuning[i].weight
	}
	out := make([]float64, len(f.tuning))
	for i := range f.tuning {
		total := totals[f.tuning[i].project]
		out[i] = f.tuning[i].weight * min(total, fullProject) / total
	}
	return out
}

func logLoss(margin float64, same bool) float64 {
	if same {
		margin = -margin
	}
	if margin > 30 {
		return margin
	}
	return math.Log1p(math.Exp(margin))
}

// forest converts an ensemble over the features in use.
func (f *fitting) forest(e *boost.Ensemble) model.Forest { return forestOf(e, f.use) }

// forestOf converts an ensemble to the layout of a model file; places are
// those of its columns in the vector, nil for the columns themselves.
func forestOf(e *boost.Ensemble, places []int) model.Forest {
	out := model.Forest{Base: e.Bias}
	for _, t := range e.Trees {
		base := int32(len(out.Feature))
		out.Roots = append(out.Roots, base)
		for _, n := range t.Nodes {
			feature := int32(n.Feature)
			if n.Feature >= 0 && places != nil {
				feature = int32(places[n.Feature])
			}
			out.Feature = append(out.Feature, feature)
			out.Threshold = append(out.Threshold, n.Threshold)
			out.Left = append(out.Left, base+int32(n.Left))
			out.Right = append(out.Right, base+int32(n.Right))
			out.DefaultLeft = append(out.DefaultLeft, n.MissingLeft)
			out.Value = append(out.Value, float32(n.Value))
		}
	}
	return out
}

// platformPower says how a platform's share of the fit grows with its pairs:
// 1 would let the platform with most pairs rule, 0 would make all equal.
const platformPower = 0.3

// balance scales weights so that each platform counts with that power of its
// share among the given rows, nil for all; their total stays.
func balance(weights []float32, rows []int32, platform func(i int) features.Platform) {
	if rows == nil {
		for i := range weights {
			rows = append(rows, int32(i))
		}
	}
	totals := map[features.Platform]float64{}
	all := 0.0
	for _, i := range rows {
		totals[platform(int(i))] += float64(weights[i])
		all += float64(weights[i])
	}
	scale, scaled := map[features.Platform]float64{}, 0.0
	for _, p := range features.Platforms() {
		if total := totals[p]; total > 0 {
			scale[p] = math.Pow(total/all, platformPower-1)
			scaled += total * scale[p]
		}
	}
	for i := range weights {
		if s, ok := scale[platform(i)]; ok {
			weights[i] *= float32(s * all / scaled)
		}
	}
}
