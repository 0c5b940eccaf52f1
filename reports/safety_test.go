package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"whorl/eval/result"
)

// pages are the HTML forms of results tame and hostile.
func pages(t *testing.T) map[string]string {
	return map[string]string{
		"single":  rendered(t, "html", []*result.Result{fixture("2026.2", 0)}, Options{}),
		"several": rendered(t, "html", several(), Options{}),
		"hostile": rendered(t, "html", []*result.Result{hostile()}, Options{Title: hostilePayload, Labels: []string{hostilePayload}}),
	}
}

// allowed are the elements and attributes that a page consists of. Nothing in
// it loads, runs or sends anything.
var (
	allowedElements = set("html head meta title style body a header h1 h2 h3 h4 p div dl dt dd span ul li nav main section strong small code" +
		" table caption thead tbody tr th td figure svg g desc rect line text circle path footer")
	allowedAttributes = set("lang charset http-equiv content name class href id role aria-label aria-labelledby aria-hidden tabindex scope colspan" +
		" viewBox x y x1 y1 x2 y2 cx cy r d dy width height transform")
	inPage = regexp.MustCompile(`^#[a-z0-9-]+$`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

func TestHTMLConsistsOfHarmlessElementsOnly(t *testing.T) {
	for name, page := range pages(t) {
		t.Run(name, func(t *testing.T) {
			d := xml.NewDecoder(strings.NewReader(page))
			d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
			ids, targets := map[string]int{}, map[string]bool{}
			elements := 0
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				switch token := token.(type) {
				case xml.Comment:
					t.Errorf("a comment: %s", token)
				case xml.ProcInst:
					t.Errorf("a processing instruction: %s", token.Inst)
				case xml.StartElement:
					elements++
					if !allowedElements[token.Name.Local] {
						t.Errorf("element <%s>", token.Name.Local)
					}
					for _, a := range token.Attr {
						if !allowedAttributes[a.Name.Local] {
							t.Errorf("attribute %s of <%s>", a.Name.Local, token.Name.Local)
						}
						switch a.Name.Local {
						case "id":
							ids[a.Value]++
						case "href":
							if !inPage.MatchString(a.Value) {
								t.Errorf("a link that leaves the page: %q", a.Value)
							}
							targets[strings.TrimPrefix(a.Value, "#")] = true
						case "aria-labelledby":
							for _, id := range strings.Fields(a.Value) {
								targets[id] = true
							}
						}
					}
				}
			}
			if elements < 500 {
				t.Errorf("only %d elements: was the page cut?", elements)
			}
			for id, n := range ids {
				if n > 1 {
					t.Errorf("id %q stands %d times", id, n)
				}
			}
			for target := range targets {
				if ids[target] == 0 {
					t.Errorf("nothing has the id %q", target)
				}
			}
		})
	}
}

func TestHTMLFetchesNothing(t *testing.T) {
	for name, page := range pages(t) {
		for _, sign := range []string{"<script", "<img", "<link", "<iframe", "<object", "<embed", "<base", "<form", "@import", "url(", "<!--", "{{"} {
			// Inside text a hostile string may say these words; as markup they need a
			// bare <, which only the page's own elements have, or stand in the style.
			text := page
			if !strings.HasPrefix(sign, "<") {
				text = page[strings.Index(page, "<style>"):strings.Index(page, "</style>")]
			}
			if strings.Contains(text, sign) {
				t.Errorf("%s: %q", name, sign)
			}
		}
		if name != "hostile" && (strings.Contains(page, "http:") || strings.Contains(page, "https:")) {
			t.Errorf("%s: an address", name)
		}
	}
}

func TestPolicyAllowsTheStyleAndNothingElse(t *testing.T) {
	for name, page := range pages(t) {
		_, rest, _ := strings.Cut(page, "<style>")
		style, _, found := strings.Cut(rest, "</style>")
		if !found || len(style) < 1000 {
			t.Fatalf("%s: no style", name)
		}
		sum := sha256.Sum256([]byte(style))
		policy := `content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'"`
		if strings.Count(page, policy) != 1 {
			t.Errorf("%s: the policy is not %s", name, policy)
		}
		if strings.Index(page, policy) > strings.Index(page, "<style>") {
			t.Errorf("%s: the policy comes after the style", name)
		}
	}
}

func TestHostileStringsAreNeutralInEveryForm(t *testing.T) {
	results, options := []*result.Result{hostile()}, Options{Title: hostilePayload, Labels: []string{hostilePayload}}
	for _, form := range renderers {
		out := rendered(t, form.ext, results, options)
		for i, r := range out {
			if r != '\n' && r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%s: %U at byte %d: %q", form.ext, r, i, out[max(0, i-40):i+4])
			}
		}
		if !strings.Contains(out, `\u202e`) {
			t.Errorf("%s: the override is not shown", form.ext)
		}
	}
	page := rendered(t, "md", results, options)
	for _, sign := range []string{"<script", "<img", "<!--", "[l](", "**b**", "https:", "www.", "</"} {
		if strings.Contains(page, sign) {
			t.Errorf("md: %q", sign)
		}
	}
	if bytes.Contains([]byte(strings.ReplaceAll(page, "<br>", "")), []byte("<")) {
		t.Error("md: a < that is not a line break")
	}
}

