package features_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"whorl/datasets"
	"whorl/features"
)

// sample returns the events of the repository's golden sample.
func sample(t *testing.T) []features.Event {
	t.Helper()
	golden, err := datasets.OpenGolden("../datasets/sample/golden")
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := golden.ReadEvents(context.Background(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if len(events) < 1000 {
		t.Fatalf("the sample has %d events", len(events))
	}
	return events
}

// rewrite returns a copy of e with every frame changed.
func rewrite(e *features.Event, change func(*features.Frame)) *features.Event {
	c := *e
	c.Exceptions = slices.Clone(e.Exceptions)
	for i := range c.Exceptions {
		c.Exceptions[i].Frames = slices.Clone(c.Exceptions[i].Frames)
		for j := range c.Exceptions[i].Frames {
			change(&c.Exceptions[i].Frames[j])
		}
	}
	return &c
}

// rehash gives the built files of a path another content hash: every part of
// eight hexadecimal digits between dots, or of twenty, has its digits replaced.
func rehash(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '/' })
	for _, part := range parts {
		hex := strings.Trim(part, "0123456789abcdef") == ""
		if hex && strings.ContainsAny(part, "0123456789") && strings.ContainsAny(part, "abcdef") && (len(part) == 8 || len(part) == 20) {
			path = strings.Replace(path, part, fmt.Sprintf("%.*s", len(part), "7b1d03f9aa52c8e6d40177bb"), 1)
		}
	}
	return path
}

// spellings say how one engine prints the name that another printed.
var spellings = map[string]func(string) string{
	// V8 shows a receiver where SpiderMonkey and JavaScriptCore show the bare name.
	"receiver": func(name string) string {
		if plain(name) {
			return "Object." + name
		}
		return name
	},
	"async": func(name string) string {
		if plain(name) {
			return "async " + name
		}
		return name
	},
	"alias": func(name string) string {
		if plain(name) {
			return "Object." + name + " [as handler]"
		}
		return name
	},
	"asynchronous call in SpiderMonkey": func(name string) string {
		if plain(name) {
			return "async*" + name
		}
		return name
	},
	"path of names in SpiderMonkey": func(name string) string {
		if plain(name) {
			return "229/start/" + name
		}
		return name
	},
}

// plain reports whether a function's name is one identifier of a length that
// no engine or bundler uses for something else.
func plain(name string) bool {
	return len(name) > 3 && name != "eval" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// change is a way in which the same error comes back looking different.
type change struct {
	name  string
	apply func(e *features.Event) *features.Event
	// What must stay as it is, of every event.
	same func(a, b *features.Record) string
	// The similarity that is left, averaged over the sample: alignment over whole
	// frames and Jaccard index of sub-tokens. The bounds are wide: they say what
	// no tuning of the normalisers may lose.
	align, subtokens float32
}

func sameTokens(a, b *features.Record) string {
	if len(a.Frames) != len(b.Frames) {
		return fmt.Sprintf("%d frames become %d", len(a.Frames), len(b.Frames))
	}
	for i := range a.Frames {
		if a.Frames[i].Function != b.Frames[i].Function || a.Frames[i].Module != b.Frames[i].Module || a.Frames[i].Whole != b.Frames[i].Whole {
			return fmt.Sprintf("frame %d has other tokens", i)
		}
	}
	for _, s := range []features.Set{features.SetWhole, features.SetFunction, features.SetModule, features.SetWord} {
		if !slices.Equal(a.Sets[s], b.Sets[s]) {
			return fmt.Sprintf("set %d has other tokens", s)
		}
	}
	if a.Template != b.Template || a.Fault != b.Fault || a.Subject != b.Subject || !slices.Equal(a.Types, b.Types) {
		return "the message has other tokens"
	}
	return ""
}

func sameFunctions(a, b *features.Record) string {
	if !slices.Equal(a.Sets[features.SetFunction], b.Sets[features.SetFunction]) || len(a.Frames) != len(b.Frames) {
		return "other functions"
	}
	return ""
}

func changes() []change {
	list := []change{
		{
			name: "lines shifted",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					if f.Line > 0 {
						f.Line += 17
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "content hashes renewed",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) { f.Filename, f.AbsPath = rehash(f.Filename), rehash(f.AbsPath) })
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "another origin",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					for _, p := range []*string{&f.Filename, &f.AbsPath} {
						if rest, ok := strings.CutPrefix(*p, "https://"); ok {
							_, path, _ := strings.Cut(rest, "/")
							*p = "https://preview-4711.cdn.example/" + path
						}
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "a query behind the file",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					if strings.HasSuffix(f.Filename, ".js") && (f.Filename[0] == '.' || f.Filename[0] == '~') {
						f.Filename += "?v=20240131"
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "served from a bundler's scheme",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					if strings.HasPrefix(f.Filename, "./src/") {
						f.Filename = "webpack:///" + f.Filename
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "a release's folder",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					if rest, ok := strings.CutPrefix(f.Filename, "./src/"); ok {
						f.Filename = "/releases/20240131120000/src/" + rest
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "wrapped by a browser extension",
			apply: func(e *features.Event) *features.Event {
				c := rewrite(e, func(*features.Frame) {})
				for i := range c.Exceptions {
					var frames []features.Frame
					for j, f := range c.Exceptions[i].Frames {
						if j%2 == 0 {
							frames = append(frames, features.Frame{Function: "wrapped", Filename: "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb/inject.js", Line: 1, Column: 77})
						}
						frames = append(frames, f)
					}
					c.Exceptions[i].Frames = frames
				}
				return c
			},
			same: func(a, b *features.Record) string {
				if a.Foreign == a.Depth { // nothing or an extension's own error
					return ""
				}
				return sameTokens(a, b)
			},
			align: 0.99, subtokens: 0.99,
		},
		{
			name: "a package manager's store",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					for _, p := range []*string{&f.Filename, &f.AbsPath} {
						if before, rest, ok := strings.Cut(*p, "node_modules/"); ok && !strings.HasPrefix(rest, ".pnpm/") && !strings.HasPrefix(rest, "@") {
							name, _, _ := strings.Cut(rest, "/")
							*p = before + "node_modules/.pnpm/" + name + "@4.2.1/node_modules/" + rest
						}
					}
				})
			},
			same: sameTokens, align: 0.999, subtokens: 0.999,
		},
		{
			name: "names lost to a minifier",
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) {
					if plain(f.Function) {
						f.Function = f.Function[:1]
					}
				})
			},
			same:  func(a, b *features.Record) string { return "" },
			align: -0.9, subtokens: 0.3,
		},
	}
	for name, spell := range spellings {
		list = append(list, change{
			name: "another spelling: " + name,
			apply: func(e *features.Event) *features.Event {
				return rewrite(e, func(f *features.Frame) { f.Function = spell(f.Function) })
			},
			same: sameFunctions, align: 0.95, subtokens: 0.95,
		})
	}
	slices.SortFunc(list, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return list
}

