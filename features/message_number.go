package features

import "strings"

// Numbers and what is written like one, and the two families that stand right of
// an equals sign.

// matchInt is the digits: at most seven in newstyle, where longer runs are hex;
// any number in the wide mode, perhaps grouped by commas.
func matchInt(s string, i int, mode MessageMode) int {
	e := digits(s, i)
	if mode == Newstyle {
		if e-i > 7 {
			return noMatch
		}
		return e
	}
	if e-i <= 3 {
		if g := groupedDigits(s, e); g > e && numberEnds(s, g) {
			return g
		}
	}
	if !numberEnds(s, e) {
		return noMatch
	}
	return e
}

// matchSignedInt is a minus sign and a matchInt.
func matchSignedInt(s string, i int, mode MessageMode) int {
	if i+1 == len(s) || !isDigit(s[i+1]) {
		return noMatch
	}
	return matchInt(s, i+1, mode)
}

// matchTailInt is at least three digits that end a word, and do not go on behind an
// underscore as the name of a function does: ieee80211_scan.
func matchTailInt(s string, i int, _ MessageMode) int {
	if e := digits(s, i); e-i >= 3 && numberEnds(s, e) && (e == len(s) || s[e] != '_') {
		return e
	}
	return noMatch
}

// maxGroups bounds the commas of a grouped integer: enough for 64 bits.
const maxGroups = 6

// groupedDigits returns the end of one to six ",ddd" from i; i if there is none or
// another comma and digit follow, as in a list of numbers.
func groupedDigits(s string, i int) int {
	e := i
	for n := 0; n < maxGroups && e+3 < len(s) && s[e] == ',' && isDigit(s[e+1]) && isDigit(s[e+2]) && isDigit(s[e+3]); n++ {
		if e+4 < len(s) && isDigit(s[e+4]) {
			break
		}
		e += 4
	}
	if e+1 < len(s) && s[e] == ',' && isDigit(s[e+1]) {
		return i
	}
	return e
}

// numberEnds reports whether a number of the wide mode may end before i: no letter
// or digit follows, or a capitalised word does, as in steps=7163Calories.
func numberEnds(s string, i int) bool {
	if i >= len(s) || byteClass[s[i]]&classAlnum == 0 {
		return true
	}
	return byteClass[s[i]]&classUpper != 0 && i+1 < len(s) && byteClass[s[i+1]]&classLower != 0
}

// matchFloat is digits, a point and digits; in the wide mode also an exponent, with
// or without a fraction.
func matchFloat(s string, i int, mode MessageMode) int {
	e := digits(s, i)
	fraction := e+1 < len(s) && s[e] == '.' && isDigit(s[e+1])
	if fraction {
		e = digits(s, e+1)
	}
	if mode == Newstyle {
		if !fraction {
			return noMatch
		}
		return e
	}
	if x := exponent(s, e); x > e && numberEnds(s, x) {
		return x
	}
	if !fraction || !numberEnds(s, e) {
		return noMatch
	}
	return e
}

// matchSignedFloat is a minus sign and a matchFloat.
func matchSignedFloat(s string, i int, mode MessageMode) int {
	if i+1 == len(s) || !isDigit(s[i+1]) {
		return noMatch
	}
	return matchFloat(s, i+1, mode)
}

func exponent(s string, i int) int {
	if i >= len(s) || s[i]|0x20 != 'e' {
		return i
	}
	j := i + 1
	if j < len(s) && (s[j] == '+' || s[j] == '-') {
		j++
	}
	if e := digits(s, j); e > j {
		return e
	}
	return i
}

// matchDuration is an integer of milliseconds or a number of seconds.
func matchDuration(s string, i int, _ MessageMode) int {
	e := digits(s, i)
	if strings.HasPrefix(s[e:], "ms") {
		return e + 2
	}
	if e+1 < len(s) && s[e] == '.' && isDigit(s[e+1]) {
		e = digits(s, e+1)
	}
	if e < len(s) && s[e] == 's' {
		return e + 1
	}
	return noMatch
}

// durationUnits holds each unit before those that are its prefixes.
var durationUnits = [...]string{"ns", "us", "µs", "ms", "secs", "sec", "s", "mins", "min", "m", "hrs", "hr", "h", "d"}

