package train

import (
	"context"

	"whorl/features"
	"whorl/train/boost"
)

// rowOf is a pair of one project to be compared.
type rowOf struct{ project, a, b int32 }

// batchesOf cuts rows, which stand project by project, into some tens of
// thousands each, no project in two of them.
func batchesOf(rows []rowOf) [][]rowOf {
	const most = 32 * 1024
	var out [][]rowOf
	for len(rows) > 0 {
		to := min(len(rows), most)
		for to < len(rows) && rows[to].project == rows[to-1].project {
			to++
		}
		out, rows = append(out, rows[:to]), rows[to:]
	}
	return out
}

// matrix compares pairs, which stand project by project, and bins the vectors:
// batches of projects one after the other, for their views take memory, and
// blocks of a batch in parallel. Rows that young picks are compared as in a
// young project, each project's in one go; nil: none.
func (f *fitting) matrix(ctx context.Context, columns []boost.Column, rows []rowOf, young func(r rowOf) bool) (*boost.Matrix, error) {
	m, err := boost.NewMatrix(columns, len(rows))
	if err != nil {
		return nil, err
	}
	m.Resize(len(rows))
	const block = 1024
	batches := batchesOf(rows)
	done := 0
	for n, batch := range batches {
		first, last := batch[0].project, batch[len(batch)-1].project
		views := make([][]features.View, last-first+1)
		if err := each(ctx, f.params.Workers, len(views), nil, func(k int) { views[k] = f.projects[int(first)+k].views() }); err != nil {
			return nil, err
		}
		set := func(row []float32, i int, v *features.Vector) {
			for c, place := range f.use {
				row[c] = v[place]
			}
			m.Set(done+i, row)
		}
		if err := each(ctx, f.params.Workers, (len(batch)+block-1)/block, nil, func(k int) {
			var v features.Vector
			row := make([]float32, len(f.use))
			for i := k * block; i < min(len(batch), (k+1)*block); i++ {
				if young != nil && young(batch[i]) {
					continue
				}
				p := views[batch[i].project-first]
				features.Compare(&p[batch[i].a], &p[batch[i].b], &v)
				set(row, i, &v)
			}
		}); err != nil {
			return nil, err
		}
		if young != nil {
			picked := make([][]int, len(views))
			for i, r := range batch {
				if young(r) {
					picked[r.project-first] = append(picked[r.project-first], i)
				}
			}
			if err := each(ctx, f.params.Workers, len(picked), nil, func(k int) {
				row := make([]float32, len(f.use))
				f.projects[int(first)+k].compareYoung(batch, picked[k], func(i int, v *features.Vector) { set(row, i, v) })
			}); err != nil {
				return nil, err
			}
		}
		done += len(batch)
		f.params.Progress("comparing", n+1, len(batches))
	}
	return m, nil
}
