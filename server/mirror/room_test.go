package mirror_test

import (
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// A room remembers what an aim led to for as long as nothing has changed, and the
// aim is said to be the same.
func TestARoomRemembersNoMoreThanItMay(t *testing.T) {
	records := acme()
	records.Tenants[0].Hosts = []string{"acme.test"}
	api := func(id, path string) *storage.API {
		return &storage.API{TenantID: "acme", ID: id, State: storage.APIPublished,
			Routes: []storage.Route{{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: path}}}
	}
	records.APIs = []*storage.API{api("one", "/one"), api("two", "/two")}
	s := &source{records: records, now: storage.Position{StoreID: "a", Revision: 1}}
	m := synced(t, s, mirror.Options{})
	room := &mirror.Room{}
	found := func(digest byte, path string, same bool) string {
		t.Helper()
		aim := access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "acme.test", Path: path})
		var g access.Grant
		room.Ask(same)
		if m.Lookup(&storage.Digest{digest}, &aim, room, &g); g.Target.API == nil {
			return ""
		}
		return g.Target.API.ID
	}
	if found(1, "/one", false) != "one" || found(1, "/one", true) != "one" || found(1, "/two", false) != "two" {
		t.Error("what is asked for is not found")
	}
	// Nobody's key leads nowhere, and leaves nothing of the aim before.
	if found(99, "/one", false) != "" || found(1, "/one", true) != "one" {
		t.Error("the aim of a question that was refused leads where the one before it led")
	}
	s.set(func(s *source) {
		s.pending = storage.Changes{Records: storage.Records{APIs: []*storage.API{api("one", "/uno")}}}
		s.now.Revision++
	})
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := found(1, "/one", true); got != "" {
		t.Errorf("an aim leads to %q, which has changed since", got)
	}
}
