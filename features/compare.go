package features

import "math"

// The alignments of the comparison vector. Their parameters lie in the middle
// of what tuned settings of FaST chose on public crash reports.
var (
	byFunction     = alignment{grain: GrainFunction, place: powers(0.6), near: decays(0.05)}
	byFunctionFlat = alignment{grain: GrainFunction, place: powers(0.1), near: decays(0)}
	byWhole        = alignment{grain: GrainWhole, place: powers(0.6), near: decays(0.05)}
	byModule       = alignment{grain: GrainModule, place: powers(0.4), near: decays(0.02)}
	byInApp        = alignment{grain: GrainFunction, place: powers(1), near: decays(0.05), inApp: true}
	byInner        = alignment{grain: GrainFunction, place: powers(1), near: decays(0.1), inner: true}
)

// Compare sets out to the comparison vector of a and b: symmetric to the bit,
// every value inside its range in [Schema] or NaN where it does not apply.
func Compare(a, b *View, out *Vector) {
	ra, rb := a.Record, b.Record
	v := out
	v[alignFunction] = byFunction.similarity(a, b)
	v[alignFunctionFlat] = byFunctionFlat.similarity(a, b)
	v[alignWhole] = byWhole.similarity(a, b)
	v[alignModule] = byModule.similarity(a, b)
	v[alignInApp] = byInApp.similarity(a, b)
	v[alignInner] = byInner.similarity(a, b)

	v[alignOrder] = inOrder(a, b)

	v[overlapWhole], v[containWhole], v[sharedRarest], _, _ = overlap(a, b, SetWhole)
	var onlyA, onlyB float32
	v[overlapFunction], v[containFunction], _, onlyA, onlyB = overlap(a, b, SetFunction)
	v[unmatchedMost], v[unmatchedLeast] = nan, nan
	if len(ra.Sets[SetFunction]) > 0 && len(rb.Sets[SetFunction]) > 0 {
		v[unmatchedMost], v[unmatchedLeast] = max(onlyA, onlyB), min(onlyA, onlyB)
	}
	v[overlapModule], v[containModule], _, _, _ = overlap(a, b, SetModule)
	v[overlapSubtoken], v[containSubtoken], _, _, _ = overlap(a, b, SetSubtoken)
	v[overlapTop], _, _, _, _ = overlap(a, b, SetTop)
	v[overlapContext], _, _, _, _ = overlap(a, b, SetContext)
	v[overlapSite], v[containSite], _, _, _ = overlap(a, b, SetSite)
	v[overlapWord], v[containWord], _, _, _ = overlap(a, b, SetWord)

	compareTops(a, b, v)
	compareTypes(ra, rb, v)
	compareMessages(a, b, v)
	compareShapes(ra, rb, v)
}

// overlap returns the rarity-weighted Jaccard index and containment of one bag
// of tokens, the greatest rarity of a shared token and of those that only one
// side has. Index, containment and shared are NaN when a side has no token.
func overlap(a, b *View, s Set) (jaccard, contain, shared, onlyA, onlyB float32) {
	x, y := a.Record.Sets[s], b.Record.Sets[s]
	wx, wy := a.sets[s], b.sets[s]
	if len(x) == 0 || len(y) == 0 {
		return nan, nan, nan, 0, 0
	}
	var common float32
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] < y[j]:
			onlyA = max(onlyA, wx[i])
			i++
		case x[i] > y[j]:
			onlyB = max(onlyB, wy[j])
			j++
		default:
			w := (wx[i] + wy[j]) / 2
			common += w
			shared = max(shared, w)
			i, j = i+1, j+1
		}
	}
	for ; i < len(x); i++ {
		onlyA = max(onlyA, wx[i])
	}
	for ; j < len(y); j++ {
		onlyB = max(onlyB, wy[j])
	}
	return ratio(common, a.sums[s]+b.sums[s]-common), ratio(common, min(a.sums[s], b.sums[s])), shared, onlyA, onlyB
}

// ratio returns part/whole in [0,1]; tokens without any weight are equal
// enough to count as 1.
func ratio(part, whole float32) float32 {
	if whole <= 1e-6 {
		return 1
	}
	return min(1, max(0, part/whole))
}

// same returns 1 for equal hashes, 0 for different ones and NaN when one is
// unknown.
func same(a, b uint64) float32 {
	switch {
	case a == 0 || b == 0:
		return nan
	case a == b:
		return 1
	}
	return 0
}

