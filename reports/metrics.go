package reports

import "whorl/eval/result"

// unit says how a metric's numbers are printed.
type unit int

const (
	share unit = iota // of 1, printed in per cent
	ratio             // printed with three decimals
	count             // a mean of counts: printed with one decimal where it has any
)

// metric describes a figure's name to a reader.
type metric struct {
	id      string
	label   string
	unit    unit
	better  int // +1: higher is better, -1: lower, 0: neither by itself
	meaning string
}

// metrics is the glossary, in its order.
var metrics = []metric{
	{"recall_at_precision_0.97", "Recall at 97 % precision", share, +1,
		"Of all pairs that are one problem, the share found when the threshold is set so that 97 of 100 merges are right. 0 where no threshold is that precise."},
	{"roc_auc", "ROC-AUC", ratio, +1,
		"The chance that a pair of one problem scores above a pair of two. 0.5 is guessing, 1 is perfect."},
	{"average_precision", "Average precision", ratio, +1,
		"The area under the precision-recall curve. Guessing gives the share of pairs that are one problem."},
	{"precision_group", "Precision of GROUP", share, +1,
		"At the scorer's own threshold: of the pairs it would merge, the share that is one problem. A wrong merge hides an error from its owner."},
	{"recall_group", "Recall of GROUP", share, +1,
		"At the scorer's own threshold: of the pairs that are one problem, the share it would merge."},
	{"precision_separate", "Precision of SEPARATE", share, +1,
		"At the scorer's own threshold: of the pairs it would keep apart, the share that is two problems."},
	{"recall_separate", "Recall of SEPARATE", share, +1,
		"At the scorer's own threshold: of the pairs that are two problems, the share it would keep apart."},
	{"expected_calibration_error", "Calibration error", ratio, -1,
		"How far a score is from the share of pairs that turn out to be one problem, on average over ranges of the score that hold equally many pairs. 0 is honest."},
	{"rr_at_1", "RR@1", share, +1,
		"Recall rate at 1: of the events whose group was seen before, the share for which the best-ranked cluster is that group. A group out of reach is a miss."},
	{"mrr", "MRR", ratio, +1,
		"Mean reciprocal rank of the true group: 1 when it always ranks first, 0.5 when always second."},
	{"new_vs_seen_auc", "New or seen, AUC", ratio, +1,
		"The chance that an event of a group seen before has a higher best score than an event of a new group."},
	{"reach", "Reach", share, +1,
		"Share of the events whose group was seen before for which the group is among the candidates at all: what is out of reach no score can find."},
	{"bcubed_f1", "B-cubed F1", ratio, +1,
		"Harmonic mean of B-cubed precision and recall of the replay (Bagga and Baldwin 1998, each event weighs the same)."},
	{"bcubed_precision", "B-cubed precision", ratio, +1,
		"For an average event, the share of its cluster that is truly its group. Falls when different problems are merged."},
	{"bcubed_recall", "B-cubed recall", ratio, +1,
		"For an average event, the share of its group that is in its cluster. Falls when one problem is split."},
	{"over_merge_rate", "Over-merge rate", share, -1,
		"Share of events in a cluster whose majority is another problem."},
	{"split_mean", "Clusters per group", ratio, -1,
		"Mean number of clusters that a group of two or more events falls into. 1 is whole."},
	{"new_clusters_avoided_vs_static", "New clusters avoided", share, +1,
		"Share of the static baseline's new clusters, each an alert to somebody, that this scorer did not make. Read it beside the over-merge rate: merging everything avoids all of them."},
	{"clusters", "Clusters", count, 0,
		"Clusters that the replay made, to be held against the number of true groups. Neither more nor fewer is better by itself."},
}

var metricByID = func() map[string]*metric {
	m := make(map[string]*metric, len(metrics))
	for i := range metrics {
		m[metrics[i].id] = &metrics[i]
	}
	return m
}()

// direction says in words which way is better.
func (m *metric) direction() string {
	switch m.better {
	case +1:
		return "higher is better"
	case -1:
		return "lower is better"
	}
	return "no direction"
}

// headed is the label after an arrow that points the better way.
func (m *metric) headed() string {
	switch m.better {
	case +1:
		return "↑ " + m.label
	case -1:
		return "↓ " + m.label
	}
	return m.label
}

// column is a metric on a slice: one column of a headline table.
type column struct {
	protocol, slice string
	metric          *metric
}

// over says what a column's figures were taken over.
func (c column) over() string {
	switch c.slice {
	case result.SliceProjectsMean:
		return "mean over projects"
	case result.SliceDistinct:
		return "without exact copies"
	case result.SliceAll:
		switch c.protocol {
		case result.ProtocolPairs:
			return "all pairs"
		case result.ProtocolRetrieval:
			return "all queries"
		}
		return "all events"
	}
	return name(c.slice)
}

// panel is one headline table: a protocol and its columns.
type panel struct {
	protocol, title, question string
	columns                   []column
}

func on(protocol, slice string, ids ...string) []column {
	cols := make([]column, len(ids))
	for i, id := range ids {
		cols[i] = column{protocol, slice, metricByID[id]}
	}
	return cols
}

// The two figures that a dataset's verdict rests on.
var (
	headlinePairs  = column{result.ProtocolPairs, result.SliceProjectsMean, metricByID["recall_at_precision_0.97"]}
	headlineReplay = column{result.ProtocolReplay, result.SliceAll, metricByID["bcubed_f1"]}
)

// panels are the headline tables of a dataset, in order.
var panels = []panel{
	{result.ProtocolPairs, "Pairs", "Are these two events the same problem?",
		on(result.ProtocolPairs, result.SliceProjectsMean, "recall_at_precision_0.97", "roc_auc", "average_precision",
			"precision_group", "recall_group", "expected_calibration_error")},
	{result.ProtocolRetrieval, "Retrieval", "Is the right group found among the earlier ones?",
		[]column{
			{result.ProtocolRetrieval, result.SliceAll, metricByID["rr_at_1"]},
			{result.ProtocolRetrieval, result.SliceDistinct, metricByID["rr_at_1"]},
			{result.ProtocolRetrieval, result.SliceAll, metricByID["mrr"]},
			{result.ProtocolRetrieval, result.SliceDistinct, metricByID["mrr"]},
			{result.ProtocolRetrieval, result.SliceAll, metricByID["new_vs_seen_auc"]},
			{result.ProtocolRetrieval, result.SliceDistinct, metricByID["new_vs_seen_auc"]},
			{result.ProtocolRetrieval, result.SliceAll, metricByID["reach"]},
		}},
	{result.ProtocolReplay, "Replay", "What would the fingerprinter have made of these events, one after the other?",
		on(result.ProtocolReplay, result.SliceAll, "bcubed_f1", "bcubed_precision", "bcubed_recall", "over_merge_rate", "split_mean",
			"clusters", "new_clusters_avoided_vs_static")},
}

// slicePanels are the metrics shown for each slice.
var slicePanels = []struct {
	protocol, title, unit string
	metrics               []*metric
}{
	{result.ProtocolPairs, "Pairs by slice", "pairs",
		[]*metric{metricByID["recall_at_precision_0.97"], metricByID["roc_auc"], metricByID["average_precision"]}},
	{result.ProtocolRetrieval, "Retrieval by slice", "queries",
		[]*metric{metricByID["rr_at_1"], metricByID["mrr"], metricByID["new_vs_seen_auc"]}},
}
