package sqlstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/keystile/keystile/storage"
)

// tx is a storage.Tx.
type tx struct {
	*session
	// now dates every record of the transaction.
	now time.Time
	// refs are the records written, each once.
	refs []storage.ChangeRef
	seen map[storage.ChangeRef]bool
	// all: more was written than refs tell.
	all    bool
	events []storage.AuditEvent
}

var _ storage.Tx = (*tx)(nil)

func newTx(q *session, now time.Time) *tx {
	q.spoilt = map[storage.ChangeRef]bool{}
	return &tx{session: q, now: cut(now), seen: map[storage.ChangeRef]bool{}}
}

func (t *tx) wrote(ref storage.ChangeRef) {
	if !t.seen[ref] {
		t.seen[ref] = true
		t.refs = append(t.refs, ref)
	}
}

// GetTenant reads and locks a tenant.
func (t *tx) GetTenant(id string) (*storage.Tenant, error) {
	tenant, _, err := only(selectTenants(t.session, "WHERE id = $1"+t.dialect.forUpdate, id))
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", missing(err))
	}
	return tenant, nil
}

// GetUser reads and locks a user.
func (t *tx) GetUser(ref storage.UserRef) (*storage.User, error) {
	u, _, err := only(selectUsers(t.session, "WHERE tenant_id = $1 AND id = $2"+t.dialect.forUpdate, ref.TenantID, ref.ID))
	if err != nil {
		return nil, fmt.Errorf("user: %w", missing(err))
	}
	return u, nil
}

// GetRoles reads and locks roles, in the order of their ids.
func (t *tx) GetRoles(tenantID string, ids []string) ([]*storage.Role, error) {
	return rolesOf(t.session, tenantID, ids, t.dialect.forUpdate)
}

// GetKey reads and locks a key.
func (t *tx) GetKey(id string) (*storage.Key, error) {
	return t.oneKey("WHERE id = $1"+t.dialect.forUpdate, id)
}

// FindKey reads and locks the key that a digest belongs to.
func (t *tx) FindKey(digest storage.Digest) (*storage.Key, error) {
	k, err := t.oneKey("WHERE id = (SELECT key_id FROM key_secrets WHERE digest = $1)"+t.dialect.forUpdate, digest[:])
	if err != nil {
		return nil, err
	}
	// While this waited for the lock, the key may have forgotten the secret.
	if !slices.ContainsFunc(k.Secrets, func(s storage.Secret) bool { return s.Digest == digest }) {
		return nil, fmt.Errorf("key: %w", storage.ErrNotFound)
	}
	return k, nil
}

// oneKey reads secrets after the key is locked: only the lock's holder writes them.
func (t *tx) oneKey(rest string, args ...any) (*storage.Key, error) {
	k, _, err := only(selectWholeKeys(t.session, rest, args...))
	if err != nil {
		return nil, fmt.Errorf("key: %w", missing(err))
	}
	return k, nil
}

// lockTenant makes transactions that decide on a count of a tenant's records
// wait for each other.
func (t *tx) lockTenant(id string) error {
	if t.dialect.forUpdate == "" {
		return nil
	}
	_, err := t.exec("SELECT id FROM tenants WHERE id = $1"+t.dialect.forUpdate, id)
	return err
}

// ListTenantKeys reads every undeleted key of a tenant, and locks them and the
// tenant.
func (t *tx) ListTenantKeys(tenantID string) ([]*storage.Key, error) {
	if err := t.lockTenant(tenantID); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, _, err := selectWholeKeys(t.session, "WHERE tenant_id = $1 AND delete_time IS NULL ORDER BY id"+t.dialect.forUpdate, tenantID)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return keys, nil
}

// ListTenantUsers reads every user of a tenant, deleted ones too, and locks
// them and the tenant.
func (t *tx) ListTenantUsers(tenantID string) ([]*storage.User, error) {
	if err := t.lockTenant(tenantID); err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	users, _, err := selectUsers(t.session, "WHERE tenant_id = $1 ORDER BY id"+t.dialect.forUpdate, tenantID)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return users, nil
}
