package train

import (
	"cmp"
	"slices"

	"whorl/features"
)

// Every figure that calibration and thresholds rest on comes from pairs that
// the fit behind it never saw. The corpus is cut into folds: each fold's pairs
// are scored by a model fitted on the other folds (cross-fitting), and the
// final model, fitted on everything, inherits calibration and thresholds.
//
// A fold holds whole organisations, because a model meets organisations that
// it was not trained on. A platform with fewer than three of them is cut
// within its projects instead: groups in the order of their first event, one
// block of time a fold. So is an organisation that holds more than two fifths
// of its platform (docs/decisions.md).

// assignFolds returns the fold of every home, by project: of every group, and
// of the records without one.
func assignFolds(projects []*prepared, folds int) []map[int32]int {
	type unit struct{ organisation, events int }
	perPlatform := map[features.Platform]map[int]int{}
	for _, p := range projects {
		family := foldFamily(p.platform)
		if perPlatform[family] == nil {
			perPlatform[family] = map[int]int{}
		}
		perPlatform[family][p.organisation] += len(p.records)
	}
	home := map[features.Platform]map[int]int{} // organisation to fold, where a platform has enough of them
	for _, platform := range features.Platforms() {
		sizes := perPlatform[platform]
		if len(sizes) < 3 {
			continue
		}
		var units []unit
		for organisation, events := range sizes {
			units = append(units, unit{organisation, events})
		}
		slices.SortFunc(units, func(a, b unit) int {
			return cmp.Or(b.events-a.events, a.organisation-b.organisation)
		})
		if units[0].events*5 > 2*sum(sizes) {
			// One organisation holds so much of the platform that without it there
			// would be too little to learn from: its time is cut, the others stay whole.
			units = units[1:]
		}
		load := make([]int, folds)
		home[platform] = map[int]int{}
		for _, u := range units {
			lightest := 0
			for f := range load {
				if load[f] < load[lightest] {
					lightest = f
				}
			}
			home[platform][u.organisation] = lightest
			load[lightest] += u.events
		}
	}
	out := make([]map[int32]int, len(projects))
	for i, p := range projects {
		out[i] = map[int32]int{}
		fold, whole := home[foldFamily(p.platform)][p.organisation]
		var groups []int32
		for _, members := range by(p.homes) {
			groups = append(groups, p.homes[members[0]])
		}
		slices.SortStableFunc(groups, func(a, b int32) int { return cmp.Compare(p.first[a], p.first[b]) })
		for k, g := range groups {
			if whole {
				out[i][g] = fold
			} else {
				out[i][g] = k * folds / len(groups)
			}
		}
	}
	return out
}

// foldFamily puts browser and server JavaScript together: one application
// reports as both.
func foldFamily(p features.Platform) features.Platform {
	if p == features.Node {
		return features.JavaScript
	}
	return p
}

func sum(sizes map[int]int) int {
	total := 0
	for _, n := range sizes {
		total += n
	}
	return total
}
