package importrules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// planned are the packages of the design. Every pattern of a rule must select
// one of them, so that no rule is void by a slip of the pen.
var planned = []string{
	"./features", "./features/blocking",
	"./model",
	"./datasets", "./datasets/importer",
	"./train",
	"./eval", "./eval/metric", "./eval/baseline", "./eval/result",
	"./reports",
	"./cmd/whorl",
	"./internal/safetensors", "./internal/strictjson", "./internal/progress", "./internal/arrowfile",
	"./internal/atomicfile", "./internal/exporttest", "./internal/importrules",
}

func TestModuleKeepsTheRules(t *testing.T) {
	m, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if m.Path != "whorl" || m.Packages["./internal/importrules"] == nil {
		t.Fatalf("loaded module %q with %d packages, want whorl with this package in it", m.Path, len(m.Packages))
	}
	for _, b := range Check(m, Rules) {
		t.Error(b)
	}
}

func TestPatternsSelectPlannedPackages(t *testing.T) {
	for _, r := range Rules {
		for _, p := range slices.Concat(r.From, r.Except, r.Forbid, r.Allow) {
			if inModule(p) && !slices.ContainsFunc(planned, func(dir string) bool { return match(p, dir) }) {
				t.Errorf("%q: the pattern %s selects no package of the design", r.Why, p)
			}
		}
		if r.Why == "" || len(r.From) == 0 || len(r.Forbid)+len(r.Allow)+len(r.Names) == 0 {
			t.Errorf("rule %+v has no reason, binds nobody or forbids nothing", r)
		}
	}
	for _, dir := range planned {
		if !matchAny(folders, dir) {
			t.Errorf("%s stands in no known folder", dir)
		}
	}
}

