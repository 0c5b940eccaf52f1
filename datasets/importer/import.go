package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whorl/datasets"
	"whorl/datasets/importer/stacktrace"
	"whorl/features"
)

// Errors of [Import]; the text names file and place.
var (
	ErrOptions = errors.New("bad import options")
	ErrRead    = errors.New("cannot be read")
	ErrNothing = errors.New("nothing was imported")
)

// Options say what to read and what to make of it.
type Options struct {
	Format Format
	In     string    // file, directory, or "-" for Stdin
	Stdin  io.Reader // for "-"
	Out    string    // directory to create
	Golden bool      // a golden dataset, not an export

	// Name, Description, Licence and Version are what the dataset says of
	// itself. Name defaults to the base name of Out, Version (of golden
	// datasets) to 1.0.0.
	Name, Description, Licence, Version string

	// Org and Project own events of which the input does not say more. They
	// default to "imported" and to Name.
	Org, Project string

	// Public says why the data may be used by anybody: an export gets a ledger
	// that grants training, evaluation and review to its organisations, a golden
	// dataset the consent basis. Without it an export needs a ledger, and a
	// golden dataset an Agreement.
	Public    string
	Agreement string // consent basis of a golden dataset

	Ledger        []byte // of customers' data; copied
	LedgerID      string
	PolicyVersion string             // with Ledger: required
	Purposes      []datasets.Purpose // with Ledger: what rows without an own list claim

	// Platform is that of events which do not tell; default other.
	Platform string
	// Language is that of stack traces in texts; default [stacktrace.Auto].
	Language stacktrace.Language
	// Time is that of events which do not tell; zero: they cannot be read.
	Time time.Time
	// Context keeps the source line of each frame, which may hold anything.
	Context bool

	Columns   []byte   // format parquet: the map of its columns, as YAML
	Chunks    []string // format fast-json: the papers' files of splits
	Days      bool     // format jetbrains: splits by the days of config.json
	AllStacks bool     // format fast-json: an event for every stack of a report, not the first

	// Labels is a CSV file with the columns event_id, group_id and, if it likes,
	// source and confidence. It goes before what the input says.
	Labels string

	SourceMaps string // directory of source maps, or ""

	Workers int  // documents made into events at the same time; default 1
	Strict  bool // the first document that cannot be read is an error
	// Progress, if set, is called with the bytes read, as they are stored, and
	// their total, 0 where nobody knows.
	Progress func(read, total int64)
}

// Report is what an import did.
type Report struct {
	Format     Format           `json:"format"`
	Dir        string           `json:"dir"`
	Documents  int64            `json:"documents"` // values, lines or files read
	Events     int64            `json:"events"`
	Labels     int64            `json:"labels"`
	Pairs      int64            `json:"pairs"`
	Exceptions int64            `json:"exceptions"`
	Frames     int64            `json:"frames"`
	Platforms  map[string]int64 `json:"platforms"`
	Unread     int64            `json:"unread"`    // documents, or events in them, of which nothing was made
	Empty      int64            `json:"empty"`     // documents that were read and hold no error
	Shortened  int64            `json:"shortened"` // events of which something above a limit was cut
	Unparsed   int64            `json:"unparsed"`  // events whose stack text has lines that no parser knows
	Mapped     int64            `json:"mapped"`    // frames that source maps named
	First      time.Time        `json:"first"`
	Last       time.Time        `json:"last"`
	// Faults are the first unread documents, at most [MaxFaults].
	Faults []Fault `json:"faults"`
}

// MaxFaults is how many faults a [Report] lists.
const MaxFaults = 20

// Fault is a document that could not be read.
type Fault struct {
	Place string `json:"place"`
	Text  string `json:"text"`
}

// found is one event in a document.
type found struct {
	event features.Event
	stack string // text to parse for exceptions, if there are none
	// head and handled are what is known of the outermost exception beside the
	// stack's text.
	head    *features.Exception
	handled features.Tri

	group      string   // id of the group; "": not labelled
	source     string   // of the label
	confidence *float64 // of the label; nil: 1
	slices     []string

	consent *datasets.RowConsent // the row's own; nil: as the options say
}

// job is an import under way.
type job struct {
	Options
	w      *datasets.Writer
	report Report
	public publicGrants
	maps   *sourceMaps
	labels map[string]datasets.Label
	own    bool // as the format's

	bytes, total int64 // read, and to read
}

