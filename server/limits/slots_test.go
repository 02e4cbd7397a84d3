package limits_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// The collector has nothing to look at in a slot, and a slot is one line of a cache.
func TestASlotHoldsNoPointer(t *testing.T) {
	if limits.Slot.Size() != 64 {
		t.Errorf("a slot has %d bytes", limits.Slot.Size())
	}
	var plain func(reflect.Type) bool
	plain = func(of reflect.Type) bool {
		switch of.Kind() { //nolint:exhaustive // all others may hold pointers
		case reflect.Struct:
			for i := range of.NumField() {
				if !plain(of.Field(i).Type) {
					return false
				}
			}
			return true
		case reflect.Array:
			return of.Len() == 0 || plain(of.Elem())
		case reflect.Int64, reflect.Uint64:
			return true
		}
		return false
	}
	if !plain(limits.Slot) {
		t.Error("a slot holds a pointer")
	}
}

// A million counters are no work for the collector: they are a few large objects.
func TestCountersAreFewObjects(t *testing.T) {
	const subjects = 50_000
	e := alone(fixed)
	l := rates(rate("s", 10, time.Second), rate("m", 100, time.Minute), rate("h", 1000, time.Hour))
	objects := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	before := objects()
	for i := range subjects {
		take(t, e, start, 1, onKey(fmt.Sprint("k", i), l))
	}
	if grown := int64(objects()) - int64(before); grown > subjects/20 {
		t.Errorf("%d objects for %d subjects", grown, subjects)
	}
	if all, live := e.Slots(); live != subjects || all > 4*subjects {
		t.Errorf("%d slots, %d of them somebody's, for %d subjects", all, live, subjects)
	}
	runtime.KeepAlive(e)
}

// Subjects of which parts run into one another differ in both halves of what the table
// knows them by.
func TestNoTwoSubjectsShareAFingerprint(t *testing.T) {
	texts := []string{"", "a", "b", "ab", "aa", "\x00", "a\x00", "\x01a", "key_0123456789abcdefghjkmnpqrs"}
	lists := [][]string{nil, {""}, {"a"}, {"a", "b"}, {"ab"}, {"a", ""}, {"", "a"}, {"a\x00b"}}
	var subjects []limits.Subject
	for kind := limits.KindKey; kind <= limits.KindPlan; kind++ {
		for _, tenant := range texts {
			for _, id := range texts {
				subjects = append(subjects, limits.Subject{Kind: kind, Tenant: tenant, ID: id})
			}
		}
	}
	for _, hosts := range lists {
		for _, methods := range lists {
			for _, path := range texts {
				r := &storage.Route{Hosts: hosts, Methods: methods, Path: path}
				subjects = append(subjects, limits.Subject{Kind: limits.KindRoute, Tenant: "a", ID: "a", Route: r})
			}
		}
	}
	prints := limits.Prints()
	var halves [2]map[uint64]int
	for i := range halves {
		halves[i] = map[uint64]int{}
	}
	for i := range subjects {
		f := prints(&subjects[i])
		if again := prints(&subjects[i]); again != f {
			t.Fatalf("%+v has two fingerprints", subjects[i])
		}
		for half, seen := range halves {
			if other, taken := seen[f[half]]; taken {
				t.Errorf("%+v and %+v share half %d", subjects[i], subjects[other], half)
			}
			seen[f[half]] = i
		}
	}
}

// Subjects with more limits than a slot has words lie among others, however slots are
// written anew, and each counts for itself.
func TestSubjectsOfAllWidthsCountForThemselves(t *testing.T) {
	const subjects, most = 3000, 4*limits.SlotWords + 3
	e := alone(fixed)
	random := rand.New(rand.NewPCG(1, 9))
	applied := make([]limits.Applied, subjects)
	for i := range applied {
		l := &storage.Limits{}
		n := 1 + random.IntN(2*limits.SlotWords)
		if random.IntN(10) == 0 {
			n = 1 + random.IntN(most)
		}
		for j := range n {
			l.RateLimits = append(l.RateLimits, rate(fmt.Sprint("l", j), int64(1000+j), time.Hour))
		}
		applied[i] = onKey(fmt.Sprint(i), l)
		take(t, e, start, int64(1+i%7), applied[i])
		if i%500 == 0 {
			e.Rewrite()
		}
	}
	for i := range applied {
		states, err := e.Look(t.Context(), start, applied[i:i+1])
		if err != nil || len(states) != len(applied[i].Limits.RateLimits) {
			t.Fatal(states, err)
		}
		for j := range states {
			if want := int64(1000 + j - 1 - i%7); states[j].Remaining != want {
				t.Fatalf("subject %d, limit %d of %d: %d left, want %d", i, j, len(states), states[j].Remaining, want)
			}
		}
	}
}

// What is idle goes, with the shapes that nobody has any more, and the slots.
func TestWhatIsIdleLeavesNothing(t *testing.T) {
	const subjects = 20_000
	now := start
	e := alone(func() time.Time { return now })
	for i := range subjects {
		take(t, e, now, 1, onKey(fmt.Sprint(i), rates(rate("m", int64(10+i%500), time.Second))))
	}
	if known, numbers := e.Shapes(); known != 500 || numbers != 500 {
		t.Errorf("%d shapes and %d numbers, want 500", known, numbers)
	}
	now = now.Add(time.Minute)
	e.SweepAll()
	known, numbers := e.Shapes()
	if all, live := e.Slots(); known != 0 || numbers != 0 || e.Stats().Counters != 0 || live != 0 || all > subjects/4 {
		t.Errorf("%d shapes, %d numbers, %d counters, %d slots of %d", known, numbers, e.Stats().Counters, live, all)
	}
	if o := take(t, e, now, 1, onKey("7", rates(rate("m", 17, time.Second)))); o.Limit.Remaining != 16 {
		t.Errorf("%+v", o)
	}
}
