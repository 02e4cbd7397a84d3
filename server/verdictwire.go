package server

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// The fields of keystile.v1.CheckKeyResponse, and of the messages in it, that an
// allowed call's answer has beside its head.
const (
	fieldDecisionID     protowire.Number = 6
	fieldIdentity       protowire.Number = 7
	fieldExpireTime     protowire.Number = 9
	fieldFreshness      protowire.Number = 10
	fieldAPI            protowire.Number = 13
	fieldAPITenant      protowire.Number = 14
	fieldRoutePath      protowire.Number = 15
	fieldPathParameters protowire.Number = 16
	fieldLimit          protowire.Number = 17

	fieldTenant      protowire.Number = 1
	fieldUser        protowire.Number = 2
	fieldKey         protowire.Number = 3
	fieldDisplayName protowire.Number = 4
	fieldRoles       protowire.Number = 5
	fieldPermissions protowire.Number = 6
	fieldLabels      protowire.Number = 7

	fieldAge      protowire.Number = 1
	fieldRevision protowire.Number = 2
	fieldStale    protowire.Number = 3

	// A batch's, an entry of a map, and a time or a duration.
	fieldResults             protowire.Number = 1
	fieldName, fieldValue    protowire.Number = 1, 2
	fieldSeconds, fieldNanos protowire.Number = 1, 2
)

// appendAnswer adds an answer to b as keystile.v1.CheckKeyResponse is encoded. What
// is asked most, the answer to a call that is allowed and nothing else, is written
// at once, without a message in between; verdictToProto says what it has to hold.
func (s *Service) appendAnswer(b []byte, a *Answer) ([]byte, error) {
	if a.Verdict.Allowed() && a.Grant.Key != nil && len(a.Verdict.Warnings) == 0 && a.Freshness.Age >= 0 {
		return s.appendAllowed(b, a), nil
	}
	m := s.verdictToProto(a)
	defer m.ReturnToVTPool()
	size := m.SizeVT()
	b = slices.Grow(b, size)
	n, err := m.MarshalToSizedBufferVT(b[len(b) : len(b)+size])
	return b[:len(b)+n], err //nolint:wrapcheck // gRPC words it
}

// appendResult adds an answer as one of keystile.v1.CheckKeysResponse.
func (s *Service) appendResult(b []byte, a *Answer) ([]byte, error) {
	// Nearly all answers have a size that takes two bytes.
	const room = 2
	b = protowire.AppendTag(b, fieldResults, protowire.BytesType)
	begin := len(b)
	b, err := s.appendAnswer(append(b, make([]byte, room)...), a)
	if err != nil {
		return nil, err
	}
	size := len(b) - begin - room
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(size)) //nolint:gosec // not negative
	if n != room {
		b = slices.Insert(slices.Delete(b, begin, begin+room), begin, head[:n]...)
	}
	copy(b[begin:], head[:n])
	return b, nil
}

func (s *Service) appendAllowed(b []byte, a *Answer) []byte {
	b = append(b, s.allowedHead...)
	b = appendText(b, fieldDecisionID, a.DecisionID)
	b = appendIdentity(b, a)
	if end := a.Grant.Key.ExpireTime; !end.IsZero() {
		b = appendSpan(b, fieldExpireTime, end.Unix(), end.Nanosecond())
	}
	b = appendFreshness(b, a)
	if t := &a.Grant.Target; t.API != nil {
		b = appendText(b, fieldAPI, t.API.ID)
		b = appendText(b, fieldAPITenant, t.API.TenantID)
		b = appendText(b, fieldRoutePath, t.Pattern)
		for i := range t.Params {
			b = appendEntry(b, fieldPathParameters, t.Params[i].Name, t.Params[i].Value)
		}
	}
	return appendLimit(b, fieldLimit, &a.Limit)
}

func appendIdentity(b []byte, a *Answer) []byte {
	key, user := a.Grant.Key, a.Grant.User
	a.rights = a.Grant.AppendRights(a.rights[:0])
	size := sizeText(key.TenantID) + sizeText(key.UserID) + sizeText(key.ID) + sizeText(user.DisplayName) +
		sizeTexts(user.Roles) + sizeTexts(a.rights)
	for name, value := range key.Labels {
		size += sizeMessage(sizeEntry(name, value))
	}
	b = appendHead(b, fieldIdentity, size)
	b = appendText(b, fieldTenant, key.TenantID)
	b = appendText(b, fieldUser, key.UserID)
	b = appendText(b, fieldKey, key.ID)
	b = appendText(b, fieldDisplayName, user.DisplayName)
	b = appendTexts(b, fieldRoles, user.Roles)
	b = appendTexts(b, fieldPermissions, a.rights)
	for name, value := range key.Labels {
		b = appendEntry(b, fieldLabels, name, value)
	}
	return b
}

