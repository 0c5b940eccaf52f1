// Package model is what production links: it opens a model file and says how
// probable it is that two errors are the same problem.
//
// From the file to a decision:
//
//  1. [Open] reads the file once, checks every byte of it (FORMAT.md) and
//     returns a [Model]: immutable, safe for any number of goroutines.
//  2. Package features turns two events into a comparison vector.
//  3. [Model.Margin] sends the vector down every tree and sums the leaves: the
//     log-odds, before calibration, that the events are one problem.
//  4. [Model.Probability] maps the margin to a probability with the
//     calibration of the platform.
//  5. The pair is a match when that is at least [Model.Threshold], chosen in
//     training for the stated [Model.PrecisionTarget].
//  6. [Model.Explain] splits the margin into one part a feature.
//
// That judges pairs. The online part, the Grouper in grouper.go, keeps the
// clusters of one project: it picks candidates for a new event, applies steps 2
// to 4 to each, sums up by cluster how its members compare ([GroupVector],
// groups.go), takes from a second forest how probable it is that the event
// belongs there, and lets it join the most probable cluster if that reaches
// [Model.JoinThreshold], else found one. On a platform that is not
// [Model.Measured] the best member has a say as well.
//
// The other direction is [Marshal]: a trainer hands over [Parts] and gets the
// bytes of a file that Open accepts.
//
// A file that differs from what was published in a single bit, or that was
// trained for other features, is refused and never scored: a grouping model
// that is a little wrong merges strangers without anybody noticing. Each kind
// of refusal has its own error. The package links the standard library only,
// and neither it nor the file knows any text of any event.
package model
