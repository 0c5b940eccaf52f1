package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"

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
	if c.HTML == "" && c.MD == "" {
		return reports.Text(env.stdout, results, options)
	}
	type file struct {
		flag, path string
		render     func(io.Writer, []*result.Result, reports.Options) error
		content    bytes.Buffer
	}
	files := []*file{{flag: "--html", path: c.HTML, render: reports.HTML}, {flag: "--md", path: c.MD, render: reports.Markdown}}
	files = slices.DeleteFunc(files, func(f *file) bool { return f.path == "" })
	taken := slices.Clone(c.Result)
	for _, f := range files { // all before the first is written
		if err := checkTarget(f.flag, f.path, taken...); err != nil {
			return err
		}
		taken = append(taken, f.path)
		if err := f.render(&f.content, results, options); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := atomicfile.WriteFile(f.path, f.content.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, f.path)
	}
	return nil
}
