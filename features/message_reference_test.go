package features

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// referenceRow says one way of being of a family by regular expressions alone:
// before must match the character in front, after the text behind, pattern the
// text between. Independent of the scanner's tables and matchers.
type referenceRow struct {
	family  Family
	before  *regexp.Regexp
	pattern string
	after   *regexp.Regexp // nil: anything
	accept  func(text, before, after string) bool

	head, full *regexp.Regexp
}

// referenceScan finds slots the slow way: every position, every row, every end
// from the longest to the shortest.
func referenceScan(s string, mode MessageMode) (slots []Slot) {
	if len(s) > MaxScan {
		s = s[:MaxScan]
	}
	rows := referenceNewstyle
	if mode == Wide {
		rows = referenceWide
	}
	for i := 0; i < len(s); {
		end := -1
		var family Family
		for _, row := range rows {
			if !row.before.MatchString(referenceChar(s, i, mode, true)) || !row.head.MatchString(s[i:]) {
				continue
			}
			for e := len(s); e > i && end < 0; e-- {
				after := s[e:]
				if r, size := utf8.DecodeRuneInString(after); size > 0 && r >= utf8.RuneSelf {
					after = referenceChar(s, e, mode, false) + after[size:]
				}
				if row.full.MatchString(s[i:e]) && (row.after == nil || row.after.MatchString(after)) &&
					(row.accept == nil || row.accept(s[i:e], s[:i], after)) {
					end, family = e, row.family
				}
			}
			if end >= 0 {
				break
			}
		}
		if end < 0 {
			i++
			continue
		}
		slots = append(slots, Slot{family, i, end})
		i = end
	}
	return slots
}

// referenceChar is the character before or at i, as a letter or a space when it is
// not ASCII.
func referenceChar(s string, i int, mode MessageMode, before bool) string {
	r, size := utf8.DecodeRuneInString(s[i:])
	if before {
		r, size = utf8.DecodeLastRuneInString(s[:i])
	}
	switch {
	case size == 0:
		return "\n"
	case r < utf8.RuneSelf:
		return string(r)
	case mode == Newstyle && (unicode.IsLetter(r) || unicode.IsNumber(r)):
		return "a"
	}
	return " "
}

