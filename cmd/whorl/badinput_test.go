package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/eval/result"
	"whorl/internal/exporttest"
)

// Each bad input ends the run with exit 1, one line that names the place and
// the remedy, and nothing left.
func TestTrainRefusesBadInput(t *testing.T) {
	const export, golden = "export/", "golden/"
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	goldenRows, goldenLabels, _ := tinyEvents("quagmire", 2, 7, 6)
	grants := func(change func(*exporttest.Entry)) []exporttest.Entry {
		var out []exporttest.Entry
		for _, org := range []string{"zanzibar-org-a", "zanzibar-org-b", "zanzibar-org-c"} {
			e := exporttest.GrantEntry(org, "train_fingerprinting")
			change(&e)
			out = append(out, e)
		}
		return out
	}
	for _, c := range []struct {
		name string
		// spoil changes a good world; it may return further arguments.
		spoil func(t *testing.T, w *world) []string
		want  []string // the line names the place, says what is wrong and what to do
		late  bool     // found after status lines were written
	}{
		{"no export", func(t *testing.T, w *world) []string { return remove(t, w.export) }, []string{"export", "name the directory"}, false},
		{"no manifest", func(t *testing.T, w *world) []string { return remove(t, w.export+"/manifest.json") }, []string{export + "manifest.json", "does not exist", "copy the whole directory"}, false},
		{"broken manifest", func(t *testing.T, w *world) []string {
			return write(t, w.export+"/manifest.json", []byte(`{"format":"whorl.export/1",`))
		}, []string{export + "manifest.json"}, false},
		{"newer export", func(t *testing.T, w *world) []string {
			exporttest.Edit(t, w.export, func(m map[string]any) { m["format"] = "whorl.export/2" })
			return nil
		}, []string{export + "manifest.json", "whorl.export/2", "newer"}, false},
		{"missing events file", func(t *testing.T, w *world) []string { return remove(t, w.export+"/events.parquet") }, []string{export + "events.parquet", "does not exist", "copy the whole directory"}, false},
		{"missing labels file", func(t *testing.T, w *world) []string { return remove(t, w.export+"/labels.parquet") }, []string{export + "labels.parquet", "does not exist", "copy the whole directory"}, false},
		{"truncated events file", func(t *testing.T, w *world) []string {
			return change(t, w.export+"/events.parquet", func(b []byte) []byte { return b[:len(b)-1] })
		}, []string{export + "events.parquet", "bytes", "again"}, false},
		{"altered events file", func(t *testing.T, w *world) []string {
			return change(t, w.export+"/events.parquet", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, []string{export + "events.parquet", "sha256", "again"}, false},
		{"altered labels file", func(t *testing.T, w *world) []string {
			return change(t, w.export+"/labels.parquet", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, []string{export + "labels.parquet", "sha256", "again"}, false},
		{"no Parquet under a right digest", func(t *testing.T, w *world) []string {
			exporttest.Replace(t, w.export, "events.parquet", []byte("PAR1 this is not it PAR1"), -1)
			return nil
		}, []string{export + "events.parquet"}, false},
		{"more rows in the manifest", func(t *testing.T, w *world) []string {
			exporttest.Edit(t, w.export, func(m map[string]any) { m["files"].([]any)[0].(map[string]any)["rows"] = 145 })
			return nil
		}, []string{export + "events.parquet", "144", "145"}, false},
		{"missing column", func(t *testing.T, w *world) []string {
			type row struct {
				EventID string `parquet:"event_id"`
				OrgID   string `parquet:"org_id"`
			}
			exporttest.Replace(t, w.export, "events.parquet", exporttest.Parquet(t, []row{{"a", "b"}}), 1)
			return nil
		}, []string{export + "events.parquet", "project_id", "missing"}, false},
		{"missing label column", func(t *testing.T, w *world) []string {
			type row struct {
				EventID string `parquet:"event_id"`
			}
			exporttest.Replace(t, w.export, "labels.parquet", exporttest.Parquet(t, []row{{"a"}}), 1)
			return nil
		}, []string{export + "labels.parquet", "group_id", "missing"}, false},
		{"label out of range", func(t *testing.T, w *world) []string {
			bad := slices.Clone(labels)
			bad[2].Confidence = 2
			exporttest.Replace(t, w.export, "labels.parquet", exporttest.Parquet(t, bad), len(bad))
			return nil
		}, []string{export + "labels.parquet", "row 3", "confidence", "[0, 1]"}, false},
		{"empty export", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, rows[:0], labels[:0], exporttest.Options{})
			return nil
		}, []string{"export", "no allowed event", "no row", "export again"}, false},
		{"unlabelled export", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, rows, nil, exporttest.Options{})
			return nil
		}, []string{"export", "none of 144", "label", "list a file with the role labels"}, false},
		{"labels of other events", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, rows, goldenLabels, exporttest.Options{})
			return nil
		}, []string{"export", "none of 144", "label"}, false},
		{"no consented row", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Ledger: grants(func(e *exporttest.Entry) { e.Purpose = "evaluate_fingerprinting" })})
			return nil
		}, []string{"export", "no allowed event of 144 rows", "train_fingerprinting", "no_grant 144", "whorl datasets stats"}, false},
		{"all withdrawn", func(t *testing.T, w *world) []string {
			entries := grants(func(*exporttest.Entry) {})
			for _, e := range entries {
				entries = append(entries, exporttest.WithdrawEntry(e.OrgID, e.Purpose, "2026-03-01T00:00:00Z"))
			}
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Ledger: entries})
			return nil
		}, []string{"export", "withdrawn 144"}, false},
		{"rows without consent", func(t *testing.T, w *world) []string {
			bad := slices.Clone(rows)
			for i := range bad {
				bad[i].Purposes = []string{"generative_ai"}
			}
			exporttest.Write(t, w.export, bad, labels, exporttest.Options{})
			return nil
		}, []string{"export", "row_consent_missing 144"}, false},
		{"no positive pair", func(t *testing.T, w *world) []string {
			bad := slices.Clone(labels)
			for i := range bad {
				bad[i].GroupID = bad[i].EventID
			}
			exporttest.Write(t, w.export, rows, bad, exporttest.Options{})
			return nil
		}, []string{"export", "no positive pair", "144 labelled events", "add labelled events"}, true},
		{"no negative pair", func(t *testing.T, w *world) []string {
			bad := slices.Clone(labels)
			for i := range bad {
				bad[i].GroupID = rows[i].ProjectID
			}
			exporttest.Write(t, w.export, rows, bad, exporttest.Options{})
			return nil
		}, []string{"export", "no negative pair"}, true},
		{"a project of two organisations", func(t *testing.T, w *world) []string {
			bad := slices.Clone(rows)
			bad[0].OrgID = bad[len(bad)-1].OrgID
			exporttest.Write(t, w.export, bad, labels, exporttest.Options{})
			return nil
		}, []string{"export", "zanzibar-proj-a", "two organisations"}, false},
		{"the same export twice", func(t *testing.T, w *world) []string { return []string{"--export", w.export} }, []string{"export", "give each event once"}, false},
		{"altered ledger", func(t *testing.T, w *world) []string {
			return change(t, w.export+"/consent-ledger.jsonl", func(b []byte) []byte { return bytes.Replace(b, []byte("2026-02"), []byte("2026-03"), 1) })
		}, []string{export + "consent-ledger.jsonl", "line 2", "hash", "changed"}, false},
		{"cut ledger", func(t *testing.T, w *world) []string {
			return change(t, w.export+"/consent-ledger.jsonl", func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		}, []string{export + "consent-ledger.jsonl", "entries", "take the ledger that belongs to the export"}, false},
		{"no ledger", func(t *testing.T, w *world) []string { return remove(t, w.export+"/consent-ledger.jsonl") }, []string{export + "consent-ledger.jsonl"}, false},
		{"ledger from the future", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, rows, labels, exporttest.Options{Ledger: grants(func(e *exporttest.Entry) { e.RecordedAt = "2026-11-21T00:00:01Z" })})
			return nil
		}, []string{"export", "ledger", "2026-11-21T00:00:01Z", "later as-of time"}, false},

		{"as-of before every event", func(t *testing.T, w *world) []string { return []string{"--as-of", "2026-02-01T00:00:00Z"} }, []string{"golden", "no allowed event", "event_time_future 84"}, false},

		{"no golden dataset", func(t *testing.T, w *world) []string { return remove(t, w.golden) }, []string{"golden", "name the directory"}, false},
		{"altered golden events", func(t *testing.T, w *world) []string {
			return change(t, w.golden+"/events.parquet", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, []string{golden + "events.parquet", "sha256", "again"}, false},
		{"altered golden labels", func(t *testing.T, w *world) []string {
			return change(t, w.golden+"/labels.parquet", func(b []byte) []byte { return b[:len(b)-3] })
		}, []string{golden + "labels.parquet", "bytes", "again"}, false},
		{"unlabelled golden dataset", func(t *testing.T, w *world) []string {
			exporttest.WriteGolden(t, w.golden, goldenRows, nil, exporttest.Options{})
			return nil
		}, []string{"golden", "none of 84 events", "dataset.json"}, false},
		{"golden dataset that may not be used", func(t *testing.T, w *world) []string {
			bad := slices.Clone(goldenRows)
			for i := range bad {
				bad[i].Purposes = []string{"train_fingerprinting"}
			}
			exporttest.WriteGolden(t, w.golden, bad, goldenLabels, exporttest.Options{})
			return nil
		}, []string{"golden", "no allowed event", "row_consent_missing 84", "whorl datasets stats"}, false},
		{"the same golden dataset twice", func(t *testing.T, w *world) []string { return []string{"--golden", w.golden} }, []string{"golden", "give each golden dataset once"}, false},
		{"an export as golden dataset", func(t *testing.T, w *world) []string { return []string{"--golden", w.export} }, []string{export + "dataset.json"}, false},
		{"golden event in the export", func(t *testing.T, w *world) []string {
			bad := slices.Clone(rows)
			bad[5].ID = goldenRows[9].ID
			exporttest.Write(t, w.export, bad, labels, exporttest.Options{})
			return []string{"--allow-project-overlap"}
		}, []string{"tiny-golden 1.0.0", "export", "quagmire-event-0-1-3", "remove them"}, false},
		{"golden project in the export", func(t *testing.T, w *world) []string {
			exporttest.Write(t, w.export, sameProject(rows, goldenRows[0].ProjectID), labels, exporttest.Options{})
			return nil
		}, []string{"tiny-golden 1.0.0", "export", "quagmire-proj-a", "remove them, or", "--allow-project-overlap"}, false},

		{"existing --out", func(t *testing.T, w *world) []string {
			return []string{"--out", w.export}
		}, []string{"export exists", "--replace"}, false},
		{"--replace of what is no run", func(t *testing.T, w *world) []string {
			return []string{"--out", w.export, "--replace"}
		}, []string{"export", "no run directory", "another --out"}, false},
		{"--replace of a file", func(t *testing.T, w *world) []string {
			return []string{"--out", w.config, "--replace"}
		}, []string{"tiny.yaml", "no run directory", "another --out"}, false},
		{"--out in no directory", func(t *testing.T, w *world) []string {
			return []string{"--out", filepath.Join(w.dir, "not", "there")}
		}, []string{"--out", "not is no directory", "create it first"}, false},
		{"--out in a file", func(t *testing.T, w *world) []string {
			return []string{"--out", filepath.Join(w.config, "run")}
		}, []string{"--out", "tiny.yaml is no directory", "create it first"}, false},
		{"--out without a name", func(t *testing.T, w *world) []string { return []string{"--out", "."} }, []string{"--out .", "name of its own"}, false},

		{"no configuration", func(t *testing.T, w *world) []string { return remove(t, w.config) }, []string{"tiny.yaml", "give a YAML file"}, false},
		{"unknown key", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("folds: 2\ntreees: 5\n")) },
			[]string{"tiny.yaml: line 2: unknown key treees;", "config.yaml"}, false},
		{"unknown key within", func(t *testing.T, w *world) []string {
			return write(t, w.config, []byte("trees:\n  most: 5\n  mots: 5\neval:\n  x: 1\n"))
		},
			[]string{"tiny.yaml: line 3: unknown key mots, line 5: unknown key x;", "config.yaml"}, false},
		{"key given twice", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("folds: 2\nfolds: 3\n")) },
			[]string{"tiny.yaml", "line 2", "folds"}, false},
		{"value of the wrong type", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("folds: many\n")) },
			[]string{"tiny.yaml", "line 1", "many"}, false},
		{"value out of range", func(t *testing.T, w *world) []string {
			return write(t, w.config, []byte("trees: {learning_rate: .nan}\n"))
		},
			[]string{"tiny.yaml", "trees.learning_rate", "must lie in [0.0001,1]"}, false},
		{"more trees than a model holds", func(t *testing.T, w *world) []string {
			return write(t, w.config, []byte("bags: 3\ntrees: {most: 2000}\n"))
		},
			[]string{"tiny.yaml", "bags times trees.most is 6000", "at most 4096"}, false},
		{"unknown feature", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("without_features: [nope]\n")) },
			[]string{"tiny.yaml", "without_features", "nope", "whorl features --list"}, false},
		{"unknown baseline", func(t *testing.T, w *world) []string {
			return write(t, w.config, []byte("eval: {baselines: [fastest]}\n"))
		},
			[]string{"tiny.yaml", "eval.baselines", "fastest", "static"}, false},
		{"bad model version", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("model_version: My Model\n")) },
			[]string{"tiny.yaml", "model_version", "My Model", "lower-case"}, false},
		{"two documents", func(t *testing.T, w *world) []string { return write(t, w.config, []byte("folds: 2\n---\nfolds: 3\n")) },
			[]string{"tiny.yaml", "more than one YAML document"}, false},
		{"no pseudonym key", func(t *testing.T, w *world) []string { return remove(t, w.key) }, []string{"key", "--pseudonym-key"}, false},
		{"short pseudonym key", func(t *testing.T, w *world) []string { return write(t, w.key, []byte("short")) }, []string{"key", "at least 16 bytes"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			args := w.train(filepath.Join(w.dir, "run"))
			for i, more := 0, c.spoil(t, w); i < len(more); i++ {
				// Given again, a flag of one value replaces the first.
				if at := slices.Index(args, more[i]); at >= 0 && (more[i] == "--out" || more[i] == "--as-of") {
					args[at+1] = more[i+1]
					i++
					continue
				}
				args = append(args, more[i])
			}
			before := listing(t, w.dir)
			o := whorl(t, args...)
			if c.late { // what was done so far stands above the line
				o = last(o)
			}
			o.fails(c.want...)
			if diff := cmp.Diff(before, listing(t, w.dir)); diff != "" {
				t.Errorf("left behind or lost (-before +after):\n%s", diff)
			}
		})
	}
}

