package features

import (
	"fmt"
	"strings"
)

// Family is the kind of value that a [Slot] holds.
type Family uint8

// The families, in the order in which [Newstyle] tries them. Those behind Bool
// belong to [Wide] only.
const (
	Email       Family = iota
	URL                // with path, query and fragment
	Hostname           // with port in the wide mode
	IP                 // version 4 or 6; version 4 with port in the wide mode
	Traceparent        // W3C trace context or AWS X-Ray
	UUID
	SHA1
	MD5        // or any other 32 hex digits
	Date       // a date, a time of day, or both
	Duration   // number and unit of time, written together
	SwiftTxnID // OpenStack Swift transaction
	Hex
	GitSHA // abbreviated to seven digits
	Float
	Int
	QuotedStr // right of "=", quotes included
	Bool      // right of "="
	MACAddr
	RandomID // letters and digits mixed as no name is
	Version  // three parts or more
	Size     // number and unit of storage, written together

	// NumFamilies counts the families; each is below it.
	NumFamilies
)

var familyNames = [NumFamilies]string{
	"email", "url", "hostname", "ip", "traceparent", "uuid", "sha1", "md5", "date", "duration", "swift_txn_id", "hex", "git_sha",
	"float", "int", "quoted_str", "bool", "mac_addr", "random_id", "version", "size",
}

