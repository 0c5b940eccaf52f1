// Package metric computes the figures of an evaluation from plain slices. It
// knows no event, scorer or file, keeps no state and draws no random numbers.
//
// There are three families:
//
//  1. thresholds over scored pairs: [Sweep] lowers a threshold once over the
//     sorted scores and yields ROC-AUC, average precision and recall at a
//     stated precision; [Confusion] holds one operating point;
//     [CalibrationError] asks whether scores are probabilities;
//  2. ranked clusters: [ReciprocalRank] and [HitWithin] with exact tie handling;
//  3. partitions: [Contingency] sets clusters against groups and yields an
//     [Agreement]: B-cubed, pairwise, adjusted Rand, over-merge and split.
//
// Every figure takes weights, so that sampled pairs and bootstrap resamples go
// through the same code as the plain case. Weights are finite and not
// negative. A figure that is undefined (no positive, nothing predicted GROUP)
// is returned with ok false, never as a silent zero.
package metric
