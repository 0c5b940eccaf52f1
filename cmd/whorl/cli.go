// Command whorl trains and judges the model that decides whether two errors
// are the same problem.
//
//  1. train reads consented exports, fits a model, judges it on golden
//     datasets and leaves a run directory.
//  2. tune searches settings for train on exports alone.
//  3. eval judges a model file again; report renders results.
//  4. inspect, datasets, features and normalize look into what goes in and out; datasets
//     import makes datasets of other formats, datasets sample-pairs asks people
//     about pairs, and datasets withdrawals lists the runs whose data may not be
//     used any more.
//
// Results go to standard output, everything else to standard error. The exit
// status is 0, 1 for a failure and 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"whorl/eval"
	"whorl/internal/progress"
)

// environment is everything the program takes from outside its arguments.
type environment struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	getenv         func(string) string
	workers        int
	progress       *progress.Display
}

// cli declares the verbs.
type cli struct {
	Train     trainCommand     `cmd:"" help:"Train a model on exports and judge it on golden datasets."`
	Tune      tuneCommand      `cmd:"" help:"Search settings for train on exports alone."`
	Eval      evalCommand      `cmd:"" help:"Judge a model file on golden datasets."`
	Report    reportCommand    `cmd:"" help:"Render results as HTML and Markdown."`
	Inspect   inspectCommand   `cmd:"" help:"Show what a model file says of itself."`
	Datasets  datasetsCommand  `cmd:"" help:"Look into exports and golden datasets."`
	Features  featuresCommand  `cmd:"" help:"Write the features of an export's events as an Arrow file."`
	Normalize normalizeCommand `cmd:"" help:"Show what normalisation makes of messages, functions and events."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// exitCode leaves kong when it wants to end the program.
type exitCode int

// run is the program.
func run(env *environment) (code int) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case exitCode:
			code = int(x)
		default:
			panic(x)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("whorl"),
		kong.Description("Train and judge the model that decides whether two errors are the same problem."),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{
			"purposes": purposes(), "formats": importFormats(), "languages": importLanguages(), "resamples": strconv.Itoa(eval.DefaultResamples),
			"pairs": strconv.Itoa(eval.DefaultPairCap), "window": strconv.Itoa(eval.DefaultWindowDays),
		},
	)
	if err != nil {
		panic(err)
	}
	if len(env.args) == 0 { // a mistake, such as an empty variable in a script, so not a success
		parser.Stdout = env.stderr
		parser.Exit = func(int) { panic(exitCode(2)) }
		parser.Parse([]string{"--help"})
	}
	parsed, err := parser.Parse(env.args)
	if err != nil {
		var wrong *kong.ParseError
		if errors.As(err, &wrong) {
			parsed = wrong.Context
		}
		return env.usage(parsed, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	parsed.BindTo(ctx, (*context.Context)(nil))
	out := &checkedWriter{w: env.stdout}
	env.stdout = out
	err = parsed.Run(env)
	env.progress.Close()
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output: %w", out.err)
	}
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		return env.usage(parsed, err)
	case ctx.Err() != nil:
		fmt.Fprintf(env.stderr, "whorl: interrupted%s\n", hint(err))
	default:
		fmt.Fprintf(env.stderr, "whorl: %s%s\n", oneLine(err.Error()), resumeHint(err))
	}
	return 1
}

// checkedWriter remembers the first error of a writer, so that lost output
// never ends in success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// usageError marks a mistake in the arguments that kong cannot see.
type usageError struct{ error }

// usage reports a mistake in the arguments with the help that fits it.
func (env *environment) usage(parsed *kong.Context, err error) int {
	verb := "whorl"
	if parsed != nil && parsed.Selected() != nil {
		verb = parsed.Selected().FullPath()
	}
	fmt.Fprintf(env.stderr, "whorl: %s\nRun \"%s --help\".\n", oneLine(err.Error()), verb)
	return 2
}

// resumable says of an error that the same command goes on where it stopped.
type resumable struct{ error }

func (r resumable) Unwrap() error { return r.error }

func hint(err error) string { return ": nothing was left half-written" + resumeHint(err) }

func resumeHint(err error) string {
	var r resumable
	if errors.As(err, &r) {
		return "; the same command resumes after the last finished stage"
	}
	return ""
}

// withRemedy adds what to do to the error of a file that is not there.
func withRemedy(err error, remedy string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	return err
}

// checkTarget refuses a file that could not or must not be put in place, before
// the work that would fill it. An empty path stands for none. taken are the
// command's inputs and other outputs, which the file must not replace.
func checkTarget(flag, path string, taken ...string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	for _, other := range taken {
		same := other != "" && filepath.Clean(other) == filepath.Clean(path)
		if o, e := os.Stat(other); err == nil && e == nil && os.SameFile(info, o) {
			same = true
		}
		if same {
			return fmt.Errorf("%s %s: the command reads or writes that file already; name another", flag, path)
		}
	}
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s %s: that is a directory; name a file", flag, path)
	case err == nil && !info.Mode().IsRegular():
		// The file is put in place by a rename, which would take a device's name away from it.
		return fmt.Errorf("%s %s: that is a device or pipe; name a file", flag, path)
	}
	return checkParent(flag, path)
}

// checkParent refuses a path in whose directory nothing can be made.
func checkParent(flag, path string) error {
	parent := filepath.Dir(path)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %s: %s is no directory; create it first", flag, path, parent)
	}
	probe, err := os.MkdirTemp(parent, ".whorl-")
	if err != nil {
		return fmt.Errorf("%s %s: %s cannot be written to; choose another place: %w", flag, path, parent, err)
	}
	return os.Remove(probe)
}

// oneLine keeps hostile text in an error from forging further lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f, r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

// stages returns a progress function. It opens a bar when the stage's name
// changes, and costs nothing off a terminal.
func (env *environment) stages() func(stage string, done, total int) {
	var name string
	var bar *progress.Stage
	return func(stage string, done, total int) {
		if stage != name {
			bar.Done()
			name, bar = stage, env.progress.Stage(stage, total)
		}
		bar.Report(done, total)
		if done == total {
			bar.Done()
			name = ""
		}
	}
}

// version is the tool's own version; the build may set it with -ldflags.
var version = "0.1.0"

type versionCommand struct{}

// Run prints the version, and the revision it was built from where the build recorded one.
func (*versionCommand) Run(env *environment) error {
	line := "whorl " + version
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				line += " " + s.Value
			}
		}
		line += " " + info.GoVersion
	}
	_, err := fmt.Fprintln(env.stdout, line)
	return err
}
