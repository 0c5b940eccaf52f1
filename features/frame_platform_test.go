package features

import "testing"

// TestOneFrameManySpellings lists frames of one function as tools and versions
// spell them: each row has one owner and one function.
func TestOneFrameManySpellings(t *testing.T) {
	for _, row := range []struct {
		platform        Platform
		owner, function string
		frames          []Frame
	}{
		{Python, "shop/cart", "add", []Frame{
			{Module: "shop.cart", Function: "add", Filename: "shop/cart.py"}, {Filename: "shop/cart.py", Function: "Cart.add"},
			{Module: "shop.cart", Function: "Cart.load.<locals>.add"}, {Module: "__main__", Filename: "shop/cart.py", Function: "add"},
		}},
		{Python, "shop", "run", []Frame{{Module: "shop.__init__", Function: "run"}, {Module: "shop", Function: "run"}}},
		{Python, "shop/cart", "", []Frame{{Module: "shop.cart", Function: "<module>"}, {Module: "shop.cart", Function: "<lambda>"}, {Module: "shop.cart", Function: "Cart.<locals>.<lambda>"}}},
		{Python, "requests/sessions", "send", []Frame{
			{Module: "requests.sessions", Function: "send"}, {Filename: "/usr/lib/python3/dist-packages/requests/sessions.py", Function: "Session.send"},
			{Filename: `C:\app\.venv\Lib\site-packages\requests\sessions.py`, Function: "send"},
		}},

		{Go, "example.org/shop/cart", "Cart.Add", []Frame{
			{Function: "example.org/shop/cart.(*Cart).Add"}, {Module: "example.org/shop/cart", Function: "(*Cart).Add"}, {Module: "example.org/shop/cart", Function: "Cart.Add"},
			{Function: "example.org/shop/v3/cart.(*Cart[...]).Add.func1"}, {Function: "example.org/shop/cart.(*Cart[example.org/x.T]).Add.gowrap2"}, {Module: "example.org/shop/cart", Function: "(*Cart).Add-fm"},
		}},
		{Go, "gopkg.in/yaml", "Decode", []Frame{{Function: "gopkg.in/yaml%2ev3.Decode"}, {Module: "gopkg.in/yaml.v2", Function: "Decode"}}},
		{Go, "main", "init", []Frame{{Function: "main.init.0"}, {Function: "main.init.1.func2"}, {Module: "main", Function: "init"}}},
		{Go, "main", "", []Frame{{Function: "main.glob..func1"}, {Module: "main", Function: "glob..func3.1"}}},

		{CSharp, "Shop.Cart", "AddAsync", []Frame{
			{Module: "Shop.Cart.<AddAsync>d__3", Function: "MoveNext"}, {Module: "Shop.Cart+<AddAsync>d__7`1", Function: "MoveNext"}, {Module: "Shop.Cart", Function: "AddAsync(Item item)"},
			{Module: "Shop.Cart", Function: "AddAsync"}, {Function: "Shop.Cart.AddAsync(Item item)"}, {Module: "Shop.Cart.<>c__DisplayClass4_0", Function: "<AddAsync>b__1"},
			{Module: "Shop.Cart+<>c", Function: "<AddAsync>b__0_0"}, {Module: "Shop.Cart`1", Function: "AddAsync[T]"}, {Module: "Shop.Cart", Function: "AddAsync`1"},
		}},
		{CSharp, "Shop.Cart", "Parse", []Frame{{Module: "Shop.Cart", Function: "<Load>g__Parse|0_1"}, {Module: "Shop.Cart", Function: "<Load>g__Parse|12_0(String s)"}}},
		{CSharp, "Shop.Cart", "ctor", []Frame{{Module: "Shop.Cart", Function: ".ctor"}, {Function: "Shop.Cart..ctor(Int32 n)"}}},
		{CSharp, "Shop.Cart.Line", "Total", []Frame{{Module: "Shop.Cart+Line", Function: "Total"}, {Module: "Shop.Cart.Line", Function: "Total()"}}},

		{Ruby, "models/cart", "add", []Frame{
			{Filename: "app/models/cart.rb", Function: "add"}, {Filename: "app/models/cart.rb", Function: "Shop::Cart#add"}, {Filename: "app/models/cart.rb", Function: "block (2 levels) in Shop::Cart#add"},
			{Filename: "app/models/cart.rb", Function: "rescue in block in add"}, {Filename: "app/models/cart.rb", Function: "Shop::Cart.add"},
		}},
		{Ruby, "views/carts/show", "_app_views_carts_show_html_erb", []Frame{
			{Filename: "app/views/carts/show.html.erb", Function: "_app_views_carts_show_html_erb__3871263_456"}, {Filename: "app/views/carts/show.html.erb", Function: "_app_views_carts_show_html_erb___120_9"},
		}},
		{Ruby, "bin/shop", "", []Frame{{Filename: "bin/shop", Function: "<main>"}, {Filename: "bin/shop", Function: "<top (required)>"}, {Filename: "bin/shop", Function: "block in <main>"}}},

		{PHP, `Shop\Cart`, "add", []Frame{
			{Function: `Shop\Cart::add`, Filename: "/srv/Cart.php"}, {Function: `Shop\Cart->add`}, {Function: `Shop\Cart->add('x', Array)`}, {Module: `Shop\Cart`, Function: "add"},
			{Function: `{closure:Shop\Cart::add():12}`}, {Function: `Shop\Cart::Shop\add`},
		}},
		{PHP, `Shop\Cart`, "", []Frame{{Function: `Shop\Cart::Shop\{closure}`}, {Function: `Shop\Cart->{closure}`}}},
		{PHP, "", "array_map", []Frame{{Function: "array_map", Filename: "[internal]"}, {Function: "array_map"}}},

		{Dart, "shop/cart", "Cart.add", []Frame{
			{Function: "Cart.add", Filename: "package:shop/cart.dart"}, {Function: "Cart.add.<anonymous closure>", Filename: "package:shop/cart.dart"},
			{Function: "Cart.add.<anonymous closure>.<anonymous closure>", Filename: "package:shop/cart.dart"}, {Function: "Cart.add.<fn>", Filename: "package:shop/cart.dart"},
			{Function: "Cart.add.<async>", Filename: "package:shop/cart.dart"}, {Function: "Cart.add<int>", Filename: "package:shop/cart.dart"},
		}},
		{Dart, "shop/cart", "Cart", []Frame{{Function: "new Cart", Filename: "package:shop/cart.dart"}, {Function: "Cart", Filename: "package:shop/cart.dart"}}},
	} {
		for _, f := range row.frames {
			got := normalizeFrame(row.platform, &f)
			if got.owner != row.owner || got.function != row.function {
				t.Errorf("%v %+v:\n%q of %q, want %q of %q", row.platform, f, got.function, got.owner, row.function, row.owner)
			}
		}
	}
}

