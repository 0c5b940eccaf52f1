package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// benchBytes is the size of the input that benchmarks import: 64 MiB, or what
// WHORL_BENCH_BYTES says.
func benchBytes(b *testing.B) int64 {
	text := os.Getenv("WHORL_BENCH_BYTES")
	if text == "" {
		return 64 << 20
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		b.Fatalf("WHORL_BENCH_BYTES is %q; it is a number of bytes", text)
	}
	return n
}

// stream reads as documents made one after the other, up to a size.
type stream struct {
	make func(n int) string
	n    int
	left int64
	rest string
	end  string // after the last
}

func (s *stream) Read(p []byte) (int, error) {
	if s.rest == "" {
		if s.left <= 0 {
			if s.end == "" {
				return 0, io.EOF
			}
			s.rest, s.end = s.end, ""
		} else {
			s.rest = s.make(s.n)
			s.n++
			s.left -= int64(len(s.rest))
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// numbered returns documents like a fixture's line, which has an id as the text
// "ID" and a name as "NAME" in place of what differs.
func numbered(line string) func(int) string {
	return func(n int) string {
		return strings.NewReplacer("NUMBER", strconv.Itoa(n), "NAME", "f"+strconv.Itoa(n%997)).Replace(line)
	}
}

// stackText is the stack of a Java error as a JSON string.
var stackText = "java.lang.IllegalStateException: cart NUMBER is closed\\n" + strings.Repeat("\\tat shop.Cart.NAME(Cart.java:41)\\n\\tat shop.web.Handler.handle(Handler.java:12)\\n", 10) +
	"Caused by: java.io.IOException: broken pipe\\n\\tat shop.Store.write(Store.java:7)\\n\\t... 12 more\\n"

var frames = strings.TrimSuffix(strings.Repeat(`{"function":"NAME","module":"shop.cart","filename":"shop/cart.py","abs_path":"/srv/shop/cart.py","lineno":12,"in_app":true,"context_line":"    price = item.price"},`, 20), ",")

var benchInputs = []struct {
	format     Format
	begin, end string
	document   string
	file       bool
}{
	{format: SentryJSON, document: `{"event_id":"NUMBER","timestamp":1772359200,"platform":"python","user":{"id":"x"},"exception":{"values":[{"type":"KeyError","value":"'NAME'","stacktrace":{"frames":[` + frames + `]}}]}}` + "\n"},
	{format: OTelJSON, document: `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"telemetry.sdk.language","value":{"stringValue":"java"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772359200250000000","attributes":[{"key":"log.record.uid","value":{"stringValue":"NUMBER"}},{"key":"exception.type","value":{"stringValue":"java.lang.IllegalStateException"}},{"key":"exception.stacktrace","value":{"stringValue":"` + stackText + `"}}]}]}]}]}` + "\n"},
	{format: FastJSON, begin: "[", document: `{"bug_id":NUMBER,"dup_id":null,"creation_ts":1400000000,"stacktrace":{"exception":"java.lang.Error","frames":[` + strings.TrimSuffix(strings.Repeat(`{"function":"shop.Cart.NAME","depth":0,"file":"Cart.java","fileline":10},`, 20), ",") + "]}},\n", end: `{"bug_id":"last","creation_ts":1400000000,"stacktrace":{"frames":[{"function":"f"}]}}]`, file: true},
	{format: PairsCSV, begin: "query_stacktrace_string,candidate_stacktrace_string,label\n", document: "\"Error: NUMBER\n" + strings.Repeat("  File \"\"a.js\"\", function NAME\n    run()\n", 10) + "\",\"Error: again NUMBER\n" + strings.Repeat("  File \"\"b.js\"\", function NAME\n", 10) + "\",GROUP\n"},
	{format: BugsnagJSON, document: `{"events":[{"id":"NUMBER","receivedAt":"2026-03-01T10:00:00Z","exceptions":[{"errorClass":"CartError","message":"NAME","type":"ruby","stacktrace":[` + strings.TrimSuffix(strings.Repeat(`{"file":"shop/cart.rb","lineNumber":14,"method":"NAME","inProject":true,"code":{"14":"raise"}},`, 20), ",") + `]}]}]}` + "\n"},
	{format: RollbarJSON, document: `{"data":{"uuid":"NUMBER","timestamp":1772359200,"language":"python","body":{"trace":{"frames":[` + strings.TrimSuffix(strings.Repeat(`{"filename":"/srv/a.py","lineno":3,"method":"NAME","code":"run()","locals":{"x":1}},`, 20), ",") + `],"exception":{"class":"ValueError","message":"bad"}}}}}` + "\n"},
	{format: JSONLines, document: `{"event_id":"NUMBER","timestamp":"2026-03-01T10:00:00Z","platform":"python","exceptions":[{"type":"KeyError","value":"NAME","frames":[` + frames + `]}]}` + "\n"},
}

// BenchmarkImport imports a generated stream of each format, and reports the
// most memory that the process had.
func BenchmarkImport(b *testing.B) {
	for _, in := range benchInputs {
		b.Run(string(in.format), func(b *testing.B) {
			dir, size := b.TempDir(), benchBytes(b)
			opt := Options{
				Format: in.format, In: "-", Out: filepath.Join(dir, "out"), Golden: true, Public: "a benchmark", Workers: 2, Time: instant("2026-01-01T00:00:00Z"),
			}
			input := func() io.Reader {
				return io.MultiReader(strings.NewReader(in.begin), &stream{make: numbered(in.document), left: size, end: in.end})
			}
			if in.file {
				opt.In = filepath.Join(dir, "in.json")
				file, err := os.Create(opt.In)
				if err == nil {
					_, err = io.Copy(file, input())
				}
				if err != nil {
					b.Fatal(err)
				}
				file.Close()
			}
			debug.FreeOSMemory()
			os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // Linux only; elsewhere nothing is reported
			b.SetBytes(size)
			b.ResetTimer()
			for b.Loop() {
				opt.Stdin = input()
				os.RemoveAll(opt.Out)
				r, err := Import(context.Background(), opt)
				if err != nil || r.Unread > 0 {
					b.Fatalf("%+v, %v", r, err)
				}
				b.ReportMetric(float64(r.Events), "events")
			}
			if n, ok := resident(); ok {
				b.ReportMetric(float64(n)/(1<<20), "MiB-resident")
			}
		})
	}
}

// resident returns the most memory the process had since its counter was
// cleared.
func resident() (int64, bool) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(data) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10, true
		}
	}
	return 0, false
}