func appendFreshness(b []byte, a *Answer) []byte {
	seconds, nanos := int64(a.Freshness.Age/time.Second), int(a.Freshness.Age%time.Second)
	var digits [20]byte
	revision := strconv.AppendInt(digits[:0], a.Freshness.Revision, 10)
	size := sizeMessage(sizeSpan(seconds, nanos)) + sizeMessage(len(revision))
	if a.Freshness.Stale {
		size += 2
	}
	b = appendHead(b, fieldFreshness, size)
	b = appendSpan(b, fieldAge, seconds, nanos)
	b = append(appendHead(b, fieldRevision, len(revision)), revision...)
	if a.Freshness.Stale {
		b = protowire.AppendVarint(protowire.AppendTag(b, fieldStale, protowire.VarintType), 1)
	}
	return b
}

// appendSpan adds a google.protobuf.Timestamp or Duration.
func appendSpan(b []byte, field protowire.Number, seconds int64, nanos int) []byte {
	b = appendHead(b, field, sizeSpan(seconds, nanos))
	if seconds != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, fieldSeconds, protowire.VarintType), uint64(seconds)) //nolint:gosec // as int64 is encoded
	}
	if nanos != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, fieldNanos, protowire.VarintType), uint64(nanos)) //nolint:gosec // not negative
	}
	return b
}

func sizeSpan(seconds int64, nanos int) (size int) {
	if seconds != 0 {
		size += 1 + protowire.SizeVarint(uint64(seconds)) //nolint:gosec // as int64 is encoded
	}
	if nanos != 0 {
		size += 1 + protowire.SizeVarint(uint64(nanos)) //nolint:gosec // not negative
	}
	return size
}

// appendHead begins a message inside a message, or a text. Nearly all have a tag and a
// size of one byte each.
func appendHead(b []byte, field protowire.Number, size int) []byte {
	if field < 1<<4 && size < 1<<7 {
		return append(b, byte(field)<<3|byte(protowire.BytesType), byte(size)) //nolint:gosec // both are small
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size)) //nolint:gosec // not negative
}

// sizeMessage is what a message, or a text, of a size takes with a tag of one byte.
func sizeMessage(size int) int {
	if size < 1<<7 {
		return 2 + size
	}
	return 1 + protowire.SizeBytes(size)
}

// appendText adds a text that is not empty.
func appendText(b []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	return append(appendHead(b, field, len(text)), text...)
}

func sizeText(text string) int {
	if text == "" {
		return 0
	}
	return sizeMessage(len(text))
}

func appendTexts(b []byte, field protowire.Number, texts []string) []byte {
	for _, text := range texts {
		b = append(appendHead(b, field, len(text)), text...)
	}
	return b
}

func sizeTexts(texts []string) (size int) {
	for _, text := range texts {
		size += sizeMessage(len(text))
	}
	return size
}

// appendEntry adds an entry of a map; its name and value are written even when they
// are empty, as all encoders of maps do.
func appendEntry(b []byte, field protowire.Number, name, value string) []byte {
	b = appendHead(b, field, sizeEntry(name, value))
	b = append(appendHead(b, fieldName, len(name)), name...)
	return append(appendHead(b, fieldValue, len(value)), value...)
}

func sizeEntry(name, value string) int { return sizeMessage(len(name)) + sizeMessage(len(value)) }

// encodeAllowedHead encodes what all answers that allow begin with.
func (s *Service) encodeAllowedHead() ([]byte, error) {
	entry := access.Allowed.Entry()
	m := &pb.CheckKeyResponse{
		Allowed: true, Reason: pb.Verdict_ALLOWED,
		Message: entry.Message, Remedy: entry.Remedy, DocumentationUrl: s.documentation(access.Allowed),
	}
	head, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding the head of answers: %w", err)
	}
	return head, nil
}
