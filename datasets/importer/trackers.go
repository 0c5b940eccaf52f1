package importer

import (
	"errors"
	"slices"
	"strings"

	"whorl/features"
)

// readBugsnag reads a payload of Bugsnag's error reporting API (versions 4 and
// 5), or one event of it. Exceptions stand outermost first and their frames
// newest first; both are turned round.
func readBugsnag(v value, add func(found)) error {
	events := []value{v}
	if v.get("events").exists() {
		events = v.get("events").list()
	}
	for _, v := range events {
		f := found{group: v.first("error_id", "errorId", "groupingHash").text(), source: "tracker", event: features.Event{
			ID: v.get("id").text(), Time: v.first("receivedAt", "received_at").time(),
			Release: v.get("app", "version").text(), Environment: v.get("app").first("releaseStage", "release_stage").text(),
			Platform: v.get("platform").text(),
		}}
		e := &f.event
		if e.Time.IsZero() {
			e.Time = v.get("device", "time").time()
		}
		e.ProjectID = v.first("project_id", "projectId").text()
		unhandled, told := v.get("unhandled").bool()
		for _, x := range v.get("exceptions").list() {
			if e.Platform == "" {
				e.Platform = x.get("type").text()
			}
			exception := features.Exception{Type: x.first("errorClass", "error_class").text(), Value: x.get("message").text()}
			if told && len(e.Exceptions) == 0 { // the outermost
				exception.Handled = features.Yes
				if unhandled {
					exception.Handled = features.No
				}
			}
			for _, s := range x.get("stacktrace").list() {
				exception.Frames = append(exception.Frames, bugsnagFrame(s))
			}
			slices.Reverse(exception.Frames)
			e.Exceptions = append(e.Exceptions, exception)
		}
		slices.Reverse(e.Exceptions)
		if len(e.Exceptions) == 0 {
			return errors.New("no exceptions: a Bugsnag event has some")
		}
		add(f)
	}
	return nil
}

func bugsnagFrame(v value) features.Frame {
	f := features.Frame{
		Function: v.get("method").text(), Filename: v.get("file").text(),
		Line: v.first("lineNumber", "line_number").int(), Column: v.first("columnNumber", "column_number").int(),
		InApp: tri(v.first("inProject", "in_project")),
	}
	if line := v.first("lineNumber", "line_number").text(); line != "" {
		f.ContextLine = v.get("code", line).text()
	}
	return f
}

// readRollbar reads an item of Rollbar's API, or its data alone: a trace, a
// chain of traces (outermost first), a message or a crash report. Frames stand
// oldest first.
func readRollbar(v value, add func(found)) error {
	if d := v.get("data"); d.isObject() {
		v = d
	}
	body := v.get("body")
	f := found{group: v.first("item_id", "fingerprint").text(), source: "tracker", event: features.Event{
		ID: v.get("uuid").text(), Time: v.get("timestamp").time(), Environment: v.get("environment").text(),
		Release: v.first("code_version").text(), Platform: rollbarPlatform(v.get("platform").text(), v.get("language").text()),
		ProjectID: v.first("project_id").text(),
	}}
	e := &f.event
	switch {
	case body.get("trace").isObject():
		e.Exceptions = []features.Exception{rollbarTrace(body.get("trace"))}
	case body.get("trace_chain").exists():
		for _, t := range body.get("trace_chain").list() {
			e.Exceptions = append(e.Exceptions, rollbarTrace(t))
		}
		slices.Reverse(e.Exceptions)
	case body.get("crash_report").isObject():
		f.stack = body.get("crash_report", "raw").text()
	case body.get("message").exists():
		e.Message = body.get("message").first("body").text()
	default:
		return errors.New("body holds none of trace, trace_chain, message and crash_report")
	}
	add(f)
	return nil
}

// rollbarPlatform takes the language where the platform names an operating
// system or a place.
func rollbarPlatform(platform, language string) string {
	if features.ParsePlatform(strings.ToLower(platform)) == features.Other || language == "javascript" && platform != "browser" {
		if strings.EqualFold(platform, "node.js") || strings.EqualFold(platform, "node") {
			return "node"
		}
		return language
	}
	return platform
}

func rollbarTrace(v value) features.Exception {
	x := features.Exception{Type: v.get("exception", "class").text(), Value: v.get("exception", "message").text()}
	for _, s := range v.get("frames").list() {
		x.Frames = append(x.Frames, features.Frame{
			Function: s.get("method").text(), Module: s.first("class_name", "className").text(), Filename: s.get("filename").text(),
			Line: s.get("lineno").int(), Column: s.get("colno").int(), ContextLine: s.get("code").text(),
		})
	}
	return x
}
