package datasets

import (
	"fmt"
	"strings"
	"time"

	"whorl/datasets/internal/columnar"
	"whorl/features"
)

// How many columns of each kind there are.
const (
	textCount      = 10
	exceptionCount = 4
	frameCount     = 8
)

// textColumn is a scalar text column of an event.
type textColumn struct {
	name     string
	required bool
	field    func(*features.Event) *string // nil for what an event does not carry
}

// The scalar text columns. The first three are what the gate needs before an
// event is made.
var textColumns = [textCount]textColumn{
	{"event_id", true, func(e *features.Event) *string { return &e.ID }},
	{"org_id", true, func(e *features.Event) *string { return &e.OrgID }},
	{"project_id", true, func(e *features.Event) *string { return &e.ProjectID }},
	{"platform", true, func(e *features.Event) *string { return &e.Platform }},
	{"release", false, func(e *features.Event) *string { return &e.Release }},
	{"environment", false, func(e *features.Event) *string { return &e.Environment }},
	{"runtime_name", false, func(e *features.Event) *string { return &e.RuntimeName }},
	{"runtime_version", false, func(e *features.Event) *string { return &e.RuntimeVersion }},
	{"message", false, func(e *features.Event) *string { return &e.Message }},
	{"consent_policy_version", false, nil},
}

const (
	columnID = iota
	columnOrg
	columnProject
	columnPlatform

	columnPolicy = textCount - 1
)

// elementColumn is a field of a list's elements: exactly one setter is set.
type elementColumn[T any] struct {
	name string
	text func(*T) *string
	num  func(*T) *int32
	tri  func(*T) *features.Tri
}

var exceptionColumns = [exceptionCount]elementColumn[features.Exception]{
	{name: "type", text: func(x *features.Exception) *string { return &x.Type }},
	{name: "value", text: func(x *features.Exception) *string { return &x.Value }},
	{name: "mechanism_type", text: func(x *features.Exception) *string { return &x.Mechanism }},
	{name: "handled", tri: func(x *features.Exception) *features.Tri { return &x.Handled }},
}

var frameColumns = [frameCount]elementColumn[features.Frame]{
	{name: "function", text: func(f *features.Frame) *string { return &f.Function }},
	{name: "module", text: func(f *features.Frame) *string { return &f.Module }},
	{name: "filename", text: func(f *features.Frame) *string { return &f.Filename }},
	{name: "abs_path", text: func(f *features.Frame) *string { return &f.AbsPath }},
	{name: "lineno", num: func(f *features.Frame) *int32 { return &f.Line }},
	{name: "colno", num: func(f *features.Frame) *int32 { return &f.Column }},
	{name: "in_app", tri: func(f *features.Frame) *features.Tri { return &f.InApp }},
	{name: "context_line", text: func(f *features.Frame) *string { return &f.ContextLine }},
}

const (
	exceptionsPath = "exceptions"
	framesPath     = "exceptions.frames"
)

// optionalColumns are the columns that a reader may leave out: everything the
// gate does not need and no list needs for its shape.
func optionalColumns() map[string]bool {
	names := map[string]bool{}
	for _, c := range textColumns[columnPlatform+1:] {
		if c.field != nil {
			names[c.name] = true
		}
	}
	for _, c := range exceptionColumns {
		names[exceptionsPath+"."+c.name] = true
	}
	for _, c := range frameColumns {
		names[framesPath+"."+c.name] = true
	}
	return names
}

// eventNodes is the resolved schema of an events file. Nodes of absent
// optional columns are nil.
type eventNodes struct {
	text           []*columnar.Node // as textColumns
	time           *columnar.Node
	unit           time.Duration
	exceptions     columnar.List
	exceptionNodes []*columnar.Node // as exceptionColumns
	frames         columnar.List
	frameNodes     []*columnar.Node // as frameColumns
	consent        columnar.List
	layout         columnar.Layout
	absent         []string
}

// schemaReader resolves the columns of one file.
type schemaReader struct {
	file   string
	layout columnar.Layout
	absent []string
}

func (r *schemaReader) errorf(column, format string, args ...any) error {
	return fmt.Errorf("%w: %s: column %s %s", ErrSchema, r.file, column, fmt.Sprintf(format, args...))
}

