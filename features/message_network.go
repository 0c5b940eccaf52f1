package features

import "strings"

// Names and addresses of machines and mailboxes.

// matchEmail is a valid address of HTML's input type=email, without its bounds on
// length: local part, "@", labels with dots between. A single label will do.
func matchEmail(s string, i int, _ MessageMode) int {
	i = skip(s, i, classLocal)
	if i == len(s) || s[i] != '@' {
		return noMatch
	}
	return dottedLabels(s, i+1)
}

// dottedLabels returns the end of labels of letters, digits and dashes with dots
// between, or noMatch.
func dottedLabels(s string, i int) int {
	e := label(s, i)
	if e == i {
		return noMatch
	}
	for e < len(s) && s[e] == '.' {
		next := label(s, e+1)
		if next == e+1 {
			break
		}
		e = next
	}
	return e
}

// label returns the end of the letters, digits and dashes from i on.
func label(s string, i int) int {
	for i < len(s) && (byteClass[s[i]]&classAlnum != 0 || s[i] == '-') {
		i++
	}
	return i
}

// matchWideEmail is a local part without quotes and operators, and a domain that
// either ends in a dot and two letters or more, or is one name with a letter past f.
func matchWideEmail(s string, i int, _ MessageMode) int {
	for i < len(s) && (byteClass[s[i]]&classWord != 0 || strings.IndexByte(".%+-", s[i]) >= 0) {
		i++
	}
	if i == len(s) || s[i] != '@' {
		return noMatch
	}
	at := i
	e := dottedLabels(s, at+1)
	if e == noMatch {
		return noMatch
	}
	dot := strings.LastIndexByte(s[at+1:e], '.')
	if dot < 0 {
		for _, c := range []byte(s[at+1 : e]) {
			if byteClass[c]&(classLower|classUpper) != 0 && byteClass[c]&classHex == 0 {
				return e
			}
		}
		return noMatch
	}
	if top := s[at+1+dot+1 : e]; len(top) >= 2 && skip(top, 0, classLower|classUpper) == len(top) {
		return e
	}
	return noMatch
}

// matchURL is one of five schemes, "://", a byte that may begin a host, and
// everything up to white space.
func matchURL(s string, i int, _ MessageMode) int {
	for _, scheme := range [...]string{"https://", "http://", "wss://", "ws://", "ftp://"} {
		if !strings.HasPrefix(s[i:], scheme) {
			continue
		}
		i += len(scheme)
		if i == len(s) || byteClass[s[i]]&classSpace != 0 || strings.IndexByte("/$.?#", s[i]) >= 0 {
			return noMatch
		}
		return untilSpace(s, i)
	}
	return noMatch
}

func untilSpace(s string, i int) int {
	for i < len(s) && byteClass[s[i]]&classSpace == 0 {
		i++
	}
	return i
}

// maxScheme bounds the scheme of a URL, in bytes.
const maxScheme = 32

// matchWideURL is any scheme, "://", and what follows up to white space, a quote or
// a bracket that URLs do not hold, without closing punctuation.
func matchWideURL(s string, i int, _ MessageMode) int {
	start := i
	for i < len(s) && i-start < maxScheme && (byteClass[s[i]]&classAlnum != 0 || strings.IndexByte("+.-", s[i]) >= 0) {
		i++
	}
	if !strings.HasPrefix(s[i:], "://") {
		return noMatch
	}
	i += 3
	e := i
	for e < len(s) && byteClass[s[e]]&classSpace == 0 && strings.IndexByte("\"'`<>{}|\\^", s[e]) < 0 {
		e++
	}
	for e > i && strings.IndexByte(".,;:!?)]", s[e-1]) >= 0 {
		e--
	}
	if e == i {
		return noMatch
	}
	return e
}

// maxHostname and maxLabel are the bounds of RFC 1035, section 2.3.4, in bytes.
const (
	maxHostname = 253
	maxLabel    = 63
)

// matchHostname is labels with dots behind them and a top-level domain at the end
// of a word; what follows the word, another dot say, does not matter.
func matchHostname(s string, i int, mode MessageMode) int {
	start, end := i, noMatch
	for {
		e := label(s, i)
		if e == i || e-i > maxLabel || e == len(s) || s[e] != '.' || e-start >= maxHostname {
			return end
		}
		i = e + 1
		top := skip(s, i, classLower|classUpper)
		if topLevel(s[i:top]) != notTopLevel && !wordAt(s, top, mode) && top-start <= maxHostname {
			end = top
		}
	}
}

