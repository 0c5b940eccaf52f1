package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"whorl/datasets"
	"whorl/internal/strictjson"
)

// lineageFormat is the format of lineage.json. Version 1 had organisations
// without their projects, and no directories.
const lineageFormat = "whorl.lineage/2"

// maxLineageBytes bounds a lineage: some millions of projects.
const maxLineageBytes = 512 << 20

// Names of files in a run directory that other verbs look for.
const (
	lineageFile = "lineage.json"
	modelFile   = "model.safetensors"
)

// lineage is lineage.json: which data a model was made from, or settings were
// found on, so that "which models contain organisation X" has an answer after a
// withdrawal.
// Organisations and projects stand in it under keyed pseudonyms. It is customer
// data all the same: it stays with the run and never goes into a model file.
type lineage struct {
	Format              string           `json:"format"`
	Purpose             datasets.Purpose `json:"purpose"`
	AsOf                string           `json:"as_of"`
	DataSHA256          string           `json:"data_sha256"`  // of the events and labels that were used
	ModelSHA256         string           `json:"model_sha256"` // empty for settings that tune found
	ModelVersion        string           `json:"model_version"`
	SettingsSHA256      string           `json:"settings_sha256,omitempty"` // of the config.yaml that tune found; missing: a model
	AllowProjectOverlap bool             `json:"allow_project_overlap"`     // of training and golden data
	Exports             []lineageExport  `json:"exports"`
	Golden              []lineageGolden  `json:"golden"`
	Labels              []lineageInput   `json:"labels,omitempty"`      // of --labels; their events are of the exports
	PseudonymKey        string           `json:"pseudonym_key"`         // SHA-256 of the key, to find the right one
	StackRules          *lineageInput    `json:"stack_rules,omitempty"` // that frames went through; missing: none
}

// lineageInput is a file that a run was given beside its data.
type lineageInput struct {
	File   string `json:"file"` // as it was given
	SHA256 string `json:"sha256"`
}

// lineageExport is one export and what was used of it.
type lineageExport struct {
	Dir                 string                    `json:"dir"` // as it was given
	ManifestSHA256      string                    `json:"manifest_sha256"`
	Files               []datasets.File           `json:"files"`
	LedgerID            string                    `json:"ledger_id"`
	LedgerHead          string                    `json:"ledger_head"` // of the ledger that judged, be it the export's or a newer one
	LedgerEntries       int64                     `json:"ledger_entries"`
	AcceptPolicies      []string                  `json:"accept_policies"` // under which a grant counted
	Rows                int64                     `json:"rows"`
	Allowed             int64                     `json:"allowed"`
	Denied              map[datasets.Reason]int64 `json:"denied"`
	DeniedOrganisations map[datasets.Reason]int   `json:"denied_organisations"`
	Organisations       []lineageOrganisation     `json:"organisations"` // those with allowed events, by pseudonym
}

// lineageOrganisation is an organisation and its projects with allowed events.
type lineageOrganisation struct {
	Pseudonym string   `json:"pseudonym"`
	Projects  []string `json:"projects"` // pseudonyms, sorted
}

// lineageGolden is one golden dataset that the model was judged on.
type lineageGolden struct {
	Dir     string `json:"dir"` // as it was given
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of dataset.json, which names all digests
}

// lineage writes lineage.json.
func (t *training) lineage(w io.Writer) error {
	var earlier pseudonymKey
	if t.earlier != nil {
		earlier = t.earlier.key
	}
	out, err := t.sources(earlier)
	if err != nil {
		return err
	}
	out.ModelSHA256, out.ModelVersion, out.AllowProjectOverlap = t.model.Digest(), t.model.Version(), t.command.Overlap
	for _, g := range t.golden {
		out.Golden = append(out.Golden, lineageGolden{Dir: g.source.Dir, Name: g.source.Name, Version: g.source.Version, SHA256: g.source.DescriptionSHA256})
	}
	if t.answers != nil {
		for _, f := range t.answers.files {
			out.Labels = append(out.Labels, lineageInput{File: f.path, SHA256: f.sha256})
		}
	}
	return out.write(w)
}

// sources returns a lineage that says which data the job used, under the
// pseudonym key that was given or the one of an earlier run.
func (j *job) sources(earlier pseudonymKey) (*lineage, error) {
	key, err := j.pseudonymKey(earlier)
	if err != nil {
		return nil, err
	}
	out := &lineage{
		Format: lineageFormat, Purpose: datasets.TrainFingerprinting, AsOf: j.asOf.Format(time.RFC3339),
		DataSHA256: j.corpus.digest, PseudonymKey: key.fingerprint(), Golden: []lineageGolden{},
	}
	if j.rules != nil {
		out.StackRules = &lineageInput{File: j.rules.file, SHA256: j.rules.digest}
	}
	for i, tally := range j.corpus.tallies {
		x := j.exports[i]
		policies := j.config.policies()
		if policies == nil {
			policies = []string{x.PolicyVersion}
		}
		out.Exports = append(out.Exports, lineageExport{
			Dir: x.Dir, ManifestSHA256: x.ManifestSHA256, Files: x.Files(),
			LedgerID: x.Ledger.ID, LedgerHead: x.Ledger.Head, LedgerEntries: int64(len(x.Ledger.Entries)), AcceptPolicies: policies,
			Rows: tally.Rows, Allowed: tally.Allowed, Denied: tally.Denied, DeniedOrganisations: tally.DeniedOrganisations,
			Organisations: pseudonyms(key, j.corpus.used[i]),
		})
	}
	return out, nil
}

func (l *lineage) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(l)
}

