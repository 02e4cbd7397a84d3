package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/server/plainhttp"
	"github.com/keystile/keystile/server/rest"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

// offsetClock is the real clock, moved.
type offsetClock struct{ by atomic.Int64 }

func (c *offsetClock) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// Move lets time pass.
func (c *offsetClock) Move(d time.Duration) { c.by.Add(int64(d)) }

// logBuffer keeps a log that many goroutines write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// house is a whole server over a real store, with every door open on loopback.
type house struct {
	t       *testing.T
	store   storage.Store
	service *server.Service
	mirror  *mirror.Mirror
	limits  *limits.Engine
	clock   *offsetClock
	log     *logBuffer
	conn    *grpc.ClientConn
	web     *httptest.Server
	// plain is where the gateways' doors are served by plainhttp alone.
	plain string
	// root is the secret of the operator's first admin.
	root string

	mu      sync.Mutex
	secrets []string
}

// houseOptions change what a house is like; the zero value is the usual one.
type houseOptions struct {
	store     storage.Store
	checkAuth server.CheckAuth
	peppers   access.Peppers
	staleness time.Duration
	// unsynced leaves the mirror empty for good.
	unsynced bool
}

func newHouse(t *testing.T, o houseOptions) *house {
	t.Helper()
	h := &house{t: t, store: o.store, clock: &offsetClock{}, log: &logBuffer{}}
	if h.store == nil {
		h.store = sqliteStore(t)
	}
	if o.checkAuth == "" {
		o.checkAuth = server.CheckAuthNone
	}
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.mirror = mirror.New(h.store, mirror.Options{PollInterval: 20 * time.Millisecond, MaxStaleness: o.staleness, Now: h.clock.Now})
	h.limits = limits.New(limits.Options{Ledger: storepool.NewLedger(h.store), Now: h.clock.Now})
	var err error
	h.service, err = server.NewService(server.Options{
		Store: h.store, Keys: h.mirror, Peppers: o.peppers, CheckAuth: o.checkAuth,
		Random: rand.Reader, Now: h.clock.Now, Logger: log,
		Limits:  h.limits,
		Gateway: gateway.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !o.unsynced {
		h.bootstrap()
	}
	h.open(log, o)
	t.Cleanup(h.noSecretWasLogged)
	t.Cleanup(h.showPanics)
	return h
}

// pass lets time pass, and the copy be looked after at the end of it.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	h.clock.Move(d)
	if err := h.mirror.Sync(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) bootstrap() {
	h.t.Helper()
	_, err := h.service.Bootstrap(h.t.Context(), func(s access.Secret, _ string) (func(), error) {
		h.root = h.note(s.Reveal())
		return func() {}, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// open starts the doors and the background work.
func (h *house) open(log *slog.Logger, o houseOptions) {
	h.t.Helper()
	g, err := server.NewGRPC(h.service, health.NewServer(), server.MaxMessage)
	if err != nil {
		h.t.Fatal(err)
	}
	inner, err := server.NewGRPC(h.service, health.NewServer(), server.MaxInProcessMessage)
	if err != nil {
		h.t.Fatal(err)
	}
	inside, err := server.NewInProcess()
	if err != nil {
		h.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	api, err := rest.New(inside.Conn(), rest.Options{NewRequestID: server.NewRequestID, Logger: log})
	if err != nil {
		h.t.Fatal(err)
	}
	h.web = httptest.NewUnstartedServer(nil)
	h.web.Config = server.NewHTTP(server.Paths(server.NewGatewayDoors(h.service), api, api), log)
	h.web.Start()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.plain = plain.Addr().String()
	front := plainhttp.New(server.NewGatewayDoors(h.service), server.NewHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}), log))
	h.conn, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = g.Serve(listener) })
	work.Go(func() { _ = front.Serve(plain) })
	work.Go(func() { _ = inner.Serve(inside.Listener()) })
	work.Go(func() { h.service.Run(ctx, time.Second) })
	work.Go(func() { _ = h.limits.Run(ctx) })
	if !o.unsynced {
		work.Go(func() { h.mirror.Run(ctx) })
		if err := h.mirror.CatchUp(h.t.Context(), 1); err != nil {
			h.t.Fatal(err)
		}
	}
	h.t.Cleanup(func() {
		h.web.Close()
		_ = front.Close()
		_ = h.conn.Close()
		_ = inside.Close()
		g.Stop()
		inner.Stop()
		stop()
		work.Wait()
	})
}

func sqliteStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.SQLiteConfig{Path: filepath.Join(t.TempDir(), "keystile.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// note remembers a secret that must never be seen in a log.
func (h *house) note(secret string) string {
	if secret != "" {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.secrets = append(h.secrets, secret)
	}
	return secret
}

// noSecretWasLogged greps everything that was logged, at every level.
func (h *house) noSecretWasLogged() {
	log := h.log.String()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.secrets {
		if strings.Contains(log, s) || strings.Contains(log, s[len(s)/2:]) {
			h.t.Errorf("the log holds a secret, or half of one")
		}
	}
}

// showPanics shows the stacks of panics that no test wanted.
func (h *house) showPanics() {
	if !h.t.Failed() {
		return
	}
	for line := range strings.SplitSeq(h.log.String(), "\n") {
		if strings.Contains(line, `"msg":"panic"`) {
			h.t.Log(strings.ReplaceAll(line, `\n`, "\n"))
		}
	}
}

// write changes records directly, for states that no call produces.
func (h *house) write(change func(tx storage.Tx) error) {
	h.t.Helper()
	revision, err := h.store.Write(h.t.Context(), change)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.mirror.CatchUp(h.t.Context(), revision); err != nil {
		h.t.Fatal(err)
	}
}
