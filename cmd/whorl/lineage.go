package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
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
	Organisations []string         `json:"organisations"` // HMAC-SHA256 of each organisation's key, sorted as the organisations are
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
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

// pseudonymKey returns the key of the pseudonyms: the flag's file, the
// environment's value, or a fresh one that is left beside the run.
func (t *training) pseudonymKey() ([]byte, error) {
	const least = 16
	path, value := t.command.Key, t.env.getenv("WHORL_PSEUDONYM_KEY")
	switch {
	case path != "":
		key, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if key = []byte(strings.TrimSpace(string(key))); len(key) < least {
			return nil, fmt.Errorf("%s: a pseudonym key needs at least %d bytes", path, least)
		}
		return key, nil
	case value != "":
		if len(value) < least {
			return nil, fmt.Errorf("WHORL_PSEUDONYM_KEY: a pseudonym key needs at least %d bytes", least)
		}
		return []byte(value), nil
	}
	path = strings.TrimSuffix(t.work.final, "/") + ".pseudonym-key"
	key := []byte(rand.Text())
	if err := atomicfile.WriteFile(path, append(key, '\n'), 0o600); err != nil {
		return nil, err
	}
	t.say("no pseudonym key was given: a fresh one is in %s; keep it apart from the run, it is what answers which models hold an organisation", path)
	return key, nil
}
