package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/datasets"
	"whorl/eval/baseline"
	"whorl/eval/result"
	"whorl/internal/exporttest"
	"whorl/model"
)

func TestTrainLeavesARunDirectory(t *testing.T) {
	w := shared(t)
	want := []string{ // baselines.json among them, which eval reads beside the model
		"baselines.json", "card.md", "config.yaml", "lineage.json", "log.jsonl",
		"model.safetensors", "report.html", "report.md", "result.json",
	}
	if diff := cmp.Diff(want, names(t, w.run)); diff != "" {
		t.Errorf("the run directory (-want +got):\n%s", diff)
	}
	m, err := model.Open(filepath.Join(w.run, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	r := readTiny(t, w.run)
	if r.Provenance.ModelSHA256 != m.Digest() || r.Provenance.ModelVersion != m.Version() {
		t.Errorf("the result speaks of model %s %s, the run holds %s %s", r.Provenance.ModelVersion, r.Provenance.ModelSHA256, m.Version(), m.Digest())
	}
	var l lineage
	if err := json.Unmarshal(files(t, w.run)["lineage.json"], &l); err != nil {
		t.Fatal(err)
	}
	if l.ModelSHA256 != m.Digest() || len(l.organisations()) != 3 || l.Exports[0].Allowed != 144 || l.AsOf != asOf {
		t.Errorf("lineage: %+v", l)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(files(t, w.run)["log.jsonl"]), []byte("\n")) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil || entry["stage"] == nil {
			t.Errorf("log.jsonl, line %d: %s: %v", i+1, line, err)
		}
	}
	settings, err := readSettings(filepath.Join(w.run, "baselines.json"), true)
	if err != nil || len(settings) != len(baseline.Tunable()) {
		t.Errorf("baselines.json: %d settings, %v", len(settings), err)
	}
}

// A run's config.yaml says everything: a run with it is the same run.
func TestResolvedConfigurationRepeatsTheRun(t *testing.T) {
	w := shared(t)
	out := filepath.Join(t.TempDir(), "run")
	args := w.train(out)
	args[slices.Index(args, w.config)] = filepath.Join(w.run, "config.yaml")
	whorl(t, args...).ok()
	sameFiles(t, w.run, out)
}

func TestTrainSaysWhatItMined(t *testing.T) {
	w := shared(t)
	o := whorl(t, w.train(filepath.Join(t.TempDir(), "run"))...).ok()
	for _, want := range []string{"read 144 events of 144 rows", "javascript", "python", "java", "positive", "negative pairs", "organisations", "warning: platform", "judged on tiny-golden"} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, o.stderr)
		}
	}
	for _, want := range []string{"tiny-golden 1.0.0", "model", "static", "top-frame", "message", "fast", "report.html", "model.safetensors"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("stdout does not say %q:\n%s", want, o.stdout)
		}
	}
	// Off a terminal there are plain lines only: no bar, no control character.
	for _, s := range []string{o.stderr, o.stdout} {
		if i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && r < ' ' || r == 0x7f }); i >= 0 {
			t.Errorf("control character %q in the output:\n%s", s[i], s)
		}
	}
	for line := range strings.Lines(o.stderr) {
		if !statusLine.MatchString(line) {
			t.Errorf("no status line: %q", line)
		}
	}
}

func TestSameInputsSameBytes(t *testing.T) {
	w := shared(t)
	t.Run("again", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "other-name")
		whorl(t, w.train(out)...).ok()
		sameFiles(t, w.run, out)
	})
	for _, threads := range []string{"1", "2", "5"} {
		t.Run("GOMAXPROCS="+threads, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			c := command(t, "whorl", w.train(out)...)
			c.Env = append(os.Environ(), "GOMAXPROCS="+threads)
			if output, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			sameFiles(t, w.run, out)
		})
	}
	t.Run("rows in another order and another number of files", func(t *testing.T) {
		rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
		slices.Reverse(rows)
		slices.Reverse(labels)
		export := filepath.Join(t.TempDir(), "export")
		exporttest.Write(t, export, rows, labels, exporttest.Options{Name: "tiny", Files: 3})
		out := filepath.Join(t.TempDir(), "run")
		args := w.train(out)
		args[slices.Index(args, w.export)] = export
		whorl(t, args...).ok()
		a, b := openTiny(t, w.run), openTiny(t, out)
		if diff := cmp.Diff(tensors(t, w.run), tensors(t, out)); diff != "" {
			t.Errorf("the fit depends on the order of rows:\n%s", diff)
		}
		if a.Digest() == b.Digest() {
			t.Error("two manifests, one provenance")
		}
	})
}

