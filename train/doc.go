// Package train fits the model that package model serves: the scorer, its
// calibrations and its thresholds, from labelled records.
//
//  1. A [Corpus] holds records and labels, project by project. Exact copies
//     are left out. Records are weighed by their project's frequencies, in half
//     of the mined pairs by those of the day (young.go).
//  2. Pairs are mined from the labels: positives, hard negatives that blocking
//     finds in other groups, random negatives, and pairs with a label of their
//     own, which people may have been asked for. Tuning pairs are drawn beside them as an evaluation draws.
//  3. Groups are assigned to folds, by organisation where there are enough of
//     them, else by time.
//  4. Forests ([whorl/train/boost]) are cross-fitted: each scores the tuning
//     pairs of the fold that it did not see. That chooses the number of trees.
//  5. Margins of the folds left out calibrate probabilities (Platt 1999) and set
//     the thresholds of pairs. The final forest is fitted on what was mined without
//     leaving a fold out.
//  6. Projects are replayed in the order of time with the forests that did not
//     see them. A second, small forest learns there which cluster a query
//     belongs to (groups.go); it is calibrated, and thresholds for joining are
//     set, on replays that it did not see.
//  7. [Fit] returns both as [whorl/model.Parts] with a [Report] of what was
//     mined and what to doubt.
//
// [CrossValidate] stops after the folds left out: its [Validation] is what a
// search compares settings by, and [Gain] says whether a difference is more than
// luck.
//
// [SamplePairs] goes the other way: it chooses the pairs whose labels would tell
// a model most, for people to judge.
//
// Nothing is judged on what it was fitted on, and nothing here may come near
// the data a model is judged by: the package imports neither datasets, which
// reads golden data, nor eval, which scores on it. It meets no text either:
// events became records, hashes and counts, before they got here. It opens no
// file; package model encodes what it returns, and evaluation reads that file,
// not the trainer's state.
//
// The same corpus and settings give the same model to the bit, for any number
// of workers and however the groups are numbered.
package train
