package datasets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Options says what events are read for.
type Options struct {
	// Purpose is what the events will be used for.
	Purpose Purpose
	// AsOf is the time at which consent is judged. It must be set: the clock
	// is the caller's.
	AsOf time.Time
	// AcceptPolicies lists the policy versions under which a grant counts;
	// nil means the manifest's own.
	AcceptPolicies []string
	// Workers is how many goroutines decode, and how many judge and use rows;
	// 0 means 1. Neither the events nor their order depend on it.
	Workers int
	// Memory bounds, in bytes, what reading holds at a time: a quarter each
	// for the pages and dictionaries of two row groups, for dictionaries of
	// rows that wait to be used, and for the text of such rows and for ids
	// while copies are looked for. What the caller makes of events comes on
	// top. 0 means 512 MiB; at least [LeastMemory]. Files that ask for more end
	// in an error.
	Memory int64
	// Progress is called now and then, on the goroutine that ranges over the
	// events, with the rows read of all; nil for nobody.
	Progress func(rows, total int64)
	// Omit names optional columns that need not be read, by their path
	// ("release", "exceptions.value", "exceptions.frames.context_line").
	Omit []string
}

func (o *Options) check() error {
	if _, err := ParsePurpose(string(o.Purpose)); err != nil {
		return err
	}
	if o.AsOf.IsZero() {
		return fmt.Errorf("%w: AsOf is not set", ErrOptions)
	}
	if o.Workers < 0 || o.Workers > 256 {
		return fmt.Errorf("%w: %d workers; use 1 to 256", ErrOptions, o.Workers)
	}
	if o.Memory != 0 && o.Memory < LeastMemory {
		return fmt.Errorf("%w: memory of %d bytes; reading needs at least %d", ErrOptions, o.Memory, LeastMemory)
	}
	known := optionalColumns()
	for _, name := range o.Omit {
		if !known[name] {
			return fmt.Errorf("%w: column %q cannot be left out; use one of %s", ErrOptions, name, strings.Join(sortedKeys(known), ", "))
		}
	}
	return nil
}

// Tally counts what a walk over events met. It is complete when the walk
// ended without an error and was not broken off.
type Tally struct {
	Rows    int64            // rows seen
	Allowed int64            // rows let out
	Denied  map[Reason]int64 // rows by reason; rows = allowed + all denied
	// DeniedOrganisations counts the organisations with rows denied by a
	// reason. Rows without an organisation count for none.
	DeniedOrganisations map[Reason]int
	// Organisations are the organisations with allowed rows, sorted.
	Organisations []string
	Complete      bool

	denied map[Reason]map[string]struct{}
	orgs   map[string]struct{}
}

func (t *Tally) reset() {
	*t = Tally{
		Denied: map[Reason]int64{}, DeniedOrganisations: map[Reason]int{},
		denied: map[Reason]map[string]struct{}{}, orgs: map[string]struct{}{},
	}
}

func (t *Tally) add(reason Reason, org string) {
	t.Rows++
	if reason == allowed {
		t.Allowed++
		note(t.orgs, org)
		return
	}
	t.Denied[reason]++
	if org == "" {
		return
	}
	if t.denied[reason] == nil {
		t.denied[reason] = map[string]struct{}{}
	}
	note(t.denied[reason], org)
}

func note(set map[string]struct{}, key string) {
	if _, ok := set[key]; !ok {
		set[strings.Clone(key)] = struct{}{}
	}
}

func (t *Tally) finish() {
	for reason, orgs := range t.denied {
		t.DeniedOrganisations[reason] = len(orgs)
	}
	t.Organisations = sortedKeys(t.orgs)
}

// NothingAllowed returns the error of a walk that let no event out: it names
// the directory, the reasons and wraps [ErrNothingAllowed].
func NothingAllowed(dir string, p Purpose, t *Tally) error {
	if t.Rows == 0 {
		return fmt.Errorf("%s: %w: its events files hold no row; export again", dir, ErrNothingAllowed)
	}
	return fmt.Errorf("%s: %w of %d rows for %s: %s; \"whorl datasets stats\" tells more", dir, ErrNothingAllowed, t.Rows, p, t.Reasons())
}

// Reasons lists why rows were denied and how many, in the order of the names.
func (t *Tally) Reasons() string {
	var why []string
	for _, reason := range sortedKeys(t.Denied) {
		why = append(why, fmt.Sprintf("%s %d", reason, t.Denied[reason]))
	}
	return strings.Join(why, ", ")
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
