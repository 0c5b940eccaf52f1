package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whorl/internal/strictjson"
)

type inner struct {
	Path string `json:"path"`
}

type document struct {
	Format string         `json:"format"`
	When   time.Time      `json:"when"`
	Files  []inner        `json:"files"`
	Ledger *inner         `json:"ledger"`
	Count  *int64         `json:"count"`
	Free   map[string]int `json:"free"`
	Any    any            `json:"any"`
	hidden string
}

func TestUnmarshal(t *testing.T) {
	var got document
	in := `{"format":"x é 😀","when":"2026-01-02T03:04:05Z","files":[{"path":"a"},{"path":"b"}],"ledger":{"path":"l"},"count":7,"free":{"K":1},"any":{"Z":[{"y":1}]}}` + "\n"
	if err := strictjson.Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	seven := int64(7)
	want := document{
		Format: "x é 😀", When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Files: []inner{{"a"}, {"b"}}, Ledger: &inner{"l"}, Count: &seven,
		Free: map[string]int{"K": 1}, hidden: "",
		Any: map[string]any{"Z": []any{map[string]any{"y": 1.0}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{})); diff != "" {
		t.Fatal(diff)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	deep := strings.Repeat("[", strictjson.MaxDepth+1) + strings.Repeat("]", strictjson.MaxDepth+1)
	tests := []struct {
		name, in string
		err      error
		says     string
	}{
		{"duplicate", `{"format":"a","format":"a"}`, strictjson.ErrDuplicateKey, `"format"`},
		{"duplicate escaped", `{"format":"a","\u0066ormat":"a"}`, strictjson.ErrDuplicateKey, `"format"`},
		{"duplicate below", `{"files":[{"path":"a"},{"path":"b","path":"c"}]}`, strictjson.ErrDuplicateKey, `"files[1].path"`},
		{"duplicate in a map", `{"free":{"a":1,"a":2}}`, strictjson.ErrDuplicateKey, `"free.a"`},
		{"duplicate in any", `{"any":[{"a":1,"a":2}]}`, strictjson.ErrDuplicateKey, `"any[0].a"`},
		{"case variant", `{"FORMAT":"a"}`, strictjson.ErrCaseVariant, `write "format"`},
		{"case variant, both", `{"format":"a","Format":"b"}`, strictjson.ErrCaseVariant, `"Format"`},
		{"case variant by folding", `{"fileſ":[]}`, strictjson.ErrCaseVariant, `write "files"`},
		{"unknown", `{"extra":1}`, strictjson.ErrUnknownField, `"extra"`},
		{"unknown below a pointer", `{"ledger":{"x":1}}`, strictjson.ErrUnknownField, `"ledger.x"`},
		{"unexported", `{"hidden":"x"}`, strictjson.ErrUnknownField, `"hidden"`},
		{"trailing", `{} {}`, strictjson.ErrSyntax, "byte 4"},
		{"empty", ``, strictjson.ErrSyntax, ""},
		{"cut", `{"format":"a"`, strictjson.ErrSyntax, ""},
		{"wrong type", `{"count":"7"}`, strictjson.ErrSyntax, `"count"`},
		{"fraction", `{"count":7.5}`, strictjson.ErrSyntax, `"count"`},
		{"bad time", `{"when":"yesterday"}`, strictjson.ErrSyntax, ""},
		{"bad UTF-8", "{\"format\":\"\xff\"}", strictjson.ErrEncoding, "byte 11"},
		{"high surrogate alone", `{"format":"\ud800x"}`, strictjson.ErrEncoding, "byte 11"},
		{"low surrogate alone", `{"format":"a\\\udc00"}`, strictjson.ErrEncoding, "byte 14"},
		{"deep", `{"any":` + deep[1:len(deep)-1] + `}`, strictjson.ErrDepth, "byte 38"},
		{"very deep", strings.Repeat("[", 1<<20), strictjson.ErrDepth, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v document
			err := strictjson.Unmarshal([]byte(tt.in), &v)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
		})
	}
}

// A document that is accepted reads the same through encoding/json, and its
// keys are the declared ones.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{
		`{"format":"a","files":[{"path":"b"}]}`, `{"format":"a","format":"b"}`, `{"FORMAT":1}`,
		`{"any":[[[1]]],"free":{"a":1}}`, `{"when":"2026-01-02T03:04:05Z"}`, `null`, `[]`, `{"format":"\ud83d\ude00"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got document
		if strictjson.Unmarshal(data, &got) != nil {
			return
		}
		var want document
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{})); diff != "" {
			t.Fatal(diff)
		}
		var top map[string]json.RawMessage
		if json.Unmarshal(data, &top) == nil {
			for key := range top {
				if !strings.Contains(" format when files ledger count free any ", " "+key+" ") {
					t.Fatalf("accepted key %q", key)
				}
			}
		}
	})
}
