package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// MaxDocument is the size in bytes from which on a single JSON value, line or
// text is refused. Decoded, one can take twenty times as much.
const MaxDocument = 16 << 20

// readBytes is how much is read of a file at once, and how long a line may be
// to be told from a value of several lines. Inputs can be many small files.
const readBytes = 64 << 10

// document is one piece of the input.
type document struct {
	place string // for errors: file and line, or file and number
	data  []byte // good until the next document
}

// pathError is a file that cannot be read at all, or not further. It ends an
// import: what is lost is not countable.
type pathError struct {
	place string
	err   error
}

func (e *pathError) Error() string { return e.place + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// files calls f for every file of an input in the order of their names: the
// file itself, all files below a directory, or the stream. Names that begin
// with a dot are passed over. keep tells which files of a directory count.
func (j *job) files(ctx context.Context, keep func(name string) bool, f func(name string, r io.Reader) error) error {
	if j.In == "-" {
		return open("standard input", &counter{r: j.Stdin, j: j}, f)
	}
	return filepath.WalkDir(j.In, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case path != j.In && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || path != j.In && !keep(plainName(path)):
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return open(path, &counter{r: file, j: j}, f)
	})
}

// counter reports how far the reading is.
type counter struct {
	r io.Reader
	j *job
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.j.bytes += int64(n)
	if c.j.Progress != nil {
		c.j.Progress(c.j.bytes, c.j.total)
	}
	return n, err
}

// size returns the bytes of all files of an input, 0 for a stream.
func size(in string) (total int64) {
	if in == "-" {
		return 0
	}
	filepath.WalkDir(in, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // the reading will tell
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

// plainName is the name of a file without the ending of its compression.
func plainName(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
}

// hasExtension makes a test of file names.
func hasExtension(extensions ...string) func(string) bool {
	return func(name string) bool {
		for _, x := range extensions {
			if strings.EqualFold(filepath.Ext(name), x) {
				return true
			}
		}
		return false
	}
}

// open takes off gzip or zstd, told by the first bytes.
func open(name string, r io.Reader, f func(string, io.Reader) error) error {
	in := bufio.NewReaderSize(r, readBytes)
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return &pathError{name, err}
	}
	r = in
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return &pathError{name, err}
		}
		r = z
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return &pathError{name, err}
		}
		defer z.Close()
		r = z
	}
	return f(name, &sound{name, r})
}

// sound marks errors of reading, so that nobody takes a cut archive for a
// faulty document.
type sound struct {
	name string
	r    io.Reader
}

func (s *sound) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &pathError{s.name, err}
	}
	return n, err
}

// errLong is a document above [MaxDocument].
var errLong = fmt.Errorf("longer than %d MiB; cut it, or give it as a file for each event", MaxDocument>>20)

// lines yields the lines of a text that are not blank. A line that is too long
// is yielded without data.
func lines(name string, r io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		in := bufio.NewReaderSize(r, readBytes)
		var long []byte
		for n := 1; ; n++ {
			place := fmt.Sprintf("%s, line %d", name, n)
			line, err := in.ReadSlice('\n')
			tooLong := false
			if err == bufio.ErrBufferFull {
				for long = long[:0]; err == bufio.ErrBufferFull; line, err = in.ReadSlice('\n') {
					if tooLong = tooLong || len(long)+len(line) > MaxDocument; !tooLong {
						long = append(long, line...)
					}
				}
				if tooLong = tooLong || len(long)+len(line) > MaxDocument; !tooLong {
					long = append(long, line...)
					line = long
				}
			}
			if err != nil && err != io.EOF {
				yield(document{}, err)
				return
			}
			if tooLong {
				if !yield(document{place: place}, errLong) {
					return
				}
			} else if line = bytes.TrimSpace(line); len(line) > 0 && !yield(document{place, line}, nil) {
				return
			}
			if err == io.EOF {
				return
			}
		}
	}
}

// whole yields a file as one document.
func whole(name string, r io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
		switch {
		case err != nil:
			yield(document{}, err)
		case len(data) > MaxDocument:
			yield(document{place: name}, errLong)
		default:
			yield(document{name, data}, nil)
		}
	}
}

// jsonValues yields the JSON values of a file: one to a line, one after the
// other over several lines, or the elements of one array.
//
// A broken line costs that line. Where values are not cut by lines nobody can
// tell where the next begins, so that a broken one ends the file's reading.
func jsonValues(name string, r io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		in := bufio.NewReaderSize(r, readBytes)
		first, err := firstByte(in)
		switch {
		case err == io.EOF:
			return
		case err != nil:
			yield(document{}, err)
		case first == '[':
			elements(name, in)(yield)
		case lineHoldsValue(in):
			lines(name, in)(yield)
		default:
			values(name, in)(yield)
		}
	}
}

// firstByte passes over white space and a byte order mark.
func firstByte(in *bufio.Reader) (byte, error) {
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
	}
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, in.UnreadByte()
		}
	}
}

// lineHoldsValue tells by the first line, as far as the buffer goes, whether
// there is a value to a line. A line longer than the buffer is taken for one:
// printed over several lines, JSON has short ones.
func lineHoldsValue(in *bufio.Reader) bool {
	head, err := in.Peek(in.Size())
	line, _, cut := bytes.Cut(head, []byte{'\n'})
	if !cut && err == nil {
		return true
	}
	return json.Valid(bytes.TrimSpace(line))
}

// limited counts what a decoder takes for one value.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// values yields values that stand one after the other.
func values(name string, in io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		l := &limited{r: in}
		d := json.NewDecoder(l)
		for n := 1; ; n++ {
			if !element(name, n, d, l, yield) {
				return
			}
		}
	}
}

// element yields the decoder's next value, and reports whether to go on.
func element(name string, n int, d *json.Decoder, l *limited, yield func(document, error) bool) bool {
	l.left = MaxDocument
	var data json.RawMessage
	place := fmt.Sprintf("%s, value %d", name, n)
	switch err := d.Decode(&data); {
	case err == io.EOF:
		return false
	case err != nil:
		var p *pathError
		if errors.As(err, &p) {
			yield(document{}, p)
			return false
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the JSON ends too early")
		}
		yield(document{place: place}, fmt.Errorf("%w; nothing after it in this file is read", position(err)))
		return false
	}
	return yield(document{place, data}, nil)
}

// elements yields the elements of the array that the input is.
func elements(name string, in io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		l := &limited{r: in, left: MaxDocument}
		d := json.NewDecoder(l)
		if _, err := d.Token(); err != nil {
			yield(document{place: name}, err)
			return
		}
		n := 1
		for ; d.More(); n++ {
			if !element(name, n, d, l, yield) {
				return
			}
		}
		l.left = MaxDocument
		if _, err := d.Token(); err != nil {
			yield(document{place: fmt.Sprintf("%s, value %d", name, n)}, errors.New("the array has no end: the file is cut"))
		}
	}
}
