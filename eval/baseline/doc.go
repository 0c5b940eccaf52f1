// Package baseline holds the rules and published methods that a model must
// beat, as [eval.Scorer]s that are made by name.
//
//  1. [Names] lists them, [Default] those that an evaluation runs unasked.
//  2. [Tune] finds the settings of a score baseline by seeded random search on
//     training projects, with the budget that a model gets, and its thresholds.
//  3. [WriteSettings] and [ReadSettings] carry them in baselines.json.
//  4. [New] makes a scorer from a name and its settings; without settings the
//     published ones stand, and the scorer says that it is untuned.
//
// Rule baselines say yes or no: each event has some keys, and two events are
// one problem when they share one. Score baselines give a number.
//
//	static     rule   the grouping rules of newstyle:2023-01-11
//	top-frame  rule   exception type and the application's frame nearest the crash
//	message    rule   exception type and parameterised message
//	fast       score  weighted alignment of stack traces (Rodrigues et al. 2022)
//	tfidf      score  cosine of functions, words and types by rarity (Lerch and Mezini 2013)
//	prefix     score  common prefix from the crash on (Modani et al. 2007)
//	pdm        score  position dependent model of ReBucket (Dang et al. 2012)
//	tracesim   score  weighted edit distance of stack traces (Vasiliev et al. 2020)
//	drain      rule   exception type and message template (He et al. 2017)
//
// A score baseline is a method: what it takes of a record, how a token's rarity
// weighs, and how two events compare. The rest they share.
package baseline
