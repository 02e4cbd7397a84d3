package main

import (
	"context"
	"fmt"
	"io"
)

// MigrateCmd brings a store up to this release's schema.
type MigrateCmd struct {
	StoreFlags
}

// Run migrates, and says from where to where.
func (c *MigrateCmd) Run(ctx context.Context, out io.Writer) error {
	store, err := c.open(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	from, to, err := store.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	if from == to {
		_, err = fmt.Fprintf(out, "the schema is at version %d already\n", to)
	} else {
		_, err = fmt.Fprintf(out, "the schema went from version %d to %d\n", from, to)
	}
	return err //nolint:wrapcheck // it says where it could not write
}
