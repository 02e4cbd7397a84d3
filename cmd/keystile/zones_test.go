package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTheBinaryKnowsTimeZones: where there are no files of them, the binary has its
// own. No test can take the files away, so this looks whether they are in it.
func TestTheBinaryKnowsTimeZones(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Fields(string(out)), "time/tzdata") {
		t.Error("time/tzdata is not in the binary")
	}
}
