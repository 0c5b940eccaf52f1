package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/optimize"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
)

// EncoderLoss is what the fit of an encoder makes small.
type EncoderLoss uint8

// The losses.
const (
	// Listwise is the cross entropy of a softmax over the candidates of a query
	// and over "none of them", whose similarity is a parameter (Cao et al. 2007,
	// "Learning to rank: from pairwise approach to listwise approach"; van den
	// Oord et al. 2018, InfoNCE). Candidates of the query's group share the
	// target, "none" is the target of a query that has no such candidate.
	Listwise EncoderLoss = iota
	// Contrastive is (1-s)^2 for two events of a group and max(0, s-Margin)^2
	// for others (Hadsell, Chopra and LeCun 2006, "Dimensionality reduction by
	// learning an invariant mapping"), both kinds weighing the same in all.
	Contrastive
)

// EncoderForm says how log-weights depend on the traits of a token.
type EncoderForm uint8

// The forms, from few parameters to many. Each adds to a prior: a token weighs
// its rarity.
const (
	Additive EncoderForm = iota // a parameter for each value of each trait
	Crossed                     // additive within each field
	Table                       // crossed, and a parameter for each descriptor
)

// EncoderParams are the settings of [FitEncoder]. Zero values mean the defaults.
type EncoderParams struct {
	Seed        uint64
	Loss        EncoderLoss
	Form        EncoderForm
	Temperature float64 // of Listwise; default 0.07
	Margin      float64 // of Contrastive; default 0.3
	Pull        float64 // L2 penalty on parameters, towards the prior; default 1e-3
	PerGroup    int     // queries of one group at most; default 6
	PerProject  int     // queries of one project at most; default 1500
	Alike       int     // candidates of other groups, of each kind, at most; default 12
	Rounds      int     // of fitting; candidates are drawn anew before each; default 2
	Iterations  int     // of L-BFGS in each round at most; default 100
	Workers     int     // goroutines; default 1
	Progress    func(stage string, done, total int)
}

func (p EncoderParams) withDefaults() EncoderParams {
	p.Temperature = cmp.Or(p.Temperature, 0.07)
	p.Margin = cmp.Or(p.Margin, 0.3)
	p.Pull = cmp.Or(p.Pull, 1e-3)
	p.PerGroup = cmp.Or(p.PerGroup, 6)
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
	if err := each(ctx, params.Workers, len(projects), func(i int) {
		projects[i] = prepare(&corpus.Projects[i])
	}); err != nil {
		return nil, EncoderReport{}, err
	}
	return fitEncoder(ctx, projects, params)
}

