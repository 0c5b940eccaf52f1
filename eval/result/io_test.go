package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func ptr(v float64) *float64 { return &v }

// small is a valid result with at least one of everything, out of order.
func small() *Result {
	return &Result{
		Format: Format,
		Provenance: Provenance{
			Tool: "whorl test", ModelVersion: "m1", ModelSHA256: strings.Repeat("ab", 32), SchemaID: "s1",
			Seed: math.MaxUint64, Resamples: 1000, PairCap: 100, WindowDays: 730,
		},
		Training: &Training{
			Events: 10, Denied: map[string]int{"withdrawn": 2, "no_grant": 1}, Organisations: 1, Projects: 2,
			Platforms: []PlatformPairs{{Platform: "python", Positives: 3}, {Platform: "java", Negatives: 4}}, Trees: 5,
		},
		Datasets: []Dataset{
			{Name: "js", Version: "2", Events: 9, PairsAll: math.MaxInt64, OverlapTrain: -1},
			{Name: "java", Version: "1", Events: 7},
		},
		Scorers: []Scorer{
			{Name: ScorerModel, Kind: "model", Thresholds: map[string]float64{"": 0.5, "java": 0.75}},
			{Name: "fast", Kind: "score", Tuned: true, Settings: map[string]float64{"alpha": 1}},
		},
		Figures: []Figure{
			{Dataset: "js", DatasetVersion: "2", Protocol: ProtocolPairs, Scorer: ScorerModel, Slice: SliceAll, Metric: "roc_auc", Value: ptr(0.9), N: 40, Low: ptr(0.8), High: ptr(0.95)},
			{Dataset: "js", DatasetVersion: "2", Protocol: ProtocolPairs, Scorer: "fast", Slice: SliceAll, Metric: "roc_auc", Value: ptr(0.7), N: 40},
			{Dataset: "java", DatasetVersion: "1", Protocol: ProtocolReplay, Scorer: ScorerModel, Slice: SliceAll, Metric: "bcubed_f1", N: 1},
		},
		Differences: []Difference{
			{Dataset: "js", DatasetVersion: "2", Protocol: ProtocolPairs, Scorer: ScorerModel, Baseline: "fast", Slice: SliceAll, Metric: "roc_auc", Value: 0.2, Low: 0.1, High: 0.3, Significant: true},
		},
		Curves: []Curve{
			{Dataset: "js", DatasetVersion: "2", Protocol: ProtocolPairs, Scorer: ScorerModel, Slice: SliceAll, Kind: "precision_recall", Fields: []string{"recall", "precision"}, Points: [][]float64{{0, 1}, {1, 0.5}}},
		},
		Warnings: []Warning{{Dataset: "js", Code: "few_projects", Text: "a <b> & c"}, {Code: "a_code", Text: "whole result"}},
	}
}

