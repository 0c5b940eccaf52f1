package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/datasets"
	"whorl/internal/exporttest"
)

// put writes files by path below dir.
func put(t testing.TB, dir string, content map[string][]byte) {
	t.Helper()
	for path, data := range content {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// lineageOf is the lineage of a run that was judged by a ledger of so many
// entries.
func lineageOf(key pseudonymKey, head string, entries int, used map[string]map[string]bool) *lineage {
	hash := strings.Repeat("ab", 32)
	return &lineage{
		Format: lineageFormat, Purpose: datasets.TrainFingerprinting, AsOf: asOf, DataSHA256: hash, ModelSHA256: hash, ModelVersion: "m-1",
		Exports: []lineageExport{{
			Dir: "export", ManifestSHA256: hash, LedgerID: "ledger", LedgerHead: head, LedgerEntries: int64(entries),
			AcceptPolicies: []string{exporttest.PolicyVersion}, Rows: 10, Allowed: 10, Organisations: pseudonyms(key, used),
		}},
		Golden:       []lineageGolden{{Dir: "golden", Name: "g", Version: "1", SHA256: hash}},
		PseudonymKey: key.fingerprint(),
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// reachedSlowly goes through all entries for every project: the seq of the
// earliest withdrawal that reaches it, 0 for none.
func reachedSlowly(entries []exporttest.Entry, run int, org, project string) int {
	covers := func(e exporttest.Entry, action string) bool {
		return e.Action == action && e.Purpose == "train_fingerprinting" && e.OrgID == org && (e.ProjectID == nil || *e.ProjectID == project)
	}
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err)
		}
		return t
	}
	var used, now *exporttest.Entry
	for i := range entries {
		e := &entries[i]
		if !covers(*e, "grant") {
			continue
		}
		if i < run && (used == nil || !at(e.EffectiveAt).Before(at(used.EffectiveAt))) {
			used = e
		}
		if now == nil || !at(e.EffectiveAt).Before(at(now.EffectiveAt)) {
			now = e
		}
	}
	against := used
	if now != nil && now.CoversEarlierEvents && now.PolicyVersion == exporttest.PolicyVersion &&
		!at(now.EffectiveAt).After(exporttest.AsOf) && at(*now.ExpiresAt).After(exporttest.AsOf) {
		against = now
	}
	first := 0
	for i, e := range entries {
		if covers(e, "withdraw") && (against == nil || at(against.EffectiveAt).Sub(at(e.EffectiveAt)) <= 5*time.Minute) &&
			(first == 0 || at(e.EffectiveAt).Before(at(entries[first-1].EffectiveAt))) {
			first = i + 1
		}
	}
	return first
}

// On random ledgers and runs the verb lists what a search through everything
// finds, and no more.
func TestWithdrawalsAgreeWithASearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	orgs, projects := []string{"a", "b", "c"}, []string{"p", "q", "r"}
	listed, clear := 0, 0
	for range 40 {
		dir := t.TempDir()
		entries := make([]exporttest.Entry, 1+rng.IntN(14))
		for i := range entries {
			when := exporttest.AsOf.Add(time.Duration(rng.IntN(200)-190) * 2 * time.Minute).Format(time.RFC3339)
			e := exporttest.GrantEntry(orgs[rng.IntN(3)], []string{"train_fingerprinting", "train_fingerprinting", "generative_ai"}[rng.IntN(3)])
			if rng.IntN(3) == 0 {
				e.Action, e.ExpiresAt = "withdraw", nil
			} else if rng.IntN(6) == 0 {
				e.PolicyVersion = "other"
			}
			e.EffectiveAt, e.CoversEarlierEvents = when, rng.IntN(2) == 0
			if k := rng.IntN(5); k < len(projects) {
				e.ProjectID = &projects[k]
			}
			entries[i] = e
		}
		data, _ := exporttest.LedgerBytes(t, entries)
		put(t, dir, map[string][]byte{"ledger": data})
		want := map[string][]int{}
		for r := range 6 {
			key := pseudonymKey(fmt.Sprintf("key of some runs %d", r%3))
			run := 1 + rng.IntN(len(entries))
			used := map[string]map[string]bool{}
			seqs := map[int]bool{}
			name := filepath.Join(dir, "runs", fmt.Sprintf("run-%d", r))
			for _, org := range orgs {
				for _, project := range append(projects, "unnamed") {
					if rng.IntN(3) > 0 {
						continue
					}
					if used[org] == nil {
						used[org] = map[string]bool{}
					}
					used[org][project] = true
					if seq := reachedSlowly(entries, run, org, project); seq > 0 {
						seqs[seq] = true
					}
				}
			}
			if len(used) == 0 {
				used["d"] = map[string]bool{"p": true}
			}
			if len(seqs) > 0 {
				for seq := range seqs {
					want[name] = append(want[name], seq)
				}
				slices.Sort(want[name])
				listed++
			} else {
				clear++
			}
			_, head := exporttest.LedgerBytes(t, entries[:run])
			put(t, name, map[string][]byte{"lineage.json": encode(t, lineageOf(key, head, run, used)), "../run-" + fmt.Sprint(r) + ".pseudonym-key": key})
		}
		o := whorl(t, "datasets", "withdrawals", "--ledger", filepath.Join(dir, "ledger"), "--runs", filepath.Join(dir, "runs"), "--json")
		var report withdrawalReport
		if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
			t.Fatalf("%v: %s", err, o)
		}
		got := map[string][]int{}
		for _, r := range report.Runs {
			if len(r.Unknown) > 0 {
				t.Errorf("unknown: %q", r.Unknown)
			}
			for _, s := range r.Withdrawn {
				got[r.Run] = append(got[r.Run], int(s.LedgerSeq))
			}
			slices.Sort(got[r.Run])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, data)
		}
		if (o.code == 1) != (len(want) > 0) || report.Checked != 6 {
			t.Errorf("status %d, %d runs checked", o.code, report.Checked)
		}
	}
	if listed < 30 || clear < 30 {
		t.Errorf("%d runs are listed, %d are not", listed, clear)
	}
}