// child finds the child of parent with a name; nil if there is none. A second
// child of the name, or one that differs in case only, is an error: which of
// them is meant, or read, would depend on the reader.
func (r *schemaReader) child(parent *columnar.Node, prefix, name string) (*columnar.Node, error) {
	path := strings.TrimPrefix(prefix+"."+name, ".")
	var found *columnar.Node
	for _, c := range parent.Children {
		switch {
		case c.Name == name && found != nil:
			return nil, r.errorf(path, "stands twice; keep one")
		case c.Name == name:
			found = c
		case strings.EqualFold(c.Name, name):
			return nil, r.errorf(path, "has a case variant %q; rename or drop it", c.Name)
		}
	}
	return found, nil
}

func (r *schemaReader) required(parent *columnar.Node, prefix, name string) (*columnar.Node, error) {
	n, err := r.child(parent, prefix, name)
	if err == nil && n == nil {
		err = r.errorf(strings.TrimPrefix(prefix+"."+name, "."), "is missing; export it")
	}
	return n, err
}

// typed checks a leaf that must not repeat beyond its parent.
func (r *schemaReader) typed(n *columnar.Node, path string, ok bool, want string) error {
	if n.Leaf < 0 || n.Repeated || !ok {
		return r.errorf(path, "is %s, not %s", n.Describe(), want)
	}
	return nil
}

// timeRemedy says how a writer's setting makes the timestamp what is wanted.
func timeRemedy(n *columnar.Node) string {
	if n.Leaf >= 0 && n.Kind.String() == "INT96" {
		return "in Spark set spark.sql.parquet.outputTimestampType to TIMESTAMP_MILLIS, in pyarrow leave out use_deprecated_int96_timestamps"
	}
	return "write a timestamp with the time zone UTC (Spark: TIMESTAMP, pyarrow: timestamp(\"ms\", tz=\"UTC\"), DuckDB: TIMESTAMPTZ)"
}

const textWanted = "text (BYTE_ARRAY, string)"

// list resolves a list column.
func (r *schemaReader) list(n *columnar.Node, path string) (columnar.List, error) {
	l, ok := n.List()
	if !ok {
		return l, r.errorf(path, "is %s, not a list; write a nested column, not JSON text", n.Describe())
	}
	if l.Layout == columnar.TwoLevel {
		r.layout = columnar.TwoLevel
	}
	return l, nil
}

func (r *schemaReader) textList(parent *columnar.Node, name string) (columnar.List, error) {
	n, err := r.required(parent, "", name)
	if err != nil {
		return columnar.List{}, err
	}
	l, err := r.list(n, name)
	if err == nil && !l.Element.Text() {
		err = r.errorf(name, "has elements of %s, not %s", l.Element.Describe(), textWanted)
	}
	return l, err
}

// eventSchema checks the schema of an events file by full path and physical
// type (rule 2).
func eventSchema(file string, root *columnar.Node) (*eventNodes, error) {
	r := &schemaReader{file: file}
	nodes := &eventNodes{text: make([]*columnar.Node, len(textColumns))}
	for i, c := range textColumns {
		n, err := r.child(root, "", c.name)
		if err != nil {
			return nil, err
		}
		if n == nil {
			if c.required {
				return nil, r.errorf(c.name, "is missing; export it")
			}
			r.absent = append(r.absent, c.name)
			continue
		}
		if err := r.typed(n, c.name, n.Text(), textWanted); err != nil {
			return nil, err
		}
		nodes.text[i] = n
	}
	var err error
	if nodes.time, err = r.required(root, "", "timestamp"); err != nil {
		return nil, err
	}
	unit, ok := nodes.time.Timestamp()
	if err := r.typed(nodes.time, "timestamp", ok, "an INT64 timestamp adjusted to UTC; "+timeRemedy(nodes.time)); err != nil {
		return nil, err
	}
	nodes.unit = unit
	if nodes.consent, err = r.textList(root, "consent_purposes"); err != nil {
		return nil, err
	}
	n, err := r.required(root, "", exceptionsPath)
	if err != nil {
		return nil, err
	}
	if nodes.exceptions, err = r.list(n, exceptionsPath); err != nil {
		return nil, err
	}
	if nodes.exceptionNodes, err = elementNodes(r, nodes.exceptions.Element, exceptionsPath, exceptionColumns[:], "type", "value"); err != nil {
		return nil, err
	}
	if n, err = r.required(nodes.exceptions.Element, exceptionsPath, "frames"); err != nil {
		return nil, err
	}
	if nodes.frames, err = r.list(n, framesPath); err != nil {
		return nil, err
	}
	if nodes.frameNodes, err = elementNodes(r, nodes.frames.Element, framesPath, frameColumns[:], "function", "module", "filename", "abs_path"); err != nil {
		return nil, err
	}
	nodes.layout, nodes.absent = r.layout, r.absent
	return nodes, nil
}

