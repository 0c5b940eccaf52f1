package features

// SchemaID names the meaning of a [Record] and of a comparison vector: token
// key, normalisation, features and their order. A model fits exactly one.
const SchemaID = "whorl.features/4"

// The places of a comparison vector.
const (
	alignFunction = iota
	alignFunctionFlat
	alignWhole
	alignModule
	alignInApp
	alignInner
	prefixWhole
	prefixFunction
	overlapWhole
	containWhole
	overlapFunction
	containFunction
	overlapModule
	containModule
	overlapSubtoken
	containSubtoken
	overlapTop
	overlapContext
	overlapSite
	containSite
	overlapWord
	containWord
	topFunction
	topModule
	topInAppFunction
	topInAppModule
	topInAppLine
	topLine
	topContext
	divergenceDepth
	divergenceRarity
	unmatchedMost
	unmatchedLeast
	sharedRarest
	innerType
	typeOverlap
	sameFault
	sameSubject
	sameTemplate
	templateRarity
	wordPlaces
	wordCommonest
	wordLetters
	slotValues
	slotNumbers
	slotAddresses
	framesLeast
	framesRatio
	inAppLeast
	inAppGap
	minifiedMost
	minifiedGap
	foreignKind
	chainGap
	sameRelease
	sameRuntime
	messageOnly
	timeGap
	codeKind
	alignOrder
	NumFeatures // the length of a comparison vector
)

// Vector is a comparison vector: what two records have in common and what
// tells them apart. A value that does not apply to a pair is NaN.
type Vector [NumFeatures]float32

// Feature documents one place of a comparison vector.
type Feature struct {
	Name     string
	Low      float32 // least value
	High     float32 // greatest value
	Monotone int8    // +1 where more can only mean more alike, 0 where the data must tell
	Meaning  string
}

