package train

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
	"whorl/train/boost"
)

// The scorer of clusters is learned where it will work: on replays in the
// order of time, with probabilities of pairs from forests that never saw the
// groups that are judged. A query is set against its true group, where that
// has earlier events, and against the clusters most like it, which are the
// hardest wrong ones.

// groupRow is a query and a cluster.
type groupRow struct {
	vector   model.GroupVector
	same     bool
	weight   float64
	platform features.Platform
	fold     int

	organisation int32
}

// hardest is how many clusters most like a query are learned from.
const hardest = 5

// builtAt are the probabilities at which replays that rows come from build
// their clusters; at infinity the true groups are the clusters. The scorer must
// know clusters that are split or mixed as well as the true ones.
var builtAt = []float64{0.6, 0.9, math.Inf(1)}

// groupParams are the settings of the forest over group vectors: small, as
// there are few and plain features.
func (f *fitting) groupParams(rows []groupRow) boost.Params {
	sources := make([]int32, len(rows))
	for i := range rows {
		sources[i] = rows[i].organisation
	}
	return boost.Params{
		Trees: 60, Leaves: 12, Depth: 4, LearningRate: 0.1, L2: 5, MinRows: 40, RowSample: 0.7, ColumnSample: 0.8,
		Seed: f.params.Seed, Workers: f.params.Workers, MinSources: f.params.Boost.MinSources, Sources: sources,
	}
}

// fitGroups fits the scorer of clusters and sets parts.Groups. Where there is
// too little to learn from, or pairs alone are asked for, it leaves them nil.
func (f *fitting) fitGroups(ctx context.Context, parts *model.Parts) error {
	replays, err := f.replays(ctx, parts)
	if err != nil {
		return err
	}
	if f.params.PairsOnly {
		return f.pairsJoin(ctx, parts, replays)
	}
	perReplay := make([][]groupRow, len(replays))
	if err := f.each(ctx, "gathering clusters", len(replays), func(k int) { perReplay[k] = replays[k].groupRows() }); err != nil {
		return err
	}
	rows := slices.Concat(perReplay...)
	m, labels, weights, err := f.groupMatrix(rows)
	if err != nil {
		return err
	}
	params := f.groupParams(rows)
	forests := make([]*model.Model, f.params.Folds)
	samples := make([]sample, 0, len(rows))
	for fold := range forests {
		others := []int32{} // nil would mean all
		for i := range rows {
			if rows[i].fold != fold {
				others = append(others, int32(i))
			}
		}
		e, err := boost.Fit(ctx, m, others, labels, weights, params)
		if errors.Is(err, boost.ErrNoRows) || errors.Is(err, boost.ErrOneClass) {
			continue
		} else if err != nil {
			return err
		}
		if forests[fold], err = servedGroups(parts, &model.GroupParts{Forest: forestOf(e, nil), Fallback: model.Calibration{Kind: model.Sigmoid, A: 1}, FallbackThreshold: strict}); err != nil {
			return err
		}
		for i := range rows {
			if r := &rows[i]; r.fold == fold {
				samples = append(samples, sample{forests[fold].GroupMargin(&r.vector), r.same, float64(weights[i]), r.platform})
			}
		}
	}
	e, err := boost.Fit(ctx, m, nil, labels, weights, params)
	if errors.Is(err, boost.ErrNoRows) || errors.Is(err, boost.ErrOneClass) {
		f.report.warn("no_groups", "replays hold too little to judge clusters by: a cluster is as probable as its best member; add labelled organisations")
		return nil
	} else if err != nil {
		return err
	}
	groups := &model.GroupParts{Forest: forestOf(e, nil)}
	if groups.Fallback, groups.Calibrations, _, err = calibrate(samples); err != nil {
		return err
	}
	for fold, served := range forests {
		if served == nil {
			continue
		}
		judge := func(v *model.GroupVector, p features.Platform) float64 {
			c, ok := groups.Calibrations[p]
			if !ok {
				c = groups.Fallback
			}
			return c.Probability(served.GroupMargin(v))
		}
		for _, r := range replays {
			if r.fold == fold {
				r.judge = judge
			}
		}
	}
	replays = slices.DeleteFunc(replays, func(r *replayed) bool { return r.judge == nil })
	if err := f.groupThresholds(ctx, groups, replays); err != nil {
		return err
	}
	parts.Groups = groups
	return nil
}

