package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"whorl/eval/result"
	"whorl/internal/arrowfile"
)

var update = flag.Bool("update", false, "rewrite the files that scripts compare with")

// scratchDir holds what tests share; it is removed when they are done.
var scratchDir string

// suite runs the tests and removes what they shared.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	var err error
	if scratchDir, err = os.MkdirTemp("", "whorl-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratchDir)
	return s.m.Run()
}

// TestMain lets the test binary stand in for the program: in scripts, and
// wherever a test needs a process of its own to kill.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"whorl": main, "whorl-dying": dyingMain})
}

// TestScripts runs the scripts of testdata/script. They find the shared inputs
// and the run under $EXPORT, $GOLDEN, $MIXED, $CONFIG, $KEY and $RUN, the
// export with half its labels under $PARTIAL, with a ledger that withdraws an
// organisation under $PARTIAL_WITHDRAWN, fixtures of other formats under $FORMATS,
// the sample export under $SAMPLE, and a
// time at which the consent is in force under $ASOF. $LEDGER is the export's ledger,
// $WITHDRAWN goes on from it with a withdrawal, $REGRANTED from that, and $REWRITTEN
// goes another way; each has its head under $LEDGER_HEAD and so on.
func TestScripts(t *testing.T) {
	w := shared(t)
	formats, err := filepath.Abs(filepath.Join("..", "..", "datasets", "importer", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	sample, err := filepath.Abs(filepath.FromSlash(sampleExport))
	if err != nil {
		t.Fatal(err)
	}
	mixed := filepath.Join(t.TempDir(), "mixed")
	writeMixed(t, mixed)
	ledgers := writeLedgers(t, w.export, t.TempDir())
	partial := filepath.Join(t.TempDir(), "partial")
	partialWithdrawn := writePartial(t, partial)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXPORT", w.export)
			env.Setenv("GOLDEN", w.golden)
			env.Setenv("MIXED", mixed)
			env.Setenv("PARTIAL", partial)
			env.Setenv("PARTIAL_WITHDRAWN", partialWithdrawn)
			env.Setenv("CONFIG", w.config)
			env.Setenv("KEY", w.key)
			env.Setenv("RUN", w.run)
			env.Setenv("ASOF", asOf)
			env.Setenv("FORMATS", formats)
			env.Setenv("SAMPLE", sample)
			for name, value := range ledgers {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": status, "fails": fails, "empty": empty, "damage": damage, "jsonkeys": jsonKeys,
			"arrowrows": arrowRows, "scorers": scorersOf, "protocols": protocolsOf, "samefigures": sameFigures,
			"judge": judgePairs,
		},
		RequireExplicitExec: true,
		UpdateScripts:       *update,
	})
}

// status N COMMAND... demands that a command ends with an exit status.
func status(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	if got := exitStatus(err); got != args[0] {
		ts.Fatalf("%q ends with status %s, want %s", args[1:], got, args[0])
	}
}

func exitStatus(err error) string {
	if err == nil {
		return "0"
	}
	return strings.TrimPrefix(err.Error(), "exit status ")
}

// fails COMMAND... demands exit 1 with one line on standard error that begins
// with the program's name, and nothing on standard output.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	status(ts, neg, append([]string{"1"}, args...))
	stderr, stdout := ts.ReadFile("stderr"), ts.ReadFile("stdout")
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "whorl: ") || stdout != "" {
		ts.Fatalf("want exactly one line on stderr and none on stdout:\n%s\n%s", stderr, stdout)
	}
}

// empty DIR demands that a directory has no entry but the script's own .tmp.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, name := range entryNames(entries) {
		if name != ".tmp" {
			ts.Fatalf("left behind: %s", name)
		}
	}
}

// damage flip|cut|newer FROM TO writes a damaged copy of a model file.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	content, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	switch args[0] {
	case "flip":
		content[len(content)-9] ^= 4
	case "cut":
		content = content[:len(content)-1]
	case "newer":
		content = bytes.Replace(content, []byte("whorl.model/2"), []byte("whorl.model/3"), 1)
	default:
		ts.Fatalf("unknown damage %q", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), content, 0o644))
}

