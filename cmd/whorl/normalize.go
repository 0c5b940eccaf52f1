package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"whorl/datasets/importer"
	"whorl/features"
	"whorl/features/rules"
)

// normalizeCommand shows normalisation at work.
type normalizeCommand struct {
	What     string `arg:"" enum:"message,function,event" help:"What each line of standard input is: message, function or event."`
	Platform string `default:"native" placeholder:"NAME" help:"Platform of functions; default native."`
	Model    bool   `help:"For functions: the model's normal form, not that of the static rules."`
	rulesFlag

	stack *stackRules
}

// Help explains the verb.
func (*normalizeCommand) Help() string {
	return `Reads lines and prints a line for each: the result and, after a tab, the rules that
applied, with commas. Tabs and line ends of a result are written \t and \n.

  message   the parameterised text that the static rules group by; rules: the kinds of
            parameters found, in order
  function  the name that the static rules group by; rules: trimmed. With --model the
            owner and the name that the model compares; rules: what it knows of the frame
  event     one JSON object with the columns of an export; the types, the message, and
            the model's normal form of each frame, the crashing one first; rules: the
            kinds of parameters, and what the model knows of the frames. Under --stack-rules
            frames that they leave out are missing, and "left-out" or "kept" tell of them`
}

// Run normalises.
func (c *normalizeCommand) Run(ctx context.Context, env *environment) error {
	if c.StackRules != "" && c.What != "event" {
		return usageError{errors.New("--stack-rules is about the frames of events: normalize event takes it")}
	}
	var err error
	if c.stack, err = c.read(); err != nil {
		return err
	}
	in := bufio.NewReaderSize(env.stdin, 1<<16)
	out := bufio.NewWriter(env.stdout)
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("standard input: %w", err)
		}
		if line == "" {
			return out.Flush()
		}
		result, applied, fault := c.normalize(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		if fault != nil {
			out.Flush()
			return fmt.Errorf("standard input, line %d: %w", n, fault)
		}
		fmt.Fprintf(out, "%s\t%s\n", oneField.Replace(result), strings.Join(applied, ","))
		if in.Buffered() == 0 { // whoever types sees the answer
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// oneField writes a text into one field of one line.
var oneField = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`)

func (c *normalizeCommand) normalize(line string) (result string, applied []string, err error) {
	switch c.What {
	case "message":
		result, applied = normalMessage(line)
	case "function":
		if c.Model {
			result, applied = normalFrame(features.ParsePlatform(c.Platform), &features.Frame{Function: line})
			return result, applied, nil
		}
		if result = rules.TrimFunction(c.Platform, line); result != line {
			applied = []string{"trimmed"}
		}
	default:
		var e *features.Event
		if e, err = importer.ParseEvent([]byte(line)); err == nil {
			result, applied = normalEvent(e, c.stack.rules())
		}
	}
	return result, applied, err
}

// normalMessage returns a message as the static rules have it, and the kinds
// of parameters in it.
func normalMessage(s string) (text string, kinds []string) {
	for _, slot := range features.ScanMessage(nil, s, features.Newstyle) {
		kinds = append(kinds, slot.Family.String())
	}
	return features.NormalizeMessage(s), kinds
}

// normalFrame returns owner and function, with a colon between.
func normalFrame(platform features.Platform, f *features.Frame) (string, []string) {
	n := features.NormalizeFrame(platform, f)
	return frameLine(n), n.Marks
}

func frameLine(n features.NormalFrame) string {
	if n.Owner == "" {
		return n.Function
	}
	return n.Owner + ":" + n.Function
}

// normalEvent returns types, message and frames, with bars between, under rules
// (nil: none).
func normalEvent(e *features.Event, stack *rules.Set) (string, []string) {
	var types, frames, marks []string
	message := e.Message
	for _, x := range e.Exceptions {
		types = append(types, x.Type)
		if x.Value != "" {
			message = x.Value
		}
	}
	for _, n := range features.NormalizeFrames(e, stack) {
		if !slices.Contains(n.Marks, features.MarkLeftOut) {
			frames = append(frames, frameLine(n))
		}
		marks = append(marks, n.Marks...)
	}
	text, kinds := normalMessage(message)
	slices.Sort(marks)
	return strings.Join(types, " > ") + " | " + text + " | " + strings.Join(frames, " < "), slices.Concat(kinds, slices.Compact(marks))
}
