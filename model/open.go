package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"whorl/internal/safetensors"
)

// MaxFileSize is the size in bytes of the largest model file that is opened.
const MaxFileSize = 64 << 20

// digestLength is the number of hex digits of a SHA-256.
const digestLength = 2 * sha256.Size

// Open reads a model file and checks all of it, as [Decode] does. It reads
// the file once, at most [MaxFileSize] bytes and one, and judges what it read:
// a file that changes meanwhile cannot pass for another. Errors begin with the
// path.
func Open(path string) (*Model, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// readFile returns the first MaxFileSize bytes of a file and one more if
// there is one.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	if !info.Mode().IsRegular() { // a pipe would block
		err := fmt.Errorf("%w: not a regular file", ErrNotModel)
		return nil, fmt.Errorf("%s: %w; %s", path, err, remedy(err))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	defer f.Close()
	size := min(info.Size(), MaxFileSize) + bytes.MinRead
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	if _, err := buffer.ReadFrom(io.LimitReader(f, MaxFileSize+1)); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return buffer.Bytes(), nil
}

// Decode is [Open] for bytes in memory. The model shares no memory with data.
//
// The checks and their order are those of FORMAT.md. A file of a newer format
// is told first, because all that follows may have changed in it.
func Decode(data []byte) (*Model, error) {
	m, err := decode(data, current)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, remedy(err))
	}
	return m, nil
}

// decode is Decode for a schema.
func decode(data []byte, s schema) (*Model, error) {
	peeked, err := safetensors.PeekMetadata(data)
	if err != nil {
		return nil, container(err)
	}
	if err := checkFormat(peeked); err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxFileSize)
	}
	file, err := safetensors.Decode(data)
	if err != nil {
		return nil, container(err)
	}
	if err := checkDigest(data, file); err != nil {
		return nil, err
	}
	if !file.Canonical() {
		return nil, fmt.Errorf("%w: other spacing, order or escapes", ErrNotCanonical)
	}
	if err := s.check(file.Metadata); err != nil {
		return nil, err
	}
	about, err := parseDescription(file.Metadata)
	if err != nil {
		return nil, err
	}
	c, err := parseContent(file, s.width, about.grouped)
	if err != nil {
		return nil, err
	}
	if err := c.pairs.verify(); err != nil {
		return nil, err
	}
	if c.groups != nil {
		if err := c.groups.verify(); err != nil {
			return nil, fmt.Errorf("groups: %w", err)
		}
	}
	whole := sha256.Sum256(data)
	return newModel(about, c, sortedPairs(file.Metadata), hex.EncodeToString(whole[:])), nil
}

// checkDigest returns ErrDigest unless the file states its own digest.
func checkDigest(data []byte, file *safetensors.File) error {
	stated, ok := file.Metadata[keyDigest]
	if !ok {
		return fmt.Errorf("%w: no %s", ErrDigest, keyDigest)
	}
	lo, hi, _ := file.MetadataSpan(keyDigest)
	if hi-lo != digestLength {
		return fmt.Errorf("%w: %s has %d characters, not %d", ErrDigest, keyDigest, hi-lo, digestLength)
	}
	if sum := digest(data, lo); stated != sum {
		return fmt.Errorf("%w: it states %.64q, its bytes have %s", ErrDigest, stated, sum)
	}
	return nil
}

// digest returns the SHA-256, in lower-case hex, over a file with the
// digestLength bytes from lo on taken as the character 0.
func digest(data []byte, lo int) string {
	h := sha256.New()
	h.Write(data[:lo])
	io.WriteString(h, strings.Repeat("0", digestLength))
	h.Write(data[lo+digestLength:])
	return hex.EncodeToString(h.Sum(nil))
}
