package datasets

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
	"whorl/internal/exporttest"
)

// splitExport writes an export of 60 events, ten of them denied.
func splitExport(t *testing.T) string {
	t.Helper()
	events := someEvents(60)
	for i := range events {
		events[i].ProjectID = []string{"org/a", "org/b", "org/c", "org/d"}[i%4]
		if i%4 == 3 {
			events[i].OrgID = "another"
		}
		events[i].Time = may.AddDate(0, 0, i/7) // many of one time
	}
	rows := exporttest.Rows(events...)
	for i := range 10 {
		rows[6*i].Purposes = []string{"generative_ai"}
	}
	var labels []exporttest.Label
	for i := range events {
		labels = append(labels, label(events[i].ID, "g"+events[i].ProjectID[4:]))
	}
	dir := t.TempDir()
	exporttest.Write(t, dir, rows, labels, exporttest.Options{Pairs: []exporttest.Pair{pair("e1", "e5", "GROUP"), pair("e1", "e57", "SEPARATE"), pair("e0", "e4", "GROUP")}})
	return dir
}

// readPart reads one part as a user would.
func readPart(t *testing.T, dir string) (events []features.Event, labels map[string]Label, pairs []Pair) {
	t.Helper()
	x := mustOpen(t, dir)
	events, tally, err := x.ReadEvents(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	if tally.Allowed != tally.Rows {
		t.Errorf("%s holds denied rows: %+v", dir, tally)
	}
	if labels, err = x.Labels(); err != nil {
		t.Fatal(err)
	}
	if pairs, err = x.Pairs(); err != nil {
		t.Fatal(err)
	}
	return events, labels, pairs
}

func TestSplit(t *testing.T) {
	dir := splitExport(t)
	all, _, err := mustOpen(t, dir).ReadEvents(ctx, training)
	if err != nil || len(all) != 50 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	for _, by := range []SplitBy{SplitByTime, SplitByProject, SplitByOrganisation} {
		for _, fraction := range []float64{.1, .5, .77} {
			out := filepath.Join(t.TempDir(), "out")
			opt := SplitOptions{Options: training, By: by, Fraction: fraction, Seed: 3}
			report, err := Split(ctx, mustOpen(t, dir), out, opt)
			if err != nil {
				t.Fatal(err)
			}
			first, firstLabels, firstPairs := readPart(t, filepath.Join(out, "first"))
			second, secondLabels, secondPairs := readPart(t, filepath.Join(out, "second"))
			both := append(slices.Clone(first), second...)
			order := func(a, b features.Event) int { return strings.Compare(a.ID, b.ID) }
			slices.SortFunc(both, order)
			want := slices.SortedFunc(slices.Values(all), order)
			if diff := cmp.Diff(want, both); diff != "" {
				t.Fatalf("by %s: %s", by, diff)
			}
			if report.Denied[RowConsentMissing] != 10 || report.Parts[0].Events != int64(len(first)) || report.Parts[1].Events != int64(len(second)) {
				t.Errorf("report %+v", report)
			}
			if len(firstLabels) != len(first) || len(secondLabels) != len(second) || report.LabelsLeft != 10 {
				t.Errorf("%d and %d labels for %d and %d events, report %+v", len(firstLabels), len(secondLabels), len(first), len(second), report)
			}
			if n := int64(len(firstPairs) + len(secondPairs)); n+report.PairsTorn+report.PairsLeft != 3 || report.PairsLeft != 1 {
				t.Errorf("%d pairs, report %+v", n, report)
			}
			key := func(e *features.Event) string { return e.ProjectID }
			if by == SplitByOrganisation {
				key = func(e *features.Event) string { return e.OrgID }
			}
			if by == SplitByTime {
				if n := int(fraction*50 + .5); len(first) != n {
					t.Errorf("by time, %g: %d events in the first part", fraction, len(first))
				}
				for _, a := range first {
					for _, b := range second {
						if c := a.Time.Compare(b.Time); c > 0 || c == 0 && a.ID > b.ID {
							t.Fatalf("%s at %s is in the first part, %s at %s in the second", a.ID, a.Time, b.ID, b.Time)
						}
					}
				}
			} else {
				for i := range first {
					for j := range second {
						if key(&first[i]) == key(&second[j]) {
							t.Fatalf("by %s: %s is in both parts", by, key(&first[i]))
						}
					}
				}
			}
			again := filepath.Join(t.TempDir(), "again")
			opt.Workers = 3
			if _, err := Split(ctx, mustOpen(t, dir), again, opt); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"first/manifest.json", "first/events.parquet", "second/labels.parquet", "second/manifest.json"} {
				a, errA := os.ReadFile(filepath.Join(out, name))
				b, errB := os.ReadFile(filepath.Join(again, name))
				if errA != nil || errB != nil || !bytes.Equal(a, b) {
					t.Errorf("%s differs when split again, %v, %v", name, errA, errB)
				}
			}
			for _, part := range report.Parts {
				if v := mustVerify(t, part.Dir, verifying); v.Errors != 0 {
					t.Errorf("%s: %+v", part.Dir, v.Findings)
				}
			}
		}
	}
}