// each runs work for 0 to n-1 over some goroutines.
func each(ctx context.Context, workers, n int, work func(i int)) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range workers {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				work(i)
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

func fitEncoder(ctx context.Context, projects []*prepared, params EncoderParams) (*model.Encoder, EncoderReport, error) {
	form := newEncoderForm(params.Form)
	x := form.start()
	var report EncoderReport
	for round := range params.Rounds {
		encoder := form.encoder(x)
		shards := make([]*encodeShard, len(projects))
		if err := each(ctx, params.Workers, len(projects), func(i int) {
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

// encodeShard holds the lists of one project in counts.
type encodeShard struct {
	lists   []encodeList
	pairs   []encodePair
	shared  []sharedCount
	records []recordCounts // those that stand in a list
	counts  []descriptorCount
}

// encodeList is a query and its candidates, pairs[from:to] of its shard.
type encodeList struct {
	from, to int32
	weight   float64
	positive bool // some candidate is of its group
}

type encodePair struct {
	a, b     int32 // places in records
	from, to int32 // in shared
	same     bool
	weight   float64
}

// sharedCount says how many tokens two records share that have these
// descriptors in them.
type sharedCount struct{ a, b, n uint16 }

type recordCounts struct{ from, to int32 } // in counts

type descriptorCount struct{ d, n uint16 }

// drawLists draws the queries of one project and their candidates.
func drawLists(project int, p *prepared, e *model.Encoder, params EncoderParams) *encodeShard {
	rng := rand.New(rand.NewPCG(params.Seed, uint64(project)))
	s := new(encodeShard)
	queries := drawQueries(rng, p, params)
	if len(queries) == 0 {
		return s
	}
	judged := make(map[[2]int32]ExplicitPair, len(p.explicit))
	for _, x := range slices.Backward(p.explicit) { // the first of equal pairs counts, as in mine
		judged[[2]int32{x.A, x.B}] = x
	}
	tokens := make([][]features.Token, len(p.views))
	weighted := make([][]model.Weighted, len(p.views))
	for i := range p.views {
		tokens[i], weighted[i] = p.views[i].AppendTokens(nil), e.Weigh(nil, &p.views[i])
	}
	place := map[int]int32{} // of records in the shard
	record := func(i int) int32 {
		at, ok := place[i]
		if !ok {
			at = int32(len(s.records))
			place[i] = at
			s.addRecord(tokens[i])
		}
		return at
	}
	var index blocking.Index
	added := 0
	var blocked []int
	var near []scored
	for _, q := range queries { // in time order
		for ; added < q; added++ {
			index.Add(p.records[added])
		}
		near = near[:0]
		for i := range q {
			near = append(near, scored{i, model.Cosine(weighted[q], weighted[i])})
		}
		slices.SortFunc(near, func(x, y scored) int {
			return cmp.Or(cmp.Compare(y.cosine, x.cosine), y.record-x.record)
		})
		blocked = index.Candidates(blocked[:0], p.records[q], &p.frequencies, 0, model.MaxCandidates)
		l := encodeList{from: int32(len(s.pairs)), weight: float64(p.confidence[q])}
		used := map[int]bool{}
		var same, other int
		try := func(i int, limit int) {
			if used[i] || p.records[i].Content == p.records[q].Content {
				return
			}
			is, weight := p.groups[i] == p.groups[q], float64(p.confidence[i])
			if x, ok := judged[[2]int32{int32(i), int32(q)}]; ok {
				is, weight = x.Same, float64(x.Confidence)
			}
			n := &other
			if is {
				n, limit = &same, 2*mostPositives
			}
			if *n >= limit || weight == 0 {
				return
			}
			used[i] = true
			*n++
			pair := encodePair{a: record(q), b: record(i), same: is, weight: weight}
			pair.from = int32(len(s.shared))
			s.share(tokens[q], tokens[i])
			pair.to = int32(len(s.shared))
			s.pairs = append(s.pairs, pair)
			l.positive = l.positive || is
		}
		for _, c := range near {
			if same == mostPositives && p.groups[c.record] == p.groups[q] {
				continue // room for others of the group
			}
			try(c.record, params.Alike)
			if other == params.Alike && same >= mostPositives {
				break
			}
		}
		for _, i := range blocked {
			if p.groups[i] != p.groups[q] {
				try(i, 2*params.Alike)
			}
		}
		for range mostPositives {
			try(rng.IntN(q), 2*params.Alike+mostPositives)
		}
		if l.to = int32(len(s.pairs)); l.to > l.from && l.weight > 0 {
			s.lists = append(s.lists, l)
		} else {
			s.pairs = s.pairs[:l.from]
		}
	}
	return s
}

type scored struct {
	record int
	cosine float32
}

// mostPositives is how many candidates of the query's group are taken because
// they are near. As many are random, of any group.
const mostPositives = 4

// drawQueries returns the numbers of some records of every group, ascending.
// The first record of the project has nothing before it and is none of them.
func drawQueries(rng *rand.Rand, p *prepared, params EncoderParams) []int {
	var queries []int
	for _, members := range p.byGroup() {
		// The first event of a group is the one for which "none" is right.
		later := members[1:]
		rng.Shuffle(len(later), func(i, j int) { later[i], later[j] = later[j], later[i] })
		queries = append(queries, members[0])
		queries = append(queries, later[:min(len(later), params.PerGroup-1)]...)
	}
	rng.Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	queries = queries[:min(len(queries), params.PerProject)]
	slices.Sort(queries)
	if len(queries) > 0 && queries[0] == 0 {
		queries = queries[1:]
	}
	return queries
}

// addRecord counts a record's tokens by descriptor.
func (s *encodeShard) addRecord(tokens []features.Token) {
	from := len(s.counts)
	var n [features.NumDescriptors]uint16
	for _, t := range tokens {
		n[t.Descriptor]++
	}
	for d, k := range n {
		if k > 0 {
			s.counts = append(s.counts, descriptorCount{uint16(d), k})
		}
	}
	s.records = append(s.records, recordCounts{int32(from), int32(len(s.counts))})
}

// share counts the tokens that two records share, by their descriptors in both.
func (s *encodeShard) share(a, b []features.Token) {
	from := len(s.shared)
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Key < b[j].Key:
			i++
		case a[i].Key > b[j].Key:
			j++
		default:
			x, y := uint16(a[i].Descriptor), uint16(b[j].Descriptor)
			s.shared = append(s.shared, sharedCount{min(x, y), max(x, y), 1})
			i, j = i+1, j+1
		}
	}
	list := s.shared[from:]
	slices.SortFunc(list, func(x, y sharedCount) int {
		return cmp.Or(int(x.a)-int(y.a), int(x.b)-int(y.b))
	})
	n := 0
	for _, c := range list {
		if n > 0 && list[n-1].a == c.a && list[n-1].b == c.b {
			list[n-1].n++
			continue
		}
		list[n] = c
		n++
	}
	s.shared = s.shared[:from+n]
}

// fullEncode is the weight of lists from which on a project counts fully.
const fullEncode = 300

// encodeLoss is the loss over all lists as a function of the parameters.
type encodeLoss struct {
	form   *encoderForm
	params EncoderParams
	shards []*encodeShard
	scale  []float64 // of each shard's lists: so that no project rules, and all weights sum to 1
	kinds  [2]float64

	w       []float64 // weights, by descriptor
	results []encodeResult
}

// encodeResult is the part of one shard; shards are added up in their order,
// whoever computed them.
type encodeResult struct {
	loss float64
	grad []float64 // by descriptor, "none" last
	norm []float64 // of each record: its squared length
	pull []float64 // of each record: what the gradient holds against its length
	s    []float64 // of the pairs of a list: similarities
	e    []float64 // and shares of the softmax
}

func newEncodeLoss(form *encoderForm, shards []*encodeShard, params EncoderParams) *encodeLoss {
	l := &encodeLoss{form: form, params: params, w: make([]float64, features.NumDescriptors)}
	total := 0.0
	for _, s := range shards {
		if len(s.lists) == 0 {
			continue
		}
		sum := 0.0
		for i := range s.lists {
			sum += s.lists[i].weight
		}
		scale := math.Sqrt(min(1, fullEncode/sum)) // between "every list alike" and "every project alike"
		total += sum * scale
		l.shards, l.scale = append(l.shards, s), append(l.scale, scale)
		l.results = append(l.results, encodeResult{grad: make([]float64, features.NumDescriptors+1), norm: make([]float64, len(s.records)), pull: make([]float64, len(s.records))})
	}
	for i, s := range l.shards {
		l.scale[i] /= total
		for k := range s.lists {
			list := &s.lists[k]
			for _, p := range s.pairs[list.from:list.to] {
				l.kinds[truth(p.same)] += l.scale[i] * list.weight * p.weight
			}
		}
	}
	return l
}

func (l *encodeLoss) describe() EncoderReport {
	r := EncoderReport{Parameters: l.form.number}
	for _, s := range l.shards {
		r.Lists, r.Pairs = r.Lists+len(s.lists), r.Pairs+len(s.pairs)
		for i := range s.lists {
			r.Positive += truth(s.lists[i].positive)
		}
		for i := range s.pairs {
			r.Negatives += truth(!s.pairs[i].same)
		}
	}
	return r
}

// value returns the loss at x and sets grad to its gradient, if grad is not nil.
//
// With N the sum over shared tokens of the product of their weights, and A, B
// the squared lengths, the similarity is s = N/sqrt(AB). A token of weight w in
// the record of A adds to its log-weight's derivative of s what it holds of the
// first factor, its share in N/sqrt(AB), less s*w^2/A.
func (l *encodeLoss) value(x, grad []float64) float64 {
	l.form.logWeights(l.w, x)
	for d := range l.w {
		l.w[d] = math.Exp(l.w[d])
	}
	none := x[l.form.number]
	_ = each(context.Background(), l.params.Workers, len(l.shards), func(i int) {
		l.shards[i].evaluate(l, l.scale[i], none, &l.results[i], grad != nil)
	})
	penalty := 0.0
	for _, v := range x[:l.form.number] {
		penalty += v * v
	}
	loss := l.params.Pull / 2 * penalty
	for i := range l.results {
		loss += l.results[i].loss
	}
	if grad != nil {
		for k, v := range x[:l.form.number] {
			grad[k] = l.params.Pull * v
		}
		grad[l.form.number] = 0
		for i := range l.results {
			g := l.results[i].grad
			for d, v := range g[:features.NumDescriptors] {
				if v != 0 {
					for _, k := range l.form.of[d] {
						grad[k] += v
					}
				}
			}
			grad[l.form.number] += g[features.NumDescriptors]
		}
	}
	return loss
}

func (s *encodeShard) evaluate(l *encodeLoss, scale, none float64, r *encodeResult, withGrad bool) {
	w := l.w
	r.loss = 0
	clear(r.grad)
	for i, rec := range s.records {
		sum := 0.0
		for _, c := range s.counts[rec.from:rec.to] {
			sum += float64(c.n) * w[c.d] * w[c.d]
		}
		r.norm[i], r.pull[i] = sum, 0
	}
	for i := range s.lists {
		list := &s.lists[i]
		pairs := s.pairs[list.from:list.to]
		r.s, r.e = r.s[:0], r.e[:0]
		for k := range pairs {
			p := &pairs[k]
			sum := 0.0
			for _, c := range s.shared[p.from:p.to] {
				sum += float64(c.n) * w[c.a] * w[c.b]
			}
			if ab := r.norm[p.a] * r.norm[p.b]; ab > 0 {
				sum /= math.Sqrt(ab)
			}
			r.s = append(r.s, sum)
		}
		weight := scale * list.weight
		// e becomes the derivative of the loss by each similarity.
		if l.params.Loss == Contrastive {
			for k, v := range r.s {
				p := &pairs[k]
				share := weight * p.weight / (2 * l.kinds[truth(p.same)])
				d := max(0, v-l.params.Margin)
				if p.same {
					d = v - 1
				}
				r.loss += share * d * d
				r.e = append(r.e, 2*share*d)
			}
		} else {
			r.loss += weight * r.listwise(list, pairs, none, l.params.Temperature)
			for k := range r.e {
				r.e[k] *= weight / l.params.Temperature
			}
			r.grad[features.NumDescriptors] += r.e[len(pairs)]
		}
		if !withGrad {
			continue
		}
		for k := range pairs {
			p, e := &pairs[k], r.e[k]
			ab := r.norm[p.a] * r.norm[p.b]
			if e == 0 || ab == 0 {
				continue
			}
			each := e / math.Sqrt(ab)
			for _, c := range s.shared[p.from:p.to] {
				v := each * float64(c.n) * w[c.a] * w[c.b]
				r.grad[c.a] += v
				r.grad[c.b] += v
			}
			r.pull[p.a] += e * r.s[k]
			r.pull[p.b] += e * r.s[k]
		}
	}
	if !withGrad {
		return
	}
	for i, rec := range s.records {
		if r.pull[i] == 0 || r.norm[i] == 0 {
			continue
		}
		f := r.pull[i] / r.norm[i]
		for _, c := range s.counts[rec.from:rec.to] {
			r.grad[c.d] -= f * float64(c.n) * w[c.d] * w[c.d]
		}
	}
}

// listwise returns the loss of one list and sets e to its derivatives by the
// similarities over the temperature, that of "none" last.
func (r *encodeResult) listwise(list *encodeList, pairs []encodePair, none, temperature float64) float64 {
	most := none
	for _, v := range r.s {
		most = max(most, v)
	}
	right, all := 0.0, math.Exp((none-most)/temperature)
	last := all
	if !list.positive {
		right = all
	}
	for k, v := range r.s {
		e := pairs[k].weight * math.Exp((v-most)/temperature)
		r.e = append(r.e, e)
		all += e
		if pairs[k].same {
			right += e
		}
	}
	right = max(right, 1e-300) // far behind the others
	for k := range r.e {
		e := r.e[k]
		r.e[k] = e / all
		if pairs[k].same {
			r.e[k] -= e / right
		}
	}
	g := last / all
	if !list.positive {
		g -= last / right
	}
	r.e = append(r.e, g)
	return math.Log(all) - math.Log(right)
}

// minimize returns the parameters with the least loss that L-BFGS finds from x
// (Liu and Nocedal 1989), and the loss.
func (l *encodeLoss) minimize(ctx context.Context, x []float64, progress func(done int)) ([]float64, float64, error) {
	done := 0
	at, there := math.NaN(), slices.Clone(x) // the last point that was asked for
	slope := make([]float64, len(x))
	visit := func(x []float64) {
		if math.IsNaN(at) || !slices.Equal(there, x) {
			copy(there, x)
			at = l.value(x, slope)
		}
	}
	problem := optimize.Problem{
		Func: func(x []float64) float64 { visit(x); return at },
		Grad: func(grad, x []float64) { visit(x); copy(grad, slope) },
		Status: func() (optimize.Status, error) {
			if err := ctx.Err(); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}
	settings := &optimize.Settings{
		GradientThreshold: 1e-6, MajorIterations: l.params.Iterations,
		Converger: &optimize.FunctionConverge{Absolute: 1e-7, Iterations: 10},
		Recorder:  recorder(func() { done++; progress(done) }),
	}
	result, err := optimize.Minimize(problem, x, settings, &optimize.LBFGS{})
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	// The line search may give up on the last digits and report that as an
	// error: the point it reached is the best it saw, and it is kept.
	if result == nil || math.IsNaN(result.F) || math.IsInf(result.F, 0) {
		return nil, 0, errors.Join(errors.New("the encoder did not converge"), err)
	}
	return result.X, result.F, nil
}

// recorder calls a function after each major iteration.
type recorder func()

func (recorder) Init() error { return nil }

func (r recorder) Record(_ *optimize.Location, op optimize.Operation, _ *optimize.Stats) error {
	if op == optimize.MajorIteration {
		r()
	}
	return nil
}
