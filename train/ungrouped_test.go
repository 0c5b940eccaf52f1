package train

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestSettle compares homes with what a walk over all links of a record finds.
func TestSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prepare(anyProject(t))
		linked := func(i, j int) bool {
			if p.records[i].Content == p.records[j].Content {
				return true
			}
			for _, e := range p.explicit {
				if e.Same && (int(e.A) == i && int(e.B) == j || int(e.A) == j && int(e.B) == i) {
					return true
				}
			}
			return false
		}
		for i, g := range p.groups {
			if g != NoGroup {
				if p.homes[i] != g {
					t.Fatalf("record %d of group %d has the home %d", i, g, p.homes[i])
				}
				continue
			}
			reached, groups := map[int]bool{i: true}, map[int32]bool{}
			for queue := []int{i}; len(queue) > 0; queue = queue[1:] {
				for j := range p.records {
					switch {
					case j == queue[0] || !linked(queue[0], j) || reached[j]:
					case p.groups[j] != NoGroup:
						groups[p.groups[j]] = true
					default:
						reached[j] = true
						queue = append(queue, j)
					}
				}
			}
			if len(groups) > 0 {
				if !groups[p.homes[i]] {
					t.Fatalf("record %d has the home %d, which is none of %v", i, p.homes[i], groups)
				}
				continue
			}
			if _, ok := p.first[p.homes[i]]; !ok {
				t.Fatalf("home %d of record %d has no time", p.homes[i], i)
			}
			for j := range p.records {
				if (p.homes[j] == p.homes[i]) != reached[j] {
					t.Fatalf("records %d and %d have the homes %d and %d; linked: %v", i, j, p.homes[i], p.homes[j], reached[j])
				}
			}
		}
	})
}

// withAnswers takes the groups of some records away and returns the pairs of those,
// within projects, with the right answers.
func withAnswers(c *Corpus, seed uint64) (answers [][]ExplicitPair) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for k := range c.Projects {
		p := &c.Projects[k]
		truth := append([]int32(nil), p.Groups...)
		var pairs []ExplicitPair
		for i := range p.Groups {
			if rng.IntN(3) > 0 {
				continue
			}
			p.Groups[i] = NoGroup
			for range 4 {
				if j := rng.IntN(len(p.Groups)); j != i {
					pairs = append(pairs, ExplicitPair{int32(i), int32(j), truth[i] == truth[j], 1, rng.IntN(2) == 0})
				}
			}
		}
		answers = append(answers, pairs)
	}
	return answers
}

// TestAnswersChangeTheFit: pairs of records without a group are learned from,
// and what they say matters.
func TestAnswersChangeTheFit(t *testing.T) {
	fitted := func(say func(e ExplicitPair) (ExplicitPair, bool)) *Outcome {
		c := fleet.corpus()
		for k, pairs := range withAnswers(c, 5) {
			for _, e := range pairs {
				if e, ok := say(e); ok {
					c.Projects[k].Pairs = append(c.Projects[k].Pairs, e)
				}
			}
		}
		return fit(t, c, quick)
	}
	without := fitted(func(e ExplicitPair) (ExplicitPair, bool) { return e, false })
	right := fitted(func(e ExplicitPair) (ExplicitPair, bool) { return e, true })
	wrong := fitted(func(e ExplicitPair) (ExplicitPair, bool) { e.Same = !e.Same; return e, true })
	if reflect.DeepEqual(right.Parts.Forest, without.Parts.Forest) {
		t.Error("answers change nothing")
	}
	if reflect.DeepEqual(right.Parts.Forest, wrong.Parts.Forest) {
		t.Error("it does not matter what the answers say")
	}
	positives := func(o *Outcome) int { return o.Report.Platforms[0].Positives }
	if positives(right) <= positives(without) || right.Report.Platforms[0].Groups != without.Report.Platforms[0].Groups {
		t.Errorf("with answers %+v, without %+v", right.Report.Platforms, without.Report.Platforms)
	}
}

