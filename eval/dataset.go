package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"whorl/features"
)

// Dataset is one golden dataset, as plain values.
type Dataset struct {
	Name          string
	Version       string
	SHA256        string // of dataset.json
	Licence       string
	LabelProtocol string
	Unlabelled    int // events that have no label and are not in Projects
	OverlapTrain  int // events whose content also stands in the training data; -1 unknown
	Projects      []ProjectData
	Pairs         []ExplicitPair // of pairs.parquet; if there are any, the pairs protocol judges only them
}

// ProjectData is one project of a dataset. All slices but Items may be nil, or
// are as long as Items.
type ProjectData struct {
	ID    string
	Items []Item // by time, then event id
	// Groups are numbers unique over the dataset; negative: no label. An item
	// without a label is judged in explicit pairs only.
	Groups []int
	// Content is a hash of each event's content: equal hashes are exact
	// copies. Nil: there are none.
	Content []uint64
	// Slices are the label's slices, each "key:value" or a bare tag.
	Slices [][]string
}

// ExplicitPair is a pair with a label of its own.
type ExplicitPair struct {
	Project int  // index in Dataset.Projects
	A, B    int  // indexes in the project's Items, different
	Group   bool // the label is GROUP
}

// maxSliceValues is how many values a slice key may have; a key with more (an
// id, say) would bury the report and is dropped with a warning.
const maxSliceValues = 40

// maxSliceName bounds a slice's name in bytes.
const maxSliceName = 200

// project is a ProjectData with what the protocols derive from it.
type project struct {
	*ProjectData
	index    int
	labelled []int     // items with a group, in order
	copies   []bool    // by item: an earlier labelled item has the same content
	distinct []int     // labelled items that are no copies
	slices   [][]int32 // by item: slice numbers, ascending
}

// corpus is a checked Dataset.
type corpus struct {
	*Dataset
	projects   []*project
	sliceNames []string // by slice number, ascending
	groups     int
	clashes    int // copies whose group is not the first copy's
	dropped    []string
}

// newCorpus checks ds and derives copies and slices. It panics where the
// caller broke the contract of [Dataset].
func newCorpus(ds *Dataset) *corpus {
	c := &corpus{Dataset: ds}
	owner := make(map[int]int) // project of a group
	for k := range ds.Projects {
		p := &project{ProjectData: &ds.Projects[k], index: k}
		p.check(ds.Name)
		first := make(map[uint64]int)
		p.copies = make([]bool, len(p.Items))
		for i := range p.Items {
			g := p.group(i)
			if g < 0 {
				continue
			}
			if at, ok := owner[g]; ok && at != k {
				panic(fmt.Sprintf("eval: dataset %q: group %d is in projects %d and %d", ds.Name, g, at, k))
			}
			owner[g] = k
			p.labelled = append(p.labelled, i)
			if p.Content != nil {
				if at, ok := first[p.Content[i]]; ok {
					p.copies[i] = true
					if p.group(at) != g {
						c.clashes++
					}
					continue
				}
				first[p.Content[i]] = i
			}
			p.distinct = append(p.distinct, i)
		}
		c.projects = append(c.projects, p)
	}
	for _, e := range ds.Pairs {
		if e.Project < 0 || e.Project >= len(c.projects) {
			panic(fmt.Sprintf("eval: dataset %q: a pair of project %d of %d", ds.Name, e.Project, len(c.projects)))
		}
		if n := len(c.projects[e.Project].Items); e.A == e.B || min(e.A, e.B) < 0 || max(e.A, e.B) >= n {
			panic(fmt.Sprintf("eval: dataset %q: a pair of items %d and %d of %d", ds.Name, e.A, e.B, n))
		}
	}
	c.groups = len(owner)
	c.assignSlices()
	return c
}

func (p *project) check(dataset string) {
	n := len(p.Items)
	for _, l := range []struct {
		what  string
		unset bool
		n     int
	}{{"groups", p.Groups == nil, len(p.Groups)}, {"content hashes", p.Content == nil, len(p.Content)}, {"slices", p.Slices == nil, len(p.Slices)}} {
		if !l.unset && l.n != n {
			panic(fmt.Sprintf("eval: dataset %q project %q: %d items and %d %s", dataset, p.ID, n, l.n, l.what))
		}
	}
	for i, item := range p.Items {
		if item.Event == nil {
			panic(fmt.Sprintf("eval: dataset %q project %q: item %d has no event", dataset, p.ID, i))
		}
		if i == 0 {
			continue
		}
		a, b := p.Items[i-1].Event, item.Event
		if order := a.Time.Compare(b.Time); order > 0 || order == 0 && a.ID >= b.ID {
			panic(fmt.Sprintf("eval: dataset %q project %q: items %d and %d are not in the order of time and event id", dataset, p.ID, i-1, i))
		}
	}
}