func written(t testing.TB, r *Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteThenReadGivesTheSortedResult(t *testing.T) {
	r := small()
	data := written(t, r)
	got, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := small()
	want.Datasets[0], want.Datasets[1] = want.Datasets[1], want.Datasets[0]
	// java before js; of js, fast before model.
	want.Figures = []Figure{want.Figures[2], want.Figures[1], want.Figures[0]}
	want.Training.Platforms[0], want.Training.Platforms[1] = want.Training.Platforms[1], want.Training.Platforms[0]
	want.Scorers[1].Thresholds = map[string]float64{}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(small(), r); d != "" {
		t.Errorf("Write changed its argument: %s", d)
	}
	if again := written(t, got); !bytes.Equal(data, again) {
		t.Error("a second round trip gives other bytes")
	}
	if data[len(data)-1] != '\n' || bytes.HasSuffix(data, []byte("\n\n")) {
		t.Error("want one newline at the end")
	}
	if bytes.ContainsAny(data, "<>&") {
		t.Error("markup characters stand in the file unescaped")
	}
}

func TestEmptyListsAreWrittenAsLists(t *testing.T) {
	data := written(t, &Result{Format: Format, Provenance: Provenance{Tool: "whorl"}})
	if bytes.Contains(data, []byte("null")) {
		t.Errorf("a nil list was written as null:\n%s", data)
	}
	if _, err := Parse(data); err != nil {
		t.Error(err)
	}
}

func TestOrderOfTheListsDoesNotReachTheFile(t *testing.T) {
	want := written(t, small())
	rapid.Check(t, func(t *rapid.T) {
		r := small()
		r.Datasets = rapid.Permutation(r.Datasets).Draw(t, "datasets")
		r.Figures = rapid.Permutation(r.Figures).Draw(t, "figures")
		r.Differences = rapid.Permutation(r.Differences).Draw(t, "differences")
		r.Curves = rapid.Permutation(r.Curves).Draw(t, "curves")
		var b bytes.Buffer
		if err := Write(&b, r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Fatalf("other bytes:\n%s", b.Bytes())
		}
	})
}

func TestKeyOrderIsThatOfTheFields(t *testing.T) {
	// Each key is after the one before: the first field that differs decides.
	keys := []key{
		{"a", "1", "pairs", "all", "m", "fast", ""},
		{"a", "1", "pairs", "all", "m", "model", ""},
		{"a", "1", "pairs", "all", "m", "model", "b"},
		{"a", "1", "pairs", "all", "n", "a", ""},
		{"a", "1", "pairs", "b", "a", "a", ""},
		{"a", "1", "replay", "a", "a", "a", ""},
		{"a", "2", "a", "a", "a", "a", ""},
		{"b", "0", "a", "a", "a", "a", ""},
	}
	for i := range keys {
		for j := range keys {
			if got, want := keys[i].compare(keys[j]), sign(i-j); got != want {
				t.Errorf("compare(%v, %v) = %d, want %d", keys[i], keys[j], got, want)
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

func TestCheckRefuses(t *testing.T) {
	tests := []struct {
		name  string
		alter func(*Result)
		want  error
		text  string
	}{
		{"no format", func(r *Result) { r.Format = "" }, ErrFormat, "format"},
		{"other format", func(r *Result) { r.Format = "whorl.export/1" }, ErrFormat, "whorl.export/1"},
		{"newer format", func(r *Result) { r.Format = "whorl.result/2" }, ErrNewer, "written by a newer whorl"},
		{"older format", func(r *Result) { r.Format = "whorl.result/0" }, ErrFormat, "whorl.result/0"},
		{"no tool", func(r *Result) { r.Provenance.Tool = "" }, ErrInvalid, "tool"},
		{"negative resamples", func(r *Result) { r.Provenance.Resamples = -1 }, ErrInvalid, "negative"},
		{"dataset without name", func(r *Result) { r.Datasets[0].Name = "" }, ErrInvalid, "datasets[0]: name"},
		{"dataset without version", func(r *Result) { r.Datasets[1].Version = "" }, ErrInvalid, "datasets[1]: version"},
		{"dataset twice", func(r *Result) { r.Datasets[1].Name = "js" }, ErrInvalid, "listed twice"},
		{"dataset with negative count", func(r *Result) { r.Datasets[0].Pairs = -1 }, ErrInvalid, "negative"},
		{"overlap below unknown", func(r *Result) { r.Datasets[0].OverlapTrain = -2 }, ErrInvalid, "negative"},
		{"too many datasets", func(r *Result) { r.Datasets = make([]Dataset, MaxDatasets+1) }, ErrInvalid, "at most"},
		{"too many scorers", func(r *Result) { r.Scorers = make([]Scorer, MaxScorers+1) }, ErrInvalid, "at most"},
		{"scorer without kind", func(r *Result) { r.Scorers[0].Kind = "" }, ErrInvalid, "kind"},
		{"scorer twice", func(r *Result) { r.Scorers[1].Name = ScorerModel }, ErrInvalid, "listed twice"},
		{"threshold not finite", func(r *Result) { r.Scorers[0].Thresholds["x"] = math.Inf(1) }, ErrInvalid, "not finite"},
		{"setting not finite", func(r *Result) { r.Scorers[1].Settings["x"] = math.NaN() }, ErrInvalid, "not finite"},
		{"figure twice", func(r *Result) { r.Figures[1].Scorer = ScorerModel }, ErrInvalid, "second figure"},
		{"figure twice but for its numbers", func(r *Result) {
			f := r.Figures[0]
			f.Value, f.N, f.Low, f.High = ptr(0.1), 3, nil, nil
			r.Figures = append(r.Figures, f)
		}, ErrInvalid, "second figure"},
		{"figure without slice", func(r *Result) { r.Figures[0].Slice = "" }, ErrInvalid, "slice"},
		{"figure without metric", func(r *Result) { r.Figures[0].Metric = "" }, ErrInvalid, "metric"},
		{"figure of no dataset", func(r *Result) { r.Figures[0].Dataset = "other" }, ErrInvalid, "not among the datasets"},
		{"figure of another version", func(r *Result) { r.Figures[0].DatasetVersion = "3" }, ErrInvalid, `version "2"`},
		{"figure of no scorer", func(r *Result) { r.Figures[0].Scorer = "other" }, ErrInvalid, "not among the scorers"},
		{"figure is NaN", func(r *Result) { r.Figures[0].Value = ptr(math.NaN()) }, ErrInvalid, "not finite"},
		{"end is infinite", func(r *Result) { r.Figures[0].Low = ptr(math.Inf(-1)) }, ErrInvalid, "not finite"},
		{"negative n", func(r *Result) { r.Figures[0].N = -1 }, ErrInvalid, "n is negative"},
		{"one end", func(r *Result) { r.Figures[0].High = nil }, ErrInvalid, "one end"},
		{"ends in the wrong order", func(r *Result) { r.Figures[0].High = ptr(0.1) }, ErrInvalid, "wrong order"},
		{"interval without a value", func(r *Result) { r.Figures[0].Value = nil }, ErrInvalid, "no value"},
		{"name too long", func(r *Result) { r.Figures[0].Metric = strings.Repeat("x", 1001) }, ErrInvalid, "longer than"},
		{"name not UTF-8", func(r *Result) { r.Figures[0].Slice = "a\xff" }, ErrInvalid, "UTF-8"},
		{"difference without baseline", func(r *Result) { r.Differences[0].Baseline = "" }, ErrInvalid, "baseline"},
		{"difference with itself", func(r *Result) { r.Differences[0].Baseline = ScorerModel }, ErrInvalid, "baseline"},
		{"difference twice", func(r *Result) { r.Differences = append(r.Differences, r.Differences[0]) }, ErrInvalid, "second difference"},
		{"difference marked real for no reason", func(r *Result) { r.Differences[0].Low = -0.1 }, ErrInvalid, "significant is true"},
		{"an end at 0 holds 0", func(r *Result) { r.Differences[0].Low = 0 }, ErrInvalid, "significant is true"},
		{"difference not marked", func(r *Result) { r.Differences[0].Significant = false }, ErrInvalid, "significant is false"},
		{"difference is NaN", func(r *Result) { r.Differences[0].Value = math.NaN() }, ErrInvalid, "not finite"},
		{"curve twice", func(r *Result) { r.Curves = append(r.Curves, r.Curves[0]) }, ErrInvalid, "second curve"},
		{"curve of one field", func(r *Result) { r.Curves[0].Fields = r.Curves[0].Fields[:1] }, ErrInvalid, "fields"},
		{"curve with a field twice", func(r *Result) { r.Curves[0].Fields[1] = "recall" }, ErrInvalid, "twice"},
		{"point of three", func(r *Result) { r.Curves[0].Points[1] = []float64{1, 2, 3} }, ErrInvalid, "points[1]"},
		{"point is infinite", func(r *Result) { r.Curves[0].Points[1][0] = math.Inf(1) }, ErrInvalid, "points[1]"},
		{"too many points", func(r *Result) { r.Curves[0].Points = make([][]float64, MaxPoints+1) }, ErrInvalid, "thin"},
		{"negative denied", func(r *Result) { r.Training.Denied["withdrawn"] = -1 }, ErrInvalid, "withdrawn"},
		{"thresholds in two cases", func(r *Result) { r.Scorers[0].Thresholds["Java"] = 1 }, ErrInvalid, "case only"},
		{"reasons in two cases", func(r *Result) { r.Training.Denied["Withdrawn"] = 1 }, ErrInvalid, "case only"},
		{"platform twice", func(r *Result) { r.Training.Platforms[0].Platform = "java" }, ErrInvalid, "listed twice"},
		{"negative trees", func(r *Result) { r.Training.Trees = -1 }, ErrInvalid, "negative"},
		{"warning without code", func(r *Result) { r.Warnings[0].Code = "" }, ErrInvalid, "warnings[0]"},
	}
	if err := small().Check(); err != nil {
		t.Fatalf("the unaltered result: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := small()
			tt.alter(r)
			var b bytes.Buffer
			err := Write(&b, r)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v, want %v with %q", err, tt.want, tt.text)
			}
			if strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
			if b.Len() > 0 {
				t.Error("something was written before the refusal")
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	valid := string(written(t, small()))
	replace := func(old, new string) string {
		if !strings.Contains(valid, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(valid, old, new, 1)
	}
	tests := []struct {
		name, data string
		want       error // nil: any
	}{
		{"empty", "", ErrFormat},
		{"not JSON", "PAR1", ErrFormat},
		{"array", "[]", ErrFormat},
		{"null", "null", ErrFormat},
		{"no format", "{}", ErrFormat},
		{"newer with unknown fields", `{"format":"whorl.result/2","verdicts":[]}`, ErrNewer},
		{"much newer", `{"format":"whorl.result/10"}`, ErrNewer},
		{"other family", `{"format":"whorl.golden/1"}`, ErrFormat},
		{"other family with a newer number", `{"format":"whorl.golden/2"}`, ErrFormat},
		{"number that is none", `{"format":"whorl.result/2x"}`, ErrFormat},
		{"lists missing", `{"format":"whorl.result/1","provenance":{"tool":"w"}}`, ErrInvalid},
		{"list null", replace(`"warnings": [`, `"warnings": null, "warnings": [`), nil},
		{"cut", valid[:len(valid)-20], nil},
		{"unknown field", replace(`"seed"`, `"sead"`), nil},
		{"case variant", replace(`"low"`, `"Low"`), nil},
		{"format in another case", replace(`"format"`, `"Format"`), nil},
		{"duplicate key", replace(`"n": 1,`, `"n": 1, "n": 2,`), nil},
		{"trailing data", valid + "{}", nil},
		{"NaN", replace("0.95", "NaN"), nil},
		{"infinite", replace("0.95", "1e999"), nil},
		{"string for a number", replace("0.95", `"0.95"`), nil},
		{"duplicate figure", replace(`"scorer": "fast",
      "slice": "all",
      "metric": "roc_auc"`, `"scorer": "model",
      "slice": "all",
      "metric": "roc_auc"`), ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse([]byte(tt.data))
			if err == nil {
				t.Fatal("accepted")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if r != nil {
				t.Error("a result beside the error")
			}
		})
	}
}

// spaces is an endless file.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadIsBounded(t *testing.T) {
	if _, err := readAtMost(spaces{}, 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("endless: error %v, want %v", err, ErrTooLarge)
	}
	if data, err := readAtMost(strings.NewReader("abc"), 3); err != nil || string(data) != "abc" {
		t.Errorf("exactly the limit: %q, %v", data, err)
	}
}

func TestReadAndWritePassErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	r, w := io.Pipe()
	w.CloseWithError(broken)
	if _, err := Read(r); !errors.Is(err, broken) {
		t.Errorf("Read: %v", err)
	}
	r, w = io.Pipe()
	r.CloseWithError(broken)
	if err := Write(w, small()); !errors.Is(err, broken) {
		t.Errorf("Write: %v", err)
	}
}

func TestIndexAgreesWithTheScan(t *testing.T) {
	r := small()
	ix := NewIndex(r)
	for _, want := range r.Figures {
		for name, find := range map[string]func(a, b, c, d, e string) (Figure, bool){"index": ix.Figure, "scan": r.Figure} {
			got, ok := find(want.Dataset, want.Protocol, want.Scorer, want.Slice, want.Metric)
			if !ok || !cmp.Equal(want, got) {
				t.Errorf("%s: %v, %v, want %v", name, got, ok, want)
			}
			if got, ok := find(want.Dataset, want.Protocol, want.Scorer, want.Metric, want.Slice); ok {
				t.Errorf("%s: found %v with slice and metric exchanged", name, got)
			}
		}
	}
	d := r.Differences[0]
	if got, ok := ix.Difference(d.Dataset, d.Protocol, d.Baseline, d.Slice, d.Metric); !ok || got != d {
		t.Errorf("Difference: %v, %v", got, ok)
	}
	if _, ok := ix.Difference(d.Dataset, d.Protocol, "static", d.Slice, d.Metric); ok {
		t.Error("found a difference that is not there")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(written(f, small()))
	f.Add(written(f, &Result{Format: Format, Provenance: Provenance{Tool: "whorl"}}))
	f.Add([]byte(`{"format":"whorl.result/2"}`))
	f.Add([]byte(`{"format":"whorl.result/1","format":"whorl.result/1"}`))
	f.Add([]byte(`{"format":"whorl.result/1","provenance":{"tool":"w"},"datasets":[],"scorers":[{"name":"model","kind":"model","tuned":false,"thresholds":{"":-0}}],"figures":[],"differences":[],"curves":[],"warnings":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted what is not JSON")
		}
		// What was read can be written, and writing is idempotent from there on.
		once := written(t, r)
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("its own output: %v", err)
		}
		if !bytes.Equal(once, written(t, again)) {
			t.Fatal("a second round trip gives other bytes")
		}
	})
}
