package baseline

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goldenSettings = `{
  "format": "whorl.baselines/1",
  "baselines": [
    {
      "name": "fast",
      "tuned": true,
      "parameters": {
        "alpha": 0.5,
        "beta": 2.25,
        "gamma": 0,
        "grain": 1
      },
      "thresholds": {
        "": 0.5,
        "java": 0.25
      },
      "objective": 2.5,
      "evaluations": 100,
      "seed": 18446744073709551615,
      "notes": [
        "java: little data"
      ]
    }
  ]
}
`

func tunedFast() *Settings {
	return &Settings{
		Name: "fast", Tuned: true,
		Parameters: map[string]float64{"alpha": 0.5, "beta": 2.25, "gamma": 0, "grain": 1},
		Thresholds: map[string]float64{"": 0.5, "java": 0.25},
		Objective:  2.5, Evaluations: 100, Seed: math.MaxUint64, Notes: []string{"java: little data"},
	}
}

func TestSettingsRoundTrip(t *testing.T) {
	var out bytes.Buffer
	if err := WriteSettings(&out, []*Settings{tunedFast()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goldenSettings, out.String()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	back, err := ReadSettings(&out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*Settings{tunedFast()}, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := WriteSettings(&out, nil); err != nil {
		t.Fatal(err)
	}
	if back, err = ReadSettings(&out); err != nil || len(back) != 0 {
		t.Errorf("no settings came back as %v, %v", back, err)
	}
}

func TestReadSettingsRefuses(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"baselines/1", "baselines/2", "tune again"},
		{`"seed": 18446744073709551615`, `"seed": -1`, "seed"},
		{`"tuned": true`, `"tuned": true, "tuned": false`, "tuned"},
		{`"tuned": true`, `"Tuned": true`, "Tuned"},
		{`"tuned": true`, `"tuned": true, "author": "x"`, "author"},
		{`"name": "fast"`, `"name": "fasst"`, "fasst"},
		{`"name": "fast"`, `"name": "static"`, "rule"},
		{`"alpha": 0.5,`, ``, `lacks parameter "alpha"`},
		{`"alpha": 0.5,`, `"alpha": 30.5,`, "alpha is 30.5"},
		{`"alpha": 0.5,`, `"alpha": 0.5, "delta": 1,`, `no parameter "delta"`},
		{`"grain": 1`, `"grain": 1.5`, "integer"},
		{`"grain": 1`, `"grain": 3`, "integer"},
		{`"": 0.5,`, ``, "fallback"},
		{`"java"`, `"jawa"`, "jawa"},
		{`"evaluations": 100`, `"evaluations": -1`, "evaluations"},
		{"]\n}\n", "]\n}\n{}", ""},
		{goldenSettings, `{"format": "whorl.baselines/1"}`, "no list"},
		{goldenSettings, `{"format": "whorl.baselines/1", "baselines": [null]}`, "null"},
		{goldenSettings, ``, ""},
		{goldenSettings, `{"format": "whorl.baselines/1"`, ""},
		{goldenSettings, strings.Repeat(" ", maxSettings+1), "more than"},
	} {
		text := strings.Replace(goldenSettings, c.from, c.to, 1)
		if text == goldenSettings {
			t.Fatalf("%q does not stand in the file", c.from)
		}
		_, err := ReadSettings(strings.NewReader(text))
		if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want one about %q", c.to, c.from, err, c.want)
		}
	}
}

func TestWriteSettingsRefuses(t *testing.T) {
	nan, inf := tunedFast(), tunedFast()
	nan.Parameters["alpha"] = math.NaN()
	inf.Thresholds[""] = math.Inf(1)
	for _, all := range [][]*Settings{{nan}, {inf}, {nil}, {tunedFast(), tunedFast()}, {{Name: "message"}}} {
		if err := WriteSettings(&bytes.Buffer{}, all); !errors.Is(err, ErrSettings) {
			t.Errorf("%+v: error %v", all, err)
		}
	}
}

func FuzzReadSettings(f *testing.F) {
	f.Add([]byte(goldenSettings))
	f.Add([]byte(`{"format":"whorl.baselines/1","baselines":[]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := ReadSettings(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, s := range settings {
			if _, err := New(s.Name, s); err != nil {
				t.Errorf("read %+v, which New refuses: %v", s, err)
			}
		}
		var out bytes.Buffer
		if err := WriteSettings(&out, settings); err != nil {
			t.Errorf("read %q, which does not write: %v", data, err)
		}
	})
}
