package reports

import (
	"math"
	"reflect"
	"strings"

	"whorl/eval/result"
)

func ptr(v float64) *float64 { return &v }

// fixture is a hand-written result: three datasets (one well covered, one
// where the model is not shown better, one with hardly a figure), figures that
// are missing or undefined, a warning, slices that are too small.
func fixture(version string, shift float64) *result.Result {
	r := &result.Result{
		Format: result.Format,
		Provenance: result.Provenance{
			Tool: "whorl 0.1.0", ModelVersion: version, ModelSHA256: strings.Repeat("3f9c", 16), SchemaID: "features-2026a",
			Seed: 7, Resamples: 1000, PairCap: 20000, WindowDays: 730,
		},
		Training: &result.Training{
			Events: 184213, Denied: map[string]int{"no_grant": 5120, "withdrawn": 873, "row_consent_missing": 41}, Organisations: 61, Projects: 148,
			Platforms: []result.PlatformPairs{
				{Platform: "java", Events: 40112, Groups: 1880, Organisations: 22, Positives: 60211, Negatives: 118400, Tuning: 12040},
				{Platform: "javascript", Events: 120983, Groups: 5210, Organisations: 44, Positives: 203114, Negatives: 401230, Tuning: 40611},
				{Platform: "php", Events: 12, Groups: 2, Organisations: 1},
			},
			Trees: 200,
		},
		Datasets: []result.Dataset{
			{Name: "java-dev", Version: "1.1", SHA256: strings.Repeat("aa10", 16), Licence: "CC-BY-4.0", Protocol: "duplicates named in a public tracker", Events: 2210, Unlabelled: 14, Distinct: 2105, Groups: 391, Projects: 3, Pairs: 41000, PairsAll: 1204331, Resampled: "groups", OverlapTrain: -1},
			{Name: "js-dev", Version: "2.0", SHA256: strings.Repeat("5b0e", 16), Licence: "Apache-2.0", Protocol: "fault injection: one group a fault", Events: 8431, Distinct: 5120, Groups: 412, Projects: 12, Pairs: 180000, PairsAll: 9120544, Resampled: "projects", OverlapTrain: 3},
			{Name: "logs-dev", Version: "0.9", SHA256: strings.Repeat("c7d2", 16), Licence: "CC0-1.0", Protocol: "templates", Events: 40, Distinct: 12, Groups: 9, Projects: 1, Pairs: 66, PairsAll: 66, Resampled: "groups", OverlapTrain: 0},
		},
		Scorers: []result.Scorer{
			{Name: "model", Kind: "model", Tuned: true, Thresholds: map[string]float64{"": 0.62, "java": 0.71, "javascript": 0.58}},
			{Name: "static", Kind: "rule", Thresholds: map[string]float64{"": 0.5}},
			{Name: "top-frame", Kind: "rule", Thresholds: map[string]float64{"": 0.5}},
			{Name: "fast", Kind: "score", Tuned: true, Settings: map[string]float64{"alpha": 1.25, "beta": 0.5, "gamma": 2}, Thresholds: map[string]float64{"": 0.83}},
			{Name: "prefix", Kind: "score", Thresholds: map[string]float64{"": 0.7}},
		},
		Warnings: []result.Warning{
			{Dataset: "java-dev", Code: "few_projects", Text: "Three projects are too few to resample, so the intervals resample groups: they say nothing about other projects. Add projects to the dataset."},
		},
	}
	add := func(dataset, version, protocol, slice, metric string, n int, half float64, values ...float64) {
		// The shift makes another model of the first column, where that leaves a share a share.
		if values[0] > .1 && values[0] <= 1 {
			values[0] += shift
		}
		for i, v := range values {
			f := result.Figure{Dataset: dataset, DatasetVersion: version, Protocol: protocol, Scorer: r.Scorers[i].Name, Slice: slice, Metric: metric, N: n}
			switch {
			case v == absent:
				continue
			case v != undefined:
				f.Value = ptr(v)
				if half > 0 {
					f.Low, f.High = ptr(max(0, v-half)), ptr(v+half)
					if v <= 1 {
						f.High = ptr(min(1, v+half))
					}
				}
			}
			r.Figures = append(r.Figures, f)
			if i == 0 || f.Value == nil || r.Figures[len(r.Figures)-1-i].Value == nil || half == 0 {
				continue
			}
			d := values[0] - v
			r.Differences = append(r.Differences, result.Difference{Dataset: dataset, DatasetVersion: version, Protocol: protocol, Scorer: "model", Baseline: f.Scorer, Slice: slice, Metric: metric,
				Value: d, Low: d - half, High: d + half, Significant: math.Abs(d) > half})
		}
	}
	const pairs, retrieval, replay = result.ProtocolPairs, result.ProtocolRetrieval, result.ProtocolReplay
	const all, mean, distinct = result.SliceAll, result.SliceProjectsMean, result.SliceDistinct
	// Columns: model, static, top-frame, fast, prefix.
	add("js-dev", "2.0", pairs, mean, "recall_at_precision_0.99", 12, .03, .601, .310, .0, .402, .288)
	add("js-dev", "2.0", pairs, mean, "recall_at_precision_0.97", 12, .024, .712, .402, .0, .543, .391)
	add("js-dev", "2.0", pairs, mean, "recall_at_precision_0.95", 12, .02, .768, .402, .0, .611, .452)
	add("js-dev", "2.0", pairs, mean, "recall_at_precision_0.90", 12, .02, .841, .402, .511, .702, .598)
	add("js-dev", "2.0", pairs, mean, "roc_auc", 12, .011, .984, .701, .744, .955, .921)
	add("js-dev", "2.0", pairs, mean, "average_precision", 12, .018, .931, .612, .580, .874, .801)
	add("js-dev", "2.0", pairs, mean, "precision_group", 12, .012, .969, .981, .884, .951, .912)
	add("js-dev", "2.0", pairs, mean, "recall_group", 12, .021, .722, .402, .520, .604, .431)
	add("js-dev", "2.0", pairs, mean, "expected_calibration_error", 12, .004, .021)
	add("js-dev", "2.0", pairs, all, "precision_group", 180000, .006, .972, .984, .861, .949, .905)
	add("js-dev", "2.0", pairs, all, "recall_group", 180000, .01, .741, .433, .561, .628, .455)
	add("js-dev", "2.0", retrieval, all, "rr_at_1", 7600, .008, .941, .882, .901, .938, .911)
	add("js-dev", "2.0", retrieval, distinct, "rr_at_1", 4410, .013, .874, .655, .742, .861, .801)
	add("js-dev", "2.0", retrieval, all, "mrr", 7600, .007, .958, .884, .912, .951, .932)
	add("js-dev", "2.0", retrieval, distinct, "mrr", 4410, .011, .902, .660, .760, .889, .838)
	add("js-dev", "2.0", retrieval, all, "new_vs_seen_auc", 8431, .01, .962, .902, .871, .940, .921)
	add("js-dev", "2.0", retrieval, distinct, "new_vs_seen_auc", 5120, .015, .921, .781, .740, .889, .850)
	add("js-dev", "2.0", retrieval, all, "reach", 7600, .002, .997, 1, 1, 1, 1)
	add("js-dev", "2.0", replay, all, "bcubed_f1", 8431, .012, .912, .784, .801, .861, .822)
	add("js-dev", "2.0", replay, all, "bcubed_precision", 8431, .008, .961, .979, .842, .938, .921)
	add("js-dev", "2.0", replay, all, "bcubed_recall", 8431, .016, .868, .654, .764, .796, .743)
	add("js-dev", "2.0", replay, all, "over_merge_rate", 8431, .004, .024, .012, .091, .038, .047)
	add("js-dev", "2.0", replay, all, "split_mean", 380, .11, 1.42, 2.91, 1.88, 1.97, 2.31)
	add("js-dev", "2.0", replay, all, "clusters", 8431, 21, 588, 1204, 731, 802, 951)
	add("js-dev", "2.0", replay, all, "groups", 8431, 0, 412, 412, 412, 412, 412)
	add("js-dev", "2.0", replay, all, "new_clusters_avoided_vs_static", 8431, .02, .512, 0, .393, .334, .210)
	for _, slice := range []struct {
		name    string
		n       int
		down    float64
		toosmal bool
	}{
		{"platform:javascript", 120000, 0, false}, {"platform:node", 59000, .02, false}, {"minified:yes", 41000, .12, false},
		{"length:short", 20100, .2, false}, {"noise:extension", 18, 0, true}, {"message-only", 4, 0, true}, {"chained", 900, .05, false},
	} {
		for _, m := range []string{"recall_at_precision_0.97", "roc_auc", "average_precision"} {
			if slice.toosmal {
				add("js-dev", "2.0", pairs, slice.name, m, slice.n, 0, undefined, undefined, undefined, undefined, undefined)
			} else {
				add("js-dev", "2.0", pairs, slice.name, m, slice.n, .03, .9-slice.down, .6, .61, .88-1.2*slice.down, .7)
			}
		}
		if !strings.HasPrefix(slice.name, "platform:node") {
			if slice.toosmal {
				add("js-dev", "2.0", retrieval, slice.name, "rr_at_1", slice.n/2, 0, undefined, undefined, undefined, undefined, undefined)
			} else {
				add("js-dev", "2.0", retrieval, slice.name, "rr_at_1", slice.n/20, .03, .95-slice.down, .8, .82, .94, .9)
			}
		}
	}
	// Not shown better than fast; worse than static in over-merge; no retrieval.
	add("java-dev", "1.1", pairs, mean, "recall_at_precision_0.97", 3, .06, .551, .212, .231, .532, .410)
	add("java-dev", "1.1", pairs, mean, "roc_auc", 3, .02, .941, .661, .702, .949, .930)
	add("java-dev", "1.1", pairs, mean, "average_precision", 3, .03, .811, .412, .480, .806, .777)
	add("java-dev", "1.1", replay, all, "bcubed_f1", 2210, .02, .781, .640, .655, .772, .741)
	add("java-dev", "1.1", replay, all, "over_merge_rate", 2210, .01, .081, .020, .110, .066, .090)
	add("java-dev", "1.1", replay, all, "clusters", 2210, 0, 512, 1102, 702, 498, 551)
	// A single project: a mean over projects has no interval; F1 is undefined for the model.
	add("logs-dev", "0.9", pairs, mean, "recall_at_precision_0.97", 1, 0, .4, .4, absent, undefined)
	add("logs-dev", "0.9", replay, all, "bcubed_f1", 0, 0, undefined, .9)
	addCurve := func(scorer, kind string, fields []string, points [][]float64) {
		r.Curves = append(r.Curves, result.Curve{Dataset: "js-dev", DatasetVersion: "2.0", Protocol: pairs, Scorer: scorer, Slice: all, Kind: kind, Fields: fields, Points: points})
	}
	pr := []string{"threshold", "precision_group", "recall_group"}
	addCurve("model", "precision_recall", pr, [][]float64{{.99, 1, .05}, {.95, .998, .31}, {.9, .993, .5}, {.8, .985, .64}, {.62, .972, .741}, {.5, .93, .81}, {.4, .84, .87}, {.3, .7, .92}, {.2, .5, .96}, {.1, .22, .99}, {0, .08, 1}})
	addCurve("fast", "precision_recall", pr, [][]float64{{.99, 1, .04}, {.95, .99, .3}, {.9, .97, .5}, {.83, .949, .628}, {.7, .85, .74}, {.5, .6, .86}, {.3, .3, .95}, {0, .08, 1}})
	addCurve("prefix", "precision_recall", pr, [][]float64{{.95, .96, .21}, {.8, .93, .39}, {.7, .905, .455}, {.5, .7, .62}, {.3, .4, .8}, {0, .08, 1}})
	addCurve("static", "precision_recall", pr, [][]float64{{1, .984, .433}, {0, .08, 1}})
	addCurve("model", "reliability", []string{"mean_score", "share_group", "share_pairs"}, [][]float64{{.02, .01, 900}, {.11, .08, 100}, {.25, .22, 80}, {.42, .47, 60}, {.6, .66, 60}, {.78, .81, 90}, {.93, .95, 120}, {.99, .992, 700}})
	addCurve("model", "threshold_sweep", pr, [][]float64{{0, .08, 1}, {.1, .22, .99}, {.3, .7, .92}, {.5, .93, .81}, {.62, .972, .741}, {.8, .985, .64}, {.95, .998, .31}, {1, 1, 0}})
	return r
}

