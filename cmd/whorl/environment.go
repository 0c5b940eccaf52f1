package main

import (
	"os"
	"runtime"
	"time"

	"whorl/internal/progress"
)

// osEnvironment is the process's own environment.
func osEnvironment() *environment {
	return &environment{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		now: time.Now, getenv: os.Getenv,
		workers:  runtime.GOMAXPROCS(0),
		progress: progress.New(os.Stderr),
	}
}
