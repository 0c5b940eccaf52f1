package main

import (
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"whorl/datasets"
)

// readFlags are the flags of every verb that reads events: embed them.
type readFlags struct {
	Memory byteSize `placeholder:"SIZE" default:"512MiB" help:"Memory that reading may take, such as 256MiB or 2GiB; a file that needs more is refused. Default 512MiB."`
}

// options adds how events are read to what they are read for.
func (f *readFlags) options(env *environment, opt datasets.Options) datasets.Options {
	opt.Workers, opt.Memory = env.workers, int64(f.Memory)
	return opt
}

// shown adds a bar to what reads one dataset from end to end.
func (env *environment) shown(opt datasets.Options) datasets.Options {
	report := env.stages()
	opt.Progress = func(rows, total int64) { report("reading", int(rows), int(total)) }
	return opt
}

// roomy is the memory up to which garbage may wait for the collector.
const roomy = 2560 << 20

// liveHeap names what the last collection found in use (runtime/metrics).
const liveHeap = "/gc/heap/live:bytes"

// collectSooner makes the collector keep the heap of a large job near what is
// in use, instead of at twice of it, until stop is called: below roomy, or half
// more than what was in use when it last looked. Whoever has set GOMEMLIMIT has
// decided.
func collectSooner(env *environment) (stop func()) {
	if env.getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	debug.SetMemoryLimit(roomy)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		sample := []metrics.Sample{{Name: liveHeap}}
		for look := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-done:
				look.Stop()
				return
			case <-look.C:
				metrics.Read(sample)
				debug.SetMemoryLimit(heapLimit(sample[0].Value.Uint64()))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// heapLimit is the limit for a heap of which so many bytes are in use.
func heapLimit(live uint64) int64 { return max(roomy, int64(live)/2*3) }

// byteSize is a number of bytes, written with or without a unit.
type byteSize int64

var byteUnits = []struct {
	name  string
	shift uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"K", 10}, {"M", 20}, {"G", 30}}

// UnmarshalText reads a number with a unit.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, shift := string(text), uint(0)
	for _, u := range byteUnits {
		if cut, ok := strings.CutSuffix(number, u.name); ok {
			number, shift = cut, u.shift
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<50>>shift {
		return fmt.Errorf("%q is no size such as 512MiB or 2GiB", text)
	}
	if n <<= shift; n < datasets.LeastMemory {
		return fmt.Errorf("%q is too little: reading needs at least %dMiB", text, datasets.LeastMemory>>20)
	}
	*b = byteSize(n)
	return nil
}
