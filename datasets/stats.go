package datasets

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Stats describes an export or golden dataset for one purpose. What is below
// Denied speaks of allowed events only.
type Stats struct {
	Dataset       string    `json:"dataset"`
	Version       string    `json:"version,omitempty"` // of a golden dataset
	Purpose       Purpose   `json:"purpose"`
	AsOf          time.Time `json:"as_of"`
	PolicyVersion string    `json:"policy_version,omitempty"`
	SHA256        string    `json:"sha256"` // of manifest.json or dataset.json
	Files         []File    `json:"files"`

	LedgerID      string `json:"ledger_id,omitempty"`
	LedgerEntries int    `json:"ledger_entries,omitempty"`
	LedgerHead    string `json:"ledger_head,omitempty"`

	Rows                int64            `json:"rows"`
	Allowed             int64            `json:"allowed"`
	Denied              map[Reason]int64 `json:"denied"`               // rows by reason, copies included
	DeniedOrganisations map[Reason]int   `json:"denied_organisations"` // organisations by reason

	Organisations int              `json:"organisations"`
	Projects      int              `json:"projects"`
	Platforms     map[string]int64 `json:"platforms"` // events by platform
	First         *time.Time       `json:"first"`     // earliest event, null for none
	Last          *time.Time       `json:"last"`      // latest event, null for none
	Exceptions    int64            `json:"exceptions"`
	Frames        int64            `json:"frames"`
	MessageOnly   int64            `json:"message_only"`      // events without an exception
	Contents      int64            `json:"distinct_contents"` // see ContentOf

	Labelled       int64     `json:"labelled"` // events with a label
	Groups         int       `json:"groups"`   // groups with an event
	GroupSize      Quantiles `json:"group_size"`
	SpanningGroups int       `json:"groups_across_projects"`
	Orphans        int64     `json:"labels_without_event"` // labels whose event is not allowed or not there
	Pairs          int       `json:"pairs"`                // pairs of two allowed events
	Contradictions int       `json:"contradictions"`       // pairs against their events' groups
}

// Quantiles are nearest-rank quantiles of a set of counts: the q-quantile of n
// sorted values is the one at position ceil(q*n). All are 0 for no values.
type Quantiles struct {
	Min    int64 `json:"min"`
	Median int64 `json:"median"`
	P90    int64 `json:"p90"`
	P99    int64 `json:"p99"`
	Max    int64 `json:"max"`
}

func quantiles(values []int64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	slices.Sort(values)
	at := func(percent int) int64 { return values[(percent*len(values)+99)/100-1] }
	return Quantiles{Min: values[0], Median: at(50), P90: at(90), P99: at(99), Max: values[len(values)-1]}
}

// Stats reads the whole export and describes it. That no event is allowed is
// no error here.
func (x *Export) Stats(ctx context.Context, opt Options) (*Stats, error) {
	s := &Stats{
		Dataset: x.Name, PolicyVersion: x.PolicyVersion, SHA256: x.ManifestSHA256,
		LedgerID: x.Ledger.ID, LedgerEntries: len(x.Ledger.Entries), LedgerHead: x.Ledger.Head,
	}
	return s, s.read(ctx, x.walk(opt))
}

// Stats reads the whole golden dataset and describes it.
func (g *Golden) Stats(ctx context.Context, opt Options) (*Stats, error) {
	s := &Stats{Dataset: g.Name, Version: g.Version, SHA256: g.DescriptionSHA256}
	return s, s.read(ctx, g.walk(opt))
}

