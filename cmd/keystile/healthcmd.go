package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// HealthCmd asks a running server whether it can answer; containers use it.
type HealthCmd struct {
	OpsListen string        `name:"ops-listen" help:"The server's operations address." env:"KEYSTILE_OPS_LISTEN" default:"127.0.0.1:9091" placeholder:"ADDR"`
	Live      bool          `help:"Ask only whether it lives, not whether it can answer."`
	Timeout   time.Duration `help:"Most time to wait." default:"3s"`
}

// Run fails unless the answer is good.
func (c *HealthCmd) Run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	path := "/readyz"
	if c.Live {
		path = "/healthz"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialableText(c.OpsListen)+path, nil)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var report struct{ Status, Cause string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&report); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", report.Status, report.Cause)
	}
	_, err = fmt.Fprintln(out, report.Status)
	return err //nolint:wrapcheck // it says where it could not write
}
