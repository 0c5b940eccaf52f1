package datasets

import (
	"fmt"
	"unicode/utf8"

	"whorl/datasets/internal/columnar"
	"whorl/datasets/internal/columnwriter"
	"whorl/features"
)

// eventRow is the schema of an events file: it is never filled. What repeats
// from row to row is kept in dictionaries.
type eventRow struct {
	EventID        string         `parquet:"event_id"`
	OrgID          string         `parquet:"org_id,dict"`
	ProjectID      string         `parquet:"project_id,dict"`
	Timestamp      int64          `parquet:"timestamp,timestamp(millisecond),delta"`
	Platform       string         `parquet:"platform,dict"`
	Release        string         `parquet:"release,optional,dict"`
	Environment    string         `parquet:"environment,optional,dict"`
	RuntimeName    string         `parquet:"runtime_name,optional,dict"`
	RuntimeVersion string         `parquet:"runtime_version,optional,dict"`
	Message        string         `parquet:"message,optional,dict"`
	Exceptions     []exceptionRow `parquet:"exceptions,list"`
	Purposes       []string       `parquet:"consent_purposes,list" parquet-element:",dict"`
	PolicyVersion  string         `parquet:"consent_policy_version,optional,dict"`
}

type exceptionRow struct {
	Type      string     `parquet:"type,optional,dict"`
	Value     string     `parquet:"value,optional,dict"`
	Mechanism string     `parquet:"mechanism_type,optional,dict"`
	Handled   bool       `parquet:"handled,optional"`
	Frames    []frameRow `parquet:"frames,list"`
}

type frameRow struct {
	Function    string `parquet:"function,optional,dict"`
	Module      string `parquet:"module,optional,dict"`
	Filename    string `parquet:"filename,optional,dict"`
	AbsPath     string `parquet:"abs_path,optional,dict"`
	Line        int32  `parquet:"lineno,optional,dict"`
	Column      int32  `parquet:"colno,optional,dict"`
	InApp       bool   `parquet:"in_app,optional"`
	ContextLine string `parquet:"context_line,optional,dict"`
}

type labelRow struct {
	EventID    string   `parquet:"event_id"`
	GroupID    string   `parquet:"group_id,dict"`
	Source     string   `parquet:"source,dict"`
	Confidence float64  `parquet:"confidence,dict"`
	Slices     []string `parquet:"slices,list" parquet-element:",dict"`
}

type pairRow struct {
	A          string  `parquet:"event_id_a"`
	B          string  `parquet:"event_id_b"`
	Label      string  `parquet:"label,dict"`
	Confidence float64 `parquet:"confidence,dict"`
	Source     string  `parquet:"source,dict"`
}

// Paths within the lists of an events file, as the three-level layout has
// them.
const (
	elementPath          = ".list.element"
	writtenExceptionPath = exceptionsPath + elementPath
	writtenFramePath     = writtenExceptionPath + ".frames" + elementPath
)

// eventColumns are the columns of an events file.
type eventColumns struct {
	text       []*columnwriter.Column // as textColumns
	time       *columnwriter.Column
	exceptions []*columnwriter.Column // as exceptionColumns
	frames     []*columnwriter.Column // as frameColumns
	purposes   *columnwriter.Column
}

func newEventColumns(f *columnwriter.File) *eventColumns {
	c := &eventColumns{time: f.Column("timestamp"), purposes: f.Column("consent_purposes" + elementPath)}
	for _, x := range textColumns {
		c.text = append(c.text, f.Column(x.name))
	}
	for _, x := range exceptionColumns {
		c.exceptions = append(c.exceptions, f.Column(writtenExceptionPath+"."+x.name))
	}
	for _, x := range frameColumns {
		c.frames = append(c.frames, f.Column(writtenFramePath+"."+x.name))
	}
	return c
}

// rowWriter appends the cells of one row and checks them as a reader does.
type rowWriter struct {
	fault string // the first
}

func (w *rowWriter) failf(format string, args ...any) {
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, args...)
	}
}

// text appends a text that is not null.
func (w *rowWriter) text(c *columnwriter.Column, name, s string, rep, def int) {
	if len(s) > columnar.MaxCellBytes {
		w.failf("%s has %d bytes, the limit is %d; cut it", name, len(s), columnar.MaxCellBytes)
	} else if !utf8.ValidString(s) {
		w.failf("%s is no valid UTF-8; convert it", name)
	}
	c.Text(s, rep, def)
}

// list appends a list of required texts.
func (w *rowWriter) list(c *columnwriter.Column, name string, list []string) {
	w.entries(name, len(list))
	if len(list) == 0 {
		c.Null(0, 0)
	}
	for i, s := range list {
		w.text(c, name, s, min(i, 1), 1)
	}
}

func (w *rowWriter) entries(name string, n int) {
	if n > columnar.MaxRowEntries {
		w.failf("%s has %d entries, the limit is %d; cut it", name, n, columnar.MaxRowEntries)
	}
}

