package features

// Classes of ASCII bytes, as the matchers of messages need them.
const (
	classDigit = 1 << iota
	classLower
	classUpper
	classHexLower // a-f
	classHexUpper // A-F
	classUnder
	classSpace
	classLocal // the local part of an email address, HTML's grammar

	classAlnum = classDigit | classLower | classUpper
	classWord  = classAlnum | classUnder
	classHex   = classDigit | classHexLower | classHexUpper
)

var byteClass = func() (t [256]byte) {
	for class, set := range map[byte]string{
		classDigit: "0-9", classLower: "a-z", classUpper: "A-Z", classHexLower: "a-f", classHexUpper: "A-F",
		classUnder: "_", classSpace: "\t-\r ", classLocal: setLocal,
	} {
		for b := range 256 {
			if inByteSet(set, byte(b)) {
				t[b] |= class
			}
		}
	}
	return t
}()

// skip returns the end of the bytes from i on that are of any of the classes.
func skip(s string, i int, classes byte) int {
	for i < len(s) && byteClass[s[i]]&classes != 0 {
		i++
	}
	return i
}

// digits returns the end of the decimal digits from i on.
func digits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// classesOf returns the union of the classes of s.
func classesOf(s string) (classes byte) {
	for i := range len(s) {
		classes |= byteClass[s[i]]
	}
	return classes
}

// wordAt reports whether a letter, digit or underscore stands at i.
func wordAt(s string, i int, mode MessageMode) bool {
	return byteClass[byteAt(s, i, mode)]&classWord != 0
}
