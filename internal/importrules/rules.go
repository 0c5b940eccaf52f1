package importrules

import (
	"slices"
	"strings"
)

// Rule forbids the packages that From selects some imports and some names.
//
// A pattern is the directory of a package of the module ("./eval"), an import
// path ("net"), either with "/..." for all below it as well, or one of the
// words "std" (the standard library) and "third-party" (other modules and C).
type Rule struct {
	Why    string   // the reason, printed with a breach
	From   []string // the packages that the rule binds
	Except []string // of these, the ones it does not bind

	Forbid []string // imports that breach the rule
	Allow  []string // if not empty, every import that is not here breaches it too
	// Names forbids names of an import, by import path.
	Names map[string]Names

	Transitive bool // look also at what the imports of the module import
	Tests      bool // bind test files too
}

// Names says which names of a package are forbidden: those in Forbid, and,
// where Allow is not empty, all that are not in Allow.
type Names struct {
	Forbid []string
	Allow  []string
}

func (n Names) forbids(name string) bool {
	switch {
	case len(n.Forbid) == 0 && len(n.Allow) == 0:
		return false
	case name == "*": // a dot import, which hides the names from the check
		return true
	}
	return slices.Contains(n.Forbid, name) || len(n.Allow) > 0 && !slices.Contains(n.Allow, name)
}

func (r Rule) forbids(target string) bool {
	return matchAny(r.Forbid, target) || len(r.Allow) > 0 && !matchAny(r.Allow, target)
}

func matchAny(patterns []string, target string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, target) })
}

func match(pattern, target string) bool {
	switch pattern {
	case "std":
		return isStd(target)
	case "third-party":
		return !isStd(target) && !inModule(target)
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return target == tree || strings.HasPrefix(target, tree+"/")
	}
	return target == pattern
}

func inModule(target string) bool {
	return target == "." || strings.HasPrefix(target, "./")
}

// isStd goes by the rule of the go command: the first element of the path of
// any other module holds a dot. C is not Go, and so belongs to no library.
func isStd(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return !inModule(target) && !strings.Contains(first, ".") && target != "C"
}

// folders are the places where a package may stand. A new one needs a place in
// the rules first.
var folders = []string{
	".", "./features/...", "./model/...", "./datasets/...", "./train/...", "./eval/...", "./reports/...", "./cmd/...", "./internal/...",
}

