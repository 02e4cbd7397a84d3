package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/keystile/keystile/server"
)

// ServeCmd runs the service.
type ServeCmd struct {
	StoreFlags
	GRPCListen string `name:"grpc-listen" help:"Address for gRPC." env:"KEYSTILE_GRPC_LISTEN" default:"127.0.0.1:9090" placeholder:"ADDR"`
	HTTPListen string `name:"http-listen" help:"Address for REST and the API document." env:"KEYSTILE_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR"`
	OpsListen  string `name:"ops-listen" help:"Address for /metrics, /healthz and /readyz." env:"KEYSTILE_OPS_LISTEN" default:"127.0.0.1:9091" placeholder:"ADDR"`

	CheckAuth string `help:"Who may ask the check doors: none (everybody), key (callers need a key that holds keystile.keys.check) or mtls (callers show a client certificate). On loopback the default is none; anywhere else you have to choose." env:"KEYSTILE_CHECK_AUTH" enum:"none,key,mtls," default:"" placeholder:"none|key|mtls"`

	TLSFlags
	GatewayFlags
	LimitFlags

	MaxStaleness time.Duration `help:"How long checks go on from memory after the last contact with the store began; at most 15m." env:"KEYSTILE_MAX_STALENESS" default:"30s"`
	PollInterval time.Duration `help:"How often the store is asked for changes." env:"KEYSTILE_POLL_INTERVAL" default:"250ms"`
	OnStale      string        `help:"What to do past --max-staleness: deny (decide nothing), or allow (go on until --stale-ceiling, and mark each verdict as stale)." env:"KEYSTILE_ON_STALE" enum:"deny,allow" default:"deny" placeholder:"deny|allow"`
	StaleCeiling time.Duration `help:"With --on-stale=allow, how long checks go on from memory in all; at most 24h." env:"KEYSTILE_STALE_CEILING" default:"1h"`

	PropagationTimeout time.Duration `help:"How long a write waits until every replica decides by it, before it says which do not." env:"KEYSTILE_PROPAGATION_TIMEOUT" default:"2s"`
	Notify             bool          `help:"Have Postgres wake replicas when something was written (LISTEN); without, they find it at the next --poll-interval." env:"KEYSTILE_NOTIFY" default:"true" negatable:""`

	BootstrapKeyFile string `help:"On the first start, write the administrator's secret to this new file instead of the terminal." env:"KEYSTILE_BOOTSTRAP_KEY_FILE" placeholder:"FILE"`
	PepperFile       string `help:"Peppers for the digests of secrets, one 'ID BASE64' a line, the current one first." env:"KEYSTILE_PEPPER_FILE" placeholder:"FILE"`

	PurgeRetention    time.Duration `help:"Least time for which deleted records are kept before they can be purged." env:"KEYSTILE_PURGE_RETENTION" default:"720h"`
	DecisionRetention time.Duration `help:"For how long refusals can be explained by their decision id." env:"KEYSTILE_DECISION_RETENTION" default:"24h"`

	LogLevel         string        `help:"Least level that is logged: debug, info, warn or error." env:"KEYSTILE_LOG_LEVEL" enum:"debug,info,warn,error" default:"info"`
	DrainDelay       time.Duration `help:"On SIGTERM, how long to go on after reporting not ready, for load balancers to notice." env:"KEYSTILE_DRAIN_DELAY" default:"2s"`
	DrainTimeout     time.Duration `help:"On SIGTERM, most time for calls in flight to end." env:"KEYSTILE_DRAIN_TIMEOUT" default:"20s"`
	DocumentationURL string        `help:"What the links of reasons begin with; default is the project's page." env:"KEYSTILE_DOCUMENTATION_URL" placeholder:"URL"`
}

// The most that some settings may be. A write has to end inside its own time.
const (
	maxStaleness    = 15 * time.Minute
	maxStaleCeiling = 24 * time.Hour
	maxPropagation  = 8 * time.Second
)

// gcPercent has the collector run less often than it would by itself. The heap is
// small beside what lies outside it, so that this costs little memory.
const gcPercent = 400

// Validate refuses settings that would not do what they seem to say.
func (c *ServeCmd) Validate() error {
	switch {
	case c.MaxStaleness < time.Second || c.MaxStaleness > maxStaleness:
		return fmt.Errorf("--max-staleness must be 1s to %s", maxStaleness)
	case c.PollInterval < 10*time.Millisecond || c.PollInterval > c.MaxStaleness/2:
		return fmt.Errorf("--poll-interval must be 10ms to half of --max-staleness")
	case c.OnStale == "allow" && (c.StaleCeiling <= c.MaxStaleness || c.StaleCeiling > maxStaleCeiling):
		return fmt.Errorf("--stale-ceiling must be more than --max-staleness, and at most %s", maxStaleCeiling)
	case c.PropagationTimeout < 10*time.Millisecond || c.PropagationTimeout > maxPropagation:
		return fmt.Errorf("--propagation-timeout must be 10ms to %s", maxPropagation)
	case c.PurgeRetention < time.Minute || c.DecisionRetention < time.Minute:
		return fmt.Errorf("--purge-retention and --decision-retention must be at least 1m")
	case c.DrainDelay < 0 || c.DrainTimeout < 0:
		return fmt.Errorf("--drain-delay and --drain-timeout must not be negative")
	}
	_, err := c.gateway()
	return errors.Join(err, c.complete(), c.mayAsk(c.CheckAuth))
}

// Run leaves serving until the command line has been dealt with: what reads it is
// large, and would be walked through by the collector for as long as checks are
// answered.
func (c *ServeCmd) Run(ctx context.Context, out io.Writer, then *following) error {
	if err := knownSettings(os.Environ()); err != nil {
		return err
	}
	flags := *c
	*then = func() error { return flags.serve(ctx, out) }
	return nil
}

// serve serves until a signal ends it.
func (c *ServeCmd) serve(ctx context.Context, out io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
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
			return "", fmt.Errorf("%s is not on loopback: choose who may ask about keys with --check-auth=none, --check-auth=key or --check-auth=mtls", flag.name)
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
