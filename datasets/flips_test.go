package datasets

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"whorl/features"
	"whorl/internal/exporttest"
)

// A row of the required columns and no more: small files have few bits.
type (
	bareFrame struct {
		Function *string `parquet:"function,optional"`
	}
	bareException struct {
		Type   *string     `parquet:"type,optional"`
		Frames []bareFrame `parquet:"frames"`
	}
	bareRow struct {
		EventID    string          `parquet:"event_id"`
		OrgID      string          `parquet:"org_id"`
		ProjectID  string          `parquet:"project_id"`
		Timestamp  int64           `parquet:"timestamp,timestamp(millisecond)"`
		Platform   string          `parquet:"platform"`
		Exceptions []bareException `parquet:"exceptions"`
		Purposes   []string        `parquet:"consent_purposes"`
	}
)

// writeBare writes an export of two events files with the required columns,
// labels, pairs and a ledger.
func writeBare(t testing.TB) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	grant := exporttest.GrantEntry("org", "train_fingerprinting")
	exporttest.Write(t, dir, exporttest.Rows(someEvents(2)...), []exporttest.Label{
		{EventID: "e0", GroupID: "g", Source: "human", Confidence: 1, Slices: []string{"kind:a"}},
	}, exporttest.Options{
		Files: 2, Ledger: []exporttest.Entry{grant},
		Pairs: []exporttest.Pair{{A: "e0", B: "e1", Label: "GROUP", Confidence: 1, Source: "human"}},
	})
	for i, r := range exporttest.EventRows(exporttest.Rows(someEvents(2)...)) {
		row := bareRow{EventID: r.EventID, OrgID: r.OrgID, ProjectID: r.ProjectID, Timestamp: r.Timestamp, Platform: r.Platform, Purposes: r.ConsentPurposes[:1]}
		for _, x := range r.Exceptions {
			row.Exceptions = append(row.Exceptions, bareException{Type: x.Type})
		}
		file := []string{"events-00000.parquet", "events-00001.parquet"}[i]
		exporttest.Replace(t, dir, file, exporttest.Parquet(t, []bareRow{row}, parquet.Compression(&parquet.Snappy)), 1)
	}
	return dir, []string{"events-00000.parquet", "events-00001.parquet", "labels.parquet", "pairs.parquet", "consent-ledger.jsonl"}
}

