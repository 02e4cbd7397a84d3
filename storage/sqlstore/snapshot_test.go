package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/keystile/keystile/storage"
)

// manyKeys makes keys for three parts, every tenth of which was rotated.
func manyKeys(t *testing.T, s *Store) (all map[string]int) {
	t.Helper()
	all = map[string]int{}
	_, err := s.Write(t.Context(), func(tx storage.Tx) error {
		all = map[string]int{}
		for len(all) < 2*keysAtOnce+10 {
			keys := make([]*storage.Key, 0, 1000)
			for len(keys) < cap(keys) && len(all) < 2*keysAtOnce+10 {
				n := len(all)
				k := &storage.Key{ID: fmt.Sprintf("key-%d", n), TenantID: "acme", UserID: "ada", State: storage.KeyActive}
				for at := range 1 + n%10/9 {
					secret := storage.Secret{Prefix: "ks", LastFour: "abcd", CreateTime: s.opts.Now()}
					binary.LittleEndian.PutUint32(secret.Digest[:], uint32(n))
					secret.Digest[8] = byte(at)
					if at > 0 {
						secret.EndTime = s.opts.Now()
					}
					k.Secrets = append(k.Secrets, secret)
				}
				all[k.ID] = len(k.Secrets)
				keys = append(keys, k)
			}
			if taken, err := tx.CreateKeys(keys); err != nil || len(taken) > 0 {
				return fmt.Errorf("%d taken: %w", len(taken), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSnapshotComesInParts(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		all := manyKeys(t, s)
		parts := 0
		var during storage.Position
		position, _, err := s.Snapshot(t.Context(), func(at storage.Position, part storage.Records) error {
			parts++
			during = at
			if len(part.Keys) > keysAtOnce {
				t.Errorf("a part has %d keys", len(part.Keys))
			}
			for _, k := range part.Keys {
				if len(k.Secrets) != all[k.ID] {
					t.Fatalf("key %s: got %d secrets, want %d", k.ID, len(k.Secrets), all[k.ID])
				}
				delete(all, k.ID)
			}
			return nil
		})
		if during != position || position.Revision == 0 {
			t.Errorf("the parts are of %v, and the whole of %v", during, position)
		}
		if err != nil || len(all) != 0 || parts < 5 {
			t.Errorf("got %d parts and %v; %d keys are missing", parts, err, len(all))
		}

		// Who takes the parts may end it at any of them.
		errEnough := errors.New("enough")
		for most := range parts {
			taken := 0
			_, _, err := s.Snapshot(t.Context(), func(storage.Position, storage.Records) error {
				if taken++; taken > most {
					return errEnough
				}
				return nil
			})
			if !errors.Is(err, errEnough) || taken != most+1 {
				t.Errorf("ended at part %d: got %v after %d parts", most+1, err, taken)
			}
		}
	})
}
