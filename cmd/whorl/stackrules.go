package main

import (
	"fmt"
	"io"
	"os"

	"whorl/features/rules"
	"whorl/model"
)

// maxRulesBytes bounds a file of stack trace rules: some ten thousand.
const maxRulesBytes = 1 << 20

// rulesFlag is the flag of every verb that makes records of events: embed it,
// and read the file with read.
type rulesFlag struct {
	StackRules string `name:"stack-rules" placeholder:"FILE" help:"Stack trace rules that frames go through before features are made of them: those that a model is trained under are given wherever it is used."`
}

// stackRules is a file of rules that was read; nil stands for none.
type stackRules struct {
	file, digest string
	set          *rules.Set
}

// read reads the file of the flag, nil without one.
func (f *rulesFlag) read() (*stackRules, error) {
	if f.StackRules == "" {
		return nil, nil
	}
	text, err := readRules(f.StackRules)
	if err != nil {
		return nil, err
	}
	set, err := rules.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.StackRules, err)
	}
	return &stackRules{file: f.StackRules, digest: rules.Digest(text), set: set}, nil
}

// readRules reads the text of a file of rules.
func readRules(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", withRemedy(err, "name a file of stack trace rules")
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRulesBytes+1))
	if err != nil {
		return "", withRemedy(err, "name a file of stack trace rules")
	}
	if len(text) > maxRulesBytes {
		return "", fmt.Errorf("%s has more than %d bytes: name a file of stack trace rules", path, maxRulesBytes)
	}
	return string(text), nil
}

// rules returns what an extractor takes.
func (r *stackRules) rules() *rules.Set {
	if r == nil {
		return nil
	}
	return r.set
}

// sha256 names the rules; "" without any.
func (r *stackRules) sha256() string {
	if r == nil {
		return ""
	}
	return r.digest
}

// checkModel refuses rules other than those that the model at path was trained
// under: it would be shown records that it never learned to judge.
func (r *stackRules) checkModel(path string, m *model.Model) error {
	want, got := m.StackRules(), r.sha256()
	switch {
	case want == got:
		return nil
	case got == "":
		return fmt.Errorf("%s was trained under stack trace rules: give the file of SHA-256 %s with --stack-rules", path, want)
	case want == "":
		return fmt.Errorf("%s was trained without stack trace rules: leave --stack-rules out, or train a model under %s", path, r.file)
	}
	return fmt.Errorf("%s was trained under other stack trace rules than %s: give the file of SHA-256 %s, this one's is %s", path, r.file, want, got)
}
