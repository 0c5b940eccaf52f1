package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

// entry is one entry of a column: its levels and, when it is not null, its
// value.
type entry struct {
	Rep, Def int
	Value    string
}

// reference reads a column through the library's own row reader.
func reference(t testing.TB, data []byte, leaf int) (rows [][]entry) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.RowGroups() {
		r := g.Rows()
		buf := make([]parquet.Row, 7)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				var entries []entry
				for _, v := range row {
					if v.Column() == leaf {
						e := entry{Rep: v.RepetitionLevel(), Def: v.DefinitionLevel()}
						if !v.IsNull() {
							e.Value = v.String()
						}
						entries = append(entries, e)
					}
				}
				rows = append(rows, entries)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
	}
	return rows
}

// column reads a column through a cursor, a few rows at a time.
func column(f *File, n *Node) (rows [][]entry, err error) {
	for g := range f.Groups() {
		group := f.Group(g, 0)
		c, err := group.Cursor(n)
		if err != nil {
			return nil, err
		}
		var v Vector
		for step := 1; ; step = step%7 + 1 {
			v.Reset()
			got, err := c.Read(&v, step)
			if err != nil {
				return nil, err
			}
			part := v.entries(n)
			if got != v.Rows || len(part) != got {
				return nil, fmt.Errorf("Read returned %d, the vector says %d and holds %d", got, v.Rows, len(part))
			}
			rows = append(rows, part...)
			if got < step {
				break
			}
		}
	}
	return rows, nil
}

