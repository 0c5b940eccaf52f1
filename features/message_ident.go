package features

import "strings"

// Identifiers: what a program made up so that nothing else has the same.

// hexFields returns the end of groups of hex digits of the given lengths with
// dashes between, or noMatch.
func hexFields(s string, i int, classes byte, lengths ...int) int {
	for k, n := range lengths {
		if k > 0 {
			if i == len(s) || s[i] != '-' {
				return noMatch
			}
			i++
		}
		if len(s)-i < n {
			return noMatch
		}
		for _, c := range []byte(s[i : i+n]) {
			if byteClass[c]&classes == 0 {
				return noMatch
			}
		}
		i += n
	}
	return i
}

const lowerHex = classDigit | classHexLower

// matchTraceparent is the header of W3C Trace Context, version 00, or the root of
// an AWS X-Ray trace header.
func matchTraceparent(s string, i int, _ MessageMode) int {
	switch {
	case strings.HasPrefix(s[i:], "00-"):
		return hexFields(s, i+3, lowerHex, 32, 16, 2)
	case strings.HasPrefix(s[i:], "1-"):
		return hexFields(s, i+2, lowerHex, 8, 24)
	}
	return noMatch
}

func matchUUID(s string, i int, _ MessageMode) int {
	return hexFields(s, i, classHex, 8, 4, 4, 4, 12)
}

func matchSHA1(s string, i int, _ MessageMode) int { return hexFields(s, i, classHex, 40) }

func matchMD5(s string, i int, _ MessageMode) int { return hexFields(s, i, classHex, 32) }

// matchSwiftTxnID is a transaction id of OpenStack Swift: "tx", 21 hex digits, a
// dash, 10 hex digits, and a suffix that the operator chose.
func matchSwiftTxnID(s string, i int, mode MessageMode) int {
	if !strings.HasPrefix(s[i:], "tx") {
		return noMatch
	}
	end := hexFields(s, i+2, lowerHex, 21, 10)
	if end == noMatch {
		return noMatch
	}
	for e, ids := end, end; e+1 < len(s) && (s[e] == '-' || s[e] == '.' && e > ids) && byteClass[s[e+1]]&classWord != 0; {
		if e = skip(s, e+1, classWord); !wordAt(s, e, mode) {
			end = e
		}
	}
	return end
}

func matchPrefixedHex(s string, i int, _ MessageMode) int {
	if i+2 < len(s) && s[i+1]|0x20 == 'x' {
		if e := skip(s, i+2, classHex); e > i+2 {
			return e
		}
	}
	return noMatch
}

// The lengths of a hexadecimal number without prefix, in digits.
const (
	minHex      = 8
	maxHex      = 128
	minMixedHex = 4 // in the wide mode, with both letters and digits
)

// matchBareHex is 8 to 128 hex digits of which one at least is decimal, or decimal
// digits alone, 8 and more.
func matchBareHex(s string, i int, _ MessageMode) int {
	e := skip(s, i, classHex)
	if e-i < minHex {
		return noMatch
	}
	classes := classesOf(s[i:e])
	if classes&classDigit == 0 || e-i > maxHex && classes&(classLower|classUpper) != 0 {
		return noMatch
	}
	return e
}

// matchGitSHA is seven digits, as git abbreviates a commit.
func matchGitSHA(s string, i int, _ MessageMode) int {
	e := skip(s, i, lowerHex)
	if e-i != 7 || classesOf(s[i:e])&(classDigit|classLower) != classDigit|classLower {
		return noMatch
	}
	return e
}

// matchWideHex is hex digits of one case with a letter among them: at least 4 if
// mixed with decimals, 8 if not.
func matchWideHex(s string, i int, _ MessageMode) int {
	e := skip(s, i, classHex)
	if e-i < minMixedHex || e-i > maxHex {
		return noMatch
	}
	switch classesOf(s[i:e]) & classAlnum {
	case classDigit | classLower, classDigit | classUpper:
		return e
	case classLower, classUpper:
		if e-i >= minHex {
			return e
		}
	}
	return noMatch
}

// matchIdentityHash is the hash that Java prints behind the class of an object, and
// of an array: hex digits of one case.
func matchIdentityHash(s string, i int, _ MessageMode) int {
	e := skip(s, i, classHex)
	if i < 2 || byteClass[s[i-2]]&classWord == 0 && s[i-2] != ';' && s[i-2] != ']' || e-i > maxHex ||
		classesOf(s[i:e])&(classLower|classUpper) == classLower|classUpper {
		return noMatch
	}
	return e
}

// The length of a random id, in bytes.
const (
	minRandomID = 8
	maxRandomID = 128
)

// matchRandomID is a token of letters and digits that changes between lower case,
// upper case and digits more often than a name would: base62, ULID, nanoid.
//
// A capital that starts a word is no change, so that camelCase counts once. The
// changes must come to a third of the length (a quarter from 20 bytes on), and
// there must be two runs of digits or five changes: Base64Encoder and
// sha256WithRSA are names.
func matchRandomID(s string, i int, _ MessageMode) int {
	letters := skip(s, i, classLower|classUpper)
	e := skip(s, letters, classAlnum)
	n := e - i
	if e == letters || n < minRandomID || n > maxRandomID {
		return noMatch
	}
	changes, digitRuns := 0, 0
	before := byte(0)
	for _, c := range []byte(s[i:e]) {
		class := byteClass[c] & classAlnum
		if class != before {
			if class == classDigit {
				digitRuns++
			}
			if before != 0 && !(before == classUpper && class == classLower) {
				changes++
			}
			before = class
		}
	}
	least := 3
	if n >= 20 {
		least = 4
	}
	if changes*least < n || digitRuns < 2 && changes < 5 {
		return noMatch
	}
	return e
}
