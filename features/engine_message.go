package features

import "strings"

// JavaScript engines word the same fault differently: V8's "Cannot read
// properties of undefined (reading 'x')" is SpiderMonkey's "can't access
// property "x", y is undefined" and JavaScriptCore's "undefined is not an
// object (evaluating 'y.x')". engineMessage tells the fault behind the words.

// fault is what a JavaScript engine complained about.
type fault uint8

const (
	faultNone fault = iota
	faultNullAccess
	faultNotFunction
	faultNotIterable
	faultNotDefined
	faultNotConstructor
	faultRecursion
	faultJSON
	faultReadOnly
	faultBigInt
	faultSymbol
	faultNetwork
	faultArrayLength
	faultDate
	faultDigits
	faultURI
	faultRegexp
	faultCircular
	faultDestructure
	faultInOperator
	faultRepeat
	faultProxy
	faultRedefine
	faultClassCall
	faultReduce
	faultChunkLoad
	faultTimeout
	faultConnection
	faultExtensible
)

// faultWording maps a part of a lower-cased message to its fault. The first
// entry that occurs wins, so the narrow ones come first.
var faultWording = []struct {
	part string
	kind fault
}{
	{"loading chunk", faultChunkLoad},
	{"loading css chunk", faultChunkLoad},
	{"dynamically imported module", faultChunkLoad},
	{"importing a module script failed", faultChunkLoad},
	{"cannot destructure", faultDestructure},
	{"right side of assignment cannot be destructured", faultDestructure},
	{"is not iterable", faultNotIterable}, // V8 may add "(cannot read property Symbol(Symbol.iterator))"
	{"spread syntax requires", faultNotIterable},
	{"object is not async iterable", faultNotIterable},
	{"cannot read propert", faultNullAccess},
	{"cannot set propert", faultNullAccess},
	{"can't access property", faultNullAccess},
	{"can't assign to property", faultNullAccess},
	{"undefined is not an object", faultNullAccess},
	{"null is not an object", faultNullAccess},
	{"cannot access property", faultNullAccess},
	{"cannot use 'in' operator", faultInOperator},
	{"right-hand side of 'in'", faultInOperator},
	{"invalid 'in' operand", faultInOperator},
	{"is not an object. (evaluating '", faultInOperator},
	{"class constructor", faultClassCall},
	{"cannot call a class constructor", faultClassCall},
	{"must be called with new", faultClassCall},
	{"not a constructor", faultNotConstructor},
	{"is not a function", faultNotFunction},
	{"not a function", faultNotFunction},
	{"can't find variable", faultNotDefined},
	{"doesn't exist", faultNotDefined},
	{"before initialization", faultNotDefined},
	{"cannot access uninitialized variable", faultNotDefined},
	{"is not defined", faultNotDefined},
	{"maximum call stack", faultRecursion},
	{"too much recursion", faultRecursion},
	{"stack overflow", faultRecursion},
	{"circular structure", faultCircular},
	{"cyclic object", faultCircular},
	{"cyclic structure", faultCircular},
	{"json", faultJSON},
	{"unexpected token", faultJSON},
	{"unexpected end of", faultJSON},
	{"readonly property", faultReadOnly},
	{"read-only", faultReadOnly},
	{"read only property", faultReadOnly},
	{"assignment to constant", faultReadOnly},
	{"invalid assignment to const", faultReadOnly},
	{"not extensible", faultExtensible},
	{"non-extensible", faultExtensible},
	{"cannot redefine", faultRedefine},
	{"can't redefine", faultRedefine},
	{"attempting to change value", faultRedefine},
	{"attempting to change configurable", faultRedefine},
	{"bigint", faultBigInt},
	{"a symbol", faultSymbol},
	{"symbol to", faultSymbol},
	{"revoked", faultProxy},
	{"failed to fetch", faultNetwork},
	{"fetch failed", faultNetwork},
	{"load failed", faultNetwork},
	{"networkerror", faultNetwork},
	{"network request failed", faultNetwork},
	{"array length", faultArrayLength},
	{"array size", faultArrayLength},
	{"time value", faultDate},
	{"invalid date", faultDate},
	{"date value", faultDate},
	{"digits", faultDigits},
	{"tofixed", faultDigits},
	{"precision", faultDigits},
	{"uri malformed", faultURI},
	{"malformed uri", faultURI},
	{"uri error", faultURI},
	{"regular expression", faultRegexp},
	{"regexp", faultRegexp},
	{"count value", faultRepeat},
	{"repeat count", faultRepeat},
	{"reduce of empty", faultReduce},
	{"timeout", faultTimeout},
	{"timed out", faultTimeout},
	{"econnrefused", faultConnection},
	{"econnreset", faultConnection},
	{"socket hang up", faultConnection},
	{"connection refused", faultConnection},
	{"connection reset", faultConnection},
}

