// Command keystile is the whole of Keystile: the server, and the commands that
// talk to one.
package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"time"
	_ "time/tzdata" // periods of quotas begin in time zones, of which our image has no files

	"github.com/alecthomas/kong"

	"github.com/keystile/keystile/cmd/keystile/client"
	"github.com/keystile/keystile/cmd/keystile/completion"
)

// cli is everything that keystile can do.
type cli struct {
	Serve        ServeCmd        `cmd:"" help:"Run the service."`
	Migrate      MigrateCmd      `cmd:"" help:"Bring the store up to this release's schema."`
	RecoverAdmin RecoverAdminCmd `cmd:"" help:"Make a new administrator's key, as the owner of the database."`
	Pepper       PepperCmd       `cmd:"" help:"Look after the peppers of stored digests."`
	Health       HealthCmd       `cmd:"" help:"Ask a running server whether it can answer."`

	client.Commands

	Completion completion.Command `cmd:"" help:"Print a script that completes keystile's commands in your shell."`
	Version    versionCommand     `cmd:"" help:"Print which build this is."`
}

func main() {
	stop := profiled()
	code := run(context.Background(), os.Args[1:], &client.Terminal{
		In:     os.Stdin,
		Out:    os.Stdout,
		Err:    os.Stderr,
		Getenv: os.Getenv,
		Now:    time.Now,
		Random: rand.Reader,
		Prompt: client.PromptOn(os.Stdin, os.Stderr),
	})
	stop()
	os.Exit(code)
}

// following is what a command leaves to be done when all else is.
type following func() error

// run carries out one command line, and gives the exit code.
func run(ctx context.Context, args []string, t *client.Terminal) int {
	then, err := obey(ctx, args, t)
	if err == nil && then != nil {
		err = then()
	}
	client.Report(t.Err, err)
	return client.ExitCode(err)
}

// obey carries out a command line but for what is to follow it.
func obey(ctx context.Context, args []string, t *client.Terminal) (then following, err error) {
	helped := false
	parser, err := kong.New(&cli{},
		kong.Name("keystile"),
		kong.Description("Keystile decides whether the holder of an API key may make a call.\n\n"+client.ExitCodesHelp()),
		kong.Writers(t.Out, t.Err),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(t.Out, (*io.Writer)(nil)),
		kong.Bind(&then),
	)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is worded for whoever typed it
	}
	command, err := parser.Parse(args)
	if helped {
		return nil, nil
	}
	if err == nil {
		err = command.Run(t)
	}
	return then, err //nolint:wrapcheck // it is worded for whoever typed it
}
