package datasets

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whorl/datasets/internal/columnar"
)

// A Kind names one thing that [Verify] looks for.
type Kind string

// The kinds of findings that are errors: the dataset says things that cannot
// be, or part of it cannot be used at all.
const (
	BadManifest      Kind = "bad_manifest"
	BadLedger        Kind = "bad_ledger"
	BadFile          Kind = "bad_file" // differs from the manifest, has a wrong schema, or does not decode
	UndecidableRow   Kind = "undecidable_row"
	ConflictingRow   Kind = "conflicting_duplicate"
	BadLabel         Kind = "bad_label"
	TwoGroups        Kind = "label_with_two_groups"
	BadPair          Kind = "bad_pair"
	PairBothWays     Kind = "pair_both_ways"
	PairAcross       Kind = "pair_across_projects"
	GoldenEvent      Kind = "golden_event"
	GoldenProject    Kind = "golden_project"
	ProjectOfTwoOrgs Kind = "project_of_two_organisations"
	NoRowAllowed     Kind = "nothing_allowed"
)

// The kinds of findings that are warnings: what is named is left out or
// outvoted when the dataset is used.
const (
	DeniedRow         Kind = "denied_row" // whatever the ledger says
	UnknownPurpose    Kind = "unknown_purpose"
	DuplicateRow      Kind = "duplicate"
	LabelWithoutEvent Kind = "label_without_event"
	PairWithoutEvent  Kind = "pair_without_event"
	PairAgainstGroups Kind = "pair_against_groups"
	GroupAcross       Kind = "group_across_projects"
	EventWithoutLabel Kind = "event_without_label"
	EqualContent      Kind = "golden_content"
	NotChecked        Kind = "not_checked" // because of an error
)

// kinds lists all kinds in the order in which they are reported.
var kinds = []struct {
	kind   Kind
	isErr  bool
	remedy string
}{
	{BadManifest, true, ""}, {BadLedger, true, ""}, {BadFile, true, ""},
	{UndecidableRow, true, "export the row with an event_id and a platform"},
	{ConflictingRow, true, "every copy is denied; keep the right one, or give each its own id"},
	{ProjectOfTwoOrgs, true, "make project_id unique over all organisations"},
	{BadLabel, true, ""}, {TwoGroups, true, "keep one"}, {BadPair, true, ""}, {PairBothWays, true, "keep one"},
	{PairAcross, true, "pairs are within a project; remove it"},
	{GoldenEvent, true, "remove the event: golden data never trains"},
	{GoldenProject, true, "remove the project, or train with --allow-project-overlap for a split by time"},
	{NoRowAllowed, true, "the reasons above say why; export again"},
	{DeniedRow, false, "the row is never used"},
	{UnknownPurpose, false, "the purpose allows nothing; correct it or leave it out"},
	{DuplicateRow, false, "one copy counts"},
	{LabelWithoutEvent, false, "the label is never used"}, {PairWithoutEvent, false, "the pair is never used"},
	{PairAgainstGroups, false, "the pair counts; correct the labels"},
	{GroupAcross, false, "each project's part counts as a group of its own"},
	{EventWithoutLabel, false, "the event is learned from in pairs alone, if it stands in one"},
	{EqualContent, false, "no fault, but figures on these golden events flatter the model"},
	{NotChecked, false, "mend what is bad, then verify again"},
}

// mostFindings is how many findings of a kind are told with their place.
const mostFindings = 20

// Finding is one thing that [Verify] found. No finding quotes more of an event
// than its ids.
type Finding struct {
	Kind Kind   `json:"kind"`
	File string `json:"file,omitempty"`
	Row  int64  `json:"row,omitempty"` // in the file, from 1; 0 for none
	Text string `json:"text"`
}