const (
	refClock  = `(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d+)?)?`
	refTwelve = `(?:0?[1-9]|1[0-2]):[0-5]\d(?::[0-5]\d)? ?(?:AM|PM|am|pm)`
	refOffset = `[+-](?:[01]\d|2[0-3]):?[0-5]\d`
	refNames  = `(?:UTC|UT|GMT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|CET|CEST|EET|EEST|WET|WEST|MSK|IST|JST|KST|BST|AEST|AEDT)`
	refPart   = `(?: ?` + refOffset + `| ` + refNames + `(?:` + refOffset + `)?)`
	refNote   = `(?: \([^()\n]{1,61}\))`
	refZone   = `(?:Z(?:` + refOffset + `|(?:[01]\d|2[0-3]):[0-5]\d)?|` + refPart + `{1,2}` + refNote + `?)`
	refMonth  = `(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	refDay    = `(?:Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sun|Mon|Tue|Wed|Thu|Fri|Sat)`
	refMM     = `(?:0[1-9]|1[0-2])`
	refDD     = `(?:0[1-9]|[12]\d|3[01])`
	refD      = `(?:0?[1-9]|[12]\d|3[01])`
	refPlain  = `(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d|60)(?:[.,]\d+)?`
	refOctet  = `(?:25[0-5]|2[0-4]\d|[01]?\d?\d)`
	refIPv4   = `(?:` + refOctet + `\.){3}` + refOctet
)

var (
	refWordBefore  = regexp.MustCompile(`^[^0-9A-Za-z_]`)
	refAlnumBefore = regexp.MustCompile(`^[^0-9A-Za-z]`)
	refAnyBefore   = regexp.MustCompile(``)
	refEqualBefore = regexp.MustCompile(`^=`)
	refWordAfter   = regexp.MustCompile(`^(?:$|[^0-9A-Za-z_])`)
	refAlnumAfter  = regexp.MustCompile(`^(?:$|[^0-9A-Za-z])`)
	refNumberAfter = regexp.MustCompile(`^(?:$|[^0-9A-Za-z]|[A-Z][a-z])`)
	refDigit       = regexp.MustCompile(`\d`)
	refDotDigit    = regexp.MustCompile(`^\.\d`)
	refColonDigit  = regexp.MustCompile(`^:\d`)
)

// refDates gives every form of date twice: those that end in a clock, behind which
// a colon and a digit may not stand, and the rest.
func refDates(wide bool, before, after *regexp.Regexp) []referenceRow {
	iso := `(?:\d{4}-` + refMM + `-` + refDD
	if wide {
		iso += `|\d{4}/` + refMM + `/` + refDD
	}
	iso += `)`
	compact := `\d{4}` + refMM + refDD
	dmy := `(?:` + refD + ` ` + refMonth + ` (?:\d{4}|\d\d) |` + refD + `-` + refMonth + `-(?:\d{4}|\d\d) `
	if wide {
		dmy += `|` + refD + `/` + refMonth + `/(?:\d{4}|\d\d)[: ]`
	}
	dmy += `)`
	dayComma := refDay + `, {1,2}`
	mdy := `(?:(?:` + refDay + `,? {1,2})?` + refMonth + ` {1,2}` + refD
	commaYear := mdy + `, {0,2}(?:\d{4}|\d\d))`
	spaceYear := mdy + ` {1,2}\d{4})`
	ctime := mdy + ` {1,2}` + refClock + `)`
	dmyComma := `(?:` + dayComma + `(?:` + refD + ` ` + refMonth + ` (?:\d{4}|\d\d) |` + refD + `-` + refMonth + `-(?:\d{4}|\d\d) ))`

	toClock := []string{ // each is followed by a clock
		iso + `[T ]`, compact + `[T ]`, dmy, dmyComma, commaYear + `,? {1,2}`, spaceYear + ` {1,2}`, ``,
	}
	toTwelve := []string{commaYear + `,? {1,2}`, ``}
	var open, closed []string
	if wide {
		slashed := `(?:` + refD + `/` + refD + `/\d{4})`
		toClock = append(toClock, slashed+`[T ]`)
		closed = append(closed, slashed, refD+` `+refMonth+` \d{4}`, refD+`-`+refMonth+`-\d{4}`, refD+`/`+refMonth+`/\d{4}`,
			dayComma+refD+` `+refMonth+` \d{4}`, dayComma+refD+`-`+refMonth+`-\d{4}`)
	}
	for _, head := range toClock {
		open = append(open, head+refClock)
		closed = append(closed, head+refClock+refZone)
	}
	for _, head := range toTwelve {
		closed = append(closed, head+refTwelve)
	}
	plain := `(?:` + iso + `T|` + compact + `[T ])` + refPlain
	if wide {
		plain = `(?:` + iso + `T|` + compact + `[T ]|\d{1,2}/\d{1,2}/\d{4}T)` + refPlain
	}
	closed = append(closed, iso, commaYear, spaceYear, plain, plain+refZone,
		dmyComma+refClock+refZone+`? [A-IK-Z]`, ctime+refZone+`? {1,2}\d{4}`, ctime+refZone,
		`datetime\.datetime\([^)\n]{0,61}\)`)
	open = append(open, ctime)

	bareClock := regexp.MustCompile(`^\d{1,2}:`)
	clockEnd := regexp.MustCompile(`^(?:` + strings.Join(open, "|") + `)$`)
	other := regexp.MustCompile(`^(?:` + strings.Join(closed, "|") + `)$`)
	return []referenceRow{{
		family: Date, before: before, pattern: strings.Join(append(open, closed...), "|"), after: after,
		accept: func(text, front, behind string) bool {
			if bareClock.MatchString(text) && strings.HasSuffix(front, ":") {
				return false
			}
			return refWordAfter.MatchString(behind) &&
				(other.MatchString(text) || clockEnd.MatchString(text) && !refColonDigit.MatchString(behind))
		},
	}}
}

func referenceIPv6() referenceRow {
	var forms []string
	group := `[0-9A-Fa-f]{1,4}`
	count := func(n int) string { // n groups
		return strings.TrimSuffix(strings.Repeat(group+`:`, n), `:`)
	}
	forms = append(forms, count(8), count(6)+`:`+refIPv4)
	for left := range 8 {
		for right := range 8 - left {
			forms = append(forms, count(left)+`::`+count(right))
			if left+right+2 <= 7 {
				if right == 0 {
					forms = append(forms, count(left)+`::`+refIPv4)
				} else {
					forms = append(forms, count(left)+`::`+count(right)+`:`+refIPv4)
				}
			}
		}
	}
	further := regexp.MustCompile(`^:[:0-9A-Fa-f]`)
	return referenceRow{
		family: IP, before: regexp.MustCompile(`^[^0-9A-Za-z_.:]`), pattern: strings.Join(forms, "|"), after: regexp.MustCompile(`^(?:$|[^0-9A-Za-z_(])`),
		accept: func(text, before, after string) bool {
			if further.MatchString(after) {
				return false
			}
			if text == "::" {
				return strings.HasSuffix(before, "[") && strings.HasPrefix(after, "]") || regexp.MustCompile(`^/\d`).MatchString(after)
			}
			return refDigit.MatchString(text) || !strings.Contains(text, "::")
		},
	}
}

func refTopLevels() string {
	var names []string
	for name := range topLevels {
		names = append(names, name)
	}
	return strings.Join(names, "|")
}

// refMixed wants a decimal digit and a letter.
func refMixed(text, _, _ string) bool {
	return refDigit.MatchString(text) && regexp.MustCompile(`[A-Za-z]`).MatchString(text)
}

var referenceNewstyle = compileReference([][]referenceRow{
	{
		{family: Email, before: regexp.MustCompile("^[^a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]"), pattern: "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)*"},
		{family: URL, before: refWordBefore, pattern: `(?:wss?|https?|ftp)://[^\s\v/$.?#][^\s\v]*`},
		{family: Hostname, before: refWordBefore, pattern: `[a-zA-Z0-9][a-zA-Z0-9-]{0,62}\.(?:[a-zA-Z0-9-]{1,63}\.)*(?:` + refTopLevels() + `)`, after: refWordAfter,
			accept: func(text, _, _ string) bool { return len(text) <= maxHostname }},
		{family: IP, before: refWordBefore, pattern: refIPv4, after: refWordAfter},
		referenceIPv6(),
		{family: Traceparent, before: refWordBefore, pattern: `00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|1-[0-9a-f]{8}-[0-9a-f]{24}`, after: refWordAfter},
		{family: UUID, before: refWordBefore, pattern: `[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, after: refWordAfter},
		{family: SHA1, before: refWordBefore, pattern: `[0-9a-fA-F]{40}`, after: refWordAfter},
		{family: MD5, before: refWordBefore, pattern: `[0-9a-fA-F]{32}`, after: refWordAfter},
	},
	refDates(false, refWordBefore, refWordAfter),
	{
		{family: Duration, before: refWordBefore, pattern: `\d+ms|\d+(?:\.\d+)?s`, after: refWordAfter},
		{family: SwiftTxnID, before: refWordBefore, pattern: `tx[0-9a-f]{21}-[0-9a-f]{10}(?:-[0-9A-Za-z_]+(?:[-.][0-9A-Za-z_]+)*)?`, after: refWordAfter},
		{family: Hex, before: refWordBefore, pattern: `0[xX][0-9a-fA-F]+`, after: refWordAfter},
		{family: Hex, before: refWordBefore, pattern: `[0-9a-fA-F]{8,}`, after: refWordAfter, accept: func(text, _, _ string) bool {
			return refDigit.MatchString(text) && len(text) <= 128 || regexp.MustCompile(`^\d+$`).MatchString(text)
		}},
		{family: GitSHA, before: refWordBefore, pattern: `[0-9a-f]{7}`, after: refWordAfter, accept: refMixed},
		{family: Float, before: refAnyBefore, pattern: `-\d+\.\d+`, after: refWordAfter},
		{family: Float, before: refWordBefore, pattern: `\d+\.\d+`, after: refWordAfter},
		{family: Int, before: refAnyBefore, pattern: `-\d{1,7}`, after: refWordAfter},
		{family: Int, before: refWordBefore, pattern: `\d{1,7}`, after: refWordAfter},
		{family: QuotedStr, before: refEqualBefore, pattern: `'[^']*'|"[^"]*"`},
		{family: Bool, before: refEqualBefore, pattern: `[Tt]rue|[Ff]alse`, after: refWordAfter},
	},
})

