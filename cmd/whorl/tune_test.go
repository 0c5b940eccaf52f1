package main

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
	"whorl/internal/atomicfile"
	"whorl/internal/exporttest"
	"whorl/train"
)

func TestSearchSpace(t *testing.T) {
	start := defaultConfig()
	start.ModelVersion = "team-7"
	const count = 2000
	drawn := drawSettings(start, 5, count)
	if diff := cmp.Diff(start, drawn[0]); diff != "" {
		t.Errorf("the first setting is not the start:\n%s", diff)
	}
	moved := map[string]int{}
	seen := map[string]int{}
	if diff := cmp.Diff(drawn[:50], drawSettings(start, 5, 50)); diff != "" || len(drawn) != count {
		t.Errorf("a larger search does not begin as a smaller one:\n%s", diff)
	}
	for n, c := range drawn {
		if err := c.check(); err != nil {
			t.Fatalf("setting %d: %v", n, err)
		}
		changed := 0
		for i := range searchSpace {
			d := &searchSpace[i]
			switch v := d.get(c); {
			case v == d.get(start):
			case v < d.low || v > d.high:
				t.Fatalf("setting %d: %s is %g, outside [%g,%g]", n, d.key, v, d.low, d.high)
			default:
				moved[d.key]++
				changed++
			}
		}
		if changed == 0 && n > 0 {
			t.Fatalf("setting %d is the start", n)
		}
		content, err := c.write()
		if err != nil {
			t.Fatal(err)
		}
		seen[string(content)]++
		for i := range searchSpace { // nothing else is touched
			d := &searchSpace[i]
			d.set(c, d.get(start))
		}
		if diff := cmp.Diff(start, c); diff != "" {
			t.Fatalf("setting %d:\n%s", n, diff)
		}
	}
	for i := range searchSpace {
		if n := moved[searchSpace[i].key]; n < 500 || n > 900 {
			t.Errorf("%s was drawn afresh %d times of 2000", searchSpace[i].key, n)
		}
	}
	if len(seen) != count {
		t.Errorf("only %d of %d settings differ", len(seen), count)
	}
	if cmp.Equal(drawSettings(start, 5, 2), drawSettings(start, 6, 2)) {
		t.Error("the seed does not matter")
	}
	start.Bins = 8 // outside the range is the user's own choice
	if drawSettings(start, 5, 1)[0].Bins != 8 {
		t.Error("the start was moved into the range")
	}
}

// A key that is drawn by factors comes from below and above the range's
// geometric middle alike; one that is drawn evenly from both halves.
func TestDrawsSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range searchSpace {
		d := &searchSpace[i]
		middle := (d.low + d.high) / 2
		if d.drawn == byFactor {
			middle = math.Sqrt(d.low * d.high)
		}
		below := 0
		const count = 4000
		for range count {
			v := d.draw(r)
			if v < d.low || v > d.high {
				t.Fatalf("%s: %g is outside [%g,%g]", d.key, v, d.low, d.high)
			}
			if v < middle {
				below++
			}
		}
		if share := float64(below) / count; share < 0.42 || share > 0.58 {
			t.Errorf("%s: %.2f of the draws lie below %g", d.key, share, middle)
		}
	}
}

// The keys of the table are those of the configuration.
func TestSearchSpaceKeys(t *testing.T) {
	for i := range searchSpace {
		d := &searchSpace[i]
		name := d.key[strings.LastIndex(d.key, ".")+1:]
		c := defaultConfig()
		before, _ := c.write()
		d.set(c, d.get(c)+1)
		after, _ := c.write()
		a, b := strings.Split(string(before), "\n"), strings.Split(string(after), "\n")
		for k := range a {
			if a[k] != b[k] && !strings.HasPrefix(strings.TrimSpace(a[k]), name+":") {
				t.Errorf("%s changes %q", d.key, a[k])
			}
		}
		if slices.Equal(a, b) {
			t.Errorf("%s changes nothing", d.key)
		}
	}
}

