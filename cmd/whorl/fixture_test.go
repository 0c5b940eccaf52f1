package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"whorl/features"
	"whorl/internal/exporttest"
)

// asOf is the as-of time of most tests: all that exporttest writes is in force.
var asOf = exporttest.AsOf.Format(time.RFC3339)

// testKey is the pseudonym key of all test runs.
const testKey = "a pseudonym key for tests"

// tinyConfig makes a run of about a second.
const tinyConfig = `
folds: 2
tuning_pairs: 1000
bins: 16
mining: {positives_per_group: 10, hard_negatives_per_event: 3, random_negatives_per_event: 2, pairs_per_project: 2000}
trees: {most: 6, leaves: 6, depth: 4, min_rows: 5}
baselines: {evaluations: 2}
eval: {resamples: 20, pairs_per_project: 600}
`

// world is one set of inputs and what a run made of it. Tests read it only.
type world struct {
	dir     string
	export  string
	golden  string
	config  string
	key     string
	run     string   // run directory of a train with the default seed
	secrets []string // texts of events, ids and labels that no output may hold
}

var (
	sharedOnce  sync.Once
	sharedWorld world
)

// shared returns the inputs and the run that all tests of the package share.
func shared(t *testing.T) *world {
	t.Helper()
	sharedOnce.Do(func() {
		dir, err := os.MkdirTemp(scratchDir, "shared-")
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, dir)
		w.run = filepath.Join(dir, "run")
		whorl(t, w.train(w.run)...).ok()
		sharedWorld = *w
	})
	if sharedWorld.run == "" {
		t.Fatal("the shared run failed")
	}
	return &sharedWorld
}

// newWorld writes a tiny export, a golden dataset, a configuration and a key.
func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{
		dir: dir, export: filepath.Join(dir, "export"), golden: filepath.Join(dir, "golden"),
		config: filepath.Join(dir, "tiny.yaml"), key: filepath.Join(dir, "key"),
	}
	rows, labels, secrets := tinyEvents("zanzibar", 3, 8, 6)
	w.secrets = append(w.secrets, secrets...)
	exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny"})
	rows, labels, secrets = tinyEvents("quagmire", 2, 7, 6)
	w.secrets = append(w.secrets, secrets...)
	exporttest.WriteGolden(t, w.golden, rows, labels, exporttest.Options{Name: "tiny-golden"})
	for path, content := range map[string]string{w.config: tinyConfig, w.key: testKey} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// train returns the arguments of a train of this world into out.
func (w *world) train(out string, more ...string) []string {
	return append([]string{
		"train", "--export", w.export, "--golden", w.golden, "--config", w.config,
		"--pseudonym-key", w.key, "--as-of", asOf, "--out", out,
	}, more...)
}

// tinyEvents makes labelled events: projects of two organisations at most a
// project, each with groups of events that share a stack but for its outer
// frames and the numbers in the message. Every text begins with canary or one
// of its derivatives; secrets lists the texts.
func tinyEvents(canary string, projects, groups, events int) (rows []exporttest.Row, labels []exporttest.Label, secrets []string) {
	random := rand.New(rand.NewPCG(1, uint64(len(canary))))
	platforms := []string{"javascript", "python", "java"}
	at := exporttest.AsOf.Add(-60 * 24 * time.Hour)
	note := func(s string) string {
		secrets = append(secrets, s)
		return s
	}
	for p := range projects {
		organisation, project := note(fmt.Sprintf("%s-org-%c", canary, 'a'+p)), note(fmt.Sprintf("%s-proj-%c", canary, 'a'+p))
		file := note(fmt.Sprintf("src/%sModule%c.js", canary, 'A'+p))
		for g := range groups {
			group := note(fmt.Sprintf("%s-grp-%c-%d", canary, 'a'+p, g))
			kind := note(fmt.Sprintf("%sFault%c", strings.ToUpper(canary[:1])+canary[1:], 'A'+g%5))
			value := fmt.Sprintf("%s wobbled%c%c badly at", canary, 'A'+p, 'A'+g)
			note(value)
			var stack []features.Frame
			for d := range 4 {
				shared := g
				if d >= 2 { // two groups crash in the same place
					shared = g / 2
				}
				stack = append(stack, features.Frame{
					Function: note(fmt.Sprintf("%sCall%c%c%c", canary, 'A'+p, 'A'+shared, 'A'+d)), Module: canary + ".deep", Filename: file,
					Line: int32(10*g + d + 1), Column: 7, InApp: features.Yes, ContextLine: note(fmt.Sprintf("return %sContext%c%c();", canary, 'A'+g, 'A'+d)),
				})
			}
			for k := range events {
				at = at.Add(time.Duration(1+random.IntN(40)) * time.Minute)
				outer := features.Frame{Function: fmt.Sprintf("%sOuter%c", canary, 'A'+random.IntN(4)), Filename: file, Line: 3, InApp: features.No}
				e := features.Event{
					ID: fmt.Sprintf("%s-event-%d-%d-%d", canary, p, g, k), OrgID: organisation, ProjectID: project, Time: at,
					Platform: platforms[p%len(platforms)], Release: canary + "-release-1", Environment: canary + "-stage",
					Exceptions: []features.Exception{{
						Type: kind, Value: fmt.Sprintf("%s %d", value, random.IntN(1e6)),
						Frames: append([]features.Frame{outer}, stack[random.IntN(2):]...),
					}},
				}
				rows = append(rows, exporttest.Row{Event: e})
				labels = append(labels, exporttest.Label{EventID: note(e.ID), GroupID: group, Source: "fault-injection", Confidence: 1, Slices: []string{"noise:none"}})
			}
		}
	}
	return rows, labels, append(secrets, canary)
}

