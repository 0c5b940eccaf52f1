package model

import (
	"os"
	"strings"
	"testing"
)

// TestFormatIsDocumented: FORMAT.md names every error, key and tensor.
func TestFormatIsDocumented(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	list := []string{
		keyFormat, keyVersion, keySchema, keyFeatures, keyPrecision, keyThreshold, keyThreshold + ".<platform>", keyProvenance + "<key>", keyDigest,
		keyGroups, keyJoin, keyJoin + ".<platform>", GroupSchemaID, fallbackName,
	}
	for _, n := range []*names{pairNames, groupNames} {
		list = append(list, n.calibration+"<platform>"+suffixSigmoid, n.calibration+"<platform>"+suffixPiecewise,
			n.margins, n.probabilities, n.vectors, n.base, n.feature, n.left, n.missing, n.roots, n.threshold, n.value)
	}
	for name := range sentinels {
		list = append(list, name)
	}
	for _, name := range list {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("FORMAT.md does not name `%s`", name)
		}
	}
	for _, pattern := range []string{versionPattern.String(), provenanceKeyPattern.String(), provenanceValuePattern.String()} {
		if !strings.Contains(string(text), "`"+pattern+"`") {
			t.Errorf("FORMAT.md does not state %s", pattern)
		}
	}
}
