package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// The environment of a child process: what it does, and on which store.
const (
	childTask   = "KEYSTILE_TEST_CHILD"
	childTarget = "KEYSTILE_TEST_TARGET"
)

// child is what this test binary does instead of tests when it is run again.
func child(task string) {
	ctx := context.Background()
	s, err := openTarget(ctx, os.Getenv(childTarget))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if task == "hold" {
		fmt.Println("held")
		select {}
	}
	run := fmt.Sprint(os.Getpid())
	err = writeForever(ctx, s, run, func(id string, revision int64) {
		fmt.Printf("%s %d\n", id, revision) // one write to the pipe: there whole, or not
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func openTarget(ctx context.Context, target string) (s *Store, err error) {
	if strings.HasPrefix(target, "postgres://") {
		s, err = OpenPostgres(ctx, PostgresConfig{URL: target})
	} else {
		s, err = OpenSQLite(ctx, SQLiteConfig{Path: target})
	}
	if err != nil {
		return nil, err
	}
	_, _, err = s.Migrate(ctx)
	return s, err
}

// writeForever writes keys from several goroutines until an error, and tells of
// each once it is written.
func writeForever(ctx context.Context, s *Store, run string, written func(id string, revision int64)) error {
	_, err := s.Write(ctx, func(tx storage.Tx) error {
		if _, err := tx.GetTenant("acme"); !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		return errors.Join(tx.CreateTenant(&storage.Tenant{ID: "acme", State: storage.TenantActive}),
			tx.CreateUser(&storage.User{TenantID: "acme", ID: "ada", Kind: storage.UserPerson, State: storage.UserActive}))
	})
	if err != nil {
		return err
	}
	const writers = 3
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("key-%s-%d-%d", run, w, n)
				revision, err := s.Write(ctx, func(tx storage.Tx) error {
					tx.Audit("acme", time.Now(), []byte(id))
					return tx.CreateKey(&storage.Key{
						ID: id, TenantID: "acme", UserID: "ada", State: storage.KeyActive,
						Secrets: []storage.Secret{{Digest: sha256.Sum256([]byte(id)), CreateTime: time.Now()}},
					})
				})
				if err != nil {
					failed <- err
					return
				}
				written(id, revision)
			}
		}()
	}
	for range writers {
		err = errors.Join(err, <-failed)
	}
	return err
}

// intact checks that every acknowledged write is there whole, and that there is
// no half of any other.
func intact(t *testing.T, s *Store, acknowledged map[string]int64) {
	t.Helper()
	records, position, _, err := storage.Whole(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, k := range records.Keys {
		keys[k.ID] = len(k.Secrets) == 1 && k.Secrets[0].Digest == sha256.Sum256([]byte(k.ID))
		if !keys[k.ID] {
			t.Errorf("key %s lacks its secret", k.ID)
		}
	}
	events := map[string]bool{}
	var head storage.AuditHead
	for {
		some, err := s.ScanAuditEvents(t.Context(), "acme", head.Sequence, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		for _, e := range some {
			want := storage.NextAuditHash(head.Hash, "acme", head.Sequence+1, e.Time, e.Payload)
			if e.Sequence != head.Sequence+1 || e.Hash != want {
				t.Fatalf("the chain is broken at %d", e.Sequence)
			}
			head = storage.AuditHead{Sequence: e.Sequence, Hash: e.Hash}
			events[string(e.Payload)] = true
		}
	}
	if got, err := s.AuditHead(t.Context(), "acme"); err != nil || got != head {
		t.Errorf("head: got %v, %v; want %v", got, err, head)
	}
	changed := map[string]int64{}
	for revision := int64(1); revision <= position.Revision; revision++ {
		var refs []storage.ChangeRef
		if err := json.Unmarshal([]byte(read[string](t, s, "SELECT refs FROM change_log WHERE revision = $1", revision)), &refs); err != nil {
			t.Fatalf("change %d: %v", revision, err)
		}
		for _, ref := range refs {
			changed[ref.ID] = revision
		}
	}
	for id, revision := range acknowledged {
		if !keys[id] || !events[id] || changed[id] != revision {
			t.Errorf("acknowledged key %s: record %v, audit event %v, change %d, want %d", id, keys[id], events[id], changed[id], revision)
		}
	}
	// The tenant and the user have a change, and no event.
	if len(keys) != len(events) || len(keys)+2 != len(changed) {
		t.Errorf("got %d keys, %d audit events, %d changed records", len(keys), len(events), len(changed))
	}
	t.Logf("%d keys, of them %d acknowledged", len(keys), len(acknowledged))
}

// killWriters lets a child write, kills it in the middle, and does so again on
// what that left.
func killWriters(t *testing.T, target string) {
	t.Helper()
	acknowledged := map[string]int64{}
	for _, enough := range []int{1, 40, 150} {
		cmd, lines := startChild(t, "write", target)
		seen := 0
		for lines.Scan() {
			var id string
			var revision int64
			if _, err := fmt.Sscan(lines.Text(), &id, &revision); err != nil {
				t.Fatalf("the child said %q: %v", lines.Text(), err)
			}
			acknowledged[id] = revision
			if seen++; seen == enough {
				// What is in the pipe by now was acknowledged too, and is read on.
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = cmd.Process.Wait()
		if seen < enough {
			t.Fatalf("the child wrote %d keys and ended", seen)
		}
	}
	s, err := openTarget(t.Context(), target)
	intact(t, ready(t, s, err), acknowledged)
}

func TestKilledWritersLoseNothingOnSQLite(t *testing.T) {
	killWriters(t, filepath.Join(t.TempDir(), "keystile.db"))
}

func TestKilledWritersLoseNothingOnPostgres(t *testing.T) {
	killWriters(t, pgtest.NewDatabase(t))
}

// TestKilledPostgresLosesNothing kills the server under the writers. The Store
// stays open, says that it can't be reached, and comes back by itself.
func TestKilledPostgresLosesNothing(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Durable: true})
	s := openPostgres(t, PostgresConfig{URL: cluster.NewDatabase(t)})
	acknowledged := map[string]int64{}
	var mu sync.Mutex
	for round := range 2 {
		var count atomic.Int64
		enough := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- writeForever(t.Context(), s, fmt.Sprint("round", round), func(id string, revision int64) {
				mu.Lock()
				acknowledged[id] = revision
				mu.Unlock()
				if count.Add(1) == 60 {
					close(enough)
				}
			})
		}()
		select {
		case <-enough:
		case err := <-ended:
			t.Fatalf("writers: %v", err)
		}
		cluster.Kill(t)
		if err := <-ended; !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("writers: got error %v, want %v", err, storage.ErrUnavailable)
		}
		if err := s.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("Ping while the server is down: got error %v, want %v", err, storage.ErrUnavailable)
		}
		cluster.Restart(t)
		intact(t, s, acknowledged)
	}
}
