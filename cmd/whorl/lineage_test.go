package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleLineage is a lineage as train wrote it, by hand made small.
func sampleLineage(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "lineage.json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// settingsLineage is the sample as tune would have written it.
func settingsLineage(t testing.TB) []byte {
	t.Helper()
	l, err := parseLineage(sampleLineage(t))
	if err != nil {
		t.Fatal(err)
	}
	l.ModelSHA256, l.ModelVersion, l.Golden, l.SettingsSHA256 = "", "", []lineageGolden{}, strings.Repeat("a", 64)
	return encode(t, l)
}

// What train writes is read as it was meant, and means what was used.
func TestLineageOfARun(t *testing.T) {
	w := shared(t)
	l, err := readLineage(w.run)
	if err != nil {
		t.Fatal(err)
	}
	key, used := pseudonymKey(testKey), map[string]map[string]bool{}
	for _, c := range []string{"a", "b", "c"} {
		used["zanzibar-org-"+c] = map[string]bool{"zanzibar-proj-" + c: true}
	}
	x := l.Exports[0]
	if diff := cmp.Diff(pseudonyms(key, used), x.Organisations); diff != "" {
		t.Errorf("organisations: %s", diff)
	}
	if l.PseudonymKey != key.fingerprint() || x.Dir != w.export || x.LedgerID != "tiny-ledger" || x.LedgerEntries != 15 || l.AllowProjectOverlap || !slices.Equal(x.AcceptPolicies, []string{"2026-02"}) {
		t.Errorf("lineage: %+v", l)
	}
	if g := l.Golden; len(g) != 1 || g[0].Dir != w.golden || g[0].Name != "tiny-golden" || g[0].Version != "1.0.0" {
		t.Errorf("golden datasets: %+v", g)
	}
	if m := openTiny(t, w.run); l.ModelVersion != m.Version() {
		t.Errorf("model version %s, want %s", l.ModelVersion, m.Version())
	}
}

// Names that could be read in two ways have two pseudonyms.
func TestPseudonymsAreApart(t *testing.T) {
	key := pseudonymKey(testKey)
	seen := map[string]string{}
	note := func(what, pseudonym string) {
		if other, ok := seen[pseudonym]; ok {
			t.Errorf("%s and %s have one pseudonym", what, other)
		}
		seen[pseudonym] = what
	}
	for _, org := range []string{"a", "ab", "a\x00", "1\x00a", "project\x001\x00ab", ""} {
		note("organisation "+org, key.organisation(org))
		for _, project := range []string{"b", "", "bb", "\x00b", "a"} {
			note("project "+org+"|"+project, key.project(org, project))
		}
	}
	note("organisation a of another key", pseudonymKey(testKey+"!").organisation("a"))
}

func TestParseLineageRefuses(t *testing.T) {
	good := string(sampleLineage(t))
	if _, err := parseLineage([]byte(good)); err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("a", 64)
	for _, c := range []struct{ old, new, says string }{
		{"whorl.lineage/2", "whorl.lineage/1", `format "whorl.lineage/1" is not the "whorl.lineage/2" of this version; train again`},
		{"whorl.lineage/2", "whorl.lineage/3", "use the version that wrote it"},
		{"whorl.lineage/2", "whorl.model/1", "format is"},
		{`"purpose": "train_`, `"purpose": "retrain_`, "purpose: "},
		{`"as_of": "2026`, `"as_of": "x`, "as_of"},
		{`"data_sha256": "`, `"data_sha256": "x`, "data_sha256"},
		{`"model_sha256": "`, `"model_sha256": "A`, "model_sha256"},
		{`"pseudonym_key": "`, `"pseudonym_key": "0`, "pseudonym_key"},
		{`"manifest_sha256": "`, `"manifest_sha256": "0`, "exports[0].manifest_sha256"},
		{`"ledger_head": "`, `"ledger_head": "0`, "exports[0].ledger_head"},
		{`"ledger_entries": 9`, `"ledger_entries": 0`, "exports[0].ledger_entries"},
		{`"ledger_entries": 9`, `"ledger_entries": "9"`, "ledger_entries"},
		{`"dir": "export"`, `"dir": ""`, "exports[0].dir"},
		{`"dir": "golden"`, `"dir": ""`, "golden[0]"},
		{`"allowed": 6`, `"allowed": 7`, "10 rows, but 7 allowed and 4 denied"},
		{`"allowed": 6`, `"allowed": 0`, "0 allowed of 10 rows"},
		{`"withdrawn": 4`, `"withdrawn": -4`, "out of range"},
		{`"purpose"`, `"Purpose"`, "differs from a known one in case only"},
		{`"purpose"`, `"format"`, "duplicate key"},
		{`"purpose"`, `"more": 1, "purpose"`, "unknown field"},
		{`"projects": [`, `"projects": ["x", `, "project's pseudonym"},
		{`"pseudonym": "`, `"pseudonym": "x`, "a pseudonym is no SHA-256"},
		{`"organisations": [`, `"organisations": [{"pseudonym": "` + hash + `", "projects": []}, `, "projects are missing"},
		{`"exports": [`, `"exports": [], "x": [`, "unknown field"},
		{`"purpose"`, `"stack_rules": {"file": "", "sha256": "` + hash + `"}, "purpose"`, "stack_rules.file"},
		{`"purpose"`, `"stack_rules": {"file": "a"}, "purpose"`, "stack_rules.sha256 is no SHA-256"},
		{`"purpose"`, `"stack_rules": {"file": "a", "sha256": "` + hash + `", "more": 1}, "purpose"`, "unknown field"},
		{`"purpose"`, `"labels": [{"file": "a", "sha256": "` + hash + `"}, {"file": "", "sha256": "` + hash + `"}], "purpose"`, "labels[1].file is missing"},
		{`"purpose"`, `"labels": [{"file": "a", "sha256": "A"}], "purpose"`, "labels[0].sha256 is no SHA-256"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%s is not in the sample", c.old)
		}
		if _, err := parseLineage([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.new, err, c.says)
		}
	}
	tuned := settingsLineage(t)
	if l, err := parseLineage(tuned); err != nil || l.SettingsSHA256 != hash {
		t.Errorf("the lineage of settings: %+v, %v", l, err)
	}
	for _, c := range []struct{ old, new, says string }{
		{`"settings_sha256":"a`, `"settings_sha256":"x`, "settings_sha256 is no SHA-256"},
		{`"settings_sha256":"` + hash + `"`, `"settings_sha256":""`, "golden is missing"},
		{`"model_version":""`, `"model_version":"m-1"`, "settings_sha256 stands beside a model"},
		{`"model_sha256":""`, `"model_sha256":"` + hash + `"`, "settings_sha256 stands beside a model"},
		{`"golden":[]`, `"golden":[{"dir":"g","name":"g","version":"1","sha256":"` + hash + `"}]`, "settings_sha256 stands beside a model or golden datasets"},
	} {
		bad := strings.Replace(string(tuned), c.old, c.new, 1)
		if bad == string(tuned) {
			t.Fatalf("%s is not in the sample", c.old)
		}
		if _, err := parseLineage([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.new, err, c.says)
		}
	}
	for n := range good[:len(good)-2] {
		if _, err := parseLineage([]byte(good[:n])); err == nil {
			t.Fatalf("cut at byte %d it is accepted", n)
		}
	}
}

// A lineage that is accepted survives being written again, and what the
// verbs take from it is in bounds.
func FuzzLineage(f *testing.F) {
	good := sampleLineage(f)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"purpose"`), []byte(`"stack_rules": {"file": "a", "sha256": "`+strings.Repeat("a", 64)+`"}, "purpose"`), 1))
	f.Add(settingsLineage(f))
	f.Add(bytes.Replace(good, []byte("lineage/2"), []byte("lineage/1"), 1))
	f.Add(bytes.Replace(good, []byte(`"rows": 10`), []byte(`"rows": 9223372036854775807`), 1))
	f.Add([]byte(`{"format":"whorl.lineage/2","exports":[{}],"golden":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseLineage(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q has more than one line", err)
			}
			return
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		second, err := parseLineage(again)
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if diff := cmp.Diff(l, second); diff != "" {
			t.Fatal(diff)
		}
		for _, x := range l.Exports {
			if x.LedgerEntries < 1 || len(x.LedgerHead) != 64 || x.Allowed > x.Rows || len(x.Organisations) == 0 || x.Dir == "" {
				t.Fatalf("accepted %+v", x)
			}
		}
		if len(l.organisations()) == 0 || len(l.PseudonymKey) != 64 {
			t.Fatalf("accepted %+v", l)
		}
	})
}
