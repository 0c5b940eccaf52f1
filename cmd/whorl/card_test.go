package main

import (
	"strings"
	"testing"

	"whorl/eval/result"
	"whorl/features"
	"whorl/model"
	"whorl/train"
)

// TestCardGivesEachPlatformItsThreshold uses an order of platforms that differs
// between the fit and the result, as it does in every run.
func TestCardGivesEachPlatformItsThreshold(t *testing.T) {
	sigmoid := model.Calibration{Kind: model.Sigmoid, A: 1}
	file, err := model.Marshal(&model.Parts{
		Version: "card", PrecisionTarget: 0.97,
		Forest: model.Forest{
			Roots: []int32{0}, Feature: []int32{-1}, Threshold: []float32{0}, Left: []int32{0}, Right: []int32{0},
			DefaultLeft: []bool{false}, Value: []float32{0},
		},
		Fallback: sigmoid, FallbackThreshold: 0.5,
		Calibrations: map[features.Platform]model.Calibration{features.Node: sigmoid, features.Java: sigmoid},
		Thresholds:   map[features.Platform]float64{features.Node: 0.8125, features.Java: 0.9375},
	})
	if err != nil {
		t.Fatal(err)
	}
	run := &training{
		job:    &job{},
		fitted: train.Report{Platforms: []train.PlatformReport{{Platform: features.Node}, {Platform: features.Java}}},
		result: &result.Result{Training: &result.Training{Platforms: []result.PlatformPairs{{Platform: "java"}, {Platform: "node"}}}},
	}
	if run.model, err = model.Decode(file); err != nil {
		t.Fatal(err)
	}
	var card strings.Builder
	if err := run.card(&card); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| java | 0 | 0 | 0 | 0 | 0 | 0.9375 |", "| node | 0 | 0 | 0 | 0 | 0 | 0.8125 |"} {
		if !strings.Contains(card.String(), want) {
			t.Errorf("no row %q in\n%s", want, card.String())
		}
	}
}
