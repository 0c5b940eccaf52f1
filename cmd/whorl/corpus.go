package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"whorl/datasets"
	"whorl/eval"
	"whorl/eval/baseline"
	"whorl/eval/result"
	"whorl/features"
	"whorl/features/rules"
	"whorl/train"
)

// corpus is what training reads: records and labels of the consented events.
type corpus struct {
	training       train.Corpus
	projects       []*corpusProject // the names of what stands in training, if all events were kept
	exports        []*datasets.Export
	tallies        []*datasets.Tally
	used           []map[string]map[string]bool // by export: organisations with allowed events, and their projects
	unlabelled     int
	contradictions int    // explicit pairs against their events' groups
	digest         string // of everything that the fit depends on but stack trace rules, which have their own
}

// corpusProject collects one project's events, at last in the order of time.
type corpusProject struct {
	id, organisation string
	events           []corpusEvent
	distinct         map[uint64]*features.Record // the first of each content
}

// shared returns the record with the memory of an exact copy, if one was there
// before: of many events that are copies, little more than the times is kept.
func (p *corpusProject) shared(r *features.Record) *features.Record {
	first, ok := p.distinct[r.Content]
	if !ok {
		p.distinct[r.Content] = r
		return r
	}
	c := *first
	c.Time, c.Release, c.Runtime = r.Time, r.Release, r.Runtime // the content's hash says all else
	return &c
}

type corpusEvent struct {
	id     string
	record *features.Record
	label  datasets.Label // without a group: it has none
}

// corpusReading says what a corpus is read from.
type corpusReading struct {
	exports  []*datasets.Export
	options  datasets.Options
	guard    *datasets.Guard      // told of every event
	answers  *answers             // nil: none
	stack    *rules.Set           // nil: none
	keep     func(id string) bool // events to keep without a label or pair; nil: none
	progress func(string, int, int)
}

// readCorpus reads the events of all exports that may train a fingerprinter.
// Text ends here: what it returns holds hashes, of frames that went through
// stack trace rules if there are any.
func readCorpus(ctx context.Context, from corpusReading) (*corpus, error) {
	c := &corpus{exports: from.exports}
	exports, opt, guard, progress := from.exports, from.options, from.guard, from.progress
	answered := from.answers.ids()
	projects := map[string]*corpusProject{}
	home := map[string]int{} // event id to the export it came from, where there are several or the event stands in an answer
	pairs := []datasets.Pair{}
	total, done := 0, 0
	for _, x := range exports {
		total += int(x.Rows())
	}
	for k, x := range exports {
		labels, err := x.Labels()
		if err != nil {
			return nil, err
		}
		explicit, err := x.Pairs()
		if err != nil {
			return nil, err
		}
		c.contradictions += len(datasets.Contradictions(labels, explicit))
		pairs = append(pairs, explicit...)
		paired := maps.Clone(answered)
		for _, p := range explicit {
			paired[p.A], paired[p.B] = true, true
		}
		wanted := func(id string) bool { return paired[id] || from.keep != nil && from.keep(id) }
		used := map[string]map[string]bool{}
		sightings, tally := datasets.Map(ctx, x, opt, func() func(*features.Event) sighting {
			return sightings(labels, wanted, !guard.Empty(), from.stack)
		})
		for s, err := range sightings {
			if err != nil {
				return nil, err
			}
			if used[s.organisation] == nil {
				used[strings.Clone(s.organisation)] = map[string]bool{}
			}
			if !used[s.organisation][s.project] {
				used[s.organisation][strings.Clone(s.project)] = true
			}
			if done++; done%64 == 0 {
				progress("reading", done, total)
			}
			if len(exports) > 1 || answered[s.id] {
				if other, ok := home[s.id]; ok && other != k {
					return nil, fmt.Errorf("event %q stands in %s and in %s: give each event once", s.id, exports[other].Dir, x.Dir)
				}
				home[strings.Clone(s.id)] = k
			}
			guard.Observe(s.id, s.project, s.content)
			if s.record == nil {
				c.unlabelled++
				continue
			}
			p := projects[s.project]
			if p == nil {
				p = &corpusProject{id: strings.Clone(s.project), organisation: strings.Clone(s.organisation), distinct: map[uint64]*features.Record{}}
				projects[p.id] = p
			} else if p.organisation != s.organisation {
				return nil, fmt.Errorf("%s: project %q belongs to two organisations: project_id must be unique over all of them", x.Dir, s.project)
			}
			record := s.record
			if from.stack == nil { // rules may look at what the content's hash does not hold
				record = p.shared(record)
			}
			p.events = append(p.events, corpusEvent{strings.Clone(s.id), record, s.label})
		}
		c.tallies, c.used = append(c.tallies, tally), append(c.used, used)
		if tally.Allowed == 0 {
			return nil, datasets.NothingAllowed(x.Dir, opt.Purpose, tally)
		}
	}
	progress("reading", total, total)
	if err := from.answers.check(ctx, exports, opt, home); err != nil {
		return nil, err
	}
	if err := c.assemble(projects, pairs, from.answers, from.keep != nil); err != nil {
		return nil, err
	}
	if len(c.training.Projects) == 0 {
		return nil, fmt.Errorf("%s: none of %d allowed events has a label: list a file with the role labels in manifest.json", dirs(exports), c.unlabelled)
	}
	return c, nil
}

