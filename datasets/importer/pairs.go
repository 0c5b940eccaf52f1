package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"whorl/datasets"
	"whorl/datasets/importer/stacktrace"
	"whorl/features"
)

// readPairsCSV reads pairs as grouping-trainer keeps them: two stack traces as
// text, and whether they are one problem. Equal texts of one project are one
// event; that takes 16 bytes of memory for each.
func readPairsCSV(ctx context.Context, j *job) error {
	if !j.Golden {
		return fmt.Errorf("%w: %s makes a golden dataset, not an export", ErrOptions, PairsCSV)
	}
	seen := map[[16]byte]bool{}
	want := []string{"query_stacktrace_string", "candidate_stacktrace_string", "label"}
	return j.files(ctx, hasExtension(".csv"), func(name string, r io.Reader) error {
		return readCSV(name, r, want, func(line int, cells map[string]string) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			j.report.Documents++
			if err := j.pair(cells, want, seen); err != nil {
				var s *stop
				if errors.As(err, &s) {
					return s.err
				}
				return j.fault(fmt.Sprintf("%s, line %d", name, line), err)
			}
			return nil
		})
	})
}

func (j *job) pair(cells map[string]string, want []string, seen map[[16]byte]bool) error {
	p := datasets.Pair{Confidence: 1, Source: cells["source"]}
	switch label := strings.ToUpper(strings.TrimSpace(cells["label"])); label {
	case "GROUP", "1", "TRUE":
		p.Group = true
	case "SEPARATE", "0", "FALSE":
	default:
		return fmt.Errorf("label %q is neither GROUP nor SEPARATE", label)
	}
	confidence := cells["confidence_score"]
	if confidence == "" {
		confidence = cells["confidence"]
	}
	if confidence != "" {
		c, err := strconv.ParseFloat(confidence, 64)
		if err != nil || !(c >= 0 && c <= 1) {
			return fmt.Errorf("confidence %q is no number from 0 to 1", confidence)
		}
		p.Confidence = c
	}
	if p.Source == "" {
		p.Source = "pairs-csv"
	}
	project := cells["project_id"]
	var ids [2]string
	for i, text := range [...]string{cells[want[0]], cells[want[1]]} {
		if strings.TrimSpace(text) == "" {
			return fmt.Errorf("%s is empty", want[i])
		}
		sum := sha256.Sum256([]byte(project + "\x00" + cells["platform"] + "\x00" + text))
		ids[i] = hex.EncodeToString(sum[:16])
	}
	if ids[0] == ids[1] {
		return errors.New("both texts are the same")
	}
	p.A, p.B = ids[0], ids[1]
	for i, text := range [...]string{cells[want[0]], cells[want[1]]} {
		key := [16]byte([]byte(must(hex.DecodeString(ids[i]))))
		if seen[key] {
			continue
		}
		f := found{stack: strings.Clone(text), event: features.Event{
			ID: ids[i], ProjectID: strings.Clone(project), Platform: strings.Clone(cells["platform"]),
			Time: value{firstOf(cells, "timestamp", "created_at", "date")}.time(),
		}}
		if x, ok := parseShown(f.stack); ok {
			f.event.Exceptions = x
		}
		if err := j.add("", &f); err != nil {
			if errors.Is(err, datasets.ErrEvent) || errors.Is(err, ErrRead) {
				return err
			}
			return &stop{err}
		}
		seen[key] = true
	}
	if err := j.w.WritePair(p); err != nil {
		if errors.Is(err, datasets.ErrLabel) {
			return err
		}
		return &stop{err}
	}
	return nil
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func firstOf(cells map[string]string, names ...string) string {
	for _, n := range names {
		if cells[n] != "" {
			return cells[n]
		}
	}
	return ""
}

// parseShown reads the form in which Sentry's models are shown a trace, of any
// platform: a head "Type: value", then for each frame, oldest first, a line
//
//	File "name", function name
//
// with the source line below it. Python prints "in" and a line number instead;
// for such a text ok is false.
func parseShown(text string) (exceptions []features.Exception, ok bool) {
	var x *features.Exception
	inFrame := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if rest, is := strings.CutPrefix(trimmed, `File "`); is {
			file, function, is := strings.Cut(rest, `", function `)
			if is {
				if x == nil {
					exceptions = append(exceptions, features.Exception{})
					x = &exceptions[len(exceptions)-1]
				}
				if len(x.Frames) < stacktrace.MaxFrames {
					x.Frames = append(x.Frames, features.Frame{Filename: file, Function: function})
				}
				ok, inFrame = true, true
				continue
			}
		}
		if line != strings.TrimLeft(line, " \t") && inFrame { // indented
			if f := &x.Frames[len(x.Frames)-1]; f.ContextLine == "" {
				f.ContextLine = trimmed
			}
			continue
		}
		if x == nil || inFrame { // a new head
			if len(exceptions) == stacktrace.MaxExceptions {
				break
			}
			inFrame = false
			typ, val, has := strings.Cut(trimmed, ": ")
			if !has {
				typ, val = strings.TrimSuffix(trimmed, ":"), ""
			}
			exceptions = append(exceptions, features.Exception{Type: typ, Value: val})
			x = &exceptions[len(exceptions)-1]
			continue
		}
		x.Value += "\n" + trimmed
	}
	return exceptions, ok
}
