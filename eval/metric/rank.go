package metric

import "fmt"

// HitWithin is the chance that the relevant cluster stands among the first k
// when clusters of equal score are put in random order: better clusters score
// above it and tied, itself included, score the same. This expected value
// gives a constant scorer what guessing gives, no more and no less (McSherry
// and Najork, ECIR 2008). Range [0,1].
func HitWithin(k, better, tied int) float64 {
	checkTies(better, tied)
	return float64(min(max(k-better, 0), tied)) / float64(tied)
}

// ReciprocalRank is the expected 1/rank of the relevant cluster under the tie
// rule of [HitWithin]. With one relevant cluster it is also the average
// precision of the whole list. Range (0,1].
func ReciprocalRank(better, tied int) float64 {
	checkTies(better, tied)
	var sum float64
	for r := better + 1; r <= better+tied; r++ {
		sum += 1 / float64(r)
	}
	return sum / float64(tied)
}

func checkTies(better, tied int) {
	if better < 0 || tied < 1 {
		panic(fmt.Sprintf("metric: %d better and %d tied clusters", better, tied))
	}
}