func TestSplitGolden(t *testing.T) {
	g, err := OpenGolden("sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	report, err := Split(ctx, g, out, SplitOptions{Options: Options{AsOf: exporttest.AsOf, Workers: 2}, By: SplitByTime, Fraction: .25})
	if err != nil {
		t.Fatal(err)
	}
	first, err := OpenGolden(filepath.Join(out, "first"))
	if err != nil || first.Name != "sample-golden-first" || first.Version != g.Version || first.ConsentBasis != g.ConsentBasis {
		t.Fatalf("%+v, %v", first, err)
	}
	if report.Parts[0].Events != 258 || report.Parts[1].Events != 773 || report.Spanning == 0 {
		t.Errorf("%+v", report)
	}
}

// Whatever ends a split before its end leaves nothing behind.
func TestSplitLeavesNothing(t *testing.T) {
	dir := splitExport(t)
	parent := t.TempDir()
	empty := func() {
		t.Helper()
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 0 {
			t.Errorf("left %v, %v", entries, err)
		}
	}
	opt := SplitOptions{Options: training, By: SplitByTime, Fraction: .5}
	for _, bad := range []func(*SplitOptions){
		func(o *SplitOptions) { o.Fraction = 0 }, func(o *SplitOptions) { o.Fraction = .001 }, func(o *SplitOptions) { o.By = "size" },
		func(o *SplitOptions) { o.Omit = []string{"message"} },
	} {
		o := opt
		bad(&o)
		_, err := Split(ctx, mustOpen(t, dir), filepath.Join(parent, "out"), o)
		wantError(t, err, ErrOptions)
		empty()
	}
	cancelled, cancel := context.WithCancel(ctx)
	o := opt
	calls := 0
	o.Progress = func(rows, total int64) { // on the way through the last of several walks
		if calls++; calls == 3 {
			cancel()
		}
	}
	if _, err := Split(cancelled, mustOpen(t, dir), filepath.Join(parent, "out"), o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	empty()
	denied := opt
	denied.Purpose = TrainPrioritization
	denied.AcceptPolicies = []string{"none"}
	_, err := Split(ctx, mustOpen(t, dir), filepath.Join(parent, "out"), denied)
	wantError(t, err, ErrNothingAllowed)
	empty()
	x := mustOpen(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "consent-ledger.jsonl"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Split(ctx, x, filepath.Join(parent, "out"), opt)
	wantError(t, err, ErrLedger)
	empty()
}

// The first part of a split by units is the prefix of the seeded order that
// comes closest to the fraction.
func TestPlanByUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 2, 8).Draw(t, "sizes")
		count := map[string]int64{}
		total := 0
		for i, n := range sizes {
			count[string(rune('a'+i))] = int64(n)
			total += n
		}
		fraction := rapid.Float64Range(.05, .95).Draw(t, "fraction")
		seed := rapid.Uint64Range(0, 20).Draw(t, "seed")
		first := firstUnits(count, fraction, seed)
		if len(first) == 0 || len(first) == len(count) {
			t.Fatalf("%d of %d units", len(first), len(count))
		}
		off := func(sum int64) float64 {
			return max(float64(sum)-fraction*float64(total), fraction*float64(total)-float64(sum))
		}
		reached, best, sum := int64(0), off(1<<40), int64(0)
		for i, u := range seededOrder(count, seed) {
			if first[u] != (i < len(first)) {
				t.Fatalf("the first part is no prefix of the order")
			}
			if sum += count[u]; i == len(first)-1 {
				reached = sum
			}
			if i < len(count)-1 {
				best = min(best, off(sum))
			}
		}
		if off(reached) != best {
			t.Fatalf("%d events, %g off; %g is possible", reached, off(reached), best)
		}
	})
}
