package eval

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestPairSpaceNumbersEveryPairOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOfN(rapid.IntRange(0, 6), 0, 25).Draw(t, "groups")
		var items []int // every other item, as unlabelled ones and copies leave gaps
		for i := range groups {
			if i%2 == 0 || groups[i] > 3 {
				items = append(items, i)
			}
		}
		s := newPairSpace(items, func(i int) int { return groups[i] })
		seen := map[[2]int32]bool{}
		for label := range 2 {
			for k := range s.size(label) {
				a, b := s.pair(label, k)
				if a >= b || seen[[2]int32{a, b}] {
					t.Fatalf("pair %d of label %d is %d, %d", k, label, a, b)
				}
				seen[[2]int32{a, b}] = true
				if (groups[a] == groups[b]) != (label == 1) {
					t.Fatalf("pair %d, %d has label %d", a, b, label)
				}
			}
		}
		if want := len(items) * max(0, len(items)-1) / 2; len(seen) != want {
			t.Fatalf("%d pairs, want %d", len(seen), want)
		}
	})
}

func TestAllot(t *testing.T) {
	for _, tt := range []struct {
		sizes, want [4]int64
		limit       int64
	}{
		{[4]int64{1000, 1000, 1000, 1000}, [4]int64{25, 25, 25, 25}, 100},
		{[4]int64{1000, 5, 0, 1000}, [4]int64{48, 5, 0, 47}, 100},
		{[4]int64{10, 10, 10, 10}, [4]int64{10, 10, 10, 10}, 100},
		{[4]int64{1000, 0, 3, 0}, [4]int64{97, 0, 3, 0}, 100},
		{[4]int64{9, 9, 9, 9}, [4]int64{2, 1, 1, 1}, 5},
	} {
		if got := allot(tt.sizes, tt.limit); got != tt.want {
			t.Errorf("allot(%v, %d) = %v, want %v", tt.sizes, tt.limit, got, tt.want)
		}
	}
}

func TestAllotProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sizes [4]int64
		var total int64
		for s := range sizes {
			sizes[s] = rapid.Int64Range(0, 50).Draw(t, "size")
			total += sizes[s]
		}
		limit := rapid.Int64Range(4, 120).Draw(t, "limit")
		share := allot(sizes, limit)
		var sum int64
		for s := range share {
			sum += share[s]
			if share[s] < 0 || share[s] > sizes[s] || sizes[s] > 0 && share[s] == 0 {
				t.Fatalf("allot(%v, %d) = %v", sizes, limit, share)
			}
		}
		if sum != min(total, limit) {
			t.Fatalf("allot(%v, %d) = %v", sizes, limit, share)
		}
	})
}

// samplingCase has 300 items in groups of skewed size, and a verdict that is
// often wrong.
func samplingCase() (*pairSpace, func(a, b int32) bool) {
	rng := rand.New(rand.NewPCG(5, 6))
	groups := make([]int, 300)
	items := make([]int, 300)
	for i := range groups {
		groups[i], items[i] = rng.IntN(1+rng.IntN(20)), i
	}
	return newPairSpace(items, func(i int) int { return groups[i] }), func(a, b int32) bool { return (a*b)%7 == 0 }
}

func TestSampleKeepsSmallSets(t *testing.T) {
	space, verdict := samplingCase()
	total := int(space.size(0) + space.size(1))
	pairs, err := sample(context.Background(), space, total, 1000, verdict, rand.New(rand.NewPCG(1, 1)))
	if err != nil || len(pairs) != total {
		t.Fatalf("%d of %d pairs, %v", len(pairs), total, err)
	}
	for k, p := range pairs {
		if p.weight != 1 || k > 0 && (pairs[k-1].a > p.a || pairs[k-1].a == p.a && pairs[k-1].b >= p.b) {
			t.Fatalf("pair %d: %+v after %+v", k, p, pairs[max(0, k-1)])
		}
	}
}

// The weighted mass of any property of pairs must estimate its true count: for
// the strata exactly where all verdicts were asked, otherwise within the
// error of the mean over many seeds.
func TestSampleIsUnbiased(t *testing.T) {
	space, verdict := samplingCase()
	odd := func(a, b int32) bool { return (a+b)%3 == 0 } // unrelated to the strata
	var truth struct{ label, joined, odd [2]float64 }
	for label := range 2 {
		for k := range space.size(label) {
			a, b := space.pair(label, k)
			truth.label[label]++
			if verdict(a, b) {
				truth.joined[label]++
			}
			if odd(a, b) {
				truth.odd[label]++
			}
		}
	}
	for name, preliminary := range map[string]int64{"all asked": 1 << 20, "some asked": 3000} {
		const seeds = 200
		var sums [seeds][2][2]float64 // odd and joined by label
		for seed := range seeds {
			pairs, err := sample(context.Background(), space, 800, preliminary, verdict, rand.New(rand.NewPCG(uint64(seed), 2)))
			if err != nil || len(pairs) != 800 {
				t.Fatalf("%d pairs, %v", len(pairs), err)
			}
			var labels [2]float64
			seen := map[[2]int32]bool{}
			for _, p := range pairs {
				if seen[[2]int32{p.a, p.b}] {
					t.Fatalf("pair %d, %d twice", p.a, p.b)
				}
				seen[[2]int32{p.a, p.b}] = true
				label := 0
				if p.same {
					label = 1
				}
				labels[label] += p.weight
				if odd(p.a, p.b) {
					sums[seed][0][label] += p.weight
				}
				if verdict(p.a, p.b) {
					sums[seed][1][label] += p.weight
				}
			}
			for label := range labels {
				if !near(labels[label], truth.label[label]) {
					t.Fatalf("%s: label %d weighs %v, there are %v", name, label, labels[label], truth.label[label])
				}
				if preliminary > 1<<19 && !near(sums[seed][1][label], truth.joined[label]) {
					t.Fatalf("%s: joined pairs of label %d weigh %v, there are %v", name, label, sums[seed][1][label], truth.joined[label])
				}
			}
		}
		for property, want := range [][2]float64{truth.odd, truth.joined} {
			for label := range 2 {
				var mean, square float64
				for seed := range sums {
					x := sums[seed][property][label]
					mean += x / seeds
					square += x * x / seeds
				}
				deviation := math.Sqrt(max(0, square-mean*mean) / seeds)
				if math.Abs(mean-want[label]) > 4*deviation+1e-6 {
					t.Errorf("%s: property %d of label %d: mean %v ± %v, true %v", name, property, label, mean, deviation, want[label])
				}
			}
		}
	}
}

func TestSampledFiguresAreClose(t *testing.T) {
	ds := generated(20, 1, 500, 20)
	ds.Projects[0].Content = nil
	model, static := noisy("model", "model", .75, .6), noisy("static", "rule", .8, .55)
	full := run(t, ds, Options{Resamples: -1, Protocols: []string{"pairs"}}, model)
	part := run(t, ds, Options{Resamples: -1, Protocols: []string{"pairs"}, PairCap: 20000, Stratify: static}, model)
	for _, name := range []string{metricROCAUC, metricAveragePrecision, metricPrecisionGroup, metricRecallGroup, metricGroupRate} {
		a, b := value(t, full, "pairs", "model", "all", name), value(t, part, "pairs", "model", "all", name)
		if math.Abs(a-b) > .03 {
			t.Errorf("%s: %v in full, %v sampled", name, a, b)
		}
	}
}
