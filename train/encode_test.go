package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/diff/fd"

	"whorl/features"
	"whorl/model"
)

func toyEncodeLoss(t *testing.T, params EncoderParams) *encodeLoss {
	t.Helper()
	params = params.withDefaults()
	c := fleet.corpus()
	rng := rand.New(rand.NewPCG(5, 5))
	shards := make([]*encodeShard, len(c.Projects))
	for i := range c.Projects {
		for k := range c.Projects[i].Confidence {
			c.Projects[i].Confidence[k] = 0.5 + rng.Float32()/2
		}
		shards[i] = drawLists(i, prepare(&c.Projects[i]), PriorEncoder(), params)
	}
	return newEncodeLoss(newEncoderForm(params.Form), shards, params)
}

func TestEncodeLossGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for _, loss := range []EncoderLoss{Joint, Listwise, Contrastive} {
		for _, form := range []EncoderForm{Additive, Crossed} {
			l := toyEncodeLoss(t, EncoderParams{Loss: loss, Form: form})
			x := l.form.start()
			for i := range x {
				x[i] += 0.3 * rng.NormFloat64()
			}
			got := make([]float64, len(x))
			l.value(x, got)
			want := fd.Gradient(nil, func(x []float64) float64 { return l.value(x, nil) }, x, &fd.Settings{Formula: fd.Central})
			some := false
			for i := range x {
				if d := math.Abs(got[i] - want[i]); d > 1e-6+1e-4*math.Abs(want[i]) {
					t.Errorf("loss %d, form %d, parameter %d: %g, by differences %g", loss, form, i, got[i], want[i])
				}
				some = some || math.Abs(want[i]) > 1e-4
			}
			if !some {
				t.Errorf("loss %d, form %d: flat", loss, form)
			}
		}
	}
}

// The similarity of counts must be the one that a model computes.
func TestEncodeShardCountsTokens(t *testing.T) {
	c := fleet.corpus()
	p := prepare(&c.Projects[0])
	e := PriorEncoder()
	s := drawLists(0, p, e, EncoderParams{}.withDefaults())
	w := func(d uint16) float64 { return float64(e.Weights[d]) }
	var got []float64
	for _, pair := range s.pairs {
		norm := func(r recordCounts) (sum float64) {
			for _, c := range s.counts[r.from:r.to] {
				sum += float64(c.n) * w(c.d) * w(c.d)
			}
			return sum
		}
		sum := 0.0
		for _, c := range s.shared[pair.from:pair.to] {
			sum += float64(c.n) * w(c.a) * w(c.b)
		}
		got = append(got, sum/math.Sqrt(norm(s.records[pair.a])*norm(s.records[pair.b])))
	}
	var all []float64
	views := p.views()
	for i := range views {
		for j := range i {
			all = append(all, float64(e.Similarity(&views[i], &views[j])))
		}
	}
	slices.Sort(all)
	for _, v := range got {
		at, _ := slices.BinarySearch(all, v)
		near := math.Inf(1)
		for _, k := range []int{at - 1, at} {
			if k >= 0 && k < len(all) {
				near = min(near, math.Abs(all[k]-v))
			}
		}
		if near > 1e-6 {
			t.Fatalf("no two records have similarity %v; the nearest is %v off", v, near)
		}
	}
	if len(got) < 100 {
		t.Fatalf("%d pairs", len(got))
	}
}

// tellingCorpus is made so that one kind of token tells groups apart and the
// others mislead: events of a group share the frames of one place, and
// everything else at random with events of any group.
func tellingCorpus(telling int) *Corpus {
	rng := rand.New(rand.NewPCG(11, uint64(telling)))
	c := new(Corpus)
	for organisation := range 4 {
		p := Project{Organisation: organisation}
		for k := range 160 {
			group := rng.IntN(20)
			if k < 20 {
				group = k
			}
			e := &features.Event{Platform: "python", Time: time.UnixMilli(int64(k) * 3_600_000)}
			x := features.Exception{Type: fmt.Sprint("Error", rng.IntN(20)), Value: fmt.Sprintf("word%c%c", 'a'+rng.IntN(20), 'a'+rng.IntN(20))}
			for place := 15; place >= 0; place-- { // oldest caller first
				kind := rng.IntN(20)
				if place == telling {
					kind = group
				}
				x.Frames = append(x.Frames, features.Frame{
					Function: fmt.Sprintf("f%c%c%d", 'a'+kind, 'a'+place, organisation), Module: fmt.Sprintf("m%c%c", 'a'+kind, 'a'+place), InApp: features.Yes,
				})
			}
			e.Exceptions = []features.Exception{x}
			p.Records = append(p.Records, features.Extract(e))
			p.Groups = append(p.Groups, int32(group))
			p.Confidence = append(p.Confidence, 1)
		}
		c.Projects = append(c.Projects, p)
	}
	return c
}

