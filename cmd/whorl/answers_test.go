package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whorl/features"
	"whorl/internal/exporttest"
)

// anyText draws text with what spreadsheets take for formulas in front.
func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"'", "=", "+", "-", "@", "\t", "\r", "\n", ",", `"`, ";", "a", "é", "\u202e", " "}), 0, 6).Draw(t, "text"), "")
	})
}

// No cell begins as a formula does, and what is guarded comes back.
func TestGuardedCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyText().Draw(t, "cell")
		g := guarded(s)
		if g != "" && strings.Contains(formulas, g[:1]) {
			t.Fatalf("%q is written as %q", s, g)
		}
		if back := unguarded(g); back != s {
			t.Fatalf("%q is written as %q and read as %q", s, g, back)
		}
	})
	for s, want := range map[string]string{"": "", "a": "a", "'": "'", "'a": "'a", "=1": "'=1", "-1": "'-1", "'=1": "''=1", "''": "'''"} {
		if got := guarded(s); got != want {
			t.Errorf("%q is guarded as %q, want %q", s, got, want)
		}
	}
}

// What sample-pairs writes is read as it was meant, whatever ids look like.
func TestSampleIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A reader of CSV takes line breaks of all kinds for one.
		id := rapid.Map(anyText(), func(s string) string { return "e" + strings.ReplaceAll(s, "\r", "") })
		first := rapid.SampledFrom([]string{"", "=", "-", "'=", "''"}).Draw(t, "first")
		rows := []sampleRow{{
			organisation: "o", project: first + id.Draw(t, "project"), a: first + id.Draw(t, "a") + "1", b: first + id.Draw(t, "b") + "2",
			platform: features.Go, probability: 0.25, texts: [2]shownText{{"=HYPERLINK(1)", "@f"}, {"t", "-g"}},
		}}
		texts := rapid.Bool().Draw(t, "texts")
		var out bytes.Buffer
		if err := writeSample(&out, rows, texts); err != nil {
			t.Fatal(err)
		}
		cells, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
		if err != nil || len(cells) != 2 {
			t.Fatalf("%v: %q", err, out.String())
		}
		for i, cell := range cells[1] {
			if cell != "" && strings.Contains(formulas, cell[:1]) {
				t.Fatalf("column %s holds the formula %q", cells[0][i], cell)
			}
		}
		filled := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
		got, err := parseAnswers("f.csv", append(append([]byte("\ufeff"), filled...), " Yes \r\n"...))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].a != rows[0].a || got[0].b != rows[0].b || got[0].project != rows[0].project || !got[0].same {
			t.Fatalf("%+v is read as %+v", rows[0], got)
		}
	})
}

