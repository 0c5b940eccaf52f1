package metric

// Agreement says how clusters agree with groups, as sums that add up over
// projects: clusters never span projects, so pairs of two projects are no
// decision of anybody and count nowhere.
type Agreement struct {
	Mass     float64 // items
	Clusters float64 // clusters, each by the weight of the group whose item founded it
	Groups   float64

	precision, recall float64 // sums of the item's B-cubed values
	misplaced         float64 // items in a cluster whose majority group is not theirs

	both        float64 // pairs of one group and one cluster
	sameGroup   float64
	sameCluster float64
	pairs       float64 // all pairs within the project

	splitGroups, splitClusters float64 // groups of two or more items, and their clusters
}

// Add adds another project's sums, times weight.
func (a *Agreement) Add(b Agreement, weight float64) {
	a.Mass += weight * b.Mass
	a.Clusters += weight * b.Clusters
	a.Groups += weight * b.Groups
	a.precision += weight * b.precision
	a.recall += weight * b.recall
	a.misplaced += weight * b.misplaced
	a.both += weight * b.both
	a.sameGroup += weight * b.sameGroup
	a.sameCluster += weight * b.sameCluster
	a.pairs += weight * b.pairs
	a.splitGroups += weight * b.splitGroups
	a.splitClusters += weight * b.splitClusters
}

// BCubed returns item-weighted B-cubed precision and recall (Bagga and
// Baldwin, "Algorithms for scoring coreference chains", LREC 1998, every
// entity of equal weight; Amigó et al., Information Retrieval 12, 2009): an
// item's precision is the share of its cluster that is of its group, its
// recall the share of its group that is in its cluster, both counting the item
// itself. F1 is the harmonic mean of the two means. All lie in (0,1]; each is
// 1 for every item exactly when the partitions are equal. Not ok without items.
func (a Agreement) BCubed() (precision, recall, f1 float64, ok bool) {
	if !(a.Mass > 0) {
		return 0, 0, 0, false
	}
	precision, recall = min(1, a.precision/a.Mass), min(1, a.recall/a.Mass)
	f1, _ = harmonic(precision, recall)
	return precision, recall, f1, true
}

// PairwisePrecision is the share of pairs in one cluster that are of one
// group; not ok when every cluster is single.
func (a Agreement) PairwisePrecision() (float64, bool) {
	return share(a.both, max(0, a.sameCluster-a.both))
}

// PairwiseRecall is the share of pairs of one group that are in one cluster;
// not ok when every group is single.
func (a Agreement) PairwiseRecall() (float64, bool) {
	return share(a.both, max(0, a.sameGroup-a.both))
}

// PairwiseF1 is the harmonic mean of pairwise precision and recall, 0 when
// both are 0; not ok where one is not.
func (a Agreement) PairwiseF1() (float64, bool) {
	p, okP := a.PairwisePrecision()
	r, okR := a.PairwiseRecall()
	if !okP || !okR {
		return 0, false
	}
	return harmonic(p, r)
}

// AdjustedRand is the Rand index corrected for chance (Hubert and Arabie,
// Journal of Classification 2, 1985) over the pairs within projects: 1 for
// equal partitions, 0 expected for random ones, possibly negative. Not ok
// where the correction is 0/0: both partitions all single, or both all one.
func (a Agreement) AdjustedRand() (float64, bool) {
	if !(a.pairs > 0) {
		return 0, false
	}
	expected := a.sameGroup * a.sameCluster / a.pairs
	most := (a.sameGroup + a.sameCluster) / 2
	if most-expected <= 1e-12*most {
		return 0, false
	}
	return (a.both - expected) / (most - expected), true
}

// OverMergeRate is the share of items in a cluster whose majority group is not
// theirs: what a user finds filed under somebody else's problem. Range [0,1);
// not ok without items.
func (a Agreement) OverMergeRate() (float64, bool) {
	return share(a.misplaced, max(0, a.Mass-a.misplaced))
}

// SplitMean is the mean number of clusters over which a group of two or more
// items is spread, at least 1; not ok without such a group.
func (a Agreement) SplitMean() (float64, bool) {
	if !(a.splitGroups > 0) {
		return 0, false
	}
	return a.splitClusters / a.splitGroups, true
}

func harmonic(a, b float64) (float64, bool) {
	if a+b == 0 {
		return 0, true
	}
	return 2 * a * b / (a + b), true
}