// matchWideHostname is a whole dotted name that [namesHost] accepts, perhaps with
// a port. A name followed by a dot and more is a package or a property.
func matchWideHostname(s string, i int, _ MessageMode) int {
	start, labels := i, 0
	var first, second, last string
	for {
		e := label(s, i)
		if e == i || e-i > maxLabel || e-start > maxHostname {
			return noMatch
		}
		second, last = last, s[i:e]
		if labels++; labels == 1 {
			first = last
		}
		i = e
		if e+1 >= len(s) || s[e] != '.' || label(s, e+1) == e+1 {
			break
		}
		i++
	}
	if !namesHost(labels, first, second, last) {
		return noMatch
	}
	return port(s, i)
}

// port returns the end of a colon and one to five digits that end a word, or i.
func port(s string, i int) int {
	if i >= len(s) || s[i] != ':' {
		return i
	}
	e := digits(s, i+1)
	if e == i+1 || e-i > 6 || e < len(s) && byteClass[s[e]]&classWord != 0 {
		return i
	}
	return e
}

// matchIPv4 is four octets in decimal.
func matchIPv4(s string, i int, _ MessageMode) int {
	for octet := range 4 {
		e, value := i, 0
		for e < len(s) && e < i+3 && isDigit(s[e]) {
			value = value*10 + int(s[e]-'0')
			e++
		}
		if e == i || value > 255 {
			return noMatch
		}
		if i = e; octet < 3 {
			if i == len(s) || s[i] != '.' {
				return noMatch
			}
			i++
		}
	}
	return i
}

// matchWideIPv4 is matchIPv4 with its port. A fifth number makes it no address.
func matchWideIPv4(s string, i int, mode MessageMode) int {
	e := matchIPv4(s, i, mode)
	if e == noMatch || e < len(s) && isDigit(s[e]) || e+1 < len(s) && s[e] == '.' && isDigit(s[e+1]) {
		return noMatch
	}
	return port(s, e)
}

// matchIPv6 is an address in the text forms of RFC 4291, section 2.2. A compressed
// one needs a decimal digit, because dead::beef is more often a name in a scope;
// the unspecified address "::" alone must stand in brackets or before a prefix
// length.
func matchIPv6(s string, i int, mode MessageMode) int {
	start, groups := i, 0
	compressed, decimal := false, false
	if s[i] == ':' {
		if !strings.HasPrefix(s[i:], "::") {
			return noMatch
		}
		compressed = true
		i += 2
	}
	for i < len(s) && groups < 8 && byteClass[s[i]]&classHex != 0 {
		if groups <= 6 {
			if e := matchIPv4(s, i, mode); e != noMatch && ipv6Ends(s, e, mode) && (compressed || groups == 6) {
				groups += 2
				decimal = true
				i = e
				break
			}
		}
		e := skip(s, i, classHex)
		if e-i > 4 {
			return noMatch
		}
		decimal = decimal || classesOf(s[i:e])&classDigit != 0
		groups++
		i = e
		if i+1 >= len(s) || s[i] != ':' {
			break
		}
		if s[i+1] == ':' {
			if compressed {
				break
			}
			compressed = true
			i += 2
		} else if groups < 8 && byteClass[s[i+1]]&classHex != 0 {
			i++
		} else {
			break
		}
	}
	if !ipv6Ends(s, i, mode) {
		return noMatch
	}
	switch {
	case !compressed && groups != 8, compressed && groups > 7:
		return noMatch
	case compressed && groups == 0:
		bracketed := start > 0 && s[start-1] == '[' && i < len(s) && s[i] == ']'
		prefix := i+1 < len(s) && s[i] == '/' && isDigit(s[i+1])
		if !bracketed && !prefix {
			return noMatch
		}
	case compressed && !decimal:
		return noMatch
	}
	return i
}

// ipv6Ends reports whether an address may end before i: neither a word goes on nor
// the address, and no argument list makes it a name.
func ipv6Ends(s string, i int, mode MessageMode) bool {
	if wordAt(s, i, mode) || i < len(s) && s[i] == '(' {
		return false
	}
	return i+1 >= len(s) || s[i] != ':' || s[i+1] != ':' && byteClass[s[i+1]]&classHex == 0
}

// matchMAC is six pairs of hex digits with one separator throughout (IEEE 802
// notation). A seventh pair makes it none.
func matchMAC(s string, i int, _ MessageMode) int {
	const length = 6*2 + 5
	if len(s)-i < length {
		return noMatch
	}
	sep := s[i+2]
	if sep != ':' && sep != '-' {
		return noMatch
	}
	for k, c := range []byte(s[i : i+length]) {
		if k%3 == 2 && c != sep || k%3 != 2 && byteClass[c]&classHex == 0 {
			return noMatch
		}
	}
	i += length
	if i+1 < len(s) && s[i] == sep && byteClass[s[i+1]]&classHex != 0 {
		return noMatch
	}
	return i
}
