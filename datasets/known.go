package datasets

import "context"

// Known returns which of the ids stand in rows of the export, whether the gate
// allows them or not. It tells nothing else of a row, so that a list of events
// can be checked for mistakes without reading what consent does not cover. Of
// the options it takes Workers and Memory.
func (x *Export) Known(ctx context.Context, ids map[string]bool, opt Options) (map[string]bool, error) {
	known := map[string]bool{}
	if len(ids) == 0 {
		return known, nil
	}
	w := x.walk(opt)
	err := eachID(ctx, w.scan(), func(id string) string {
		if ids[id] {
			return id
		}
		return ""
	}, func(_ place, made []string) {
		for _, id := range made {
			if id != "" {
				known[string([]byte(id))] = true // not a part of the batch's memory
			}
		}
	})
	return known, err
}
