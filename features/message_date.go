package features

import "strings"

// Dates and times of day. Each form is read from left to right; the end of every
// shorter form on the way is kept if a word ends there, so that
// "2006-01-02 15:04 items" gives the time and "2006-01-02 1500" gives the date.

// longest keeps the end of the longest form so far.
type longest struct {
	s    string
	mode MessageMode
	end  int
}

func (l *longest) offer(i int) {
	if i > l.end && !wordAt(l.s, i, l.mode) {
		l.end = i
	}
}

// matchNumericDate is a date or time that begins with a digit.
func matchNumericDate(s string, i int, mode MessageMode) int {
	l := longest{s, mode, noMatch}
	switch e := digits(s, i); e - i {
	case 1, 2:
		if e == len(s) {
			break
		}
		switch s[e] {
		case ':':
			if i == 0 || s[i-1] != ':' {
				l.timeOfDay(i)
			}
		case ' ', '-':
			l.dayMonthYear(i, e)
		case '/':
			if mode == Wide {
				l.dayMonthYear(i, e)
				l.slashed(i)
			}
		}
	case 4:
		if e < len(s) && (s[e] == '-' || mode == Wide && s[e] == '/') {
			if d := monthDay(s, e+1, s[e]); d != noMatch {
				l.offer(d)
				l.clockBehind(d, false)
			}
		}
	case 8:
		if number(s, i+4, 2, 1, 12) && number(s, i+6, 2, 1, 31) {
			l.clockBehind(e, true)
		}
	}
	return l.end
}

// matchNamedDate is a date that begins with the name of a day or month, or the
// constructor call that Python prints.
func matchNamedDate(s string, i int, mode MessageMode) int {
	if s[i] == 'd' {
		return matchPythonDate(s, i)
	}
	l := longest{s, mode, noMatch}
	if e := name(s, i, dayNames[:], 3); e != noMatch {
		if e < len(s) && s[e] == ',' {
			if i = spaces(s, e+1); i == e+1 {
				return noMatch
			}
			if d := digits(s, i); d > i {
				l.zoneLetters(i, d)
				return l.end
			}
		} else if i = spaces(s, e); i == e {
			return noMatch
		}
	}
	if e := name(s, i, monthNames[:], 3); e != noMatch {
		l.behindMonth(e)
	}
	return l.end
}

// matchPythonDate is the repr of a datetime, on one line and at most 80 bytes long.
func matchPythonDate(s string, i int) int {
	const call = "datetime.datetime("
	if !strings.HasPrefix(s[i:], call) {
		return noMatch
	}
	for e := i + len(call); e < len(s) && e < i+80 && s[e] != '\n'; e++ {
		if s[e] == ')' {
			return e + 1
		}
	}
	return noMatch
}

// monthDay returns the end of "01-02" from i, with the separator given.
func monthDay(s string, i int, sep byte) int {
	if number(s, i, 2, 1, 12) && i+2 < len(s) && s[i+2] == sep && number(s, i+3, 2, 1, 31) {
		return i + 5
	}
	return noMatch
}

// clockBehind reads a "T" or a space, a clock and a zone behind a date. A clock
// without colons needs a T, or a date that is compact as well.
func (l *longest) clockBehind(i int, compact bool) {
	s := l.s
	if i+1 >= len(s) || s[i] != 'T' && s[i] != ' ' {
		return
	}
	t := s[i] == 'T'
	i++
	e := l.clock(i)
	if e == noMatch && (compact || t) && number(s, i, 2, 0, 23) && number(s, i+2, 2, 0, 59) && number(s, i+4, 2, 0, 60) {
		l.offer(i + 6)
		e = fraction(s, i+6)
		l.offer(e)
	}
	if e != noMatch {
		l.zone(e)
	}
}

// clock reads 15:04 and perhaps :05 and a fraction, offers each, and returns the
// end. Where a colon and a digit follow, as in 10:25:99 or 12:34:56:78, it is no
// clock.
func (l *longest) clock(i int) int {
	s := l.s
	if !number(s, i, 2, 0, 23) || i+2 >= len(s) || s[i+2] != ':' || !number(s, i+3, 2, 0, 59) {
		return noMatch
	}
	i += 5
	if colonDigit(s, i) {
		if !number(s, i+1, 2, 0, 60) || colonDigit(s, i+3) {
			return noMatch
		}
		l.offer(i + 3)
		if i = fraction(s, i+3); colonDigit(s, i) {
			return noMatch
		}
	}
	l.offer(i)
	return i
}

