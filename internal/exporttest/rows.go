package exporttest

import (
	"time"

	"whorl/features"
)

// EventRow is one row of an events file as SCHEMA lays it out.
type EventRow struct {
	EventID         string         `parquet:"event_id"`
	OrgID           string         `parquet:"org_id,dict"`
	ProjectID       string         `parquet:"project_id,dict"`
	Timestamp       int64          `parquet:"timestamp,timestamp(millisecond)"`
	Platform        string         `parquet:"platform,dict"`
	Release         *string        `parquet:"release,optional,dict"`
	Environment     *string        `parquet:"environment,optional,dict"`
	RuntimeName     *string        `parquet:"runtime_name,optional,dict"`
	RuntimeVersion  *string        `parquet:"runtime_version,optional,dict"`
	Message         *string        `parquet:"message,optional"`
	Exceptions      []ExceptionRow `parquet:"exceptions,list"`
	ConsentPurposes []string       `parquet:"consent_purposes,list"`
	ConsentPolicy   *string        `parquet:"consent_policy_version,optional,dict"`
}

// ExceptionRow is one exception of an [EventRow].
type ExceptionRow struct {
	Type      *string    `parquet:"type,optional,dict"`
	Value     *string    `parquet:"value,optional"`
	Mechanism *string    `parquet:"mechanism_type,optional,dict"`
	Handled   *bool      `parquet:"handled,optional"`
	Frames    []FrameRow `parquet:"frames,list"`
}

// FrameRow is one frame of an [ExceptionRow].
type FrameRow struct {
	Function    *string `parquet:"function,optional,dict"`
	Module      *string `parquet:"module,optional,dict"`
	Filename    *string `parquet:"filename,optional,dict"`
	AbsPath     *string `parquet:"abs_path,optional,dict"`
	Line        *int32  `parquet:"lineno,optional"`
	Column      *int32  `parquet:"colno,optional"`
	InApp       *bool   `parquet:"in_app,optional"`
	ContextLine *string `parquet:"context_line,optional,dict"`
}

// EventRows turns rows into their Parquet form; empty strings, zero numbers
// and unknown booleans become null.
func EventRows(rows []Row) []EventRow {
	out := make([]EventRow, len(rows))
	for i, r := range rows {
		e := EventRow{
			EventID: r.ID, OrgID: r.OrgID, ProjectID: r.ProjectID, Platform: r.Platform,
			Release: orNull(r.Release), Environment: orNull(r.Environment), RuntimeName: orNull(r.RuntimeName),
			RuntimeVersion: orNull(r.RuntimeVersion), Message: orNull(r.Message),
			ConsentPurposes: r.Purposes, ConsentPolicy: orNull(PolicyVersion),
		}
		if !r.Time.IsZero() {
			e.Timestamp = r.Time.UnixMilli()
		}
		if r.Purposes == nil {
			e.ConsentPurposes = AllPurposes
		}
		for _, x := range r.Exceptions {
			row := ExceptionRow{Type: orNull(x.Type), Value: orNull(x.Value), Mechanism: orNull(x.Mechanism), Handled: tri(x.Handled)}
			for _, f := range x.Frames {
				row.Frames = append(row.Frames, FrameRow{
					Function: orNull(f.Function), Module: orNull(f.Module), Filename: orNull(f.Filename), AbsPath: orNull(f.AbsPath),
					Line: orNull(f.Line), Column: orNull(f.Column), InApp: tri(f.InApp), ContextLine: orNull(f.ContextLine),
				})
			}
			e.Exceptions = append(e.Exceptions, row)
		}
		out[i] = e
	}
	return out
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func tri(t features.Tri) *bool {
	if t == features.Unknown {
		return nil
	}
	v := t == features.Yes
	return &v
}

// Event turns a row of a file back into the event that it holds.
func Event(r *EventRow) features.Event {
	e := features.Event{
		ID: r.EventID, OrgID: r.OrgID, ProjectID: r.ProjectID, Platform: r.Platform, Time: time.UnixMilli(r.Timestamp).UTC(),
		Release: orZero(r.Release), Environment: orZero(r.Environment), RuntimeName: orZero(r.RuntimeName),
		RuntimeVersion: orZero(r.RuntimeVersion), Message: orZero(r.Message),
	}
	for _, x := range r.Exceptions {
		out := features.Exception{Type: orZero(x.Type), Value: orZero(x.Value), Mechanism: orZero(x.Mechanism), Handled: triOf(x.Handled)}
		for _, f := range x.Frames {
			out.Frames = append(out.Frames, features.Frame{
				Function: orZero(f.Function), Module: orZero(f.Module), Filename: orZero(f.Filename), AbsPath: orZero(f.AbsPath),
				Line: orZero(f.Line), Column: orZero(f.Column), InApp: triOf(f.InApp), ContextLine: orZero(f.ContextLine),
			})
		}
		e.Exceptions = append(e.Exceptions, out)
	}
	return e
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func triOf(p *bool) features.Tri {
	switch {
	case p == nil:
		return features.Unknown
	case *p:
		return features.Yes
	}
	return features.No
}
