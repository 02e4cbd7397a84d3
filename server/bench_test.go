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
// and subscription.
func BenchmarkCheck(b *testing.B) {
	secret, err := access.NewSecret(rand.Reader, "ks")
	if err != nil {
		b.Fatal(err)
	}
	service := benchService(b, secret)
	run := func(name string, q Question) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a := service.newAnswer()
				if err := service.Check(b.Context(), &q, a); err != nil || !a.Verdict.Allowed() {
					b.Fatal(a.Verdict.Reason, err)
				}
				service.release(a)
			}
		})
	}
	run("permission", Question{Secret: secret, Permission: "orders.read"})
	run("request", Question{Secret: secret, Call: &access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: "/orders/7?x=1"}})
}

func benchService(b *testing.B, secret access.Secret) *Service {
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
