package datasets

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
	"whorl/internal/exporttest"
)

// verifying is how most tests verify.
var verifying = VerifyOptions{Options: Options{AsOf: exporttest.AsOf, Workers: 2}}

func mustVerify(t *testing.T, dir string, opt VerifyOptions) *Verification {
	t.Helper()
	v, err := Verify(ctx, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifySample(t *testing.T) {
	opt := verifying
	opt.Purpose = TrainFingerprinting
	v := mustVerify(t, "sample/export", opt)
	if v.Errors != 0 || v.Warnings != 0 || v.Rows != 2065 || v.Labels != 2065 || v.Labelled != 2065 || v.Allowed != 2065 || v.Golden || v.Dataset != "sample" {
		t.Errorf("%+v", v)
	}
	v = mustVerify(t, "sample/golden", verifying)
	if v.Errors != 0 || v.Warnings != 0 || v.Rows != 1031 || !v.Golden || v.Version != "1.0.0" {
		t.Errorf("%+v", v)
	}
}

// One of everything that can be wrong inside files that are as the manifest
// says.
func TestVerifyFindings(t *testing.T) {
	rows := exporttest.Rows(someEvents(12)...)
	rows[1].OrgID = ""
	rows[2].Time = exporttest.AsOf.AddDate(1, 0, 0)
	rows[3].ID = ""
	rows[4].Purposes = []string{"train_fingerprinting", "marketing"}
	rows = append(rows, rows[0], rows[5])
	rows[13].Message = "another"
	stray := exporttest.Rows(features.Event{ID: "stray", OrgID: "other", ProjectID: "org/p0", Time: may, Platform: "go"})
	rows = append(rows, stray...)
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, []exporttest.Label{
		label("e0", "g"), label("e0", "g"), label("e0", "h"), label("e6", "g"), label("e7", "g"), label("", "g"),
		{EventID: "e8", GroupID: "g", Confidence: 2}, label("gone", "g"), label("e9", "i"),
	}, exporttest.Options{
		RowGroup: 4,
		Pairs: []exporttest.Pair{
			pair("e0", "e6", "SEPARATE"), pair("e0", "e6", "GROUP"), pair("e6", "e7", "GROUP"), pair("e0", "gone", "GROUP"), pair("e0", "e0", "GROUP"), pair("e0", "e8", "MAYBE"),
		},
	})
	v := mustVerify(t, dir, verifying)
	want := []Finding{
		{UndecidableRow, "events.parquet", 4, `event "" has no id or no platform; export the row with an event_id and a platform`},
		{ConflictingRow, "events.parquet", 6, `event "e5" stands in 2 rows that differ; every copy is denied; keep the right one, or give each its own id`},
		{ConflictingRow, "events.parquet", 14, `event "e5" stands in 2 rows that differ; every copy is denied; keep the right one, or give each its own id`},
		{ProjectOfTwoOrgs, "events.parquet", 15, `project "org/p0" belongs to "org" and to "other"; make project_id unique over all organisations`},
		{BadLabel, "labels.parquet", 6, "event_id or group_id is empty; remove the row"},
		{BadLabel, "labels.parquet", 7, "confidence is not in [0, 1]"},
		{TwoGroups, "labels.parquet", 3, `event "e0" has the groups "g" and "h"; keep one`},
		{BadPair, "pairs.parquet", 5, "a pair needs two different events"},
		{BadPair, "pairs.parquet", 6, `unknown label "MAYBE"; use GROUP or SEPARATE`},
		{PairBothWays, "pairs.parquet", 2, `the pair "e0", "e6" is both GROUP and SEPARATE; keep one`},
		{PairAcross, "pairs.parquet", 3, `events "e6" and "e7" are of the projects "org/p0" and "org/p1"; pairs are within a project; remove it`},
		{DeniedRow, "events.parquet", 2, `event "e1": subject_missing; the row is never used`},
		{DeniedRow, "events.parquet", 3, `event "e2": event_time_future; the row is never used`},
		{UnknownPurpose, "events.parquet", 5, `event "e4" consents to "marketing"; the purpose allows nothing; correct it or leave it out`},
		{DuplicateRow, "events.parquet", 13, `event "e0" is a copy of events.parquet, row 1; one copy counts`},
		{LabelWithoutEvent, "labels.parquet", 8, `there is no event "gone"; the label is never used`},
		{PairWithoutEvent, "pairs.parquet", 4, `there is no event "gone"; the pair is never used`},
		{PairAgainstGroups, "pairs.parquet", 1, `the pair "e0", "e6" is SEPARATE, their groups are "g" and "g"; the pair counts; correct the labels`},
		{GroupAcross, "labels.parquet", 5, `group "g" has events of project "org/p0" and of "org/p1"; each project's part counts as a group of its own`},
		{EventWithoutLabel, "", 0, "8 of 12 events have no label; the event is learned from in pairs alone, if it stands in one"},
	}
	if diff := cmp.Diff(want, v.Findings); diff != "" {
		t.Error(diff)
	}
	if v.Errors != 11 || v.Warnings != 9-1+8 {
		t.Errorf("%d errors, %d warnings", v.Errors, v.Warnings)
	}
	for _, workers := range []int{1, 4} { // the same, however it is read
		opt := verifying
		opt.Workers, opt.Memory = workers, LeastMemory
		if diff := cmp.Diff(v, mustVerify(t, dir, opt)); diff != "" {
			t.Error(diff)
		}
	}
	var text bytes.Buffer
	if err := v.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"11 errors, 16 warnings\n", `warning  duplicate  events.parquet, row 13: event "e0"`, "15 events, 9 labels, 6 pairs"} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("text lacks %q:\n%s", says, &text)
		}
	}
}

