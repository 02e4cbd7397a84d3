package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keystile/keystile/storage"
)

// Pepper is what ApplyPepper does.
type Pepper struct {
	// ID is written beside each digest that was made with it.
	ID string
	// Convert makes the peppered digest of a plain one.
	Convert func(storage.Digest) storage.Digest
	// Time and Event are the audit event of tenant system that tells of it.
	// Event is given the number of secrets.
	Time  time.Time
	Event func(secrets int64) []byte
}

// ApplyPepper gives every secret whose digest has no pepper the digest that it
// has with p, in one transaction, and returns how many there were. Followers of
// the change log then take a new snapshot. With nothing to do it writes
// nothing. Keys made at the same time by a process that has no pepper yet stay
// as they are: call it again when the last of those has gone.
func (s *Store) ApplyPepper(ctx context.Context, p Pepper) (secrets int64, err error) {
	if p.ID == "" || p.Convert == nil || p.Event == nil {
		return 0, fmt.Errorf("%w: a pepper needs its id, what it does, and its audit event", storage.ErrInvalid)
	}
	_, err = s.write(ctx, "apply_pepper", s.opts.BulkTimeout, s.dialect.bulkLimits, func(t *tx) error {
		plain, err := t.plainDigests()
		if err != nil {
			return err
		}
		for some := range slices.Chunk(plain, idsAtOnce) {
			if err := t.replaceDigests(p, some); err != nil {
				return err
			}
		}
		secrets = int64(len(plain))
		if secrets > 0 {
			t.all = true
			t.wrote(storage.ChangeRef{Kind: changeAll})
			t.Audit(storage.SystemTenant, p.Time, p.Event(secrets))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return secrets, nil
}

// plainDigests locks the keys that have a digest without a pepper, then reads
// those digests: nobody else writes a locked key's secrets.
func (t *tx) plainDigests() (digests []storage.Digest, err error) {
	if t.dialect.forUpdate != "" {
		if err := each(t.session, func(*idRow) error { return nil },
			"SELECT id FROM keys WHERE id IN (SELECT key_id FROM key_secrets WHERE pepper_id = '') ORDER BY id"+t.dialect.forUpdate); err != nil {
			return nil, err
		}
	}
	err = each(t.session, func(row *digestRow) error {
		digest, err := row.digest()
		digests = append(digests, digest)
		return err
	}, "SELECT digest FROM key_secrets WHERE pepper_id = ''")
	return digests, err
}

func (t *tx) replaceDigests(p Pepper, plain []storage.Digest) error {
	args := []any{p.ID}
	var values strings.Builder
	for i, digest := range plain {
		peppered := p.Convert(digest)
		args = append(args, digest[:], peppered[:])
		if i > 0 {
			values.WriteByte(',')
		}
		fmt.Fprintf(&values, "(CAST($%d AS %s), CAST($%d AS %[2]s))", len(args)-1, t.dialect.blob, len(args))
	}
	rows, err := t.exec("UPDATE key_secrets SET digest = v.peppered, pepper_id = $1 FROM "+
		"(SELECT column1 AS plain, column2 AS peppered FROM (VALUES "+values.String()+") AS raw) AS v "+
		"WHERE key_secrets.digest = v.plain AND key_secrets.pepper_id = ''", args...)
	if err != nil {
		return err
	}
	if rows != int64(len(plain)) {
		return fmt.Errorf("%w: %d digests changed where %d were read", storage.ErrConflict, rows, len(plain))
	}
	return nil
}
