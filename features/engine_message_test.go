package features

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEngineWordings lists what engines say about one fault. Each row gives one
// fault, and one subject where the engine names any. The wordings are those of
// V8 (old and new), SpiderMonkey, JavaScriptCore, Hermes and QuickJS.
func TestEngineWordings(t *testing.T) {
	for _, c := range []struct {
		kind     fault
		subject  string
		messages []string
		unnamed  []string // the same fault, worded without the name
	}{
		{
			faultNullAccess, "children",
			[]string{
				"Cannot read properties of undefined (reading 'children')",
				"Cannot read property 'children' of undefined",
				`can't access property "children", parent is undefined`,
				`can't access property "children" of undefined`,
				"undefined is not an object (evaluating 'parent.children')",
				"undefined is not an object (evaluating '(t=this.cbs).children')",
				"undefined is not an object (evaluating '(cbs = this.cbs).children')",
				"undefined is not an object (evaluating '(void 0).children')",
				"null is not an object (evaluating 'document.querySelector(\"#a b\").children')",
				"null is not an object (evaluating 'find('a').children')",
				"undefined is not an object (evaluating '(await get(\"/series/\"+_)).children')",
				"cannot read property 'children' of undefined",
				"cannot read property 'children' of null",
			},
			[]string{"undefined is not an object", "Cannot read properties of undefined"},
		},
		{
			faultNullAccess, "_origin",
			[]string{
				"Cannot set properties of null (setting '_origin')",
				"Cannot set property '_origin' of null",
				`can't access property "_origin", r is null`,
				"null is not an object (evaluating 'r._origin=o')",
				"null is not an object (evaluating 'list._origin = newOrigin')",
				"null is not an object (evaluating 'list._origin = a === b')",
				"cannot set property '_origin' of null",
			},
			nil,
		},
		{
			faultNullAccess, "1",
			[]string{
				"Cannot read properties of undefined (reading '1')",
				"can't access property 1, this._list.get(...) is undefined",
				"undefined is not an object (evaluating 'this._list.get(index)[1]')",
			},
			nil,
		},
		{
			faultNotFunction, "onReady",
			[]string{
				"callbacks.onReady is not a function",
				"(intermediate value).onReady is not a function",
				"{}.onReady is not a function",
				"({}).onReady is not a function. (In '({}).onReady()', '({}).onReady' is undefined)",
				"callbacks.onReady is not a function. (In 'callbacks.onReady(a)', 'callbacks.onReady' is undefined)",
				"undefined is not a function (near '...callbacks.onReady(\")\")...')",
				"undefined is not a function (evaluating 'callbacks.onReady(a, b.c)')",
				"this.onReady(...) is not a function",
			},
			[]string{"not a function", "undefined is not a function", "null is not a function"},
		},
		{
			faultNotConstructor, "Parser",
			[]string{
				"Parser is not a constructor",
				"lib.Parser is not a constructor",
				"undefined is not a constructor (evaluating 'new Parser(text)')",
				"undefined is not a constructor (evaluating 'new lib.Parser()')",
			},
			[]string{"undefined is not a constructor", "not a constructor"},
		},
		{
			faultNotIterable, "rows",
			[]string{"rows is not iterable", "data.rows is not iterable", "data.rows is not iterable (cannot read property Symbol(Symbol.iterator))"},
			[]string{
				"undefined is not iterable (cannot read property Symbol(Symbol.iterator))",
				"object null is not iterable (cannot read property Symbol(Symbol.iterator))",
				"undefined is not iterable", "value is not iterable",
				"Spread syntax requires ...iterable[Symbol.iterator] to be a function",
			},
		},
		{
			faultNotDefined, "featureFlags",
			[]string{
				"featureFlags is not defined",
				"'featureFlags' is not defined",
				"Can't find variable: featureFlags",
				"Property 'featureFlags' doesn't exist",
				"Cannot access 'featureFlags' before initialization",
				"can't access lexical declaration 'featureFlags' before initialization",
			},
			[]string{"Cannot access uninitialized variable."},
		},
		{faultRecursion, "", nil, []string{"Maximum call stack size exceeded", "Maximum call stack size exceeded.", "too much recursion", "Maximum call stack size exceeded (native stack depth)", "stack overflow"}},
		{faultReadOnly, "", nil, []string{
			"Assignment to constant variable.", "invalid assignment to const 'x'", "Attempted to assign to readonly property.",
			"Cannot assign to read only property 'x' of object '#<Object>'", `"x" is read-only`, "'x' is read-only",
		}},
		{faultClassCall, "", nil, []string{
			"Class constructor Store cannot be invoked without 'new'", "class constructors must be invoked with 'new'", "Cannot call a class constructor Store without |new|",
		}},
		{faultJSON, "", nil, []string{
			`Unexpected token '<', "<!DOCTYPE "... is not valid JSON`, "Unexpected token < in JSON at position 0", "JSON.parse: unexpected character at line 1 column 1 of the JSON data",
			"JSON Parse error: Unrecognized token '<'", "JSON Parse error: Unexpected token: <", "Unexpected end of JSON input", "JSON Parse error: Unexpected EOF",
		}},
		{faultCircular, "", nil, []string{"Converting circular structure to JSON", "cyclic object value", "JSON.stringify cannot serialize cyclic structures."}},
		{faultArrayLength, "", nil, []string{"Invalid array length", "invalid array length", "Array size is not a small enough positive integer."}},
		{faultNetwork, "", nil, []string{"Failed to fetch", "NetworkError when attempting to fetch resource.", "Load failed", "fetch failed", "Network request failed"}},
		{faultInOperator, "token", []string{
			"Cannot use 'in' operator to search for 'token' in abc", "cannot use 'in' operator to search for 'token' in 'abc'",
			`state is not an Object. (evaluating '"token" in state')`,
		}, []string{"right-hand side of 'in' should be an object, got string", "invalid 'in' operand"}},
		{faultChunkLoad, "", nil, []string{
			"Loading chunk 138 failed.", "Loading CSS chunk 4 failed.", "Failed to fetch dynamically imported module: https://a.example/x.js",
			"error loading dynamically imported module: https://a.example/x.js", "Importing a module script failed.",
		}},
		{faultNone, "", nil, []string{"", "Expected value to be defined", "Access denied for bob", "HTTP 503"}},
	} {
		for _, m := range c.messages {
			if kind, subject := engineMessage(m, strings.ToLower(m)); kind != c.kind || subject != c.subject {
				t.Errorf("%q: fault %d about %q, want %d about %q", m, kind, subject, c.kind, c.subject)
			}
		}
		for _, m := range c.unnamed {
			if kind, subject := engineMessage(m, strings.ToLower(m)); kind != c.kind || subject != "" {
				t.Errorf("%q: fault %d about %q, want %d about nothing", m, kind, subject, c.kind)
			}
		}
	}
}