// The digest of the data names all that the fit learns from and nothing else.
func TestDataDigest(t *testing.T) {
	digest := func(change func(rows []exporttest.Row, labels []exporttest.Label)) string {
		w := newWorld(t, t.TempDir())
		rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
		change(rows, labels)
		exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny"})
		x, err := datasets.OpenExport(w.export)
		if err != nil {
			t.Fatal(err)
		}
		c, err := readCorpus(t.Context(), corpusReading{
			exports: []*datasets.Export{x}, options: datasets.Options{Purpose: datasets.TrainFingerprinting, AsOf: exporttest.AsOf},
			guard: new(datasets.Guard), progress: func(string, int, int) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c.digest
	}
	want := digest(func([]exporttest.Row, []exporttest.Label) {})
	for _, c := range []struct {
		name   string
		change func(rows []exporttest.Row, labels []exporttest.Label)
		same   bool
	}{
		{"order", func(r []exporttest.Row, l []exporttest.Label) { slices.Reverse(r); slices.Reverse(l) }, true},
		{"source of a label", func(_ []exporttest.Row, l []exporttest.Label) { l[0].Source = "human" }, true},
		{"group", func(_ []exporttest.Row, l []exporttest.Label) { l[0].GroupID = l[9].GroupID }, false},
		{"confidence", func(_ []exporttest.Row, l []exporttest.Label) { l[0].Confidence = 0.5 }, false},
		{"time", func(r []exporttest.Row, _ []exporttest.Label) { r[0].Time = r[0].Time.Add(-time.Second) }, false},
		{"release", func(r []exporttest.Row, _ []exporttest.Label) { r[0].Release = "other" }, false},
		{"function", func(r []exporttest.Row, _ []exporttest.Label) { r[0].Exceptions[0].Frames[0].Function = "other" }, false},
	} {
		if got := digest(c.change); (got == want) != c.same {
			t.Errorf("%s changed: the digest is the same: %v, want %v", c.name, got == want, c.same)
		}
	}
}

// Exports are read as one: how events are spread over them changes no figure.
func TestSeveralExports(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	first, second := filepath.Join(w.dir, "first"), filepath.Join(w.dir, "second")
	exporttest.Write(t, first, rows[:60], labels[:60], exporttest.Options{Name: "first"})
	exporttest.Write(t, second, rows[60:], labels[60:], exporttest.Options{Name: "second"})
	out := filepath.Join(w.dir, "run")
	args := w.train(out, "--export", first)
	args[slices.Index(args, w.export)] = second
	whorl(t, args...).ok()
	if !bytes.Equal(tensors(t, shared(t).run), tensors(t, out)) {
		t.Error("two halves fit another forest than the whole")
	}
	if diff := cmp.Diff(readTiny(t, shared(t).run).Figures, readTiny(t, out).Figures); diff != "" {
		t.Errorf("figures:\n%s", diff)
	}
	var l lineage
	if err := json.Unmarshal(files(t, out)["lineage.json"], &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Exports) != 2 || len(l.organisations()) != 3 || l.Exports[0].Rows+l.Exports[1].Rows != 144 {
		t.Errorf("lineage: %+v", l)
	}
}

// Output that cannot be written is no success.
func TestLostOutput(t *testing.T) {
	w := shared(t)
	modelFile, resultFile := filepath.Join(w.run, "model.safetensors"), filepath.Join(w.run, "result.json")
	for _, args := range [][]string{
		{"version"}, {"features", "--list"}, {"inspect", modelFile}, {"inspect", modelFile, "--json"}, {"report", resultFile},
		{"datasets", "stats", w.golden, "--as-of", asOf}, {"datasets", "stats", w.golden, "--as-of", asOf, "--json"},
		{"datasets", "withdrawals", "--ledger", filepath.Join(w.export, "consent-ledger.jsonl"), "--runs", w.run, "--pseudonym-key", w.key, "--as-of", asOf},
		{"eval", "--model", modelFile, "--golden", w.golden, "--as-of", asOf, "--resamples", "20", "--json", "-"},
	} {
		whorlIn(t, &environment{stdout: fullDisk{}}, args...).fails("no space left")
	}
}

// A device or pipe keeps its name: no file is put in its place.
func TestSpecialFilesAreNotReplaced(t *testing.T) {
	w := shared(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(pipe), "link") // as /dev/stdout is
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	modelFile, resultFile := filepath.Join(w.run, "model.safetensors"), filepath.Join(w.run, "result.json")
	judge := []string{"eval", "--model", modelFile, "--golden", w.golden, "--as-of", asOf, "--resamples", "20"}
	for _, path := range []string{pipe, link} {
		for _, args := range [][]string{
			{"report", resultFile, "--html", path},
			{"report", resultFile, "--md", path},
			{"features", "--export", w.export, "--as-of", asOf, "--out", path},
			append(slices.Clone(judge), "--json", path),
			append(slices.Clone(judge), "--scored-pairs", path),
		} {
			whorl(t, args...).fails(path, "device or pipe", "name a file")
		}
		whorl(t, w.train(path, "--replace")...).fails(path, "no run directory")
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe: %v, %v", info, err)
	}
	if got := names(t, filepath.Dir(pipe)); !slices.Equal(got, []string{"link", "pipe"}) {
		t.Errorf("left behind: %q", got)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// The model tells nothing of when it was made, as long as the same rows are in.
func TestModelDoesNotDependOnTheClock(t *testing.T) {
	w := shared(t)
	at := exporttest.AsOf
	for _, now := range []time.Time{at.Add(time.Minute), at.Add(36 * time.Hour)} {
		out := filepath.Join(t.TempDir(), "run")
		args := w.train(out)
		i := slices.Index(args, "--as-of")
		args = slices.Delete(args, i, i+2)
		whorlIn(t, &environment{now: func() time.Time { now = now.Add(time.Second); return now }}, args...).ok()
		want, got := files(t, w.run), files(t, out)
		for _, name := range runFiles {
			if same := bytes.Equal(want[name], got[name]); same == (name == "lineage.json") {
				t.Errorf("as of %s: %s is the same: %v", now, name, same) // the lineage names the time, nothing else does
			}
		}
	}
}

func TestAnotherSeedAnotherModel(t *testing.T) {
	w := shared(t)
	out := filepath.Join(t.TempDir(), "run")
	whorl(t, w.train(out, "--seed", "2")...).ok()
	if bytes.Equal(tensors(t, w.run), tensors(t, out)) {
		t.Error("seeds 1 and 2 fit the same forest")
	}
	if !bytes.Contains(files(t, out)["config.yaml"], []byte("seed: 2\n")) {
		t.Error("config.yaml does not name the seed of the flag")
	}
}

func TestResultHoldsTheFigures(t *testing.T) {
	w := shared(t)
	r := readTiny(t, w.run)
	type key struct{ dataset, version, protocol, scorer, slice, metric string }
	seen := map[key]bool{}
	for _, f := range r.Figures {
		k := key{f.Dataset, f.DatasetVersion, f.Protocol, f.Scorer, f.Slice, f.Metric}
		if seen[k] {
			t.Errorf("two figures %+v", k)
		}
		seen[k] = true
		if f.Value != nil && f.Low != nil && (*f.Low > *f.High || f.N <= 0) {
			t.Errorf("%+v: interval [%g, %g], n %d", k, *f.Low, *f.High, f.N)
		}
	}
	var scorers []string
	for _, s := range r.Scorers {
		scorers = append(scorers, s.Name)
	}
	if want := []string{"model", "static", "top-frame", "message", "fast"}; !slices.Equal(scorers, want) {
		t.Errorf("scorers %q, want %q", scorers, want)
	}
	for protocol, metrics := range map[string][]string{
		"pairs":     {"roc_auc", "average_precision", "precision_group", "recall_group", "recall_at_precision_0.97"},
		"retrieval": {"rr_at_1", "mrr", "new_vs_seen_auc"},
		"replay":    {"bcubed_precision", "bcubed_recall", "bcubed_f1", "clusters", "groups", "over_merge_rate", "split_mean"},
	} {
		for _, metric := range metrics {
			for _, scorer := range scorers {
				for _, slice := range []string{"all", "projects_mean"} {
					if !seen[key{"tiny-golden", "1.0.0", protocol, scorer, slice, metric}] {
						t.Errorf("no figure %s/%s/%s of %s", protocol, slice, metric, scorer)
					}
				}
			}
		}
	}
	if tr := r.Training; tr == nil || tr.Events != 144 || tr.Projects != 3 || tr.Organisations != 3 || len(tr.Platforms) != 3 {
		t.Errorf("training: %+v", tr)
	}
}

// What the model and the reports were made of must not be read from them.
func TestNothingOfAnEventLeaksIntoTheRun(t *testing.T) {
	w := shared(t)
	if len(w.secrets) < 300 {
		t.Fatalf("only %d texts to look for", len(w.secrets))
	}
	planted := []byte(`{"x":"` + base64.StdEncoding.EncodeToString([]byte("ab"+w.secrets[0]+"c")) + `"}`)
	if leaks(planted, w.secrets[:1]) == "" {
		t.Fatal("the search finds nothing where there is something")
	}
	for name, content := range files(t, w.run) {
		if s := leaks(content, w.secrets); s != "" {
			t.Errorf("%s holds %s", name, s)
		}
	}
	var stderr bytes.Buffer
	o := whorlIn(t, &environment{stderr: &stderr}, w.train(filepath.Join(t.TempDir(), "run"))...).ok()
	if s := leaks([]byte(o.stdout+stderr.String()), w.secrets); s != "" {
		t.Errorf("the terminal shows %s", s)
	}
}

// leaks names a secret that stands in content as it is, in another case, in
// hex or in base64 at any offset; "" if none does.
func leaks(content []byte, secrets []string) string {
	lower := bytes.ToLower(content)
	for _, s := range secrets {
		if bytes.Contains(lower, bytes.ToLower([]byte(s))) {
			return fmt.Sprintf("%q", s)
		}
		if bytes.Contains(lower, []byte(hex.EncodeToString([]byte(s)))) {
			return fmt.Sprintf("%q in hex", s)
		}
		for shift := range 3 {
			text := strings.Repeat("\x00", shift) + s
			text = text[:len(text)/3*3]
			for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				encoded := encoding.EncodeToString([]byte(text))
				if shift > 0 {
					encoded = encoded[4:] // what the bytes before shape too
				}
				if len(encoded) >= 8 && bytes.Contains(content, []byte(encoded)) {
					return fmt.Sprintf("%q in base64", s)
				}
			}
		}
	}
	return ""
}

// Without a key the run makes one, keeps it beside the run and from other
// eyes, and takes it up again, so that old lineages keep their meaning.
func TestFreshPseudonymKey(t *testing.T) {
	w := shared(t)
	out := filepath.Join(t.TempDir(), "run")
	args := w.train(out)
	i := slices.Index(args, "--pseudonym-key")
	args = slices.Delete(args, i, i+2)
	o := whorl(t, args...).ok()
	if !strings.Contains(o.stderr, out+".pseudonym-key") {
		t.Errorf("stderr does not name the key's file:\n%s", o.stderr)
	}
	info, err := os.Stat(out + ".pseudonym-key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key's file: %v, %v", info, err)
	}
	first := files(t, out)
	key, _ := os.ReadFile(out + ".pseudonym-key")
	for name, content := range first {
		if bytes.Contains(content, bytes.TrimSpace(key)) {
			t.Errorf("%s holds the key", name)
		}
	}
	whorl(t, append(args, "--replace")...).ok()
	if !bytes.Equal(first["lineage.json"], files(t, out)["lineage.json"]) {
		t.Error("a second run gave the organisations other pseudonyms")
	}
	if again, _ := os.ReadFile(out + ".pseudonym-key"); !bytes.Equal(key, again) {
		t.Error("a second run lost the first one's key")
	}
	fromEnvironment := whorlIn(t, &environment{getenv: func(name string) string {
		return map[string]string{"WHORL_PSEUDONYM_KEY": testKey}[name]
	}}, append(args, "--replace")...).ok()
	if !bytes.Equal(files(t, w.run)["lineage.json"], files(t, out)["lineage.json"]) {
		t.Errorf("the environment's key is not used: %s", fromEnvironment)
	}
}

func readTiny(t *testing.T, run string) *result.Result {
	t.Helper()
	r, err := readResult(filepath.Join(run, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openTiny(t *testing.T, run string) *model.Model {
	t.Helper()
	m, err := model.Open(filepath.Join(run, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tensors returns a model file's bytes behind its header.
func tensors(t *testing.T, run string) []byte {
	t.Helper()
	content := files(t, run)["model.safetensors"]
	n := 0
	for i := range 8 {
		n |= int(content[i]) << (8 * i)
	}
	return content[8+n:]
}

// command returns the program as a process of its own.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{name}, args...), Env: os.Environ()}
}
