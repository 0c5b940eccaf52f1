package rules

import "strings"

// Trace is the stack trace of one exception: what rules look at, and what they
// made of it.
type Trace struct {
	Type, Value, Mechanism string  // of the exception; "" unknown
	Frames                 []Frame // oldest caller first, crashing frame last
}

// Frame is one call. Its first fields say what the caller knows of it; empty
// texts are unknown, and no pattern matches them.
type Frame struct {
	Family   Family
	Function string // see [TrimFunction]
	Module   string
	Path     string // see [PathOf]
	Package  string // see [PathOf]

	InApp    bool    // what is believed before rules run, then what they settled
	Category string  // set by rules alone
	Group    Verdict // what rules said last of whether the frame counts
}

// Verdict is what rules say of whether a frame counts.
type Verdict uint8

// The verdicts. The zero value is Silent.
const (
	Silent Verdict = iota // no rule spoke
	In                    // +group
	Out                   // -group
)

// Family is the kind of platform that rules are written for.
type Family uint8

// The families.
const (
	Other Family = iota
	Native
	JavaScript
)

// FamilyOf returns the family of a platform.
func FamilyOf(platform string) Family {
	switch platform {
	case "objc", "cocoa", "swift", "native", "c":
		return Native
	case "javascript", "node":
		return JavaScript
	}
	return Other
}

// PathOf returns a path or package as rules see it: in lower case, with slashes.
// The path of a frame is its absolute one, or the file's name where it has none.
func PathOf(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, `\`, "/"))
}

// SplitType takes the type of an exception that has none out of a value such as
// "KeyError: 'name'". Without one there it returns "" and the whole value.
func SplitType(value string) (kind, rest string) {
	i := strings.IndexByte(value, ':')
	if i <= 0 || strings.ContainsAny(value, "\r\n") {
		return "", value
	}
	for j := 0; j < i; j++ {
		if b := value[j]; b != '_' && (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') {
			return "", value
		}
	}
	return value[:i], strings.TrimSpace(value[i+1:])
}
