package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// userTexts are the fields of a user that are stored as JSON.
type userTexts struct{ roles, limits string }

func userTextsOf(u *storage.User) (texts userTexts, err error) {
	if texts.roles, err = jsonList(u.Roles); err != nil {
		return texts, err
	}
	texts.limits, err = jsonLimits(&u.Limits)
	return texts, err
}

// CreateUser adds a user.
func (t *tx) CreateUser(u *storage.User) error {
	texts, err := userTextsOf(u)
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	rows, err := t.exec(`INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9) ON CONFLICT DO NOTHING`,
		u.TenantID, u.ID, u.DisplayName, string(u.Kind), string(u.State), texts.roles, texts.limits,
		micros(t.now), micros(u.DeleteTime))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	u.Version, u.CreateTime, u.UpdateTime = 1, t.now, t.now
	t.wrote(userRef(u.Ref()))
	return nil
}

// UpdateUser writes every field of a user.
func (t *tx) UpdateUser(u *storage.User) error {
	if t.spoilt[userRef(u.Ref())] && u.State != storage.UserDeleted {
		return fmt.Errorf("user: %w", storage.ErrUnreadable)
	}
	texts, err := userTextsOf(u)
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE users SET display_name = $3, kind = $4, state = $5, roles = $6, limits = $7, delete_time = $8,
		update_time = $9, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $10
		RETURNING version, create_time, update_time`,
		u.TenantID, u.ID, u.DisplayName, string(u.Kind), string(u.State), texts.roles, texts.limits,
		micros(u.DeleteTime), micros(t.now), u.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM users WHERE tenant_id = $1 AND id = $2", u.TenantID, u.ID)
	}
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	u.Version, u.CreateTime, u.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(userRef(u.Ref()))
	return nil
}
