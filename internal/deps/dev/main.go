package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"time"

	"whorl/features"
	"whorl/model"
	"whorl/train"
	"whorl/train/boost"
)

type jframe struct {
	Function, Module, Filename                  string
	AbsPath                                     string `json:"abs_path"`
	ContextLine                                 string `json:"context_line"`
	Lineno, Colno                               int32
	InApp                                       *bool `json:"in_app"`
}
type jexc struct {
	Type, Value string
	Mech        string `json:"mechanism_type"`
	Frames      []jframe
}
type jev struct {
	EventID    string `json:"event_id"`
	Org        string `json:"org_id"`
	Project    string `json:"project_id"`
	Timestamp  string
	Platform   string
	Release    string
	Runtime    string `json:"runtime_name"`
	Message    string
	Exceptions []jexc
	Group      string
	Slices     []string
}

type proj struct {
	id, org string
	recs    []*features.Record
	groups  []int32
	slices  [][]string
	ids     []string
}

func load(name string) []*proj {
	f, err := os.Open("/tmp/" + name + ".jsonl")
	if err != nil {
		panic(err)
	}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	byID := map[string]*proj{}
	gnum := map[string]int32{}
	var order []*proj
	var x features.Extractor
	type row struct {
		t  time.Time
		id string
		e  jev
	}
	var rows []row
	for sc.Scan() {
		var e jev
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			panic(err)
		}
		t, _ := time.Parse(time.RFC3339Nano, e.Timestamp)
		rows = append(rows, row{t, e.EventID, e})
	}
	sort.Slice(rows, func(i, j int) bool {
		if !rows[i].t.Equal(rows[j].t) {
			return rows[i].t.Before(rows[j].t)
		}
		return rows[i].id < rows[j].id
	})
	for _, r := range rows {
		e := r.e
		ev := features.Event{ID: e.EventID, OrgID: e.Org, ProjectID: e.Project, Time: r.t, Platform: e.Platform, Release: e.Release, RuntimeName: e.Runtime, Message: e.Message}
		for _, ex := range e.Exceptions {
			fx := features.Exception{Type: ex.Type, Value: ex.Value, Mechanism: ex.Mech}
			for _, fr := range ex.Frames {
				in := features.Unknown
				if fr.InApp != nil {
					in = features.No
					if *fr.InApp {
						in = features.Yes
					}
				}
				fx.Frames = append(fx.Frames, features.Frame{Function: fr.Function, Module: fr.Module, Filename: fr.Filename, AbsPath: fr.AbsPath, ContextLine: fr.ContextLine, Line: fr.Lineno, Column: fr.Colno, InApp: in})
			}
			ev.Exceptions = append(ev.Exceptions, fx)
		}
		p := byID[e.Project]
		if p == nil {
			p = &proj{id: e.Project, org: e.Org}
			byID[e.Project] = p
			order = append(order, p)
		}
		rec := new(features.Record)
		x.Extract(&ev, rec)
		g, ok := gnum[e.Group]
		if !ok {
			g = int32(len(gnum))
			gnum[e.Group] = g
		}
		p.recs = append(p.recs, rec)
		p.groups = append(p.groups, g)
		p.slices = append(p.slices, e.Slices)
		p.ids = append(p.ids, e.EventID)
	}
	return order
}

func main() {
	without := flag.String("without", "", "")
	trees := flag.Int("trees", 300, "")
	sets := flag.String("sets", "golden_js-dev,golden_kernel-dev,golden_java-dev,golden_logs-dev", "")
	trainSet := flag.String("train", "exports_fleet", "")
	lr := flag.Float64("lr", 0.1, "")
	leaves := flag.Int("leaves", 31, "")
	hard := flag.Int("hard", 0, "")
	random := flag.Int("random", 0, "")
	imp := flag.Bool("imp", false, "")
	flag.Parse()
	t0 := time.Now()
	ps := load(*trainSet)
	fmt.Println("load+extract", time.Since(t0))
	var c train.Corpus
	orgs := map[string]int{}
	for _, p := range ps {
		if _, ok := orgs[p.org]; !ok {
			orgs[p.org] = len(orgs)
		}
		conf := make([]float32, len(p.recs))
		for i := range conf {
			conf[i] = 1
		}
		c.Projects = append(c.Projects, train.Project{Organisation: orgs[p.org], Records: p.recs, Groups: p.groups, Confidence: conf})
	}
	t0 = time.Now()
	last := ""
	par := train.Params{Seed: 1, Workers: 2, Boost: boost.Params{Trees: *trees, LearningRate: *lr, Leaves: *leaves}, Mine: train.MineParams{Hard: *hard, Random: *random}, Progress: func(s string, d, t int) {
		if s != last {
			fmt.Println("  ", s, time.Since(t0))
			last = s
		}
	}}
	if *without != "" {
		par.Without = strings.Split(*without, ",")
	}
	out, err := train.Fit(context.Background(), &c, par)
	if err != nil {
		panic(err)
	}
	fmt.Printf("fit %v trees %d\n", time.Since(t0), out.Report.Trees)
	for _, p := range out.Report.Platforms {
		fmt.Printf("  %+v cal %+v thr %.4f\n", p, out.Parts.Calibrations[p.Platform], out.Parts.Thresholds[p.Platform])
	}
	fmt.Println("  fallback", out.Parts.Fallback, out.Parts.FallbackThreshold)
	for _, w := range out.Report.Warnings {
		fmt.Println("  warn", w)
	}
	if *imp {
		cnt := map[int32]int{}
		for _, f := range out.Parts.Forest.Feature {
			if f >= 0 {
				cnt[f]++
			}
		}
		for i := range features.Schema {
			fmt.Printf("   %-20s %d\n", features.Schema[i].Name, cnt[int32(i)])
		}
	}
	out.Parts.Version = "dev"
	b, err := model.Marshal(&out.Parts)
	if err != nil {
		panic(err)
	}
	m, err := model.Decode(b)
	if err != nil {
		panic(err)
	}
	fmt.Println("model bytes", len(b))
	for _, s := range strings.Split(*sets, ",") {
		evalSet(m, s)
	}
}

