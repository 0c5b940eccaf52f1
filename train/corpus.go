package train

import (
	"cmp"
	"slices"

	"whorl/features"
)

// Corpus is what a model learns from: records and labels, project by project,
// without a name of anybody.
type Corpus struct {
	Projects []Project
}

// Project holds the records of one project, in time order, that have a label or
// stand in a pair that has one.
type Project struct {
	Organisation int // dense number; projects of one organisation share it
	Records      []*features.Record
	Groups       []int32   // dense number within the project, or NoGroup, by record
	Confidence   []float32 // of each label, in [0,1]
	Pairs        []ExplicitPair
}

// NoGroup stands for the group of a record that has no label. What is known of
// such a record is what pairs with a label of their own say.
const NoGroup int32 = -1

// grouped returns the project without the records that have no group, and
// without pairs: what replays learn from. It is p itself where
// nothing is left out.
func (p *Project) grouped() *Project {
	if !slices.Contains(p.Groups, NoGroup) {
		return p
	}
	out := &Project{Organisation: p.Organisation}
	for i, g := range p.Groups {
		if g != NoGroup {
			out.Records = append(out.Records, p.Records[i])
			out.Groups = append(out.Groups, g)
			out.Confidence = append(out.Confidence, p.Confidence[i])
		}
	}
	return out
}

// ExplicitPair is a pair with a label of its own, which beats what the groups
// of its records imply.
type ExplicitPair struct {
	A, B       int32 // numbers of records, different
	Same       bool
	Confidence float32
	// Asked tells that the pair was chosen because a model was unsure of it
	// ([SamplePairs]). Such pairs are no fair sample of a project's pairs: those of
	// records without a group are fitted, but set no calibration or threshold.
	Asked bool
}

// prepared is a project ready for comparing: exact copies left out.
type prepared struct {
	organisation int
	platform     features.Platform // the commonest one
	records      []*features.Record
	groups       []int32
	homes        []int32 // what lies in one fold with each record: its group, for NoGroup see settle
	numGroups    int
	confidence   []float32
	explicit     []ExplicitPair  // between distinct records, A < B, sorted
	first        map[int32]int64 // time of each home's first record
}

// prepare drops exact copies within a group, the earliest stays, and weighs
// what is left.
func prepare(p *Project) *prepared {
	type key struct {
		content uint64
		group   int32
	}
	out := &prepared{organisation: p.Organisation, first: map[int32]int64{}}
	seen := make(map[key]int32, len(p.Records))
	number := make([]int32, len(p.Records)) // of each record among the distinct ones
	for i, r := range p.Records {
		g := p.Groups[i]
		if _, ok := out.first[g]; !ok && g != NoGroup {
			out.first[g] = r.Time
		}
		k := key{r.Content, g}
		if at, ok := seen[k]; ok {
			number[i] = at
			continue
		}
		seen[k] = int32(len(out.records))
		number[i] = int32(len(out.records))
		out.records = append(out.records, r)
		out.groups = append(out.groups, g)
		out.confidence = append(out.confidence, p.Confidence[i])
	}
	for _, e := range p.Pairs {
		e.A, e.B = number[e.A], number[e.B]
		if e.A > e.B {
			e.A, e.B = e.B, e.A
		}
		if e.A != e.B {
			out.explicit = append(out.explicit, e)
		}
	}
	slices.SortStableFunc(out.explicit, func(x, y ExplicitPair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	out.numGroups = len(out.first)
	out.settle()
	out.platform = commonest(out.records)
	return out
}

// frequencies counts the project's documents. The counts of a large corpus are
// as large as its records: whoever needs some makes them.
func (p *prepared) frequencies() *features.Frequencies {
	f := new(features.Frequencies)
	for _, r := range p.records {
		f.Add(r)
	}
	return f
}

// views returns the records weighed by the frequencies of the whole project, to
// be made when they are needed as well.
func (p *prepared) views() []features.View {
	out, f := make([]features.View, len(p.records)), p.frequencies()
	for i, r := range p.records {
		out[i].Weigh(r, f)
	}
	return out
}

// settle gives every record its home. A record without a group shares that of
// a group whose event it is a copy of, or whose event a pair says is the same
// problem, so that a fit that leaves the group out leaves the record out too.
// Others have a home of their own, or one that such pairs make of several.
// Groups are never put together.
func (p *prepared) settle() {
	p.homes = slices.Clone(p.groups)
	if !slices.Contains(p.groups, NoGroup) {
		return
	}
	known := map[uint64]int32{} // content to the first group that has it
	for i, g := range p.groups {
		if _, ok := known[p.records[i].Content]; !ok && g != NoGroup {
			known[p.records[i].Content] = g
		}
	}
	leads := map[int32]int32{} // a home that was given up to the one in its place
	final := func(home int32) int32 {
		for next, ok := leads[home]; ok; next, ok = leads[home] {
			home = next
		}
		return home
	}
	own := func(i int) int32 { return NoGroup - 1 - int32(i) } // below NoGroup: no group's number
	for i, g := range p.groups {
		if g != NoGroup {
			continue
		}
		p.homes[i] = own(i)
		if copied, ok := known[p.records[i].Content]; ok {
			leads[own(i)] = copied
		}
	}
	for _, e := range p.explicit {
		a, b := final(p.homes[e.A]), final(p.homes[e.B])
		switch {
		case !e.Same || a == b || a > NoGroup && b > NoGroup:
		case a > NoGroup || b < NoGroup && a > b: // a group stays, of two records the earlier one
			leads[b] = a
		default:
			leads[a] = b
		}
	}
	for i, g := range p.groups {
		p.homes[i] = final(p.homes[i])
		if _, ok := p.first[p.homes[i]]; !ok && g == NoGroup {
			p.first[p.homes[i]] = p.records[i].Time
		}
	}
}

// byGroup lists the records of each group, groups in the order of their first
// record: how groups are numbered must not matter. Records without a group are
// in none.
func (p *prepared) byGroup() [][]int {
	return slices.DeleteFunc(by(p.groups), func(members []int) bool { return p.groups[members[0]] == NoGroup })
}

// by lists the places of equal numbers, in the order of their first places.
func by(numbers []int32) [][]int {
	place := map[int32]int{}
	var out [][]int
	for i, g := range numbers {
		at, ok := place[g]
		if !ok {
			at = len(out)
			place[g] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], i)
	}
	return out
}