func TestReadAnswers(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const header = "event_id_b,same,event_id_a"
	one := file("one.csv", header, "x,yes,y", "", "z,NO,y", "p,,q", "x,unsure,z")
	two := file("two.csv", header, "y,yes,x", "y,unsure,z", "a,no,z")
	got, err := readAnswers([]string{one, two})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, a := range got.given {
		said = append(said, fmt.Sprintf("%s %d %v %v", filepath.Base(a.file), a.row, a.key(), a.same))
	}
	// A pair that agrees with the first counts once, and being unsure contradicts nobody.
	if want := []string{"two.csv 4 [a z] false", "one.csv 2 [x y] true", "one.csv 4 [y z] false"}; !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	if got.counts.skipped != 3 || len(got.files) != 2 || got.files[0].path != one {
		t.Errorf("%+v", got)
	}
	if none, err := readAnswers(nil); none != nil || err != nil {
		t.Errorf("without files: %+v, %v", none, err)
	}
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"across files":   {[]string{one, file("other.csv", header, "y,no,x")}, "other.csv, row 2: the pair stands in " + one + ", row 2, with another answer"},
		"empty file":     {[]string{file("empty.csv")}, "empty.csv is empty"},
		"header alone":   {[]string{file("header.csv", header)}, "header.csv holds no pair"},
		"no column same": {[]string{file("same.csv", "event_id_a,event_id_b", "a,b")}, "same.csv, row 1: no column same"},
		"column twice":   {[]string{file("twice.csv", header+",same", "a,yes,b,no")}, `twice.csv, row 1: column "same" stands twice`},
		"case":           {[]string{file("case.csv", "Event_id_a,event_id_b,same", "a,b,yes")}, `case.csv, row 1: unknown column "Event_id_a": remove it`},
		"cells":          {[]string{file("cells.csv", header, "a,yes")}, "cells.csv, row 2: wrong number of fields: save it as CSV"},
		"quote":          {[]string{file("quote.csv", header, `a"b,yes,c`)}, "quote.csv, row 2: bare"},
		"no id":          {[]string{file("id.csv", header, ",yes,c")}, "id.csv, row 2: event_id_a or event_id_b is empty"},
		"all empty":      {[]string{file("all.csv", header, "a,,b", "c, ,d")}, "column same is empty in all 2 rows"},
		"not there":      {[]string{filepath.Join(dir, "nowhere")}, "no such file or directory; name a file that sample-pairs wrote"},
		"a directory":    {[]string{dir}, "is a directory"},
	} {
		if _, err := readAnswers(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzParseAnswers: any bytes are refused or give pairs of two events.
func FuzzParseAnswers(f *testing.F) {
	f.Add([]byte("org_id,project_id,event_id_a,event_id_b,platform,probability,same\no,p,a,b,go,0.5,yes\n"))
	f.Add([]byte("\ufeffevent_id_a,event_id_b,same\r\n'=a,\"b\n\",unsure\r\n"))
	f.Add([]byte("event_id_a;event_id_b;same\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseAnswers("f.csv", data)
		if (err == nil) == (len(all) == 0) {
			t.Fatalf("%d answers, %v", len(all), err)
		}
		last := 1
		for _, a := range all {
			if a.a == "" || a.b == "" || a.a == a.b || a.same != (a.said == "yes") || a.row <= last {
				t.Fatalf("%+v after row %d", a, last)
			}
			last = a.row
		}
	})
}

// Pairs of events without consent change nothing but a count: the model is that
// of a run which never heard of them.
func TestAnswersWithoutConsent(t *testing.T) {
	w := shared(t)
	dir := t.TempDir()
	export := filepath.Join(dir, "export")
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	unwilling := map[string]bool{}
	for i := range rows {
		if i%5 == 0 {
			rows[i].Purposes = []string{"review_content"}
			unwilling[rows[i].ID] = true
		}
	}
	exporttest.Write(t, export, rows, labels[:len(labels)/2], exporttest.Options{Name: "export"})
	with, without := filepath.Join(dir, "with.csv"), filepath.Join(dir, "without.csv")
	var all, allowed strings.Builder
	head := "event_id_a,event_id_b,same\n"
	all.WriteString(head)
	allowed.WriteString(head)
	denied := 0
	for i := 0; i+1 < len(rows); i += 2 { // rows of one group stand beside each other
		line := rows[i].ID + "," + rows[i+1].ID + ",yes\n"
		all.WriteString(line)
		if unwilling[rows[i].ID] || unwilling[rows[i+1].ID] {
			denied++
			continue
		}
		allowed.WriteString(line)
	}
	for path, content := range map[string]string{with: all.String(), without: allowed.String()} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name, labels string) map[string][]byte {
		out := filepath.Join(dir, name)
		o := whorl(t, "train", "--export", export, "--golden", w.golden, "--config", w.config, "--pseudonym-key", w.key, "--as-of", asOf, "--labels", labels, "--out", out).ok()
		want := fmt.Sprintf("%d yes, 0 no; %d without consent, 0 unanswered\n", len(rows)/2-denied, denied)
		if name == "with" && !strings.Contains(o.stderr, want) {
			t.Errorf("want %q:\n%s", want, o.stderr)
		}
		return files(t, out)
	}
	a, b := run("with", with), run("without", without)
	if denied == 0 || !bytes.Equal(a[modelFile], b[modelFile]) {
		t.Errorf("%d pairs without consent change the model", denied)
	}
	if want := fmt.Sprintf(`"denied": %d,`, denied); !bytes.Contains(a["result.json"], []byte(want)) {
		t.Errorf("result.json does not hold %s", want)
	}
	for name, content := range a { // ids stand in no file of a run
		if bytes.Contains(content, []byte("zanzibar-event")) {
			t.Errorf("%s names an event", name)
		}
	}
}

// An answer beats the groups and the pairs of the export, and the report tells.
func TestContradictingAnswers(t *testing.T) {
	w := shared(t)
	dir := t.TempDir()
	export := filepath.Join(dir, "export")
	rows, labels, _ := tinyEvents("zanzibar", 3, 8, 6)
	exporttest.Write(t, export, rows, labels, exporttest.Options{Name: "export", Pairs: []exporttest.Pair{
		{A: rows[1].ID, B: rows[0].ID, Label: "GROUP", Confidence: 0.5, Source: "human"},
		{A: rows[2].ID, B: rows[3].ID, Label: "GROUP", Confidence: 0.5, Source: "human"},
	}})
	path := filepath.Join(dir, "labels.csv")
	lines := []string{"event_id_a,event_id_b,same", rows[0].ID + "," + rows[1].ID + ",no", rows[0].ID + "," + rows[6].ID + ",no", rows[3].ID + "," + rows[2].ID + ",yes"}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	whorl(t, "train", "--export", export, "--golden", w.golden, "--config", w.config, "--pseudonym-key", w.key, "--as-of", asOf, "--labels", path, "--out", out).ok()
	result, err := readResult(filepath.Join(out, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	l := result.Training.Labels
	if l == nil || l.Same != 1 || l.Different != 2 || l.AgainstGroups != 1 || l.AgainstPairs != 1 {
		t.Errorf("labels: %+v", l)
	}
	var told bool
	for _, x := range result.Warnings {
		told = told || x.Code == "contradicting_answers" && strings.Contains(x.Text, "1 say the opposite of their events' groups and 1 of a pair")
	}
	if !told {
		t.Errorf("warnings: %+v", result.Warnings)
	}
}

// A file of pairs is for whoever wrote it alone, and comes out alike for any
// number of workers.
func TestSamplePairsFile(t *testing.T) {
	w := shared(t)
	dir := t.TempDir()
	export := filepath.Join(dir, "export")
	writePartial(t, export)
	var first []byte
	for _, workers := range []int{1, 2, 5} {
		out := filepath.Join(dir, fmt.Sprint(workers))
		whorlIn(t, &environment{workers: workers}, "datasets", "sample-pairs", "--export", export, "--model", filepath.Join(w.run, modelFile), "--as-of", asOf, "--show-text", "--out", out).ok()
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = content
		} else if !bytes.Equal(first, content) {
			t.Errorf("%d workers write another file than one", workers)
		}
	}
}
