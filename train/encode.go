package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"whorl/features"
	"whorl/model"
)

// EncoderLoss is what the fit of an encoder makes small.
type EncoderLoss uint8

// The losses. s is the exact cosine of two events.
const (
	// Joint is Listwise plus Contrast times Contrastive: the first ranks, the
	// second drives cosines of unlike events to 0, where the error of a short
	// embedding does no harm.
	Joint EncoderLoss = iota
	// Listwise is the cross entropy of a softmax of s/Temperature over the
	// candidates of a query and "none of them", whose s is a parameter (Cao et
	// al. 2007, "Learning to rank: from pairwise approach to listwise approach";
	// van den Oord et al. 2018, "Representation learning with contrastive
	// predictive coding"). Candidates of the query's group share the target;
	// "none" is the target of a query that has no such candidate.
	Listwise
	// Contrastive is (1-s)^2 for two events of a group and max(0, s-Margin)^2
	// for others (Hadsell, Chopra and LeCun 2006, "Dimensionality reduction by
	// learning an invariant mapping"), both kinds weighing the same in all.
	Contrastive
)

// EncoderForm says how log-weights depend on the traits of a token.
type EncoderForm uint8

// The forms. Each adds to a prior, by which a token weighs what it is rare.
const (
	Crossed  EncoderForm = iota // a parameter for each value of each trait, field by field
	Additive                    // the same for all fields, and one for each field
	Table                       // crossed, and a parameter for each descriptor
)

// EncoderParams are the settings of [FitEncoder]. Zero values mean the defaults.
type EncoderParams struct {
	Seed        uint64
	Loss        EncoderLoss
	Form        EncoderForm
	Temperature float64 // of Listwise; default 0.12
	Margin      float64 // of Contrastive; default 0.3
	Contrast    float64 // weight of Contrastive in Joint; default 4
	Pull        float64 // L2 penalty on parameters, towards the prior; default 1e-3
	PerGroup    int     // queries of one group at most; default 20
	PerProject  int     // queries of one project at most; default 1500
	Alike       int     // candidates of other groups, of each kind, at most; default 12
	Rounds      int     // of fitting; candidates are drawn anew before each; default 2
	Iterations  int     // of L-BFGS in each round at most; default 100
	Workers     int     // goroutines; default 1
	Progress    func(stage string, done, total int)
}

func (p EncoderParams) withDefaults() EncoderParams {
	p.Temperature = cmp.Or(p.Temperature, 0.12)
	p.Margin = cmp.Or(p.Margin, 0.3)
	p.Contrast = cmp.Or(p.Contrast, 4)
	p.Pull = cmp.Or(p.Pull, 1e-3)
	p.PerGroup = cmp.Or(p.PerGroup, 20)
	p.PerProject = cmp.Or(p.PerProject, 1500)
	p.Alike = cmp.Or(p.Alike, 12)
	p.Rounds = cmp.Or(p.Rounds, 2)
	p.Iterations = cmp.Or(p.Iterations, 100)
	p.Workers = cmp.Or(p.Workers, 1)
	if p.Progress == nil {
		p.Progress = func(string, int, int) {}
	}
	return p
}

// EncoderReport says what an encoder was fitted on and how far it got.
type EncoderReport struct {
	Lists      int     // queries with candidates
	Positive   int     // of them, with a candidate of their group
	Pairs      int     // queries times candidates
	Negatives  int     // of them, of two groups
	Parameters int     // that were fitted
	Before     float64 // mean loss of the last round's lists under the prior
	After      float64 // and under the fitted weights
}

// FitEncoder learns how much each kind of token tells:
//
//  1. Queries are drawn from each project, some of every group.
//  2. Their candidates are earlier events: some of their group, and those of
//     other groups that look most alike, to blocking and to the encoder so far.
//     Pairs that nobody can tell apart or vouch for, equal contents under two
//     labels and labels without confidence, are left out.
//  3. What tokens two records share is counted by descriptors, once; after that
//     the exact cosine and its gradient are sums over the counts.
//  4. L-BFGS minimises the loss, plus a penalty on leaving the prior.
//
// Steps 2 to 4 are repeated for params.Rounds. The same corpus and settings give
// the same encoder for any number of workers. It returns [ErrNoPositive] or
// [ErrNoNegative] if the labels hold only pairs of one kind.
func FitEncoder(ctx context.Context, corpus *Corpus, params EncoderParams) (*model.Encoder, EncoderReport, error) {
	params = params.withDefaults()
	projects := make([]*prepared, len(corpus.Projects))
	if err := each(ctx, params.Workers, len(projects), nil, func(i int) {
		projects[i] = prepare(corpus.Projects[i].grouped())
	}); err != nil {
		return nil, EncoderReport{}, err
	}
	return fitEncoder(ctx, projects, params)
}

