package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"whorl/datasets"
	"whorl/eval/result"
)

// The columns of a file of pairs that people judge. sample-pairs writes all of
// them, those of texts only when asked to; a reader needs the ones of answers.
const (
	columnOrg         = "org_id"
	columnProject     = "project_id"
	columnA           = "event_id_a"
	columnB           = "event_id_b"
	columnPlatform    = "platform"
	columnProbability = "probability"
	columnTitleA      = "title_a"
	columnFramesA     = "frames_a"
	columnTitleB      = "title_b"
	columnFramesB     = "frames_b"
	columnSame        = "same"
)

var (
	answerColumns = []string{columnA, columnB, columnSame}
	sampleColumns = []string{columnOrg, columnProject, columnA, columnB, columnPlatform, columnProbability}
	textColumns   = []string{columnTitleA, columnFramesA, columnTitleB, columnFramesB}
)

// maxAnswerBytes bounds a file of answers: some hundred thousand pairs.
const maxAnswerBytes = 64 << 20

// answer is what somebody said of two events.
type answer struct {
	file    string
	row     int // a line of the file, from 1
	project string
	a, b    string
	said    string // yes, no, or nothing known: unsure, or empty
	same    bool
}

// key names the pair whichever of its events stands first.
func (a *answer) key() [2]string { return [2]string{min(a.a, a.b), max(a.a, a.b)} }

// fault puts file and row before what is wrong with an answer.
func (a *answer) fault(format string, args ...any) error {
	return fmt.Errorf("%s, row %d: %w", a.file, a.row, fmt.Errorf(format, args...))
}

// answers are the files of --labels, read as one. nil stands for none.
type answers struct {
	files   []answerFile
	given   []answer // yes or no, each pair once, in the order of their events
	skipped []answer // empty or unsure
	counts  answerCounts
}

// answerFile names a file that was read.
type answerFile struct{ path, sha256 string }

// answerCounts says what became of the rows.
type answerCounts struct {
	yes, no       int // learned from
	denied        int // consent does not cover both events
	skipped       int // left empty, or unsure
	againstGroups int // of those learned from, how many say the opposite of the export's groups
	againstPairs  int // and of its pairs
}

// readAnswers reads files of answers; nil for none. Two answers to one pair must
// agree, wherever they stand; the first counts.
func readAnswers(paths []string) (*answers, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	out := new(answers)
	first := map[[2]string]answer{}
	for _, path := range paths {
		data, err := readBounded(path, maxAnswerBytes)
		if err != nil {
			return nil, withRemedy(err, "name a file that sample-pairs wrote and somebody filled in")
		}
		sum := sha256.Sum256(data)
		out.files = append(out.files, answerFile{path, hex.EncodeToString(sum[:])})
		all, err := parseAnswers(path, data)
		if err != nil {
			return nil, err
		}
		filled := false
		for _, a := range all {
			filled = filled || a.said != ""
			if a.said != "yes" && a.said != "no" {
				out.skipped = append(out.skipped, a)
				continue
			}
			if other, ok := first[a.key()]; !ok {
				first[a.key()] = a
				out.given = append(out.given, a)
			} else if other.same != a.same {
				return nil, a.fault("the pair stands in %s, row %d, with another answer: keep one, or write unsure", other.file, other.row)
			}
		}
		if !filled {
			return nil, fmt.Errorf("%s: column %s is empty in all %d rows: write yes, no or unsure into it", path, columnSame, len(all))
		}
	}
	out.counts.skipped = len(out.skipped)
	slices.SortFunc(out.given, func(x, y answer) int {
		return cmp.Or(cmp.Compare(x.key()[0], y.key()[0]), cmp.Compare(x.key()[1], y.key()[1]))
	})
	return out, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes: split it, and give each part", path, most)
	}
	return data, nil
}

// parseAnswers reads one file, strictly: a column that is not known, or a word
// that is no answer, may mean that somebody filled in another column.
func parseAnswers(path string, data []byte) ([]answer, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))) // spreadsheets put a mark in front
	header, err := r.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty: its first row must name the columns %s", path, strings.Join(answerColumns, ", "))
	case err != nil:
		return nil, answerFault(path, err)
	}
	place := map[string]int{}
	known := slices.Concat(sampleColumns, textColumns, []string{columnSame})
	for i, name := range header {
		if _, twice := place[name]; twice {
			return nil, fmt.Errorf("%s, row 1: column %.64q stands twice: keep one", path, name)
		}
		if !slices.Contains(known, name) {
			remedy := "remove it"
			if strings.ContainsAny(name, ";\t") {
				remedy = "save the file with commas between its columns"
			}
			return nil, fmt.Errorf("%s, row 1: unknown column %.64q: %s", path, name, remedy)
		}
		place[name] = i
	}
	for _, name := range answerColumns {
		if _, ok := place[name]; !ok {
			return nil, fmt.Errorf("%s, row 1: no column %s: keep the columns that sample-pairs wrote", path, name)
		}
	}
	var out []answer
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, answerFault(path, err)
		}
		line, _ := r.FieldPos(0)
		a := answer{file: path, row: line, a: unguarded(cells[place[columnA]]), b: unguarded(cells[place[columnB]])}
		if at, ok := place[columnProject]; ok {
			a.project = unguarded(cells[at])
		}
		switch {
		case a.a == "" || a.b == "":
			return nil, a.fault("%s or %s is empty: write the ids that sample-pairs wrote, or remove the row", columnA, columnB)
		case a.a == a.b:
			return nil, a.fault("both events are %.64q: a pair needs two; remove the row", a.a)
		}
		switch a.said = strings.ToLower(strings.TrimSpace(cells[place[columnSame]])); a.said {
		case "yes", "no", "unsure", "":
			a.same = a.said == "yes"
		default:
			return nil, a.fault("column %s holds %.32q: write yes, no or unsure, or leave it empty", columnSame, a.said)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no pair: fill in what sample-pairs wrote", path)
	}
	return out, nil
}

