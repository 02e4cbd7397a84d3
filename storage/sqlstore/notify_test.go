package sqlstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// ear listens on a store, and counts what it is woken by.
type ear struct {
	mu    sync.Mutex
	woken []storage.Woken
	came  chan struct{}
}

func listenOn(t *testing.T, s *Store) *ear {
	t.Helper()
	e := &ear{came: make(chan struct{}, 100)}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Listen(ctx, func(w storage.Woken) {
			e.mu.Lock()
			e.woken = append(e.woken, w)
			e.mu.Unlock()
			select {
			case e.came <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return e
}

// hears waits for a wake that what fits.
func (e *ear) hears(t *testing.T, what string, fits func(storage.Woken) bool) {
	t.Helper()
	late := time.After(15 * time.Second)
	for {
		e.mu.Lock()
		for _, w := range e.woken {
			if fits(w) {
				e.woken = nil
				e.mu.Unlock()
				return
			}
		}
		e.mu.Unlock()
		select {
		case <-e.came:
		case <-late:
			t.Fatalf("no wake: %s", what)
		}
	}
}

func written(w storage.Woken) bool { return w.Written }

func TestWakes(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Durable: true})
	url := cluster.NewDatabase(t)
	one, other := openAt(t, PostgresConfig{URL: url}), openAt(t, PostgresConfig{URL: url})
	if _, _, err := one.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	listenOn(t, one)
	hearing := listenOn(t, other)
	tenants := 0
	write := func() {
		tenants++
		id := "t" + string(rune('a'+tenants))
		_, err := one.Write(t.Context(), func(tx storage.Tx) error {
			return tx.CreateTenant(&storage.Tenant{ID: id, State: storage.TenantActive, SecretPrefix: "ks"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// The connection is made beside; until then a wake may be lost.
	repeat(t, hearing, write)

	_, position, _, err := storage.Whole(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.RenewLease(t.Context(), storage.Replica{ID: "a", Position: position, Bound: time.Minute}); err != nil {
		t.Fatal(err)
	}
	hearing.hears(t, "a renewal at another position", func(w storage.Woken) bool { return w.Renewed })
	if err := one.DropLease(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	hearing.hears(t, "a dropped lease", func(w storage.Woken) bool { return w.Renewed })

	// A connection that was lost is made anew, and then anything may have happened.
	cluster.Kill(t)
	cluster.Restart(t)
	hearing.hears(t, "the connection is there again", func(w storage.Woken) bool { return w == storage.Woken{} })
	repeat(t, hearing, write)
}

// repeat writes until it is heard.
func repeat(t *testing.T, e *ear, write func()) {
	t.Helper()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			write()
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	e.hears(t, "a write", written)
	close(stop)
	writing.Wait()
}

func TestListenURL(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://a@127.0.0.1:5432/k":                       "postgres://a@127.0.0.1:5432/k?sslmode=disable&application_name=keystile-listen",
		"postgres://a@h/k?sslmode=require":                    "postgres://a@h/k?sslmode=require&application_name=keystile-listen",
		"postgres://a@h/k?application_name=x&sslmode=require": "postgres://a@h/k?application_name=x&sslmode=require",
		"host=/tmp dbname=k":                                  "host=/tmp dbname=k sslmode=disable application_name=keystile-listen",
		"postgres://a@h/k":                                    "postgres://a@h/k?sslmode=verify-full&application_name=keystile-listen",
	} {
		cfg, err := parsePostgresURL(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := listenURLOf(text, &cfg); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
