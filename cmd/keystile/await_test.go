package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/keystile/keystile/storage"
)

// A store that goes away at any step of a start is waited for; what else is wrong with
// it ends the start at once.
func TestAStoreThatGoesAwayAtTheStartIsWaitedFor(t *testing.T) {
	tries := 0
	err := await(t.Context(), "a store", slog.New(slog.DiscardHandler), func(context.Context) error {
		if tries++; tries < 3 {
			return fmt.Errorf("checking the schema: %w", storage.ErrUnavailable)
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	tries = 0
	err = await(t.Context(), "a store", slog.New(slog.DiscardHandler), func(context.Context) error {
		tries++
		return storage.ErrSchema
	})
	if !errors.Is(err, storage.ErrSchema) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = await(ctx, "a store", slog.New(slog.DiscardHandler), func(context.Context) error {
		cancel()
		return storage.ErrUnavailable
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits for no longer is told %v", err)
	}
}
