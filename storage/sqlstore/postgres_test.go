package sqlstore

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

func openAt(t *testing.T, config PostgresConfig) *Store {
	t.Helper()
	s, err := OpenPostgres(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestPostgresMayComeLater(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{})
	url := cluster.NewDatabase(t)
	cluster.Stop(t)
	s := openAt(t, PostgresConfig{URL: url})
	if err := s.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Ping: got error %v, want %v", err, storage.ErrUnavailable)
	}
	if err := s.CheckSchema(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("CheckSchema: got error %v, want %v", err, storage.ErrUnavailable)
	}
	if _, _, err := s.Migrate(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("Migrate: got error %v, want %v", err, storage.ErrUnavailable)
	}
	cluster.Restart(t)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping after it came: %v", err)
	}
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	addAcme(t, s)
	// Connections that an orderly stop ended are replaced without an error.
	cluster.Stop(t)
	cluster.Restart(t)
	if _, err := s.GetTenant(t.Context(), "acme"); err != nil {
		t.Errorf("GetTenant after a restart: %v", err)
	}
	addKeys(t, s, "k1")
}

func TestPostgresOverASocket(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{})
	s := openAt(t, PostgresConfig{URL: cluster.SocketURL("postgres")})
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPoolsCannotStarveEachOther holds administration's only connection, then that of
// usage, and then that of counters.
func TestPoolsCannotStarveEachOther(t *testing.T) {
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t), MaxConnections: 1, MaxSyncConnections: 1, MaxUsageConnections: 1, MaxCounterConnections: 1})
	addAcme(t, s)
	addKeys(t, s, "k1")
	write(t, s, func(storage.Tx) error {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v", err)
		}
		changesSinceNothing, err := s.ChangesSince(t.Context(), storage.Position{})
		if err != nil || !changesSinceNothing.Reset {
			t.Errorf("ChangesSince: got %+v, %v", changesSinceNothing, err)
		}
		used := []storage.Used{{KeyID: "k1", User: storage.UserRef{TenantID: "acme", ID: "ada"}, Time: time.Unix(1, 0)}}
		if err := s.MarkUsed(t.Context(), used); err != nil {
			t.Errorf("MarkUsed: %v", err)
		}
		if err := s.PutDecisions(t.Context(), []storage.Decision{{ID: "d", Time: time.Unix(1, 0)}}); err != nil {
			t.Errorf("PutDecisions: %v", err)
		}
		takeRates(t, s, hourly("a", 10, 1))
		takeQuota(t, s, forever("a", 10, 1))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.GetTenant(ctx, "acme"); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("GetTenant without a free connection: got error %v, want %v", err, storage.ErrUnavailable)
		}
		return nil
	})
	if err := s.aside(t.Context(), func(*session) error {
		if _, err := s.GetTenant(t.Context(), "acme"); err != nil {
			t.Errorf("GetTenant: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := s.PutDecisions(ctx, []storage.Decision{{ID: "e", Time: time.Unix(1, 0)}}); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("PutDecisions without a free connection: got error %v, want %v", err, storage.ErrUnavailable)
		}
		takeRates(t, s, hourly("a", 10, 1))
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := s.count(t.Context(), func(*session) error {
		if err := s.PutDecisions(t.Context(), []storage.Decision{{ID: "f", Time: time.Unix(1, 0)}}); err != nil {
			t.Errorf("PutDecisions: %v", err)
		}
		if err := errors.Join(s.Ping(t.Context()), s.ForgetRates(t.Context()), s.ForgetQuotas(t.Context())); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.TakeQuotas(ctx, []storage.QuotaDraw{forever("a", 10, 1)}); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("TakeQuotas without a free connection: got error %v, want %v", err, storage.ErrUnavailable)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestLimitsHoldBehindAPooler: the limits are those of our transactions, and of
// nobody who gets the connection afterwards.
func TestLimitsHoldBehindAPooler(t *testing.T) {
	direct := pgtest.NewDatabase(t)
	for name, url := range map[string]string{"direct": direct, "pooled": pgtest.StartPgBouncer(t, direct).URL(direct)} {
		t.Run(name, func(t *testing.T) {
			s := openPostgres(t, PostgresConfig{
				URL: url, StatementTimeout: 300 * time.Millisecond, LockTimeout: 100 * time.Millisecond, IdleInTransactionTimeout: 200 * time.Millisecond,
			})
			began := time.Now()
			err := s.read(t.Context(), "sleep", func(q *session) error {
				var ignored string
				return q.get(&ignored, "SELECT CAST(pg_sleep(30) AS TEXT)")
			})
			if !errors.Is(err, storage.ErrUnavailable) || time.Since(began) > 10*time.Second {
				t.Errorf("a long statement: got error %v after %v, want %v", err, time.Since(began), storage.ErrUnavailable)
			}
			if _, err := s.GetTenant(t.Context(), "acme"); errors.Is(err, storage.ErrNotFound) {
				addAcme(t, s)
			}
			write(t, s, func(tx storage.Tx) error {
				if _, err := tx.GetTenant("acme"); err != nil {
					return err
				}
				_, err := s.Write(t.Context(), func(tx storage.Tx) error {
					_, err := tx.GetTenant("acme")
					return err
				})
				if !errors.Is(err, storage.ErrConflict) {
					t.Errorf("waiting for a lock: got error %v, want %v", err, storage.ErrConflict)
				}
				return nil
			})
			_, err = s.Write(t.Context(), func(tx storage.Tx) error {
				_, err := tx.GetTenant("acme")
				time.Sleep(500 * time.Millisecond)
				return errors.Join(err, tx.CreateTenant(&storage.Tenant{ID: "late", State: storage.TenantActive}))
			})
			if !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("a silent transaction: got error %v, want %v", err, storage.ErrUnavailable)
			}
			// Committed, so that a setting which outlives its transaction would stay.
			addKeys(t, s, "after "+name)
			if _, err := s.GetTenant(t.Context(), "acme"); err != nil {
				t.Error(err)
			}
			for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
				for range 4 {
					if got := read[string](t, s, "SHOW "+limit); got != "0" {
						t.Errorf("%s outside our transactions: got %s, want 0", limit, got)
					}
				}
			}
		})
	}
}

// wire is a connection's way to the server, which can be cut: what is sent then
// goes nowhere, and nobody says so.
type wire struct {
	listener net.Listener
	target   string
	cut      atomic.Bool
	mu       sync.Mutex
	open     []net.Conn
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, target: target}
	t.Cleanup(func() {
		_ = listener.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, conn := range w.open {
			_ = conn.Close()
		}
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			w.join(client)
		}
	}()
	return w
}

func (w *wire) join(client net.Conn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.open = append(w.open, client, server)
	w.mu.Unlock()
	pass := func(to, from net.Conn) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if w.cut.Load() {
				continue // a dead wire brings no end of stream either
			}
			if err != nil {
				_ = to.Close()
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	go pass(server, client)
	go pass(client, server)
}

// TestADeadlineEndsADeadConnection: the network swallows the server without a
// word. The call ends with its context all the same, and later ones recover.
func TestADeadlineEndsADeadConnection(t *testing.T) {
	direct, err := url.Parse(pgtest.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, direct.Host)
	through := *direct
	through.Host = w.listener.Addr().String()
	s := openPostgres(t, PostgresConfig{URL: through.String(), ConnectTimeout: time.Second})
	addAcme(t, s)
	position := storage.Position{StoreID: read[string](t, s, "SELECT store_id FROM store_state"), Revision: 1}
	calls := map[string]func(context.Context) error{
		"ChangesSince": func(ctx context.Context) error { _, err := s.ChangesSince(ctx, position); return err },
		"Snapshot":     func(ctx context.Context) error { _, _, _, err := storage.Whole(ctx, s); return err },
		"GetTenant":    func(ctx context.Context) error { _, err := s.GetTenant(ctx, "acme"); return err },
		"Ping":         s.Ping,
		"Write": func(ctx context.Context) error {
			_, err := s.Write(ctx, func(tx storage.Tx) error { _, err := tx.GetTenant("acme"); return err })
			return err
		},
	}
	for name, call := range calls {
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.cut.Store(true)
		for try := range 2 { // first on a connection that dies, then on one that can't be made
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			began := time.Now()
			err := call(ctx)
			cancel()
			if took := time.Since(began); !errors.Is(err, storage.ErrUnavailable) || took > 200*time.Millisecond+4*pgGrace {
				t.Errorf("%s, try %d: got error %v after %v, want %v", name, try, err, took, storage.ErrUnavailable)
			}
		}
		w.cut.Store(false)
		if err := call(t.Context()); err != nil {
			t.Errorf("%s, after the network came back: %v", name, err)
		}
	}
}

// TestCancellingEndsAHandshake: a server that accepts and says nothing.
func TestCancellingEndsAHandshake(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	url := "postgres://u@" + listener.Addr().String() + "/keystile"
	s := openAt(t, PostgresConfig{URL: url, ConnectTimeout: 200 * time.Millisecond})
	began := time.Now()
	if err := s.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) || time.Since(began) > 5*time.Second {
		t.Errorf("ConnectTimeout: got error %v after %v, want %v", err, time.Since(began), storage.ErrUnavailable)
	}
	s = openAt(t, PostgresConfig{URL: url, ConnectTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	began = time.Now()
	if err := s.Ping(ctx); !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
		t.Errorf("cancelled: got error %v after %v, want %v", err, time.Since(began), context.Canceled)
	}
}

func TestOperationsAreObserved(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]error{}
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t), Options: Options{
		Observe: func(operation string, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			seen[operation] = err
			if took < 0 {
				t.Errorf("%s took %v", operation, took)
			}
		},
	}})
	addAcme(t, s)
	_, _ = s.GetTenant(t.Context(), "none")
	mu.Lock()
	defer mu.Unlock()
	if err, ok := seen["write"]; !ok || err != nil {
		t.Errorf("write: got %v, %v", ok, err)
	}
	if err, ok := seen["migrate"]; !ok || err != nil {
		t.Errorf("migrate: got %v, %v", ok, err)
	}
	if err := seen["get_tenant"]; !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("get_tenant: got %v", err)
	}
}
