package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"whorl/datasets"
	"whorl/features"
	"whorl/internal/atomicfile"
	"whorl/train"
)

// samplePairsCommand asks people about pairs.
type samplePairsCommand struct {
	Export   []string `required:"" sep:"none" placeholder:"DIR" help:"Export to sample; repeat for several."`
	Model    string   `required:"" placeholder:"FILE" help:"Model file whose doubts are asked about."`
	Out      string   `required:"" placeholder:"FILE" help:"CSV file to write; nobody else may read it."`
	Pairs    int      `default:"200" placeholder:"N" help:"Pairs to write at most; default 200."`
	Seed     uint64   `default:"1" placeholder:"N" help:"Seed of the order of pairs that are equally near; default 1."`
	Labels   []string `sep:"none" placeholder:"FILE" help:"Pairs that were judged before and are not asked about again; repeat for several."`
	ShowText bool     `name:"show-text" help:"Write titles, messages and the frames nearest the crash too, of events whose text may be shown to reviewers (purpose review_content); others are left out."`
	AsOf     string   `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
	Accept   []string `name:"accept-policy" placeholder:"LIST" help:"Policy versions under which a grant counts; default the manifest's."`
	ledgerFlags
	readFlags
	rulesFlag
	Replace bool `help:"Replace the file if it exists, and all answers in it."`
}

// Help explains the verb.
func (*samplePairsCommand) Help() string {
	return `Writes pairs that no label decides and whose probability is nearest the model's
threshold for pairs: an equal share for each platform, spread over its projects. Fill in
the column same with yes, no or unsure and give the file to "whorl train --labels". A cell
that a spreadsheet would take for a formula has an apostrophe in front; leave it there.`
}

// Run samples.
func (c *samplePairsCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	if c.Pairs < 1 || c.Pairs > 1_000_000 {
		return usageError{fmt.Errorf("--pairs %d: it must lie between 1 and 1000000", c.Pairs)}
	}
	if err := checkTarget("--out", c.Out, append([]string{c.Model, c.Ledger, c.StackRules}, c.Labels...)...); err != nil {
		return err
	}
	if _, err := os.Lstat(c.Out); err == nil && !c.Replace {
		return fmt.Errorf("--out %s exists: name another file, or add --replace and lose the answers in it", c.Out)
	}
	stack, err := c.read()
	if err != nil {
		return err
	}
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	if err := stack.checkModel(c.Model, m); err != nil {
		return err
	}
	judged, err := readAnswers(c.Labels)
	if err != nil {
		return err
	}
	exports, err := c.openAll(c.Export, asOf)
	if err != nil {
		return err
	}
	stage := env.stages()
	reading := corpusReading{
		exports: exports, guard: new(datasets.Guard), answers: judged, stack: stack.rules(), progress: stage, keep: func(string) bool { return true },
		options: c.options(env, datasets.Options{Purpose: datasets.TrainFingerprinting, AsOf: asOf, AcceptPolicies: c.Accept}),
	}
	review := reading.options
	review.Purpose = datasets.ReviewContent
	var shown map[string]bool
	if c.ShowText {
		if shown, err = reviewable(ctx, exports, review); err != nil {
			return err
		}
	}
	defer collectSooner(env)()
	read, err := readCorpus(ctx, reading)
	if err != nil {
		return err
	}
	read.onlyUndecided(judged)
	params, hidden := train.SampleParams{Seed: c.Seed, Pairs: c.Pairs, Workers: env.workers, Progress: stage}, 0
	if c.ShowText {
		params.Hidden, hidden = read.hidden(shown)
	}
	sample, err := train.SamplePairs(ctx, read.training.Projects, m, params)
	if err != nil {
		return err
	}
	if len(sample.Pairs) == 0 {
		return fmt.Errorf("%s: no pair to ask about: blocking finds none that labels leave open; export events without labels too, or with --show-text events that may be reviewed", dirs(exports))
	}
	rows := read.rows(sample)
	if c.ShowText {
		if err := addTexts(ctx, exports, review, rows); err != nil {
			return err
		}
	}
	err = atomicfile.Write(c.Out, 0o600, func(w io.Writer) error { return writeSample(w, rows, c.ShowText) })
	if err != nil {
		return err
	}
	env.progress.Close()
	w := tabwriter.NewWriter(env.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "platform\tthreshold\tundecided\tnear\twritten")
	for _, p := range sample.Platforms {
		fmt.Fprintf(w, "%s\t%.4f\t%d\t%d\t%d\n", p.Platform, p.Threshold, p.Candidates, p.Near, p.Chosen)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.ShowText {
		fmt.Fprintf(env.stdout, "%d events may train a model, but their text may not be shown: they are left out\n", hidden)
	}
	_, err = fmt.Fprintf(env.stdout, "%d pairs of %d projects  %s\nfill in the column %s with yes, no or unsure, then give the file to whorl train --labels\n",
		len(rows), projectsOf(rows), c.Out, columnSame)
	return err
}

// reviewable returns the events whose text may be shown.
func reviewable(ctx context.Context, exports []*datasets.Export, opt datasets.Options) (map[string]bool, error) {
	shown := map[string]bool{}
	for _, x := range exports {
		ids, tally := datasets.Map(ctx, x, opt, func() func(*features.Event) string {
			return func(e *features.Event) string { return e.ID }
		})
		for id, err := range ids {
			if err != nil {
				return nil, err
			}
			shown[strings.Clone(id)] = true
		}
		if tally.Allowed == 0 {
			return nil, fmt.Errorf("%w; leave --show-text out, and look the events up where people may see them", datasets.NothingAllowed(x.Dir, opt.Purpose, tally))
		}
	}
	return shown, nil
}

// onlyUndecided marks as decided, without an answer, what somebody was unsure
// of, and takes labels without confidence away, which decide nothing.
func (c *corpus) onlyUndecided(judged *answers) {
	for k := range c.training.Projects {
		p, names := &c.training.Projects[k], c.projects[k]
		place := make(map[string]int32, len(names.events))
		for i, e := range names.events {
			place[e.id] = int32(i)
			if p.Confidence[i] == 0 {
				p.Groups[i] = train.NoGroup
			}
		}
		if judged == nil {
			continue
		}
		for _, a := range judged.skipped {
			x, okA := place[a.a]
			y, okB := place[a.b]
			if a.said != "" && okA && okB {
				p.Pairs = append(p.Pairs, train.ExplicitPair{A: x, B: y})
			}
		}
	}
}

// hidden marks, project by project, the events whose text may not be shown,
// and counts them.
func (c *corpus) hidden(shown map[string]bool) (marks [][]bool, n int) {
	for _, p := range c.projects {
		own := make([]bool, len(p.events))
		for i, e := range p.events {
			if own[i] = !shown[e.id]; own[i] {
				n++
			}
		}
		marks = append(marks, own)
	}
	return marks, n
}

// sampleRow is a pair to be written.
type sampleRow struct {
	organisation, project string
	a, b                  string // event ids
	platform              features.Platform
	probability           float64
	texts                 [2]shownText
}

// rows names the pairs of a sample.
func (c *corpus) rows(s *train.Sample) []sampleRow {
	var out []sampleRow
	for _, p := range s.Pairs {
		names := c.projects[p.Project]
		out = append(out, sampleRow{
			organisation: names.organisation, project: names.id, a: names.events[p.A].id, b: names.events[p.B].id,
			platform: p.Platform, probability: p.Probability,
		})
	}
	return out
}

func projectsOf(rows []sampleRow) int {
	seen := map[string]bool{}
	for i := range rows {
		seen[rows[i].project] = true
	}
	return len(seen)
}

// shownText is what a person sees of an event.
type shownText struct{ title, frames string }

// shownFrames is how many frames of an event are shown, and mostShown how many
// bytes of a text.
const (
	shownFrames = 3
	mostShown   = 500
)

// textOf returns the outermost exception of an event, which trackers make the
// title of, and the frames of it nearest the crash, innermost first.
func textOf(e *features.Event) shownText {
	if len(e.Exceptions) == 0 {
		return shownText{title: cut(e.Message)}
	}
	x := &e.Exceptions[len(e.Exceptions)-1]
	title := cmp.Or(x.Type, "(no type)")
	if text := cmp.Or(x.Value, e.Message); text != "" {
		title += ": " + text
	}
	var frames []string
	for i := len(x.Frames) - 1; i >= 0 && len(frames) < shownFrames; i-- {
		f := &x.Frames[i]
		line := cmp.Or(f.Function, "(anonymous)")
		if owner := cmp.Or(f.Module, f.Filename, f.AbsPath); owner != "" {
			line += " in " + owner
		}
		if f.Line > 0 {
			line += ":" + strconv.Itoa(int(f.Line))
		}
		frames = append(frames, line)
	}
	return shownText{cut(title), cut(strings.Join(frames, " < "))}
}

// cut makes one line of limited length of a text.
func cut(s string) string {
	cut := len(s) > mostShown
	s = strings.ToValidUTF8(s[:min(len(s), mostShown)], "")
	s = strings.TrimSpace(oneLine(strings.ReplaceAll(s, "\r", " ")))
	if cut {
		s += " ..."
	}
	return s
}

// addTexts reads the exports once more for the texts of the chosen events.
func addTexts(ctx context.Context, exports []*datasets.Export, opt datasets.Options, rows []sampleRow) error {
	texts := map[string]shownText{}
	for i := range rows {
		texts[rows[i].a], texts[rows[i].b] = shownText{}, shownText{}
	}
	type named struct {
		id   string
		text shownText
	}
	for _, x := range exports {
		events, _ := datasets.Map(ctx, x, opt, func() func(*features.Event) *named {
			return func(e *features.Event) *named {
				if _, ok := texts[e.ID]; !ok {
					return nil
				}
				return &named{e.ID, textOf(e)}
			}
		})
		var found []named
		for n, err := range events {
			if err != nil {
				return err
			}
			if n != nil {
				found = append(found, *n)
			}
		}
		for _, n := range found { // only now: workers look into the map
			texts[n.id] = n.text
		}
	}
	for i := range rows {
		rows[i].texts = [2]shownText{texts[rows[i].a], texts[rows[i].b]}
	}
	return nil
}

// writeSample writes the file that people fill in.
func writeSample(w io.Writer, rows []sampleRow, texts bool) error {
	out := csv.NewWriter(w)
	header := sampleColumns
	if texts {
		header = append(header[:len(header):len(header)], textColumns...)
	}
	out.Write(append(header[:len(header):len(header)], columnSame))
	for i := range rows {
		r := &rows[i]
		cells := []string{guarded(r.organisation), guarded(r.project), guarded(r.a), guarded(r.b), r.platform.String(), strconv.FormatFloat(r.probability, 'f', 4, 64)}
		if texts {
			for _, t := range r.texts {
				cells = append(cells, guarded(t.title), guarded(t.frames))
			}
		}
		out.Write(append(cells, ""))
	}
	out.Flush()
	return out.Error()
}
