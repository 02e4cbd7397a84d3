package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// keyTexts are the fields of a key that are stored as JSON.
type keyTexts struct{ scopes, cidrs, labels string }

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
	texts.labels, err = jsonLabels(k.Labels)
	return texts, err
}

// CreateKey adds a key with its secrets.
func (t *tx) CreateKey(k *storage.Key) error {
	texts, err := textsOf(k)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	rows, err := t.exec(`INSERT INTO keys (`+keyColumns+`) VALUES
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $14, $15, $16, $17) ON CONFLICT DO NOTHING`,
		k.ID, k.TenantID, k.UserID, k.DisplayName, texts.scopes, texts.cidrs, texts.labels, string(k.State),
		micros(k.StartTime), micros(k.ExpireTime), string(k.RevokeReason), k.RevokeNote, micros(k.RevokeTime),
		micros(t.now), micros(k.DeleteTime), k.CreatedBy.TenantID, k.CreatedBy.ID)
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
		update_time = $14, delete_time = $15, created_by_tenant_id = $16, created_by_user_id = $17, version = version + 1
		WHERE id = $1 AND version = $18 RETURNING version, create_time, update_time`,
		k.ID, k.TenantID, k.UserID, k.DisplayName, texts.scopes, texts.cidrs, texts.labels, string(k.State),
		micros(k.StartTime), micros(k.ExpireTime), string(k.RevokeReason), k.RevokeNote, micros(k.RevokeTime),
		micros(t.now), micros(k.DeleteTime), k.CreatedBy.TenantID, k.CreatedBy.ID, k.Version)
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
	if len(k.Secrets) == 0 {
		return nil
	}
	const columns = 8
	args := make([]any, 0, columns*len(k.Secrets))
	for i := range k.Secrets {
		secret := &k.Secrets[i]
		args = append(args, k.ID, secret.Digest[:], secret.PepperID, secret.Prefix, secret.LastFour,
			secret.CreateTime.UnixMicro(), micros(secret.EndTime), int64(i))
	}
	rows, err := t.exec("INSERT INTO key_secrets ("+secretColumns+", position) VALUES "+
		tuples(len(k.Secrets), columns)+" ON CONFLICT DO NOTHING", args...)
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
