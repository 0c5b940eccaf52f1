package importer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPublishedEvents imports the events of a tracker's own tests, read from
// the folder that WHORL_CONFORMANCE names, and compares exceptions and frames
// with the JSON as Go's typed decoding sees it.
func TestPublishedEvents(t *testing.T) {
	dir := os.Getenv("WHORL_CONFORMANCE")
	if dir == "" {
		t.Skip("WHORL_CONFORMANCE names no folder of conformance cases")
	}
	names, err := filepath.Glob(filepath.Join(dir, "grouping_inputs", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no events: %v", err)
	}
	files, exceptions, frames, messages := 0, 0, 0, 0
	var empty []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseValue(data)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = readSentry(v, func(f found) {
			for _, x := range f.event.Exceptions {
				got = append(got, "exception "+x.Type)
				exceptions++
				for _, fr := range x.Frames {
					got = append(got, fmt.Sprintf("%s %s %s %s %d", fr.Function, fr.Module, fr.Filename, fr.AbsPath, fr.Line))
					frames++
				}
			}
			if f.event.Message != "" {
				messages++
			}
		})
		want := published(t, data)
		if err != nil {
			empty = append(empty, strings.TrimSuffix(filepath.Base(name), ".json"))
			if len(want) > 0 {
				t.Errorf("%s: %v, but there is %q", name, err, want[0])
			}
			continue
		}
		files++
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	t.Logf("%d of %d files, %d exceptions and %d frames as in the JSON, %d messages; neither in %s",
		files, len(names), exceptions, frames, messages, strings.Join(empty, ", "))
}

type publishedStack struct {
	Frames []struct {
		Function, Symbol, Module, Filename, Package string
		RawFunction                                 string `json:"raw_function"`
		AbsPath                                     string `json:"abs_path"`
		Lineno                                      int32
	}
}

type publishedException struct {
	Type, Value   any
	Stacktrace    *publishedStack
	RawStacktrace *publishedStack `json:"raw_stacktrace"`
}

// published reads an event with types, and says what an import must give.
func published(t *testing.T, data []byte) (all []string) {
	var e struct {
		Exception  json.RawMessage
		Stacktrace *publishedStack
		Threads    json.RawMessage
	}
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	values := func(raw json.RawMessage, into any) {
		var wrapped struct{ Values json.RawMessage }
		if json.Unmarshal(raw, &wrapped) == nil && wrapped.Values != nil {
			raw = wrapped.Values
		}
		if json.Unmarshal(raw, into) != nil {
			json.Unmarshal([]byte("["+string(raw)+"]"), into)
		}
	}
	var xs []*publishedException
	if len(e.Exception) > 0 && string(e.Exception) != "null" {
		values(e.Exception, &xs)
	}
	xs = slices.DeleteFunc(xs, func(x *publishedException) bool { return x == nil })
	if len(xs) == 0 {
		if e.Stacktrace == nil || len(e.Stacktrace.Frames) == 0 {
			var threads []struct {
				Crashed, Current bool
				Stacktrace       *publishedStack
			}
			values(e.Threads, &threads)
			for _, th := range threads {
				if (len(threads) == 1 || th.Crashed) && th.Stacktrace != nil {
					e.Stacktrace = th.Stacktrace
				}
			}
		}
		if e.Stacktrace != nil && len(e.Stacktrace.Frames) > 0 {
			xs = append(xs, &publishedException{Stacktrace: e.Stacktrace})
		}
	} else if last := xs[len(xs)-1]; last.Stacktrace == nil && e.Stacktrace != nil {
		last.Stacktrace = e.Stacktrace
	}
	for _, x := range xs {
		typ, _ := x.Type.(string)
		if value, _ := x.Value.(string); typ == "" {
			if head, _, ok := strings.Cut(value, ": "); ok && !strings.ContainsAny(head, " \n\t") {
				typ = head
			}
		}
		all = append(all, "exception "+typ)
		stack := x.Stacktrace
		if stack == nil {
			stack = x.RawStacktrace
		}
		if stack == nil {
			continue
		}
		for _, f := range stack.Frames {
			function := f.Function
			for _, other := range []string{f.RawFunction, f.Symbol} {
				if function == "" {
					function = other
				}
			}
			if function == "?" || function == "??" {
				function = ""
			}
			if f.Module+f.Filename+f.AbsPath == "" {
				f.Filename = f.Package
			}
			all = append(all, fmt.Sprintf("%s %s %s %s %d", function, f.Module, f.Filename, f.AbsPath, f.Lineno))
		}
	}
	return all
}
