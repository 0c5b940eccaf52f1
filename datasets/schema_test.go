package datasets

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"whorl/features"
	"whorl/internal/exporttest"
)

// writtenRow is a row of testdata/writers/rows.json.
type writtenRow struct {
	EventID        string    `json:"event_id"`
	OrgID          string    `json:"org_id"`
	ProjectID      string    `json:"project_id"`
	Timestamp      time.Time `json:"timestamp"`
	Platform       string    `json:"platform"`
	Release        string    `json:"release"`
	Environment    string    `json:"environment"`
	RuntimeName    string    `json:"runtime_name"`
	RuntimeVersion string    `json:"runtime_version"`
	Message        string    `json:"message"`
	Exceptions     []struct {
		Type      string `json:"type"`
		Value     string `json:"value"`
		Mechanism string `json:"mechanism_type"`
		Handled   *bool  `json:"handled"`
		Frames    []struct {
			Function    string `json:"function"`
			Module      string `json:"module"`
			Filename    string `json:"filename"`
			AbsPath     string `json:"abs_path"`
			Line        int32  `json:"lineno"`
			Column      int32  `json:"colno"`
			InApp       *bool  `json:"in_app"`
			ContextLine string `json:"context_line"`
		} `json:"frames"`
	} `json:"exceptions"`
}

func triOf(b *bool) features.Tri {
	if b == nil {
		return features.Unknown
	}
	if *b {
		return features.Yes
	}
	return features.No
}

func writtenEvents(t *testing.T) []features.Event {
	t.Helper()
	data, err := os.ReadFile("testdata/writers/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []writtenRow
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	var events []features.Event
	for _, r := range rows {
		e := features.Event{
			ID: r.EventID, OrgID: r.OrgID, ProjectID: r.ProjectID, Time: r.Timestamp.UTC(), Platform: r.Platform, Release: r.Release,
			Environment: r.Environment, RuntimeName: r.RuntimeName, RuntimeVersion: r.RuntimeVersion, Message: r.Message,
		}
		for _, x := range r.Exceptions {
			y := features.Exception{Type: x.Type, Value: x.Value, Mechanism: x.Mechanism, Handled: triOf(x.Handled)}
			for _, f := range x.Frames {
				y.Frames = append(y.Frames, features.Frame{
					Function: f.Function, Module: f.Module, Filename: f.Filename, AbsPath: f.AbsPath,
					ContextLine: f.ContextLine, Line: f.Line, Column: f.Column, InApp: triOf(f.InApp),
				})
			}
			e.Exceptions = append(e.Exceptions, y)
		}
		events = append(events, e)
	}
	return events
}

// replaced writes an export whose events file is data.
func replaced(t testing.TB, data []byte, rows int) string {
	t.Helper()
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(1)...), nil, exporttest.Options{})
	exporttest.Replace(t, dir, "events.parquet", data, rows)
	return dir
}

// The same rows read the same from the files of every writer
// (testdata/writers/make.py made them).
func TestWriters(t *testing.T) {
	want := writtenEvents(t)
	files, err := filepath.Glob("testdata/writers/*.parquet")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			x := mustOpen(t, replaced(t, data, len(want)))
			got, _, err := x.ReadEvents(ctx, training)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if l := x.Files()[0].Lists; l != "three-level" {
				t.Errorf("lists are %s", l)
			}
		})
	}
}

// The row of a writer that repeats fields without lists around them, as
// parquet-go writes plain slices.
type plainFrame struct {
	Function *string `parquet:"function,optional"`
	Line     *int32  `parquet:"lineno,optional"`
	InApp    *bool   `parquet:"in_app,optional"`
}

type plainException struct {
	Type   *string      `parquet:"type,optional"`
	Value  *string      `parquet:"value,optional"`
	Frames []plainFrame `parquet:"frames"`
}

type plainRow struct {
	EventID    string           `parquet:"event_id"`
	OrgID      string           `parquet:"org_id"`
	ProjectID  string           `parquet:"project_id"`
	Timestamp  int64            `parquet:"timestamp,timestamp(millisecond)"`
	Platform   string           `parquet:"platform"`
	Message    string           `parquet:"message"`
	Exceptions []plainException `parquet:"exceptions"`
	Purposes   []string         `parquet:"consent_purposes"`
	Extra      []float64        `parquet:"extra"`
}