// matchWideDuration is one to four numbers, each with its unit: 1.5h, 1h30m0s. Days
// have at most three digits and no leading zero, for d is also a hex digit.
func matchWideDuration(s string, i int, _ MessageMode) int {
	end := noMatch
	for range 4 {
		whole := digits(s, i)
		if whole == i {
			break
		}
		e := whole
		if e+1 < len(s) && s[e] == '.' && isDigit(s[e+1]) {
			e = digits(s, e+1)
		}
		unit := unitAt(s, e, durationUnits[:])
		if unit == e || s[e] == 'd' && (whole-i > 3 || s[i] == '0' && whole-i > 1) {
			break
		}
		end, i = unit, unit
	}
	return end
}

func unitAt(s string, i int, units []string) int {
	for _, unit := range units {
		if strings.HasPrefix(s[i:], unit) {
			return i + len(unit)
		}
	}
	return i
}

// matchSize is a number and a unit of storage: B, or one of k K M G T P with an
// optional i and an optional B, or with bps.
func matchSize(s string, i int, _ MessageMode) int {
	e := digits(s, i)
	if e+1 < len(s) && s[e] == '.' && isDigit(s[e+1]) {
		e = digits(s, e+1)
	}
	if e >= len(s) {
		return noMatch
	}
	switch s[e] {
	case 'B':
		return e + 1
	case 'k', 'K', 'M', 'G', 'T', 'P':
		e++
		if strings.HasPrefix(s[e:], "bps") {
			return e + 3
		}
		if e < len(s) && s[e] == 'i' {
			e++
		}
		if e < len(s) && s[e] == 'B' {
			e++
		}
		return e
	}
	return noMatch
}

// maxVersionParts bounds a version; more parts are a list of numbers.
const maxVersionParts = 6

var preReleases = [...]string{"alpha", "beta", "rc", "snapshot", "pre", "dev", "post", "build", "final", "release"}

// matchVersion is three to six numbers with points between, perhaps with a v
// before and a pre-release tag behind. A seventh part is refused.
func matchVersion(s string, i int, _ MessageMode) int {
	if s[i] == 'v' {
		i++
	}
	parts := 0
	for {
		e := digits(s, i)
		if e == i {
			return noMatch
		}
		parts++
		i = e
		if i+1 >= len(s) || s[i] != '.' || !isDigit(s[i+1]) {
			break
		}
		if parts == maxVersionParts {
			return noMatch
		}
		i++
	}
	if parts < 3 {
		return noMatch
	}
	if i < len(s) && (s[i] == '-' || s[i] == '.') {
		for _, tag := range preReleases {
			if foldedPrefix(s[i+1:], tag) {
				return preReleaseEnd(s, i, i+1+len(tag))
			}
		}
	}
	return i
}

// preReleaseEnd returns the end of a version that ends at i and has a tag behind it
// that ends at tag: behind the tag's number, behind the tag, or i, whichever is the
// last where a word ends.
func preReleaseEnd(s string, i, tag int) int {
	e := tag
	if e+1 < len(s) && (s[e] == '.' || s[e] == '-') && isDigit(s[e+1]) {
		e++
	}
	for _, end := range [...]int{digits(s, e), tag} {
		if end == len(s) || byteClass[s[end]]&classAlnum == 0 {
			return end
		}
	}
	return i
}

// foldedPrefix reports whether s starts with the lower-case ASCII prefix, whatever
// the case of s.
func foldedPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// matchQuoted is a quoted text without that quote inside; it may be empty and may
// hold line ends.
func matchQuoted(s string, i int, _ MessageMode) int {
	if n := strings.IndexByte(s[i+1:], s[i]); n >= 0 {
		return i + n + 2
	}
	return noMatch
}

func matchBool(s string, i int, _ MessageMode) int {
	switch rest := s[i+1:]; {
	case s[i]|0x20 == 't' && strings.HasPrefix(rest, "rue"):
		return i + 4
	case s[i]|0x20 == 'f' && strings.HasPrefix(rest, "alse"):
		return i + 5
	}
	return noMatch
}
