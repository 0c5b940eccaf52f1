package boost

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var nan = float32(math.NaN())

// unit returns n columns over [0,1] with 64 bins.
func unit(n int) []Column {
	columns := make([]Column, n)
	for i := range columns {
		columns[i] = Column{High: 1, Bins: 64}
	}
	return columns
}

// known draws rows whose label is 1 with the probability of a known margin.
func known(seed uint64, rows int, columns []Column, draw func(*rand.Rand) float32, margin func(row []float32) float64) *problem {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := &problem{columns: columns}
	for range rows {
		row := make([]float32, len(columns))
		for c := range row {
			row[c] = draw(rng)
		}
		label := float32(0)
		if rng.Float64() < probability(margin(row)) {
			label = 1
		}
		p.values, p.labels = append(p.values, row), append(p.labels, label)
	}
	return p
}

func probability(margin float64) float64 { return 1 / (1 + math.Exp(-margin)) }

func uniform(rng *rand.Rand) float32 { return rng.Float32() }

func (p *problem) fit(t *testing.T, params Params) *Ensemble {
	t.Helper()
	e, err := Fit(context.Background(), p.matrix(t), nil, p.labels, p.weights, params)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// whole are the settings of a fit that draws nothing.
var whole = Params{RowSample: 1, ColumnSample: 1}

func TestRecoversStep(t *testing.T) {
	step := func(row []float32) float64 {
		if row[1] <= 0.375 { // an edge of the grid: 24/64
			return -2
		}
		return 2
	}
	p := known(1, 4000, unit(3), uniform, step)
	params := whole
	params.Trees, params.Leaves = 80, 2
	e := p.fit(t, params)
	if root := e.Trees[0].Nodes[0]; root.Feature != 1 || root.Threshold != 0.375 {
		t.Errorf("the first split is column %d at %g, want column 1 at 0.375", root.Feature, root.Threshold)
	}
	for _, x := range []float32{0, 0.2, 0.375, 0.376, 0.7, 1} {
		row := []float32{0.5, x, 0.5}
		if got, want := e.Predict(row), step(row); math.Abs(got-want) > 0.3 {
			t.Errorf("margin %g at %g, want about %g", got, x, want)
		}
	}
}

func TestRecoversAdditiveFunction(t *testing.T) {
	margin := func(row []float32) float64 {
		return 3*float64(row[0]) - 2*math.Sin(4*float64(row[1])) + 2*math.Abs(float64(row[2])-0.5) - 1.5
	}
	p := known(2, 30000, unit(4), uniform, margin)
	e := p.fit(t, Params{Trees: 150, Leaves: 8, Seed: 3})
	var sum float64
	test := known(99, 2000, unit(4), uniform, margin)
	for _, row := range test.values {
		d := e.Predict(row) - margin(row)
		sum += d * d
	}
	// Against a spread of the margin of about 1.5.
	if rmse := math.Sqrt(sum / 2000); rmse > 0.25 {
		t.Errorf("margins are off by %.3f (root mean square), want at most 0.25", rmse)
	}
}

// TestRecoversInteraction needs trees of depth 2: no column alone says anything.
func TestRecoversInteraction(t *testing.T) {
	xor := func(row []float32) float64 {
		if (row[0] > 0.5) != (row[1] > 0.5) {
			return 2.5
		}
		return -2.5
	}
	right := func(depth int) float64 {
		p := known(3, 5000, unit(2), uniform, xor)
		params := whole
		params.Depth, params.Trees = depth, 60
		e := p.fit(t, params)
		n := 0
		test := known(98, 1000, unit(2), uniform, xor)
		for _, row := range test.values {
			if e.Predict(row) > 0 == (xor(row) > 0) {
				n++
			}
		}
		return float64(n) / 1000
	}
	if share := right(3); share < 0.97 {
		t.Errorf("trees of depth 3 get %.3f right, want 0.97", share)
	}
	if share := right(1); share > 0.7 {
		t.Errorf("stumps get %.3f right: they cannot know an interaction", share)
	}
}

// TestInformativeMissing hides the label behind whether a value is there.
func TestInformativeMissing(t *testing.T) {
	draw := func(rng *rand.Rand) float32 {
		if rng.Float64() < 0.3 {
			return nan
		}
		return rng.Float32()
	}
	for _, monotone := range []int8{-1, 0, 1} {
		columns := unit(2)
		columns[0].Monotone = monotone
		margin := func(row []float32) float64 {
			if row[0] != row[0] {
				return 2
			}
			return -1
		}
		e := known(4, 6000, columns, draw, margin).fit(t, Params{Trees: 60, Leaves: 4, MinRows: 500, Seed: 1})
		for _, x := range []float32{nan, 0.01, 0.5, 0.99} {
			row := []float32{x, 0.5}
			if got, want := e.Predict(row), margin(row); math.Abs(got-want) > 0.4 {
				t.Errorf("monotone %d: margin %g at %g, want about %g", monotone, got, x, want)
			}
		}
	}
}

// TestUnseenMissing: where a leaf met no missing value, one goes with the majority.
func TestUnseenMissing(t *testing.T) {
	for _, cut := range []float32{0.25, 0.75} {
		p := known(5, 3000, unit(1), uniform, func(row []float32) float64 {
			if row[0] <= cut {
				return -3
			}
			return 3
		})
		params := whole
		params.Trees, params.Leaves = 1, 2
		root := p.fit(t, params).Trees[0].Nodes[0]
		if root.Threshold != cut || root.MissingLeft != (cut > 0.5) {
			t.Errorf("cut %g: split at %g, missing values left %v", cut, root.Threshold, root.MissingLeft)
		}
	}
}

// TestMonotone draws noisy data whose truth breaks the constraints; the fit
// must keep them everywhere and still learn the free column.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := unit(3)
		for c := range columns {
			columns[c].Bins = 16
		}
		columns[0].Monotone, columns[1].Monotone = 1, -1
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		p := &problem{columns: columns}
		for i := range 400 {
			row := []float32{rng.Float32(), rng.Float32(), rng.Float32()}
			if rng.Float64() < 0.1 {
				row[rng.IntN(3)] = nan
			}
			label := float32(0)
			if rng.Float64() < probability(3*math.Sin(9*float64(row[0]))+2*math.Sin(7*float64(row[1]))+float64(row[2])) || i == 0 {
				label = 1
			}
			if i == 1 {
				label = 0
			}
			p.values, p.labels = append(p.values, row), append(p.labels, label)
		}
		e, err := Fit(context.Background(), p.matrix(t), nil, p.labels, nil, Params{Trees: 15, MinRows: 1, MinWeight: 0.1, Seed: rng.Uint64()})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			row := []float32{rng.Float32(), rng.Float32(), rng.Float32()}
			if rng.Float64() < 0.2 {
				row[2] = nan
			}
			for c := range 2 {
				one := slices.Clone(row)
				before := math.Inf(-int(columns[c].Monotone))
				for b := -1; b <= 17; b++ {
					one[c] = float32(b) / 16
					now := e.Predict(one)
					if columns[c].Monotone > 0 && now < before || columns[c].Monotone < 0 && now > before {
						t.Fatalf("column %d, monotone %+d: margin %g at %g after %g", c, columns[c].Monotone, now, one[c], before)
					}
					before = now
				}
			}
		}
	})
}

