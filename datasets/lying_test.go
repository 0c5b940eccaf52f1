package datasets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"whorl/features"
	"whorl/internal/exporttest"
)

// page is one page of a file taken apart.
type page struct {
	header format.PageHeader
	body   []byte
}

// columnPages is the pages of one column of one row group.
type columnPages struct {
	meta  *format.ColumnMetaData
	pages []page
}

// parts is a Parquet file taken apart, by row group and leaf.
type parts struct {
	footer *format.FileMetaData
	groups [][]columnPages
}

func split(t testing.TB, data []byte) *parts {
	t.Helper()
	p := &parts{}
	p.footer, _ = footerOf(t, data)
	for g := range p.footer.RowGroups {
		var columns []columnPages
		for c := range p.footer.RowGroups[g].Columns {
			meta := &p.footer.RowGroups[g].Columns[c].MetaData
			at := meta.DataPageOffset
			if d := meta.DictionaryPageOffset; d > 0 {
				at = min(at, d)
			}
			var pages []page
			for _, h := range pagesOf(t, data, *meta) {
				text, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
				if err != nil {
					t.Fatal(err)
				}
				from := at + int64(len(text))
				at = from + int64(h.CompressedPageSize)
				pages = append(pages, page{h, slices.Clone(data[from:at])})
			}
			columns = append(columns, columnPages{meta, pages})
		}
		p.groups = append(p.groups, columns)
	}
	return p
}

// join puts the pages together again, with the offsets that they now have and
// the headers that they claim.
func (p *parts) join(t testing.TB) []byte {
	t.Helper()
	out := []byte("PAR1")
	for g := range p.groups {
		for c := range p.groups[g] {
			column, from := &p.groups[g][c], int64(len(out))
			column.meta.DictionaryPageOffset, column.meta.DataPageOffset = 0, from
			for i, pg := range column.pages {
				if pg.header.Type == format.DictionaryPage && i == 0 {
					column.meta.DictionaryPageOffset = from
				} else if i == 0 || i == 1 && column.meta.DictionaryPageOffset > 0 {
					column.meta.DataPageOffset = int64(len(out))
				}
				text, err := thrift.Marshal(new(thrift.CompactProtocol), &pg.header)
				if err != nil {
					t.Fatal(err)
				}
				out = append(append(out, text...), pg.body...)
			}
			column.meta.TotalCompressedSize = int64(len(out)) - from
			chunk := &p.footer.RowGroups[g].Columns[c]
			chunk.OffsetIndexOffset, chunk.OffsetIndexLength, chunk.ColumnIndexOffset, chunk.ColumnIndexLength = 0, 0, 0, 0
			chunk.MetaData.EncodingStats = nil
		}
	}
	from := len(out)
	text, err := thrift.Marshal(new(thrift.CompactProtocol), p.footer)
	if err != nil {
		t.Fatal(err)
	}
	out = binary.LittleEndian.AppendUint32(append(out, text...), uint32(len(out)+len(text)-from))
	return append(out, "PAR1"...)
}

// column returns the column of a path in the first row group.
func (p *parts) column(path string) *columnPages {
	for c := range p.groups[0] {
		if column := &p.groups[0][c]; strings.Join(column.meta.PathInSchema, ".") == path {
			return column
		}
	}
	panic("no column " + path)
}

// data returns the first data page of a column.
func (c *columnPages) data() *page {
	for i := range c.pages {
		if c.pages[i].header.Type != format.DictionaryPage {
			return &c.pages[i]
		}
	}
	panic("no data page")
}

func (p *page) values() *int32 {
	if p.header.Type == format.DataPageV2 {
		return &p.header.DataPageHeaderV2.V.NumValues
	}
	return &p.header.DataPageHeader.V.NumValues
}

// resize makes the header say the body's size.
func (p *page) resize() {
	p.header.CompressedPageSize, p.header.UncompressedPageSize = int32(len(p.body)), int32(len(p.body))
	p.header.CRC = 0
}

