package main

import (
	"bytes"
	"io"
	"os"
	"syscall"
)

// dyingMain is the program as it is killed by signal 9 the moment it writes a
// line that holds $WHORL_TEST_DIE_AT to standard error.
func dyingMain() {
	env := osEnvironment()
	env.stderr = &trigger{w: env.stderr, text: []byte(os.Getenv("WHORL_TEST_DIE_AT")), fire: func() {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal comes at once, but not before Kill returns
	}}
	os.Exit(run(env))
}

// trigger fires before the first write that holds a text.
type trigger struct {
	w    io.Writer
	text []byte
	fire func()
}

func (x *trigger) Write(p []byte) (int, error) {
	if x.fire != nil && bytes.Contains(p, x.text) {
		fire := x.fire
		x.fire = nil
		fire()
	}
	return x.w.Write(p)
}
