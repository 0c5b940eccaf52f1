package features

// View is a record weighed by its project's document frequencies: what
// [Compare] reads. A view is a snapshot: it does not follow later changes of the
// frequencies. It shares the record's memory.
type View struct {
	Record *Record

	sets     [numSets][]float32 // rarity of each token
	sums     [numSets]float32
	frames   [numGrains][]float32 // rarity of each frame
	words    []float32            // share of documents that hold the word, on a log scale
	types    []float32            // rarity of each exception's type
	template float32
}

// Weigh sets v to the view of r under f, reusing v's memory. Frames of others'
// code, and tokens of functions and modules that no frame of the application has,
// weigh as if more documents had them ([libraryPrior]).
func (v *View) Weigh(r *Record, f *Frequencies) {
	v.Record = r
	scale := f.scale()
	for s := range r.Sets {
		frames := r.grainOf(Set(s))
		w := v.sets[s][:0]
		var sum float32
		for _, h := range r.Sets[s] {
			df := f.count[h]
			if frames.library(h) {
				df += libraryPrior
			}
			x := rarity(df, scale)
			w = append(w, x)
			sum += x
		}
		v.sets[s], v.sums[s] = w, sum
	}
	for g := range numGrains {
		w := v.frames[g][:0]
		for i := range r.Frames {
			var x float32
			if h := r.Frames[i].token(g); h != 0 {
				df := f.count[h]
				if !r.Frames[i].InApp() {
					df += libraryPrior
				}
				x = rarity(df, scale)
			}
			w = append(w, x)
		}
		v.frames[g] = w
	}
	v.words = v.words[:0]
	for _, word := range r.Words {
		v.words = append(v.words, float32(log1p(f.count[word.Hash])/scale))
	}
	v.types = v.types[:0]
	for _, h := range r.Types {
		v.types = append(v.types, rarity(f.count[h], scale))
	}
	v.template = 0
	if r.Template != 0 {
		v.template = rarity(f.count[r.Template], scale)
	}
}

// MeanRarity returns the mean rarity, in [0,1], of one bag of the record's
// tokens; NaN when it has none.
func (v *View) MeanRarity(s Set) float32 {
	n := len(v.Record.Sets[s])
	if n == 0 {
		return nan
	}
	return min(1, max(0, v.sums[s]/float32(n)))
}

// libraryPrior is in how many of the documents not seen yet ([smoothing]) the
// frames of others' code are taken to stand. In a young project every name is
// rare, and what a runtime's String.charAt shares with anything would weigh as
// much as what the application's own code does.
const libraryPrior = smoothing / 2

// grainTokens walks the frames of a record in the order of their tokens.
type grainTokens struct {
	frames []FrameToken
	order  []uint8 // places that are left, by token
	grain  Grain
}

// grainOf returns the frames behind a bag of tokens: none where the tokens are
// no frames' own.
func (r *Record) grainOf(s Set) grainTokens {
	switch s {
	case SetWhole:
		return grainTokens{r.Frames, r.order[GrainWhole], GrainWhole}
	case SetFunction:
		return grainTokens{r.Frames, r.order[GrainFunction], GrainFunction}
	case SetModule:
		return grainTokens{r.Frames, r.order[GrainModule], GrainModule}
	}
	return grainTokens{}
}

// library reports whether frames have the token and none of them is the
// application's own. Tokens must be asked about in ascending order.
func (t *grainTokens) library(token uint64) bool {
	found, own := false, false
	for ; len(t.order) > 0; t.order = t.order[1:] {
		f := &t.frames[t.order[0]]
		h := f.token(t.grain)
		if h > token {
			break
		}
		if h == token {
			found, own = true, own || f.InApp()
		}
	}
	return found && !own
}
