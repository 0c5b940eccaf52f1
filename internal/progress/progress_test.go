package progress

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// terminal is what a test sees of a display: the bytes it wrote, and a clock
// that moves only when told to.
type terminal struct {
	bytes.Buffer
	time   time.Time
	timers []*timer
}

type timer struct {
	at time.Time
	f  func() // nil once it ran or was stopped
}

func newTerminal() (*terminal, *Display) {
	t := &terminal{time: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)}
	return t, &Display{w: t, columns: 80, clock: clock{
		now: func() time.Time { return t.time },
		after: func(d time.Duration, f func()) func() {
			tm := &timer{at: t.time.Add(d), f: f}
			t.timers = append(t.timers, tm)
			return func() { tm.f = nil }
		},
	}}
}

// pass moves the clock and runs the timers that fall due.
func (t *terminal) pass(d time.Duration) {
	t.time = t.time.Add(d)
	for _, tm := range t.timers {
		if f := tm.f; f != nil && !tm.at.After(t.time) {
			tm.f = nil
			f()
		}
	}
}

// line returns what stands on the line after all that was written: every
// carriage return goes back to the left edge, and the erase sequences empty it.
func (t *terminal) line() string {
	s := t.String()
	for _, erase := range []string{"\x1b[2K", "\x1b[K"} {
		if i := strings.LastIndex(s, erase); i >= 0 {
			s = s[i+len(erase):]
		}
	}
	return s[strings.LastIndex(s, "\r")+1:]
}

func (t *terminal) want(tb testing.TB, when string, parts ...string) {
	tb.Helper()
	line := t.line()
	if len(parts) == 0 && line != "" {
		tb.Errorf("%s the line shows %q, want it empty", when, line)
	}
	for _, p := range parts {
		if !strings.Contains(line, p) {
			tb.Errorf("%s the line shows %q, want it to hold %q", when, line, p)
		}
	}
}

func TestStageShowsAfterOneSecond(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("extracting", 1000)
	term.pass(999 * time.Millisecond)
	s.Add(400)
	if term.Len() > 0 {
		t.Errorf("a stage of 999 ms wrote %q", term.String())
	}
	term.pass(time.Millisecond)
	term.want(t, "after one second", "extracting", "40%", "400/1000")
	s.Done()
	term.want(t, "after Done")
}

func TestStageShowsWithoutAnyStep(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("fitting", 3)
	term.pass(showAfter)
	term.want(t, "after one second", "fitting", "0%", "0/3")
	s.Done()
}

func TestShortStageWritesNothing(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("writing", 10)
	s.Add(10)
	s.Done()
	term.pass(time.Hour)
	if term.Len() > 0 {
		t.Errorf("a short stage wrote %q", term.String())
	}
}

func TestTotalZeroWritesNothing(t *testing.T) {
	for _, total := range []int{0, -1} {
		term, d := newTerminal()
		s := d.Stage("mining", total)
		term.pass(time.Minute)
		s.Add(1)
		s.Done()
		if term.Len() > 0 {
			t.Errorf("a stage of %d steps wrote %q", total, term.String())
		}
	}
}

func TestRedrawIsThrottled(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("scoring", 1000)
	term.pass(showAfter)
	before := term.Len()
	for range 64 {
		term.pass(time.Millisecond)
		s.Add(1)
	}
	if term.Len() != before {
		t.Errorf("64 steps within 64 ms redrew the bar: %q", term.String()[before:])
	}
	term.pass(time.Millisecond)
	s.Add(1)
	term.want(t, "after 65 ms", "65/1000")
}

func TestReport(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("boosting", 0)
	report := func(done, total int) { term.pass(showAfter); s.Report(done, total) }
	report(0, 0)
	if term.Len() > 0 {
		t.Errorf("a report of 0 steps wrote %q", term.String())
	}
	report(10, 40)
	term.want(t, "with a total", "boosting", "25%", "10/40")
	report(20, 50)
	term.want(t, "with another total", "40%", "20/50")
	s.Done()
	term.want(t, "after Done")
}

func TestCountsOutOfRange(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("reading", 10)
	term.pass(showAfter)
	s.Report(-5, 10)
	term.pass(showAfter)
	s.Add(-5)
	term.want(t, "below zero", "0/10")
	s.Report(25, 10)
	s.Done()
	term.want(t, "after more steps than the total")
}

func TestDoneAfterErrorClearsLine(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("evaluating", 100)
	term.pass(showAfter)
	s.Add(1)
	s.Done()
	term.want(t, "after an early Done")
	written := term.Len()
	s.Done()
	term.pass(showAfter)
	s.Add(1)
	s.Report(2, 100)
	if term.Len() != written {
		t.Errorf("an ended stage wrote %q", term.String()[written:])
	}
}

func TestCloseClearsLineForGood(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("evaluating", 100)
	term.pass(showAfter)
	d.Close()
	term.want(t, "after Close")
	written := term.Len()
	term.pass(showAfter)
	s.Add(1)
	s.Done()
	if term.Len() != written {
		t.Errorf("a closed display wrote %q", term.String()[written:])
	}
}

func TestOverlappingStagesShareTheLine(t *testing.T) {
	term, d := newTerminal()
	first, second := d.Stage("first", 10), d.Stage("second", 10)
	term.pass(showAfter)
	second.Add(1)
	term.want(t, "with both open", "first")
	second.Done()
	term.want(t, "after the hidden one ended", "first")
	second = d.Stage("third", 10)
	term.pass(showAfter)
	first.Done()
	term.want(t, "after the shown one ended")
	second.Add(1)
	term.want(t, "after the next step", "third", "1/10")
}

func TestWriterTakesBarOffTheLine(t *testing.T) {
	term, d := newTerminal()
	w := d.Writer(term)
	s := d.Stage("reading", 10)
	term.pass(showAfter)
	w.Write([]byte("warning: few groups\n"))
	if !strings.HasSuffix(term.String(), "\r\x1b[Kwarning: few groups\n") {
		t.Errorf("the warning stands after %q", term.String())
	}
	s.Add(5)
	term.want(t, "after the next step", "5/10")
}

func TestNoTerminalIsSilent(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if d := New(file); d != nil {
		t.Error("a file was taken for a terminal")
	}
	d := New(new(bytes.Buffer))
	if d != nil {
		t.Error("a buffer was taken for a terminal")
	}
	// None of these may panic on the nil display.
	s := d.Stage("reading", 10)
	s.Add(1)
	s.Report(1, 2)
	s.Done()
	d.Close()
	var out bytes.Buffer
	if d.Writer(&out) != &out {
		t.Error("the writer of a silent display is not the one given")
	}
}

func TestConcurrentAdd(t *testing.T) {
	term, d := newTerminal()
	s := d.Stage("scoring", 8000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				s.Add(1)
			}
		})
	}
	wg.Wait()
	term.pass(showAfter)
	if s.done != 8000 {
		t.Errorf("8000 steps were counted as %d", s.done)
	}
	s.Done()
	term.want(t, "after Done")
}

func TestLineFitsTerminal(t *testing.T) {
	for _, columns := range []int{60, 80, 200} {
		term, d := newTerminal()
		d.columns = columns
		s := d.Stage("extracting", 1_000_000)
		term.pass(showAfter)
		s.Add(999_999)
		if n := len([]rune(term.line())); n > columns {
			t.Errorf("the line has %d columns, the terminal %d: %q", n, columns, term.line())
		}
	}
}