func TestRank(t *testing.T) {
	e := func(loss, gain, err float64) evaluation {
		return evaluation{Loss: loss, Gain: gain, Error: err, Freedom: 1000, Comparable: true}
	}
	start := e(0.5, 0, 0)
	for _, c := range []struct {
		name  string
		tried []evaluation
		best  int
		ahead []int
	}{
		{"start alone", []evaluation{start}, 0, nil},
		{"within noise", []evaluation{start, e(0.4, 0.1, 0.2)}, 1, nil},
		{"beyond noise", []evaluation{start, e(0.4, 0.1, 0.05)}, 1, []int{1}},
		{"one error is not enough for the best of many", []evaluation{start, e(0.4, 0.1, 0.08), e(0.6, -0.1, 0.1), e(0.6, -0.1, 0.1)}, 1, nil},
		{"sure or lucky", []evaluation{start, e(0.3, 0.2, 0.3), e(0.4, 0.1, 0.01)}, 1, []int{2}},
		{"the better of two sure ones", []evaluation{start, e(0.4, 0.1, 0.01), e(0.3, 0.2, 0.01), e(0.35, 0.15, 0.01)}, 2, []int{2, 3, 1}},
		{"the first of equals", []evaluation{start, e(0.3, 0.2, 0.01), e(0.3, 0.2, 0.01)}, 1, []int{1, 2}},
		{"no better one", []evaluation{start, e(0.7, -0.2, 0.01), e(0.6, -0.1, 0.01)}, 2, nil},
		{"sure, but next to nothing", []evaluation{start, e(0.4995, 0.0005, 0.00001)}, 1, nil},
		{"the same as the start", []evaluation{start, e(0.5, 0, 0)}, 1, nil},
		{"other pairs", []evaluation{start, {Loss: 0}}, 0, nil},
	} {
		if best, ahead := rank(c.tried); best != c.best || !slices.Equal(ahead, c.ahead) {
			t.Errorf("%s: best %d, ahead %d", c.name, best, ahead)
		}
	}
}

// found makes validations of one platform and eight organisations whose loss
// lies gain below .5, a little more or less.
func found(gain, spread float64) *train.Validation {
	l := train.PlatformLoss{Platform: features.Java, Prior: 1, Counted: true, Loss: 0.5 - gain}
	for i := range 8 {
		l.Cells = append(l.Cells, train.Cell{Organisation: i, Weight: 1, Loss: 0.5 - gain + spread*(float64(i%2)-0.5)})
	}
	return &train.Validation{Pairs: "p", Platforms: []train.PlatformLoss{l}}
}

// A setting that was ahead is chosen only if it is ahead again.
func TestConfirm(t *testing.T) {
	start, ahead, lost := found(0, 0), found(0.1, 0.01), found(-0.1, 0.01)
	for _, c := range []struct {
		name   string
		first  []*train.Validation   // of the settings but the start
		later  [][]*train.Validation // of those settings, redrawn
		rival  int
		wins   bool
		wanted string
	}{
		{"ahead twice", []*train.Validation{lost, ahead}, [][]*train.Validation{nil, {ahead, ahead, found(0.11, 0.01)}}, 2, true,
			"Setting 3 was chosen: tried again under 3 other seeds, as the start was, it lowers the loss by 0.10333"},
		{"ahead by luck of the fit", []*train.Validation{ahead}, [][]*train.Validation{{ahead, lost, lost}}, 1, false,
			"The start was kept: setting 2 was ahead beyond noise at first, but tried again under 3 other seeds, as the start was, it raises the loss by 0.03333"},
		{"ahead in the mean, but the fits' luck is large", []*train.Validation{ahead}, [][]*train.Validation{{found(0.3, 0.01), found(0.01, 0.01), found(-0.01, 0.01)}}, 1, false,
			"at first, but tried again"},
		{"the second holds", []*train.Validation{found(0.12, 0.01), ahead}, [][]*train.Validation{{lost, lost, lost}, {ahead, ahead, ahead}}, 2, true,
			"Setting 3 was chosen"},
		{"never ahead", []*train.Validation{found(0.1, 5)}, nil, 1, false,
			"The start was kept: setting 2, the best of 1 others, lowers the loss by 0.10000 ± "},
		{"worse", []*train.Validation{lost}, nil, 1, false,
			"The start was kept: setting 2, the best of 1 others, raises the loss by 0.10000 ± "},
		{"other pairs", []*train.Validation{{}}, nil, 0, false,
			"The start was kept: none of 1 other settings can be compared with it"},
	} {
		run := &tuning{job: &job{config: defaultConfig()}, validations: map[attempt]*train.Validation{}}
		run.drawn = drawSettings(run.config, 1, len(c.first)+1)
		for k := range redraws + 1 {
			run.validations[attempt{0, k}] = start
		}
		for i, v := range c.first {
			run.validations[attempt{i + 1, 0}] = v
		}
		for i, list := range c.later {
			for k, v := range list {
				run.validations[attempt{i + 1, k + 1}] = v
			}
		}
		for n := range run.drawn {
			run.tried = append(run.tried, *run.evaluation(attempt{n, 0}))
		}
		if err := run.confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if run.chosen.rival != c.rival || run.chosen.wins != c.wins {
			t.Errorf("%s: %+v", c.name, run.chosen)
		}
		if s := run.sentence(); !strings.Contains(s, c.wanted) {
			t.Errorf("%s: %s", c.name, s)
		}
	}
}

