package train

import (
	"fmt"
	"slices"

	"whorl/features"
)

// Report says what was mined, in counts.
type Report struct {
	Records       int // distinct ones
	Projects      int
	Organisations int // with at least one mined pair
	Platforms     []PlatformReport
	Trees         int
	Warnings      []Warning
}

// PlatformReport counts what one platform contributed.
type PlatformReport struct {
	Platform      features.Platform
	Records       int
	Groups        int
	Organisations int
	Positives     int
	Negatives     int
	Tuning        int
}

// Warning is a reservation about a fit: a stable code and what to do.
type Warning struct{ Code, Text string }

func (r *Report) warn(code, text string) {
	r.Warnings = append(r.Warnings, Warning{code, text})
}

// few is the number of positive pairs below which a platform is reported.
const few = 500

// describe counts the mined and the drawn pairs.
func (f *fitting) describe() Report {
	r := Report{Projects: len(f.projects)}
	perPlatform := map[features.Platform]*PlatformReport{}
	organisations := map[features.Platform]map[int]bool{}
	all := map[int]bool{}
	at := func(p *prepared) *PlatformReport {
		out := perPlatform[p.platform]
		if out == nil {
			out = &PlatformReport{Platform: p.platform}
			perPlatform[p.platform] = out
			organisations[p.platform] = map[int]bool{}
		}
		return out
	}
	for _, p := range f.projects {
		out := at(p)
		out.Records += len(p.records)
		out.Groups += p.numGroups
		r.Records += len(p.records)
	}
	for _, pair := range f.pairs {
		if !pair.fits.has(f.nothing()) {
			continue // it helps to calibrate and to choose thresholds alone
		}
		p := f.projects[pair.Project]
		out := at(p)
		organisations[p.platform][p.organisation] = true
		all[p.organisation] = true
		if pair.Same {
			out.Positives++
		} else {
			out.Negatives++
		}
	}
	for _, t := range f.tuning {
		at(f.projects[t.project]).Tuning++
	}
	r.Organisations = len(all)
	for _, platform := range features.Platforms() {
		out := perPlatform[platform]
		if out == nil {
			continue
		}
		out.Organisations = len(organisations[platform])
		r.Platforms = append(r.Platforms, *out)
		if out.Positives < few {
			r.warn("few_positives", fmt.Sprintf("platform %s has %d positive pairs, fewer than %d: its figures rest on what other platforms teach", platform, out.Positives, few))
		}
		if n := f.cutByTime(platform); n > 0 {
			r.warn("few_organisations", fmt.Sprintf("platform %s: too few organisations, or one that holds most events: calibration splits %d of its projects by time instead of by organisation, and says less about new organisations", platform, n))
		}
	}
	r.Platforms = slices.Clip(r.Platforms)
	return r
}

// cutByTime counts the platform's projects whose groups lie in several folds.
func (f *fitting) cutByTime(platform features.Platform) int {
	n := 0
	for i, p := range f.projects {
		first, cut := -1, false
		for _, fold := range f.folds[i] {
			cut = cut || first >= 0 && fold != first
			first = fold
		}
		if cut && p.platform == platform {
			n++
		}
	}
	return n
}
