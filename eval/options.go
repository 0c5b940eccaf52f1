package eval

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whorl/eval/result"
)

// StaticBaseline is the name of the baseline against which avoided clusters
// are counted.
const StaticBaseline = "static"

// Sizes below which a slice prints n and no figure. They do not hold for the
// slices all, projects_mean and distinct.
const (
	MinPairs   = 30 // positive, and likewise negative, pairs
	MinQueries = 20 // queries, or replayed events
)

// Defaults of [Options].
const (
	DefaultResamples  = 500
	DefaultPairCap    = 200_000
	DefaultWindowDays = 730
)

// minProjects is the least number of projects to resample projects; below it
// groups are resampled within their project.
const minProjects = 5

// calibrationBins is the number of bins of the calibration error, as in Guo et
// al. 2017.
const calibrationBins = 15

// sliceTarget is the precision whose recall stands in every slice.
const sliceTarget = 0.97

// Options sets an evaluation. The zero value is useful.
type Options struct {
	// Protocols to run, of pairs, retrieval and replay; nil: all three.
	Protocols []string
	// Seed of the pair sample and of the bootstrap.
	Seed uint64
	// Resamples of the bootstrap; 0: 500, negative: none, then no figure has
	// an interval and there are no differences.
	Resamples int
	// PairCap is the most pairs judged per project; 0: 200,000.
	PairCap int
	// WindowDays is how far back retrieval and replay look; an event exactly
	// so old is still in. 0: 730.
	WindowDays int
	// Workers is the number of goroutines; 0: one. It never changes a figure.
	Workers int
	// Stratify gives the verdicts by which capped pairs are stratified: the
	// static baseline. Nil: by label only.
	Stratify Scorer
	// PrecisionTargets of recall_at_precision; nil: .99, .97, .95, .90.
	PrecisionTargets []float64
	// Progress is told of finished work, one call at a time; nil: nobody is.
	Progress func(stage string, done, total int)
	// Scored receives the judged pairs with every scorer's word; nil: nobody
	// does. Its error ends the run.
	Scored func(*ScoredPairs) error
}

// Outcome is what one dataset contributes to a [result.Result].
type Outcome struct {
	Dataset     result.Dataset
	Figures     []result.Figure
	Differences []result.Difference
	Curves      []result.Curve
	Warnings    []result.Warning
}

// ErrOptions marks a refusal because of the caller's settings.
var ErrOptions = errors.New("eval: bad options")

// ErrNothingToJudge marks a dataset without labelled events and pairs.
var ErrNothingToJudge = errors.New("eval: nothing to judge")

// withDefaults fills in the defaults and checks the rest.
func (o Options) withDefaults(scorers []Scorer) (Options, error) {
	protocols := []string{result.ProtocolPairs, result.ProtocolRetrieval, result.ProtocolReplay}
	if o.Protocols == nil {
		o.Protocols = protocols
	}
	for _, p := range o.Protocols {
		if !slices.Contains(protocols, p) {
			return o, fmt.Errorf("%w: unknown protocol %.40q: use %s", ErrOptions, p, strings.Join(protocols, ", "))
		}
	}
	o.Resamples = byDefault(o.Resamples, DefaultResamples)
	o.PairCap = byDefault(o.PairCap, DefaultPairCap)
	o.WindowDays = byDefault(o.WindowDays, DefaultWindowDays)
	o.Workers = max(1, o.Workers)
	o.Resamples = max(0, o.Resamples)
	if o.PairCap < 4 || o.PairCap > 1<<28 {
		return o, fmt.Errorf("%w: a cap of %d pairs: use 4 to %d", ErrOptions, o.PairCap, 1<<28)
	}
	if o.WindowDays < 1 || o.WindowDays > 36500 {
		return o, fmt.Errorf("%w: a window of %d days: use 1 to 36500", ErrOptions, o.WindowDays)
	}
	if o.PrecisionTargets == nil {
		o.PrecisionTargets = []float64{.99, .97, .95, .90}
	}
	for i, t := range o.PrecisionTargets {
		if !(t > 0 && t <= 1) || slices.Contains(o.PrecisionTargets[:i], t) {
			return o, fmt.Errorf("%w: precision target %v: use distinct numbers in (0,1]", ErrOptions, t)
		}
	}
	if len(scorers) == 0 {
		return o, fmt.Errorf("%w: no scorer: name the model or a baseline", ErrOptions)
	}
	names := make(map[string]bool)
	for _, s := range scorers {
		name := s.Describe().Name
		if name == "" || names[name] {
			return o, fmt.Errorf("%w: scorer name %.40q is empty or there twice", ErrOptions, name)
		}
		names[name] = true
	}
	return o, nil
}

func (o *Options) runs(protocol string) bool { return slices.Contains(o.Protocols, protocol) }

func byDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// recallAt names the recall at a precision, with at least two decimals:
// recall_at_precision_0.90.
func recallAt(target float64) string {
	text := strconv.FormatFloat(target, 'f', -1, 64)
	if short := strconv.FormatFloat(target, 'f', 2, 64); len(short) > len(text) {
		text = short
	}
	return "recall_at_precision_" + text
}

func reserved(slice string) bool {
	return slice == result.SliceAll || slice == result.SliceProjectsMean || slice == result.SliceDistinct
}
