package datasets

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"whorl/features"
)

// ErrOverlap says that golden data stands in the training data.
var ErrOverlap = errors.New("golden data in the training data")

// Content identifies what an event says apart from who said it and when.
type Content [16]byte

// ContentOf hashes platform, message and the exceptions with their types,
// values and frames. Ids, organisation, project, time, release, environment
// and runtime do not count. Columns that were left out while reading do not
// either, so compare only events read with the same [Options].Omit.
func ContentOf(e *features.Event) Content {
	h := sha256.New()
	w := cellHasher{h: h}
	w.text(e.Platform, true)
	w.text(e.Message, true)
	w.int(int64(len(e.Exceptions)))
	for i := range e.Exceptions {
		x := &e.Exceptions[i]
		w.text(x.Type, true)
		w.text(x.Value, true)
		w.int(int64(len(x.Frames)))
		for j := range x.Frames {
			f := &x.Frames[j]
			for _, s := range [...]string{f.Function, f.Module, f.Filename, f.AbsPath, f.ContextLine} {
				w.text(s, true)
			}
			w.int(int64(f.Line)<<32 | int64(uint32(f.Column)))
			w.int(int64(f.InApp))
		}
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return Content(sum[:16])
}

// Guard finds events of golden datasets in training data. It holds ids,
// projects and contents of the golden events; training events only pass by.
type Guard struct{ golden []guarded }

type guarded struct {
	name, version string
	events        map[string]bool // met in training
	projects      map[string]bool
	contents      map[Content]bool
	copies        map[Content]int // golden events with a content
	equal         int64
}

// Overlap is what a [Guard] found of one golden dataset in the training data.
type Overlap struct {
	Dataset  string   `json:"dataset"`
	Version  string   `json:"version"`
	EventIDs []string `json:"event_ids"` // sorted
	Projects []string `json:"projects"`  // project ids, sorted
	// EqualContent counts training events of other ids whose content equals
	// that of a golden event.
	EqualContent int64 `json:"equal_content"`
	// GoldenContent counts the distinct contents of the golden dataset that
	// stand in the training data, under whatever ids.
	GoldenContent int `json:"golden_content"`
	// GoldenEvents counts the golden events with one of these contents.
	GoldenEvents int `json:"golden_events"`
}

// AddGolden takes in a golden dataset: the ids of all its rows, projects and
// contents of those that the gate lets out.
func (g *Guard) AddGolden(ctx context.Context, golden *Golden, asOf time.Time) error {
	d := guarded{
		name: golden.Name, version: golden.Version,
		events: map[string]bool{}, projects: map[string]bool{}, contents: map[Content]bool{}, copies: map[Content]int{},
	}
	events, _ := golden.Events(ctx, asOf)
	for e, err := range events {
		if err != nil {
			return err
		}
		d.events[strings.Clone(e.ID)] = false
		d.projects[strings.Clone(e.ProjectID)] = false
		content := ContentOf(e)
		d.contents[content] = false
		d.copies[content]++
	}
	// A row that the gate denies is no less golden: its id must not train either.
	err := eachID(ctx, golden.walk(Options{}).scan(), strings.Clone, func(_ place, ids []string) {
		for _, id := range ids {
			if _, ok := d.events[id]; !ok {
				d.events[id] = false
			}
		}
	})
	if err != nil {
		return err
	}
	g.golden = append(g.golden, d)
	return nil
}

// Observe takes note of an event that will be used for training, by its id,
// project and content. Contents are worth their cost only if the guard holds
// any golden data ([Guard.Empty]).
func (g *Guard) Observe(id, project string, content Content) {
	for i := range g.golden {
		d := &g.golden[i]
		_, same := d.events[id]
		if same {
			d.events[id] = true
		}
		if _, ok := d.projects[project]; ok {
			d.projects[project] = true
		}
		if _, ok := d.contents[content]; ok {
			d.contents[content] = true
			if !same {
				d.equal++
			}
		}
	}
}

// Empty reports whether the guard holds no golden dataset.
func (g *Guard) Empty() bool { return len(g.golden) == 0 }

// Overlaps returns what was found, one element a golden dataset, in the order
// in which they were added.
func (g *Guard) Overlaps() []Overlap {
	all := make([]Overlap, 0, len(g.golden))
	for i := range g.golden {
		d := &g.golden[i]
		o := Overlap{
			Dataset: d.name, Version: d.version,
			EventIDs: sorted(met(d.events)), Projects: sorted(met(d.projects)),
			EqualContent: d.equal,
		}
		for content := range met(d.contents) {
			o.GoldenContent++
			o.GoldenEvents += d.copies[content]
		}
		all = append(all, o)
	}
	return all
}

// met yields the keys that were met, in no order.
func met[K comparable](set map[K]bool) iter.Seq[K] {
	return func(yield func(K) bool) {
		for k, ok := range set {
			if ok && !yield(k) {
				return
			}
		}
	}
}

// sorted collects a sequence in order; an empty one is an empty list, not
// null, in JSON.
func sorted(seq iter.Seq[string]) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(seq)))
}

// CheckOverlaps refuses training data that holds golden events, or, unless
// allowProjects is set, events of a golden dataset's project. Equal content
// under other ids is never refused. Errors wrap [ErrOverlap].
func CheckOverlaps(overlaps []Overlap, allowProjects bool) error {
	for _, o := range overlaps {
		if n := len(o.EventIDs); n > 0 {
			return fmt.Errorf("%w: %d events of golden dataset %s %s are in the training export, the first is %.64q; remove them from the export",
				ErrOverlap, n, o.Dataset, o.Version, o.EventIDs[0])
		}
	}
	for _, o := range overlaps {
		if n := len(o.Projects); n > 0 && !allowProjects {
			return fmt.Errorf("%w: %d projects of golden dataset %s %s are in the training export, the first is %.64q; remove them, or allow the overlap for a study that splits by time",
				ErrOverlap, n, o.Dataset, o.Version, o.Projects[0])
		}
	}
	return nil
}