// TestCalibrated: on a logistic model the predicted probabilities are those
// that hold, in tenths of fresh data.
func TestCalibrated(t *testing.T) {
	margin := func(row []float32) float64 { return 5*float64(row[0]) - 3*float64(row[1]) - 1 }
	e := known(6, 20000, unit(2), uniform, margin).fit(t, Params{Trees: 100, Leaves: 6, Seed: 1})
	var predicted, held, n [10]float64
	test := known(97, 20000, unit(2), uniform, margin)
	for i, row := range test.values {
		q := probability(e.Predict(row))
		k := min(9, int(10*q))
		predicted[k] += q
		held[k] += float64(test.labels[i])
		n[k]++
	}
	for k := range n {
		// Three standard errors of a share of n draws, and what the fit may miss.
		if n[k] > 0 && math.Abs(predicted[k]-held[k])/n[k] > 1.5/math.Sqrt(n[k])+0.02 {
			t.Errorf("of %g rows at %.3f a share of %.3f holds", n[k], predicted[k]/n[k], held[k]/n[k])
		}
	}
}

func TestBiasIsLogOdds(t *testing.T) {
	p := &problem{columns: unit(1), labels: []float32{1, 0, 0.5}, weights: []float32{3, 1, 2}}
	for range p.labels {
		p.values = append(p.values, []float32{0.5})
	}
	e := p.fit(t, Params{Trees: 1})
	// By hand: positive weight 3*1 + 2*0.5 = 4 of 6, odds 4 to 2.
	if want := math.Log(2); math.Abs(e.Bias-want) > 1e-15 {
		t.Errorf("bias %v, want ln 2 = %v", e.Bias, want)
	}
}