func (s *Stats) read(ctx context.Context, w *walk) error {
	s.Purpose, s.AsOf, s.Files = w.opt.Purpose, w.opt.AsOf.UTC(), slices.Clone(w.store.files)
	labels, err := w.store.labels(ctx, w.opt.Memory)
	if err != nil {
		return err
	}
	pairs, err := w.store.pairs(ctx, w.opt.Memory)
	if err != nil {
		return err
	}
	paired := map[string]bool{} // ids of pairs, true when allowed
	for _, p := range pairs {
		paired[p.A], paired[p.B] = false, false
	}
	type group struct {
		events   int64
		project  string
		spanning bool
	}
	groups := map[string]*group{}
	projects := map[string]struct{}{}
	s.Platforms = map[string]int64{}
	// fact is what the figures need of an event.
	type fact struct {
		id, project, platform string
		at                    time.Time
		exceptions, frames    int
		content               uint64
	}
	var contents []uint64
	facts, tally := mapRows(ctx, w, true, func() func(*row) fact {
		return func(r *row) fact {
			e := r.event
			content := ContentOf(e)
			f := fact{
				id: e.ID, project: e.ProjectID, platform: e.Platform, at: e.Time,
				exceptions: len(e.Exceptions), content: binary.LittleEndian.Uint64(content[:]),
			}
			for i := range e.Exceptions {
				f.frames += len(e.Exceptions[i].Frames)
			}
			return f
		}
	})
	for f, err := range facts {
		if err != nil {
			return err
		}
		note(projects, f.project)
		if _, ok := s.Platforms[f.platform]; !ok {
			s.Platforms[strings.Clone(f.platform)] = 0
		}
		s.Platforms[f.platform]++
		if s.First == nil || f.at.Before(*s.First) {
			s.First = &f.at
		}
		if s.Last == nil || f.at.After(*s.Last) {
			s.Last = &f.at
		}
		s.Exceptions += int64(f.exceptions)
		s.Frames += int64(f.frames)
		if f.exceptions == 0 {
			s.MessageOnly++
		}
		contents = append(contents, f.content)
		if _, ok := paired[f.id]; ok {
			paired[f.id] = true
		}
		if l, ok := labels[f.id]; ok {
			s.Labelled++
			g := groups[l.GroupID]
			if g == nil {
				g = &group{project: strings.Clone(f.project)}
				groups[l.GroupID] = g
			}
			g.events++
			g.spanning = g.spanning || g.project != f.project
		}
	}
	s.Rows, s.Allowed = tally.Rows, tally.Allowed
	s.Denied, s.DeniedOrganisations = tally.Denied, tally.DeniedOrganisations
	s.Organisations, s.Projects = len(tally.Organisations), len(projects)
	slices.Sort(contents)
	s.Contents = int64(len(slices.Compact(contents)))
	s.Groups, s.Orphans = len(groups), int64(len(labels))-s.Labelled
	var sizes []int64
	for _, g := range groups {
		sizes = append(sizes, g.events)
		if g.spanning {
			s.SpanningGroups++
		}
	}
	s.GroupSize = quantiles(sizes)
	usable := pairs[:0]
	for _, p := range pairs {
		if paired[p.A] && paired[p.B] {
			usable = append(usable, p)
		}
	}
	s.Pairs, s.Contradictions = len(usable), len(Contradictions(labels, usable))
	return nil
}

// WriteText writes the figures for people. Names that come from the data are
// quoted where they could carry control characters.
func (s *Stats) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	row("dataset", printable(strings.TrimSpace(s.Dataset+" "+s.Version)))
	row("purpose", s.Purpose)
	row("as of", s.AsOf.Format(time.RFC3339))
	if s.LedgerHead != "" {
		row("ledger", fmt.Sprintf("%s, %d entries, head %s", printable(s.LedgerID), s.LedgerEntries, s.LedgerHead))
	}
	row("rows", s.Rows)
	row("allowed", s.Allowed)
	for _, reason := range reasons {
		if n := s.Denied[reason]; n > 0 {
			row("denied "+string(reason), fmt.Sprintf("%d of %d organisations", n, s.DeniedOrganisations[reason]))
		}
	}
	row("organisations", s.Organisations)
	row("projects", s.Projects)
	for _, p := range sortedKeys(s.Platforms) {
		row("platform "+printable(p), s.Platforms[p])
	}
	if s.First != nil {
		row("events", s.First.Format(time.RFC3339)+" to "+s.Last.Format(time.RFC3339))
	}
	row("exceptions, frames", fmt.Sprintf("%d, %d", s.Exceptions, s.Frames))
	row("message only", s.MessageOnly)
	row("distinct contents", s.Contents)
	row("labelled", s.Labelled)
	row("groups", fmt.Sprintf("%d, %d across projects", s.Groups, s.SpanningGroups))
	q := s.GroupSize
	row("group size", fmt.Sprintf("min %d, median %d, p90 %d, p99 %d, max %d", q.Min, q.Median, q.P90, q.P99, q.Max))
	row("labels without event", s.Orphans)
	if s.Pairs > 0 {
		row("pairs", fmt.Sprintf("%d, %d against the groups", s.Pairs, s.Contradictions))
	}
	return t.Flush()
}

// printable quotes text unless it is plain.
func printable(s string) string {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return fmt.Sprintf("%+q", s)
		}
	}
	return s
}