// elementNodes resolves the fields of a list's elements. Each is optional, but
// one of anyOf must be there: a list whose elements have other names than
// expected must not read as a list of nothing.
func elementNodes[T any](r *schemaReader, element *columnar.Node, path string, columns []elementColumn[T], anyOf ...string) ([]*columnar.Node, error) {
	if element.Leaf >= 0 {
		return nil, r.errorf(path, "has elements of %s, not a group", element.Describe())
	}
	nodes := make([]*columnar.Node, len(columns))
	some := false
	for i, c := range columns {
		name := path + "." + c.name
		n, err := r.child(element, path, c.name)
		if err != nil {
			return nil, err
		}
		if n == nil {
			r.absent = append(r.absent, name)
			continue
		}
		switch {
		case c.text != nil:
			err = r.typed(n, name, n.Text(), textWanted)
		case c.num != nil:
			err = r.typed(n, name, n.Int32(), "INT32")
		default:
			err = r.typed(n, name, n.Plain(columnar.Boolean), "BOOLEAN")
		}
		if err != nil {
			return nil, err
		}
		nodes[i] = n
		for _, a := range anyOf {
			some = some || a == c.name
		}
	}
	if !some {
		return nil, r.errorf(path, "has none of %s; export at least one", strings.Join(anyOf, ", "))
	}
	return nodes, nil
}

// labelNodes is the resolved schema of a labels file.
type labelNodes struct {
	event, group, source, confidence *columnar.Node
	slices                           columnar.List
	layout                           columnar.Layout
}

func labelSchema(file string, root *columnar.Node) (*labelNodes, error) {
	r := &schemaReader{file: file}
	nodes := &labelNodes{}
	if err := r.requiredText(root, map[string]**columnar.Node{
		"event_id": &nodes.event, "group_id": &nodes.group, "source": &nodes.source,
	}); err != nil {
		return nil, err
	}
	var err error
	if nodes.confidence, err = r.confidence(root); err != nil {
		return nil, err
	}
	if nodes.slices, err = r.textList(root, "slices"); err != nil {
		return nil, err
	}
	nodes.layout = r.layout
	return nodes, nil
}

// pairNodes is the resolved schema of a pairs file.
type pairNodes struct {
	a, b, label, source, confidence *columnar.Node
}

func pairSchema(file string, root *columnar.Node) (*pairNodes, error) {
	r := &schemaReader{file: file}
	nodes := &pairNodes{}
	if err := r.requiredText(root, map[string]**columnar.Node{
		"event_id_a": &nodes.a, "event_id_b": &nodes.b, "label": &nodes.label, "source": &nodes.source,
	}); err != nil {
		return nil, err
	}
	var err error
	nodes.confidence, err = r.confidence(root)
	return nodes, err
}

func (r *schemaReader) requiredText(root *columnar.Node, columns map[string]**columnar.Node) error {
	for _, name := range sortedKeys(columns) {
		n, err := r.required(root, "", name)
		if err != nil {
			return err
		}
		if err := r.typed(n, name, n.Text(), textWanted); err != nil {
			return err
		}
		*columns[name] = n
	}
	return nil
}

func (r *schemaReader) confidence(root *columnar.Node) (*columnar.Node, error) {
	n, err := r.required(root, "", "confidence")
	if err != nil {
		return nil, err
	}
	return n, r.typed(n, "confidence", n.Plain(columnar.Double), "DOUBLE")
}