// TestLossDerivatives compares gradient and curvature with differences of the loss.
func TestLossDerivatives(t *testing.T) {
	loss := func(margin, label, weight float64) float64 {
		// -ln(1/(1+exp(-m))) is softplus(-m), -ln of its complement softplus(m).
		return weight * (max(margin, 0) + math.Log1p(math.Exp(-math.Abs(margin))) - label*margin)
	}
	for _, margin := range []float64{-6, -1.3, 0, 0.2, 3, 7} {
		for _, label := range []float64{0, 0.3, 1} {
			for _, weight := range []float64{1, 2.5} {
				got := logistic(margin, label, weight)
				const h = 1e-3
				up, at, down := loss(margin+h, label, weight), loss(margin, label, weight), loss(margin-h, label, weight)
				if want := (up - down) / (2 * h); math.Abs(got.grad-want) > 1e-6 {
					t.Errorf("margin %g, label %g: gradient %g, differences say %g", margin, label, got.grad, want)
				}
				if want := (up - 2*at + down) / (h * h); math.Abs(got.hess-want) > 1e-5 {
					t.Errorf("margin %g, label %g: curvature %g, differences say %g", margin, label, got.hess, want)
				}
			}
		}
	}
	if far := logistic(-800, 1, 1); far.grad != -1 || far.hess != 0 {
		t.Errorf("far off, the gradient is %g and the curvature %g, want -1 and 0", far.grad, far.hess)
	}
}

// mixed is a data set large enough for the work to be shared.
func mixed() *problem {
	p := known(7, 9000, unit(7), uniform, func(row []float32) float64 {
		return 4*float64(row[0]) - 3*float64(row[1])*float64(row[2]) - 1
	})
	rng := rand.New(rand.NewPCG(8, 8))
	for i, row := range p.values {
		if rng.IntN(5) == 0 {
			row[i%7] = nan
		}
		p.weights = append(p.weights, rng.Float32()+0.1)
	}
	p.columns[0].Monotone = 1
	p.columns[3].Bins = 254
	return p
}

func TestWorkersDoNotMatter(t *testing.T) {
	p := mixed()
	want := p.fit(t, Params{Trees: 12, Seed: 5})
	for _, workers := range []int{2, 5, 100} {
		if got := p.fit(t, Params{Trees: 12, Seed: 5, Workers: workers}); !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers fit another ensemble than one", workers)
		}
	}
}

func TestSeeds(t *testing.T) {
	p := mixed()
	one, two := p.fit(t, Params{Trees: 3, Seed: 1}), p.fit(t, Params{Trees: 3, Seed: 2})
	if reflect.DeepEqual(one, two) {
		t.Error("two seeds fit one ensemble, though rows and columns are drawn")
	}
	params := whole
	params.Trees = 3
	three := p.fit(t, params)
	params.Seed = 9
	if four := p.fit(t, params); !reflect.DeepEqual(three, four) {
		t.Error("a seed matters, though nothing is drawn")
	}
}

// TestZeroWeightIsAbsent puts rows of weight 0 and of any content between
// others; the fit must be that of the others to the bit, limits on rows and
// draws included.
func TestZeroWeightIsAbsent(t *testing.T) {
	p := mixed()
	padded := &problem{columns: p.columns}
	rng := rand.New(rand.NewPCG(3, 3))
	var numbers []int32 // of the rows of p among the padded
	for i, row := range p.values {
		for range rng.IntN(3) {
			padded.values = append(padded.values, []float32{rng.Float32(), nan, 1, 1, 1, 1, 1})
			padded.labels, padded.weights = append(padded.labels, float32(rng.IntN(2))), append(padded.weights, 0)
		}
		numbers = append(numbers, int32(len(padded.values)))
		padded.values = append(padded.values, row)
		padded.labels, padded.weights = append(padded.labels, p.labels[i]), append(padded.weights, p.weights[i])
	}
	params := Params{Trees: 6, Seed: 2, MinRows: 40}
	want := p.fit(t, params)
	if got := padded.fit(t, params); !reflect.DeepEqual(got, want) {
		t.Error("rows of weight 0 change the fit")
	}
	got, err := Fit(context.Background(), padded.matrix(t), numbers, padded.labels, padded.weights, params)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("naming the rows changes the fit (error %v)", err)
	}
}