// end returns the error of a row of which bytes count against the limit.
func (w *rowWriter) end(bytes int64) string {
	if bytes > maxRowBytes {
		w.failf("%d bytes of text, the limit is %d; cut it", bytes, maxRowBytes)
	}
	return w.fault
}

// event appends an event and returns what is wrong with it.
func (t *table) event(e *features.Event, consent *RowConsent) string {
	var w rowWriter
	c := t.events
	switch {
	case e.ID == "":
		w.failf("event_id is empty; give one")
	case !canonical(e.OrgID):
		w.failf("org_id is empty or has surrounding space; give one without")
	case !canonical(e.ProjectID):
		w.failf("project_id is empty or has surrounding space; give one without")
	case e.Platform == "":
		w.failf("platform is empty; give one")
	case e.Time.IsZero() || e.Time.UnixMilli() == 0:
		w.failf("the time is missing or zero; give one")
	}
	for i := range textColumns {
		column := &textColumns[i]
		s := &consent.PolicyVersion
		if column.field != nil {
			s = column.field(e)
		}
		switch {
		case column.required:
			w.text(c.text[i], column.name, *s, 0, 0)
		case *s == "":
			c.text[i].Null(0, 0)
		default:
			w.text(c.text[i], column.name, *s, 0, 1)
		}
	}
	c.time.Int64(e.Time.UnixMilli(), 0, 0)
	entries := 0
	for i := range e.Exceptions {
		entries += max(1, len(e.Exceptions[i].Frames))
	}
	w.entries("frames", entries)
	if len(e.Exceptions) == 0 {
		for _, column := range c.exceptions {
			column.Null(0, 0)
		}
		for _, column := range c.frames {
			column.Null(0, 0)
		}
	}
	for i := range exceptionColumns {
		rep := 0
		for j := range e.Exceptions {
			element(&w, c.exceptions[i], &exceptionColumns[i], &e.Exceptions[j], rep, 2)
			rep = 1
		}
	}
	for i := range frameColumns {
		rep := 0
		for j := range e.Exceptions {
			frames := e.Exceptions[j].Frames
			if len(frames) == 0 {
				c.frames[i].Null(rep, 1)
			}
			for k := range frames {
				element(&w, c.frames[i], &frameColumns[i], &frames[k], rep, 3)
				rep = 2
			}
			rep = 1
		}
	}
	// The reader's limit on a row is one on what an event holds.
	size := t.file.RowBytes() - int64(len(consent.PolicyVersion))
	w.list(c.purposes, "consent_purposes", consent.Purposes)
	return w.end(size)
}

// element appends one field of a list's element; def is the definition level
// of a value.
func element[T any](w *rowWriter, c *columnwriter.Column, column *elementColumn[T], x *T, rep, def int) {
	switch {
	case column.text != nil:
		if s := *column.text(x); s != "" {
			w.text(c, column.name, s, rep, def)
			return
		}
	case column.num != nil:
		if n := *column.num(x); n != 0 {
			c.Int32(n, rep, def)
			return
		}
	default:
		if b := *column.tri(x); b != features.Unknown {
			if b > features.Yes {
				w.failf("%s is %d, no value of a Tri", column.name, b)
			}
			c.Bool(b == features.Yes, rep, def)
			return
		}
	}
	c.Null(rep, def-1)
}

type labelColumns struct{ event, group, source, confidence, slices *columnwriter.Column }

func newLabelColumns(f *columnwriter.File) *labelColumns {
	return &labelColumns{
		event: f.Column("event_id"), group: f.Column("group_id"), source: f.Column("source"),
		confidence: f.Column("confidence"), slices: f.Column("slices" + elementPath),
	}
}

// label appends a label and returns what is wrong with it.
func (t *table) label(eventID string, l *Label) string {
	w := rowWriter{fault: labelFault(eventID, l)}
	w.text(t.labels.event, "event_id", eventID, 0, 0)
	w.text(t.labels.group, "group_id", l.GroupID, 0, 0)
	w.text(t.labels.source, "source", l.Source, 0, 0)
	t.labels.confidence.Double(l.Confidence, 0, 0)
	w.list(t.labels.slices, "slices", l.Slices)
	return w.end(t.file.RowBytes())
}

type pairColumns struct{ a, b, label, confidence, source *columnwriter.Column }

func newPairColumns(f *columnwriter.File) *pairColumns {
	return &pairColumns{
		a: f.Column("event_id_a"), b: f.Column("event_id_b"), label: f.Column("label"),
		confidence: f.Column("confidence"), source: f.Column("source"),
	}
}

// pair appends a pair and returns what is wrong with it.
func (t *table) pair(p *Pair) string {
	verdict := "SEPARATE"
	if p.Group {
		verdict = "GROUP"
	}
	w := rowWriter{fault: pairFault(p)}
	w.text(t.pairs.a, "event_id_a", p.A, 0, 0)
	w.text(t.pairs.b, "event_id_b", p.B, 0, 0)
	w.text(t.pairs.label, "label", verdict, 0, 0)
	t.pairs.confidence.Double(p.Confidence, 0, 0)
	w.text(t.pairs.source, "source", p.Source, 0, 0)
	return w.end(t.file.RowBytes())
}