// kindWeight returns the mean weight of an in-app frame's tokens at a place.
func kindWeight(e *model.Encoder, place uint8) float64 {
	sum, n := 0.0, 0
	for d, w := range e.Weights {
		if t := features.Descriptor(d).Traits(); t.Field == features.FieldWhole && t.Place == place && t.InApp && !t.Minified && t.Rarity >= 3 {
			sum, n = sum+float64(w), n+1
		}
	}
	return sum / float64(n)
}

func TestFitEncoderFindsWhatTells(t *testing.T) {
	for telling, place := range map[int]uint8{0: 0, 15: 4} {
		for _, p := range []EncoderParams{{}, {Loss: Listwise, Form: Additive}, {Loss: Contrastive}, {Form: Table}} {
			e, report, err := FitEncoder(context.Background(), tellingCorpus(telling), p)
			if err != nil {
				t.Fatal(err)
			}
			if report.After > 0.9*report.Before {
				t.Errorf("%+v, place %d: loss %.4f, was %.4f", p, place, report.After, report.Before)
			}
			for other := range uint8(features.NumPlaces) {
				if a, b := kindWeight(e, place), kindWeight(e, other); other != place && a < 2*b {
					t.Errorf("%+v: place %d tells, weighs %.3f; place %d weighs %.3f", p, place, a, other, b)
				}
			}
		}
	}
}

// drawnFrom replaces the labels of lists by draws from the model that the loss
// assumes, at known parameters: the fit must find them again.
func drawnFrom(l *encodeLoss, x []float64) {
	rng := rand.New(rand.NewPCG(21, 4))
	w := make([]float64, features.NumDescriptors)
	l.form.logWeights(w, x)
	for d := range w {
		w[d] = math.Exp(w[d])
	}
	for _, s := range l.shards {
		norm := make([]float64, len(s.records))
		for i, r := range s.records {
			for _, c := range s.counts[r.from:r.to] {
				norm[i] += float64(c.n) * w[c.d] * w[c.d]
			}
		}
		for i := range s.lists {
			list := &s.lists[i]
			pairs := s.pairs[list.from:list.to]
			list.weight, list.positive = 1, false
			total := math.Exp(x[l.form.number] / l.params.Temperature)
			sums := make([]float64, len(pairs))
			for k := range pairs {
				p := &pairs[k]
				n := 0.0
				for _, c := range s.shared[p.from:p.to] {
					n += float64(c.n) * w[c.a] * w[c.b]
				}
				total += math.Exp(n / math.Sqrt(norm[p.a]*norm[p.b]) / l.params.Temperature)
				sums[k] = total
				p.same, p.weight = false, 1
			}
			u := rng.Float64() * total
			for k := range pairs {
				from := math.Exp(x[l.form.number] / l.params.Temperature)
				if k > 0 {
					from = sums[k-1]
				}
				if u >= from && u < sums[k] {
					pairs[k].same, list.positive = true, true
				}
			}
		}
	}
}

// looseCorpus has events whose functions, modules, types and words repeat
// independently of each other, so that the weight of each can be found out.
func looseCorpus() *Corpus {
	rng := rand.New(rand.NewPCG(31, 7))
	c := new(Corpus)
	for organisation := range 10 {
		p := Project{Organisation: organisation}
		for k := range 250 {
			letter := func(n int) string { return string(rune('a' + rng.IntN(n))) }
			x := features.Exception{Type: "Error" + letter(25), Value: fmt.Sprintf("a%s b%s c%s", letter(20), letter(20), letter(20))}
			for range 1 + rng.IntN(6) {
				x.Frames = append(x.Frames, features.Frame{Function: letter(20) + "run_go" + letter(20), Module: letter(5) + "mod.net" + letter(15), InApp: features.Yes})
			}
			e := &features.Event{Platform: "python", Time: time.UnixMilli(int64(k) * 3_600_000), Exceptions: []features.Exception{x}}
			p.Records = append(p.Records, features.Extract(e))
			p.Groups = append(p.Groups, int32(k%40))
			p.Confidence = append(p.Confidence, 1)
		}
		c.Projects = append(c.Projects, p)
	}
	return c
}

