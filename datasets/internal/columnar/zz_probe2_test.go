package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

func TestProbeEnc(t *testing.T) {
	// RLE run of 8 trues with value byte 1, then 8 falses (spec form).
	src := []byte{4, 0, 0, 0, 8 << 1, 1, 8 << 1, 0}
	got, err := new(rle.Encoding).DecodeBoolean(nil, src)
	fmt.Printf("bool spec run 8xtrue 8xfalse: %08b %v\n", got, err)
	src = []byte{4, 0, 0, 0, 3 << 1, 1, 5 << 1, 0}
	got, err = new(rle.Encoding).DecodeBoolean(nil, src)
	fmt.Printf("bool spec run 3xtrue 5xfalse: %08b %v\n", got, err)
	files, _ := filepath.Glob("../../testdata/writers/*.parquet")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		f, _ := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		for _, c := range f.Metadata().RowGroups[0].Columns {
			if c.MetaData.Type == format.Boolean {
				fmt.Println(filepath.Base(file), c.MetaData.PathInSchema, c.MetaData.Encoding)
			}
		}
	}
}

// oneColumn makes a file of one required/optional column with one hand-made V1 page.
func oneColumn(kind format.Type, rep format.FieldRepetitionType, enc format.Encoding, n int32, codec format.CompressionCodec, size int32, body []byte, dict []byte, dictN int32) []byte {
	var p thrift.CompactProtocol
	out := []byte("PAR1")
	meta := format.ColumnMetaData{Type: kind, PathInSchema: []string{"a"}, Codec: codec, NumValues: int64(n), Encoding: []format.Encoding{enc}}
	if dict != nil {
		meta.DictionaryPageOffset = int64(len(out))
		h := format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(len(dict)), CompressedPageSize: int32(len(dict))}
		h.DictionaryPageHeader.Valid = true
		h.DictionaryPageHeader.V = format.DictionaryPageHeader{NumValues: dictN, Encoding: format.Plain}
		b, _ := thrift.Marshal(&p, h)
		out = append(append(out, b...), dict...)
	}
	meta.DataPageOffset = int64(len(out))
	h := format.PageHeader{Type: format.DataPage, UncompressedPageSize: size, CompressedPageSize: int32(len(body))}
	h.DataPageHeader.Valid = true
	h.DataPageHeader.V = format.DataPageHeader{NumValues: n, Encoding: enc, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	b, _ := thrift.Marshal(&p, h)
	out = append(append(out, b...), body...)
	meta.TotalCompressedSize = int64(len(out)) - 4
	meta.TotalUncompressedSize = meta.TotalCompressedSize
	f := format.FileMetaData{Version: 1, NumRows: int64(n), RowGroups: []format.RowGroup{{NumRows: int64(n), TotalByteSize: meta.TotalCompressedSize, Columns: []format.ColumnChunk{{FileOffset: 4, MetaData: meta}}}}}
	root := format.SchemaElement{Name: "root"}
	root.NumChildren.V, root.NumChildren.Valid = 1, true
	leaf := format.SchemaElement{Name: "a"}
	leaf.Type.V, leaf.Type.Valid = kind, true
	leaf.RepetitionType.V, leaf.RepetitionType.Valid = rep, true
	f.Schema = []format.SchemaElement{root, leaf}
	b, err := thrift.Marshal(&p, f)
	if err != nil { panic(err) }
	out = append(out, b...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
	return append(out, "PAR1"...)
}

func TestProbeNaive(t *testing.T) {
	show := func(name string, data []byte) {
		defer func() { if r := recover(); r != nil { fmt.Println(name, "PANIC", r) } }()
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil { fmt.Println(name, "open", err); return }
		p := f.RowGroups()[0].ColumnChunks()[0].Pages()
		page, err := p.ReadPage()
		if err != nil { fmt.Println(name, "err", err); return }
		d := page.Data()
		switch d.Kind() {
		case 0: fmt.Println(name, "bool", fmt.Sprintf("%08b", d.Boolean()))
		default:
			vals := make([]parquet.Value, 20)
			n, err := page.Values().ReadValues(vals)
			fmt.Println(name, vals[:n], err)
		}
		_, err = OpenBytes("ours", data)
		f2, _ := OpenBytes("ours", data)
		got, err := column(f2, f2.Root().Children[0])
		fmt.Println("   ours:", got, err)
	}
	b := []byte{4, 0, 0, 0, 3 << 1, 1, 5 << 1, 0}
	show("bool rle 3 true 5 false", oneColumn(format.Boolean, format.Required, format.RLE, 8, format.Uncompressed, int32(len(b)), b, nil, 0))
	dict := []byte{1, 0, 0, 0, 'x', 1, 0, 0, 0, 'y'}
	b = []byte{1, 2 << 1, 1} // 2 of 8
	show("short index run (2 of 8)", oneColumn(format.ByteArray, format.Required, format.RLEDictionary, 8, format.Uncompressed, int32(len(b)), b, dict, 2))
	b = []byte{1, 0, 0, 0, 'x'}
	show("1 of 3 plain strings", oneColumn(format.ByteArray, format.Required, format.Plain, 3, format.Uncompressed, int32(len(b)), b, nil, 0))
	if os.Getenv("BOMB") != "" {
		b = append([]byte{1}, binary.AppendUvarint(nil, (1<<31-1)<<1)...)
		b = append(b, 1)
		fmt.Println("run bomb", len(b))
		show("run bomb", oneColumn(format.ByteArray, format.Required, format.RLEDictionary, 8, format.Uncompressed, int32(len(b)), b, dict, 2))
	}
}
