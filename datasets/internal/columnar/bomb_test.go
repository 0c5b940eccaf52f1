package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// forged is a file of one required column and one page whose header says what
// the test wants.
type forged struct {
	kind     format.Type
	encoding format.Encoding
	codec    format.CompressionCodec
	values   int32 // of page and column
	size     int32 // uncompressed, 0 for the length of body
	stored   int32 // compressed, 0 for the length of body
	body     []byte
	dict     []byte // a dictionary page, nil for none
	dictSize int32  // uncompressed, 0 for the length of dict
	entries  int32
}

func (f forged) bytes(t testing.TB) []byte {
	t.Helper()
	out := []byte("PAR1")
	add := func(v any) {
		b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	or := func(v int32, b []byte) int32 {
		if v == 0 {
			return int32(len(b))
		}
		return v
	}
	meta := format.ColumnMetaData{
		Type: f.kind, PathInSchema: []string{"a"}, Codec: f.codec, NumValues: int64(f.values), Encoding: []format.Encoding{f.encoding},
	}
	if f.dict != nil {
		meta.DictionaryPageOffset = int64(len(out))
		h := format.PageHeader{Type: format.DictionaryPage, CompressedPageSize: int32(len(f.dict)), UncompressedPageSize: or(f.dictSize, f.dict)}
		h.DictionaryPageHeader.Valid = true
		h.DictionaryPageHeader.V = format.DictionaryPageHeader{NumValues: f.entries, Encoding: format.Plain}
		add(h)
		out = append(out, f.dict...)
	}
	meta.DataPageOffset = int64(len(out))
	h := format.PageHeader{Type: format.DataPage, CompressedPageSize: or(f.stored, f.body), UncompressedPageSize: or(f.size, f.body)}
	h.DataPageHeader.Valid = true
	h.DataPageHeader.V = format.DataPageHeader{
		NumValues: f.values, Encoding: f.encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	}
	add(h)
	out = append(out, f.body...)
	meta.TotalCompressedSize = int64(len(out)) - 4
	footer := format.FileMetaData{
		Version: 1, NumRows: int64(f.values), Schema: make([]format.SchemaElement, 2),
		RowGroups: []format.RowGroup{{NumRows: int64(f.values), Columns: []format.ColumnChunk{{FileOffset: 4, MetaData: meta}}}},
	}
	root, leaf := &footer.Schema[0], &footer.Schema[1]
	root.Name, leaf.Name = "root", "a"
	root.NumChildren.V, root.NumChildren.Valid = 1, true
	leaf.Type.V, leaf.Type.Valid = f.kind, true
	leaf.RepetitionType.V, leaf.RepetitionType.Valid = format.Required, true
	from := len(out)
	add(footer)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(out)-from))
	return append(out, "PAR1"...)
}

// run is one run of the hybrid encoding.
func run(count uint64, value byte) []byte {
	return append(binary.AppendUvarint(nil, count<<1), value)
}