// Rules are the boundaries of the module.
var Rules = []Rule{
	// Judge and judged are strangers.
	{
		Why:  "eval judges the file that production will load, not the trainer's state",
		From: []string{"./eval/..."}, Forbid: []string{"./train/..."},
		Transitive: true, Tests: true,
	},
	{
		Why:  "training must not steer by the judge's figures",
		From: []string{"./train/..."}, Forbid: []string{"./eval/..."},
		Transitive: true, Tests: true,
	},
	{
		Why:  "training cannot peek at golden data; the command passes records and labels in",
		From: []string{"./train/..."}, Forbid: []string{"./datasets/..."},
		Transitive: true, Tests: true,
	},

	// A report prints what the result holds, and nothing else.
	{
		Why:  "a report is made of eval/result and the standard library alone",
		From: []string{"./reports/..."}, Allow: []string{"std", "./reports/...", "./eval/result"},
	},
	{
		Why:  "a report prints only what the result holds, never the data behind it",
		From: []string{"./reports/...", "./eval/result/..."}, Forbid: []string{"./datasets/..."},
		Transitive: true, Tests: true,
	},

	// Whorl is offline. Parsers of addresses (net/url, net/netip) open nothing.
	{
		Why:  "the workbench is offline and opens no connection",
		From: []string{"./..."},
		Forbid: []string{
			"net", "net/http/...", "net/mail", "net/rpc/...", "net/smtp", "net/textproto",
			"crypto/tls", "expvar", "log/syslog", "golang.org/x/net/...",
		},
		Tests: true,
	},

	// What production links is small and can be read whole.
	{
		Why:  "production links features and model, which need no third-party module",
		From: []string{"./features/...", "./model/..."}, Forbid: []string{"third-party"},
		Transitive: true,
	},
	{
		Why:  "tests of features and model use go-cmp and rapid, and no other module",
		From: []string{"./features/...", "./model/..."},
		Allow: []string{
			"std", "./...", "github.com/google/go-cmp/...", "pgregory.net/rapid",
		},
		Tests: true,
	},

	// A library with traps has one home, where they are known.
	{
		Why:  "parquet-go loses rows in silence when misused; datasets checks what it reads",
		From: []string{"./..."}, Except: []string{"./datasets/...", "./internal/exporttest"},
		Forbid: []string{"github.com/parquet-go/..."},
		Tests:  true,
	},
	{
		Why:  "arrow's Parquet reader kills the process on damaged input; arrow is for IPC files",
		From: []string{"./..."}, Forbid: []string{"github.com/apache/arrow/go/v15/parquet/..."},
		Tests: true,
	},
	{
		Why:  "arrow's IPC reader panics on damaged input; internal/arrowfile bounds it",
		From: []string{"./..."}, Except: []string{"./internal/arrowfile"},
		Forbid: []string{"github.com/apache/arrow/..."},
	},
	{
		Why:  "bars are drawn by internal/progress, on a terminal only",
		From: []string{"./..."}, Except: []string{"./internal/progress"},
		Forbid: []string{"github.com/schollz/progressbar/..."},
	},
	{
		Why:  "only a command parses arguments",
		From: []string{"./..."}, Except: []string{"./cmd/..."},
		Forbid: []string{"github.com/alecthomas/kong/..."},
	},

	// The order of the stages. No stage reaches back.
	{
		Why:  "features is the first stage and needs the standard library only",
		From: []string{"./features/..."}, Allow: []string{"std", "./features/..."},
	},
	{
		Why:  "model builds on features",
		From: []string{"./model/..."}, Allow: []string{"std", "./model/...", "./features/...", "./internal/..."},
	},
	{
		Why:  "datasets makes events and knows nothing of models",
		From: []string{"./datasets/..."}, Allow: []string{"std", "third-party", "./datasets/...", "./features/...", "./internal/..."},
	},
	{
		Why:  "train builds on features and model",
		From: []string{"./train/..."}, Allow: []string{"std", "third-party", "./train/...", "./features/...", "./model/...", "./internal/..."},
	},
	{
		Why:    "eval builds on features, model and datasets",
		From:   []string{"./eval/..."},
		Except: []string{"./eval/result"},
		Allow:  []string{"std", "third-party", "./eval/...", "./features/...", "./model/...", "./datasets/...", "./internal/..."},
	},
	{
		Why:  "a result is read where neither model nor data stand",
		From: []string{"./eval/result"}, Allow: []string{"std", "./internal/..."},
	},
	{
		Why:  "internal packages hold no stage, so that any stage may use them",
		From: []string{"./internal/..."}, Except: []string{"./internal/exporttest"},
		Allow: []string{"std", "third-party", "./internal/..."},
	},
	{
		Why:  "a command is the end of the chain",
		From: []string{"./..."}, Except: []string{"./cmd/..."}, Forbid: []string{"./cmd/..."},
		Tests: true,
	},
	{
		Why:  "what only tests need goes into no binary",
		From: []string{"./..."}, Except: []string{"./internal/exporttest"},
		Forbid: []string{
			"./internal/exporttest", "testing/...",
			"pgregory.net/rapid", "github.com/google/go-cmp/...", "github.com/rogpeppe/go-internal/...",
		},
	},

	// Libraries are functions of what they are given: callers pass io, seed,
	// time and context, so that the same input and seed give the same bytes.
	{
		Why:  "a library reads no flags, signals, environment, clock, global randomness or standard streams; the caller passes them in",
		From: []string{"./..."}, Except: []string{"./cmd/...", "./internal/progress"},
		Forbid: []string{"flag", "os/signal", "crypto/rand"},
		Names: map[string]Names{
			"os":   {Forbid: []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Args", "Stdin", "Stdout", "Stderr", "Exit"}},
			"time": {Forbid: []string{"Now", "Since", "Until"}},
			"fmt":  {Forbid: []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}},
			"math/rand": {Allow: []string{
				"New", "NewSource", "NewZipf", "Rand", "Source", "Source64", "Zipf",
			}},
			"math/rand/v2": {Allow: []string{
				"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf",
			}},
		},
	},
}
