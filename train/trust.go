package train

// trust returns how far a project's labels agree with what can be seen.
func (f *fitting) trust(project int) float64 {
	p := f.projects[project]
	same, all := 1.0, 1.0
	byDocument := map[uint64]map[int32]float64{}
	for i, r := range p.records {
		if byDocument[r.Document()] == nil {
			byDocument[r.Document()] = map[int32]float64{}
		}
		byDocument[r.Document()][p.groups[i]]++
	}
	for _, groups := range byDocument {
		n := 0.0
		for _, k := range groups {
			n += k
			same += k * (k - 1) / 2
		}
		all += n * (n - 1) / 2
	}
	return same / all
}
