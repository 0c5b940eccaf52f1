package stacktrace

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden reads testdata/LANGUAGE/*.txt and compares with the .json beside
// each. Every text must also be recognised without its language being told.
func TestGolden(t *testing.T) {
	for _, p := range languages {
		texts, err := filepath.Glob(filepath.Join("testdata", string(p.language), "*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if len(texts) < 5 {
			t.Errorf("%s has %d texts, want 5 or more", p.language, len(texts))
		}
		for _, name := range texts {
			t.Run(strings.TrimPrefix(strings.TrimSuffix(filepath.ToSlash(name), ".txt"), "testdata/"), func(t *testing.T) {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				trace, ok := Parse(p.language, string(text))
				if !ok {
					t.Fatal("nothing is found")
				}
				got, err := json.MarshalIndent(trace, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, '\n')
				golden := strings.TrimSuffix(name, ".txt") + ".json"
				if *update {
					if err := os.WriteFile(golden, got, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("-%s +got; go test -update rewrites it\n%s", golden, diff)
				}
				if auto, _ := Parse(Auto, string(text)); auto.Language != p.language {
					t.Errorf("taken for %q", auto.Language)
				}
			})
		}
	}
}

// checkTrace tests what holds for every trace of every text.
func checkTrace(t *testing.T, language Language, text string) {
	t.Helper()
	trace, ok := Parse(language, text)
	if ok != (len(trace.Exceptions) > 0) || ok && (trace.Marks == 0 || language != Auto && trace.Language != language) {
		t.Fatalf("ok is %v, trace %+v", ok, trace)
	}
	filled := 0
	for _, line := range splitLines(text) {
		if strings.TrimSpace(line) != "" {
			filled++
		}
	}
	frames := 0
	for _, x := range trace.Exceptions {
		frames += len(x.Frames)
		for _, f := range x.Frames {
			if f.Line < 0 || f.Column < 0 {
				t.Fatalf("frame %+v", f)
			}
			if f.Function+f.Module+f.Filename+f.AbsPath == "" {
				t.Fatalf("a frame of nothing in %+v", trace)
			}
		}
		if len(x.Frames) == 0 && x.Type == "" && x.Value == "" {
			t.Fatalf("an exception of nothing in %+v", trace)
		}
	}
	if len(trace.Exceptions) > MaxExceptions || frames > MaxFrames {
		t.Fatalf("%d exceptions, %d frames", len(trace.Exceptions), frames)
	}
	if trace.Skipped > filled {
		t.Fatalf("%d of %d lines are skipped", trace.Skipped, filled)
	}
	again, _ := Parse(language, text)
	if diff := cmp.Diff(trace, again); diff != "" {
		t.Fatalf("another trace the second time: %s", diff)
	}
}

// fixtureTexts returns the texts of testdata of a language, or of all.
func fixtureTexts(tb testing.TB, language Language) (all []string) {
	tb.Helper()
	folder := string(language)
	if language == Auto {
		folder = "*"
	}
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// fuzz tries texts that begin as those of testdata, of all languages.
func fuzz(f *testing.F, language Language) {
	for _, text := range fixtureTexts(f, Auto) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkTrace(t, language, text) })
}

func TestLanguages(t *testing.T) {
	all := Languages()
	if slices.Contains(all, Auto) {
		t.Error("auto is listed")
	}
	for _, text := range []string{"", "\n", "   \n\r\n", "hello"} {
		if trace, ok := Parse(Auto, text); ok {
			t.Errorf("%q gives %+v", text, trace)
		}
	}
}

func TestCutPosition(t *testing.T) {
	tests := []struct {
		text, path   string
		line, column int32
	}{
		{"a.js:3:9", "a.js", 3, 9},
		{"a.js:3", "a.js", 3, 0},
		{"a.js", "a.js", 0, 0},
		{`C:\app\a.js:12:1`, `C:\app\a.js`, 12, 1},
		{`C:\app\a.js`, `C:\app\a.js`, 0, 0},
		{"https://example.org:8080/a.js:3:9", "https://example.org:8080/a.js", 3, 9},
		{"a:99999999999:3", "a:99999999999", 3, 0},
		{":3", ":3", 0, 0},
		{"", "", 0, 0},
	}
	for _, tt := range tests {
		if path, line, column := cutPosition(tt.text); path != tt.path || line != tt.line || column != tt.column {
			t.Errorf("cutPosition(%q) = %q, %d, %d", tt.text, path, line, column)
		}
	}
}
