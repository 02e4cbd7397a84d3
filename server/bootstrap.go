package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// firstAdmin is the user that the first start makes.
const firstAdmin = "admin"

// ShowSecret shows a new administrator's secret to whoever starts the service.
// It is called inside the transaction, before the commit, so that a secret that
// could not be shown is not issued; the returned undo is called when the commit
// fails.
type ShowSecret func(secret access.Secret, keyID string) (undo func(), err error)

// Bootstrap creates the operator's tenant, its admin and a key, when the store
// holds none yet. It tells whether it did. Of two replicas that start on one
// empty store exactly one does.
func (s *Service) Bootstrap(ctx context.Context, show ShowSecret) (bool, error) {
	switch _, err := s.store.GetTenant(ctx, storage.SystemTenant); {
	case err == nil:
		return false, nil
	case !errors.Is(err, storage.ErrNotFound):
		return false, fmt.Errorf("looking for the tenant %q: %w", storage.SystemTenant, err)
	}
	err := s.issueAdmin(ctx, show, "first start", func(tx storage.Tx) error {
		return tx.CreateTenant(&storage.Tenant{
			ID: storage.SystemTenant, DisplayName: "Operator", State: storage.TenantActive, SecretPrefix: access.DefaultPrefix,
		})
	})
	if errors.Is(err, storage.ErrExists) || errors.Is(err, storage.ErrConflict) {
		// Another replica was faster; its secret is the one that counts.
		if _, err := s.store.GetTenant(ctx, storage.SystemTenant); err == nil {
			return false, nil
		}
	}
	return err == nil, err
}

// RecoverAdmin makes another key of the operator's admin, for whoever owns the
// database. The admin is made anew, or reactivated, where that is needed.
func (s *Service) RecoverAdmin(ctx context.Context, show ShowSecret) error {
	return s.issueAdmin(ctx, show, "recovery by the owner of the database", func(tx storage.Tx) error {
		_, err := tx.GetTenant(storage.SystemTenant)
		return err //nolint:wrapcheck // wrapped below
	})
}

// issueAdmin gives the admin of the operator's tenant a new key without limits.
func (s *Service) issueAdmin(ctx context.Context, show ShowSecret, why string, tenant func(storage.Tx) error) error {
	var undo func()
	revision, err := s.store.Write(ctx, func(tx storage.Tx) error {
		if undo != nil {
			undo()
			undo = nil
		}
		if err := tenant(tx); err != nil {
			return fmt.Errorf("preparing the tenant %q: %w", storage.SystemTenant, err)
		}
		if err := s.ensureAdmin(tx); err != nil {
			return err
		}
		key, secret, err := s.adminKey(tx, why)
		if err != nil {
			return err
		}
		undo, err = show(secret, key.ID)
		return err
	})
	if err != nil {
		// When it is open whether the commit took effect, the secret may be the
		// one that counts: then it stays where it was shown.
		if undo != nil && !errors.Is(err, storage.ErrUnavailable) {
			undo()
		}
		return fmt.Errorf("issuing the administrator's key: %w", err)
	}
	s.log.InfoContext(ctx, "administrator's key issued", "why", why, "revision", revision)
	return nil
}

func (s *Service) ensureAdmin(tx storage.Tx) error {
	ref := storage.UserRef{TenantID: storage.SystemTenant, ID: firstAdmin}
	user, err := tx.GetUser(ref)
	if errors.Is(err, storage.ErrNotFound) {
		user = &storage.User{
			TenantID: ref.TenantID, ID: ref.ID, DisplayName: "Administrator",
			Kind: storage.UserPerson, State: storage.UserActive, Roles: []string{access.RoleAdmin},
		}
		if err := tx.CreateUser(user); err != nil {
			return fmt.Errorf("creating the administrator: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the administrator: %w", err)
	}
	user.State, user.Roles, user.DeleteTime = storage.UserActive, []string{access.RoleAdmin}, time.Time{}
	if err := tx.UpdateUser(user); err != nil {
		return fmt.Errorf("reactivating the administrator: %w", err)
	}
	return nil
}

func (s *Service) adminKey(tx storage.Tx, why string) (*storage.Key, access.Secret, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	admin := storage.UserRef{TenantID: storage.SystemTenant, ID: firstAdmin}
	secret, record, err := s.newSecret(access.DefaultPrefix, now)
	if err != nil {
		return nil, access.Secret{}, err
	}
	key := &storage.Key{
		TenantID: admin.TenantID, UserID: admin.ID, DisplayName: "administrator (" + why + ")",
		State: storage.KeyActive, Secrets: []storage.Secret{record}, CreatedBy: admin,
	}
	if key.ID, err = newID(s.random, keyIDPrefix); err != nil {
		return nil, access.Secret{}, err
	}
	if err := tx.CreateKey(key); err != nil {
		return nil, access.Secret{}, fmt.Errorf("creating the key: %w", err)
	}
	after, err := image(keyToProto(key, now))
	if err != nil {
		return nil, access.Secret{}, err
	}
	event := auditRecord{
		Actor: auditActor{TenantID: admin.TenantID, UserID: admin.ID}, Action: access.PermKeysCreate,
		Target: auditTarget{Kind: "key", TenantID: key.TenantID, ID: key.ID}, Outcome: outcomeDone,
		Reason: why, Count: 1, After: after,
	}
	payload, err := event.encode()
	if err != nil {
		return nil, access.Secret{}, err
	}
	tx.Audit(storage.SystemTenant, now, payload)
	return key, secret, nil
}
