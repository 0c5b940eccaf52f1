package train

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"whorl/features"
	"whorl/features/blocking"
	"whorl/model"
)

// encodeShard holds the lists of one project in counts.
type encodeShard struct {
	lists   []encodeList
	pairs   []encodePair
	shared  []sharedCount
	records []recordCounts // those that stand in a list
	counts  []descriptorCount
}

// encodeList is a query and its candidates, pairs[from:to] of its shard.
type encodeList struct {
	from, to int32
	weight   float64
	positive bool // some candidate is of its group
}

type encodePair struct {
	a, b     int32 // places in records
	from, to int32 // in shared
	same     bool
	weight   float64
}

// sharedCount says how many tokens two records share that have these
// descriptors in them.
type sharedCount struct{ a, b, n uint16 }

type recordCounts struct{ from, to int32 } // in counts

type descriptorCount struct{ d, n uint16 }

// drawLists draws the queries of one project and their candidates.
func drawLists(project int, p *prepared, e *model.Encoder, params EncoderParams) *encodeShard {
	rng := rand.New(rand.NewPCG(params.Seed, uint64(project)))
	s := new(encodeShard)
	queries := drawQueries(rng, p, params)
	if len(queries) == 0 {
		return s
	}
	judged := make(map[[2]int32]ExplicitPair, len(p.explicit))
	for _, x := range slices.Backward(p.explicit) { // the first of equal pairs counts, as in mine
		judged[[2]int32{x.A, x.B}] = x
	}
	views := p.views()
	tokens := make([][]features.Token, len(views))
	weighted := make([][]model.Weighted, len(views))
	for i := range views {
		tokens[i], weighted[i] = views[i].AppendTokens(nil), e.Weigh(nil, &views[i])
	}
	place := map[int]int32{} // of records in the shard
	record := func(i int) int32 {
		at, ok := place[i]
		if !ok {
			at = int32(len(s.records))
			place[i] = at
			s.addRecord(tokens[i])
		}
		return at
	}
	var index blocking.Index
	added := 0
	var blocked []int
	var near []scored
	for _, q := range queries { // in time order
		for ; added < q; added++ {
			index.Add(p.records[added])
		}
		near = near[:0]
		for i := range q {
			near = append(near, scored{i, model.Cosine(weighted[q], weighted[i])})
		}
		slices.SortFunc(near, func(x, y scored) int {
			return cmp.Or(cmp.Compare(y.cosine, x.cosine), y.record-x.record)
		})
		blocked = index.Candidates(blocked[:0], p.records[q], &p.frequencies, 0, model.MaxCandidates)
		l := encodeList{from: int32(len(s.pairs)), weight: float64(p.confidence[q])}
		used := map[int]bool{}
		var same, other int
		try := func(i int, limit int) {
			if used[i] || p.records[i].Content == p.records[q].Content {
				return
			}
			is, weight := p.groups[i] == p.groups[q], float64(p.confidence[i])
			if x, ok := judged[[2]int32{int32(i), int32(q)}]; ok {
				is, weight = x.Same, float64(x.Confidence)
			}
			n := &other
			if is {
				n, limit = &same, 2*mostPositives
			}
			if *n >= limit || weight == 0 {
				return
			}
			used[i] = true
			*n++
			pair := encodePair{a: record(q), b: record(i), same: is, weight: weight}
			pair.from = int32(len(s.shared))
			s.share(tokens[q], tokens[i])
			pair.to = int32(len(s.shared))
			s.pairs = append(s.pairs, pair)
			l.positive = l.positive || is
		}
		for _, c := range near {
			if same == mostPositives && p.groups[c.record] == p.groups[q] {
				continue // room for others of the group
			}
			try(c.record, params.Alike)
			if other == params.Alike && same >= mostPositives {
				break
			}
		}
		for _, i := range blocked {
			if p.groups[i] != p.groups[q] {
				try(i, 2*params.Alike)
			}
		}
		for range mostPositives {
			try(rng.IntN(q), 2*params.Alike+mostPositives)
		}
		if l.to = int32(len(s.pairs)); l.to > l.from && l.weight > 0 {
			s.lists = append(s.lists, l)
		} else {
			s.pairs = s.pairs[:l.from]
		}
	}
	return s
}

type scored struct {
	record int
	cosine float32
}

// mostPositives is how many candidates of the query's group are taken because
// they are near. As many are random, of any group.
const mostPositives = 4

// drawQueries returns the numbers of some records of every group, ascending.
// The first record of the project has nothing before it and is none of them.
func drawQueries(rng *rand.Rand, p *prepared, params EncoderParams) []int {
	var queries []int
	for _, members := range p.byGroup() {
		// The first event of a group is the one for which "none" is right.
		later := members[1:]
		rng.Shuffle(len(later), func(i, j int) { later[i], later[j] = later[j], later[i] })
		queries = append(queries, members[0])
		queries = append(queries, later[:min(len(later), params.PerGroup-1)]...)
	}
	rng.Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	queries = queries[:min(len(queries), params.PerProject)]
	slices.Sort(queries)
	if len(queries) > 0 && queries[0] == 0 {
		queries = queries[1:]
	}
	return queries
}

// addRecord counts a record's tokens by descriptor.
func (s *encodeShard) addRecord(tokens []features.Token) {
	from := len(s.counts)
	var n [features.NumDescriptors]uint16
	for _, t := range tokens {
		n[t.Descriptor]++
	}
	for d, k := range n {
		if k > 0 {
			s.counts = append(s.counts, descriptorCount{uint16(d), k})
		}
	}
	s.records = append(s.records, recordCounts{int32(from), int32(len(s.counts))})
}

// share counts the tokens that two records share, by their descriptors in both.
func (s *encodeShard) share(a, b []features.Token) {
	from := len(s.shared)
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Key < b[j].Key:
			i++
		case a[i].Key > b[j].Key:
			j++
		default:
			x, y := uint16(a[i].Descriptor), uint16(b[j].Descriptor)
			s.shared = append(s.shared, sharedCount{min(x, y), max(x, y), 1})
			i, j = i+1, j+1
		}
	}
	list := s.shared[from:]
	slices.SortFunc(list, func(x, y sharedCount) int {
		return cmp.Or(int(x.a)-int(y.a), int(x.b)-int(y.b))
	})
	n := 0
	for _, c := range list {
		if n > 0 && list[n-1].a == c.a && list[n-1].b == c.b {
			list[n-1].n++
			continue
		}
		list[n] = c
		n++
	}
	s.shared = s.shared[:from+n]
}