// groupThresholds sets the thresholds for joining: of platforms with enough
// replayed data their own, and for the others that of all together; measured
// where each is judged as if it were one that nothing is known of.
func (f *fitting) groupThresholds(ctx context.Context, groups *model.GroupParts, replays []*replayed) error {
	unmeasured := map[features.Platform]bool{}
	for _, p := range features.Platforms() {
		unmeasured[p] = true
	}
	judgeAs := func(p map[features.Platform]bool) {
		for _, r := range replays {
			r.unmeasured = p
		}
	}
	judgeAs(unmeasured)
	either, missedByEither, err := f.joinThresholds(ctx, replays)
	if err != nil {
		return err
	}
	unmeasured = maps.Clone(unmeasured)
	for p := range either.platforms {
		delete(unmeasured, p)
		if _, ok := groups.Calibrations[p]; !ok {
			groups.Calibrations[p] = groups.Fallback // a model keeps both or none
		}
	}
	for p := range unmeasured {
		delete(groups.Calibrations, p)
	}
	judgeAs(unmeasured)
	own, missed, err := f.joinThresholds(ctx, replays)
	if err != nil {
		return err
	}
	missed = slices.DeleteFunc(missed, func(name string) bool { return name == allPlatforms })
	if slices.Contains(missedByEither, allPlatforms) { // the one that a model holds
		missed = append(missed, allPlatforms)
	}
	f.warnMissed(missed)
	groups.Thresholds, groups.FallbackThreshold = own.platforms, either.all
	return nil
}

// pairsJoin gives a model without a scorer of clusters thresholds that serve
// both: of the one for pairs and the one for joining the lower.
func (f *fitting) pairsJoin(ctx context.Context, parts *model.Parts, replays []*replayed) error {
	joins, missed, err := f.joinThresholds(ctx, replays)
	if err != nil {
		return err
	}
	f.warnMissed(missed)
	parts.FallbackThreshold = min(parts.FallbackThreshold, joins.all)
	for _, p := range features.Platforms() {
		own, ok := parts.Thresholds[p]
		join, joined := joins.platforms[p]
		if !joined {
			continue
		}
		if !ok {
			own = join
		}
		parts.Thresholds[p] = min(own, join)
		if _, ok := parts.Calibrations[p]; !ok {
			parts.Calibrations[p] = parts.Fallback // a model keeps both or none
		}
	}
	return nil
}

// servedGroups returns the parts with other groups as production would load them.
func servedGroups(parts *model.Parts, groups *model.GroupParts) (*model.Model, error) {
	p := *parts
	p.Version, p.Groups = "fold", groups
	file, err := model.Marshal(&p)
	if err != nil {
		return nil, err
	}
	return model.Decode(file)
}

// groupRows takes the replay through its events and returns what is to be
// learned from the counted ones.
func (r *replayed) groupRows() []groupRow {
	var rows []groupRow
	dense := map[int32]int{} // groups by first event: how they are numbered must not matter
	for _, threshold := range builtAt {
		var held []holding // by cluster
		r.through(func(i int, t *model.Gathering, sizes []int, copied int) int {
			group, ok := dense[r.project.Groups[i]]
			if !ok {
				group = len(dense)
				dense[r.project.Groups[i]] = group
			}
			own := group
			if !math.IsInf(threshold, 1) {
				own = -1
			}
			standings := t.Standings()
			if r.counted[i] && copied < 0 {
				for k := range standings {
					c := standings[k].Cluster
					if k >= hardest && c != own {
						continue
					}
					row := groupRow{same: held[c].majority == group, platform: r.project.Records[i].Platform, fold: r.fold, weight: r.weight, organisation: int32(r.project.Organisation)}
					t.Vector(k, &r.queries[i], sizes[c], &row.vector)
					rows = append(rows, row)
				}
			}
			chosen := own
			switch {
			case own >= 0:
			case copied >= 0:
				chosen = copied
			case len(standings) > 0 && standings[0].Probability >= threshold:
				chosen = standings[0].Cluster
			default:
				chosen = len(sizes)
			}
			for len(held) <= chosen {
				held = append(held, holding{events: map[int]int{}})
			}
			held[chosen].add(group)
			return chosen
		})
	}
	return rows
}

// holding is what a cluster holds.
type holding struct {
	events   map[int]int // by group
	majority int         // the group with most events, of equals the one that had them first
}

func (h *holding) add(group int) {
	h.events[group]++
	if len(h.events) == 1 || h.events[group] > h.events[h.majority] {
		h.majority = group
	}
}

// groupMatrix bins the rows and balances platforms as [fitting.balance] does.
func (f *fitting) groupMatrix(rows []groupRow) (*boost.Matrix, []float32, []float32, error) {
	columns := make([]boost.Column, model.NumGroupFeatures)
	for i, s := range model.GroupSchema {
		columns[i] = boost.Column{Low: s.Low, High: s.High, Bins: f.params.Bins, Monotone: s.Monotone}
	}
	m, err := boost.NewMatrix(columns, len(rows))
	if err != nil {
		return nil, nil, nil, err
	}
	m.Resize(len(rows))
	labels, weights := make([]float32, len(rows)), make([]float32, len(rows))
	for i := range rows {
		m.Set(i, rows[i].vector[:])
		if rows[i].same {
			labels[i] = 1
		}
		weights[i] = float32(rows[i].weight)
	}
	balance(weights, nil, func(i int) features.Platform { return rows[i].platform })
	return m, labels, weights, nil
}
