package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"whorl/internal/atomicfile"
)

// pseudonymKey makes the pseudonyms of a lineage: HMAC-SHA256, in hex. What is
// hashed begins with a word that tells organisations from projects.
type pseudonymKey []byte

// fingerprint names the key without telling it.
func (k pseudonymKey) fingerprint() string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:])
}

func (k pseudonymKey) organisation(id string) string { return k.mac("organisation\x00" + id) }

// project is the pseudonym of a project of an organisation. The length keeps
// the two from being read another way.
func (k pseudonymKey) project(organisation, id string) string {
	return k.mac(fmt.Sprintf("project\x00%d\x00%s%s", len(organisation), organisation, id))
}

func (k pseudonymKey) mac(text string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// pseudonymVariable is the environment's variable that holds a pseudonym key.
const pseudonymVariable = "WHORL_PSEUDONYM_KEY"

// leastKey is the least length of a pseudonym key in bytes.
const leastKey = 16

// parseKey returns the key in a text that came from a file or variable.
func parseKey(source, text string) (pseudonymKey, error) {
	if text = strings.TrimSpace(text); len(text) < leastKey {
		return nil, fmt.Errorf("%s: a pseudonym key needs at least %d bytes", source, leastKey)
	}
	return pseudonymKey(text), nil
}

func readKey(path string) (pseudonymKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseKey(path, string(text))
}

// readPseudonymKey returns the key of the pseudonyms: that in the flag's file,
// the environment's value, or the one that an earlier run left beside the run
// directory; nil where there is none.
func readPseudonymKey(path, value, run string) (pseudonymKey, error) {
	switch {
	case path != "":
		key, err := readKey(path)
		return key, withRemedy(err, "name the key's file, or leave --pseudonym-key out for a fresh one")
	case strings.TrimSpace(value) != "":
		return parseKey(pseudonymVariable, value)
	}
	key, err := readKey(besideRun(run))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// besideRun is where a run leaves a key that it had to make.
func besideRun(run string) string { return run + ".pseudonym-key" }

// pseudonymKey returns the key of the pseudonyms. If none was given it takes that
// of the run that is repeated, nil for none, or makes one, and leaves it beside
// the run.
func (j *job) pseudonymKey(earlier pseudonymKey) (pseudonymKey, error) {
	if j.secret != nil {
		return j.secret, nil
	}
	path := besideRun(j.out)
	key, origin := pseudonymKey(rand.Text()), "a fresh one"
	if earlier != nil {
		key, origin = earlier, "that of the earlier run"
	}
	if err := atomicfile.WriteFile(path, append([]byte(key), '\n'), 0o600); err != nil {
		return nil, err
	}
	j.secret = key
	j.say("no pseudonym key was given: %s is in %s; keep it apart from the run, it is what answers which models hold an organisation", origin, path)
	return key, nil
}
