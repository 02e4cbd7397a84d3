package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keystile/keystile/cmd/keystile/client"
)

// settingsPrefix begins every environment variable that is a setting.
const settingsPrefix = "KEYSTILE_"

// knownSettings refuses an environment that holds a setting no command knows: a
// misspelt name would otherwise leave a default in force.
func knownSettings(environ []string) error {
	parser, err := kong.New(&cli{})
	if err != nil {
		return fmt.Errorf("reading the command line's own description: %w", err)
	}
	known := map[string]bool{}
	for _, name := range client.Settings() {
		known[name] = true
	}
	collectSettings(parser.Model.Node, known)
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, settingsPrefix) && !known[name] && !strings.HasPrefix(name, settingsPrefix+"TEST_") {
			return fmt.Errorf("the environment holds %s, which is no setting of this release: mend the name, or unset it", name)
		}
	}
	return nil
}

func collectSettings(n *kong.Node, into map[string]bool) {
	for _, f := range n.Flags {
		for _, name := range f.Envs {
			into[name] = true
		}
	}
	for _, child := range n.Children {
		collectSettings(child, into)
	}
}
