package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"whorl/datasets"
	"whorl/datasets/importer/stacktrace"
	"whorl/features"
)

// What the grants of public data allow.
var publicPurposes = []datasets.Purpose{datasets.TrainFingerprinting, datasets.EvaluateFingerprinting, datasets.ReviewContent}

// publicPolicy is the policy version of public data's grants.
const publicPolicy = "public"

const defaultPlatform = "other"

// complete fills in defaults and refuses what cannot be.
func (o *Options) complete() error {
	def := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	def(&o.Name, filepath.Base(filepath.Clean(o.Out)))
	def(&o.Version, "1.0.0")
	def(&o.Org, "imported")
	def(&o.Project, o.Name)
	def(&o.Platform, defaultPlatform)
	if o.Language == "" {
		o.Language = stacktrace.Auto
	}
	switch {
	case o.Language != stacktrace.Auto && !slices.Contains(stacktrace.Languages(), o.Language):
		return fmt.Errorf("no language %q; there are auto and %v", o.Language, stacktrace.Languages())
	case o.Golden && (o.Public == "") == (o.Agreement == ""):
		return errors.New("a golden dataset needs a consent basis: say why it is public, or name the agreement")
	case o.Golden && o.Ledger != nil:
		return errors.New("a golden dataset has no ledger; its consent basis stands in")
	case !o.Golden && o.Agreement != "":
		return errors.New("an agreement is the basis of a golden dataset; an export needs a ledger")
	case !o.Golden && (o.Public == "") == (o.Ledger == nil):
		return errors.New("an export needs the consent ledger of its organisations, or the reason why the data is public")
	case o.Ledger != nil && (o.LedgerID == "" || o.PolicyVersion == ""):
		return errors.New("a ledger needs its id and the policy version that the export stands under")
	case o.Ledger != nil && len(o.Purposes) == 0 && o.Format != JSONLines && o.Format != Parquet:
		return errors.New("with a ledger, name the purposes that rows claim: a row that claims none is never used")
	}
	if o.Ledger != nil {
		head, entries := datasets.LedgerHead(o.Ledger)
		if _, err := datasets.ParseLedger(o.Ledger, o.LedgerID, entries, head); err != nil {
			return err
		}
	}
	for _, s := range []string{o.Org, o.Project} {
		if strings.TrimSpace(s) != s {
			return fmt.Errorf("%q has space around it", s)
		}
	}
	return nil
}

// publicGrants are the organisations of a public export.
type publicGrants struct {
	orgs []string
	seen map[string]bool
}

func (g *publicGrants) add(org string) {
	if !g.seen[org] {
		if g.seen == nil {
			g.seen = map[string]bool{}
		}
		g.seen[org] = true
		g.orgs = append(g.orgs, org)
	}
}

// create begins the dataset.
func (j *job) create() (*datasets.Writer, error) {
	if j.Golden {
		basis := j.Agreement
		if j.Public != "" {
			basis = "public: " + j.Public
		}
		return datasets.CreateGolden(j.Out, datasets.GoldenInfo{
			Name: j.Name, Version: j.Version, Description: j.Description, Licence: j.Licence, ConsentBasis: basis, LabelProtocol: j.protocol(),
		})
	}
	// Grants and creation are as of the newest event, so that the same input
	// gives the same bytes on any day: they are known when all is read.
	return datasets.CreateExportLate(j.Out, func() (datasets.ExportInfo, error) {
		info := datasets.ExportInfo{
			Name: j.Name, Description: j.Description, Licence: j.Licence, LabelProtocol: j.protocol(), CreatedAt: j.report.Last.Truncate(time.Second).Add(time.Second),
			PolicyVersion: j.PolicyVersion, LedgerID: j.LedgerID, Ledger: j.Ledger,
		}
		if j.Public == "" {
			return info, nil
		}
		info.PolicyVersion, info.LedgerID = publicPolicy, j.Name
		why := "Public: " + j.Public
		info.Description = strings.TrimSpace(j.Description + " " + why)
		slices.Sort(j.public.orgs)
		var entries []datasets.Entry
		for _, org := range j.public.orgs {
			for _, p := range publicPurposes {
				entries = append(entries, datasets.Entry{
					OrgID: org, Purpose: p, Action: datasets.Grant, PolicyVersion: publicPolicy, CoversEarlierEvents: true,
					EffectiveAt: info.CreatedAt, RecordedAt: info.CreatedAt, ExpiresAt: info.CreatedAt.AddDate(100, 0, 0),
				})
			}
		}
		var b bytes.Buffer
		_, err := datasets.WriteLedger(&b, entries)
		info.Ledger = b.Bytes()
		return info, err
	})
}

