package main

import (
	"math"
	"runtime/debug"
	"testing"
	"time"
)

// TestCollectSooner: the limit holds while a job runs, leaves room for what is
// in use, and is whoever's who set GOMEMLIMIT.
func TestCollectSooner(t *testing.T) {
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	env := &environment{getenv: func(string) string { return "" }}
	stop := collectSooner(env)
	if got := limit(); got != roomy {
		t.Errorf("limit %d at the start, want %d", got, int64(roomy))
	}
	debug.SetMemoryLimit(roomy + 1)
	for range 200 { // it looks again and again
		if limit() == roomy {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := limit(); got != roomy {
		t.Errorf("limit %d after ten seconds, want %d", got, int64(roomy))
	}
	stop()
	if got := limit(); got != math.MaxInt64 {
		t.Errorf("limit %d after the job", got)
	}
	debug.SetMemoryLimit(3 << 30)
	defer debug.SetMemoryLimit(math.MaxInt64)
	env.getenv = func(name string) string { return map[string]string{"GOMEMLIMIT": "3GiB"}[name] }
	collectSooner(env)()
	if got := limit(); got != 3<<30 {
		t.Errorf("limit %d, though GOMEMLIMIT was set", got)
	}
	for live, want := range map[uint64]int64{0: roomy, 1 << 30: roomy, 4 << 30: 6 << 30} {
		if got := heapLimit(live); got != want {
			t.Errorf("%d bytes in use: limit %d, want %d", live, got, want)
		}
	}
}
