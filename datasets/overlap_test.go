package datasets

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/features"
	"whorl/internal/exporttest"
)

func TestContentOf(t *testing.T) {
	base := func() features.Event { return someEvents(30)[14] } // two exceptions of four frames
	same := base()
	same.ID, same.OrgID, same.ProjectID, same.Release, same.Environment = "x", "y", "z", "1", "test"
	same.RuntimeName, same.RuntimeVersion, same.Time = "node", "24", time.Time{}
	a, b := base(), same
	if ContentOf(&a) != ContentOf(&b) {
		t.Error("ids, times or releases count")
	}
	seen := map[Content]string{ContentOf(&a): "base"}
	for name, change := range map[string]func(*features.Event){
		"platform":       func(e *features.Event) { e.Platform += "x" },
		"message":        func(e *features.Event) { e.Message = "x" },
		"type":           func(e *features.Event) { e.Exceptions[0].Type = "x" },
		"value":          func(e *features.Event) { e.Exceptions[1].Value = "x" },
		"type and value": func(e *features.Event) { x := &e.Exceptions[1]; x.Type, x.Value = x.Type+x.Value, "" },
		"function":       func(e *features.Event) { e.Exceptions[0].Frames[1].Function = "x" },
		"module":         func(e *features.Event) { e.Exceptions[0].Frames[1].Module = "x" },
		"filename":       func(e *features.Event) { e.Exceptions[0].Frames[1].Filename = "x" },
		"abs_path":       func(e *features.Event) { e.Exceptions[0].Frames[1].AbsPath = "x" },
		"context_line":   func(e *features.Event) { e.Exceptions[0].Frames[1].ContextLine = "x" },
		"lineno":         func(e *features.Event) { e.Exceptions[0].Frames[1].Line = 77 },
		"colno":          func(e *features.Event) { e.Exceptions[0].Frames[1].Column = 77 },
		"in_app":         func(e *features.Event) { e.Exceptions[0].Frames[2].InApp = features.Unknown },
		"frames moved": func(e *features.Event) {
			x := e.Exceptions
			x[1].Frames = append(x[1].Frames, x[0].Frames[3])
			x[0].Frames = x[0].Frames[:3]
		},
		"fewer frames":    func(e *features.Event) { e.Exceptions[0].Frames = nil },
		"fewer exception": func(e *features.Event) { e.Exceptions = e.Exceptions[:1] },
	} {
		e := base()
		change(&e)
		c := ContentOf(&e)
		if other, ok := seen[c]; ok {
			t.Errorf("%s has the content of %s", name, other)
		}
		seen[c] = name
	}
}

// TestGuardHoldsDeniedRows checks that a golden row which may not be judged may
// not train either.
func TestGuardHoldsDeniedRows(t *testing.T) {
	events := someEvents(3)
	rows := exporttest.Rows(events...)
	rows[1].Purposes = []string{"review_content"}
	dir := t.TempDir()
	exporttest.WriteGolden(t, dir, rows, nil, exporttest.Options{Name: "partly"})
	g, err := OpenGolden(dir)
	if err != nil {
		t.Fatal(err)
	}
	var guard Guard
	if err := guard.AddGolden(ctx, g, exporttest.AsOf); err != nil {
		t.Fatal(err)
	}
	observe(&guard, &events[1])
	wantError(t, CheckOverlaps(guard.Overlaps(), true), ErrOverlap, "partly", "1 events", `"e1"`)
}

func TestGuard(t *testing.T) {
	golden := func(name string, events ...features.Event) *Golden {
		dir := t.TempDir()
		exporttest.WriteGolden(t, dir, exporttest.Rows(events...), nil, exporttest.Options{Name: name})
		g, err := OpenGolden(dir)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	events := someEvents(10)
	for i := range events[:3] {
		events[i].ProjectID = "golden/only"
	}
	again := events[1] // a second golden event with e1's content
	again.ID = "again"
	var guard Guard
	for _, g := range []*Golden{golden("far", events[0], events[1], events[2], again), golden("near", events[4:6]...)} {
		if err := guard.AddGolden(ctx, g, exporttest.AsOf); err != nil {
			t.Fatal(err)
		}
	}
	train := someEvents(10)[4:]             // e4 to e9, two of them golden
	train[3].ID = "copy"                    // e7
	train = append(train, someEvents(2)[1]) // the content of e1 ...
	train[6].ID = "copy of e1"              // ... under another id
	for i := range train {
		observe(&guard, &train[i])
	}
	want := []Overlap{
		{Dataset: "far", Version: "1.0.0", EventIDs: []string{}, Projects: []string{}, EqualContent: 1, GoldenContent: 1, GoldenEvents: 2},
		{Dataset: "near", Version: "1.0.0", EventIDs: []string{"e4", "e5"}, Projects: []string{"org/p0", "org/p1"}, GoldenContent: 2, GoldenEvents: 2},
	}
	got := guard.Overlaps()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantError(t, CheckOverlaps(got, true), ErrOverlap, "near 1.0.0", "2 events", `"e4"`)
	got[1].EventIDs = nil
	wantError(t, CheckOverlaps(got, false), ErrOverlap, "near 1.0.0", "2 projects", `"org/p0"`)
	if err := CheckOverlaps(got, true); err != nil {
		t.Error(err)
	}
	if err := CheckOverlaps(got[:1], false); err != nil {
		t.Errorf("equal content is fatal: %v", err)
	}
}

// The sample's golden set shares no event and no project with its export.
func TestGuardOnSample(t *testing.T) {
	g, err := OpenGolden("sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	var guard Guard
	if err := guard.AddGolden(ctx, g, exporttest.AsOf); err != nil {
		t.Fatal(err)
	}
	events, _ := mustOpen(t, "sample/export").Events(ctx, training)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		observe(&guard, e)
	}
	if err := CheckOverlaps(guard.Overlaps(), false); err != nil {
		t.Error(err)
	}
	t.Logf("%+v", guard.Overlaps())
}

func observe(g *Guard, e *features.Event) { g.Observe(e.ID, e.ProjectID, ContentOf(e)) }
