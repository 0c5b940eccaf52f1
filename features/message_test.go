package features

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// mark is Parameterize for any mode.
func mark(s string, mode MessageMode) string {
	var out strings.Builder
	done := 0
	for _, slot := range ScanMessage(nil, s, mode) {
		out.WriteString(s[done:slot.Start] + "<" + slot.Family.String() + ">")
		done = slot.End
	}
	return out.String() + s[done:]
}

// TestConformance parameterises every published case alone, behind a word, before
// a word, and between words.
func TestConformance(t *testing.T) {
	folder := os.Getenv("WHORL_CONFORMANCE")
	if folder == "" {
		t.Skip("WHORL_CONFORMANCE is not set: the published parameterisation cases were not checked")
	}
	f, err := os.Open(filepath.Join(folder, "parameterization_cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, passed, contexts := 0, 0, 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		row := strings.Split(lines.Text(), "\t")
		if len(row) < 4 || row[0] == "status" {
			continue
		}
		cases++
		name, input, want := row[1], row[2], row[3]
		for _, context := range [][2]string{{"", ""}, {"prefix ", ""}, {"", " suffix"}, {"prefix ", " suffix"}} {
			contexts++
			got := Parameterize(context[0] + input + context[1])
			if want := context[0] + want + context[1]; got != want {
				t.Errorf("%s: Parameterize(%q) = %q, want %q", name, context[0]+input+context[1], got, want)
				continue
			}
			passed++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases in 4 contexts: %d of %d pass", cases, passed, contexts)
	if cases == 0 {
		t.Error("no cases in the file")
	}
}

// TestFamiliesAreTables checks that each table lists every family that its mode
// has, in the order of the constants for newstyle.
func TestFamiliesAreTables(t *testing.T) {
	last := Email
	for _, row := range newstyleTable.rows {
		if row.family < last || row.family > last+1 {
			t.Errorf("newstyle: %v after %v", row.family, last)
		}
		last = row.family
	}
	if last != Bool {
		t.Errorf("newstyle ends with %v, want bool", last)
	}
	seen := map[Family]bool{GitSHA: true} // a hex like another to the wide mode
	for _, row := range wideTable.rows {
		seen[row.family] = true
	}
	names := map[string]bool{}
	for f := range NumFamilies {
		if !seen[f] {
			t.Errorf("wide lacks %v", f)
		}
		if f.String() == "" || names[f.String()] {
			t.Errorf("family %d: name %q is empty or used twice", f, f)
		}
		names[f.String()] = true
	}
	if got := NumFamilies.String(); got != "family(21)" {
		t.Errorf("name of no family = %q", got)
	}
}

func TestNormalizeMessage(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"  \n\t", "..."},
		{"one line", "one line"},
		{"one\ntwo", "one\ntwo"},
		{"one\ntwo\nthree", "one\ntwo..."},
		{"one\n\ntwo", "one\ntwo..."},
		{"one\ntwo\n", "one\ntwo..."},
		{" one", "one..."},
		{"one\r\ntwo", "one\ntwo..."},
		{"one\rtwo", "one\ntwo..."},
		{"one\u2028two\u0085three", "one\ntwo..."},
		{"one\x1ctwo", "one\ntwo..."},
		{"\n\n a=1 \n\n b='x' \nc", "a=<int> \n b=<quoted_str>..."},
		{"at 12\n", "at <int>..."},
		{"see http://a.example/b\n", "see <url>"}, // the dots become part of the address, as upstream
		{"bad \xff\xfe\n7", "bad \xff\xfe\n<int>"},
		{"Wed Apr 17 22:31:45 2019: a.b@example.invalid logged in (error 42) time spent 1234.33 --- id 88ee7c66-29a9-4a4a-bc26-c72d76c5de14, " +
			"checksum da39a3ee5e6b4b0d3255bfef95601890afd80709 (md5 d41d8cd98f00b204e9800998ecf8427e); at 2019-04-17T20:29:05Z " +
			"(from 127.0.0.1 via 2001:0db8:85a3:0000:0000:8a2e:0370:7334 via ::1) at offset 0xfeedbeef",
			"<date>: <email> logged in (error <int>) time spent <float> --- id <uuid>, checksum <sha1> (md5 <md5>); at <date> " +
				"(from <ip> via <ip> via <ip>) at offset <hex>"},
	} {
		if got := NormalizeMessage(test.in); got != test.want {
			t.Errorf("NormalizeMessage(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// newstyleCases holds rules of newstyle next to their counter-examples.
var newstyleCases = []struct{ in, want string }{
	{"", ""},
	{"no slot", "no slot"},
	// RFC 3986 and its neighbourhood
	{"GET https://a.example:8/x?y=1#z) now", "GET <url> now"},
	{"ws://h/ wss://h ftp://h/f", "<url> <url> <url>"},
	{"http:///x http://", "http:///x http://"},
	{"gopher://example.com", "gopher://<hostname>"},
	{"EXAMPLE.COM and Example.Com", "<hostname> and Example.Com"},
	{"a.example.co.uk:443", "<hostname>:<int>"},
	{"foo_bar.com", "foo_bar.com"},
	{"user.name+tag@host, root@[1]", "<email>, root@[<int>]"},
	// RFC 4291, section 2.2
	{"2001:db8::1 ::1 fe80:: ::ffff:10.0.0.1 1:2:3:4:5:6:7:8", "<ip> <ip> <ip> <ip> <ip>"},
	{"1:2:3:4:5:6:7:8:9", "<int>:<int>:<int>:<int>:<int>:<int>:<int>:<int>:<int>"},
	{"[::]:80 ::/0 a :: b", "[<ip>]:<int> <ip>/<int> a :: b"},
	{"Foo::bar() Bad::Cafe std::fade face::d1()", "Foo::bar() Bad::Cafe std::fade face::d1()"},
	{"255.255.255.255 256.1.1.1", "<ip> <float>.<float>"},
	{"127.0.0.1:80", "<ip>:<int>"},
	{"1-67891233-abcdef012345678912345678", "<traceparent>"},
	{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "<int>-<md5>-<hex><int>"},
	{"7C1811ED-E98F-4C9C-A9F9-58C757FF494F", "<uuid>"},
	{"d41d8cd98f00b204e9800998ecf8427e_x", "d41d8cd98f00b204e9800998ecf8427e_x"},
	// layouts of Go's time package, and what JavaScript and Python print
	{"Mon Jan _2", "Mon Jan _2"},
	{"Mon Jan  2 15:04:05 2006", "<date>"},
	{"Mon Jan  2 15:04:05 MST 2006", "<date>"},
	{"Mon Jan 02 15:04:05 -0700 2006", "<date>"},
	{"02 Jan 06 15:04 MST", "<date>"},
	{"02 Jan 06 15:04 -0700", "<date>"},
	{"Monday, 02-Jan-06 15:04:05 MST", "<date>"},
	{"Mon, 02 Jan 2006 15:04:05 MST", "<date>"},
	{"Mon, 02 Jan 2006 15:04:05 -0700", "<date>"},
	{"2006-01-02T15:04:05-07:00", "<date>"},
	{"3:04PM", "<date>"},
	{"Jan  2 15:04:05.000000", "<date>"},
	{"2006-01-02 15:04:05.999999999 -0700 MST", "<date>"},
	{"Mon Jan 02 2006 15:04:05 GMT-0800 (Pacific Standard Time)", "<date>"},
	{"Jan 18, 2019", "<date>"},
	{"January 2, 2006, 3:04:05 PM", "<date>"},
	{"15:04:05 23:59:60 15:04:05.123Z", "<date> <date> <date>"},
	{"datetime.datetime(2021, 1, 2, 3, 4)", "<date>"},
	{"2006-01-02 15:04:05,123", "<date>"},
	{"2006-02-40 2006-00-01", "<int><int><int> <int><int><int>"},
	{"24:00 1:52 12:60 a.js:10:25", "<int>:<int> <int>:<int> <int>:<int> a.js:<int>:<int>"},
	{"12:34:56:78", "<int>:<int>:<int>:<int>"},
	{"Monday at noon, May", "Monday at noon, May"},
	{"20060102", "<hex>"},
	{"1.5ms 10h", "<int>.<duration> 10h"},
	{"0x 0xg 0XFF", "0x 0xg <hex>"},
	{"1234567 12345678 -12345678", "<int> <hex> -<hex>"},
	{"abcdef12 abcdefab a93c7d A93C7D2", "<hex> abcdefab a93c7d A93C7D2"},
	{"1.2.3 -1.5 1e9", "<float>.<int> <float> 1e9"},
	{"a='x y'b=\"\" c=\"d", "a=<quoted_str>b=<quoted_str> c=\"d"},
	{"commit a93c7d2 deadbee 1234567", "commit <git_sha> deadbee <int>"},
	{"a=False b='true' c=T", "a=<bool> b=<quoted_str> c=T"},
	{"a@ b@. c@-d", "a@ b@. <email>"},
	{"a=true b=truely c= true", "a=<bool> b=truely c= true"},
	// a letter of any script is part of a word, its punctuation is not
	{"\u7b2c3\u884c \u201c3\u201d \u00e93", "\u7b2c3\u884c \u201c<int>\u201d \u00e93"},
}

func TestParameterize(t *testing.T) {
	for _, test := range newstyleCases {
		if got := Parameterize(test.in); got != test.want {
			t.Errorf("Parameterize(%q)\n got %q\nwant %q", test.in, got, test.want)
		}
	}
}

// wideCases holds what log lines are made of.
var wideCases = []struct{ in, want string }{
	{"connect 10.0.0.1:8080 refused by /10.1.2.3:35811", "connect <ip> refused by /<ip>"},
	{"blk_-1608999687919862906 of blk_38865049064139660", "blk_<int> of blk_<int>"},
	{"read 12KB in 3ms, 1.5GiB in 1h30m, 256K, 100Mbps, 7d 003d", "read <size> in <duration>, <size> in <duration>, <size>, <size>, <duration> <hex>"},
	{"uid=0 time=25233975,0,93 len:-1", "uid=<int> time=<int>,<int>,<int> len:<int>"},
	{"4,150,908 rows, 1,20,3", "<int> rows, <int>,<int>,<int>"},
	{"thread pool-3-thread-12 of node-219", "thread pool-<int>-thread-<int> of node-<int>"},
	{"rdd_26_2 task_1445144423722_0020_m_000000 executor123 utf8 alt0", "rdd_<int>_<int> task_<int>_<int>_m_<int> executor<int> utf8 alt0"},
	{"steps=7163Calories:240Floor", "steps=<int>Calories:<int>Floor"},
	{"java.lang.Object@1a6aecec a.c@8a2a501 x@f [I@1b", "java.lang.Object@<hex> a.c@<hex> x@<hex> [I@<hex>"},
	{"at 0x7fff5fbff8c0 suspend+0xb9/0xc0", "at <hex> suspend+<hex>/<hex>"},
	{"order ord_71d6e103f4 in /tmp/upload-8e5ca1/index.md", "order ord_<hex> in /tmp/upload-<hex>/index.md"},
	{"ba5eba11 deadbeef decade 9af8", "<hex> <hex> decade <hex>"},
	{"mac 00:1b:44:11:3a:b7 00-1B-44-11-3A-B7 00:1b:44:11:3a:b7:00", "mac <mac_addr> <mac_addr> <int>:1b:<int>:<int>:3a:b7:<int>"},
	{"invoice k9Mtd2gDcgG", "invoice <random_id>"},
	{"01ARZ3NDEKTSV4RRFFQ69G5FAV dQw4w9WgXcQ", "<random_id> <random_id>"},
	{"Base64Encoder sha1WithRSA2048 getHttp2Stream ieee80211_scan camelCaseName", "Base64Encoder sha1WithRSA<int> getHttp2Stream ieee80211_scan camelCaseName"},
	{"v1.2.3 1.8.0_292 3.4.5-rc.1 10.0.19041.1 2.3.4-SNAPSHOT", "<version> <version>_<int> <version> <version> <version>"},
	{"api.example.com:443 a-1.internal.example.co.uk db-0.ns.svc.cluster.local", "<hostname> <hostname> <hostname>"},
	{"java.io.IOException this.state.info console.info org.apache.commons.io main.rs", "java.io.IOException this.state.info console.info org.apache.commons.io main.rs"},
	{"to=foo@mail.example <bob@combo> 'a.b+c@x.org'", "to=<email> <<email>> '<email>'"},
	{"open 'https://x.example/a?b=1', (akka.tcp://s@h-07:55904]", "open '<url>', (<url>]"},
	{"[10/Oct/2000:13:55:36 -0700] 2006/01/02 15:04:05 06/10/2013 17:26 GMT 2 May 2020", "[<date>] <date> <date> <date>"},
	{"1.5e10 1e-7 -0.5 x-0.5", "<float> <float> <float> x-<float>"},
	{"\u51712024-01-02\u5171 \u7b2c3\u884c", "\u5171<date>\u5171 \u7b2c<int>\u884c"},
	{"/proc/1234/fd/5 CPU#0 [1]", "/proc/<int>/fd/<int> CPU#<int> [<int>]"},
	{"1514038440000##7023##548365", "<int>##<int>##<int>"},
}

func TestWide(t *testing.T) {
	for _, test := range wideCases {
		if got := mark(test.in, Wide); got != test.want {
			t.Errorf("wide %q\n got %q\nwant %q", test.in, got, test.want)
		}
	}
}

// TestScanStopsAtMaxScan checks that nothing behind the bound is touched, not even
// to tell whether a word ends there.
func TestScanStopsAtMaxScan(t *testing.T) {
	head := strings.Repeat("x ", MaxScan/2-2)
	s := head + "1234567"
	want := []Slot{{Int, len(head), MaxScan}}
	if diff := cmp.Diff(want, ScanMessage(nil, s, Newstyle)); diff != "" {
		t.Error(diff)
	}
	if got, want := Parameterize(s), head+"<int>567"; got != want {
		t.Errorf("tail = %q, want %q", got[len(head):], want[len(head):])
	}
}

func TestScanAppends(t *testing.T) {
	dst := []Slot{{UUID, 1, 2}}
	if diff := cmp.Diff([]Slot{{UUID, 1, 2}, {Int, 2, 3}}, ScanMessage(dst, "a 7", Newstyle)); diff != "" {
		t.Error(diff)
	}
}

// logLines are of the kinds that log files hold.
var logLines = []string{
	`10.11.10.1 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2640860`,
	`[instance: 70c1714b-c11b-4c88-b300-239afe1f5ff8] memory limit: 96258.00 MB, free: 95746.00 MB`,
	`connection from 211.72.151.162 (dsl-82-252.adsl.example.net) at Mon Jul 18 03:26:49 2005`,
	`authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=220-135-151-1.example.net  user=root`,
	`2015-10-17 15:37:56,547 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster for application appattempt_1445144423722_0020_000001`,
	`Received block blk_-1608999687919862906 of size 91178 from /10.250.19.102:54106`,
	`BUG: KASAN: use-after-free in asix_suspend+0xb9/0xc0 drivers/net/usb/asix.c:1281`,
	`Cannot read properties of undefined (reading 'length')`,
	`Accepted socket connection from user@host.example.com:35811 port=22 ok=true name="x y"`,
	`onExtend:1514038554000 2 0 4, totalSteps=7163Calories:153367`,
	`Wed Apr 17 22:31:45 2019: GMT+0000 (UTC) 11:21PM 20060102T150405Z took 12ms 1h30m 5.2KB`,
	`mac 00:1b:44:11:3a:b7 via fe80::1%eth0 id k9Mtd2gDcgG version 1.2.3-beta.4 @ 0xFF, 4,150,908 -7 1e-9`,
	`tx274a77a8975c4a66aeb24-0052d95365-cluster01 https://a.example/b?c='d'). 1-67891233-abcdef012345678912345678`,
	"caf\u00e9 \u7b2c3\u884c \xff\xfe 3 \u2028 12:30 AM Mon, 02 Jan 06 15:04 MST",
}

// messageText draws text made of whole log lines, their fragments, and bytes that
// the families turn on.
func messageText() *rapid.Generator[string] {
	var atoms []string
	for _, line := range logLines {
		for word := range strings.FieldsSeq(line) {
			atoms = append(atoms, word)
		}
	}
	atoms = append(atoms, "Mon", "Monday", "Jan", "January", ",", " ", " ", "  ", ":", "-", ".", "_", "=", "'", "\"", "@", "/", "T", "Z", "(", ")", "::", "GMT", "UTC", "CES",
		"2006", "01", "02", "15", "04", "05", "3", "7", "+0700", "-07:00", "PM", "am", "true", "False", "com", "io", "net", "www", "http://", "v", "e", "E", "0x", "ms", "s", "K", "B", "é", "\xff", "第", "A", "Y",
		"7c1811ed", "e98f", "58c757ff494f", "deadbeef", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00-", "1-", "tx274a77a8975c4a66aeb24-", "20060102", "150405", "datetime.datetime(", ",000", "12:34")
	atom := rapid.OneOf(
		rapid.SampledFrom(atoms),
		rapid.StringMatching(`[0-9a-fA-F]{1,12}`),
		rapid.StringMatching(`[0-9]{1,5}`),
		rapid.StringMatching(`[:.@=,/ _+-]{1,2}`),
		rapid.StringMatching(`[A-Za-z0-9]{1,12}`),
		rapid.String(),
	)
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(atom, 0, 8).Draw(t, "parts")
		s := strings.Join(parts, rapid.SampledFrom([]string{"", "", " ", ":", "-"}).Draw(t, "sep"))
		for len(s) > 120 {
			s = s[:len(s)/2]
		}
		return s
	})
}

// mutatedCase draws a text of the tables above with a few bytes changed, dropped
// or put in, which reaches every turn of the longer forms.
func mutatedCase() *rapid.Generator[string] {
	texts := append([]string(nil), logLines...)
	for _, test := range newstyleCases {
		texts = append(texts, test.in)
	}
	for _, test := range wideCases {
		texts = append(texts, test.in)
	}
	const bytes = "0123456789abefxzADEFTZ:.-_=/,@+'\"() \t\n\xe9"
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom(texts).Draw(t, "text")
		for range rapid.IntRange(0, 4).Draw(t, "edits") {
			i := rapid.IntRange(0, len(s)).Draw(t, "at")
			drop := rapid.IntRange(0, min(2, len(s)-i)).Draw(t, "drop")
			put := rapid.IntRange(0, len(bytes)).Draw(t, "put")
			s = s[:i] + bytes[put:min(put+1, len(bytes))] + s[i+drop:]
		}
		return s
	})
}

func checkReference(t interface{ Errorf(string, ...any) }, s string) {
	for _, mode := range []MessageMode{Newstyle, Wide} {
		got, want := ScanMessage(nil, s, mode), referenceScan(s, mode)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mode %d: %q\nreference %q\n  scanner %q\n%s", mode, s, spell(s, want), spell(s, got), diff)
		}
	}
}

func spell(s string, slots []Slot) (out []string) {
	for _, slot := range slots {
		out = append(out, slot.Family.String()+"="+s[slot.Start:slot.End])
	}
	return out
}

func TestScanMatchesReference(t *testing.T) {
	for _, line := range logLines {
		checkReference(t, line)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkReference(t, rapid.OneOf(messageText(), mutatedCase()).Draw(t, "s"))
	})
}

// checkSlots tests what holds of any input.
func checkSlots(t *testing.T, s string) {
	for _, mode := range []MessageMode{Newstyle, Wide} {
		end := 0
		for _, slot := range ScanMessage(nil, s, mode) {
			if slot.Start < end || slot.End <= slot.Start || slot.End > min(len(s), MaxScan) || slot.Family >= NumFamilies {
				t.Fatalf("mode %d: %q: slot %+v behind %d", mode, s, slot, end)
			}
			end = slot.End
		}
	}
	if got := mark(s, Newstyle); got != Parameterize(s) {
		t.Fatalf("Parameterize(%q) = %q, its slots say %q", s, Parameterize(s), got)
	}
	if utf8.ValidString(s) && len(s) <= MaxScan && !utf8.ValidString(NormalizeMessage(s)) {
		t.Fatalf("NormalizeMessage(%q) broke a character", s)
	}
}

func FuzzScanMessage(f *testing.F) {
	for _, line := range logLines {
		f.Add(line)
	}
	for _, s := range hostile(200) {
		f.Add(s)
	}
	for _, s := range found {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkSlots(t, s)
		if len(s) <= 64 { // the reference is too slow to be fuzzed over long texts
			checkReference(t, s)
		}
	})
}