// BenchmarkImportFiles imports formats of a file for each event, and Parquet.
func BenchmarkImportFiles(b *testing.B) {
	dir := b.TempDir()
	write := func(name, text string) int64 {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o666)
		}
		if err != nil {
			b.Fatal(err)
		}
		return int64(len(text))
	}
	const files = 5000
	sizes := map[Format]int64{}
	stack, err := strconv.Unquote(`"` + stackText + `"`)
	if err != nil {
		b.Fatal(err)
	}
	report := `{"id":"NUMBER","timestamp":1600000000000,"errors":["java.lang.Error"],"messages":["x"],"elements":[` +
		strings.TrimSuffix(strings.Repeat(`{"name":"shop.Cart.NAME","file_name":"Cart.java","line_number":3},`, 20), ",") + `]}`
	state := "timestamp,rid,iid\n"
	for n := range files {
		sizes[Text] += write(fmt.Sprintf("text/%d.txt", n), numbered(stack)(n))
		sizes[JetBrains] += write(fmt.Sprintf("jetbrains/reports/%d.json", n), numbered(report)(n))
		state += fmt.Sprintf("1600000000000,%d,%d\n", n, n%100)
	}
	write("jetbrains/state.csv", state)
	file, err := os.Create(filepath.Join(dir, "rows.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	w := parquet.NewGenericWriter[parquetRow](file)
	for n := range files {
		var r parquetRow
		r.ID, r.At = strconv.Itoa(n), instant("2026-01-01T00:00:00Z")
		r.Error.Stack = numbered(stack)(n)
		sizes[Parquet] += int64(len(r.Error.Stack))
		if _, err := w.Write([]parquetRow{r}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	file.Close()
	for _, opt := range []Options{
		{Format: Text, In: filepath.Join(dir, "text")},
		{Format: JetBrains, In: filepath.Join(dir, "jetbrains")},
		{Format: Parquet, In: file.Name(), Columns: []byte("event_id: id\ntimestamp: at\nstacktrace: error.stack\n")},
	} {
		b.Run(string(opt.Format), func(b *testing.B) {
			opt.Out, opt.Golden, opt.Public, opt.Workers, opt.Time = filepath.Join(dir, "out"), true, "a benchmark", 2, instant("2026-01-01T00:00:00Z")
			b.SetBytes(sizes[opt.Format])
			for b.Loop() {
				os.RemoveAll(opt.Out)
				if r, err := Import(context.Background(), opt); err != nil || r.Events != files {
					b.Fatalf("%+v, %v", r, err)
				}
			}
		})
	}
}