// entries returns the vector's rows one by one.
func (v *Vector) entries(n *Node) (rows [][]entry) {
	var values []string
	switch n.Kind {
	case ByteArray:
		for i := range v.Texts() {
			values = append(values, v.String(i))
		}
	case Double:
		for _, x := range v.Floats {
			values = append(values, fmt.Sprint(x))
		}
	case Boolean:
		for _, x := range v.Bools {
			values = append(values, fmt.Sprint(x == 1))
		}
	default:
		for _, x := range v.Ints {
			values = append(values, fmt.Sprint(x))
		}
	}
	for k := range max(len(v.Reps), len(v.Defs), len(values)) {
		e := entry{}
		if v.Reps != nil {
			e.Rep = int(v.Reps[k])
		}
		if v.Defs != nil {
			e.Def = int(v.Defs[k])
		}
		if e.Def == int(n.MaxDef) {
			e.Value, values = strings.Clone(values[0]), values[1:]
		}
		if e.Rep == 0 {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
	}
	if len(values) > 0 {
		panic(fmt.Sprintf("%d values too many", len(values)))
	}
	return rows
}

func leaves(n *Node) (all []*Node) {
	if n.Leaf >= 0 {
		return []*Node{n}
	}
	for _, c := range n.Children {
		all = append(all, leaves(c)...)
	}
	return all
}

type part struct {
	Name  *string  `parquet:"name,optional"`
	Size  *int32   `parquet:"size,optional"`
	Flag  *bool    `parquet:"flag,optional"`
	Words []string `parquet:"words,list"`
}

type record struct {
	ID    string  `parquet:"id"`
	Kind  string  `parquet:"kind,dict"`
	Count int64   `parquet:"count"`
	Share float64 `parquet:"share"`
	On    bool    `parquet:"on"`
	Note  *string `parquet:"note,optional,dict"`
	Parts []part  `parquet:"parts,list"`
	Tags  []string
}

func records(n int) []record {
	p := func(s string) *string { return &s }
	out := make([]record, n)
	for i := range out {
		r := record{
			ID: fmt.Sprintf("id-%d", i*i), Kind: []string{"a", "bb", ""}[i%3], Count: int64(i-3) << (i % 50),
			Share: float64(i) / 7, On: i%3 == 0,
		}
		if i%4 != 0 {
			r.Note = p(fmt.Sprintf("note %d", i%5))
		}
		for j := range i % 4 {
			q := part{}
			if j%2 == 0 {
				q.Name = p(strings.Repeat("é", j) + "x")
				v := int32(-i * j)
				q.Size = &v
			}
			if i%2 == 0 {
				b := j%2 == 0
				q.Flag = &b
			}
			for k := range (i + j) % 3 {
				q.Words = append(q.Words, fmt.Sprintf("w%d", k))
			}
			r.Parts = append(r.Parts, q)
		}
		for k := range i % 3 {
			r.Tags = append(r.Tags, fmt.Sprint(k))
		}
		out[i] = r
	}
	return out
}

func write[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every column of every form reads as the library's row reader reads it,
// from memory and from a file.
func TestCursorAgainstRowReader(t *testing.T) {
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd}
	for _, codec := range codecs {
		for _, version := range []int{1, 2} {
			for _, page := range []int{40, 1 << 16} {
				name := fmt.Sprintf("%s v%d page %d", codec, version, page)
				t.Run(name, func(t *testing.T) {
					data := write(t, records(100), parquet.Compression(codec), parquet.DataPageVersion(version),
						parquet.PageBufferSize(page), parquet.MaxRowsPerRowGroup(37))
					inMemory, err := OpenBytes(name, data)
					if err != nil {
						t.Fatal(err)
					}
					onDisk, err := Open(name, bytes.NewReader(data), int64(len(data)))
					if err != nil {
						t.Fatal(err)
					}
					if inMemory.Rows() != 100 || inMemory.Groups() != 3 {
						t.Fatalf("%d rows in %d groups", inMemory.Rows(), inMemory.Groups())
					}
					for i, n := range leaves(inMemory.Root()) {
						want := reference(t, data, i)
						for _, f := range []*File{inMemory, onDisk} {
							got, err := column(f, n)
							if err != nil {
								t.Fatal(err)
							}
							if diff := cmp.Diff(want, got); diff != "" {
								t.Fatalf("%s: %s", n.Path, diff)
							}
						}
					}
				})
			}
		}
	}
}

type encoded struct {
	Plain  string `parquet:"plain,plain"`
	Length string `parquet:"length,delta"`
	Int    int64  `parquet:"int,delta"`
	Small  int32  `parquet:"small,delta"`
	Dict   int32  `parquet:"dict,dict"`
}

func TestEncodings(t *testing.T) {
	var rows []encoded
	for i := range 1000 {
		s := strings.Repeat("ab", i%13) + fmt.Sprint(i)
		rows = append(rows, encoded{s, s, math.MaxInt64 / int64(i+1) * int64(1-2*(i%2)), int32(math.MinInt32 + i*i*i), int32(i % 9)})
	}
	data := write(t, rows, parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.DeltaByteArray))
	f, err := OpenBytes("encodings", data)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range leaves(f.Root()) {
		got, err := column(f, n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(reference(t, data, i), got); diff != "" {
			t.Errorf("%s: %s", n.Path, diff)
		}
	}
}

// The values outlive the page they came from.
func TestStringsDoNotAlias(t *testing.T) {
	data := write(t, records(60), parquet.PageBufferSize(40))
	f, err := OpenBytes("alias", data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Group(0, 0).Cursor(leaves(f.Root())[0])
	if err != nil {
		t.Fatal(err)
	}
	var v Vector
	if _, err := c.Read(&v, 60); err != nil {
		t.Fatal(err)
	}
	got := v.Strings
	clear(data)
	for i, s := range got {
		if want := fmt.Sprintf("id-%d", i*i); s != want {
			t.Fatalf("value %d is %q, want %q", i, s, want)
		}
	}
}

func TestDecodeHybrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 20).Draw(t, "width")
		values := rapid.SliceOfN(rapid.Int32Range(0, 1<<width-1), 1, 300).Draw(t, "values")
		if rapid.Bool().Draw(t, "runs") {
			for i := range values {
				values[i] = values[i/40*40]
			}
		}
		src, err := (&rle.Encoding{BitWidth: width}).EncodeInt32(nil, values)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]uint32, len(values))
		if err := decodeHybrid(got, src, uint(width)); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if int32(got[i]) != values[i] {
				t.Fatalf("value %d is %d, want %d", i, got[i], values[i])
			}
		}
	})
}

// The example of the format's description: the numbers 0 to 7 with a width of
// 3 bits are the bytes 10001000 11000110 11111010
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
func TestDecodeHybridExample(t *testing.T) {
	got := make([]uint8, 8)
	if err := decodeHybrid(got, []byte{1<<1 | 1, 0b10001000, 0b11000110, 0b11111010}, 3); err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0, 1, 2, 3, 4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	// A run of five fours; the run claims 2^30 and gives what is asked for.
	run := append(binary.AppendUvarint(nil, 1<<31), 4)
	if err := decodeHybrid(got[:5], run, 3); err != nil || got[4] != 4 {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, bad := range [][]byte{{}, {0}, {0, 1}, {1, 0}, {3, 0, 0}, {2 << 1}, {8 << 1 & 0xf}} {
		if err := decodeHybrid(got, bad, 3); !errors.Is(err, ErrCorrupt) {
			t.Errorf("% x: got %v", bad, err)
		}
	}
}

func TestDecodeDelta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64(), 0, 400).Draw(t, "values")
		src, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, values)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int64, len(values))
		rest, err := decodeDelta(got, append(src, "rest"...))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, values) {
			t.Fatalf("got %v, want %v", got, values)
		}
		if len(values) > 0 && string(rest) != "rest" {
			t.Fatalf("%d bytes left", len(rest))
		}
	})
}