// TestCheckFindsBreaches plants one breach in a sound module and expects it
// to be found, in the right file and line, and nothing else besides.
func TestCheckFindsBreaches(t *testing.T) {
	tests := []struct {
		file string
		src  string // without the package clause; the breach is in line 2
		what string
	}{
		{"eval/a.go", `import "whorl/train"`, "imports ./train"},
		{"eval/metric/a_test.go", `import "whorl/train"`, "imports ./train"},
		{"eval/baseline/a.go", `import "whorl/train/boost"`, "imports ./train/boost"},
		{"train/a.go", `import "whorl/eval/metric"`, "imports ./eval/metric"},
		{"train/a_test.go", `import "whorl/eval"`, "imports ./eval"},
		{"train/a.go", `import _ "whorl/datasets"`, "imports ./datasets"},
		{"train/a_test.go", `import "whorl/internal/exporttest"`, "imports ./internal/exporttest, which imports ./datasets"},
		{"reports/a.go", `import "whorl/features"`, "imports ./features"},
		{"reports/a.go", `import "gonum.org/v1/gonum/stat"`, "imports gonum.org/v1/gonum/stat"},
		{"reports/a.go", `import "whorl/datasets"`, "imports ./datasets"},
		{"reports/a_test.go", `import "whorl/datasets"`, "imports ./datasets"},
		{"eval/result/a.go", `import "whorl/model"`, "imports ./model"},
		{"features/a.go", `import "net"`, "imports net"},
		{"datasets/a.go", `import "net/http"`, "imports net/http"},
		{"cmd/whorl/a.go", `import "net/http/pprof"`, "imports net/http/pprof"},
		{"cmd/whorl/a_test.go", `import "net/http/httptest"`, "imports net/http/httptest"},
		{"features/a.go", `import "golang.org/x/text/unicode/norm"`, "imports golang.org/x/text/unicode/norm"},
		{"features/blocking/a.go", `import "C"`, "imports C"},
		{"model/a.go", `import "whorl/internal/arrowfile"`, "imports ./internal/arrowfile, which imports github.com/apache/arrow/go/v15/arrow"},
		{"model/a_test.go", `import "gonum.org/v1/gonum/floats"`, "imports gonum.org/v1/gonum/floats"},
		{"cmd/whorl/a.go", `import "github.com/parquet-go/parquet-go"`, "imports github.com/parquet-go/parquet-go"},
		{"eval/a_test.go", `import pq "github.com/parquet-go/parquet-go/compress"`, "imports github.com/parquet-go/parquet-go/compress"},
		{"datasets/a.go", `import "github.com/apache/arrow/go/v15/parquet/pqarrow"`, "imports github.com/apache/arrow/go/v15/parquet/pqarrow"},
		{"cmd/whorl/a.go", `import "github.com/apache/arrow/go/v15/arrow/ipc"`, "imports github.com/apache/arrow/go/v15/arrow/ipc"},
		{"train/a.go", `import "github.com/schollz/progressbar/v3"`, "imports github.com/schollz/progressbar/v3"},
		{"eval/a.go", `import "github.com/alecthomas/kong"`, "imports github.com/alecthomas/kong"},
		{"features/a.go", `import "whorl/internal/atomicfile"`, "imports ./internal/atomicfile"},
		{"features/a.go", `import "whorl/model"`, "imports ./model"},
		{"model/a.go", `import "whorl/datasets"`, "imports ./datasets"},
		{"datasets/a.go", `import "whorl/model"`, "imports ./model"},
		{"train/a.go", `import "whorl/reports"`, "imports ./reports"},
		{"eval/a.go", `import "whorl/reports"`, "imports ./reports"},
		{"internal/strictjson/a.go", `import "whorl/features"`, "imports ./features"},
		{"reports/a_test.go", `import "whorl/cmd/whorl"`, "imports ./cmd/whorl"},
		{"cmd/whorl/a.go", `import "whorl/internal/exporttest"`, "imports ./internal/exporttest"},
		{"datasets/a.go", `import "testing"`, "imports testing"},
		{"datasets/a.go", `import "flag"`, "imports flag"},
		{"train/a.go", `import "os/signal"`, "imports os/signal"},
		{"model/a.go", `import "crypto/rand"`, "imports crypto/rand"},
		{"eval/a.go", `import "os"; var _ = os.Getenv("HOME")`, "uses os.Getenv"},
		{"eval/a.go", `import "os"; var _, _ = os.LookupEnv("HOME")`, "uses os.LookupEnv"},
		{"reports/a.go", `import "os"; var _ = os.Stdout`, "uses os.Stdout"},
		{"features/a.go", `import "time"; var _ = time.Now()`, "uses time.Now"},
		{"features/a.go", `import clock "time"; var now = clock.Now`, "uses time.Now"},
		{"features/a.go", `import "time"; func f(t time.Time) any { return time.Since(t) }`, "uses time.Since"},
		{"features/a.go", `import . "time"; var _ = Now()`, "uses time.*"},
		{"train/a.go", `import "math/rand"; var _ = rand.Intn(6)`, "uses rand.Intn"},
		{"train/a.go", `import "math/rand/v2"; var _ = rand.N(6)`, "uses rand.N"},
		{"train/a.go", `import r "math/rand/v2"; func f(x []int) { r.Shuffle(len(x), nil) }`, "uses rand.Shuffle"},
		{"internal/arrowfile/a.go", `import "fmt"; func f() { fmt.Println() }`, "uses fmt.Println"},
		{"util/a.go", `import "fmt"`, "stands in ./util"},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.what, func(t *testing.T) {
			fsys := soundModule()
			fsys[tt.file] = source("\n" + tt.src)
			found := check(t, fsys)
			if len(found) == 0 {
				t.Fatal("the breach was not found")
			}
			for _, b := range found {
				wantLine := 2
				if strings.HasPrefix(tt.what, "stands") {
					wantLine = 1
				}
				if b.File != tt.file || b.Line != wantLine || b.What != tt.what || b.Why == "" {
					t.Errorf("found %v, want %s:%d: %s", b, tt.file, wantLine, tt.what)
				}
			}
		})
	}
}

