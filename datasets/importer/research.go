package importer

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whorl/features"
)

// readFast reads a corpus of bug reports in the format of Rodrigues et al.
// (FaST, MSR 2022; TraceSim, EMSE 2022): one array, each report with its stack
// or stacks, the most recent frame first, and the id of the report that it
// duplicates. The file is read twice: first for who duplicates whom.
func readFast(ctx context.Context, j *job) error {
	masters := map[string]string{}
	keep := hasExtension(".json", ".jsonl")
	err := j.files(ctx, keep, func(name string, r io.Reader) error {
		for d, err := range jsonValues(name, r) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				continue // told of in the second reading
			}
			if v, err := parseValue(d.data); err == nil && v.get("dup_id").text() != "" {
				masters[v.get("bug_id").text()] = v.get("dup_id").text()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	split, err := readChunks(j.Chunks)
	if err != nil {
		return err
	}
	return j.each(ctx, j.documents(ctx, keep, jsonValues), func(d document, add func(found)) error {
		v, err := parseValue(d.data)
		if err != nil {
			return position(err)
		}
		return j.fastReport(v, masterOf(masters, v.get("bug_id").text()), split, add)
	})
}

// masterOf follows duplicates to the report that is none. Reports that
// duplicate each other in a ring are in the group of the least of them.
func masterOf(masters map[string]string, id string) string {
	least, seen := "", map[string]bool{}
	for at := id; ; at = masters[at] {
		if masters[at] == "" {
			return at
		}
		if seen[at] {
			if least == "" || at < least {
				least = at
			}
			for next := masters[at]; next != at; next = masters[next] {
				least = min(least, next)
			}
			return least
		}
		seen[at] = true
	}
}

func (j *job) fastReport(v value, group string, split map[string]string, add func(found)) error {
	id := v.get("bug_id").text()
	if id == "" {
		return errors.New("no bug_id")
	}
	stacks := v.get("stacktrace").list()
	if len(stacks) == 0 {
		return fmt.Errorf("report %s has no stacktrace", id)
	}
	if !j.AllStacks {
		stacks = stacks[:1]
	}
	for n, s := range stacks {
		f := found{event: features.Event{ID: id, Time: v.first("creation_ts", "creation_time").time()}, group: group, source: "tracker-duplicate"}
		if n > 0 {
			f.event.ID = fmt.Sprintf("%s#%d", id, n+1)
		}
		if name := split[id]; name != "" {
			f.slices = []string{"split:" + name}
		}
		x := features.Exception{Value: s.get("message").text()}
		chain := s.get("exception").list()
		if len(chain) > 0 {
			x.Type = chain[0].text()
		}
		frames := s.get("frames").list()
		slices.SortStableFunc(frames, func(a, b value) int { return cmp.Compare(a.get("depth").int(), b.get("depth").int()) })
		java := strings.Contains(x.Type, ".")
		for _, fr := range frames {
			java = java || strings.HasSuffix(fr.get("file").text(), ".java")
		}
		if f.event.Platform = "native"; java {
			f.event.Platform = "java"
		}
		if j.Options.Platform != defaultPlatform {
			f.event.Platform = j.Options.Platform
		}
		for _, fr := range slices.Backward(frames) {
			x.Frames = append(x.Frames, dotted(features.Frame{
				Function: fr.get("function").text(), Filename: fr.get("file").text(), Line: fr.first("fileline", "line").int(),
			}, java))
		}
		// Further types are the causes of the first.
		for _, cause := range slices.Backward(chain[min(1, len(chain)):]) {
			f.event.Exceptions = append(f.event.Exceptions, features.Exception{Type: cause.text()})
		}
		f.event.Exceptions = append(f.event.Exceptions, x)
		add(f)
	}
	return nil
}

// dotted takes a class off a Java method's full name.
func dotted(f features.Frame, java bool) features.Frame {
	if i := strings.LastIndexByte(f.Function, '.'); java && f.Module == "" && i > 0 && i+1 < len(f.Function) {
		f.Module, f.Function = f.Function[:i], f.Function[i+1:]
	}
	return f
}

// readChunks reads the papers' files of splits, {training,validation,test}_chunk_N.txt:
// in the second line the ids of a chunk's reports, in the third those of its
// duplicates. It returns the split of each id.
func readChunks(names []string) (map[string]string, error) {
	split := map[string]string{}
	for _, name := range names {
		part, _, ok := strings.Cut(filepath.Base(name), "_chunk")
		if !ok {
			return nil, fmt.Errorf("%s: a file of a chunk is named training_chunk_N.txt, validation_chunk_N.txt or test_chunk_N.txt", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rows := strings.Split(string(data), "\n")
		if len(rows) < 2 {
			return nil, fmt.Errorf("%s: want a line about the chunk, one of report ids and one of duplicates", name)
		}
		for _, row := range rows[1:] {
			for id := range strings.FieldsSeq(row) {
				if other := split[id]; other != "" && other != part {
					return nil, fmt.Errorf("%s: report %s is in %s too", name, id, other)
				}
				split[id] = part
			}
		}
	}
	return split, nil
}

// readJetBrains reads the layout of the data of Shibaev et al. (SANER 2025):
// a JSON file for every report, its elements newest first, and state.csv with
// the issue that a report was assigned to at a time. The last one counts.
func readJetBrains(ctx context.Context, j *job) error {
	issues, err := readState(filepath.Join(j.In, "state.csv"))
	if err != nil {
		return err
	}
	days, err := j.readDays()
	if err != nil {
		return err
	}
	dir := filepath.Join(j.In, "reports")
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	j.In = dir
	return j.each(ctx, j.documents(ctx, hasExtension(".json"), whole), func(d document, add func(found)) error {
		v, err := parseValue(d.data)
		if err != nil {
			return position(err)
		}
		f := jetBrainsReport(v)
		if f.event.ID == "" {
			f.event.ID = strings.TrimSuffix(filepath.Base(plainName(d.place)), ".json")
		}
		if f.group = issues[f.event.ID]; f.group != "" {
			f.source = "tracker-duplicate"
		}
		if name := days.of(f.event.Time); name != "" {
			f.slices = []string{"split:" + name}
		}
		add(f)
		return nil
	})
}

func jetBrainsReport(v value) found {
	f := found{event: features.Event{ID: v.get("id").text(), Time: v.get("timestamp").time(), Platform: "java"}}
	errs, messages := v.first("errors", "class").list(), v.get("messages").list()
	// The first error is the outermost; the others are its causes.
	for i, e := range slices.Backward(errs) {
		x := features.Exception{Type: e.text()}
		if i < len(messages) {
			x.Value = messages[i].text()
		}
		f.event.Exceptions = append(f.event.Exceptions, x)
	}
	if len(errs) == 0 {
		f.event.Exceptions = []features.Exception{{}}
		if len(messages) > 0 {
			f.event.Exceptions[0].Value = messages[0].text()
		}
	}
	x := &f.event.Exceptions[len(f.event.Exceptions)-1]
	for _, e := range slices.Backward(v.get("elements").list()) {
		x.Frames = append(x.Frames, dotted(features.Frame{Function: e.get("name").text(), Filename: e.get("file_name").text(), Line: e.get("line_number").int()}, true))
	}
	return f
}

// readState returns the last issue of every report.
func readState(name string) (map[string]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	issues, at := map[string]string{}, map[string]time.Time{}
	err = readCSV(name, file, []string{"timestamp", "rid", "iid"}, func(_ int, cells map[string]string) error {
		t := value{cells["timestamp"]}.time()
		if rid := cells["rid"]; !t.Before(at[rid]) {
			issues[rid], at[rid] = cells["iid"], t
		}
		return nil
	})
	return issues, err
}

// span is the days of one split, from the first inclusive to the last
// exclusive.
type span struct {
	name     string
	from, to time.Time
}

type spans []span

func (s spans) of(t time.Time) string {
	for _, x := range s {
		if !t.Before(x.from) && t.Before(x.to) {
			return x.name
		}
	}
	return ""
}

// readDays reads the days of the splits from config.json, counted from the
// first report, if they were asked for. A split without a start begins where
// the one before it ends.
func (j *job) readDays() (spans, error) {
	if !j.Days {
		return nil, nil
	}
	name := filepath.Join(j.In, "config.json")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	config, err := parseValue(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	first, err := firstReport(filepath.Join(j.In, "state.csv"))
	if err != nil {
		return nil, err
	}
	var all spans
	start := int32(0)
	for _, s := range [...]struct{ key, name string }{{"train", "training"}, {"val", "validation"}, {"test", "test"}} {
		if v := config.get(s.key + "_start"); v.exists() {
			start = v.int()
		}
		length := config.get(s.key + "_longitude").int()
		if length == 0 {
			return nil, fmt.Errorf("%s: %s_longitude is no number of days", name, s.key)
		}
		all = append(all, span{s.name, first.AddDate(0, 0, int(start)), first.AddDate(0, 0, int(start+length))})
		start += length
	}
	return all, nil
}

// firstReport returns the day of the first assignment.
func firstReport(name string) (first time.Time, err error) {
	file, err := os.Open(name)
	if err != nil {
		return first, err
	}
	defer file.Close()
	err = readCSV(name, file, []string{"timestamp"}, func(_ int, cells map[string]string) error {
		if t := (value{cells["timestamp"]}).time(); first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
		return nil
	})
	if err == nil && first.IsZero() {
		err = fmt.Errorf("%s: no timestamp is a time", name)
	}
	return first.Truncate(24 * time.Hour), err
}

// readCSV calls f with the cells of every row by the names in the header, in
// lower case. want are the columns that must be there.
func readCSV(name string, r io.Reader, want []string, f func(line int, cells map[string]string) error) error {
	limit := &limited{r: r, left: MaxDocument}
	c := csv.NewReader(limit)
	c.ReuseRecord = true
	c.LazyQuotes = true
	header, err := c.Read()
	if err == io.EOF {
		return fmt.Errorf("%s: it is empty; want a header with %s", name, strings.Join(want, ", "))
	}
	if err != nil {
		return &pathError{name, err}
	}
	columns := make([]string, len(header))
	for i, h := range header {
		columns[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
	}
	for _, w := range want {
		if !slices.Contains(columns, w) {
			return fmt.Errorf("%s: no column %s among %s", name, w, strings.Join(columns, ", "))
		}
	}
	cells := map[string]string{}
	for {
		limit.left = MaxDocument // a quote without an end takes the rest of the file
		row, err := c.Read()
		if err == io.EOF {
			return nil
		}
		line, _ := c.FieldPos(0)
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return &pathError{fmt.Sprintf("%s, line %d", name, line), err}
		}
		clear(cells)
		for i, cell := range row {
			if i < len(columns) {
				cells[columns[i]] = cell
			}
		}
		if err := f(line, cells); err != nil {
			return err
		}
	}
}
