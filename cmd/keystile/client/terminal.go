package client

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/term"
)

// Terminal is what a command reads from and writes to. All fields are required
// but Prompt.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv reads the environment; empty is unset.
	Getenv func(string) string
	Now    func() time.Time
	// Random is a cryptographic source.
	Random io.Reader
	// Prompt asks a person for a secret without showing it. Nil where there is
	// nobody to ask.
	Prompt func(question string) (string, error)
}

// note tells the person something that is no part of the command's result.
func (t *Terminal) note(format string, args ...any) {
	// Where stderr can't be written there is nobody to tell.
	_, _ = fmt.Fprintf(t.Err, format+"\n", args...)
}

// PromptOn gives a Terminal's Prompt for a pair of files, or nil when the first
// is no terminal. An interrupt while it waits restores the echo, then ends the
// process, as it would at any other time.
func PromptOn(in *os.File, out io.Writer) func(string) (string, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func(question string) (string, error) {
		state, err := term.GetState(fd)
		if err != nil {
			return "", fmt.Errorf("reading the terminal's state: %w", err)
		}
		interrupt := make(chan os.Signal, 1)
		done := make(chan struct{})
		defer close(done)
		signal.Notify(interrupt, os.Interrupt)
		defer signal.Stop(interrupt)
		go func() {
			select {
			case <-interrupt:
				_ = term.Restore(fd, state)
				_, _ = fmt.Fprintln(out)
				os.Exit(130)
			case <-done:
			}
		}()
		_, _ = fmt.Fprint(out, question)
		answer, err := term.ReadPassword(fd)
		_, _ = fmt.Fprintln(out)
		if err != nil {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		return string(answer), nil
	}
}