// Only files of the manifest are read: anything else in the directory may be
// as broken as it likes.
func TestUnlistedFilesAreNotRead(t *testing.T) {
	w := newWorld(t, t.TempDir())
	for _, dir := range []string{w.export, w.golden} {
		write(t, filepath.Join(dir, "events-00001.parquet"), []byte("PAR1 no, PAR1"))
		write(t, filepath.Join(dir, "labels-2.parquet"), nil)
		write(t, filepath.Join(dir, "pairs.parquet"), []byte("x"))
	}
	out := filepath.Join(w.dir, "run")
	whorl(t, w.train(out)...).ok()
	sameRun(t, shared(t), w, out)
}

func TestProjectOverlapIsAllowedAndReported(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	exporttest.Write(t, w.export, sameProject(rows, "quagmire-proj-a"), labels, exporttest.Options{})
	out := filepath.Join(w.dir, "run")
	whorl(t, w.train(out, "--allow-project-overlap")...).ok()
	for _, name := range []string{"result.json", "report.html", "report.md", "card.md", "log.jsonl"} {
		want := "allow-project-overlap"
		if name == "log.jsonl" {
			want = "project_overlap"
		}
		if !strings.Contains(string(files(t, out)[name]), want) {
			t.Errorf("%s does not say that projects overlap", name)
		}
	}
}