// Verification is what [Verify] found of a dataset.
type Verification struct {
	Dataset string `json:"dataset"`
	Version string `json:"version,omitempty"` // of a golden dataset
	Golden  bool   `json:"golden"`
	SHA256  string `json:"sha256"` // of manifest.json or dataset.json
	Files   []File `json:"files"`

	LedgerID      string `json:"ledger_id,omitempty"`
	LedgerEntries int    `json:"ledger_entries,omitempty"`
	LedgerHead    string `json:"ledger_head,omitempty"`

	Rows     int64 `json:"rows"`
	Labels   int64 `json:"labels"` // rows
	Pairs    int64 `json:"pairs"`  // rows
	Labelled int64 `json:"labelled"`

	// What the gate says, when a purpose was given, and of a golden dataset.
	Purpose Purpose          `json:"purpose,omitempty"`
	Allowed int64            `json:"allowed,omitempty"`
	Denied  map[Reason]int64 `json:"denied,omitempty"`

	Overlaps []Overlap `json:"overlaps,omitempty"` // with golden datasets

	Errors   int64          `json:"errors"`
	Warnings int64          `json:"warnings"`
	Counts   map[Kind]int64 `json:"counts"`   // findings by kind
	Findings []Finding      `json:"findings"` // at most 20 a kind, in the order of kinds, then as met
}

// VerifyOptions says how a dataset is verified.
type VerifyOptions struct {
	// Options: Purpose may be empty, and then the gate of an export is not
	// asked. AsOf must be set. Omit must be empty.
	Options
	Open OpenOptions // of an export
	// Guard holds the golden datasets that an export must not overlap with.
	Guard *Guard
}

// verifier collects findings.
type verifier struct {
	out  *Verification
	opt  VerifyOptions
	seen map[Kind][]Finding

	store *store
	// A file of these roles is bad: what would be compared with it is not.
	badEvents, badLabels bool

	seed maphash.Seed
	// What is known of events by the hash of their ids, and of labels by that
	// of theirs: 64 bits, so that two of a billion ids share one with a chance
	// of one in forty.
	events   map[uint64]int32 // project
	labels   map[uint64]int32 // group
	projects names
	groups   names
	owner    []string // organisation by project
	home     []int32  // project by group, -1 for none yet, -2 for several
}

// names numbers texts in the order in which they are met.
type names struct {
	number map[string]int32
	name   []string
}

func (n *names) of(s string) int32 {
	i, ok := n.number[s]
	if !ok {
		if n.number == nil {
			n.number = map[string]int32{}
		}
		s = strings.Clone(s)
		i = int32(len(n.name))
		n.number[s], n.name = i, append(n.name, s)
	}
	return i
}

// Verify checks all that can be checked of the export or golden dataset in
// dir and lists what it finds: digests, schemas, the ledger, every row of
// every column, labels and pairs against each other and against the events. It
// goes on after a fault as far as that leaves something to check. Errors are
// of reading and of options; what is wrong with the dataset is a finding. It
// holds some 40 bytes an event and a label.
func Verify(ctx context.Context, dir string, opt VerifyOptions) (*Verification, error) {
	v := &verifier{
		out: &Verification{Counts: map[Kind]int64{}, Findings: []Finding{}}, opt: opt, seen: map[Kind][]Finding{}, seed: maphash.MakeSeed(),
		events: map[uint64]int32{}, labels: map[uint64]int32{},
	}
	purpose := opt.Purpose
	if opt.Purpose == "" {
		opt.Purpose = EvaluateFingerprinting // to check the others
	}
	if err := opt.Options.check(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; name the directory of an export or golden dataset", ErrManifest, err)
	}
	defer root.Close()
	src, err := v.open(dir, root)
	if err != nil {
		return nil, err
	}
	if src != nil {
		if err := v.content(ctx, src); err != nil {
			return nil, err
		}
		if v.out.Golden {
			purpose = EvaluateFingerprinting // it serves no other
		}
		if purpose != "" {
			if err := v.ask(ctx, src, purpose); err != nil {
				return nil, err
			}
		}
	}
	v.finish()
	return v.out, nil
}

func (v *verifier) found(kind Kind, file string, row int64, format string, args ...any) {
	if v.out.Counts[kind]++; len(v.seen[kind]) < mostFindings {
		v.seen[kind] = append(v.seen[kind], Finding{kind, file, row, fmt.Sprintf(format, args...)})
	}
}

// finish puts the findings in order and counts them.
func (v *verifier) finish() {
	for _, k := range kinds {
		if k.isErr {
			v.out.Errors += v.out.Counts[k.kind]
		} else {
			v.out.Warnings += v.out.Counts[k.kind]
		}
		for _, f := range v.seen[k.kind] {
			if k.remedy != "" {
				f.Text += "; " + k.remedy
			}
			v.out.Findings = append(v.out.Findings, f)
		}
	}
}

