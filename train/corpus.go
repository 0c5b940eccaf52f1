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

// Project holds the labelled records of one project in time order.
type Project struct {
	Organisation int // dense number; projects of one organisation share it
	Records      []*features.Record
	Groups       []int32   // dense number within the project, by record
	Confidence   []float32 // of each label, in [0,1]
	Pairs        []ExplicitPair
}

// ExplicitPair is a pair with a label of its own, which beats what the groups
// of its records imply.
type ExplicitPair struct {
	A, B       int32 // numbers of records, different
	Same       bool
	Confidence float32
}

// prepared is a project ready for comparing: exact copies left out, documents
// counted.
type prepared struct {
	organisation int
	platform     features.Platform // the commonest one
	records      []*features.Record
	groups       []int32
	confidence   []float32
	explicit     []ExplicitPair  // between distinct records, A < B, sorted
	first        map[int32]int64 // time of each group's first record
	frequencies  features.Frequencies
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
		if _, ok := out.first[g]; !ok {
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
		out.frequencies.Add(r)
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
	out.platform = commonest(out.records)
	return out
}

// views returns the records weighed by the frequencies of the whole project.
// They are as large as the records: whoever needs them makes them.
func (p *prepared) views() []features.View {
	out := make([]features.View, len(p.records))
	for i, r := range p.records {
		out[i].Weigh(r, &p.frequencies)
	}
	return out
}

// byGroup lists the records of each group, groups in the order of their first
// record: how groups are numbered must not matter.
func (p *prepared) byGroup() [][]int {
	place := map[int32]int{}
	var out [][]int
	for i, g := range p.groups {
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
