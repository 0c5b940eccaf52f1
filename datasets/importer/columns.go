package importer

import (
	"context"
	"errors"
	"fmt"

	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"whorl/datasets"
	"whorl/datasets/importer/stacktrace"
	"whorl/datasets/internal/columnar"
	"whorl/features"
)

// readJSONLines reads our own columns as JSON (docs/formats.md), with those of
// a label, group_id, label_source, confidence and slices, beside them.
func readJSONLines(v value, add func(found)) error {
	if !v.isObject() {
		return errors.New("an event is a JSON object")
	}
	cell := func(name string) string { return v.get(name).text() }
	f := found{
		event: features.Event{
			ID: cell("event_id"), OrgID: cell("org_id"), ProjectID: cell("project_id"), Time: v.get("timestamp").time(), Platform: cell("platform"),
			Release: cell("release"), Environment: cell("environment"), RuntimeName: cell("runtime_name"), RuntimeVersion: cell("runtime_version"),
			Message: cell("message"),
		},
		stack: cell("stacktrace"), group: cell("group_id"), source: cell("label_source"),
	}
	if f.source == "" {
		f.source = string(JSONLines)
	}
	if v.get("confidence").exists() {
		c, err := strconv.ParseFloat(cell("confidence"), 64)
		if err != nil {
			return fmt.Errorf("confidence %q is no number", cell("confidence"))
		}
		f.confidence = &c
	}
	for _, s := range v.get("slices").list() {
		f.slices = append(f.slices, s.text())
	}
	if purposes := v.get("consent_purposes"); purposes.exists() {
		f.consent = &datasets.RowConsent{PolicyVersion: cell("consent_policy_version")}
		for _, p := range purposes.list() {
			f.consent.Purposes = append(f.consent.Purposes, p.text())
		}
	}
	for _, x := range v.get("exceptions").list() {
		exception := features.Exception{
			Type: x.get("type").text(), Value: x.get("value").text(), Mechanism: x.get("mechanism_type").text(), Handled: tri(x.get("handled")),
		}
		for _, fr := range x.get("frames").list() {
			exception.Frames = append(exception.Frames, features.Frame{
				Function: fr.get("function").text(), Module: fr.get("module").text(), Filename: fr.get("filename").text(), AbsPath: fr.get("abs_path").text(),
				ContextLine: fr.get("context_line").text(), Line: fr.get("lineno").int(), Column: fr.get("colno").int(), InApp: tri(fr.get("in_app")),
			})
		}
		f.event.Exceptions = append(f.event.Exceptions, exception)
	}
	add(f)
	return nil
}

// ParseEvent reads one event of [JSONLines].
func ParseEvent(data []byte) (*features.Event, error) {
	v, err := parseValue(data)
	if err != nil {
		return nil, position(err)
	}
	m := maker{job: &job{Options: Options{Language: stacktrace.Auto}}}
	var p prepared
	if err := readJSONLines(v, func(f found) { p.found = f }); err != nil {
		return nil, err
	}
	if p.stack != "" && len(p.event.Exceptions) == 0 {
		m.parse(&p)
	}
	return &p.event, nil
}

// columnNames are what a column of a Parquet file can be mapped to: flat
// columns of events, a stack trace as text with the type and value of its
// exception, and the columns of a label.
var columnNames = []string{
	"event_id", "org_id", "project_id", "timestamp", "platform", "release", "environment", "runtime_name", "runtime_version", "message",
	"stacktrace", "exception_type", "exception_value", "group_id", "label_source", "confidence", "consent_purposes", "consent_policy_version",
}

// readMap reads the map of columns: ours to the path of theirs, as YAML.
func (j *job) readColumnMap() (map[string]string, error) {
	columns := map[string]string{}
	if err := yaml.Unmarshal(j.Columns, &columns); err != nil {
		return nil, fmt.Errorf("the map of columns is no YAML of names: %w", err)
	}
	for name := range columns {
		if !slices.Contains(columnNames, name) {
			return nil, fmt.Errorf("the map names %q; columns are %s", name, strings.Join(columnNames, ", "))
		}
	}
	if len(columns) == 0 {
		return nil, errors.New("a Parquet file needs a map of its columns, such as: stacktrace: error.stack")
	}
	return columns, nil
}

// rowsAtOnce is how many rows of a Parquet file are decoded together.
const rowsAtOnce = 256