// protocol says where the labels come from.
func (j *job) protocol() string {
	switch j.Format {
	case FastJSON:
		return "dup_id of the tracker: a report is in the group of the master that it leads to"
	case JetBrains:
		return "iid of state.csv, the last that each report was assigned to"
	case PairsCSV:
		return "labels of the file of pairs"
	}
	return ""
}

// maker makes events of what formats find. It belongs to one goroutine.
type maker struct {
	*job
	scrub scrubber
}

// prepared is an event as it will be written, or why it cannot be.
type prepared struct {
	found
	err       error // wraps ErrRead
	shortened bool
	unparsed  bool
	mapped    int64
}

// prepare completes what was found.
func (m *maker) prepare(place string, f found) prepared {
	p := prepared{found: f}
	e := &p.event
	if p.stack != "" && len(e.Exceptions) == 0 {
		m.parse(&p)
	}
	p.stack = ""
	if e.Message == "" && !slices.ContainsFunc(e.Exceptions, func(x features.Exception) bool { return x.Type != "" || x.Value != "" || len(x.Frames) > 0 }) {
		p.err = fmt.Errorf("%w: neither exception nor message", ErrRead)
		return p
	}
	if e.Time.IsZero() {
		if e.Time = m.Time; e.Time.IsZero() {
			p.err = fmt.Errorf("%w: it has no time; name one for those that have none (--time)", ErrRead)
			return p
		}
	}
	if e.OrgID = strings.TrimSpace(e.OrgID); e.OrgID == "" {
		e.OrgID = m.Org
	}
	if e.ProjectID = strings.TrimSpace(e.ProjectID); e.ProjectID == "" {
		e.ProjectID = m.Project
	}
	e.Platform = platformOf(e.Platform, m.Platform)
	demangleFrames(e)
	if m.maps != nil {
		p.mapped = m.maps.apply(e)
	}
	if !m.own {
		m.scrub.event(e, m.Context)
	}
	p.shortened = shorten(e)
	if e.ID == "" {
		e.ID = derivedID(strings.TrimPrefix(place, m.In), e)
	}
	return p
}

// event writes an event with its label and counts it, or counts why it cannot
// be written.
func (j *job) event(place string, p *prepared) error {
	err := p.err
	if err == nil {
		err = j.row(p)
	}
	if errors.Is(err, datasets.ErrEvent) || errors.Is(err, datasets.ErrLabel) { // the place is enough
		err = fmt.Errorf("%w: %s", ErrRead, strings.TrimPrefix(err.Error(), filepath.Clean(j.Out)+": "))
	}
	if errors.Is(err, ErrRead) {
		return j.fault(place, err)
	}
	return err
}

// row writes the rows of an event and counts them.
func (j *job) row(p *prepared) error {
	e := &p.event
	consent := datasets.RowConsent{Purposes: purposeNames(j.Purposes), PolicyVersion: j.PolicyVersion}
	switch {
	case p.consent != nil: // it can only deny, whatever is said of all rows
		consent = *p.consent
	case j.Golden:
		consent = datasets.RowConsent{Purposes: []string{string(datasets.EvaluateFingerprinting)}}
	case j.Public != "":
		consent = datasets.RowConsent{Purposes: purposeNames(publicPurposes), PolicyVersion: publicPolicy}
	}
	if err := j.w.WriteEvent(e, consent); err != nil {
		return err
	}
	j.public.add(strings.Clone(e.OrgID))
	r := &j.report
	r.Platforms[e.Platform]++
	r.Exceptions += int64(len(e.Exceptions))
	for i := range e.Exceptions {
		r.Frames += int64(len(e.Exceptions[i].Frames))
	}
	if r.First.IsZero() || e.Time.Before(r.First) {
		r.First = e.Time
	}
	if e.Time.After(r.Last) {
		r.Last = e.Time
	}
	r.Mapped += p.mapped
	if p.shortened {
		r.Shortened++
	}
	if p.unparsed {
		r.Unparsed++
	}
	label, ok := j.labels[e.ID]
	if !ok {
		if p.group == "" {
			return nil
		}
		label = datasets.Label{GroupID: p.group, Source: p.source, Confidence: 1}
		if p.confidence != nil {
			label.Confidence = *p.confidence
		}
	}
	label.Slices = p.slices
	return j.w.WriteLabel(e.ID, label)
}