// honest is the file that the tests make lie: 30 rows, uncompressed, several
// data pages a column.
func honest(t testing.TB, version int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[exporttest.EventRow](&b, parquet.DataPageVersion(version), parquet.PageBufferSize(8), parquet.Compression(&parquet.Uncompressed))
	rows := exporttest.EventRows(exporttest.Rows(someEvents(30)...))
	for part := range slices.Chunk(rows, 7) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// liar returns a function that puts data into the events file of one export
// and reads all of it.
func liar(t testing.TB) func(data []byte) ([]features.Event, error) {
	dir := replaced(t, honest(t, 1), 30)
	return func(data []byte) ([]features.Event, error) {
		exporttest.Replace(t, dir, "events.parquet", data, 30)
		x, err := OpenExport(dir)
		if err != nil {
			return nil, err
		}
		events, _, err := x.ReadEvents(ctx, training)
		return events, err
	}
}

// readAs opens data as the events file of an export whose manifest says the
// given rows and reads all.
func readAs(t testing.TB, data []byte, rows int) (dir string, err error) {
	t.Helper()
	dir = replaced(t, data, rows)
	x, err := OpenExport(dir)
	if err == nil {
		_, _, err = x.ReadEvents(ctx, training)
	}
	return dir, err
}

const (
	consentPath  = "consent_purposes.list.element"
	valuePath    = "exceptions.list.element.value"
	functionPath = "exceptions.list.element.frames.list.element.function"
)

// bits packs levels of one bit as one run.
func bits(levels []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(levels)+7)/8<<1|1)
	for i, l := range levels {
		if i%8 == 0 {
			out = append(out, 0)
		}
		out[len(out)-1] |= l << (i % 8)
	}
	return out
}

