package eval

import (
	"fmt"
	"math"
	"testing"
	"time"

	"whorl/features"
	"whorl/model"
)

// tinyModel joins traces that align.
func tinyModel(t *testing.T) *model.Model {
	t.Helper()
	align, ok := features.FeatureIndex("align_function")
	if !ok {
		t.Fatal("no feature align_function")
	}
	file, err := model.Marshal(&model.Parts{
		Version: "tiny", PrecisionTarget: 0.97,
		Forest: model.Forest{
			Roots: []int32{0}, Feature: []int32{int32(align), -1, -1}, Threshold: []float32{0.3, 0, 0},
			Left: []int32{1, 0, 0}, Right: []int32{2, 0, 0}, DefaultLeft: make([]bool, 3), Value: []float32{0, -4, 4},
		},
		Fallback: model.Calibration{Kind: model.Sigmoid, A: 1}, FallbackThreshold: 0.8,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// crashes returns n events of four alternating kinds of trace.
func crashes(n int) []Item {
	var items []Item
	for i := range n {
		kind := fmt.Sprint("kind", string(rune('a'+i%4)))
		e := &features.Event{
			ID: fmt.Sprint(i), Platform: "python", Time: time.Unix(int64(i)*3600, 0),
			Exceptions: []features.Exception{{Type: "Error", Value: fmt.Sprint("item ", i), Frames: []features.Frame{
				{Function: "main", Filename: "main.py", Line: 1}, {Function: kind, Filename: kind + ".py", Line: int32(i + 1)},
			}}},
		}
		items = append(items, Item{Event: e, Record: features.Extract(e)})
	}
	return items
}

// TestModelReplayIsTheGroupersOwn checks that replay judges what production does.
func TestModelReplayIsTheGroupersOwn(t *testing.T) {
	m := tinyModel(t)
	items := crashes(40)
	p := ModelScorer(m).Start(items).(Assigner)
	g := model.NewGrouper(m)
	for i, item := range items {
		from := max(0, i-15)
		if got, want := p.Assign(i, from), g.GroupSince(item.Record, from).Cluster; got != want {
			t.Fatalf("item %d: cluster %d, the grouper says %d", i, got, want)
		}
	}
	if g.Clusters() < 4 {
		t.Errorf("%d clusters: the kinds were not told apart", g.Clusters())
	}
}

// TestModelPairsSeeTheWholeProject checks scores against a comparison made by hand.
func TestModelPairsSeeTheWholeProject(t *testing.T) {
	m := tinyModel(t)
	items := crashes(12)
	p := ModelScorer(m).Start(items)
	p.LearnAll()
	var f features.Frequencies
	for _, item := range items {
		f.Add(item.Record)
	}
	for i := range items {
		for j := range i {
			var a, b features.View
			var v features.Vector
			a.Weigh(items[i].Record, &f)
			b.Weigh(items[j].Record, &f)
			features.Compare(&a, &b, &v)
			want := m.Probability(&v, features.Python)
			if got := p.Score(i, j); got != want || got != p.Score(j, i) || math.IsNaN(got) {
				t.Fatalf("items %d and %d: score %v, want %v, other way round %v", i, j, got, want, p.Score(j, i))
			}
			if alike := i%4 == j%4; alike != (want >= p.Threshold(i)) {
				t.Errorf("items %d and %d: probability %v", i, j, want)
			}
		}
	}
	if hits := p.Rank(nil, 3, 0); len(hits) != 0 {
		t.Errorf("%d candidates before anything was added: LearnAll must make none", len(hits))
	}
}

func TestModelRanksEarlierItemsOfTheWindow(t *testing.T) {
	items := crashes(20)
	p := ModelScorer(tinyModel(t)).Start(items)
	for i := range items {
		from := max(0, i-6)
		hits := p.Rank(nil, i, from)
		alike := 0
		for _, h := range hits {
			if h.Item < from || h.Item >= i {
				t.Fatalf("item %d: candidate %d outside [%d,%d)", i, h.Item, from, i)
			}
			if h.Item%4 == i%4 && h.Score >= p.Threshold(i) {
				alike++
			}
		}
		if i >= 4 && alike == 0 {
			t.Errorf("item %d: its kind is not among the candidates", i)
		}
		p.Add(i)
	}
}

func TestModelDescribesItsThresholds(t *testing.T) {
	d := ModelScorer(tinyModel(t)).Describe()
	if d.Name != "model" || d.Kind != "model" || d.Thresholds[""] != 0.8 || d.Thresholds["python"] != 0.8 {
		t.Errorf("%+v", d)
	}
}
