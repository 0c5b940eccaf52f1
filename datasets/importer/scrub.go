package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"whorl/features"
)

// scrubber replaces what may tell of a person in texts that grouping needs:
//
//   - the user's name in paths below a home directory;
//   - e-mail and IP addresses in messages, and what follows the question mark
//     of a URL there and in paths;
//   - releases, which are named after customers and branches: a hash keeps
//     them apart;
//   - source lines, unless they were asked for.
//
// Types, functions, modules and base names stay as they are.
type scrubber struct {
	slots []features.Slot
	buf   []byte
}

func (s *scrubber) event(e *features.Event, context bool) {
	e.Message = s.text(e.Message)
	if e.Release != "" {
		sum := sha256.Sum256([]byte(e.Release))
		e.Release = hex.EncodeToString(sum[:8])
	}
	for i := range e.Exceptions {
		x := &e.Exceptions[i]
		x.Value = s.text(x.Value)
		for k := range x.Frames {
			f := &x.Frames[k]
			f.Filename, f.AbsPath = path(f.Filename), path(f.AbsPath)
			if !context {
				f.ContextLine = ""
			}
		}
	}
}

// scanBytes is how much of a text is scanned at once.
const scanBytes = features.MaxScan

// text replaces addresses in a message.
func (s *scrubber) text(text string) string {
	if !strings.ContainsAny(text, "@.:?") { // every address has one of them
		return home(text)
	}
	s.buf = s.buf[:0]
	for rest := text; rest != ""; {
		piece := rest
		if len(piece) > scanBytes { // cut where no address is, if there is such a place
			piece = piece[:scanBytes]
			if i := strings.LastIndexAny(piece, " \t\n"); i > 0 {
				piece = piece[:i]
			}
		}
		s.piece(piece)
		rest = rest[len(piece):]
	}
	if string(s.buf) != text {
		text = string(s.buf)
	}
	return home(text)
}

func (s *scrubber) piece(text string) {
	at := 0
	s.slots = features.ScanMessage(s.slots[:0], text, features.Wide)
	for _, slot := range s.slots {
		with := ""
		switch slot.Family {
		case features.Email:
			with = "somebody@example.invalid"
		case features.IP:
			with = nobody(text[slot.Start:slot.End])
		case features.URL:
			with = address(text[slot.Start:slot.End])
		default:
			continue
		}
		s.buf = append(append(s.buf, text[at:slot.Start]...), with...)
		at = slot.End
	}
	s.buf = append(s.buf, text[at:]...)
}

// nobody is an address for documentation (RFC 5737, RFC 3849) of the same
// version, so that the message still has an address in that place.
func nobody(ip string) string {
	if strings.Count(ip, ":") > 1 {
		return "2001:db8::1"
	}
	_, port, ok := strings.Cut(ip, ":")
	if !ok {
		return "192.0.2.1"
	}
	return "192.0.2.1:" + port
}

// address takes name and password, query and fragment off a URL.
func address(url string) string {
	url, _, _ = strings.Cut(url, "?")
	url, _, _ = strings.Cut(url, "#")
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if slash {
		host += "/" + path
	}
	return scheme + "://" + host
}

// path replaces the user's name in a path, and takes the query off a URL.
func path(p string) string {
	if strings.Contains(p, "://") {
		// What webpack and Vite put behind the question mark names a loader or a
		// build, never a page.
		if !strings.HasPrefix(p, "webpack") {
			p = address(p)
		}
	}
	return home(p)
}

// homes are the folders that hold the home directories of users.
var homes = []string{"/Users/", "/home/", `\Users\`, `\Documents and Settings\`}

// everybody are the folders among home directories that are nobody's.
var everybody = []string{"~", "Shared", "Public", "Default", "All Users"}

// home replaces the name of every home directory in a text.
func home(text string) string {
	for _, h := range homes {
		for from := 0; ; {
			i := strings.Index(text[from:], h)
			if i < 0 {
				break
			}
			from += i + len(h)
			if n := nameLength(text[from:], h[0] == '\\'); n > 0 && !slices.Contains(everybody, text[from:from+n]) {
				text = text[:from] + "~" + text[from+n:]
			}
		}
	}
	return text
}

// nameLength returns the length of the user's name that a text begins with. On
// Windows it may have spaces, if a separator follows.
func nameLength(text string, windows bool) int {
	const ends = "/\\\"'\n\r\t:,;()<>|"
	n := strings.IndexAny(text, ends)
	if n < 0 {
		n = len(text)
	}
	space := strings.IndexByte(text[:n], ' ')
	if space < 0 || windows && n < len(text) && text[n] == '\\' {
		return n
	}
	return space
}
