// Package eval judges the model and the baselines on golden data, by the three
// protocols that the tracker's own work suggests. [Run] does one dataset:
//
//  1. the dataset is checked and its exact copies, slices and bootstrap units
//     are found ([Dataset]);
//  2. pairs: judged pairs are listed or sampled once, and every scorer scores
//     the same ones with document frequencies of the whole project;
//  3. retrieval and replay: every scorer walks each project in the order of
//     time, and nothing it says about an event depends on later ones;
//  4. every figure is computed on the full data and then on each bootstrap
//     resample, the same resamples for every scorer;
//  5. percentiles of the resamples become intervals, and of the paired
//     differences the verdict whether the model differs from a baseline.
//
// Every slice, resample and scorer goes through one function per protocol, so
// that a figure and its interval cannot mean different things.
//
// # Metrics
//
// pairs (n is the judged pairs behind the figure):
//
//	roc_auc                      n: pairs
//	average_precision            n: GROUP pairs
//	precision_group              n: pairs judged GROUP at the scorer's threshold
//	recall_group                 n: GROUP pairs
//	precision_separate           n: pairs judged SEPARATE
//	recall_separate              n: SEPARATE pairs
//	group_rate                   share of pairs judged GROUP; n: pairs
//	recall_at_precision_0.97     and further targets; n: GROUP pairs
//	expected_calibration_error   model only, 15 bins of equal mass; n: pairs
//
// retrieval:
//
//	rr_at_1, rr_at_5, rr_at_10   share of queries whose group is among the first k; n: queries with an earlier event of their group
//	mrr, map                     equal, because one cluster is relevant; n: likewise
//	reach                        share of these queries whose group is among the candidates at all
//	new_vs_seen_auc              n: all queries
//
// replay (n: events, but groups of two or more for split_mean):
//
//	clusters, groups
//	bcubed_precision, bcubed_recall, bcubed_f1
//	pairwise_precision, pairwise_recall, pairwise_f1, adjusted_rand
//	over_merge_rate, split_mean
//	new_clusters_avoided_vs_static   share of the static baseline's clusters that the scorer did not need; negative if it needed more
//
// In the slice projects_mean n is the number of projects where the figure is
// defined.
//
// # Conventions
//
// Exact copies: the pairs protocol keeps the earliest of them. Retrieval and
// replay run over all events, as production does; the slice distinct leaves
// out queries that copy an earlier event, while every event stays a candidate.
//
// Ties: pairs of one score move together; clusters of one score are ranked by
// expectation over a random order; replay joins the earliest founded of the
// best clusters.
//
// Intervals: 95 % percentiles over resamples of projects or, where a dataset
// has fewer than five, of groups within their project. A pair within one unit
// weighs its multiplicity, a pair of two units the product, a query or replayed
// event that of its unit; nothing is scored, ranked or clustered again. An
// interval needs the figure to be defined in nine of ten resamples. The number
// of groups has none: it is a size, no estimate. Where a precision is never
// reached the recall at it is a true 0.
//
// # Slices
//
// Slices come from the labels ("key:value" or a bare tag) and from the events:
// platform, project_size (small < 100 labelled events, medium < 1000, large),
// length:short (1 to 5 frames in the whole chain), length:long (40 or more),
// message-only (no exception), chained (two or more exceptions) and exact-copy
// (an earlier event of the project has the same content). A pair belongs to
// every slice of either of its events, because a wrapped or minified trace is
// hard on the pairs that match it against any other. A query or a replayed
// event belongs to its own slices.
package eval
