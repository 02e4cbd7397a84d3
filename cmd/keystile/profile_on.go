//go:build profile

package main

import (
	"os"
	"runtime/pprof"
)

// profiled writes a CPU profile of the whole run to the file that CPU_PROFILE
// names: `make pgo` builds the binary so, and no release is.
func profiled() (stop func()) {
	name := os.Getenv("CPU_PROFILE")
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name) //nolint:gosec // whoever builds it so names the file
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		panic(err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}
