package blocking

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whorl/features"
)

// errorOf is the record of an error whose frames have the given names, the
// crashing one last.
func errorOf(message string, names ...string) *features.Record {
	x := features.Exception{Type: "Error", Value: message}
	for _, name := range names {
		x.Frames = append(x.Frames, features.Frame{Function: name, Filename: "src/" + name + ".go", Line: 3})
	}
	return features.Extract(&features.Event{Platform: "go", Exceptions: []features.Exception{x}})
}

func tokensOf(r *features.Record) map[uint64]bool {
	tokens := map[uint64]bool{}
	for _, s := range sets {
		for _, h := range r.Sets[s] {
			tokens[h] = true
		}
	}
	if r.Template != 0 {
		tokens[r.Template] = true
	}
	return tokens
}

// slowCandidates scores every record against r, looking at every token. The
// sums are made in the order of Candidates, so that they agree to the bit.
func slowCandidates(records []*features.Record, r *features.Record, f *features.Frequencies, from, limit int) []int {
	var query []uint64
	for token := range tokensOf(r) {
		query = append(query, token)
	}
	slices.SortFunc(query, func(a, b uint64) int { return cmp.Or(cmp.Compare(f.Rarity(b), f.Rarity(a)), cmp.Compare(a, b)) })
	type hit struct {
		id  int
		sum float32
	}
	var hits []hit
	for id := max(from, 0); id < len(records); id++ {
		has := tokensOf(records[id])
		var sum float32
		for _, token := range query {
			if has[token] {
				sum += f.Rarity(token) + 1e-3
			}
		}
		if sum > 0 {
			hits = append(hits, hit{id, sum})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(b.sum, a.sum), cmp.Compare(b.id, a.id)) })
	var ids []int
	for i := range min(len(hits), limit) {
		ids = append(ids, hits[i].id)
	}
	return ids
}

// someError draws an error of a small vocabulary, so that errors share tokens.
func someError() *rapid.Generator[*features.Record] {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"main", "run", "readFile", "parseHeader", "retry", "dispatch", "sendMail", "closeFile"}), 0, 5)
	messages := rapid.SampledFrom([]string{"", "timeout after 20ms", "timeout after 3s", "file not found", "bad header", "cannot read file"})
	return rapid.Custom(func(t *rapid.T) *features.Record {
		return errorOf(messages.Draw(t, "message"), names.Draw(t, "names")...)
	})
}

func TestCandidatesAgreeWithExhaustiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(someError(), 0, 30).Draw(t, "records")
		var x Index
		var f features.Frequencies
		for i, r := range records {
			if id := x.Add(r); id != i || x.Len() != i+1 {
				t.Fatalf("record %d has number %d of %d", i, id, x.Len())
			}
			if rapid.Bool().Draw(t, "counted") {
				f.Add(r)
			}
		}
		for range 3 { // an index is as good as new after a query
			r := someError().Draw(t, "query")
			from, limit := rapid.IntRange(-1, len(records)+1).Draw(t, "from"), rapid.IntRange(0, len(records)+1).Draw(t, "limit")
			got := x.Candidates([]int{-7}, r, &f, from, limit)
			if got[0] != -7 {
				t.Fatal("what stood in dst is gone")
			}
			if diff := gocmp.Diff(slowCandidates(records, r, &f, from, limit), append([]int(nil), got[1:]...)); diff != "" {
				t.Fatalf("from %d, limit %d (-exhaustive +got):\n%s", from, limit, diff)
			}
			if again := x.Candidates([]int{-7}, r, &f, from, limit); !slices.Equal(again, got) {
				t.Fatalf("%v, then %v", got, again)
			}
		}
	})
}

