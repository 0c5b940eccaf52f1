package eval

import (
	"context"
	"fmt"
	"slices"

	"whorl/eval/result"
)

// Stages that [Options.Progress] hears of.
const (
	StageSample = "list pairs"
	StageScore  = "score pairs"
	StageWalk   = "replay events"
	StageDraw   = "resample" // followed by a space and the protocol
)

// evaluation is one run in progress.
type evaluation struct {
	Options
	*corpus
	units   *units
	scorers []Scorer
	kinds   []result.Scorer
	out     *Outcome
}

// kindModel is the kind of a scorer that is compared with the others and whose
// scores are meant to be probabilities.
const kindModel = "model"

// Run judges the scorers, the model first, on one dataset. The outcome depends
// on the dataset, the scorers, and of the options on all but Workers and
// Progress. Differences are those of the first scorer, if it is of kind
// "model", from each other one.
//
// It returns an error that wraps [ErrOptions] or [ErrNothingToJudge], the
// context's error when that ends first, or what Options.Scored returned. It
// panics when the dataset or a scorer breaks its contract.
func Run(ctx context.Context, ds *Dataset, scorers []Scorer, options Options) (*Outcome, error) {
	o, err := options.withDefaults(scorers)
	if err != nil {
		return nil, err
	}
	e := &evaluation{Options: o, corpus: newCorpus(ds), scorers: scorers, out: &Outcome{}}
	for _, s := range scorers {
		e.kinds = append(e.kinds, s.Describe())
	}
	e.units = newUnits(e.corpus)
	e.describe()
	if e.out.Dataset.Events == 0 && len(ds.Pairs) == 0 {
		return nil, fmt.Errorf("%w: dataset %q has neither a labelled event nor a pair", ErrNothingToJudge, ds.Name)
	}
	if e.runs(result.ProtocolPairs) {
		if err := e.pairs(ctx); err != nil {
			return nil, err
		}
	}
	if e.runs(result.ProtocolRetrieval) || e.runs(result.ProtocolReplay) {
		if e.out.Dataset.Events == 0 {
			e.warn("no_labelled_events", "the dataset has pairs only: retrieval and replay need labelled events")
		} else if err := e.walks(ctx); err != nil {
			return nil, err
		}
	}
	return e.out, nil
}

// describe fills in the dataset's description and what is to be said of it.
func (e *evaluation) describe() {
	d := &e.out.Dataset
	*d = result.Dataset{
		Name: e.Name, Version: e.Version, SHA256: e.SHA256, Licence: e.Licence, Protocol: e.LabelProtocol,
		Unlabelled: e.Unlabelled, OverlapTrain: e.OverlapTrain, Groups: e.groups, Resampled: e.units.name(),
	}
	for k, p := range e.projects {
		d.Events += len(p.labelled)
		d.Distinct += len(p.distinct)
		for _, u := range e.units.of[k] {
			if u >= 0 {
				d.Projects++
				break
			}
		}
	}
	if e.OverlapTrain > 0 {
		e.warn("overlap_train", "%d events have the same content as an event of the training data, under another id: figures on them are flattered", e.OverlapTrain)
	}
	if e.clashes > 0 {
		e.warn("copies_of_two_groups", "%d events are exact copies of an earlier event of another group: no scorer can tell them apart; check the labels", e.clashes)
	}
	for _, why := range e.dropped {
		e.warn("slice_left_out", "%s", why)
	}
	if e.Resamples > 0 && !e.units.resamplable() {
		e.warn("no_intervals", "no project has two groups to resample: figures have no interval")
	}
}

func (e *evaluation) warn(code, format string, args ...any) {
	e.out.Warnings = append(e.out.Warnings, result.Warning{Dataset: e.Name, Code: code, Text: fmt.Sprintf(format, args...)})
}

// stage returns the progress of a stage.
func (e *evaluation) stage(name string) func(done, total int) {
	if e.Progress == nil {
		return nil
	}
	return func(done, total int) { e.Progress(name, done, total) }
}

