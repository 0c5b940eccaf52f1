package reports

import (
	"math"
	"strconv"

	"whorl/eval/result"
)

// forest shows one headline figure of every scorer as a point with its
// interval, on a common axis.
type forest struct {
	ID            string
	Title, Desc   string
	Ticks         []tick
	Rows          []whisker
	Width, Height int
	Top, Bottom   string
	LabelX        string
	AxisY         string
}

type whisker struct {
	Name      string
	Y, TextY  string
	X         string
	Low, High string // "" where there is no interval
	Value     string
	Model     bool
	Mark      mark
	ValueX    string
	BandY     string
	RowHeight string
	Width     int
	Right     string
}

const (
	forestWidth               = 460
	forestLeft, forestRight   = 118, forestWidth - 74
	forestTop, forestRow      = 8, 24
	forestAxis, forestNameMax = 30, 15
)

// forestOf draws a column; false where fewer than two scorers have a figure.
func forestOf(s *source, d *result.Dataset, c column) (forest, bool) {
	type point struct {
		name  string
		model bool
		f     result.Figure
		m     mark
	}
	var points []point
	low, high := math.Inf(1), math.Inf(-1)
	for _, sc := range s.scorers {
		f, ok := s.defined(d, sc.Name, c)
		if !ok || len(points) == maxPlotted {
			continue
		}
		_, m, _ := s.compared(d, sc.Name, c)
		points = append(points, point{clean(sc.Name, forestNameMax), sc.Name == result.ScorerModel, f, m})
		low, high = min(low, *f.Value), max(high, *f.Value)
		if f.Low != nil {
			low, high = min(low, *f.Low), max(high, *f.High)
		}
	}
	if len(points) < 2 {
		return forest{}, false
	}
	// A figure out of [0, 1] is drawn at the edge; its number stands beside it.
	low, high, step := axis(min(1, max(0, low)), min(1, max(0, high)))
	at := func(v float64) string {
		return coordinate(forestLeft + float64((forestRight-forestLeft)*(min(high, max(low, v))-low)/(high-low)))
	}
	bottom := float64(forestTop + forestRow*len(points))
	out := forest{
		Title:  c.metric.label,
		Desc:   "Each scorer on " + name(d.Name) + " with its 95 % interval; " + c.over() + ", " + c.metric.direction() + ".",
		Width:  forestWidth,
		Height: int(bottom) + forestAxis,
		Top:    coordinate(forestTop), Bottom: coordinate(bottom),
		LabelX: coordinate(forestLeft - 10),
		AxisY:  coordinate(bottom + 18),
	}
	for i := 0; ; i++ {
		v := low + float64(i)*step
		if v > high+step/2 {
			break
		}
		label := strconv.FormatFloat(v, 'f', 2, 64)
		if c.metric.unit == share {
			label = strconv.FormatFloat(100*v, 'f', 0, 64) + " %"
		}
		out.Ticks = append(out.Ticks, tick{at(v), label})
	}
	for i, p := range points {
		y := float64(forestTop + forestRow*i)
		w := whisker{
			Name: p.name, Model: p.model, Mark: p.m,
			Y: coordinate(y + forestRow/2), TextY: coordinate(y + forestRow/2 + 4), BandY: coordinate(y),
			X: at(*p.f.Value), Value: c.metric.unit.value(*p.f.Value), ValueX: coordinate(forestRight + 10),
			RowHeight: coordinate(forestRow), Width: forestWidth, Right: coordinate(forestRight),
		}
		if p.f.Low != nil {
			w.Low, w.High = at(*p.f.Low), at(*p.f.High)
		}
		out.Rows = append(out.Rows, w)
	}
	return out, true
}

// axis widens [low, high] within [0, 1] to round ends and returns the step of
// its 3 to 6 ticks.
func axis(low, high float64) (from, to, step float64) {
	for _, step = range []float64{0.01, 0.02, 0.05, 0.1, 0.2} {
		from, to = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
		if to-from < 1.5*step {
			from, to = max(0, from-step), min(1, to+step)
		}
		if to-from <= 5.5*step {
			return from, to, step
		}
	}
	return 0, 1, 0.2
}