// open admits files one by one. It returns nil when what is wrong leaves
// nothing to read.
func (v *verifier) open(dir string, root *os.Root) (Source, error) {
	var (
		listed []manifestFile
		src    Source
	)
	if _, err := root.Lstat("dataset.json"); err == nil {
		g, d, err := readDescription(dir, root)
		if err != nil {
			v.found(BadManifest, "dataset.json", 0, "%v", err)
			return nil, nil
		}
		v.out.Golden, v.out.Dataset, v.out.Version, v.out.SHA256 = true, g.Name, g.Version, g.DescriptionSHA256
		listed, src = d.Files, g
		g.store = newStore(dir, listed)
		v.store = g.store
	} else {
		x, m, err := readManifest(dir, root)
		if err != nil {
			v.found(BadManifest, "manifest.json", 0, "%v", err)
			return nil, nil
		}
		v.out.Dataset, v.out.SHA256 = x.Name, x.ManifestSHA256
		listed, src = m.Files, x
		x.store = newStore(dir, listed)
		v.store = x.store
		open := v.opt.Open
		open.AsOf = v.opt.AsOf
		if x.Ledger, err = openLedger(dir, root, m.ConsentLedger, open); err != nil {
			name := m.ConsentLedger.Path
			if open.Ledger != "" {
				if name = open.Ledger; errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					return nil, err
				}
			}
			if errors.Is(err, ErrState) {
				return nil, err
			}
			v.found(BadLedger, name, 0, "%v", err)
			x.Ledger = nil
		} else {
			v.out.LedgerID, v.out.LedgerEntries, v.out.LedgerHead = x.Ledger.ID, len(x.Ledger.Entries), x.Ledger.Head
		}
	}
	var good []manifestFile
	for i := range listed {
		if err := v.store.admit(root, i); err != nil {
			v.found(BadFile, listed[i].Path, 0, "%v", err)
			v.badEvents = v.badEvents || listed[i].Role == RoleEvents
			v.badLabels = v.badLabels || listed[i].Role == RoleLabels
			continue
		}
		good = append(good, listed[i])
	}
	v.out.Files = slices.Clone(v.store.files)
	if len(good) == len(listed) {
		return src, nil
	}
	// Go on with those that are whole.
	again, err := openStore(dir, root, good)
	if err != nil {
		return nil, err // changed meanwhile
	}
	*v.store = *again
	return src, nil
}

// bad takes an error of reading files for a finding, unless it is the
// caller's to know.
func (v *verifier) bad(ctx context.Context, err error) error {
	var path *fs.PathError
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrOptions) || errors.Is(err, columnar.ErrMemory) || errors.As(err, &path) {
		return err
	}
	v.found(BadFile, "", 0, "%v", err)
	return nil
}

// content reads all rows of all files.
func (v *verifier) content(ctx context.Context, src Source) error {
	opt := v.opt.Options
	if opt.Purpose = ""; !v.out.Golden {
		opt.Purpose = TrainFingerprinting // any: the gate is not asked
	}
	w := src.walk(opt)
	repeated, err := w.findDuplicates(ctx)
	if err != nil {
		return v.bad(ctx, err)
	}
	if err := v.rows(ctx, w, repeated); err != nil {
		if err := v.bad(ctx, err); err != nil {
			return err
		}
		v.badEvents = true
	}
	if err := v.bad(ctx, v.readLabels(ctx)); err != nil {
		return err
	}
	if err := v.bad(ctx, v.readPairs(ctx)); err != nil {
		return err
	}
	v.compare()
	return nil
}

// verifiedRow is what is found of a row by itself.
type verifiedRow struct {
	id           uint64
	org, project string
	content      Content // if golden data is guarded
	name         string  // the id, if golden data is guarded
	kinds        []Kind
	texts        []string
}

