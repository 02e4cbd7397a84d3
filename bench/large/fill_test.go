package main

import (
	"crypto/sha256"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What is written past the server has to be what the server reads, and nothing
// that guards the tables may be lost.
func TestFilledStoreIsWhole(t *testing.T) {
	const keys = 200
	s := &store{population: population{keys: keys}, address: pgtest.NewDatabase(t)}
	opened, err := sqlstore.OpenPostgres(t.Context(), sqlstore.PostgresConfig{URL: s.address})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	if _, _, err := opened.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := guards(t, s.address)
	if err := s.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := guards(t, s.address); !slices.Equal(before, after) {
		t.Errorf("indexes and constraints: got\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}

	records, _, _, err := storage.Whole(t.Context(), opened)
	if err != nil || records.Unreadable != 0 || len(records.Keys) != keys || len(records.Users) != s.users() || len(records.APIs) != 1 {
		t.Fatalf("got %d keys, %d users, %d APIs, %d unreadable, %v", len(records.Keys), len(records.Users), len(records.APIs), records.Unreadable, err)
	}
	byID := map[string]*storage.Key{}
	for _, k := range records.Keys {
		byID[k.ID] = k
	}
	for i := range keys {
		k := byID[keyID(i)]
		if k == nil || k.UserID != userID(s.userOf(i)) || len(k.AllowedCIDRs) != len(networksOf(i)) || !slices.Equal(k.Scopes, scopesOf(i)) {
			t.Fatalf("key %d: got %+v", i, k)
		}
		want := []string{secretOf(i)}
		if rotated(i) {
			want = append(want, previousOf(i))
		}
		if len(k.Secrets) != len(want) {
			t.Fatalf("key %d has %d secrets, want %d", i, len(k.Secrets), len(want))
		}
		for at, secret := range want {
			if k.Secrets[at].Digest != sha256.Sum256([]byte(secret)) {
				t.Errorf("key %d, secret %d: another digest", i, at)
			}
		}
	}
}

// guards lists the indexes and constraints of a database.
func guards(t *testing.T, address string) []string {
	t.Helper()
	db, err := sql.Open("postgres", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all []string
	for _, query := range []string{
		"SELECT indexdef, '' FROM pg_indexes WHERE schemaname = 'public'",
		"SELECT conrelid::regclass || ' ' || conname || ' ' || contype::text, '' FROM pg_constraint WHERE conrelid <> 0",
	} {
		some, _, err := pairsOf(t.Context(), db, query)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return all
}
