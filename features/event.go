package features

import "time"

// Tri is a boolean that may be unknown, as a nullable column is.
type Tri uint8

// The three values of a Tri. The zero value is Unknown.
const (
	Unknown Tri = iota
	No
	Yes
)

// Event is one error as an application reported it: the text form, which
// lives only between the reader and [Extract].
//
// Empty strings and zero numbers stand for null columns.
type Event struct {
	ID             string    // unique in its export
	OrgID          string    // pseudonymous organisation key
	ProjectID      string    // unique over all organisations
	Time           time.Time // when the error happened, UTC
	Platform       string    // javascript, node, python, java, native, ...
	Release        string
	Environment    string
	RuntimeName    string
	RuntimeVersion string
	Message        string      // log message, for events without an exception
	Exceptions     []Exception // oldest cause first, outermost last
}

// Exception is one raised error of an [Event]'s chain.
type Exception struct {
	Type      string
	Value     string
	Mechanism string // how the error reached the reporter, for example onerror
	Handled   Tri
	Frames    []Frame // oldest caller first, crashing frame last
}

// Frame is one call of a stack trace.
type Frame struct {
	Function    string
	Module      string
	Filename    string
	AbsPath     string
	ContextLine string // source text of the line
	// Package is the image, archive or assembly that a native frame's code is
	// in. Exports have no such column; stack trace rules look at it where a
	// caller knows it, and nothing else does.
	Package string
	Line    int32 // 1-based; 0 is unknown
	Column  int32 // 1-based; 0 is unknown
	InApp   Tri   // the reporter's belief that the frame is the application's own
}
