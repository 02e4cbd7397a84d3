package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/keystile/keystile/server"
)

// ServeCmd runs the service.
type ServeCmd struct {
	StoreFlags
	GRPCListen string `name:"grpc-listen" help:"Address for gRPC." env:"KEYSTILE_GRPC_LISTEN" default:"127.0.0.1:9090" placeholder:"ADDR"`
	HTTPListen string `name:"http-listen" help:"Address for REST and the API document." env:"KEYSTILE_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR"`
	OpsListen  string `name:"ops-listen" help:"Address for /metrics, /healthz and /readyz." env:"KEYSTILE_OPS_LISTEN" default:"127.0.0.1:9091" placeholder:"ADDR"`

	CheckAuth string `help:"Who may ask the check doors: none, or key (callers need a key that holds keystile.keys.check). On loopback the default is none; anywhere else you have to choose." env:"KEYSTILE_CHECK_AUTH" enum:"none,key," default:"" placeholder:"none|key"`

	MaxStaleness time.Duration `help:"How long checks go on from memory after the last contact with the store began; at most 15m." env:"KEYSTILE_MAX_STALENESS" default:"30s"`
	PollInterval time.Duration `help:"How often the store is asked for changes." env:"KEYSTILE_POLL_INTERVAL" default:"250ms"`

	BootstrapKeyFile string `help:"On the first start, write the administrator's secret to this new file instead of the terminal." env:"KEYSTILE_BOOTSTRAP_KEY_FILE" placeholder:"FILE"`
	PepperFile       string `help:"Peppers for the digests of secrets, one 'ID BASE64' a line, the current one first." env:"KEYSTILE_PEPPER_FILE" placeholder:"FILE"`

	PurgeRetention    time.Duration `help:"Least time for which deleted records are kept before they can be purged." env:"KEYSTILE_PURGE_RETENTION" default:"720h"`
	DecisionRetention time.Duration `help:"For how long refusals can be explained by their decision id." env:"KEYSTILE_DECISION_RETENTION" default:"24h"`

	LogLevel         string        `help:"Least level that is logged: debug, info, warn or error." env:"KEYSTILE_LOG_LEVEL" enum:"debug,info,warn,error" default:"info"`
	DrainDelay       time.Duration `help:"On SIGTERM, how long to go on after reporting not ready, for load balancers to notice." env:"KEYSTILE_DRAIN_DELAY" default:"2s"`
	DrainTimeout     time.Duration `help:"On SIGTERM, most time for calls in flight to end." env:"KEYSTILE_DRAIN_TIMEOUT" default:"20s"`
	DocumentationURL string        `help:"What the links of reasons begin with; default is the project's page." env:"KEYSTILE_DOCUMENTATION_URL" placeholder:"URL"`
}

// maxStaleness is the most that --max-staleness may be.
const maxStaleness = 15 * time.Minute

// Validate refuses settings that would not do what they seem to say.
func (c *ServeCmd) Validate() error {
	switch {
	case c.MaxStaleness < time.Second || c.MaxStaleness > maxStaleness:
		return fmt.Errorf("--max-staleness must be 1s to %s", maxStaleness)
	case c.PollInterval < 10*time.Millisecond || c.PollInterval > c.MaxStaleness/2:
		return fmt.Errorf("--poll-interval must be 10ms to half of --max-staleness")
	case c.PurgeRetention < time.Minute || c.DecisionRetention < time.Minute:
		return fmt.Errorf("--purge-retention and --decision-retention must be at least 1m")
	case c.DrainDelay < 0 || c.DrainTimeout < 0:
		return fmt.Errorf("--drain-delay and --drain-timeout must not be negative")
	}
	return nil
}

// Run serves until a signal ends it.
func (c *ServeCmd) Run(ctx context.Context, out io.Writer) error {
	if err := knownSettings(os.Environ()); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	auth, err := c.checkAuth()
	if err != nil {
		return err
	}
	p, err := newProcess(ctx, c, auth, log, out)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// checkAuth gives who may ask the check doors. Off the loopback there is no
// default: an open oracle must be somebody's decision.
func (c *ServeCmd) checkAuth() (server.CheckAuth, error) {
	if c.CheckAuth != "" {
		return server.CheckAuth(c.CheckAuth), nil
	}
	for _, flag := range []struct{ name, addr string }{{"--grpc-listen", c.GRPCListen}, {"--http-listen", c.HTTPListen}} {
		if !loopback(flag.addr) {
			return "", fmt.Errorf("%s is not on loopback: choose who may ask about keys with --check-auth=none or --check-auth=key", flag.name)
		}
	}
	return server.CheckAuthNone, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
