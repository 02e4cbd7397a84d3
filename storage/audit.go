package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// AuditHash is one link of a tenant's chain of audit events.
type AuditHash [sha256.Size]byte

// AuditEvent is one link with what it holds. The zero AuditHash stands before
// the first event.
type AuditEvent struct {
	TenantID string
	// Sequence counts from 1 without gaps inside the tenant.
	Sequence int64
	// Time is when it happened, UTC, in whole microseconds.
	Time time.Time
	// Payload is the JSON that was hashed, byte for byte.
	Payload []byte
	Hash    AuditHash
}

// AuditHead is the newest link of a tenant's chain. The zero value is the head
// of an empty chain.
type AuditHead struct {
	Sequence int64
	Hash     AuditHash
}

// NextAuditHash computes the link that follows prev: SHA-256 over the link
// before, the tenant, the position, the time and the payload, each with its
// length, so that no two different events share an encoding.
func NextAuditHash(prev AuditHash, tenantID string, sequence int64, at time.Time, payload []byte) AuditHash {
	buf := make([]byte, 0, 128+len(payload))
	buf = append(buf, "keystile audit v1\x00"...)
	buf = append(buf, prev[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(tenantID)))
	buf = append(buf, tenantID...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(sequence)) //nolint:gosec // positions are positive
	buf = binary.BigEndian.AppendUint64(buf, uint64(at.UnixMicro()))
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(payload)))
	buf = append(buf, payload...)
	return sha256.Sum256(buf)
}
