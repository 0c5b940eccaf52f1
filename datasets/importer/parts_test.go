package importer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"whorl/datasets"
	"whorl/features"
)

func TestValueTime(t *testing.T) {
	tests := map[string]string{
		`"2026-03-01T10:00:00.25Z"`:   "2026-03-01T10:00:00.25Z",
		`"2026-03-01T12:00:00+02:00"`: "2026-03-01T10:00:00Z",
		`"2026-03-01T10:00:00"`:       "2026-03-01T10:00:00Z",
		`"2026-03-01 10:00:00.5"`:     "2026-03-01T10:00:00.5Z",
		`"2026-03-01"`:                "2026-03-01T00:00:00Z",
		`1772359200`:                  "2026-03-01T10:00:00Z",
		`1772359200.25`:               "2026-03-01T10:00:00.25Z",
		`"1772359200"`:                "2026-03-01T10:00:00Z",
		`1772359200250`:               "2026-03-01T10:00:00.25Z",
		`1772359200250000`:            "2026-03-01T10:00:00.25Z",
		`"1772359200250000000"`:       "2026-03-01T10:00:00.25Z",
		`0`:                           "",
		`-5`:                          "",
		`1e300`:                       "",
		`"NaN"`:                       "",
		`"Inf"`:                       "",
		`"yesterday"`:                 "",
		`"0001-01-01T00:00:00Z"`:      "",
		`"9999-12-31T23:59:59Z"`:      "",
		`null`:                        "",
		`{"seconds":1772359200}`:      "",
	}
	for text, want := range tests {
		v, err := parseValue([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if at := v.time(); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// TestMagnitudes proves that units are told apart for every time in the bounds.
func TestMagnitudes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(earliest.Unix()+1, latest.Unix()-1).Draw(t, "seconds"), 0).UTC()
		for _, n := range []int64{at.Unix(), at.UnixMilli(), at.UnixMicro(), at.UnixNano()} {
			if got := (value{fmt.Sprint(n)}).time(); math.Abs(got.Sub(at).Seconds()) > .001 {
				t.Fatalf("%d is %s, want %s", n, got, at)
			}
		}
	})
}

func TestValueInt(t *testing.T) {
	for text, want := range map[string]int32{`3`: 3, `"3"`: 3, `3.0`: 3, `3.5`: 0, `0`: 0, `-1`: 0, `2147483647`: math.MaxInt32, `2147483648`: 0, `"x"`: 0, `null`: 0, `[3]`: 0} {
		v, _ := parseValue([]byte(text))
		if got := v.int(); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}

// cutUp returns the documents of a text, a fault as its place with "!".
func cutUp(text string) (all []string) {
	for d, err := range jsonValues("f", strings.NewReader(text)) {
		if err != nil {
			all = append(all, d.place+"!")
		} else {
			all = append(all, d.place+" "+string(d.data))
		}
	}
	return all
}

func TestJSONValues(t *testing.T) {
	tests := map[string][]string{
		"":                        nil,
		" \n ":                    nil,
		`{"a":1}`:                 {`f, line 1 {"a":1}`},
		"\ufeff{\"a\":1}\n":       {`f, line 1 {"a":1}`},
		"{\"a\":1}\n\n{\"b\":2}":  {`f, line 1 {"a":1}`, `f, line 3 {"b":2}`},
		"{\"a\":1}\r\n{\"b\"\r\n": {`f, line 1 {"a":1}`, `f, line 2 {"b"`}, // told of when it is decoded
		"{\n \"a\": 1\n}\n{\n}":   {"f, value 1 {\n \"a\": 1\n}", "f, value 2 {\n}"},
		"{\n \"a\": 1\n}\n{":      {"f, value 1 {\n \"a\": 1\n}", "f, value 2!"},
		`[{"a":1}, {"b":2}]`:      {`f, value 1 {"a":1}`, `f, value 2 {"b":2}`},
		`[{"a":1}, {"b":2}`:       {`f, value 1 {"a":1}`, `f, value 2 {"b":2}`, "f, value 3!"},
		`[{"a":1}, nope, 3]`:      {`f, value 1 {"a":1}`, "f, value 2!"},
		`[]`:                      nil,
		`nope`:                    {"f, value 1!"},
	}
	for text, want := range tests {
		if diff := cmp.Diff(want, cutUp(text)); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
}

// TestLongDocuments proves that one that is too long costs itself alone where
// lines cut, and never takes the memory that it asks for.
func TestLongDocuments(t *testing.T) {
	endless := io.LimitReader(repeat("x"), MaxDocument+1000)
	r := io.MultiReader(strings.NewReader("{\"a\":1}\n\""), endless, strings.NewReader("\"\n{\"b\":2}\n"))
	var got []string
	for d, err := range jsonValues("f", r) {
		got = append(got, fmt.Sprintf("%s %d %v", d.place, len(d.data), err != nil))
	}
	if diff := cmp.Diff([]string{"f, line 1 7 false", "f, line 2 0 true", "f, line 3 7 false"}, got); diff != "" {
		t.Error(diff)
	}

	r = io.MultiReader(strings.NewReader("[\n\""), io.LimitReader(repeat("x"), 2*MaxDocument))
	var last error
	for _, err := range jsonValues("f", r) {
		last = err
	}
	if !errors.Is(last, errLong) {
		t.Errorf("an endless element ends with %v", last)
	}
}

// repeat reads as one letter without end.
type repeat string

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r[0]
	}
	return len(p), nil
}

