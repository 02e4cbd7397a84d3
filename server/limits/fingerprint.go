package limits

import (
	"hash/maphash"

	"github.com/keystile/keystile/storage"
)

// fingerprint is what a subject is known by in the table: 128 bits that are made of all
// that it is known by.
//
// It stands for the subject itself, which is not compared again: two subjects that shared
// one would share their counters. Each half is a sum of hashes, one of each part, with a
// seed for each, so that two subjects share a half by a chance of one in 2^64, and a
// million of them hold two that share both by one of less than one in 10^26. Nobody can
// look for such two: seeds are drawn anew by each process, never leave it, and what they
// lead to shows in no answer.
type fingerprint struct{ a, b uint64 }

// What half a is in slots that are no subject's.
const (
	freeSlot   = 0
	filledSlot = 1
	leastPrint = 2
)

// seeds are what fingerprints are made with: a pair for each part of a subject.
type seeds struct{ tenant, id, route [2]maphash.Seed }

func newSeeds() (s seeds) {
	for _, pair := range []*[2]maphash.Seed{&s.tenant, &s.id, &s.route} {
		*pair = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	return s
}

// kindStep is odd, so that subjects that differ in their kind alone share no half.
const kindStep = 0x9e3779b97f4a7c15

func (s *seeds) fingerprint(subject *Subject) (f fingerprint) {
	kind := uint64(subject.Kind) * kindStep
	f.a = kind + maphash.String(s.tenant[0], subject.Tenant) + maphash.String(s.id[0], subject.ID)
	f.b = kind + maphash.String(s.tenant[1], subject.Tenant) + maphash.String(s.id[1], subject.ID)
	if subject.Route != nil {
		a, b := s.ofRoute(subject.Route)
		f.a, f.b = f.a+a, f.b+b
	}
	if f.a < leastPrint {
		f.a += leastPrint
	}
	return f
}

// ofRoute hashes what a route is known by. Nearly all find room on the stack; a longer
// one costs an allocation.
func (s *seeds) ofRoute(r *storage.Route) (a, b uint64) {
	var room [1024]byte
	text := appendRoute(room[:0], r)
	return maphash.Bytes(s.route[0], text), maphash.Bytes(s.route[1], text)
}
