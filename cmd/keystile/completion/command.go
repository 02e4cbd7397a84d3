// Package completion completes a kong command line in bash, zsh and fish.
//
// The shells' scripts know nothing: they hand over the words before the cursor
// and show what comes back, so that they fit every later build as well. It
// knows the command line by kong's model alone, and must not import a command.
package completion

import (
	"embed"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

//go:embed scripts
var scripts embed.FS

// Command prints a shell's script, and answers the scripts' questions.
type Command struct {
	Bash  Bash  `cmd:"" help:"For bash: source <(keystile completion bash)"`
	Zsh   Zsh   `cmd:"" help:"For zsh: source <(keystile completion zsh)"`
	Fish  Fish  `cmd:"" help:"For fish: keystile completion fish | source"`
	Words Words `cmd:"" hidden:"" passthrough:"" help:"Complete the last of these words."`
}

// Help says how to have it in every shell.
func (*Command) Help() string {
	return `Put the line for your shell into its start-up file:

    source <(keystile completion bash)      ~/.bashrc
    source <(keystile completion zsh)       ~/.zshrc, after compinit
    keystile completion fish | source       ~/.config/fish/config.fish`
}

// Bash prints the script for bash.
type Bash struct{}

// Run prints it.
func (Bash) Run(ctx *kong.Context) error { return script(ctx.Stdout, "bash") }

// Zsh prints the script for zsh.
type Zsh struct{}

// Run prints it.
func (Zsh) Run(ctx *kong.Context) error { return script(ctx.Stdout, "zsh") }

// Fish prints the script for fish.
type Fish struct{}

// Run prints it.
func (Fish) Run(ctx *kong.Context) error { return script(ctx.Stdout, "fish") }

func script(w io.Writer, shell string) error {
	text, err := scripts.ReadFile("scripts/keystile." + shell)
	if err != nil {
		return fmt.Errorf("reading the script for %s: %w", shell, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("writing the script: %w", err)
	}
	return nil
}

// Words answers a script: a candidate a line, after a tab what it means; or
// ":file" alone, when a file's name is wanted.
type Words struct {
	Words []string `arg:"" optional:""`
}

// Run writes the candidates.
func (c *Words) Run(ctx *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, candidate := range candidates(ctx.Model.Node, words) {
		if _, err := fmt.Fprintln(ctx.Stdout, candidate); err != nil {
			return fmt.Errorf("writing the candidates: %w", err)
		}
	}
	return nil
}
