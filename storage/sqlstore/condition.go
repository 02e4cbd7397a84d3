package sqlstore

import (
	"fmt"

	"github.com/keystile/keystile/storage"
)

// condition is a WHERE clause in the making.
type condition struct {
	text string
	args []any
}

// add appends SQL in which each %d stands for one of values.
func (c *condition) add(format string, values ...any) {
	places := make([]any, len(values))
	for i, value := range values {
		c.args = append(c.args, value)
		places[i] = len(c.args)
	}
	c.text += fmt.Sprintf(format, places...)
}

// page ends a listing that goes from the newest to the oldest.
func (c *condition) page(after storage.KeyCursor, limit int) error {
	if limit <= 0 {
		return fmt.Errorf("%w: a page of %d records", storage.ErrInvalid, limit)
	}
	if after.ID != "" {
		c.add(" AND (create_time, id) < ($%d, $%d)", after.CreateTime.UnixMicro(), after.ID)
	}
	c.add(" ORDER BY create_time DESC, id DESC LIMIT $%d", int64(limit))
	return nil
}

// pageByID selects a page of a listing by id. owned says that the records have a
// tenant, mortal that they have a time of deletion.
func pageByID(query *storage.PageQuery, owned, mortal bool) (c condition, err error) {
	if query.Limit <= 0 {
		return c, fmt.Errorf("%w: a page of %d records", storage.ErrInvalid, query.Limit)
	}
	c.add("WHERE id > $%d", query.After)
	if owned {
		c.add(" AND tenant_id = $%d", query.TenantID)
	}
	if mortal && !query.ShowDeleted {
		c.text += " AND delete_time IS NULL"
	}
	c.add(" ORDER BY id LIMIT $%d", int64(query.Limit))
	return c, nil
}

// subscriptionsOf selects what query does, but for its page.
func subscriptionsOf(query *storage.SubscriptionQuery) (c condition, err error) {
	if query.TenantID == "" && query.API.TenantID == "" {
		return c, fmt.Errorf("%w: subscriptions of no tenant", storage.ErrInvalid)
	}
	c.text = "WHERE id <> ''"
	for _, each := range []struct{ column, value string }{
		{"tenant_id", query.TenantID},
		{"user_id", query.UserID},
		{"api_tenant_id", query.API.TenantID},
		{"api_id", query.API.ID},
	} {
		if each.value != "" {
			c.add(" AND "+each.column+" = $%d", each.value)
		}
	}
	return c, nil
}
