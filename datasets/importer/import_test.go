package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"whorl/datasets"
	"whorl/features"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var ctx = context.Background()

// fixtures are one input of every format.
var fixtures = []struct {
	name   string
	opt    Options
	files  func(t *testing.T, dir string) // writes what is not in testdata
	events int64
	unread int64
}{
	{name: "sentry-json", opt: Options{Format: SentryJSON, In: "testdata/sentry-json"}, events: 6, unread: 3},
	{name: "sentry-json-context", opt: Options{Format: SentryJSON, In: "testdata/sentry-json/events.jsonl", Context: true, Time: instant("2026-04-01T00:00:00Z")}, events: 7, unread: 2},
	{name: "otel-json", opt: Options{Format: OTelJSON, In: "testdata/otel-json/export.json"}, events: 3, unread: 1},
	{name: "text", opt: Options{Format: Text, In: "testdata/text", Time: instant("2026-03-01T00:00:00Z")}, events: 3, unread: 1},
	{name: "fast-json", opt: Options{Format: FastJSON, In: "testdata/fast-json/reports.json", Chunks: []string{"testdata/fast-json/training_chunk_1.txt", "testdata/fast-json/test_chunk_1.txt"}}, events: 6, unread: 2},
	{name: "fast-json-stacks", opt: Options{Format: FastJSON, In: "testdata/fast-json/reports.json", AllStacks: true}, events: 7, unread: 2},
	{name: "jetbrains", opt: Options{Format: JetBrains, In: "testdata/jetbrains", Days: true}, events: 3, unread: 1},
	{name: "pairs-csv", opt: Options{Format: PairsCSV, In: "testdata/pairs-csv/pairs.csv", Golden: true, Time: instant("2026-03-01T00:00:00Z")}, events: 5, unread: 3},
	{name: "bugsnag-json", opt: Options{Format: BugsnagJSON, In: "testdata/bugsnag-json/payload.json"}, events: 2, unread: 1},
	{name: "rollbar-json", opt: Options{Format: RollbarJSON, In: "testdata/rollbar-json/items.jsonl"}, events: 4, unread: 1},
	{name: "jsonl", opt: Options{Format: JSONLines, In: "testdata/jsonl/events.jsonl"}, events: 4, unread: 3},
	{name: "parquet", opt: Options{Format: Parquet, In: "{dir}/rows.parquet", Columns: []byte("event_id: id\ntimestamp: at\nstacktrace: error.stack\nexception_type: error.type\nplatform: platform\nconfidence: sure\ngroup_id: group\n")}, files: writeParquet, events: 3, unread: 1},
}

func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// parquetRow is somebody's table.
type parquetRow struct {
	ID       string    `parquet:"id"`
	At       time.Time `parquet:"at,timestamp(microsecond)"`
	Platform *string   `parquet:"platform,optional"`
	Group    int32     `parquet:"group"`
	Sure     float64   `parquet:"sure"`
	Tags     []string  `parquet:"tags,list"`
	Error    struct {
		Type  string `parquet:"type,dict"`
		Stack string `parquet:"stack"`
	} `parquet:"error"`
}

