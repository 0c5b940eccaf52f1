package main

import (
	"encoding/json"
	"fmt"

	"whorl/features"
)

// inspectCommand shows what a model file says of itself.
type inspectCommand struct {
	Model string `arg:"" name:"MODEL" help:"Model file."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run opens the file as production does and prints what it holds.
func (c *inspectCommand) Run(env *environment) error {
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	thresholds, joins := map[string]float64{}, map[string]float64{}
	for _, p := range features.Platforms() {
		thresholds[p.String()], joins[p.String()] = m.Threshold(p), m.JoinThreshold(p)
	}
	metadata := map[string]string{}
	for _, kv := range m.Metadata() {
		metadata[kv.Key] = kv.Value
	}
	if c.JSON {
		encoder := json.NewEncoder(env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{
			"version": m.Version(), "sha256": m.Digest(), "schema_id": m.SchemaID(), "precision_target": m.PrecisionTarget(),
			"trees": m.NumTrees(), "nodes": m.NumNodes(), "depth": m.Depth(),
			"thresholds": thresholds, "fallback_threshold": m.FallbackThreshold(), "metadata": metadata,
			"judges_groups": m.JudgesGroups(), "join_thresholds": joins,
		})
	}
	fmt.Fprintf(env.stdout, "version           %s\nsha256            %s\nfeature schema    %s\nscorer            %d trees, %d nodes, depth %d\nprecision target  %g\n\nthresholds      pairs  joining\n",
		m.Version(), m.Digest(), m.SchemaID(), m.NumTrees(), m.NumNodes(), m.Depth(), m.PrecisionTarget())
	for _, p := range features.Platforms() {
		own := ""
		if _, ok := m.Calibration(p); !ok {
			own = "  (fallback)"
		}
		fmt.Fprintf(env.stdout, "  %-12s %.4f  %.4f%s\n", p, m.Threshold(p), m.JoinThreshold(p), own)
	}
	fmt.Fprintln(env.stdout, "\nmetadata")
	for _, kv := range m.Metadata() {
		fmt.Fprintf(env.stdout, "  %-32s %s\n", kv.Key, kv.Value)
	}
	return nil
}
