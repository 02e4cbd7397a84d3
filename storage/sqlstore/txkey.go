package sqlstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/keystile/keystile/storage"
)

// keyTexts are the fields of a key that are stored as JSON.
type keyTexts struct{ scopes, cidrs, labels, apis, limits string }

func textsOf(k *storage.Key) (texts keyTexts, err error) {
	if len(k.Secrets) > storage.MaxSecrets {
		return texts, fmt.Errorf("%w: %d secrets are more than %d", storage.ErrInvalid, len(k.Secrets), storage.MaxSecrets)
	}
	if texts.scopes, err = jsonList(k.Scopes); err != nil {
		return texts, err
	}
	if texts.cidrs, err = jsonPrefixes(k.AllowedCIDRs); err != nil {
		return texts, err
	}
	if texts.labels, err = jsonLabels(k.Labels); err != nil {
		return texts, err
	}
	if texts.apis, err = jsonAPIs(k.APIs); err != nil {
		return texts, err
	}
	texts.limits, err = jsonLimits(&k.Limits)
	return texts, err
}

// keyValues are a new key's values for keyColumns.
func (t *tx) keyValues(k *storage.Key) ([]any, error) {
	texts, err := textsOf(k)
	if err != nil {
		return nil, err
	}
	now := micros(t.now)
	return []any{
		k.ID, k.TenantID, k.UserID, k.DisplayName, texts.scopes, texts.cidrs, texts.labels, string(k.State),
		micros(k.StartTime), micros(k.ExpireTime), string(k.RevokeReason), k.RevokeNote, micros(k.RevokeTime),
		int64(1), now, now, micros(k.DeleteTime), k.CreatedBy.TenantID, k.CreatedBy.ID, texts.apis, k.SecretPrefix,
		texts.limits,
	}, nil
}

// secretValues are the values of a key's secrets for secretColumns and position.
func secretValues(k *storage.Key) (rows [][]any) {
	for i := range k.Secrets {
		secret := &k.Secrets[i]
		rows = append(rows, []any{
			k.ID, secret.Digest[:], secret.PepperID, secret.Prefix, secret.LastFour,
			secret.CreateTime.UnixMicro(), micros(secret.EndTime), int64(i),
		})
	}
	return rows
}

// insertRows adds rows in one statement, but for those of which the id or
// another unique value is taken, and gives the number added.
func (q *session) insertRows(table, columns string, rows [][]any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	return q.exec("INSERT INTO "+table+" ("+columns+") VALUES "+tuples(len(rows), len(rows[0]))+" ON CONFLICT DO NOTHING",
		slices.Concat(rows...)...)
}

// CreateKey adds a key with its secrets.
func (t *tx) CreateKey(k *storage.Key) error {
	values, err := t.keyValues(k)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	rows, err := t.insertRows("keys", keyColumns, [][]any{values})
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if err := t.insertSecrets(k); err != nil {
		// A caller that goes on must not leave half a key.
		if _, undo := t.exec("DELETE FROM keys WHERE id = $1", k.ID); undo != nil {
			err = errors.Join(err, t.broke(undo))
		}
		return fmt.Errorf("key: %w", err)
	}
	k.Version, k.CreateTime, k.UpdateTime = 1, t.now, t.now
	t.wrote(keyRef(k.ID))
	return nil
}

// UpdateKey writes every field of a key, and its secrets anew.
func (t *tx) UpdateKey(k *storage.Key) error {
	if t.spoilt[keyRef(k.ID)] && k.State != storage.KeyRevoked && k.DeleteTime.IsZero() {
		return fmt.Errorf("key: %w", storage.ErrUnreadable)
	}
	texts, err := textsOf(k)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE keys SET tenant_id = $2, user_id = $3, display_name = $4, scopes = $5, allowed_cidrs = $6,
		labels = $7, state = $8, start_time = $9, expire_time = $10, revoke_reason = $11, revoke_note = $12, revoke_time = $13,
		update_time = $14, delete_time = $15, created_by_tenant_id = $16, created_by_user_id = $17,
		apis = $18, secret_prefix = $19, limits = $20, version = version + 1
		WHERE id = $1 AND version = $21 RETURNING version, create_time, update_time`,
		k.ID, k.TenantID, k.UserID, k.DisplayName, texts.scopes, texts.cidrs, texts.labels, string(k.State),
		micros(k.StartTime), micros(k.ExpireTime), string(k.RevokeReason), k.RevokeNote, micros(k.RevokeTime),
		micros(t.now), micros(k.DeleteTime), k.CreatedBy.TenantID, k.CreatedBy.ID, texts.apis, k.SecretPrefix,
		texts.limits, k.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM keys WHERE id = $1", k.ID)
	}
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, err := t.exec("DELETE FROM key_secrets WHERE key_id = $1", k.ID); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if err := t.insertSecrets(k); err != nil {
		// The old secrets are gone: this must not be committed.
		return fmt.Errorf("key: %w", t.broke(err))
	}
	k.Version, k.CreateTime, k.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(keyRef(k.ID))
	return nil
}

// insertSecrets adds all secrets of a key, or none and gives ErrExists.
func (t *tx) insertSecrets(k *storage.Key) error {
	rows, err := t.insertRows("key_secrets", secretColumns+", position", secretValues(k))
	if err != nil {
		return err
	}
	if rows == int64(len(k.Secrets)) {
		return nil
	}
	if _, err := t.exec("DELETE FROM key_secrets WHERE key_id = $1", k.ID); err != nil {
		return err
	}
	return fmt.Errorf("a secret of it: %w", storage.ErrExists)
}