type sp struct {
	s    float64
	same bool
}

func recallAt(ps []sp, target float64) (rec, auc float64, npos int) {
	sort.Slice(ps, func(i, j int) bool { return ps[i].s > ps[j].s })
	for _, p := range ps {
		if p.same {
			npos++
		}
	}
	tp, n := 0, 0
	var au float64
	for i := 0; i < len(ps); {
		s := ps[i].s
		var dp, dn int
		for ; i < len(ps) && ps[i].s == s; i++ {
			if ps[i].same {
				dp++
			} else {
				dn++
			}
		}
		au += float64(dn) * (float64(tp) + float64(dp)/2)
		tp += dp
		n += dp + dn
		if float64(tp) >= target*float64(n) {
			rec = float64(tp) / float64(npos)
		}
	}
	return rec, au / float64(npos) / float64(len(ps)-npos), npos
}

func evalSet(m *model.Model, name string) {
	ps := load(name)
	var f1s []float64
	t0 := time.Now()
	var recs, aucs []float64
	var precs, rr, newau []float64
	for _, p := range ps {
		var f features.Frequencies
		for _, r := range p.recs {
			f.Add(r)
		}
		seen := map[uint64]bool{}
		var idx []int
		for i, r := range p.recs {
			if !seen[r.Content] {
				seen[r.Content] = true
				idx = append(idx, i)
			}
		}
		views := make([]features.View, len(idx))
		for k, i := range idx {
			views[k].Weigh(p.recs[i], &f)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		share := 1.0
		if n := len(idx) * (len(idx) - 1) / 2; n > 300000 {
			share = 300000 / float64(n)
		}
		var v features.Vector
		var pairs []sp
		tp, fp := 0, 0
		for a := range idx {
			for b := range a {
				if share < 1 && rng.Float64() > share {
					continue
				}
				features.Compare(&views[a], &views[b], &v)
				pr := m.Probability(&v, model.PairPlatform(p.recs[idx[a]].Platform, p.recs[idx[b]].Platform))
				same := p.groups[idx[a]] == p.groups[idx[b]]
				pairs = append(pairs, sp{pr, same})
				if pr >= m.Threshold(p.recs[idx[a]].Platform) {
					if same {
						tp++
					} else {
						fp++
					}
				}
			}
		}
		rec, auc, npos := recallAt(pairs, .97)
		recs = append(recs, rec)
		aucs = append(aucs, auc)
		precs = append(precs, float64(tp)/float64(tp+fp))
		fmt.Printf("    %s %s distinct %d pos %d R@97 %.3f AUC %.4f own P %.3f R %.3f", name, p.id, len(idx), npos, rec, auc, float64(tp)/float64(tp+fp), float64(tp)/float64(npos))
		// replay + retrieval
		g := model.NewGrouper(m)
		rg := model.NewGrouper(m)
		pred := make([]int, len(p.recs))
		known := map[int32]bool{}
		var hit, q int
		var nv []sp
		for i, r := range p.recs {
			pred[i] = g.Group(r).Cluster
			cands := rg.Candidates(nil, r, 0)
			best := -1.0
			var bestG int32 = -1
			for _, c := range cands {
				if c.Probability > best || c.Probability == best && c.Cluster < int(bestG) {
					best = c.Probability
					bestG = int32(c.Cluster)
				}
			}
			if known[p.groups[i]] {
				q++
				if bestG == p.groups[i] {
					hit++
				}
			}
			nv = append(nv, sp{best, known[p.groups[i]]})
			known[p.groups[i]] = true
			rg.Add(r, int(p.groups[i]))
		}
		_, na, _ := recallAt(nv, .5)
		pB, rB, over := bcubed(pred, p.groups)
		f1 := 2 * pB * rB / (pB + rB)
		f1s = append(f1s, f1)
		rr = append(rr, float64(hit)/float64(q))
		newau = append(newau, na)
		fmt.Printf(" | B3 P %.3f R %.3f F1 %.3f clusters %d/%d over %.3f | RR1 %.3f new AUC %.3f\n", pB, rB, f1, g.Clusters(), len(known), over, float64(hit)/float64(q), na)
	}
	fmt.Printf("== %s R@97 %.3f AUC %.4f ownP %.3f B3F1 %.3f RR1 %.3f newAUC %.3f (%v)\n", name, mean(recs), mean(aucs), mean(precs), mean(f1s), mean(rr), mean(newau), time.Since(t0))
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

func bcubed(pred []int, gold []int32) (p, r, over float64) {
	type k struct {
		c int
		g int32
	}
	n := map[k]int{}
	cs := map[int]int{}
	gs := map[int32]int{}
	for i := range pred {
		n[k{pred[i], gold[i]}]++
		cs[pred[i]]++
		gs[gold[i]]++
	}
	maj := map[int]int{}
	for kk, v := range n {
		p += float64(v) * float64(v) / float64(cs[kk.c])
		r += float64(v) * float64(v) / float64(gs[kk.g])
		if v > maj[kk.c] {
			maj[kk.c] = v
		}
	}
	m := 0
	for _, v := range maj {
		m += v
	}
	t := float64(len(pred))
	return p / t, r / t, 1 - float64(m)/t
}