// Import reads the input and writes a dataset to opt.Out, which appears
// complete or not at all.
func Import(ctx context.Context, opt Options) (*Report, error) {
	f := opt.Format.entry()
	if f == nil {
		return nil, fmt.Errorf("%w: no format %q; there are %s", ErrOptions, opt.Format, strings.Join(formatNames(), ", "))
	}
	if err := opt.complete(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if opt.In != "-" {
		if _, err := os.Stat(opt.In); err != nil {
			return nil, err
		}
	} else if f.seeks {
		return nil, fmt.Errorf("%w: %s is read from files, not from standard input", ErrOptions, opt.Format)
	}
	var err error
	j := &job{Options: opt, own: f.own}
	if j.labels, err = readLabels(opt.Labels); err != nil {
		return nil, err
	}
	j.total = size(opt.In)
	if opt.Format == FastJSON {
		j.total *= 2
	}
	j.report = Report{Format: opt.Format, Dir: filepath.Clean(opt.Out), Platforms: map[string]int64{}, Faults: []Fault{}}
	if opt.SourceMaps != "" {
		if j.maps, err = newSourceMaps(opt.SourceMaps); err != nil {
			return nil, err
		}
	}
	if j.w, err = j.create(); err != nil {
		return nil, err
	}
	defer j.w.Abort()
	if err := f.read(ctx, j); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &j.report
	r.Events, r.Labels, r.Pairs = j.w.Rows(datasets.RoleEvents), j.w.Rows(datasets.RoleLabels), j.w.Rows(datasets.RolePairs)
	if j.maps != nil && j.maps.err != nil {
		if err := j.fault("source maps", j.maps.err); err != nil {
			return nil, err
		}
	}
	if r.Events == 0 {
		why := "no document was found; in a directory, files count whose names end as the format's do"
		if len(r.Faults) > 0 {
			why = fmt.Sprintf("%d documents cannot be read, the first: %s: %s", r.Unread, r.Faults[0].Place, r.Faults[0].Text)
		}
		return nil, fmt.Errorf("%s: %w: %s", opt.In, ErrNothing, why)
	}
	return r, j.w.Close()
}

// fault counts a document that cannot be read.
func (j *job) fault(place string, err error) error {
	if j.Strict {
		if !errors.Is(err, ErrRead) {
			err = fmt.Errorf("%w: %w", ErrRead, err)
		}
		return fmt.Errorf("%s: %w", place, err)
	}
	j.report.Unread++
	if len(j.report.Faults) < MaxFaults {
		j.report.Faults = append(j.report.Faults, Fault{place, strings.TrimPrefix(err.Error(), ErrRead.Error()+": ")})
	}
	return nil
}

// formatEntry is a row of the table of formats.
type formatEntry struct {
	format Format
	help   string
	seeks  bool // needs files, not a stream
	own    bool // the columns are ours already: nothing is replaced
	read   func(ctx context.Context, j *job) error
}

func (f Format) entry() *formatEntry {
	i := slices.IndexFunc(formats, func(e formatEntry) bool { return e.format == f })
	if i < 0 {
		return nil
	}
	return &formats[i]
}

func formatNames() []string {
	var all []string
	for _, f := range formats {
		all = append(all, string(f.format))
	}
	return all
}

// Formats returns the names of all formats, each with a line that says what it
// is.
func Formats() (names, helps []string) {
	for _, f := range formats {
		helps = append(helps, f.help)
	}
	return formatNames(), helps
}

// perDocument makes the reading of a format whose events stand each in one
// document.
func perDocument(keep func(string) bool, cut func(string, io.Reader) iter.Seq2[document, error], read func(document, func(found)) error) func(context.Context, *job) error {
	return func(ctx context.Context, j *job) error {
		return j.each(ctx, j.documents(ctx, keep, cut), read)
	}
}

// perValue is perDocument for JSON values.
func perValue(read func(value, func(found)) error) func(context.Context, *job) error {
	return perDocument(hasExtension(".json", ".jsonl", ".ndjson"), jsonValues, func(d document, add func(found)) error {
		v, err := parseValue(d.data)
		if err != nil {
			return position(err)
		}
		return read(v, add)
	})
}