// A footer or page that lies is refused, under a digest that fits, with an
// error that names the file and, where one is at fault, the column.
func TestLies(t *testing.T) {
	// The file itself reads, taken apart and put together.
	for _, version := range []int{1, 2} {
		p := split(t, honest(t, version))
		if _, err := readAs(t, p.join(t), 30); err != nil {
			t.Fatal(err)
		}
		for _, c := range p.groups[0] {
			if len(c.pages) < 5 {
				t.Fatalf("column %s has %d pages", c.meta.PathInSchema, len(c.pages))
			}
		}
	}
	const columnEvent = "column event_id"
	tests := []struct {
		name string
		lie  func(p *parts)
		rows int // in the manifest, 0 for 30
		err  error
		says []string
	}{
		{"more rows in the footer, manifest too", func(p *parts) { p.footer.NumRows++ }, 31, ErrCorrupt, []string{"row groups hold 30 rows", "31"}},
		{"fewer rows in the footer, manifest too", func(p *parts) { p.footer.NumRows-- }, 29, ErrCorrupt, []string{"row group 0 has 30 rows", "29"}},
		{"more rows in the footer", func(p *parts) { p.footer.NumRows++ }, 0, ErrCorrupt, []string{"30"}},
		{"no rows in the footer", func(p *parts) { p.footer.NumRows = 0 }, 0, ErrCorrupt, []string{"row group 0 has 30 rows"}},
		{"negative rows", func(p *parts) { p.footer.NumRows = -30 }, 0, ErrCorrupt, []string{"-30"}},
		{"row groups add up to more", func(p *parts) { p.footer.RowGroups[0].NumRows++ }, 0, ErrCorrupt, []string{"row group 0 has 31 rows", "30"}},
		{"row groups add up to fewer", func(p *parts) { p.footer.RowGroups[0].NumRows-- }, 0, ErrCorrupt, []string{"row groups hold 29 rows", "30"}},
		{"negative row group", func(p *parts) { p.footer.RowGroups[0].NumRows = -1 }, 0, ErrCorrupt, []string{"row group 0", "-1", "negative"}},
		{"a row group twice", func(p *parts) {
			p.footer.RowGroups = append(p.footer.RowGroups, p.footer.RowGroups[0])
		}, 0, ErrCorrupt, []string{"row group 1 has 30 rows"}},
		{"rows that overflow", func(p *parts) {
			p.footer.RowGroups[0].NumRows = math.MaxInt64
			p.footer.RowGroups = append(p.footer.RowGroups, p.footer.RowGroups[0])
		}, 0, ErrCorrupt, []string{"row group 0"}},
		{"a row more everywhere", func(p *parts) { p.footer.NumRows++; p.footer.RowGroups[0].NumRows++ }, 31, ErrCorrupt, []string{columnEvent, "30 rows", "31"}},
		{"a row less everywhere", func(p *parts) { p.footer.NumRows--; p.footer.RowGroups[0].NumRows-- }, 29, ErrCorrupt, []string{columnEvent, "more than", "29 rows"}},
		{"a column less", func(p *parts) {
			p.footer.RowGroups[0].Columns, p.groups[0] = p.footer.RowGroups[0].Columns[1:], p.groups[0][1:]
		}, 0, ErrCorrupt, []string{"columns"}},
		{"columns swapped in the row group", func(p *parts) {
			c := p.footer.RowGroups[0].Columns
			for i := range c {
				if c[i].MetaData.PathInSchema[0] == "org_id" {
					c[i].MetaData.PathInSchema = []string{"project_id"}
				}
			}
		}, 0, ErrCorrupt, []string{"column org_id", `"project_id" in its place`}},
		{"another type in the row group", func(p *parts) { p.column("event_id").meta.Type = format.Int64 }, 0, ErrCorrupt, []string{columnEvent, "another type"}},
		{"stored elsewhere", func(p *parts) { p.footer.RowGroups[0].Columns[0].FilePath = "/etc/passwd" }, 0, ErrUnsupported, []string{"column ", "another file"}},

		{"a row that begins in a list", func(p *parts) { // the first entry continues a list that is not there
			pg := p.column(consentPath).data()
			n := int(*pg.values())
			reps := slices.Repeat([]byte{1}, n)
			old := 4 + binary.LittleEndian.Uint32(pg.body)
			packed := bits(reps)
			pg.body = append(append(binary.LittleEndian.AppendUint32(nil, uint32(len(packed))), packed...), pg.body[old:]...)
			pg.resize()
		}, 0, ErrCorrupt, []string{"column " + consentPath, "row 1 begins inside a list"}},
		{"definition level too high", func(p *parts) {
			pg := p.column("release").data()
			run := append(binary.AppendUvarint(nil, uint64(*pg.values())<<1), 2)
			old := 4 + binary.LittleEndian.Uint32(pg.body)
			pg.body = append(append(binary.LittleEndian.AppendUint32(nil, uint32(len(run))), run...), pg.body[old:]...)
			pg.resize()
		}, 0, ErrCorrupt, []string{"column release", "level"}},
		{"levels longer than the page", func(p *parts) {
			pg := p.column(functionPath).data()
			binary.LittleEndian.PutUint32(pg.body, 1<<30)
			pg.resize()
		}, 0, ErrCorrupt, []string{"column " + functionPath, "levels longer than the page"}},
		{"lists of another length", func(p *parts) {
			other := someEvents(31)[1:]
			q := split(t, exporttest.EventsBytes(t, exporttest.Rows(other...), exporttest.Options{Writer: []parquet.WriterOption{parquet.DataPageVersion(1), parquet.Compression(&parquet.Uncompressed)}}))
			to, from := p.column(valuePath), q.column(valuePath)
			to.pages, to.meta.NumValues = from.pages, from.meta.NumValues
		}, 0, ErrCorrupt, []string{"column " + valuePath, "length of a list", "row"}},

		{"index out of range", func(p *parts) {
			pg := p.column("platform").data()
			n := uint64(*pg.values())
			pg.body = append([]byte{8}, append(binary.AppendUvarint(nil, n<<1), 200)...)
			pg.resize()
		}, 0, ErrCorrupt, []string{"column platform", "entry 200 of a dictionary of 3"}},
		{"no dictionary", func(p *parts) { c := p.column("platform"); c.pages = c.pages[1:] }, 0, ErrCorrupt, []string{"column platform", "dictionary that is not there"}},
		{"two dictionaries", func(p *parts) { c := p.column("platform"); c.pages = slices.Insert(c.pages, 1, c.pages[0]) }, 0, ErrCorrupt, []string{"column platform", "dictionary", "second"}},
		{"a dictionary after data", func(p *parts) {
			c := p.column(functionPath)
			if len(c.pages) < 3 {
				panic("one data page")
			}
			c.pages = slices.Insert(c.pages, 2, c.pages[0])
		}, 0, ErrCorrupt, []string{"column " + functionPath, "dictionary", "after data"}},
		{"fewer entries than the dictionary claims", func(p *parts) {
			p.column("platform").pages[0].header.DictionaryPageHeader.V.NumValues = 9
		}, 0, ErrCorrupt, []string{"column platform", "dictionary", "end early"}},

		{"last page cut", func(p *parts) {
			pages := p.column("event_id").pages
			last := &pages[len(pages)-1]
			last.body = last.body[:len(last.body)-3]
		}, 0, ErrCorrupt, []string{columnEvent, "over the column's end"}},
		{"last page cut, size too", func(p *parts) {
			pages := p.column("event_id").pages
			last := &pages[len(pages)-1]
			last.body = last.body[:len(last.body)-3]
			last.resize()
		}, 0, ErrCorrupt, []string{columnEvent, "page "}},
		{"page claims to be larger", func(p *parts) { p.column("event_id").data().header.UncompressedPageSize += 8 }, 0, ErrCorrupt, []string{columnEvent, "claims"}},
		{"page claims to be smaller", func(p *parts) { p.column("event_id").data().header.UncompressedPageSize -= 8 }, 0, ErrCorrupt, []string{columnEvent, "claims"}},
		{"page claims a negative size", func(p *parts) { p.column("event_id").data().header.UncompressedPageSize = -1 }, 0, ErrCorrupt, []string{columnEvent}},
		{"page claims a negative stored size", func(p *parts) { p.column("event_id").data().header.CompressedPageSize = math.MinInt32 }, 0, ErrCorrupt, []string{columnEvent}},
		{"page claims two gibibytes", func(p *parts) {
			p.column("event_id").data().header.UncompressedPageSize = math.MaxInt32
		}, 0, ErrLimit, []string{columnEvent, "the limit is"}},
		{"page claims more values than the column", func(p *parts) { *p.column("event_id").data().values() = math.MaxInt32 }, 0, ErrCorrupt, []string{columnEvent, "left"}},
		{"page claims a negative number", func(p *parts) { *p.column("event_id").data().values() = -1 }, 0, ErrCorrupt, []string{columnEvent, "-1 values"}},
		{"page without its fields", func(p *parts) { p.column("event_id").data().header.DataPageHeader.Valid = false }, 0, ErrCorrupt, []string{columnEvent}},
		{"page of an unknown type", func(p *parts) { p.column("event_id").data().header.Type = 9 }, 0, ErrUnsupported, []string{columnEvent, "page type"}},
		{"page of an unknown encoding", func(p *parts) {
			p.column("event_id").data().header.DataPageHeader.V.Encoding = 99
		}, 0, ErrUnsupported, []string{columnEvent, "encoding"}},
		{"checksum differs", func(p *parts) { p.column("event_id").data().header.CRC = 12345 }, 0, ErrCorrupt, []string{columnEvent, "checksum"}},
		{"another codec", func(p *parts) { p.column("event_id").meta.Codec = format.Zstd }, 0, ErrCorrupt, []string{columnEvent, "ZSTD"}},
		{"an unknown codec", func(p *parts) { p.column("event_id").meta.Codec = 42 }, 0, ErrUnsupported, []string{columnEvent, "codec", "write the file with"}},
		{"text that is not UTF-8", func(p *parts) { pg := p.column("event_id").data(); pg.body[len(pg.body)-1] = 0xff; pg.resize() }, 0, ErrCorrupt, []string{columnEvent, "UTF-8", "row 7"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := split(t, honest(t, 1))
			tt.lie(p)
			rows := tt.rows
			if rows == 0 {
				rows = 30
			}
			dir, err := readAs(t, p.join(t), rows)
			wantError(t, err, tt.err, append(tt.says, filepath.Join(dir, "events.parquet"))...)
			t.Log(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
		})
	}
}

// Pages in a row group that says to have no rows give none.
func TestPagesWithoutRows(t *testing.T) {
	p := split(t, honest(t, 1))
	p.footer.NumRows, p.footer.RowGroups[0].NumRows = 0, 0
	_, err := readAs(t, p.join(t), 0)
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNothingAllowed) {
		t.Errorf("got %v", err)
	}
}