func plainRows(events []features.Event) []plainRow {
	var rows []plainRow
	for _, r := range exporttest.EventRows(exporttest.Rows(events...)) {
		p := plainRow{
			EventID: r.EventID, OrgID: r.OrgID, ProjectID: r.ProjectID, Timestamp: r.Timestamp, Platform: r.Platform,
			Purposes: r.ConsentPurposes, Extra: []float64{1, 2},
		}
		if r.Message != nil {
			p.Message = *r.Message
		}
		for _, x := range r.Exceptions {
			y := plainException{Type: x.Type, Value: x.Value}
			for _, f := range x.Frames {
				y.Frames = append(y.Frames, plainFrame{f.Function, f.Line, f.InApp})
			}
			p.Exceptions = append(p.Exceptions, y)
		}
		rows = append(rows, p)
	}
	return rows
}

func TestTwoLevelLists(t *testing.T) {
	events := someEvents(40)
	x := mustOpen(t, replaced(t, exporttest.Parquet(t, plainRows(events)), 40))
	got, _, err := x.ReadEvents(ctx, training)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		for j := range events[i].Exceptions {
			events[i].Exceptions[j].Handled = features.Unknown
			for k := range events[i].Exceptions[j].Frames {
				events[i].Exceptions[j].Frames[k].Filename = ""
			}
		}
	}
	if diff := cmp.Diff(events, got); diff != "" {
		t.Error(diff)
	}
	f := x.Files()[0]
	if f.Lists != "two-level" || !strings.Contains(strings.Join(f.Absent, " "), "exceptions.frames.filename") {
		t.Errorf("file is %+v", f)
	}
}

// schemaOf builds the schema of an events file by hand, with lists as wrap
// builds them, and changes it.
func schemaOf(wrap func(parquet.Node) parquet.Node, change func(g map[string]parquet.Group)) *parquet.Schema {
	text := func() parquet.Node { return parquet.Optional(parquet.String()) }
	frame := parquet.Group{"function": text(), "lineno": parquet.Optional(parquet.Int(32)), "in_app": parquet.Optional(parquet.Leaf(parquet.BooleanType))}
	exception := parquet.Group{"type": text(), "value": text()}
	root := parquet.Group{
		"event_id": text(), "org_id": text(), "project_id": text(), "timestamp": parquet.Optional(parquet.Timestamp(parquet.Millisecond)),
		"platform": text(), "message": text(), "consent_purposes": wrap(parquet.String()),
	}
	if change != nil {
		change(map[string]parquet.Group{"": root, "exceptions": exception, "frames": frame})
	}
	if _, ok := exception["frames"]; !ok {
		exception["frames"] = wrap(frame)
	} else if exception["frames"] == nil {
		delete(exception, "frames")
	}
	if _, ok := root["exceptions"]; !ok {
		root["exceptions"] = wrap(exception)
	} else if root["exceptions"] == nil {
		delete(root, "exceptions")
	}
	return parquet.NewSchema("events", root)
}

