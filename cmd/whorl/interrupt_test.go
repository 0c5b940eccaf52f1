package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"whorl/internal/atomicfile"
	"whorl/internal/exporttest"
)

// dieAt names the variable with the text at which dyingMain dies.
const dieAt = "WHORL_TEST_DIE_AT"

// dyingMain is the program as it is killed by signal 9 the moment it writes a
// line that holds $WHORL_TEST_DIE_AT to standard error.
func dyingMain() {
	env := osEnvironment()
	env.stderr = &trigger{w: env.stderr, text: []byte(os.Getenv(dieAt)), fire: func() {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal comes at once, but not before Kill returns
	}}
	os.Exit(run(env))
}

// trigger fires once, before the first write that holds a text.
type trigger struct {
	w    io.Writer
	text []byte
	fire func()
}

func (x *trigger) Write(p []byte) (int, error) {
	if x.fire != nil && bytes.Contains(p, x.text) {
		fire := x.fire
		x.fire = nil
		fire()
	}
	return x.w.Write(p)
}

// killAt runs train until it says text and kills it there.
func killAt(t *testing.T, text string, args ...string) {
	t.Helper()
	c := command(t, "whorl-dying", args...)
	c.Env = append(c.Env, dieAt+"="+text)
	output, err := c.CombinedOutput()
	if !killed(err) {
		t.Fatalf("not killed at %q: %v\n%s", text, err, output)
	}
}

// killed reports whether a process ended by signal 9.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func missing(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is there: %v", path, err)
	}
}

// A run killed after any stage leaves no run directory; the same command says
// where it goes on and ends with the bytes of a run that was left alone.
func TestKilledRunResumes(t *testing.T) {
	w := shared(t)
	for _, c := range []struct{ at, resumes string }{
		{"read ", ""},
		{"fitted", "resuming after: fit\n"},
		{"tuned", "resuming after: fit, tune\n"},
		{"judged", "resuming after: fit, tune, judge tiny-golden\n"},
	} {
		t.Run(strings.TrimSpace(c.at), func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "run")
			killAt(t, c.at, w.train(out)...)
			missing(t, out)
			o := whorl(t, w.train(out)...).ok()
			if c.resumes != "" && !strings.Contains(o.stderr, c.resumes) || c.resumes == "" && strings.Contains(o.stderr, "resuming") {
				t.Errorf("want %q:\n%s", c.resumes, o.stderr)
			}
			sameFiles(t, w.run, out)
			if got := names(t, dir); !slices.Equal(got, []string{"run"}) {
				t.Errorf("left beside the run: %q", got)
			}
		})
	}
}

// Killed at times that fall where they may, a run gets there all the same, and
// at every moment there is no run directory or the whole one.
func TestRunKilledAgainAndAgain(t *testing.T) {
	w := shared(t)
	out := filepath.Join(t.TempDir(), "run")
	kills := 0
	wait := 15 * time.Millisecond
	for range 60 {
		c := command(t, "whorl", w.train(out)...)
		var output bytes.Buffer
		c.Stdout, c.Stderr = &output, &output
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { c.Process.Kill() })
		wait += wait / 7 // so that the slowest machine gets there
		err := c.Wait()
		timer.Stop()
		if _, there := os.Lstat(out); there == nil {
			sameFiles(t, w.run, out)
			if kills == 0 {
				t.Error("the run was never killed")
			}
			return
		}
		if kills++; !killed(err) {
			t.Fatalf("%v\n%s", err, output.String())
		}
	}
	t.Fatal("the run never came to its end")
}

// Killed when a stage's file has just appeared.
func TestRunKilledWhenAFileAppears(t *testing.T) {
	w := shared(t)
	for _, name := range []string{"state.json", "model.safetensors", "judged-0.json", "result.json"} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			c := command(t, "whorl", w.train(out)...)
			var output bytes.Buffer
			c.Stdout, c.Stderr = &output, &output
			err := signalWhen(t, c, os.Kill, filepath.Join(atomicfile.PartialName(out), name))
			_, absent := os.Stat(out)
			switch {
			case killed(err) && absent != nil:
				whorl(t, w.train(out)...).ok()
			case !killed(err) && err != nil:
				t.Fatalf("%v\n%s", err, output.String())
			}
			sameFiles(t, w.run, out) // also of a run that was too fast to be caught
		})
	}
}