// Marks of a value that the fixture leaves out, or leaves undefined.
const (
	absent    = -99
	undefined = -98
)

// Strings that try to become markup, script, an address that is fetched, a
// table cell, or text that reads backwards.
const hostilePayload = "<script src=https://evil.example/x.js></script><img src=x onerror=alert(1)>\"'`|| **b** [l](javascript:alert(1))\r\n# h\u202e\u2066\u200b\x00\x1b[31m{{.}}</style></title><!-- www.evil.example ${x}"

// hostile returns the fixture with every string that a result may choose
// freely replaced by an attack; the words of the format stay, so that all of
// it is drawn.
func hostile() *result.Result {
	r := fixture("candidate", 0)
	r.Warnings = append(r.Warnings, result.Warning{Code: "general", Text: "about the whole result"})
	keep := map[string]bool{
		result.Format: true, "": true, "model": true, "rule": true, "score": true, "pairs": true, "retrieval": true, "replay": true,
		"all": true, "projects_mean": true, "distinct": true, "precision_recall": true, "reliability": true, "threshold_sweep": true,
		"threshold": true, "mean_score": true, "share_group": true, "groups": true,
	}
	for _, m := range metrics {
		keep[m.id] = true
	}
	for _, level := range []string{"0.99", "0.95", "0.90"} {
		keep["recall_at_precision_"+level] = true
	}
	replaceStrings(reflect.ValueOf(r).Elem(), func(s string) string {
		if keep[s] {
			return s
		}
		return s[:min(len(s), 12)] + hostilePayload + s
	})
	return r
}

// replaceStrings replaces every string that v holds, keys of maps too.
func replaceStrings(v reflect.Value, replace func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(replace(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			replaceStrings(v.Elem(), replace)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			replaceStrings(v.Field(i), replace)
		}
	case reflect.Slice:
		for i := range v.Len() {
			replaceStrings(v.Index(i), replace)
		}
	case reflect.Map:
		out := reflect.MakeMap(v.Type())
		for _, k := range v.MapKeys() {
			key := reflect.New(k.Type()).Elem()
			key.Set(k)
			replaceStrings(key, replace)
			out.SetMapIndex(key, v.MapIndex(k))
		}
		if v.Len() > 0 {
			v.Set(out)
		}
	}
}