// What the folder holds besides readable runs is either no run or a doubt.
func TestRunsAreFound(t *testing.T) {
	dir := t.TempDir()
	key := pseudonymKey("the key of the runs")
	data, _ := exporttest.LedgerBytes(t, []exporttest.Entry{
		exporttest.GrantEntry("org", "train_fingerprinting"), exporttest.WithdrawEntry("org", "train_fingerprinting", "2026-11-01T00:00:00Z"),
	})
	_, head := exporttest.LedgerBytes(t, []exporttest.Entry{exporttest.GrantEntry("org", "train_fingerprinting")})
	good := encode(t, lineageOf(key, head, 1, map[string]map[string]bool{"org": {"p": true}}))
	foreign := encode(t, lineageOf(key, strings.Repeat("12", 32), 1, map[string]map[string]bool{"org": {"p": true}}))
	old := []byte(`{"format": "whorl.lineage/1", "organisations": []}`)
	deep := strings.Repeat("d/", deepestRun) + "run"
	put(t, dir, map[string][]byte{
		"ledger": data, "key": key, "elsewhere/run/lineage.json": good,
		"runs/a/lineage.json": good, "runs/a/b/lineage.json": good, "runs/.hidden/lineage.json": good, "runs/empty/notes.txt": nil,
		"runs/foreign/lineage.json": foreign, "runs/old/lineage.json": old, "runs/cut/lineage.json": good[:len(good)/2],
		"runs/lost/model.safetensors": nil, "runs/" + deep + "/lineage.json": good,
	})
	if err := errors.Join(
		os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "runs", "link")), os.Symlink(filepath.Join(dir, "runs"), filepath.Join(dir, "runs", "loop")),
		os.Mkdir(filepath.Join(dir, "runs", "linked"), 0o755), os.Symlink("../a/lineage.json", filepath.Join(dir, "runs", "linked", "lineage.json")),
		os.Symlink(filepath.Join(dir, "runs"), filepath.Join(dir, "all")), // the folder itself may be a link
	); err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(dir, "all")
	list := func(want int, args ...string) map[string]reachedRun {
		t.Helper()
		o := whorl(t, append([]string{"datasets", "withdrawals", "--ledger", filepath.Join(dir, "ledger"), "--json"}, args...)...)
		var report withdrawalReport
		if err := json.Unmarshal([]byte(o.stdout), &report); err != nil || o.code != want {
			t.Fatalf("%v: %s", err, o)
		}
		out := map[string]reachedRun{}
		for _, r := range report.Runs {
			name, err := filepath.Rel(all, r.Run)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = r
		}
		return out
	}
	got := list(1, "--runs", all, "--pseudonym-key", filepath.Join(dir, "key"))
	for name, says := range map[string]string{
		"a": "", "a/b": "", ".hidden": "", "foreign": "cannot be answered with this ledger", "old": "train again", "cut": "not valid JSON",
		"lost": "put the lineage back", "linked": "no regular file", strings.TrimSuffix(deep, "/run"): "deeper than 16 levels",
	} {
		r, ok := got[name]
		if !ok || len(r.Withdrawn) != map[bool]int{true: 1, false: 0}[says == ""] || !strings.Contains(strings.Join(r.Unknown, "; "), says) || says != "" && len(r.Unknown) != 1 {
			t.Errorf("%s: %v %+v", name, ok, r)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more than that: %+v", got)
	}
	// Without the key nothing is answered, and the wrong one is no key.
	if r := list(1, "--runs", filepath.Join(dir, "all", "a")); len(r) != 2 || len(r["a"].Unknown) != 1 || !strings.Contains(r["a"].Unknown[0], key.fingerprint()) {
		t.Errorf("%+v", r)
	}
	put(t, dir, map[string][]byte{"runs/a.pseudonym-key": []byte("the key of other runs\n")})
	if r := list(1, "--runs", filepath.Join(dir, "all", "a")); len(r["a"].Unknown) != 1 {
		t.Errorf("%+v", r)
	}
	put(t, dir, map[string][]byte{"runs/a.pseudonym-key": append(key, '\n')}) // serves a/b too
	if r := list(1, "--runs", filepath.Join(dir, "all", "a")); len(r["a"].Withdrawn) != 1 || len(r["a/b"].Withdrawn) != 1 {
		t.Errorf("%+v", r)
	}
	if r := list(0, "--runs", filepath.Join(dir, "all", "empty")); len(r) > 0 {
		t.Errorf("%+v", r)
	}
}