// TestWeightsAreCounts: a row of weight 2 is two rows, where nothing is drawn
// and no limit counts rows.
func TestWeightsAreCounts(t *testing.T) {
	p := known(9, 1500, unit(3), uniform, func(row []float32) float64 { return 4*float64(row[0]) - 2 })
	twice := &problem{columns: p.columns}
	for i, row := range p.values {
		p.weights = append(p.weights, float32(1+i%2))
		for range 1 + i%2 {
			twice.values, twice.labels = append(twice.values, row), append(twice.labels, p.labels[i])
		}
	}
	params := whole
	params.Trees, params.MinRows = 10, 1
	near := cmp.Options{cmpopts.EquateApprox(0, 1e-6), cmpopts.IgnoreUnexported(Node{})}
	// Where no missing value was met, it goes with the more rows: a matter of counts.
	near = append(near, cmpopts.IgnoreFields(Node{}, "MissingLeft"))
	if diff := cmp.Diff(twice.fit(t, params), p.fit(t, params), near); diff != "" {
		t.Errorf("weights differ from repeated rows (-repeated +weighted):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	p := mixed()
	p.weights = nil
	params := Params{Trees: 8, Leaves: 9, Depth: 4, MinRows: 300, MaxLeafValue: 0.2, LearningRate: 0.5, RowSample: 1, ColumnSample: 0.3, Seed: 1}
	e := p.fit(t, params)
	for k := range e.Trees {
		nodes := e.Trees[k].Nodes
		rows := make([]int, len(nodes))
		depth := make([]int, len(nodes))
		used := map[int]bool{}
		for _, row := range p.values {
			at := 0
			for rows[at]++; nodes[at].Feature >= 0; rows[at]++ {
				one := Tree{Nodes: []Node{{Feature: nodes[at].Feature, Threshold: nodes[at].Threshold, MissingLeft: nodes[at].MissingLeft, Left: 1, Right: 2},
					{Feature: -1, Value: float64(nodes[at].Left)}, {Feature: -1, Value: float64(nodes[at].Right)}}}
				at = int(one.Predict(row))
			}
		}
		leaves := 0
		for i, n := range nodes {
			if n.Feature >= 0 {
				used[n.Feature] = true
				if n.Left <= i || n.Right <= i || n.Gain <= 0 {
					t.Errorf("tree %d, node %d: children %d and %d, gain %g", k, i, n.Left, n.Right, n.Gain)
				}
				depth[n.Left], depth[n.Right] = depth[i]+1, depth[i]+1
				continue
			}
			leaves++
			if math.Abs(n.Value) > 0.1000001 || n.Value != float64(float32(n.Value)) {
				t.Errorf("tree %d: a leaf steps by %g, bound 0.5*0.2, in single precision", k, n.Value)
			}
			if rows[i] < 300 || depth[i] > 4 {
				t.Errorf("tree %d: a leaf of %d rows at depth %d", k, rows[i], depth[i])
			}
		}
		if leaves > 9 || len(used) > 2 { // 0.3 of 7 columns
			t.Errorf("tree %d has %d leaves and uses %d columns, want at most 9 and 2", k, leaves, len(used))
		}
	}
}

func TestSampling(t *testing.T) {
	from := make([]int32, 10000)
	for i := range from {
		from[i] = int32(3 * i)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	drawn, rest := sampleRows(rng, nil, nil, from, 0.3)
	both := slices.Sorted(slices.Values(slices.Concat(drawn, rest)))
	if !slices.Equal(both, from) || !slices.IsSorted(drawn) || !slices.IsSorted(rest) {
		t.Error("drawn and left rows are not a division of the rows in order")
	}
	if n := len(drawn); n < 2800 || n > 3200 { // over four standard deviations of 46
		t.Errorf("%d of 10000 rows drawn at 0.3", n)
	}
	for range 20 {
		drawn, rest = sampleRows(rng, nil, nil, from[:4], 1e-9)
		if len(drawn) != 1 || len(rest) != 3 || slices.Contains(rest, drawn[0]) {
			t.Fatalf("drew %v, left %v: want one of four", drawn, rest)
		}
	}
	drawn, rest = sampleRows(rng, nil, nil, from, 1)
	if !slices.Equal(drawn, from) || len(rest) != 0 {
		t.Error("a share of 1 leaves rows out")
	}

	counts := make([]int, 10)
	for range 3000 {
		columns := sampleColumns(rng, 10, 0.42)
		if len(columns) != 4 || !slices.IsSorted(columns) {
			t.Fatalf("columns %v, want 4 in order", columns)
		}
		for _, c := range columns {
			counts[c]++
		}
	}
	for c, n := range counts {
		if n < 1080 || n > 1320 { // over four standard deviations of 27 around 1200
			t.Errorf("column %d drawn %d times of 3000, want about 1200", c, n)
		}
	}
	if got := sampleColumns(rng, 5, 1e-9); len(got) != 1 {
		t.Errorf("columns %v, want one", got)
	}
}

// TestBinnedEqualsRaw: fits see bins, production sees values; on every value,
// edges and far outside the range included, both must agree.
func TestBinnedEqualsRaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		m := p.matrix(t)
		e, err := Fit(context.Background(), m, nil, p.labels, p.weights, Params{Trees: 5, MinRows: 1, MinWeight: 1e-6, Seed: 1})
		if err != nil {
			return
		}
		rows := make([]int32, len(p.values))
		margins := make([]float64, len(rows))
		for r := range rows {
			rows[r], margins[r] = int32(r), e.Bias
		}
		for k := range e.Trees {
			e.Trees[k].AddRows(margins, m, rows)
		}
		for r, row := range p.values {
			if got := e.Predict(row); got != margins[r] {
				t.Fatalf("row %v: margin %v from values, %v from bins", row, got, margins[r])
			}
		}
	})
}