func fitEncoder(ctx context.Context, projects []*prepared, params EncoderParams) (*model.Encoder, EncoderReport, error) {
	form := newEncoderForm(params.Form)
	x := form.start()
	var report EncoderReport
	for round := range params.Rounds {
		encoder := form.encoder(x)
		shards := make([]*encodeShard, len(projects))
		if err := each(ctx, params.Workers, len(projects), nil, func(i int) {
			shards[i] = drawLists(i, projects[i], encoder, params)
		}); err != nil {
			return nil, report, err
		}
		l := newEncodeLoss(form, shards, params)
		report = l.describe()
		switch {
		case report.Positive == 0:
			return nil, report, ErrNoPositive
		case report.Negatives == 0:
			return nil, report, ErrNoNegative
		}
		report.Before = l.value(form.start(), nil)
		var err error
		if x, report.After, err = l.minimize(ctx, x, func(done int) {
			params.Progress(fmt.Sprintf("encoding %d of %d", round+1, params.Rounds), done, params.Iterations)
		}); err != nil {
			return nil, report, err
		}
	}
	return form.encoder(x), report, nil
}

// encoderForm maps parameters to log-weights: each descriptor's is its prior
// plus a sum of parameters.
type encoderForm struct {
	prior  []float64 // by descriptor
	of     [][]int32 // parameters of each descriptor
	number int       // of parameters, without the similarity of "none"
}

// noneAt is where the similarity of "none of them" starts.
const noneAt = 0.4

func newEncoderForm(kind EncoderForm) *encoderForm {
	f := &encoderForm{prior: make([]float64, features.NumDescriptors), of: make([][]int32, features.NumDescriptors)}
	number := map[[3]int]int32{}
	for d := range f.of {
		t := features.Descriptor(d).Traits()
		f.prior[d] = math.Log(rarityOf[t.Rarity])
		add := func(trait, value int, crossed bool) {
			key := [3]int{trait, value, -1}
			if crossed {
				key[2] = int(t.Field)
			}
			at, ok := number[key]
			if !ok {
				at = int32(len(number))
				number[key] = at
			}
			f.of[d] = append(f.of[d], at)
		}
		crossed := kind != Additive
		add(0, int(t.Field), false)
		add(1, int(t.Rarity), crossed)
		if t.Field <= features.FieldContext || t.Field == features.FieldType {
			// Places of types have nothing in common with those of frames.
			add(2, int(t.Place), crossed || t.Field == features.FieldType)
		}
		if t.Field <= features.FieldContext {
			add(3, truth(t.InApp), crossed)
			add(4, truth(t.Minified), crossed)
		}
		if t.Field == features.FieldWord {
			add(5, int(t.Shape), crossed)
		}
		if kind == Table {
			add(6, d, false)
		}
	}
	f.number = len(number)
	return f
}

// rarityOf is a rarity from the middle of each bucket.
var rarityOf = [features.NumRarities]float64{0.08, 0.22, 0.37, 0.52, 0.7, 0.9}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// start returns the parameters of the prior, the similarity of "none" last.
func (f *encoderForm) start() []float64 {
	x := make([]float64, f.number+1)
	x[f.number] = noneAt
	return x
}

// logWeights sets w to the log-weights at x.
func (f *encoderForm) logWeights(w, x []float64) {
	for d := range w {
		w[d] = f.prior[d]
		for _, k := range f.of[d] {
			w[d] += x[k]
		}
	}
}

// encoder returns the encoder at x, scaled so that the greatest weight is 1:
// no cosine depends on the scale.
func (f *encoderForm) encoder(x []float64) *model.Encoder {
	w := make([]float64, features.NumDescriptors)
	f.logWeights(w, x)
	most := slices.Max(w)
	e := &model.Encoder{Weights: make([]float32, len(w))}
	for d := range w {
		e.Weights[d] = float32(math.Exp(w[d] - most))
	}
	return e
}

// PriorEncoder returns the encoder that nothing was learned for: tokens weigh
// what they are rare.
func PriorEncoder() *model.Encoder {
	f := newEncoderForm(Additive)
	return f.encoder(f.start())
}