func colonDigit(s string, i int) bool { return i+1 < len(s) && s[i] == ':' && isDigit(s[i+1]) }

// timeOfDay reads a clock of 24 hours with its zone, or one of 12 hours with AM or
// PM, whose hour may be one digit.
func (l *longest) timeOfDay(i int) {
	if e := l.clock(i); e != noMatch {
		l.zone(e)
	}
	s := l.s
	e := digits(s, i)
	if !number(s, i, e-i, 1, 12) || e == len(s) || s[e] != ':' || !number(s, e+1, 2, 0, 59) {
		return
	}
	e += 3
	if e < len(s) && s[e] == ':' && number(s, e+1, 2, 0, 59) {
		e += 3
	}
	if e < len(s) && s[e] == ' ' {
		e++
	}
	if e+1 < len(s) && (s[e]|0x20 == 'a' || s[e]|0x20 == 'p') && s[e+1] == s[e]&0x20|'M' {
		l.offer(e + 2)
	}
}

// dayMonthYear reads "02 Jan 06 15:04 MST" and its like from a day that ends at d:
// separators all spaces, all dashes or, in the wide mode, all slashes with a colon
// before the clock. Without a clock it is a date in the wide mode only, and then
// the year has four digits.
func (l *longest) dayMonthYear(i, d int) int {
	s := l.s
	sep := s[d]
	if !number(s, i, d-i, 1, 31) {
		return noMatch
	}
	e := name(s, d+1, monthNames[:], 3)
	if e == noMatch || e == len(s) || s[e] != sep {
		return noMatch
	}
	i = e + 1
	if e = digits(s, i); e-i != 2 && e-i != 4 {
		return noMatch
	}
	if e-i == 4 && l.mode == Wide {
		l.offer(e)
	}
	if e+1 >= len(s) || s[e] != ' ' && !(sep == '/' && s[e] == ':') {
		return noMatch
	}
	if e = l.clock(e + 1); e != noMatch {
		l.zone(e)
	}
	return e
}

// zoneLetters is dayMonthYear behind the name of a day, where RFC 822 also knows
// zones of one letter.
func (l *longest) zoneLetters(i, d int) {
	if d == len(l.s) || l.s[d] != ' ' && l.s[d] != '-' {
		return
	}
	e := l.dayMonthYear(i, d)
	if e != noMatch && e+1 < len(l.s) && l.s[e] == ' ' && 'A' <= l.s[e+1] && l.s[e+1] <= 'Z' && l.s[e+1] != 'J' {
		l.offer(e + 2)
	}
}

// slashed reads 01/02/2006 or 02/01/2006, perhaps with a clock.
func (l *longest) slashed(i int) {
	s := l.s
	for range 2 {
		e := digits(s, i)
		if e-i > 2 || !number(s, i, e-i, 1, 31) || e == len(s) || s[e] != '/' {
			return
		}
		i = e + 1
	}
	if e := digits(s, i); e-i == 4 {
		l.offer(e)
		l.clockBehind(e, false)
	}
}

// behindMonth reads what stands behind the name of a month: a day, and then a comma
// and a year, or a clock and perhaps a zone and a year, or a year and perhaps a
// clock.
func (l *longest) behindMonth(i int) {
	s := l.s
	d := spaces(s, i)
	e := digits(s, d)
	if d == i || e-d > 2 || !number(s, d, e-d, 1, 31) || e == len(s) {
		return
	}
	if s[e] == ',' {
		y := spaces(s, e+1)
		if e = digits(s, y); e-y == 2 || e-y == 4 {
			l.offer(e)
			if e < len(s) && s[e] == ',' {
				e++
			}
			if t := spaces(s, e); t > e {
				l.timeOfDay(t)
			}
		}
		return
	}
	if i = spaces(s, e); i == e {
		return
	}
	if e = l.clock(i); e != noMatch {
		e = l.zone(e)
		if y := spaces(s, e); y > e && digits(s, y) == y+4 {
			l.offer(y + 4)
		}
		return
	}
	if e = digits(s, i); e-i != 4 {
		return
	}
	l.offer(e)
	if t := spaces(s, e); t > e {
		if e = l.clock(t); e != noMatch {
			l.zone(e)
		}
	}
}

