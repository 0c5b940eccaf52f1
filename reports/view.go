package reports

// page is a report before it is written in a language. All strings in it are
// clean (see clean), none is escaped.
type page struct {
	Title      string
	Several    bool // more than one result
	Models     []modelView
	Glance     table
	Comparison *comparisonView // nil for a single result
	Datasets   []datasetView
	Training   []trainingView
	Glossary   []entry
	Provenance []table
}

// modelView says what one result judged.
type modelView struct {
	Label, Version, Digest, Tool, Schema string
	Settings                             string // of the evaluation, in words
	Warnings                             []warning
}

type warning struct{ Code, Text string }

type entry struct{ Term, ID, Direction, Meaning string }

// datasetView is one golden dataset of one result.
type datasetView struct {
	ID       string // anchor
	Name     string
	Version  string
	Model    string // the result's label; "" when there is one result
	Facts    string
	Verdict  verdict
	Warnings []warning
	Forests  []forest
	Headline []table
	Plots    []plot
	Points   table // operating points
	Slices   []table
	Absent   []string // what was not judged, in words
	Headers  [3]summaryColumn
	Summary  []summaryRow
}

// summaryColumn and summaryRow are the terminal's table.
type summaryColumn struct{ Label string }

type summaryRow struct {
	Scorer string
	Cells  [3]string
}

// verdict says in plain language what the figures of a dataset show.
type verdict struct {
	Badge     string
	Tone      mark
	Sentences []string
}

type trainingView struct {
	Model   string // the result's label; "" when there is one result
	Lead    string
	Tables  []table
	Nothing bool // the result holds no training summary
}

type comparisonView struct {
	Lead   string
	Notes  []string
	Tables []table
}

// table is a table in any language.
type table struct {
	Title   string // heading
	Caption string
	Corner  string // heading of the row heads
	Columns []heading
	Groups  []group
	Notes   []string
}

// Span is the number of columns, row heads included.
func (t table) Span() int { return len(t.Columns) + 1 }

// Empty tells whether the table has no row.
func (t table) Empty() bool { return len(t.Groups) == 0 }

type heading struct {
	Label, Note string
	Count       string // how much data is behind the column
	Words       bool   // the column holds words, not numbers
}

// group is a run of rows under an optional heading of their own.
type group struct {
	Label string
	Rows  []row
}

type row struct {
	Head, Note string
	Model      bool // the judged model's row
	Cells      []cell
}

// cell is one figure as it is shown.
type cell struct {
	Value   string
	Range   string // 95 % interval of the value
	Against string // what the difference is taken from, where the row does not say so
	Delta   string // model minus baseline
	Apart   string // 95 % interval of the difference
	Mark    mark
	Verdict string // the mark in words, beside its symbol
	Best    bool
	Muted   bool // stands for the lack of a figure
	Words   bool
}

// mark says what a difference shows about the model.
type mark int

const (
	unmarked mark = iota
	better
	worse
	same    // the interval holds 0
	differs // really different, in a metric without a direction
)

// Class names the mark for style sheets.
func (m mark) Class() string {
	return [...]string{"none", "better", "worse", "same", "differs"}[m]
}

// Symbol is the mark as one character that is legible without colour.
func (m mark) Symbol() string {
	return [...]string{"", "▲", "▼", "~", "≠"}[m]
}

// words is the mark as it stands beside a baseline's figure; "~" stands alone.
func (m mark) words() string {
	return [...]string{"", "better", "worse", "", "differs"}[m]
}

func words(s string) cell {
	if s == "" {
		return cell{Value: missing, Muted: true, Words: true}
	}
	return cell{Value: s, Words: true}
}

func whole[T int | int64 | uint64](n T) cell { return cell{Value: integer(n)} }
