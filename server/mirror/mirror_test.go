package mirror_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a change log in memory.
type source struct {
	mu      sync.Mutex
	records storage.Records
	pending storage.Changes
	now     storage.Position
	err     error
	// snapshots and looks count the calls.
	snapshots, looks int
	// broken has snapshots fail after their last part.
	broken bool
	// during, when given, is called while a snapshot is being taken.
	during func()
	// block, when given, holds every call until it is closed.
	block chan struct{}
}

func (s *source) wait(ctx context.Context) error {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block == nil {
		return nil
	}
	select {
	case <-block:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *source) Snapshot(ctx context.Context, take func(storage.Position, storage.Records) error) (storage.Position, time.Time, error) {
	if err := s.wait(ctx); err != nil {
		return storage.Position{}, time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots++
	if s.err != nil {
		return storage.Position{}, time.Time{}, s.err
	}
	if err := take(s.now, s.records); err != nil {
		return storage.Position{}, time.Time{}, err
	}
	if s.during != nil {
		s.during()
	}
	if s.broken {
		return storage.Position{}, time.Time{}, errors.New("the connection broke")
	}
	return s.now, time.Now(), nil
}

func (s *source) ChangesSince(ctx context.Context, since storage.Position) (storage.Changes, error) {
	if err := s.wait(ctx); err != nil {
		return storage.Changes{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if s.err != nil {
		return storage.Changes{}, s.err
	}
	if since.StoreID != s.now.StoreID || since.Revision > s.now.Revision {
		return storage.Changes{Reset: true}, nil
	}
	out := s.pending
	s.pending = storage.Changes{}
	out.Now = s.now
	return out, nil
}

func (s *source) set(change func(s *source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// clock is moved by hand; wall time can be moved apart from monotonic time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func key(id string, digests ...byte) *storage.Key {
	k := &storage.Key{ID: id, TenantID: "acme", UserID: "ada", State: storage.KeyActive}
	for _, d := range digests {
		k.Secrets = append(k.Secrets, storage.Secret{Digest: storage.Digest{d}})
	}
	return k
}

func acme() storage.Records {
	return storage.Records{
		Tenants: []*storage.Tenant{{ID: "acme", State: storage.TenantActive}},
		Users:   []*storage.User{{TenantID: "acme", ID: "ada", State: storage.UserActive, Roles: []string{"developer", "own", "nosuch"}}},
		Roles:   []*storage.Role{{TenantID: "acme", ID: "own", Permissions: []string{"x.y"}}, {TenantID: "acme", ID: "admin", Permissions: []string{"*"}}},
		Keys:    []*storage.Key{key("key_1", 1, 2)},
	}
}

func synced(t *testing.T, s *source, o mirror.Options) *mirror.Mirror {
	t.Helper()
	m := mirror.New(s, o)
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func lookup(m *mirror.Mirror, digest storage.Digest, aim *access.Aim) (g access.Grant, ok bool) {
	ok = m.Lookup(&digest, aim, &mirror.Room{}, &g)
	return g, ok
}

func known(m *mirror.Mirror, digest byte) string {
	g, ok := lookup(m, storage.Digest{digest}, &access.Aim{})
	if !ok {
		return ""
	}
	return g.Key.ID
}

func TestLookupGivesWhatStandsAround(t *testing.T) {
	m := synced(t, &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}, mirror.Options{})
	g, ok := lookup(m, storage.Digest{2}, &access.Aim{})
	if !ok || g.Key.ID != "key_1" || g.SecretIndex != 1 || g.User.ID != "ada" || g.Tenant.ID != "acme" {
		t.Fatalf("got %+v", g)
	}
	if len(g.Roles) != 2 || g.Roles[0].ID != access.RoleDeveloper || g.Roles[1].ID != "own" {
		t.Errorf("roles %v", g.Roles)
	}
	if _, ok := lookup(m, storage.Digest{9}, &access.Aim{}); ok {
		t.Error("an unknown digest is known")
	}
}

func TestChangesReplaceWhatWas(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}
	m := synced(t, s, mirror.Options{})
	change := func(c storage.Changes) {
		t.Helper()
		s.set(func(s *source) { s.pending = c; s.now.Revision++ })
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	change(storage.Changes{Records: storage.Records{Keys: []*storage.Key{key("key_1", 3, 1)}}})
	if known(m, 3) != "key_1" || known(m, 1) != "key_1" || known(m, 2) != "" {
		t.Error("after a rotation the secrets are not those of the record")
	}
	gone := key("key_1", 3, 1)
	gone.DeleteTime = time.Now()
	change(storage.Changes{Records: storage.Records{Keys: []*storage.Key{gone}}})
	if known(m, 3) != "" || known(m, 1) != "" {
		t.Error("a deleted key's secrets are known")
	}
	change(storage.Changes{Records: storage.Records{Keys: []*storage.Key{key("key_2", 4)}}})
	change(storage.Changes{Gone: []storage.ChangeRef{{Kind: storage.ChangeKey, ID: "key_2"}, {Kind: storage.ChangeUser, TenantID: "acme", ID: "ada"}}})
	if known(m, 4) != "" {
		t.Error("a purged key is known")
	}
	if s.snapshots != 1 {
		t.Errorf("%d snapshots", s.snapshots)
	}
}

func TestAStoreThatIsAnotherOrWentBackIsReadAnew(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 7}}
	m := synced(t, s, mirror.Options{})
	for _, now := range []storage.Position{{StoreID: "a", Revision: 3}, {StoreID: "b", Revision: 9}} {
		s.set(func(s *source) { s.now = now; s.records = storage.Records{Keys: []*storage.Key{key("key_9", 9)}} })
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if known(m, 1) != "" || known(m, 9) != "key_9" || m.Freshness().Revision != now.Revision {
			t.Errorf("at %v the copy is still the old one", now)
		}
	}
}

func TestFreshness(t *testing.T) {
	c := &clock{now: time.Now()}
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}
	m := mirror.New(s, mirror.Options{MaxStaleness: 10 * time.Second, Now: c.Now})
	if f := m.Freshness(); f.Ready || f.Fresh {
		t.Errorf("before the first sync: %+v", f)
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.move(10*time.Second - 1)
	if f := m.Freshness(); !f.Fresh || f.Age != 10*time.Second-1 || f.Left != 1 {
		t.Errorf("just inside the bound: %+v", f)
	}
	c.move(1)
	if f := m.Freshness(); f.Fresh || !f.Ready || f.Left != 0 {
		t.Errorf("at the bound: %+v", f)
	}
	s.set(func(s *source) { s.err = errors.New("away") })
	if err := m.Sync(t.Context()); err == nil || m.Freshness().Fresh {
		t.Error("a failed sync made the copy fresh")
	}
	s.set(func(s *source) { s.err = nil })
	if err := m.Sync(t.Context()); err != nil || !m.Freshness().Fresh {
		t.Error("a sync did not make the copy fresh")
	}
}

// The lease runs from the start of a look: one that takes longer than the bound
// leaves nothing.
func TestALongSyncLeavesNoLease(t *testing.T) {
	c := &clock{now: time.Now()}
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}
	m := mirror.New(s, mirror.Options{MaxStaleness: 10 * time.Second, Now: c.Now})
	if err := m.Sync(t.Context()); err != nil || !m.Freshness().Fresh {
		t.Fatal(err)
	}
	s.set(func(s *source) { s.block = make(chan struct{}) })
	done := make(chan error)
	go func() { done <- m.Sync(t.Context()) }()
	time.Sleep(20 * time.Millisecond)
	c.move(11 * time.Second)
	close(s.block)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f := m.Freshness(); f.Fresh || f.Age != 11*time.Second {
		t.Errorf("got %+v", f)
	}
}

// A machine that was suspended has a monotonic clock that stood still; the wall
// clock tells.
func TestSuspendedTimeCounts(t *testing.T) {
	now := time.Now()
	c := &clock{now: now}
	m := synced(t, &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}, mirror.Options{MaxStaleness: 10 * time.Second, Now: c.Now})
	// Without a monotonic reading only the wall clock is left, an hour later.
	c.mu.Lock()
	c.now = now.Round(0).Add(time.Hour)
	c.mu.Unlock()
	if f := m.Freshness(); f.Fresh {
		t.Errorf("got %+v", f)
	}
}

func TestRunFollowsAndCatchesUp(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}
	m := mirror.New(s, mirror.Options{PollInterval: time.Hour})
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { m.Run(ctx) })
	defer work.Wait()
	defer stop()
	if err := m.CatchUp(ctx, 1); err != nil {
		t.Fatal(err)
	}
	s.set(func(s *source) {
		s.pending = storage.Changes{Records: storage.Records{Keys: []*storage.Key{key("key_5", 5)}}}
		s.now.Revision = 2
	})
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := m.CatchUp(soon, 2); err != nil || known(m, 5) != "key_5" {
		t.Errorf("error %v, known %q", err, known(m, 5))
	}
	short, cancelShort := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancelShort()
	if err := m.CatchUp(short, 99); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what never comes: %v", err)
	}
	if m.LastRound().IsZero() {
		t.Error("no round was noted")
	}
}