// The first example of the format's description: 1, 2, 3, 4, 5 is the header
// (block size 128, 4 miniblocks, count 5, first value 1), the minimum delta 1
// and four widths of 0
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
func TestDecodeDeltaExample(t *testing.T) {
	got := make([]int64, 5)
	rest, err := decodeDelta(got, []byte{0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0})
	if err != nil || len(rest) != 0 || !slices.Equal(got, []int64{1, 2, 3, 4, 5}) {
		t.Fatalf("got %v, %d left, %v", got, len(rest), err)
	}
	for name, bad := range map[string][]byte{
		"other count":    {0x80, 1, 4, 6, 2, 2, 0, 0, 0, 0},
		"no miniblocks":  {0x80, 1, 0, 5, 2, 2, 0, 0, 0, 0},
		"bad block size": {0x81, 1, 4, 5, 2, 2, 0, 0, 0, 0},
		"cut":            {0x80, 1, 4, 5, 2, 2, 0},
		"wide":           {0x80, 1, 4, 5, 2, 2, 65, 0, 0, 0},
		"no data":        {0x80, 1, 4, 5, 2, 2, 9, 0, 0, 0},
	} {
		if _, err := decodeDelta(got, bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestThriftStructLen(t *testing.T) {
	deep := bytes.Repeat([]byte{0x1c}, 1<<20) // a struct in a struct in a struct
	if _, _, err := thriftStructLen(deep); !errors.Is(err, ErrLimit) {
		t.Errorf("deep: got %v", err)
	}
	lists := bytes.Repeat([]byte{0x19, 0x19}, 1<<20)
	if _, _, err := thriftStructLen(lists); err == nil {
		t.Error("nested lists pass")
	}
	long := append([]byte{0x19, 0xfc}, binary.AppendUvarint(nil, 1<<40)...) // a list of 2^40 structs
	if _, _, err := thriftStructLen(long); !errors.Is(err, ErrLimit) {
		t.Errorf("long: got %v", err)
	}
	ok := []byte{0x15, 0x02, 0x18, 2, 'a', 'b', 0x11, 0x00, 0xff}
	if n, _, err := thriftStructLen(ok); err != nil || n != 8 {
		t.Errorf("got %d, %v", n, err)
	}
	for i := range 8 {
		if _, short, err := thriftStructLen(ok[:i]); err == nil || !short {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// bomb is a zstd frame without content size whose blocks repeat one byte:
// four bytes stand for 128 KiB.
func bomb(blocks int) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x58}
	for i := range blocks {
		h := uint32(128<<10)<<3 | 1<<1
		if i == blocks-1 {
			h |= 1
		}
		b = append(b, byte(h), byte(h>>8), byte(h>>16), 'x')
	}
	return b
}

func TestDecompressBounds(t *testing.T) {
	text := bytes.Repeat([]byte("some text "), 1000)
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		src, err := codec.Encode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		id := codec.CompressionCodec()
		got, err := decompress(id, nil, src, len(text))
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", codec, len(got), err)
		}
		for _, size := range []int{0, 1, len(text) - 1, len(text) + 1} {
			if _, err := decompress(id, nil, src, size); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s as %d bytes: got %v", codec, size, err)
			}
		}
		if len(src) > 1 {
			if _, err := decompress(id, nil, src[:len(src)-1], len(text)); err == nil {
				t.Errorf("%s: cut data passes", codec)
			}
		}
	}
	if _, err := decompress(format.Brotli, nil, nil, 0); !errors.Is(err, ErrUnsupported) {
		t.Errorf("brotli: got %v", err)
	}
	if got, err := decompress(format.Zstd, nil, bomb(2), 256<<10); err != nil || len(got) != 256<<10 {
		t.Errorf("two blocks: %d bytes, %v", len(got), err)
	}
	if err := boundZstd(bomb(1<<20), 1000); err == nil || !strings.Contains(err.Error(), "blocks of more") {
		t.Errorf("128 GiB in 4 MiB: got %v", err)
	}
	// Content size of 2^40 bytes.
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0}
	if err := boundZstd(huge, 1000); err == nil || !strings.Contains(err.Error(), "content of") {
		t.Errorf("content size: got %v", err)
	}
}

