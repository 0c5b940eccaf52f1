package rules

import (
	"testing"
	"unicode/utf8"
)

func TestTrimFunction(t *testing.T) {
	for _, c := range []struct{ platform, in, want string }{
		{"native", "", ""},
		{"native", "main", "main"},
		{"native", "void ns::Box<std::vector<int> >::put(int&, char const*) const", "ns::Box<T>::put"},
		{"native", "ns::Box<int>::get() const&", "ns::Box<T>::get"},
		{"native", "bool operator<(A const&, B const&)", "operator<"},
		{"native", "bool ns::operator>>(A&, B&)", "ns::operator>>"},
		{"native", "void ns::F::operator()(int) const", "ns::F::operator()"},
		{"native", "ns::p<T>::operator->() const", "ns::p<T>::operator->"},
		{"native", "run(int)::{lambda(int)#2}::operator()(int) const", "run::lambda::operator()"},
		{"native", "run()::$_3::operator()", "run::lambda::operator()"},
		{"native", "(anonymous namespace)::start()", "(anonymous namespace)::start"},
		{"native", "?A0x0123abcd::start", "`anonymous namespace'::start"},
		{"native", "<ns::A<u8> as ns::Run>::run", "ns::A<T>::run"},
		{"native", "<T as ns::Run>::run", "ns::Run::run"},
		{"native", "ns::run::h0123456789abcdef", "ns::run"},
		{"native", "ns::run::{{closure}}", "ns::run::{{closure}}"},
		{"native", "fread@@GLIBC_2.2.5", "fread"},
		{"native", "fread@GLIBC_2.2.5", "fread"},
		{"native", "_callback@12", "_callback"},
		{"native", "work(int) [clone .isra.0]", "work"},
		{"native", "-[NSView setFrame:]", "-[NSView setFrame:]"},
		{"native", "<unknown>", "<unknown>"},
		{"cocoa", "thunk for @callee_guaranteed (Swift.Int) -> ()", "thunk for closure"},
		{"cocoa", "@objc @callee_guaranteed () -> ()", "closure"},
		{"cocoa", "closure #1 (A) in App.load(_: B)", "App.load"},
		{"cocoa", "Swift.load(Swift.Int) -> Swift.String", "Swift.load"},
		{"csharp", "A.B.Load (System.String s)", "A.B.Load"},
		{"csharp", "A.B.Load(string)", "A.B.Load(string)"},
		{"java", "f(int)", "f(int)"},
	} {
		if got := TrimFunction(c.platform, c.in); got != c.want {
			t.Errorf("%s %q is %q, want %q", c.platform, c.in, got, c.want)
		}
	}
}

func FuzzTrimFunction(f *testing.F) {
	f.Add("void ns::Box<std::vector<int> >::put(int&) const")
	f.Add("operator<< <>(((")
	f.Add("<<<as >>> -> @x in")
	f.Add("{lambda()#1}::$_0 [clone .x]")
	f.Fuzz(func(t *testing.T, s string) {
		got := TrimFunction("native", s)
		if s != "" && utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q became invalid text %q", s, got)
		}
		if again := TrimFunction("native", s); again != got {
			t.Errorf("%q is %q, then %q", s, got, again)
		}
	})
}