// statusLine is a line that train writes while it works.
var statusLine = regexp.MustCompile(`^ *[0-9]+\.[0-9]s  .*\n$`)

// writePartial writes the export of the shared world with the labels of every
// second event alone. The text of organisation
// c may not be shown. It returns a ledger that goes on from the export's with a
// withdrawal of b.
func writePartial(t testing.TB, dir string) (withdrawn string) {
	t.Helper()
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	var half []exporttest.Label
	for i, l := range labels {
		if i%2 == 0 {
			half = append(half, l)
		}
	}
	var ledger []exporttest.Entry
	for _, c := range []string{"a", "b", "c"} {
		for _, purpose := range []string{"train_fingerprinting", "review_content"} {
			if c != "c" || purpose != "review_content" {
				ledger = append(ledger, exporttest.GrantEntry("zanzibar-org-"+c, purpose))
			}
		}
	}
	exporttest.Write(t, dir, rows, half, exporttest.Options{Name: "partial", Ledger: ledger})
	own, err := os.ReadFile(filepath.Join(dir, "consent-ledger.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	extended, _ := exporttest.ExtendLedger(t, own, exporttest.WithdrawEntry("zanzibar-org-b", "train_fingerprinting", "2026-11-01T00:00:00Z"))
	withdrawn = dir + "-withdrawn.jsonl"
	if err := os.WriteFile(withdrawn, extended, 0o644); err != nil {
		t.Fatal(err)
	}
	return withdrawn
}

// writeMixed writes an export of eight rows, of which two may train a
// fingerprinter and each of the others may not for a reason of its own.
func writeMixed(t testing.TB, dir string) {
	t.Helper()
	all, _, _ := tinyEvents("mixture", 3, 1, 5)
	a, b, c := all[:5], all[5], all[10] // one organisation each
	copied, conflicting, unwilling := a[0], a[2], a[3]
	conflicting.Message = "other content under the same id"
	unwilling.Purposes = []string{"evaluate_fingerprinting"}
	const train = "train_fingerprinting"
	exporttest.Write(t, dir, []exporttest.Row{a[0], a[1], copied, a[2], conflicting, unwilling, b, c}, nil, exporttest.Options{
		Name: "mixed",
		Ledger: []exporttest.Entry{
			exporttest.GrantEntry(a[0].OrgID, train), exporttest.GrantEntry(c.OrgID, train),
			exporttest.WithdrawEntry(c.OrgID, train, "2026-06-01T00:00:00Z"),
		},
	})
}

// writeLedgers writes ledgers that go on from an export's: with a withdrawal,
// with a grant after it that looks ahead alone, and one that parts from the
// first. It returns variables for paths and heads.
func writeLedgers(t testing.TB, export, dir string) map[string]string {
	t.Helper()
	const train = "train_fingerprinting"
	own, err := os.ReadFile(filepath.Join(export, "consent-ledger.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	grant := exporttest.GrantEntry("zanzibar-org-b", train)
	grant.EffectiveAt, grant.RecordedAt, grant.CoversEarlierEvents = "2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z", false
	project := "zanzibar-proj-c"
	other := exporttest.WithdrawEntry("zanzibar-org-c", train, "2026-11-19T00:00:00Z")
	other.ProjectID = &project
	out := map[string]string{}
	note := func(name string, data []byte, head string) []byte {
		out[name], out[name+"_HEAD"] = filepath.Join(dir, strings.ToLower(name)+".jsonl"), head
		if err := os.WriteFile(out[name], data, 0o644); err != nil {
			t.Fatal(err)
		}
		return data
	}
	extend := func(name string, ledger []byte, entries ...exporttest.Entry) []byte {
		data, head := exporttest.ExtendLedger(t, ledger, entries...)
		return note(name, data, head)
	}
	extend("LEDGER", own)
	withdrawn := extend("WITHDRAWN", own, exporttest.WithdrawEntry("zanzibar-org-b", train, "2026-11-01T00:00:00Z"))
	extend("REGRANTED", withdrawn, other, grant)
	extend("REWRITTEN", own, other)
	return out
}

// outcome is what a run of the program left.
type outcome struct {
	t              *testing.T
	args           []string
	code           int
	stdout, stderr string
}

// whorl runs the program in this process, with the clock at the as-of time.
func whorl(t *testing.T, args ...string) *outcome {
	t.Helper()
	return whorlIn(t, &environment{}, args...)
}

// whorlIn runs the program in a given environment, whose gaps it fills.
func whorlIn(t *testing.T, env *environment, args ...string) *outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env.args = args
	if env.stdout == nil {
		env.stdout = &stdout
	}
	if env.stderr == nil {
		env.stderr = &stderr
	}
	if env.now == nil {
		env.now = func() time.Time { return exporttest.AsOf }
	}
	if env.getenv == nil {
		env.getenv = func(string) string { return "" }
	}
	if env.workers == 0 {
		env.workers = 2
	}
	code := run(env)
	return &outcome{t, args, code, stdout.String(), stderr.String()}
}

func (o *outcome) String() string {
	return fmt.Sprintf("whorl %s\nstatus %d\nstdout:\n%s\nstderr:\n%s", strings.Join(o.args, " "), o.code, o.stdout, o.stderr)
}

// ok demands success.
func (o *outcome) ok() *outcome {
	o.t.Helper()
	if o.code != 0 {
		o.t.Fatalf("failed: %s", o)
	}
	return o
}

// fails demands exit 1 and, on standard error, nothing but one line that
// begins with the program's name and holds all of want.
func (o *outcome) fails(want ...string) *outcome {
	o.t.Helper()
	if o.code != 1 {
		o.t.Fatalf("want exit 1: %s", o)
	}
	if o.stdout != "" {
		o.t.Errorf("output before a failure: %s", o)
	}
	if strings.Count(o.stderr, "\n") != 1 || !strings.HasPrefix(o.stderr, "whorl: ") || !strings.HasSuffix(o.stderr, "\n") {
		o.t.Errorf("want exactly one line on stderr: %s", o)
	}
	for _, s := range want {
		if !strings.Contains(o.stderr, s) {
			o.t.Errorf("stderr does not hold %q: %s", s, o)
		}
	}
	return o
}

// files returns the content of every file below dir, by slash-separated path.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// names returns the entries of a directory, hidden ones included.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// sameRun fails unless out, a run of the world w, holds what the run of the
// world want does, but for where the worlds lie.
func sameRun(t testing.TB, want, w *world, out string) {
	t.Helper()
	path := filepath.Join(out, lineageFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(content, []byte(w.dir), []byte(want.dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, want.run, out)
}

// sameFiles fails unless two directories hold the same files, byte for byte.
func sameFiles(t testing.TB, want, got string) {
	t.Helper()
	a, b := files(t, want), files(t, got)
	for name, content := range a {
		other, ok := b[name]
		if !ok {
			t.Errorf("%s is missing from %s", name, got)
		} else if !bytes.Equal(content, other) {
			t.Errorf("%s differs between %s and %s (%d and %d bytes)", name, want, got, len(content), len(other))
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			t.Errorf("%s stands in %s only", name, got)
		}
	}
	if len(a) == 0 {
		t.Errorf("%s is empty", want)
	}
}
