package features

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func subtokens(s string) (parts []string) {
	eachSubtoken(nil, s, func(p []byte) { parts = append(parts, string(p)) })
	return parts
}

func TestEachSubtoken(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // parts, space between
	}{
		{"", ""},
		{"x", ""},
		{"x1y2", ""},
		{"parseHtml", "parse html"},
		{"HTMLParser", "html parser"},
		{"parseHTML", "parse html"},
		{"parseHTML5Document", "parse html document"},
		{"XMLHttpRequest", "xml http request"},
		{"getURLFromID", "get url from id"},
		{"snake_case_name", "snake case name"},
		{"kebab-case", "kebab case"},
		{"SCREAMING_CASE", "screaming case"},
		{"src/components/UserList", "src components user list"},
		{"com.example.OrderService", "com example order service"},
		{"std::vector", "std vector"},
		{"a.bc.d", "bc"},
		{"_asyncToGenerator", "async to generator"},
		{"$emit", "emit"},
		{"utf8", "utf"},
		{"größeÄndern", "größeÄndern"}, // bytes beyond ASCII are letters without case
		{"発注する", "発注する"},
		{"42", ""},
	} {
		if got := strings.Join(subtokens(c.in), " "); got != c.want {
			t.Errorf("%q gives %q, want %q", c.in, got, c.want)
		}
	}
}

// slowSubtokens says the rule of eachSubtoken again, with a boundary before
// every byte decided on its own.
func slowSubtokens(s string) (parts []string) {
	boundary := func(i int) bool {
		if i == 0 || i == len(s) || !isLetter(s[i]) || !isLetter(s[i-1]) {
			return true
		}
		lowerToUpper := isLower(s[i-1]) && isUpper(s[i])
		lastOfRun := isUpper(s[i-1]) && isUpper(s[i]) && i+1 < len(s) && isLower(s[i+1])
		return lowerToUpper || lastOfRun
	}
	for i := 0; i < len(s); {
		j := i + 1
		for !boundary(j) {
			j++
		}
		if isLetter(s[i]) && j-i >= 2 {
			parts = append(parts, strings.Map(func(r rune) rune {
				if r <= unicode.MaxASCII {
					return unicode.ToLower(r)
				}
				return r
			}, s[i:j]))
		}
		i = j
	}
	return parts
}

func TestSubtokensAgreeWithTheirRule(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("aAbBzZ019_-./$ :ßЖ語")))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		got := subtokens(s)
		if diff := cmp.Diff(slowSubtokens(s), got); diff != "" {
			t.Fatalf("%q (-rule +got):\n%s", s, diff)
		}
		// The case of a text without inner capitals does not matter.
		low := strings.Map(func(r rune) rune {
			if r <= unicode.MaxASCII {
				return unicode.ToLower(r)
			}
			return r
		}, s)
		up := strings.Map(func(r rune) rune {
			if r <= unicode.MaxASCII {
				return unicode.ToUpper(r)
			}
			return r
		}, low)
		if isASCII(s) && !slices.Equal(subtokens(low), subtokens(up)) {
			t.Fatalf("%q gives %q, %q gives %q", low, subtokens(low), up, subtokens(up))
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// TestSubtokenScratch checks that the scratch changes nothing.
func TestSubtokenScratch(t *testing.T) {
	var got []string
	buf := bytes.Repeat([]byte{'Q'}, 3)
	for _, s := range []string{"parseHtml", "a", "veryLongNameIndeed", "go"} {
		buf = eachSubtoken(buf, s, func(p []byte) { got = append(got, string(p)) })
	}
	want := []string{"parse", "html", "very", "long", "name", "indeed", "go"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
