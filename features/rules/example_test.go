package rules_test

import (
	"fmt"

	"whorl/features"
	"whorl/features/rules"
)

func Example() {
	set, err := rules.Parse(`
# Vendored code is not ours, and the retry wrapper says nothing.
path:**/third_party/** -app
function:with_retry -group
`)
	if err != nil {
		panic(err)
	}
	event := &features.Event{Platform: "python", Exceptions: []features.Exception{{Type: "KeyError", Frames: []features.Frame{
		{Function: "main", Filename: "shop/main.py"},
		{Function: "with_retry", Filename: "shop/retry.py"},
		{Function: "load", Filename: "/srv/shop/third_party/store.py"},
	}}}}
	extractor := features.Extractor{Rules: set} // one for each goroutine
	record := new(features.Record)
	extractor.Extract(event, record)
	for i := range record.Frames {
		fmt.Println("in-app:", record.Frames[i].InApp())
	}
	// Output:
	// in-app: false
	// in-app: true
}
