package reports

import (
	"fmt"
	"strings"

	"whorl/eval/result"
)

// verdictOf reads a dataset's headline figures to the reader. Its badge rests
// on both headline figures and every baseline: "better than every baseline
// in the headline figures" needs a real difference in each.
func verdictOf(s *source, d *result.Dataset) verdict {
	var v verdict
	var t tally
	for _, c := range []column{headlinePairs, headlineReplay} {
		t.add(s, d, c)
	}
	v.Badge, v.Tone = t.badge()
	if sentence := pairsSentence(s, d); sentence != "" {
		v.Sentences = append(v.Sentences, sentence)
	}
	if sentence := replaySentence(s, d); sentence != "" {
		v.Sentences = append(v.Sentences, sentence)
	}
	if sentence := overMergeSentence(s, d); sentence != "" {
		v.Sentences = append(v.Sentences, sentence)
	}
	if len(v.Sentences) == 0 {
		v.Sentences = []string{"The result holds no headline figure of the model on this dataset."}
	}
	return v
}

// tally counts what the paired differences of the headline figures show.
type tally struct {
	better, worse, open int // open: the interval holds 0
	unknown             int // no figure of the model, no baseline, or no paired difference
}

func (t *tally) add(s *source, d *result.Dataset, c column) {
	if _, ok := s.defined(d, result.ScorerModel, c); !ok {
		t.unknown++
		return
	}
	baselines := 0
	for _, sc := range s.scorers {
		if sc.Name == result.ScorerModel {
			continue
		}
		if _, ok := s.figure(d, sc.Name, c); !ok {
			continue
		}
		baselines++
		switch _, m, _ := s.compared(d, sc.Name, c); m {
		case better:
			t.better++
		case worse:
			t.worse++
		case same:
			t.open++
		default:
			t.unknown++
		}
	}
	if baselines == 0 {
		t.unknown++
	}
}

func (t tally) badge() (string, mark) {
	switch {
	case t.worse > 0 && t.better > 0:
		return "Mixed: worse than a baseline in a headline figure", worse
	case t.worse > 0:
		return "Worse than a baseline", worse
	case t.better > 0 && t.open == 0 && t.unknown == 0:
		return "Better than every baseline in the headline figures", better
	case t.better > 0:
		return "Better than some baselines, not shown for all", same
	case t.open > 0:
		return "No real difference shown", same
	}
	return "Not enough to judge", unmarked
}

func pairsSentence(s *source, d *result.Dataset) string {
	c := headlinePairs
	own, ok := s.defined(d, result.ScorerModel, c)
	if !ok {
		return ""
	}
	lead := fmt.Sprintf("On %s the model finds %s%s of the pairs that are one problem at 97 %% precision (%s)",
		name(d.Name), c.metric.unit.value(*own.Value), spanAfter(c.metric.unit, own), c.over())
	return lead + againstBest(s, d, c, "finds")
}

func replaySentence(s *source, d *result.Dataset) string {
	c := headlineReplay
	own, ok := s.defined(d, result.ScorerModel, c)
	if !ok {
		return ""
	}
	lead := "Replayed in order of time, "
	if f, ok := s.defined(d, result.ScorerModel, column{result.ProtocolReplay, result.SliceAll, metricByID["clusters"]}); ok {
		lead += fmt.Sprintf("it makes %s clusters%s and ", count.value(*f.Value), s.ofGroups(d, result.ScorerModel))
	} else {
		lead += "it "
	}
	lead += fmt.Sprintf("reaches a B-cubed F1 of %s%s", c.metric.unit.value(*own.Value), spanAfter(c.metric.unit, own))
	return lead + againstBest(s, d, c, "reaches")
}

func overMergeSentence(s *source, d *result.Dataset) string {
	c := column{result.ProtocolReplay, result.SliceAll, metricByID["over_merge_rate"]}
	own, ok := s.defined(d, result.ScorerModel, c)
	if !ok {
		return ""
	}
	lead := fmt.Sprintf("%s%s of its events land in a cluster that is mostly another problem",
		c.metric.unit.value(*own.Value), spanAfter(c.metric.unit, own))
	return lead + againstBest(s, d, c, "has")
}

func spanAfter(u unit, f result.Figure) string {
	if span := u.span(f); span != "" {
		return " " + span
	}
	return ""
}

// againstBest ends a sentence with the best baseline and what the difference
// from it is worth.
func againstBest(s *source, d *result.Dataset, c column, verb string) string {
	sc, f, ok := s.bestBaseline(d, c)
	if !ok {
		return "; no baseline has this figure."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "; the best baseline, %s, %s %s. ", name(sc.Name), verb, c.metric.unit.value(*f.Value))
	diff, m, _ := s.compared(d, sc.Name, c)
	switch m {
	case better:
		fmt.Fprintf(&b, "The difference, %s, is real: the model is better.", c.metric.unit.delta(diff))
	case worse:
		fmt.Fprintf(&b, "The difference, %s, is real: the model is worse.", c.metric.unit.delta(diff))
	case same:
		fmt.Fprintf(&b, "The interval of the difference, %s, holds 0: the data do not show which is better.", c.metric.unit.delta(diff))
	default:
		b.WriteString("There is no paired difference, so nothing is said about which is better.")
	}
	return b.String()
}