// Each run is answered by the ledger that goes on from its own.
func TestWithdrawalsOfSeveralLedgers(t *testing.T) {
	dir := t.TempDir()
	key := pseudonymKey("the key of the runs")
	content := map[string][]byte{"key": key}
	for _, name := range []string{"a", "b"} {
		grant := exporttest.GrantEntry("org-"+name, "train_fingerprinting")
		before, head := exporttest.LedgerBytes(t, []exporttest.Entry{grant})
		content[name+"-before"] = before
		content[name], _ = exporttest.ExtendLedger(t, before, exporttest.WithdrawEntry("org-"+name, "train_fingerprinting", "2026-06-01T00:00:00Z"))
		content[name+"-fork"], _ = exporttest.ExtendLedger(t, before, exporttest.WithdrawEntry("org-"+name, "train_fingerprinting", "2026-06-02T00:00:00Z"))
		content["runs/"+name+"/lineage.json"] = encode(t, lineageOf(key, head, 1, map[string]map[string]bool{"org-" + name: {"p": true}}))
	}
	put(t, dir, content)
	verb := func(ledgers ...string) *outcome {
		args := []string{"datasets", "withdrawals", "--runs", filepath.Join(dir, "runs"), "--pseudonym-key", filepath.Join(dir, "key")}
		for _, l := range ledgers {
			args = append(args, "--ledger", filepath.Join(dir, l))
		}
		return whorl(t, args...)
	}
	for _, c := range []struct {
		ledgers []string
		code    int
		says    string
	}{
		{[]string{"a", "b"}, 1, "2 runs as of " + asOf + ": 2 hold withdrawn data, 0 could not be answered"},
		{[]string{"a-before", "b-before"}, 0, "0 hold withdrawn data, 0 could not be answered"},
		{[]string{"a", "b-before"}, 1, "1 hold withdrawn data, 0 could not be answered"},
		{[]string{"a"}, 1, "1 hold withdrawn data, 1 could not be answered"},
		{[]string{"a", "a-before", "b"}, 1, "one goes on from the other"},
		{[]string{"a", "a-fork", "b"}, 1, "give the right one alone"},
	} {
		if o := verb(c.ledgers...); o.code != c.code || !strings.Contains(o.stdout+o.stderr, c.says) {
			t.Errorf("%q: want %q: %s", c.ledgers, c.says, o)
		}
	}
}

// A large ledger and many runs, each with a key of its own.
func BenchmarkWithdrawals(b *testing.B) {
	const organisations, runs = 20_000, 50
	var entries []exporttest.Entry
	for i := range organisations {
		entries = append(entries, exporttest.GrantEntry(fmt.Sprint("org-", i), "train_fingerprinting"))
	}
	before, head := exporttest.LedgerBytes(b, entries)
	for i := range organisations / 10 {
		entries = append(entries, exporttest.WithdrawEntry(fmt.Sprint("org-", i*10), "train_fingerprinting", "2026-06-01T00:00:00Z"))
	}
	data, _ := exporttest.ExtendLedger(b, before, entries[organisations:]...)
	dir := b.TempDir()
	put(b, dir, map[string][]byte{"ledger": data})
	for r := range runs {
		used := map[string]map[string]bool{}
		for i := range 500 {
			used[fmt.Sprint("org-", (i*37+r)%organisations)] = map[string]bool{"p": true, "q": true}
		}
		key, name := pseudonymKey(fmt.Sprintf("the key of run number %d", r)), fmt.Sprintf("runs/%d", r)
		put(b, dir, map[string][]byte{name + "/lineage.json": encode(b, lineageOf(key, head, organisations, used)), name + ".pseudonym-key": key})
	}
	for b.Loop() {
		var out strings.Builder
		env := &environment{
			args:   []string{"datasets", "withdrawals", "--ledger", filepath.Join(dir, "ledger"), "--runs", filepath.Join(dir, "runs")},
			stdout: &out, stderr: &out, now: func() time.Time { return exporttest.AsOf }, getenv: func(string) string { return "" }, workers: 1,
		}
		if code := run(env); code != 1 || !strings.Contains(out.String(), "50 hold withdrawn data") {
			b.Fatalf("status %d: %.500s", code, out.String())
		}
	}
}