// TestCompressed reads the same input plain, packed and as a stream.
func TestCompressed(t *testing.T) {
	plain, err := os.ReadFile("testdata/rollbar-json/items.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := enc.EncodeAll(plain, nil)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"a/items.jsonl": plain, "b/items.jsonl.gz": zipped.Bytes(), "c/items.jsonl.zst": packed, "d/cut.jsonl.gz": zipped.Bytes()[:zipped.Len()/2], "e/cut.jsonl.zst": packed[:len(packed)/2]} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		os.MkdirAll(filepath.Dir(path), 0o777)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, in := range []string{path, filepath.Dir(path), "-"} {
			r, err := Import(ctx, Options{Format: RollbarJSON, In: in, Stdin: bytes.NewReader(data), Out: filepath.Join(dir, "out"), Public: "a test"})
			os.RemoveAll(filepath.Join(dir, "out"))
			if strings.Contains(name, "cut") {
				if err == nil || errors.Is(err, ErrNothing) {
					t.Errorf("%s as %s: a cut file passes: %v", name, in, err)
				}
				continue
			}
			if err != nil || r.Events != 4 || r.Unread != 1 {
				t.Errorf("%s as %s: %+v, %v", name, in, r, err)
			}
		}
	}
}

func TestScrub(t *testing.T) {
	tests := map[string]string{
		"":                                               "",
		"plain words":                                    "plain words",
		"open /home/ann/app/x: denied":                   "open /home/~/app/x: denied",
		"open /home/ann":                                 "open /home/~",
		"/home/ann and /Users/bob/x":                     "/home/~ and /Users/~/x",
		"/Users/Shared/x":                                "/Users/Shared/x",
		`C:\Users\Ann Smith\app\x.cs`:                    `C:\Users\~\app\x.cs`,
		`C:\Users\ann is not there`:                      `C:\Users\~ is not there`,
		`"C:\Documents and Settings\a\b"`:                `"C:\Documents and Settings\~\b"`,
		"mail a.b@example.org, now":                      "mail somebody@example.invalid, now",
		"dial 10.1.2.3:443: refused":                     "dial 192.0.2.1:443: refused",
		"dial fe80::1234:5678 refused":                   "dial 2001:db8::1 refused",
		"GET https://u:p@h.example.org/a/b?t=1#f failed": "GET https://h.example.org/a/b failed",
		"version 1.2.3 of a.b":                           "version 1.2.3 of a.b",
	}
	var s scrubber
	for text, want := range tests {
		if got := s.text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if again := s.text(want); again != want {
			t.Errorf("%q becomes %q the second time", want, again)
		}
	}
	long := strings.Repeat("word ", 5000) + "a.b@example.org"
	if got := s.text(long); strings.Contains(got, "a.b@") || !strings.HasSuffix(got, "somebody@example.invalid") {
		t.Errorf("an address behind %d bytes stays", len(long))
	}
}

