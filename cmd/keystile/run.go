package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// lastFlush is the time for what waits to be written when everything ends.
const lastFlush = 3 * time.Second

// run serves until a signal, or until something fails for good. Listeners are
// bound first, so that a port in use is known before anything else happens.
func (p *process) run(parent context.Context) (err error) {
	defer func() { err = errors.Join(err, p.store.Close()) }()
	listeners, err := listen(parent, p.flags.GRPCListen, p.flags.HTTPListen, p.flags.OpsListen)
	if err != nil {
		return err
	}
	listeners = p.secure(listeners)
	p.log.Info("listening", "grpc", listeners[0].Addr().String(), "http", listeners[1].Addr().String(), "ops", listeners[2].Addr().String(), "tls", p.certs != nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	// background ends last: checks go on while calls in flight end.
	background, stop := context.WithCancel(parent)
	defer stop()
	failed := make(chan error, 8)
	var work sync.WaitGroup
	serve := func(what string, f func() error) {
		go func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		}()
	}
	serve("gRPC", func() error { return p.grpc.Serve(listeners[0]) })
	serve("in-process gRPC", func() error { return p.inner.Serve(p.inProcess.Listener()) })
	serve("HTTP", func() error { return p.serveHTTP(listeners[1]) }) //nolint:contextcheck // calls end with the server
	serve("operations", func() error { return p.ops.Serve(listeners[2]) })
	if p.certs != nil {
		work.Go(func() { p.certs.Run(background) })
	}
	work.Go(func() {
		if err := p.work(background, &work, listeners); err != nil && background.Err() == nil {
			failed <- err
		}
	})

	select {
	case err = <-failed:
		p.log.Error("stopping", "error", err)
	case s := <-signals:
		p.log.Info("stopping", "signal", s.String())
		p.drain(signals, s)
	case <-parent.Done():
	}
	p.close(signals) //nolint:contextcheck // calls in flight end after the context that ended the rest
	stop()
	work.Wait()
	p.log.Info("stopped")
	return err
}

// work gets the store ready and then keeps everything fresh until ctx ends.
func (p *process) work(ctx context.Context, work *sync.WaitGroup, listeners []net.Listener) error {
	if err := await(ctx, p.store.Target(), p.log, p.check); err != nil {
		return err
	}
	shown := &firstSecret{file: p.flags.BootstrapKeyFile}
	if err := p.bootstrap(ctx, shown); err != nil {
		return err
	}
	work.Go(func() { p.mirror.Run(ctx) })
	work.Go(func() { p.service.Run(ctx, lastFlush) })
	work.Go(func() { p.live.watch(ctx) })
	work.Go(func() { p.keepLimits(ctx) })
	if err := p.mirror.CatchUp(ctx, 0); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	p.serving.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	p.log.Info("ready", "grpc", listeners[0].Addr().String(), "http", listeners[1].Addr().String(),
		"ops", listeners[2].Addr().String(), "replica", p.replica, "store", p.store.Target(), "check_auth", string(p.auth), "version", readBuild().Version)
	return p.greet(shown, listeners)
}

// check makes sure that the store is one to serve from.
func (p *process) check(ctx context.Context) error {
	if err := p.store.Ping(ctx); err != nil {
		return fmt.Errorf("reaching the store: %w", err)
	}
	if err := p.flags.prepare(ctx, p.store); err != nil {
		return err
	}
	counts, err := p.store.CountPeppers(ctx)
	if err != nil {
		return fmt.Errorf("counting peppers: %w", err)
	}
	return peppersCover(p.peppers, counts)
}

// bootstrap makes the first administrator where there is none. Once a secret was shown
// it is not tried again: it may be the one that counts.
func (p *process) bootstrap(ctx context.Context, shown *firstSecret) error {
	var failed error
	err := await(ctx, p.store.Target(), p.log, func(ctx context.Context) error {
		_, err := p.service.Bootstrap(ctx, shown.show)
		if shown.keyID != "" {
			failed = err
			return nil
		}
		return err //nolint:wrapcheck // it says what it was doing
	})
	return errors.Join(err, failed)
}

// drain says no to load balancers, and gives them time to notice. An interrupt
// from the keyboard has no load balancer behind it.
func (p *process) drain(signals <-chan os.Signal, s os.Signal) {
	p.health.Drain()
	p.serving.Shutdown()
	if s == os.Interrupt {
		return
	}
	select {
	case <-time.After(p.flags.DrainDelay):
	case s := <-signals:
		p.abort(s)
	}
}

// close ends the servers, calls in flight first. A second signal ends at once.
func (p *process) close(signals <-chan os.Signal) {
	p.health.Drain()
	done := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), p.flags.DrainTimeout)
	defer cancel()
	go func() {
		defer close(done)
		// HTTP first: REST calls in flight still need the gRPC server.
		_ = p.http.Shutdown(ctx)
		p.inner.GracefulStop()
		p.grpc.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		p.log.Warn("calls in flight did not end in time")
		_ = p.http.Close()
		p.grpc.Stop()
		p.inner.Stop()
	case s := <-signals:
		p.abort(s)
	}
	_ = p.inProcess.Close()
	_ = p.ops.Close()
}

// abort ends the process where it stands.
func (p *process) abort(s os.Signal) {
	p.log.Warn("second signal: ending at once", "signal", s.String())
	os.Exit(1)
}

// secure has the certificates' keeper accept the connections: it ends those whose
// client is trusted no longer. Probes and scrapers speak what they can.
func (p *process) secure(l []net.Listener) []net.Listener {
	if p.certs == nil {
		return l
	}
	return []net.Listener{p.certs.Listener(l[0]), p.certs.Listener(l[1]), p.certs.Either(l[2])}
}

func (p *process) serveHTTP(l net.Listener) error {
	if p.certs != nil {
		return p.http.ServeTLS(l) //nolint:wrapcheck // serve says what it served
	}
	return p.http.Serve(l) //nolint:wrapcheck // serve says what it served
}

func listen(ctx context.Context, addrs ...string) ([]net.Listener, error) {
	var out []net.Listener
	var config net.ListenConfig
	for _, addr := range addrs {
		l, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			for _, open := range out {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listening on %s: %w", addr, err)
		}
		out = append(out, l)
	}
	return out, nil
}
