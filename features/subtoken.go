package features

// eachSubtoken calls yield with every sub-token of s in order: runs of letters,
// split at lower-to-upper case changes ("parseHtml" gives "parse", "html") and
// before the last capital of a run of capitals ("HTMLParser" gives "html",
// "parser"). Sub-tokens are lower case and at least two bytes long; digits and
// punctuation separate. Bytes beyond ASCII count as letters. buf is scratch
// whose final form is returned.
func eachSubtoken(buf []byte, s string, yield func([]byte)) []byte {
	start := -1
	flush := func(end int) {
		if start < 0 {
			return
		}
		if end-start >= 2 {
			buf = buf[:0]
			for i := start; i < end; i++ {
				buf = append(buf, lower(s[i]))
			}
			yield(buf)
		}
		start = -1
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isLetter(c) {
			flush(i)
			continue
		}
		if start >= 0 && isUpper(c) {
			endOfRun := i+1 < len(s) && isLower(s[i+1])
			if isLower(s[i-1]) || (isUpper(s[i-1]) && endOfRun) {
				flush(i)
			}
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(s))
	return buf
}

func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 0x80 }
func isLetter(c byte) bool { return isUpper(c) || isLower(c) }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool  { return isLetter(c) || isDigit(c) }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func lower(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}
