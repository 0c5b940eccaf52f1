package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"whorl/datasets"
)

// withdrawalsCommand answers which models a withdrawal reaches.
type withdrawalsCommand struct {
	Ledger []string `required:"" sep:"none" placeholder:"FILE" help:"Newest consent ledger; repeat for several."`
	Runs   string   `required:"" placeholder:"DIR" help:"Folder that holds the run directories, at any depth; links in it are not followed."`
	Head   []string `sep:"none" placeholder:"SHA256" help:"Hash of the ledger's last line, to prove that none is missing; repeat for several ledgers."`
	Days   int      `default:"30" placeholder:"N" help:"Days from a withdrawal until a model must be retired or trained again (default ${default})."`
	AsOf   string   `name:"as-of" placeholder:"TIME" help:"Judge as of this time (RFC 3339); default now."`
	Accept []string `name:"accept-policy" placeholder:"LIST" help:"Further policy versions under which a later grant gives data back; those of each run count anyway."`
	Key    []string `name:"pseudonym-key" sep:"none" placeholder:"FILE" help:"Key of pseudonyms; repeat for several. $WHORL_PSEUDONYM_KEY and the keys beside the runs are tried too."`
	State  string   `placeholder:"DIR" help:"Folder that remembers the newest ledger seen; an older or rewritten one is refused."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

// Help is shown below the flags' summary.
func (*withdrawalsCommand) Help() string {
	return "The exit status is 0 if no run holds withdrawn data, and 1 if one does or if that could not be answered for one. " +
		"A run leaves the list when its directory leaves the folder."
}

// mostDays bounds --days.
const mostDays = 3650

// withdrawalReport is what the verb prints as JSON.
type withdrawalReport struct {
	AsOf    string           `json:"as_of"`
	Days    int              `json:"days"`
	Ledgers []reportedLedger `json:"ledgers"`
	Checked int              `json:"runs_checked"`
	Runs    []reachedRun     `json:"runs"` // those that hold withdrawn data or could not be answered, by path
}

type reportedLedger struct {
	Path    string `json:"path"`
	Entries int    `json:"entries"`
	Head    string `json:"head"`
}

// reachedRun is a run that holds withdrawn data, or for which that is not
// known, or both: a run may have several exports.
type reachedRun struct {
	Run            string           `json:"run"`
	ModelSHA256    string           `json:"model_sha256"` // empty if the lineage cannot be read, and for settings
	ModelVersion   string           `json:"model_version"`
	SettingsSHA256 string           `json:"settings_sha256,omitempty"` // of settings that tune found; missing: a model
	Withdrawn      []withdrawnShare `json:"withdrawn"`                 // by deadline
	Unknown        []string         `json:"unknown"`                   // why it could not be answered, and what to do
}

// made returns the version and digest of what the run made.
func (r *reachedRun) made() (version, digest string) {
	if r.SettingsSHA256 != "" {
		return "(settings)", r.SettingsSHA256
	}
	return r.ModelVersion, r.ModelSHA256
}

// withdrawnShare is the data of a run that one withdrawal reaches.
type withdrawnShare struct {
	Organisation          string    `json:"organisation"` // as the ledger names it
	OrganisationPseudonym string    `json:"organisation_pseudonym"`
	Project               string    `json:"project"` // empty: the whole organisation withdrew
	ProjectPseudonym      string    `json:"project_pseudonym"`
	Projects              int       `json:"projects"` // of the run that it reaches
	Ledger                string    `json:"ledger"`
	LedgerSeq             int64     `json:"ledger_seq"` // line of the withdrawal
	WithdrawnAt           time.Time `json:"withdrawn_at"`
	Deadline              time.Time `json:"deadline"` // for retiring the model or training it again
	Overdue               bool      `json:"overdue"`
	Regranted             bool      `json:"regranted"` // a later grant stands, but does not give this data back
}

// Run lists the runs.
func (c *withdrawalsCommand) Run(ctx context.Context, env *environment) error {
	asOf, err := env.asOf(c.AsOf)
	if err != nil {
		return err
	}
	if c.Days < 0 || c.Days > mostDays {
		return usageError{fmt.Errorf("--days is %d; it must lie in [0,%d]", c.Days, mostDays)}
	}
	a := &answerer{asOf: asOf, days: c.Days, accept: c.Accept, keys: map[string]pseudonymKey{}}
	if err := c.readLedgers(a); err != nil {
		return err
	}
	for _, path := range c.Key {
		key, err := readKey(path)
		if err != nil {
			return withRemedy(err, "name a file that holds a key of pseudonyms")
		}
		a.addKey(key)
	}
	if value := env.getenv(pseudonymVariable); strings.TrimSpace(value) != "" {
		key, err := parseKey(pseudonymVariable, value)
		if err != nil {
			return err
		}
		a.addKey(key)
	}
	runs, err := findRuns(ctx, c.Runs)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if key, err := readKey(besideRun(r.path)); err == nil {
			a.addKey(key)
		}
	}
	report := &withdrawalReport{AsOf: asOf.Format(time.RFC3339), Days: c.Days, Ledgers: []reportedLedger{}, Checked: len(runs), Runs: []reachedRun{}}
	for _, l := range a.ledgers {
		report.Ledgers = append(report.Ledgers, reportedLedger{l.path, len(l.Entries), l.Head})
	}
	stage := env.stages()
	for i, r := range runs {
		if err := ctx.Err(); err != nil {
			return err
		}
		answer, err := a.run(r)
		if err != nil {
			return err
		}
		if len(answer.Withdrawn)+len(answer.Unknown) > 0 {
			report.Runs = append(report.Runs, *answer)
		}
		stage("reading lineages", i+1, len(runs))
	}
	env.progress.Close()
	if err := c.see(a, env.stderr); err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.writeText(env.stdout, c.Runs)
	}
	if err != nil {
		return err
	}
	return report.verdict()
}

// readLedgers reads the ledgers, each once, and holds them against --head.
func (c *withdrawalsCommand) readLedgers(a *answerer) error {
	heads := map[string]bool{}
	for _, head := range c.Head {
		if !digestPattern.MatchString(head) {
			return usageError{fmt.Errorf("--head %.80q is no SHA-256 in lower-case hex", head)}
		}
		heads[head] = false
	}
	for _, path := range c.Ledger {
		l, err := datasets.ReadLedger(path)
		if err != nil {
			return withRemedy(err, "name a consent ledger's file")
		}
		if err := l.CheckAsOf(a.asOf); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, ok := heads[l.Head]; !ok && len(c.Head) > 0 {
			return fmt.Errorf("%s: %w: %d entries and the head %s, which is not that of --head: lines are missing or were added; take the newest ledger and its head", path, datasets.ErrLedger, len(l.Entries), l.Head)
		}
		heads[l.Head] = true
		for _, other := range a.ledgers {
			if l.Holds(int64(len(other.Entries)), other.Head) || other.Holds(int64(len(l.Entries)), l.Head) {
				return fmt.Errorf("%s and %s: %w: one goes on from the other: give the newer alone", other.path, path, datasets.ErrLedger)
			}
		}
		a.ledgers = append(a.ledgers, &namedLedger{Ledger: l, path: path, ids: map[string]bool{}, purposes: map[datasets.Purpose]*datasets.Withdrawals{}})
	}
	for _, head := range c.Head {
		if !heads[head] {
			return fmt.Errorf("--head %s: %w: no ledger has this head; take the newest ledger", head, datasets.ErrLedger)
		}
	}
	return nil
}

// see holds the ledgers against the state folder. A ledger's file does not say
// its id: the runs that were judged by it do, and the markers that it holds.
func (c *withdrawalsCommand) see(a *answerer, stderr io.Writer) error {
	if c.State == "" {
		return nil
	}
	state, err := datasets.OpenState(c.State)
	if err != nil {
		return err
	}
	for _, l := range a.ledgers {
		known, empty, err := state.IDs(l.Ledger)
		if err != nil {
			return fmt.Errorf("%s: %w", l.path, err)
		}
		for _, id := range known {
			l.ids[id] = true
		}
		if len(l.ids) == 0 && !empty {
			return fmt.Errorf("%s: %w: neither a run nor the state folder %s knows a ledger that it goes on from: it was cut, rewritten, or is another's; take the newest ledger",
				l.path, datasets.ErrLedger, c.State)
		}
		if len(l.ids) == 0 {
			fmt.Fprintf(stderr, "whorl: %s: no run tells the ledger's id, so that %s remembers nothing of it\n", l.path, c.State)
		}
		for _, id := range slices.Sorted(maps.Keys(l.ids)) {
			if err := state.See(id, l.Ledger); err != nil {
				return fmt.Errorf("%s: %w", l.path, err)
			}
		}
	}
	return nil
}

// verdict is nil if no run is reached and all could be answered.
func (r *withdrawalReport) verdict() error {
	withdrawn, overdue, unknown := r.count()
	var parts []string
	if withdrawn > 0 {
		part := fmt.Sprintf("%d of %d runs hold withdrawn data", withdrawn, r.Checked)
		if overdue > 0 {
			part += fmt.Sprintf(", %d of them past the deadline", overdue)
		}
		part += ": retire them, or repeat them with \"whorl train --retrain\""
		if slices.ContainsFunc(r.Runs, func(run reachedRun) bool { return len(run.Withdrawn) > 0 && run.SettingsSHA256 != "" }) {
			part += ", settings with \"whorl tune\""
		}
		parts = append(parts, part)
	}
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d could not be answered: do what the list says of each", unknown, r.Checked))
	}
	if parts == nil {
		return nil
	}
	return errors.New(strings.Join(parts, "; "))
}

func (r *withdrawalReport) count() (withdrawn, overdue, unknown int) {
	for _, run := range r.Runs {
		if len(run.Withdrawn) > 0 {
			withdrawn++
		}
		if slices.ContainsFunc(run.Withdrawn, func(s withdrawnShare) bool { return s.Overdue }) {
			overdue++
		}
		if len(run.Unknown) > 0 {
			unknown++
		}
	}
	return withdrawn, overdue, unknown
}

// writeText writes the list as a table, one withdrawal of a run a line.
func (r *withdrawalReport) writeText(w io.Writer, dir string) error {
	if r.Checked == 0 {
		_, err := fmt.Fprintf(w, "no run below %s\n", printable(dir))
		return err
	}
	withdrawn, _, unknown := r.count()
	if withdrawn > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "RUN\tVERSION\tMODEL\tORGANISATION\tPROJECT\tPSEUDONYM\tWITHDRAWN\tDEADLINE\t")
		for _, run := range r.Runs {
			version, digest := run.made()
			for _, s := range run.Withdrawn {
				project, pseudonym, note := "(all)", s.OrganisationPseudonym, ""
				if s.Project != "" {
					project, pseudonym = printable(s.Project), s.ProjectPseudonym
				}
				if s.Overdue {
					note = "overdue"
				}
				if s.Regranted {
					note = strings.TrimPrefix(note+", granted again, but not for this data", ", ")
				}
				fmt.Fprintf(t, "%s\t%s\t%.12s\t%s\t%s\t%.12s\t%s\t%s\t%s\n", printable(run.Run), printable(version), digest,
					printable(s.Organisation), project, pseudonym, s.WithdrawnAt.Format(time.RFC3339), s.Deadline.Format(time.RFC3339), note)
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, run := range r.Runs {
		for _, why := range run.Unknown {
			if _, err := fmt.Fprintf(w, "unknown  %s: %s\n", printable(run.Run), oneLine(why)); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%d runs as of %s: %d hold withdrawn data, %d could not be answered\n", r.Checked, r.AsOf, withdrawn, unknown)
	return err
}

// printable quotes text unless it is plain: names come from data.
func printable(s string) string {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return fmt.Sprintf("%+q", s)
		}
	}
	return s
}
