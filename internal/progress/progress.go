// Package progress shows on a terminal how far a long stage has come.
//
//  1. A command makes one [Display] over its standard error and opens a
//     [Stage] for each step of its work.
//  2. Library code knows nothing of this package: it takes a func(done, total
//     int), for which the method value [Stage.Report] serves.
//  3. A stage that lasts more than a second gets a bar, redrawn at most every
//     65 ms; [Stage.Done] takes the bar off the line again, however the stage
//     ended. A short stage, a stage with nothing to do, and any stage whose
//     writer is no terminal write not one byte.
//
// One bar shows at a time. Where stages overlap, the one that got the line
// first keeps it until it is done.
//
// Nil displays and stages are valid and silent, so that callers need no test.
package progress

import (
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	showAfter   = time.Second           // a stage shorter than this shows nothing
	redrawEvery = 65 * time.Millisecond // about 15 frames a second, as terminals redraw smoothly
)

// clock is the time that a display goes by; tests set their own.
type clock struct {
	now func() time.Time
	// after calls f once d has passed, in a goroutine of its own, unless stop is called first.
	after func(d time.Duration, f func()) (stop func())
}

var wallClock = clock{
	now: time.Now,
	after: func(d time.Duration, f func()) func() {
		t := time.AfterFunc(d, f)
		return func() { t.Stop() }
	},
}

// Display is the one line of a terminal on which stages draw their bars. Its
// methods may be called from several goroutines at once.
type Display struct {
	w       io.Writer
	columns int // width of the terminal
	clock   clock

	mu     sync.Mutex // guards what follows, and all stages of the display
	shown  *Stage     // holds the line; nil: the line is free
	closed bool
}

// New returns a display on w, or nil, which is silent, when w is no terminal.
func New(w io.Writer) *Display {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		columns = 80
	}
	return &Display{w: w, columns: columns, clock: wallClock}
}

// Stage opens a stage of total steps and starts its clock. A total of 0 or
// less shows nothing, unless [Stage.Report] gives a total later. The caller
// ends the stage with Done, also after an error.
func (d *Display) Stage(label string, total int) *Stage {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &Stage{display: d, label: label, total: total, start: d.clock.now()}
	s.fitBar()
	// A first step that takes long must not keep the bar from showing.
	s.stopTimer = d.clock.after(showAfter, func() { s.update(func() {}) })
	return s
}

// Writer returns a writer for lines of text, such as warnings, that go to the
// same terminal: each Write first takes the bar off the line, and the stage
// draws it anew with its next step. On a nil display it is w unchanged.
func (d *Display) Writer(w io.Writer) io.Writer {
	if d == nil {
		return w
	}
	return &lineWriter{display: d, w: w}
}

type lineWriter struct {
	display *Display
	w       io.Writer
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.display.mu.Lock()
	defer l.display.mu.Unlock()
	l.display.clearLine()
	return l.w.Write(p)
}

// Close takes a shown bar off the line and lets no other show. It is for the
// way out of a command that was cancelled with stages open; those may be ended
// later or never.
func (d *Display) Close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clearLine()
	d.closed = true
}

// clearLine frees the line; the caller holds the lock.
func (d *Display) clearLine() {
	if d.shown != nil {
		io.WriteString(d.w, "\r\x1b[K") // to the left edge, erase to the right
		d.shown = nil
	}
}

// Stage is one step of a command's work, counted from 0 to a total. Its
// methods may be called from several goroutines at once.
type Stage struct {
	display   *Display
	label     string
	start     time.Time
	stopTimer func()

	done, total int
	ended       bool
	drawn       time.Time                // of the last redraw
	bar         *progressbar.ProgressBar // nil: there is nothing to count
}

// Add counts n more steps as done.
func (s *Stage) Add(n int) {
	if s != nil {
		s.update(func() { s.done += n })
	}
}

// Report sets how many of total steps are done. A total of 0 or less takes no
// bar. It is what library code gets as its func(done, total int).
func (s *Stage) Report(done, total int) {
	if s != nil {
		s.update(func() { s.done, s.total = done, total })
	}
}

// Done ends the stage and clears its bar. Calls after the first do nothing,
// and so do Add and Report on an ended stage.
func (s *Stage) Done() {
	if s == nil {
		return
	}
	s.display.mu.Lock()
	defer s.display.mu.Unlock()
	s.ended = true
	s.stopTimer()
	if s.display.shown == s {
		s.display.clearLine()
	}
}

// update changes the count and redraws the bar where one is due.
func (s *Stage) update(change func()) {
	d := s.display
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	s.fitBar()
	now := d.clock.now()
	switch {
	case s.ended || d.closed || s.bar == nil:
	case now.Sub(s.start) < showAfter:
	case d.shown != nil && d.shown != s:
	case d.shown == s && now.Sub(s.drawn) < redrawEvery:
	default:
		d.shown, s.drawn = s, now
		s.bar.Set(max(0, min(s.done, s.total)))
	}
}

// fitBar gives the stage a bar for its total, or none for a total of 0 or less.
func (s *Stage) fitBar() {
	switch {
	case s.total <= 0:
		s.bar = nil
	case s.bar == nil || s.bar.GetMax() != s.total:
		s.bar = s.display.newBar(s.label, s.total)
	}
}

// newBar makes the bar of a stage that starts now; its estimate of the time
// left counts from here.
func (d *Display) newBar(label string, total int) *progressbar.ProgressBar {
	bar := progressbar.NewOptions(total,
		// Wrapped, because the library syncs a bare *os.File after every write.
		progressbar.OptionSetWriter(struct{ io.Writer }{d.w}),
		progressbar.OptionSetDescription(label),
		progressbar.OptionSetWidth(d.barWidth(label, total)),
		progressbar.OptionShowCount(),
		progressbar.OptionUseANSICodes(true),
	)
	bar.StartWithoutRender()
	return bar
}

// barWidth is the room for the bar proper. A line longer than the terminal
// would wrap, and its first part could not be cleared.
func (d *Display) barWidth(label string, total int) int {
	const rest = 32 // percentage, brackets, two durations
	room := d.columns - utf8.RuneCountInString(label) - 2*len(strconv.Itoa(total)) - rest
	return max(5, min(room, 40))
}