// String returns the family's name as it stands in a parameterised message.
func (f Family) String() string {
	if f < NumFamilies {
		return familyNames[f]
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// matchFunc returns the end of the longest text of its family that starts at i, or
// noMatch. It is called where the row's left and start sets hold. It sees to the
// boundaries between its own shorter and longer forms; the row's right set is
// tested after it.
type matchFunc func(s string, i int, mode MessageMode) int

// noMatch is the end of a match that is not there.
const noMatch = -1

// familyRow is one way in which a family may start, and what it looks like.
// The byte sets are written as in a regular expression's brackets: ranges, "^" in
// front for the complement, "-" literal at either end; "" is every byte. Before
// and behind the text stands a newline.
type familyRow struct {
	family Family
	left   string // what may stand before
	start  string // first byte
	second string // second byte, or what stands behind the first
	match  matchFunc
	right  string // what may stand behind
	note   string
}

const (
	setNotWord  = "^0-9A-Za-z_" // the \b of regular expressions, next to a word byte
	setNotAlnum = "^0-9A-Za-z"  // as setNotWord, but an underscore separates
	setDecimal  = "0-9"
	setHex      = "0-9A-Fa-f"
	setAlnum    = "0-9A-Za-z"
	setLocal    = "0-9A-Za-z.!#$%&'*+/=?^_`{|}~-"
)

// newstyleTable holds the families of newstyle:2023-01-11 in their order.
var newstyleTable = compileFamilies([]familyRow{
	{Email, "^" + setLocal, setLocal, "@" + setLocal, matchEmail, "", "the grammar of HTML's input type=email; the domain needs no dot"},
	{URL, setNotWord, "fhw", "tsw", matchURL, "", "ftp, http, https, ws, wss, up to white space, closing brackets included"},
	{Hostname, setNotWord, setAlnum, "0-9A-Za-z.-", matchHostname, "", "labels and a common top-level domain, all lower or all upper"},
	{IP, setNotWord, setDecimal, "0-9.", matchIPv4, setNotWord, "four octets"},
	{IP, "^0-9A-Za-z_.:", setHex + ":", "0-9A-Fa-f:", matchIPv6, "^0-9A-Za-z_(", "full or compressed; not Option::unwrap()"},
	{Traceparent, setNotWord, "01", "0-", matchTraceparent, setNotWord, "00-trace-span-flags, or 1-time-id of AWS"},
	{UUID, setNotWord, setHex, setHex, matchUUID, setNotWord, "8-4-4-4-12 hex digits"},
	{SHA1, setNotWord, setHex, setHex, matchSHA1, setNotWord, "40 hex digits"},
	{MD5, setNotWord, setHex, setHex, matchMD5, setNotWord, "32 hex digits"},
	{Date, setNotWord, setDecimal, "0-9:/ -", matchNumericDate, setNotWord, "2006-01-02, 2006-01-02T15:04:05Z, 20060102 150405, 3:04 PM, 15:04, 02 Jan 06 15:04 MST"},
	{Date, setNotWord, "DFJMASONTWd", "acehopru", matchNamedDate, setNotWord, "Mon, 02 Jan 06 15:04 MST, Mon Jan 02 2006 15:04:05 GMT+0000 (UTC), Jan 02, 1999"},
	{Duration, setNotWord, setDecimal, "0-9.ms", matchDuration, setNotWord, "10ms, 10s, 1.234s"},
	{SwiftTxnID, setNotWord, "t", "x", matchSwiftTxnID, setNotWord, "tx, 21 and 10 lower hex digits, perhaps a cluster"},
	{Hex, setNotWord, "0", "Xx", matchPrefixedHex, setNotWord, "0x and hex digits"},
	{Hex, setNotWord, setHex, setHex, matchBareHex, setNotWord, "8 to 128 hex digits with a decimal one; 8 decimal digits and more"},
	{GitSHA, setNotWord, "0-9a-f", "0-9a-f", matchGitSHA, setNotWord, "7 lower hex digits with both letters and decimals"},
	{Float, "", "-", setDecimal, matchSignedFloat, setNotWord, "the sign needs no boundary before it"},
	{Float, setNotWord, setDecimal, "0-9.", matchFloat, setNotWord, "digits, point, digits"},
	{Int, "", "-", setDecimal, matchSignedInt, setNotWord, "the sign needs no boundary: utf-8, 2006-01"},
	{Int, setNotWord, setDecimal, "", matchInt, setNotWord, "1 to 7 digits; longer runs are hex"},
	{QuotedStr, "=", `'"`, "", matchQuoted, "", "up to the next such quote"},
	{Bool, "=", "FTft", "ar", matchBool, setNotWord, "True, true, False, false"},
})

// wideTable holds what the model sees as variable parts. An underscore separates
// here, and a longer family comes before those it contains.
var wideTable = compileFamilies([]familyRow{
	{Email, "^0-9A-Za-z._%+-", "0-9A-Za-z._%+-", "0-9A-Za-z._%+@-", matchWideEmail, setNotAlnum, "domain with a dot, or a host name that is not hex: Object@1a2b is an identity hash"},
	{URL, setNotAlnum, "A-Za-z", "0-9A-Za-z.+:-", matchWideURL, "", "any scheme; quotes, brackets and closing punctuation stay outside"},
	{Traceparent, setNotAlnum, "01", "0-", matchTraceparent, setNotAlnum, ""},
	{UUID, setNotAlnum, setHex, setHex, matchUUID, setNotAlnum, ""},
	{SHA1, setNotAlnum, setHex, setHex, matchSHA1, setNotAlnum, ""},
	{MD5, setNotAlnum, setHex, setHex, matchMD5, setNotAlnum, ""},
	{MACAddr, "^0-9A-Za-z:-", setHex, setHex, matchMAC, setNotAlnum, "six pairs of hex digits, all with colons or all with dashes"},
	{IP, setNotAlnum, setDecimal, "0-9.", matchWideIPv4, setNotAlnum, "perhaps with port; not the head of 1.2.3.4.5"},
	{IP, "^0-9A-Za-z_.:", setHex + ":", "0-9A-Fa-f:", matchIPv6, "^0-9A-Za-z_(", ""},
	{Hostname, "^0-9A-Za-z._-", setAlnum, "0-9A-Za-z.-", matchWideHostname, setNotAlnum, "a whole dotted name that is no property, file or package; perhaps with port"},
	{Date, setNotAlnum, setDecimal, "0-9:/ -", matchNumericDate, setNotAlnum, "also 2006/01/02, 01/02/2006, 02 Jan 2006, 02/Jan/2006:15:04:05 -0700"},
	{Date, setNotAlnum, "DFJMASONTWd", "acehopru", matchNamedDate, setNotAlnum, ""},
	{Version, "^0-9A-Za-z.", "v0-9", "0-9.", matchVersion, setNotAlnum, "v1.2.3-rc.1"},
	{Duration, setNotAlnum, setDecimal, "0-9.nu\xc2mshd", matchWideDuration, setNotAlnum, "3ms, 1.5h, 1h30m, 12us"},
	{Size, setNotAlnum, setDecimal, "0-9.BkKMGTP", matchSize, setNotAlnum, "12KB, 1.5GiB, 256K, 384B"},
	{SwiftTxnID, setNotAlnum, "t", "x", matchSwiftTxnID, setNotAlnum, ""},
	{Hex, setNotAlnum, "0", "Xx", matchPrefixedHex, setNotAlnum, "addresses among them"},
	{Hex, setNotAlnum, setHex, setHex, matchWideHex, setNotAlnum, "one case; 4 digits and more if mixed, 8 if all letters"},
	{Hex, "@", setHex, "", matchIdentityHash, setNotAlnum, "Object@1a2b, any length"},
	{RandomID, setNotAlnum, setAlnum, setAlnum, matchRandomID, setNotAlnum, "k9Mtd2gDcgG"},
	{Float, setNotAlnum, "-", setDecimal, matchSignedFloat, "", "a sign belongs to the number unless letters or digits stand before it"},
	{Float, setNotAlnum, setDecimal, "0-9.Ee", matchFloat, "", "also 1e-7 and 1.5E10"},
	{Int, setNotAlnum, "-", setDecimal, matchSignedInt, "", ""},
	{Int, setNotAlnum, setDecimal, "", matchInt, "", "any length; also 4,150,908"},
	{Int, "A-Za-z", setDecimal, setDecimal, matchTailInt, "", "3 digits and more behind letters: executor123, not utf8 or ieee80211_scan"},
	{QuotedStr, "=", `'"`, "", matchQuoted, "", ""},
	{Bool, "=", "FTft", "ar", matchBool, setNotAlnum, ""},
})

// familyTable is a table of at most 32 rows compiled to bit sets: bit r of an
// entry is row r.
type familyTable struct {
	rows                       []familyRow
	left, start, second, right [256]uint32 // which rows admit the byte at that place

	needAt, needScheme, needDot, needEqual uint32 // rows that no text without such a mark can match
}

func compileFamilies(rows []familyRow) familyTable {
	t := familyTable{rows: rows}
	for r, row := range rows {
		bit := uint32(1) << r
		for b := range 256 {
			// A byte that stands for no character of its own is resolved by
			// byteBefore when a row could start behind it.
			if b >= 0x80 || inByteSet(row.left, byte(b)) {
				t.left[b] |= bit
			}
			if inByteSet(row.start, byte(b)) {
				t.start[b] |= bit
			}
			if inByteSet(row.second, byte(b)) {
				t.second[b] |= bit
			}
			if inByteSet(row.right, byte(b)) {
				t.right[b] |= bit
			}
		}
		switch row.family {
		case Email:
			t.needAt |= bit
		case URL:
			t.needScheme |= bit
		case Hostname, Version:
			t.needDot |= bit
		case QuotedStr, Bool:
			t.needEqual |= bit
		}
	}
	return t
}

// liveRows returns the rows worth trying in s.
func (t *familyTable) liveRows(s string) uint32 {
	live := uint32(1)<<len(t.rows) - 1
	if strings.IndexByte(s, '@') < 0 {
		live &^= t.needAt
	}
	if !strings.Contains(s, "://") {
		live &^= t.needScheme
	}
	if strings.IndexByte(s, '.') < 0 {
		live &^= t.needDot
	}
	if strings.IndexByte(s, '=') < 0 {
		live &^= t.needEqual
	}
	return live
}

// inByteSet reports whether b is in the set, written as [familyRow] says.
func inByteSet(set string, b byte) bool {
	if set == "" {
		return true
	}
	members, complement := strings.CutPrefix(set, "^")
	for i := 0; i < len(members); i++ {
		low, high := members[i], members[i]
		if i+2 < len(members) && members[i+1] == '-' {
			high = members[i+2]
			i += 2
		}
		if low <= b && b <= high {
			return !complement
		}
	}
	return complement
}
