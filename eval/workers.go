package eval

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
)

// parallel calls do for 0..n-1 on the given number of goroutines and returns
// the error of the lowest number that failed; after an error or the context's
// end no further number begins. What do writes must be its number's own: then
// the goroutines' timing cannot reach a result. done, if not nil, is told
// after each number, one call at a time.
func parallel(ctx context.Context, workers, n int, done func(done, total int), do func(worker, i int) error) error {
	var (
		mu             sync.Mutex
		next, finished int
		failed         = n
		failure        error
		wait           sync.WaitGroup
	)
	for worker := range min(workers, n) {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				stop := i >= n || failure != nil || ctx.Err() != nil
				next++
				mu.Unlock()
				if stop {
					return
				}
				err := do(worker, i)
				mu.Lock()
				if err != nil && i < failed {
					failed, failure = i, err
				}
				finished++
				if err == nil && done != nil {
					done(finished, n)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if failure != nil {
		return failure
	}
	return ctx.Err()
}

// generator returns a random source of its own for each purpose, dataset and
// number, so that no draw depends on the order of others.
func generator(seed uint64, purpose, dataset string, number int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(dataset))
	// The odd multiplier (the golden ratio in 64 bits) spreads close numbers.
	return rand.New(rand.NewPCG(seed, h.Sum64()^uint64(number)*0x9e3779b97f4a7c15))
}
