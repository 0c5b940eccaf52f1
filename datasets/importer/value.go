package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// value is a piece of a JSON document whose shape nobody vouches for. Every
// method takes what it is not for as absent, so that one odd field does not
// cost the event.
type value struct{ v any }

// parseValue reads one JSON value, with nothing after it.
func parseValue(data []byte) (value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
			return value{}, errors.New("the JSON ends too early")
		}
		return value{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return value{}, errors.New("more text after the JSON value")
	}
	return value{v}, nil
}

// exists tells whether there is anything but null.
func (v value) exists() bool { return v.v != nil }

func (v value) isObject() bool { _, ok := v.v.(map[string]any); return ok }

// get follows keys through objects.
func (v value) get(keys ...string) value {
	for _, k := range keys {
		m, _ := v.v.(map[string]any)
		v = value{m[k]}
	}
	return v
}

// first is the value of the first key that exists: formats rename fields.
func (v value) first(keys ...string) value {
	for _, k := range keys {
		if x := v.get(k); x.exists() {
			return x
		}
	}
	return value{}
}

// list returns the elements of an array without its nulls; anything else but
// null is an array of one.
func (v value) list() []value {
	array, ok := v.v.([]any)
	if !ok {
		if !v.exists() {
			return nil
		}
		return []value{v}
	}
	all := make([]value, 0, len(array))
	for _, x := range array {
		if x != nil {
			all = append(all, value{x})
		}
	}
	return all
}

// text returns a string, or a number as it is written.
func (v value) text() string {
	switch x := v.v.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return ""
}

// any returns a string, or JSON of whatever else is not null.
func (v value) any() string {
	if s := v.text(); s != "" || !v.exists() {
		return s
	}
	if _, ok := v.v.(string); ok {
		return ""
	}
	data, err := json.Marshal(v.v)
	if err != nil {
		return ""
	}
	return string(data)
}

// int returns a whole number from 1 to the largest int32, written as number or
// string, and 0 for everything else: line numbers begin at 1.
func (v value) int() int32 {
	f, err := strconv.ParseFloat(v.text(), 64)
	if err != nil || f != math.Trunc(f) || f < 1 || f > math.MaxInt32 {
		return 0
	}
	return int32(f)
}

// bool tells whether it is true or false; ok is false if it is neither.
func (v value) bool() (yes, ok bool) {
	yes, ok = v.v.(bool)
	return yes, ok
}

// The years in which an event may have happened. A number outside, in any
// unit, is no time.
var (
	earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// time returns a time: RFC 3339 or its like without a zone (UTC), or a number
// of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart
// by magnitude. It is zero if it is none of these.
func (v value) time() time.Time {
	s := strings.TrimSpace(v.text())
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		for _, unit := range [...]float64{1, 1e3, 1e6, 1e9} {
			seconds := f / unit
			if !(math.Abs(seconds) < 1e11) {
				continue
			}
			whole, part := math.Modf(seconds)
			if t := time.Unix(int64(whole), int64(part*1e9)).UTC().Round(time.Microsecond); plausible(t) {
				return t
			}
		}
		return time.Time{}
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05 -0700", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && plausible(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

func plausible(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }

// position makes a JSON error name the byte, where it knows it.
func position(err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Errorf("%w (byte %d)", err, s.Offset)
	}
	return err
}