// lies are what is done to one column. bare ones take bytes from a page that
// may hold nothing: the width of indices where all values are null, or the
// runs of a dictionary of one entry.
var lies = []struct {
	name string
	bare bool
	lie  func(c *columnPages)
}{
	{"last page missing", false, func(c *columnPages) { c.pages = c.pages[:len(c.pages)-1] }},
	{"last page missing, its values too", false, func(c *columnPages) {
		last := &c.pages[len(c.pages)-1]
		c.meta.NumValues -= int64(*last.values())
		c.pages = c.pages[:len(c.pages)-1]
	}},
	{"last page twice", false, func(c *columnPages) { c.pages = append(c.pages, c.pages[len(c.pages)-1]) }},
	{"last page twice, its values too", false, func(c *columnPages) {
		last := c.pages[len(c.pages)-1]
		c.meta.NumValues += int64(*last.values())
		c.pages = append(c.pages, last)
	}},
	{"fewer values than its pages", false, func(c *columnPages) { c.meta.NumValues-- }},
	{"more values than its pages", false, func(c *columnPages) { c.meta.NumValues++ }},
	{"negative values", false, func(c *columnPages) { c.meta.NumValues = -1 }},
	{"a page says one value less", false, func(c *columnPages) { *c.data().values()-- }},
	{"a page says one value more", false, func(c *columnPages) { *c.data().values()++ }},
	{"a page says a byte more", false, func(c *columnPages) { c.data().header.UncompressedPageSize++ }},
	{"a page says a byte less", false, func(c *columnPages) { c.data().header.UncompressedPageSize-- }},
	{"a page says to store a byte less", false, func(c *columnPages) { c.data().header.CompressedPageSize-- }},
	{"a page lacks a byte", true, func(c *columnPages) {
		pg := c.data()
		pg.body = pg.body[:len(pg.body)-1]
		pg.resize()
	}},
}