func plainText(values ...string) (b []byte) {
	for _, v := range values {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return b
}

var bombs = map[string]forged{
	"bit width of 40": {
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 8, dict: plainText("x", "y"), entries: 2,
		body: append([]byte{40}, run(math.MaxInt32, 1)...),
	},
	"short index run": {
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 8, dict: plainText("x", "y"), entries: 2,
		body: append([]byte{1}, run(2, 1)...),
	},
	"index out of range": {
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 8, dict: plainText("x", "y"), entries: 2,
		body: append([]byte{2}, run(8, 3)...),
	},
	"page of 2 GiB claimed, stored": {
		kind: format.ByteArray, encoding: format.Plain, values: 1, stored: math.MaxInt32, size: math.MaxInt32, body: plainText("x"),
	},
	"page of 2 GiB claimed, decompressed": {
		kind: format.ByteArray, encoding: format.Plain, values: 1, codec: format.Zstd, size: math.MaxInt32, body: bomb(1),
	},
	"zstd bomb": {
		kind: format.ByteArray, encoding: format.Plain, values: 1, codec: format.Zstd, size: 1000, body: bomb(1 << 15), // 4 GiB
	},
	"zstd bomb as dictionary": {
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 1, codec: format.Zstd, size: 3, body: bomb(1),
		dict: bomb(1 << 15), dictSize: 1000, entries: 1,
	},
	"snappy bomb": {
		kind: format.ByteArray, encoding: format.Plain, values: 1, codec: format.Snappy, size: 1000,
		body: append(binary.AppendUvarint(nil, math.MaxUint32), 0, 'x'),
	},
	"values claimed, none there": {
		kind: format.Int64, encoding: format.Plain, values: MaxPageValues, body: make([]byte, 8),
	},
	"more values than a page may have": {
		kind: format.Int64, encoding: format.Plain, values: math.MaxInt32, body: make([]byte, 8),
	},
	"fewer strings than values": {
		kind: format.ByteArray, encoding: format.Plain, values: 3, body: plainText("x"),
	},
	"dictionary entries claimed, none there": {
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 1, dict: plainText("x"), entries: MaxPageValues,
		body: append([]byte{1}, run(1, 0)...),
	},
	"delta count": {
		kind: format.Int64, encoding: format.DeltaBinaryPacked, values: 8,
		body: append([]byte{0x80, 1, 4}, append(binary.AppendUvarint(nil, math.MaxInt32), 2)...),
	},
	"delta text with prefixes of 1 MiB": {
		kind: format.ByteArray, encoding: format.DeltaByteArray, values: 4096, body: prefixBomb(4096),
	},
}

// prefixBomb is n values, each the one before it: 4 GiB in a mebibyte.
func prefixBomb(n int) []byte {
	prefixes, suffixes := make([]int32, n), make([]int32, n)
	suffixes[0] = MaxCellBytes
	for i := 1; i < n; i++ {
		prefixes[i] = MaxCellBytes
	}
	p, _ := parquet.DeltaBinaryPacked.EncodeInt32(nil, prefixes)
	s, _ := parquet.DeltaBinaryPacked.EncodeInt32(nil, suffixes)
	return append(append(p, s...), bytes.Repeat([]byte("x"), MaxCellBytes)...)
}

// Whatever a page claims, reading it ends with an error before much memory is
// taken: less than 48 bytes for each value that the file may claim at all.
func TestBombs(t *testing.T) {
	for name, forged := range bombs {
		t.Run(name, func(t *testing.T) {
			data := forged.bytes(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := OpenBytes("bomb", data)
			if err != nil {
				t.Fatal(err) // the footer is sound
			}
			_, err = column(f, f.Root().Children[0])
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 48<<20 {
				t.Errorf("takes %d MiB for a file of %d bytes", n>>20, len(data))
			}
		})
	}
}

// A run that claims more values than its page has gives what the page has.
func TestLongRun(t *testing.T) {
	data := forged{
		kind: format.ByteArray, encoding: format.RLEDictionary, values: 3, dict: plainText("x", "y"), entries: 2,
		body: append([]byte{1}, run(math.MaxInt32, 1)...),
	}.bytes(t)
	f, err := OpenBytes("run", data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := column(f, f.Root().Children[0])
	if want := "[[{0 0 y}] [{0 0 y}] [{0 0 y}]]"; err != nil || fmt.Sprint(got) != want {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

// Boolean runs have lengths in values and one byte that is 0 or 1. pyarrow 26
// writes them by default. parquet-go v0.32.0 takes both for whole bytes: it
// reads these eight as true and seven times false.
func TestBooleanRuns(t *testing.T) {
	runs := append(run(3, 1), run(5, 0)...)
	data := forged{
		kind: format.Boolean, encoding: format.RLE, values: 8,
		body: append(binary.LittleEndian.AppendUint32(nil, uint32(len(runs))), runs...),
	}.bytes(t)
	f, err := OpenBytes("runs", data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := column(f, f.Root().Children[0])
	if err != nil || len(got) != 8 {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, row := range got {
		if want := fmt.Sprint(i < 3); row[0].Value != want {
			t.Errorf("row %d is %s, want %s", i, row[0].Value, want)
		}
	}
}
