package metric

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// bagga is the example of Bagga and Baldwin 1998 (section 3, figures 1-3): the
// key has chains {1-5}, {6,7}, {8-C}. Response 1 merges the second with the
// third chain, response 2 merges the first with the third.
var (
	baggaKey = []int{0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2}
	baggaOne = []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1}
	baggaTwo = []int{0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0}
)

func TestBCubedBaggaBaldwin(t *testing.T) {
	for _, tt := range []struct {
		name      string
		clusters  []int
		precision float64
	}{
		// 5 items at 5/5, 2 at 2/7, 5 at 5/7, of 12: the paper's 76 %.
		{"response 1", baggaOne, (5 + 2*2./7 + 5*5./7) / 12},
		// 10 items at 5/10, 2 at 2/2: the paper's 58 %.
		{"response 2", baggaTwo, (10*.5 + 2) / 12},
	} {
		p, r, f1, ok := NewContingency(baggaKey, tt.clusters).Agreement(Multiplicity{}, nil).BCubed()
		if !ok || !near(p, tt.precision) || r != 1 || !near(f1, 2*p/(p+1)) {
			t.Errorf("%s: %v, %v, %v, want precision %v and recall 1", tt.name, p, r, f1, tt.precision)
		}
	}
}

func TestPairFigures(t *testing.T) {
	// By hand: groups {a,b,c}, {d,e,f}, clusters {a,b}, {c,d}, {e,f}. Pairs in
	// both: ab, ef = 2; of groups 6, of clusters 3, of all 15. Precision 2/3,
	// recall 1/3, F1 4/9. Adjusted Rand (Hubert and Arabie 1985, eq. 5):
	// (2 - 6*3/15)/((6+3)/2 - 6*3/15) = .8/3.3 = 8/33 (.2424, the value of
	// scikit-learn's adjusted_rand_score on 0 0 0 1 1 1 / 0 0 1 1 2 2).
	c := NewContingency([]int{0, 0, 0, 1, 1, 1}, []int{0, 0, 1, 1, 2, 2})
	a := c.Agreement(Multiplicity{}, nil)
	for _, tt := range []struct {
		name string
		of   func() (float64, bool)
		want float64
	}{
		{"pairwise precision", a.PairwisePrecision, 2. / 3},
		{"pairwise recall", a.PairwiseRecall, 1. / 3},
		{"pairwise F1", a.PairwiseF1, 4. / 9},
		{"adjusted Rand", a.AdjustedRand, 8. / 33},
		{"over-merge", a.OverMergeRate, 1. / 6}, // d or c: a tie costs one item either way
		{"split", a.SplitMean, 2},
	} {
		if got, ok := tt.of(); !ok || !near(got, tt.want) {
			t.Errorf("%s = %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
	if a.Clusters != 3 || a.Groups != 2 || a.Mass != 6 {
		t.Errorf("clusters %v, groups %v, items %v", a.Clusters, a.Groups, a.Mass)
	}
	// In the tied cluster {c,d} the earliest item's group is the majority: the
	// slice {d} is all over-merged, the slice {c} not at all.
	for item, want := range map[int]float64{2: 0, 3: 1} {
		counts := make([]int, c.Cells())
		counts[c.CellOf(item)] = 1
		if got, _ := c.Agreement(Multiplicity{}, counts).OverMergeRate(); got != want {
			t.Errorf("over-merge of item %d alone = %v, want %v", item, got, want)
		}
	}
}

func TestPartitionUndefined(t *testing.T) {
	singles := NewContingency([]int{0, 1, 2}, []int{0, 1, 2}).Agreement(Multiplicity{}, nil)
	for name, of := range map[string]func() (float64, bool){
		"pairwise precision of singles": singles.PairwisePrecision,
		"pairwise recall of singles":    singles.PairwiseRecall,
		"pairwise F1 of singles":        singles.PairwiseF1,
		"adjusted Rand of singles":      singles.AdjustedRand,
		"split of singles":              singles.SplitMean,
		"adjusted Rand of one":          NewContingency([]int{0, 0}, []int{0, 0}).Agreement(Multiplicity{}, nil).AdjustedRand,
		"over-merge of nothing":         Agreement{}.OverMergeRate,
		"adjusted Rand of nothing":      Agreement{}.AdjustedRand,
	} {
		if v, ok := of(); ok {
			t.Errorf("%s = %v, want none", name, v)
		}
	}
	if _, _, _, ok := (Agreement{}).BCubed(); ok {
		t.Error("B-cubed of nothing is defined")
	}
}

// partitions draws groups and clusters numbered without gaps.
func partitions(t *rapid.T) (groups, clusters []int) {
	n := rapid.IntRange(1, 40).Draw(t, "n")
	draw := func(name string) []int {
		return dense(rapid.SliceOfN(rapid.IntRange(0, rapid.IntRange(0, 12).Draw(t, name+" top")), n, n).Draw(t, name))
	}
	return draw("groups"), draw("clusters")
}

func dense(labels []int) []int {
	number := map[int]int{}
	out := make([]int, len(labels))
	for i, l := range labels {
		if _, ok := number[l]; !ok {
			number[l] = len(number)
		}
		out[i] = number[l]
	}
	return out
}

// slowAgreement goes over all items and pairs of items. mult is the number of
// times each group was drawn, or of each project where whole is set.
func slowAgreement(groups, clusters []int, mult []float64, whole bool) (precision, recall, pp, pr, ari, over, split float64) {
	weight := func(i, j int) float64 {
		if groups[i] == groups[j] || whole {
			return mult[groups[i]]
		}
		return mult[groups[i]] * mult[groups[j]]
	}
	var mass, both, group, cluster, all float64
	for i := range groups {
		// How often an item meets j: once per copy of j, copies of its own
		// group apart.
		var same, inCluster, inGroup float64
		shares := map[int]float64{}
		for j := range groups {
			meets := mult[groups[j]]
			if whole || groups[i] == groups[j] {
				meets = 1
			}
			if clusters[i] == clusters[j] {
				inCluster += meets
				of := mult[groups[j]]
				if whole {
					of = 1
				}
				shares[groups[j]] += of
			}
			if groups[i] == groups[j] {
				inGroup++
				if clusters[i] == clusters[j] {
					same++
				}
			}
			if i < j {
				w := weight(i, j)
				all += w
				if groups[i] == groups[j] {
					group += w
				}
				if clusters[i] == clusters[j] {
					cluster += w
					if groups[i] == groups[j] {
						both += w
					}
				}
			}
		}
		m := mult[groups[i]]
		mass += m
		precision += m * same / inCluster
		recall += m * same / inGroup
		best := -1
		for j := range groups { // first in the cluster among equals
			if clusters[i] == clusters[j] && (best < 0 || shares[groups[j]] > shares[best]) {
				best = groups[j]
			}
		}
		if best != groups[i] {
			over += m
		}
	}
	var large float64
	for g := range mult {
		members := 0
		in := map[int]bool{}
		for i := range groups {
			if groups[i] == g {
				members++
				in[clusters[i]] = true
			}
		}
		if members >= 2 {
			large += mult[g]
			split += mult[g] * float64(len(in))
		}
	}
	expected := group * cluster / all
	return precision / mass, recall / mass, both / cluster, both / group,
		(both - expected) / ((group+cluster)/2 - expected), over / mass, split / large
}

func TestAgreementAgainstSlowReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, clusters := partitions(t)
		c := NewContingency(groups, clusters)
		mult := make([]float64, c.Groups())
		for g := range mult {
			mult[g] = float64(rapid.IntRange(0, 3).Draw(t, "multiplicity"))
		}
		m := Multiplicity{Own: mult, Other: mult}
		whole := rapid.Bool().Draw(t, "whole project")
		if whole {
			for g := range mult {
				mult[g] = mult[0]
			}
			m.Other = nil
		}
		a := c.Agreement(m, nil)
		p, r, pp, pr, ari, over, split := slowAgreement(groups, clusters, mult, whole)
		gotP, gotR, _, ok := a.BCubed()
		if !ok {
			if !math.IsNaN(p) {
				t.Fatalf("B-cubed is undefined, want %v", p)
			}
			return
		}
		check := func(name string, got float64, ok bool, want float64) {
			if ok && !near(got, want) {
				t.Fatalf("%s = %v, want %v", name, got, want)
			}
			if !ok && !math.IsNaN(want) && !math.IsInf(want, 0) && name != "adjusted Rand" {
				t.Fatalf("%s is undefined, want %v", name, want)
			}
		}
		check("B-cubed precision", gotP, true, p)
		check("B-cubed recall", gotR, true, r)
		for _, f := range []struct {
			name string
			of   func() (float64, bool)
			want float64
		}{
			{"pairwise precision", a.PairwisePrecision, pp}, {"pairwise recall", a.PairwiseRecall, pr},
			{"adjusted Rand", a.AdjustedRand, ari}, {"over-merge", a.OverMergeRate, over}, {"split", a.SplitMean, split},
		} {
			got, ok := f.of()
			check(f.name, got, ok, f.want)
		}
	})
}

func TestPartitionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, clusters := partitions(t)
		a := NewContingency(groups, clusters).Agreement(Multiplicity{}, nil)
		p, r, f1, _ := a.BCubed()
		if p <= 0 || p > 1 || r <= 0 || r > 1 || f1 > max(p, r)+tolerance || f1 < min(p, r)-tolerance {
			t.Fatalf("B-cubed %v, %v, %v", p, r, f1)
		}
		equal := slices.Equal(dense(groups), dense(clusters))
		if (p > 1-1e-12 && r > 1-1e-12) != equal {
			t.Fatalf("B-cubed %v, %v, partitions equal: %v", p, r, equal)
		}
		// New numbers for the same partitions change nothing.
		n := slices.Max(clusters) + 1
		turned := make([]int, len(clusters))
		for i, k := range clusters {
			turned[i] = n - 1 - k
		}
		b := NewContingency(groups, turned).Agreement(Multiplicity{}, nil)
		bp, br, _, _ := b.BCubed()
		if !near(p, bp) || !near(r, br) || !near(a.both, b.both) || a.misplaced != b.misplaced || a.Clusters != b.Clusters {
			t.Fatalf("renumbered clusters: %+v, want %+v", b, a)
		}
		// Precision and recall change places when the partitions do.
		s := NewContingency(clusters, groups).Agreement(Multiplicity{}, nil)
		sp, sr, _, _ := s.BCubed()
		if !near(sp, r) || !near(sr, p) {
			t.Fatalf("swapped partitions: %v, %v, want %v, %v", sp, sr, r, p)
		}
		if x, ok := a.AdjustedRand(); ok {
			if y, _ := s.AdjustedRand(); !near(x, y) || x > 1+tolerance {
				t.Fatalf("adjusted Rand %v, swapped %v", x, y)
			}
		}
		// A project twice is the project.
		var twice Agreement
		twice.Add(a, 2)
		if tp, tr, _, _ := twice.BCubed(); !near(tp, p) || !near(tr, r) || twice.Clusters != 2*a.Clusters {
			t.Fatalf("twice the project: %v, %v", tp, tr)
		}
	})
}
