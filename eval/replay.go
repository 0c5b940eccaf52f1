package eval

import (
	"math"

	"whorl/eval/metric"
	"whorl/eval/result"
)

// Metrics of the replay protocol; see the package comment.
const (
	metricClusters          = "clusters"
	metricGroups            = "groups"
	metricBCubedPrecision   = "bcubed_precision"
	metricBCubedRecall      = "bcubed_recall"
	metricBCubedF1          = "bcubed_f1"
	metricOverMerge         = "over_merge_rate"
	metricPairwisePrecision = "pairwise_precision"
	metricPairwiseRecall    = "pairwise_recall"
	metricPairwiseF1        = "pairwise_f1"
	metricAdjustedRand      = "adjusted_rand"
	metricSplitMean         = "split_mean"
	metricAvoided           = "new_clusters_avoided_vs_static"
)

// The first four stand in slices too: they are means over items.
var replayMetrics = []string{
	metricBCubedPrecision, metricBCubedRecall, metricBCubedF1, metricOverMerge,
	metricClusters, metricGroups, metricPairwisePrecision, metricPairwiseRecall, metricPairwiseF1,
	metricAdjustedRand, metricSplitMean, metricAvoided,
}

const (
	itemMetrics = 4
	avoidedAt   = 11
)

// replayJudge judges one scorer's clusters. Under a resample of groups an item
// meets the items of another group as often as that group was drawn.
type replayJudge struct {
	list     []view
	counts   [][][]int // by view and project: items by cell; nil: not a slice, or none there
	projects []*replayProject
	units    *units
	static   *replayJudge // nil: no static baseline to compare with
}

// replayProject is a project's clusters; nil where it has no labelled event.
type replayProject struct {
	index int
	table *metric.Contingency
	unit  []int32 // of each group
}

// newReplayJudge takes the walks of one scorer, all with clusters, and the
// static baseline's judge if there is one.
func newReplayJudge(c *corpus, u *units, list []queryView, walks []*walk, static *replayJudge) *replayJudge {
	j := &replayJudge{units: u, static: static, projects: make([]*replayProject, len(walks))}
	type place struct{ project, cell int }
	var places []place // by event
	sizes := make([]int, len(walks))
	for k, w := range walks {
		if w == nil {
			continue
		}
		p := c.projects[k]
		groups := p.denseGroups()
		r := &replayProject{index: k, table: metric.NewContingency(groups, w.clusters)}
		r.unit = make([]int32, r.table.Groups())
		for i, item := range p.labelled {
			r.unit[groups[i]] = u.of[k][item]
			places = append(places, place{k, r.table.CellOf(i)})
		}
		j.projects[k] = r
		sizes[k] = r.table.Cells()
	}
	for _, v := range list {
		counts := make([][]int, len(walks))
		v.metrics = replayMetrics
		if v.project < 0 && v.slice != result.SliceAll {
			v.metrics = replayMetrics[:itemMetrics]
			for _, q := range v.queries {
				at := places[q]
				if counts[at.project] == nil {
					counts[at.project] = make([]int, sizes[at.project])
				}
				counts[at.project][at.cell]++
			}
		}
		if static == nil && len(v.metrics) > itemMetrics {
			v.metrics = replayMetrics[:avoidedAt]
		}
		v.n = make([]int, len(v.metrics))
		for k := range v.n {
			v.n[k] = len(v.queries)
			if v.metrics[k] == metricSplitMean {
				v.n[k] = j.splittable(v.project)
			}
		}
		j.counts = append(j.counts, counts)
		j.list = append(j.list, v.view)
	}
	return j
}

// splittable counts the groups of two or more events, in one project or in all.
func (j *replayJudge) splittable(project int) (n int) {
	for k, p := range j.projects {
		if p != nil && (project < 0 || project == k) {
			n += p.table.LargeGroups()
		}
	}
	return n
}

func (j *replayJudge) views() []view { return j.list }

func (j *replayJudge) session() session {
	s := &replaySession{replayJudge: j, totals: make([]metric.Agreement, len(j.projects)), drawn: make([]metric.Multiplicity, len(j.projects))}
	if j.static != nil && j.static != j {
		s.static = j.static.session().(*replaySession)
	}
	return s
}

type replaySession struct {
	*replayJudge
	drawn  []metric.Multiplicity // by project
	totals []metric.Agreement    // by project
	all    metric.Agreement
	static *replaySession // nil: the judge is the static baseline's, or there is none
}

func (s *replaySession) begin(m []float64) {
	s.all = metric.Agreement{}
	for k, p := range s.projects {
		if p == nil {
			continue
		}
		own := make([]float64, len(p.unit))
		for g, u := range p.unit {
			own[g] = m[u]
		}
		s.drawn[k] = metric.Multiplicity{Own: own}
		if !s.units.byProject {
			s.drawn[k].Other = own
		}
		s.totals[k] = p.table.Agreement(s.drawn[k], nil)
		s.all.Add(s.totals[k], 1)
	}
	if s.static != nil {
		s.static.begin(m)
	}
}

func (s *replaySession) figures(v int, out []float64) {
	view := &s.list[v]
	if len(view.metrics) == itemMetrics {
		var a metric.Agreement
		for k, counts := range s.counts[v] {
			if counts != nil {
				a.Add(s.projects[k].table.Agreement(s.drawn[k], counts), 1)
			}
		}
		itemFigures(a, out)
		return
	}
	a := s.total(view.project)
	itemFigures(a, out)
	out[4], out[5] = orNaN(a.Clusters, a.Mass > 0), orNaN(a.Groups, a.Mass > 0)
	out[6] = orNaN(a.PairwisePrecision())
	out[7] = orNaN(a.PairwiseRecall())
	out[8] = orNaN(a.PairwiseF1())
	out[9] = orNaN(a.AdjustedRand())
	out[10] = orNaN(a.SplitMean())
	if len(view.metrics) > avoidedAt {
		static := a
		if s.static != nil {
			static = s.static.total(view.project)
		}
		out[avoidedAt] = orNaN(1-a.Clusters/static.Clusters, static.Clusters > 0)
	}
}

func (s *replaySession) total(project int) metric.Agreement {
	if project < 0 {
		return s.all
	}
	return s.totals[project]
}

// itemFigures sets the figures that are means over items.
func itemFigures(a metric.Agreement, out []float64) {
	p, r, f1, ok := a.BCubed()
	out[0], out[1], out[2] = p, r, f1
	if !ok {
		out[0], out[1], out[2] = math.NaN(), math.NaN(), math.NaN()
	}
	out[3] = orNaN(a.OverMergeRate())
}
