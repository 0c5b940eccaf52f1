package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// blockBytes is the unit in which a large file is verified again when it is
// read after it was hashed.
const blockBytes = 64 << 10

// blockSums are the SHA-256 sums of a file's blocks, taken in the same pass as
// the sum of the whole that the manifest vouches for.
type blockSums [][sha256.Size]byte

// sumBlocks reads r to its end and returns the hex SHA-256 of all and the sums
// of its blocks.
func sumBlocks(r io.Reader) (whole string, blocks blockSums, size int64, err error) {
	h := sha256.New()
	buf := make([]byte, blockBytes)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			h.Write(buf[:n])
			blocks = append(blocks, sha256.Sum256(buf[:n]))
			size += int64(n)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return hex.EncodeToString(h.Sum(nil)), blocks, size, nil
		default:
			return "", nil, 0, err
		}
	}
}

// verifiedReader reads a file whose blocks were hashed and lets no byte out
// whose block has another hash now: what is decoded is what the manifest
// vouches for, even if the file is written to meanwhile. It implements
// [columnar.Forker]; one fork belongs to one goroutine.
type verifiedReader struct {
	file *os.File
	name string
	sums blockSums

	buf   []byte
	block int // in buf; -1 for none
}

func newVerifiedReader(f *os.File, name string, sums blockSums) *verifiedReader {
	return &verifiedReader{file: f, name: name, sums: sums, block: -1}
}

// Fork returns a reader of the same file with a buffer of its own.
func (r *verifiedReader) Fork() io.ReaderAt { return newVerifiedReader(r.file, r.name, r.sums) }

// ReadAt reads from verified blocks.
func (r *verifiedReader) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		block := int((off + int64(n)) / blockBytes)
		if off < 0 || block >= len(r.sums) {
			return n, io.EOF // beyond what was verified
		}
		if block != r.block {
			if err := r.load(block); err != nil {
				return n, err
			}
		}
		at := int(off + int64(n) - int64(block)*blockBytes)
		if at >= len(r.buf) {
			return n, io.EOF
		}
		n += copy(p[n:], r.buf[at:])
	}
	return n, nil
}

func (r *verifiedReader) load(block int) error {
	r.block = -1
	if r.buf == nil {
		r.buf = make([]byte, blockBytes)
	}
	n, err := r.file.ReadAt(r.buf[:blockBytes], int64(block)*blockBytes)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%w: %s: %w", ErrFile, r.name, err)
	}
	if r.buf = r.buf[:n]; sha256.Sum256(r.buf) != r.sums[block] {
		return fmt.Errorf("%w: %s was written to after it was verified; run again", ErrFile, r.name)
	}
	r.block = block
	return nil
}