func TestEncoderRecoversWeights(t *testing.T) {
	c := looseCorpus()
	params := EncoderParams{Loss: Listwise, Pull: 1e-5, PerGroup: 100, Temperature: 0.03, Iterations: 300}.withDefaults()
	shards := make([]*encodeShard, len(c.Projects))
	for i := range c.Projects {
		shards[i] = drawLists(i, prepare(&c.Projects[i]), PriorEncoder(), params)
	}
	l := newEncodeLoss(newEncoderForm(Additive), shards, params)
	want := l.form.start()
	truthOf := map[features.Field]float64{features.FieldFunction: -0.5, features.FieldModule: 0.5, features.FieldType: 1, features.FieldWord: -0.5}
	for d := range l.form.of {
		field := features.Descriptor(d).Traits().Field
		want[l.form.of[d][0]] = truthOf[field] // the first parameter is the field's
	}
	drawnFrom(l, want)
	got, _, err := l.minimize(context.Background(), l.form.start(), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	// Weights as a whole have no scale: compare with one field.
	of := func(x []float64, f features.Field) float64 {
		w := make([]float64, features.NumDescriptors)
		l.form.logWeights(w, x)
		n := map[uint16]float64{} // how often descriptors of the field occur
		sum, all := 0.0, 0.0
		for _, s := range l.shards {
			for _, c := range s.counts {
				if features.Descriptor(c.d).Traits().Field == f {
					n[c.d] += float64(c.n)
				}
			}
		}
		for d := range w {
			sum, all = sum+w[d]*n[uint16(d)], all+n[uint16(d)]
		}
		return sum / all
	}
	for f := range truthOf {
		a := of(want, f) - of(want, features.FieldType)
		b := of(got, f) - of(got, features.FieldType)
		t.Logf("field %d: log-weight %.2f above a type's, fitted %.2f", f, a, b)
		if math.Abs(a-b) > 0.3 {
			t.Errorf("field %d: log-weight %.2f above a type's, fitted %.2f", f, a, b)
		}
	}
}

func TestFitEncoderIsDeterministic(t *testing.T) {
	var first *model.Encoder
	for _, workers := range []int{1, 2, 7} {
		e, _, err := FitEncoder(context.Background(), fleet.corpus(), EncoderParams{Workers: workers, Iterations: 15, Form: Table})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = e
		} else if !slices.Equal(e.Weights, first.Weights) {
			t.Fatalf("%d workers give other weights than 1", workers)
		}
	}
}

// A group's number must not matter, only who is in it.
func TestFitEncoderIgnoresGroupNumbers(t *testing.T) {
	a, b := fleet.corpus(), fleet.corpus()
	for i := range b.Projects {
		for k := range b.Projects[i].Groups {
			b.Projects[i].Groups[k] = 100 - b.Projects[i].Groups[k]
		}
	}
	p := EncoderParams{Iterations: 10}
	x, _, err := FitEncoder(context.Background(), a, p)
	if err != nil {
		t.Fatal(err)
	}
	y, _, err := FitEncoder(context.Background(), b, p)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.Weights, y.Weights) {
		t.Error("other group numbers give other weights")
	}
}

func TestFitEncoderNeedsBothKinds(t *testing.T) {
	for _, c := range []struct {
		groups int
		events int
		want   error
	}{{8, 1, ErrNoPositive}, {1, 8, ErrNoNegative}} {
		y := fleet
		y.groups, y.events = c.groups, c.events
		if _, _, err := FitEncoder(context.Background(), y.corpus(), EncoderParams{}); !errors.Is(err, c.want) {
			t.Errorf("%d groups of %d events: %v, want %v", c.groups, c.events, err, c.want)
		}
	}
	if _, _, err := FitEncoder(context.Background(), new(Corpus), EncoderParams{}); !errors.Is(err, ErrNoPositive) {
		t.Errorf("empty corpus: %v", err)
	}
}

// Labels without confidence must change nothing, and lists must keep to their
// bounds.
func TestDrawListsBounds(t *testing.T) {
	c := fleet.corpus()
	params := EncoderParams{PerGroup: 3, Alike: 5}.withDefaults()
	for i := range c.Projects {
		project := &c.Projects[i]
		for k := range project.Confidence {
			if k%5 == 0 {
				project.Confidence[k] = 0
			}
		}
		p := prepare(project)
		s := drawLists(i, p, PriorEncoder(), params)
		if most := 3 * len(p.byGroup()); len(s.lists) == 0 || len(s.lists) > most {
			t.Errorf("project %d: %d lists, at most %d", i, len(s.lists), most)
		}
		for _, l := range s.lists {
			same := 0
			for _, pair := range s.pairs[l.from:l.to] {
				same += truth(pair.same)
				if pair.weight == 0 {
					t.Fatal("a label without confidence")
				}
			}
			if n := int(l.to - l.from); same > 2*mostPositives || n-same > 2*params.Alike+mostPositives || l.positive != (same > 0) {
				t.Errorf("project %d: a list of %d, %d of them positive (%v)", i, n, same, l.positive)
			}
		}
	}
}
