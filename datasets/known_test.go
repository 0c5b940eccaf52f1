package datasets

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"whorl/features"
	"whorl/internal/exporttest"
)

// TestKnown: events are known whether they may be used or not, in all files and
// row groups, and no others are.
func TestKnown(t *testing.T) {
	dir := t.TempDir()
	var rows []exporttest.Row
	for i := range 20 {
		row := exporttest.Row{Event: features.Event{ID: fmt.Sprint("e", i), OrgID: "o", ProjectID: "p", Platform: "go", Time: exporttest.AsOf}}
		if i%3 == 0 {
			row.Purposes = []string{"generative_ai"}
		}
		rows = append(rows, row)
	}
	exporttest.Write(t, dir, rows, nil, exporttest.Options{Files: 3, RowGroup: 2})
	x, err := OpenExport(dir)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{"e0": true, "e1": true, "e19": true, "e20": true, "": true}
	for _, workers := range []int{1, 3} {
		known, err := x.Known(context.Background(), asked, Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]bool{"e0": true, "e1": true, "e19": true}; !maps.Equal(known, want) {
			t.Errorf("known %v, want %v", known, want)
		}
	}
	if known, err := x.Known(context.Background(), nil, Options{}); len(known) > 0 || err != nil {
		t.Errorf("of no ids %v, %v", known, err)
	}
}
