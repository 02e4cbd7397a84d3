package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/mirror"
)

// RecoverAdminCmd makes a new administrator's key for whoever owns the
// database. The user system/admin is reactivated where that is needed.
type RecoverAdminCmd struct {
	StoreFlags
	BootstrapKeyFile string `help:"Write the secret to this new file instead of the terminal." env:"KEYSTILE_BOOTSTRAP_KEY_FILE" placeholder:"FILE"`
	PepperFile       string `help:"The pepper file that the service runs with." env:"KEYSTILE_PEPPER_FILE" placeholder:"FILE"`
}

// Run issues the key. Running replicas accept it as soon as they have followed.
func (c *RecoverAdminCmd) Run(ctx context.Context, out io.Writer) error {
	peppers, err := readPeppers(c.PepperFile)
	if err != nil {
		return err
	}
	store, err := c.open(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if err := store.CheckSchema(ctx); err != nil {
		return fmt.Errorf("checking the schema: %w", err)
	}
	counts, err := store.CountPeppers(ctx)
	if err != nil {
		return fmt.Errorf("counting peppers: %w", err)
	}
	if err := peppersCover(peppers, counts); err != nil {
		return err
	}
	service, err := server.NewService(server.Options{
		Store: store, Keys: mirror.New(store, mirror.Options{}), Peppers: peppers, Random: rand.Reader, Now: time.Now,
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what is missing
	}
	shown := &firstSecret{file: c.BootstrapKeyFile}
	if err := service.RecoverAdmin(ctx, shown.show); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if c.BootstrapKeyFile != "" {
		_, err = fmt.Fprintf(out, "the secret of key %s is in %s\n", shown.keyID, c.BootstrapKeyFile)
	} else {
		_, err = fmt.Fprintf(out, "key %s, shown this once:\n\n  export KEYSTILE_KEY=%s\n", shown.keyID, shown.secret.Reveal())
	}
	return err //nolint:wrapcheck // it says where it could not write
}
