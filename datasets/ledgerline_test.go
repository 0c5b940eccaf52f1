package datasets

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whorl/internal/exporttest"
)

const plainLine = `{"seq":1,"org_id":"a","project_id":null,"purpose":"generative_ai","action":"grant","policy_version":"1","covers_earlier_events":true,` +
	`"effective_at":"2026-03-01T00:00:00Z","recorded_at":"2026-03-01T00:00:00Z","expires_at":"2027-03-01T00:00:00Z","prev":"00"}`

// Lines as usual writers write them take the short way, and both ways read
// the same.
func TestPlainLines(t *testing.T) {
	sample, err := os.ReadFile("sample/export/consent-ledger.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	written, _ := exporttest.LedgerBytes(t, []exporttest.Entry{
		exporttest.GrantEntry("a", "generative_ai"), exporttest.WithdrawEntry("b", "review_content", "2026-03-01T00:00:00Z"),
	})
	lines := bytes.Split(bytes.TrimSpace(append(sample, written...)), []byte("\n"))
	spaced := strings.NewReplacer(`":`, `": `, `,"`, `, "`, "}", " }").Replace(plainLine)
	lines = append(lines, []byte(plainLine), []byte(spaced), []byte(" { } "[:3]+plainLine[1:]))
	for _, text := range lines {
		var s lineScanner
		got, ok := s.plain(text)
		if !ok {
			t.Errorf("not plain: %s", text)
			continue
		}
		var want line
		if err := decodeObject(text, &want); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

func TestOtherLinesTakeTheLongWay(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(plainLine, old, new, 1) }
	for _, text := range []string{
		"", "{", "{}", "[]", "null", plainLine[:len(plainLine)-1], plainLine + "}", plainLine + "x", plainLine + "\r",
		edit(`"a"`, `"a\u0062"`), edit(`"a"`, `"ä"`), edit(`"a"`, "\"\t\""), edit(`"a"`, `7`), edit(`"a"`, `null`), edit(`"a"`, "\"\xff\""),
		edit(`"seq":1`, `"seq":01`), edit(`"seq":1`, `"seq":1.0`), edit(`"seq":1`, `"seq":-1`), edit(`"seq":1`, `"seq":99999999999999999999`), edit(`"seq":1`, `"seq":"1"`),
		edit(`"seq":1`, `"seq":1,"seq":1`), edit(`"org_id":"a"`, `"org_id":"a","org_id":"a"`), edit(`"org_id":"a"`, `"Org_id":"a"`), edit(`"org_id":"a"`, `"org_id":"a","x":1`),
		edit(`null`, `null,"project_id":null`), edit(`null`, `null,"project_id":"p"`), edit(`null`, `"p","project_id":null`), edit(`null`, `nullx`), edit(`null`, `{}`),
		edit(`true`, `truex`), edit(`true`, `True`), edit(`true`, `true,"covers_earlier_events":false`), edit(`,`, `,,`), edit(`{`, `{,`), edit(`:`, `::`), edit(`}`, `,}`),
	} {
		var s lineScanner
		if raw, ok := s.plain([]byte(text)); ok && raw != (line{}) {
			t.Errorf("plain: %s", text)
		}
	}
}

// What the short way accepts, the strict decoder accepts with the same values.
func FuzzLedgerLine(f *testing.F) {
	f.Add([]byte(plainLine))
	f.Add([]byte(strings.Replace(plainLine, "null", `"p"`, 1)))
	f.Add([]byte(strings.Replace(plainLine, "null", `null,"project_id":null`, 1)))
	f.Add([]byte(strings.Replace(plainLine, `"a"`, `"a\n"`, 1)))
	f.Add([]byte(`{"seq": 2, "prev" : "0" }`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s lineScanner
		got, ok := s.plain(text)
		if !ok {
			return
		}
		var want line
		if err := decodeObject(text, &want); err != nil {
			t.Fatalf("the strict decoder refuses it: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