// What is wrong with one column is found in whichever column it is, in pages
// of both versions, and the error names the column. Where a byte is missing
// that holds nothing, the events are the same.
func TestLiesOfEveryColumn(t *testing.T) {
	want, read := someEvents(30), liar(t)
	tried, same := 0, 0
	for _, version := range []int{1, 2} {
		data := honest(t, version)
		for i := range split(t, data).groups[0] {
			for _, l := range lies {
				p := split(t, data)
				c := &p.groups[0][i]
				path := strings.Join(c.meta.PathInSchema, ".")
				l.lie(c)
				tried++
				got, err := read(p.join(t))
				if err == nil && l.bare && cmp.Diff(want, got) == "" {
					same++
					continue
				}
				// Of two lists that differ in length either may be at fault.
				named := err != nil && (strings.Contains(err.Error(), "column "+path) || strings.Contains(err.Error(), "disagrees with the others"))
				if !named || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "events.parquet") || strings.Contains(err.Error(), "\n") {
					t.Errorf("version %d, %s of %s: got %v", version, l.name, path, err)
				}
			}
		}
	}
	t.Logf("%d lies, %d of them without effect", tried, same)
}

// Version 2 pages say rows and nulls besides.
func TestLiesOfVersion2(t *testing.T) {
	for name, lie := range map[string]func(h *format.DataPageHeaderV2){
		"rows":            func(h *format.DataPageHeaderV2) { h.NumRows++ },
		"nulls":           func(h *format.DataPageHeaderV2) { h.NumNulls++ },
		"levels":          func(h *format.DataPageHeaderV2) { h.DefinitionLevelsByteLength = 1 << 30 },
		"negative levels": func(h *format.DataPageHeaderV2) { h.RepetitionLevelsByteLength = -1 },
	} {
		p := split(t, honest(t, 2))
		lie(&p.column(valuePath).data().header.DataPageHeaderV2.V)
		dir, err := readAs(t, p.join(t), 30)
		wantError(t, err, ErrCorrupt, "column "+valuePath, filepath.Join(dir, "events.parquet"))
		t.Logf("%s: %s", name, strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	}
}

// Offsets and sizes that leave the pages, for every column.
func TestLiesAboutOffsets(t *testing.T) {
	data := honest(t, 1)
	offsets := map[string]func(m *format.ColumnMetaData, end int64){
		"before the file":    func(m *format.ColumnMetaData, end int64) { m.DataPageOffset, m.DictionaryPageOffset = -1, 0 },
		"in the magic bytes": func(m *format.ColumnMetaData, end int64) { m.DataPageOffset, m.DictionaryPageOffset = 3, 0 },
		"behind the file":    func(m *format.ColumnMetaData, end int64) { m.DataPageOffset, m.DictionaryPageOffset = 1<<40, 0 },
		"overflow":           func(m *format.ColumnMetaData, end int64) { m.DataPageOffset, m.DictionaryPageOffset = math.MaxInt64, 0 },
		"into the footer":    func(m *format.ColumnMetaData, end int64) { m.TotalCompressedSize = end },
		"huge size":          func(m *format.ColumnMetaData, end int64) { m.TotalCompressedSize = math.MaxInt64 },
		"negative size":      func(m *format.ColumnMetaData, end int64) { m.TotalCompressedSize = -1 },
		"no size":            func(m *format.ColumnMetaData, end int64) { m.TotalCompressedSize = 0 },
		"one byte less":      func(m *format.ColumnMetaData, end int64) { m.TotalCompressedSize-- },
		"one byte later":     func(m *format.ColumnMetaData, end int64) { m.DataPageOffset++; m.DictionaryPageOffset = 0 },
	}
	p, read := split(t, data), liar(t)
	tried := 0
	for i := range p.groups[0] {
		path := strings.Join(p.groups[0][i].meta.PathInSchema, ".")
		for _, name := range sortedKeys(offsets) {
			lying := withFooter(t, data, func(f *format.FileMetaData) {
				offsets[name](&f.RowGroups[0].Columns[i].MetaData, int64(len(data)))
			})
			_, err := read(lying)
			tried++
			if err == nil || !strings.Contains(err.Error(), "events.parquet") || !strings.Contains(err.Error(), path) ||
				!errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrLimit) {
				t.Errorf("%s: %s: got %v", path, name, err)
			}
		}
	}
	t.Logf("%d lies", tried)
}

