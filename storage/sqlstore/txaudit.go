package sqlstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/keystile/keystile/storage"
)

// Audit takes an event up; it is numbered and chained at commit.
func (t *tx) Audit(tenantID string, at time.Time, payload []byte) {
	t.events = append(t.events, storage.AuditEvent{TenantID: tenantID, Time: cut(at), Payload: slices.Clone(payload)})
}

// appendAudit adds the events to their chains. Chains are locked in the order
// of tenant ids, so that no two transactions wait for each other here.
func (t *tx) appendAudit() error {
	byTenant := map[string][]storage.AuditEvent{}
	tenants := []string{}
	for _, e := range t.events {
		if byTenant[e.TenantID] == nil {
			tenants = append(tenants, e.TenantID)
		}
		byTenant[e.TenantID] = append(byTenant[e.TenantID], e)
	}
	slices.Sort(tenants)
	for _, tenantID := range tenants {
		if err := t.appendChain(tenantID, byTenant[tenantID]); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

func (t *tx) appendChain(tenantID string, events []storage.AuditEvent) error {
	zero := storage.AuditHash{}
	if _, err := t.exec("INSERT INTO audit_heads (tenant_id, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
		tenantID, zero[:]); err != nil {
		return err
	}
	var row headRow
	if err := t.get(&row, "SELECT sequence, hash FROM audit_heads WHERE tenant_id = $1"+t.dialect.forUpdate, tenantID); err != nil {
		return err
	}
	head, err := row.head()
	if err != nil {
		return err
	}
	for _, e := range events {
		head.Sequence++
		head.Hash = storage.NextAuditHash(head.Hash, tenantID, head.Sequence, e.Time, e.Payload)
		if _, err := t.exec("INSERT INTO audit_events (tenant_id, sequence, time, payload, hash) VALUES ($1, $2, $3, $4, $5)",
			tenantID, head.Sequence, e.Time.UnixMicro(), bytes(e.Payload), head.Hash[:]); err != nil {
			return err
		}
	}
	_, err = t.exec("UPDATE audit_heads SET sequence = $2, hash = $3 WHERE tenant_id = $1", tenantID, head.Sequence, head.Hash[:])
	return err
}
