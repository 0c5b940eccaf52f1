package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"whorl/train"
)

// tuning is a run of the tune verb. It goes through attempts, each a stage that
// leaves a validation: every setting once, then those that are ahead again.
// All else follows from the validations.
type tuning struct {
	*job
	drawn []*config // the settings, the start first

	validations map[attempt]*train.Validation
	journal     bytes.Buffer
	tried       []evaluation // first attempts, by setting
	chosen      verdict
}

// attempt is one try of a setting.
type attempt struct {
	setting int // place among the drawn ones; 0: the start
	redraw  int // 0: the first
}

// redraws is how often a setting that is ahead is tried again, and the start
// with it: under other seeds of the fit, on the same pairs.
const redraws = 3

// mostConfirmed bounds how many settings are tried again.
const mostConfirmed = 3

// leastGain is what a setting has to gain at least: a thousandth of the
// uncertainty. Less may be beyond noise, where nearly nothing is left to gain,
// and is no reason to leave the start.
const leastGain = 0.001

// isAhead reports whether a setting that was tried beside so many rivals of the
// start is better than it beyond noise, and how many standard errors that takes.
func isAhead(g train.Gain, rivals int) (ahead bool, bar float64) {
	beyond, bar := g.BeyondNoise(rivals)
	return beyond && g.Mean >= leastGain, bar
}

// evaluation is an attempt and how it did: a line of evaluations.jsonl. It
// holds figures of platforms, none of an organisation.
type evaluation struct {
	Number     int                `json:"evaluation"`         // of the setting; 1: the start
	Redraw     int                `json:"redraw"`             // 0: the first attempt
	Settings   map[string]float64 `json:"settings"`           // the keys that are searched
	Rounds     int                `json:"rounds"`             // of boosting, of at most trees.most
	Loss       float64            `json:"loss"`               // mean over platforms that count
	Platforms  []platformFigure   `json:"platforms"`          //
	Gain       float64            `json:"gain"`               // of loss over the start's of the same redraw
	Error      float64            `json:"standard_error"`     // of the gain, over organisations
	Freedom    float64            `json:"degrees_of_freedom"` // behind the error
	Comparable bool               `json:"comparable"`         // false: it left other pairs unjudged than the start, and cannot win
}

// platformFigure is how a setting did on one platform.
type platformFigure struct {
	Platform string  `json:"platform"`
	LogLoss  float64 `json:"log_loss"` // calibrated, in nats a pair
	Left     float64 `json:"left"`     // share of the uncertainty that is left
	Counted  bool    `json:"counted"`  // in the mean
}

// key names everything that the attempts depend on. How many settings there are
// to be is not part of it: a larger search goes on from a smaller one.
func (t *tuning) key() string {
	h := sha256.New()
	fmt.Fprintln(h, "tune")
	t.writeInputs(h)
	return hex.EncodeToString(h.Sum(nil))
}

// search tries every setting once.
func (t *tuning) search(ctx context.Context) error {
	for n := range t.drawn {
		e, err := t.attempt(ctx, attempt{n, 0})
		if err != nil {
			return err
		}
		t.tried = append(t.tried, *e)
	}
	return nil
}

// attempt makes an attempt, or finds it done, and adds it to the journal.
func (t *tuning) attempt(ctx context.Context, a attempt) (*evaluation, error) {
	stage, file := fmt.Sprintf("setting %d", a.setting+1), fmt.Sprintf("validation-%d-%d.json", a.setting+1, a.redraw)
	label := fmt.Sprintf("setting %d of %d", a.setting+1, len(t.drawn))
	if a.redraw > 0 {
		stage += fmt.Sprintf(" redrawn %d", a.redraw)
		label = fmt.Sprintf("setting %d again, %d of %d", a.setting+1, a.redraw, redraws)
	}
	if !t.work.has(stage) {
		v, err := t.validate(ctx, a, label)
		if err != nil {
			return nil, err
		}
		if err := t.work.writeJSON(file, v); err != nil {
			return nil, err
		}
		if err := t.work.mark(stage, file); err != nil {
			return nil, err
		}
	}
	v := new(train.Validation)
	if err := t.work.readJSON(file, v); err != nil {
		return nil, err
	}
	t.validations[a] = v
	e := t.evaluation(a)
	if err := json.NewEncoder(&t.journal).Encode(e); err != nil {
		return nil, err
	}
	if err := t.work.write(tuningFile, t.journal.Bytes()); err != nil {
		return nil, err
	}
	t.say("%s: %s", label, e.figures())
	return e, nil
}

