package reports

import (
	"slices"
	"strconv"
	"strings"

	"whorl/eval/result"
)

// Drawing area of a plot, in units of its view box.
const (
	plotWidth, plotHeight            = 460, 360
	plotLeft, plotTop                = 54, 14
	plotRight, plotBottom            = plotWidth - 16, plotHeight - 48
	paletteSize, dashes, maxPlotted  = 7, 5, 12
	tickLength, labelGap, markerSize = 5, 18, 4.5
)

// plot is a chart over the unit square. All coordinates are strings that this
// package formatted from numbers.
type plot struct {
	ID             string
	Title, Desc    string
	XLabel, YLabel string
	XTicks, YTicks []tick
	Diagonal       bool
	Lines          []line
	Left, Right    string
	Top, Bottom    string
	CentreX        string
	CentreY        string
	TickX, TickY   string // where the labels of the ticks stand
	LabelY         string // where the label of the x axis stands
	Width, Height  int
}

type tick struct{ At, Label string }

// line is a curve, or one point for a scorer that says only yes or no.
type line struct {
	Name     string
	Colour   int    // index in the palette
	Dash     int    // index of the dash pattern
	Path     string // path data; "" for a scorer without a curve
	Dots     []dot
	Strong   bool
	Operates bool // the dots mark the scorer's own threshold
}

type dot struct{ X, Y, R string }

// coordinate formats a position in the view box.
func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// across and up map [0, 1] to the view box; what is outside is drawn at the
// edge. The conversions keep the product from being fused with the sum, which
// some processors round otherwise.
func across(v float64) string {
	return coordinate(plotLeft + float64((plotRight-plotLeft)*min(1, max(0, v))))
}

func up(v float64) string {
	return coordinate(plotBottom - float64((plotBottom-plotTop)*min(1, max(0, v))))
}

// Back returns the lines from the last to the first, the order of drawing:
// the model, which comes first, is drawn over the others.
func (p plot) Back() []line {
	lines := slices.Clone(p.Lines)
	slices.Reverse(lines)
	return lines
}

// Operates tells whether any scorer's own threshold is marked.
func (p plot) Operates() bool {
	return slices.ContainsFunc(p.Lines, func(l line) bool { return l.Operates })
}

func newPlot(title, desc, x, y string) plot {
	p := plot{
		Title: title, Desc: desc, XLabel: x, YLabel: y,
		Left: across(0), Right: across(1), Top: up(1), Bottom: up(0),
		CentreX: across(0.5), CentreY: up(0.5),
		TickX: coordinate(plotLeft - tickLength - 3), TickY: coordinate(plotBottom + labelGap), LabelY: coordinate(plotHeight - 8),
		Width: plotWidth, Height: plotHeight,
	}
	for i := 0; i <= 5; i++ {
		v := float64(i) / 5
		label := strconv.FormatFloat(v, 'f', 1, 64)
		p.XTicks = append(p.XTicks, tick{across(v), label})
		p.YTicks = append(p.YTicks, tick{up(v), label})
	}
	return p
}

// path joins points of the unit square.
func path(points [][2]float64) string {
	var b strings.Builder
	for i, p := range points {
		if i == 0 {
			b.WriteString("M")
		} else {
			b.WriteString(" L")
		}
		b.WriteString(across(p[0]) + " " + up(p[1]))
	}
	return b.String()
}

// curve returns two fields of a scorer's curve, found by name; the slice that
// pools everything is taken before the mean over projects.
func (s *source) curve(d *result.Dataset, scorer, kind, x, y string) [][2]float64 {
	for _, slice := range []string{result.SliceAll, result.SliceProjectsMean} {
		for i := range s.Curves {
			c := &s.Curves[i]
			if c.Dataset != d.Name || c.Scorer != scorer || c.Kind != kind || c.Slice != slice || c.Protocol != result.ProtocolPairs {
				continue
			}
			xi, yi := slices.Index(c.Fields, x), slices.Index(c.Fields, y)
			if xi < 0 || yi < 0 {
				continue
			}
			points := make([][2]float64, len(c.Points))
			for j, p := range c.Points {
				points[j] = [2]float64{p[xi], p[yi]}
			}
			if len(points) > 0 {
				return points
			}
		}
	}
	return nil
}

// Names of the fields that the plots read.
const (
	fieldRecall    = "recall_group"
	fieldPrecision = "precision_group"
	fieldThreshold = "threshold"
	fieldScore     = "mean_score"
	fieldShare     = "share_group"
)

