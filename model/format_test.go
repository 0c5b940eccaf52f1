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
	names := []string{
		keyFormat, keyVersion, keySchema, keyFeatures, keyPrecision, keyThreshold, keyThreshold + ".<platform>", keyProvenance + "<key>", keyDigest,
		tensorCalibration + "<platform>" + suffixSigmoid, tensorCalibration + "<platform>" + suffixPiecewise, fallbackName,
		tensorMargins, tensorProbabilities, tensorVectors, tensorBase, tensorFeature, tensorLeft, tensorMissing, tensorRoots, tensorThreshold, tensorValue,
	}
	for name := range sentinels {
		names = append(names, name)
	}
	for _, name := range names {
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
