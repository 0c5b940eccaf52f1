package datasets

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/internal/exporttest"
)

func label(event, group string) exporttest.Label {
	return exporttest.Label{EventID: event, GroupID: group, Source: "human", Confidence: 1, Slices: []string{"kind:x", "minified"}}
}

func pair(a, b, verdict string) exporttest.Pair {
	return exporttest.Pair{A: a, B: b, Label: verdict, Confidence: 0.5, Source: "human"}
}

func TestLabels(t *testing.T) {
	dir := t.TempDir()
	other := exporttest.Label{EventID: "e1", GroupID: "h", Source: "llm"}
	exporttest.Write(t, dir, exporttest.Rows(someEvents(3)...), []exporttest.Label{label("e0", "g"), other, label("e0", "g")}, exporttest.Options{
		Pairs: []exporttest.Pair{pair("e0", "e1", "GROUP"), pair("e1", "e0", "GROUP"), pair("e0", "e2", "SEPARATE")},
	})
	x := mustOpen(t, dir)
	labels, err := x.Labels()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Label{
		"e0": {GroupID: "g", Source: "human", Confidence: 1, Slices: []string{"kind:x", "minified"}},
		"e1": {GroupID: "h", Source: "llm"},
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
	pairs, err := x.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	wantPairs := []Pair{{"e0", "e1", true, 0.5, "human"}, {"e0", "e2", false, 0.5, "human"}}
	if diff := cmp.Diff(wantPairs, pairs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Contradiction{{pairs[0], "g", "h"}}, Contradictions(labels, pairs)); diff != "" {
		t.Error(diff)
	}
}

func TestLabelsRefuse(t *testing.T) {
	with := func(change func(*exporttest.Label)) []exporttest.Label {
		l := label("e1", "g")
		change(&l)
		return []exporttest.Label{label("e0", "g"), l}
	}
	for _, tt := range []struct {
		name   string
		labels []exporttest.Label
		says   string
	}{
		{"two groups", with(func(l *exporttest.Label) { l.EventID, l.GroupID = "e0", "h" }), `"e0" has the groups "g" and "h"`},
		{"no event", with(func(l *exporttest.Label) { l.EventID = "" }), "empty"},
		{"no group", with(func(l *exporttest.Label) { l.GroupID = "" }), "empty"},
		{"above 1", with(func(l *exporttest.Label) { l.Confidence = 1.01 }), "confidence"},
		{"below 0", with(func(l *exporttest.Label) { l.Confidence = -0.01 }), "confidence"},
		{"NaN", with(func(l *exporttest.Label) { l.Confidence = math.NaN() }), "confidence"},
		{"infinite", with(func(l *exporttest.Label) { l.Confidence = math.Inf(1) }), "confidence"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			exporttest.Write(t, dir, exporttest.Rows(someEvents(2)...), tt.labels, exporttest.Options{})
			_, err := mustOpen(t, dir).Labels()
			wantError(t, err, ErrLabel, "labels.parquet, row 2", tt.says)
		})
	}
}

func TestPairsRefuse(t *testing.T) {
	for name, bad := range map[string]exporttest.Pair{
		"unknown verdict": pair("a", "c", "group"),
		"itself":          pair("a", "a", "GROUP"),
		"no event":        pair("", "a", "GROUP"),
		"contradiction":   pair("b", "a", "SEPARATE"),
		"confidence":      {A: "a", B: "c", Label: "GROUP", Confidence: 2},
	} {
		dir := t.TempDir()
		exporttest.WriteGolden(t, dir, exporttest.Rows(someEvents(2)...), nil, exporttest.Options{Pairs: []exporttest.Pair{pair("a", "b", "GROUP"), bad}})
		g, err := OpenGolden(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Pairs()
		t.Log(name)
		wantError(t, err, ErrLabel, "pairs.parquet, row 2")
	}
}

func TestLabelSchema(t *testing.T) {
	type noGroup struct {
		EventID    string   `parquet:"event_id"`
		Source     string   `parquet:"source"`
		Confidence float64  `parquet:"confidence"`
		Slices     []string `parquet:"slices,list"`
	}
	type floats struct {
		EventID    string   `parquet:"event_id"`
		GroupID    string   `parquet:"group_id"`
		Source     string   `parquet:"source"`
		Confidence float32  `parquet:"confidence"`
		Slices     []string `parquet:"slices,list"`
	}
	type noLabel struct {
		A string `parquet:"event_id_a"`
		B string `parquet:"event_id_b"`
	}
	for _, tt := range []struct {
		path, column string
		data         []byte
	}{
		{"labels.parquet", "group_id", exporttest.Parquet(t, []noGroup{{}})},
		{"labels.parquet", "confidence", exporttest.Parquet(t, []floats{{}})},
		{"pairs.parquet", "label", exporttest.Parquet(t, []noLabel{{}})},
	} {
		dir, _ := writeSmall(t)
		exporttest.Replace(t, dir, tt.path, tt.data, 1)
		_, err := OpenExport(dir)
		wantError(t, err, ErrSchema, tt.path, "column "+tt.column)
	}
}
