package reports

import (
	"fmt"
	"strconv"
	"strings"

	"whorl/eval/result"
)

// trainingOf tells what the model learned from.
func trainingOf(s *source) trainingView {
	t := s.Training
	if t == nil {
		return trainingView{Nothing: true}
	}
	denied := 0
	for _, rows := range t.Denied {
		denied += rows
	}
	v := trainingView{Lead: fmt.Sprintf("%s allowed for training in %s; %s denied. Pairs were mined from %s; the scorer has %s.",
		counted(t.Events, "event"), counted(t.Projects, "project"), counted(denied, "row"),
		counted(t.Organisations, "organisation"), counted(t.Trees, "tree"))}
	if l := t.Labels; l != nil {
		v.Lead += fmt.Sprintf(" Of the pairs that people judged, %s learned from (%d the same problem, %d not); %d left out for lack of consent, %s unanswered.",
			counted(l.Same+l.Different, "pair"), l.Same, l.Different, l.Denied, counted(l.Skipped, "row"))
	}
	mined := table{
		Title:   "Mined pairs",
		Caption: "What was mined for each platform",
		Corner:  "Platform",
		Columns: []heading{{Label: "Events"}, {Label: "Groups"}, {Label: "Organisations"}, {Label: "Positives", Note: "pairs of one group"},
			{Label: "Negatives", Note: "pairs of two groups"}, {Label: "Set aside", Note: "pairs for calibration and thresholds"}},
	}
	var rows []row
	for _, p := range t.Platforms {
		rows = append(rows, row{Head: name(p.Platform), Cells: []cell{whole(p.Events), whole(p.Groups), whole(p.Organisations), whole(p.Positives), whole(p.Negatives), whole(p.Tuning)}})
	}
	if len(rows) > 0 {
		mined.Groups = []group{{Rows: rows}}
		v.Tables = append(v.Tables, mined)
	}
	reasons := table{
		Title:   "Denied rows",
		Caption: "Rows that consent or their own state kept out of training, by reason",
		Corner:  "Reason",
		Columns: []heading{{Label: "Rows"}},
	}
	rows = nil
	for _, reason := range sortedKeys(t.Denied) {
		rows = append(rows, row{Head: name(reason), Cells: []cell{whole(t.Denied[reason])}})
	}
	if len(rows) > 0 {
		reasons.Groups = []group{{Rows: rows}}
		v.Tables = append(v.Tables, reasons)
	}
	return v
}

// provenanceOf lists what was judged with what, in full.
func provenanceOf(sources []*source) []table {
	models := table{Title: "Models", Caption: "Model files and the settings of their evaluation", Corner: "Setting"}
	for _, s := range sources {
		models.Columns = append(models.Columns, heading{Label: s.label, Words: true})
	}
	var rows []row
	for _, fact := range []struct {
		name string
		of   func(*result.Provenance) string
	}{
		{"Model version", func(p *result.Provenance) string { return p.ModelVersion }},
		{"Model SHA-256", func(p *result.Provenance) string { return p.ModelSHA256 }},
		{"Feature schema", func(p *result.Provenance) string { return p.SchemaID }},
		{"Judged by", func(p *result.Provenance) string { return p.Tool }},
		{"Seed", func(p *result.Provenance) string { return strconv.FormatUint(p.Seed, 10) }},
		{"Bootstrap resamples", func(p *result.Provenance) string { return integer(p.Resamples) }},
		{"Pairs per project, at most", func(p *result.Provenance) string { return integer(p.PairCap) }},
		{"Window, days", func(p *result.Provenance) string { return integer(p.WindowDays) }},
	} {
		r := row{Head: fact.name}
		for _, s := range sources {
			r.Cells = append(r.Cells, words(clean(fact.of(&s.Provenance), 2*maxName)))
		}
		rows = append(rows, r)
	}
	models.Groups = []group{{Rows: rows}}
	out := []table{models}

	datasets := table{Title: "Golden datasets", Caption: "Golden datasets, their labels and their digests", Corner: "Dataset",
		Columns: []heading{{Label: "Version", Words: true}, {Label: "SHA-256 of dataset.json", Words: true}, {Label: "Licence", Words: true}, {Label: "Labels", Words: true},
			{Label: "Events"}, {Label: "Groups"}, {Label: "Projects"}, {Label: "Pairs judged"}, {Label: "Overlap", Note: "events also in training"}}}
	scorers := table{Title: "Scorers", Caption: "Scorers, their settings and thresholds", Corner: "Scorer",
		Columns: []heading{{Label: "Kind", Words: true}, {Label: "Tuned", Words: true}, {Label: "Settings", Words: true}, {Label: "Thresholds", Words: true}}}
	for _, s := range sources {
		var ds, ss group
		if len(sources) > 1 {
			ds.Label, ss.Label = s.label, s.label
		}
		for i := range s.Datasets {
			d := &s.Datasets[i]
			overlap := whole(d.OverlapTrain)
			if d.OverlapTrain < 0 {
				overlap = cell{Value: "unknown", Muted: true}
			}
			ds.Rows = append(ds.Rows, row{Head: name(d.Name), Cells: []cell{
				words(name(d.Version)), words(clean(d.SHA256, maxName)), words(clean(d.Licence, maxName)), words(clean(d.Protocol, 2*maxName)),
				whole(d.Events), whole(d.Groups), whole(d.Projects), whole(d.Pairs), overlap}})
		}
		for _, sc := range s.scorers {
			tuned := "no"
			switch {
			case sc.Name == result.ScorerModel:
				tuned = "trained"
			case sc.Tuned:
				tuned = "yes"
			}
			ss.Rows = append(ss.Rows, row{Head: name(sc.Name), Cells: []cell{
				words(name(sc.Kind)), words(tuned), words(settings(sc.Settings, "")), words(settings(sc.Thresholds, "others"))}})
		}
		if len(ds.Rows) > 0 {
			datasets.Groups = append(datasets.Groups, ds)
		}
		if len(ss.Rows) > 0 {
			scorers.Groups = append(scorers.Groups, ss)
		}
	}
	for _, t := range []table{datasets, scorers} {
		if !t.Empty() {
			out = append(out, t)
		}
	}
	return out
}

// settings prints named numbers in the order of their names; fallback stands
// for the empty name.
func settings(m map[string]float64, fallback string) string {
	var parts []string
	for i, key := range sortedKeys(m) {
		if i == 40 {
			parts = append(parts, fmt.Sprintf("and %d more", len(m)-i))
			break
		}
		label := name(key)
		if key == "" && fallback != "" {
			label = fallback
		}
		parts = append(parts, label+" "+strconv.FormatFloat(m[key], 'g', 4, 64))
	}
	return strings.Join(parts, ", ")
}