// maxZoneComment bounds the name of a zone that JavaScript writes in parentheses.
const maxZoneComment = 64

// zone reads a zone behind a clock, offers its forms, and returns the end of the
// longest that a word ends at, or i: Z, Z07:00, -07:00, -0700, MST, GMT-0700,
// +0000 UTC, -0800 (PST). A space may stand before each part but the Z.
func (l *longest) zone(i int) int {
	s, start := l.s, i
	if i < len(s) && s[i] == 'Z' {
		i++
		l.offer(i)
		if e := offset(s, i); e > i {
			i = e
		} else if number(s, i, 2, 0, 23) && i+2 < len(s) && s[i+2] == ':' && number(s, i+3, 2, 0, 59) {
			i += 5
		}
		l.offer(i)
		return i
	}
	for range 2 {
		j := i
		if j < len(s) && s[j] == ' ' {
			j++
		}
		e := offset(s, j)
		if e == j && j > i {
			if e = name(s, j, zoneNames[:], unabbreviated); e == noMatch {
				break
			}
			if x := offset(s, e); !wordAt(s, x, l.mode) {
				e = x
			}
		}
		if e == j || wordAt(s, e, l.mode) {
			break
		}
		i = e
		l.offer(i)
	}
	if i > start && strings.HasPrefix(s[i:], " (") {
		for e := i + 2; e < len(s) && e < i+maxZoneComment && s[e] != '\n' && s[e] != '('; e++ {
			if s[e] == ')' {
				if e > i+2 {
					i = e + 1
					l.offer(i)
				}
				break
			}
		}
	}
	return i
}

// offset returns the end of +07:00 or +0700 from i, or i.
func offset(s string, i int) int {
	if i >= len(s) || s[i] != '+' && s[i] != '-' || !number(s, i+1, 2, 0, 23) {
		return i
	}
	j := i + 3
	if j < len(s) && s[j] == ':' {
		j++
	}
	if !number(s, j, 2, 0, 59) {
		return i
	}
	return j + 2
}

// fraction returns the end of a point or comma and digits from i, or i.
func fraction(s string, i int) int {
	if i+1 < len(s) && (s[i] == '.' || s[i] == ',') && isDigit(s[i+1]) {
		return digits(s, i+1)
	}
	return i
}

// number reports whether n digits from i on, n at most two, give a value in
// [low, high].
func number(s string, i, n, low, high int) bool {
	if n < 1 || n > 2 || i+n > len(s) {
		return false
	}
	value := 0
	for _, c := range []byte(s[i : i+n]) {
		if !isDigit(c) {
			return false
		}
		value = value*10 + int(c-'0')
	}
	return low <= value && value <= high
}

// maxSpaces is the number of spaces that ctime puts before a day of one digit.
const maxSpaces = 2

// spaces returns the end of at most maxSpaces spaces from i on.
func spaces(s string, i int) int {
	e := i
	for e < len(s) && e < i+maxSpaces && s[e] == ' ' {
		e++
	}
	return e
}

// Names of days and months in the C locale, and of zones.
var (
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	zoneNames  = [...]string{"UTC", "UT", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "EET", "EEST", "WET", "WEST", "MSK", "IST", "JST", "KST", "BST", "AEST", "AEDT"}
)

// unabbreviated is the argument of [name] that takes no abbreviation.
const unabbreviated = 0

// name returns the end of one of the names, or of its first short letters, from i
// on where no letter follows, or noMatch.
func name(s string, i int, names []string, short int) int {
	i = min(i, len(s))
	e := skip(s, i, classLower|classUpper)
	word := s[i:e]
	if len(word) < 2 {
		return noMatch
	}
	for _, n := range names {
		if word == n || len(word) == short && strings.HasPrefix(n, word) {
			return e
		}
	}
	return noMatch
}