// rows checks the rows of the events files.
func (v *verifier) rows(ctx context.Context, w *walk, repeated map[string]*copies) error {
	type part struct {
		file  int
		first int64
		rows  []verifiedRow
	}
	guarded := v.opt.Guard != nil && !v.opt.Guard.Empty()
	process := func() func(*batch, *part) error {
		var f facts
		return func(b *batch, out *part) error {
			out.file, out.first, out.rows = b.group.place.file, b.first, out.rows[:0]
			if err := b.check(); err != nil {
				return b.faultOfAll(err)
			}
			for b.next() {
				e, err := b.event(true)
				if err != nil {
					return b.fault(err)
				}
				b.facts(&f)
				r := verifiedRow{org: f.org, project: f.project}
				note := func(kind Kind, format string, args ...any) {
					r.kinds, r.texts = append(r.kinds, kind), append(r.texts, fmt.Sprintf(format, args...))
				}
				if e.ID != "" {
					r.id = maphash.String(v.seed, e.ID)
				}
				if reason := f.checkSubject(v.opt.AsOf); reason != allowed {
					note(DeniedRow, "event %.64q: %s", e.ID, reason)
				} else if e.ID == "" || e.Platform == "" {
					note(UndecidableRow, "event %.64q has no id or no platform", e.ID)
				}
				if c := repeated[e.ID]; c != nil && c.conflict {
					note(ConflictingRow, "event %.64q stands in %d rows that differ", e.ID, c.rows)
				} else if c != nil && c.first != (rowPlace{out.file, b.number()}) {
					note(DuplicateRow, "event %.64q is a copy of %s, row %d", e.ID, w.store.files[c.first.file].Path, c.first.row)
				}
				for _, p := range f.purposes {
					if _, err := ParsePurpose(p); err != nil {
						note(UnknownPurpose, "event %.64q consents to %.64q", e.ID, p)
						break
					}
				}
				if guarded {
					r.content, r.name = ContentOf(e), e.ID
				}
				out.rows = append(out.rows, r)
			}
			return nil
		}
	}
	total := w.store.rows(RoleEvents)
	return scanRows(ctx, w.scan(), process, func(p *part) (bool, error) {
		for i := range p.rows {
			r := &p.rows[i]
			for k, kind := range r.kinds {
				v.found(kind, w.store.files[p.file].Path, p.first+int64(i), "%s", r.texts[k])
			}
			if r.id != 0 {
				v.events[r.id] = v.project(w.store.files[p.file].Path, p.first+int64(i), r)
			}
			if guarded {
				v.opt.Guard.Observe(r.name, r.project, r.content)
			}
		}
		v.out.Rows += int64(len(p.rows))
		if v.opt.Progress != nil {
			v.opt.Progress(v.out.Rows, total)
		}
		return true, nil
	})
}

// project numbers a row's project and holds it to one organisation.
func (v *verifier) project(file string, row int64, r *verifiedRow) int32 {
	p := v.projects.of(r.project)
	if int(p) == len(v.owner) {
		v.owner = append(v.owner, strings.Clone(r.org))
	} else if v.owner[p] != r.org && r.org != "" && v.owner[p] != "" {
		v.found(ProjectOfTwoOrgs, file, row, "project %.64q belongs to %.64q and to %.64q", r.project, v.owner[p], r.org)
	}
	return p
}

// readLabels checks labels by themselves and against the events.
func (v *verifier) readLabels(ctx context.Context) error {
	return v.store.eachLabel(ctx, v.opt.Memory, func(at position, id string, l *Label, fault string) error {
		v.out.Labels++
		file := filepath.Base(at.file)
		if fault != "" {
			v.found(BadLabel, file, at.row, "%s", fault)
			return nil
		}
		key, group := maphash.String(v.seed, id), v.groups.of(l.GroupID)
		if int(group) == len(v.home) {
			v.home = append(v.home, -1)
		}
		if first, ok := v.labels[key]; ok {
			if first != group {
				v.found(TwoGroups, file, at.row, "event %.64q has the groups %.64q and %.64q", id, v.groups.name[first], l.GroupID)
			}
			return nil
		}
		v.labels[key] = group
		project, ok := v.events[key]
		switch {
		case !ok && v.badEvents:
		case !ok:
			v.found(LabelWithoutEvent, file, at.row, "there is no event %.64q", id)
		case v.home[group] == -1:
			v.home[group] = project
			v.out.Labelled++
		default:
			if v.out.Labelled++; v.home[group] >= 0 && v.home[group] != project {
				v.found(GroupAcross, file, at.row, "group %.64q has events of project %.64q and of %.64q", l.GroupID, v.projects.name[v.home[group]], v.projects.name[project])
				v.home[group] = -2
			}
		}
		return nil
	})
}

