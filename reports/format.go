package reports

import (
	"math"
	"strconv"
	"strings"

	"whorl/eval/result"
)

// missing stands where a result has no figure.
const missing = "–"

// number prints v with a fixed number of decimals, or with an exponent where
// that would fill a line. A zero never has a sign.
func number(v float64, decimals int) string {
	if math.Abs(v) >= 1e9 {
		return strconv.FormatFloat(v, 'e', 3, 64)
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if digits, negative := strings.CutPrefix(s, "-"); negative {
		if strings.Trim(digits, "0.") == "" {
			return digits
		}
		return "−" + digits
	}
	return s
}

// value prints a figure without its interval.
func (u unit) value(v float64) string {
	if u == share {
		return u.bare(v) + " %"
	}
	return u.bare(v)
}

// bare prints a figure without its unit.
func (u unit) bare(v float64) string {
	switch u {
	case share:
		return number(100*v, 1)
	case count:
		if v == math.Trunc(v) && math.Abs(v) < 1e9 {
			return integer(int64(v))
		}
		return number(v, 1)
	}
	return number(v, 3)
}

// signed prints a difference without its unit, always with its sign. Where
// rounding would make it 0 it gets up to two more decimals, so that an end that
// just leaves out 0 is seen to do so.
func (u unit) signed(v float64) string {
	s := u.bare(v)
	scale, decimals := 1.0, 3
	switch u {
	case share:
		scale, decimals = 100, 1
	case count:
		decimals = 1
	}
	for more := 1; more <= 2 && strings.Trim(s, "0.") == ""; more++ {
		s = number(scale*v, decimals+more)
	}
	if strings.Trim(s, "0.") == "" {
		return u.bare(0)
	}
	if v > 0 && !strings.HasPrefix(s, "+") {
		return "+" + s
	}
	return s
}

// span prints a figure's interval, or "" where there is none.
func (u unit) span(f result.Figure) string {
	if f.Low == nil || f.High == nil {
		return ""
	}
	return "[" + u.bare(*f.Low) + ", " + u.bare(*f.High) + "]"
}

// deltaSpan prints a difference's interval.
func (u unit) deltaSpan(d result.Difference) string {
	return "[" + u.signed(d.Low) + ", " + u.signed(d.High) + "]"
}

// delta prints a difference and its interval, percentages in points.
func (u unit) delta(d result.Difference) string {
	return u.points(d.Value) + " " + u.deltaSpan(d)
}

// points prints a difference without its interval.
func (u unit) points(v float64) string {
	if u == share {
		return u.signed(v) + " pp"
	}
	return u.signed(v)
}

// integer prints n with commas between thousands.
func integer[T int | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	if n > 0 {
		s = strconv.FormatUint(uint64(n), 10)
	}
	digits, negative := strings.CutPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if negative {
		return "−" + digits
	}
	return digits
}

// counted prints "1 group", "2 groups".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return integer(n) + " " + noun + "s"
}
