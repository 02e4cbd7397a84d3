package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/keystile/keystile/cmd/keystile/client"
)

// The linker may set these, for a build from an archive that knows no version
// control. Empty, they are what the Go command has noted in the binary.
var version, revision string //nolint:gochecknoglobals // the linker's way in

// versionCommand prints which build this is.
type versionCommand struct {
	Output string `short:"o" enum:"text,json" default:"text" placeholder:"text|json" help:"Write for people (text) or for programs (json)."`
}

// Run prints it.
func (c *versionCommand) Run(t *client.Terminal) error {
	b := readBuild()
	text := fmt.Sprintf("keystile %s (revision %s, %s)\n", b.Version, b.Revision, b.Go)
	if c.Output == "json" {
		raw, err := json.MarshalIndent(b, "", "  ")
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		text = string(raw) + "\n"
	}
	if _, err := fmt.Fprint(t.Out, text); err != nil {
		return fmt.Errorf("writing the version: %w", err)
	}
	return nil
}

// build is where the running binary came from. What is not known is "unknown".
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	// Modified: the source was not what the revision holds.
	Modified bool   `json:"modified"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readBuild reads what the linker and the Go command have noted.
func readBuild() build {
	b := build{Version: version, Revision: revision, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && b.Revision == "":
				b.Revision = s.Value
			case s.Key == "vcs.time":
				b.Time = s.Value
			case s.Key == "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if b.Version == "" {
		b.Version = "unknown"
	}
	if b.Revision == "" {
		b.Revision = "unknown"
	}
	return b
}
