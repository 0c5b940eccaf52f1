// Package reports renders evaluation results for people: one self-contained
// HTML page, the same tables in Markdown, and a few lines for a terminal.
//
// The flow, the same for all three:
//
//  1. the results are checked, and refused when one dataset stands in them in
//     two versions: such figures are not comparable and never share a page;
//  2. every string of a result is made harmless to read (clean.go): it may come
//     from a dataset that somebody else wrote;
//  3. figures become tables, plots and sentences of one page value (view.go);
//     here it is decided what a difference is worth;
//  4. a renderer writes the page value out, and escapes for its own language.
//
// A report prints only what a result holds. A difference whose interval holds
// 0 is printed as "~", the best figure is set in bold only where it is really
// the best, and a figure that is missing or undefined is never shown as 0.
// There is no clock and no map order in the output: the same results give the
// same bytes.
package reports

import (
	"errors"
	"fmt"
	"io"

	"whorl/eval/result"
)

// Reasons not to render, to tell apart with errors.Is.
var (
	ErrNoResults = errors.New("no results")
	ErrVersions  = errors.New("figures of different versions of a dataset are not comparable")
)

// Options changes how a report looks. The zero value is usable.
type Options struct {
	Title  string   // of the page; default "Grouping model report"
	Labels []string // a short name for each result, in order; default: the model versions
}

// HTML writes the results as one page that works from disk: no script, no
// font, image or style from elsewhere, and a content security policy that
// forbids them.
func HTML(w io.Writer, results []*result.Result, o Options) error {
	return render(w, results, o, "html", writeHTML)
}

// Markdown writes the results as GitHub-flavoured Markdown: the tables and
// sentences of the HTML page, without its plots.
func Markdown(w io.Writer, results []*result.Result, o Options) error {
	return render(w, results, o, "markdown", writeMarkdown)
}

// Text writes a short summary for a terminal: the headline figures of the
// model and each baseline on each dataset, and the warnings.
func Text(w io.Writer, results []*result.Result, o Options) error {
	return render(w, results, o, "text", writeText)
}

// render builds the whole output before the first byte leaves, so that an
// error never leaves half a report behind.
func render(w io.Writer, results []*result.Result, o Options, kind string, write func(page) ([]byte, error)) error {
	p, err := build(results, o)
	if err != nil {
		return fmt.Errorf("%s report: %w", kind, err)
	}
	data, err := write(p)
	if err != nil {
		return fmt.Errorf("%s report: %w", kind, err)
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("%s report: %w", kind, err)
	}
	return nil
}