// signalWhen runs a command, signals it when a file appears, and returns how
// it ended.
func signalWhen(t *testing.T, c *exec.Cmd, s os.Signal, file string) error {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Millisecond):
			if _, err := os.Lstat(file); err == nil {
				c.Process.Signal(s)
				return <-ended
			}
		}
	}
}

// interruptAt runs train in this process and interrupts it when it says text.
func interruptAt(t *testing.T, text string, args ...string) *outcome {
	t.Helper()
	var stderr bytes.Buffer
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt)
	defer signal.Stop(received)
	o := whorlIn(t, &environment{stderr: &trigger{w: &stderr, text: []byte(text), fire: func() {
		syscall.Kill(os.Getpid(), syscall.SIGINT)
		<-received
		time.Sleep(50 * time.Millisecond) // the program was told in the same moment; let it notice
	}}}, args...)
	o.stderr = stderr.String()
	return o
}

func TestInterruptedRun(t *testing.T) {
	w := shared(t)
	t.Run("with nothing to keep", func(t *testing.T) {
		dir := t.TempDir()
		o := interruptAt(t, "read ", w.train(filepath.Join(dir, "run"))...)
		last(o).fails("interrupted: nothing was left half-written")
		if strings.Contains(o.stderr, "resumes") {
			t.Errorf("there is nothing to resume: %s", o)
		}
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("after the fit", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		last(interruptAt(t, "fitted", w.train(out)...)).fails("interrupted: nothing was left half-written; the same command resumes after the last finished stage")
		missing(t, out)
		o := whorl(t, w.train(out)...).ok()
		if !strings.Contains(o.stderr, "resuming after: fit\n") {
			t.Errorf("does not resume: %s", o)
		}
		sameFiles(t, w.run, out)
	})
	t.Run("eval", func(t *testing.T) {
		dir := t.TempDir()
		c := command(t, "whorl", "eval", "--model", filepath.Join(w.run, "model.safetensors"), "--golden", w.golden, "--as-of", asOf,
			"--resamples", "50000", "--json", filepath.Join(dir, "r.json"), "--scored-pairs", filepath.Join(dir, "p.arrow"))
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		signalWhen(t, c, os.Interrupt, atomicfile.PartialName(filepath.Join(dir, "p.arrow"))) // it judges now
		(&outcome{t, c.Args, c.ProcessState.ExitCode(), stdout.String(), stderr.String()}).fails("interrupted: nothing was left half-written")
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
}

// last returns the outcome with the last line of standard error alone, after
// checking that the lines above it are status lines.
func last(o *outcome) *outcome {
	o.t.Helper()
	i := strings.LastIndex(strings.TrimSuffix(o.stderr, "\n"), "\n") + 1
	for line := range strings.Lines(o.stderr[:i]) {
		if !statusLine.MatchString(line) {
			o.t.Errorf("neither status nor error: %q", line)
		}
	}
	out := *o
	out.stderr = o.stderr[i:]
	return &out
}

// What finished stages left is believed only as long as its bytes are the same.
func TestDamagedStageIsDoneAgain(t *testing.T) {
	w := shared(t)
	parent := t.TempDir()
	killAt(t, "judged", w.train(filepath.Join(parent, "run"))...)
	partial := files(t, filepath.Join(parent, ".run.partial"))
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	for _, c := range []struct {
		name, file string
		to         func([]byte) []byte // nil: removed
		resumes    string
	}{
		{"untouched", "new.txt", flip, "resuming after: fit, tune, judge tiny-golden\n"},
		{"altered model", "model.safetensors", flip, ""},
		{"missing model", "model.safetensors", nil, ""},
		{"altered report of the fit", "fit.json", flip, ""},
		{"altered settings", "baselines.json", flip, "resuming after: fit\n"},
		{"altered figures", "judged-0.json", flip, "resuming after: fit, tune\n"},
		{"truncated figures", "judged-0.json", func(b []byte) []byte { return b[:len(b)-1] }, "resuming after: fit, tune\n"},
		{"altered state", "state.json", func(b []byte) []byte { return b[:len(b)-1] }, ""},
		{"state of another run", "state.json", func(b []byte) []byte {
			var s workState
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			return bytes.Replace(b, []byte(s.Key), []byte(strings.Repeat("0", 64)), 1)
		}, ""},
		{"missing state", "state.json", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			dir := atomicfile.PartialName(out)
			if err := os.MkdirAll(filepath.Join(dir, "stray"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, content := range partial {
				write(t, filepath.Join(dir, name), content)
			}
			if c.to == nil {
				remove(t, filepath.Join(dir, c.file))
			} else if content := partial[c.file]; content != nil {
				write(t, filepath.Join(dir, c.file), c.to(content))
			} else {
				write(t, filepath.Join(dir, c.file), []byte("stray"))
			}
			o := whorl(t, w.train(out)...).ok()
			if c.resumes != "" && !strings.Contains(o.stderr, c.resumes) || c.resumes == "" && strings.Contains(o.stderr, "resuming") {
				t.Errorf("want %q:\n%s", c.resumes, o.stderr)
			}
			sameFiles(t, w.run, out)
		})
	}
}

// Finished stages serve only the run that they belong to.
func TestChangedRunStartsOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, w *world) []string
		over   bool
	}{
		{"nothing", func(t *testing.T, w *world) []string { return nil }, false},
		{"--restart", func(t *testing.T, w *world) []string { return []string{"--restart"} }, true},
		{"seed", func(t *testing.T, w *world) []string { return []string{"--seed", "7"} }, true},
		{"setting", func(t *testing.T, w *world) []string {
			return write(t, w.config, []byte(strings.Replace(tinyConfig, "bins: 16", "bins: 17", 1)))
		}, true},
		{"stack trace rules", func(t *testing.T, w *world) []string { // they change records, not the events' content
			file := filepath.Join(w.dir, "own.rules")
			write(t, file, []byte("function:* -app\n"))
			return []string{"--stack-rules", file}
		}, true},
		{"confidence of a label", func(t *testing.T, w *world) []string {
			rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
			labels[0].Confidence = 0.5
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny"})
			return nil
		}, true},
		{"time of an event", func(t *testing.T, w *world) []string {
			rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
			rows[0].Time = rows[0].Time.Add(-time.Second)
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny"})
			return nil
		}, true},
		{"ledger", func(t *testing.T, w *world) []string { // it stands in the model's provenance
			rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
			ledger := []exporttest.Entry{exporttest.WithdrawEntry("another-org", "generative_ai", "2026-01-01T00:00:00Z")}
			for _, org := range []string{"zanzibar-org-a", "zanzibar-org-b", "zanzibar-org-c"} {
				ledger = append(ledger, exporttest.GrantEntry(org, "train_fingerprinting"))
			}
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny", Ledger: ledger})
			return nil
		}, true},
		{"golden labels", func(t *testing.T, w *world) []string {
			rows, labels, _ := tinyEvents("quagmire", 2, 7, 6)
			labels[0].GroupID = labels[len(labels)-1].GroupID
			exporttest.WriteGolden(t, w.golden, rows, labels, exporttest.Options{Name: "tiny-golden", Version: "1.0.1"})
			return nil
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			out, fresh := filepath.Join(w.dir, "run"), filepath.Join(w.dir, "fresh")
			killAt(t, "judged", w.train(out)...)
			more := c.change(t, w)
			o := whorl(t, w.train(out, more...)...).ok()
			if resumed := strings.Contains(o.stderr, "resuming"); resumed == c.over {
				t.Errorf("resumed: %v\n%s", resumed, o.stderr)
			}
			whorl(t, w.train(fresh, more...)...).ok()
			sameFiles(t, fresh, out)
		})
	}
}

// A second writer in the partial directory must not lead to a run directory
// of two runs.
func TestRunDisturbedByAnotherIsNotPutInPlace(t *testing.T) {
	w := shared(t)
	out := filepath.Join(t.TempDir(), "run")
	var stderr bytes.Buffer
	o := whorlIn(t, &environment{stderr: &trigger{w: &stderr, text: []byte("judged"), fire: func() {
		write(t, filepath.Join(atomicfile.PartialName(out), "model.safetensors"), []byte("of another run"))
	}}}, w.train(out)...)
	o.stderr = stderr.String()
	last(o).fails(".run.partial was changed", "one run at a time")
	missing(t, out)
	whorl(t, w.train(out)...).ok()
	sameFiles(t, w.run, out)
}
