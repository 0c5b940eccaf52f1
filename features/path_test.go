package features

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		in, owner string
		hashed    bool
		library   bool
		scheme    string
	}{
		{in: ""},
		{in: "/"},
		{in: "app.js", owner: "app"},
		{in: "./src/model/dom.js", owner: "model/dom"},
		{in: "/srv/shop/lib/cart.py", owner: "srv/shop/cart"},
		{in: "src/a/b/c/d.ts", owner: "b/c/d"},
		{in: "src//model///dom.js", owner: "model/dom"},

		// Bundlers' schemes.
		{in: "webpack:///./src/model/dom.js", owner: "model/dom", scheme: "webpack"},
		{in: "webpack:///src/model/dom.js?9f3e", owner: "model/dom", scheme: "webpack"},
		{in: "webpack://shop/./src/model/dom.js", owner: "model/dom", scheme: "webpack"},
		{in: "webpack-internal:///./src/model/dom.js", owner: "model/dom", scheme: "webpack-internal"},
		{in: "webpack-internal:///(rsc)/./src/model/dom.js", owner: "model/dom", scheme: "webpack-internal"},
		{in: "app:///src/model/dom.js", owner: "model/dom", scheme: "app"},

		// Addresses.
		{in: "https://app.example.com/js/model/dom.js", owner: "model/dom", scheme: "https"},
		{in: "HTTPS://cdn.example.com/js/model/dom.js?v=12#top", owner: "model/dom", scheme: "https"},
		{in: "https://app.example.com", scheme: "https"},
		{in: "file:///home/ci/model/dom.js", owner: "ci/model/dom", scheme: "file"},
		{in: `C:\work\model\dom.js`, owner: "work/model/dom"},
		{in: `file:///C:/code/model/dom.js`, owner: "code/model/dom", scheme: "file"},

		// Release folders and content hashes.
		{in: "/srv/app/releases/20240131120000/model/dom.rb", owner: "srv/model/dom"},
		{in: "/opt/9f1c2ab4de/model/dom.js", owner: "opt/model/dom"},
		{in: "https://x.example/static/js/main.01c75c99.chunk.js", owner: "main", hashed: true, scheme: "https"},
		{in: "https://x.example/js/profile.cab0930c.js", owner: "profile", hashed: true, scheme: "https"},
		{in: "https://x.example/assets/index-BX3h0Ncf.js", owner: "index", hashed: true, scheme: "https"},
		{in: "/assets/settings-a8f5776889.mjs", owner: "settings", hashed: true},
		{in: "/assets/settings_a8f5776889.mjs", owner: "settings", hashed: true},
		{in: "/assets/settings~31d6cfe0d16ae931.js", owner: "settings", hashed: true},
		{in: "/assets/settings-C0-_x1Za.js", owner: "settings", hashed: true},
		{in: "/js/cafe.js", owner: "cafe"},
		{in: "/js/decade-facade.js", owner: "decade-facade"},
		{in: "/js/user-settings.js", owner: "user-settings"},
		{in: "/js/jquery.min.js", owner: "jquery"},
		{in: "/js/date-2024.js", owner: "date-2024"},

		// Package managers.
		{in: "/app/node_modules/acorn/dist/acorn.js", owner: "acorn/dist/acorn", library: true},
		{in: "./node_modules/@scope/pkg/lib/index.js", owner: "@scope/pkg/lib/index", library: true},
		{in: "/app/node_modules/.pnpm/acorn@8.11.0/node_modules/acorn/dist/acorn.js", owner: "acorn/dist/acorn", library: true},
		{in: "/app/node_modules/a/node_modules/b/index.js", owner: "b/index", library: true},
		{in: "webpack:///./node_modules/acorn/dist/acorn.js", owner: "acorn/dist/acorn", library: true, scheme: "webpack"},
		{in: "/usr/lib/python3.11/site-packages/requests/api.py", owner: "requests/api", library: true},
		{in: "/usr/lib/python3/dist-packages/requests/api.py", owner: "requests/api", library: true},
		{in: `C:\Python311\Lib\site-packages\requests\api.py`, owner: "requests/api", library: true},
		{in: "/usr/lib/ruby/gems/3.2.0/gems/rails-7.0.1/lib/rails/engine.rb", owner: "rails/lib/rails/engine", library: true},
		{in: "/home/u/go/pkg/mod/github.com/acme/kit@v1.2.3/log/log.go", owner: "github.com/acme/kit/log/log", library: true},
		{in: "/srv/app/vendor/monolog/src/Logger.php", owner: "monolog/src/Logger", library: true},
		{in: "https://esm.example/node_modules/acorn@8.19.0/dist/acorn.mjs", owner: "acorn/dist/acorn", library: true, scheme: "https"},

		// Runtimes and extensions.
		{in: "node:internal/timers", owner: "internal/timers", scheme: "node"},
		{in: "node:fs", owner: "fs", scheme: "node"},
		{in: "ext:core/01_core.js", owner: "core/01_core", scheme: "ext"},
		{in: "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb/inject.js", owner: "inject", scheme: "chrome-extension"},
		{in: "moz-extension://c3c64474-bd6f-41ac-abc9-a4f0316a2a76/inject.js", owner: "inject", scheme: "moz-extension"},
	} {
		got := parsePath(c.in)
		if got.owner != c.owner || got.hashed != c.hashed || got.library != c.library || got.scheme != c.scheme {
			t.Errorf("%q:\n got owner %q hashed %v library %v scheme %q\nwant owner %q hashed %v library %v scheme %q",
				c.in, got.owner, got.hashed, got.library, got.scheme, c.owner, c.hashed, c.library, c.scheme)
		}
	}
}

