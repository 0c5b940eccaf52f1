package eval

import (
	"context"
	"math"

	"whorl/eval/result"
)

// judge computes the figures of one protocol and scorer. It does so view by
// view, for any multiplicity of the bootstrap units.
type judge interface {
	views() []view
	// session returns a worker's own state: sessions of one judge run at once.
	session() session
}

// session computes figures for one multiplicity after another.
type session interface {
	// begin sets the multiplicity of every unit, as [units.ones] lays it out.
	begin(m []float64)
	// figures sets out to the view's figures, NaN where undefined.
	figures(view int, out []float64)
}

// view is a part of what a protocol judged, with its figures' names.
type view struct {
	slice   string
	project int // number of the project that the view is, -1: a slice
	unit    int // bootstrap unit of the project, where projects are drawn
	metrics []string
	n       []int // by metric
	small   bool  // too little for any figure
	least   int   // figures with a smaller n are withheld
	alias   int   // a view of the same pairs before this one, itself no alias; -1: none
	from    []int // by metric: its place in the alias
}

// none is the alias of a view that has none.
const none = -1

// addAlias makes v a copy of the view with the given number.
func (v *view) addAlias(number int, of *view) {
	v.alias = number
	v.from = make([]int, len(v.metrics))
	for k, name := range v.metrics {
		for j, other := range of.metrics {
			if other == name {
				v.from[k] = j
			}
		}
	}
}

// column is one figure: its slice, name and n.
type column struct {
	slice, metric string
	n             int
}

// sheet holds the figures of a protocol and scorer on the full data and on
// every resample, NaN where undefined.
type sheet struct {
	protocol, scorer string
	columns          []column
	value            []float64
	draws            [][]float64 // by resample
}

// layout says where views and the means over projects stand in a row.
type layout struct {
	views     []view
	start     []int // by view: first column, or place among the project values
	columns   []column
	meanStart int // first column of the means
	means     int // metrics of a project view
	projects  []int
}

func newLayout(views []view) *layout {
	l := &layout{views: views, start: make([]int, len(views))}
	for k, v := range views {
		if v.project >= 0 {
			l.projects = append(l.projects, k)
			l.means = len(v.metrics)
			continue
		}
		l.start[k] = len(l.columns)
		for j, name := range v.metrics {
			l.columns = append(l.columns, column{v.slice, name, v.n[j]})
		}
	}
	l.meanStart = len(l.columns)
	if len(l.projects) > 0 {
		for _, name := range views[l.projects[0]].metrics {
			l.columns = append(l.columns, column{result.SliceProjectsMean, name, 0})
		}
	}
	return l
}

// fill computes one row. fixed holds the figures of each project on the full
// data: where projects are drawn they do not change, only their weight does.
func (l *layout) fill(row []float64, s session, m []float64, fixed, scratch [][]float64) {
	s.begin(m)
	for k := range l.views {
		v := &l.views[k]
		out := scratch[k]
		switch {
		case v.project >= 0 && fixed != nil:
			copy(out, fixed[k])
		case v.small:
			for j := range out {
				out[j] = math.NaN()
			}
		case v.alias != none:
			for j, from := range v.from {
				out[j] = scratch[v.alias][from]
			}
		default:
			s.figures(k, out)
			for j, n := range v.n {
				if n < v.least {
					out[j] = math.NaN()
				}
			}
		}
		if v.project < 0 {
			copy(row[l.start[k]:], out)
		}
	}
	for j := range l.means {
		var sum, weight float64
		for _, k := range l.projects {
			w := 1.0
			if fixed != nil {
				w = m[l.views[k].unit]
			}
			if x := scratch[k][j]; !math.IsNaN(x) && w > 0 {
				sum += w * x
				weight += w
			}
		}
		row[l.meanStart+j] = sum / weight // 0/0 is NaN: undefined
	}
}

func (l *layout) scratch() [][]float64 {
	s := make([][]float64, len(l.views))
	for k := range s {
		s[k] = make([]float64, len(l.views[k].metrics))
	}
	return s
}

// evaluate runs a judge on the full data and on every resample.
func evaluate(ctx context.Context, j judge, u *units, dataset string, o *Options, sh *sheet, done func(int, int)) error {
	l := newLayout(j.views())
	full := l.scratch()
	sh.columns = l.columns
	sh.value = make([]float64, len(l.columns))
	l.fill(sh.value, j.session(), u.ones(), nil, full)
	for k := range l.means {
		for _, p := range l.projects {
			if !math.IsNaN(full[p][k]) {
				sh.columns[l.meanStart+k].n++
			}
		}
	}
	if o.Resamples == 0 || !u.resamplable() {
		return nil
	}
	var fixed [][]float64
	if u.byProject {
		fixed = full
	}
	type state struct {
		session session
		m       []float64
		scratch [][]float64
	}
	states := make([]*state, o.Workers)
	sh.draws = make([][]float64, o.Resamples)
	return parallel(ctx, o.Workers, o.Resamples, done, func(worker, r int) error {
		if states[worker] == nil {
			states[worker] = &state{j.session(), make([]float64, u.n+1), l.scratch()}
		}
		st := states[worker]
		u.draw(st.m, o.Seed, dataset, r)
		sh.draws[r] = make([]float64, len(l.columns))
		l.fill(sh.draws[r], st.session, st.m, fixed, st.scratch)
		return nil
	})
}

// orNaN turns a figure that is not ok into NaN.
func orNaN(v float64, ok bool) float64 {
	if !ok {
		return math.NaN()
	}
	return v
}
