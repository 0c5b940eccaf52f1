package datasets

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/internal/exporttest"
)

func TestStats(t *testing.T) {
	rows := exporttest.Rows(someEvents(10)...)
	rows[9].Purposes = []string{}
	rows[8].Platform = "evil\x1b[31m"
	rows = append(rows, rows[0])
	rows[1].Event = rows[0].Event
	rows[1].ID = "e1" // the content of e0
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, []exporttest.Label{
		label("e0", "g"), label("e1", "g"), label("e2", "g"), label("e3", "h"), label("e9", "h"), label("gone", "h"),
	}, exporttest.Options{Name: "small", Pairs: []exporttest.Pair{
		pair("e0", "e1", "SEPARATE"), pair("e0", "e2", "GROUP"), pair("e0", "e9", "GROUP"), pair("e4", "e5", "GROUP"),
	}})
	x := mustOpen(t, dir)
	s, err := x.Stats(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	if s.LedgerHead != x.Ledger.Head || s.SHA256 != x.ManifestSHA256 || len(s.Files) != 3 {
		t.Errorf("provenance: %+v", s)
	}
	first, last := may, may.Add(8*time.Minute)
	want := &Stats{
		Dataset: "small", Purpose: TrainFingerprinting, AsOf: exporttest.AsOf, PolicyVersion: "2026-02", LedgerID: "small-ledger", LedgerEntries: 5,
		Rows: 11, Allowed: 9, Denied: map[Reason]int64{RowConsentMissing: 1, Duplicate: 1},
		DeniedOrganisations: map[Reason]int{RowConsentMissing: 1, Duplicate: 1},
		Organisations:       1, Projects: 2, Platforms: map[string]int64{"javascript": 4, "python": 2, "java": 2, "evil\x1b[31m": 1},
		First: &first, Last: &last,
		// e2, e5, e8 have two exceptions, e4, e7 one; an exception of event i has i%5 frames.
		Exceptions: 8, Frames: 2*2 + 2*0 + 2*3 + 4 + 2, MessageOnly: 4, Contents: 8,
		Labelled: 4, Groups: 2, GroupSize: Quantiles{Min: 1, Median: 1, P90: 3, P99: 3, Max: 3}, Orphans: 2, Pairs: 3, Contradictions: 1,
	}
	s.Files, s.LedgerHead, s.SHA256 = nil, "", ""
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"denied duplicate", "1 of 1 organisations", "group size", `platform "evil\x1b[31m"`} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("text lacks %q:\n%s", line, text.String())
		}
	}
	if strings.ContainsRune(text.String(), '\x1b') {
		t.Error("a control character reaches the terminal")
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"rows":11,"allowed":9,"denied":{"duplicate":1,"row_consent_missing":1}`, `"purpose":"train_fingerprinting"`, `"as_of":"2026-11-21T00:00:00Z"`} {
		if !strings.Contains(string(data), part) {
			t.Errorf("JSON lacks %s: %s", part, data)
		}
	}
}

func TestStatsOfNothing(t *testing.T) {
	dir := t.TempDir()
	exporttest.Write(t, dir, nil, nil, exporttest.Options{})
	s, err := mustOpen(t, dir).Stats(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"rows":0,"allowed":0,"denied":{}`) || !strings.Contains(string(data), `"first":null`) {
		t.Errorf("%s", data)
	}
	if err := s.WriteText(&bytes.Buffer{}); err != nil {
		t.Error(err)
	}
}

func TestGoldenStats(t *testing.T) {
	g, err := OpenGolden("sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Stats(ctx, Options{AsOf: exporttest.AsOf})
	if err != nil || s.Rows != 1031 || s.Allowed != 1031 || s.Version != "1.0.0" || s.Groups != 46 || s.Purpose != EvaluateFingerprinting {
		t.Errorf("%+v, %v", s, err)
	}
}

// Nearest rank, by hand: of 10 values the median is the 5th, p90 the 9th, p99
// the 10th.
func TestQuantiles(t *testing.T) {
	values := []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	if got, want := quantiles(values), (Quantiles{1, 5, 9, 10, 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := quantiles([]int64{3}), (Quantiles{3, 3, 3, 3, 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := quantiles(nil); got != (Quantiles{}) {
		t.Errorf("got %+v", got)
	}
}