// engineMessage returns the fault that a message words and the property,
// variable or function it is about, "" when the engine did not say. low is the
// lower-cased message.
func engineMessage(message, low string) (fault, string) {
	kind := faultNone
	for i := range faultWording {
		if strings.Contains(low, faultWording[i].part) {
			kind = faultWording[i].kind
			break
		}
	}
	switch kind {
	case faultNullAccess, faultDestructure, faultInOperator:
		for _, mark := range [...]string{"(reading '", "(setting '", "property '", `property "`, "property `", "search for '"} {
			if i := strings.Index(message, mark); i >= 0 {
				return kind, lastIdentifier(quoted(message[i+len(mark):]))
			}
		}
		if code := evaluated(message); code != "" {
			if kind == faultInOperator {
				code, _, _ = strings.Cut(code, " in ")
			}
			return kind, expressionName(code)
		}
		if _, rest, ok := strings.Cut(message, "access property "); ok { // SpiderMonkey: "can't access property 0, p is undefined"
			index, _, _ := strings.Cut(rest, ",")
			return kind, lastIdentifier(index)
		}
	case faultNotFunction, faultNotIterable, faultNotConstructor, faultNotDefined:
		if i := strings.Index(message, "variable: "); i >= 0 {
			return kind, lastIdentifier(message[i+len("variable: "):])
		}
		for _, mark := range [...]string{" is not ", " before "} {
			if i := strings.Index(message, mark); i > 0 {
				switch name := expressionName(message[:i]); name {
				case "undefined", "null", "object", "value", "function", "true", "false":
					return kind, expressionName(evaluated(message)) // the value, not what held it
				default:
					return kind, name
				}
			}
		}
		if i := strings.Index(message, "Property '"); i >= 0 {
			return kind, lastIdentifier(quoted(message[i+len("Property '"):]))
		}
	}
	return kind, ""
}

// quoted returns s up to the next quote.
func quoted(s string) string {
	if i := strings.IndexAny(s, "'\"`"); i >= 0 {
		return s[:i]
	}
	return s
}

// evaluated returns the source text that JavaScriptCore adds to a message, as
// in "(evaluating 'a.b')" and "(near '...a.b(c)...')", or "". The text near a
// fault counts only where it ends in the call that failed.
func evaluated(message string) string {
	if _, code, ok := strings.Cut(message, "(evaluating '"); ok {
		code, _, _ = cutLast(code, "')")
		return code
	}
	if _, code, ok := strings.Cut(message, "(near '..."); ok {
		if code, _, ok = cutLast(code, "...')"); ok && strings.HasSuffix(code, ")") {
			return code
		}
	}
	return ""
}

// cutLast is [strings.Cut] around the last mark.
func cutLast(s, mark string) (before, after string, found bool) {
	if i := strings.LastIndex(s, mark); i >= 0 {
		return s[:i], s[i+len(mark):], true
	}
	return s, "", false
}

// expressionName returns the last name of an expression such as "a.b[0].c(d)",
// which is c: before an assignment and before the arguments of a final call.
func expressionName(s string) string {
	var quote byte
	depth, open, end := 0, 0, len(s)
scan:
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[':
			if depth == 0 {
				open = i
			}
			depth++
		case c == ')' || c == ']':
			depth--
		case c == '=' && depth == 0 && i > 0:
			if i+1 < len(s) && (s[i+1] == '=' || s[i+1] == '>') || strings.IndexByte("=!<>", s[i-1]) >= 0 {
				continue
			}
			end = i
			break scan
		}
	}
	if s = s[:end]; open > 0 && strings.HasSuffix(s, ")") {
		return expressionName(s[:open])
	}
	return lastIdentifier(s)
}

// lastIdentifier returns the last name in s.
func lastIdentifier(s string) string {
	end := len(s)
	for end > 0 && !nameByte(s[end-1]) {
		end--
	}
	start := end
	for start > 0 && nameByte(s[start-1]) {
		start--
	}
	return s[start:end]
}

func nameByte(c byte) bool { return isAlnum(c) || c == '_' || c == '$' }