// TestOnePlaceManyPaths lists spellings of one file. Each row must give one owner.
func TestOnePlaceManyPaths(t *testing.T) {
	for _, row := range [][]string{
		{
			"src/model/dom.ts", "./src/model/dom.js", "dist/model/dom.js", "/model/dom.mjs", "webpack:///./src/model/dom.js", "webpack:///src/model/dom.ts",
			"webpack-internal:///./src/model/dom.js", "https://a.example/assets/model/dom.js", "https://b.example/static/js/model/dom-BX3h0Ncf.js",
			"https://a.example/js/model/dom.4f3a1c99.js?cache=1", `src\model\dom.js`, "../src/model/dom.js", "~/js/model/dom.js",
		},
		{"https://a.example/js/main.01c75c99.js", "https://a.example/js/main.ffc75c01.js", "https://a.example/js/main.01c75c99.chunk.js", "/main.js"},
		{"/srv/a/node_modules/acorn/dist/acorn.js", "node_modules/acorn/dist/acorn.js", "/x/.pnpm/acorn@8.1.0/node_modules/acorn/dist/acorn.js", "npm/node_modules/acorn@8.14.0/dist/acorn.js"},
		{"/g/gems/rails-7.0.1/lib/engine.rb", "/home/x/.rbenv/gems/rails-7.1.0/lib/engine.rb"},
		{"/root/go/pkg/mod/github.com/acme/kit@v1.2.3/log.go", "/home/u/go/pkg/mod/github.com/acme/kit@v1.9.0/log.go"},
		{"/opt/releases/20240131120000/shop/cart.rb", "/opt/releases/20250202134501/shop/cart.rb"},
		{"/usr/lib/python3.9/site-packages/requests/api.py", "/venv/lib/python3.12/site-packages/requests/api.pyc"},
	} {
		for _, s := range row[1:] {
			if got, want := parsePath(s).owner, parsePath(row[0]).owner; got != want {
				t.Errorf("%q gives %q, but %q gives %q", s, got, row[0], want)
			}
		}
	}
}