func TestExpressionName(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"a":                         "a",
		"a.b.c":                     "c",
		"a.b()":                     "b",
		"a.b(c, d)":                 "b",
		`a.b(")")`:                  "b",
		"a.b('(')":                  "b",
		"a[0].b":                    "b",
		"e[t.type]":                 "type",
		"a.b = c.d":                 "b",
		"a.b=c.d":                   "b",
		"a.b += c":                  "b",
		"(a = b).c":                 "c",
		"(a = b.c)":                 "c",
		"f(x).y":                    "y",
		"f(x)(y)":                   "f",
		"x => y":                    "y",
		"a == b":                    "b",
		"a !== b":                   "b",
		"a <= b":                    "b",
		"new Parser(a)":             "Parser",
		"$el_1":                     "$el_1",
		")))":                       "",
		"((((":                      "",
		`"unclosed = (`:             "unclosed",
		"this.données.größe":        "größe",
		"(intermediate value).open": "open",
	} {
		if got := expressionName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestEngineMessageOnAnyText checks that a subject is a name from the message.
func TestEngineMessageOnAnyText(t *testing.T) {
	pieces := []string{
		"undefined is not an object (evaluating '", "(near '...", "...')", "')", "(reading '", " is not a function", "can't access property ", "Property '",
		"Can't find variable: ", " is not iterable", "is not an object. (evaluating '", " in ", "(", ")", "[", "]", "=", " = ", "'", `"`, "a.b", "x", " ", "ж", "\xff",
	}
	rapid.Check(t, func(t *rapid.T) {
		m := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
		kind, subject := engineMessage(m, strings.ToLower(m))
		if !strings.Contains(m, subject) {
			t.Fatalf("%q is about %q, which it does not say", m, subject)
		}
		if strings.TrimFunc(subject, func(r rune) bool { return r >= 0x80 || nameByte(byte(r)) }) != "" {
			t.Fatalf("%q is about %q, which is no name", m, subject)
		}
		if kind == faultNone && subject != "" {
			t.Fatalf("%q has no fault, but is about %q", m, subject)
		}
	})
}
