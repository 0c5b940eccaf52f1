package importer

import (
	"errors"
	"strings"

	"whorl/features"
)

// readSentry reads an event of Sentry, or of a tracker that took over its
// format: exceptions with causes and groups, a thread's stack, or a message.
//
// What identifies people or machines (user, request, server, breadcrumbs,
// extra, tags, contexts, variables, parameters of messages, registers) is never
// looked at.
func readSentry(v value, add func(found)) error {
	if !v.isObject() {
		return errors.New("a Sentry event is a JSON object")
	}
	e := features.Event{
		ID:          strings.ReplaceAll(v.get("event_id").text(), "-", ""),
		ProjectID:   v.first("project", "project_id").text(),
		Time:        v.first("timestamp", "datetime", "received").time(),
		Platform:    v.get("platform").text(),
		Release:     v.get("release").text(),
		Environment: v.get("environment").text(),
	}
	runtime := v.get("contexts", "runtime")
	e.RuntimeName, e.RuntimeVersion = runtime.get("name").text(), runtime.get("version").text()
	e.Message = sentryMessage(v.first("logentry", "sentry.interfaces.Message", "message"))

	exceptions := v.first("exception", "sentry.interfaces.Exception")
	if values := exceptions.get("values"); values.exists() {
		exceptions = values
	}
	for _, x := range exceptions.list() {
		if x.isObject() {
			e.Exceptions = append(e.Exceptions, sentryException(x))
		}
	}
	// A stack beside the exceptions is that of the one that has none.
	stack := v.first("stacktrace", "sentry.interfaces.Stacktrace")
	if frames := sentryFrames(stack); len(frames) > 0 {
		switch n := len(e.Exceptions); {
		case n == 0:
			e.Exceptions = append(e.Exceptions, features.Exception{Frames: frames})
		case len(e.Exceptions[n-1].Frames) == 0:
			e.Exceptions[n-1].Frames = frames
		}
	}
	if frames := sentryThread(v); len(frames) > 0 && len(e.Exceptions) == 0 {
		e.Exceptions = append(e.Exceptions, features.Exception{Frames: frames})
	}
	if len(e.Exceptions) == 0 && e.Message == "" {
		return errors.New("neither exception, stack nor message")
	}
	add(found{event: e, group: v.first("groupID", "group_id").text(), source: "tracker"})
	return nil
}

// sentryMessage prefers the template: its parameters are somebody's data.
func sentryMessage(v value) string {
	if !v.isObject() {
		return v.text()
	}
	return v.first("message", "formatted").text()
}

func sentryException(v value) features.Exception {
	x := features.Exception{
		Type: v.get("type").text(), Value: v.get("value").any(),
		Mechanism: v.get("mechanism", "type").text(), Handled: tri(v.get("mechanism", "handled")),
		Frames: sentryFrames(v.first("stacktrace", "sentry.interfaces.Stacktrace")),
	}
	if len(x.Frames) == 0 {
		x.Frames = sentryFrames(v.get("raw_stacktrace"))
	}
	// Old reporters put "Type: text" into the value.
	if x.Type == "" {
		if typ, value, ok := strings.Cut(x.Value, ": "); ok && typ != "" && !strings.ContainsAny(typ, " \t\n") {
			x.Type, x.Value = typ, value
		}
	}
	return x
}

func sentryFrames(stack value) []features.Frame {
	var frames []features.Frame
	for _, v := range stack.get("frames").list() {
		if !v.isObject() {
			continue
		}
		f := features.Frame{
			Function: v.first("function", "raw_function", "symbol").text(), Module: v.get("module").text(),
			Filename: v.get("filename").text(), AbsPath: v.get("abs_path").text(), ContextLine: v.get("context_line").text(),
			Line: v.get("lineno").int(), Column: v.get("colno").int(), InApp: tri(v.get("in_app")),
		}
		if f.Function == "?" || f.Function == "??" {
			f.Function = ""
		}
		if f.Module == "" && f.Filename == "" && f.AbsPath == "" { // native frames have the image alone
			f.Filename = v.get("package").text()
		}
		frames = append(frames, f)
	}
	return frames
}

// sentryThread returns the stack of the one thread that stands for the event:
// the only crashed one, else the only current one, else the only one.
func sentryThread(v value) []features.Frame {
	threads := v.get("threads")
	if values := threads.get("values"); values.exists() {
		threads = values
	}
	all := threads.list()
	for _, flag := range [...]string{"crashed", "current", ""} {
		var chosen []value
		for _, t := range all {
			if yes, _ := t.get(flag).bool(); yes || flag == "" {
				chosen = append(chosen, t)
			}
		}
		if len(chosen) == 1 {
			return sentryFrames(chosen[0].first("stacktrace", "raw_stacktrace"))
		}
	}
	return nil
}

func tri(v value) features.Tri {
	switch yes, ok := v.bool(); {
	case !ok:
		return features.Unknown
	case yes:
		return features.Yes
	}
	return features.No
}