var unescapedPipe = regexp.MustCompile(`(^|[^\\])(\\\\)*\|`)

// Every row of a Markdown table has as many cells as its heading, whatever the
// strings in it hold.
func TestMarkdownTablesKeepTheirShape(t *testing.T) {
	for _, results := range [][]*result.Result{{fixture("2026.2", 0)}, several(), {hostile()}} {
		page := rendered(t, "md", results, Options{})
		want, tables := 0, 0
		for _, line := range strings.Split(page, "\n") {
			if !strings.HasPrefix(line, "|") {
				want = 0
				continue
			}
			got := len(unescapedPipe.FindAllString(line, -1))
			if want == 0 {
				want = got
				tables++
			}
			if got != want {
				t.Errorf("%d cells where the heading has %d: %s", got, want, line)
			}
		}
		if tables < 8 {
			t.Errorf("%d tables", tables)
		}
	}
}

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"  a \t\r\n b  ", "a b"},
		{"a\u00a0b\u2003c\u2028d", "a b c d"},
		{"a\x00b", `a\u0000b`},
		{"\x1b[31m", `\u001b[31m`},
		{"a\u202eb\u2066c\u200fd\u061ce", `a\u202eb\u2066c\u200fd\u061ce`},
		{"zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`},
		{"tag\U000E0041", `tag\U000e0041`},
		{"bad\xffutf8\xc3", "bad\uFFFDutf8\uFFFD"},
		{"naïve 日本 🙂", "naïve 日本 🙂"},
		{"123456789012345", "123456789012…"},
		{"exactly12chr", "exactly12chr"},
	} {
		limit := 100
		if strings.ContainsAny(tt.in, "12") {
			limit = 12
		}
		if got := clean(tt.in, limit); got != tt.want {
			t.Errorf("clean(%q, %d) = %q, want %q", tt.in, limit, got, tt.want)
		}
	}
	if got := name("\t "); got != "(blank)" {
		t.Errorf("a blank name is %q", got)
	}
}

func TestEscapeMarkdown(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain text, 97 %", "plain text, 97 %"},
		{"few_projects", "few_projects"},
		{"_em_ a_", `\_em\_ a\_`},
		{"__init__", `\_\_init\_\_`},
		{"a|b", `a\|b`},
		{`a\|b`, `a\\\|b`},
		{"`code` *b* ~s~", "\\`code\\` \\*b\\* \\~s\\~"},
		{"[l](x)", `[l\](x)`},
		{"[l][x]: [^1] [49.1, 61.1]", `[l\][x\]: \[^1] [49.1, 61.1]`},
		{"<b>&amp;", "&lt;b&gt;&amp;amp;"},
		{"https://x WWW.y", `https\://x WWW\.y`},
		{"# h", `\# h`},
		{"- item", `\- item`},
		{"1. item", `1\. item`},
		{"1.5 of", "1.5 of"},
	} {
		if got := escapeMarkdown(tt.in); got != tt.want {
			t.Errorf("escapeMarkdown(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// FuzzRender renders whatever reads as a result: it must not panic, and the
// page must stay free of foreign elements.
func FuzzRender(f *testing.F) {
	for _, r := range []*result.Result{fixture("2026.2", 0), hostile(), {Format: result.Format, Provenance: result.Provenance{Tool: "w"}}} {
		var b bytes.Buffer
		if err := result.Write(&b, r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	extreme := []byte(`{"format":"whorl.result/1","provenance":{"tool":"w"},"datasets":[{"name":"d","version":"1"}],"scorers":[{"name":"b","kind":"score"},{"name":"model","kind":"model"}],` +
		`"figures":[{"dataset":"d","dataset_version":"1","protocol":"replay","scorer":"model","slice":"all","metric":"clusters","value":-1e308,"low":-1e308,"high":1e308},` +
		`{"dataset":"d","dataset_version":"1","protocol":"replay","scorer":"b","slice":"all","metric":"bcubed_f1","value":1e308},` +
		`{"dataset":"d","dataset_version":"1","protocol":"replay","scorer":"model","slice":"all","metric":"bcubed_f1","value":-1e308},` +
		`{"dataset":"d","dataset_version":"1","protocol":"pairs","scorer":"model","slice":":","metric":"roc_auc"}],` +
		`"differences":[],"curves":[{"dataset":"d","dataset_version":"1","protocol":"pairs","scorer":"model","slice":"all","kind":"reliability","fields":["mean_score","share_group"],"points":[[-5,1e300]]}],"warnings":[]}`)
	if _, err := result.Parse(extreme); err != nil {
		f.Fatal(err)
	}
	f.Add(extreme)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := result.Parse(data)
		if err != nil {
			return
		}
		for _, results := range [][]*result.Result{{r}, {r, r}} {
			for _, form := range renderers {
				out := rendered(t, form.ext, results, Options{})
				if form.ext == "html" && strings.Contains(out, "<script") {
					t.Fatal("a script")
				}
				for _, c := range out {
					if c != '\n' && c != ' ' && !unicode.IsPrint(c) {
						t.Fatalf("%s: %U", form.ext, c)
					}
				}
			}
		}
	})
}
