package datasets

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"whorl/datasets/internal/columnar"
)

// plan opens the row groups of a scan in order. At most two are being decoded
// at a time. Those that are decoded and whose batches are not all consumed keep
// their dictionaries: together no more than a quarter of the scan's memory, or
// the next one waits.
type plan struct {
	scan *scan

	mu      sync.Mutex
	changed sync.Cond
	pinned  int64        // bytes of groups that are decoded and not consumed
	groups  []*scanGroup // by number, nil when all owners are through
	file    int          // next of the store to open
	open    *scanFile    // the file of the next row group, if it has one
}

// scanFile is a file while its row groups are read.
type scanFile struct {
	index  int
	file   *columnar.File
	close  func()
	nodes  *eventNodes
	next   int   // row group
	before int64 // rows of the groups before
	users  int   // row groups being read, and one while next may yield more
}

// scanGroup is one row group on its way through a scan.
type scanGroup struct {
	place
	number  int   // among the row groups of the scan
	err     error // the file could not be opened: the only thing to deliver
	file    *scanFile
	group   *columnar.Group
	columns *columns
	before  int64   // rows of the file before this group
	rows    int     // of the group
	step    int     // rows of a batch
	owned   [][]int // places of columns by worker
	left    int     // owners still at it
	batches int     // not consumed yet
	pins    int64   // what it counts for in the plan's pinned
}

// group returns row group number i of those that have rows, or nil at the
// end. It waits until number i-2 is decoded and there is room.
func (p *plan) group(ctx context.Context, i int) *scanGroup {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ctx.Err() == nil && i == len(p.groups) && (i >= 2 && p.groups[i-2] != nil || p.pinned > p.scan.memory/groupShare) {
		p.changed.Wait()
	}
	if ctx.Err() != nil {
		return nil
	}
	if i == len(p.groups) {
		p.groups = append(p.groups, p.next(i))
	}
	return p.groups[i]
}

// leave counts down the owners of a row group.
func (p *plan) leave(g *scanGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.left--; g.left > 0 {
		return
	}
	p.groups[g.number] = nil
	p.drop(g.file)
	if g.batches > 0 {
		g.pins = g.group.Held()
		p.pinned += g.pins
	}
	p.changed.Broadcast()
}

// consumed counts down the batches of a row group.
func (p *plan) consumed(g *scanGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.batches--; g.batches == 0 {
		p.pinned -= g.pins
		p.changed.Broadcast()
	}
}

// wake lets whoever waits look at its context.
func (p *plan) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

// drop closes a file after its last user.
func (p *plan) drop(f *scanFile) {
	if f.users--; f.users == 0 {
		f.close()
	}
}

// close closes what a scan that was broken off left open.
func (p *plan) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		p.drop(p.open)
	}
	for _, g := range p.groups {
		if g != nil && g.err == nil {
			p.drop(g.file)
		}
	}
	p.open, p.groups = nil, nil
}

// next opens the next row group that has rows, nil at the end.
func (p *plan) next(number int) *scanGroup {
	for {
		if p.open == nil {
			if !p.nextFile() {
				return nil
			}
			f, err := p.scan.store.openEvents(p.file)
			p.file++
			if err != nil {
				return &scanGroup{err: err, rows: 1, step: 1, batches: 1, owned: make([][]int, p.scan.workers)}
			}
			f.users = 1
			p.open = f
		}
		f := p.open
		if f.next == f.file.Groups() {
			p.open = nil
			p.drop(f)
			continue
		}
		g := &scanGroup{
			place: place{f.index, f.next}, number: number, file: f, group: f.file.Group(f.next, p.scan.memory/groupShare),
			columns: newColumns(f.nodes, p.scan), before: f.before, left: p.scan.workers,
		}
		f.next++
		f.before += g.group.Rows()
		if g.group.Rows() == 0 || p.scan.only != nil && !p.scan.only[g.place] {
			continue
		}
		g.rows, g.step = int(g.group.Rows()), p.scan.batchRows(g.group)
		g.batches = (g.rows + g.step - 1) / g.step
		g.share(p.scan.workers)
		f.users++
		return g
	}
}

// nextFile moves to the next file that the scan reads.
func (p *plan) nextFile() bool {
	for ; p.file < len(p.scan.store.files); p.file++ {
		if p.scan.store.files[p.file].Role != RoleEvents {
			continue
		}
		if p.scan.only == nil {
			return true
		}
		for at := range p.scan.only {
			if at.file == p.file {
				return true
			}
		}
	}
	return false
}

// share gives each worker columns of about the same stored bytes in total: the
// largest first, each to whoever has least.
func (g *scanGroup) share(workers int) {
	type cost struct {
		place int
		bytes int64
	}
	var costs []cost
	for i, n := range g.columns.leaves {
		if n != nil {
			costs = append(costs, cost{i, g.group.Stored(n) + 1})
		}
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.place, b.place)) })
	g.owned = make([][]int, workers)
	loads := make([]int64, workers)
	for _, c := range costs {
		least := 0
		for w, load := range loads {
			if load < loads[least] {
				least = w
			}
		}
		g.owned[least] = append(g.owned[least], c.place)
		loads[least] += c.bytes
	}
}
