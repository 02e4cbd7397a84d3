package server

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

// BenchmarkCheck compares, through the one Check that every door leads to, a
// named permission with an HTTP request that finds host, API, route, role, scope
// and subscription, and with one of a key that has limits. The answer is written as
// the doors of gRPC write it.
func BenchmarkCheck(b *testing.B) {
	secret, err := access.NewSecret(rand.Reader, "ks")
	if err != nil {
		b.Fatal(err)
	}
	limited, err := access.NewSecret(rand.Reader, "ks")
	if err != nil {
		b.Fatal(err)
	}
	service := benchService(b, secret, limited)
	out := make([]byte, 0, usualAnswer)
	run := func(name string, q Question) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a := service.newAnswer()
				if err := service.Check(b.Context(), &q, a); err != nil || !a.Verdict.Allowed() {
					b.Fatal(a.Verdict.Reason, err)
				}
				if out, err = service.appendAnswer(out[:0], a); err != nil {
					b.Fatal(err)
				}
				service.release(a)
			}
		})
	}
	run("permission", Question{Secret: secret, Permission: "orders.read"})
	call := &access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: "/orders/7?x=1"}
	run("request", Question{Secret: secret, Call: call})
	run("request with three rate limits", Question{Secret: limited, Call: call})
}

func benchService(b *testing.B, secret, limited access.Secret) *Service {
	b.Helper()
	store, err := sqlstore.OpenSQLite(b.Context(), sqlstore.SQLiteConfig{Path: filepath.Join(b.TempDir(), "keystile.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	if _, _, err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	_, err = store.Write(b.Context(), func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateTenant(&storage.Tenant{ID: "acme", State: storage.TenantActive, SecretPrefix: "ks", Hosts: []string{"api.acme.test"}}),
			tx.CreateUser(&storage.User{TenantID: "acme", ID: "ada", Kind: storage.UserPerson, State: storage.UserActive, Roles: []string{"developer"}}),
			tx.CreateKey(&storage.Key{ID: "key_1", TenantID: "acme", UserID: "ada", State: storage.KeyActive, Scopes: []string{"orders.*"},
				Secrets: []storage.Secret{{Digest: secret.Sum(), CreateTime: time.Now()}}}),
			tx.CreateKey(&storage.Key{ID: "key_2", TenantID: "acme", UserID: "ada", State: storage.KeyActive, Scopes: []string{"orders.*"},
				Secrets: []storage.Secret{{Digest: limited.Sum(), CreateTime: time.Now()}},
				Limits: storage.Limits{RateLimits: []storage.RateLimit{
					{Name: "second", Requests: 1e9, Period: time.Second}, {Name: "minute", Requests: 1e9, Period: time.Minute}, {Name: "day", Requests: 1e9, Period: 24 * time.Hour},
				}}}),
			tx.CreateAPI(&storage.API{TenantID: "acme", ID: "orders", State: storage.APIPublished, Visibility: storage.VisibilityPrivate, SubscriptionRequired: true,
				Routes: []storage.Route{{Hosts: []string{"api.acme.test"}, Methods: []string{"GET"}, Path: "/orders/{id}", Permission: "orders.read"}}}),
			tx.CreateSubscription(&storage.Subscription{ID: "sub_1", TenantID: "acme", UserID: "ada", API: storage.APIRef{TenantID: "acme", ID: "orders"}, State: storage.SubscriptionApproved}),
		)
	})
	if err != nil {
		b.Fatal(err)
	}
	m := mirror.New(store, mirror.Options{MaxStaleness: time.Hour})
	if err := m.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	s, err := NewService(Options{Store: store, Keys: m, Random: rand.Reader, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return s
}