// tune returns the arguments of a search of this world into out.
func (w *world) tune(out string, more ...string) []string {
	return append([]string{
		"tune", "--export", w.export, "--config", w.config, "--pseudonym-key", w.key, "--as-of", asOf, "--evaluations", "4", "--out", out,
	}, more...)
}

var (
	tunedOnce sync.Once
	tunedDir  string
)

// tuned returns what a search of the shared world left that nothing disturbed.
func tuned(t *testing.T) string {
	t.Helper()
	w := shared(t)
	tunedOnce.Do(func() {
		out := filepath.Join(w.dir, "tuned")
		whorl(t, w.tune(out)...).ok()
		tunedDir = out
	})
	if tunedDir == "" {
		t.Fatal("the shared search failed")
	}
	return tunedDir
}

func TestTuneLeavesARunDirectory(t *testing.T) {
	w, run := shared(t), tuned(t)
	if diff := cmp.Diff(tunedFiles, names(t, run)); diff != "" {
		t.Errorf("the run directory (-want +got):\n%s", diff)
	}
	lines := bytes.Split(bytes.TrimSpace(files(t, run)[tuningFile]), []byte("\n"))
	if len(lines) < 4 {
		t.Fatalf("%d lines", len(lines))
	}
	lines = lines[:4] // behind them is what was tried again
	start, err := readConfig(w.config)
	if err != nil {
		t.Fatal(err)
	}
	drawn := drawSettings(start, 1, len(lines))
	for i, line := range lines {
		var e evaluation
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(searched(drawn[i]), e.Settings); diff != "" {
			t.Errorf("line %d:\n%s", i+1, diff)
		}
		if e.Number != i+1 || !e.Comparable || !(e.Loss > 0) || len(e.Platforms) == 0 || (i == 0) != (e.Gain == 0 && e.Error == 0) {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
	if _, err := readConfig(filepath.Join(run, "config.yaml")); err != nil {
		t.Error(err)
	}
	for name, content := range files(t, run) {
		if s := leaks(content, w.secrets); s != "" {
			t.Errorf("%s holds %s", name, s)
		}
	}
	l, err := readLineage(run)
	if err != nil {
		t.Fatal(err)
	}
	of, err := readLineage(w.run)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(of.Exports, l.Exports); diff != "" || l.DataSHA256 != of.DataSHA256 {
		t.Errorf("the lineage is not that of train:\n%s", diff)
	}
}

func TestTuneAnyThreads(t *testing.T) {
	w, run := shared(t), tuned(t)
	for _, threads := range []string{"1", "5"} {
		out := filepath.Join(t.TempDir(), "run")
		c := command(t, "whorl", w.tune(out)...)
		c.Env = append(os.Environ(), "GOMAXPROCS="+threads)
		if output, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		sameFiles(t, run, out)
	}
}

// A search that was killed or interrupted goes on after the last setting tried,
// and ends with the bytes of one that was left alone.
func TestTuneResumes(t *testing.T) {
	w, run := shared(t), tuned(t)
	resumed := func(t *testing.T, out, after string, args ...string) {
		t.Helper()
		o := whorl(t, args...).ok()
		if !strings.Contains(o.stderr, "resuming after: "+after+"\n") {
			t.Errorf("does not resume after %q: %s", after, o)
		}
		if got := names(t, filepath.Dir(out)); !slices.Equal(got, []string{"run"}) {
			t.Errorf("left beside the run: %q", got)
		}
	}
	t.Run("killed", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		killAt(t, "setting 2 of 4", w.tune(out)...)
		missing(t, out)
		if lines := bytes.Count(files(t, atomicfile.PartialName(out))[tuningFile], []byte("\n")); lines != 2 {
			t.Errorf("the journal has %d lines", lines)
		}
		resumed(t, out, "setting 1, setting 2", w.tune(out)...)
		sameFiles(t, run, out)
	})
	t.Run("interrupted", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		last(interruptAt(t, "setting 1 of 4", w.tune(out)...)).fails("interrupted: nothing was left half-written; the same command resumes after the last finished stage")
		missing(t, out)
		resumed(t, out, "setting 1", w.tune(out)...)
		sameFiles(t, run, out)
	})
	t.Run("interrupted with nothing to keep", func(t *testing.T) {
		dir := t.TempDir()
		last(interruptAt(t, "read ", w.tune(filepath.Join(dir, "run"))...)).fails("interrupted: nothing was left half-written")
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("left behind: %q", got)
		}
	})
	t.Run("with other numbers of settings", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		killAt(t, "setting 2 of 2", w.tune(out, "--evaluations", "2")...)
		resumed(t, out, "setting 1, setting 2", w.tune(out)...)
		sameFiles(t, run, out)
		few := filepath.Join(t.TempDir(), "few")
		whorl(t, w.tune(few, "--evaluations", "1")...).ok()
		out = filepath.Join(t.TempDir(), "run")
		killAt(t, "setting 2 of 4", w.tune(out)...)
		resumed(t, out, "setting 1, setting 2", w.tune(out, "--evaluations", "1")...)
		sameFiles(t, few, out)
	})
	t.Run("damaged", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "run")
		killAt(t, "setting 2 of 4", w.tune(out)...)
		partial := atomicfile.PartialName(out)
		for _, name := range []string{"validation-2-0.json", tuningFile} { // the journal is written again from the stages
			content := files(t, partial)[name]
			write(t, filepath.Join(partial, name), content[:len(content)-1])
		}
		resumed(t, out, "setting 1", w.tune(out)...)
		sameFiles(t, run, out)
	})
}