// pairs runs the pairs protocol.
func (e *evaluation) pairs(ctx context.Context) error {
	set, err := newPairSet(ctx, e.corpus, e.units, &e.Options, e.stage(StageSample))
	if err != nil {
		return err
	}
	e.out.Dataset.Pairs = set.Len()
	capped := 0
	for k, all := range set.all {
		e.out.Dataset.PairsAll += all
		if all > int64(set.bounds[k+1]-set.bounds[k]) {
			capped++
		}
	}
	if capped > 0 {
		e.warn("pairs_sampled", "%d of %d pairs are judged: %d projects have more than the cap of %d; the sample is stratified by label and static verdict, and weights undo it",
			set.Len(), e.out.Dataset.PairsAll, capped, e.PairCap)
	}
	if set.Len() == 0 {
		e.warn("no_pairs", "no project has two distinct labelled events: the pairs protocol has nothing to judge")
		return nil
	}
	if err := set.score(ctx, e.scorers, &e.Options, e.stage(StageScore)); err != nil {
		return err
	}
	if e.Scored != nil {
		if err := e.Scored(&set.ScoredPairs); err != nil {
			return err
		}
	}
	views := set.views(e.units)
	return e.judge(ctx, result.ProtocolPairs, func(s int) judge {
		calibrate := e.kinds[s].Kind == kindModel
		if !set.judged[s] {
			e.warn("no_threshold", "scorer %q has no threshold: figures at its threshold are undefined", set.Scorers[s])
		}
		e.out.Curves = append(e.out.Curves, set.curves(s, calibrate)...)
		return newPairsJudge(set, views, s, calibrate, e.PrecisionTargets)
	})
}

// walks runs the retrieval and the replay protocol, which share the walk.
func (e *evaluation) walks(ctx context.Context) error {
	retrieval, replay := e.runs(result.ProtocolRetrieval), e.runs(result.ProtocolReplay)
	walks, err := walks(ctx, e.corpus, e.scorers, &e.Options, retrieval, replay, e.stage(StageWalk))
	if err != nil {
		return err
	}
	if retrieval {
		views := eventViews(e.corpus, e.units, true)
		if err := e.judge(ctx, result.ProtocolRetrieval, func(s int) judge {
			return newRetrievalJudge(e.corpus, e.units, views, walks[s])
		}); err != nil {
			return err
		}
	}
	if !replay {
		return nil
	}
	views := eventViews(e.corpus, e.units, false)
	decides := func(s int) bool {
		return slices.ContainsFunc(walks[s], func(w *walk) bool { return w != nil && w.decides })
	}
	var static *replayJudge
	for s, d := range e.kinds {
		if d.Name == StaticBaseline && decides(s) {
			static = newReplayJudge(e.corpus, e.units, views, walks[s], nil)
		}
	}
	return e.judge(ctx, result.ProtocolReplay, func(s int) judge {
		if !decides(s) {
			e.warn("no_replay", "scorer %q has no threshold: it has no replay", e.kinds[s].Name)
			return nil
		}
		return newReplayJudge(e.corpus, e.units, views, walks[s], static)
	})
}

// judge evaluates every scorer's judge, nil for none, one scorer at a time, and
// collects figures and differences.
func (e *evaluation) judge(ctx context.Context, protocol string, of func(s int) judge) error {
	var model *sheet
	progress := e.stage(StageDraw + " " + protocol)
	for s, d := range e.kinds {
		j := of(s)
		if j == nil {
			continue
		}
		sh := &sheet{protocol: protocol, scorer: d.Name}
		done := progress
		if done != nil {
			done = func(done, total int) { progress(s*total+done, len(e.kinds)*total) }
		}
		if err := evaluate(ctx, j, e.units, e.Name, &e.Options, sh, done); err != nil {
			return err
		}
		e.out.Figures = append(e.out.Figures, sh.figures(e.Dataset)...)
		switch {
		case s == 0 && d.Kind == kindModel:
			model = sh
		case model != nil:
			e.out.Differences = append(e.out.Differences, model.differences(e.Dataset, sh)...)
		}
	}
	return nil
}
