package train

import (
	"context"
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"whorl/features"
)

// fullEncode is the weight of lists from which on a project counts fully.
const fullEncode = 300

// encodeLoss is the loss over all lists as a function of the parameters.
type encodeLoss struct {
	form   *encoderForm
	params EncoderParams
	shards []*encodeShard
	scale  []float64  // of each shard's lists: so that no project rules, and all weights sum to 1
	kinds  [2]float64 // weight of all pairs of two groups, and of one

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

	// Of the pairs of a list: similarities, derivatives of the loss by them, and
	// parts of the softmax.
	s, e, share []float64
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
	_ = each(context.Background(), l.params.Workers, len(l.shards), nil, func(i int) {
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

// evaluate sets r to the loss of the shard's lists and, if withGrad, its
// gradient by the log-weights.
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
			r.s, r.e = append(r.s, sum), append(r.e, 0)
		}
		weight := scale * list.weight
		if l.params.Loss != Contrastive {
			r.listwise(list, pairs, none, l.params.Temperature, weight)
		}
		switch l.params.Loss {
		case Contrastive:
			r.contrastive(l, pairs, weight)
		case Joint:
			r.contrastive(l, pairs, l.params.Contrast*weight)
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
			share := e / math.Sqrt(ab)
			for _, c := range s.shared[p.from:p.to] {
				v := share * float64(c.n) * w[c.a] * w[c.b]
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

// listwise adds the loss of a list, its derivatives by the similarities and by
// that of "none".
func (r *encodeResult) listwise(list *encodeList, pairs []encodePair, none, temperature, weight float64) {
	most := none
	for _, v := range r.s {
		most = max(most, v)
	}
	last := math.Exp((none - most) / temperature)
	right, all := 0.0, last
	if !list.positive {
		right = last
	}
	r.share = r.share[:0]
	for k, v := range r.s {
		e := pairs[k].weight * math.Exp((v-most)/temperature)
		r.share = append(r.share, e)
		all += e
		if pairs[k].same {
			right += e
		}
	}
	right = max(right, 1e-300) // all of them far behind
	r.loss += weight * (math.Log(all) - math.Log(right))
	for k, e := range r.share {
		d := e / all
		if pairs[k].same {
			d -= e / right
		}
		r.e[k] += weight * d / temperature
	}
	d := last / all
	if !list.positive {
		d -= last / right
	}
	r.grad[features.NumDescriptors] += weight * d / temperature
}

// contrastive adds the loss of a list's pairs and its derivatives.
func (r *encodeResult) contrastive(l *encodeLoss, pairs []encodePair, weight float64) {
	for k, v := range r.s {
		p := &pairs[k]
		share := weight * p.weight / (2 * l.kinds[truth(p.same)])
		d := max(0, v-l.params.Margin)
		if p.same {
			d = v - 1
		}
		r.loss += share * d * d
		r.e[k] += 2 * share * d
	}
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
