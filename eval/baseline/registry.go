package baseline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"whorl/eval"
)

// ErrUnknown is wrapped when a name is not that of a baseline.
var ErrUnknown = errors.New("unknown baseline")

// The kinds of scorers in a result.
const (
	kindRule  = "rule"
	kindScore = "score"
)

// entry is one baseline. Exactly one of rule and build is set.
type entry struct {
	name      string
	isDefault bool

	rule func() keyFunc // a rule baseline

	build     func(s *Settings) eval.Scorer // a score baseline
	space     []dimension                   // what a search draws from
	published *Settings                     // used without a search
	least     float64                       // score of a pair with nothing in common
}

// table lists the baselines in the order in which results show them.
var table = []entry{
	{name: "static", isDefault: true, rule: stateless(staticKeys)},
	{name: "top-frame", isDefault: true, rule: stateless(topFrameKeys)},
	{name: "message", isDefault: true, rule: stateless(messageKeys)},
	{name: "fast", isDefault: true, build: newFast, space: fastSpace, published: publishedFast, least: -1},
	{name: "tfidf", build: newTFIDF, space: tfidfSpace, published: publishedTFIDF},
	{name: "prefix", build: newPrefix, space: []dimension{grain}, published: publishedPrefix},
	{name: "pdm", build: newPDM, space: pdmSpace, published: publishedPDM},
	{name: "tracesim", build: newTraceSim, space: traceSimSpace, published: publishedTraceSim},
	{name: "drain", rule: newDrain},
}

// Names returns the names of all baselines in a fixed order.
func Names() []string { return namesOf(func(*entry) bool { return true }) }

// Default returns the names that an evaluation runs unless told otherwise.
func Default() []string { return namesOf(func(e *entry) bool { return e.isDefault }) }

// Tunable returns the names of the baselines that have settings to find.
func Tunable() []string { return namesOf(func(e *entry) bool { return e.build != nil }) }

func namesOf(keep func(*entry) bool) []string {
	var names []string
	for i := range table {
		if keep(&table[i]) {
			names = append(names, table[i].name)
		}
	}
	return names
}

func find(name string) (*entry, error) {
	i := slices.IndexFunc(table, func(e entry) bool { return e.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w %q: use one of %s", ErrUnknown, name, strings.Join(Names(), ", "))
	}
	return &table[i], nil
}

// New returns the baseline of a name. Nil settings stand for the published
// ones. Settings of another baseline or that [Settings.Check] refuses are an
// error, as is an unknown name ([ErrUnknown], and the error lists the names);
// rule baselines have nothing to set and take nil only.
func New(name string, settings *Settings) (eval.Scorer, error) {
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	if e.rule != nil {
		if settings != nil {
			return nil, fmt.Errorf("%w: %s is a rule without settings: give none", ErrSettings, name)
		}
		return &rule{name: e.name, start: e.rule}, nil
	}
	if settings == nil {
		settings = e.published
	}
	if settings.Name != name {
		return nil, fmt.Errorf("%w: settings of %q given to %s", ErrSettings, settings.Name, name)
	}
	if err := settings.Check(); err != nil {
		return nil, err
	}
	return e.build(settings.clone()), nil
}
