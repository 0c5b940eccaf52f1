// Package result declares result.json: what an evaluation found, in one flat
// list of figures that reports, gates and notebooks read alike.
//
// The flow around it:
//
//  1. eval computes figures, differences and curves for each golden dataset;
//  2. the command adds provenance and, after training, what was mined;
//  3. [Write] sorts everything and writes it, the same bytes for the same content;
//  4. [Read] reads it back strictly for reports and comparisons.
//
// A figure that is undefined (no positive pair, a slice too small) is absent
// from the list or has a null value with its n; it is never a silent zero.
package result

// Format names the schema of result.json; a reader refuses any other.
const Format = "whorl.result/1"

// Slices that every dataset has.
const (
	SliceAll          = "all"           // pools all pairs or queries
	SliceProjectsMean = "projects_mean" // the plain mean over projects: the headline
	SliceDistinct     = "distinct"      // retrieval without exact copies
)

// Protocols of an evaluation.
const (
	ProtocolPairs     = "pairs"
	ProtocolRetrieval = "retrieval"
	ProtocolReplay    = "replay"
)

// ScorerModel is the scorer name of the judged model; baselines use their own names.
const ScorerModel = "model"

// Result is the whole of result.json.
type Result struct {
	Format      string       `json:"format"`             // always [Format]
	Provenance  Provenance   `json:"provenance"`         // what was judged, with what
	Training    *Training    `json:"training,omitempty"` // what the model learned from; absent from a bare eval
	Datasets    []Dataset    `json:"datasets"`           // by name
	Scorers     []Scorer     `json:"scorers"`            // the model first, then baselines in the order asked for
	Figures     []Figure     `json:"figures"`            // sorted by dataset, protocol, slice, metric, scorer
	Differences []Difference `json:"differences"`        // model against each baseline, sorted likewise
	Curves      []Curve      `json:"curves"`             // for plots; sorted likewise
	Warnings    []Warning    `json:"warnings"`           // in the order they arose
}

// Provenance says which model was judged by which program on what settings.
type Provenance struct {
	Tool         string `json:"tool"`          // whorl and its version
	ModelVersion string `json:"model_version"` // the file's own version string
	ModelSHA256  string `json:"model_sha256"`  // hex digest of the model file
	SchemaID     string `json:"schema_id"`     // meaning of the comparison vector
	Seed         uint64 `json:"seed"`          // of sampling and bootstrap
	Resamples    int    `json:"resamples"`     // bootstrap resamples behind each interval
	PairCap      int    `json:"pair_cap"`      // sampled pairs per project at most
	WindowDays   int    `json:"window_days"`   // how far back retrieval and replay look
}

// Dataset identifies one golden dataset and its size. Figures of different
// versions of a dataset are never comparable.
type Dataset struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	SHA256       string `json:"sha256"`         // of dataset.json, which holds the digests of all files
	Licence      string `json:"licence"`        // as the dataset declares it
	Protocol     string `json:"label_protocol"` // how labels were made
	Events       int    `json:"events"`         // labelled events judged
	Unlabelled   int    `json:"unlabelled"`     // events without a label, not judged
	Distinct     int    `json:"distinct"`       // events with distinct content, counted per project
	Groups       int    `json:"groups"`
	Projects     int    `json:"projects"`
	Pairs        int    `json:"pairs"`         // pairs judged after sampling
	PairsAll     int64  `json:"pairs_all"`     // pairs there are
	Resampled    string `json:"resampled"`     // unit of the bootstrap: projects or groups
	OverlapTrain int    `json:"overlap_train"` // events whose content also stands in the training data; -1 unknown
}

// Scorer describes one judged scorer.
type Scorer struct {
	Name       string             `json:"name"`
	Kind       string             `json:"kind"`               // model, rule (yes or no) or score
	Tuned      bool               `json:"tuned"`              // settings found on training data
	Settings   map[string]float64 `json:"settings,omitempty"` // by parameter name
	Thresholds map[string]float64 `json:"thresholds"`         // by platform; "" is the fallback
}