// TestCheckFindsEachRuleAlone makes sure that no rule leans on another: taken
// alone, each finds a breach in a module that breaks it. The breach is built
// from the rule itself.
func TestCheckFindsEachRuleAlone(t *testing.T) {
	for i, r := range Rules {
		t.Run(fmt.Sprint(i, " ", r.Why), func(t *testing.T) {
			from := slices.IndexFunc(planned, func(dir string) bool { return matchAny(r.From, dir) && !matchAny(r.Except, dir) })
			if from < 0 {
				t.Fatal("the rule binds no package of the design")
			}
			target := "example.org/unlisted"
			if len(r.Forbid) > 0 {
				target = strings.TrimSuffix(strings.Replace(r.Forbid[0], "./", "whorl/", 1), "/...")
			}
			if target == "third-party" {
				target = "example.org/unlisted"
			}
			if match("third-party", target) && matchAny(r.Allow, target) {
				target = "whorl/reports" // a rule on stages, which lets any module in
			}
			fsys := soundModule()
			file := strings.TrimPrefix(planned[from], "./") + "/a.go"
			fsys[file] = source(fmt.Sprintf("import %q", target))
			m, err := Load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			if found := Check(m, []Rule{r}); len(found) != 1 || found[0].File != file {
				t.Errorf("import of %s in %s: found %v, want one breach", target, file, found)
			}
		})
	}
}

func TestCheckPassesSoundModule(t *testing.T) {
	allowed := map[string]string{
		"features/a.go":          `import ("net/url"; "net/netip"; "time"); func f(t time.Time) time.Duration { return t.Sub(t) }`,
		"features/a_test.go":     `import ("flag"; "os"; "time"; "pgregory.net/rapid"); var _, _ = os.Getenv("X"), time.Now()`,
		"features/ext_test.go":   `import "whorl/features"`,
		"model/a.go":             `import ("whorl/features"; "whorl/internal/safetensors")`,
		"train/a.go":             `import ("gonum.org/v1/gonum/optimize"; "math/rand/v2"); var _ = rand.New(rand.NewPCG(1, 2)); func f(r *rand.Rand) int { return r.IntN(6) }`,
		"train/b.go":             `import "math/rand"; var _ = rand.New(rand.NewSource(1))`,
		"eval/a.go":              `import ("whorl/datasets"; "whorl/model"; "fmt"; "io"); func f(w io.Writer) { fmt.Fprintln(w) }`,
		"eval/a_test.go":         `import ("testing"; "whorl/internal/exporttest")`,
		"reports/a.go":           `import ("html/template"; "whorl/eval/result")`,
		"reports/a_test.go":      `import "github.com/google/go-cmp/cmp"`,
		"cmd/whorl/a.go":         `import ("flag"; "os"; "os/signal"; "time"; "github.com/alecthomas/kong"; "whorl/train"; "whorl/reports"); var _, _ = os.Getenv("X"), time.Now()`,
		"internal/progress/a.go": `import ("time"; "github.com/schollz/progressbar/v3"); var _ = time.Now`,
		"train/testdata/a.go":    `import "whorl/eval"`,
		"train/_old/a.go":        `import "whorl/eval"`,
		"tools/go.mod":           "module tools",
		"tools/a.go":             `import "net/http"`,
	}
	fsys := soundModule()
	for name, src := range allowed {
		fsys[name] = source(src)
	}
	for _, b := range check(t, fsys) {
		t.Errorf("found %v in a sound module", b)
	}
}

func TestLoadErrors(t *testing.T) {
	tests := map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"no go.mod":      {fstest.MapFS{"a.go": source("")}, "go.mod"},
		"no module line": {fstest.MapFS{"go.mod": {Data: []byte("go 1.26\n")}}, "no module line"},
		"broken source":  {fstest.MapFS{"go.mod": {Data: []byte("module whorl\n")}, "eval/a.go": {Data: []byte("import")}}, "eval/a.go:1"},
	}
	for name, tt := range tests {
		if _, err := Load(tt.fsys); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want one with %q", name, err, tt.want)
		}
	}
}

// soundModule has every planned package, with the imports that make chains.
func soundModule() fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module whorl\n\ngo 1.26\n")}}
	for _, dir := range append(planned, "./train/boost") {
		fsys[strings.TrimPrefix(dir, "./")+"/sound.go"] = source("")
	}
	fsys["internal/arrowfile/sound.go"] = source(`import "github.com/apache/arrow/go/v15/arrow"`)
	fsys["internal/exporttest/sound.go"] = source(`import "whorl/datasets"`)
	return fsys
}

func source(body string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("package p; " + body)}
}

func check(t *testing.T, fsys fstest.MapFS) []Breach {
	t.Helper()
	m, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return Check(m, Rules)
}
