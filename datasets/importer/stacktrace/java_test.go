package stacktrace

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"whorl/features"
)

func TestJavaFrame(t *testing.T) {
	tests := []struct {
		text string
		want features.Frame // of nothing: not a frame
	}{
		{"shop.Cart.add(Cart.java:41)", features.Frame{Module: "shop.Cart", Function: "add", Filename: "Cart.java", Line: 41}},
		{"shop.Cart.<init>(Cart.java)", features.Frame{Module: "shop.Cart", Function: "<init>", Filename: "Cart.java"}},
		{"app//shop.core@1.2/shop.Cart.add(Cart.java:1)", features.Frame{Module: "shop.Cart", Function: "add", Filename: "Cart.java", Line: 1}},
		{"java.base/java.lang.Thread.run(Native Method)", features.Frame{Module: "java.lang.Thread", Function: "run"}},
		{"a.B$$Lambda$14/1673859467.run(Unknown Source)", features.Frame{Module: "a.B$$Lambda$14", Function: "run"}},
		{"m/a.B$$Lambda/0x00c0.run(Unknown Source)", features.Frame{Module: "a.B$$Lambda", Function: "run"}},
		{"a.B.c(Unknown Source:12)", features.Frame{Module: "a.B", Function: "c", Line: 12}},
		{"a.B.c(:5)", features.Frame{Module: "a.B", Function: "c", Line: 5}},
		{"a.B.c(D.java:1) ~[d.jar:1.0 (build 3)]", features.Frame{Module: "a.B", Function: "c", Filename: "D.java", Line: 1}},
		{"a.B.adds an item(B.kt:3)", features.Frame{Module: "a.B", Function: "adds an item", Filename: "B.kt", Line: 3}},
		{"A.f (a.kt:3)", features.Frame{}},           // V8
		{"A.f (a.kt:3:9)", features.Frame{}},         // V8
		{"A.F(Item item)", features.Frame{}},         // .NET
		{"A.F()", features.Frame{}},                  // .NET
		{"line 3 (near x)", features.Frame{}},        // prose
		{"a.B.c(D.java:1", features.Frame{}},         // cut
		{"a.B.", features.Frame{}},                   // cut
		{"a b.C.d(D.java:1)", features.Frame{}},      // no class has a space
		{"(D.java:1)", features.Frame{}},             // no name
		{".d(D.java:1)", features.Frame{}},           // no class
		{"a.B.(D.java:1)", features.Frame{}},         // no method
		{"http://a.b/c(D.java:1)", features.Frame{}}, // an address
	}
	for _, tt := range tests {
		got, ok := javaFrame(tt.text)
		if !ok {
			got = features.Frame{}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("javaFrame(%q): -want +got\n%s", tt.text, diff)
		}
	}
}

func TestJavaHead(t *testing.T) {
	tests := []struct{ text, typ, value string }{
		{"java.lang.Error", "java.lang.Error", ""},
		{"java.lang.Error:", "java.lang.Error", ""},
		{"java.lang.Error: a: b", "java.lang.Error", "a: b"},
		{`Exception in thread "a: b" java.lang.Error: x`, "java.lang.Error", "x"},
		{"10:00 ERROR [main] shop.Job: failed: shop.JobException: x", "shop.JobException", "x"},
		{"a.AException: b.BException: x", "a.AException", "b.BException: x"},
		{"shop.Cart$Gone: x", "shop.Cart$Gone", "x"},
		{"java.lang.Thread.State: RUNNABLE", "", ""},
		{"nothing here: really", "", ""},
	}
	for _, tt := range tests {
		if x, _ := javaHead(tt.text); x.Type != tt.typ || x.Value != tt.value {
			t.Errorf("javaHead(%q) = %q, %q", tt.text, x.Type, x.Value)
		}
	}
}

func TestJavaLogged(t *testing.T) {
	tests := []struct{ line, want string }{
		{"03-01 10:00:00.123  4211  4230 E AndroidRuntime: \tat a.B.c(D.java:1)", "\tat a.B.c(D.java:1)"},
		{"03-01 10:00:00.123  4211  4230 E MyTag   : x: y", "x: y"},
		{"03-01 10:00:00.123  4211  4230 E MyTag   :", ""},
		{"E/AndroidRuntime( 4211): x", "x"},
		{"E/My Tag(4211): x", "x"},
		{"E AndroidRuntime: x", "x"},
		{"E Something: x", "E Something: x"},
		{"E/Something: x", "E/Something: x"},
		{"03-01 10:00", "03-01 10:00"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := javaLogged(tt.line); got != tt.want {
			t.Errorf("javaLogged(%q) = %q", tt.line, got)
		}
	}
}
