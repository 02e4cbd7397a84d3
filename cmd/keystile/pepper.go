package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/storage/sqlstore"
)

// PepperCmd looks after peppers.
type PepperCmd struct {
	Generate PepperGenerate `cmd:"" help:"Print a line for a pepper file."`
	Apply    PepperApply    `cmd:"" help:"Digest every stored secret that has no pepper yet with the current one. Stop every replica first."`
}

// PepperGenerate draws a pepper.
type PepperGenerate struct {
	ID string `arg:"" help:"The pepper's id, such as 2026-11."`
}

// Run prints the line.
func (c *PepperGenerate) Run(out io.Writer) error {
	if !pepperID.MatchString(c.ID) {
		return fmt.Errorf("a pepper's id is 1 to 32 lower-case letters, digits, '.', '_' and '-'")
	}
	key := make([]byte, minPepper)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("drawing a pepper: %w", err)
	}
	_, err := fmt.Fprintf(out, "%s %s\n", c.ID, base64.StdEncoding.EncodeToString(key))
	return err //nolint:wrapcheck // it says where it could not write
}

// PepperApply puts a pepper on digests that have none.
type PepperApply struct {
	StoreFlags
	PepperFile string `help:"File with the current pepper first." env:"KEYSTILE_PEPPER_FILE" required:"" placeholder:"FILE"`
}

// Run applies the current pepper in one transaction.
func (c *PepperApply) Run(ctx context.Context, out io.Writer) error {
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
	current := peppers.List[0]
	n, err := store.ApplyPepper(ctx, sqlstore.Pepper{
		ID: current.ID, Convert: current.Apply, Time: time.Now(),
		Event: func(secrets int64) []byte { return server.PepperEvent(current.ID, secrets) },
	})
	if err != nil {
		return fmt.Errorf("applying the pepper: %w", err)
	}
	_, err = fmt.Fprintf(out, "%d secrets now need the pepper %s\n", n, current.ID)
	return err //nolint:wrapcheck // it says where it could not write
}