// A pair beats the groups that its events stand in, and the run says so.
func TestContradictingPairsAreReported(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	pairs := []exporttest.Pair{
		{A: rows[0].ID, B: rows[1].ID, Label: "SEPARATE", Confidence: 1, Source: "human"},
		{A: rows[0].ID, B: rows[2].ID, Label: "GROUP", Confidence: 1, Source: "human"},
	}
	exporttest.Write(t, w.export, rows, labels, exporttest.Options{Name: "tiny", Pairs: pairs})
	out := filepath.Join(w.dir, "run")
	whorl(t, w.train(out)...).ok()
	found := 0
	for _, warning := range readTiny(t, out).Warnings {
		if warning.Code == "contradicting_pairs" {
			found++
			if !strings.Contains(warning.Text, "1 explicit pair") {
				t.Errorf("warning: %s", warning.Text)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d warnings of contradicting pairs, want 1", found)
	}
	if bytes.Equal(tensors(t, out), tensors(t, shared(t).run)) {
		t.Error("the pair changed nothing")
	}
}

// A group of two projects is two groups, and the run says so.
func TestGoldenGroupAcrossProjects(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("quagmire", 2, 7, 6)
	for i := range labels {
		labels[i].GroupID = strings.Replace(labels[i].GroupID, "grp-b", "grp-a", 1)
	}
	exporttest.WriteGolden(t, w.golden, rows, labels, exporttest.Options{Name: "tiny-golden"})
	out := filepath.Join(w.dir, "run")
	whorl(t, w.train(out)...).ok()
	r, apart := readTiny(t, out), readTiny(t, shared(t).run)
	if diff := cmp.Diff(apart.Figures, r.Figures); diff != "" {
		t.Errorf("the figures differ from those of groups with names of their own:\n%s", diff)
	}
	if !slices.ContainsFunc(r.Warnings, func(w result.Warning) bool {
		return w.Code == "groups_across_projects" && w.Dataset == "tiny-golden" && strings.HasPrefix(w.Text, "7 groups")
	}) {
		t.Errorf("no warning: %+v", r.Warnings)
	}
}

// A golden dataset of explicit pairs alone is judged as far as it goes.
func TestGoldenOfPairsAlone(t *testing.T) {
	w := newWorld(t, t.TempDir())
	rows, labels, _ := tinyEvents("quagmire", 2, 7, 6)
	var pairs []exporttest.Pair
	for i := range 40 {
		p := exporttest.Pair{A: rows[i].ID, B: rows[i+1].ID, Label: "SEPARATE", Confidence: 1, Source: "human"}
		if labels[i].GroupID == labels[i+1].GroupID {
			p.Label = "GROUP"
		}
		pairs = append(pairs, p)
	}
	exporttest.WriteGolden(t, w.golden, rows, nil, exporttest.Options{Name: "tiny-pairs", Pairs: pairs})
	out := filepath.Join(w.dir, "run")
	whorl(t, w.train(out)...).ok()
	r := readTiny(t, out)
	protocols := map[string]bool{}
	for _, f := range r.Figures {
		protocols[f.Protocol] = true
	}
	if !protocols[result.ProtocolPairs] || len(protocols) != 1 || r.Datasets[0].Pairs != 40 {
		t.Errorf("figures of %v, %d pairs", protocols, r.Datasets[0].Pairs)
	}
}

// --replace puts a new run where an old one stood, or in an empty directory.
func TestReplace(t *testing.T) {
	w := newWorld(t, t.TempDir())
	out := filepath.Join(w.dir, "run")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	whorl(t, w.train(out)...).fails("exists", "--replace")
	whorl(t, w.train(out, "--replace", "--seed", "2")...).ok()
	whorl(t, w.train(out, "--replace")...).ok()
	sameRun(t, shared(t), w, out)
	if got := names(t, w.dir); !slices.Equal(got, []string{"export", "golden", "key", "run", "tiny.yaml"}) {
		t.Errorf("left beside the run: %q", got)
	}
}

// sameProject returns rows of which the first project has another name.
func sameProject(rows []exporttest.Row, name string) []exporttest.Row {
	out := slices.Clone(rows)
	for i := range out {
		if out[i].ProjectID == rows[0].ProjectID {
			out[i].ProjectID = name
		}
	}
	return out
}

// listing returns the names and contents below a directory, to tell what changed.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, content := range files(t, dir) {
		out[name] = string(content)
	}
	for _, name := range names(t, dir) { // empty directories too
		out[name] += ""
	}
	return out
}

func remove(t *testing.T, path string) []string {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	return nil
}

func write(t *testing.T, path string, content []byte) []string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return nil
}

func change(t *testing.T, path string, to func([]byte) []byte) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := to(bytes.Clone(content))
	if bytes.Equal(content, changed) {
		t.Fatalf("%s was not changed", path)
	}
	return write(t, path, changed)
}
