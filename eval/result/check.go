package result

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Bounds that keep every reader of a result bounded in time and space. They
// are far above what an evaluation makes.
const (
	MaxDatasets = 1000
	MaxScorers  = 200
	MaxPoints   = 200 // of one curve
	maxName     = 1000
)

// Check tells whether r may stand in a result.json:
//
//   - the format is [Format];
//   - every name that identifies something is there, valid UTF-8 and at most
//     1000 bytes;
//   - datasets and scorers are unique by name, and every figure, difference
//     and curve names one of each, in the dataset's version;
//   - figures are unique by all but value, n, low and high; differences and
//     curves likewise;
//   - numbers are finite and counts not negative; an interval has two ends in
//     order, stands only beside a value, and a difference is marked
//     significant exactly when its interval leaves out 0;
//   - a curve has at most [MaxPoints] points of as many numbers as it has fields.
//
// The error wraps [ErrInvalid] or [ErrFormat] and names the first fault.
func (r *Result) Check() error {
	if err := formatError(r.Format); err != nil {
		return err
	}
	c := checker{versions: map[string]string{}, scorers: map[string]bool{}}
	for _, step := range []func(*Result) error{
		c.datasets, c.scorerList, c.figures, c.differences, c.curves, c.training, c.rest,
	} {
		if err := step(r); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

type checker struct {
	versions map[string]string // by dataset name
	scorers  map[string]bool
}

func (c *checker) datasets(r *Result) error {
	if len(r.Datasets) > MaxDatasets {
		return fmt.Errorf("%d datasets, at most %d: split the result", len(r.Datasets), MaxDatasets)
	}
	for i := range r.Datasets {
		d := &r.Datasets[i]
		if err := checkNames("datasets", i, field{"name", d.Name}, field{"version", d.Version}); err != nil {
			return err
		}
		if _, twice := c.versions[d.Name]; twice {
			return fmt.Errorf("datasets[%d]: %.80q is listed twice: judge one version of a dataset in one result", i, d.Name)
		}
		c.versions[d.Name] = d.Version
		if min(d.Events, d.Unlabelled, d.Distinct, d.Groups, d.Projects, d.Pairs) < 0 || d.PairsAll < 0 || d.OverlapTrain < -1 {
			return fmt.Errorf("datasets[%d] %.80q: a count is negative", i, d.Name)
		}
	}
	return nil
}

func (c *checker) scorerList(r *Result) error {
	if len(r.Scorers) > MaxScorers {
		return fmt.Errorf("%d scorers, at most %d: split the result", len(r.Scorers), MaxScorers)
	}
	for i := range r.Scorers {
		s := &r.Scorers[i]
		if err := checkNames("scorers", i, field{"name", s.Name}, field{"kind", s.Kind}); err != nil {
			return err
		}
		if c.scorers[s.Name] {
			return fmt.Errorf("scorers[%d]: %.80q is listed twice", i, s.Name)
		}
		c.scorers[s.Name] = true
		if foldsTwice(s.Settings) || foldsTwice(s.Thresholds) {
			return fmt.Errorf("scorers[%d] %.80q: two settings or two platforms differ in case only", i, s.Name)
		}
		for name, v := range s.Settings {
			if !utf8.ValidString(name) || !finite(v) {
				return fmt.Errorf("scorers[%d] %.80q: setting %.80q is not finite or its name not UTF-8", i, s.Name, name)
			}
		}
		for platform, v := range s.Thresholds {
			if !utf8.ValidString(platform) || !finite(v) {
				return fmt.Errorf("scorers[%d] %.80q: the threshold of platform %.80q is not finite or its name not UTF-8", i, s.Name, platform)
			}
		}
	}
	return nil
}

func (c *checker) figures(r *Result) error {
	seen := make(map[key]struct{}, len(r.Figures))
	for i := range r.Figures {
		f := &r.Figures[i]
		k := f.key()
		if err := c.identity("figures", i, k, "metric"); err != nil {
			return err
		}
		if _, twice := seen[k]; twice {
			return fmt.Errorf("figures[%d]: a second figure for %v", i, k)
		}
		seen[k] = struct{}{}
		if f.N < 0 {
			return fmt.Errorf("figures[%d] %v: n is negative", i, k)
		}
		if !finiteOrNil(f.Value) || !finiteOrNil(f.Low) || !finiteOrNil(f.High) {
			return fmt.Errorf("figures[%d] %v: a number is not finite: leave an undefined value null", i, k)
		}
		if (f.Low == nil) != (f.High == nil) {
			return fmt.Errorf("figures[%d] %v: the interval has one end", i, k)
		}
		if f.Low != nil && (f.Value == nil || *f.Low > *f.High) {
			return fmt.Errorf("figures[%d] %v: the interval has no value, or its ends are in the wrong order", i, k)
		}
	}
	return nil
}

func (c *checker) differences(r *Result) error {
	seen := make(map[key]struct{}, len(r.Differences))
	for i := range r.Differences {
		d := &r.Differences[i]
		k := d.key()
		if err := c.identity("differences", i, k, "metric"); err != nil {
			return err
		}
		if !c.scorers[d.Baseline] || d.Baseline == d.Scorer {
			return fmt.Errorf("differences[%d] %v: the baseline is not another of the scorers", i, k)
		}
		if _, twice := seen[k]; twice {
			return fmt.Errorf("differences[%d]: a second difference for %v", i, k)
		}
		seen[k] = struct{}{}
		if !finite(d.Value) || !finite(d.Low) || !finite(d.High) || d.Low > d.High {
			return fmt.Errorf("differences[%d] %v: a number is not finite, or the interval's ends are in the wrong order", i, k)
		}
		if d.Significant != (d.Low > 0 || d.High < 0) {
			return fmt.Errorf("differences[%d] %v: significant is %t, but the interval is [%v, %v]", i, k, d.Significant, d.Low, d.High)
		}
	}
	return nil
}

func (c *checker) curves(r *Result) error {
	seen := make(map[key]struct{}, len(r.Curves))
	for i := range r.Curves {
		v := &r.Curves[i]
		k := v.key()
		if err := c.identity("curves", i, k, "kind"); err != nil {
			return err
		}
		if _, twice := seen[k]; twice {
			return fmt.Errorf("curves[%d]: a second curve for %v", i, k)
		}
		seen[k] = struct{}{}
		if len(v.Fields) < 2 || len(v.Fields) > 32 {
			return fmt.Errorf("curves[%d] %v: %d fields, not 2 to 32", i, k, len(v.Fields))
		}
		named := map[string]bool{}
		for _, name := range v.Fields {
			if name == "" || len(name) > maxName || !utf8.ValidString(name) || named[name] {
				return fmt.Errorf("curves[%d] %v: a field's name is empty, too long, not UTF-8 or there twice", i, k)
			}
			named[name] = true
		}
		if len(v.Points) > MaxPoints {
			return fmt.Errorf("curves[%d] %v: %d points, at most %d: thin the curve", i, k, len(v.Points), MaxPoints)
		}
		for j, point := range v.Points {
			if len(point) != len(v.Fields) {
				return fmt.Errorf("curves[%d] %v: points[%d] has %d numbers for %d fields", i, k, j, len(point), len(v.Fields))
			}
			for _, number := range point {
				if !finite(number) {
					return fmt.Errorf("curves[%d] %v: points[%d] is not finite", i, k, j)
				}
			}
		}
	}
	return nil
}

func (c *checker) training(r *Result) error {
	t := r.Training
	if t == nil {
		return nil
	}
	if min(t.Events, t.Organisations, t.Projects, t.Trees) < 0 {
		return fmt.Errorf("training: a count is negative")
	}
	if foldsTwice(t.Denied) {
		return fmt.Errorf("training: two reasons of denied rows differ in case only")
	}
	for reason, rows := range t.Denied {
		if reason == "" || !utf8.ValidString(reason) || rows < 0 {
			return fmt.Errorf("training: denied %.80q: the reason is empty or not UTF-8, or the count negative", reason)
		}
	}
	seen := map[string]bool{}
	for i, p := range t.Platforms {
		if seen[p.Platform] || !utf8.ValidString(p.Platform) {
			return fmt.Errorf("training: platforms[%d]: %.80q is listed twice or not UTF-8", i, p.Platform)
		}
		seen[p.Platform] = true
		if min(p.Events, p.Groups, p.Organisations, p.Positives, p.Negatives, p.Tuning) < 0 {
			return fmt.Errorf("training: platforms[%d] %.80q: a count is negative", i, p.Platform)
		}
	}
	return nil
}

func (c *checker) rest(r *Result) error {
	p := &r.Provenance
	if min(p.Resamples, p.PairCap, p.WindowDays) < 0 {
		return fmt.Errorf("provenance: a count is negative")
	}
	if p.Tool == "" {
		return fmt.Errorf("provenance: tool is empty: name the program and its version")
	}
	for i, w := range r.Warnings {
		if w.Code == "" || w.Text == "" {
			return fmt.Errorf("warnings[%d]: the code or the text is empty", i)
		}
	}
	return nil
}

// identity checks the names in k and that they point to what the result lists.
func (c *checker) identity(list string, i int, k key, what string) error {
	if err := checkNames(list, i, field{"dataset", k.dataset}, field{"dataset_version", k.version},
		field{"protocol", k.protocol}, field{"scorer", k.scorer}, field{"slice", k.slice}, field{what, k.what}); err != nil {
		return err
	}
	version, known := c.versions[k.dataset]
	if !known {
		return fmt.Errorf("%s[%d] %v: the dataset is not among the datasets", list, i, k)
	}
	if version != k.version {
		return fmt.Errorf("%s[%d] %v: the dataset is listed with version %.40q", list, i, k, version)
	}
	if !c.scorers[k.scorer] {
		return fmt.Errorf("%s[%d] %v: the scorer is not among the scorers", list, i, k)
	}
	return nil
}

type field struct{ name, value string }

func checkNames(list string, i int, fields ...field) error {
	for _, f := range fields {
		if f.value == "" {
			return fmt.Errorf("%s[%d]: %s is missing or empty", list, i, f.name)
		}
		if len(f.value) > maxName {
			return fmt.Errorf("%s[%d]: %s is longer than %d bytes", list, i, f.name, maxName)
		}
		// Broken UTF-8 would be replaced on the way out, and two names could become one.
		if !utf8.ValidString(f.value) {
			return fmt.Errorf("%s[%d]: %s is not valid UTF-8", list, i, f.name)
		}
	}
	return nil
}

// foldsTwice tells whether two keys differ in case only, which the strict
// reader refuses.
func foldsTwice[V any](m map[string]V) bool {
	folded := make(map[string]bool, len(m))
	for k := range m {
		k = strings.ToLower(strings.ToUpper(k))
		if folded[k] {
			return true
		}
		folded[k] = true
	}
	return false
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func finiteOrNil(v *float64) bool { return v == nil || finite(*v) }