// found are texts on which fuzzing saw the scanner and the reference differ.
var found = []string{
	"00000101 000000,00A", // a compact clock with a fraction at which no word ends
}

// hostile returns texts of at least n bytes that make scanners look at the same
// bytes again and again.
func hostile(n int) []string {
	var texts []string
	for _, unit := range []string{
		"1", "a", "f", "<", "@", ".", "-", ":", "=", "'", "a@", "a.", "a-", "-1", "1.", "1:", "f:", "::", "='", "=\"'", ",000", "1,000,", "0x", "tx", "00-", "a1", "a1B",
		"http://", "http://)", "a://.", "Mon ", "Mon, 02 ", "Jan 2 ", "12:34:", "2006-01-02 ", "1h", "1K", "datetime.datetime(", " (", "\xff", "\u7b2c", "1\u7b2c", "a.com.", "com.", "\n", " ",
	} {
		texts = append(texts, strings.Repeat(unit, n/len(unit)+1))
	}
	return texts
}

// TestHostileTexts runs the scanner over a mebibyte of each; a scanner that looks
// again at what it has seen, or beyond MaxScan, does not come to an end here.
func TestHostileTexts(t *testing.T) {
	for _, s := range hostile(1 << 20) {
		checkSlots(t, s)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	dst := make([]Slot, 0, 64)
	for _, mode := range []MessageMode{Newstyle, Wide} {
		for _, line := range logLines {
			if n := testing.AllocsPerRun(20, func() { dst = ScanMessage(dst[:0], line, mode) }); n != 0 {
				t.Errorf("mode %d: %v allocations for %q", mode, n, line)
			}
		}
	}
}

func BenchmarkScanMessage(b *testing.B) {
	for _, mode := range []struct {
		name string
		mode MessageMode
	}{{"newstyle", Newstyle}, {"wide", Wide}} {
		b.Run(mode.name, func(b *testing.B) {
			total := 0
			for _, line := range logLines {
				total += len(line)
			}
			b.SetBytes(int64(total))
			b.ReportAllocs()
			dst := make([]Slot, 0, 64)
			for b.Loop() {
				for _, line := range logLines {
					dst = ScanMessage(dst[:0], line, mode.mode)
				}
			}
		})
	}
}

// BenchmarkScanHostile is the time of the worst text of MaxScan bytes.
func BenchmarkScanHostile(b *testing.B) {
	dst := make([]Slot, 0, MaxScan)
	for _, s := range hostile(MaxScan) {
		b.Run(strings.Trim(s[:8], "\n "), func(b *testing.B) {
			b.SetBytes(MaxScan)
			for b.Loop() {
				dst = ScanMessage(dst[:0], s, Wide)
			}
		})
	}
}

func BenchmarkReference(b *testing.B) {
	total := 0
	for _, line := range logLines {
		total += len(line)
	}
	b.SetBytes(int64(total))
	for b.Loop() {
		for _, line := range logLines {
			referenceScan(line, Wide)
		}
	}
}