var refTrailing = regexp.MustCompile(`^[.,;:!?)\]]*(?:$|[\s\v<>"'` + "`" + `{}|\\^])`)

var referenceWide = compileReference([][]referenceRow{
	{
		{family: Email, before: regexp.MustCompile(`^[^0-9A-Za-z._%+-]`), pattern: `[0-9A-Za-z._%+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*`, after: refAlnumAfter,
			accept: func(text, _, after string) bool {
				domain := text[strings.IndexByte(text, '@')+1:]
				if regexp.MustCompile(`^(?:-|\.[0-9A-Za-z-])`).MatchString(after) {
					return false // not the whole domain
				}
				if strings.Contains(domain, ".") {
					return regexp.MustCompile(`\.[A-Za-z]{2,}$`).MatchString(domain)
				}
				return regexp.MustCompile(`[g-zG-Z]`).MatchString(domain)
			}},
		{family: URL, before: refAlnumBefore, pattern: `[A-Za-z][A-Za-z0-9+.-]{0,31}://[^\s\v<>"'` + "`" + `{}|\\^]*[^\s\v<>"'` + "`" + `{}|\\^.,;:!?)\]]`,
			accept: func(_, _, after string) bool { return refTrailing.MatchString(after) }},
		{family: Traceparent, before: refAlnumBefore, pattern: `00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|1-[0-9a-f]{8}-[0-9a-f]{24}`, after: refAlnumAfter},
		{family: UUID, before: refAlnumBefore, pattern: `[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, after: refAlnumAfter},
		{family: SHA1, before: refAlnumBefore, pattern: `[0-9a-fA-F]{40}`, after: refAlnumAfter},
		{family: MD5, before: refAlnumBefore, pattern: `[0-9a-fA-F]{32}`, after: refAlnumAfter},
		{family: MACAddr, before: regexp.MustCompile(`^[^0-9A-Za-z:-]`), pattern: `[0-9a-fA-F]{2}(?:(?::[0-9a-fA-F]{2}){5}|(?:-[0-9a-fA-F]{2}){5})`, after: refAlnumAfter,
			accept: func(text, _, after string) bool {
				return !regexp.MustCompile(`^` + text[2:3] + `[0-9a-fA-F]`).MatchString(after)
			}},
		{family: IP, before: refAlnumBefore, pattern: refIPv4 + `(?::\d{1,5})?`, after: refAlnumAfter, accept: func(text, _, after string) bool {
			if strings.Contains(text, ":") {
				return refWordAfter.MatchString(after)
			}
			return !refDotDigit.MatchString(after)
		}},
		referenceIPv6(),
		{family: Hostname, before: regexp.MustCompile(`^[^0-9A-Za-z._-]`), pattern: `[a-zA-Z0-9][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)+(?::\d{1,5})?`, after: refAlnumAfter,
			accept: func(text, _, after string) bool {
				host, _, ported := strings.Cut(text, ":")
				if !ported && regexp.MustCompile(`^(?:-|\.[0-9A-Za-z-])`).MatchString(after) || ported && !refWordAfter.MatchString(after) {
					return false
				}
				parts := strings.Split(host, ".")
				for i, part := range parts {
					if len(part) > maxLabel || len(strings.Join(parts[:i+1], ".")) > maxHostname {
						return false
					}
				}
				return namesHost(len(parts), parts[0], parts[len(parts)-2], parts[len(parts)-1])
			}},
	},
	refDates(true, refAlnumBefore, refAlnumAfter),
	{
		{family: Version, before: regexp.MustCompile(`^[^0-9A-Za-z.]`), pattern: `v?\d+(?:\.\d+){2,5}(?:[-.](?i:alpha|beta|rc|snapshot|pre|dev|post|build|final|release)(?:[.-]?\d+)?)?`, after: refAlnumAfter,
			accept: func(text, _, after string) bool {
				return !(refDotDigit.MatchString(after) && regexp.MustCompile(`^v?[\d.]+$`).MatchString(text))
			}},
		{family: Duration, before: refAlnumBefore, pattern: `(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|secs?|s|mins?|m|hrs?|h)|(?:0|[1-9]\d{0,2})(?:\.\d+)?d){1,4}`, after: refAlnumAfter},
		{family: Size, before: refAlnumBefore, pattern: `\d+(?:\.\d+)?(?:B|[kKMGTP](?:bps|i?B?))`, after: refAlnumAfter},
		{family: SwiftTxnID, before: refAlnumBefore, pattern: `tx[0-9a-f]{21}-[0-9a-f]{10}(?:-[0-9A-Za-z_]+(?:[-.][0-9A-Za-z_]+)*)?`, after: refAlnumAfter},
		{family: Hex, before: refAlnumBefore, pattern: `0[xX][0-9a-fA-F]+`, after: refAlnumAfter},
		{family: Hex, before: refAlnumBefore, pattern: `[0-9a-f]{1,128}|[0-9A-F]{1,128}`, after: refAlnumAfter, accept: func(text, before, _ string) bool {
			identity := regexp.MustCompile(`[0-9A-Za-z_;\]]@$`).MatchString(before)
			return identity || refMixed(text, "", "") && len(text) >= 4 || !refDigit.MatchString(text) && len(text) >= 8
		}},
		{family: RandomID, before: refAlnumBefore, pattern: `[0-9A-Za-z]{8,128}`, after: refAlnumAfter, accept: referenceRandom},
		{family: Float, before: refAlnumBefore, pattern: `-?(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)`, after: refNumberAfter},
		{family: Int, before: refAlnumBefore, pattern: `-?\d+|-?\d{1,3}(?:,\d{3}){1,6}`, after: refNumberAfter, accept: func(text, _, after string) bool {
			return !strings.Contains(text, ",") || !regexp.MustCompile(`^,\d`).MatchString(after)
		}},
		{family: Int, before: regexp.MustCompile(`^[A-Za-z]`), pattern: `\d{3,}`, after: regexp.MustCompile(`^(?:$|[^0-9A-Za-z_]|[A-Z][a-z])`)},
		{family: QuotedStr, before: refEqualBefore, pattern: `'[^']*'|"[^"]*"`},
		{family: Bool, before: refEqualBefore, pattern: `[Tt]rue|[Ff]alse`, after: refAlnumAfter},
	},
})

// referenceRandom counts the changes of a random id by cutting the token into
// runs: digits, capitals with the lower case behind them, lower case.
func referenceRandom(text, _, _ string) bool {
	runs := regexp.MustCompile(`\d+|[A-Z]+[a-z]*|[a-z]+`).FindAllString(text, -1)
	digitRuns := len(regexp.MustCompile(`\d+`).FindAllString(text, -1))
	share := 3
	if len(text) >= 20 {
		share = 4
	}
	if digitRuns == 0 || digitRuns == len(runs) {
		return false
	}
	return (len(runs)-1)*share >= len(text) && (digitRuns >= 2 || len(runs) >= 6)
}

func compileReference(groups [][]referenceRow) (rows []referenceRow) {
	for _, group := range groups {
		for _, row := range group {
			row.head = regexp.MustCompile(`^(?s:` + row.pattern + `)`)
			row.full = regexp.MustCompile(`^(?s:` + row.pattern + `)$`)
			rows = append(rows, row)
		}
	}
	return rows
}