// pseudonyms hides the names of organisations and their projects.
func pseudonyms(key pseudonymKey, used map[string]map[string]bool) []lineageOrganisation {
	out := []lineageOrganisation{}
	for organisation, projects := range used {
		o := lineageOrganisation{Pseudonym: key.organisation(organisation), Projects: []string{}}
		for project := range projects {
			o.Projects = append(o.Projects, key.project(organisation, project))
		}
		slices.Sort(o.Projects) // any order of the names would give them away
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b lineageOrganisation) int { return cmp.Compare(a.Pseudonym, b.Pseudonym) })
	return out
}

// organisations returns the pseudonyms of all organisations, sorted.
func (l *lineage) organisations() []string {
	all := map[string]bool{}
	for _, x := range l.Exports {
		for _, o := range x.Organisations {
			all[o.Pseudonym] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// readLineage reads the lineage of a run directory. It does not follow a
// symbolic link, so that a run speaks for itself.
func readLineage(run string) (*lineage, error) {
	path := filepath.Join(run, lineageFile)
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file; put the file itself in its place", path)
	case info.Size() > maxLineageBytes:
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxLineageBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	l, err := parseLineage(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parseLineage decodes and checks a lineage. Errors name the key.
func parseLineage(data []byte) (*lineage, error) {
	var head struct {
		Format string `json:"format"`
	}
	// The format alone first: the error for another one is not its first unknown key.
	if json.Unmarshal(data, &head) == nil && head.Format != lineageFormat && strings.HasPrefix(head.Format, "whorl.lineage/") {
		return nil, fmt.Errorf("format %.40q is not the %q of this version; train again, or use the version that wrote it", head.Format, lineageFormat)
	}
	var l lineage
	if err := strictjson.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("no lineage that train wrote: %w", err)
	}
	if l.Format != lineageFormat {
		return nil, fmt.Errorf("format is %.40q, not %q", l.Format, lineageFormat)
	}
	if _, err := datasets.ParsePurpose(string(l.Purpose)); err != nil {
		return nil, fmt.Errorf("purpose: %w", err)
	}
	if _, err := time.Parse(time.RFC3339, l.AsOf); err != nil {
		return nil, errors.New("as_of is no RFC 3339 time")
	}
	tuned := l.SettingsSHA256 != ""
	switch {
	case len(l.Exports) == 0 || len(l.Golden) == 0 && !tuned:
		return nil, errors.New("exports or golden is missing or empty")
	case tuned && (len(l.Golden) > 0 || l.ModelSHA256 != "" || l.ModelVersion != ""):
		return nil, errors.New("settings_sha256 stands beside a model or golden datasets")
	}
	digests := []struct{ key, value string }{
		{"data_sha256", l.DataSHA256}, {"model_sha256", l.ModelSHA256}, {"pseudonym_key", l.PseudonymKey},
	}
	if tuned {
		digests[1] = struct{ key, value string }{"settings_sha256", l.SettingsSHA256}
	}
	if r := l.StackRules; r != nil {
		if r.File == "" {
			return nil, errors.New("stack_rules.file is missing")
		}
		digests = append(digests, struct{ key, value string }{"stack_rules.sha256", r.SHA256})
	}
	for i, f := range l.Labels {
		if f.File == "" {
			return nil, fmt.Errorf("labels[%d].file is missing", i)
		}
		digests = append(digests, struct{ key, value string }{fmt.Sprintf("labels[%d].sha256", i), f.SHA256})
	}
	for i := range l.Exports {
		x, name := &l.Exports[i], fmt.Sprintf("exports[%d]", i)
		digests = append(digests, struct{ key, value string }{name + ".manifest_sha256", x.ManifestSHA256}, struct{ key, value string }{name + ".ledger_head", x.LedgerHead})
		switch {
		case x.Dir == "":
			return nil, fmt.Errorf("%s.dir is missing", name)
		case x.LedgerEntries < 1:
			return nil, fmt.Errorf("%s.ledger_entries is %d; a ledger without entries lets nothing in", name, x.LedgerEntries)
		case x.Allowed < 1 || x.Rows < x.Allowed:
			return nil, fmt.Errorf("%s: %d allowed of %d rows", name, x.Allowed, x.Rows)
		case len(x.Organisations) == 0:
			return nil, fmt.Errorf("%s.organisations is missing or empty", name)
		}
		denied := int64(0)
		for reason, n := range x.Denied {
			if n < 0 || n > x.Rows {
				return nil, fmt.Errorf("%s.denied.%.40s is out of range", name, reason)
			}
			denied += n
		}
		if denied != x.Rows-x.Allowed {
			return nil, fmt.Errorf("%s: %d rows, but %d allowed and %d denied", name, x.Rows, x.Allowed, denied)
		}
		for _, o := range x.Organisations {
			if !digestPattern.MatchString(o.Pseudonym) || len(o.Projects) == 0 {
				return nil, fmt.Errorf("%s.organisations: a pseudonym is no SHA-256 in lower-case hex, or its projects are missing", name)
			}
			for _, p := range o.Projects {
				if !digestPattern.MatchString(p) {
					return nil, fmt.Errorf("%s.organisations: a project's pseudonym is no SHA-256 in lower-case hex", name)
				}
			}
		}
	}
	for i, g := range l.Golden {
		if g.Dir == "" || g.Name == "" || g.Version == "" {
			return nil, fmt.Errorf("golden[%d]: dir, name or version is missing", i)
		}
		digests = append(digests, struct{ key, value string }{fmt.Sprintf("golden[%d].sha256", i), g.SHA256})
	}
	for _, d := range digests {
		if !digestPattern.MatchString(d.value) {
			return nil, fmt.Errorf("%s is no SHA-256 in lower-case hex", d.key)
		}
	}
	return &l, nil
}
