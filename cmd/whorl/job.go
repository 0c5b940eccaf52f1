package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"whorl/datasets"
	"whorl/features"
	"whorl/internal/atomicfile"
	"whorl/train"
)

// settingsFlags say where to and under which settings: embed them in every verb
// that works on exports towards a run directory.
type settingsFlags struct {
	Out    string  `required:"" placeholder:"DIR" help:"Run directory to create."`
	Config string  `placeholder:"FILE" help:"Settings as YAML; a run's config.yaml names every key and its default."`
	Seed   *uint64 `placeholder:"N" help:"Seed of everything random; default 1, or the configuration's."`
	AsOf   string  `name:"as-of" placeholder:"TIME" help:"Judge consent as of this time (RFC 3339); default now."`
}

// jobFlags are the other flags of such a verb.
type jobFlags struct {
	ledgerFlags
	readFlags
	rulesFlag
	Key      string `name:"pseudonym-key" placeholder:"FILE" help:"Key for the pseudonyms of organisations and projects in lineage.json; default $WHORL_PSEUDONYM_KEY, else a fresh key beside the run."`
	Replace  bool   `help:"Replace the run directory if it exists."`
	Restart  bool   `help:"Do not resume an interrupted run of the same inputs and settings."`
	Progress bool   `negatable:"" default:"true" help:"Show progress bars on a terminal."`
}

// job is work on consented training data towards a run directory: what train
// and tune have in common.
type job struct {
	env     *environment
	flags   *jobFlags
	config  *config
	rules   *stackRules // nil: none
	asOf    time.Time
	out     string
	kept    []string // files that the run directory is to hold
	stage   func(string, int, int)
	started time.Time
	secret  pseudonymKey // nil: one is to be made

	exports []*datasets.Export
	corpus  *corpus
	work    *work
}

// newJob reads what the flags name and checks the destination, which is to hold
// the kept files.
func newJob(env *environment, settings *settingsFlags, flags *jobFlags, exports int, kept []string) (*job, error) {
	j := &job{env: env, flags: flags, out: filepath.Clean(settings.Out), kept: kept}
	var err error
	if j.asOf, err = env.asOf(settings.AsOf); err != nil {
		return nil, err
	}
	if j.rules, err = flags.rulesFlag.read(); err != nil {
		return nil, err
	}
	if j.config, err = readConfig(settings.Config); err != nil {
		return nil, err
	}
	if settings.Seed != nil {
		j.config.Seed = *settings.Seed
	}
	if exports > maxExports {
		return nil, usageError{fmt.Errorf("--export is given %d times; at most %d", exports, maxExports)}
	}
	if err := checkRun(j.out, flags.Replace, kept); err != nil {
		return nil, err
	}
	if !flags.Progress {
		env.progress = nil
	}
	j.stage, j.started = env.stages(), env.now()
	j.secret, err = readPseudonymKey(flags.Key, env.getenv(pseudonymVariable), j.out)
	return j, err
}

// readTraining reads the events that consent lets in, and the answers about
// their pairs; nil: none.
func (j *job) readTraining(ctx context.Context, guard *datasets.Guard, answers *answers) error {
	var err error
	j.corpus, err = readCorpus(ctx, corpusReading{
		exports: j.exports, guard: guard, answers: answers, stack: j.rules.rules(), progress: j.stage,
		options: j.flags.options(j.env, datasets.Options{
			Purpose: datasets.TrainFingerprinting, AsOf: j.asOf, AcceptPolicies: j.config.policies(),
		}),
	})
	return err
}

// openWork opens the run directory in the making.
func (j *job) openWork(key string) error {
	var err error
	if j.work, err = openWork(j.out, key, j.kept, j.flags.Restart); err != nil {
		return err
	}
	if j.work.resumed() {
		j.say("resuming after: %s", strings.Join(j.work.done(), ", "))
	}
	return nil
}

// finish puts the run directory in place.
func (j *job) finish() error {
	existing := atomicfile.Refuse
	if j.flags.Replace {
		existing = atomicfile.Replace
	}
	if err := j.work.finish(existing); err != nil {
		return j.work.abandon(err)
	}
	j.env.progress.Close()
	return nil
}

// say tells the user where the run is, with the time since its start.
func (j *job) say(format string, args ...any) {
	fmt.Fprintf(j.env.progress.Writer(j.env.stderr), "%6.1fs  %s\n", j.env.now().Sub(j.started).Seconds(), fmt.Sprintf(format, args...))
}

// allowed counts the events that consent let in, and all.
func (j *job) allowed() (allowed, rows int64) {
	for _, tally := range j.corpus.tallies {
		allowed, rows = allowed+tally.Allowed, rows+tally.Rows
	}
	return allowed, rows
}

// writeInputs writes what every stage depends on, for a key: the program, the
// data, the rules and the settings. The as-of time is not part of it: what it
// let in is.
func (j *job) writeInputs(w io.Writer) {
	fmt.Fprintln(w, version, features.SchemaID, executableDigest(), j.corpus.digest, j.rules.sha256())
	w.Write(j.resolved())
	for _, x := range j.exports { // they stand in the model's provenance
		fmt.Fprintln(w, x.ManifestSHA256, x.Ledger.Head)
	}
}

// resolved returns the configuration as YAML, every key named.
func (j *job) resolved() []byte {
	settings, err := j.config.write()
	if err != nil {
		panic(err) // a struct of plain fields
	}
	return settings
}

// unfit adds the remedy to the error of a fit that found too little.
func (j *job) unfit(err error) error {
	if !errors.Is(err, train.ErrNoPositive) && !errors.Is(err, train.ErrNoNegative) {
		return err
	}
	remedy := "add labelled events"
	if j.config.Study.Organisations > 0 || len(j.config.Study.WithoutPlatforms) > 0 {
		remedy += ", or let study in the configuration leave out less"
	}
	return fmt.Errorf("%s: %w among %d labelled events of %d projects: %s", dirs(j.exports), err, j.labelled(), len(j.corpus.training.Projects), remedy)
}

// labelled counts the events that have a group.
func (j *job) labelled() int {
	n := 0
	for _, p := range j.corpus.training.Projects {
		for _, g := range p.Groups {
			if g != train.NoGroup {
				n++
			}
		}
	}
	return n
}

// executableDigest hashes the running program, so that a changed binary does
// not go on with another's work. It is empty where the program cannot be read.
func executableDigest() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// maxExports keeps a model file's provenance, which names each export's
// manifest and ledger, within its bounds.
const maxExports = 29

// asOf parses --as-of; empty means now.
func (env *environment) asOf(s string) (time.Time, error) {
	if s == "" {
		return env.now().UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("--as-of %q is no RFC 3339 time such as 2026-01-31T00:00:00Z", s)}
	}
	return t.UTC(), nil
}