// TestBins compares the binary search with going through the bins one by one.
func TestBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		m := p.matrix(t)
		for r, row := range p.values {
			for c, column := range p.columns {
				want := 0
				switch v := row[c]; {
				case v != v:
					want = column.Bins
				default:
					for want < column.Bins-1 && v > column.edge(want) {
						want++
					}
				}
				if got := int(m.bins[c][r]); got != want {
					t.Fatalf("value %g of %+v falls into bin %d, want %d", row[c], column, got, want)
				}
			}
		}
	})
}

func TestResize(t *testing.T) {
	m, err := NewMatrix(unit(2), 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Append([]float32{1, nan})
	m.Resize(3)
	m.Set(2, []float32{0.1, 0.9})
	if m.Rows() != 3 || m.bins[0][0] != 63 || m.bins[1][0] != 64 || m.bins[0][2] != 6 {
		t.Errorf("%d rows, bins %v", m.Rows(), m.bins)
	}
	m.Resize(1)
	m.Resize(2)
	if m.Rows() != 2 || m.bins[0][0] != 63 || m.bins[0][1] != 0 {
		t.Errorf("a row that was given up comes back: %v", m.bins)
	}
}

func TestFitErrors(t *testing.T) {
	ctx := context.Background()
	labels := []float32{0, 1, 0, 1}
	for _, test := range []struct {
		name            string
		rows            []int32
		labels, weights []float32
		params          Params
		want            error
	}{
		{"no rows", []int32{}, labels, nil, Params{}, ErrNoRows},
		{"all of weight 0", nil, labels, []float32{0, 0, 0, 0}, Params{}, ErrNoRows},
		{"one class", []int32{0, 2}, labels, nil, Params{}, ErrOneClass},
		{"one class but for weight 0", nil, labels, []float32{1, 0, 1, 0}, Params{}, ErrOneClass},
		{"negative weight", nil, labels, []float32{1, -1, 1, 1}, Params{}, ErrBadWeight},
		{"NaN weight", nil, labels, []float32{1, nan, 1, 1}, Params{}, ErrBadWeight},
		{"infinite weight", nil, labels, []float32{1, 1, 1, float32(math.Inf(1))}, Params{}, ErrBadWeight},
		{"NaN label", nil, []float32{0, 1, nan, 1}, nil, Params{}, ErrBadLabel},
		{"label beyond 1", nil, []float32{0, 1, 2, 1}, nil, Params{}, ErrBadLabel},
		{"negative label", nil, []float32{0, 1, -1, 1}, nil, Params{}, ErrBadLabel},
		{"negative trees", nil, labels, nil, Params{Trees: -1}, ErrBadParams},
		{"NaN rate", nil, labels, nil, Params{LearningRate: math.NaN()}, ErrBadParams},
		{"column share beyond 1", nil, labels, nil, Params{ColumnSample: 1.5}, ErrBadParams},
		{"row share beyond 1", nil, labels, nil, Params{RowSample: 2}, ErrBadParams},
		{"negative penalty", nil, labels, nil, Params{L2: -1}, ErrBadParams},
		{"infinite bound", nil, labels, nil, Params{MaxLeafValue: math.Inf(1)}, ErrBadParams},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := NewMatrix(unit(1), 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range test.labels {
				m.Append([]float32{float32(i) / 4})
			}
			if e, err := Fit(ctx, m, test.rows, test.labels, test.weights, test.params); !errors.Is(err, test.want) || e != nil {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestNewMatrixErrors(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []Column{
		{0, 1, 0, 0}, {0, 1, -1, 0}, {0, 1, 255, 0}, {1, 1, 4, 0}, {1, 0, 4, 0},
		{nan, 1, 4, 0}, {0, nan, 4, 0}, {-inf, 1, 4, 0}, {0, inf, 4, 0}, {0, 2e18, 4, 0},
	} {
		if _, err := NewMatrix([]Column{{0, 1, 4, 0}, c}, 0); !errors.Is(err, ErrBadColumn) {
			t.Errorf("%+v: error %v, want ErrBadColumn", c, err)
		}
	}
}

func TestPanics(t *testing.T) {
	m, err := NewMatrix(unit(2), 0)
	if err != nil {
		t.Fatal(err)
	}
	m.Append([]float32{0, 1})
	m.Append([]float32{1, 0})
	labels := []float32{0, 1}
	for want, f := range map[string]func(){
		"boost: row length differs from the number of columns":               func() { m.Set(0, []float32{1}) },
		"boost: a value is beyond 1e18":                                      func() { m.Set(0, []float32{1, float32(math.Inf(-1))}) },
		"boost: labels, weights or sources differ in length from the matrix": func() { Fit(context.Background(), m, nil, labels[:1], nil, Params{}) },
		"boost: a row is given twice":                                        func() { Fit(context.Background(), m, []int32{0, 1, 0}, labels, nil, Params{}) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic %v, want %q", got, want)
				}
			}()
			f()
		}()
	}
}

// TestCancel stops a fit from its own progress report.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	last := 0
	p := mixed()
	_, err := Fit(ctx, p.matrix(t), nil, p.labels, nil, Params{Trees: 50, Progress: func(done, total int) {
		if total != 50 || done != last+1 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		if last = done; done == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || last != 3 {
		t.Errorf("error %v after %d trees, want context.Canceled after 3", err, last)
	}
}

// TestNoSplit: columns that say nothing leave trees of one leaf, as many as
// asked for, whose steps stay near the log-odds.
func TestNoSplit(t *testing.T) {
	p := &problem{columns: unit(2)}
	for i := range 100 {
		p.values, p.labels = append(p.values, []float32{0.5, nan}), append(p.labels, float32(i%4/3))
	}
	params := whole
	params.Trees = 7
	e := p.fit(t, params)
	if len(e.Trees) != 7 {
		t.Fatalf("%d trees, want 7", len(e.Trees))
	}
	for _, tree := range e.Trees {
		if len(tree.Nodes) != 1 {
			t.Fatalf("nodes %+v, want one leaf", tree.Nodes)
		}
	}
	if got, want := e.Predict([]float32{0.5, 0.5}), math.Log(25.0/75); math.Abs(got-want) > 1e-9 {
		t.Errorf("margin %v, want %v", got, want)
	}
}