func TestFromExtension(t *testing.T) {
	for in, want := range map[string]bool{
		"chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb/inject.js": true,
		"moz-extension://c3c64474/inject.js":                            true,
		"safari-web-extension://C3C6/inject.js":                         true,
		"safari-extension://C3C6/inject.js":                             true,
		"webkit-masked-url://hidden/":                                   true,
		"https://chrome-extension.example/inject.js":                    false,
		"src/chrome-extension/inject.js":                                false,
		"":                                                              false,
	} {
		p := parsePath(in)
		if got := p.fromExtension(); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestLooksGenerated(t *testing.T) {
	for in, want := range map[string]bool{
		"":                                     false,
		"main":                                 false,
		"facade":                               false, // letters alone, though all hexadecimal
		"decade":                               false,
		"12345":                                false, // too short
		"abc12":                                false,
		"123456":                               false, // six digits may be anything
		"20240131":                             true,
		"20240131120000":                       true,
		"01c75c99":                             true,
		"1c75c9":                               true,
		"FDB55021DC3932A29BF1":                 true,
		"01c75c9g":                             false,
		"d41d8cd98f00b204e9800998ecf8427e":     true,
		"c3c64474-bd6f-41ac-abc9-a4f0316a2a76": false, // the parts are tried one by one
	} {
		if got := looksGenerated(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestStripVersion(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"acorn":                      "acorn",
		"acorn@8.19.0/dist":          "acorn/dist",
		"@scope/pkg@1.0.0/lib":       "@scope/pkg/lib",
		"rails-7.0.1/lib":            "rails/lib",
		"html-parser/lib":            "html-parser/lib",
		"github.com/acme/kit@v1.2.3": "github.com/acme/kit",
		"is-even-2":                  "is-even",
	} {
		if got := stripVersion(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzParsePath checks what holds for any bytes: what a path is reduced to is a
// part of it, and a query or fragment never counts.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		"", "/", ":", "://", "a://", "webpack-internal:///./src/a.js", `C:\a\b.js`, "node:internal/timers", "/a/node_modules/.pnpm/b@1/node_modules/b/i.js",
		"https://x.example/js/main.01c75c99.chunk.js?x#y", "/assets/index-C0-_x1Za.js", "gems/rails-7.0.1/a.rb", "....", "a..b", "-_~.", "node_modules/", "/vendor//", "\x00\xff/\xfe.js",
		"chrome-extension://abc/i.js", "a@", "pkg/mod/@v1/x-1/y.go",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := parsePath(s)
		if p != parsePath(s) {
			t.Fatalf("%q gives two answers", s)
		}
		if len(p.owner) > len(s)+1 || len(p.base) > len(s) || len(p.scheme) > 3*24 { // lower case of a bad byte takes three
			t.Fatalf("%q grew to %+v", s, p)
		}
		if p.base != "" && !strings.HasSuffix(p.owner, p.base) {
			t.Fatalf("%q: owner %q does not end with the file %q", s, p.owner, p.base)
		}
		if strings.ContainsAny(p.owner, `?#\`) {
			t.Fatalf("%q: owner %q holds a query or a backslash", s, p.owner)
		}
		if !p.library && strings.Count(p.owner, "/") > 2 {
			t.Fatalf("%q: owner %q has more than two folders", s, p.owner)
		}
		if i := strings.IndexAny(s, "?#"); i < 0 {
			if q := parsePath(s + "?v=1"); q != p {
				t.Fatalf("%q with a query gives %+v, without %+v", s, q, p)
			}
		}
	})
}

// TestBelowLibraries compares with a search for one folder after the other.
func TestBelowLibraries(t *testing.T) {
	piece := rapid.SampledFrom(append(slices.Clone(libraryFolders[:]), "src/", "x/", "mods/", "/", "vendor", "gems/", "mod/", "a.js"))
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "")
		want := 0
		for _, folder := range libraryFolders {
			if i := strings.LastIndex(s, folder); i >= 0 {
				want = i + len(folder)
				break
			}
		}
		if got := belowLibraries(s); got != want {
			t.Fatalf("%q: %d, want %d", s, got, want)
		}
	})
}