// readLabels reads a file of labels.
func readLabels(name string) (map[string]datasets.Label, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all := map[string]datasets.Label{}
	err = readCSV(name, file, []string{"event_id", "group_id"}, func(line int, cells map[string]string) error {
		l := datasets.Label{GroupID: strings.Clone(cells["group_id"]), Source: strings.Clone(cells["source"]), Confidence: 1}
		if l.Source == "" {
			l.Source = "human"
		}
		if c := cells["confidence"]; c != "" {
			if l.Confidence, err = strconv.ParseFloat(c, 64); err != nil {
				return fmt.Errorf("%s, line %d: confidence %q is no number", name, line, c)
			}
		}
		id := strings.Clone(cells["event_id"])
		if other, ok := all[id]; ok && other.GroupID != l.GroupID {
			return fmt.Errorf("%s, line %d: event %s has a group already", name, line, id)
		}
		all[id] = l
		return nil
	})
	return all, err
}

// parseStack reads a stack's text. Where no language was named, that of the
// event's platform is tried before all are.
func parseStack(language stacktrace.Language, platform, text string) (stacktrace.Trace, bool) {
	if language == stacktrace.Auto {
		of := features.ParsePlatform(strings.ToLower(platform))
		if of == features.Node {
			of = features.JavaScript
		}
		if l := stacktrace.Language(of.String()); slices.Contains(stacktrace.Languages(), l) {
			if trace, ok := stacktrace.Parse(l, text); ok && trace.Skipped == 0 {
				return trace, true
			}
		}
	}
	return stacktrace.Parse(language, text)
}

// parse makes exceptions of a stack's text. A text that no parser knows becomes
// the message of an event without an exception.
func (m *maker) parse(f *prepared) {
	e := &f.event
	trace, ok := parseStack(m.Language, e.Platform, f.stack)
	f.unparsed = !ok || trace.Skipped > 0
	if !ok && f.head == nil {
		if e.Message == "" {
			e.Message = f.stack
		}
		return
	}
	if e.Exceptions = trace.Exceptions; len(e.Exceptions) == 0 {
		e.Exceptions = []features.Exception{{}}
	}
	if e.Platform == "" {
		e.Platform = trace.Platform
	}
	outermost := &e.Exceptions[len(e.Exceptions)-1]
	outermost.Handled = f.handled
	if h := f.head; h != nil {
		if h.Type != "" {
			outermost.Type = h.Type
		}
		if h.Value != "" {
			outermost.Value = h.Value
		}
	}
}

func purposeNames(purposes []datasets.Purpose) []string {
	var names []string
	for _, p := range purposes {
		names = append(names, string(p))
	}
	return names
}

// derivedID makes an id of where an event stood and what it holds, for events
// that have none. Equal events in two places are two.
func derivedID(place string, e *features.Event) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %+v", place, *e)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// platformOf returns the schema's name of a platform.
func platformOf(name, other string) string {
	p := features.ParsePlatform(strings.ToLower(strings.TrimSpace(name)))
	if p == features.Other {
		return other
	}
	return p.String()
}

// Bounds of one event, well below those of the reader.
const (
	maxText       = 64 << 10 // bytes of one text
	maxExceptions = 256
	maxFrames     = 1024 // of one event
)

// shorten cuts what is above the bounds and makes all text valid UTF-8. Of too
// many frames those in the middle go, as trackers do it: both ends tell most.
func shorten(e *features.Event) (cut bool) {
	text := func(s *string) {
		if len(*s) > maxText {
			n := maxText
			for n > 0 && !utf8.RuneStart((*s)[n]) {
				n--
			}
			*s, cut = (*s)[:n], true
		}
		if !utf8.ValidString(*s) {
			*s = strings.ToValidUTF8(*s, "\uFFFD")
		}
	}
	for _, s := range []*string{&e.ID, &e.OrgID, &e.ProjectID, &e.Release, &e.Environment, &e.RuntimeName, &e.RuntimeVersion, &e.Message} {
		text(s)
	}
	if n := len(e.Exceptions) - maxExceptions; n > 0 { // the outermost stay
		e.Exceptions, cut = e.Exceptions[n:], true
	}
	left := maxFrames
	for i := range e.Exceptions {
		x := &e.Exceptions[i]
		if n := len(x.Frames); n > left {
			half := left / 2
			x.Frames = slices.Concat(x.Frames[:left-half], x.Frames[n-half:])
			cut = true
		}
		left -= len(x.Frames)
		for _, s := range []*string{&x.Type, &x.Value, &x.Mechanism} {
			text(s)
		}
		for k := range x.Frames {
			f := &x.Frames[k]
			for _, s := range []*string{&f.Function, &f.Module, &f.Filename, &f.AbsPath, &f.ContextLine} {
				text(s)
			}
		}
	}
	return cut
}
