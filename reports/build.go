package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whorl/eval/result"
)

// source is one result and what is needed to look things up in it.
type source struct {
	*result.Result
	index   *result.Index
	label   string
	scorers []result.Scorer // the model first
	slices  map[sliceKey][]string
}

// build decides everything that a report says.
func build(results []*result.Result, o Options) (page, error) {
	sources, err := open(results, o.Labels)
	if err != nil {
		return page{}, err
	}
	if err := checkVersions(sources); err != nil {
		return page{}, err
	}
	p := page{Title: text(o.Title), Several: len(sources) > 1}
	if p.Title == "" {
		p.Title = "Grouping model report"
	}
	used := map[string]bool{}
	for _, s := range sources {
		p.Models = append(p.Models, modelOf(s))
		for i := range s.Datasets {
			d := datasetOf(s, &s.Datasets[i])
			d.identify(len(p.Datasets) + 1)
			if p.Several {
				d.Model = s.label
			}
			p.Datasets = append(p.Datasets, d)
		}
		t := trainingOf(s)
		if p.Several {
			t.Model = s.label
		}
		p.Training = append(p.Training, t)
		for i := range s.Figures {
			used[s.Figures[i].Metric] = true
		}
	}
	p.Glance = glanceOf(sources)
	if p.Several {
		p.Comparison = comparisonOf(sources)
	}
	for i := range metrics {
		if m := &metrics[i]; used[m.id] {
			p.Glossary = append(p.Glossary, entry{m.label, m.id, m.direction(), m.meaning})
		}
	}
	p.Provenance = provenanceOf(sources)
	return p, nil
}

// open checks the results and gives each a label of its own.
func open(results []*result.Result, labels []string) ([]*source, error) {
	if len(results) == 0 {
		return nil, ErrNoResults
	}
	if len(labels) > 0 && len(labels) != len(results) {
		return nil, fmt.Errorf("%d labels for %d results: give each result one, or none", len(labels), len(results))
	}
	var sources []*source
	for i, r := range results {
		if r == nil {
			return nil, fmt.Errorf("%w: result %d is nil", ErrNoResults, i+1)
		}
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("result %d: %w", i+1, err)
		}
		s := &source{Result: r, index: result.NewIndex(r), slices: sliceNames(r)}
		for _, sc := range r.Scorers {
			if sc.Name == result.ScorerModel {
				s.scorers = append([]result.Scorer{sc}, s.scorers...)
			} else {
				s.scorers = append(s.scorers, sc)
			}
		}
		if len(labels) > 0 {
			s.label = name(labels[i])
		} else {
			s.label = name(r.Provenance.ModelVersion)
		}
		sources = append(sources, s)
	}
	seen := map[string]int{}
	for _, s := range sources {
		seen[s.label]++
	}
	for i, s := range sources {
		if seen[s.label] > 1 {
			s.label = fmt.Sprintf("%s (result %d)", s.label, i+1)
		}
	}
	return sources, nil
}

// checkVersions refuses results that hold one dataset in two versions, or in
// two contents under one version.
func checkVersions(sources []*source) error {
	type met struct {
		by      int
		dataset *result.Dataset
	}
	first := map[string]met{}
	for i, s := range sources {
		for j := range s.Datasets {
			d := &s.Datasets[j]
			m, ok := first[d.Name]
			if !ok {
				first[d.Name] = met{i, d}
				continue
			}
			if m.dataset.Version != d.Version {
				return fmt.Errorf("dataset %.80q: version %.40q in result %d, version %.40q in result %d: %w: report them apart",
					d.Name, m.dataset.Version, m.by+1, d.Version, i+1, ErrVersions)
			}
			if m.dataset.SHA256 != d.SHA256 {
				return fmt.Errorf("dataset %.80q version %.40q: digest %.12s in result %d, %.12s in result %d: %w: a change of the files needs a new version",
					d.Name, d.Version, digest(m.dataset.SHA256), m.by+1, digest(d.SHA256), i+1, ErrVersions)
			}
		}
	}
	return nil
}