func TestCellLimits(t *testing.T) {
	type row struct {
		Text string `parquet:"text"`
	}
	for _, tt := range []struct {
		name string
		text string
		err  error
		says string
	}{
		{"long", strings.Repeat("x", MaxCellBytes+1), ErrLimit, "row 3"},
		{"not UTF-8", "caf\xe9", ErrCorrupt, "row 3"},
		{"limit", strings.Repeat("x", MaxCellBytes), nil, ""},
	} {
		data := write(t, []row{{"a"}, {"b"}, {tt.text}}, parquet.PageBufferSize(8))
		f, err := OpenBytes("cells", data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = column(f, f.Root().Children[0])
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "column text") || tt.name == "not UTF-8" && !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %q does not say where", tt.name, err)
		}
	}
}

func TestBudget(t *testing.T) {
	data := write(t, records(1000))
	f, err := OpenBytes("budget", data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Group(0, 1000).Cursor(f.Root().Children[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(new(Vector), 1); !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "budget: row group 0: ") {
		t.Fatalf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := write(t, records(10))
	n := len(good)
	edit := func(change func([]byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, data := range map[string][]byte{
		"empty":         nil,
		"short":         []byte("PAR1PAR1"),
		"no head":       edit(func(b []byte) []byte { b[0] = 'X'; return b }),
		"no tail":       edit(func(b []byte) []byte { b[n-1] = 'X'; return b }),
		"encrypted":     edit(func(b []byte) []byte { copy(b[n-4:], "PARE"); return b }),
		"long footer":   edit(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[n-8:], 1<<31); return b }),
		"footer > file": edit(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[n-8:], uint32(n)); return b }),
		"no footer":     edit(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[n-8:], 0); return b }),
	} {
		if _, err := OpenBytes("bad.parquet", data); err == nil || !strings.HasPrefix(err.Error(), "bad.parquet: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for i := range n {
		if _, err := OpenBytes("cut", good[:i]); err == nil {
			t.Fatalf("opens when cut at %d", i)
		}
	}
}

// readAll reads every supported column. It must end without a panic, and with
// the footer's number of rows or an error.
func readAll(data []byte) (rows int64, err error) {
	f, err := OpenBytes("file", data)
	if err != nil {
		return 0, err
	}
	for _, n := range leaves(f.Root()) {
		switch n.Kind {
		case ByteArray, Int32, Int64, Double, Boolean:
		default:
			continue
		}
		if f.Rows() > 1<<16 {
			break // many rows of nothing are slow to walk, and right
		}
		got, err := column(f, n)
		if err != nil {
			return 0, err
		}
		if int64(len(got)) != f.Rows() {
			return 0, fmt.Errorf("WRONG ROW COUNT: %d of %d", len(got), f.Rows())
		}
	}
	return f.Rows(), nil
}

// No flipped bit (two a byte are tried) of a file panics or changes the number of rows unseen.
func TestBitFlips(t *testing.T) {
	for _, version := range []int{1, 2} {
		data := write(t, records(4), parquet.DataPageVersion(version), parquet.Compression(&parquet.Snappy))
		for i := range data {
			for _, bit := range []int{i % 8, (i + 3) % 8} {
				data[i] ^= 1 << bit
				if _, err := readAll(data); err != nil && strings.Contains(err.Error(), "WRONG") {
					t.Errorf("byte %d, bit %d: %v", i, bit, err)
				}
				data[i] ^= 1 << bit
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Zstd} {
		for _, version := range []int{1, 2} {
			f.Add(write(f, records(5), parquet.Compression(codec), parquet.DataPageVersion(version)))
		}
	}
	f.Add(write(f, []encoded{{"a", "ab", 1, 2, 3}, {"b", "abc", 4, 5, 6}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readAll(data); err != nil && strings.Contains(err.Error(), "WRONG") {
			t.Fatal(err)
		}
	})
}

func FuzzHybrid(f *testing.F) {
	f.Add([]byte{3, 0x88, 0xc6, 0xfa}, uint8(3), uint16(8))
	f.Add([]byte{16, 4}, uint8(3), uint16(8))
	f.Fuzz(func(t *testing.T, src []byte, width uint8, n uint16) {
		_ = decodeHybrid(make([]uint32, n), src, uint(width))
		levels := make([]uint8, n)
		_ = decodeHybrid(levels, src, uint(width%8))
		_, _ = decodeDelta(make([]int64, n), src)
		_ = boundZstd(src, int(n))
	})
}