// While the store is away the loop neither gives up nor spins.
func TestRunGoesOnWhileTheStoreIsAway(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}, err: errors.New("away")}
	reports := make(chan mirror.SyncReport, 1000)
	m := mirror.New(s, mirror.Options{PollInterval: 10 * time.Millisecond, Report: func(r mirror.SyncReport) { reports <- r }})
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { m.Run(ctx) })
	time.Sleep(300 * time.Millisecond)
	if n := len(reports); n < 2 || n > 15 {
		t.Errorf("%d tries in 300 ms", n)
	}
	s.set(func(s *source) { s.err = nil })
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := m.CatchUp(soon, 1); err != nil {
		t.Error(err)
	}
	stop()
	work.Wait()
}

// A reader sees a change whole or not at all.
func TestReadersSeeWholeChanges(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 1}}
	m := synced(t, s, mirror.Options{})
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			g, ok := lookup(m, storage.Digest{1}, &access.Aim{})
			if !ok || g.Key.DisplayName != g.User.DisplayName {
				t.Errorf("half a change: key %q, user %q", g.Key.DisplayName, g.User.DisplayName)
				return
			}
		}
	})
	for i := range 200 {
		k, u := key("key_1", 1), *acme().Users[0]
		k.DisplayName = time.Duration(i).String()
		u.DisplayName = k.DisplayName
		s.set(func(s *source) {
			s.pending = storage.Changes{Records: storage.Records{Keys: []*storage.Key{k}, Users: []*storage.User{&u}}}
			s.now.Revision++
		})
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	work.Wait()
}