// An encrypted file is told from a damaged one.
func TestEncryptedMagic(t *testing.T) {
	good := honest(t, 1)
	for _, edit := range []func(b []byte){
		func(b []byte) { copy(b, "PARE"); copy(b[len(b)-4:], "PARE") },
		func(b []byte) { copy(b, "PARE") },
		func(b []byte) { copy(b[len(b)-4:], "PARE") },
	} {
		data := slices.Clone(good)
		edit(data)
		dir, err := readAs(t, data, 30)
		wantError(t, err, ErrUnsupported, filepath.Join(dir, "events.parquet"), "encrypted", "plain")
	}
}

// Labels and pairs are held to their row counts too.
func TestLiesOfLabels(t *testing.T) {
	var labels []exporttest.Label
	var pairs []exporttest.Pair
	for i := range 20 {
		labels = append(labels, exporttest.Label{EventID: fmt.Sprintf("e%d", i), GroupID: "g", Source: "human", Confidence: 1, Slices: []string{"a", "b"}})
		pairs = append(pairs, exporttest.Pair{A: fmt.Sprintf("e%d", i), B: fmt.Sprintf("e%d", i+1), Label: "GROUP", Confidence: 1, Source: "human"})
	}
	options := []parquet.WriterOption{parquet.PageBufferSize(64), parquet.Compression(&parquet.Uncompressed)}
	dir := t.TempDir()
	exporttest.Write(t, dir, exporttest.Rows(someEvents(2)...), labels, exporttest.Options{Pairs: pairs, Writer: options})
	read := func() error {
		x, err := OpenExport(dir)
		if err != nil {
			return err
		}
		_, err = x.Labels()
		if err == nil {
			_, err = x.Pairs()
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range []string{"labels.parquet", "pairs.parquet"} {
		good := readFile(t, filepath.Join(dir, file))
		for i := range split(t, good).groups[0] {
			for _, extra := range []bool{true, false} {
				p := split(t, good)
				c := &p.groups[0][i]
				last := c.pages[len(c.pages)-1]
				if n := int64(*last.values()); extra {
					c.pages, c.meta.NumValues = append(c.pages, last), c.meta.NumValues+n
				} else {
					c.pages, c.meta.NumValues = c.pages[:len(c.pages)-1], c.meta.NumValues-n
				}
				exporttest.Replace(t, dir, file, p.join(t), 20)
				wantError(t, read(), ErrCorrupt, filepath.Join(dir, file), "column "+strings.Join(c.meta.PathInSchema, "."))
				tried++
			}
		}
		exporttest.Replace(t, dir, file, good, 20)
	}
	t.Logf("%d lies", tried)
}