// answerFault tells of a file that is no CSV.
func answerFault(path string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%s, row %d: %w: save it as CSV, with commas and double quotes", path, parse.Line, parse.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// formulas are the characters with which a cell begins that a spreadsheet would
// take for a formula (OWASP, "CSV Injection").
const formulas = "=+-@\t\r\n"

// guarded puts an apostrophe before a cell that a spreadsheet would run, and
// before one that unguarded would otherwise take one from.
func guarded(s string) string {
	if s != "" && strings.Contains(formulas, s[:1]) || hasGuard(s) {
		return "'" + s
	}
	return s
}

// unguarded takes the apostrophe away again.
func unguarded(s string) string {
	if hasGuard(s) {
		return s[1:]
	}
	return s
}

func hasGuard(s string) bool {
	return len(s) > 1 && s[0] == '\'' && strings.Contains(formulas+"'", s[1:2])
}

// ids returns the events of all answers that say something.
func (a *answers) ids() map[string]bool {
	out := map[string]bool{}
	if a != nil {
		for i := range a.given {
			out[a.given[i].a], out[a.given[i].b] = true, true
		}
	}
	return out
}

// check refuses answers about events that stand in none of the exports: such a
// row is a mistake. That an event is there and may not be used is none.
func (a *answers) check(ctx context.Context, exports []*datasets.Export, opt datasets.Options, allowed map[string]int) error {
	missing := a.ids()
	for id := range missing {
		if _, ok := allowed[id]; ok {
			delete(missing, id)
		}
	}
	for _, x := range exports {
		if len(missing) == 0 {
			return nil
		}
		known, err := x.Known(ctx, missing, opt)
		if err != nil {
			return err
		}
		for id := range known {
			delete(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var first *answer // in the order of files and rows
	place := func(x *answer) int {
		return slices.IndexFunc(a.files, func(f answerFile) bool { return f.path == x.file })
	}
	for i := range a.given {
		x := &a.given[i]
		if (missing[x.a] || missing[x.b]) && (first == nil || cmp.Or(cmp.Compare(place(x), place(first)), cmp.Compare(x.row, first.row)) < 0) {
			first = x
		}
	}
	id := first.a
	if !missing[id] {
		id = first.b
	}
	return first.fault("no event %.64q in %s: give the export that the pair was sampled from with --export, undo what a spreadsheet made of the id, or remove the row", id, dirs(exports))
}

// labelledPair is a pair that is learned from.
type labelledPair struct {
	datasets.Pair
	asked bool // it is an answer, not of an export
}

// usable returns the pairs that can be learned from, ordered by their events:
// the answers, with full confidence, then those of the exports that nobody was
// asked about. homes and groups are of the events that may be used. It counts
// what became of the answers.
func (a *answers) usable(homes map[string]*corpusProject, groups map[string]string, explicit []datasets.Pair) ([]labelledPair, error) {
	var out []labelledPair
	answered := map[[2]string]bool{}
	if a != nil {
		skipped := a.counts.skipped
		a.counts = answerCounts{skipped: skipped}
		for i := range a.given {
			x := &a.given[i]
			p, q := homes[x.a], homes[x.b]
			switch {
			case p == nil || q == nil:
				a.counts.denied++
				continue
			case p != q:
				return nil, x.fault("its events are of two projects, and groups are within one: remove the row")
			case x.project != "" && x.project != p.id:
				return nil, x.fault("its events are of another project than %.64q: a row was mixed up with another; sample the pairs again", x.project)
			case x.same:
				a.counts.yes++
			default:
				a.counts.no++
			}
			g, h := groups[x.a], groups[x.b]
			if g != "" && h != "" && (g == h) != x.same {
				a.counts.againstGroups++
			}
			answered[x.key()] = x.same
			out = append(out, labelledPair{datasets.Pair{A: x.key()[0], B: x.key()[1], Group: x.same, Confidence: 1}, true})
		}
	}
	for _, p := range explicit {
		if x, y := homes[p.A], homes[p.B]; x == nil || x != y {
			continue // a pair is of use only when both its events are
		}
		if same, ok := answered[[2]string{min(p.A, p.B), max(p.A, p.B)}]; !ok {
			out = append(out, labelledPair{p, false})
		} else if same != p.Group {
			a.counts.againstPairs++
		}
	}
	slices.SortStableFunc(out, func(x, y labelledPair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return out, nil
}

// contradictions tells of answers that say the opposite of the export.
func (a *answers) contradictions() (w result.Warning, ok bool) {
	if a == nil || a.counts.againstGroups+a.counts.againstPairs == 0 {
		return result.Warning{}, false
	}
	return result.Warning{Code: "contradicting_answers",
		Text: fmt.Sprintf("training data: of the pairs of --labels %d say the opposite of their events' groups and %d of a pair of the export: the answers count; correct the export's labels, or the answers",
			a.counts.againstGroups, a.counts.againstPairs)}, true
}