// validate cross-validates a setting. The start has to give something to
// compare with; another that mines too little gives an empty validation, which
// is no reason to end the search.
func (t *tuning) validate(ctx context.Context, a attempt, label string) (*train.Validation, error) {
	params := t.drawn[a.setting].params(t.env.workers, func(stage string, done, total int) { t.stage(label+": "+stage, done, total) })
	params.Redraw = uint64(a.redraw)
	v, err := train.CrossValidate(ctx, &t.corpus.training, params)
	tooLittle := errors.Is(err, train.ErrNoPositive) || errors.Is(err, train.ErrNoNegative)
	switch {
	case tooLittle && a.setting > 0:
		return &train.Validation{}, nil
	case err != nil:
		return nil, t.unfit(err)
	}
	if a.setting == 0 {
		if _, err := v.GainOver(&v); err != nil {
			return nil, fmt.Errorf("%s: %w: add labelled organisations or raise tuning_pairs", dirs(t.exports), err)
		}
	}
	return &v, nil
}

// evaluation says how an attempt did against the start's of the same redraw.
func (t *tuning) evaluation(a attempt) *evaluation {
	v := t.validations[a]
	e := &evaluation{Number: a.setting + 1, Redraw: a.redraw, Settings: searched(t.drawn[a.setting]), Rounds: v.Rounds, Platforms: []platformFigure{}}
	gain, err := v.GainOver(t.validations[attempt{0, a.redraw}])
	if err != nil {
		return e
	}
	for i := range v.Platforms {
		if p := &v.Platforms[i]; p.Prior > 0 {
			e.Platforms = append(e.Platforms, platformFigure{p.Platform.String(), p.Loss, p.Left(), p.Counted})
		}
	}
	e.Loss, e.Gain, e.Error, e.Freedom, e.Comparable = v.Loss(), gain.Mean, gain.Error, gain.Freedom, true
	return e
}

// figures says how an attempt did.
func (e *evaluation) figures() string {
	switch {
	case !e.Comparable:
		return "it mines too little to be compared with the start"
	case e.Number == 1:
		return fmt.Sprintf("loss %.5f after %d rounds: the start", e.Loss, e.Rounds)
	}
	return fmt.Sprintf("loss %.5f after %d rounds, gain %+.5f +- %.5f over the start", e.Loss, e.Rounds, e.Gain, e.Error)
}

// verdict is which setting was chosen and why.
type verdict struct {
	rival int        // place of the chosen setting, or of the best but the start; 0: none can be compared
	bar   float64    // standard errors by which it has to be ahead of the start
	ahead bool       // it was at first, and so was tried again
	again train.Gain // if so: over the start, over all redraws
	wins  bool       // it was ahead then too, and is chosen
}

// confirm tries the settings that are ahead beyond noise again, the best first,
// until one is ahead again. Its first gain may be luck of the fit, by which it
// was picked out; the later ones are not.
func (t *tuning) confirm(ctx context.Context) error {
	rivals := len(t.tried) - 1
	best, ahead := rank(t.tried)
	t.chosen.rival = best
	if best > 0 {
		_, t.chosen.bar = isAhead(t.tried[best].gain(), rivals)
	}
	for i, n := range ahead[:min(len(ahead), mostConfirmed)] {
		var now, start []*train.Validation
		for k := 1; k <= redraws; k++ {
			for _, a := range []attempt{{0, k}, {n, k}} {
				if t.validations[a] != nil {
					continue
				}
				if _, err := t.attempt(ctx, a); err != nil {
					return err
				}
			}
			now, start = append(now, t.validations[attempt{n, k}]), append(start, t.validations[attempt{0, k}])
		}
		v := verdict{rival: n, ahead: true}
		var err error
		if v.again, err = train.GainOfRedraws(now, start); errors.Is(err, train.ErrOtherPairs) || errors.Is(err, train.ErrNothing) {
			continue // too little was mined for some fit of them: what cannot be compared does not win
		} else if err != nil {
			return err
		}
		if v.wins, v.bar = isAhead(v.again, rivals); v.wins || i == 0 {
			t.chosen = v
		}
		if v.wins {
			return nil
		}
	}
	return nil
}

func (e *evaluation) gain() train.Gain {
	return train.Gain{Mean: e.Gain, Error: e.Error, Freedom: e.Freedom}
}

// rank returns the place of the setting with the least loss but the start, 0 if
// none can be compared with it, and those that are ahead of the start beyond
// noise, least loss first; the first drawn among equals.
func rank(tried []evaluation) (best int, ahead []int) {
	for i := 1; i < len(tried); i++ {
		e := &tried[i]
		if !e.Comparable {
			continue
		}
		if best == 0 || e.Loss < tried[best].Loss {
			best = i
		}
		if yes, _ := isAhead(e.gain(), len(tried)-1); yes {
			ahead = append(ahead, i)
		}
	}
	slices.SortStableFunc(ahead, func(a, b int) int { return cmp.Compare(tried[a].Loss, tried[b].Loss) })
	return best, ahead
}
