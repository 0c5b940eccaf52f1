package main

import (
	"fmt"
	"io"

	"whorl/eval/result"
	"whorl/internal/atomicfile"
	"whorl/reports"
)

// reportCommand renders results.
type reportCommand struct {
	Result []string `arg:"" name:"RESULT.json" help:"Results to render; several are compared."`
	HTML   string   `name:"html" placeholder:"FILE" help:"Write a page that works from disk."`
	MD     string   `name:"md" placeholder:"FILE" help:"Write Markdown."`
	Title  string   `help:"Title of the report."`
}

// Run renders; without a file it prints the summary.
func (c *reportCommand) Run(env *environment) error {
	var results []*result.Result
	for _, path := range c.Result {
		r, err := readResult(path)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	options := reports.Options{Title: c.Title}
	for _, target := range []struct {
		path   string
		render func(io.Writer, []*result.Result, reports.Options) error
	}{{c.HTML, reports.HTML}, {c.MD, reports.Markdown}} {
		if target.path == "" {
			continue
		}
		err := atomicfile.Write(target.path, 0o644, func(w io.Writer) error { return target.render(w, results, options) })
		if err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, target.path)
	}
	if c.HTML == "" && c.MD == "" {
		return reports.Text(env.stdout, results, options)
	}
	return nil
}
