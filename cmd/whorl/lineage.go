package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"whorl/datasets"
	"whorl/internal/atomicfile"
)

// lineage is lineage.json: which data a model was made from, so that "which
// models contain organisation X" has an answer after a withdrawal. Organisations
// stand in it under keyed pseudonyms. It is customer data all the same: it
// stays with the run and never goes into a model file.
type lineage struct {
	Format        string           `json:"format"`
	Purpose       datasets.Purpose `json:"purpose"`
	AsOf          string           `json:"as_of"`
	DataSHA256    string           `json:"data_sha256"` // of the events and labels that were used
	ModelSHA256   string           `json:"model_sha256"`
	Exports       []lineageExport  `json:"exports"`
	PseudonymKey  string           `json:"pseudonym_key"` // SHA-256 of the key, to find the right one
	Organisations []string         `json:"organisations"` // HMAC-SHA256 of each organisation's key, sorted
}

type lineageExport struct {
	ManifestSHA256      string                    `json:"manifest_sha256"`
	Files               []datasets.File           `json:"files"`
	LedgerID            string                    `json:"ledger_id"`
	LedgerHead          string                    `json:"ledger_head"`
	LedgerEntries       int                       `json:"ledger_entries"`
	Rows                int64                     `json:"rows"`
	Allowed             int64                     `json:"allowed"`
	Denied              map[datasets.Reason]int64 `json:"denied"`
	DeniedOrganisations map[datasets.Reason]int   `json:"denied_organisations"`
}

// lineage writes lineage.json.
func (t *training) lineage(w io.Writer) error {
	key, err := t.pseudonymKey()
	if err != nil {
		return err
	}
	fingerprint := sha256.Sum256(key)
	out := lineage{
		Format: "whorl.lineage/1", Purpose: datasets.TrainFingerprinting, AsOf: t.asOf.Format("2006-01-02T15:04:05Z"),
		DataSHA256: t.corpus.digest, ModelSHA256: t.model.Digest(), PseudonymKey: hex.EncodeToString(fingerprint[:]), Organisations: []string{},
	}
	seen := map[string]bool{}
	for i, tally := range t.corpus.tallies {
		x := t.exports[i]
		out.Exports = append(out.Exports, lineageExport{
			ManifestSHA256: x.ManifestSHA256, Files: x.Files(),
			LedgerID: x.Ledger.ID, LedgerHead: x.Ledger.Head, LedgerEntries: len(x.Ledger.Entries),
			Rows: tally.Rows, Allowed: tally.Allowed, Denied: tally.Denied, DeniedOrganisations: tally.DeniedOrganisations,
		})
		for _, organisation := range tally.Organisations {
			if !seen[organisation] {
				seen[organisation] = true
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte("organisation\x00" + organisation))
				out.Organisations = append(out.Organisations, hex.EncodeToString(mac.Sum(nil)))
			}
		}
	}
	slices.Sort(out.Organisations) // any order of the names would give them away
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

// pseudonymVariable is the environment's variable that holds a pseudonym key.
const pseudonymVariable = "WHORL_PSEUDONYM_KEY"

// leastKey is the least length of a pseudonym key in bytes.
const leastKey = 16

// readPseudonymKey returns the key of the pseudonyms: that in the flag's file,
// the environment's value, or the one that an earlier run left beside the run
// directory; nil where there is none.
func readPseudonymKey(path, value, run string) ([]byte, error) {
	if value = strings.TrimSpace(value); path == "" && value != "" {
		if len(value) < leastKey {
			return nil, fmt.Errorf("%s: a pseudonym key needs at least %d bytes", pseudonymVariable, leastKey)
		}
		return []byte(value), nil
	}
	asked := path != ""
	if !asked {
		path = besideRun(run)
	}
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return nil, nil
	case err != nil:
		return nil, withRemedy(err, "name the key's file, or leave --pseudonym-key out for a fresh one")
	}
	if key = []byte(strings.TrimSpace(string(key))); len(key) < leastKey {
		return nil, fmt.Errorf("%s: a pseudonym key needs at least %d bytes", path, leastKey)
	}
	return key, nil
}

// besideRun is where a run leaves a key that it had to make.
func besideRun(run string) string { return run + ".pseudonym-key" }

// pseudonymKey returns the key of the pseudonyms and makes one if there is none.
func (t *training) pseudonymKey() ([]byte, error) {
	if t.secret != nil {
		return t.secret, nil
	}
	key, path := []byte(rand.Text()), besideRun(t.work.final)
	if err := atomicfile.WriteFile(path, append(key, '\n'), 0o600); err != nil {
		return nil, err
	}
	t.secret = key
	t.say("no pseudonym key was given: a fresh one is in %s; keep it apart from the run, it is what answers which models hold an organisation", path)
	return key, nil
}