func writeParquet(t *testing.T, dir string) {
	file, err := os.Create(filepath.Join(dir, "rows.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := parquet.NewGenericWriter[parquetRow](file)
	python := "python"
	rows := make([]parquetRow, 4)
	for i := range rows {
		r := &rows[i]
		r.ID, r.At, r.Group, r.Sure = "q-"+string(rune('1'+i)), instant("2026-03-01T00:00:00Z").Add(time.Duration(i)*time.Hour), int32(7+i/2), 0.5
		r.Error.Type, r.Error.Stack = "ValueError", "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nValueError: x\n"
	}
	rows[1].Platform = &python
	rows[2].Error.Type = ""
	rows[3].Error.Type, rows[3].Error.Stack = "", ""
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// place fills in what a fixture needs and returns its options.
func place(t *testing.T, i int) Options {
	t.Helper()
	dir, opt := t.TempDir(), fixtures[i].opt
	if fixtures[i].files != nil {
		fixtures[i].files(t, dir)
	}
	opt.In = filepath.FromSlash(strings.Replace(opt.In, "{dir}", dir, 1))
	opt.Out = filepath.Join(dir, "out")
	opt.Public = "made for a test"
	opt.Name = fixtures[i].name
	return opt
}

// TestGolden compares what every format gives, read back from the dataset, with
// testdata/golden.
func TestGolden(t *testing.T) {
	for i, tt := range fixtures {
		t.Run(tt.name, func(t *testing.T) {
			opt := place(t, i)
			report, err := Import(ctx, opt)
			if err != nil {
				t.Fatal(err)
			}
			if report.Events != tt.events || report.Unread != tt.unread {
				t.Errorf("%d events, %d unread, want %d and %d: %+v", report.Events, report.Unread, tt.events, tt.unread, report.Faults)
			}
			report.Dir = ""
			for i := range report.Faults {
				report.Faults[i].Place = filepath.ToSlash(strings.ReplaceAll(report.Faults[i].Place, filepath.Dir(opt.Out), "DIR"))
			}
			rows, pairs := readBack(t, opt)
			got := encode(t, map[string]any{"report": report, "rows": rows, "pairs": pairs})
			name := filepath.Join("testdata", "golden", tt.name+".json")
			if *update {
				if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-%s +got; go test -update rewrites it\n%s", name, diff)
			}
			if bytes.Contains(got, []byte("secret")) {
				t.Error("something that identifies came through")
			}
			check(t, opt.Out)
		})
	}
}

func encode(t *testing.T, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rowBack is a row of a dataset as it is read.
type rowBack struct {
	Event features.Event
	Label *datasets.Label `json:",omitempty"`
}

// readBack returns the rows of a dataset that may be used, and its pairs.
func readBack(t *testing.T, opt Options) (rows []rowBack, pairs []datasets.Pair) {
	t.Helper()
	var labels map[string]datasets.Label
	var src datasets.Source
	read := datasets.Options{AsOf: instant("2027-01-01T00:00:00Z")}
	if opt.Golden {
		g, err := datasets.OpenGolden(opt.Out)
		if err != nil {
			t.Fatal(err)
		}
		if labels, err = g.Labels(); err != nil {
			t.Fatal(err)
		}
		if pairs, err = g.Pairs(); err != nil {
			t.Fatal(err)
		}
		src = g
	} else {
		x, err := datasets.OpenExport(opt.Out)
		if err != nil {
			t.Fatal(err)
		}
		if labels, err = x.Labels(); err != nil {
			t.Fatal(err)
		}
		src, read.Purpose = x, datasets.TrainFingerprinting
	}
	events, _ := datasets.Events(ctx, src, read)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		r := rowBack{Event: *e}
		if l, ok := labels[e.ID]; ok {
			r.Label = &l
		}
		rows = append(rows, r)
	}
	return rows, pairs
}

// check lets [datasets.Verify] look at a dataset.
func check(t *testing.T, dir string) {
	t.Helper()
	v, err := datasets.Verify(ctx, dir, datasets.VerifyOptions{Options: datasets.Options{AsOf: instant("2027-01-01T00:00:00Z")}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Errors > 0 {
		t.Errorf("verify finds %d errors: %+v", v.Errors, v.Findings)
	}
}

// tree returns the bytes of all files of a dataset.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// TestSameBytes imports again and again, as a golden dataset and as an export.
func TestSameBytes(t *testing.T) {
	for i, tt := range fixtures {
		for _, golden := range []bool{false, true} {
			if tt.opt.Golden && !golden {
				continue
			}
			opt := place(t, i)
			opt.Golden = golden
			var first map[string]string
			for n := range 3 { // once with more workers
				opt.Workers = 1 + n
				opt.Out = filepath.Join(filepath.Dir(opt.Out), "again")
				os.RemoveAll(opt.Out)
				if _, err := Import(ctx, opt); err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				got := tree(t, opt.Out)
				if n == 0 {
					first = got
				} else if diff := cmp.Diff(first, got); diff != "" {
					t.Errorf("%s (golden %t): another dataset with %d workers", tt.name, golden, opt.Workers)
				}
				check(t, opt.Out)
			}
		}
	}
}

// TestStrict ends at the first fault and leaves nothing.
func TestStrict(t *testing.T) {
	for i, tt := range fixtures {
		opt := place(t, i)
		opt.Strict = true
		_, err := Import(ctx, opt)
		if !errors.Is(err, ErrRead) {
			t.Errorf("%s: got %v, want ErrRead", tt.name, err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(opt.Out), "*out*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", tt.name, left, err)
		}
	}
}

// TestCancel stops an import in its middle: nothing is left, no goroutine
// either.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	for i, tt := range fixtures {
		ctx, cancel := context.WithCancel(ctx)
		opt := place(t, i)
		opt.Workers = 2
		opt.Progress = func(int64, int64) { cancel() }
		if tt.opt.Format == Parquet { // reports nothing of its few bytes
			cancel()
		}
		if _, err := Import(ctx, opt); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(opt.Out), "*out*"))
		if hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(opt.Out), ".*out*")); err != nil || len(left)+len(hidden) > 0 {
			t.Errorf("%s: left %v, %v", tt.name, left, err)
		}
	}
	for n := 0; runtime.NumGoroutine() > before; n++ {
		if n == 100 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
