package datasets

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"whorl/datasets/internal/columnwriter"
)

// part is a finished file of a table.
type part struct {
	name        string
	rows, bytes int64
	sha256      string
}

// table writes the rows of one role to as many files as their size asks for.
type table struct {
	dir, role string
	schema    any // a row of it, see write_rows.go
	total     int64
	parts     []part

	file *columnwriter.File // nil between two files
	out  *hashedFile

	events *eventColumns
	labels *labelColumns
	pairs  *pairColumns
}

func newTable(dir, role string, schema any) *table {
	return &table{dir: dir, role: role, schema: schema}
}

// open begins the next file unless one is open.
func (t *table) open() error {
	if t.file != nil {
		return nil
	}
	var err error
	if t.out, err = createHashed(filepath.Join(t.dir, t.partName(len(t.parts)))); err != nil {
		return err
	}
	t.file = columnwriter.New(t.out, t.role, t.schema, columnwriter.Limits{})
	t.events, t.labels, t.pairs = nil, nil, nil
	switch t.schema.(type) {
	case eventRow:
		t.events = newEventColumns(t.file)
	case labelRow:
		t.labels = newLabelColumns(t.file)
	case pairRow:
		t.pairs = newPairColumns(t.file)
	}
	return nil
}

func (t *table) partName(i int) string { return fmt.Sprintf("%s-%05d.parquet", t.role, i) }

// endRow ends a row, and the file with it when it is full.
func (t *table) endRow() error {
	t.total++
	if err := t.file.EndRow(); err != nil {
		return err
	}
	if t.file.BetweenGroups() && (t.file.Rows() >= FileRows || t.out.bytes >= FileBytes || t.file.FooterFull()) {
		return t.endFile()
	}
	return nil
}

func (t *table) endFile() error {
	if err := t.file.Close(); err != nil {
		return err
	}
	rows := t.file.Rows()
	t.file = nil
	if err := t.out.close(); err != nil {
		return err
	}
	t.parts = append(t.parts, part{t.partName(len(t.parts)), rows, t.out.bytes, hex.EncodeToString(t.out.sum.Sum(nil))})
	return nil
}

// close ends the last file. A table of one file has no number in its name; a
// table without rows has one file without rows.
func (t *table) close() ([]part, error) {
	if len(t.parts) == 0 {
		if err := t.open(); err != nil {
			return nil, err
		}
	}
	if t.file != nil {
		if err := t.endFile(); err != nil {
			return nil, err
		}
	}
	if len(t.parts) > 1 {
		return t.parts, nil
	}
	name := t.role + ".parquet"
	err := os.Rename(filepath.Join(t.dir, t.parts[0].name), filepath.Join(t.dir, name))
	t.parts[0].name = name
	return t.parts, err
}

func (t *table) abort() {
	if t.out != nil {
		t.out.f.Close() // a second close after a first does no harm
	}
}

// hashedFile hashes what it writes.
type hashedFile struct {
	f     *os.File
	b     *bufio.Writer
	sum   hash.Hash
	bytes int64
}

func createHashed(path string) (*hashedFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	h := &hashedFile{f: f, sum: sha256.New()}
	h.b = bufio.NewWriterSize(f, 64<<10)
	return h, nil
}

func (h *hashedFile) Write(p []byte) (int, error) {
	n, err := h.b.Write(p)
	h.sum.Write(p[:n])
	h.bytes += int64(n)
	return n, err
}

func (h *hashedFile) close() error {
	err := h.b.Flush()
	if closed := h.f.Close(); err == nil {
		err = closed
	}
	return err
}
