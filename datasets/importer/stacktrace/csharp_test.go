package stacktrace

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"whorl/features"
)

func TestCSharpFrame(t *testing.T) {
	add := features.Frame{Module: "Shop.Cart", Function: "Add", Filename: `C:\src\Cart.cs`, Line: 12}
	tests := []struct {
		line string
		want features.Frame // of nothing: not a frame
	}{
		{`   at Shop.Cart.Add(Item item, Int32 n) in C:\src\Cart.cs:line 12`, add},
		{`   bei Shop.Cart.Add(Item item) in C:\src\Cart.cs:Zeile 12.`, add},
		{`   à Shop.Cart.Add(Item item) dans C:\src\Cart.cs:ligne 12`, add},
		{`   en Shop.Cart.Add(Item item) en C:\src\Cart.cs:línea 12`, add},
		{`   em Shop.Cart.Add(Item item) na C:\src\Cart.cs:linha 12`, add},
		{`   in Shop.Cart.Add(Item item) in C:\src\Cart.cs:riga 12`, add},
		{`   w Shop.Cart.Add(Item item) w C:\src\Cart.cs:wiersz 12`, add},
		{`   в Shop.Cart.Add(Item item) в C:\src\Cart.cs:строка 12`, add},
		{`   在 Shop.Cart.Add(Item item) 位置 C:\src\Cart.cs:行号 12`, add},
		{`   場所 Shop.Cart.Add(Item item) 場所 C:\src\Cart.cs:行 12`, add},
		{`   위치: Shop.Cart.Add(Item item) 파일 C:\src\Cart.cs:줄 12`, add},
		{`   konum: Shop.Cart.Add(Item item) C:\src\Cart.cs içinde: satır 12`, add},
		{`at Shop.Cart.Add(Item item) in C:\src\Cart.cs:line 12`, add},
		{`  at Shop.Cart.Add (Shop.Item item) [0x00012] in C:\src\Cart.cs:12 `, add},
		{`Shop.Cart.Add (Shop.Item item) (at C:\src\Cart.cs:12)`, add},
		{`Shop.Cart:Add(Item) (at C:\src\Cart.cs:12)`, add},
		{`   at async Task<Item, int> Shop.Cart.Add(Item item) in C:\src\Cart.cs:line 12`, add},
		{"   at Shop.Cart..ctor()", features.Frame{Module: "Shop.Cart", Function: ".ctor"}},
		{"   at Shop.Cart.<AddAsync>d__3.MoveNext()", features.Frame{Module: "Shop.Cart.<AddAsync>d__3", Function: "MoveNext"}},
		{"   at Shop.List`1[T].Add(T item)<---", features.Frame{Module: "Shop.List`1[T]", Function: "Add"}},
		{"   at lambda_method(Closure , Object )", features.Frame{Function: "lambda_method"}},
		{"  at (wrapper managed-to-native) Shop.Cart.Add(object,object[])", features.Frame{Module: "Shop.Cart", Function: "Add"}},
		{"  at Shop.Cart.Add () [0x00000] in <3f2a>:0 ", features.Frame{Module: "Shop.Cart", Function: "Add"}},
		{"\tat shop.Cart.add(Cart.java:41)", features.Frame{}},  // Java
		{"\tat shop.Cart.add(Native Method)", features.Frame{}}, // Java
		{"\tat shop.Cart.add(Cart.java)", features.Frame{}},     // Java
		{"    at Cart.add (/srv/a.js:3:9)", features.Frame{}},   // V8
		{"    at Array.map (<anonymous>)", features.Frame{}},    // V8
		{"in Foo.Bar(x)", features.Frame{}},                     // prose
		{"   at Shop.Cart.Add(Item", features.Frame{}},          // cut
		{"   at Add(Item item)", features.Frame{}},              // no class
		{"   at .ctor()", features.Frame{}},                     // no class
		{"see A.B (x) (at noon)", features.Frame{}},             // prose
		{"x y.Z (a) (at b.cs:3)", features.Frame{}},             // prose
	}
	for _, tt := range tests {
		got, ok := csharpFrame(tt.line)
		if !ok {
			got = features.Frame{}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("csharpFrame(%q): -want +got\n%s", tt.line, diff)
		}
	}
}

func TestCSharpFirst(t *testing.T) {
	tests := []struct{ text, typ, value string }{
		{"System.Exception", "System.Exception", ""},
		{"System.Exception: a: b", "System.Exception", "a: b"},
		{"Unhandled exception. System.Exception: x", "System.Exception", "x"},
		{"Unbehandelte Ausnahme: System.Exception: x", "System.Exception", "x"},
		{"[ERROR] FATAL UNHANDLED EXCEPTION: System.Exception: x", "System.Exception", "x"},
		{"System.Net.Sockets.SocketException (10061): refused", "System.Net.Sockets.SocketException", "refused"},
		{"Shop.Fault`1[System.String]: x", "Shop.Fault`1[System.String]", "x"},
		{"Shop.Outer+InnerException: x", "Shop.Outer+InnerException", "x"},
		{"System.Exception ---> System.IO.IOException: y", "System.Exception", " ---> System.IO.IOException: y"},
		{"Unhandled Exception:", "", ""},
		{"nothing here: really", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		if typ, value := csharpFirst(tt.text); typ != tt.typ || value != tt.value {
			t.Errorf("csharpFirst(%q) = %q, %q", tt.text, typ, value)
		}
	}
}

func TestCSharpCutInner(t *testing.T) {
	tests := []struct{ text, message, inner string }{
		{"a ---> System.Exception: b", "a", "System.Exception: b"},
		{"a ---> b ---> System.Exception: c", "a ---> b", "System.Exception: c"},
		{" ---> System.Exception: c", "", "System.Exception: c"},
		{"a ---> b", "a ---> b", ""},
		{"a ---> ", "a ---> ", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		if message, inner := csharpCutInner(tt.text); message != tt.message || inner != tt.inner {
			t.Errorf("csharpCutInner(%q) = %q, %q", tt.text, message, inner)
		}
	}
}
