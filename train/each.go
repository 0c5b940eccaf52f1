package train

import (
	"context"
	"sync"
)

// each runs work for 0 to n-1 over some goroutines, until the context ends;
// after each piece progress, if not nil, is told how many are done, one call at
// a time.
func each(ctx context.Context, workers, n int, progress func(done int), work func(i int)) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	next, done := 0, 0
	for range workers {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				work(i)
				mu.Lock()
				done++
				if progress != nil {
					progress(done)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}
