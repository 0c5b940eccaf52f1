package main

import (
	"fmt"
	"io"
	"strings"

	"whorl/eval/result"
	"whorl/features"
)

// card writes card.md: what the model is, from what it was made, how good it
// is and what it must not be used for, on one page.
func (t *training) card(w io.Writer) error {
	var b strings.Builder
	m := t.model
	fmt.Fprintf(&b, "# Grouping model %s\n\n", m.Version())
	fmt.Fprintf(&b, "Decides whether two error events of one project are the same problem.\n\n")
	fmt.Fprintf(&b, "| | |\n|---|---|\n")
	fmt.Fprintf(&b, "| file | `model.safetensors`, SHA-256 `%s` |\n", m.Digest())
	fmt.Fprintf(&b, "| feature schema | `%s` |\n", m.SchemaID())
	fmt.Fprintf(&b, "| scorer | %d gradient-boosted trees, %d nodes |\n", m.NumTrees(), m.NumNodes())
	if m.JudgesGroups() {
		fmt.Fprintf(&b, "| clusters | judged by all their members among the candidates |\n")
	}
	fmt.Fprintf(&b, "| precision target | %g, on data the fit never saw: of pairs at their threshold, of events in clusters at the threshold for joining |\n", m.PrecisionTarget())
	if t.rules != nil {
		fmt.Fprintf(&b, "| stack trace rules | SHA-256 `%s`: whoever uses the model applies the same |\n", t.rules.digest)
	}
	fmt.Fprintf(&b, "| approved | no: a run does not approve its own model |\n\n")

	fmt.Fprintf(&b, "## Made from\n\n")
	training := t.result.Training
	fmt.Fprintf(&b, "%d consented events of %d organisations and %d projects. Consent: `train_fingerprinting`, judged per row; see `lineage.json`.\n\n", training.Events, training.Organisations, training.Projects)
	fmt.Fprintf(&b, "| platform | events | groups | organisations | positive pairs | negative pairs | threshold of pairs | of joining |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, p := range training.Platforms {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %.4f | %.4f |\n", p.Platform, p.Events, p.Groups, p.Organisations, p.Positives, p.Negatives,
			m.Threshold(features.ParsePlatform(p.Platform)), m.JoinThreshold(features.ParsePlatform(p.Platform)))
	}
	fmt.Fprintf(&b, "\n## Judged on\n\n")
	fmt.Fprintf(&b, "| golden dataset | events | recall at precision .97 | RR@1 | new-or-seen AUC | replay B-cubed F1 | over-merge |\n|---|---:|---:|---:|---:|---:|---:|\n")
	index := result.NewIndex(t.result)
	for _, d := range t.result.Datasets {
		cell := func(protocol, slice, metric string) string {
			f, ok := index.Figure(d.Name, protocol, result.ScorerModel, slice, metric)
			if !ok || f.Value == nil {
				return "–"
			}
			if f.Low == nil {
				return fmt.Sprintf("%.3f", *f.Value)
			}
			return fmt.Sprintf("%.3f (%.3f to %.3f)", *f.Value, *f.Low, *f.High)
		}
		fmt.Fprintf(&b, "| %s %s | %d | %s | %s | %s | %s | %s |\n", d.Name, d.Version, d.Events,
			cell(result.ProtocolPairs, result.SliceProjectsMean, "recall_at_precision_0.97"),
			cell(result.ProtocolRetrieval, result.SliceAll, "rr_at_1"),
			cell(result.ProtocolRetrieval, result.SliceAll, "new_vs_seen_auc"),
			cell(result.ProtocolReplay, result.SliceAll, "bcubed_f1"),
			cell(result.ProtocolReplay, result.SliceAll, "over_merge_rate"))
	}
	fmt.Fprintf(&b, "\nIntervals are 95 %% bootstrap intervals. The comparison with the baselines is in `report.html`.\n")

	fmt.Fprintf(&b, "\n## Limits\n\n")
	fmt.Fprintf(&b, "- Groups errors inside one project; a score across projects means nothing.\n")
	fmt.Fprintf(&b, "- Learned from the platforms above; others, and pairs of two platforms, are judged by the fallback calibration.\n")
	fmt.Fprintf(&b, "- The file holds no token, word or name of any event; `lineage.json` does identify organisations by pseudonym and must stay with the run.\n")
	for _, warning := range t.result.Warnings {
		where := ""
		if warning.Dataset != "" {
			where = warning.Dataset + ": "
		}
		fmt.Fprintf(&b, "- %s%s\n", where, oneLine(warning.Text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
