package sqlstore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func TestPepperIsAppliedOnce(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		const keys = idsAtOnce + 20
		ids := make([]string, keys)
		for i := range ids {
			ids[i] = fmt.Sprintf("k%04d", i)
		}
		before := addKeys(t, s, ids...)
		write(t, s, func(tx storage.Tx) error {
			k, err := tx.GetKey("k0001")
			if err != nil {
				return err
			}
			k.Secrets[0].PepperID, k.Secrets[0].Digest = "older", digestOf("peppered before")
			return tx.UpdateKey(k)
		})
		turn := func(d storage.Digest) storage.Digest {
			for i := range d {
				d[i] ^= 0xff
			}
			return d
		}
		pepper := Pepper{ID: "p1", Convert: turn, Time: time.Unix(7, 0), Event: func(n int64) []byte { return fmt.Appendf(nil, "%d secrets", n) }}
		for range 2 { // the second time there is nothing to do
			want := int64(keys - 1)
			if n := read[int64](t, s, "SELECT count(*) FROM audit_events"); n > 0 {
				want = 0
			}
			if n, err := s.ApplyPepper(t.Context(), pepper); err != nil || n != want {
				t.Fatalf("ApplyPepper: got %d, %v; want %d", n, err, want)
			}
		}
		counts, err := s.CountPeppers(t.Context())
		if err != nil || len(counts) != 2 || counts["p1"] != keys-1 || counts["older"] != 1 {
			t.Errorf("peppers: got %v, %v", counts, err)
		}
		k, err := s.GetKey(t.Context(), "k0002")
		if err != nil || k.Secrets[0].Digest != turn(digestOf("k0002")) || k.Secrets[0].PepperID != "p1" {
			t.Errorf("a key: got %+v, %v", k, err)
		}
		k, err = s.GetKey(t.Context(), "k0001")
		if err != nil || k.Secrets[0].Digest != digestOf("peppered before") {
			t.Errorf("a key that had a pepper: got %+v, %v", k, err)
		}
		if changes := changesSince(t, s, before+1); !changes.Reset || changes.Now.Revision != before+2 {
			t.Errorf("changes: got %+v, want a reset at %d", changes.Now, before+2)
		}
		events, err := s.ScanAuditEvents(t.Context(), storage.SystemTenant, 0, 10)
		if err != nil || len(events) != 1 || string(events[0].Payload) != fmt.Sprintf("%d secrets", keys-1) {
			t.Errorf("events: got %v, %v", events, err)
		}
		if _, err := s.ApplyPepper(t.Context(), Pepper{}); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("no pepper: got error %v, want %v", err, storage.ErrInvalid)
		}
	})
}