// TestAnswersKeepToTheirFolds cuts one organisation by time, so that answers
// join events of two folds: those tune nothing, and no fold's fit sees a pair
// with one of its events. Pairs that were asked about tune nothing anyway.
func TestAnswersKeepToTheirFolds(t *testing.T) {
	y := fleet
	y.organisations, y.projects, y.events = 1, 3, 9
	c := y.corpus()
	for k, pairs := range withAnswers(c, 6) {
		c.Projects[k].Pairs = pairs
	}
	f, err := newFitting(context.Background(), c, quick.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ project, a, b int32 }
	fold := func(project, record int32) int { return f.folds[project][f.projects[project].homes[record]] }
	tuned := map[key]bool{}
	for _, d := range f.tuning {
		tuned[key{d.project, d.a, d.b}] = d.same
		if fold(d.project, d.a) != fold(d.project, d.b) {
			t.Fatalf("tuning pair %+v joins two folds", d)
		}
	}
	within, across, asked := 0, 0, 0
	fitted := map[key]bool{}
	for _, p := range f.pairs {
		fitted[key{p.Project, p.A, p.B}] = true
	}
	for project, p := range f.projects {
		for _, e := range p.explicit {
			if p.records[e.A].Content == p.records[e.B].Content {
				continue
			}
			_, tunes := tuned[key{int32(project), e.A, e.B}]
			if !fitted[key{int32(project), e.A, e.B}] {
				t.Errorf("answer %+v is not fitted", e)
			}
			if e = explicitOf(p)[[2]int32{e.A, e.B}]; e.Asked {
				asked++
				if tunes {
					t.Errorf("answer %+v was asked for and tunes", e)
				}
				continue
			}
			if joins := fold(int32(project), e.A) != fold(int32(project), e.B); joins {
				across++
				if tunes {
					t.Errorf("answer %+v joins two folds and tunes", e)
				}
			} else {
				within++
				if !tunes { // TuningPairs is more than there are
					t.Errorf("answer %+v lies in one fold and does not tune", e)
				}
			}
		}
	}
	if within == 0 || across == 0 || asked == 0 {
		t.Fatalf("%d answers within folds, %d across and %d asked for: nothing was shown", within, across, asked)
	}
	for k := range f.params.Folds {
		rows, in := map[int32]bool{}, 0
		for _, i := range f.without(k) {
			rows[i] = true
		}
		for i, p := range f.pairs {
			touches := fold(p.Project, p.A) == k || fold(p.Project, p.B) == k
			if touches == rows[int32(i)] {
				t.Fatalf("fold %d: pair %+v has an event in it: %v; is fitted: %v", k, p, touches, rows[int32(i)])
			}
			if rows[int32(i)] {
				in++
			}
		}
		if in == 0 || in == len(f.pairs) {
			t.Errorf("fold %d leaves %d of %d pairs", k, in, len(f.pairs))
		}
	}
}

// TestUngroupedRecordsAreNotReplayed: the cluster scorer learns from groups, so
// that records without one, in pairs or not, leave it alone.
func TestUngroupedRecordsAreNotReplayed(t *testing.T) {
	c := fleet.corpus()
	p := &c.Projects[0]
	if p.grouped() != p {
		t.Error("a project of labelled records is copied")
	}
	n := len(p.Records)
	p.Groups[3], p.Groups[n-1] = NoGroup, NoGroup
	p.Pairs = []ExplicitPair{{A: 3, B: 4, Same: true, Confidence: 1}}
	g := p.grouped()
	if len(g.Records) != n-2 || len(g.Groups) != n-2 || len(g.Confidence) != n-2 || g.Pairs != nil || g.Records[3] != p.Records[4] || g.Organisation != p.Organisation {
		t.Errorf("%d records of %d, %d pairs", len(g.Records), n, len(g.Pairs))
	}
}