func modelOf(s *source) modelView {
	p := &s.Provenance
	m := modelView{
		Label:   s.label,
		Version: name(p.ModelVersion),
		Digest:  digest(p.ModelSHA256),
		Tool:    name(p.Tool),
		Schema:  name(p.SchemaID),
		Settings: fmt.Sprintf("95 %% intervals from %s; at most %s of a project; events of the last %s; seed %s",
			counted(p.Resamples, "bootstrap resample"), counted(p.PairCap, "sampled pair"), counted(p.WindowDays, "day"), strconv.FormatUint(p.Seed, 10)),
	}
	known := map[string]bool{}
	for i := range s.Datasets {
		known[s.Datasets[i].Name] = true
	}
	for _, w := range s.Warnings {
		// A warning about a dataset that is not in the result stands with the result:
		// that the dataset is missing may be the very thing it says.
		if !known[w.Dataset] {
			m.Warnings = append(m.Warnings, warningOf(w, w.Dataset))
		}
	}
	return m
}

func warningOf(w result.Warning, dataset string) warning {
	out := warning{Code: name(w.Code), Text: text(w.Text)}
	if dataset != "" {
		out.Text = name(dataset) + ": " + out.Text
	}
	return out
}

func datasetOf(s *source, d *result.Dataset) datasetView {
	v := datasetView{
		Name:    name(d.Name),
		Version: name(d.Version),
		Facts:   datasetFacts(d),
		Verdict: verdictOf(s, d),
	}
	for _, w := range s.Warnings {
		if w.Dataset == d.Name {
			v.Warnings = append(v.Warnings, warningOf(w, ""))
		}
	}
	for _, c := range []column{headlinePairs, headlineReplay} {
		if f, ok := forestOf(s, d, c); ok {
			v.Forests = append(v.Forests, f)
		}
	}
	for _, p := range panels {
		if t := headlineTable(s, d, p); !t.Empty() {
			v.Headline = append(v.Headline, t)
		} else {
			v.Absent = append(v.Absent, fmt.Sprintf("%s: no figure in this result.", p.title))
		}
	}
	v.Plots = plotsOf(s, d)
	v.Points = operatingPoints(s, d)
	for _, p := range slicePanels {
		if t := sliceTable(s, d, p.protocol, p.title, p.unit, p.metrics); !t.Empty() {
			v.Slices = append(v.Slices, t)
		}
	}
	v.Headers, v.Summary = summaryOf(s, d)
	return v
}

// identify gives the dataset and its drawings anchors that are unique on the
// page, whatever the dataset is called.
func (v *datasetView) identify(number int) {
	v.ID = fmt.Sprintf("dataset-%d", number)
	for i := range v.Forests {
		v.Forests[i].ID = fmt.Sprintf("%s-figure-%d", v.ID, i+1)
	}
	for i := range v.Plots {
		v.Plots[i].ID = fmt.Sprintf("%s-plot-%d", v.ID, i+1)
	}
}

func datasetFacts(d *result.Dataset) string {
	facts := []string{
		counted(d.Events, "labelled event") + " (" + integer(d.Distinct) + " distinct)",
		counted(d.Groups, "group"),
		counted(d.Projects, "project"),
		integer(d.Pairs) + " of " + integer(d.PairsAll) + " pairs judged",
	}
	if d.Unlabelled > 0 {
		facts = append(facts, integer(d.Unlabelled)+" unlabelled, not judged")
	}
	if d.Resampled != "" {
		facts = append(facts, "intervals resample "+name(d.Resampled))
	}
	switch {
	case d.OverlapTrain > 0:
		facts = append(facts, counted(d.OverlapTrain, "event")+" with content that also stands in the training data")
	case d.OverlapTrain < 0:
		facts = append(facts, "overlap with the training data unknown")
	}
	return strings.Join(facts, " · ")
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