// eachFlip writes the file at path with each of its bits flipped in turn and
// calls visit, and puts the file back in the end. It returns the number of
// bits.
func eachFlip(t *testing.T, path string, visit func(at int, bit int)) int {
	t.Helper()
	good := readFile(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(b byte, at int) {
		if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	for at, b := range good {
		for bit := range 8 {
			put(b^1<<bit, at)
			visit(at, bit)
		}
		put(b, at)
	}
	return 8 * len(good)
}

// narrow rewrites the manifest in dir so that it lists one file first and,
// beside it, what an export cannot do without: an events file, and for a data
// file a ledger without entries. A flip is refused by the file's own digest,
// so this takes nothing from the test but the time to read the others.
func narrow(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, "manifest.json")
	var m map[string]any
	if err := json.Unmarshal(readFile(t, path), &m); err != nil {
		t.Fatal(err)
	}
	var first, events []any
	for _, f := range m["files"].([]any) {
		switch f := f.(map[string]any); {
		case f["path"] == name:
			first = append(first, f)
		case f["role"] == "events" && len(events) == 0:
			events = append(events, f)
		}
	}
	if !strings.HasPrefix(name, "events") {
		first = append(first, events...)
	}
	m["files"] = first
	if !strings.HasSuffix(name, ".jsonl") {
		m["consent_ledger"] = map[string]any{"id": "none", "path": "none.jsonl", "entries": 0, "head": noEntries}
		if err := os.WriteFile(filepath.Join(dir, "none.jsonl"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// No flipped bit of any file but the manifest is accepted.
func TestBitFlips(t *testing.T) {
	dir, files := writeBare(t)
	mustOpen(t, dir)
	manifest := readFile(t, filepath.Join(dir, "manifest.json"))
	total := 0
	for _, name := range files {
		want := ErrFile
		if strings.HasSuffix(name, ".jsonl") {
			want = ErrLedger
		}
		narrow(t, dir, name)
		mustOpen(t, dir)
		n := eachFlip(t, filepath.Join(dir, name), func(at, bit int) {
			if _, err := OpenExport(dir); !errors.Is(err, want) {
				t.Errorf("%s: flipped bit %d of byte %d: got %v", name, bit, at, err)
			}
		})
		mustOpen(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d flips", name, n)
		total += n
	}
	mustOpen(t, dir)
	t.Logf("%d flips, all refused", total)
}

// decided is everything of an opened export that a run decides on.
type decided struct {
	PolicyVersion              string
	LedgerID, LedgerHead       string
	Entries                    []Entry
	Files                      []File
	Rows                       int64
	Labels                     map[string]Label
	Pairs                      []Pair
	Events                     []features.Event
	Denied                     map[Reason]int64
	Name, Description, Licence string
	LabelProtocol              string
	CreatedAt                  time.Time
}

func decidedOf(x *Export) (*decided, error) {
	d := &decided{
		PolicyVersion: x.PolicyVersion, LedgerID: x.Ledger.ID, LedgerHead: x.Ledger.Head, Entries: x.Ledger.Entries,
		Files: x.Files(), Rows: x.Rows(), Name: x.Name, Description: x.Description, Licence: x.Licence,
		LabelProtocol: x.LabelProtocol, CreatedAt: x.CreatedAt,
	}
	var err error
	if d.Labels, err = x.Labels(); err != nil {
		return nil, err
	}
	if d.Pairs, err = x.Pairs(); err != nil {
		return nil, err
	}
	var tally *Tally
	if d.Events, tally, err = x.ReadEvents(ctx, training); err != nil && !errors.Is(err, ErrNothingAllowed) {
		return nil, err
	}
	d.Denied = tally.Denied
	return d, nil
}

// differing names the fields in which two exports differ.
func differing(a, b *decided) (names []string) {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			names = append(names, x.Type().Field(i).Name)
		}
	}
	return names
}

// A manifest with a flipped bit is refused, or it opens the same export. What
// may differ is what nothing can be held against, because the manifest alone
// says it; the hash of the manifest, which lineage keeps, tells of all of it.
func TestManifestBitFlips(t *testing.T) {
	dir, _ := writeSmall(t)
	exporttest.Edit(t, dir, func(m map[string]any) {
		m["description"], m["licence"], m["label_protocol"] = "Two events", "CC0-1.0", "by hand"
	})
	x := mustOpen(t, dir)
	good, err := decidedOf(x)
	if err != nil {
		t.Fatal(err)
	}
	if len(good.Events) != 2 || len(good.Labels) != 1 || len(good.Pairs) != 1 || len(good.Files) != 4 || len(good.Entries) != 1 {
		t.Fatalf("export is %+v", good)
	}
	// The fields that a flip may change, and why that is no hole.
	may := map[string]string{
		"":              "white space between tokens: a tab or line feed may become another white space",
		"Name":          "a title for reports",
		"Description":   "a text for reports",
		"Licence":       "a text for reports",
		"LabelProtocol": "a text for reports",
		"CreatedAt":     "for reports; consent is judged at the caller's as-of time",
		"LedgerID":      "names the ledger for the check against an older head; entries and head are the same, so the ledger is",
		// The manifest is where the accepted policy is said. One that no grant
		// names denies; it allows only what was granted under it.
		"Denied Events PolicyVersion": "grants are judged by another policy, here one that no grant names: all is denied",
	}
	met := map[string]int{}
	n := eachFlip(t, filepath.Join(dir, "manifest.json"), func(at, bit int) {
		y, err := OpenExport(dir)
		if err != nil {
			if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrFile) && !errors.Is(err, ErrLedger) {
				t.Errorf("bit %d of byte %d: %v wraps no sentinel", bit, at, err)
			}
			return
		}
		got, err := decidedOf(y)
		if err != nil {
			t.Errorf("bit %d of byte %d: %v", bit, at, err)
			return
		}
		names := differing(good, got)
		slices.Sort(names)
		key := strings.Join(names, " ")
		if met[key]++; may[key] == "" {
			t.Errorf("bit %d of byte %d: accepted with other %s", bit, at, key)
		}
		if len(got.Events) > 0 && !reflect.DeepEqual(got.Events, good.Events) {
			t.Errorf("bit %d of byte %d: other events", bit, at)
		}
		if y.ManifestSHA256 == x.ManifestSHA256 {
			t.Errorf("bit %d of byte %d: same hash of the manifest", bit, at)
		}
	})
	accepted := 0
	for key, k := range met {
		accepted += k
		t.Logf("%d flips change %q", k, key)
	}
	t.Logf("%d flips, %d accepted", n, accepted)
	for key := range may {
		if key != "" && met[key] == 0 {
			t.Errorf("no flip changes %q; take it from the table", key)
		}
	}
}

// The same for the description of a golden dataset. Its consent basis is a
// text that somebody vouches for.
func TestDescriptionBitFlips(t *testing.T) {
	dir := t.TempDir()
	exporttest.WriteGolden(t, dir, exporttest.Rows(someEvents(2)...), nil, exporttest.Options{})
	exporttest.Edit(t, dir, func(m map[string]any) {
		m["description"], m["licence"], m["label_protocol"] = "Two events", "CC0-1.0", "by hand"
	})
	g, err := OpenGolden(dir)
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	n := eachFlip(t, filepath.Join(dir, "dataset.json"), func(at, bit int) {
		got, err := OpenGolden(dir)
		if err != nil {
			if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrFile) {
				t.Errorf("bit %d of byte %d: %v wraps no sentinel", bit, at, err)
			}
			return
		}
		accepted++
		if diff := cmp.Diff(g.Files(), got.Files()); diff != "" || got.Rows() != g.Rows() {
			t.Errorf("bit %d of byte %d: accepted with other files: %s", bit, at, diff)
		}
		same := 0
		for _, p := range [][2]string{
			{g.Name, got.Name}, {g.Version, got.Version}, {g.Description, got.Description}, {g.Licence, got.Licence},
			{g.LabelProtocol, got.LabelProtocol}, {g.ConsentBasis, got.ConsentBasis},
		} {
			if p[0] == p[1] {
				same++
			}
		}
		if same < 5 {
			t.Errorf("bit %d of byte %d: accepted with %d other texts", bit, at, 6-same)
		}
		if got.DescriptionSHA256 == g.DescriptionSHA256 {
			t.Errorf("bit %d of byte %d: same hash of the description", bit, at)
		}
	})
	t.Logf("%d flips, %d accepted", n, accepted)
}