func plotsOf(s *source, d *result.Dataset) []plot {
	var out []plot
	for _, p := range []plot{precisionRecall(s, d), reliability(s, d), sweep(s, d)} {
		if len(p.Lines) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// precisionRecall draws every scorer's curve and marks each scorer's own
// threshold; a rule has that mark alone.
func precisionRecall(s *source, d *result.Dataset) plot {
	p := newPlot("Precision and recall", "Precision against recall of the pairs of "+name(d.Name)+", all pairs pooled, one line a scorer. Up and to the right is better.", "recall", "precision")
	for i, sc := range s.scorers {
		if len(p.Lines) == maxPlotted {
			break
		}
		l := newLine(sc, i)
		l.Path = path(s.curve(d, sc.Name, "precision_recall", fieldRecall, fieldPrecision))
		if sc.Kind == "rule" {
			l.Path = ""
		}
		recall, okR := s.index.Figure(d.Name, result.ProtocolPairs, sc.Name, result.SliceAll, "recall_group")
		precision, okP := s.index.Figure(d.Name, result.ProtocolPairs, sc.Name, result.SliceAll, "precision_group")
		if okR && okP && recall.Value != nil && precision.Value != nil {
			l.Dots = []dot{{across(*recall.Value), up(*precision.Value), coordinate(markerSize)}}
			l.Operates = true
		}
		if l.Path != "" || len(l.Dots) > 0 {
			p.Lines = append(p.Lines, l)
		}
	}
	return p
}

func newLine(sc result.Scorer, i int) line {
	return line{Name: name(sc.Name), Colour: i % paletteSize, Dash: i % dashes, Strong: sc.Name == result.ScorerModel}
}

// reliability draws the share of pairs that are one problem against the score.
func reliability(s *source, d *result.Dataset) plot {
	p := newPlot("Reliability", "Share of pairs of "+name(d.Name)+" that are one problem, against the score they were given. An honest probability lies on the diagonal; below it the scorer is too sure.", "score", "share that is one problem")
	p.Diagonal = true
	for i, sc := range s.scorers {
		if len(p.Lines) == maxPlotted {
			break
		}
		points := s.curve(d, sc.Name, "reliability", fieldScore, fieldShare)
		if points == nil {
			continue
		}
		l := newLine(sc, i)
		l.Path = path(points)
		for _, q := range points {
			l.Dots = append(l.Dots, dot{across(q[0]), up(q[1]), coordinate(markerSize * 0.8)})
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}

// sweep draws the model's precision and recall against the threshold.
func sweep(s *source, d *result.Dataset) plot {
	p := newPlot("Threshold", "Precision and recall of the model on the pairs of "+name(d.Name)+" as the threshold rises: what a stricter threshold buys and costs.", "threshold", "precision, recall")
	for i, field := range []struct{ label, name string }{{"precision", fieldPrecision}, {"recall", fieldRecall}} {
		if points := s.curve(d, result.ScorerModel, "threshold_sweep", fieldThreshold, field.name); points != nil {
			p.Lines = append(p.Lines, line{Name: field.label, Colour: i, Dash: i, Path: path(points), Strong: true})
		}
	}
	return p
}

// operatingPoints is the plot of precision and recall as a table: the recall
// of every scorer at the precisions that an operator might ask for.
func operatingPoints(s *source, d *result.Dataset) table {
	t := table{
		Title:   "Operating points",
		Caption: "Recall of pairs on " + name(d.Name) + " " + name(d.Version) + " when the threshold is set for a precision, mean over projects",
		Corner:  "Scorer",
	}
	rows := make([]row, len(s.scorers))
	for i, sc := range s.scorers {
		rows[i] = row{Head: name(sc.Name), Model: sc.Name == result.ScorerModel}
	}
	for _, level := range []struct{ label, metric string }{
		{"at 99 %", "recall_at_precision_0.99"}, {"at 97 %", "recall_at_precision_0.97"},
		{"at 95 %", "recall_at_precision_0.95"}, {"at 90 %", "recall_at_precision_0.90"},
	} {
		cells, any := make([]cell, len(s.scorers)), false
		for i, sc := range s.scorers {
			f, ok := s.index.Figure(d.Name, result.ProtocolPairs, sc.Name, result.SliceProjectsMean, level.metric)
			cells[i], any = figureCell(f, ok, share), any || ok
		}
		if !any {
			continue
		}
		t.Columns = append(t.Columns, heading{Label: level.label})
		for i := range rows {
			rows[i].Cells = append(rows[i].Cells, cells[i])
		}
	}
	// One column is already in the headline table.
	if len(t.Columns) > 1 {
		t.Groups = []group{{Rows: rows}}
	}
	return t
}
