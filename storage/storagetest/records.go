package storagetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testRecords(t *testing.T, s *suite) {
	tenant, user, key := newTenant("acme"), newUser("acme", "ada"), wholeKey("acme", "ada", "k1")
	tenant.DeleteTime, tenant.State = day, storage.TenantDeleted
	user.Kind, user.State, user.Roles, user.DeleteTime = storage.UserServiceAccount, storage.UserSuspended, []string{"admin", "b"}, day
	tenant.Limits, user.Limits = wholeLimits(), wholeLimits()
	began := kept(time.Now().Add(-time.Second))
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreateTenant(tenant), tx.CreateUser(user), tx.CreateKey(key))
	})
	for _, made := range []struct {
		what                   string
		version                int64
		createTime, updateTime time.Time
	}{
		{"tenant", tenant.Version, tenant.CreateTime, tenant.UpdateTime},
		{"user", user.Version, user.CreateTime, user.UpdateTime},
		{"key", key.Version, key.CreateTime, key.UpdateTime},
	} {
		if made.version != 1 || made.createTime.Before(began) || !made.updateTime.Equal(made.createTime) || !made.createTime.Equal(kept(made.createTime)) {
			t.Errorf("%s: got version %d, times %v %v; want 1 and now, UTC, in microseconds", made.what, made.version, made.createTime, made.updateTime)
		}
	}
	tenant.DeleteTime, user.DeleteTime = kept(tenant.DeleteTime), kept(user.DeleteTime)
	gotTenant, err := s.store.GetTenant(t.Context(), "acme")
	wantError(t, "GetTenant", err, nil)
	same(t, "tenant", gotTenant, tenant)
	gotUser, err := s.store.GetUser(t.Context(), user.Ref())
	wantError(t, "GetUser", err, nil)
	same(t, "user", gotUser, user)
	same(t, "key", s.key(t, "k1"), keptKey(key))

	s.write(t, func(tx storage.Tx) error {
		gotTenant, err := tx.GetTenant("acme")
		wantError(t, "Tx.GetTenant", err, nil)
		same(t, "tenant in Tx", gotTenant, tenant)
		gotUser, err := tx.GetUser(user.Ref())
		wantError(t, "Tx.GetUser", err, nil)
		same(t, "user in Tx", gotUser, user)
		gotKey, err := tx.GetKey("k1")
		wantError(t, "Tx.GetKey", err, nil)
		same(t, "key in Tx", gotKey, keptKey(key))
		for _, secret := range key.Secrets {
			gotKey, err := tx.FindKey(secret.Digest)
			wantError(t, "Tx.FindKey", err, nil)
			same(t, "key by digest", gotKey, keptKey(key))
		}
		return nil
	})

	// Absent times stay absent, and no list is no list.
	plain := newKey("acme", "ada", "k2")
	s.write(t, func(tx storage.Tx) error { return tx.CreateKey(plain) })
	same(t, "plain key", s.key(t, "k2"), keptKey(plain))
	if err := s.store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

func testNotFound(t *testing.T, s *suite) {
	s.populate(t)
	ctx, nobody := t.Context(), storage.UserRef{TenantID: "acme", ID: "nobody"}
	for _, id := range []string{"none", "", "nul\x00byte", "bad \xff utf-8", strings.Repeat("x", 2<<20), "' OR 1=1 --"} {
		_, err := s.store.GetTenant(ctx, id)
		wantError(t, "GetTenant", err, storage.ErrNotFound)
		_, err = s.store.GetUser(ctx, storage.UserRef{TenantID: "acme", ID: id})
		wantError(t, "GetUser", err, storage.ErrNotFound)
		_, err = s.store.GetKey(ctx, id)
		wantError(t, "GetKey", err, storage.ErrNotFound)
		s.write(t, func(tx storage.Tx) error {
			_, err := tx.GetTenant(id)
			wantError(t, "Tx.GetTenant", err, storage.ErrNotFound)
			_, err = tx.GetUser(storage.UserRef{TenantID: id, ID: "ada"})
			wantError(t, "Tx.GetUser", err, storage.ErrNotFound)
			_, err = tx.GetKey(id)
			wantError(t, "Tx.GetKey", err, storage.ErrNotFound)
			_, err = tx.FindKey(digest(id))
			wantError(t, "Tx.FindKey", err, storage.ErrNotFound)
			_, err = tx.GetReply(storage.ReplyID{Caller: nobody, RequestID: id})
			wantError(t, "Tx.GetReply", err, storage.ErrNotFound)
			return nil
		})
	}
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.UpdateUser(newUser("acme", "nobody")) })
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.UpdateKey(newKey("acme", "ada", "none")) })
	keys, err := s.store.ListKeys(ctx, storage.KeyQuery{TenantID: "none", Limit: 10})
	if err != nil || len(keys) != 0 {
		t.Errorf("ListKeys of no tenant: got %d keys, %v", len(keys), err)
	}
}

