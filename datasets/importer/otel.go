package importer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"whorl/features"
)

// readOTel reads a piece of OTLP/JSON: logs or traces with their resources, as
// collectors write them, a line each. An exception stands in the attributes of
// a log record or of a span's event (OpenTelemetry semantic conventions,
// "Exceptions"), its stack as one text in the language's own form.
func readOTel(v value, add func(found)) error {
	resources := v.first("resourceLogs", "resource_logs", "resourceSpans", "resource_spans")
	if !resources.exists() {
		return errors.New("neither resourceLogs nor resourceSpans")
	}
	for _, r := range resources.list() {
		about := otelResource(attributes(r.get("resource", "attributes")))
		for _, s := range r.first("scopeLogs", "scope_logs", "scopeSpans", "scope_spans", "instrumentationLibraryLogs", "instrumentationLibrarySpans").list() {
			for _, record := range s.first("logRecords", "log_records").list() {
				f, ok := otelRecord(about, attributes(record.get("attributes")), record)
				if !ok {
					continue
				}
				add(f)
			}
			for _, span := range s.get("spans").list() {
				for _, event := range span.get("events").list() {
					if event.get("name").text() != "exception" {
						continue
					}
					f, ok := otelRecord(about, attributes(event.get("attributes")), event)
					if !ok {
						continue
					}
					add(f)
				}
			}
		}
	}
	return nil
}

// attributes makes a map of OTLP's list of keys and typed values.
func attributes(list value) map[string]value {
	all := map[string]value{}
	for _, a := range list.list() {
		v := a.get("value")
		all[a.get("key").text()] = v.first("stringValue", "string_value", "boolValue", "bool_value", "intValue", "int_value", "doubleValue", "double_value")
	}
	return all
}

// otelResource is what a resource says of all its events.
func otelResource(a map[string]value) features.Event {
	e := features.Event{
		Release: a["service.version"].text(), Environment: a["deployment.environment.name"].text(),
		RuntimeName: a["process.runtime.name"].text(), RuntimeVersion: a["process.runtime.version"].text(),
		ProjectID: a["service.name"].text(), Platform: otelPlatform(a["telemetry.sdk.language"].text(), a["process.runtime.name"].text()),
	}
	if e.Environment == "" {
		e.Environment = a["deployment.environment"].text()
	}
	if space := a["service.namespace"].text(); space != "" && e.ProjectID != "" {
		e.ProjectID = space + "/" + e.ProjectID
	}
	return e
}

// otelPlatform names the platform of an SDK's language, as the semantic
// conventions spell them.
func otelPlatform(language, runtime string) string {
	switch language {
	case "webjs":
		return "javascript"
	case "nodejs":
		return "node"
	case "erlang":
		return "other"
	case "":
		if strings.HasPrefix(runtime, "OpenJDK") {
			return "java"
		}
	}
	return language
}

// otelRecord makes an event of an exception's attributes, or of a log record
// of severity ERROR or above without any.
func otelRecord(about features.Event, a map[string]value, v value) (found, bool) {
	f := found{event: about}
	e := &f.event
	e.ID = a["log.record.uid"].text()
	e.Time = v.first("timeUnixNano", "time_unix_nano").time()
	if e.Time.IsZero() {
		e.Time = v.first("observedTimeUnixNano", "observed_time_unix_nano").time()
	}
	typ, value := a["exception.type"].text(), a["exception.message"].text()
	f.stack = a["exception.stacktrace"].text()
	body := v.get("body").first("stringValue", "string_value").text()
	switch {
	case typ == "" && value == "" && f.stack == "":
		const severityError = 17
		if v.first("severityNumber", "severity_number").int() < severityError || body == "" {
			return found{}, false
		}
		e.Message = body
	case f.stack == "":
		e.Exceptions = []features.Exception{{Type: typ, Value: value}} // handled is not told
	default:
		f.head = &features.Exception{Type: typ, Value: value}
	}
	if escaped, _ := a["exception.escaped"].bool(); escaped { // from the span, not caught in it
		f.handled = features.No
	}
	return f, true
}

// readText reads stack traces as they were printed, one to a file, whose name is
// the event's id.
func readText(ctx context.Context, j *job) error {
	any := func(string) bool { return true }
	return j.each(ctx, j.documents(ctx, any, whole), func(d document, add func(found)) error {
		text := string(d.data)
		if strings.TrimSpace(text) == "" {
			return errors.New("the file is empty")
		}
		id := plainName(filepath.Base(d.place))
		if r, err := filepath.Rel(j.In, d.place); err == nil && j.In != d.place {
			id = plainName(filepath.ToSlash(r))
		}
		add(found{event: features.Event{ID: id}, stack: text})
		return nil
	})
}
