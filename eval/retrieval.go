package eval

import (
	"whorl/eval/metric"
	"whorl/eval/result"
)

// Metrics of the retrieval protocol; see the package comment.
const (
	metricRRAt1     = "rr_at_1"
	metricRRAt5     = "rr_at_5"
	metricRRAt10    = "rr_at_10"
	metricMRR       = "mrr"
	metricMAP       = "map"
	metricReach     = "reach"
	metricNewVsSeen = "new_vs_seen_auc"
)

var retrievalMetrics = []string{metricRRAt1, metricRRAt5, metricRRAt10, metricMRR, metricMAP, metricReach, metricNewVsSeen}

// retrievalJudge judges one scorer's queries, which stand in the order of
// their best scores, the highest first.
//
// Clusters of equal score are ranked by expectation over a random order (see
// [metric.HitWithin]). A query weighs the multiplicity of its group or project.
type retrievalJudge struct {
	list    []view
	queries [][]int32 // by view, ascending

	best []float64
	seen []bool
	unit []int32
	ranked
}

// ranked is the first metrics of each query, 0 where the group is not reached.
type ranked struct {
	at1, at5, at10, rr, reached []float64
}

// queryView is a view and its queries, as labelled events numbered over all
// projects.
type queryView struct {
	view
	queries []int32
}

// eventViews lists all, distinct, the projects and the slices as views over
// the labelled events of all projects, numbered one project after another.
func eventViews(c *corpus, u *units, distinct bool) []queryView {
	all := queryView{view: view{slice: result.SliceAll, project: none, alias: none}}
	first := queryView{view: view{slice: result.SliceDistinct, project: none, alias: none}}
	var projects []queryView
	members := make([][]int32, len(c.sliceNames))
	q := int32(0)
	for k, p := range c.projects {
		var own []int32
		for _, i := range p.labelled {
			own = append(own, q)
			if !p.copies[i] {
				first.queries = append(first.queries, q)
			}
			for _, s := range p.slices[i] {
				members[s] = append(members[s], q)
			}
			q++
		}
		if len(own) > 0 {
			all.queries = append(all.queries, own...)
			unit := int(u.of[k][p.labelled[0]])
			projects = append(projects, queryView{view: view{project: k, unit: unit, alias: none}, queries: own})
		}
	}
	views := []queryView{all}
	if distinct {
		views = append(views, first)
	}
	views = append(views, projects...)
	for s, name := range c.sliceNames {
		if len(members[s]) > 0 {
			views = append(views, queryView{
				view: view{slice: name, project: none, alias: none, least: MinQueries}, queries: members[s],
			})
		}
	}
	return views
}

func newRetrievalJudge(c *corpus, u *units, list []queryView, walks []*walk) *retrievalJudge {
	j := &retrievalJudge{}
	var best []float64
	for _, w := range walks {
		if w != nil {
			best = append(best, w.best...)
		}
	}
	order := metric.Descending(best)
	rank := make([]int32, len(order))
	for at, q := range order {
		rank[q] = int32(at)
	}
	n := len(order)
	j.best, j.seen, j.unit = make([]float64, n), make([]bool, n), make([]int32, n)
	for _, list := range []*[]float64{&j.at1, &j.at5, &j.at10, &j.rr, &j.reached} {
		*list = make([]float64, n)
	}
	q := 0
	for k, w := range walks {
		if w == nil {
			continue
		}
		for i, item := range c.projects[k].labelled {
			at := rank[q]
			q++
			j.best[at], j.seen[at], j.unit[at] = w.best[i], w.seen[i], u.of[k][item]
			if w.reached[i] {
				better, tied := w.better[i], w.tied[i]
				j.at1[at] = metric.HitWithin(1, better, tied)
				j.at5[at] = metric.HitWithin(5, better, tied)
				j.at10[at] = metric.HitWithin(10, better, tied)
				j.rr[at] = metric.ReciprocalRank(better, tied)
				j.reached[at] = 1
			}
		}
	}
	for _, v := range list {
		member := make([]bool, n)
		for _, q := range v.queries {
			member[rank[q]] = true
		}
		var own []int32
		seen := 0
		for at := range member {
			if member[at] {
				own = append(own, int32(at))
				if j.seen[at] {
					seen++
				}
			}
		}
		j.queries = append(j.queries, own)
		v.metrics = retrievalMetrics
		v.n = []int{seen, seen, seen, seen, seen, seen, len(own)}
		j.list = append(j.list, v.view)
	}
	return j
}

func (j *retrievalJudge) views() []view { return j.list }

func (j *retrievalJudge) session() session { return &retrievalSession{retrievalJudge: j} }

type retrievalSession struct {
	*retrievalJudge
	m     []float64
	sweep metric.Sweep
}

func (s *retrievalSession) begin(m []float64) { s.m = m }

func (s *retrievalSession) figures(v int, out []float64) {
	var at1, at5, at10, rr, reached, seen float64
	s.sweep.Reset()
	queries := s.queries[v]
	for k := 0; k < len(queries); {
		best := s.best[queries[k]]
		var pos, neg float64
		for ; k < len(queries) && s.best[queries[k]] == best; k++ {
			q := queries[k]
			w := s.m[s.unit[q]]
			if !s.seen[q] {
				neg += w
				continue
			}
			pos += w
			at1 += w * s.at1[q]
			at5 += w * s.at5[q]
			at10 += w * s.at10[q]
			rr += w * s.rr[q]
			reached += w * s.reached[q]
		}
		seen += pos
		s.sweep.Add(pos, neg)
	}
	for k, sum := range []float64{at1, at5, at10, rr, rr, reached} {
		out[k] = sum / seen // 0/0 is NaN: undefined
	}
	out[6] = orNaN(s.sweep.ROCAUC())
}