func testCaseSensitiveIDs(t *testing.T, s *suite) {
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateTenant(newTenant("acme")), tx.CreateTenant(newTenant("Acme")),
			tx.CreateUser(newUser("acme", "ada")), tx.CreateUser(newUser("acme", "Ada")), tx.CreateUser(newUser("Acme", "ada")),
			tx.CreateKey(newKey("acme", "ada", "key")), tx.CreateKey(newKey("acme", "Ada", "KEY")),
		)
	})
	for _, ref := range []storage.UserRef{{TenantID: "acme", ID: "ada"}, {TenantID: "acme", ID: "Ada"}, {TenantID: "Acme", ID: "ada"}} {
		u, err := s.store.GetUser(t.Context(), ref)
		if err != nil || u.Ref() != ref {
			t.Errorf("GetUser(%v): got %v, %v", ref, u, err)
		}
	}
	_, err := s.store.GetUser(t.Context(), storage.UserRef{TenantID: "Acme", ID: "Ada"})
	wantError(t, "GetUser(Acme, Ada)", err, storage.ErrNotFound)
	if got := s.key(t, "KEY").UserID; got != "Ada" {
		t.Errorf("key KEY: got user %q, want Ada", got)
	}
	_, err = s.store.GetKey(t.Context(), "Key")
	wantError(t, "GetKey(Key)", err, storage.ErrNotFound)
	// What looks alike or sorts alike elsewhere is not the same either.
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreateUser(newUser("acme", "ada ")), tx.CreateUser(newUser("acme", "\u00e9")), tx.CreateUser(newUser("acme", "e\u0301")))
	})
}

func testDigests(t *testing.T, s *suite) {
	s.populate(t)
	var low, high, last storage.Digest
	for i := range high {
		high[i] = 0xff
	}
	last[31] = 1
	for id, d := range map[string]storage.Digest{"low": low, "high": high, "last": last} {
		k := newKey("acme", "ada", id)
		k.Secrets[0].Digest = d
		s.write(t, func(tx storage.Tx) error { return tx.CreateKey(k) })
	}
	s.write(t, func(tx storage.Tx) error {
		for id, d := range map[string]storage.Digest{"low": low, "high": high, "last": last} {
			k, err := tx.FindKey(d)
			if err != nil || k.ID != id || k.Secrets[0].Digest != d {
				t.Errorf("FindKey(%x): got %v, %v; want %s", d, k, err, id)
			}
		}
		almost := high
		almost[31] = 0xfe
		_, err := tx.FindKey(almost)
		wantError(t, "FindKey of a digest with one bit off", err, storage.ErrNotFound)
		return nil
	})
}

func testExists(t *testing.T, s *suite) {
	s.populate(t, "k1")
	twin := newKey("acme", "ada", "k2")
	twin.Secrets = []storage.Secret{newSecret("fresh"), newSecret("k1")}
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error { return tx.CreateTenant(newTenant("acme")) })
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error { return tx.CreateUser(newUser("acme", "ada")) })
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error { return tx.CreateKey(newKey("acme", "ada", "k1")) })
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error { return tx.CreateKey(twin) })

	// A caller may go on after ErrExists, and nothing of what was refused stays.
	before := s.position(t).Revision
	revision := s.write(t, func(tx storage.Tx) error {
		wantError(t, "CreateTenant", tx.CreateTenant(newTenant("acme")), storage.ErrExists)
		wantError(t, "CreateUser", tx.CreateUser(newUser("acme", "ada")), storage.ErrExists)
		wantError(t, "CreateKey", tx.CreateKey(newKey("acme", "ada", "k1")), storage.ErrExists)
		wantError(t, "CreateKey with a known secret", tx.CreateKey(twin), storage.ErrExists)
		return tx.CreateKey(newKey("acme", "ada", "k3"))
	})
	if revision != before+1 {
		t.Errorf("revision: got %d, want %d", revision, before+1)
	}
	_, err := s.store.GetKey(t.Context(), "k2")
	wantError(t, "GetKey of the refused key", err, storage.ErrNotFound)
	s.write(t, func(tx storage.Tx) error {
		_, err := tx.FindKey(digest("fresh"))
		wantError(t, "FindKey of the refused key's secret", err, storage.ErrNotFound)
		return nil
	})

	// An update that takes another key's secret is refused as a whole, whatever
	// the caller makes of the error.
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error {
		k, err := tx.GetKey("k3")
		if err != nil {
			return err
		}
		k.Secrets = append([]storage.Secret{newSecret("k1")}, k.Secrets...)
		wantError(t, "UpdateKey", tx.UpdateKey(k), storage.ErrExists)
		return nil
	})
	if got := s.key(t, "k3").Secrets; len(got) != 1 || got[0].Digest != digest("k3") {
		t.Errorf("secrets of k3 after the refused update: %v", got)
	}
}

func testReferences(t *testing.T, s *suite) {
	s.populate(t)
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.CreateUser(newUser("none", "ada")) })
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.CreateKey(newKey("acme", "nobody", "k1")) })
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error {
		// Passing over the error doesn't help.
		_ = tx.CreateKey(newKey("none", "ada", "k1"))
		return nil
	})
}