// Routes follow their APIs: written, changed, removed.
func TestRoutesFollowTheirAPIs(t *testing.T) {
	records := acme()
	records.Tenants[0].Hosts = []string{"acme.test"}
	s := &source{records: records, now: storage.Position{StoreID: "a", Revision: 1}}
	m := synced(t, s, mirror.Options{})
	found := func(path string) string {
		t.Helper()
		aim := access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "acme.test", Path: path})
		g, _ := lookup(m, storage.Digest{1}, &aim)
		if g.Target.API == nil {
			return ""
		}
		return g.Target.API.ID
	}
	change := func(c storage.Changes) {
		t.Helper()
		s.set(func(s *source) { s.pending = c; s.now.Revision++ })
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	api := func(id, path string) storage.Changes {
		return storage.Changes{Records: storage.Records{APIs: []*storage.API{{TenantID: "acme", ID: id, State: storage.APIPublished,
			Routes: []storage.Route{{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: path}}}}}}
	}
	change(api("one", "/one/**"))
	change(api("two", "/two/**"))
	if found("/one/x") != "one" || found("/two/x") != "two" {
		t.Error("written APIs are not found")
	}
	change(api("one", "/uno/**"))
	if found("/one/x") != "" || found("/uno/x") != "one" || found("/two/x") != "two" {
		t.Error("a changed API is found by its old routes")
	}
	change(storage.Changes{Gone: []storage.ChangeRef{{Kind: storage.ChangeAPI, TenantID: "acme", ID: "one"}}})
	if found("/uno/x") != "" || found("/two/x") != "two" {
		t.Error("a removed API is found, or took another along")
	}
	change(storage.Changes{Gone: []storage.ChangeRef{{Kind: storage.ChangeAPI, TenantID: "acme", ID: "two"}}})
	if found("/two/x") != "" {
		t.Error("the last removed API is found")
	}
}
