package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"whorl/internal/strictjson"
)

// MaxBytes bounds a result.json that Read accepts.
const MaxBytes = 256 << 20

// Causes of a refusal, to tell apart with errors.Is.
var (
	ErrFormat   = errors.New("not a " + Format + " file")
	ErrNewer    = errors.New("written by a newer whorl")
	ErrTooLarge = fmt.Errorf("larger than %d MiB", MaxBytes>>20)
	ErrInvalid  = errors.New("invalid result")
)

// Write checks r as [Result.Check] does and writes it as indented JSON with a
// trailing newline, in the order that the fields' comments state: the same
// bytes for the same content, whatever order the figures arose in. r itself is
// left as it is. Angle brackets and ampersands are written as \u escapes, so
// that the text is harmless inside a page.
func Write(w io.Writer, r *Result) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	data, err := json.MarshalIndent(sorted(r), "", "  ")
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if len(data) >= MaxBytes {
		return fmt.Errorf("write result: %w: judge fewer datasets or slices in one result", ErrTooLarge)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Read reads a result of this format from r and checks it as [Result.Check]
// does. It refuses more than [MaxBytes], another or a newer format, duplicate
// or unknown keys, a missing list and anything after the value.
func Read(r io.Reader) (*Result, error) {
	data, err := readAtMost(r, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return Parse(data)
}

// readAtMost returns all of r, or [ErrTooLarge] when that is more than limit bytes.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, ErrTooLarge
	}
	return data, nil
}

// Parse is [Read] for bytes already in memory.
func Parse(data []byte) (*Result, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("read result: %w", ErrTooLarge)
	}
	// The format comes before strictness: a newer file has unknown fields, and
	// naming one of them would hide the true cause.
	if err := checkFormat(data); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	var r Result
	if err := strictjson.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if err := checkLists(&r); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return &r, nil
}

// checkFormat looks at the top level's "format" alone.
func checkFormat(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	var head struct {
		Format *string `json:"format"`
	}
	if err := dec.Decode(&head); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if head.Format == nil {
		return fmt.Errorf("%w: it has no format", ErrFormat)
	}
	return formatError(*head.Format)
}

// formatError returns nil for [Format] itself.
func formatError(format string) error {
	if format == Format {
		return nil
	}
	family, own, _ := strings.Cut(Format, "/")
	if name, number, ok := strings.Cut(format, "/"); ok && name == family {
		ownNumber, _ := strconv.ParseUint(own, 10, 32)
		if n, err := strconv.ParseUint(number, 10, 32); err == nil && n > ownNumber {
			return fmt.Errorf("format %.80q is %w than this one, which reads %s: update whorl", format, ErrNewer, Format)
		}
	}
	return fmt.Errorf("%w: its format is %.80q", ErrFormat, format)
}

// checkLists refuses a file in which a list is absent or null: Write always
// writes it, so the file was cut or edited, and an absent list would read as
// "no figures" or, worse, as "no warnings".
func checkLists(r *Result) error {
	for _, list := range []struct {
		name   string
		absent bool
	}{
		{"datasets", r.Datasets == nil},
		{"scorers", r.Scorers == nil},
		{"figures", r.Figures == nil},
		{"differences", r.Differences == nil},
		{"curves", r.Curves == nil},
		{"warnings", r.Warnings == nil},
	} {
		if list.absent {
			return fmt.Errorf("%w: %q is missing: write the result anew with whorl eval", ErrInvalid, list.name)
		}
	}
	return nil
}

// sorted returns a copy of r in the order of the format, with empty lists and
// maps where r has nil. Elements are shared with r, not copied.
func sorted(r *Result) *Result {
	out := *r
	out.Datasets = copied(r.Datasets)
	slices.SortFunc(out.Datasets, func(a, b Dataset) int { return strings.Compare(a.Name, b.Name) })
	out.Scorers = copied(r.Scorers)
	for i := range out.Scorers {
		if out.Scorers[i].Thresholds == nil {
			out.Scorers[i].Thresholds = map[string]float64{}
		}
	}
	out.Figures = copied(r.Figures)
	slices.SortFunc(out.Figures, func(a, b Figure) int { return a.key().compare(b.key()) })
	out.Differences = copied(r.Differences)
	slices.SortFunc(out.Differences, func(a, b Difference) int { return a.key().compare(b.key()) })
	out.Curves = copied(r.Curves)
	for i := range out.Curves {
		if out.Curves[i].Points == nil {
			out.Curves[i].Points = [][]float64{}
		}
	}
	slices.SortFunc(out.Curves, func(a, b Curve) int { return a.key().compare(b.key()) })
	out.Warnings = copied(r.Warnings)
	if r.Training != nil {
		training := *r.Training
		if training.Denied == nil {
			training.Denied = map[string]int{}
		}
		training.Platforms = copied(training.Platforms)
		slices.SortFunc(training.Platforms, func(a, b PlatformPairs) int { return strings.Compare(a.Platform, b.Platform) })
		out.Training = &training
	}
	return &out
}

// copied returns a copy of list that is never nil.
func copied[T any](list []T) []T { return append([]T{}, list...) }
