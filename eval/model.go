package eval

import (
	"whorl/eval/result"
	"whorl/features"
	"whorl/model"
)

// ModelScorer returns the scorer of a model file as production loads it. It
// decides groups with [model.Grouper], as the online fingerprinter does.
func ModelScorer(m *model.Model) Scorer { return modelScorer{m} }

type modelScorer struct{ model *model.Model }

func (s modelScorer) Describe() result.Scorer {
	thresholds := map[string]float64{}
	for _, p := range features.Platforms() {
		thresholds[p.String()] = s.model.Threshold(p)
	}
	thresholds[""] = s.model.FallbackThreshold()
	return result.Scorer{Name: result.ScorerModel, Kind: result.ScorerModel, Tuned: true, Thresholds: thresholds}
}

func (s modelScorer) Start(items []Item) Project {
	return &modelProject{model: s.model, items: items, grouper: model.NewGrouper(s.model)}
}

type modelProject struct {
	model   *model.Model
	items   []Item
	views   []features.View // of the whole project, for the pairs protocol
	grouper *model.Grouper
	found   []model.Candidate
	vector  features.Vector
}

func (p *modelProject) LearnAll() {
	var f features.Frequencies
	for _, item := range p.items {
		f.Add(item.Record)
	}
	p.views = make([]features.View, len(p.items))
	for i, item := range p.items {
		p.views[i].Weigh(item.Record, &f)
	}
}

func (p *modelProject) Score(i, j int) float64 {
	features.Compare(&p.views[i], &p.views[j], &p.vector)
	return p.model.Probability(&p.vector, model.PairPlatform(p.items[i].Record.Platform, p.items[j].Record.Platform))
}

func (p *modelProject) Threshold(i int) float64 {
	return p.model.Threshold(p.items[i].Record.Platform)
}

func (p *modelProject) Rank(dst []Hit, i, from int) []Hit {
	p.found = p.grouper.Candidates(p.found[:0], p.items[i].Record, from)
	for _, c := range p.found {
		dst = append(dst, Hit{Item: c.Event, Score: c.Probability})
	}
	return dst
}

func (p *modelProject) Add(i int) { p.grouper.Add(p.items[i].Record, 0) }

func (p *modelProject) Assign(i, from int) (cluster int) {
	return p.grouper.GroupSince(p.items[i].Record, from).Cluster
}
