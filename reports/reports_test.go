package reports

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/eval/result"
)

var update = flag.Bool("update", false, "write the golden files anew")

// renderers are the three forms, by the ending of their golden files.
var renderers = []struct {
	ext    string
	render func(io.Writer, []*result.Result, Options) error
}{
	{"html", HTML},
	{"md", Markdown},
	{"txt", Text},
}

func rendered(t testing.TB, ext string, results []*result.Result, o Options) string {
	t.Helper()
	for _, r := range renderers {
		if r.ext == ext {
			var b bytes.Buffer
			if err := r.render(&b, results, o); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	t.Fatalf("no renderer for %s", ext)
	return ""
}

// several is a base and a candidate that differ in the model alone.
func several() []*result.Result {
	base, candidate := fixture("2026.1", -.05), fixture("2026.2", 0)
	candidate.Training = nil
	candidate.Provenance.Seed = 8
	candidate.Datasets = candidate.Datasets[:2]
	keep := candidate.Figures[:0]
	for _, f := range candidate.Figures {
		if f.Dataset != "logs-dev" {
			keep = append(keep, f)
		}
	}
	candidate.Figures = keep
	return []*result.Result{base, candidate}
}

func TestGolden(t *testing.T) {
	empty := &result.Result{Format: result.Format, Provenance: result.Provenance{Tool: "whorl 0.1.0"}}
	for _, tt := range []struct {
		name    string
		results []*result.Result
		options Options
	}{
		{"single", []*result.Result{fixture("2026.2", 0)}, Options{}},
		{"several", several(), Options{Title: "Candidate against base", Labels: []string{"base", "candidate"}}},
		{"hostile", []*result.Result{hostile()}, Options{Title: hostilePayload, Labels: []string{hostilePayload}}},
		{"empty", []*result.Result{empty}, Options{}},
	} {
		for _, r := range renderers {
			t.Run(tt.name+"."+r.ext, func(t *testing.T) {
				got := rendered(t, r.ext, tt.results, tt.options)
				path := filepath.Join("testdata", tt.name+".golden."+r.ext)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
					t.Errorf("differs from %s (run with -update after a look):\n%s", path, d)
				}
			})
		}
	}
}

func TestOrderOfAResultDoesNotReachTheReport(t *testing.T) {
	written := func(r *result.Result) *result.Result {
		var b bytes.Buffer
		if err := result.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		back, err := result.Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		return back
	}
	r := fixture("2026.2", 0)
	for _, form := range renderers {
		want := rendered(t, form.ext, []*result.Result{r}, Options{})
		for range 5 {
			if got := rendered(t, form.ext, []*result.Result{written(r)}, Options{}); got != want {
				t.Fatalf("%s: a written and read result gives another report", form.ext)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	other := func(alter func(*result.Result)) []*result.Result {
		r := fixture("2026.2", 0)
		alter(r)
		return []*result.Result{fixture("2026.1", 0), r}
	}
	for _, tt := range []struct {
		name    string
		results []*result.Result
		options Options
		want    error
		texts   []string
	}{
		{"none", nil, Options{}, ErrNoResults, nil},
		{"nil", []*result.Result{nil}, Options{}, ErrNoResults, []string{"result 1"}},
		{"invalid", []*result.Result{{}}, Options{}, result.ErrFormat, []string{"result 1"}},
		{"labels", []*result.Result{fixture("a", 0)}, Options{Labels: []string{"a", "b"}}, nil, []string{"2 labels for 1 results"}},
		{"versions", other(func(r *result.Result) {
			r.Datasets[1].Version = "2.1"
			for i := range r.Figures {
				if r.Figures[i].Dataset == "js-dev" {
					r.Figures[i].DatasetVersion = "2.1"
				}
			}
			r.Differences, r.Curves = nil, nil
		}), Options{}, ErrVersions, []string{"js-dev", `"2.0"`, `"2.1"`}},
		{"contents", other(func(r *result.Result) { r.Datasets[1].SHA256 = strings.Repeat("0", 64) }), Options{}, ErrVersions, []string{"js-dev", "5b0e5b0e5b0e", "000000000000"}},
	} {
		for _, form := range renderers {
			t.Run(tt.name+"."+form.ext, func(t *testing.T) {
				var b bytes.Buffer
				err := form.render(&b, tt.results, tt.options)
				if err == nil {
					t.Fatal("rendered")
				}
				if tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				for _, text := range tt.texts {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("error %q does not name %q", err, text)
					}
				}
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("error of more than one line: %q", err)
				}
				if b.Len() > 0 {
					t.Error("something was written before the refusal")
				}
			})
		}
	}
}

func TestWriteErrorsAreReported(t *testing.T) {
	r, w := io.Pipe()
	broken := errors.New("disk full")
	r.CloseWithError(broken)
	for _, form := range renderers {
		if err := form.render(w, []*result.Result{fixture("a", 0)}, Options{}); !errors.Is(err, broken) {
			t.Errorf("%s: %v", form.ext, err)
		}
	}
}

func TestEqualModelVersionsGetLabelsOfTheirOwn(t *testing.T) {
	page := rendered(t, "md", []*result.Result{fixture("2026.1", 0), fixture("2026.1", 0)}, Options{})
	for _, want := range []string{"2026.1 (result 1)", "2026.1 (result 2)"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}
