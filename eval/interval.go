package eval

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"whorl/eval/result"
)

// minDefined is the share of resamples in which a figure must be defined to
// have an interval. A figure that rests on one or two groups vanishes with
// them more often, and percentiles of the rest would feign certainty.
const minDefined = 0.9

// interval returns the 2.5th and 97.5th percentile of a figure's values over
// the resamples (Efron 1979; linear interpolation between order statistics);
// not ok where too few are defined. It reorders draws.
func interval(draws []float64) (low, high float64, ok bool) {
	all := len(draws)
	draws = slices.DeleteFunc(draws, math.IsNaN)
	if len(draws) == 0 || float64(len(draws)) < minDefined*float64(all) {
		return 0, 0, false
	}
	slices.Sort(draws)
	low = stat.Quantile(0.025, stat.LinInterp, draws, nil)
	high = stat.Quantile(0.975, stat.LinInterp, draws, nil)
	return low, high, true
}

// figures turns a sheet into a result's figures.
func (sh *sheet) figures(ds *Dataset) []result.Figure {
	figures := make([]result.Figure, len(sh.columns))
	draws := make([]float64, len(sh.draws))
	for k, c := range sh.columns {
		f := &figures[k]
		*f = result.Figure{
			Dataset: ds.Name, DatasetVersion: ds.Version, Protocol: sh.protocol, Scorer: sh.scorer,
			Slice: c.slice, Metric: c.metric, N: c.n,
		}
		if math.IsNaN(sh.value[k]) {
			continue
		}
		f.Value = &sh.value[k]
		if c.metric == metricGroups { // a size of the data, no estimate
			continue
		}
		for r := range sh.draws {
			draws[r] = sh.draws[r][k]
		}
		if low, high, ok := interval(draws); ok {
			f.Low, f.High = &low, &high
		}
	}
	return figures
}

// differences compares a sheet with a baseline's of the same protocol. Figures
// that either lacks, or whose difference has no interval, are left out.
func (sh *sheet) differences(ds *Dataset, baseline *sheet) []result.Difference {
	type place struct{ slice, metric string }
	at := make(map[place]int, len(baseline.columns))
	for k, c := range baseline.columns {
		at[place{c.slice, c.metric}] = k
	}
	var list []result.Difference
	draws := make([]float64, min(len(sh.draws), len(baseline.draws)))
	for k, c := range sh.columns {
		b, ok := at[place{c.slice, c.metric}]
		if !ok || c.metric == metricGroups {
			continue
		}
		value := sh.value[k] - baseline.value[b]
		if math.IsNaN(value) {
			continue
		}
		for r := range draws {
			draws[r] = sh.draws[r][k] - baseline.draws[r][b]
		}
		low, high, ok := interval(draws)
		if !ok {
			continue
		}
		list = append(list, result.Difference{
			Dataset: ds.Name, DatasetVersion: ds.Version, Protocol: sh.protocol,
			Scorer: sh.scorer, Baseline: baseline.scorer, Slice: c.slice, Metric: c.metric,
			Value: value, Low: low, High: high, Significant: low > 0 || high < 0,
		})
	}
	return list
}