// readPairs checks pairs by themselves, against the events and the groups.
func (v *verifier) readPairs(ctx context.Context) error {
	known := map[[2]uint64]bool{}
	return v.store.eachPair(ctx, v.opt.Memory, func(at position, p *Pair, fault string) error {
		v.out.Pairs++
		file := filepath.Base(at.file)
		if fault != "" {
			v.found(BadPair, file, at.row, "%s", fault)
			return nil
		}
		a, b := maphash.String(v.seed, p.A), maphash.String(v.seed, p.B)
		key := [2]uint64{min(a, b), max(a, b)}
		if group, ok := known[key]; ok {
			if group != p.Group {
				v.found(PairBothWays, file, at.row, "the pair %.64q, %.64q is both GROUP and SEPARATE", p.A, p.B)
			}
			return nil
		}
		known[key] = p.Group
		projectA, okA := v.events[a]
		projectB, okB := v.events[b]
		switch {
		case (!okA || !okB) && v.badEvents:
		case !okA:
			v.found(PairWithoutEvent, file, at.row, "there is no event %.64q", p.A)
		case !okB:
			v.found(PairWithoutEvent, file, at.row, "there is no event %.64q", p.B)
		case projectA != projectB:
			v.found(PairAcross, file, at.row, "events %.64q and %.64q are of the projects %.64q and %.64q", p.A, p.B, v.projects.name[projectA], v.projects.name[projectB])
		}
		groupA, okA := v.labels[a]
		groupB, okB := v.labels[b]
		if okA && okB && (groupA == groupB) != p.Group {
			v.found(PairAgainstGroups, file, at.row, "the pair %.64q, %.64q is %s, their groups are %.64q and %.64q",
				p.A, p.B, map[bool]string{true: "GROUP", false: "SEPARATE"}[p.Group], v.groups.name[groupA], v.groups.name[groupB])
		}
		return nil
	})
}

// compare tells what shows only in the end.
func (v *verifier) compare() {
	if v.badEvents {
		v.found(NotChecked, "", 0, "rows of bad files, copies of their events elsewhere, and whether labels and pairs have events")
	}
	if v.badLabels {
		v.found(NotChecked, "", 0, "labels of bad files, and whether every event has one")
	} else if n := int64(len(v.events)) - v.out.Labelled; n > 0 && v.out.Labels > 0 {
		v.out.Counts[EventWithoutLabel] = n
		v.seen[EventWithoutLabel] = []Finding{{Kind: EventWithoutLabel, Text: fmt.Sprintf("%d of %d events have no label", n, len(v.events))}}
	}
	if v.opt.Guard == nil {
		return
	}
	v.out.Overlaps = v.opt.Guard.Overlaps()
	for _, o := range v.out.Overlaps {
		for _, id := range o.EventIDs {
			v.found(GoldenEvent, "", 0, "event %.64q stands in golden dataset %s %s", id, o.Dataset, o.Version)
		}
		for _, p := range o.Projects {
			v.found(GoldenProject, "", 0, "project %.64q stands in golden dataset %s %s", p, o.Dataset, o.Version)
		}
		if o.EqualContent > 0 {
			v.out.Counts[EqualContent] += o.EqualContent
			v.seen[EqualContent] = append(v.seen[EqualContent], Finding{Kind: EqualContent, Text: fmt.Sprintf(
				"%d events have the content of %d events of golden dataset %s %s under other ids", o.EqualContent, o.GoldenEvents, o.Dataset, o.Version)})
		}
	}
}

// ask walks the rows once more, through the gate.
func (v *verifier) ask(ctx context.Context, src Source, purpose Purpose) error {
	if x, ok := src.(*Export); ok && x.Ledger == nil {
		return nil // nothing is allowed, and the finding says why
	}
	opt := v.opt.Options
	opt.Purpose, opt.Progress = purpose, nil
	rows, tally := mapRows(ctx, src.walk(opt), true, func() func(*row) struct{} { return func(*row) struct{} { return struct{}{} } })
	for _, err := range rows {
		if err != nil {
			return v.bad(ctx, err)
		}
	}
	v.out.Purpose, v.out.Allowed, v.out.Denied = purpose, tally.Allowed, tally.Denied
	if tally.Allowed == 0 && tally.Rows > 0 && !v.badEvents {
		v.found(NoRowAllowed, "", 0, "of %d rows none may be used for %s", tally.Rows, purpose)
	}
	return nil
}
