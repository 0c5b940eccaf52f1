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

// Weigh sets v to the view of r under f, reusing v's memory.
func (v *View) Weigh(r *Record, f *Frequencies) {
	v.Record = r
	scale := f.scale()
	for s := range r.Sets {
		w := v.sets[s][:0]
		var sum float32
		for _, h := range r.Sets[s] {
			x := rarity(f.count[h], scale)
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
				x = rarity(f.count[h], scale)
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