// Files that are not as the manifest says: all of them are named.
func TestVerifyFiles(t *testing.T) {
	dir, files := writeSmall(t)
	for _, name := range []string{files[1], files[3], "consent-ledger.jsonl"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := mustVerify(t, dir, verifying)
	if v.Counts[BadFile] != 2 || v.Counts[BadLedger] != 1 || v.Errors != 3 {
		t.Fatalf("%+v", v.Findings)
	}
	for i, says := range []string{"consent-ledger.jsonl", files[1], files[3]} {
		if f := v.Findings[i]; !strings.Contains(f.File, says) || !strings.Contains(f.Text, says) {
			t.Errorf("finding %d is %+v, want one of %s", i, f, says)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if v := mustVerify(t, dir, verifying); v.Counts[BadManifest] != 1 {
		t.Errorf("%+v", v)
	}
	if _, err := Verify(ctx, filepath.Join(dir, "nowhere"), verifying); err == nil {
		t.Error("verifies what is not there")
	}
	opt := verifying
	opt.AsOf = time.Time{}
	_, err := Verify(ctx, dir, opt)
	wantError(t, err, ErrOptions, "AsOf")
}

// A file whose digest fits but whose pages do not decode is one finding.
func TestVerifyUnreadable(t *testing.T) {
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(20)...), nil, exporttest.Options{})
	path := filepath.Join(dir, "events.parquet")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Replace(data, []byte("size"), []byte("s\xffze"), 1)
	if bytes.Equal(bad, data) {
		copy(bad[4:], bytes.Repeat([]byte{0xff}, 40))
	}
	exporttest.Replace(t, dir, "events.parquet", bad, -1)
	v := mustVerify(t, dir, verifying)
	if v.Counts[BadFile] != 1 || !strings.Contains(v.Findings[0].Text, "events.parquet") {
		t.Errorf("%+v", v.Findings)
	}
}

func TestVerifyGolden(t *testing.T) {
	golden, err := OpenGolden("sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := golden.ReadEvents(ctx, exporttest.AsOf)
	if err != nil {
		t.Fatal(err)
	}
	mine := someEvents(4)
	mine[0].ProjectID, mine[0].OrgID = events[0].ProjectID, events[0].OrgID
	mine[1] = events[1]
	copied := events[2]
	copied.ID, copied.ProjectID, copied.OrgID = "copied", "org/p0", "org"
	mine[2] = copied
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(mine...), nil, exporttest.Options{})
	opt := verifying
	opt.Guard = new(Guard)
	if err := opt.Guard.AddGolden(ctx, golden, exporttest.AsOf); err != nil {
		t.Fatal(err)
	}
	v := mustVerify(t, dir, opt)
	if v.Counts[GoldenEvent] != 1 || v.Counts[GoldenProject] != 1 || v.Counts[EqualContent] != 1 || v.Errors != 2 {
		t.Errorf("%+v", v)
	}
}

// Findings are bounded, their count is not.
func TestVerifyMany(t *testing.T) {
	rows := exporttest.Rows(someEvents(300)...)
	for i := range rows {
		rows[i].OrgID = " "
	}
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, nil, exporttest.Options{Ledger: []exporttest.Entry{}})
	v := mustVerify(t, dir, verifying)
	if v.Counts[DeniedRow] != 300 || len(v.Findings) != mostFindings {
		t.Errorf("%d findings of %d: %+v", len(v.Findings), v.Counts[DeniedRow], v.Counts)
	}
	var text bytes.Buffer
	if err := v.WriteText(&text); err != nil || !strings.Contains(text.String(), "and 280 more") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// What is bad in one file does not keep the others from being checked.
func TestVerifyGoesOn(t *testing.T) {
	dir, files := writeSmall(t)
	spoil := func(name string) func() {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(bytes.Clone(good), 'x'), 0o644); err != nil {
			t.Fatal(err)
		}
		return func() { os.WriteFile(path, good, 0o644) }
	}
	whole, err := Verify(ctx, dir, VerifyOptions{Options: training})
	if err != nil {
		t.Fatalf("%+v, %v", whole, err)
	}
	for _, name := range files {
		if !strings.HasSuffix(name, ".parquet") {
			continue
		}
		mend := spoil(name)
		v, err := Verify(ctx, dir, VerifyOptions{Options: training})
		mend()
		if err != nil {
			t.Fatal(err)
		}
		var role Role
		for _, f := range v.Files {
			if f.Path == name {
				role = f.Role
			}
		}
		if v.Counts[BadFile] != 1 || v.Counts[LabelWithoutEvent]+v.Counts[PairWithoutEvent] > 0 {
			t.Errorf("%s: %v", name, v.Counts)
		}
		switch role {
		case RoleEvents:
			if v.Rows == whole.Rows || v.Labels != whole.Labels || v.Counts[NotChecked] == 0 {
				t.Errorf("%s: %d of %d rows, %d labels, %v", name, v.Rows, whole.Rows, v.Labels, v.Counts)
			}
		case RoleLabels:
			if v.Rows != whole.Rows || v.Labels != 0 || v.Counts[NotChecked] == 0 || v.Counts[EventWithoutLabel] > 0 {
				t.Errorf("%s: %d rows, %d labels, %v", name, v.Rows, v.Labels, v.Counts)
			}
		case RolePairs:
			if v.Rows != whole.Rows || v.Labels != whole.Labels || v.Pairs != 0 {
				t.Errorf("%s: %d rows, %d labels, %d pairs", name, v.Rows, v.Labels, v.Pairs)
			}
		}
	}
}

// Wrong options are the caller's, not the dataset's.
func TestVerifyOptionsAreNoFindings(t *testing.T) {
	dir, _ := writeSmall(t)
	for name, open := range map[string]OpenOptions{"state": {State: filepath.Join(dir, "nowhere")}, "ledger": {Ledger: filepath.Join(dir, "nowhere")}} {
		if v, err := Verify(ctx, dir, VerifyOptions{Options: training, Open: open}); err == nil {
			t.Errorf("%s: %v", name, v.Findings)
		}
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Verify(stopped, dir, VerifyOptions{Options: training}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A golden dataset of which nothing can be used is no sound one.
func TestVerifyNothingAllowed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "golden")
	w, err := CreateGolden(dir, GoldenInfo{Name: "n", Version: "1", ConsentBasis: "public"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range someEvents(3) {
		if err := w.WriteEvent(&e, RowConsent{Purposes: []string{string(TrainFingerprinting)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	v := mustVerify(t, dir, verifying)
	if v.Counts[NoRowAllowed] != 1 || v.Errors != 1 || v.Denied[RowConsentMissing] != 3 {
		t.Errorf("%v, denied %v", v.Counts, v.Denied)
	}
}