// sighting is what training keeps of an event.
type sighting struct {
	id, organisation, project string
	content                   datasets.Content // if golden data is guarded
	record                    *features.Record // nil without a label, unless it is wanted
	label                     datasets.Label
}

// sightings returns the function of one reader that turns events into
// sightings.
func sightings(labels map[string]datasets.Label, wanted func(id string) bool, guarded bool, stack *rules.Set) func(*features.Event) sighting {
	extractor := features.Extractor{Rules: stack}
	var record features.Record
	return func(e *features.Event) sighting {
		s := sighting{id: e.ID, organisation: e.OrgID, project: e.ProjectID}
		if guarded {
			s.content = datasets.ContentOf(e)
		}
		label, ok := labels[e.ID]
		if !ok && !wanted(e.ID) {
			return s
		}
		extractor.Extract(e, &record)
		s.label, s.record = label, record.Clone()
		return s
	}
}

// dirs lists where exports lie.
func dirs(exports []*datasets.Export) string {
	var names []string
	for _, x := range exports {
		names = append(names, x.Dir)
	}
	return strings.Join(names, ", ")
}

// assemble numbers organisations, projects and groups in the order of their
// names, so that nothing depends on the order of rows, and hashes the whole.
// Events that neither have a label nor stand in a pair of use are left out,
// unless all are kept.
func (c *corpus) assemble(projects map[string]*corpusProject, explicit []datasets.Pair, given *answers, all bool) error {
	homes := map[string]*corpusProject{} // of events that may stand in a pair
	groups := map[string]string{}
	asked := given.ids()
	for _, p := range explicit {
		asked[p.A], asked[p.B] = true, true
	}
	for _, p := range projects {
		for _, e := range p.events {
			if asked[e.id] {
				homes[e.id], groups[e.id] = p, e.label.GroupID
			}
		}
	}
	pairs, err := given.usable(homes, groups, explicit)
	if err != nil {
		return err
	}
	paired := map[string]bool{}
	for _, p := range pairs {
		paired[p.A], paired[p.B] = true, true
	}
	organisations := map[string]int{}
	for name, p := range projects {
		before := len(p.events)
		p.events = slices.DeleteFunc(p.events, func(e corpusEvent) bool { return !all && e.label.GroupID == "" && !paired[e.id] })
		c.unlabelled += before - len(p.events)
		if len(p.events) == 0 {
			delete(projects, name)
			continue
		}
		organisations[p.organisation] = 0
	}
	for i, name := range slices.Sorted(maps.Keys(organisations)) {
		organisations[name] = i
	}
	digest := sha256.New()
	var bits [8]byte
	number := func(n uint64) {
		binary.LittleEndian.PutUint64(bits[:], n)
		digest.Write(bits[:])
	}
	text := func(s string) {
		number(uint64(len(s)))
		digest.Write([]byte(s))
	}
	type place struct{ project, event int }
	where := map[string]place{} // of events that stand in a pair; project -1 until met
	for _, pair := range pairs {
		where[pair.A], where[pair.B] = place{project: -1}, place{project: -1}
	}
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		p := projects[name]
		p.distinct = nil
		slices.SortFunc(p.events, func(a, b corpusEvent) int {
			return cmp.Or(cmp.Compare(a.record.Time, b.record.Time), cmp.Compare(a.id, b.id))
		})
		groups := map[string]int32{}
		out := train.Project{Organisation: organisations[p.organisation]}
		text(p.organisation)
		text(p.id)
		for i, e := range p.events {
			g := train.NoGroup
			if e.label.GroupID != "" {
				if _, ok := groups[e.label.GroupID]; !ok {
					groups[e.label.GroupID] = int32(len(groups))
				}
				g = groups[e.label.GroupID]
			}
			if _, ok := where[e.id]; ok {
				where[e.id] = place{len(c.training.Projects), i}
			}
			out.Records = append(out.Records, e.record)
			out.Groups = append(out.Groups, g)
			out.Confidence = append(out.Confidence, float32(e.label.Confidence))
			text(e.id)
			text(e.label.GroupID) // "" for none: a group's is never empty
			number(math.Float64bits(e.label.Confidence))
			// The content's hash says all of a record but these three and the rules.
			number(e.record.Content)
			number(uint64(e.record.Time))
			number(e.record.Release)
			number(e.record.Runtime)
		}
		c.training.Projects = append(c.training.Projects, out)
		if all {
			c.projects = append(c.projects, p)
		}
		delete(projects, name) // what is not needed any more need not wait for the last
	}
	for _, pair := range pairs {
		a, b := where[pair.A], where[pair.B]
		p := &c.training.Projects[a.project]
		p.Pairs = append(p.Pairs, train.ExplicitPair{A: int32(a.event), B: int32(b.event), Same: pair.Group, Confidence: float32(pair.Confidence), Asked: pair.asked})
		text(pair.A)
		text(pair.B)
		said := fmt.Sprint(pair.Group, pair.Confidence)
		if pair.asked {
			said += " asked"
		}
		text(said)
	}
	c.digest = hex.EncodeToString(digest.Sum(nil))
	return nil
}