func TestPath(t *testing.T) {
	for p, want := range map[string]string{
		"app.js":                         "app.js",
		"https://h.example.org/a.js?v=1": "https://h.example.org/a.js",
		"webpack:///./a.vue?12ab":        "webpack:///./a.vue?12ab",
		"webpack-internal:///./home/x/a": "webpack-internal:///./home/~/a",
		"file:///Users/ann/a.js":         "file:///Users/~/a.js",
	} {
		if got := path(p); got != want {
			t.Errorf("%q becomes %q, want %q", p, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	e := &features.Event{Message: strings.Repeat("é", maxText), ID: "a\xff"}
	x := features.Exception{Type: "T"}
	for i := range 2 * maxFrames {
		x.Frames = append(x.Frames, features.Frame{Line: int32(i + 1)})
	}
	e.Exceptions = []features.Exception{{Frames: []features.Frame{{Line: 1}}}, x}
	if !shorten(e) {
		t.Error("nothing was cut")
	}
	frames := e.Exceptions[1].Frames
	if len(e.Message) != maxText || len(frames) != maxFrames-1 || frames[0].Line != 1 || frames[len(frames)-1].Line != 2*maxFrames || e.ID != "a\uFFFD" {
		t.Errorf("%d bytes, %d frames from %d to %d, id %q", len(e.Message), len(frames), frames[0].Line, frames[len(frames)-1].Line, e.ID)
	}
	if shorten(e) {
		t.Error("cut twice")
	}
}

func TestDemangle(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN3foo3barEi": "foo::bar(int)", "__ZN3foo3barEi": "foo::bar(int)", "_RNvC7mycrate3foo": "mycrate::foo",
		"_Zebra": "_Zebra", "plain": "plain", "": "", "_Z" + strings.Repeat("N", 10000): "_Z" + strings.Repeat("N", 10000),
	} {
		e := &features.Event{Platform: "native", Exceptions: []features.Exception{{Frames: []features.Frame{{Function: name}}}}}
		if demangleFrames(e); e.Exceptions[0].Frames[0].Function != want {
			t.Errorf("%.40q becomes %.40q, want %.40q", name, e.Exceptions[0].Frames[0].Function, want)
		}
		e = &features.Event{Platform: "python", Exceptions: []features.Exception{{Frames: []features.Frame{{Function: name}}}}}
		if demangleFrames(e); e.Exceptions[0].Frames[0].Function != name {
			t.Errorf("%.40q of Python is changed", name)
		}
	}
}

func TestMasterOf(t *testing.T) {
	masters := map[string]string{"2": "1", "3": "2", "5": "6", "6": "5", "7": "5", "8": "8"}
	for id, want := range map[string]string{"1": "1", "2": "1", "3": "1", "4": "4", "5": "5", "6": "5", "7": "5", "8": "8"} {
		if got := masterOf(masters, id); got != want {
			t.Errorf("master of %s is %s, want %s", id, got, want)
		}
	}
}

func TestParseShown(t *testing.T) {
	x, ok := parseShown("Outer: a\nsecond line\n  File \"a.py\", function f\n    call()\n  File \"b.py\", function g\nInner: b\n  File \"c.py\", function h\n")
	want := []features.Exception{
		{Type: "Outer", Value: "a\nsecond line", Frames: []features.Frame{{Filename: "a.py", Function: "f", ContextLine: "call()"}, {Filename: "b.py", Function: "g"}}},
		{Type: "Inner", Value: "b", Frames: []features.Frame{{Filename: "c.py", Function: "h"}}},
	}
	if diff := cmp.Diff(want, x); diff != "" || !ok {
		t.Errorf("ok is %v, -want +got\n%s", ok, diff)
	}
	if _, ok := parseShown("Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nValueError: x"); ok {
		t.Error("what Python prints is taken for it")
	}
}

func TestSourceMaps(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Line 1: column 0 is src/cart.ts 3:4, named total; column 20 is src/pay.ts 1:0.
	write("app.min.js.map", `{"version":3,"file":"app.min.js","sources":["src/cart.ts","src/pay.ts"],"names":["total"],"mappings":"AAEIA,oBCFJ"}`)
	write("bad.js.map", `{"version":3,"sources":["a"],"names":[],"mappings":"`+strings.Repeat("9", 50)+`"}`)
	write("wild.js.map", `{"version":3,"sources":["a"],"names":[],"mappings":"AA+/////DA/////D"}`)
	write("cut.js.map", `{"version":3,`)
	s, err := newSourceMaps(dir)
	if err != nil {
		t.Fatal(err)
	}
	frames := []features.Frame{
		{Function: "n", AbsPath: "https://cdn.example.org/app.min.js?v=1", Filename: "/app.min.js", Line: 1, Column: 5},
		{Function: "n", Filename: "app.min.js", Line: 1, Column: 25},
		{Function: "n", Filename: "app.min.js", Line: 9, Column: 1},
		{Function: "n", Filename: "other.js", Line: 1, Column: 1},
		{Function: "n", Filename: "bad.js", Line: 1, Column: 1},
		{Function: "n", Filename: "wild.js", Line: 1, Column: 1},
		{Function: "n", Filename: "cut.js", Line: 1, Column: 1},
		{Function: "n", Filename: "app.min.js", Line: 1},
	}
	e := &features.Event{Platform: "javascript", Exceptions: []features.Exception{{Frames: frames}}}
	if n := s.apply(e); n < 2 {
		t.Errorf("%d frames are named", n)
	}
	if f := frames[0]; f.Function != "total" || f.Filename != "src/cart.ts" || f.Line != 3 {
		t.Errorf("frame 0 is %+v", f)
	}
	if f := frames[1]; f.Filename != "src/pay.ts" || f.Line != 1 {
		t.Errorf("frame 1 is %+v", f)
	}
	if f := frames[7]; f.Filename != "app.min.js" {
		t.Errorf("a frame without a column is named: %+v", f)
	}
	if s.err == nil {
		t.Error("damaged maps pass without a word")
	}
	if _, err := newSourceMaps(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a directory that is not there passes")
	}
	if _, err := newSourceMaps(t.TempDir()); err == nil {
		t.Error("a directory without maps passes")
	}
}

func TestOptions(t *testing.T) {
	for name, opt := range map[string]Options{
		"no basis":           {},
		"golden, no basis":   {Golden: true},
		"two bases":          {Golden: true, Public: "x", Agreement: "y"},
		"ledger without id":  {Ledger: []byte("x")},
		"ledger and public":  {Ledger: []byte("x"), Public: "x"},
		"golden with ledger": {Golden: true, Public: "x", Ledger: []byte("x")},
		"export, agreement":  {Agreement: "x"},
		"damaged ledger":     {Ledger: []byte("x"), LedgerID: "l", PolicyVersion: "1", Purposes: publicPurposes},
		"no purposes":        {Ledger: []byte("x"), LedgerID: "l", PolicyVersion: "1"},
		"unknown language":   {Public: "x", Language: "cobol"},
		"space":              {Public: "x", Org: " o"},
	} {
		opt.Format, opt.In, opt.Out = Text, "testdata/text", filepath.Join(t.TempDir(), "out")
		if _, err := Import(ctx, opt); !errors.Is(err, ErrOptions) || name == "damaged ledger" && !errors.Is(err, datasets.ErrLedger) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Import(ctx, Options{Format: "xml"}); !errors.Is(err, ErrOptions) {
		t.Errorf("unknown format: got %v", err)
	}
	if _, err := Import(ctx, Options{Format: FastJSON, In: "-", Public: "x", Out: filepath.Join(t.TempDir(), "out")}); !errors.Is(err, ErrOptions) {
		t.Errorf("a stream that is read twice: got %v", err)
	}
}

// FuzzImport feeds any bytes to every format that reads a stream.
func FuzzImport(f *testing.F) {
	streams := []Format{SentryJSON, OTelJSON, BugsnagJSON, RollbarJSON, JSONLines, PairsCSV, Text}
	for i, format := range streams {
		filepath.WalkDir(filepath.Join("testdata", string(format)), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if data, err := os.ReadFile(path); err == nil {
					f.Add(uint8(i), data)
				}
			}
			return nil
		})
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		opt := Options{
			Format: streams[int(which)%len(streams)], In: "-", Stdin: bytes.NewReader(data), Out: filepath.Join(t.TempDir(), "out"),
			Golden: true, Public: "a test", Time: instant("2026-01-01T00:00:00Z"),
		}
		report, err := Import(ctx, opt)
		if err != nil {
			if _, err := os.Stat(opt.Out); err == nil {
				t.Fatal("an import that failed left a dataset")
			}
			return
		}
		if report.Events == 0 || report.Unread > 0 && len(report.Faults) == 0 {
			t.Fatalf("%+v", report)
		}
		rows, _ := readBack(t, opt)
		if int64(len(rows)) > report.Events {
			t.Fatalf("%d rows of %d events", len(rows), report.Events)
		}
	})
}

// TestOpenQuote proves that a quote without an end does not take the file into
// memory.
func TestOpenQuote(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a,b\n1,2\n3,\""), io.LimitReader(repeat("x\n"), 4*MaxDocument))
	rows := 0
	err := readCSV("f", r, []string{"a"}, func(int, map[string]string) error { rows++; return nil })
	if rows != 1 || !errors.Is(err, errLong) {
		t.Errorf("%d rows, %v", rows, err)
	}
}
