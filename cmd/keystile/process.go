package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/apidoc"
	"github.com/keystile/keystile/server/certs"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/redispool"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/server/plainhttp"
	"github.com/keystile/keystile/server/rest"
	"github.com/keystile/keystile/storage/sqlstore"
)

// stuckAfter is how long one look at the store may take before the process
// counts as stuck. A snapshot of a large store takes minutes.
const stuckAfter = 10 * time.Minute

// process is everything that one serve runs. It is put together whole, and then
// run once.
type process struct {
	flags  *ServeCmd
	log    *slog.Logger
	out    io.Writer
	store  *sqlstore.Store
	mirror *mirror.Mirror
	// replica is this process's name in leases and in propagation.
	replica string
	service *server.Service
	peppers access.Peppers
	auth    server.CheckAuth
	limits  *limits.Engine
	live    *liveReplicas
	// redis is nil unless rate limits are shared there.
	redis  *redispool.Pool
	health *server.Health
	// certs is nil when the listeners speak no TLS.
	certs *certs.Source
	// serving is what grpc.health.v1 tells.
	serving   *health.Server
	inProcess *server.InProcess
	// grpc serves the network, inner the REST facade.
	grpc, inner *grpc.Server
	http        *plainhttp.Server
	ops         *http.Server
}

func newProcess(ctx context.Context, c *ServeCmd, auth server.CheckAuth, log *slog.Logger, out io.Writer) (*process, error) {
	peppers, err := readPeppers(c.PepperFile)
	if err != nil {
		return nil, err
	}
	doors, err := c.gateway()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := server.NewMetrics(registry)
	p := &process{flags: c, log: log, out: out, peppers: peppers, auth: auth, serving: health.NewServer()}
	if p.certs, err = c.certificates(registry, log); err != nil {
		return nil, err
	}
	if p.store, err = c.open(ctx, metrics.ObserveStore); err != nil {
		return nil, err
	}
	if p.mirror, err = p.newMirror(metrics); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	p.health = &server.Health{
		Freshness: p.mirror.Freshness, LastSync: p.mirror.LastRound, StuckAfter: stuckAfter, Now: time.Now,
	}
	if err := p.newLimits(); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	server.RegisterLimits(registry, p.limits.Stats)
	server.RegisterBuildInfo(registry, readBuild().Version)
	server.RegisterFreshness(registry, p.mirror.Freshness)
	p.service, err = server.NewService(server.Options{
		Store: p.store, Keys: p.mirror, Peppers: peppers, CheckAuth: auth, Random: rand.Reader, Now: time.Now,
		Gateway: doors, Logger: log, DocumentationURL: c.DocumentationURL, PurgeRetention: c.PurgeRetention, DecisionRetention: c.DecisionRetention, Metrics: metrics,
		PropagationTimeout: c.PropagationTimeout, Limits: p.limits,
	})
	if err == nil {
		err = p.doors(registry) //nolint:contextcheck // the connection inside outlives the start
	}
	if err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	return p, nil
}

// newMirror makes the copy that checks read, under a new name for this process.
func (p *process) newMirror(metrics *server.Metrics) (*mirror.Mirror, error) {
	var err error
	if p.replica, err = server.NewReplicaID(); err != nil {
		return nil, fmt.Errorf("naming this replica: %w", err)
	}
	o := mirror.Options{
		MaxStaleness: p.flags.MaxStaleness, PollInterval: p.flags.PollInterval, Now: time.Now, Report: p.syncReport(metrics),
		Progress: func(keys int) { p.log.Info("reading the store", "keys", keys) },
		Replicas: p.store, ReplicaID: p.replica, Deaf: !p.flags.Notify,
	}
	if p.flags.OnStale == "allow" {
		o.StaleCeiling = p.flags.StaleCeiling
	}
	return mirror.New(p.store, o), nil
}

// doors makes the three servers.
func (p *process) doors(metrics prometheus.Gatherer) error {
	var err error
	p.serving.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	var secured []grpc.ServerOption
	if p.certs != nil {
		secured = append(secured, grpc.Creds(credentials.NewTLS(p.certs.Config("h2"))))
	}
	if p.grpc, err = server.NewGRPC(p.service, p.serving, server.MaxMessage, secured...); err != nil {
		return fmt.Errorf("making the gRPC server: %w", err)
	}
	if p.inner, err = server.NewGRPC(p.service, p.serving, server.MaxInProcessMessage); err != nil {
		return fmt.Errorf("making the gRPC server: %w", err)
	}
	if p.inProcess, err = server.NewInProcess(); err != nil {
		return fmt.Errorf("making the REST facade: %w", err)
	}
	api, err := rest.New(p.inProcess.Conn(), rest.Options{NewRequestID: server.NewRequestID, Logger: p.log})
	if err != nil {
		return fmt.Errorf("making the REST facade: %w", err)
	}
	gateways := server.NewGatewayDoors(p.service)
	web := server.NewHTTP(server.Paths(gateways, api, apidoc.Handler()), p.log)
	if p.certs != nil {
		web.TLSConfig = p.certs.Config("h2", "http/1.1")
	}
	p.http = plainhttp.New(gateways, web)
	p.ops = server.NewHTTP(server.NewOps(p.health, metrics), p.log)
	return nil
}

// syncReport logs the syncs that somebody should know of.
func (p *process) syncReport(metrics *server.Metrics) func(mirror.SyncReport) {
	failing := false
	return func(r mirror.SyncReport) {
		metrics.ObserveSync(r)
		switch {
		case r.Err != nil && !errors.Is(r.Err, context.Canceled):
			failing = true
			f := p.mirror.Freshness()
			p.log.Warn("the store can't be read; checks go on from memory while the lease lasts",
				"error", r.Err, "lease_left", f.Left.String(), "ready", f.Ready)
		case r.Err == nil && failing:
			failing = false
			p.log.Info("the store can be read again")
		}
		if r.Err == nil && r.Snapshot {
			p.log.Info("snapshot taken", "seconds", r.Took.Seconds(), "revision", p.mirror.Freshness().Revision)
		}
		if r.Unreadable > 0 {
			p.log.Error("records that could not be read are refused", "records", r.Unreadable)
		}
	}
}
