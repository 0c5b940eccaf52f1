package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"whorl/datasets"
	"whorl/features"
	"whorl/internal/arrowfile"
)

// featuresCommand writes records for notebooks.
type featuresCommand struct {
	List   bool   `help:"List the places of the comparison vector and end."`
	Export string `placeholder:"DIR" help:"Export to read."`
	Out    string `placeholder:"FILE" help:"Arrow file to write."`
	AsOf   string `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
	ledgerFlags
	readFlags
	rulesFlag
}

// Run extracts the records of all events that may train a fingerprinter and
// writes them: ids, hashes and counts, no text.
func (c *featuresCommand) Run(ctx context.Context, env *environment) error {
	if c.List {
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		for i, f := range features.Schema {
			fmt.Fprintf(w, "%d\t%s\t[%g,%g]\t%s\n", i, f.Name, f.Low, f.High, f.Meaning)
		}
		return w.Flush()
	}
	if c.Export == "" || c.Out == "" {
		return usageError{errors.New("features needs --export DIR and --out FILE, or --list")}
	}
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	if err := checkTarget("--out", c.Out, c.Ledger, c.StackRules); err != nil {
		return err
	}
	stack, err := c.read()
	if err != nil {
		return err
	}
	x, err := c.open(c.Export, asOf)
	if err != nil {
		return err
	}
	rows := 0
	err = writeTo(c.Out, func(w io.Writer) (err error) {
		rows, err = writeFeatures(ctx, w, x, c.options(env, datasets.Options{Purpose: datasets.TrainFingerprinting, AsOf: asOf}), stack, env.stages())
		return err
	})
	if err != nil {
		return err
	}
	env.progress.Close()
	fmt.Fprintf(env.stdout, "%d events  %s\n", rows, c.Out)
	return nil
}

// recordColumns are the columns of features.arrow. Tokens are 64-bit hashes.
var recordColumns = []arrowfile.Column{
	{Name: "event_id", Type: arrowfile.String},
	{Name: "project_id", Type: arrowfile.String},
	{Name: "platform", Type: arrowfile.String},
	{Name: "time_ms", Type: arrowfile.Int64},
	{Name: "content", Type: arrowfile.Uint64},
	{Name: "depth", Type: arrowfile.Int64},
	{Name: "in_app", Type: arrowfile.Int64},
	{Name: "minified", Type: arrowfile.Int64},
	{Name: "foreign", Type: arrowfile.Int64},
	{Name: "types", Type: arrowfile.Uint64List},
	{Name: "template", Type: arrowfile.Uint64},
	{Name: "words", Type: arrowfile.Uint64List},
	{Name: "frames", Type: arrowfile.Uint64List},
	{Name: "functions", Type: arrowfile.Uint64List},
	{Name: "modules", Type: arrowfile.Uint64List},
	{Name: "subtokens", Type: arrowfile.Uint64List},
}

func writeFeatures(ctx context.Context, w io.Writer, x *datasets.Export, opt datasets.Options, stack *stackRules, progress func(string, int, int)) (rows int, err error) {
	about := map[string]string{"whorl.format": "whorl.records/1", "whorl.schema": features.SchemaID}
	if stack != nil {
		about["whorl.stack_rules"] = stack.digest
	}
	out, err := arrowfile.NewWriter(w, recordColumns, about)
	if err != nil {
		return 0, err
	}
	var id, project, platform []string
	var times, depth, inApp, minified, foreign []int64
	var content, template []uint64
	var types, words, frames, functions, modules, subtokens [][]uint64
	flush := func() error {
		err := out.WriteBatch(id, project, platform, times, content, depth, inApp, minified, foreign, types, template, words, frames, functions, modules, subtokens)
		id, project, platform = id[:0], project[:0], platform[:0]
		times, depth, inApp, minified, foreign = times[:0], depth[:0], inApp[:0], minified[:0], foreign[:0]
		content, template = content[:0], template[:0]
		types, words, frames, functions, modules, subtokens = nil, nil, nil, nil, nil, nil
		return err
	}
	type extracted struct {
		id, project string
		record      *features.Record
	}
	events, tally := datasets.Map(ctx, x, opt, func() func(*features.Event) extracted {
		extractor := features.Extractor{Rules: stack.rules()}
		return func(e *features.Event) extracted {
			r := new(features.Record)
			extractor.Extract(e, r)
			return extracted{e.ID, e.ProjectID, r}
		}
	})
	for e, err := range events {
		if err != nil {
			return 0, err
		}
		r := e.record
		id, project, platform = append(id, e.id), append(project, e.project), append(platform, r.Platform.String())
		times, content, depth = append(times, r.Time), append(content, r.Content), append(depth, int64(r.Depth))
		inApp, minified, foreign = append(inApp, int64(r.App)), append(minified, int64(r.Minified)), append(foreign, int64(r.Foreign))
		types, template = append(types, r.Types), append(template, r.Template)
		words = append(words, r.Sets[features.SetWord])
		var whole, function, module []uint64
		for i := range r.Frames {
			whole, function, module = append(whole, r.Frames[i].Whole), append(function, r.Frames[i].Function), append(module, r.Frames[i].Module)
		}
		frames, functions, modules = append(frames, whole), append(functions, function), append(modules, module)
		subtokens = append(subtokens, r.Sets[features.SetSubtoken])
		if rows++; rows%arrowfile.BatchRows == 0 {
			if err := flush(); err != nil {
				return 0, err
			}
			progress("extracting", rows, int(x.Rows()))
		}
	}
	if rows == 0 {
		return 0, datasets.NothingAllowed(x.Dir, opt.Purpose, tally)
	}
	if err := flush(); err != nil {
		return 0, err
	}
	progress("extracting", int(x.Rows()), int(x.Rows()))
	return rows, out.Close()
}