// mostTuned is how many events the projects have, at most but for one project,
// on which baselines are tuned.
const mostTuned = 100_000

// tuning returns the corpus as the search of the baselines' settings wants it:
// all projects, or as many as a seeded draw takes.
func (c *corpus) tuning(seed uint64) []baseline.TuningProject {
	projects := c.training.Projects
	chosen := make([]bool, len(projects))
	events := 0
	for _, i := range rand.New(rand.NewPCG(seed, 0x54554e45)).Perm(len(projects)) {
		if n := len(projects[i].Records); events == 0 || events+n <= mostTuned {
			chosen[i], events = true, events+n
		}
	}
	var out []baseline.TuningProject
	for i := range projects {
		if !chosen[i] {
			continue
		}
		var t baseline.TuningProject
		for k, r := range projects[i].Records {
			if projects[i].Groups[k] == train.NoGroup {
				continue
			}
			t.Items = append(t.Items, eval.Item{
				Event:  &features.Event{Time: time.UnixMilli(r.Time).UTC(), Platform: r.Platform.String()},
				Record: r,
			})
			t.Groups = append(t.Groups, int(projects[i].Groups[k]))
		}
		if len(t.Items) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// contradictionWarning tells of n pairs that say the opposite of their events'
// groups; ok is false for none.
func contradictionWarning(n int) (w result.Warning, ok bool) {
	return result.Warning{Code: "contradicting_pairs",
		Text: fmt.Sprintf("%d explicit pairs say the opposite of their events' groups: the pairs count; correct the labels", n)}, n > 0
}

// goldenSet is a golden dataset ready to be judged.
type goldenSet struct {
	source   *datasets.Golden
	data     eval.Dataset
	warnings []result.Warning
}

// readGolden reads a golden dataset's labelled events as the protocols want
// them: by project, in time order.
func readGolden(ctx context.Context, g *datasets.Golden, asOf time.Time, stack *rules.Set) (*goldenSet, error) {
	labels, err := g.Labels()
	if err != nil {
		return nil, err
	}
	pairs, err := g.Pairs()
	if err != nil {
		return nil, err
	}
	events, tally, err := g.ReadEvents(ctx, asOf)
	if err != nil {
		return nil, err
	}
	out := &goldenSet{source: g, data: eval.Dataset{
		Name: g.Name, Version: g.Version, SHA256: g.DescriptionSHA256, Licence: g.Licence, LabelProtocol: g.LabelProtocol, OverlapTrain: -1,
	}}
	if denied := tally.Rows - tally.Allowed; denied > 0 {
		out.warnings = append(out.warnings, result.Warning{Dataset: g.Name, Code: "rows_denied",
			Text: fmt.Sprintf("%d of %d rows may not be used as of %s and are not judged (%s): figures are comparable only where the same rows are", denied, tally.Rows, asOf.Format(time.RFC3339), tally.Reasons())})
	}
	if w, ok := contradictionWarning(len(datasets.Contradictions(labels, pairs))); ok {
		w.Dataset = g.Name
		out.warnings = append(out.warnings, w)
	}
	inPair := map[string]bool{}
	for _, p := range pairs {
		inPair[p.A], inPair[p.B] = true, true
	}
	byProject := map[string][]*features.Event{}
	groups := 0
	homes := map[string]string{} // group to the first project it stands in
	apart := map[string]bool{}   // groups that stand in several
	for i := range events {
		e := &events[i]
		if _, ok := labels[e.ID]; !ok && !inPair[e.ID] {
			out.data.Unlabelled++
			continue
		}
		byProject[e.ProjectID] = append(byProject[e.ProjectID], e)
	}
	if len(byProject) == 0 { // found out here, not after the fit
		return nil, fmt.Errorf("%s: none of %d events has a label or stands in a pair: list a file with the role labels or pairs in dataset.json", g.Dir, out.data.Unlabelled)
	}
	extractor := features.Extractor{Rules: stack}
	type place struct{ project, item int }
	where := map[string]place{}
	for _, name := range slices.Sorted(maps.Keys(byProject)) {
		list := byProject[name]
		slices.SortFunc(list, func(a, b *features.Event) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		})
		p := eval.ProjectData{ID: name}
		groupNumber := map[string]int{} // a pair is within a project, and so is a group
		for i, e := range list {
			r := new(features.Record)
			extractor.Extract(e, r)
			where[e.ID] = place{len(out.data.Projects), i}
			p.Items = append(p.Items, eval.Item{Event: e, Record: r})
			p.Content = append(p.Content, r.Content)
			label, ok := labels[e.ID]
			group := -1
			if ok {
				n, known := groupNumber[label.GroupID]
				if !known {
					n = groups
					groups++
					groupNumber[label.GroupID] = n
					if home, ok := homes[label.GroupID]; ok && home != name {
						apart[label.GroupID] = true
					}
					homes[label.GroupID] = name
				}
				group = n
			}
			p.Groups = append(p.Groups, group)
			p.Slices = append(p.Slices, label.Slices)
		}
		out.data.Projects = append(out.data.Projects, p)
	}
	if n := len(apart); n > 0 {
		out.warnings = append(out.warnings, result.Warning{Dataset: g.Name, Code: "groups_across_projects",
			Text: fmt.Sprintf("%d groups have events in more than one project: each project's part counts as a group of its own", n)})
	}
	for _, pair := range pairs {
		a, okA := where[pair.A]
		b, okB := where[pair.B]
		if !okA || !okB || a.project != b.project {
			continue
		}
		out.data.Pairs = append(out.data.Pairs, eval.ExplicitPair{Project: a.project, A: a.item, B: b.item, Group: pair.Group})
	}
	return out, nil
}
