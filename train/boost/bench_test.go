package boost

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// benchData returns a matrix as the scorer's look: ranges 0 to 1, a third of
// the columns two-valued, a third with missing values, a margin that is
// additive but for two interactions.
func benchData(rows, columns int) (values [][]float32, labels []float32) {
	rng := rand.New(rand.NewPCG(57, 1))
	for range rows {
		row := make([]float32, columns)
		margin := -1.0
		for c := range row {
			v := rng.Float32()
			switch c % 3 {
			case 0:
				v = float32(math.Round(float64(v)))
			case 1:
				if rng.Float32() < 0.2 {
					v = float32(math.NaN())
				}
			}
			row[c] = v
			if c < 20 && v == v {
				margin += 0.6 * float64(v-0.5) * float64(1+c%4)
			}
		}
		if row[2] > 0.5 == (row[5] > 0.3) {
			margin++
		}
		if row[8] > 0.7 && row[11] < 0.4 {
			margin -= 2
		}
		label := float32(0)
		if rng.Float64() < 1/(1+math.Exp(-margin)) {
			label = 1
		}
		values, labels = append(values, row), append(labels, label)
	}
	return values, labels
}

func benchMatrix(b *testing.B, values [][]float32) *Matrix {
	columns := make([]Column, len(values[0]))
	for i := range columns {
		columns[i] = Column{Low: 0, High: 1, Bins: 64}
	}
	m, err := NewMatrix(columns, len(values))
	if err != nil {
		b.Fatal(err)
	}
	m.Resize(len(values))
	for i, row := range values {
		m.Set(i, row)
	}
	return m
}

// BenchmarkFit fits 50 trees of 31 leaves on 100,000 rows of 57 features.
func BenchmarkFit(b *testing.B) {
	values, labels := benchData(100_000, 57)
	m := benchMatrix(b, values)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Fit(context.Background(), m, nil, labels, nil, Params{Trees: 50, Seed: 1, Workers: workers}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
