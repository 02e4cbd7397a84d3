package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testDecisions(t *testing.T, s *suite) {
	before := s.position(t)
	const many = 2_500
	decisions := make([]storage.Decision, many)
	for i := range decisions {
		decisions[i] = storage.Decision{
			ID: fmt.Sprintf("dec_%d", i), TenantID: "acme", APITenantID: "zeta", Time: kept(day.Add(time.Duration(i) * time.Second)),
			Payload: fmt.Appendf(nil, `{"n":%d}`, i),
		}
	}
	decisions[1].APITenantID, decisions[1].TenantID, decisions[1].Payload = "", "", nil
	put := func(decisions ...storage.Decision) {
		t.Helper()
		if err := s.store.PutDecisions(t.Context(), decisions); err != nil {
			t.Fatalf("PutDecisions: %v", err)
		}
	}
	get := func(want storage.Decision) {
		t.Helper()
		got, err := s.store.GetDecision(t.Context(), want.ID)
		wantError(t, "GetDecision", err, nil)
		same(t, "decision", got, want)
	}
	put()
	put(decisions[:3]...)
	for _, d := range decisions[:3] {
		get(d)
	}
	// What is kept already stays as it is, and holds up no other.
	again := decisions[0]
	again.Payload, again.Time = []byte("another"), day.AddDate(1, 0, 0)
	put(again, decisions[3], decisions[4], decisions[4])
	for _, d := range decisions[:5] {
		get(d)
	}
	// Replicas hand theirs in together.
	together(4, func(i int) {
		some := slices.Clone(decisions)
		if i%2 == 1 {
			slices.Reverse(some)
		}
		if err := s.store.PutDecisions(t.Context(), some); err != nil {
			t.Errorf("PutDecisions: %v", err)
		}
	})
	get(decisions[many-1])
	for _, id := range []string{"none", "", "DEC_1", "dec_1 ", "nul\x00byte", strings.Repeat("x", 2<<20)} {
		_, err := s.store.GetDecision(t.Context(), id)
		wantError(t, "GetDecision", err, storage.ErrNotFound)
	}
	wantError(t, "PutDecisions without an id", s.store.PutDecisions(t.Context(), []storage.Decision{{Time: day}}), storage.ErrInvalid)
	wantError(t, "PutDecisions of too much",
		s.store.PutDecisions(t.Context(), []storage.Decision{{ID: "big", Time: day, Payload: make([]byte, 1<<20+1)}}), storage.ErrInvalid)

	const forgotten = 2_200
	together(2, func(int) {
		wantError(t, "ForgetDecisions", s.store.ForgetDecisions(t.Context(), decisions[forgotten].Time), nil)
	})
	for i, d := range decisions {
		if i%100 != 99 && i != forgotten-1 && i != forgotten {
			continue
		}
		if i >= forgotten {
			get(d)
			continue
		}
		_, err := s.store.GetDecision(t.Context(), d.ID)
		wantError(t, "GetDecision of what was forgotten", err, storage.ErrNotFound)
	}
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}