func emptyFile(t *testing.T, s *parquet.Schema) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.NewWriter(&b, s).Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestListLayouts(t *testing.T) {
	for _, tt := range []struct {
		name string
		wrap func(parquet.Node) parquet.Node
		want string
	}{
		{"list.element", parquet.List, "three-level"},
		{"optional list", func(n parquet.Node) parquet.Node { return parquet.Optional(parquet.List(parquet.Optional(n))) }, "three-level"},
		{"list.item", func(n parquet.Node) parquet.Node {
			return parquet.Optional(parquet.Group{"list": parquet.Repeated(parquet.Group{"item": parquet.Optional(n)})})
		}, "three-level"},
		{"bag.array_element, as Hive and old Spark write it", func(n parquet.Node) parquet.Node {
			return parquet.Optional(parquet.Group{"bag": parquet.Repeated(parquet.Group{"array_element": parquet.Optional(n)})})
		}, "three-level"},
		{"array, as old Avro writes it", func(n parquet.Node) parquet.Node {
			return parquet.Group{"array": parquet.Repeated(n)}
		}, "two-level"},
		{"repeated", parquet.Repeated, "two-level"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := mustOpen(t, replaced(t, emptyFile(t, schemaOf(tt.wrap, nil)), 0))
			if got := x.Files()[0].Lists; got != tt.want {
				t.Errorf("lists are %s", got)
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	type groups = map[string]parquet.Group
	drop := func(group, name string) func(groups) { return func(g groups) { delete(g[group], name) } }
	set := func(group, name string, n parquet.Node) func(groups) {
		return func(g groups) { g[group][name] = n }
	}
	text := parquet.Optional(parquet.String())
	tests := []struct {
		name   string
		change func(groups)
		says   []string
	}{
		{"no id", drop("", "event_id"), []string{"column event_id", "missing"}},
		{"no organisation", drop("", "org_id"), []string{"column org_id", "missing"}},
		{"no project", drop("", "project_id"), []string{"column project_id", "missing"}},
		{"no time", drop("", "timestamp"), []string{"column timestamp", "missing"}},
		{"no platform", drop("", "platform"), []string{"column platform", "missing"}},
		{"no consent", drop("", "consent_purposes"), []string{"column consent_purposes", "missing"}},
		{"no exceptions", set("", "exceptions", nil), []string{"column exceptions", "missing"}},
		{"no frames", set("exceptions", "frames", nil), []string{"column exceptions.frames", "missing"}},
		{"case variant", set("", "ORG_ID", text), []string{"column org_id", `"ORG_ID"`}},
		{"case variant of an optional column", set("", "Release", text), []string{"column release", `"Release"`}},
		{"case variant of a frame's field", set("frames", "In_App", parquet.Leaf(parquet.BooleanType)), []string{"column exceptions.frames.in_app", "In_App"}},
		{"id is a number", set("", "event_id", parquet.Int(64)), []string{"column event_id", "INT64"}},
		{"id is a list", set("", "event_id", parquet.Repeated(parquet.String())), []string{"column event_id", "repeated"}},
		{"id is a group", set("", "event_id", parquet.Group{"x": text}), []string{"column event_id", "group"}},
		{"time is text", set("", "timestamp", text), []string{"column timestamp", "BYTE_ARRAY"}},
		{"time is a number", set("", "timestamp", parquet.Int(64)), []string{"column timestamp", "INT64"}},
		{"time is local", set("", "timestamp", parquet.TimestampAdjusted(parquet.Millisecond, false)), []string{"column timestamp", "UTC"}},
		{"time is INT96", set("", "timestamp", parquet.Leaf(parquet.Int96Type)), []string{"column timestamp", "INT96"}},
		{"consent is text", set("", "consent_purposes", text), []string{"column consent_purposes", "not a list"}},
		{"consent is numbers", set("", "consent_purposes", parquet.List(parquet.Int(32))), []string{"column consent_purposes", "INT32"}},
		{"exceptions are text", set("", "exceptions", parquet.List(text)), []string{"column exceptions", "not a group"}},
		{"exceptions are a group", set("", "exceptions", parquet.Group{"a": text, "b": text}), []string{"column exceptions", "not a list"}},
		{"frames are text", set("exceptions", "frames", parquet.List(text)), []string{"column exceptions.frames", "not a group"}},
		{"frames have other names", func(g groups) { delete(g["frames"], "function"); g["frames"]["func"] = text }, []string{"column exceptions.frames", "none of function"}},
		{"exceptions have other names", func(g groups) { delete(g["exceptions"], "type"); delete(g["exceptions"], "value") }, []string{"column exceptions", "none of type"}},
		{"line is a float", set("frames", "lineno", parquet.Leaf(parquet.DoubleType)), []string{"column exceptions.frames.lineno", "DOUBLE"}},
		{"line is 64 bits", set("frames", "lineno", parquet.Int(64)), []string{"column exceptions.frames.lineno", "INT64"}},
		{"in_app is text", set("frames", "in_app", text), []string{"column exceptions.frames.in_app", "BOOLEAN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := OpenExport(replaced(t, emptyFile(t, schemaOf(parquet.List, tt.change)), 0))
			wantError(t, err, ErrSchema, append(tt.says, "events.parquet")...)
		})
	}
}

// A column that stands twice: parquet-go cannot write one, so the name of
// another is overwritten in the footer.
func TestDuplicateColumn(t *testing.T) {
	data := emptyFile(t, schemaOf(parquet.List, func(g map[string]parquet.Group) { g[""]["orx_id"] = parquet.String() }))
	data = bytes.ReplaceAll(data, []byte("orx_id"), []byte("org_id"))
	_, err := OpenExport(replaced(t, data, 0))
	wantError(t, err, ErrSchema, "column org_id", "twice")
}

func TestGoldenRules(t *testing.T) {
	rows := exporttest.Rows(someEvents(6)...)
	rows[1].Purposes = []string{"train_fingerprinting"}
	rows[2].OrgID = ""
	rows = append(rows, rows[0])
	dir := t.TempDir()
	exporttest.WriteGolden(t, dir, rows, nil, exporttest.Options{})
	g, err := OpenGolden(dir)
	if err != nil {
		t.Fatal(err)
	}
	events, tally, err := g.ReadEvents(ctx, exporttest.AsOf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Reason]int64{RowConsentMissing: 1, SubjectMissing: 1, Duplicate: 1}, tally.Denied); diff != "" || len(events) != 4 {
		t.Errorf("%d events, %s", len(events), diff)
	}
}