func TestCandidates(t *testing.T) {
	var x Index
	var f features.Frequencies
	if got := x.Candidates(nil, errorOf("boom", "main"), &f, 0, 10); len(got) != 0 || x.Len() != 0 {
		t.Errorf("an empty index gives %v", got)
	}
	records := []*features.Record{
		0: errorOf("file not found", "main", "readFile"),
		1: errorOf("timeout after 3s", "main", "dispatch"),
		2: errorOf("file not found", "main", "readFile"), // a copy of 0
		3: errorOf("payment refused", "cron", "charge"),
	}
	for _, r := range records {
		x.Add(r)
		f.Add(r)
	}
	query := errorOf("file not found", "main", "readFile")
	if got := x.Candidates(nil, query, &f, 0, 10); !slices.Equal(got[:3], []int{2, 0, 1}) {
		t.Errorf("%v: the copies come first, the later one before the earlier, then what shares main", got)
	}
	if got := x.Candidates(nil, query, &f, 1, 10); slices.Contains(got, 0) {
		t.Errorf("%v holds a record below 1", got)
	}
	if got := x.Candidates(nil, query, &f, 0, 1); !slices.Equal(got, []int{2}) {
		t.Errorf("one candidate: %v, want [2]", got)
	}
	for _, limit := range []int{0, -1} {
		if got := x.Candidates(nil, query, &f, 0, limit); len(got) != 0 {
			t.Errorf("limit %d gives %v", limit, got)
		}
	}
	if got := x.Candidates(nil, query, &f, 4, 10); len(got) != 0 {
		t.Errorf("from the end on: %v", got)
	}
	if got := x.Candidates(nil, &features.Record{}, &f, 0, 10); len(got) != 0 {
		t.Errorf("a record that says nothing has candidates %v", got)
	}
	if got := x.Candidates(nil, errorOf("xyzzy", "plugh"), &f, 0, 10); len(got) != 0 {
		t.Errorf("a stranger has candidates %v", got)
	}
}

// TestCandidatesOfLargeProjects goes beyond both limits: a common frame stands
// in more records than a query looks at, and rare ones still decide.
func TestCandidatesOfLargeProjects(t *testing.T) {
	var x Index
	var f features.Frequencies
	add := func(r *features.Record) int {
		f.Add(r)
		return x.Add(r)
	}
	oldest := add(errorOf("disk full", "main", "writeJournal"))
	for i := range 2*maxPostings + 500 {
		add(errorOf("other "+letters(i), "main", "step"+letters(i)))
	}
	got := x.Candidates(nil, errorOf("disk full", "main", "writeJournal"), &f, 0, 5)
	if len(got) != 5 || got[0] != oldest {
		t.Errorf("%v: the one record with the rare frame is %d", got, oldest)
	}
	// A query of common tokens alone looks at the latest records.
	got = x.Candidates(nil, errorOf("", "main"), &f, 0, 10*maxPostings)
	if len(got) == 0 || slices.Min(got) <= oldest {
		t.Errorf("a common frame leads to %d records, down to %d", len(got), slices.Min(got))
	}
	seen := map[int]bool{}
	for _, id := range got {
		if id < 0 || id >= x.Len() || seen[id] {
			t.Fatalf("candidate %d of %d is outside or twice", id, x.Len())
		}
		seen[id] = true
	}
}

// letters writes a number with letters alone: digits would be folded away.
func letters(n int) string {
	s := ""
	for range 4 {
		s += string(rune('a' + n%26))
		n /= 26
	}
	return s
}

func BenchmarkCandidates(b *testing.B) {
	var x Index
	var f features.Frequencies
	var last *features.Record
	for i := range 10_000 {
		names := []string{"main", "serve", "dispatch"}
		for k := range 27 {
			names = append(names, fmt.Sprintf("module%sLoad%s", letters(i%50), letters(k*(1+i%7))))
		}
		last = errorOf(fmt.Sprintf("order %d of %s failed", i, letters(i%200)), names...)
		x.Add(last)
		f.Add(last)
	}
	var dst []int
	b.ReportAllocs()
	for b.Loop() {
		dst = x.Candidates(dst[:0], last, &f, 0, 100)
	}
}
