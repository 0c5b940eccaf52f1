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
	m := maker{job: j}
	want := []string{"query_stacktrace_string", "candidate_stacktrace_string", "label"}
	return j.files(ctx, hasExtension(".csv"), func(name string, r io.Reader) error {
		return readCSV(name, r, want, func(line int, cells map[string]string) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			j.report.Documents++
			err := m.pair(cells, want, seen)
			if errors.Is(err, datasets.ErrEvent) || errors.Is(err, datasets.ErrLabel) || errors.Is(err, ErrRead) {
				return j.fault(fmt.Sprintf("%s, line %d", name, line), err)
			}
			return err
		})
	})
}

func (m *maker) pair(cells map[string]string, want []string, seen map[[16]byte]bool) error {
	p := datasets.Pair{Confidence: 1, Source: cells["source"]}
	switch label := strings.ToUpper(strings.TrimSpace(cells["label"])); label {
	case "GROUP", "1", "TRUE":
		p.Group = true
	case "SEPARATE", "0", "FALSE":
	default:
		return fmt.Errorf("%w: label %q is neither GROUP nor SEPARATE", ErrRead, label)
	}
	confidence := cells["confidence_score"]
	if confidence == "" {
		confidence = cells["confidence"]
	}
	if confidence != "" {
		c, err := strconv.ParseFloat(confidence, 64)
		if err != nil || !(c >= 0 && c <= 1) {
			return fmt.Errorf("%w: confidence %q is no number from 0 to 1", ErrRead, confidence)
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
			return fmt.Errorf("%w: %s is empty", ErrRead, want[i])
		}
		sum := sha256.Sum256([]byte(project + "\x00" + cells["platform"] + "\x00" + text))
		ids[i] = hex.EncodeToString(sum[:16])
	}
	if ids[0] == ids[1] {
		return fmt.Errorf("%w: both texts are the same", ErrRead)
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
		p := m.prepare("", f)
		if p.err != nil {
			return p.err
		}
		if err := m.row(&p); err != nil {
			return err
		}
		seen[key] = true
	}
	return m.w.WritePair(p)
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