// TestSameErrorLooksDifferent changes real events the way new builds, browsers
// and engines change them, and checks which tokens stay and how much
// similarity is left.
func TestSameErrorLooksDifferent(t *testing.T) {
	events := sample(t)
	records := make([]*features.Record, len(events))
	var counts features.Frequencies
	for i := range events {
		records[i] = features.Extract(&events[i])
		counts.Add(records[i])
	}
	alignWhole, _ := features.FeatureIndex("align_whole")
	overlapSubtoken, _ := features.FeatureIndex("overlap_subtoken")
	var x features.Extractor
	var changed features.Record
	var va, vb features.View
	var v features.Vector
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			var sums [2]float64
			var n [2]int
			broken, touched := 0, 0
			for i := range events {
				other := c.apply(&events[i])
				x.Extract(other, &changed)
				if changed.Content != records[i].Content {
					touched++
				}
				if what := c.same(records[i], &changed); what != "" {
					if broken++; broken <= 3 {
						t.Errorf("event %s: %s", events[i].ID, what)
					}
				}
				va.Weigh(records[i], &counts)
				vb.Weigh(&changed, &counts)
				features.Compare(&va, &vb, &v)
				for k, at := range []int{alignWhole, overlapSubtoken} {
					if !math.IsNaN(float64(v[at])) {
						sums[k] += float64(v[at])
						n[k]++
					}
				}
			}
			if broken > 3 {
				t.Errorf("and %d more events", broken-3)
			}
			if touched < 20 {
				t.Errorf("the change touches %d events only: it tests nothing", touched)
			}
			align, subtokens := float32(sums[0]/float64(n[0])), float32(sums[1]/float64(n[1]))
			t.Logf("%d events touched: alignment %.3f, sub-tokens %.3f", touched, align, subtokens)
			if align < c.align || subtokens < c.subtokens {
				t.Errorf("alignment %.3f and sub-tokens %.3f are left, want at least %.3f and %.3f", align, subtokens, c.align, c.subtokens)
			}
		})
	}
}

// TestSampleIsDeterministic extracts the sample twice, the second time in the
// other direction with one Extractor and one Record: every vector of a pair of
// neighbours must agree to the bit.
func TestSampleIsDeterministic(t *testing.T) {
	events := sample(t)
	var counts features.Frequencies
	fresh := make([]features.View, len(events))
	for i := range events {
		counts.Add(features.Extract(&events[i]))
	}
	for i := range events {
		fresh[i].Weigh(features.Extract(&events[i]), &counts)
	}
	var x features.Extractor
	var r features.Record
	var v features.View
	var a, b features.Vector
	for i := len(events) - 2; i >= 0; i-- {
		x.Extract(&events[i], &r)
		v.Weigh(&r, &counts)
		features.Compare(&v, &fresh[i+1], &a)
		features.Compare(&fresh[i+1], &fresh[i], &b)
		for k := range a {
			if math.Float32bits(a[k]) != math.Float32bits(b[k]) {
				t.Fatalf("events %d and %d: %s is %v, then %v", i, i+1, features.Schema[k].Name, a[k], b[k])
			}
		}
	}
}