// Figure is one number with its uncertainty. The list is unique by all fields
// but value, n, low and high.
type Figure struct {
	Dataset        string   `json:"dataset"`         // golden dataset's name
	DatasetVersion string   `json:"dataset_version"` // golden dataset's version
	Protocol       string   `json:"protocol"`        // pairs, retrieval or replay
	Scorer         string   `json:"scorer"`          // model or the baseline's name
	Slice          string   `json:"slice"`           // all, projects_mean, distinct, or key:value
	Metric         string   `json:"metric"`          // snake case; see package eval for the list
	Value          *float64 `json:"value"`           // null: undefined, n says on how little
	N              int      `json:"n"`               // pairs, queries, events or projects behind the value
	Low            *float64 `json:"low"`             // 95 % bootstrap interval; null where undefined
	High           *float64 `json:"high"`
}

// Difference is the model's figure minus a baseline's, paired on the same
// bootstrap resamples.
type Difference struct {
	Dataset        string  `json:"dataset"`
	DatasetVersion string  `json:"dataset_version"`
	Protocol       string  `json:"protocol"`
	Scorer         string  `json:"scorer"`   // always the model today
	Baseline       string  `json:"baseline"` // what it is compared with
	Slice          string  `json:"slice"`
	Metric         string  `json:"metric"`
	Value          float64 `json:"value"` // scorer minus baseline, on the full data
	Low            float64 `json:"low"`   // 95 % interval of the paired difference
	High           float64 `json:"high"`
	Significant    bool    `json:"significant"` // the interval leaves out 0
}

// Curve is a line to plot.
type Curve struct {
	Dataset        string      `json:"dataset"`
	DatasetVersion string      `json:"dataset_version"`
	Protocol       string      `json:"protocol"`
	Scorer         string      `json:"scorer"`
	Slice          string      `json:"slice"`
	Kind           string      `json:"kind"`   // precision_recall, reliability or threshold_sweep
	Fields         []string    `json:"fields"` // names of a point's numbers, in order
	Points         [][]float64 `json:"points"` // at most 200, in the order of the curve
}

// Training says what the model learned from: counts only, no names.
type Training struct {
	Events        int             `json:"events"`        // allowed events read
	Denied        map[string]int  `json:"denied"`        // rows by reason
	Organisations int             `json:"organisations"` // with at least one mined pair
	Projects      int             `json:"projects"`
	Platforms     []PlatformPairs `json:"platforms"` // by platform name
	Trees         int             `json:"trees"`
	Labels        *LabelledPairs  `json:"labels,omitempty"` // missing: no pairs were given beside the exports
}

// LabelledPairs counts the pairs that people judged (train --labels).
type LabelledPairs struct {
	Same          int `json:"same"`           // learned from
	Different     int `json:"different"`      // learned from
	Denied        int `json:"denied"`         // left out: consent does not cover both events
	Skipped       int `json:"skipped"`        // rows left empty, or unsure
	AgainstGroups int `json:"against_groups"` // of those learned from: the groups of the export say the opposite
	AgainstPairs  int `json:"against_pairs"`  // of those learned from: the pairs of the export say the opposite
}

// PlatformPairs counts what was mined for one platform.
type PlatformPairs struct {
	Platform      string `json:"platform"`
	Events        int    `json:"events"`
	Groups        int    `json:"groups"`
	Organisations int    `json:"organisations"`
	Positives     int    `json:"positives"` // mined pairs of one group
	Negatives     int    `json:"negatives"` // mined pairs of two groups
	Tuning        int    `json:"tuning"`    // pairs set aside for calibration and thresholds
}

// Warning is a reservation that travels with the figures it qualifies.
type Warning struct {
	Dataset string `json:"dataset,omitempty"` // empty: the whole result
	Code    string `json:"code"`              // stable, snake case
	Text    string `json:"text"`              // what it means and what to do
}