// Schema describes the comparison vector, place by place.
var Schema = [NumFeatures]Feature{
	alignFunction:     {"align_function", -1, 1, +1, "weighted alignment over functions (FaST, Rodrigues et al. 2022) with rarity for frequency"},
	alignFunctionFlat: {"align_function_flat", -1, 1, +1, "the same with hardly any decay by position"},
	alignWhole:        {"align_whole", -1, 1, +1, "weighted alignment over function and module together"},
	alignModule:       {"align_module", -1, 1, +1, "weighted alignment over modules or files"},
	alignInApp:        {"align_in_app", -1, 1, +1, "weighted alignment over functions of the application's own frames, placed among themselves"},
	alignInner:        {"align_inner", -1, 1, +1, "weighted alignment over functions of the innermost exceptions"},
	prefixWhole:       {"prefix_whole", 0, 1, +1, "rarity of the frames both traces begin with at the crash, over that of the shorter trace"},
	prefixFunction:    {"prefix_function", 0, 4.2, +1, "ln(1+n) of the functions both traces begin with at the crash"},
	overlapWhole:      {"overlap_whole", 0, 1, +1, "rarity-weighted Jaccard index of whole frames"},
	containWhole:      {"contain_whole", 0, 1, +1, "share of the poorer trace's whole frames, by rarity, that the other has"},
	overlapFunction:   {"overlap_function", 0, 1, +1, "rarity-weighted Jaccard index of functions"},
	containFunction:   {"contain_function", 0, 1, +1, "the poorer trace's share of functions in the other"},
	overlapModule:     {"overlap_module", 0, 1, +1, "rarity-weighted Jaccard index of modules"},
	containModule:     {"contain_module", 0, 1, +1, "the poorer trace's share of modules in the other"},
	overlapSubtoken:   {"overlap_subtoken", 0, 1, +1, "rarity-weighted Jaccard index of parts of names and paths"},
	containSubtoken:   {"contain_subtoken", 0, 1, +1, "the poorer trace's share of parts of names and paths in the other"},
	overlapTop:        {"overlap_top", 0, 1, +1, "rarity-weighted Jaccard index of name parts in the three frames nearest the crash"},
	overlapContext:    {"overlap_context", 0, 1, +1, "rarity-weighted Jaccard index of source lines"},
	overlapSite:       {"overlap_site", 0, 1, +1, "rarity-weighted Jaccard index of exact places in files"},
	containSite:       {"contain_site", 0, 1, +1, "the poorer trace's share of exact places in the other"},
	overlapWord:       {"overlap_word", 0, 1, +1, "rarity-weighted Jaccard index of message words"},
	containWord:       {"contain_word", 0, 1, +1, "the poorer message's share of words in the other"},
	topFunction:       {"top_function", 0, 1, +1, "1 if the crashing frames have one function, 0 if not"},
	topModule:         {"top_module", 0, 1, +1, "1 if the crashing frames have one module, 0 if not"},
	topInAppFunction:  {"top_in_app_function", 0, 1, +1, "1 if the application's frames nearest the crash have one function, 0 if not"},
	topInAppModule:    {"top_in_app_module", 0, 1, +1, "1 if the application's frames nearest the crash have one module, 0 if not"},
	topInAppLine:      {"top_in_app_line", 0, 1, +1, "1 if the application's frames nearest the crash have one line in one module, 0 if another line"},
	topLine:           {"top_line", 0, 1, +1, "1 if the crashing frames have one line in one module, 0 if another line"},
	topContext:        {"top_context", 0, 1, +1, "1 if the crashing frames have one source line, 0 if not"},
	divergenceDepth:   {"divergence_depth", 0, 1, +1, "how deep the traces first differ, over the length of the shorter one"},
	divergenceRarity:  {"divergence_rarity", 0, 1, 0, "rarity of the commoner of the two frames where the traces first differ"},
	unmatchedMost:     {"unmatched_most", 0, 1, 0, "rarest function that only one trace has, on the side where it is rarer"},
	unmatchedLeast:    {"unmatched_least", 0, 1, 0, "the same on the other side"},
	sharedRarest:      {"shared_rarest", 0, 1, +1, "rarest whole frame that both traces have"},
	innerType:         {"inner_type", 0, 1, 0, "1 if the innermost exceptions have one type, 0 if not"},
	typeOverlap:       {"type_overlap", 0, 1, 0, "Jaccard index of exception types along the chains"},
	sameFault:         {"same_fault", 0, 1, 0, "1 if JavaScript engines word one kind of fault in both, 0 if another"},
	sameSubject:       {"same_subject", 0, 1, 0, "1 if the fault is about one name in both, 0 if another"},
	sameTemplate:      {"same_template", 0, 1, 0, "1 if the innermost messages have one template, 0 if not"},
	templateRarity:    {"template_rarity", 0, 1, 0, "rarity of the commoner of the two templates"},
	wordPlaces:        {"word_places", 0, 1, 0, "share of equal words place by place, from both ends of the messages"},
	wordCommonest:     {"word_commonest", 0, 1, 0, "log-scaled share of documents with the commonest word that only one message has"},
	wordLetters:       {"word_letters", 0, 1, 0, "share of plain words among those that only one message has"},
	slotValues:        {"slot_values", 0, 1, 0, "share of equal parameter values where the templates agree"},
	slotNumbers:       {"slot_numbers", 0, 1, 0, "share of equal numbers where the templates agree"},
	slotAddresses:     {"slot_addresses", 0, 1, 0, "1 if the messages name one address or host, 0 if not"},
	framesLeast:       {"frames_least", 0, 4.2, 0, "ln(1+n) of the frames in the shorter trace"},
	framesRatio:       {"frames_ratio", 0, 1, 0, "frames of the shorter trace over those of the longer"},
	inAppLeast:        {"in_app_least", 0, 1, 0, "share of the application's frames, on the side where it is less"},
	inAppGap:          {"in_app_gap", 0, 1, 0, "difference of the application's shares"},
	minifiedMost:      {"minified_most", 0, 1, 0, "share of shortened names, on the side where it is more"},
	minifiedGap:       {"minified_gap", 0, 1, 0, "difference of the shares of shortened names"},
	foreignKind:       {"foreign_kind", 0, 2, 0, "how many of the two traces come from a browser extension alone"},
	chainGap:          {"chain_gap", 0, 8, 0, "difference of the lengths of the exception chains"},
	sameRelease:       {"same_release", 0, 1, 0, "1 if both events name one release, 0 if two"},
	sameRuntime:       {"same_runtime", 0, 1, 0, "1 if both events name one runtime, 0 if two"},
	messageOnly:       {"message_only", 0, 2, 0, "how many of the two events have no frame"},
	timeGap:           {"time_gap", 0, 12, 0, "ln(1+hours) between the events"},
	alignOrder:        {"align_order", 0, 1, +1, "weighted alignment over functions that keeps their order (TraceSim, Vasiliev et al. 2020) with rarity for idf"},
	codeKind:          {"code_kind", 0, 3, 0, "what kind of code failed: 0 unknown or log lines, 1 scripts, 2 managed code, 3 native code; the greater of two"},
}

// FeatureIndex returns the place of a feature by its name.
func FeatureIndex(name string) (int, bool) {
	for i := range Schema {
		if Schema[i].Name == name {
			return i, true
		}
	}
	return 0, false
}
