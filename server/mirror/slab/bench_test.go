package slab_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// The size of the large fleet: go test -run TestResident -slab.keys=10000000.
var fleetSize = flag.Uint64("slab.keys", 1_000_000, "how many keys the tests and benchmarks of a large fleet make")

// resident is the memory of this process that is in RAM.
func resident(t testing.TB) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatalf("resident memory can only be read on Linux: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// fill puts n keys and their users, and gives how long the longest puts took.
func fill(t testing.TB, s *slab.Store, n uint64) (pauses []time.Duration) {
	t.Helper()
	f := newFleet()
	for i := range n / 10 {
		if err := s.PutUser(f.user(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		k := f.key(i)
		began := time.Now()
		if err := s.Put(k); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Microsecond {
			pauses = append(pauses, took)
		}
	}
	slices.Sort(pauses)
	return pauses
}

// TestResidentBytesAKey holds the size that a replica is planned by. It must not
// be exceeded by a program that holds 10 million keys; of a million, the part of
// what does not depend on the number is larger.
func TestResidentBytesAKey(t *testing.T) {
	const most = 250
	n := *fleetSize
	before := resident(t)
	s := slab.New(slab.Options{})
	began := time.Now()
	pauses := fill(t, s, n)
	took := time.Since(began)
	after := resident(t)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	each := float64(after-before) / float64(n)
	t.Logf("%d keys: %.1f bytes resident each, %d MiB of them on the Go heap, %.1f by the store's own count, filled in %v",
		n, each, mem.HeapAlloc>>20, float64(s.Stats().Bytes)/float64(n), took.Round(time.Millisecond))
	if len(pauses) > 0 {
		t.Logf("%d puts took longer than 100 µs, the longest %v", len(pauses), pauses[len(pauses)-1])
	}
	if each > most {
		t.Errorf("%.1f bytes a key, want at most %d", each, most)
	}
	if got := s.Stats(); got.Keys != int(n) || got.Users != int(n/10) {
		t.Errorf("%+v", got)
	}
}

// BenchmarkLookup finds keys in no order, so that a large fleet is not in any cache.
func BenchmarkLookup(b *testing.B) {
	sizes := []uint64{10_000, 1_000_000}
	if *fleetSize > 1_000_000 {
		sizes = append(sizes, *fleetSize)
	}
	for _, n := range sizes {
		s := slab.New(slab.Options{})
		fill(b, s, n)
		digests := make([]storage.Digest, 1<<16)
		for i := range digests {
			digests[i] = digestOf(mix(uint64(i)) % n)
		}
		run := func(b *testing.B, into func() *slab.Found) {
			b.Helper()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i++; !s.Lookup(digests[i%len(digests)], into()) {
					b.Fatal("not found")
				}
			}
		}
		b.Run(fmt.Sprintf("reused/%d", n), func(b *testing.B) {
			var found slab.Found
			run(b, func() *slab.Found { return &found })
		})
		b.Run(fmt.Sprintf("new/%d", n), func(b *testing.B) {
			run(b, func() *slab.Found { return new(slab.Found) })
		})
		b.Run(fmt.Sprintf("unknown/%d", n), func(b *testing.B) {
			var found slab.Found
			i := uint64(0)
			for b.Loop() {
				if i++; s.Lookup(storage.Digest{byte(i), byte(i >> 8), byte(i >> 16), 1}, &found) {
					b.Fatal("found")
				}
			}
		})
	}
}

// BenchmarkPut replaces keys.
func BenchmarkPut(b *testing.B) {
	const n = 100_000
	s := slab.New(slab.Options{})
	fill(b, s, n)
	f := newFleet()
	keys := make([]*storage.Key, 4096)
	for i := range keys {
		keys[i] = f.key(uint64(i) * 17)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := s.Put(keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// TestMemoryIsGivenBack: a store that nothing refers to any more holds no memory,
// though the collector knows nothing of its size.
func TestMemoryIsGivenBack(t *testing.T) {
	before := resident(t)
	hold := func() int {
		s := slab.New(slab.Options{})
		fill(t, s, 200_000)
		defer runtime.KeepAlive(s)
		return resident(t) - before
	}
	held := hold()
	for range 100 {
		if resident(t)-before < held/4 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d of %d bytes are still held", resident(t)-before, held)
}
