package metric

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTiedRanks(t *testing.T) {
	// One cluster above and three tied: the true one is 2nd, 3rd or 4th with
	// chance 1/3 each (McSherry and Najork 2008, by hand): 1/rank is
	// (1/2 + 1/3 + 1/4)/3 = 13/36.
	if got := ReciprocalRank(1, 3); !near(got, 13./36) {
		t.Errorf("ReciprocalRank(1, 3) = %v, want 13/36", got)
	}
	for k, want := range map[int]float64{1: 0, 2: 1. / 3, 3: 2. / 3, 4: 1, 10: 1} {
		if got := HitWithin(k, 1, 3); !near(got, want) {
			t.Errorf("HitWithin(%d, 1, 3) = %v, want %v", k, got, want)
		}
	}
	if got := ReciprocalRank(0, 1); got != 1 {
		t.Errorf("alone at the top: %v, want 1", got)
	}
}

// The closed forms against the mean over every place the true cluster can take.
func TestTiedRanksAgainstEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		better := rapid.IntRange(0, 8).Draw(t, "better")
		tied := rapid.IntRange(1, 8).Draw(t, "tied")
		k := rapid.IntRange(1, 10).Draw(t, "k")
		var hit, rr float64
		for place := range tied {
			rank := better + place + 1
			rr += 1 / float64(rank) / float64(tied)
			if rank <= k {
				hit += 1 / float64(tied)
			}
		}
		if got := HitWithin(k, better, tied); !near(got, hit) {
			t.Fatalf("HitWithin = %v, want %v", got, hit)
		}
		if got := ReciprocalRank(better, tied); !near(got, rr) {
			t.Fatalf("ReciprocalRank = %v, want %v", got, rr)
		}
	})
}