// readParquet reads flat columns of Parquet files under a map of their names.
// A text column of consent_purposes has them separated by commas.
func readParquet(ctx context.Context, j *job) error {
	columns, err := j.readColumnMap()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	names := []string{j.In}
	if info, err := os.Stat(j.In); err != nil {
		return err
	} else if info.IsDir() {
		names = names[:0]
		entries, err := os.ReadDir(j.In)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".parquet") && !strings.HasPrefix(e.Name(), ".") {
				names = append(names, j.In+string(os.PathSeparator)+e.Name())
			}
		}
	}
	for _, name := range names {
		if err := j.parquetFile(ctx, name, columns); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) parquetFile(ctx context.Context, name string, columns map[string]string) (err error) {
	defer columnar.Recover(name, &err)
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	f, err := columnar.Open(name, file, info.Size())
	if err != nil {
		return err
	}
	nodes := map[string]*columnar.Node{}
	for ours, theirs := range columns {
		n := leafAt(f.Root(), theirs)
		if n == nil {
			return fmt.Errorf("%s: no column %s", name, theirs)
		}
		if n.MaxRep > 0 {
			return fmt.Errorf("%s: column %s is a list; map flat columns", name, theirs)
		}
		nodes[ours] = n
	}
	m := maker{job: j}
	row := int64(0)
	for g := range f.Groups() {
		group := f.Group(g, columnar.DefaultBudget)
		cursors, lanes := map[string]*columnar.Cursor{}, map[string]*cells{}
		for ours, n := range nodes {
			if cursors[ours], err = group.Cursor(n); err != nil {
				return err
			}
			lanes[ours] = &cells{node: n}
		}
		for left := group.Rows(); left > 0; {
			n := int(min(left, rowsAtOnce))
			for ours, c := range cursors {
				lanes[ours].Vector.Reset()
				lanes[ours].at, lanes[ours].val = 0, 0
				if _, err := c.Read(&lanes[ours].Vector, n); err != nil {
					return err
				}
			}
			left -= int64(n)
			for range n {
				if err := ctx.Err(); err != nil {
					return err
				}
				row++
				j.report.Documents++
				now := map[string]string{}
				for ours, l := range lanes {
					now[ours] = l.next()
				}
				place := fmt.Sprintf("%s, row %d", name, row)
				p := m.prepare(place, j.mapped(now))
				if err := j.event(place, &p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mapped makes an event of a row's cells.
func (j *job) mapped(c map[string]string) found {
	f := found{
		event: features.Event{
			ID: c["event_id"], OrgID: c["org_id"], ProjectID: c["project_id"], Time: value{c["timestamp"]}.time(), Platform: c["platform"],
			Release: c["release"], Environment: c["environment"], RuntimeName: c["runtime_name"], RuntimeVersion: c["runtime_version"], Message: c["message"],
		},
		stack: c["stacktrace"], group: c["group_id"], source: c["label_source"],
	}
	if f.source == "" {
		f.source = string(Parquet)
	}
	if x, err := strconv.ParseFloat(c["confidence"], 64); err == nil {
		f.confidence = &x
	}
	if c["exception_type"] != "" || c["exception_value"] != "" {
		f.head = &features.Exception{Type: c["exception_type"], Value: c["exception_value"]}
		if f.stack == "" {
			f.event.Exceptions = []features.Exception{*f.head}
		}
	}
	if list, ok := c["consent_purposes"]; ok {
		f.consent = &datasets.RowConsent{PolicyVersion: c["consent_policy_version"]}
		for p := range strings.SplitSeq(list, ",") {
			if p = strings.TrimSpace(p); p != "" {
				f.consent.Purposes = append(f.consent.Purposes, p)
			}
		}
	}
	return f
}

// leafAt returns the leaf at a path of names joined by dots, or nil.
func leafAt(n *columnar.Node, path string) *columnar.Node {
	if n.Path == path && n.Leaf >= 0 {
		return n
	}
	for _, child := range n.Children {
		if path == child.Path || strings.HasPrefix(path, child.Path+".") {
			if leaf := leafAt(child, path); leaf != nil {
				return leaf
			}
		}
	}
	return nil
}

// cells reads the cells of one flat column, one after the other.
type cells struct {
	columnar.Vector
	node    *columnar.Node
	at, val int
}

// next returns the next cell as text; null is empty.
func (c *cells) next() string {
	i := c.at
	c.at++
	if c.node.MaxDef > 0 && c.Defs[i] != c.node.MaxDef {
		return ""
	}
	v := c.val
	c.val++
	switch c.node.Kind {
	case columnar.ByteArray:
		return strings.Clone(c.String(v))
	case columnar.Double:
		return strconv.FormatFloat(c.Floats[v], 'g', -1, 64)
	case columnar.Boolean:
		return strconv.FormatBool(c.Bools[v] != 0)
	}
	if unit, ok := c.node.Timestamp(); ok {
		if n := c.Ints[v]; n > math.MinInt64/int64(unit) && n < math.MaxInt64/int64(unit) {
			return time.Unix(0, n*int64(unit)).UTC().Format(time.RFC3339Nano)
		}
		return ""
	}
	return strconv.FormatInt(c.Ints[v], 10)
}
