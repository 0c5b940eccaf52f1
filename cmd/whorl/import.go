package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whorl/datasets"
	"whorl/datasets/importer"
	"whorl/datasets/importer/stacktrace"
)

// importCommand turns another format into a dataset.
type importCommand struct {
	From string `required:"" placeholder:"FORMAT" help:"What the input is: ${formats}."`
	In   string `required:"" placeholder:"PATH" help:"File, or directory with files; - for standard input. gzip and zstd are recognised."`
	Out  string `required:"" placeholder:"DIR" help:"Directory to create."`
	As   string `default:"export" enum:"export,golden" placeholder:"KIND" help:"What to write: export (default) or golden."`

	Public    string   `placeholder:"WHY" help:"Why anybody may use the data, such as its licence. An export gets a ledger that grants training, evaluation and review."`
	Ledger    string   `placeholder:"FILE" help:"Consent ledger of the customers whose data it is."`
	LedgerID  string   `name:"ledger-id" placeholder:"ID" help:"Id of the ledger; default the name of its file."`
	Policy    string   `placeholder:"VERSION" help:"With --ledger: the policy version that the export stands under."`
	Purposes  []string `placeholder:"LIST" help:"With --ledger: what rows claim that do not tell themselves, of ${purposes}. Only what the ledger grants too is ever used."`
	Agreement string   `placeholder:"NAME" help:"Consent basis of a golden dataset that is not public."`
	Name      string   `placeholder:"NAME" help:"Name of the dataset; default the last part of --out."`
	Version   string   `placeholder:"V" help:"Version of a golden dataset; default 1.0.0."`
	Licence   string   `placeholder:"NAME" help:"Licence of the data."`
	About     string   `name:"description" placeholder:"TEXT" help:"Description of the dataset."`
	Org       string   `placeholder:"ORG" help:"Pseudonymous organisation of events; default imported."`
	Project   string   `placeholder:"PROJECT" help:"Project of events that do not tell; default the name of the dataset."`
	Platform  string   `placeholder:"NAME" help:"Platform of events that do not tell; default other."`
	Language  string   `default:"auto" placeholder:"NAME" help:"Language of stack traces in text, of ${languages}; default auto."`
	Time      string   `placeholder:"TIME" help:"Time (RFC 3339) of events that have none; without it they cannot be read."`
	Context   bool     `name:"context-lines" help:"Keep the source line of each frame. It may hold anything."`
	Map       string   `placeholder:"FILE" help:"For parquet: YAML that names the file's column for each of ours, such as stacktrace: error.stack."`
	Split     []string `placeholder:"WHAT" help:"The papers' splits as slices of labels: FILE of a chunk for fast-json (repeat), or days for jetbrains."`
	AllStacks bool     `name:"all-stacks" help:"For fast-json: an event for every stack of a report, not the first alone."`
	Maps      string   `name:"source-maps" placeholder:"DIR" help:"Name minified JavaScript frames by the source maps of this directory, FILE.map for FILE."`
	Labels    string   `placeholder:"FILE" help:"CSV of labels: event_id, group_id and, if it likes, source and confidence. It goes before the input's own."`
	Strict    bool     `help:"End at the first document that cannot be read, instead of counting it."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Help explains the verb.
func (*importCommand) Help() string {
	var b strings.Builder
	b.WriteString(`Writes what "whorl datasets verify" accepts; importing twice gives the same bytes.
What identifies people or machines (users, requests, servers, variables) is never
copied; home directories, addresses and releases are replaced, but in jsonl, whose
columns are ours.

Formats:
`)
	names, helps := importer.Formats()
	for i, name := range names {
		fmt.Fprintf(&b, "  %-13s %s\n", name, helps[i])
	}
	return b.String()
}

func importFormats() string {
	names, _ := importer.Formats()
	return strings.Join(names, ", ")
}

func importLanguages() string {
	names := []string{string(stacktrace.Auto)}
	for _, l := range stacktrace.Languages() {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// Run imports.
func (c *importCommand) Run(ctx context.Context, env *environment) error {
	out := filepath.Clean(c.Out)
	if err := checkParent("--out", out); err != nil {
		return err
	}
	opt := importer.Options{
		Format: importer.Format(c.From), In: c.In, Stdin: env.stdin, Out: out, Golden: c.As == "golden",
		Name: c.Name, Description: c.About, Licence: c.Licence, Version: c.Version, Org: c.Org, Project: c.Project,
		Public: c.Public, Agreement: c.Agreement, PolicyVersion: c.Policy,
		Platform: c.Platform, Language: stacktrace.Language(c.Language), Context: c.Context, AllStacks: c.AllStacks, SourceMaps: c.Maps, Labels: c.Labels, Workers: env.workers, Strict: c.Strict,
	}
	if err := c.files(&opt); err != nil {
		return err
	}
	for _, s := range c.Split {
		if opt.Format == importer.JetBrains && s == "days" {
			opt.Days = true
		} else if opt.Format == importer.FastJSON {
			opt.Chunks = append(opt.Chunks, s)
		} else {
			return usageError{fmt.Errorf("--split %s: fast-json has files of chunks, jetbrains has days", s)}
		}
	}
	if c.Time != "" {
		t, err := time.Parse(time.RFC3339, c.Time)
		if err != nil {
			return usageError{fmt.Errorf("--time: %q is no time such as 2026-01-31T00:00:00Z", c.Time)}
		}
		opt.Time = t
	}
	report := env.stages()
	opt.Progress = func(read, total int64) { report("reading", int(read), int(total)) }
	r, err := importer.Import(ctx, opt)
	if err != nil {
		if errors.Is(err, importer.ErrOptions) {
			return usageError{err}
		}
		return err
	}
	env.progress.Close()
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return c.print(env, r)
}

// files reads what stands in files beside the input.
func (c *importCommand) files(opt *importer.Options) (err error) {
	if c.Ledger != "" {
		if opt.Ledger, err = os.ReadFile(c.Ledger); err != nil {
			return err
		}
		if opt.LedgerID = c.LedgerID; opt.LedgerID == "" {
			opt.LedgerID = strings.TrimSuffix(filepath.Base(c.Ledger), ".jsonl")
		}
		for _, p := range c.Purposes {
			purpose, err := datasets.ParsePurpose(p)
			if err != nil {
				return usageError{err}
			}
			opt.Purposes = append(opt.Purposes, purpose)
		}
	}
	if c.Map != "" {
		opt.Columns, err = os.ReadFile(c.Map)
	}
	return err
}

// print shows what an import did.
func (c *importCommand) print(env *environment, r *importer.Report) error {
	var b strings.Builder
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("dataset", "%s", r.Dir)
	row("documents", "%d read, %d without an error, %d unread", r.Documents, r.Empty, r.Unread)
	row("events", "%d, of %d exceptions and %d frames, %s to %s", r.Events, r.Exceptions, r.Frames, r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	for _, p := range slices.Sorted(maps.Keys(r.Platforms)) {
		row("platform", "%s %d", p, r.Platforms[p])
	}
	if r.Labels+r.Pairs > 0 {
		row("labels", "%d, and %d pairs", r.Labels, r.Pairs)
	}
	if r.Mapped > 0 {
		row("source maps", "%d frames named", r.Mapped)
	}
	if r.Unparsed > 0 {
		row("warning", "%d stack texts have lines that no parser knows", r.Unparsed)
	}
	if r.Shortened > 0 {
		row("warning", "%d events were cut to the limits of an event", r.Shortened)
	}
	for _, f := range r.Faults {
		row("unread", "%s: %s", f.Place, f.Text)
	}
	if n := r.Unread - int64(len(r.Faults)); n > 0 {
		row("unread", "%d more", n)
	}
	_, err := env.stdout.Write([]byte(b.String()))
	return err
}
