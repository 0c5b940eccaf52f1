package train

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
)

// numbered returns records whose contents are the given numbers, an hour apart.
func numbered(contents ...uint64) []*features.Record {
	out := make([]*features.Record, len(contents))
	for i, c := range contents {
		out[i] = &features.Record{Content: c, Time: int64(i) * 3600_000, Platform: features.Python}
	}
	return out
}

func TestPrepare(t *testing.T) {
	p := &Project{
		Organisation: 3,
		//                  0   1   2   3   4   5   6
		Records:    numbered(10, 11, 10, 10, 12, 11, 12),
		Groups:     []int32{5, 2, 5, 2, 5, 2, 5},
		Confidence: []float32{1, 0.9, 0.1, 0.8, 0.7, 0.1, 0.1},
		Pairs: []ExplicitPair{
			{A: 6, B: 5, Same: true, Confidence: 0.6},  // copies of 4 and 1
			{A: 0, B: 2, Same: false, Confidence: 0.5}, // of one record: says nothing
			{A: 2, B: 1, Same: true, Confidence: 0.4},  // copies of 0 and 1
			{A: 1, B: 4, Same: false, Confidence: 0.3}, // the first pair again
		},
	}
	p.Records[1].Platform, p.Records[3].Platform = features.Java, features.Java
	before := slices.Clone(p.Pairs)
	got := prepare(p)
	// By hand: 2 is a copy of 0, 5 of 1 and 6 of 4; 3 has the content of 0 but
	// another group, so it stays. The distinct ones are 0, 1, 3, 4.
	if want := []*features.Record{p.Records[0], p.Records[1], p.Records[3], p.Records[4]}; !slices.Equal(got.records, want) {
		t.Errorf("%d records kept, want numbers 0, 1, 3 and 4", len(got.records))
	}
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"groups", got.groups, []int32{5, 2, 2, 5}},
		{"confidence", got.confidence, []float32{1, 0.9, 0.8, 0.7}},
		{"first times", got.first, map[int32]int64{5: 0, 2: 3600_000}},
		{"explicit pairs", got.explicit, []ExplicitPair{{0, 1, true, 0.4, false}, {1, 3, true, 0.6, false}, {1, 3, false, 0.3, false}}},
		{"platform, the first of equally common ones", got.platform, features.Python},
		{"organisation", got.organisation, 3},
		{"groups by first record", got.byGroup(), [][]int{{0, 3}, {1, 2}}},
		{"the project's own pairs", p.Pairs, before},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check.name, diff)
		}
	}
}

func TestPrepareEmpty(t *testing.T) {
	if p := prepare(&Project{}); len(p.records) != 0 || len(p.byGroup()) != 0 || p.platform != features.Other {
		t.Errorf("an empty project prepares to %+v", p)
	}
}