// jsonkeys FILE KEY[=VALUE]... demands keys of a JSON object, dotted for
// objects within it, and the text of their values.
func jsonKeys(ts *testscript.TestScript, neg bool, args []string) {
	var object map[string]any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &object); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	for _, arg := range args[1:] {
		path, want, given := strings.Cut(arg, "=")
		var value any = object
		for key := range strings.SplitSeq(path, ".") {
			within, _ := value.(map[string]any)
			inner, ok := within[key]
			if !ok {
				ts.Fatalf("%s has no %s", args[0], path)
			}
			value = inner
		}
		if got := fmt.Sprint(value); given && got != want {
			ts.Fatalf("%s: %s is %s, want %s", args[0], path, got, want)
		}
	}
}

// judge FILE TO ANSWER... writes a copy of a file of sample-pairs with the
// answers in the column same, over and over; - leaves a row empty, and true
// stands for what the ids of the tiny events say.
func judgePairs(ts *testscript.TestScript, neg bool, args []string) {
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	a, b := slices.Index(rows[0], columnA), slices.Index(rows[0], columnB)
	group := func(id string) string { return id[:strings.LastIndex(id, "-")] }
	for i, row := range rows[1:] {
		answer := args[2+i%(len(args)-2)]
		switch {
		case answer == "-":
			answer = ""
		case answer == "true" && group(row[a]) == group(row[b]):
			answer = "yes"
		case answer == "true":
			answer = "no"
		}
		row[len(row)-1] = answer
	}
	var out bytes.Buffer
	ts.Check(csv.NewWriter(&out).WriteAll(rows))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o600))
}

// arrowrows FILE N COLUMN... demands an Arrow file of N rows with columns.
func arrowRows(ts *testscript.TestScript, neg bool, args []string) {
	table, err := arrowfile.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if fmt.Sprint(table.Rows) != args[1] {
		ts.Fatalf("%s has %d rows, want %s", args[0], table.Rows, args[1])
	}
	for _, name := range args[2:] {
		if !slices.ContainsFunc(table.Columns, func(c arrowfile.Column) bool { return c.Name == name }) {
			ts.Fatalf("%s has no column %s", args[0], name)
		}
	}
}

// scorers FILE NAME... demands the scorers of a result, in order, each with
// figures. A last name "..." stands for any more.
func scorersOf(ts *testscript.TestScript, neg bool, args []string) {
	r := readScriptResult(ts, args[0])
	want := args[1:]
	var got []string
	for _, s := range r.Scorers {
		got = append(got, s.Name)
		if !slices.ContainsFunc(r.Figures, func(f result.Figure) bool { return f.Scorer == s.Name }) {
			ts.Fatalf("%s has no figure of %s", args[0], s.Name)
		}
	}
	if n := len(want) - 1; want[n] == "..." {
		want, got = want[:n], got[:min(n, len(got))]
	}
	if !slices.Equal(got, want) {
		ts.Fatalf("%s has the scorers %q, want %q", args[0], got, want)
	}
}

// protocols FILE NAME... demands the protocols of a result's figures.
func protocolsOf(ts *testscript.TestScript, neg bool, args []string) {
	seen := map[string]bool{}
	for _, f := range readScriptResult(ts, args[0]).Figures {
		seen[f.Protocol] = true
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		ts.Fatalf("%s has figures of %q, want %q", args[0], got, want)
	}
}

// samefigures A B demands equal figures and differences.
func sameFigures(ts *testscript.TestScript, neg bool, args []string) {
	a, b := readScriptResult(ts, args[0]), readScriptResult(ts, args[1])
	if diff := cmp.Diff(a.Figures, b.Figures) + cmp.Diff(a.Differences, b.Differences); diff != "" {
		ts.Fatalf("%s and %s differ:\n%s", args[0], args[1], diff)
	}
}

func readScriptResult(ts *testscript.TestScript, path string) *result.Result {
	r, err := readResult(ts.MkAbs(path))
	ts.Check(err)
	return r
}