// group returns item i's group, negative where it has none.
func (p *project) group(i int) int {
	if p.Groups == nil {
		return -1
	}
	return p.Groups[i]
}

// denseGroups returns the groups of the labelled items, numbered from 0 by
// first item.
func (p *project) denseGroups() []int {
	groups := make([]int, len(p.labelled))
	number := make(map[int]int)
	for k, i := range p.labelled {
		g, ok := number[p.group(i)]
		if !ok {
			g = len(number)
			number[p.group(i)] = g
		}
		groups[k] = g
	}
	return groups
}

// assignSlices numbers the slices of all items by name. Those of the labels
// that cannot stand in a result are dropped.
func (c *corpus) assignSlices() {
	refused := c.refusedSlices()
	number := make(map[string]int32)
	tags := make([][][]string, len(c.projects))
	for k, p := range c.projects {
		tags[k] = make([][]string, len(p.Items))
		for i := range p.Items {
			own := p.derivedSlices(i)
			if p.Slices != nil {
				for _, tag := range p.Slices[i] {
					if !refused[tag] {
						own = append(own, tag)
					}
				}
			}
			for _, tag := range own {
				number[tag] = 0
			}
			tags[k][i] = own
		}
	}
	c.sliceNames = slices.Sorted(maps.Keys(number))
	for s, name := range c.sliceNames {
		number[name] = int32(s)
	}
	for k, p := range c.projects {
		p.slices = make([][]int32, len(p.Items))
		for i, own := range tags[k] {
			for _, tag := range own {
				p.slices[i] = append(p.slices[i], number[tag])
			}
			slices.Sort(p.slices[i])
			p.slices[i] = slices.Compact(p.slices[i])
		}
	}
}

// refusedSlices returns the labels' slices that are dropped and notes why.
func (c *corpus) refusedSlices() map[string]bool {
	values := make(map[string]map[string]bool) // by key
	refused := make(map[string]bool)
	for _, p := range c.projects {
		for _, tags := range p.Slices {
			for _, tag := range tags {
				key := sliceKey(tag)
				if values[key] == nil {
					values[key] = make(map[string]bool)
				}
				values[key][tag] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		tags := slices.Sorted(maps.Keys(values[key]))
		many := len(tags) > maxSliceValues
		if many {
			c.dropped = append(c.dropped, fmt.Sprintf("slice key %.60q has %d values, a table takes %d: it is left out", key, len(tags), maxSliceValues))
		}
		for _, tag := range tags {
			why := refusal(tag)
			if why != "" {
				c.dropped = append(c.dropped, fmt.Sprintf("slice %.60q is left out: %s", tag, why))
			}
			refused[tag] = many || why != ""
		}
	}
	return refused
}

// derivedSlices returns the names of the slices that follow from item i's
// event.
func (p *project) derivedSlices(i int) []string {
	e := p.Items[i].Event
	tags := []string{"platform:" + features.ParsePlatform(e.Platform).String()}
	switch n := len(p.labelled); {
	case n < 100:
		tags = append(tags, "project_size:small")
	case n < 1000:
		tags = append(tags, "project_size:medium")
	default:
		tags = append(tags, "project_size:large")
	}
	frames := 0
	for _, x := range e.Exceptions {
		frames += len(x.Frames)
	}
	switch {
	case frames >= 1 && frames <= 5:
		tags = append(tags, "length:short")
	case frames >= 40:
		tags = append(tags, "length:long")
	}
	switch n := len(e.Exceptions); {
	case n == 0:
		tags = append(tags, "message-only")
	case n >= 2:
		tags = append(tags, "chained")
	}
	if p.copies[i] {
		tags = append(tags, "exact-copy")
	}
	return tags
}

// sliceKey returns the key of a slice's name, or "" for a bare tag: bare tags
// share the bound on values.
func sliceKey(tag string) string {
	if key, _, ok := strings.Cut(tag, ":"); ok {
		return key
	}
	return ""
}

// refusal says why tag cannot name a slice, "" if it can.
func refusal(tag string) string {
	switch {
	case tag == "":
		return "it has no name"
	case len(tag) > maxSliceName:
		return fmt.Sprintf("its name is longer than %d bytes", maxSliceName)
	case !utf8.ValidString(tag):
		return "its name is not UTF-8"
	case reserved(tag):
		return "every dataset has a slice of this name"
	}
	return ""
}