// firstInApp returns the application's frame nearest the crash, or nil.
func firstInApp(r *Record) *FrameToken {
	for i := range r.Frames {
		if r.Frames[i].InApp() {
			return &r.Frames[i]
		}
	}
	return nil
}

func compareTops(a, b *View, v *Vector) {
	ra, rb := a.Record, b.Record
	for _, i := range [...]int{prefixWhole, prefixFunction, topFunction, topModule, topInAppFunction, topInAppModule, topInAppLine, topLine, topContext, divergenceDepth, divergenceRarity} {
		v[i] = nan
	}
	if len(ra.Frames) == 0 || len(rb.Frames) == 0 {
		return
	}
	fa, fb := &ra.Frames[0], &rb.Frames[0]
	v[topFunction] = same(fa.Function, fb.Function)
	v[topModule] = same(fa.Module, fb.Module)
	v[topContext] = same(fa.Context, fb.Context)
	v[topLine] = sameLine(fa, fb)
	if ia, ib := firstInApp(ra), firstInApp(rb); ia != nil && ib != nil {
		v[topInAppFunction] = same(ia.Function, ib.Function)
		v[topInAppModule] = same(ia.Module, ib.Module)
		v[topInAppLine] = sameLine(ia, ib)
	}

	n := min(len(ra.Frames), len(rb.Frames))
	depth := 0
	var run float32
	for depth < n && ra.Frames[depth].Whole == rb.Frames[depth].Whole && ra.Frames[depth].Whole != 0 {
		run += (a.frames[GrainWhole][depth] + b.frames[GrainWhole][depth]) / 2
		depth++
	}
	v[prefixWhole] = ratio(run, min(total(a.frames[GrainWhole]), total(b.frames[GrainWhole])))
	functions := 0
	for functions < n && ra.Frames[functions].Function == rb.Frames[functions].Function {
		functions++
	}
	v[prefixFunction] = float32(math.Log1p(float64(functions)))
	v[divergenceDepth] = float32(depth) / float32(n)
	if depth < n {
		v[divergenceRarity] = min(a.frames[GrainWhole][depth], b.frames[GrainWhole][depth])
	}
}

// sameLine tells whether two frames of one module have one line; NaN where the
// modules differ or a line is unknown.
func sameLine(a, b *FrameToken) float32 {
	switch {
	case a.Module == 0 || a.Module != b.Module || a.Line <= 0 || b.Line <= 0:
		return nan
	case a.Line == b.Line:
		return 1
	}
	return 0
}

func total(w []float32) float32 {
	var sum float32
	for _, x := range w {
		sum += x
	}
	return sum
}

func compareTypes(a, b *Record, v *Vector) {
	v[innerType], v[typeOverlap], v[chainGap] = nan, nan, 0
	if len(a.Types) > 0 && len(b.Types) > 0 {
		v[innerType] = same(a.Types[0], b.Types[0])
		common := 0
		for i, t := range a.Types {
			if !contains(a.Types[:i], t) && contains(b.Types, t) {
				common++
			}
		}
		union := distinct(a.Types) + distinct(b.Types) - common
		v[typeOverlap] = float32(common) / float32(union)
	}
	gap := len(a.Types) - len(b.Types)
	v[chainGap] = float32(min(8, max(gap, -gap)))
}

func contains(s []uint64, h uint64) bool {
	for _, x := range s {
		if x == h {
			return true
		}
	}
	return false
}

func distinct(s []uint64) int {
	n := 0
	for i, x := range s {
		if !contains(s[:i], x) {
			n++
		}
	}
	return n
}

func compareMessages(a, b *View, v *Vector) {
	ra, rb := a.Record, b.Record
	for _, i := range [...]int{sameFault, sameSubject, sameTemplate, templateRarity, wordPlaces, wordCommonest, wordLetters, slotValues, slotNumbers, slotAddresses} {
		v[i] = nan
	}
	if ra.Fault != 0 && rb.Fault != 0 {
		v[sameFault] = 0
		if ra.Fault == rb.Fault {
			v[sameFault] = 1
		}
	}
	v[sameSubject] = same(ra.Subject, rb.Subject)
	v[slotAddresses] = addresses(ra, rb)
	v[sameTemplate] = same(ra.Template, rb.Template)
	if ra.Template == 0 || rb.Template == 0 {
		return
	}
	v[templateRarity] = min(a.template, b.template)
	if ra.Template == rb.Template {
		v[slotValues], v[slotNumbers] = slots(ra, rb)
		v[wordPlaces] = 1
		return
	}
	compareWords(a, b, v)
}

