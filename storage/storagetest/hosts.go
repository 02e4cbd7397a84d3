package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testLockHosts(t *testing.T, s *suite) {
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error {
		_, err := tx.LockHosts()
		return err
	})
	const tenants = 5
	s.write(t, func(tx storage.Tx) error {
		deleted := newTenant("deleted")
		deleted.Hosts, deleted.State, deleted.DeleteTime = []string{"old.test", "*.old.test"}, storage.TenantDeleted, day
		errs := []error{tx.CreateTenant(newTenant(storage.SystemTenant)), tx.CreateTenant(deleted)}
		for i := range tenants {
			errs = append(errs, tx.CreateTenant(newTenant(fmt.Sprintf("t%d", i))))
		}
		return errors.Join(errs...)
	})
	// Everybody wants the same hosts, and must see who has them already.
	var inside, claims atomic.Int32
	together(tenants, func(i int) {
		for n := range 4 {
			host := fmt.Sprintf("h%d.test", n)
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				hosts, err := tx.LockHosts()
				if err != nil {
					return err
				}
				if inside.Add(1) != 1 {
					t.Error("two transactions hold the hosts at once")
				}
				// The moment gives another time to come in.
				time.Sleep(time.Millisecond)
				defer inside.Add(-1)
				if len(hosts) != tenants+2 || !slices.Equal(hosts["deleted"], []string{"old.test", "*.old.test"}) {
					t.Errorf("hosts: got %v; want those of all tenants, deleted ones included", hosts)
				}
				for _, taken := range hosts {
					if slices.Contains(taken, host) {
						return nil
					}
				}
				tenant, err := tx.GetTenant(fmt.Sprintf("t%d", i))
				if err != nil {
					return err
				}
				tenant.Hosts = append(tenant.Hosts, host)
				claims.Add(1)
				return tx.UpdateTenant(tenant)
			})
			if err != nil {
				t.Errorf("tenant %d: %v", i, err)
			}
		}
	})
	owners := map[string]int{}
	s.write(t, func(tx storage.Tx) error {
		hosts, err := tx.LockHosts()
		for _, each := range hosts {
			for _, host := range each {
				owners[host]++
			}
		}
		return err
	})
	want := map[string]int{"old.test": 1, "*.old.test": 1}
	for n := range 4 {
		want[fmt.Sprintf("h%d.test", n)] = 1
	}
	same(t, "owners of each host", owners, want)
	if claims.Load() != 4 {
		t.Errorf("got %d claims, want 4", claims.Load())
	}

	// While nobody can tell what a tenant holds, nobody gets any.
	s.Spoil(t, s.store, storage.ChangeRef{Kind: storage.ChangeTenant, ID: "t0"})
	s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
		_, err := tx.LockHosts()
		return err
	})
}
