package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whorl/internal/exporttest"
)

func TestManifestRefuses(t *testing.T) {
	file := func(m map[string]any, i int) map[string]any { return m["files"].([]any)[i].(map[string]any) }
	ledger := func(m map[string]any) map[string]any { return m["consent_ledger"].(map[string]any) }
	tests := []struct {
		name   string
		change func(m map[string]any)
		err    error
		says   string
	}{
		{"format", func(m map[string]any) { m["format"] = "parquet" }, ErrManifest, "format"},
		{"newer format", func(m map[string]any) { m["format"] = "whorl.export/2" }, ErrManifest, "newer"},
		{"no created_at", func(m map[string]any) { delete(m, "created_at") }, ErrManifest, "created_at"},
		{"created_at", func(m map[string]any) { m["created_at"] = "today" }, ErrManifest, "created_at"},
		{"no policy", func(m map[string]any) { m["policy_version"] = " " }, ErrManifest, "policy_version"},
		{"no ledger", func(m map[string]any) { delete(m, "consent_ledger") }, ErrLedger, "consent_ledger"},
		{"ledger id", func(m map[string]any) { ledger(m)["id"] = "" }, ErrManifest, "consent_ledger.id"},
		{"ledger entries", func(m map[string]any) { ledger(m)["entries"] = -1 }, ErrManifest, "entries"},
		{"ledger head", func(m map[string]any) { ledger(m)["head"] = strings.Repeat("A", 64) }, ErrManifest, "head"},
		{"ledger path", func(m map[string]any) { ledger(m)["path"] = "../ledger" }, ErrManifest, "consent_ledger.path"},
		{"more entries", func(m map[string]any) { ledger(m)["entries"] = 2 }, ErrLedger, "1 entries"},
		{"fewer entries", func(m map[string]any) { ledger(m)["entries"] = 0 }, ErrLedger, "1 entries"},
		{"other head", func(m map[string]any) { ledger(m)["head"] = strings.Repeat("a", 64) }, ErrLedger, "head"},
		{"no files", func(m map[string]any) { m["files"] = []any{} }, ErrManifest, "role events"},
		{"no events", func(m map[string]any) { m["files"] = m["files"].([]any)[2:] }, ErrManifest, "role events"},
		{"role", func(m map[string]any) { file(m, 0)["role"] = "event" }, ErrManifest, `"event"`},
		{"no rows", func(m map[string]any) { delete(file(m, 0), "rows") }, ErrManifest, "rows"},
		{"rows", func(m map[string]any) { file(m, 0)["rows"] = -1 }, ErrManifest, "rows"},
		{"no bytes", func(m map[string]any) { delete(file(m, 0), "bytes") }, ErrManifest, "bytes"},
		{"sha256", func(m map[string]any) { file(m, 0)["sha256"] = "abc" }, ErrManifest, "sha256"},
		{"other sha256", func(m map[string]any) { file(m, 0)["sha256"] = strings.Repeat("0", 64) }, ErrFile, "sha256"},
		{"other bytes", func(m map[string]any) { file(m, 0)["bytes"] = 7 }, ErrFile, "says 7"},
		{"twice", func(m map[string]any) { file(m, 1)["path"] = file(m, 0)["path"] }, ErrManifest, "twice"},
		{"twice in case", func(m map[string]any) { file(m, 1)["path"] = strings.ToUpper(file(m, 0)["path"].(string)) }, ErrManifest, "twice"},
		{"the ledger", func(m map[string]any) { file(m, 0)["path"] = "consent-ledger.jsonl" }, ErrManifest, "twice"},
		{"unknown field", func(m map[string]any) { m["consent"] = true }, ErrManifest, `"consent"`},
		{"case variant", func(m map[string]any) { m["Policy_Version"] = "x" }, ErrManifest, "Policy_Version"},
		{"unknown field below", func(m map[string]any) { file(m, 0)["size"] = 1 }, ErrManifest, "size"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := writeSmall(t)
			exporttest.Edit(t, dir, tt.change)
			_, err := OpenExport(dir)
			wantError(t, err, tt.err, dir, tt.says)
		})
	}
}

func TestManifestText(t *testing.T) {
	dir, _ := writeSmall(t)
	path := filepath.Join(dir, "manifest.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"duplicate key": strings.Replace(string(good), "{", `{"policy_version": "2020-01",`, 1),
		"trailing data": string(good) + "{}",
		"array":         "[" + string(good) + "]",
		"null":          "null",
		"empty":         "",
		"bad UTF-8":     strings.Replace(string(good), `"test"`, "\"te\xffst\"", 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenExport(dir)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err = OpenExport(filepath.Join(dir, "nowhere"))
	wantError(t, err, ErrManifest, "nowhere", "manifest.json")
}

func TestCheckPath(t *testing.T) {
	for _, ok := range []string{"a", "events.parquet", "2026/05/events-0.parquet", "date=2026-05-01/part-0.snappy.parquet", "A_b"} {
		if err := checkPath(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "../x", "a/../b", "a/..", "/a", "a/", "a//b", "./a", "-a", ".a", "a/.b", `a\b`, "a b", "a\x00", "C:a", "a\n", "é",
		strings.Repeat("a", 129), strings.Repeat("a/", 8) + "a", "a..b", "con:", "~a", "$a",
	} {
		if checkPath(bad) == nil {
			t.Errorf("%q is allowed", bad)
		}
	}
}

func TestGoldenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(m map[string]any)
		says   string
	}{
		{"format", func(m map[string]any) { m["format"] = ExportFormat }, "format"},
		{"newer", func(m map[string]any) { m["format"] = "whorl.golden/9" }, "newer"},
		{"name", func(m map[string]any) { m["name"] = "" }, "name"},
		{"version", func(m map[string]any) { delete(m, "version") }, "version"},
		{"basis", func(m map[string]any) { delete(m, "consent_basis") }, "consent_basis"},
		{"ledger", func(m map[string]any) { m["consent_ledger"] = map[string]any{} }, "consent_ledger"},
		{"files", func(m map[string]any) { delete(m, "files") }, "events"},
	} {
		dir := t.TempDir()
		exporttest.WriteGolden(t, dir, exporttest.Rows(someEvents(2)...), nil, exporttest.Options{})
		if _, err := OpenGolden(dir); err != nil {
			t.Fatal(err)
		}
		exporttest.Edit(t, dir, tt.change)
		_, err := OpenGolden(dir)
		wantError(t, err, ErrManifest, filepath.Join(dir, "dataset.json"), tt.says)
	}
	_, err := OpenGolden("sample/export")
	wantError(t, err, ErrManifest, "dataset.json")
}
