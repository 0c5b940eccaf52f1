package baseline

import (
	"strings"

	"whorl/eval"
	"whorl/eval/baseline/newstyle"
	"whorl/features"
)

// Static returns the static baseline with further stack trace rules behind the
// built-in ones, as a project has them. Errors wrap ErrSyntax of package rules
// and name the line.
func Static(text string) (eval.Scorer, error) {
	config, err := newstyle.DefaultConfig().With(text)
	if err != nil {
		return nil, err
	}
	return &rule{name: eval.StaticBaseline, start: stateless(func(e *features.Event) []string { return variantKeys(config, e) })}, nil
}

func staticKeys(e *features.Event) []string { return variantKeys(newstyle.DefaultConfig(), e) }

// variantKeys are the hashes of the contributing variants: an event joins a
// group when any of its hashes is known there.
func variantKeys(config *newstyle.Config, e *features.Event) []string {
	variants := config.Variants(e)
	var keys []string
	for i := range variants {
		key := variants[i].Key()
		keys = append(keys, string(key[:]))
	}
	return keys
}

// messageKeys is the type and the parameterised message of the outermost
// exception, or the parameterised log message.
func messageKeys(e *features.Event) []string {
	kind, message := headline(e)
	return joined(kind, features.NormalizeMessage(message))
}

// headline returns the type and the message of the outermost exception, or no
// type and the log message.
func headline(e *features.Event) (kind, message string) {
	message = e.Message
	if n := len(e.Exceptions); n > 0 {
		x := &e.Exceptions[n-1]
		kind = x.Type
		if x.Value != "" {
			message = x.Value
		}
	}
	return kind, message
}

// topFrameKeys is the type of the outermost exception and the application's
// frame nearest the crash: its module, or else the name of its file, and its
// function. The frame is that of the outermost exception with frames, and the
// crashing one where none is the application's. Events without any frame have
// the keys of the message baseline.
func topFrameKeys(e *features.Event) []string {
	for i := len(e.Exceptions) - 1; i >= 0; i-- {
		frames := e.Exceptions[i].Frames
		if len(frames) == 0 {
			continue
		}
		top := &frames[len(frames)-1]
		for k := len(frames) - 1; k >= 0; k-- {
			if frames[k].InApp == features.Yes {
				top = &frames[k]
				break
			}
		}
		return joined(e.Exceptions[len(e.Exceptions)-1].Type, owner(top), top.Function)
	}
	return messageKeys(e)
}

// owner returns where a frame's function stands.
func owner(f *features.Frame) string {
	if f.Module != "" {
		return f.Module
	}
	path := f.Filename
	if path == "" {
		path = f.AbsPath
	}
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// joined returns one key of its parts, or none when all are empty.
func joined(parts ...string) []string {
	for _, part := range parts {
		if part != "" {
			return []string{strings.Join(parts, "\x00")}
		}
	}
	return nil
}