// compareWords looks at two messages of different templates: how far they
// agree from their ends, and whether the words that differ look like the
// wording (common, plain) or like parameters that no rule knew (rare, mixed).
func compareWords(a, b *View, v *Vector) {
	x, y := a.Record.Words, b.Record.Words
	if len(x) == 0 || len(y) == 0 {
		return
	}
	n := min(len(x), len(y))
	front := 0
	for front < n && x[front].Hash == y[front].Hash {
		front++
	}
	back := 0
	for back < n-front && x[len(x)-1-back].Hash == y[len(y)-1-back].Hash {
		back++
	}
	equal := front + back
	if len(x) == len(y) {
		for i := front; i < len(x)-back; i++ {
			if x[i].Hash == y[i].Hash {
				equal++
			}
		}
	}
	v[wordPlaces] = float32(equal) / float32(max(len(x), len(y)))

	var commonest float32
	var plain, lone int
	one := func(view *View, words, others []Word) {
		for i, w := range words[front : len(words)-back] {
			if len(words) == len(others) && others[front+i].Hash == w.Hash {
				continue
			}
			lone++
			if w.Shape == ShapeLetters {
				plain++
			}
			commonest = max(commonest, view.words[front+i])
		}
	}
	one(a, x, y)
	one(b, y, x)
	if lone > 0 {
		v[wordCommonest] = min(1, commonest)
		v[wordLetters] = float32(plain) / float32(lone)
	}
}

// slots compares the parameters of two messages of one template: the share of
// equal values, over all and over numbers alone.
func slots(a, b *Record) (values, numbers float32) {
	n := min(len(a.Slots), len(b.Slots))
	if n == 0 {
		return nan, nan
	}
	var equal, counted, equalNumbers int
	for i := range n {
		hit := 0
		if a.Slots[i].Value == b.Slots[i].Value {
			hit = 1
		}
		equal += hit
		if f := Family(a.Slots[i].Family); f == Int || f == Float {
			counted++
			equalNumbers += hit
		}
	}
	values, numbers = float32(equal)/float32(n), nan
	if counted > 0 {
		numbers = float32(equalNumbers) / float32(counted)
	}
	return values, numbers
}

// addresses tells whether two messages name an address or host in common; NaN
// when one names none.
func addresses(a, b *Record) float32 {
	result := nan
	for _, x := range a.Slots {
		if !isAddress(Family(x.Family)) {
			continue
		}
		for _, y := range b.Slots {
			if !isAddress(Family(y.Family)) {
				continue
			}
			if x.Value == y.Value {
				return 1
			}
			result = 0
		}
	}
	return result
}

func isAddress(f Family) bool { return f == URL || f == Hostname || f == IP }

func compareShapes(a, b *Record, v *Vector) {
	least, most := min(len(a.Frames), len(b.Frames)), max(len(a.Frames), len(b.Frames))
	v[framesLeast] = float32(math.Log1p(float64(least)))
	v[framesRatio], v[inAppLeast], v[inAppGap], v[minifiedMost], v[minifiedGap] = nan, nan, nan, nan, nan
	if most > 0 {
		v[framesRatio] = float32(least) / float32(most)
	}
	if least > 0 {
		na, nb := float32(len(a.Frames)), float32(len(b.Frames))
		pa, pb := float32(a.App)/na, float32(b.App)/nb
		v[inAppLeast], v[inAppGap] = min(pa, pb), abs(pa-pb)
		pa, pb = float32(a.Minified)/na, float32(b.Minified)/nb
		v[minifiedMost], v[minifiedGap] = max(pa, pb), abs(pa-pb)
	}
	v[foreignKind] = count(a.foreign()) + count(b.foreign())
	v[messageOnly] = count(len(a.Frames) == 0) + count(len(b.Frames) == 0)
	v[sameRelease] = same(a.Release, b.Release)
	v[sameRuntime] = same(a.Runtime, b.Runtime)
	hours := math.Abs(float64(a.Time-b.Time)) / 3.6e6
	v[codeKind] = float32(max(a.Platform.Kind(), b.Platform.Kind()))
	v[timeGap] = float32(min(12, math.Log1p(hours)))
}

// foreign reports whether the trace comes from a browser extension alone.
func (r *Record) foreign() bool { return r.Foreign > 0 && r.Foreign == r.Depth }

func abs(x float32) float32 { return max(x, -x) }

func count(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
