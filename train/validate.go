package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
)

// Validation is how well settings tell pairs apart that the fit behind them
// never saw. Two validations of one corpus, seed and sizes of tuning rest on
// the same pairs and can be compared: [Validation.GainOver].
type Validation struct {
	Rounds    int            `json:"rounds"` // of boosting, chosen as a fit chooses them
	Pairs     string         `json:"pairs"`  // SHA-256 of the pairs, with their weights, that were judged
	Platforms []PlatformLoss `json:"platforms"`
}

// PlatformLoss is the loss on one platform's tuning pairs.
type PlatformLoss struct {
	Platform features.Platform `json:"platform"`
	Loss     float64           `json:"loss"`  // calibrated log loss, in nats a pair
	Prior    float64           `json:"prior"` // that of who knows nothing but the share of positives
	Counted  bool              `json:"counted"`
	Cells    []Cell            `json:"cells"` // by organisation and fold
}

// Cell is what was left out together: an organisation's pairs in one fold.
// That is a whole organisation, or a span of its time where folds are spans of
// time.
type Cell struct {
	Organisation int     `json:"organisation"` // as the corpus numbers it
	Fold         int     `json:"fold"`
	Weight       float64 `json:"weight"`
	Loss         float64 `json:"loss"` // sum of weight times log loss
}

// CrossValidate fits forests as [Fit] does, each without one fold, and returns
// their loss on the tuning pairs of the folds left out:
//
//   - at the number of rounds that Fit would choose;
//   - under the calibration that Fit would give the pairs, so that what counts
//     is how well margins rank and not their scale, which Fit corrects;
//   - platform by platform, each project counting alike.
//
// Which pairs are judged depends on the corpus, Seed, Folds, TuningPairs and
// MostTuning, and on neither Redraw nor a setting of mining or boosting. The one exception is a
// fold that no forest could be fitted for, as too little was mined outside it:
// its pairs are left out, and Pairs tells. Calibration and rounds are chosen on
// the pairs that are judged: all losses are a little too low, by as much for
// one setting as for another.
//
// The scorer of clusters plays no part. The same corpus and settings give the
// same validation for any number of workers.
func CrossValidate(ctx context.Context, corpus *Corpus, params Params) (Validation, error) {
	params = params.withDefaults()
	f, err := newFitting(ctx, params.Study.of(corpus, params.Seed), params)
	if err != nil {
		return Validation{}, err
	}
	v := Validation{}
	if v.Rounds, err = f.crossFit(ctx); err != nil {
		return Validation{}, err
	}
	samples := f.samples()
	fallback, own, ok, err := calibrate(samples)
	if err != nil {
		return Validation{}, err
	}
	v.Pairs = f.judgedPairs(samples)
	if !ok {
		return v, nil
	}
	v.Platforms = f.platformLosses(samples, fallback, own)
	return v, nil
}

// platformLosses adds up the losses of the samples, which stand for the tuning
// pairs. Pairs of two platforms are left out.
func (f *fitting) platformLosses(samples []sample, fallback model.Calibration, own map[features.Platform]model.Calibration) []PlatformLoss {
	type home struct{ organisation, fold int }
	cells := map[features.Platform]map[home]*Cell{}
	positive := map[features.Platform]float64{}
	for i := range samples {
		s, t := &samples[i], &f.tuning[i]
		if s.platform == model.MixedPlatforms {
			continue
		}
		c, ok := own[s.platform]
		if !ok {
			c = fallback
		}
		p := f.projects[t.project]
		h := home{p.organisation, f.folds[t.project][p.homes[t.a]]}
		if cells[s.platform] == nil {
			cells[s.platform] = map[home]*Cell{}
		}
		cell := cells[s.platform][h]
		if cell == nil {
			cell = &Cell{Organisation: h.organisation, Fold: h.fold}
			cells[s.platform][h] = cell
		}
		cell.Weight += s.weight
		cell.Loss += s.weight * logLoss(c.A*s.margin+c.B, s.same)
		if s.same {
			positive[s.platform] += s.weight
		}
	}
	var out []PlatformLoss
	for _, platform := range features.Platforms() {
		if cells[platform] == nil {
			continue
		}
		l := PlatformLoss{Platform: platform}
		for _, cell := range cells[platform] {
			l.Cells = append(l.Cells, *cell)
		}
		slices.SortFunc(l.Cells, func(a, b Cell) int {
			return cmp.Or(a.Organisation-b.Organisation, a.Fold-b.Fold)
		})
		weight := 0.0
		for _, cell := range l.Cells {
			weight += cell.Weight
			l.Loss += cell.Loss
		}
		l.Loss /= weight
		l.Prior = entropy(positive[platform] / weight)
		_, calibrated := own[platform]
		l.Counted = calibrated && len(l.Cells) > 1
		out = append(out, l)
	}
	return out
}

// entropy of an event of probability p, in nats.
func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log(p) - (1-p)*math.Log1p(-p)
}

// judgedPairs names the tuning pairs and their weights.
func (f *fitting) judgedPairs(samples []sample) string {
	digest := sha256.New()
	var b []byte
	for i := range f.tuning {
		t := &f.tuning[i]
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(t.project))
		b = binary.LittleEndian.AppendUint32(b, uint32(t.a))
		b = binary.LittleEndian.AppendUint32(b, uint32(t.b))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(samples[i].weight))
		same := byte(0)
		if t.same {
			same = 1
		}
		digest.Write(append(b, same))
	}
	return hex.EncodeToString(digest.Sum(nil))
}
