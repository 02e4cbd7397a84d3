package limits

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/keystile/keystile/storage"
)

// Kind is what carries limits. The numbers are those of
// keystile.v1.LimitState.Subject.
type Kind uint8

// The kinds of subject.
const (
	NoKind     Kind = 0
	KindKey    Kind = 1
	KindUser   Kind = 2
	KindTenant Kind = 3
	KindAPI    Kind = 4
	KindRoute  Kind = 5
	KindPlan   Kind = 6
)

// Subject is whose limits are meant. No two subjects share a counter. The zero
// Subject is nobody, and its limits can't be decided.
type Subject struct {
	Kind Kind
	// Tenant is the subject's: for an API and its routes the API's, for a plan the
	// subscriber's.
	Tenant string
	// ID is the key's, user's, API's or subscription's; empty for a tenant.
	ID string
	// Route is the route of the API, and nil for all other kinds. Its hosts, methods
	// and path are what it is known by.
	Route *storage.Route
}

// Key names a counter where replicas share: the first half of SHA-256 over what
// its subject is known by and the name of the limit. Changing a limit's numbers
// keeps its counter, and renaming it makes a new one.
type Key [16]byte

// QuotaKey gives the name of a quota's counter. Another period, or its zone, makes
// another counter: what was counted of a day is not a part of a month.
func (s *Subject) QuotaKey(q *storage.Quota) Key {
	return s.Key(q.Name + "\x00" + string(q.Period) + "\x00" + q.TimeZone)
}

// Key gives the name of the counter of a limit.
func (s *Subject) Key(limit string) Key {
	text := appendPart([]byte{byte(s.Kind)}, s.Tenant)
	text = appendPart(text, s.ID)
	if s.Route != nil {
		text = appendRoute(text, s.Route)
	}
	sum := sha256.Sum256(appendPart(text, limit))
	return Key(sum[:len(Key{})])
}

// appendRoute adds all that a route is known by. Each part is led by its length, so that
// no two lists of parts read alike.
func appendRoute(text []byte, r *storage.Route) []byte {
	text = appendParts(text, r.Hosts)
	text = appendParts(text, r.Methods)
	return appendPart(text, r.Path)
}

func appendParts(text []byte, parts []string) []byte {
	text = binary.AppendUvarint(text, uint64(len(parts)))
	for _, part := range parts {
		text = appendPart(text, part)
	}
	return text
}

func appendPart(text []byte, part string) []byte {
	return append(binary.AppendUvarint(text, uint64(len(part))), part...)
}