// TestDifferentFramesStayApart guards against normalisers that say too little.
func TestDifferentFramesStayApart(t *testing.T) {
	for _, row := range []struct {
		platform Platform
		a, b     Frame
	}{
		{Python, Frame{Module: "a.b", Function: "f_1"}, Frame{Module: "a.b", Function: "f_2"}},
		{Python, Frame{Module: "a.b", Function: "f"}, Frame{Module: "a.c", Function: "f"}},
		{Go, Frame{Function: "x.org/a.T.M"}, Frame{Function: "x.org/a.U.M"}},
		{Go, Frame{Function: "x.org/a.F1"}, Frame{Function: "x.org/a.F2"}},
		{CSharp, Frame{Module: "A.B", Function: "C"}, Frame{Module: "A.B", Function: "D"}},
		{CSharp, Frame{Module: "A.<X>d__1", Function: "MoveNext"}, Frame{Module: "A.<Y>d__2", Function: "MoveNext"}},
		{Ruby, Frame{Filename: "app/a.rb", Function: "A#f"}, Frame{Filename: "app/a.rb", Function: "A#g"}},
		{PHP, Frame{Function: "A::f"}, Frame{Function: "B::f"}},
		{Dart, Frame{Function: "A.f", Filename: "package:p/a.dart"}, Frame{Function: "A.g", Filename: "package:p/a.dart"}},
	} {
		if a, b := normalizeFrame(row.platform, &row.a), normalizeFrame(row.platform, &row.b); a.owner == b.owner && a.function == b.function {
			t.Errorf("%v: %+v and %+v are both %q of %q", row.platform, row.a, row.b, a.function, a.owner)
		}
	}
}

// TestMarks lists what is known of a frame beside its name.
func TestMarks(t *testing.T) {
	for _, row := range []struct {
		platform        Platform
		f               Frame
		inApp, plumbing bool
	}{
		{Python, Frame{Filename: "/srv/app/shop/cart.py", Function: "add"}, true, false},
		{Python, Frame{Filename: "/usr/lib/python3.12/json/decoder.py", Function: "decode"}, false, false},
		{Python, Frame{Filename: "requests/sessions.py", AbsPath: "/srv/venv/lib/python3.12/site-packages/requests/sessions.py", Function: "send"}, false, false},
		{Python, Frame{Filename: "<frozen importlib._bootstrap>", Function: "_find_and_load"}, false, true},
		{Python, Frame{Filename: "/srv/app/a.py", Function: "<listcomp>"}, true, true},
		{Go, Frame{Function: "example.org/a.F"}, true, false},
		{Go, Frame{Function: "main.main"}, true, false},
		{Go, Frame{Function: "net/http.(*conn).serve"}, false, false},
		{Go, Frame{Function: "runtime.gopanic"}, false, true},
		{Go, Frame{Function: "panic"}, true, true},
		{Go, Frame{Function: "example.org/b.F", Filename: "/root/go/pkg/mod/example.org/b@v1.2.3/f.go"}, false, false},
		{CSharp, Frame{Module: "Shop.Cart", Function: "Add"}, true, false},
		{CSharp, Frame{Module: "System.Runtime.CompilerServices.TaskAwaiter", Function: "ThrowForNonSuccess"}, false, true},
		{CSharp, Frame{Module: "System.Linq.Enumerable", Function: "First"}, false, false},
		{Ruby, Frame{Filename: "app/a.rb", Function: "f"}, true, false},
		{Ruby, Frame{Filename: "/usr/local/bundle/gems/rack-3.0/lib/rack.rb", Function: "call"}, false, false},
		{Ruby, Frame{Filename: "<internal:kernel>", Function: "tap"}, false, true},
		{PHP, Frame{Filename: "/srv/app/vendor/acme/x/src/X.php", Function: `Acme\X::f`}, false, false},
		{PHP, Frame{Filename: "/srv/app/src/X.php", Function: `App\X::f`}, true, false},
		{Dart, Frame{Filename: "package:shop/a.dart", Function: "f"}, true, false},
		{Dart, Frame{Filename: "dart:async/zone.dart", Function: "_rootRun"}, false, true},
		{Dart, Frame{Filename: "package:flutter/src/widgets/framework.dart", Function: "build"}, false, false},
	} {
		got := normalizeFrame(row.platform, &row.f)
		if inApp := got.bits&bitInApp != 0; inApp != row.inApp || got.bits&bitPlumbing != 0 != row.plumbing {
			t.Errorf("%v %+v: in-app %v, plumbing %v", row.platform, row.f, inApp, !row.plumbing)
		}
	}
}
