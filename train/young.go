package train

import (
	"cmp"
	"slices"

	"whorl/features"
)

// A grouper compares an event with earlier ones under the document frequencies
// of its day, when the project may have been young and all of its tokens rare;
// a pair evaluation has those of the whole project. A scorer that was fitted on
// whole projects alone mistakes a young one for a project in which everything is
// rare. So half of the mined pairs are compared under the frequencies of what
// stood before the later record of the two (docs/decisions.md has the numbers).

// isYoung reports whether a pair is compared as in a young project: a fair coin
// that knows nothing of labels.
func isYoung(seed uint64, r rowOf) bool {
	return tieOf(seed, uint64(r.project), uint64(r.a), uint64(r.b))&1 == 1
}

// compareYoung compares pairs of one project, a before b in each, under the
// frequencies of the records before b, and passes on each row's number and
// vector. The order is that of b: nothing is counted twice.
func (p *prepared) compareYoung(rows []rowOf, numbers []int, found func(number int, v *features.Vector)) {
	slices.SortFunc(numbers, func(x, y int) int {
		return cmp.Or(cmp.Compare(rows[x].b, rows[y].b), cmp.Compare(x, y))
	})
	var before features.Frequencies
	var earlier, later features.View
	var v features.Vector
	added, weighed := int32(0), int32(-1)
	for _, n := range numbers {
		a, b := rows[n].a, rows[n].b
		for ; added < b; added++ {
			before.Add(p.records[added])
		}
		if b != weighed {
			later.Weigh(p.records[b], &before)
			weighed = b
		}
		earlier.Weigh(p.records[a], &before)
		features.Compare(&earlier, &later, &v)
		found(n, &v)
	}
}
