package stacktrace

import (
	"testing"

	"whorl/features"
)

func TestNativeOdd(t *testing.T) {
	f := features.Frame{Function: "f", Filename: "a.c", Line: 3}
	g := features.Frame{Function: "g", Filename: "b.c", Line: 4}
	one := func(typ, value string, frames ...features.Frame) []features.Exception {
		return []features.Exception{{Type: typ, Value: value, Frames: frames}}
	}
	testOdd(t, Native, []odd{
		{"values with parentheses", "#0  f (s=\"a) b (\", n=3) at a.c:3\n", one("", "", f)},
		{"a thread of many", "Thread 2 \"pool\" received signal SIGABRT, Aborted.\n#0  f () at a.c:3\n", one("SIGABRT", "Aborted", f)},
		{"Valgrind's second stack", "==1== Invalid read of size 4\n==1==    at 0x1: f (a.c:3)\n==1==    by 0x2: g (b.c:4)\n==1==  Address 0x5 is free'd\n==1==    at 0x3: free (c.c:5)\n", one("Valgrind", "Invalid read of size 4", g, f)},
		{"no address", "WARNING: ThreadSanitizer: data race (pid=1)\n    #0 f a.c:3 (x+0x1)\n    #1 <null> <null> (libx.so+0x2)\n", one("ThreadSanitizer: data race", "", features.Frame{Filename: "libx.so"}, f)},
		{"a build's number", "    #0 0x1 in f (/bin/x+0x1) (BuildId: 12ab)\n", one("", "", features.Frame{Function: "f", Filename: "/bin/x"})},
		{"a place that is not known", "    #0 0x1 in f ??:0\n", one("", "", features.Frame{Function: "f"})},
		{"an inlined function", "frame #0: 0x1 x`[inlined] f at a.c:3 [opt]\n", one("", "", f)},
		{"words of a C++ exception", "terminate called after throwing an instance of 'E'\n  what():  a\nb\nAborted\n./x(f+0x1) [0x1]\n", one("E", "a\nb", features.Frame{Function: "f", Filename: "./x"})},
		{"no exception of C++", "terminate called without an active exception\n./x(f+0x1) [0x1]\n", one("", "terminate called without an active exception", features.Frame{Function: "f", Filename: "./x"})},
		{"an empty symbol", "./x() [0x1]\n", one("", "", features.Frame{Filename: "./x"})},
		{"undefined behaviour, then a crash", "a.c:3:1: runtime error: load of null pointer\n==1==ERROR: AddressSanitizer: SEGV on unknown address 0x0 (pc 0x1)\n    #0 0x1 in f a.c:3\n", one("AddressSanitizer: SEGV", "on unknown address 0x0 (pc 0x1)", f)},
		{"the kernel's log of a module", "BUG: x\nCall Trace:\n f+0x1/0x2 [m 0123ab]\n", one("BUG", "x", features.Frame{Function: "f", Module: "m"})},
		{"RIP of a program", "RIP: 0033:0x7f01\n", nil},
	})
}

func TestSanitizerKind(t *testing.T) {
	for _, tt := range [][3]string{
		{"heap-use-after-free on address 0x1 at pc 0x2", "heap-use-after-free", "on address 0x1 at pc 0x2"},
		{"data race (pid=12)", "data race", ""},
		{"lock-order-inversion (potential deadlock) (pid=12)", "lock-order-inversion", "(potential deadlock)"},
		{"detected memory leaks", "detected memory leaks", ""},
		{"CHECK failed: x.cpp:3", "CHECK failed", "x.cpp:3"},
		{"", "", ""},
	} {
		if kind, value := sanitizerKind(tt[0]); kind != tt[1] || value != tt[2] {
			t.Errorf("sanitizerKind(%q) = %q, %q", tt[0], kind, value)
		}
	}
}
