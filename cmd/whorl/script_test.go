package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// scratchDir holds what tests share; it is removed when they are done.
var scratchDir string

// suite runs the tests and removes what they shared.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	var err error
	if scratchDir, err = os.MkdirTemp("", "whorl-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratchDir)
	return s.m.Run()
}

// TestMain lets the test binary stand in for the program: in scripts, and
// wherever a test needs a process of its own to kill.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"whorl": main, "whorl-dying": dyingMain})
}

// TestScripts runs the scripts of testdata/script. They find the shared inputs
// and the run under $EXPORT, $GOLDEN, $CONFIG, $KEY and $RUN, and a time at
// which the consent is in force under $ASOF.
func TestScripts(t *testing.T) {
	w := shared(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXPORT", w.export)
			env.Setenv("GOLDEN", w.golden)
			env.Setenv("CONFIG", w.config)
			env.Setenv("KEY", w.key)
			env.Setenv("RUN", w.run)
			env.Setenv("ASOF", asOf)
			return nil
		},
		RequireExplicitExec: true,
	})
}