// sampleExport is the export that comes with the source.
const sampleExport = "../../datasets/sample/export"

// poorConfig is a start that other settings are ahead of.
const poorConfig = `
folds: 2
tuning_pairs: 600
bags: 1
mining: {positives_per_group: 30, hard_negatives_per_event: 3, random_negatives_per_event: 2, pairs_per_project: 600}
trees: {most: 4, leaves: 2, depth: 1}
`

// The second part of a search, too, goes on where it was killed, also on
// another number of threads.
func TestTuneResumesAmongRedraws(t *testing.T) {
	w, dir := shared(t), t.TempDir()
	poor := filepath.Join(dir, "poor.yaml")
	write(t, poor, []byte(poorConfig))
	args := func(out string) []string {
		return []string{"tune", "--export", sampleExport, "--config", poor, "--pseudonym-key", w.key, "--as-of", asOf, "--evaluations", "3", "--out", out}
	}
	whole, out := filepath.Join(dir, "whole"), filepath.Join(dir, "run")
	o := whorl(t, args(whole)...).ok()
	const at = "setting 1 again, 2 of 3"
	if !strings.Contains(o.stderr, at) {
		t.Fatalf("no setting is ahead of a poor start, so that the test shows nothing: %s", o)
	}
	killAt(t, at, args(out)...)
	c := command(t, "whorl", args(out)...)
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	output, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("setting 1 redrawn 2\n")) {
		t.Fatalf("%v\n%s", err, output)
	}
	sameFiles(t, whole, out)
}

func TestChangedTuneStartsOver(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world) []string{
		"seed":      func(*testing.T, *world) []string { return []string{"--seed", "7"} },
		"--restart": func(*testing.T, *world) []string { return []string{"--restart"} },
		"setting": func(t *testing.T, w *world) []string {
			write(t, w.config, []byte(strings.Replace(tinyConfig, "bins: 16", "bins: 17", 1)))
			return nil
		},
		"label": func(t *testing.T, w *world) []string {
			rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
			labels[0].Confidence = 0.5
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny"})
			return nil
		},
		"train, not tune": func(t *testing.T, w *world) []string { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			out := filepath.Join(w.dir, "run")
			first := w.tune(out, "--evaluations", "2")
			at := "setting 1 of 2"
			if name == "train, not tune" {
				first, at = w.train(out), "fitted"
			}
			killAt(t, at, first...)
			o := whorl(t, w.tune(out, append(change(t, w), "--evaluations", "2")...)...).ok()
			if strings.Contains(o.stderr, "resuming") {
				t.Errorf("goes on with another's work: %s", o)
			}
		})
	}
}

// Killed while it tries a setting, not between two.
func TestTuneKilledAtWork(t *testing.T) {
	w, run := shared(t), tuned(t)
	out := filepath.Join(t.TempDir(), "run")
	c := command(t, "whorl", w.tune(out)...)
	err := signalWhen(t, c, syscall.SIGKILL, filepath.Join(atomicfile.PartialName(out), "validation-1-0.json"))
	if killed(err) {
		whorl(t, w.tune(out)...).ok()
	} else if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, run, out)
}
